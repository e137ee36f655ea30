/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "candidates.h"

enum { SUBJECT, CANDIDATES };

static struct action_call call;

static void start(void)
{
	start_candidates(160 * MIB);
	snapshot.host.swap_present = true;
	set_reading(snapshot.host.readings, METRIC_SWAP_FREE, 8 * GIB);
	call = (struct action_call){
		.action = ACTION_RECLAIM,
		.values = { ARG_NOT_GIVEN, ARG_UNTIL_CLEAR },
	};
}

/* Half anonymous, half clean file pages. */
static struct service *add_mixed(int policy, int64_t bytes)
{
	struct service *s = add_service(policy, bytes);

	set_reading(s->readings, METRIC_SERVICE_ANON, bytes / 2);
	set_reading(s->readings, METRIC_SERVICE_FILE, bytes / 2);
	shares[snapshot.service_count - 1][0].movable_bytes = (uint64_t)bytes / 2;
	return s;
}

static const struct step *reclaim(void)
{
	run_plan(&call);
	return plan.step_count ? &plan.steps[0] : NULL;
}

TEST(as_much_as_the_goal_is_short_of)
{
	start();
	add_service(NORMAL, 1 * GIB);
	const struct step *step = reclaim();

	check_int(plan.step_count, 1);
	check_int(step->relief.bytes, 180 * MIB); /* and a margin of an eighth */
	check(!step->relief.of_node);
	check_int(step->expected_gain, 180 * MIB);
	check_int(step->gain_metric, METRIC_MEM_AVAILABLE);
	check_int(step->target.key, 1);
	check_str(words_of(step, false), "reclaim 180 MiB of s0.service");
	check_str(words_of(step, true),
		  "memory.reclaim of /s0.service: 188743680, in small requests");
	context.relief_bytes = 100 * MIB;
	check_int(reclaim()->relief.bytes, 80 * MIB);
	context.relief_bytes = 180 * MIB;
	check(!reclaim());
	check(is_only_refusal(0, REFUSE_BUSY));
	call.values[1] = 64 * MIB;
	check_int(reclaim()->relief.bytes, 64 * MIB);
}

TEST(clean_pages_are_no_gain_where_they_count_already)
{
	start();
	add_mixed(NORMAL, 2 * GIB);
	/* Half of what is reclaimed is file, so twice as much is asked for. */
	check_int(reclaim()->relief.bytes, 360 * MIB);
	check_int(plan.steps[0].expected_gain, 180 * MIB);
	context.goal.metric = METRIC_MEM_FREE;
	check_int(reclaim()->relief.bytes, 180 * MIB);
	check_int(plan.steps[0].gain_metric, METRIC_MEM_FREE);
	context.goal.metric = METRIC_MEM_AVAILABLE;
	snapshot.host.swap_present = false;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_GAIN));
	context.goal.metric = METRIC_MEM_FREE;
	check_int(reclaim()->relief.bytes, 180 * MIB);
	/* Dirty ones have to be written first. */
	set_reading(services[0].readings, METRIC_SERVICE_DIRTY, 1 * GIB);
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_GAIN));
}

TEST(half_of_what_could_be_had_at_most)
{
	start();
	context.goal.deficit_bytes = 8 * GIB;
	add_service(NORMAL, 1 * GIB);
	check_int(reclaim()->relief.bytes, 512 * MIB);
	set_reading(snapshot.host.readings, METRIC_SWAP_FREE, 100 * MIB);
	check_int(reclaim()->relief.bytes, 50 * MIB);
	set_reading(snapshot.host.readings, METRIC_SWAP_FREE, 8 * GIB);
	set_reading(services[0].readings, METRIC_SERVICE_SWAP_MAX, 500 * MIB);
	set_reading(services[0].readings, METRIC_SERVICE_SWAP, 300 * MIB);
	check_int(reclaim()->relief.bytes, 100 * MIB);
	set_reading(services[0].readings, METRIC_SERVICE_SWAP, 600 * MIB);
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_GAIN));
}

TEST(what_is_protected_stays)
{
	start();
	context.goal.deficit_bytes = 8 * GIB;
	add_service(NORMAL, 1 * GIB);
	settings[0].memory[SETTING_MEMORY_LOW] = reading_of(900 * MIB);
	check_int(reclaim()->relief.bytes, 124 * MIB);
	settings[0].memory[SETTING_MEMORY_LOW] = reading_of(1020 * MIB);
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_GAIN));
}

