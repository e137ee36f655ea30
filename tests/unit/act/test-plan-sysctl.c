/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "context.h"

static struct action_call call;

static void set_knob(enum setting_id id, int64_t value)
{
	snapshot.host.sysctls[id - SETTING_DIRTY] = reading_of(value);
}

static void start(enum setting_id id, int64_t value, int64_t step)
{
	start_machine(1);
	context.subject = (struct subject){ SCOPE_HOST, 0 };
	set_knob(SETTING_DIRTY, 20);
	set_knob(SETTING_DIRTY_BACKGROUND, 10);
	snapshot.host.dirty_is_ratio = snapshot.host.dirty_background_is_ratio = true;
	set_reading(snapshot.host.readings, METRIC_MEM_DIRTY_LIMIT, 800 * MIB);
	set_reading(snapshot.host.readings, METRIC_MEM_DIRTY_BACKGROUND_LIMIT, 400 * MIB);
	set_knob(SETTING_DIRTY_EXPIRE, 3000);
	set_knob(SETTING_DIRTY_WRITEBACK, 500);
	set_knob(SETTING_SWAPPINESS, 60);
	set_knob(SETTING_VFS_CACHE_PRESSURE, 100);
	call = (struct action_call){ .action = ACTION_SYSCTL, .values = { id, value, step } };
}

/* What the only step sets, or -1. */
static int64_t wanted(void)
{
	run_plan(&call);
	check(plan.step_count <= 1);
	return plan.step_count ? plan.steps[0].setting.wanted.number : -1;
}

static void check_refused(enum refusal why)
{
	check_int(wanted(), -1);
	check(is_only_refusal(0, why));
}

TEST(dirty_limits_in_percent_tighten_in_bytes)
{
	start(SETTING_DIRTY, ARG_NOT_GIVEN, -250);
	check_int(wanted(), 600 * MIB);
	check(!plan.steps[0].setting.wanted.is_ratio);
	check(plan.steps[0].setting.was_known && plan.steps[0].setting.was.is_ratio);
	check_int(plan.steps[0].setting.on.key, 0);
	check_str(plan.steps[0].target.path, "");
	check_int(plan.steps[0].expected_gain, 0);
	check_str(words_of(&plan.steps[0], false), "vm.dirty_bytes 600 MiB, now 20%");
	check_str(words_of(&plan.steps[0], true),
		  "vm.dirty_bytes = 629145600, by which the kernel sets vm.dirty_ratio = 0");
	call.values[0] = SETTING_DIRTY_BACKGROUND;
	check_int(wanted(), 300 * MIB);
	check_str(words_of(&plan.steps[0], true),
		  "vm.dirty_background_bytes = 314572800, by which the kernel sets "
		  "vm.dirty_background_ratio = 0");
}

TEST(dirty_limits_in_bytes_are_their_own_base)
{
	start(SETTING_DIRTY, ARG_NOT_GIVEN, -100);
	set_knob(SETTING_DIRTY, 500 * MIB);
	snapshot.host.dirty_is_ratio = false;
	check_int(wanted(), 450 * MIB);
	/* Where one step of ours was, or was said, the next goes on. */
	add_claim((struct setting_target){ .id = SETTING_DIRTY }, 400 * MIB);
	check_int(wanted(), 360 * MIB);
	snapshot.host.dirty_is_ratio = true; /* the snapshot is older than the step */
	set_knob(SETTING_DIRTY, 20);
	check_int(wanted(), 360 * MIB);
}

TEST(at_most_a_quarter_at_a_time_and_never_below_the_floor)
{
	start(SETTING_DIRTY, 64 * MIB, ARG_NOT_GIVEN);
	check_int(wanted(), 600 * MIB);
	set_reading(snapshot.host.readings, METRIC_MEM_DIRTY_LIMIT, 80 * MIB);
	check_int(wanted(), 64 * MIB);
	set_reading(snapshot.host.readings, METRIC_MEM_DIRTY_LIMIT, 70 * MIB);
	check_int(wanted(), 64 * MIB);
	call.values[1] = ARG_NOT_GIVEN;
	call.values[2] = -250;
	check_int(wanted(), 64 * MIB);
	set_reading(snapshot.host.readings, METRIC_MEM_DIRTY_LIMIT, 64 * MIB);
	check_refused(REFUSE_FLOOR);
	set_reading(snapshot.host.readings, METRIC_MEM_DIRTY_LIMIT, 10 * MIB);
	check_refused(REFUSE_FLOOR);
}

