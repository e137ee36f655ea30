/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/badness.h"

#include "model/release.h"
#include "util/idset.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>

/* More than any machine addresses. Four times that, times 1000, still fits in 63 bits. */
#define PAGES_MAX  ((int64_t)1 << 51)
#define POINTS_MAX (4 * PAGES_MAX)
/* Doubled, it still fits. */
#define SHARE_MAX (INT64_MAX / 4)
/* Above what any kernel prints. */
#define SCORE_MAX ((int64_t)1000000)

#define ADJ_MIN	    (-1000)
#define ADJ_MAX	    1000
#define FLOOR	    ((int64_t)1)
#define EL6_CEILING ((int64_t)1000)

enum root_bonus {
	ROOT_AS_ALL,
	ROOT_LESS_30_THOUSANDTHS,
	ROOT_ADJ_LESS_30,
	ROOT_LESS_3_PERCENT,
};

struct rules {
	enum root_bonus root;
	bool in_thousandths;
	bool has_no_floor;
	bool sacrifices_child;
	bool takes_last_of_equals;
	bool spares_vfork;
	bool minds_cpuset_in_memcg;
	bool interleave_confines;
	bool counts_spanned;
};

static const struct rules rules_of_era[] = {
	[BADNESS_EL6] = {
		.root = ROOT_LESS_30_THOUSANDTHS,
		.in_thousandths = true,
		.sacrifices_child = true,
		.minds_cpuset_in_memcg = true,
		.interleave_confines = true,
		.counts_spanned = true,
	},
	[BADNESS_3_5] = {
		.root = ROOT_ADJ_LESS_30,
		.sacrifices_child = true,
		.minds_cpuset_in_memcg = true,
		.interleave_confines = true,
		.counts_spanned = true,
	},
	[BADNESS_EL7] = {
		.root = ROOT_LESS_3_PERCENT,
		.sacrifices_child = true,
		.minds_cpuset_in_memcg = true,
		.interleave_confines = true,
		.counts_spanned = true,
	},
	[BADNESS_4_17] = {
		.sacrifices_child = true,
		.spares_vfork = true,
		.minds_cpuset_in_memcg = true,
		.interleave_confines = true,
		.counts_spanned = true,
	},
	[BADNESS_5_1] = {
		.spares_vfork = true,
		.minds_cpuset_in_memcg = true,
		.interleave_confines = true,
		.counts_spanned = true,
	},
	[BADNESS_5_3] = {
		.takes_last_of_equals = true,
		.spares_vfork = true,
		.interleave_confines = true,
		.counts_spanned = true,
	},
	[BADNESS_5_9] = {
		.has_no_floor = true,
		.takes_last_of_equals = true,
		.spares_vfork = true,
		.interleave_confines = true,
	},
	[BADNESS_5_14] = {
		.has_no_floor = true,
		.takes_last_of_equals = true,
		.spares_vfork = true,
	},
};

static const struct {
	struct release first;
	enum badness_era era;
} upstream[] = {
	{ { 2, 6, 36, 0 }, BADNESS_EL6 }, { { 3, 5, 0, 0 }, BADNESS_3_5 },
	{ { 3, 14, 0, 0 }, BADNESS_EL7 }, { { 4, 17, 0, 0 }, BADNESS_4_17 },
	{ { 5, 1, 0, 0 }, BADNESS_5_1 },  { { 5, 3, 0, 0 }, BADNESS_5_3 },
	{ { 5, 9, 0, 0 }, BADNESS_5_9 },  { { 5, 14, 0, 0 }, BADNESS_5_14 },
};

/* Kernels that are younger than their number: of this number, this build or a later one, with the
 * mark somewhere in the release. */
static const struct {
	struct release first;
	const char *mark;
	enum badness_era era;
} carried_back[] = {
	{ { 2, 6, 32, 0 }, ".el6", BADNESS_EL6 },
	{ { 3, 10, 0, 0 }, ".el7", BADNESS_EL7 },
	{ { 4, 18, 0, 240 }, ".el8", BADNESS_5_3 },
};

static const struct rules *rules_for(enum badness_era era)
{
	return &rules_of_era[MIN_OF((size_t)era, ARRAY_SIZE(rules_of_era) - 1)];
}

int badness_era_of(const char *release, enum badness_era *ret)
{
	int r = BADNESS_TOO_OLD;
	struct release own;

	if (release_parse(release, &own) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(upstream); i++) {
		if (release_compare(&upstream[i].first, &own) > 0)
			break;
		*ret = upstream[i].era;
		r = 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(carried_back); i++) {
		if (release_compare(&carried_back[i].first, &own) != 0 ||
		    own.build < carried_back[i].first.build ||
		    !release_has_mark(release, carried_back[i].mark))
			continue;
		*ret = carried_back[i].era;
		r = 0;
	}
	return r;
}

