/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/slab_top.h"

#include "sys/slabinfo.h"

#include <string.h>

static size_t find(const struct slab_top *top, const char *name)
{
	size_t i = 0;

	while (i < top->count && strcmp(top->slabs[i].name, name) != 0)
		i++;
	return i;
}

/* Takes out what is at `at`, which may be the end, and puts `slab` where it belongs before it. */
static void insert(struct slab_top *top, size_t at, const struct slab_detail *slab)
{
	for (; at > 0 && top->slabs[at - 1].bytes < slab->bytes; at--)
		if (at < top->capacity)
			top->slabs[at] = top->slabs[at - 1];
	if (at < top->capacity)
		top->slabs[at] = *slab;
}

void slab_top_take(void *context, const struct slabinfo_cache *cache)
{
	struct slab_top *top = context;
	struct slab_detail slab = {
		.object_bytes = cache->object_bytes,
		.active_objects = cache->active_objects,
	};
	size_t at;

	if (__builtin_mul_overflow(cache->pages, top->page_size_bytes, &slab.bytes))
		return;
	/* A name that is too long is cut, and the beginning tells enough. */
	(void)span_copy(cache->name, slab.name, sizeof(slab.name));
	if (!slab.name[0])
		return;
	at = find(top, slab.name);
	if (at < top->count) {
		slab.bytes += top->slabs[at].bytes;
		slab.active_objects += top->slabs[at].active_objects;
	} else if (top->count < top->capacity) {
		top->count++;
	}
	insert(top, at, &slab);
}
