/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An instance that is passed over must never be missed: the same machine, once with word of what
 * was touched and once without, leads to the same plans. */

#include "test.h"

#include "world.h"

static struct world told, untold;
static uint32_t touched[W_SERVICES * 4];
static size_t touched_count;
static uint64_t random_state;

static const char *const act = "Mode=enforce\nEnforceActions=\nKillBudget=64/1h\n";

static const char *const rules =
	"[Rule big]\nOn=service\nPolicies=web builds batch\nWhen=service.current > 1G\n"
	"Until=service.current < 900M\nFor=300ms\nCooldown=3s\nDo=notify\n"
	"StepWait=500ms\n"
	"[Rule big-and-tight]\nOn=service\nPolicies=builds\nPriority=100\n"
	"When=service.anon > 500M and mem.available < 2G\nCooldown=1s\nDo=notify\n"
	"[Rule tight]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
	"Cooldown=2s\nDo=migrate bytes=until-clear to=roomiest\nDo=kill policy\nStepWait=1s\n";

static unsigned random_below(unsigned limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(random_state >> 33) % limit;
}

static void start(struct world *w)
{
	static const char *const names[] = { "web", "ci-", "batch-" };

	w_start(w, act, rules);
	for (size_t i = 0; i < 60; i++) {
		char path[48];

		snprintf(path, sizeof(path), "system.slice/%s%zu.service", names[i % 3], i);
		w_service(w, path, i % 2, 100 * MIB);
	}
	w->snapshot.roll = 1;
}

static void touch(uint32_t place)
{
	touched[touched_count++] = place;
}

static void change(struct world *w, unsigned what, unsigned who, unsigned how)
{
	switch (what) {
	case 0:
		w_headroom(w, who % 2, how * 30 * MIB);
		break;
	case 1:
		w_available(w, how * 40 * MIB);
		break;
	default:
		w_resize(w, who, who % 2, how * 15 * MIB);
		break;
	}
}

static void swap_services(struct world *w, size_t a, size_t b)
{
	struct service service = w->services[a];

	w->services[a] = w->services[b];
	w->services[b] = service;
	w->snapshot.roll++;
}

static void check_same_plans(void)
{
	check_int(told.plan.step_count, untold.plan.step_count);
	for (size_t i = 0; i < told.plan.step_count; i++) {
		const struct step *a = &told.plan.steps[i], *b = &untold.plan.steps[i];

		check_int(a->id, b->id);
		check_int(a->rule, b->rule);
		check_int(a->action, b->action);
		check_int(a->order, b->order);
		check_int(a->subject.key, b->subject.key);
		check_int(a->target.key, b->target.key);
	}
	check_int(told.plan.note_count, untold.plan.note_count);
	for (size_t i = 0; i < told.plan.note_count; i++) {
		check_int(told.plan.notes[i].kind, untold.plan.notes[i].kind);
		check_int(told.plan.notes[i].rule, untold.plan.notes[i].rule);
		check_int(told.plan.notes[i].subject.key, untold.plan.notes[i].subject.key);
	}
	check_int(told.plan.refusal_count, untold.plan.refusal_count);
	check_int(engine_is_alert(told.engine), engine_is_alert(untold.engine));
}

TEST(word_of_what_was_touched_changes_nothing)
{
	size_t steps = 0, notes = 0;

	for (unsigned seed = 1; seed <= 20; seed++) {
		random_state = seed;
		start(&told);
		start(&untold);
		for (int tick = 0; tick < 400; tick++) {
			touched_count = 0;
			for (unsigned n = random_below(4); n > 0; n--) {
				unsigned what = random_below(12), who = random_below(60),
					 how = random_below(100);

				change(&told, what, who, how);
				change(&untold, what, who, how);
				if (what > 1)
					touch(who);
			}
			if (random_below(40) == 0) {
				unsigned a = random_below(60), b = random_below(60);

				swap_services(&told, a, b);
				swap_services(&untold, a, b);
			}
			told.snapshot.only_touched = true;
			told.snapshot.touched = touched;
			told.snapshot.touched_count = touched_count;
			untold.snapshot.roll = 0;
			w_tick(&told, 100 * MS);
			w_tick(&untold, 100 * MS);
			check_same_plans();
			steps += told.plan.step_count;
			notes += told.plan.note_count;
		}
	}
	/* Something has to happen for it to be the same. */
	check(steps > 500);
	check(notes > 500);
	w_stop(&told);
	w_stop(&untold);
}

static void tell_of(uint32_t place)
{
	touched_count = 0;
	touch(place);
	told.snapshot.touched = touched;
	told.snapshot.touched_count = touched_count;
}

/* The control: without the word, a change is not seen by a rule that dozes. */
TEST(a_dozing_instance_is_passed_over)
{
	start(&told);
	told.snapshot.only_touched = true;
	told.snapshot.touched_count = 0;
	w_tick(&told, 100 * MS);
	w_resize(&told, 0, 0, 3 * GIB);
	w_tick(&told, 100 * MS);
	check_int(w_status(&told, "big", 100).state, RULE_IDLE);
	tell_of(0);
	w_tick(&told, 100 * MS);
	check_int(w_status(&told, "big", 100).state, RULE_PENDING);
	w_stop(&told);
}

/* What a rule reads of the host changes without word of any service. */
TEST(whom_only_the_host_keeps_idle_stays_awake)
{
	start(&told);
	told.snapshot.only_touched = true;
	w_resize(&told, 1, 1, 600 * MIB);
	w_tick(&told, 100 * MS);
	check_int(w_status(&told, "big-and-tight", 101).state, RULE_IDLE);
	w_available(&told, 1 * GIB);
	w_tick(&told, 100 * MS);
	check(w_status(&told, "big-and-tight", 101).state != RULE_IDLE);
	w_stop(&told);
}

/* Likewise a control: it is small, and that it grew is not said. */
TEST(whom_its_own_readings_keep_idle_dozes_whatever_the_host_does)
{
	start(&told);
	told.snapshot.only_touched = true;
	w_tick(&told, 100 * MS);
	w_available(&told, 1 * GIB);
	w_resize(&told, 1, 1, 600 * MIB);
	w_tick(&told, 100 * MS);
	check_int(w_status(&told, "big-and-tight", 101).state, RULE_IDLE);
	tell_of(1);
	w_tick(&told, 100 * MS);
	check(w_status(&told, "big-and-tight", 101).state != RULE_IDLE);
	w_stop(&told);
}
