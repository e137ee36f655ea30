/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "candidates.h"

static struct action_call call;

static void start(enum action_id action, const char *unit)
{
	static char written[256];

	start_candidates(800 * MIB);
	call = (struct action_call){ .action = action, .values = { ARG_NOT_GIVEN } };
	if (unit) {
		snprintf(written, sizeof(written), "%s", unit);
		call.unit = written;
		call.values[0] = 0;
	}
}

static const struct step *only_step(void)
{
	run_plan(&call);
	check(plan.step_count <= 1);
	return plan.step_count ? &plan.steps[0] : NULL;
}

static void check_refused(uint64_t service, enum refusal why)
{
	check(!only_step());
	check(is_refused(service, why));
}

TEST(the_first_candidates_unit_is_stopped)
{
	start(ACTION_STOP_UNIT, NULL);
	add_service(NORMAL, 4 * GIB);
	add_service(FIRST, 1 * GIB)->path = "system.slice/ci-1.service";
	add_service(NEVER, 4 * GIB);
	const struct step *step = only_step();

	check(step);
	check_int(step->target.key, 2);
	check_str(step->unit.unit, "ci-1.service");
	check_int(step->expected_gain, 1 * GIB);
	check_int(step->gain_metric, METRIC_MEM_AVAILABLE);
	check(is_refused(3, REFUSE_POLICY_KEEP));
	check_str(words_of(step, false), "stop ci-1.service to free 1 GiB");
	check_str(words_of(step, true), "StopUnit(ci-1.service, replace)");
	check_int(actions[ACTION_STOP_UNIT].level(step, context.subject, &snapshot).value, 1 * GIB);
	snapshot.service_count = 0;
	check_int(actions[ACTION_STOP_UNIT].level(step, context.subject, &snapshot).value, 0);
}

TEST(small_ones_are_not_worth_their_end)
{
	start(ACTION_STOP_UNIT, NULL);
	context.goal.deficit_bytes = 4 * GIB;
	add_service(FIRST, 100 * MIB); /* less than a twentieth */
	check_refused(1, REFUSE_GAIN);
}

TEST(who_is_never_stopped)
{
	start(ACTION_STOP_UNIT, NULL);
	struct service *s = add_service(NORMAL, 4 * GIB);

	check(only_step());
	check_spared(s, check_refused);
	s->process_count = 1;
	processes[0].oom_score_adj = -1000;
	check_refused(1, REFUSE_PROTECTED);
	processes[0].oom_score_adj = 0;
	s->owner = OWNER_NOBODY;
	check_refused(1, REFUSE_NO_UNIT);
	s->owner = OWNER_SYSTEMD;
	s->path = "system.slice/a.service/worker";
	check_refused(1, REFUSE_NO_UNIT);
	s->path = "user.slice";
	check_refused(1, REFUSE_UNSUPPORTED);
	s->path = "a.service";
	add_service(NEVER, 1 * MIB)->path = "a.service/inner";
	check_refused(1, REFUSE_PROTECTED);
	services[1].policy = NORMAL;
	check(only_step());
	s->policy = -1;
	services[1].policy = -1;
	check_refused(0, REFUSE_NO_CANDIDATE);
}

TEST(a_subject_ends_if_the_rule_names_it)
{
	start(ACTION_RESTART_UNIT, NULL);
	add_service(NEVER, 1 * GIB);
	add_service(FIRST, 1 * GIB);
	set_subject(1);
	check_refused(1, REFUSE_POLICY_KEEP);
	context.subject_is_named = true;
	check(only_step());
	check_int(plan.steps[0].target.key, 1);
	check_str(plan.steps[0].unit.unit, "s0.service");
	check_int(plan.steps[0].expected_gain, 0);
	check_int(plan.steps[0].gain_metric, METRIC_NONE);
	check_str(words_of(&plan.steps[0], false), "restart s0.service");
	check_str(words_of(&plan.steps[0], true), "RestartUnit(s0.service, replace)");
	busy_service = 1;
	check_refused(1, REFUSE_BUSY);
	busy_service = 0;
	services[0].process_count = 1;
	processes[0].oom_score_adj = -1000;
	check_refused(1, REFUSE_PROTECTED);
	processes[0].oom_score_adj = 0;
	taken_from = 1;
	taken = UINT64_MAX; /* it was restarted, in a dry run */
	check(!only_step());
	taken = 0;
	services[0].path = "user.slice/session-1.scope"; /* which nobody could start */
	check_refused(1, REFUSE_UNSUPPORTED);
	call.action = ACTION_STOP_UNIT;
	check(only_step());
	services[0].guest = GUEST_QEMU;
	check_refused(1, REFUSE_PROTECTED);
}

