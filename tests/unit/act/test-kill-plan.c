/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "candidates.h"

static void start(void)
{
	start_candidates(800 * MIB);
	policies[GUESTS].rank = 1;
}

static void plan_kill(void)
{
	static const struct action_call call = {
		.action = ACTION_KILL,
		.values = { 0, 10 * USEC_PER_SEC },
	};

	run_plan(&call);
}

/* Key of the one that would be killed, 0 for nobody. */
static uint64_t victim(void)
{
	plan_kill();
	check(plan.step_count <= 1);
	return plan.step_count ? plan.steps[0].target.key : 0;
}

TEST(one_step_with_its_gain)
{
	start();
	struct service *s = add_service(NORMAL, 1 * GIB);

	set_reading(s->readings, METRIC_SERVICE_SWAP, 512 * MIB);
	check_int(victim(), 1);
	check_int(plan.steps[0].action, ACTION_KILL);
	check_int(plan.steps[0].kill.grace_usec, 10 * USEC_PER_SEC);
	check_int(plan.steps[0].gain_metric, METRIC_MEM_AVAILABLE);
	check_int(plan.steps[0].expected_gain, 1 * GIB); /* swap is no memory */
}

TEST(class_before_rank_before_size)
{
	start();
	add_service(LAST, 4 * GIB);
	add_service(NORMAL, 3 * GIB);
	add_service(NORMAL, 2 * GIB);
	add_service(FIRST, 100 * MIB);
	check_int(victim(), 4);
	services[3].policy = NEVER;
	check_int(victim(), 2); /* frees more than the third */
	policies[OWN_POLICY] = policies[NORMAL];
	policies[OWN_POLICY].rank = 499;
	services[2].policy = OWN_POLICY;
	check_int(victim(), 3); /* less precious, though smaller */
	services[1].policy = services[2].policy = NEVER;
	check_int(victim(), 1);
}

TEST(memory_and_swap_rank_candidates_of_the_host)
{
	start();
	add_service(NORMAL, 600 * MIB);
	set_reading(add_service(NORMAL, 500 * MIB)->readings, METRIC_SERVICE_SWAP, 200 * MIB);
	check_int(victim(), 2);
}

TEST(without_anon_the_whole_counts)
{
	start();
	struct service *s = add_service(NORMAL, 600 * MIB);

	s->readings[metric_index(METRIC_SERVICE_ANON)] = READING_NONE;
	check_int(victim(), 1);
	check_int(plan.steps[0].expected_gain, 600 * MIB);
	s->readings[metric_index(METRIC_SERVICE_CURRENT)] = READING_NONE;
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_GAIN));
}

TEST(on_a_node_its_share_there_counts)
{
	start();
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_service(NORMAL, 2 * GIB);
	add_service(NORMAL, 1 * GIB);
	shares[0][0].movable_bytes = 10 * MIB;
	shares[0][1].movable_bytes = 2 * GIB;
	check_int(victim(), 2);
	check_int(plan.steps[0].expected_gain, 1 * GIB);
	check_int(plan.steps[0].gain_metric, METRIC_NODE_HEADROOM);
}

TEST(protected_ones_are_never_chosen)
{
	start();
	struct service *s = add_service(NORMAL, 4 * GIB);

	s->protected_unit = true;
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_PROTECTED));
	s->protected_unit = false;
	s->is_self = true;
	check_int(victim(), 0);
	s->is_self = false;
	s->guest = GUEST_FIRECRACKER;
	check_int(victim(), 0);
	s->guest = GUEST_NONE;
	s->policy = GUESTS;
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_PROTECTED));
	s->policy = NEVER;
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_POLICY_KEEP));
	s->policy = -1;
	check_int(victim(), 0);
	check(is_refused(0, REFUSE_NO_CANDIDATE));
	s->policy = 99; /* of another table */
	check_int(victim(), 0);
	s->policy = NORMAL;
	check_int(victim(), 1);
}

TEST(an_exempt_process_exempts_its_service)
{
	start();
	struct service *s = add_service(NORMAL, 4 * GIB);

	s->first_process = 2;
	s->process_count = 3;
	processes[4].oom_score_adj = -1000;
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_PROTECTED));
	processes[4].oom_score_adj = -999;
	check_int(victim(), 1);
	s->process_count = 1000; /* more than the snapshot has */
	check_int(victim(), 1);
}