TEST(shared_out_over_candidates_in_order)
{
	start();
	context.goal.deficit_bytes = 1600 * MIB; /* 1800 with its margin */
	add_service(NORMAL, 2 * GIB);
	add_service(FIRST, 1 * GIB);
	add_service(NORMAL, 1 * GIB);
	add_service(NEVER, 4 * GIB);
	reclaim();
	check_int(plan.step_count, 3);
	check_int(plan.steps[0].target.key, 2);
	check_int(plan.steps[0].relief.bytes, 512 * MIB);
	check_int(plan.steps[1].target.key, 1);
	check_int(plan.steps[1].relief.bytes, 1 * GIB);
	check_int(plan.steps[2].target.key, 3);
	check_int(plan.steps[2].relief.bytes, 264 * MIB);
	check(is_refused(4, REFUSE_POLICY_KEEP));
	call.values[1] = 100 * MIB;
	reclaim();
	check_int(plan.step_count, 1);
}

TEST(a_crowd_is_not_all_asked_at_once)
{
	start();
	context.goal.deficit_bytes = 64 * GIB;
	for (int i = 0; i < SERVICES; i++)
		add_service(NORMAL, 100 * MIB);
	reclaim();
	check_int(plan.step_count, 8);
}

TEST(who_is_never_reclaimed_from)
{
	start();
	struct service *s = add_service(NORMAL, 1 * GIB);

	s->guest = GUEST_QEMU;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->guest = GUEST_NONE;
	s->protected_unit = true;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->protected_unit = false;
	s->owner = OWNER_OTHER;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_NOT_OURS));
	s->owner = OWNER_NOBODY;
	check(reclaim());
	busy_service = 1;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_BUSY));
	busy_service = 0;
	barred_service = 1;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_BARRED));
	barred_service = 0;
	snapshot.host.memory_is_v1 = true;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_UNSUPPORTED));
	snapshot.host.memory_is_v1 = false;
	context.is_regrown = true;
	check(!reclaim());
	check_int(plan.refusal_count, 0);
}

TEST(the_subject_feels_all_of_it)
{
	start();
	add_mixed(NEVER, 2 * GIB); /* reclaim harms nobody, so no consent is asked for */
	set_subject(1);
	context.goal.metric = METRIC_SERVICE_HEADROOM;
	check_int(reclaim()->relief.bytes, 180 * MIB);
	check_int(plan.steps[0].gain_metric, METRIC_SERVICE_HEADROOM);
	check_int(actions[ACTION_RECLAIM].level(&plan.steps[0], context.subject, &snapshot).value,
		  2 * GIB);
}

TEST(of_a_node_the_part_that_lies_there)
{
	start();
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	context.goal = (struct goal){ true, METRIC_NODE_HEADROOM, 160 * MIB };
	add_service(NORMAL, 2 * GIB);
	shares[0][0].movable_bytes = 1 * GIB;
	check_int(reclaim()->relief.bytes, 360 * MIB);
	check_int(plan.steps[0].expected_gain, 180 * MIB);
	check_int(plan.steps[0].gain_metric, METRIC_NODE_HEADROOM);
	check(!plan.steps[0].relief.of_node);
	shares[0][0].movable_bytes = 10 * MIB;
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_GAIN));
}

TEST(a_node_by_itself)
{
	start();
	call.values[0] = SUBJECT;
	context.subject = (struct subject){ SCOPE_NODE, 1 };
	context.goal = (struct goal){ true, METRIC_NODE_FREE, 160 * MIB };
	set_reading(nodes[1].readings, METRIC_NODE_CLEAN, 1 * GIB);
	set_reading(nodes[1].readings, METRIC_NODE_ANON, 900 * MIB);
	set_reading(nodes[1].readings, METRIC_NODE_SHMEM, 124 * MIB);
	const struct step *step = reclaim();

	check(step->relief.of_node);
	check_int(step->relief.node, 1);
	check_int(step->relief.bytes, 180 * MIB);
	check_str(step->target.path, "");
	check_int(step->gain_metric, METRIC_NODE_FREE);
	check_int(actions[ACTION_RECLAIM].level(step, context.subject, &snapshot).value, 2 * GIB);
	check_str(words_of(step, true), "reclaim of node 1: 188743680, in small requests");
	/* Of headroom its clean pages are a part already. */
	context.goal.metric = METRIC_NODE_HEADROOM;
	check_int(reclaim()->relief.bytes, 360 * MIB);
	check_int(actions[ACTION_RECLAIM].level(&plan.steps[0], context.subject, &snapshot).value,
		  1 * GIB);
	snapshot.host.swap_present = false;
	check(!reclaim());
	check(is_only_refusal(0, REFUSE_GAIN));
	snapshot.host.swap_present = true;
	under_way[0] = (struct step){ .action = ACTION_RECLAIM };
	under_way[0].relief.of_node = true;
	under_way[0].relief.node = 1;
	under_way_count = 1;
	check(!reclaim());
	check(is_only_refusal(0, REFUSE_BUSY));
	under_way[0].relief.node = 0;
	check(reclaim());
	barred_line = true;
	check(!reclaim());
	check(is_only_refusal(0, REFUSE_BARRED));
	barred_line = false;
	context.enforced = false; /* then this is the dry run's */
	check(!reclaim());
	check_int(plan.refusal_count, 0);
}

