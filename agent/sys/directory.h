/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The entries of a directory: by readdir(3), or as the kernel lays them out, where a round may not
 * allocate or each call counts.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* fd is taken over, whatever comes of it; one that is an -errno is returned as it is. 0 or -errno.
 */
int directory_open(int fd, DIR **ret);
void directory_closep(DIR **directory);

/* struct linux_dirent64 */
struct directory_entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/* The entry at *at of what getdents64(2) gave, but for "." and "..", and on to the next; *ret_name
 * points into it. 1; 0: that was the last; -EIO: what is there is none. */
int directory_next(const char *entries, size_t size, size_t *at, const char **ret_name,
		   uint8_t *ret_type);
