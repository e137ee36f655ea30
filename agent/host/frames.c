/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/frames.h"

#include "sys/uptime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define FRAMES_MAX 10000

static int frame_path(const struct frames *frames, size_t frame, char *path, size_t size)
{
	int n = frames->sequence ? snprintf(path, size, "%s/t%zu", frames->directory, frame)
				 : snprintf(path, size, "%s", frames->directory);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int frames_find(const char *directory, struct frames *ret)
{
	struct frames frames = { .directory = directory, .sequence = true, .count = 0 };
	char path[PATH_MAX];

	if (!directory) {
		*ret = (struct frames){ .count = 1 };
		return 0;
	}
	while (frames.count < FRAMES_MAX) {
		if (frame_path(&frames, frames.count, path, sizeof(path)) < 0)
			return -ENAMETOOLONG;
		if (!is_directory(path))
			break;
		frames.count++;
	}
	if (frames.count == 0) {
		frames.sequence = false;
		frames.count = 1;
		if (!is_directory(directory))
			return -ENOENT;
	}
	*ret = frames;
	return 0;
}

int frames_open(const struct frames *frames, size_t frame, struct sysroot *ret)
{
	char path[PATH_MAX];
	int r;

	if (!frames->directory)
		return sysroot_open(NULL, ret);
	r = frame_path(frames, frame, path, sizeof(path));
	if (r < 0)
		return r;
	return sysroot_open(path, ret);
}

usec_t frames_time(struct frames *frames, size_t frame, const struct sysroot *root)
{
	usec_t uptime;

	if (uptime_read(root, &uptime) == 0 && (frame == 0 || uptime > frames->last))
		frames->last = uptime;
	else
		frames->last = frame == 0 ? USEC_PER_SEC : frames->last + USEC_PER_SEC;
	return frames->last;
}
