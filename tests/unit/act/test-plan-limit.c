/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "candidates.h"

enum { ROOMY = OWN_POLICY };
enum { DOWN, UP };
enum { SUBJECT, CANDIDATES };

static struct action_call call;

static void start(void)
{
	start_candidates(800 * MIB);
	policies[ROOMY].has_ceiling = true;
	policies[ROOMY].max_ceiling = (struct policy_size){ SIZE_ABSOLUTE, 2 * GIB };
	set_reading(snapshot.host.readings, METRIC_MEM_TOTAL, 16 * GIB);
	set_reading(snapshot.host.readings, METRIC_MEM_AVAILABLE, 8 * GIB);
	call = (struct action_call){
		.action = ACTION_LIMIT,
		.values = { DOWN, ARG_NOT_GIVEN, ARG_NOT_GIVEN, 100 },
	};
}

/* Half of it file pages, 200 MiB of these dirty. */
static struct service *add_mixed(int policy, int64_t bytes)
{
	struct service *s = add_service(policy, bytes);

	set_reading(s->readings, METRIC_SERVICE_ANON, bytes / 2);
	set_reading(s->readings, METRIC_SERVICE_FILE, bytes / 2);
	set_reading(s->readings, METRIC_SERVICE_DIRTY, 200 * MIB);
	return s;
}

static void give_swap(int64_t bytes)
{
	snapshot.host.swap_present = true;
	set_reading(snapshot.host.readings, METRIC_SWAP_TOTAL, 8 * GIB);
	set_reading(snapshot.host.readings, METRIC_SWAP_FREE, bytes);
}

static struct setting_target on(enum setting_id id, uint64_t key)
{
	return (struct setting_target){ .id = id, .key = key };
}

/* The limit that the only step sets, or -1. */
static int64_t limit(void)
{
	run_plan(&call);
	check(plan.step_count <= 1);
	return plan.step_count ? plan.steps[0].setting.wanted.number : -1;
}

TEST(down_is_a_step_below_use)
{
	start();
	add_mixed(NORMAL, 2 * GIB);
	check_int(limit(), 1844 * MIB); /* nine tenths, in whole mebibytes */
	const struct step *step = &plan.steps[0];

	check_int(step->action, ACTION_LIMIT);
	check_int(step->order, STEP_START);
	check_int(step->target.key, 1);
	check_int(step->setting.on.id, SETTING_MEMORY_HIGH);
	check_int(step->setting.on.key, 1);
	check(step->setting.was_known);
	check(step->setting.was.number == SETTING_UNLIMITED);
	check_int(step->setting.owner, OWNER_SYSTEMD);
	/* What is dirty and what is anonymous cannot be reclaimed without swap. */
	check_int(step->setting.floor_bytes, 1 * GIB + 200 * MIB);
	check_str(words_of(step, false), "MemoryHigh of s0.service 1.8 GiB, now infinity");
	check_str(
		words_of(step, true),
		"memory.reclaim of /s0.service in small requests, as far as its use is above that\n"
		"SetUnitProperties(s0.service, runtime, MemoryHigh=1933574144)");
}

TEST(steps_go_on_from_what_was_set)
{
	start();
	add_mixed(NORMAL, 2 * GIB);
	add_claim(on(SETTING_MEMORY_HIGH, 1), 1600 * MIB);
	check_int(limit(), 1440 * MIB);
	/* What is in force by the snapshot and stricter counts more. */
	settings[0].memory[SETTING_MEMORY_HIGH] = reading_of(1500 * MIB);
	check_int(limit(), 1350 * MIB);
	check_int(plan.steps[0].setting.was.number, 1500 * MIB);
}

TEST(down_ends_at_what_cannot_be_reclaimed)
{
	start();
	add_mixed(NORMAL, 2 * GIB);
	add_claim(on(SETTING_MEMORY_HIGH, 1), 1300 * MIB);
	check_int(limit(), 1224 * MIB);
	claims[0].value.number = 1224 * MIB;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_FLOOR));
}