TEST(a_unit_by_name)
{
	start(ACTION_STOP_UNIT, "backup.service");
	const struct step *step = only_step();

	check(step); /* which has no service of the snapshot, and no gain that is known */
	check_str(step->unit.unit, "backup.service");
	check_str(step->target.path, "");
	check_int(step->target.policy, -1);
	check_int(step->expected_gain, 0);
	check_int(actions[ACTION_STOP_UNIT].level(step, context.subject, &snapshot).state,
		  READING_UNKNOWN);
	/* By its name in the rule the operator means it, whatever Kill= is. */
	add_service(NEVER, 1 * GIB)->path = "system.slice/backup.service";
	check(only_step());
	check_int(plan.steps[0].target.key, 1);
	check_int(plan.steps[0].expected_gain, 1 * GIB);
	/* One of another manager is another unit. */
	services[0].owner = OWNER_OTHER;
	check(only_step());
	check_str(plan.steps[0].target.path, "");
}

TEST(a_name_is_no_word_against_what_is_protected)
{
	start(ACTION_STOP_UNIT, "a@%service.service");
	add_service(NORMAL, 1 * GIB)->path = "system.slice/b.service";
	set_subject(1);
	check(only_step());
	check_str(plan.steps[0].unit.unit, "a@b.service.service");
	snprintf(call.unit, 256, "ssh@%%service.service");
	check_refused(0, REFUSE_PROTECTED);
	snprintf(call.unit, 256, "b.service");
	check(only_step());
	services[0].is_self = true;
	check_refused(0, REFUSE_PROTECTED);
	services[0].is_self = false;
	services[0].guest = GUEST_QEMU;
	check_refused(0, REFUSE_PROTECTED);
	services[0].path = "system.slice/b.service/guest"; /* below it */
	check_refused(0, REFUSE_PROTECTED);
	services[0].guest = GUEST_NONE;
	check(only_step());
	services[0].policy = GUESTS;
	check_refused(0, REFUSE_PROTECTED);
}

TEST(units_need_systemd)
{
	start(ACTION_STOP_UNIT, "backup.service");
	snapshot.host.has_systemd = false;
	check_refused(0, REFUSE_NO_SYSTEMD);
	start(ACTION_START_UNIT, "backup.service");
	snapshot.host.has_systemd = false;
	check_refused(0, REFUSE_NO_SYSTEMD);
}

TEST(names_that_do_not_fit_are_refused)
{
	start(ACTION_STOP_UNIT, "a@%guest.service");
	add_service(NORMAL, 1 * GIB);
	set_subject(1);
	check_refused(0, REFUSE_BAD_NAME); /* no guest */
	call.action = ACTION_START_UNIT;
	check_refused(0, REFUSE_BAD_NAME);
	services[0].guest = GUEST_QEMU;
	check(only_step());
}

TEST(start_tells_the_unit_whom_it_is_about)
{
	start(ACTION_START_UNIT, "evacuate@%guest.service");
	struct service *s = add_service(GUESTS, 1 * GIB);

	s->guest = GUEST_QEMU;
	s->name = "my db";
	set_subject(1);
	const struct step *step = only_step();

	check(step);
	check_str(step->unit.unit, "evacuate@my\\x20db.service");
	check_str(step->target.path, "");
	check_int(step->gain_metric, METRIC_NONE);
	check_str(words_of(step, false), "start evacuate@my\\x20db.service");
	check_str(words_of(step, true), "StartUnit(evacuate@my\\x20db.service, replace)");
}

static struct service *add_guest(const char *name, int64_t bytes)
{
	struct service *s = add_service(GUESTS, bytes);

	s->guest = GUEST_QEMU;
	s->name = name;
	return s;
}

static const char *started(void)
{
	const struct step *step = only_step();

	return step ? step->unit.unit : "";
}

