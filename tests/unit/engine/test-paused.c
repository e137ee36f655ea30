/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the operator has paused is a dry run, and nothing else is. */

#include "test.h"

#include "served.h"

#include "engine/line.h"

static struct world w;

static const char *const rules =
	"[Rule move]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\nDo=migrate\n"
	"[Rule tell]\nOn=host\nWhen=mem.available < 9G\nDo=notify\n";

/* Guest db and its neighbour are on node 0, which runs dry. */
static void start(void)
{
	w_start(&w, "Mode=enforce\n", rules);
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 8 * GIB);
}

/* The configuration was read again, and this is paused. */
static void take_over(void)
{
	w.engine = engine_free(w.engine);
	check_int(engine_new(w.config, &w.engine), 0);
	check_int(engine_reserve(w.engine, W_NODES, W_SERVICES), 0);
}

static const struct step *step_of(enum action_id action)
{
	for (size_t i = 0; i < w.plan.step_count; i++)
		if (w.plan.steps[i].action == action)
			return &w.plan.steps[i];
	return NULL;
}

static void check_mode(enum action_id action, enum mode mode)
{
	const struct step *step = step_of(action);

	check(step);
	check_int(step->mode, mode);
	if (mode == MODE_DRY_RUN)
		check_str(step->mode_from, line_paused_text);
	else
		check(!step->mode_from);
}

TEST(nothing_is_paused_by_itself)
{
	start();
	w_tick(&w, 100 * MS);
	check_mode(ACTION_MIGRATE, MODE_ENFORCE);
	check_mode(ACTION_NOTIFY, MODE_ENFORCE);
	w_stop(&w);
}

TEST(a_paused_host_acts_in_nothing)
{
	start();
	w.config->paused = true;
	take_over();
	w_tick(&w, 100 * MS);
	check_mode(ACTION_MIGRATE, MODE_DRY_RUN);
	check_mode(ACTION_NOTIFY, MODE_DRY_RUN);
	w_stop(&w);
}

TEST(a_paused_rule_leaves_the_others_alone)
{
	start();
	w.config->rules[0].paused = true;
	take_over();
	w_tick(&w, 100 * MS);
	check_mode(ACTION_MIGRATE, MODE_DRY_RUN);
	check_mode(ACTION_NOTIFY, MODE_ENFORCE);
	w_stop(&w);
}

/* In one line of a ladder one is moved, and of the other it is said. */
TEST(a_paused_guest_leaves_the_others_alone)
{
	size_t other;
	bool real = false, dry = false;

	start();
	other = w_service(&w, "machine.slice/web.scope", 0, 100 * MIB);
	w.services[0].paused = true;
	w.config->some_service_paused = true;
	take_over();
	w_tick(&w, 100 * MS);
	for (size_t i = 0; i < w.plan.step_count; i++) {
		const struct step *step = &w.plan.steps[i];

		if (step->action != ACTION_MIGRATE)
			continue;
		if (step->target.key == 100) {
			check_int(step->mode, MODE_DRY_RUN);
			check_str(step->mode_from, line_paused_text);
			dry = true;
		} else {
			check_int(step->target.key, 100 + other);
			check_int(step->mode, MODE_ENFORCE);
			real = true;
		}
	}
	check(real);
	check(dry);
	check_mode(ACTION_NOTIFY, MODE_ENFORCE);
	w_stop(&w);
}

TEST(a_dry_run_by_configuration_says_so_as_before)
{
	const struct step *step;

	start();
	w.config->mode = MODE_DRY_RUN;
	w.services[0].paused = true;
	w.config->some_service_paused = true;
	take_over();
	w_tick(&w, 100 * MS);
	step = step_of(ACTION_MIGRATE);
	check(step);
	check_contains(step->mode_from, "Mode= of the agent");
	w_stop(&w);
}

static void check_holds(enum mode of_first, enum mode of_second)
{
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct step *step = &w.plan.steps[i];
		enum mode mode = step->target.key == 100 ? of_first : of_second;

		check_int(step->action, ACTION_HOLD);
		check_int(step->mode, mode);
		if (mode == MODE_DRY_RUN)
			check_str(step->mode_from, line_paused_text);
	}
}

TEST(what_policies_hold_is_paused_with_host_or_service)
{
	w_start_with(&w, "Mode=enforce\n",
		     "[Policy web]\nMatch=system.slice/web*.service\nMemoryHigh=1G\n", "");
	w_serve(&w, "system.slice/web1.service", 100 * MIB);
	w_serve(&w, "system.slice/web2.service", 100 * MIB);
	check_holds(MODE_ENFORCE, MODE_ENFORCE);
	w.services[0].paused = true;
	w.config->some_service_paused = true;
	take_over();
	check_holds(MODE_DRY_RUN, MODE_ENFORCE);
	w.config->paused = true;
	take_over();
	check_holds(MODE_DRY_RUN, MODE_DRY_RUN);
	w_stop(&w);
}

static int real_freezes(void)
{
	int count = 0;

	for (size_t i = 0; i < w.plan.step_count; i++)
		count += w.plan.steps[i].action == ACTION_FREEZE &&
			 w.plan.steps[i].mode == MODE_ENFORCE;
	return count;
}

/* What is done to a cgroup is felt by all below it. */
TEST(what_holds_a_paused_service_is_not_harmed)
{
	static const char *const policies = "[Policy ci]\nMatch=system.slice/ci\nKill=first\n"
					    "[Policy part]\nMatch=system.slice/ci/*\nKill=first\n";
	size_t part;

	for (int paused = 0; paused < 2; paused++) {
		w_start_with(&w, "Mode=enforce\n", policies,
			     "[Rule k]\nOn=host\nWhen=mem.available < 9G\nDo=freeze candidates "
			     "max=5s\n");
		w_service(&w, "system.slice/ci", 0, 2 * GIB);
		w.services[0].owner = OWNER_NOBODY;
		part = w_service(&w, "system.slice/ci/part", 0, 20 * MIB);
		w.services[part].owner = OWNER_NOBODY;
		w.services[part].paused = paused;
		w.config->some_service_paused = paused;
		take_over();
		w_tick(&w, 100 * MS);
		check_int(real_freezes(), paused ? 0 : 1);
		w_stop(&w);
	}
}