TEST(without_swap_anonymous_memory_is_not_throttled)
{
	start();
	add_service(NORMAL, 2 * GIB);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NO_SWAP));
	set_reading(services[0].readings, METRIC_SERVICE_FILE, 50 * MIB); /* a quarter of a step */
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NO_SWAP));
	give_swap(4 * GIB);
	check_int(limit(), 1844 * MIB);
	give_swap(10 * MIB); /* all but full */
	check_int(limit(), -1);
	check(is_refused(1, REFUSE_FLOOR));
	give_swap(4 * GIB);
	set_reading(services[0].readings, METRIC_SERVICE_SWAP_MAX, 1 * MIB);
	check_int(limit(), -1);
	set_reading(services[0].readings, METRIC_SERVICE_FILE, 0);
	snapshot.host.swap_present = false; /* the reading is of another time */
	services[0].readings[metric_index(METRIC_SERVICE_SWAP_MAX)] = READING_FOREVER;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NO_SWAP));
}

TEST(protected_memory_is_the_floor)
{
	start();
	give_swap(8 * GIB);
	add_service(NORMAL, 1 * GIB);
	settings[0].memory[SETTING_MEMORY_LOW] = reading_of(1000 * MIB);
	check_int(limit(), 1000 * MIB);
	check_int(plan.steps[0].setting.floor_bytes, 1000 * MIB);
	settings[0].memory[SETTING_MEMORY_MIN] = reading_of(1020 * MIB);
	check_int(limit(), 1020 * MIB);
	settings[0].memory[SETTING_MEMORY_MIN] = READING_FOREVER; /* all of it */
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_FLOOR));
	settings[0].memory[SETTING_MEMORY_MIN] = settings[0].memory[SETTING_MEMORY_LOW] =
		reading_of(0);
	/* What its policy says counts though it is not in force yet. */
	policies[NORMAL].settings[0] =
		(struct policy_setting){ .id = SETTING_MEMORY_LOW,
					 .size = { SIZE_ABSOLUTE, 1010 * MIB } };
	policies[NORMAL].setting_count = 1;
	check_int(limit(), 1010 * MIB);
}

TEST(what_is_protected_below_it_is_not_crossed)
{
	start();
	give_swap(8 * GIB);
	add_service(NORMAL, 1 * GIB)->path = "a.slice";
	add_service(NORMAL, 500 * MIB)->path = "a.slice/b.service";
	add_service(NORMAL, 480 * MIB)->path = "a.slice/c.service";
	add_service(NORMAL, 500 * MIB)->path = "a.slicer"; /* not below it */
	settings[1].memory[SETTING_MEMORY_MIN] = reading_of(500 * MIB);
	settings[2].memory[SETTING_MEMORY_LOW] = reading_of(470 * MIB);
	settings[3].memory[SETTING_MEMORY_MIN] = reading_of(500 * MIB);
	policies[FIRST].rank = 1;
	services[0].policy = FIRST;
	check_int(limit(), 970 * MIB);
	check_int(plan.steps[0].target.key, 1);
}

TEST(one_that_holds_somebody_to_be_spared_is_spared)
{
	start();
	give_swap(8 * GIB);
	add_service(FIRST, 1 * GIB)->path = "a.slice";
	add_service(NEVER, 1 * MIB)->path = "a.slice/b.service";
	check_int(limit(), -1);
	check(is_refused(1, REFUSE_PROTECTED));
	services[1].policy = NORMAL;
	check(limit() > 0);
	services[1].guest = GUEST_QEMU;
	check_int(limit(), -1);
}

TEST(never_below_the_least_that_a_service_needs)
{
	start();
	give_swap(8 * GIB);
	add_service(NORMAL, 70 * MIB);
	check_int(limit(), 64 * MIB);
	set_reading(services[0].readings, METRIC_SERVICE_CURRENT, 64 * MIB);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_FLOOR));
	set_reading(services[0].readings, METRIC_SERVICE_CURRENT, 0);
	check_int(limit(), -1);
}

