/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Numbers named after a kernel come from its own OOM reports or its own /proc; the others follow
 * from the formula by hand.
 */

#include "badness-cases.h"

static int64_t points(enum badness_era era, uint64_t total_pages, struct badness_task task)
{
	struct badness_scope scope = host(total_pages);

	return badness_points(era, &scope, &task);
}

TEST(release_names_its_era)
{
	static const struct {
		const char *release;
		enum badness_era era;
	} known[] = {
		{ "2.6.32-642.6.2.el6.x86_64", BADNESS_EL6 },
		{ "3.0.58-0.6.6-xen", BADNESS_EL6 },
		{ "2.6.36", BADNESS_EL6 },
		{ "3.4.113", BADNESS_EL6 },
		{ "3.5.0", BADNESS_3_5 },
		{ "3.10.108", BADNESS_3_5 },
		{ "3.13.0-170-generic", BADNESS_3_5 },
		{ "3.10.0-1160.2.2.el7.x86_64", BADNESS_EL7 },
		{ "3.14.79", BADNESS_EL7 },
		{ "4.5.0-rc2-next-20160205", BADNESS_EL7 },
		{ "4.14.0-115.el7a.0.1.aarch64", BADNESS_EL7 },
		{ "4.17.0", BADNESS_4_17 },
		{ "4.18.0-147.el8.x86_64", BADNESS_4_17 },
		{ "4.18.0-477.13.1.el8_8.x86_64", BADNESS_5_3 },
		{ "4.18.0-553.el80", BADNESS_4_17 },
		{ "4.19.0-27-amd64", BADNESS_4_17 },
		{ "5.0.0", BADNESS_4_17 },
		{ "5.2.21", BADNESS_5_1 },
		{ "5.4.0-200-generic", BADNESS_5_3 },
		{ "5.10.0-32-amd64", BADNESS_5_9 },
		{ "5.14.0-427.13.1.el9_4.x86_64", BADNESS_5_14 },
		{ "6.1.0-50-cloud-amd64", BADNESS_5_14 },
		{ "7.2.13", BADNESS_5_14 },
	};
	enum badness_era era;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		era = (enum badness_era)99;
		check_int(badness_era_of(known[i].release, &era), 0);
		if (era != known[i].era)
			test_stop_(TEST_FAILED_, "%s: era %d", known[i].release, (int)era);
	}
}

TEST(release_without_a_known_formula_has_no_era)
{
	enum badness_era era = BADNESS_4_17;

	check_int(badness_era_of("2.6.32-5-amd64", &era), BADNESS_TOO_OLD);
	check_int(badness_era_of("2.6.18-398.el5", &era), BADNESS_TOO_OLD);
	check_int(badness_era_of("2.4.37", &era), BADNESS_TOO_OLD);
	check_int(badness_era_of("unknown", &era), -EINVAL);
	check_int(badness_era_of("", &era), -EINVAL);
	check_int(era, BADNESS_4_17);
}

TEST(genxref_of_a_4_5_host_scores_66_as_root)
{
	struct badness_task task = root(30474);
	struct badness_scope scope = host(524157 - 80311);

	task.pgtables_pages = 81 + 3;
	check_int(badness_score(BADNESS_EL7, badness_points(BADNESS_EL7, &scope, &task),
				scope.total_pages),
		  66);
	task.is_root = false;
	check_int(badness_score(BADNESS_EL7, badness_points(BADNESS_EL7, &scope, &task),
				scope.total_pages),
		  68);
}

