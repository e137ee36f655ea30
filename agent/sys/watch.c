/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/watch.h"

#include "sys/span.h"
#include "sys/sysroot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 128 events of files; those of directories have names and take more. At least one always fits:
 * sizeof(struct inotify_event) + NAME_MAX + 1. */
#define READ_BYTES 2048
/* So that who makes events faster than they are read cannot keep the agent here. The queue holds
 * 16,384 (fs.inotify.max_queued_events) and then says that it ran over. */
#define READS_MAX 256

int watch_open(const struct sysroot *root)
{
	int fd;

	if (!root->live)
		return -ENOSYS;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int watch_add(int watch_fd, int dir_fd, const char *name, uint32_t mask, int *ret_wd)
{
	char path[NAME_MAX + 64];
	int n, wd;

	if (strchr(name, '/'))
		return -EINVAL;
	/* The call takes a path. This one leads to the very directory that is open. */
	n = snprintf(path, sizeof(path), "/proc/self/fd/%d%s%s", dir_fd, *name ? "/" : "", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	wd = inotify_add_watch(watch_fd, path, mask | (*name ? IN_DONT_FOLLOW : 0));
	if (wd < 0)
		return errno == ENOSPC ? WATCH_EXHAUSTED : -errno;
	*ret_wd = wd;
	return 0;
}

void watch_remove(int watch_fd, int wd)
{
	(void)inotify_rm_watch(watch_fd, wd);
}

size_t watch_allowance(const struct sysroot *root)
{
	char text[32];
	uint64_t most;
	ssize_t n = sysroot_read(root, "proc/sys/fs/inotify/max_user_watches", text, sizeof(text));
	struct span rest, line;

	if (n < 0)
		return SIZE_MAX;
	rest = span_of(text, (size_t)n);
	if (!span_next_line(&rest, &line) || span_u64(line, &most) < 0)
		return SIZE_MAX;
	return (size_t)(most / 2);
}

static void each_of(const char *data, size_t length,
		    void (*each)(void *context, const struct watch_event *event), void *context)
{
	while (length >= sizeof(struct inotify_event)) {
		struct inotify_event event;
		size_t size;

		memcpy(&event, data, sizeof(event));
		size = sizeof(event) + event.len;
		if (size > length)
			return;
		each(context, &(struct watch_event){
				      .wd = event.mask & IN_Q_OVERFLOW ? -1 : event.wd,
				      .mask = event.mask,
				      .name = event.len > 0 ? data + sizeof(event) : "",
			      });
		data += size;
		length -= size;
	}
}

int watch_read(int watch_fd, void (*each)(void *context, const struct watch_event *event),
	       void *context)
{
	char data[READ_BYTES];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(watch_fd, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		each_of(data, (size_t)n, each, context);
		/* A name takes 272 bytes at most: had there been more, it would be in. */
		if (sizeof(data) - (size_t)n >= sizeof(struct inotify_event) + NAME_MAX + 1)
			return 0;
	}
	return 0;
}