TEST(candidates_in_order_and_one_at_a_time)
{
	start();
	give_swap(8 * GIB);
	add_service(NORMAL, 4 * GIB);
	add_service(FIRST, 1 * GIB);
	add_service(FIRST, 2 * GIB);
	check(limit() > 0);
	check_int(plan.steps[0].target.key, 3);
	policies[SECOND_POLICY] = policies[FIRST];
	policies[SECOND_POLICY].rank = 499;
	services[1].policy = SECOND_POLICY;
	check(limit() > 0);
	check_int(plan.steps[0].target.key, 2);
	/* At its end, the next one's turn. */
	settings[1].memory[SETTING_MEMORY_HIGH] = reading_of(64 * MIB);
	check(limit() > 0);
	check_int(plan.steps[0].target.key, 3);
	check(is_refused(2, REFUSE_FLOOR));
}

TEST(who_is_never_limited)
{
	start();
	give_swap(8 * GIB);
	struct service *s = add_service(NORMAL, 4 * GIB);

	check(limit() > 0);
	s->protected_unit = true;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->protected_unit = false;
	s->is_self = true;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->is_self = false;
	s->guest = GUEST_FIRECRACKER;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->guest = GUEST_NONE;
	s->policy = GUESTS;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->policy = SYSTEM;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->policy = NEVER;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_POLICY_KEEP));
	s->policy = NORMAL;
	s->owner = OWNER_OTHER;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NOT_OURS));
	s->owner = OWNER_UNKNOWN;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NOT_READ));
	s->owner = OWNER_NOBODY;
	check(limit() > 0);
	s->policy = -1;
	check_int(limit(), -1);
	check(is_only_refusal(0, REFUSE_NO_CANDIDATE));
}

TEST(a_small_one_of_the_spared_is_not_spoken_of)
{
	start();
	add_service(NEVER, 99 * MIB); /* an eighth of what is missing is 100 */
	check_int(limit(), -1);
	check(is_only_refusal(0, REFUSE_NO_CANDIDATE));
	context.goal.known = false;
	services[0].readings[metric_index(METRIC_SERVICE_ANON)] = reading_of(1 * GIB);
	check_int(limit(), -1);
	check(is_only_refusal(0, REFUSE_NO_CANDIDATE)); /* less than an eighth of the host */
}

TEST(a_subject_is_limited_if_the_rule_names_it)
{
	start();
	give_swap(8 * GIB);
	add_service(NEVER, 1 * GIB);
	add_service(FIRST, 1 * GIB);
	set_subject(1);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_POLICY_KEEP));
	context.subject_is_named = true;
	check(limit() > 0);
	check_int(plan.steps[0].target.key, 1);
	services[0].policy = SYSTEM;
	policies[SYSTEM].kill = KILL_NEVER;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	services[0].policy = GUESTS;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	/* Naming the subject names no candidates. */
	services[0].policy = NEVER;
	call.values[1] = CANDIDATES;
	check(limit() > 0);
	check_int(plan.steps[0].target.key, 2);
	/* A rule about the host has no service of its own. */
	context.subject = (struct subject){ SCOPE_HOST, 0 };
	call.values[1] = SUBJECT;
	check_int(limit(), -1);
	check(is_only_refusal(0, REFUSE_NO_CANDIDATE));
}

TEST(nothing_is_limited_where_a_met_limit_takes_the_host_down)
{
	start();
	give_swap(8 * GIB);
	add_service(NORMAL, 1 * GIB);
	snapshot.host.panic_on_oom = true;
	check_int(limit(), -1);
	check(is_only_refusal(0, REFUSE_PANIC));
}

TEST(busy_barred_and_unread_ones_are_passed_over)
{
	start();
	give_swap(8 * GIB);
	add_service(NORMAL, 1 * GIB);
	busy_service = 1;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_BUSY));
	busy_service = 0;
	barred_service = 1;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_BARRED));
	barred_service = 0;
	services[0].settings = NULL;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NOT_READ));
	services[0].settings = &settings[0];
	settings[0].memory[SETTING_MEMORY_HIGH] = READING_NONE; /* v1 */
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_UNSUPPORTED));
	settings[0].memory[SETTING_MEMORY_HIGH] = READING_FOREVER;
	services[0].readings[metric_index(METRIC_SERVICE_CURRENT)] = READING_NONE;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_UNSUPPORTED));
	set_reading(services[0].readings, METRIC_SERVICE_CURRENT, 1 * GIB);
	taken_from = 1;
	taken = UINT64_MAX; /* dead already, in a dry run */
	check_int(limit(), -1);
	check(is_only_refusal(0, REFUSE_NO_CANDIDATE));
}