bool badness_counts_spanned(enum badness_era era)
{
	return rules_for(era)->counts_spanned;
}

static int64_t bounded_pages(uint64_t pages)
{
	return (int64_t)MIN_OF(pages, (uint64_t)PAGES_MAX);
}

static int64_t bounded_total(uint64_t pages)
{
	return MAX_OF(bounded_pages(pages), (int64_t)1);
}

static int64_t bounded_adj(int adj)
{
	return MIN_OF(MAX_OF(adj, ADJ_MIN), ADJ_MAX);
}

static int64_t usage_pages(const struct badness_task *task)
{
	return MIN_OF(bounded_pages(task->rss_pages) + bounded_pages(task->swap_pages) +
			      bounded_pages(task->pgtables_pages),
		      PAGES_MAX);
}

static bool meets(const struct idset *a, const struct idset *b)
{
	struct idset both;

	if (!a || !b)
		return true;
	both = *a;
	idset_intersect(&both, b);
	return !idset_is_empty(&both);
}

static bool policy_reaches(const struct rules *rules, const struct badness_task *task,
			   const struct idset *nodes)
{
	switch (task->policy) {
	case BADNESS_POLICY_BIND:
		return meets(task->policy_nodes, nodes);
	case BADNESS_POLICY_INTERLEAVE:
		return !rules->interleave_confines || meets(task->policy_nodes, nodes);
	case BADNESS_POLICY_UNKNOWN:
	case BADNESS_POLICY_ANY:
		break;
	}
	return true;
}

/* Either its policy or its cpuset is asked, never both. */
static bool is_within(const struct rules *rules, const struct badness_scope *scope,
		      const struct badness_task *task)
{
	if (scope->constraint == BADNESS_MEMPOLICY)
		return policy_reaches(rules, task, scope->nodes);
	if (scope->constraint == BADNESS_MEMCG && !rules->minds_cpuset_in_memcg)
		return true;
	return meets(task->cpuset_nodes, scope->nodes);
}

enum badness_standing badness_standing(enum badness_era era, const struct badness_scope *scope,
				       const struct badness_task *task)
{
	const struct rules *rules = rules_for(era);

	if (task->is_init)
		return BADNESS_IS_INIT;
	if (task->is_kernel_thread)
		return BADNESS_IS_KERNEL_THREAD;
	if (!is_within(rules, scope, task))
		return BADNESS_IS_ELSEWHERE;
	if (task->has_no_memory)
		return BADNESS_HAS_NO_MEMORY;
	if (task->oom_score_adj <= ADJ_MIN)
		return BADNESS_IS_EXEMPT;
	if (task->is_in_vfork && rules->spares_vfork)
		return BADNESS_IS_IN_VFORK;
	return BADNESS_KILLABLE;
}

/* The order of multiplying and dividing is the kernel's: it decides what is rounded off. */
static int64_t weigh(const struct rules *rules, int64_t usage, int64_t adj, bool is_root,
		     int64_t total)
{
	int64_t points = rules->in_thousandths ? usage * 1000 / total : usage;

	switch (is_root ? rules->root : ROOT_AS_ALL) {
	case ROOT_LESS_30_THOUSANDTHS:
		points -= 30;
		break;
	case ROOT_ADJ_LESS_30:
		adj -= 30;
		break;
	case ROOT_LESS_3_PERCENT:
		points -= points * 3 / 100;
		break;
	case ROOT_AS_ALL:
		break;
	}
	points += rules->in_thousandths ? adj : adj * (total / 1000);

	if (rules->in_thousandths)
		points = MIN_OF(points, EL6_CEILING);
	return rules->has_no_floor ? points : MAX_OF(points, FLOOR);
}

int64_t badness_points(enum badness_era era, const struct badness_scope *scope,
		       const struct badness_task *task)
{
	if (badness_standing(era, scope, task) != BADNESS_KILLABLE)
		return BADNESS_IMMUNE;
	return weigh(rules_for(era), usage_pages(task), bounded_adj(task->oom_score_adj),
		     task->is_root, bounded_total(scope->total_pages));
}

int64_t badness_score(enum badness_era era, int64_t points, uint64_t total_pages)
{
	int64_t share;

	if (points == BADNESS_IMMUNE)
		return 0;
	if (rules_for(era)->in_thousandths)
		return points;
	points = MIN_OF(MAX_OF(points, -POINTS_MAX), POINTS_MAX);
	share = points * 1000 / bounded_total(total_pages);
	share = MIN_OF(MAX_OF(share, -SHARE_MAX), SHARE_MAX);
	return rules_for(era)->has_no_floor ? (1000 + share) * 2 / 3 : share;
}

