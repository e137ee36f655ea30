/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/node_policy.h"

#include "util/macro.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>

static void free_mask(struct bitmask **mask)
{
	if (*mask)
		numa_free_nodemask(*mask);
}

static int make_mask(unsigned node, struct bitmask **ret)
{
	struct bitmask *mask;

	if (node >= (unsigned)numa_num_possible_nodes())
		return -EINVAL;
	mask = numa_allocate_nodemask();
	if (!mask)
		return -ENOMEM;
	numa_bitmask_setbit(mask, node);
	*ret = mask;
	return 0;
}

/* The kernel reads one bit less than it is told of. */
static unsigned long bits_of(const struct bitmask *mask)
{
	return mask->size + 1;
}

int node_policy_set_pages(void *pages, size_t bytes, int mode, unsigned node)
{
	_cleanup_(free_mask) struct bitmask *mask = NULL;
	int r = make_mask(node, &mask);

	if (r < 0)
		return r;
	return mbind(pages, bytes, mode, mask->maskp, bits_of(mask), 0) < 0 ? -errno : 0;
}

int node_policy_set_thread(int mode, unsigned node)
{
	_cleanup_(free_mask) struct bitmask *mask = NULL;
	int r = make_mask(node, &mask);

	if (r < 0)
		return r;
	return set_mempolicy(mode, mask->maskp, bits_of(mask)) < 0 ? -errno : 0;
}