TEST(max_stays_above_use)
{
	start();
	add_service(NORMAL, 1 * GIB);
	call.values[2] = SETTING_MEMORY_MAX;
	check_int(limit(), 1127 * MIB); /* a tenth above */
	check_int(plan.steps[0].expected_gain, 0);
	settings[0].memory[SETTING_MEMORY_MAX] = reading_of(2 * GIB);
	check_int(limit(), 1844 * MIB);
	settings[0].memory[SETTING_MEMORY_MAX] = reading_of(1127 * MIB);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_FLOOR));
	set_reading(services[0].readings, METRIC_SERVICE_CURRENT, 100 * MIB);
	settings[0].memory[SETTING_MEMORY_MAX] = READING_FOREVER;
	check_int(limit(), 116 * MIB); /* never nearer than 16 MiB */
}

TEST(swap_stops_where_it_is)
{
	start();
	add_service(NORMAL, 1 * GIB);
	call.values[2] = SETTING_MEMORY_SWAP_MAX;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_UNSUPPORTED)); /* how much it has is not known */
	set_reading(services[0].readings, METRIC_SERVICE_SWAP, 300 * MIB);
	check_int(limit(), 300 * MIB);
	settings[0].memory[SETTING_MEMORY_SWAP_MAX] = reading_of(300 * MIB);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_FLOOR));
}

TEST(v1_is_limited_by_its_own_file)
{
	start();
	add_service(NORMAL, 1 * GIB)->owner = OWNER_NOBODY;
	snapshot.host.memory_is_v1 = true;
	call.values[2] = SETTING_MEMORY_MAX;
	check_int(limit(), 1127 * MIB);
	check_str(words_of(&plan.steps[0], true),
		  "memory.limit_in_bytes of /s0.service: 1181745152");
}

TEST(what_is_felt_is_the_gain)
{
	start();
	give_swap(8 * GIB);
	struct service *s = add_service(NORMAL, 1 * GIB);
	const struct subject host = { SCOPE_HOST, 0 }, node = { SCOPE_NODE, 0 };
	const struct subject itself = { SCOPE_SERVICE, 1 };
	const struct action *limits = &actions[ACTION_LIMIT];

	check_int(limit(), 922 * MIB);
	check_int(plan.steps[0].gain_metric, METRIC_MEM_AVAILABLE);
	check_int(plan.steps[0].expected_gain, 102 * MIB);
	check_int(limits->level(&plan.steps[0], host, &snapshot).value, 1 * GIB);
	check_int(limits->level(&plan.steps[0], node, &snapshot).value, 1 * GIB);
	/* Clean pages count as available already. */
	set_reading(s->readings, METRIC_SERVICE_ANON, 500 * MIB);
	set_reading(s->readings, METRIC_SERVICE_FILE, 80 * MIB);
	check_int(limit(), 922 * MIB);
	check_int(plan.steps[0].expected_gain, 22 * MIB);
	set_reading(s->readings, METRIC_SERVICE_FILE, 500 * MIB);
	check_int(limit(), 922 * MIB);
	check_int(plan.steps[0].expected_gain, 0);
	check_int(plan.steps[0].gain_metric, METRIC_NONE);
	/* Of a step after another one its own part. */
	set_reading(s->readings, METRIC_SERVICE_FILE, 80 * MIB);
	add_claim(on(SETTING_MEMORY_HIGH, 1), 1000 * MIB);
	check_int(limit(), 900 * MIB);
	check_int(plan.steps[0].expected_gain, 124 * MIB - 80 * MIB);
	claims[0].value.number = 800 * MIB;
	check_int(limit(), 720 * MIB);
	check_int(plan.steps[0].expected_gain, 80 * MIB);
	claim_count = 0;
	/* The service itself feels all of it. */
	set_subject(1);
	check_int(limit(), 922 * MIB);
	check_int(plan.steps[0].expected_gain, 102 * MIB);
	check_int(plan.steps[0].gain_metric, METRIC_NONE);
	check_int(limits->level(&plan.steps[0], itself, &snapshot).value, 1 * GIB);
	/* On a node no more than it has there. */
	context.subject = node;
	set_reading(s->readings, METRIC_SERVICE_FILE, 0);
	set_reading(s->readings, METRIC_SERVICE_ANON, 1 * GIB);
	shares[0][0].movable_bytes = 30 * MIB;
	check_int(limit(), 922 * MIB);
	check_int(plan.steps[0].gain_metric, METRIC_NODE_HEADROOM);
	check_int(plan.steps[0].expected_gain, 30 * MIB);
	snapshot.service_count = 0;
	check_int(limits->level(&plan.steps[0], host, &snapshot).state, READING_UNKNOWN);
}