/* How far what is shown is from what the era's formula gives. Root's bonus is left aside: it is
 * less than half of what tells the formulas apart. */
static int64_t distance(enum badness_era era, uint64_t total_pages,
			const struct badness_sample *sample)
{
	int64_t points =
		weigh(rules_for(era), bounded_pages(sample->usage_pages),
		      bounded_adj(sample->oom_score_adj), false, bounded_total(total_pages));
	int64_t shown = MIN_OF(sample->shown_score, SCORE_MAX);

	return llabs(badness_score(era, points, total_pages) - shown);
}

enum badness_era badness_era_confirm(enum badness_era era, uint64_t total_pages,
				     const struct badness_sample *samples, size_t count)
{
	int64_t for_5_9 = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t since_5_9, before;

		if (samples[i].oom_score_adj <= ADJ_MIN || samples[i].shown_score < 0)
			continue;
		since_5_9 = distance(BADNESS_5_9, total_pages, &samples[i]);
		before = distance(BADNESS_5_3, total_pages, &samples[i]);
		for_5_9 += (since_5_9 < before) - (before < since_5_9);
	}
	if (for_5_9 > 0 && era < BADNESS_5_9)
		return BADNESS_5_9;
	if (for_5_9 < 0 && era >= BADNESS_5_9)
		return BADNESS_5_3;
	return era;
}

struct field {
	enum badness_era era;
	const struct badness_scope *scope;
	const struct badness_task *tasks;
	size_t count;
};

static int64_t points_at(const struct field *field, size_t i)
{
	return badness_points(field->era, field->scope, &field->tasks[i]);
}

/* The one of most points but for `without`, or BADNESS_NOBODY. */
static size_t select_task(const struct field *field, size_t without)
{
	bool takes_last = rules_for(field->era)->takes_last_of_equals;
	size_t best = BADNESS_NOBODY;
	int64_t most = BADNESS_IMMUNE;

	for (size_t i = 0; i < field->count; i++) {
		int64_t points = i == without ? BADNESS_IMMUNE : points_at(field, i);

		if (points == BADNESS_IMMUNE || points < most || (points == most && !takes_last))
			continue;
		best = i;
		most = points;
	}
	return best;
}

/* Where the era has it so, the child of most points that has memory of its own: less work is lost.
 */
static size_t who_dies(const struct field *field, size_t selected)
{
	size_t victim = selected;
	int64_t most = 0;

	if (!rules_for(field->era)->sacrifices_child)
		return selected;
	for (size_t i = 0; i < field->count; i++) {
		const struct badness_task *task = &field->tasks[i];
		int64_t points;

		if (task->parent != selected || i == selected || task->shares_parent_mm)
			continue;
		points = points_at(field, i);
		if (points <= most)
			continue;
		victim = i;
		most = points;
	}
	return victim;
}

static void count_candidates(const struct field *field, struct badness_choice *choice)
{
	size_t at_floor = 0;

	for (size_t i = 0; i < field->count; i++) {
		int64_t points = points_at(field, i);
		uint64_t pages = (uint64_t)usage_pages(&field->tasks[i]);

		if (points == BADNESS_IMMUNE)
			continue;
		choice->killable++;
		choice->killable_pages += MIN_OF(pages, UINT64_MAX - choice->killable_pages);
		choice->ties += points == choice->points;
		at_floor += points == FLOOR;
	}
	choice->is_floor_crowd = !rules_for(field->era)->has_no_floor && choice->killable > 1 &&
				 at_floor == choice->killable;
}

void badness_choose(enum badness_era era, const struct badness_scope *scope,
		    const struct badness_task *tasks, size_t count, struct badness_choice *ret)
{
	struct field field = { era, scope, tasks, count };
	struct badness_choice choice = {
		.victim = BADNESS_NOBODY,
		.selected = select_task(&field, BADNESS_NOBODY),
		.runner_up = BADNESS_NOBODY,
	};

	if (choice.selected != BADNESS_NOBODY) {
		choice.victim = who_dies(&field, choice.selected);
		choice.runner_up = select_task(&field, choice.selected);
		choice.points = points_at(&field, choice.selected);
		choice.score = badness_score(era, choice.points, scope->total_pages);
		choice.is_policy_assumed = scope->constraint == BADNESS_MEMPOLICY &&
					   tasks[choice.selected].policy == BADNESS_POLICY_UNKNOWN;
		count_candidates(&field, &choice);
	}
	*ret = choice;
}
