/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is killed, in the situations in which other killers take the wrong one. */

#include "test.h"

#include "candidates.h"

static void start(void)
{
	start_candidates(800 * MIB);
}

/* Key of the one that would be killed, 0 for nobody. */
static uint64_t victim(void)
{
	static const struct action_call call = {
		.action = ACTION_KILL,
		.values = { 0, 10 * USEC_PER_SEC },
	};

	run_plan(&call);
	check(plan.step_count <= 1);
	return plan.step_count ? plan.steps[0].target.key : 0;
}

static struct service *add_swapped(int policy, int64_t bytes)
{
	struct service *s = add_service(policy, 0);

	set_reading(s->readings, METRIC_SERVICE_SWAP, bytes);
	return s;
}

static void mark(struct service *s, enum kill_mark mark, bool by_root, uint32_t uid)
{
	s->mark = (uint8_t)mark;
	s->mark_by_root = by_root;
	s->cgroup_uid = uid;
}

/* Each in turn is the best that is left. */
static void check_order(const uint64_t *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		check_int(victim(), keys[i]);
		services[keys[i] - 1].policy = -1;
	}
	check_int(victim(), 0);
}

TEST(swap_ranks_and_marks_of_other_killers_are_heeded)
{
	static const int64_t amounts[] = { 20, 60, 40, 17, 18, 90, 99 };
	static const uint64_t order[] = { 2, 3, 1, 5, 4, 7 };

	start();
	context.goal = (struct goal){ true, METRIC_SWAP_FREE, 20 * MIB };
	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++)
		add_swapped(NORMAL, amounts[i] * MIB);
	mark(&services[5], MARK_OMIT, true, 0);
	mark(&services[6], MARK_AVOID, true, 0);
	check_order(order, ARRAY_SIZE(order));
	check(is_refused(6, REFUSE_OMITTED));
}

TEST(what_a_kill_gains_of_swap_is_swap)
{
	start();
	context.goal = (struct goal){ true, METRIC_SWAP_FREE, 1 * GIB };
	add_service(NORMAL, 4 * GIB);
	add_swapped(NORMAL, 2 * GIB);
	check_int(victim(), 2);
	check_int(plan.steps[0].gain_metric, METRIC_SWAP_FREE);
	check_int(plan.steps[0].expected_gain, 2 * GIB);
	check_int(actions[ACTION_KILL].level(&plan.steps[0], context.subject, &snapshot).value,
		  2 * GIB);
}

/* Every pair, both ways: the order does not hang on who is seen first. */
TEST(the_larger_one_whichever_is_seen_first)
{
	static const int64_t sizes[] = { 100, 101, 102, 103, 900 };

	for (size_t a = 0; a < ARRAY_SIZE(sizes); a++)
		for (size_t b = 0; b < ARRAY_SIZE(sizes); b++) {
			start();
			add_service(NORMAL, sizes[a] * MIB);
			add_service(NORMAL, sizes[b] * MIB);
			check_int(victim(), b > a ? 2 : 1);
		}
}

TEST(a_mark_counts_before_rank_and_size_and_within_its_class)
{
	start();
	add_service(NORMAL, 1 * GIB);
	mark(add_service(NORMAL, 100 * MIB), MARK_PREFER, true, 0);
	mark(add_service(NORMAL, 3 * GIB), MARK_AVOID, true, 0);
	mark(add_service(LAST, 100 * MIB), MARK_PREFER, true, 0);
	policies[OWN_POLICY] = policies[NORMAL];
	policies[OWN_POLICY].rank = 1;
	add_service(OWN_POLICY, 2 * GIB);
	check_order((const uint64_t[]){ 2, 5, 1, 3, 4 }, 5);
}

TEST(avoided_ones_are_taken_when_nobody_else_is_left)
{
	start();
	for (int i = 0; i < 3; i++)
		mark(add_service(NORMAL, (i + 1) * 200 * MIB), MARK_AVOID, true, 0);
	check_order((const uint64_t[]){ 3, 2, 1 }, 3);
}

