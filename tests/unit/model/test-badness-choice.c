/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Numbers named after a kernel come from its own OOM reports or its own /proc; the others follow
 * from the formula by hand.
 */

#include "badness-cases.h"

#define PAGES_PER_MIB 256

static struct badness_choice choose(enum badness_era era, const struct badness_scope *scope,
				    const struct badness_task *tasks, size_t count)
{
	struct badness_choice choice;

	badness_choose(era, scope, tasks, count, &choice);
	return choice;
}

TEST(java_of_an_el7_host_scores_800)
{
	struct badness_task tasks[] = { user(844 + 25), user(149 + 23), user(96 + 19),
					user(1537770), user(204324 + 494) };
	struct badness_scope scope = host(2097151 - 94167);
	struct badness_choice choice;

	tasks[1].oom_score_adj = -1000;
	tasks[2].oom_score_adj = -900;
	tasks[3].pgtables_pages = 66407;
	choice = choose(BADNESS_EL7, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 3);
	check_int(choice.points, 1604177);
	check_int(choice.score, 800);
	check_int(choice.runner_up, 4);
	check_int(choice.killable, 4);
	check_int(choice.ties, 1);
	check(!choice.is_floor_crowd);
}

TEST(el6_cuts_at_1000)
{
	struct badness_task tasks[] = { user(500), user(90000), user(40000) };
	struct badness_scope scope = host(30000);
	struct badness_choice choice = choose(BADNESS_EL6, &scope, tasks, 3);

	check_int(choice.points, 1000);
	check_int(choice.victim, 1);
	check_int(choice.ties, 2);
	check_int(choice.runner_up, 2);
	check(!choice.is_floor_crowd);
}

/* A container of el6: init is first in the list, all score 1, and init's child dies: 60 kB freed.
 */
TEST(el6_container_loses_the_child_of_its_init)
{
	struct badness_task tasks[] = { root(26),   root(15),	root(101),  root(28),
					user(2157), user(2033), user(3474), user(2051) };
	struct badness_scope scope = memcg(10U * 1024 * PAGES_PER_MIB);
	struct badness_choice choice;

	tasks[1].parent = 0;
	tasks[3].parent = 2;
	choice = choose(BADNESS_EL6, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.selected, 0);
	check_int(choice.victim, 1);
	check_int(choice.score, 1);
	check_int(choice.ties, 8);
	check_int(choice.runner_up, 1);
	check(choice.is_floor_crowd);

	/* the same group by later formulas: a worker, and no crowd */
	choice = choose(BADNESS_EL7, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 6);
	check(!choice.is_floor_crowd);
}

/* The reproducer: 1,280 processes of 8 MB in 8 GB of memory and 2 GB of swap. */
TEST(crowd_of_1280_is_seen_as_one)
{
	static struct badness_task tasks[1281];
	struct badness_scope scope = memcg(10U * 1024 * PAGES_PER_MIB);
	struct badness_choice choice;

	tasks[0] = root(26);
	for (size_t i = 1; i < ARRAY_SIZE(tasks); i++) {
		tasks[i] = i % 2 ? user(8 * PAGES_PER_MIB) : root(8 * PAGES_PER_MIB);
		tasks[i].pgtables_pages = 12;
	}
	choice = choose(BADNESS_EL6, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 0);
	check_int(choice.score, 1);
	check_int(choice.ties, 1281);
	check_int(choice.killable, 1281);
	check_int(choice.killable_pages, 26 + 1280 * (8 * PAGES_PER_MIB + 12));
	check(choice.is_floor_crowd);

	/* in pages they are worth something: the first that is not root */
	choice = choose(BADNESS_EL7, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 1);
	check_int(choice.ties, 640);
	check(!choice.is_floor_crowd);
	choice = choose(BADNESS_5_14, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 1280);
	check_int(choice.ties, 1280);
	check(!choice.is_floor_crowd);
}

