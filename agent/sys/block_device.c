/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/block_device.h"

#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int stat_path(const struct sysroot *root, const char *path, struct stat *ret)
{
	_cleanup_(closep) int fd = sysroot_open_path(root, path + strspn(path, "/"), O_PATH);

	if (fd < 0)
		return fd;
	return fstat(fd, ret) < 0 ? -errno : 0;
}

/* "8:0" */
static int parse_number(struct span text, uint64_t *ret)
{
	struct span first;
	uint64_t major_number, minor_number;

	if (!span_next_field(&text, ':', &first) || span_u64(first, &major_number) < 0 ||
	    span_u64(text, &minor_number) < 0 || major_number > UINT32_MAX ||
	    minor_number > UINT32_MAX)
		return -EINVAL;
	*ret = makedev((unsigned)major_number, (unsigned)minor_number);
	return 0;
}

/* What btrfs shows as the device of its files is none; its mount names one. */
static int find_source(const struct sysroot *root, dev_t device, struct stat *ret)
{
	char text[65536], path[PATH_MAX];
	ssize_t length = sysroot_read(root, "proc/self/mountinfo", text, sizeof(text));
	struct span rest = span_of(text, length > 0 ? (size_t)length : 0), line;

	while (span_next_line(&rest, &line)) {
		struct span word = { 0 };
		uint64_t number;

		for (int i = 0; i < 3; i++)
			if (!span_next_word(&line, &word))
				break;
		if (parse_number(word, &number) < 0 || number != device)
			continue;
		while (span_next_word(&line, &word) && !span_is(word, "-"))
			;
		/* The type, then what is mounted. */
		if (!span_next_word(&line, &word) || !span_next_word(&line, &word) ||
		    !span_copy(word, path, sizeof(path)) || path[0] != '/')
			return -ENODEV;
		if (stat_path(root, path, ret) < 0 || !S_ISBLK(ret->st_mode))
			return -ENODEV;
		return 0;
	}
	return -ENODEV;
}

/* sysfs has a partition's directory in that of its disk. */
static uint64_t whole_disk(const struct sysroot *root, uint64_t device)
{
	char path[PATH_MAX], text[64];
	struct span rest, line;
	uint64_t disk;
	ssize_t length;

	(void)snprintf(path, sizeof(path), "sys/dev/block/%u:%u/partition", major(device),
		       minor(device));
	if (sysroot_read(root, path, text, sizeof(text)) < 0)
		return device;
	(void)snprintf(path, sizeof(path), "sys/dev/block/%u:%u/../dev", major(device),
		       minor(device));
	length = sysroot_read(root, path, text, sizeof(text));
	rest = span_of(text, length > 0 ? (size_t)length : 0);
	if (!span_next_line(&rest, &line) || parse_number(span_trim(line), &disk) < 0)
		return device;
	return disk;
}

int block_device_find(const struct sysroot *root, const char *path, uint64_t *ret)
{
	struct stat st;
	int r;

	if (!root->live)
		return -EOPNOTSUPP;
	r = stat_path(root, path, &st);
	if (r == 0 && !S_ISBLK(st.st_mode) && major(st.st_dev) == 0)
		r = find_source(root, st.st_dev, &st);
	if (r < 0)
		return r;
	*ret = whole_disk(root, S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev);
	return 0;
}
