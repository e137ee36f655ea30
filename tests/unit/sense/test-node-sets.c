/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets of nodes are kept once each, and no longer than somebody has them. */

#include "test.h"

#include "sense/node_sets.h"

#include <string.h>

static struct node_sets sets;

static struct idset set_of(unsigned a, unsigned b)
{
	struct idset set = { { 0 } };

	idset_add(&set, a);
	idset_add(&set, b);
	return set;
}

TEST(equal_sets_are_one)
{
	struct idset a = set_of(0, 1), again = set_of(1, 0), b = set_of(2, 900), none = { { 0 } };
	const struct idset *kept;

	memset(&sets, 0, sizeof(sets));
	kept = node_sets_put(&sets, &a);
	check(kept && kept != &a);
	check(node_sets_put(&sets, &again) == kept);
	check(node_sets_put(&sets, &b) != kept);
	check(idset_has(node_sets_put(&sets, &b), 900));
	/* A guest whose parts are bound apart may live nowhere: that is a set too. */
	check(idset_is_empty(node_sets_put(&sets, &none)));
}

TEST(when_there_is_no_room_it_says_so_and_a_sweep_makes_some)
{
	const struct idset *first = NULL, *last = NULL;
	struct idset more = set_of(1000, 1001), old;

	memset(&sets, 0, sizeof(sets));
	for (unsigned i = 0; i < NODE_SETS_MAX; i++) {
		struct idset set = set_of(i, 1023);

		last = node_sets_put(&sets, &set);
		check(last);
		first = first ? first : last;
	}
	check(!node_sets_put(&sets, &more));
	old = *last;

	node_sets_sweep_begin(&sets);
	node_sets_keep(&sets, NULL);
	node_sets_keep(&sets, last);
	node_sets_sweep_end(&sets);

	/* What was kept is where it was. */
	check(node_sets_put(&sets, &old) == last);
	check(node_sets_put(&sets, &more) == first);
}
