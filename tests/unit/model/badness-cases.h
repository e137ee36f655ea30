/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tasks and scopes for the tests of badness. */

#include "model/badness.h"
#include "test.h"
#include "util/idset.h"
#include "util/macro.h"

#define ERA_COUNT (BADNESS_5_14 + 1)

static inline struct badness_task user(uint64_t rss_pages)
{
	return (struct badness_task){
		.rss_pages = rss_pages,
		.policy = BADNESS_POLICY_ANY,
		.parent = BADNESS_NOBODY,
	};
}

static inline struct badness_task root(uint64_t rss_pages)
{
	struct badness_task task = user(rss_pages);

	task.is_root = true;
	return task;
}

static inline struct badness_task adjusted(uint64_t rss_pages, int adj)
{
	struct badness_task task = user(rss_pages);

	task.oom_score_adj = adj;
	return task;
}

static inline struct badness_scope host(uint64_t total_pages)
{
	return (struct badness_scope){ .constraint = BADNESS_HOST, .total_pages = total_pages };
}

static inline struct badness_scope memcg(uint64_t total_pages)
{
	return (struct badness_scope){ .constraint = BADNESS_MEMCG, .total_pages = total_pages };
}

static inline struct idset nodes(const char *list)
{
	struct idset set;

	check_int(idset_parse(list, &set), 0);
	return set;
}
