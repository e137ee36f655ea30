/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "act/outlook.h"
#include "context.h"

static struct action_call call;

static void plan_move(int64_t bytes, int64_t to)
{
	call = (struct action_call){ .action = ACTION_MIGRATE, .values = { bytes, to } };
	run_plan(&call);
}

static void plan_until_clear(void)
{
	plan_move(ARG_UNTIL_CLEAR, ARG_ROOMIEST);
}

static uint64_t planned_bytes(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < plan.step_count; i++)
		sum += plan.steps[i].migrate.bytes;
	return sum;
}

static void check_only_refusal(uint64_t service, enum refusal why)
{
	check_int(plan.step_count, 0);
	check(is_refused(service, why));
}

TEST(moves_what_is_missing_and_a_margin)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	plan_until_clear();

	check_int(plan.step_count, 1);
	const struct step *s = &plan.steps[0];

	check_int(s->order, STEP_START);
	check_int(s->action, ACTION_MIGRATE);
	check_int(s->target.key, 1);
	check_str(s->target.path, "s0.service");
	check_int(s->migrate.from_node, 0);
	check_int(s->migrate.to_node, 1);
	check_int(s->migrate.bytes, 900 * MIB); /* 800 MiB and an eighth */
	check_int(s->gain_metric, METRIC_NODE_HEADROOM);
	check_int(s->expected_gain, 900 * MIB);
	check(s->migrate.move_shared);
	check_int(plan.refusal_count, 0);
}

TEST(margin_covers_what_the_node_loses_meanwhile)
{
	start_machine(2);
	add_service(0, 3 * GIB);
	/* 100 MiB last 0.5 s: 200 MiB/s, and two seconds of it. */
	set_reading(nodes[0].readings, METRIC_NODE_TIME_TO_EMPTY, 500 * (int64_t)USEC_PER_MSEC);
	plan_until_clear();
	check(planned_bytes() >= 1199 * (uint64_t)MIB && planned_bytes() <= 1201 * (uint64_t)MIB);
}

TEST(a_fixed_amount_is_taken_as_it_is)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	plan_move(256 * MIB, 1);
	check_int(planned_bytes(), 256 * MIB);
	plan_move(256 * MIB, 0); /* to where it comes from */
	check_only_refusal(0, REFUSE_NO_ROOM);
	plan_move(256 * MIB, 9); /* no such node */
	check_only_refusal(0, REFUSE_NO_ROOM);
}

TEST(relief_under_way_is_not_asked_for_twice)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	context.relief_bytes = 600 * MIB;
	plan_until_clear();
	check_int(planned_bytes(), 300 * MIB);
	context.relief_bytes = 900 * MIB;
	plan_until_clear();
	check_only_refusal(0, REFUSE_BUSY);
}

TEST(shared_pages_go_along_for_guests_only)
{
	start_machine(2);
	policies[0].kind = KIND_SERVICE;
	struct service *s = add_service(0, 2 * GIB);

	plan_until_clear();
	check(!plan.steps[0].migrate.move_shared);
	s->guest = GUEST_QEMU;
	plan_until_clear();
	check(plan.steps[0].migrate.move_shared);
}

TEST(lower_rank_first_then_most_to_give)
{
	start_machine(2);
	policies[2] = policies[0];
	policies[2].rank = 100;
	add_service(0, 2 * GIB);
	add_service(2, 300 * MIB);
	add_service(2, 400 * MIB);
	plan_until_clear();
	check_int(plan.step_count, 3);
	check_int(plan.steps[0].target.key, 3);
	check_int(plan.steps[0].migrate.bytes, 400 * MIB);
	check_int(plan.steps[1].target.key, 2);
	check_int(plan.steps[2].target.key, 1);
	check_int(planned_bytes(), 900 * MIB);
}

TEST(among_equals_the_one_with_the_nearer_node)
{
	start_machine(3);
	distances[0][1] = 20;
	distances[0][2] = 12;
	struct service *far_one = add_service(0, 2 * GIB);
	struct service *near_one = add_service(0, 1 * GIB);
	struct idset far_set = { { 0 } }, near_set = { { 0 } };

	idset_add(&far_set, 0);
	idset_add(&far_set, 1);
	idset_add(&near_set, 0);
	idset_add(&near_set, 2);
	far_one->allowed = &far_set;
	near_one->allowed = &near_set;
	plan_until_clear();
	check_int(plan.steps[0].target.key, 2);
	check_int(plan.steps[0].migrate.to_node, 2);
}