/* Three of 60, 30 and 20; '+', '-' and ' ' are what each is marked with. */
TEST(marks_among_siblings)
{
	static const struct {
		const char *marks;
		uint64_t first;
	} rows[] = {
		{ "   ", 1 }, { "+  ", 1 }, { " + ", 2 }, { "  +", 3 }, { "-  ", 2 },
		{ " --", 1 }, { "+++", 1 }, { "---", 1 }, { "+-+", 1 }, { "-+-", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start();
		for (size_t n = 0; n < 3; n++) {
			char c = rows[i].marks[n];
			struct service *s =
				add_service(NORMAL, (n == 0 ? 60 : 40 - 10 * (int)n) * 10 * MIB);

			mark(s,
			     c == '+'	? MARK_PREFER
			     : c == '-' ? MARK_AVOID
					: MARK_NONE,
			     true, 0);
		}
		check_int(victim(), rows[i].first);
	}
}

TEST(who_has_no_swap_frees_none)
{
	start();
	context.goal = (struct goal){ true, METRIC_SWAP_FREE, 20 * MIB };
	add_service(NORMAL, 4 * GIB);
	add_swapped(NORMAL, 0);
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_GAIN));
}

TEST(amounts_beyond_32_bits)
{
	start();
	context.goal = (struct goal){ true, METRIC_SWAP_FREE, 160 * GIB };
	add_swapped(NORMAL, 8 * GIB - 1); /* just below a twentieth */
	add_swapped(LAST, 8 * GIB);
	check_int(victim(), 2);
	check(is_refused(1, REFUSE_GAIN));
}

/* What no Match= names is nobody's choice, however large. */
TEST(never_outside_what_policies_match)
{
	start();
	add_service(-1, 64 * GIB);
	add_service(LAST, 200 * MIB);
	check_int(victim(), 2);
	check_int(plan.refusal_count, 0);
}

TEST(avoid_of_an_unprivileged_owner_is_not_the_hosts_business)
{
	start();
	mark(add_service(NORMAL, 2 * GIB), MARK_AVOID, false, 65534);
	mark(add_service(NORMAL, 1 * GIB), MARK_OMIT, false, 65534);
	check_order((const uint64_t[]){ 1, 2 }, 2);
	/* What that owner offers is taken. */
	start();
	add_service(NORMAL, 2 * GIB);
	mark(add_service(NORMAL, 1 * GIB), MARK_PREFER, false, 65534);
	check_int(victim(), 2);
}

/* "user.slice" of one user, and what runs below it. */
static void start_below(uint32_t uid)
{
	static const char *const paths[] = { "user-7.slice", "user-7.slice/a.service",
					     "user-7.slice/b.service" };

	start();
	context.goal = (struct goal){ true, METRIC_SERVICE_HEADROOM, 300 * MIB };
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add_service(i == 0 ? NEVER : NORMAL, (int64_t)(3 - i) * GIB)->path = paths[i];
	set_reading(services[0].readings, METRIC_SERVICE_LIMIT, 6 * GIB);
	services[0].limit_length = (uint16_t)strlen(paths[0]);
	services[0].cgroup_uid = uid;
	set_subject(1);
}

TEST(avoid_of_an_owner_counts_below_what_is_that_owners)
{
	start_below(1000);
	check_int(victim(), 2);
	mark(&services[1], MARK_AVOID, false, 1000);
	check_int(victim(), 3);
	mark(&services[2], MARK_OMIT, false, 1000);
	check_int(victim(), 2);
	check(is_refused(3, REFUSE_OMITTED));
	/* Not where it belongs to somebody else. */
	start_below(0);
	mark(&services[1], MARK_AVOID, false, 1000);
	check_int(victim(), 2);
}

TEST(only_who_lives_where_the_limit_is_helps_a_service)
{
	start_below(0);
	add_service(FIRST, 8 * GIB); /* elsewhere on the host */
	check_int(victim(), 2);
	check_int(plan.steps[0].gain_metric, METRIC_SERVICE_HEADROOM);
	check_int(plan.steps[0].expected_gain, 2 * GIB);
	check_int(plan.refusal_count, 1); /* the slice itself, which is Kill=never */
	services[1].policy = services[2].policy = -1;
	check_int(victim(), 0);
}

TEST(a_limit_further_up_is_met_by_its_neighbours_too)
{
	start_below(0);
	set_subject(3);
	set_reading(services[2].readings, METRIC_SERVICE_LIMIT, 6 * GIB);
	services[2].limit_length = (uint16_t)strlen("user-7.slice");
	check_int(victim(), 2);
	/* Its own limit is met by itself alone; there is no gain to be measured on who is gone. */
	services[2].limit_length = (uint16_t)strlen(services[2].path);
	check_int(victim(), 3);
	check_int(plan.steps[0].gain_metric, METRIC_NONE);
	check_int(plan.steps[0].expected_gain, 0);
	/* "b.service" holds nothing of "b.service-2". */
	services[1].path = "user-7.slice/b.service-2";
	check_int(victim(), 3);
}

