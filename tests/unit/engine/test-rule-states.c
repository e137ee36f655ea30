/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When a rule fires, how long it holds, when it is over. */

#include "test.h"

#include "world.h"

static struct world w;

static const char *const act = "Mode=enforce\nEnforceActions=\nKillBudget=64/1h\n";

/* A rule that only speaks, so that nothing but its state is in the way. */
static const char *const speak = "[Rule r]\nOn=node\nWhen=node.headroom < 1G\n"
				 "Until=node.headroom > 2G\nFor=500ms\nCooldown=30s\nDo=notify\n"
				 "StepWait=2s\n";

static void ticks(size_t count, usec_t each)
{
	while (count-- > 0)
		w_tick(&w, each);
}

TEST(fires_after_for)
{
	w_start(&w, act, speak);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "r", 0).state, RULE_IDLE);
	check(!engine_is_alert(w.engine));
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "r", 0).state, RULE_PENDING);
	check_int(w_status(&w, "r", 1).state, RULE_IDLE);
	check(engine_is_alert(w.engine));
	check_int(w_until_step(&w, 100 * MS, 5 * SEC), 500 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w_notes(&w, NOTE_FIRED), 1);

	const struct step *s = &w.plan.steps[0];

	check_int(s->mode, MODE_ENFORCE);
	check(!s->mode_from);
	check_int(s->subject.key, 0);
	check(s->id != 0);
	check_int(s->planned_at, w.now);
	check_int(s->evidence_count, 1);
	check_int(s->evidence[0].metric, METRIC_NODE_HEADROOM);
	check_int(s->evidence[0].value.value, 500 * MIB);
	check_int(s->evidence[0].threshold.value, 1 * GIB);
	check_int(s->evidence[0].since_usec, 500 * MS);
	w_stop(&w);
}

TEST(a_gap_of_three_ticks_is_none_and_of_four_is)
{
	for (size_t gap = 3; gap <= 4; gap++) {
		w_start(&w, act, speak);
		w_headroom(&w, 0, 500 * MIB);
		ticks(4, 100 * MS);
		w_headroom(&w, 0, 1500 * MIB);
		w_quiet(&w, 10 * MS, gap * 10 * MS);
		w_headroom(&w, 0, 500 * MIB);
		/* 300 ms were held before, then the gap. */
		usec_t took = w_until_step(&w, 10 * MS, 2 * SEC);

		check_int(took, gap == 3 ? 170 * MS : 510 * MS);
		w_stop(&w);
	}
}

TEST(it_does_not_fire_in_the_gap)
{
	w_start(&w, act, speak);
	w_headroom(&w, 0, 500 * MIB);
	ticks(5, 100 * MS);
	w_headroom(&w, 0, 1500 * MIB);
	w_quiet(&w, 100 * MS, 300 * MS);
	w_stop(&w);
}

TEST(unknown_is_not_true)
{
	w_start(&w, act, speak);
	w.nodes[0].readings[metric_index(METRIC_NODE_HEADROOM)] = READING_NONE;
	w_quiet(&w, 100 * MS, 2 * SEC);
	check_int(w_status(&w, "r", 0).state, RULE_IDLE);
	w_stop(&w);

	/* What is true anyway does not need the unknown; what needs it does not fire. */
	w_start(&w, act,
		"[Rule either]\nOn=node\nWhen=node.headroom < 1G or node.time-to-empty < 5s\n"
		"Do=notify\n"
		"[Rule both]\nOn=node\nWhen=node.headroom < 1G and node.time-to-empty < 5s\n"
		"Do=notify\n"
		"[Rule lines]\nOn=node\nWhen=node.headroom < 1G\nWhen=node.time-to-empty < 5s\n"
		"Do=notify\n");
	w.nodes[0].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_NONE;
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "either");
	w_stop(&w);
}

TEST(it_fires_only_while_not_until)
{
	w_start(&w, act,
		"[Rule r]\nOn=node\nWhen=node.headroom < 1G\nUntil=mem.available > "
		"4G\nDo=notify\n");
	w_headroom(&w, 0, 500 * MIB);
	w_available(&w, 5 * GIB);
	w_quiet(&w, 100 * MS, 2 * SEC);
	check_int(w_status(&w, "r", 0).state, RULE_PENDING);
	w.snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = READING_NONE;
	w_quiet(&w, 100 * MS, 2 * SEC); /* unknown is not "not" */
	w_available(&w, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}

TEST(a_single_sample_needs_no_for)
{
	w_start(&w, act, speak);
	w.snapshot.single = true;
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 0);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].evidence[0].since_usec, 0);
	w_stop(&w);
}