TEST(oom_score_of_the_lab_on_6_1_6_12_and_7_2)
{
	static const struct {
		uint64_t rss_pages, pgtables_kib, total_kib;
		int64_t shown;
	} seen[] = {
		{ 7962, 100, 997720, 688 }, { 7942, 100, 997720, 687 }, { 7959, 100, 997720, 688 },
		{ 7974, 96, 992248, 688 },  { 7958, 100, 988568, 688 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		struct badness_task task = user(seen[i].rss_pages);
		uint64_t total = seen[i].total_kib / 4;

		task.pgtables_pages = seen[i].pgtables_kib / 4;
		check_int(badness_score(BADNESS_5_14, points(BADNESS_5_14, total, task), total),
			  seen[i].shown);
	}
}

TEST(each_era_weighs_root_its_own_way)
{
	static const int64_t want[ERA_COUNT] = {
		[BADNESS_EL6] = 100 - 30,      [BADNESS_3_5] = 100000 - 30 * 1000,
		[BADNESS_EL7] = 100000 - 3000, [BADNESS_4_17] = 100000,
		[BADNESS_5_1] = 100000,	       [BADNESS_5_3] = 100000,
		[BADNESS_5_9] = 100000,	       [BADNESS_5_14] = 100000,
	};

	for (int era = 0; era < ERA_COUNT; era++)
		check_int(points((enum badness_era)era, 1000000, root(100000)), want[era]);
}

TEST(adjustment_is_of_the_total_cut_to_thousands)
{
	/* 1,999 / 1000 is 1: an adjustment of 500 adds 500 pages, not 999. */
	check_int(points(BADNESS_EL7, 1999, adjusted(10, 500)), 510);
	check_int(points(BADNESS_5_14, 1999, adjusted(10, -500)), -490);
	/* thousandths are added as they are */
	check_int(points(BADNESS_EL6, 1999, adjusted(10, 500)), 5 + 500);
	check_int(points(BADNESS_EL6, 30000, adjusted(20000, 1000)), 1000);
}

TEST(only_since_5_9_points_go_below_the_floor)
{
	for (int era = 0; era < BADNESS_5_9; era++)
		check_int(points((enum badness_era)era, 1000000, adjusted(50, -500)), 1);
	check_int(points(BADNESS_5_9, 1000000, adjusted(50, -500)), 50 - 500 * 1000);
	check_int(points(BADNESS_5_14, 1000000, adjusted(50, -999)), 50 - 999 * 1000);
}

TEST(who_may_not_be_chosen_and_why)
{
	static const struct {
		struct badness_task task;
		enum badness_standing standing;
	} known[] = {
		{ { .rss_pages = 9 }, BADNESS_KILLABLE },
		{ { .rss_pages = 9, .oom_score_adj = -999 }, BADNESS_KILLABLE },
		{ { .rss_pages = 9, .is_init = true }, BADNESS_IS_INIT },
		{ { .is_kernel_thread = true }, BADNESS_IS_KERNEL_THREAD },
		{ { .has_no_memory = true }, BADNESS_HAS_NO_MEMORY },
		{ { .rss_pages = 9, .oom_score_adj = -1000 }, BADNESS_IS_EXEMPT },
		{ { .rss_pages = 9, .is_in_vfork = true }, BADNESS_IS_IN_VFORK },
	};
	struct badness_scope scope = host(1000);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		check_int(badness_standing(BADNESS_5_14, &scope, &known[i].task),
			  known[i].standing);
		check((badness_points(BADNESS_5_14, &scope, &known[i].task) == BADNESS_IMMUNE) ==
		      (known[i].standing != BADNESS_KILLABLE));
	}
	check_int(badness_standing(BADNESS_EL7, &scope, &known[6].task), BADNESS_KILLABLE);
	check_int(badness_score(BADNESS_5_14, BADNESS_IMMUNE, 1000), 0);
}

TEST(cpuset_elsewhere_spares)
{
	struct idset zero = nodes("0"), one = nodes("1"), both = nodes("0-1");
	struct badness_scope scope = { BADNESS_CPUSET, 1000000, &zero };
	struct badness_task task = user(9);

	task.cpuset_nodes = &one;
	check_int(badness_standing(BADNESS_5_14, &scope, &task), BADNESS_IS_ELSEWHERE);
	task.cpuset_nodes = &both;
	check_int(badness_standing(BADNESS_5_14, &scope, &task), BADNESS_KILLABLE);
	task.cpuset_nodes = NULL;
	check_int(badness_standing(BADNESS_5_14, &scope, &task), BADNESS_KILLABLE);

	/* a policy does not matter here, wherever it binds to */
	task.policy = BADNESS_POLICY_BIND;
	task.policy_nodes = &one;
	check_int(badness_standing(BADNESS_5_14, &scope, &task), BADNESS_KILLABLE);
}

TEST(cpuset_matters_in_a_memcg_up_to_5_2)
{
	struct idset zero = nodes("0"), one = nodes("1");
	struct badness_scope scope = { BADNESS_MEMCG, 1000000, &zero };
	struct badness_task task = user(9);

	task.cpuset_nodes = &one;
	for (int era = 0; era < ERA_COUNT; era++)
		check_int(badness_standing((enum badness_era)era, &scope, &task),
			  era < BADNESS_5_3 ? BADNESS_IS_ELSEWHERE : BADNESS_KILLABLE);
}