TEST(small_fry_is_not_worth_its_death)
{
	start();
	add_service(FIRST, 15 * MIB);
	check_int(victim(), 0);
	check(is_refused(1, REFUSE_GAIN));

	context.goal.deficit_bytes = 4 * GIB; /* a twentieth is 204.8 MiB */
	add_service(FIRST, 200 * MIB);
	check_int(victim(), 0);
	check(is_refused(2, REFUSE_GAIN));
	add_service(LAST, 1 * GIB);
	check_int(victim(), 3);
	check(is_refused(1, REFUSE_GAIN));
	check(is_refused(2, REFUSE_GAIN));
}

TEST(a_crowd_of_small_ones_is_not_invisible)
{
	start();
	context.goal.deficit_bytes = 4 * GIB;
	for (int i = 0; i < 30; i++)
		add_service(NORMAL, 70 * MIB + i * MIB);
	check_int(victim(), 30);
	snapshot.service_count = 10; /* together they are not the trouble */
	check_int(victim(), 0);
}

TEST(an_unknown_goal_asks_for_the_floor_only)
{
	start();
	context.goal.known = false;
	add_service(NORMAL, 17 * MIB);
	check_int(victim(), 1);
}

TEST(grace_is_no_more_than_half_of_what_is_left)
{
	start();
	add_service(NORMAL, 1 * GIB);
	set_reading(snapshot.host.readings, METRIC_MEM_TIME_TO_EMPTY, 3 * (int64_t)USEC_PER_SEC);
	check_int(victim(), 1);
	check_int(plan.steps[0].kill.grace_usec, 1500 * USEC_PER_MSEC);
	set_reading(snapshot.host.readings, METRIC_MEM_TIME_TO_EMPTY, 0);
	check_int(victim(), 1);
	check_int(plan.steps[0].kill.grace_usec, 100 * USEC_PER_MSEC);
	set_reading(snapshot.host.readings, METRIC_MEM_TIME_TO_EMPTY, 3600 * (int64_t)USEC_PER_SEC);
	check_int(victim(), 1);
	check_int(plan.steps[0].kill.grace_usec, 10 * USEC_PER_SEC);
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = READING_FOREVER;
	check_int(victim(), 1);
	check_int(plan.steps[0].kill.grace_usec, 10 * USEC_PER_SEC);
}

TEST(barred_and_simulated_dead_are_passed_over)
{
	start();
	add_service(FIRST, 1 * GIB);
	add_service(NORMAL, 1 * GIB);
	barred_service = 1;
	check_int(victim(), 2);
	check(is_refused(1, REFUSE_BARRED));
	barred_service = 0;
	taken_from = 1;
	taken = UINT64_MAX;
	check_int(victim(), 2);
	check_int(plan.refusal_count, 0);
}

TEST(a_victim_that_is_being_moved_is_still_one)
{
	start();
	add_service(NORMAL, 1 * GIB);
	busy_service = 1;
	check_int(victim(), 1);
}

TEST(staging_decides_who_is_meant)
{
	start();
	policies[FIRST].mode = MODE_DRY_RUN;
	add_service(FIRST, 1 * GIB);
	add_service(NORMAL, 1 * GIB);
	check_int(victim(), 2);
	context.mode = MODE_DRY_RUN;
	check_int(victim(), 1);
}

TEST(its_gain_is_what_it_held)
{
	start();
	const struct subject host = { SCOPE_HOST, 0 }, node = { SCOPE_NODE, 0 };
	const struct subject service = { SCOPE_SERVICE, 1 };

	add_service(NORMAL, 1 * GIB);
	check_int(victim(), 1);
	check_int(actions[ACTION_KILL].level(&plan.steps[0], host, &snapshot).value, 1 * GIB);
	check_int(actions[ACTION_KILL].level(&plan.steps[0], node, &snapshot).value, 1 * GIB);
	check_int(actions[ACTION_KILL].level(&plan.steps[0], service, &snapshot).state,
		  READING_UNKNOWN);
	snapshot.service_count = 0;
	check_int(actions[ACTION_KILL].level(&plan.steps[0], host, &snapshot).value, 0);
	check_int(actions[ACTION_KILL].level(&plan.steps[0], host, &snapshot).state, READING_KNOWN);
}