/* 80 processes of 128 MB in 8 GB: 1.5 % each, which root's 3 % swallows. */
TEST(crowd_of_80_is_one_only_as_root)
{
	struct badness_task tasks[80];
	struct badness_scope scope = memcg(8U * 1024 * PAGES_PER_MIB);
	struct badness_choice choice;

	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i] = user(128 * PAGES_PER_MIB);
	choice = choose(BADNESS_EL6, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.score, 15);
	check(!choice.is_floor_crowd);

	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i].is_root = true;
	choice = choose(BADNESS_EL6, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.score, 1);
	check(choice.is_floor_crowd);
	/* one that stands out is no crowd any more */
	tasks[70].is_root = false;
	choice = choose(BADNESS_EL6, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 70);
	check(!choice.is_floor_crowd);
}

TEST(one_alone_is_no_crowd)
{
	struct badness_task task = user(1);
	struct badness_scope scope = host(1000000);
	struct badness_choice choice = choose(BADNESS_EL6, &scope, &task, 1);

	check_int(choice.victim, 0);
	check_int(choice.points, 1);
	check_int(choice.runner_up, BADNESS_NOBODY);
	check(!choice.is_floor_crowd);
}

TEST(protected_crowd_is_told_apart_since_5_9_only)
{
	struct badness_task tasks[] = { adjusted(10, -900), adjusted(5000, -900),
					adjusted(300, -900) };
	struct badness_scope scope = host(1000000);
	struct badness_choice choice = choose(BADNESS_5_3, &scope, tasks, 3);

	check(choice.is_floor_crowd);
	check_int(choice.victim, 2);
	choice = choose(BADNESS_4_17, &scope, tasks, 3);
	check(choice.is_floor_crowd);
	check_int(choice.victim, 0);
	choice = choose(BADNESS_5_9, &scope, tasks, 3);
	check(!choice.is_floor_crowd);
	check_int(choice.victim, 1);
	check_int(choice.runner_up, 2);
}

TEST(equal_points_go_to_the_first_and_since_5_3_to_the_last)
{
	struct badness_task tasks[] = { user(10), user(700), user(700), user(20), user(700) };
	struct badness_scope scope = host(1000);

	for (int era = 0; era < ERA_COUNT; era++) {
		struct badness_choice choice = choose((enum badness_era)era, &scope, tasks, 5);

		check_int(choice.ties, 3);
		check_int(choice.victim, era < BADNESS_5_3 ? 1 : 4);
		check_int(choice.runner_up, 2);
	}
}

TEST(child_dies_for_its_parent_up_to_5_0)
{
	struct badness_task tasks[] = { user(20), user(5000), user(30),
					user(40), user(4000), user(4900) };
	struct badness_scope scope = host(10000);

	tasks[2].parent = tasks[3].parent = tasks[4].parent = 1;
	tasks[4].shares_parent_mm = true;
	tasks[5].parent = 3; /* a grandchild is none */
	for (int era = 0; era < ERA_COUNT; era++) {
		struct badness_choice choice = choose((enum badness_era)era, &scope, tasks, 6);

		check_int(choice.selected, 1);
		check_int(choice.runner_up, 5);
		check_int(choice.victim, era < BADNESS_5_1 ? 3 : 1);
	}

	tasks[1].parent = 1; /* nonsense: no child of itself */
	check_int(choose(BADNESS_EL7, &scope, tasks, 6).victim, 3);
	tasks[3].oom_score_adj = -1000;
	check_int(choose(BADNESS_EL7, &scope, tasks, 6).victim, 2);
	tasks[2].has_no_memory = true;
	check_int(choose(BADNESS_EL7, &scope, tasks, 6).victim, 1);
}

TEST(of_equal_children_the_first_dies)
{
	struct badness_task tasks[] = { user(9), user(5000), user(9) };
	struct badness_scope scope = host(10000);

	tasks[0].parent = tasks[2].parent = 1;
	check_int(choose(BADNESS_4_17, &scope, tasks, 3).victim, 0);
}

TEST(where_nobody_may_be_chosen_nobody_is)
{
	struct badness_task tasks[] = { adjusted(900, -1000), user(900) };
	struct badness_scope scope = memcg(1000);
	struct badness_choice choice;

	tasks[1].is_init = true;
	choice = choose(BADNESS_5_14, &scope, tasks, 2);
	check_int(choice.victim, BADNESS_NOBODY);
	check_int(choice.selected, BADNESS_NOBODY);
	check_int(choice.runner_up, BADNESS_NOBODY);
	check_int(choice.killable, 0);
	check(!choice.is_floor_crowd);
	choice = choose(BADNESS_EL6, &scope, NULL, 0);
	check_int(choice.victim, BADNESS_NOBODY);
}