TEST(a_service_without_a_limit_is_its_own_only_candidate)
{
	start_below(0);
	set_subject(3);
	services[2].readings[metric_index(METRIC_SERVICE_LIMIT)] = READING_FOREVER;
	check_int(victim(), 3);
}

/* 24 GB of a build are gone, a little is still missing, and the next one in line is a clock. */
TEST(a_small_one_is_not_killed_after_the_large_one)
{
	start();
	context.goal.deficit_bytes = 650 * MIB;
	add_service(NORMAL, 23964 * MIB);
	add_service(NORMAL, 17 * MIB);
	check_int(victim(), 1);
	services[0].policy = -1;
	check_int(victim(), 0);
	check(is_only_refusal(2, REFUSE_GAIN));
}

TEST(only_protected_ones_is_nobody)
{
	start();
	add_service(NEVER, 4 * GIB);
	add_service(NORMAL, 4 * GIB)->protected_unit = true;
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_POLICY_KEEP));
	check(is_refused(2, REFUSE_PROTECTED));
	snapshot.service_count = 0;
	check_int(victim(), 0);
	check(is_only_refusal(0, REFUSE_NO_CANDIDATE));
}

TEST(the_largest_is_a_guest_and_stays)
{
	start();
	add_service(GUESTS, 64 * GIB);
	add_service(NORMAL, 64 * GIB)->guest = GUEST_QEMU;
	add_service(LAST, 500 * MIB);
	check_int(victim(), 3);
}

/* The agent's and PID 1's cgroups, and those that hold them, first in every list. */
TEST(never_itself_wherever_it_stands)
{
	start();
	add_service(FIRST, 8 * GIB)->is_self = true;
	processes[0].oom_score_adj = -1000;
	struct service *exempt = add_service(FIRST, 8 * GIB);

	exempt->process_count = 1;
	exempt->first_process = 0;
	add_service(LAST, 300 * MIB);
	check_int(victim(), 3);
	check(is_refused(1, REFUSE_PROTECTED));
	check(is_refused(2, REFUSE_PROTECTED));
}

/* Resident 300 MiB, 20 GiB of huge pages: these go back to their pool. */
TEST(huge_pages_are_no_gain)
{
	start();
	set_reading(add_service(NORMAL, 300 * MIB)->readings, METRIC_SERVICE_CURRENT, 20 * GIB);
	add_service(NORMAL, 400 * MIB);
	check_int(victim(), 2);
	check_int(plan.steps[0].expected_gain, 400 * MIB);
	services[1].policy = -1;
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 300 * MIB);
}

/* A file on tmpfs outlives whoever wrote it. */
TEST(shared_memory_that_may_survive_is_no_gain)
{
	start();
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_service(NORMAL, 3 * GIB);
	shares[0][0].shmem_bytes = 2900 * MIB;
	set_reading(services[0].readings, METRIC_SERVICE_ANON, 172 * MIB);
	add_service(NORMAL, 400 * MIB);
	check_int(victim(), 2);
	context.subject.scope = SCOPE_HOST;
	check_int(victim(), 2);
	services[1].policy = -1;
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 172 * MIB);
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 172 * MIB);
}

TEST(shared_memory_on_one_node_and_anonymous_on_the_other)
{
	start();
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_service(NORMAL, 1 * GIB);
	shares[0][0].shmem_bytes = 1 * GIB;
	shares[0][1].movable_bytes = 1 * GIB;
	check_int(victim(), 0);
	check(is_only_refusal(1, REFUSE_GAIN));
	context.subject.key = 1;
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 1 * GIB);
}

