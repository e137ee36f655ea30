/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/fragmentation.h"

#include <errno.h>
#include <stdbool.h>

#define ORDER_LIMIT 64
/* Pages are multiplied by 1000, and 1000 is added. */
#define PAGES_MAX (UINT64_MAX / 1000 - 1)

/* Adds blocks of 2^order pages; false if there cannot be as many. */
static bool add_pages(uint64_t *pages, uint64_t blocks, size_t order)
{
	if (blocks == 0)
		return true;
	if (order >= ORDER_LIMIT || blocks > (PAGES_MAX - *pages) >> order)
		return false;
	*pages += blocks << order;
	return true;
}

static int unusable_permille(const struct fragmentation *f, unsigned order)
{
	if (f->free_pages == 0)
		return 1000;
	return (int)((f->free_pages - (f->suitable_blocks << order)) * 1000 / f->free_pages);
}

static int extfrag_permille(const struct fragmentation *f, unsigned order)
{
	uint64_t requested = (uint64_t)1 << order;

	if (f->free_blocks == 0)
		return 0;
	if (f->suitable_blocks > 0)
		return FRAGMENTATION_NOT_FAILING;
	/* All blocks are smaller than requested: the quotient is 1500 at most. */
	return 1000 - (int)((1000 + f->free_pages * 1000 / requested) / f->free_blocks);
}

int fragmentation_compute(const uint64_t *blocks, size_t order_count, unsigned order,
			  struct fragmentation *ret)
{
	struct fragmentation f = { 0 };

	if (order >= ORDER_LIMIT)
		return -EINVAL;
	for (size_t o = 0; o < order_count; o++) {
		if (!add_pages(&f.free_pages, blocks[o], o))
			return -ERANGE;
		if (blocks[o] == 0)
			continue;
		f.free_blocks += blocks[o];
		if (o >= order)
			f.suitable_blocks += blocks[o] << (o - order);
	}
	f.unusable_permille = unusable_permille(&f, order);
	f.extfrag_permille = extfrag_permille(&f, order);
	*ret = f;
	return 0;
}
