/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/buddyinfo: free blocks of each order by zone, mm/vmstat.c frag_show_print(). The number of
 * orders depends on the architecture and page size (11 on x86, 14 on arm64 with 64 KiB pages): the
 * columns are counted. It does not say of what migrate type a block is: blocks of high-order atomic
 * reserves and CMA are counted too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

#define BUDDYINFO_ORDERS_MAX 32
#define BUDDYINFO_NAME_BYTES 16

struct buddyinfo_zone {
	unsigned node;
	char name[BUDDYINFO_NAME_BYTES];
	unsigned order_count;
	uint64_t blocks[BUDDYINFO_ORDERS_MAX]; /* free blocks of 1 << order pages */
};

/* The number of zones in the text, which may exceed capacity; only capacity are stored. A line that
 * is cut or not of the form is left out. */
size_t buddyinfo_parse(const char *text, size_t length, struct buddyinfo_zone *ret_zones,
		       size_t capacity);

/* fd to keep or -errno; about 150 bytes a zone. */
int buddyinfo_open(const struct sysroot *root);

/* What the zones of a node have free in blocks of this order and above, as blocks of this order. 0;
 * -ENODATA: no zone of that node is shown, or none has such an order; -errno. */
int buddyinfo_read_blocks(int fd, unsigned node, unsigned order, uint64_t *ret);