/* A database: its buffers end with it, and are on two nodes. */
TEST(shared_memory_that_dies_with_its_users_is_a_gain)
{
	start();
	struct service *s = add_service(NORMAL, 200 * MIB);

	set_reading(s->readings, METRIC_SERVICE_SHMEM, 4 * GIB);
	s->first_process = 1;
	s->process_count = 3;
	processes[0].mortal_bytes = 64 * GIB; /* somebody else's */
	processes[1].mortal_bytes = 1 * GIB;
	processes[2].mortal_bytes = 2 * GIB; /* mostly the same */
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 2 * GIB + 200 * MIB);
	shares[0][0].movable_bytes = 1 * GIB + 200 * MIB;
	shares[0][0].shmem_bytes = 1 * GIB;
	shares[0][1].movable_bytes = shares[0][1].shmem_bytes = 3 * GIB;
	context.subject = (struct subject){ SCOPE_NODE, 1 };
	check_int(victim(), 1);
	check(plan.steps[0].expected_gain > 1500 * MIB);
	check(plan.steps[0].expected_gain <= 1536 * MIB);
	/* Never more than there is of it. */
	processes[3].mortal_bytes = 64 * GIB;
	check_int(victim(), 1);
	check(plan.steps[0].expected_gain <= 3 * GIB);
	check(plan.steps[0].expected_gain > 3 * GIB - 10 * MIB);
	context.subject.scope = SCOPE_HOST;
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 4 * GIB + 200 * MIB);
}

/* Its lists say so of it on v1, where shared memory is listed as anonymous. */
TEST(no_node_has_more_than_there_is)
{
	start();
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_service(NORMAL, 3 * GIB);
	set_reading(services[0].readings, METRIC_SERVICE_ANON, 1 * GIB);
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 1 * GIB);
}

TEST(page_cache_is_no_gain_where_nothing_says_what_is_anonymous)
{
	start();
	struct service *s = add_service(NORMAL, 900 * MIB);

	s->readings[metric_index(METRIC_SERVICE_ANON)] = READING_NONE;
	set_reading(s->readings, METRIC_SERVICE_FILE, 300 * MIB);
	set_reading(s->readings, METRIC_SERVICE_SHMEM, 200 * MIB);
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 400 * MIB);
}

TEST(a_service_at_its_limit_shortens_the_grace)
{
	start_below(0);
	set_reading(services[0].readings, METRIC_SERVICE_TIME_TO_LIMIT, 4 * (int64_t)USEC_PER_SEC);
	check_int(victim(), 2);
	check_int(plan.steps[0].kill.grace_usec, 2 * USEC_PER_SEC);
	set_reading(services[0].readings, METRIC_SERVICE_HEADROOM, 0);
	check_int(victim(), 2);
	check_int(plan.steps[0].kill.grace_usec, 100 * USEC_PER_MSEC);
}

/* At the min watermark nothing falls any more: a rate would say that there is all the time. */
TEST(an_empty_node_grants_no_time)
{
	start();
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = READING_FOREVER;
	add_service(NORMAL, 1 * GIB);
	set_reading(nodes[0].readings, METRIC_NODE_HEADROOM, 0);
	check_int(victim(), 1);
	check_int(plan.steps[0].kill.grace_usec, 10 * USEC_PER_SEC); /* the other one has room */
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 0);
	check_int(victim(), 1);
	check_int(plan.steps[0].kill.grace_usec, 100 * USEC_PER_MSEC);
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 1 * GIB);
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	check_int(victim(), 1);
	check_int(plan.steps[0].kill.grace_usec, 100 * USEC_PER_MSEC);
}

/* "web.slice" with two services in it; the slice is one that is taken as a whole. */
static void start_group(void)
{
	static const char *const paths[] = { "web.slice", "web.slice/a.service",
					     "web.slice/b.service" };

	start();
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add_service(NORMAL, (int64_t)(i + 1) * 200 * MIB)->path = paths[i];
	settings[0].oom_group = reading_of(1);
}

TEST(a_group_ends_as_a_whole)
{
	start_group();
	add_service(NORMAL, 1 * GIB); /* more than each, less than all */
	check_int(victim(), 1);
	check(plan.steps[0].kill.takes_all);
	check_int(plan.steps[0].expected_gain, 1200 * MIB);
	check(is_refused(2, REFUSE_GROUP));
	check(is_refused(3, REFUSE_GROUP));
	settings[0].oom_group = reading_of(0);
	check_int(victim(), 4);
	check(!plan.steps[0].kill.takes_all);
	check_int(plan.refusal_count, 0);
}

TEST(who_is_to_be_spared_in_a_group_leaves_each_on_its_own)
{
	start_group();
	services[1].policy = NEVER;
	check_int(victim(), 3);
	check(!plan.steps[0].kill.takes_all);
	check_int(plan.steps[0].expected_gain, 600 * MIB);
	/* Nor is one a group that itself is not to end. */
	start_group();
	services[0].policy = NEVER;
	check_int(victim(), 3);
}
