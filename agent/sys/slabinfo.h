/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/slabinfo, version 2.x (2.6.10 to 7.x): mm/slab_common.c, mm/slub.c; before 6.8 also
 * mm/slab.c, whose debug builds print statistics behind what is read here.
 *
 *   name  active_objs num_objs objsize objperslab pagesperslab : tunables a b c
 *         : slabdata active_slabs num_slabs sharedavail
 *
 * Whoever creates a cache names it, blanks and colons included. SLUB lets caches of like objects
 * share one, which is then printed under the name of whoever came first: a name says where to look,
 * not who is guilty. Two caches may have the same name.
 *
 * Mode 0400; a read takes slab_mutex and, for each cache, the locks of its lists on every node. It
 * is no file for ticks.
 */

#include "sys/span.h"

#include <stddef.h>
#include <stdint.h>

struct sysroot;

struct slabinfo_cache {
	struct span name; /* valid as long as the line */
	uint64_t active_objects;
	uint64_t objects;
	uint64_t object_bytes;
	uint64_t slabs;
	uint64_t pages; /* of all its slabs, objects in use or not */
};

/* 0; -EINVAL for the headings and for a line of another form. */
int slabinfo_parse(struct span line, struct slabinfo_cache *ret);

/* fd to keep for slabinfo_each(), or -errno. */
int slabinfo_open(const struct sysroot *root);
/* Calls take() for each cache, reading in pieces through `buffer`; a line that it cannot hold is
 * left out. The number of caches, or -errno of read(2). */
int slabinfo_each(int fd, char *buffer, size_t size,
		  void (*take)(void *context, const struct slabinfo_cache *cache), void *context);