TEST(roomiest_unless_a_near_one_is_as_good)
{
	start_machine(3);
	add_service(0, 2 * GIB);
	distances[0][1] = 12;
	set_reading(nodes[2].readings, METRIC_NODE_HEADROOM, 6 * GIB);
	plan_until_clear();
	check_int(plan.steps[0].migrate.to_node, 1); /* nearer, and room enough */

	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 2 * GIB);
	plan_until_clear();
	check_int(plan.steps[0].migrate.to_node, 2); /* less than half of the roomiest */

	/* Half as much room, but not for all of it. */
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 4 * GIB);
	plan_move(2 * GIB, ARG_ROOMIEST);
	check_int(plan.steps[0].migrate.to_node, 1);
	spare[1] = 1900 * MIB;
	spare[2] = 3000 * MIB;
	plan_move(2 * GIB, ARG_ROOMIEST);
	check_int(plan.steps[0].migrate.to_node, 2);
	spare[1] = spare[2] = UINT64_MAX;

	distances[0][1] = 0; /* unknown is not near */
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 5 * GIB);
	plan_until_clear();
	check_int(plan.steps[0].migrate.to_node, 2);
}

TEST(a_destination_keeps_its_reserve_a_tenth_and_what_is_promised)
{
	start_machine(2);
	add_service(0, 4 * GIB);
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 1500 * MIB);
	nodes[1].reserve_bytes = 100 * MIB;
	nodes[1].declared_growth_bytes = 50 * MIB;
	incoming[1] = 30 * MIB;
	plan_until_clear();
	/* 8 GiB / 10 is 819.2 MiB: what is left is 500.8. */
	check_int(plan.steps[0].migrate.bytes / (uint64_t)MIB, 500);
	check_int(plan.steps[0].migrate.bytes % 4096, 0);

	spare[1] = 200 * MIB; /* the rule itself would call it short beyond that */
	plan_until_clear();
	check_int(plan.steps[0].migrate.bytes, 170 * MIB);
}

TEST(several_nodes_share_what_one_cannot_take)
{
	start_machine(3);
	add_service(0, 500 * MIB);
	add_service(0, 500 * MIB);
	spare[1] = spare[2] = 600 * MIB;
	plan_until_clear();
	check_int(plan.step_count, 2);
	check(plan.steps[0].migrate.to_node != plan.steps[1].migrate.to_node);
	check_int(planned_bytes(), 900 * MIB);
}

TEST(no_step_when_every_node_is_short)
{
	start_machine(3);
	add_service(0, 2 * GIB);
	spare[1] = spare[2] = 0;
	plan_until_clear();
	check_int(plan.step_count, 0);
	check(is_refused(1, REFUSE_NO_ROOM));
	check(is_refused(0, REFUSE_NO_ROOM));
}

TEST(room_below_the_floor_is_no_room)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	spare[1] = 15 * MIB;
	plan_until_clear();
	check_int(plan.step_count, 0);
	check(is_refused(1, REFUSE_NO_ROOM));
}

TEST(nobody_is_moved_out_of_where_it_may_live)
{
	start_machine(3);
	struct service *s = add_service(0, 2 * GIB);
	struct idset own_set = { { 0 } };

	idset_add(&own_set, 0);
	s->allowed = &own_set;
	plan_until_clear();
	check_only_refusal(1, REFUSE_CONFINED);

	idset_add(&own_set, 2);
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 7 * GIB);
	plan_until_clear();
	check_int(plan.steps[0].migrate.to_node, 2);

	s->allowed_known = false;
	plan_until_clear();
	check_only_refusal(1, REFUSE_UNKNOWN_NODES);
	check(!is_refused(0, REFUSE_NO_CANDIDATE)); /* there is one, it only must wait */
}

TEST(one_node_has_nowhere_to_go)
{
	start_machine(1);
	add_service(0, 2 * GIB);
	plan_until_clear();
	check_only_refusal(1, REFUSE_CONFINED);
}