TEST(hysteresis_holds_between_when_and_until)
{
	w_start(&w, act, speak);
	w_headroom(&w, 0, 500 * MIB);
	check(w_until_step(&w, 100 * MS, SEC) != USEC_INFINITY);
	w_headroom(&w, 0, 1500 * MIB);
	ticks(10, 100 * MS);
	check_int(w_status(&w, "r", 0).state, RULE_RUNNING);
	w_headroom(&w, 0, 2500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	w_stop(&w);
}

TEST(missing_until_is_not_when)
{
	w_start(&w, act, "[Rule r]\nOn=node\nWhen=node.headroom < 1G\nCooldown=0\nDo=notify\n");
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_headroom(&w, 0, 1500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w_status(&w, "r", 0).state, RULE_IDLE);
	w_stop(&w);
}

TEST(a_hole_in_the_samples_does_not_count_as_for)
{
	static const char *const slow = "[Rule r]\nOn=node\nWhen=node.headroom < 1G\nFor=10s\n"
					"Do=notify\n";

	w_start(&w, act, slow);
	w_headroom(&w, 0, 500 * MIB);
	ticks(3, 1 * SEC);
	w_tick(&w, 8 * 3600 * SEC); /* asleep */
	check_int(w.plan.step_count, 0);
	/* It counts for three ticks, and the rest has to be seen: 2 + 3 + 5 s. */
	check_int(w_until_step(&w, 1 * SEC, 60 * SEC), 5 * SEC);
	w_stop(&w);

	/* Fast ticks: a hole is one above three of them. */
	w_start(&w, act, speak);
	w_headroom(&w, 0, 500 * MIB);
	ticks(6, 20 * MS);
	w_tick(&w, 900 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_until_step(&w, 20 * MS, SEC), 340 * MS);
	w_stop(&w);
}

TEST(a_gap_that_the_clock_does_not_show_starts_for_over)
{
	static const char *const slow = "[Rule r]\nOn=node\nWhen=node.headroom < 1G\nFor=10s\n"
					"Do=notify\n";

	w_start(&w, act, slow);
	w_headroom(&w, 0, 500 * MIB);
	ticks(9, 1 * SEC);
	engine_note_gap(w.engine);
	check_int(w_until_step(&w, 1 * SEC, 60 * SEC), 11 * SEC);
	w_stop(&w);
}

TEST(stalls_of_a_suffering_machine_are_not_sleep)
{
	/* Ticks come late again and again: what was held is not thrown away. */
	w_start(&w, act, speak);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 20 * MS);
	for (int i = 0; i < 3; i++) {
		w_tick(&w, 400 * MS);
		if (w.plan.step_count)
			break;
		w_tick(&w, 20 * MS);
	}
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}

TEST(time_that_goes_back_does_no_harm)
{
	w_start(&w, act, speak);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	w.now -= 50 * SEC;
	w_tick(&w, 0);
	check_int(w.plan.step_count, 0);
	w.now += 50 * SEC;
	check(w_until_step(&w, 100 * MS, SEC) <= 600 * MS);
	w_stop(&w);
}

TEST(until_out_of_sight_for_ten_seconds_lets_go)
{
	w_start(&w, act, speak);
	w_headroom(&w, 0, 500 * MIB);
	check(w_until_step(&w, 100 * MS, SEC) != USEC_INFINITY);
	w.nodes[0].readings[metric_index(METRIC_NODE_HEADROOM)] = READING_NONE;
	ticks(100, 100 * MS);
	check_int(w_status(&w, "r", 0).state, RULE_RUNNING);
	check_int(w_notes(&w, NOTE_SUBJECT_GONE), 0);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_SUBJECT_GONE), 1);
	check(w_find(&w, ACTION_NOTIFY, STEP_CANCEL));
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "r", 0).state, RULE_EXHAUSTED); /* cooling down */
	check_int(w.plan.step_count, 0);		       /* cancelled once */
	w_stop(&w);

	/* Seen again in between: it starts anew. */
	w_start(&w, act, speak);
	w_headroom(&w, 0, 500 * MIB);
	check(w_until_step(&w, 100 * MS, SEC) != USEC_INFINITY);
	for (int i = 0; i < 3; i++) {
		w.nodes[0].readings[metric_index(METRIC_NODE_HEADROOM)] = READING_NONE;
		ticks(9, 1 * SEC);
		w_headroom(&w, 0, 500 * MIB);
		w_tick(&w, 1 * SEC);
		check_int(w_notes(&w, NOTE_SUBJECT_GONE), 0);
	}
	w_stop(&w);
}

TEST(a_subject_that_goes_takes_its_steps_along)
{
	w_start(&w, act, speak);
	w.snapshot.node_count = 3;
	w_headroom(&w, 2, 500 * MIB);
	check(w_until_step(&w, 100 * MS, SEC) != USEC_INFINITY);
	uint64_t id = w.plan.steps[0].id;

	w.snapshot.node_count = 2;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_SUBJECT_GONE), 1);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, id);
	check_int(engine_instance_count(w.engine), 2);

	/* Back again: a new life, with For= from its beginning. */
	w.snapshot.node_count = 3;
	check_int(w_until_step(&w, 100 * MS, SEC), 600 * MS);
	w_stop(&w);
}

