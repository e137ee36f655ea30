/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is set on services and is no limit of memory: oom-score, freeze and thaw, io-limit. */

#include "test.h"

#include "candidates.h"

#include "act/candidate.h"

#include <sys/sysmacros.h>

enum { PRECIOUS = OWN_POLICY };
enum { SUBJECT, CANDIDATES, PROTECTED };

static struct action_call call;

static void start(enum action_id action, int64_t whom, int64_t value)
{
	start_candidates(800 * MIB);
	policies[PRECIOUS].rank = 800;
	call = (struct action_call){ .action = action, .values = { whom, value } };
}

static const struct step *first_step(void)
{
	run_plan(&call);
	return plan.step_count ? &plan.steps[0] : NULL;
}

static void check_refused(uint64_t service, enum refusal why)
{
	check(!first_step());
	check(is_only_refusal(service, why));
}

/* The same for each of these actions, with one service of policy NORMAL. */
static void check_spares(struct service *s)
{
	check(first_step());
	check_spared(s, check_refused);
	busy_service = 1;
	check_refused(1, REFUSE_BUSY);
	busy_service = 0;
	context.is_regrown = true;
	check(!first_step());
	check_int(plan.refusal_count, 0);
	context.is_regrown = false;
	context.mode = MODE_DRY_RUN;
	check(!first_step());
	context.mode = MODE_ENFORCE;
	check(first_step());
}

static void set_scores(size_t service, int least, int most)
{
	settings[service].score_known = true;
	settings[service].score_least = (int16_t)least;
	settings[service].score_most = (int16_t)most;
}

TEST(candidates_score_higher_all_of_them)
{
	start(ACTION_OOM_SCORE, CANDIDATES, 500);
	add_service(NORMAL, 1 * GIB);
	add_service(FIRST, 1 * GIB);
	add_service(NEVER, 1 * GIB);
	add_service(SYSTEM, 1 * GIB);
	set_scores(0, 0, 100);
	check(first_step());
	check_int(plan.step_count, 3);
	check_int(plan.steps[0].target.key, 2);
	check_int(plan.steps[1].target.key, 1);
	check_int(plan.steps[1].setting.on.id, SETTING_OOM_SCORE_ADJ);
	check_int(plan.steps[1].setting.wanted.number, 500);
	check_int(plan.steps[1].expected_gain, 0);
	check(is_refused(3, REFUSE_POLICY_KEEP));
	check_str(words_of(&plan.steps[1], false), "OOMScoreAdjust of s0.service 500, now 100");
	check_str(words_of(&plan.steps[1], true),
		  "oom_score_adj of each process in /s0.service: 500");
}

TEST(scores_spare_whom_they_have_to)
{
	start(ACTION_OOM_SCORE, CANDIDATES, 500);
	check_spares(add_service(NORMAL, 1 * GIB));
}

TEST(what_is_out_of_the_kernels_choice_stays_out)
{
	start(ACTION_OOM_SCORE, CANDIDATES, 500);
	struct service *s = add_service(NORMAL, 1 * GIB);

	s->process_count = 2;
	processes[1].oom_score_adj = -1000;
	check_refused(1, REFUSE_PROTECTED);
	processes[1].oom_score_adj = 0;
	check(first_step());
	set_scores(0, -1000, 0);
	check_refused(1, REFUSE_PROTECTED);
}

TEST(a_score_that_is_there_is_not_set_again)
{
	start(ACTION_OOM_SCORE, CANDIDATES, 500);
	add_service(NORMAL, 1 * GIB);
	set_scores(0, 500, 800);
	check_refused(1, REFUSE_ALREADY);
	set_scores(0, 0, 800); /* one is behind */
	check(first_step());
	add_claim((struct setting_target){ .id = SETTING_OOM_SCORE_ADJ, .key = 1 }, 500);
	check_refused(1, REFUSE_ALREADY);
}

TEST(the_protected_score_lower)
{
	start(ACTION_OOM_SCORE, PROTECTED, -300);
	add_service(NEVER, 1 * GIB);
	add_service(PRECIOUS, 100 * MIB);
	add_service(NORMAL, 1 * GIB);
	add_service(NEVER, 1 * GIB)->guest = GUEST_QEMU; /* never: its host would go first */
	add_service(NEVER, 1 * GIB)->owner = OWNER_OTHER;
	add_service(NEVER, 1 * GIB)->protected_unit = true;
	policies[GUESTS].kill = KILL_NEVER;
	add_service(GUESTS, 1 * GIB);
	check(first_step());
	check_int(plan.step_count, 2);
	check_int(plan.steps[0].target.key, 2); /* the more precious one first */
	check_int(plan.steps[1].target.key, 1);
	check_int(plan.refusal_count, 1);
	check(is_refused(5, REFUSE_NOT_OURS));
	set_scores(0, -500, -300);
	set_scores(1, -300, -300);
	check(!first_step());
	check(is_refused(1, REFUSE_ALREADY) && is_refused(2, REFUSE_ALREADY));
}