TEST(who_is_passed_over_and_why)
{
	start_machine(2);
	struct service *s = add_service(0, 2 * GIB);

	s->hold = HOLD_PINNED;
	plan_until_clear();
	check_only_refusal(1, REFUSE_HELD);
	s->hold = HOLD_INCOMING_MIGRATION;
	plan_until_clear();
	check_only_refusal(1, REFUSE_HELD);
	s->hold = HOLD_NONE;

	barred_service = 1;
	plan_until_clear();
	check_only_refusal(1, REFUSE_BARRED);
	barred_service = 0;

	busy_service = 1;
	plan_until_clear();
	check_only_refusal(1, REFUSE_BUSY);
	busy_service = 0;

	s->is_self = true;
	plan_until_clear();
	check_only_refusal(1, REFUSE_PROTECTED);
	s->is_self = false;

	s->shares = NULL;
	plan_until_clear();
	check_only_refusal(1, REFUSE_UNKNOWN_NODES);
	s->shares = shares[0];

	shares[0][0].movable_bytes = 15 * MIB; /* the rest is file pages */
	plan_until_clear();
	check_only_refusal(1, REFUSE_NOTHING_THERE);
	shares[0][0].bytes = 15 * MIB;
	plan_until_clear();
	check_only_refusal(0, REFUSE_NO_CANDIDATE); /* too small to be named */
}

static bool unmovable, arrived;

static bool answer_unmovable(void *engine, uint64_t service)
{
	(void)engine;
	return unmovable && service == barred_service;
}

static bool answer_arrived(void *engine, uint64_t service, unsigned node)
{
	(void)engine;
	check_int(node, 0);
	return arrived && service == 1;
}

TEST(what_did_not_move_and_what_came_lately_is_told_apart)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	context.is_unmovable = answer_unmovable;
	context.has_arrived = answer_arrived;
	plan_until_clear();
	check_int(plan.step_count, 1);

	barred_service = 1;
	plan_until_clear();
	check_only_refusal(1, REFUSE_BARRED);
	unmovable = true;
	plan_until_clear();
	check_only_refusal(1, REFUSE_UNMOVABLE);
	barred_service = 0;

	arrived = true;
	plan_until_clear();
	check_only_refusal(1, REFUSE_ARRIVED);
	arrived = unmovable = false;
}

TEST(nodes_that_the_agent_may_not_use_are_no_destination)
{
	start_machine(3);
	struct service *s = add_service(0, 2 * GIB);
	struct idset two = { 0 };

	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 7 * GIB);
	plan_until_clear();
	check_int(plan.steps[0].migrate.to_node, 1);
	idset_add(&snapshot.host.own_nodes, 0);
	idset_add(&snapshot.host.own_nodes, 2);
	plan_until_clear();
	check_int(plan.steps[0].migrate.to_node, 2);

	/* It may live there alone. */
	idset_add(&two, 0);
	idset_add(&two, 1);
	s->allowed = &two;
	plan_until_clear();
	check_only_refusal(1, REFUSE_AGENT_BOUND);
	/* Where there is no room anyway, that is what is said. */
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, 100 * MIB);
	plan_until_clear();
	check(is_refused(1, REFUSE_NO_ROOM));
	check(!is_refused(1, REFUSE_AGENT_BOUND));
	idset_clear(&snapshot.host.own_nodes);
}

TEST(kept_services_are_named_where_they_matter)
{
	start_machine(2);
	add_service(1, 90 * MIB);
	add_service(1, 2 * GIB);
	policies[2] = (struct policy){ .nodes = NODES_LIST, .mode = MODE_ENFORCE };
	add_service(2, 2 * GIB);
	add_service(-1, 2 * GIB); /* no policy: not there */
	plan_until_clear();
	check_int(plan.step_count, 0);
	check_int(plan.refusal_count, 2);
	check(is_refused(2, REFUSE_POLICY_KEEP));
	check(is_refused(3, REFUSE_POLICY_KEEP));
}

TEST(guests_may_move_whatever_protects_them_from_being_killed)
{
	start_machine(2);
	struct service *s = add_service(0, 2 * GIB);

	s->guest = GUEST_QEMU;
	s->protected_unit = true;
	policies[0].nodes = NODES_HOME;
	plan_until_clear();
	check_int(plan.step_count, 1);
}

TEST(a_path_that_is_too_long_is_no_target)
{
	static char path[PATH_BYTES + 1];

	start_machine(2);
	memset(path, 'x', PATH_BYTES);
	add_service(0, 2 * GIB)->path = path;
	plan_until_clear();
	check_only_refusal(1, REFUSE_PROTECTED);
	path[PATH_BYTES - 1] = '\0';
	plan_until_clear();
	check_int(plan.step_count, 1);
	check_str(plan.steps[0].target.path, path);
}