TEST(staging_decides_who_is_meant)
{
	start();
	give_swap(8 * GIB);
	policies[FIRST].mode = MODE_DRY_RUN;
	add_service(FIRST, 1 * GIB);
	add_service(NORMAL, 1 * GIB);
	check(limit() > 0);
	check_int(plan.steps[0].target.key, 2);
	context.mode = MODE_DRY_RUN;
	check(limit() > 0);
	check_int(plan.steps[0].target.key, 1);
	context.is_regrown = true;
	check_int(limit(), -1);
	check_int(plan.refusal_count, 0);
}

/* A subject at its own limit, which may rise to 2 GiB. */
static struct service *start_up(enum setting_id id, int64_t at)
{
	struct service *s;

	start();
	s = add_service(ROOMY, at);
	settings[0].memory[id] = reading_of(at);
	set_subject(1);
	call.values[0] = UP;
	return s;
}

TEST(up_raises_what_is_met)
{
	start_up(SETTING_MEMORY_HIGH, 1000 * MIB);
	check_int(limit(), 1100 * MIB);
	check_int(plan.steps[0].setting.on.id, SETTING_MEMORY_HIGH);
	check_int(plan.steps[0].setting.floor_bytes, 0);
	check_int(plan.steps[0].expected_gain, 0);
	check_str(words_of(&plan.steps[0], true),
		  "SetUnitProperties(s0.service, runtime, MemoryHigh=1153433600)");

	struct service *s = start_up(SETTING_MEMORY_MAX, 1000 * MIB);

	check_int(limit(), 1100 * MIB);
	check_int(plan.steps[0].setting.on.id, SETTING_MEMORY_MAX);
	/* Far below it nothing holds it back, unless it runs into it all the same. */
	set_reading(s->readings, METRIC_SERVICE_CURRENT, 900 * MIB);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_UNLIMITED));
	set_reading(s->readings, METRIC_SERVICE_EVENTS_MAX_RATE, 3);
	check_int(limit(), 1100 * MIB);
	call.values[2] = SETTING_MEMORY_HIGH; /* that one it is not */
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_UNLIMITED));
}

TEST(high_does_not_rise_above_max)
{
	start_up(SETTING_MEMORY_HIGH, 1000 * MIB);
	settings[0].memory[SETTING_MEMORY_MAX] = reading_of(1050 * MIB);
	check_int(limit(), 1050 * MIB);
	check_int(plan.steps[0].setting.on.id, SETTING_MEMORY_HIGH);
	settings[0].memory[SETTING_MEMORY_MAX] = reading_of(1000 * MIB);
	check_int(limit(), 1100 * MIB);
	check_int(plan.steps[0].setting.on.id, SETTING_MEMORY_MAX);
}