TEST(an_idle_subject_goes_without_a_word)
{
	w_start(&w, act, speak);
	w.snapshot.node_count = 3;
	w_tick(&w, 100 * MS);
	w.snapshot.node_count = 2;
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count + w.plan.step_count, 0);
	w_stop(&w);
}

static const char *const about = "[Rule all]\nOn=service\nWhen=service.current > 1G\nDo=notify\n"
				 "[Rule vms]\nOn=service\nKind=vm\nWhen=service.current > 1G\n"
				 "Do=notify\n"
				 "[Rule named]\nOn=service\nPolicies=guests\n"
				 "When=service.current > 1G\nDo=notify\n"
				 "[Rule host]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n";

TEST(one_instance_for_each_subject_that_is_meant)
{
	w_start(&w, act, about);
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_service(&w, "system.slice/web1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * MIB);
	w_tick(&w, 100 * MS);
	/* host, all: web and ci, vms: db, named: db */
	check_int(engine_instance_count(w.engine), 5);
	check_int(w.plan.step_count, 3);
	for (size_t i = 0; i < 3; i++) {
		const char *rule = w.config->rules[w.plan.steps[i].rule].name;

		check_int(w.plan.steps[i].subject.key, strcmp(rule, "all") == 0 ? 101 : 100);
	}
	w_stop(&w);
}

TEST(service_rules_may_look_at_the_host)
{
	w_start(&w, act,
		"[Rule r]\nOn=service\nWhen=service.current > 1G and mem.available < 1G\n"
		"Do=notify\n");
	w_service(&w, "system.slice/web1.service", 0, 2 * GIB);
	w_quiet(&w, 100 * MS, SEC);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}

TEST(surplus_subjects_wait_for_the_next_reserve)
{
	w_start(&w, act, about);
	engine_free(w.engine);
	check_int(engine_new(w.config, &w.engine), 0);
	for (int i = 0; i < 4; i++)
		w_service(&w, "system.slice/web1.service", 0, 2 * GIB);
	check_int(engine_reserve(w.engine, 2, 3), 0);
	w_tick(&w, 100 * MS);
	check_int(engine_overflow(w.engine), 1);
	check_int(w.plan.step_count, 3);
	check_int(engine_reserve(w.engine, 2, 4), 0);
	/* Those that were there keep their state: only the fourth is new. */
	w_tick(&w, 100 * MS);
	check_int(engine_overflow(w.engine), 0);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].subject.key, 103);
	check_int(engine_reserve(w.engine, 1, 1), 0); /* never shrinks */
	w_tick(&w, 100 * MS);
	check_int(engine_overflow(w.engine), 0);
	check_int(w.plan.step_count, 0);
	w_stop(&w);
}

TEST(growing_moves_nobody)
{
	w_start(&w, act,
		"[Rule s]\nOn=service\nWhen=service.current > 1G\nDo=notify\n"
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nDo=notify\n"
		"[Rule h]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n");
	w_service(&w, "system.slice/web1.service", 0, 2 * GIB);
	w_headroom(&w, 1, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	check_int(engine_reserve(w.engine, 64, 1000), 0);
	check_int(engine_instance_count(w.engine), 4);
	check_int(w_status(&w, "s", 100).state, RULE_RUNNING);
	check_int(w_status(&w, "n", 1).state, RULE_RUNNING);
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	check_int(w_status(&w, "h", 0).state, RULE_IDLE);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	w_stop(&w);
}

TEST(an_engine_without_room_or_rules_ticks)
{
	w_start(&w, act, "");
	engine_free(w.engine);
	check_int(engine_new(w.config, &w.engine), 0);
	w_service(&w, "system.slice/web1.service", 0, 2 * GIB);
	w_tick(&w, 100 * MS);
	check_int(engine_overflow(w.engine), 3);
	check_int(engine_instance_count(w.engine), 0);
	w_stop(&w);
}

TEST(notify_alone_does_not_storm)
{
	/* Flapping at every tick; a cooldown of 30 s. */
	w_start(&w, act, "[Rule r]\nOn=node\nWhen=node.headroom < 1G\nCooldown=30s\nDo=notify\n");
	size_t said = 0;

	for (int i = 0; i < 400; i++) {
		w_headroom(&w, 0, i % 2 ? 500 * MIB : 3 * GIB);
		w_tick(&w, 100 * MS);
		said += w.plan.step_count;
		for (size_t s = 0; s < w.plan.step_count; s++)
			w_outcome(&w, w.plan.steps[s].id, OUTCOME_DONE);
	}
	check_int(said, 2);
	w_stop(&w);
}