TEST(a_subject_may_be_spared_without_a_word_of_its_policy)
{
	start(ACTION_OOM_SCORE, SUBJECT, -300);
	add_service(NEVER, 1 * GIB);
	set_subject(1);
	check(first_step());
	call.values[1] = 300;
	check_refused(1, REFUSE_POLICY_KEEP);
	context.subject_is_named = true;
	check(first_step());
	services[0].policy = SYSTEM;
	policies[SYSTEM].kill = KILL_NEVER;
	check(first_step());
}

TEST(to_name_one_is_to_name_one)
{
	start(ACTION_FREEZE, SUBJECT, 20 * USEC_PER_SEC);
	add_service(NEVER, 1 * GIB);
	add_service(NEVER, 1 * GIB);
	set_subject(1);
	context.subject_is_named = true;
	check_int(candidate_objection(&context, &services[0], HARM_SLOWS), REFUSE_COUNT_);
	check_int(candidate_objection(&context, &services[1], HARM_SLOWS), REFUSE_POLICY_KEEP);
	check_int(candidate_objection(&context, &services[1], HARM_NONE), REFUSE_COUNT_);
	context.subject.scope = SCOPE_NODE; /* whose number is nobody's key */
	check_int(candidate_objection(&context, &services[0], HARM_SLOWS), REFUSE_POLICY_KEEP);
}

TEST(a_crowd_does_not_fill_the_plan)
{
	start(ACTION_OOM_SCORE, CANDIDATES, 500);
	for (int i = 0; i < SERVICES; i++)
		add_service(NORMAL, 1 * MIB);
	check(first_step());
	check_int(plan.step_count, PLAN_STEPS_MAX / 2);
}

TEST(freeze_one_for_a_while)
{
	start(ACTION_FREEZE, ARG_NOT_GIVEN, 20 * USEC_PER_SEC);
	add_service(NORMAL, 1 * GIB);
	add_service(NORMAL, 2 * GIB);
	check(first_step());
	check_int(plan.step_count, 1);
	check_int(plan.steps[0].target.key, 2);
	check_int(plan.steps[0].setting.on.id, SETTING_FREEZE);
	check_int(plan.steps[0].setting.wanted.number, 1);
	check_int(plan.steps[0].setting.most_usec, 20 * USEC_PER_SEC);
	check_str(words_of(&plan.steps[0], false), "freeze s1.service for at most 20s");
	check_str(words_of(&plan.steps[0], true), "FreezeUnit(s1.service)");
}

TEST(freeze_spares_whom_it_has_to)
{
	start(ACTION_FREEZE, CANDIDATES, 20 * USEC_PER_SEC);
	struct service *s = add_service(NORMAL, 1 * GIB);

	check_spares(s);
	s->policy = SYSTEM;
	check_refused(1, REFUSE_PROTECTED);
	s->policy = NORMAL;
	set_reading(s->readings, METRIC_SERVICE_CURRENT, 15 * MIB);
	check_refused(1, REFUSE_GAIN);
	call.values[0] = SUBJECT;
	set_subject(1);
	check(first_step()); /* of whom the rule is about the size does not count */
	policies[SYSTEM].kill = KILL_NEVER;
	s->policy = SYSTEM;
	context.subject_is_named = true;
	check_refused(1, REFUSE_PROTECTED);
}

TEST(v1_is_frozen_by_its_own_hierarchy_alone)
{
	start(ACTION_FREEZE, CANDIDATES, 20 * USEC_PER_SEC);
	struct service *s = add_service(NORMAL, 1 * GIB);

	snapshot.host.memory_is_v1 = true;
	check_refused(1, REFUSE_UNSUPPORTED);
	s->owner = OWNER_NOBODY;
	check(first_step());
	check_str(words_of(&plan.steps[0], true), "freezer.state of /s0.service: FROZEN");
	snapshot.host.memory_is_v1 = false;
	check(first_step());
	check_str(words_of(&plan.steps[0], true), "cgroup.freeze of /s0.service: 1");
}

static void freeze_runs(uint64_t id, uint64_t service)
{
	struct step *step = &under_way[under_way_count++];

	*step = (struct step){
		.id = id,
		.action = ACTION_FREEZE,
		.rule = context.rule,
		.subject = context.subject,
		.target = { .key = service, .policy = NORMAL, .path = "s0.service", .name = "s0" },
		.setting = { .on = { SETTING_FREEZE, service, 0 },
			     .wanted = { .number = 1 },
			     .owner = OWNER_SYSTEMD },
	};
}

TEST(what_is_frozen_is_not_frozen_again)
{
	start(ACTION_FREEZE, CANDIDATES, 20 * USEC_PER_SEC);
	add_service(NORMAL, 1 * GIB);
	freeze_runs(77, 1);
	under_way[0].rule = 9; /* whoever did */
	check_refused(1, REFUSE_ALREADY);
	under_way_count = 0;
	add_claim((struct setting_target){ .id = SETTING_FREEZE, .key = 1 }, 1);
	check_refused(1, REFUSE_ALREADY);
}