TEST(a_plan_that_is_full_says_so)
{
	start_machine(2);
	for (size_t i = 0; i < PLAN_STEPS_MAX + 4; i++)
		add_service(0, 20 * MIB);
	plan_until_clear();
	check_int(plan.step_count, PLAN_STEPS_MAX);

	plan_reset(&plan);
	for (size_t i = 0; i < PLAN_STEPS_MAX; i++)
		check(plan_add_step(&plan));
	actions[ACTION_MIGRATE].plan(&context, &call, &plan);
	check(is_refused(0, REFUSE_PLAN_FULL));
}

TEST(the_last_slice_is_not_a_crumb)
{
	start_machine(2);
	add_service(0, 890 * MIB);
	add_service(0, 500 * MIB);
	plan_until_clear();
	check_int(plan.step_count, 1); /* 10 MiB of 900 are inside the margin */
}

TEST(running_steps_grow_by_what_is_worth_it)
{
	static struct step running;

	start_machine(2);
	add_service(0, 2 * GIB);
	plan_until_clear();
	running = plan.steps[0];
	running.id = 77;
	own = &running;
	own_pending = 900 * MIB;
	incoming[1] = 900 * MIB;
	context.is_regrown = true;
	context.relief_bytes = 900 * MIB;
	plan_until_clear();
	check_int(plan.step_count + plan.refusal_count, 0);

	context.goal.deficit_bytes = 880 * MIB; /* wants 990: less than an eighth more */
	plan_until_clear();
	check_int(plan.step_count, 0);

	context.goal.deficit_bytes = 1600 * MIB; /* wants 1800 */
	plan_until_clear();
	check_int(plan.step_count, 1);
	check_int(plan.steps[0].order, STEP_RESIZE);
	check_int(plan.steps[0].id, 77);
	check_int(plan.steps[0].migrate.bytes, 1800 * MIB);
	check_int(plan.steps[0].expected_gain, 1800 * MIB);

	context.goal.deficit_bytes = 4 * GIB; /* no more than the service has */
	plan_until_clear();
	check_int(plan.steps[0].migrate.bytes, 2 * GIB);

	add_service(0, 1 * GIB); /* somebody else helps */
	plan_until_clear();
	check_int(plan.step_count, 2);
	check_int(plan.steps[0].order, STEP_RESIZE);
	check_int(plan.steps[1].order, STEP_START);
	check_int(plan.steps[1].target.key, 2);
}

TEST(each_call_is_about_its_own_mode)
{
	start_machine(2);
	policies[2] = policies[0];
	policies[2].mode = MODE_DRY_RUN;
	add_service(0, 2 * GIB);
	add_service(2, 2 * GIB);
	plan_until_clear();
	check_int(plan.step_count, 1);
	check_int(plan.steps[0].target.key, 1);

	context.mode = MODE_DRY_RUN;
	plan_until_clear();
	check_int(plan.step_count, 1);
	check_int(plan.steps[0].target.key, 2);

	context.enforced = false; /* the rule or the agent is in dry run: everybody is */
	plan_until_clear();
	check_int(plan.steps[0].target.key, 1);
}

TEST(a_dry_run_does_not_take_the_same_memory_twice)
{
	start_machine(2);
	add_service(0, 1 * GIB);
	context.enforced = false;
	context.mode = MODE_DRY_RUN;
	taken_from = 1;
	taken = 700 * MIB;
	plan_until_clear();
	check_int(planned_bytes(), 324 * MIB);
	taken = UINT64_MAX; /* dead, in the dry run */
	plan_until_clear();
	check_int(plan.step_count, 0);
}

TEST(unknown_goal_still_moves_a_little)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	context.goal.known = false;
	plan_until_clear();
	check_int(planned_bytes(), 16 * MIB);
}