TEST(the_level_is_what_falls)
{
	start();
	add_mixed(NORMAL, 2 * GIB);
	const struct subject host = { SCOPE_HOST, 0 }, node = { SCOPE_NODE, 0 };
	const struct action *action = &actions[ACTION_RECLAIM];

	reclaim();
	check_int(action->level(&plan.steps[0], host, &snapshot).value, 1 * GIB);
	check_int(action->level(&plan.steps[0], node, &snapshot).value, 1 * GIB);
	plan.steps[0].gain_metric = METRIC_MEM_FREE;
	check_int(action->level(&plan.steps[0], host, &snapshot).value, 2 * GIB);
	services[0].shares = NULL;
	check_int(action->level(&plan.steps[0], node, &snapshot).state, READING_UNKNOWN);
	snapshot.service_count = 0;
	check_int(action->level(&plan.steps[0], host, &snapshot).state, READING_UNKNOWN);
}

/* --- swap in compressed memory ---------------------------------------------------------------- */

static void start_compressed(int64_t zram_bytes)
{
	start();
	add_service(NORMAL, 1 * GIB);
	set_reading(snapshot.host.readings, METRIC_SWAP_TOTAL, 9 * GIB);
	set_reading(snapshot.host.readings, METRIC_MEM_ZRAM, zram_bytes);
	set_reading(snapshot.host.readings, METRIC_MEM_AVAILABLE, 1 * GIB);
}

static void falls_by(int64_t bytes_per_sec)
{
	set_reading(snapshot.host.readings, METRIC_MEM_TIME_TO_EMPTY,
		    GIB / (bytes_per_sec / 1000) * 1000);
}

TEST(swap_in_memory_gives_back_a_half)
{
	start_compressed(400 * MIB);
	check_int(reclaim()->relief.bytes, 360 * MIB);
	check_int(plan.steps[0].expected_gain, 180 * MIB);
}

TEST(what_else_is_compressed_is_no_swap)
{
	/* 1 GiB is in swap. */
	start_compressed(100 * MIB);
	check_int(reclaim()->relief.bytes, 180 * MIB);
	start_compressed(2 * GIB);
	check_int(reclaim()->relief.bytes, 180 * MIB);
	start_compressed(400 * MIB);
	set_reading(snapshot.host.readings, METRIC_SWAP_FREE, 9 * GIB);
	check_int(reclaim()->relief.bytes, 180 * MIB);
}

/* Half of the service can be had at once, and half of that comes of it. */
TEST(nothing_is_compressed_for_less_than_a_second)
{
	start_compressed(400 * MIB);
	falls_by(300 * MIB);
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_GAIN));
	falls_by(200 * MIB);
	check(reclaim());
	/* To a disk it goes for good. */
	start_compressed(0);
	falls_by(300 * MIB);
	check(reclaim());
}

TEST(where_nothing_is_left_nothing_is_compressed)
{
	start_compressed(400 * MIB);
	set_reading(snapshot.host.readings, METRIC_MEM_AVAILABLE, 0);
	for (size_t i = 0; i < snapshot.node_count; i++)
		set_reading(nodes[i].readings, METRIC_NODE_HEADROOM, 0);
	check(!reclaim());
	check(is_only_refusal(1, REFUSE_GAIN));
	/* Of its own limit it has more in any case. */
	set_reading(services[0].readings, METRIC_SERVICE_HEADROOM, 0);
	context.subject = (struct subject){ SCOPE_SERVICE, 1 };
	check(reclaim());
}