TEST(of_a_node_the_guest_that_helps_most_at_least_harm_is_meant)
{
	start(ACTION_START_UNIT, "evacuate@%guest.service");
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_service(NORMAL, 4 * GIB); /* no guest */
	add_guest("small-1", 1 * GIB);
	add_guest("large", 3 * GIB);
	struct service *cheap = add_guest("cheap", 2 * GIB);

	check_str(started(), "evacuate@large.service");
	check_int(plan.steps[0].target.key, 3);
	check_int(plan.steps[0].gain_metric, METRIC_NONE);
	cheap->policy = NORMAL; /* of the same rank */
	policies[NORMAL].rank = 100;
	check_str(started(), "evacuate@cheap.service");
	check_int(plan.refusal_count, 0);
	services[2].hold = HOLD_OUTGOING_MIGRATION;
	cheap->hold = HOLD_PINNED;
	check_str(started(), "evacuate@small\\x2d1.service");
	check(is_refused(3, REFUSE_HELD));
	check(is_refused(4, REFUSE_HELD));
	busy_service = 2;
	check_str(started(), "");
	check(is_refused(2, REFUSE_BUSY));
}

TEST(a_guest_whose_unit_has_failed_is_passed_over)
{
	start(ACTION_START_UNIT, "evacuate@%guest.service");
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_guest("large", 3 * GIB);
	add_guest("small", 1 * GIB);
	barred_service = 1;
	check_str(started(), "evacuate@small.service");
	check(is_refused(1, REFUSE_BARRED));
}

TEST(of_a_node_without_guests_nobody_is_meant)
{
	start(ACTION_START_UNIT, "evacuate@%guest.service");
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_service(NORMAL, 4 * GIB);
	add_guest("far", 1 * GIB);
	shares[1][0] = (struct node_share){ 0 };
	shares[1][1] = (struct node_share){ GIB, GIB };
	check_refused(0, REFUSE_GAIN);
	call.unit[0] = '\0';
	strcat(call.unit, "a@%node.service");
	check_str(started(), "a@0.service");
	check_str(plan.steps[0].target.path, "");
}

TEST(a_guest_of_a_node_is_staged_by_its_policy)
{
	start(ACTION_START_UNIT, "evacuate@%guest.service");
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	add_guest("large", 3 * GIB);
	add_guest("small", 1 * GIB)->policy = NORMAL;
	policies[GUESTS].mode = MODE_DRY_RUN;
	check_str(started(), "evacuate@small.service");
	context.mode = MODE_DRY_RUN;
	check_str(started(), "evacuate@large.service");
	services[1].paused = true;
	services[0].hold = HOLD_INCOMING_MIGRATION;
	check_str(started(), "evacuate@small.service");
	context.mode = MODE_ENFORCE;
	check_str(started(), "");
	snapshot.host.has_systemd = false;
	check_refused(0, REFUSE_NO_SYSTEMD);
}

TEST(start_is_staged_by_its_subjects_policy)
{
	start(ACTION_START_UNIT, "a.service");
	add_service(NORMAL, 1 * GIB);
	set_subject(1);
	policies[NORMAL].mode = MODE_DRY_RUN;
	check(!only_step());
	check_int(plan.refusal_count, 0);
	context.mode = MODE_DRY_RUN;
	check(only_step());
	context.mode = MODE_ENFORCE;
	context.subject = (struct subject){ SCOPE_NODE, 0 };
	check(only_step()); /* about a node there is no policy */
	context.subject = (struct subject){ SCOPE_SERVICE, 99 }; /* gone */
	check(!only_step());
	context.subject = (struct subject){ SCOPE_HOST, 0 };
	context.is_regrown = true;
	check(!only_step());
}

TEST(named_units_are_staged_too)
{
	start(ACTION_RESTART_UNIT, "s0.service");
	add_service(NORMAL, 1 * GIB);
	policies[NORMAL].mode = MODE_DRY_RUN;
	check(!only_step());
	check_int(plan.refusal_count, 0);
	context.mode = MODE_DRY_RUN;
	check(only_step());
	snapshot.service_count = 0;
	check(!only_step());
	context.mode = MODE_ENFORCE;
	check(only_step());
	context.is_regrown = true;
	check(!only_step());
}

TEST(a_unit_step_that_is_called_off)
{
	start(ACTION_STOP_UNIT, "a.service");
	check(only_step());
	plan.steps[0].order = STEP_CANCEL;
	check_str(words_of(&plan.steps[0], false), "do not stop a.service");
	check_str(words_of(&plan.steps[0], true), "");
}