TEST(absurd_readings_stay_in_range)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	set_reading(nodes[0].readings, METRIC_NODE_HEADROOM, INT64_MAX);
	set_reading(nodes[0].readings, METRIC_NODE_TIME_TO_EMPTY, 1);
	context.goal.deficit_bytes = INT64_MAX;
	plan_until_clear();
	check_int(planned_bytes(), 2 * GIB);
	set_reading(nodes[1].readings, METRIC_NODE_HEADROOM, INT64_MIN);
	set_reading(nodes[1].readings, METRIC_NODE_TOTAL, -1);
	context.goal.deficit_bytes = INT64_MIN;
	plan_until_clear();
	check_int(plan.step_count, 0);
}

TEST(unknown_headroom_is_no_room)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	nodes[1].readings[metric_index(METRIC_NODE_HEADROOM)] = READING_NONE;
	plan_until_clear();
	check_only_refusal(0, REFUSE_NO_ROOM);
}

TEST(its_gain_is_what_leaves_the_node)
{
	start_machine(2);
	struct service *s = add_service(0, 2 * GIB);
	const struct subject node0 = { SCOPE_NODE, 0 }, node1 = { SCOPE_NODE, 1 };
	struct reading level;

	plan_until_clear();
	level = actions[ACTION_MIGRATE].level(&plan.steps[0], node0, &snapshot);
	check_int(level.state, READING_KNOWN);
	check_int(level.value, 2 * GIB);
	level = actions[ACTION_MIGRATE].level(&plan.steps[0], node1, &snapshot);
	check_int(level.state, READING_UNKNOWN);
	s->shares = NULL;
	level = actions[ACTION_MIGRATE].level(&plan.steps[0], node0, &snapshot);
	check_int(level.state, READING_UNKNOWN);
}

TEST(the_subject_is_gone)
{
	start_machine(2);
	add_service(0, 2 * GIB);
	context.subject.key = 9;
	plan_until_clear();
	check_int(plan.step_count + plan.refusal_count, 0);
}

TEST(how_fast_it_falls)
{
	const struct subject node = { SCOPE_NODE, 0 }, service = { SCOPE_SERVICE, 1 };

	start_machine(2);
	check_int(outlook_fall(&snapshot, node), 0);
	set_reading(nodes[0].readings, METRIC_NODE_TIME_TO_EMPTY, 2 * (int64_t)USEC_PER_SEC);
	check_int(outlook_fall(&snapshot, node) / (uint64_t)MIB, 49); /* 100 MiB in 2 s */
	nodes[0].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
	check_int(outlook_fall(&snapshot, node), 0);
	check_int(outlook_fall(&snapshot, service), 0);
	check_int(outlook_time_to_empty(&snapshot, service).state, READING_UNKNOWN);
	set_reading(nodes[0].readings, METRIC_NODE_HEADROOM, INT64_MAX);
	set_reading(nodes[0].readings, METRIC_NODE_TIME_TO_EMPTY, 1);
	check(outlook_fall(&snapshot, node) == UINT64_MAX);
}

/* Least harm: after rank, before distance and size. */
TEST(among_equals_the_one_that_has_nothing_to_do)
{
	struct service *busy, *idle;

	start_machine(3);
	distances[0][1] = 20;
	distances[0][2] = 12;
	busy = add_service(0, 2 * GIB);
	idle = add_service(0, 1 * GIB);
	struct idset far_set = { { 0 } }, near_set = { { 0 } };

	idset_add(&far_set, 0);
	idset_add(&far_set, 1);
	idset_add(&near_set, 0);
	idset_add(&near_set, 2);
	busy->allowed = &near_set;
	idle->allowed = &far_set;
	plan_until_clear();
	check_int(plan.steps[0].target.key, 1);
	idle->is_idle = true;
	plan_until_clear();
	check_int(plan.steps[0].target.key, 2);
	check_int(plan.steps[0].migrate.to_node, 1);
	policies[2] = policies[0];
	policies[2].rank = policies[0].rank - 1;
	busy->policy = 2;
	plan_until_clear();
	check_int(plan.steps[0].target.key, 1);
}

TEST(whose_processors_are_pinned_goes_after_the_others)
{
	struct service *tied, *busy;

	start_machine(2);
	tied = add_service(0, 2 * GIB);
	busy = add_service(0, 300 * MIB);
	tied->is_tied = tied->is_idle = true;
	plan_until_clear();
	check_int(plan.steps[0].target.key, service_key(busy));
	check_int(plan.steps[1].target.key, service_key(tied));
	tied->is_tied = false;
	plan_until_clear();
	check_int(plan.steps[0].target.key, service_key(tied));
}