TEST(policy_elsewhere_spares)
{
	struct idset two = nodes("2"), three = nodes("3");
	struct badness_scope scope = { BADNESS_MEMPOLICY, 1000000, &three };
	struct badness_task task = user(9);

	task.cpuset_nodes = &two; /* does not matter here */
	task.policy_nodes = &two;
	check_int(badness_standing(BADNESS_5_14, &scope, &task), BADNESS_KILLABLE);
	task.policy = BADNESS_POLICY_BIND;
	check_int(badness_standing(BADNESS_5_14, &scope, &task), BADNESS_IS_ELSEWHERE);
	task.policy = BADNESS_POLICY_INTERLEAVE;
	check_int(badness_standing(BADNESS_5_9, &scope, &task), BADNESS_IS_ELSEWHERE);
	check_int(badness_standing(BADNESS_5_14, &scope, &task), BADNESS_KILLABLE);
	task.policy_nodes = &three;
	check_int(badness_standing(BADNESS_5_9, &scope, &task), BADNESS_KILLABLE);
}

TEST(node_totals_count_holes_before_5_9)
{
	for (int era = 0; era < ERA_COUNT; era++)
		check_int(badness_counts_spanned((enum badness_era)era), era < BADNESS_5_9);
}

TEST(scores_are_rounded_as_the_kernel_does)
{
	check_int(badness_score(BADNESS_EL6, 133, 12271039), 133);
	check_int(badness_score(BADNESS_5_3, 999, 1000000), 0);
	check_int(badness_score(BADNESS_5_3, 1000, 1000000), 1);
	check_int(badness_score(BADNESS_5_9, 0, 1000000), 666);
	check_int(badness_score(BADNESS_5_9, -1, 1000000), 666);
	check_int(badness_score(BADNESS_5_9, 1000000, 1000000), 1333);
	check_int(badness_score(BADNESS_5_9, 2000000, 1000000), 2000);
	check_int(badness_score(BADNESS_5_9, -999 * 1000, 1000000), 0);
	check_int(badness_score(BADNESS_5_9, -900 * 1000, 1000000), 66);
}

TEST(what_proc_shows_corrects_the_release)
{
	/* 4 GiB host: an idle shell, a protected daemon, a large service */
	static const struct badness_sample since_5_9[] = { { 500, 0, 666 },
							   { 2000, -900, 67 },
							   { 300000, 0, 857 } };
	static const struct badness_sample before[] = { { 500, 0, 0 },
							{ 2000, -900, 0 },
							{ 300000, 0, 286 } };
	static const struct badness_sample mixed[] = { { 500, 0, 0 }, { 500, 0, 666 } };
	static const struct badness_sample mute[] = { { 500, -1000, 0 }, { 500, 0, -1 } };
	uint64_t total = 1048576;

	/* 5.4 that carries the formula of 5.9 */
	check_int(badness_era_confirm(BADNESS_5_3, total, since_5_9, 3), BADNESS_5_9);
	check_int(badness_era_confirm(BADNESS_4_17, total, since_5_9, 1), BADNESS_5_9);
	check_int(badness_era_confirm(BADNESS_5_14, total, since_5_9, 3), BADNESS_5_14);
	check_int(badness_era_confirm(BADNESS_5_14, total, before, 3), BADNESS_5_3);
	check_int(badness_era_confirm(BADNESS_EL7, total, before, 3), BADNESS_EL7);
	for (size_t i = 0; i < 3; i++) {
		check_int(badness_era_confirm(BADNESS_5_3, total, &since_5_9[i], 1), BADNESS_5_9);
		check_int(badness_era_confirm(BADNESS_5_9, total, &before[i], 1), BADNESS_5_3);
	}
	/* no majority, and nothing that tells */
	check_int(badness_era_confirm(BADNESS_5_14, total, mixed, 2), BADNESS_5_14);
	check_int(badness_era_confirm(BADNESS_EL7, total, mixed, 2), BADNESS_EL7);
	check_int(badness_era_confirm(BADNESS_5_14, total, mute, 2), BADNESS_5_14);
	check_int(badness_era_confirm(BADNESS_EL7, total, NULL, 0), BADNESS_EL7);
}

TEST(root_on_an_old_kernel_is_not_mistaken_for_a_new_one)
{
	for (int adj = -900; adj <= 900; adj += 100) {
		struct badness_task task = root(20000);
		struct badness_sample sample = { .usage_pages = 20000, .oom_score_adj = adj };

		task.oom_score_adj = adj;
		sample.shown_score =
			badness_score(BADNESS_3_5, points(BADNESS_3_5, 1000000, task), 1000000);
		check_int(badness_era_confirm(BADNESS_3_5, 1000000, &sample, 1), BADNESS_3_5);
	}
}