TEST(dirty_limits_are_never_loosened)
{
	start(SETTING_DIRTY, 900 * MIB, ARG_NOT_GIVEN);
	check_refused(REFUSE_ALREADY);
	call.values[1] = 800 * MIB;
	check_refused(REFUSE_ALREADY);
	call.values[1] = 799 * MIB;
	check_int(wanted(), 799 * MIB);
}

TEST(times_of_dirty_pages_likewise)
{
	start(SETTING_DIRTY_EXPIRE, ARG_NOT_GIVEN, -250);
	check_int(wanted(), 2250);
	check_str(words_of(&plan.steps[0], true), "vm.dirty_expire_centisecs = 2250");
	set_knob(SETTING_DIRTY_EXPIRE, 110);
	check_int(wanted(), 100);
	call.values[0] = SETTING_DIRTY_WRITEBACK;
	set_knob(SETTING_DIRTY_WRITEBACK, 0); /* switched off by somebody */
	check_refused(REFUSE_FLOOR);
}

TEST(other_knobs_go_where_they_are_told)
{
	start(SETTING_SWAPPINESS, 100, ARG_NOT_GIVEN);
	check_int(wanted(), 100);
	check_str(words_of(&plan.steps[0], false), "vm.swappiness 100, now 60");
	check_str(words_of(&plan.steps[0], true), "vm.swappiness = 100");
	call.values[1] = 60;
	check_refused(REFUSE_ALREADY);
	call.values[1] = ARG_NOT_GIVEN;
	call.values[2] = 500;
	check_int(wanted(), 90);
	set_knob(SETTING_SWAPPINESS, 180);
	check_int(wanted(), 200);
	set_knob(SETTING_SWAPPINESS, 200);
	check_refused(REFUSE_FLOOR);
	call.values[2] = -10; /* a hundredth of less than a hundred is one */
	set_knob(SETTING_SWAPPINESS, 10);
	check_int(wanted(), 9);
	set_knob(SETTING_SWAPPINESS, 0);
	check_refused(REFUSE_FLOOR);
}

TEST(what_the_kernel_has_not_is_refused)
{
	start(SETTING_COMPACTION_PROACTIVENESS, 30, ARG_NOT_GIVEN);
	check_refused(REFUSE_UNSUPPORTED);
	start(SETTING_DIRTY, ARG_NOT_GIVEN, -250);
	snapshot.host.readings[metric_index(METRIC_MEM_DIRTY_LIMIT)] = READING_NONE;
	check_refused(REFUSE_UNSUPPORTED);
}

TEST(one_at_a_time_of_a_knob)
{
	start(SETTING_SWAPPINESS, 100, ARG_NOT_GIVEN);
	under_way[0] = (struct step){ .action = ACTION_SYSCTL };
	under_way[0].setting.on.id = SETTING_SWAPPINESS;
	under_way_count = 1;
	check_refused(REFUSE_BUSY);
	under_way[0].setting.on.id = SETTING_DIRTY;
	check_int(wanted(), 100);
	context.is_regrown = true;
	check_int(wanted(), -1);
	check_int(plan.refusal_count, 0);
	context.is_regrown = false;
	context.mode = MODE_DRY_RUN;
	check_int(wanted(), -1);
	context.enforced = false;
	check_int(wanted(), 100);
}

TEST(a_full_plan_is_said)
{
	start(SETTING_SWAPPINESS, 100, ARG_NOT_GIVEN);
	plan_reset(&plan);
	while (plan_add_step(&plan))
		;
	actions[ACTION_SYSCTL].plan(&context, &call, &plan);
	check_int(plan.step_count, PLAN_STEPS_MAX);
	check(is_refused(0, REFUSE_PLAN_FULL));
}