TEST(up_ends_at_the_ceiling)
{
	start_up(SETTING_MEMORY_HIGH, 1900 * MIB);
	check_int(limit(), 2048 * MIB);
	settings[0].memory[SETTING_MEMORY_HIGH] = reading_of(2 * GIB);
	set_reading(services[0].readings, METRIC_SERVICE_CURRENT, 2 * GIB);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_CEILING));
	settings[0].memory[SETTING_MEMORY_HIGH] = reading_of(1900 * MIB);
	policies[ROOMY].has_ceiling = false;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_CEILING));
	policies[ROOMY].has_ceiling = true;
	policies[ROOMY].max_ceiling = (struct policy_size){ SIZE_OF_HOST, 250 };
	check_int(limit(), 1900 * MIB + 190 * MIB);
	snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)] = READING_NONE;
	check_int(limit(), -1); /* a part of what is not known */
	check(is_only_refusal(1, REFUSE_CEILING));
}

TEST(up_leaves_the_host_an_eighth)
{
	start_up(SETTING_MEMORY_HIGH, 1000 * MIB);
	set_reading(snapshot.host.readings, METRIC_MEM_AVAILABLE, 2 * GIB + 40 * MIB);
	check_int(limit(), 1040 * MIB);
	set_reading(snapshot.host.readings, METRIC_MEM_AVAILABLE, 2 * GIB + 5 * MIB);
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_HOST_FULL));
	set_reading(snapshot.host.readings, METRIC_MEM_AVAILABLE, 1 * GIB);
	check_int(limit(), -1);
	snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = READING_NONE;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_HOST_FULL));
}

TEST(up_leaves_its_nodes_an_eighth)
{
	static struct idset first;
	struct service *s = start_up(SETTING_MEMORY_HIGH, 1000 * MIB);

	idset_clear(&first);
	idset_add(&first, 0);
	s->allowed = &first; /* node 0 has 100 MiB of headroom */
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_HOST_FULL));
	set_reading(nodes[0].readings, METRIC_NODE_HEADROOM, 1 * GIB + 50 * MIB);
	check_int(limit(), 1050 * MIB);
	s->allowed_known = false;
	check_int(limit(), 1100 * MIB);
}

TEST(up_leaves_others_what_they_are_promised)
{
	start_up(SETTING_MEMORY_HIGH, 1000 * MIB);
	add_service(NEVER, 1 * GIB);
	settings[1].memory[SETTING_MEMORY_MIN] = reading_of(1 * GIB + 6 * GIB - 30 * MIB);
	check_int(limit(), 1030 * MIB);
	settings[1].memory[SETTING_MEMORY_MIN] = reading_of(1 * GIB); /* it has that */
	check_int(limit(), 1100 * MIB);
}

TEST(up_goes_on_from_what_was_said)
{
	start_up(SETTING_MEMORY_HIGH, 1000 * MIB);
	add_claim(on(SETTING_MEMORY_HIGH, 1), 1100 * MIB);
	check_int(limit(), -1); /* on its way, or another claim is stricter */
	check(is_only_refusal(1, REFUSE_ALREADY));
	settings[0].memory[SETTING_MEMORY_HIGH] = reading_of(1100 * MIB);
	set_reading(services[0].readings, METRIC_SERVICE_CURRENT, 1100 * MIB);
	check_int(limit(), 1210 * MIB);
	settings[0].memory[SETTING_MEMORY_HIGH] = reading_of(1000 * MIB);
	policies[ROOMY].mode = MODE_DRY_RUN;
	context.mode = MODE_DRY_RUN;
	check_int(limit(), 1210 * MIB);
}

TEST(up_is_for_those_that_may_be_touched)
{
	struct service *s = start_up(SETTING_MEMORY_HIGH, 1000 * MIB);

	s->guest = GUEST_QEMU;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_PROTECTED));
	s->guest = GUEST_NONE;
	s->owner = OWNER_OTHER;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NOT_OURS));
	s->owner = OWNER_SYSTEMD;
	s->settings = NULL;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_NOT_READ));
	s->settings = &settings[0];
	settings[0].memory[SETTING_MEMORY_HIGH] = READING_FOREVER;
	check_int(limit(), -1);
	check(is_only_refusal(1, REFUSE_UNLIMITED));
	snapshot.host.panic_on_oom = true; /* which a higher limit does not mind */
	settings[0].memory[SETTING_MEMORY_HIGH] = reading_of(1000 * MIB);
	check(limit() > 0);
}
