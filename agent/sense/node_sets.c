/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/node_sets.h"

#include <string.h>

const struct idset *node_sets_put(struct node_sets *s, const struct idset *set)
{
	size_t free_place = NODE_SETS_MAX;

	for (size_t i = 0; i < NODE_SETS_MAX; i++) {
		if (s->used[i] && idset_equal(&s->sets[i], set))
			return &s->sets[i];
		if (!s->used[i] && free_place == NODE_SETS_MAX)
			free_place = i;
	}
	if (free_place == NODE_SETS_MAX)
		return NULL;
	s->used[free_place] = true;
	s->sets[free_place] = *set;
	return &s->sets[free_place];
}

void node_sets_sweep_begin(struct node_sets *s)
{
	memset(s->kept, 0, sizeof(s->kept));
}

void node_sets_keep(struct node_sets *s, const struct idset *set)
{
	if (set)
		s->kept[set - s->sets] = true;
}

void node_sets_sweep_end(struct node_sets *s)
{
	memcpy(s->used, s->kept, sizeof(s->used));
}