TEST(thaw_ends_the_rules_own_freezes)
{
	start(ACTION_THAW, 0, 0);
	check_refused(0, REFUSE_ALREADY);
	freeze_runs(77, 1);
	freeze_runs(78, 2);
	freeze_runs(79, 3);
	freeze_runs(80, 4);
	under_way[2].rule = 9;
	under_way[3].subject.key = 5;
	check(first_step());
	check_int(plan.step_count, 2);
	for (size_t i = 0; i < 2; i++) {
		check_int(plan.steps[i].order, STEP_CANCEL);
		check_int(plan.steps[i].action, ACTION_FREEZE);
		check_int(plan.steps[i].id, 77 + i);
	}
	check_str(words_of(&plan.steps[0], false), "thaw s0");
	check_str(words_of(&plan.steps[0], true), "ThawUnit(s0.service)");
	policies[NORMAL].mode = MODE_DRY_RUN; /* not this call's */
	check(!first_step());
	context.is_regrown = true;
	check(!first_step());
	check_int(plan.refusal_count, 0);
}

TEST(a_writer_is_limited_on_its_disk)
{
	start(ACTION_IO_LIMIT, CANDIDATES, 10 * MIB);
	add_service(NORMAL, 1 * GIB)->io_device = makedev(8, 0);
	add_service(NORMAL, 2 * GIB)->io_device = makedev(8, 16);
	set_reading(services[0].readings, METRIC_SERVICE_DIRTY, 300 * MIB);
	set_reading(services[1].readings, METRIC_SERVICE_DIRTY, 100 * MIB);
	check(first_step());
	check_int(plan.step_count, 1);
	check_int(plan.steps[0].target.key, 1); /* who has most to write */
	check_int(plan.steps[0].setting.on.id, SETTING_IO_WRITE_MAX);
	check_int(plan.steps[0].setting.on.detail, makedev(8, 0));
	check_int(plan.steps[0].setting.wanted.number, 10 * MIB);
	check(!plan.steps[0].setting.was_known);
	check_str(words_of(&plan.steps[0], false),
		  "IOWriteBandwidthMax of s0.service 10 MiB/s to 8:0");
	check_str(words_of(&plan.steps[0], true), "SetUnitProperties(s0.service, runtime, "
						  "IOWriteBandwidthMax=/dev/block/8:0 10485760)");
	services[0].owner = OWNER_NOBODY;
	check(first_step());
	check_str(words_of(&plan.steps[0], true), "io.max of /s0.service: 8:0 wbps=10485760");
}

TEST(what_a_writer_is_limited_to_already_counts)
{
	start(ACTION_IO_LIMIT, CANDIDATES, 10 * MIB);
	struct service *s = add_service(NORMAL, 1 * GIB);

	s->io_device = makedev(8, 0);
	s->settings = &settings[0];
	set_reading(s->readings, METRIC_SERVICE_DIRTY, 300 * MIB);
	settings[0].io[0] = (struct io_limit){ makedev(8, 16), reading_of(1 * MIB) };
	settings[0].io[1] = (struct io_limit){ makedev(8, 0), READING_FOREVER };
	check(first_step());
	check(plan.steps[0].setting.was_known);
	check(plan.steps[0].setting.was.number == SETTING_UNLIMITED);
	settings[0].io[1].write = reading_of(40 * MIB);
	check(first_step());
	check_str(words_of(&plan.steps[0], false),
		  "IOWriteBandwidthMax of s0.service 10 MiB/s to 8:0, now 40 MiB/s");
	/* Whoever has set it: what is asked for is in force. */
	settings[0].io[1].write = reading_of(5 * MIB);
	check_refused(1, REFUSE_ALREADY);
	settings[0].io[1].write = READING_NONE;
	check(first_step());
	check(!plan.steps[0].setting.was_known);
}

TEST(writers_that_are_not_limited)
{
	start(ACTION_IO_LIMIT, CANDIDATES, 10 * MIB);
	struct service *s = add_service(NORMAL, 1 * GIB);

	s->io_device = makedev(8, 0);
	set_reading(s->readings, METRIC_SERVICE_DIRTY, 300 * MIB);
	check_spares(s);
	s->policy = SYSTEM;
	check_refused(1, REFUSE_PROTECTED);
	s->policy = NORMAL;
	s->io_device = 0;
	check_refused(1, REFUSE_NO_DEVICE);
	s->io_device = makedev(8, 0);
	set_reading(s->readings, METRIC_SERVICE_DIRTY, 1 * MIB);
	check_refused(1, REFUSE_GAIN);
	set_reading(s->readings, METRIC_SERVICE_DIRTY, 300 * MIB);
	snapshot.host.memory_is_v1 = true;
	check_refused(1, REFUSE_UNSUPPORTED);
	snapshot.host.memory_is_v1 = false;
	add_claim((struct setting_target){ SETTING_IO_WRITE_MAX, 1, makedev(8, 0) }, 10 * MIB);
	check_refused(1, REFUSE_ALREADY);
	claims[0].value.number = 20 * MIB;
	check(first_step());
	claims[0].value.number = 5 * MIB;
	check_refused(1, REFUSE_ALREADY);
	s->io_device = makedev(8, 16); /* it writes to another disk now */
	check(first_step());
}