/* An el8 host whose node 3 ran dry for a process bound to it. */
TEST(default_policy_makes_bystanders_candidates)
{
	struct idset three = nodes("3");
	struct badness_scope scope = { BADNESS_MEMPOLICY, 1037311 + 524288, &three };
	struct badness_task tasks[] = { user(1057 + 55),  adjusted(396 + 50, -1000),
					user(1424 + 109), user(175 + 68),
					user(118 + 29),	  user(468395 + 2923) };
	struct badness_choice choice;

	tasks[0].swap_pages = 197;
	tasks[2].swap_pages = 3068;
	tasks[5].swap_pages = 1018086;
	tasks[5].policy = BADNESS_POLICY_BIND;
	tasks[5].policy_nodes = &three;
	choice = choose(BADNESS_5_3, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 5);
	check_int(choice.points, 1489404);
	check_int(choice.killable, 5);
	check_int(choice.runner_up, 2);
	check(!choice.is_policy_assumed);

	/* a larger one that has not a page there dies first */
	tasks[0].rss_pages = 1500000;
	tasks[0].policy = BADNESS_POLICY_UNKNOWN;
	choice = choose(BADNESS_5_3, &scope, tasks, ARRAY_SIZE(tasks));
	check_int(choice.victim, 0);
	check(choice.is_policy_assumed);
	scope.constraint = BADNESS_HOST;
	check(!choose(BADNESS_5_3, &scope, tasks, ARRAY_SIZE(tasks)).is_policy_assumed);
}

/* A guest in a memcg of 5.14, all of its pod at 920. */
TEST(equal_adjustments_leave_the_largest)
{
	struct badness_scope scope = memcg(2355880 / 4);
	struct badness_task tasks[] = { adjusted(3054 + 47, 920), adjusted(13694 + 143, 920),
					adjusted(8288 + 95, 920), adjusted(472935 + 1068, 920),
					adjusted(103103 + 211, 920) };
	struct badness_choice choice = choose(BADNESS_5_14, &scope, tasks, ARRAY_SIZE(tasks));

	check_int(choice.victim, 3);
	check_int(choice.runner_up, 4);
	check_int(choice.points, 474003 + 920 * 588);
}

TEST(sum_of_many_absurd_amounts_stays_at_the_largest)
{
	static struct badness_task tasks[8200]; /* 2^13 times 2^51 is 2^64 */
	struct badness_scope scope = host(1000);

	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i] = user(UINT64_MAX);
	check(choose(BADNESS_5_14, &scope, tasks, ARRAY_SIZE(tasks)).killable_pages == UINT64_MAX);
}

TEST(absurd_amounts_neither_overflow_nor_mislead)
{
	struct badness_task tasks[] = { user(UINT64_MAX), user(1), adjusted(UINT64_MAX, INT32_MAX),
					adjusted(5, INT32_MIN) };
	static const uint64_t totals[] = { 0, 1, UINT64_MAX };
	struct badness_sample sample = { UINT64_MAX, INT32_MAX, INT64_MAX };

	tasks[0].swap_pages = tasks[0].pgtables_pages = UINT64_MAX;
	tasks[1].parent = 77;
	tasks[0].parent = 0;
	tasks[2].parent = SIZE_MAX - 1;
	for (int e = 0; e <= ERA_COUNT; e++) {
		enum badness_era era = (enum badness_era)e;

		for (size_t t = 0; t < ARRAY_SIZE(totals); t++) {
			struct badness_scope scope = host(totals[t]);
			struct badness_choice choice = choose(era, &scope, tasks, 4);

			check(choice.victim == 0 || choice.victim == 2);
			check_int(choice.killable, 3);
			check(choice.points > 0);
			check(choice.score > 0);
			check(badness_score(era, INT64_MAX, totals[t]) > 0);
			badness_score(era, INT64_MIN + 1, totals[t]);
			badness_era_confirm(era, totals[t], &sample, 1);
		}
	}
}
