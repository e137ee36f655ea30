/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/zram.h"

#include "sys/directory.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define BLOCK "sys/block"
#define ZRAM  "zram"

int zram_parse_mm_stat(const char *text, size_t length, uint64_t *ret_used_bytes)
{
	struct span rest = span_of(text, length), line, word;

	if (!span_next_line(&rest, &line))
		return -EINVAL;
	for (int column = 0; column < 3; column++)
		if (!span_next_word(&line, &word))
			return -EINVAL;
	return span_u64(word, ret_used_bytes) < 0 ? -EINVAL : 0;
}

/* The module has made its control there, or its first device, before there can be another. A host
 * may have thousands of disks, and next to none has zram. */
static bool is_there(const struct sysroot *root)
{
	static const char *const signs[] = { "sys/class/zram-control", BLOCK "/" ZRAM "0" };

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		_cleanup_(closep) int fd = sysroot_open_path(root, signs[i], O_PATH);

		if (fd >= 0)
			return true;
	}
	return false;
}

int zram_list(const struct sysroot *root, struct idset *ret)
{
	_cleanup_(directory_closep) DIR *directory = NULL;
	const struct dirent *entry;
	struct idset devices = { 0 };
	int r;

	if (!is_there(root) && root->live) {
		*ret = devices;
		return 0;
	}
	r = directory_open(sysroot_open_path(root, BLOCK, O_RDONLY | O_DIRECTORY), &directory);
	if (r < 0)
		return r;
	while ((entry = readdir(directory))) {
		struct span name = span_of(entry->d_name, strlen(entry->d_name));
		uint64_t device;

		if (span_starts(name, ZRAM) &&
		    span_u64(span_skip(name, strlen(ZRAM)), &device) == 0 && device < IDSET_BITS)
			idset_add(&devices, (unsigned)device);
	}
	*ret = devices;
	return 0;
}

static ssize_t read_file(const struct sysroot *root, unsigned device, const char *name, char *text,
			 size_t size)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), BLOCK "/" ZRAM "%u/%s", device, name);
	fd = sysroot_open_file(root, path);
	return fd < 0 ? fd : sysroot_read_once_fd(fd, text, size);
}

int zram_used(const struct sysroot *root, unsigned device, uint64_t *ret_bytes)
{
	char text[512];
	ssize_t n = read_file(root, device, "mm_stat", text, sizeof(text));
	struct span rest, line;

	if (n >= 0)
		return zram_parse_mm_stat(text, (size_t)n, ret_bytes);
	if (n == -ENOENT)
		n = read_file(root, device, "mem_used_total", text, sizeof(text));
	if (n < 0)
		return (int)n;
	rest = span_of(text, (size_t)n);
	if (!span_next_line(&rest, &line) || span_u64(span_trim(line), ret_bytes) < 0)
		return -EINVAL;
	return 0;
}
