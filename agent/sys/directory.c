/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/directory.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>

int directory_open(int fd, DIR **ret)
{
	_cleanup_(closep) int opened = fd;
	DIR *directory;

	if (fd < 0)
		return fd;
	directory = fdopendir(fd);
	if (!directory)
		return -errno;
	/* The descriptor now belongs to the directory stream. */
	TAKE_FD(opened);
	*ret = directory;
	return 0;
}

void directory_closep(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

int directory_next(const char *entries, size_t size, size_t *at, const char **ret_name,
		   uint8_t *ret_type)
{
	const size_t head_bytes = offsetof(struct directory_entry, name);

	while (*at + head_bytes < size) {
		const char *name = entries + *at + head_bytes;
		struct directory_entry head;

		memcpy(&head, entries + *at, head_bytes);
		if (head.length <= head_bytes || head.length > size - *at)
			return -EIO;
		*at += head.length;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		*ret_name = name;
		*ret_type = head.type;
		return 1;
	}
	return 0;
}
