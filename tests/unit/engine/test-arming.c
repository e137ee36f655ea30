/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Canaries: armed when there is leave, room, calm and time, one at a time; ended when nobody wants
 * them so; what their deaths are answered with.
 */

#include "test.h"

#include "canary-status.h"
#include "world.h"

#include "engine/arming.h"

#define KEY(i) (1000 + (uint64_t)(i))

static struct world w;
static struct canary_status canaries[4];
static const char *const names[] = { "early", "low:node0", "low:node1", "web" };
static const char *const units[] = {
	"oomwarden-canary-early.service",
	"oomwarden-canary-low:node0.service",
	"oomwarden-canary-low:node1.service",
	"oomwarden-canary-web.service",
};

static const char *const enforce = "Mode=enforce\nKillBudget=3/10min\n";
static const char *const one = "[Canary early]\nSize=512M\nMode=enforce\n";
static const char *const each = "[Canary early]\nSize=512M\nMode=enforce\n"
				"[Canary low]\nSize=256M\nNode=each\nMode=enforce\n";
static const char *const node_rule = "[Rule dry]\nOn=node\nWhen=node.headroom < 1G\nDo=notify\n"
				     "Mode=enforce\n";

static void set(size_t i, enum metric_id id, int64_t value)
{
	canary_set(&canaries[i], id, value);
}

static void fill(size_t i, size_t section, int64_t size, int node)
{
	canaries[i] = canary_made(KEY(i), names[i], units[i], node, size);
	canaries[i].section = section;
}

static void show(size_t count)
{
	w.snapshot.canaries = canaries;
	w.snapshot.canary_count = count;
	w.snapshot.host.has_systemd = true;
}

static void start(const char *agent, const char *rules, const char *more)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s%s", rules, more);
	w_start(&w, agent, text);
	fill(0, 0, 512 * MIB, -1);
	fill(1, 1, 256 * MIB, 0);
	fill(2, 1, 256 * MIB, 1);
	show(w.config->canary_count > 1 ? 3 : 1);
}

static const struct step *find_arm(enum step_order order)
{
	return w_find(&w, ACTION_ARM, order);
}

/* Ticks of half a second; NULL: none came. */
static const struct step *await(enum step_order order, usec_t most)
{
	for (usec_t t = 0; t < most; t += SEC / 2) {
		w_tick(&w, SEC / 2);
		if (find_arm(order))
			return find_arm(order);
	}
	return NULL;
}

static void hold(size_t i)
{
	canary_hold(&canaries[i], 5000 + i);
}

static void vanish(size_t i)
{
	canary_vanish(&canaries[i]);
}

static void die(size_t i, bool by_kernel)
{
	canary_die(&canaries[i], by_kernel);
}

/* Asked for, done, and seen. The last tick may have asked for it already. */
static void arm(size_t i)
{
	const struct step *step = find_arm(STEP_START);

	if (!step || step->subject.key != KEY(i))
		step = await(STEP_START, 10 * SEC);
	check(step);
	check(step->subject.key == KEY(i));
	w_outcome(&w, step->id, OUTCOME_DONE);
	hold(i);
	w_tick(&w, SEC / 2);
}

static usec_t until_asked(usec_t step, usec_t most)
{
	for (usec_t t = step; t <= most; t += step) {
		w_tick(&w, step);
		if (find_arm(STEP_START))
			return t;
	}
	return USEC_INFINITY;
}

TEST(without_canaries_there_is_no_state)
{
	w_start(&w, enforce, node_rule);
	check(!w.engine->arming);
	check_int(w.engine->spacing[SCOPE_CANARY], 0);
	check(arming_is_at_rest(w.engine));
	w_quiet(&w, SEC, 10 * SEC);
	w_stop(&w);
}

TEST(a_canary_is_armed_after_moments_of_calm)
{
	const struct step *step;

	start(enforce, one, node_rule);
	check(until_asked(SEC / 2, 60 * SEC) == 7 * SEC / 2);
	step = find_arm(STEP_START);
	check_int(step->mode, MODE_ENFORCE);
	check(step->rule == RULE_NONE);
	check_str(step->owner, "early");
	check_int(step->subject.scope, SCOPE_CANARY);
	check(step->subject.key == KEY(0));
	check_str(step->target.name, "early");
	check_str(step->target.path, "");
	check_str(step->arm.unit, units[0]);
	check_str(step->arm.slice, "");
	check(step->arm.bytes == 512 * (uint64_t)MIB);
	check(!step->arm.has_node);
	check(!step->is_again);
	check_int(w.plan.step_count, 1);
	w_quiet(&w, SEC, 30 * SEC);
	w_stop(&w);
}

TEST(one_comes_after_the_other)
{
	const struct step *step;

	start(enforce, each, "");
	step = await(STEP_START, 10 * SEC);
	check(step && step->subject.key == KEY(0));
	check_int(w.plan.step_count, 1);
	check(!arming_is_at_rest(w.engine));
	w_outcome(&w, step->id, OUTCOME_DONE);
	/* Not before the snapshot shows it. */
	w_quiet(&w, SEC, 5 * SEC);
	hold(0);
	w_tick(&w, SEC / 2);
	step = find_arm(STEP_START);
	check(step && step->subject.key == KEY(1));
	check(step->arm.has_node);
	check_int(step->arm.node, 0);
	w_outcome(&w, step->id, OUTCOME_DONE);
	hold(1);
	arm(2);
	check(arming_is_at_rest(w.engine));
	w_quiet(&w, SEC, 60 * SEC);
	w_stop(&w);
}

/* --- room */

static void check_refused_once(enum refusal why)
{
	w_tick(&w, SEC / 2);
	check_int(w_refused(&w, why), 1);
	check_int(w.plan.refusals[0].subject.scope, SCOPE_CANARY);
	check(w.plan.refusals[0].rule == RULE_NONE);
	for (int i = 0; i < 20; i++) {
		w_tick(&w, SEC);
		check_int(w.plan.step_count, 0);
		check_int(w_refused(&w, why), 0);
	}
}

TEST(a_tenth_of_the_host_stays)
{
	start(enforce, one, "");
	/* A tenth of 16 GiB, and the canary, in pages. */
	w_available(&w, 16 * GIB / 10 + 512 * MIB - 1);
	check_refused_once(REFUSE_CANARY_ROOM);
	w_available(&w, 16 * GIB / 10 + 512 * MIB);
	check(await(STEP_START, 10 * SEC));
	w_stop(&w);
}

TEST(as_much_as_itself_stays)
{
	start(enforce, "[Canary early]\nSize=4G\nMode=enforce\n", "");
	set(0, METRIC_CANARY_SIZE, 4 * GIB);
	w_available(&w, 8 * GIB - 1);
	check_refused_once(REFUSE_CANARY_ROOM);
	w_available(&w, 8 * GIB);
	check(await(STEP_START, 10 * SEC));
	w_stop(&w);
}

TEST(a_tenth_of_the_node_stays)
{
	start(enforce, each, "");
	hold(0);
	w_headroom(&w, 0, 8 * GIB / 10 + 256 * MIB - 1);
	check_int(w_tick(&w, SEC / 2)->refusal_count, 1);
	check(w.plan.refusals[0].subject.key == KEY(1));
	/* The other node's has its room. */
	arm(2);
	w_headroom(&w, 0, 8 * GIB / 10 + 256 * MIB);
	arm(1);
	w_stop(&w);
}

TEST(what_the_limit_of_its_slice_leaves_counts)
{
	start(enforce, "[Canary early]\nSize=512M\nSlice=web.slice\nMode=enforce\n", "");
	canaries[0].slice = "web.slice";
	canaries[0].slice_limit = reading_of(2 * GIB);
	canaries[0].slice_headroom = reading_of(GIB - 1);
	check_refused_once(REFUSE_CANARY_ROOM);
	canaries[0].slice_headroom = reading_of(GIB);
	check(await(STEP_START, 10 * SEC));
	check_str(find_arm(STEP_START)->arm.slice, "web.slice");
	w_stop(&w);
}

TEST(room_that_is_not_known_is_none)
{
	start(enforce, one, "");
	w.snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = READING_NONE;
	check_refused_once(REFUSE_CANARY_ROOM);
	w_stop(&w);
}

TEST(a_node_that_is_not_there_has_none)
{
	start(enforce, "[Canary low]\nSize=1% node\nNode=2\nMode=enforce\n", "");
	fill(0, 0, 0, 2);
	canaries[0].readings[metric_index(METRIC_CANARY_SIZE)] = READING_NONE;
	check_refused_once(REFUSE_NO_NODE);
	w_stop(&w);
}

TEST(a_size_that_is_not_known_yet_is_waited_for)
{
	start(enforce, one, "");
	canaries[0].readings[metric_index(METRIC_CANARY_SIZE)] = READING_NONE;
	w_quiet(&w, SEC, 10 * SEC);
	check_int(w.plan.refusal_count, 0);
	set(0, METRIC_CANARY_SIZE, 512 * MIB);
	check(await(STEP_START, 10 * SEC));
	w_stop(&w);
}

TEST(without_systemd_it_is_a_cgroup_of_our_own)
{
	const struct step *step;

	start(enforce, one, "");
	step = await(STEP_START, 10 * SEC);
	check(step && !step->arm.is_group);
	w_stop(&w);
	start(enforce, one, "");
	w.snapshot.host.has_systemd = false;
	step = await(STEP_START, 10 * SEC);
	check(step && step->arm.is_group);
	w_outcome(&w, step->id, OUTCOME_DONE);
	hold(0);
	w_tick(&w, SEC / 2);
	/* And it is ended as one. */
	set(0, METRIC_CANARY_SIZE, GIB);
	step = await(STEP_UNDO, 10 * SEC);
	check(step && step->arm.is_group);
	w_stop(&w);
}

/* --- calm */

TEST(none_is_armed_where_a_rule_is_roused)
{
	start(enforce, each, node_rule);
	hold(0);
	w_headroom(&w, 0, GIB - 1);
	w_tick(&w, SEC / 2);
	/* On the node that is short there is no room either: that is not what is meant here. */
	w_set(w.nodes[0].readings, METRIC_NODE_TOTAL, 2 * GIB);
	arm(2);
	for (int i = 0; i < 20; i++) {
		w_tick(&w, SEC);
		check(!find_arm(STEP_START));
	}
	w_headroom(&w, 0, 2 * GIB);
	w_tick(&w, SEC);
	/* And not at once after that. */
	check(!find_arm(STEP_START));
	check(await(STEP_START, 10 * SEC));
	check(find_arm(STEP_START)->subject.key == KEY(1));
	w_stop(&w);
}

TEST(one_that_may_be_anywhere_waits_for_every_node)
{
	start(enforce, one, node_rule);
	w_headroom(&w, 1, GIB - 1);
	for (int i = 0; i < 20; i++) {
		w_tick(&w, SEC);
		check(!find_arm(STEP_START));
	}
	w_headroom(&w, 1, 2 * GIB);
	check(await(STEP_START, 10 * SEC));
	w_stop(&w);
}

static struct canary_plight plight(size_t i)
{
	return engine_canary_plight(w.engine, KEY(i));
}

/* What rests for a minute after its death is missed a minute after that. */
TEST(a_place_that_stays_roused_is_told_of_once)
{
	usec_t told = 0;

	start(enforce, one, node_rule);
	arm(0);
	check_int(plight(0).wait, CANARY_WAITS_NOT);
	w_headroom(&w, 1, GIB - 1);
	die(0, false);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_ROUSED);
	for (usec_t t = SEC; t <= 20 * USEC_PER_MIN; t += SEC) {
		w_tick(&w, SEC);
		if (w_refused(&w, REFUSE_ROUSED) == 0)
			continue;
		check(told == 0);
		told = t;
		check(w.plan.refusals[0].rule == RULE_NONE);
		check(w.plan.refusals[0].subject.key == KEY(0));
		check_str(w.config->rules[w.plan.refusals[0].cause].name, "dry");
	}
	check(told == 2 * USEC_PER_MIN);
	/* And again when it was there meanwhile. */
	w_headroom(&w, 1, 4 * GIB);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_RESTS);
	check(until_asked(SEC, 10 * USEC_PER_MIN) != USEC_INFINITY);
	w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_DONE);
	hold(0);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_WAITS_NOT);
	w_headroom(&w, 1, GIB - 1);
	die(0, false);
	told = 0;
	for (usec_t t = 0; t <= 20 * USEC_PER_MIN; t += SEC) {
		w_tick(&w, SEC);
		told += (usec_t)w_refused(&w, REFUSE_ROUSED);
	}
	check_int(told, 1);
	w_stop(&w);
}

TEST(a_place_that_is_roused_for_a_while_is_not_told_of)
{
	start(enforce, one, node_rule);
	arm(0);
	w_headroom(&w, 1, GIB - 1);
	die(0, false);
	for (int i = 0; i < 110; i++) {
		w_tick(&w, SEC);
		check_int(w_refused(&w, REFUSE_ROUSED), 0);
	}
	w_headroom(&w, 1, 4 * GIB);
	for (int i = 0; i < 100 && !find_arm(STEP_START); i++) {
		w_tick(&w, SEC);
		check_int(w_refused(&w, REFUSE_ROUSED), 0);
	}
	check(find_arm(STEP_START));
	w_stop(&w);
}

/* For who asks. */
TEST(what_it_waits_for_is_known)
{
	const struct step *step;
	struct outcome *outcome;

	start(enforce, one, "");
	check(!engine_canary_failure(w.engine));
	w_available(&w, GIB);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_REFUSED);
	check_int(plight(0).detail, REFUSE_CANARY_ROOM);
	check_int(engine_canary_plight(w.engine, 99).wait, CANARY_WAITS_NOT);
	w_available(&w, 8 * GIB);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_RESTS);
	step = await(STEP_START, 10 * SEC);
	check(step);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_WAITS_NOT);
	outcome = w_outcome(&w, step->id, OUTCOME_FAILED);
	outcome->error = ENOMEM;
	strcpy(outcome->reason, "there is no room");
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_FAILED);
	check_int(plight(0).detail, ENOMEM);
	check_int(engine_canary_failure(w.engine)->error, ENOMEM);
	check_str(engine_canary_failure(w.engine)->words, "there is no room");
	w_stop(&w);
	start("Mode=dry-run\n", one, "");
	w_tick(&w, SEC);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_REHEARSED);
	w_stop(&w);
}

TEST(one_in_a_slice_waits_for_the_services_in_it)
{
	size_t inside, outside;

	start(enforce, "[Canary early]\nSize=512M\nSlice=web.slice\nMode=enforce\n",
	      "[Rule big]\nOn=service\nPolicies=web builds\nWhen=service.current > "
	      "1G\nDo=notify\n");
	canaries[0].slice = "web.slice";
	outside = w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	inside = w_service(&w, "web.slice/web1.service", 0, 2 * GIB);
	w.services[inside].policy = w.services[outside].policy;
	for (int i = 0; i < 20; i++) {
		w_tick(&w, SEC);
		check(!find_arm(STEP_START));
	}
	w_resize(&w, inside, 0, MIB);
	check(await(STEP_START, 10 * SEC));
	w_stop(&w);
}

TEST(what_was_begun_in_calm_ends_with_it)
{
	const struct step *step;
	uint64_t id;

	start(enforce, one, node_rule);
	step = await(STEP_START, 10 * SEC);
	check(step);
	id = step->id;
	w_headroom(&w, 1, GIB - 1);
	step = await(STEP_CANCEL, 3 * SEC);
	check(step);
	check(step->id == id);
	check_int(step->action, ACTION_ARM);
	w_tick(&w, SEC);
	check(!find_arm(STEP_CANCEL));
	w_outcome(&w, id, OUTCOME_CANCELLED);
	w_tick(&w, SEC);
	w_headroom(&w, 1, 4 * GIB);
	/* It was nobody's fault: no back-off. */
	check(await(STEP_START, 5 * SEC));
	check(!find_arm(STEP_START)->is_again);
	w_stop(&w);
}

/* --- death and back-off */

TEST(each_death_doubles_the_wait)
{
	static const int64_t minutes[] = { 1, 2, 4, 8, 16, 32, 60, 60 };

	start(enforce, one, "");
	arm(0);
	for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		usec_t wait;

		w_tick(&w, 5 * SEC);
		die(0, false);
		/* The clock runs from the tick that finds nothing against it. */
		w_tick(&w, SEC);
		check(!find_arm(STEP_START));
		wait = until_asked(SEC, 100 * USEC_PER_MIN);
		check(wait == (usec_t)minutes[i] * USEC_PER_MIN);
		w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_DONE);
		hold(0);
		w_tick(&w, SEC);
	}
	w_stop(&w);
}

TEST(a_long_life_ends_the_doubling)
{
	start(enforce, one, "");
	arm(0);
	for (int i = 0; i < 4; i++) {
		die(0, false);
		check(until_asked(SEC, 100 * USEC_PER_MIN) != USEC_INFINITY);
		w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_DONE);
		hold(0);
		w_tick(&w, SEC);
	}
	for (int i = 0; i < 3700; i++)
		w_tick(&w, SEC);
	die(0, false);
	w_tick(&w, SEC);
	check(until_asked(SEC, 100 * USEC_PER_MIN) == USEC_PER_MIN);
	w_stop(&w);
}

/* A minute in which it is there without a gap. */
TEST(room_that_comes_and_goes_begins_the_wait_anew)
{
	start(enforce, one, "");
	arm(0);
	die(0, false);
	w_tick(&w, SEC);
	check(until_asked(SEC, 50 * SEC) == USEC_INFINITY);
	w_available(&w, GIB);
	w_tick(&w, SEC);
	w_available(&w, 8 * GIB);
	w_tick(&w, SEC);
	check(until_asked(SEC, 100 * SEC) == 60 * SEC);
	w_stop(&w);
}

TEST(the_wait_has_a_time_that_a_tick_can_be_made_for)
{
	start(enforce, one, "");
	w_tick(&w, SEC);
	check(engine_due(w.engine) == w.now + 3 * SEC);
	arm(0);
	check(engine_due(w.engine) == USEC_INFINITY);
	die(0, false);
	w_tick(&w, SEC);
	check(engine_due(w.engine) == w.now + 60 * SEC);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(a_death_is_said_with_who_did_it)
{
	start(enforce, one, "");
	arm(0);
	die(0, true);
	w_tick(&w, SEC);
	check_int(w_notes(&w, NOTE_CANARY_DIED), 1);
	check(w.plan.notes[0].by_kernel);
	check(w.plan.notes[0].subject.key == KEY(0));
	check_int(w.plan.notes[0].expected, 512 * MIB);
	w_tick(&w, SEC);
	check_int(w_notes(&w, NOTE_CANARY_DIED), 0);
	check(until_asked(SEC, 100 * SEC) != USEC_INFINITY);
	w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_DONE);
	hold(0);
	w_tick(&w, SEC);
	die(0, false);
	w_tick(&w, SEC);
	check_int(w_notes(&w, NOTE_CANARY_DIED), 1);
	check(!w.plan.notes[0].by_kernel);
	w_stop(&w);
}

/* What a rule of this agent has done is said by its step. */
TEST(a_death_by_our_own_hand_is_not_said_again)
{
	const struct step *step;
	size_t cgroup;

	start(enforce, one, "[Rule last]\nOn=host\nWhen=mem.available < 1G\nDo=kill canary\n");
	cgroup = w_service(&w, "system.slice/oomwarden-canary-early.service", 0, 512 * MIB);
	arm(0);
	canaries[0].service = service_key(&w.services[cgroup]);
	w_tick(&w, SEC);
	w_available(&w, GIB - 1);
	w_tick(&w, SEC);
	step = w_find(&w, ACTION_KILL, STEP_START);
	check(step);
	check(step->kill.is_canary);
	w_outcome(&w, step->id, OUTCOME_DONE)->signalled = 1;
	/* Its step is over and verified before its end is seen. */
	w_resize(&w, cgroup, 0, 0);
	w_available(&w, 2 * GIB);
	for (int i = 0; i < 3; i++)
		w_tick(&w, SEC);
	die(0, false);
	w_tick(&w, SEC);
	check_int(w_notes(&w, NOTE_CANARY_DIED), 0);
	/* And it is a death like any other. */
	w_available(&w, 8 * GIB);
	w_tick(&w, SEC);
	check(until_asked(SEC, 200 * SEC) >= 59 * SEC);
	check(find_arm(STEP_START));
	w_stop(&w);
}

TEST(a_failure_waits_and_is_said_once_for_its_reason)
{
	const struct step *step;

	start(enforce, one, "");
	step = await(STEP_START, 10 * SEC);
	check(!step->is_again);
	w_outcome(&w, step->id, OUTCOME_FAILED)->error = ENOMEM;
	w_tick(&w, SEC);
	check(until_asked(SEC, 100 * SEC) == 60 * SEC);
	check(find_arm(STEP_START)->is_again);
	w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_FAILED)->error = ENOMEM;
	w_tick(&w, SEC);
	check(until_asked(SEC, 200 * SEC) == 120 * SEC);
	check(find_arm(STEP_START)->is_again);
	/* Of another reason the next one tells. */
	w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_FAILED)->error = ENOENT;
	w_tick(&w, SEC);
	check(until_asked(SEC, 300 * SEC) == 240 * SEC);
	check(!find_arm(STEP_START)->is_again);
	w_stop(&w);
}

TEST(what_never_shows_is_ended)
{
	const struct step *step;

	start(enforce, one, "");
	step = await(STEP_START, 10 * SEC);
	w_outcome(&w, step->id, OUTCOME_DONE);
	canaries[0].service = 5000;
	set(0, METRIC_CANARY_HELD, 100 * MIB);
	step = await(STEP_UNDO, 100 * SEC);
	check(step);
	check_str(step->arm.unit, units[0]);
	check_int(w_refused(&w, REFUSE_UNSEEN), 1);
	vanish(0);
	w_tick(&w, SEC);
	w_tick(&w, SEC);
	check_int(plight(0).wait, CANARY_FAILED);
	check_contains(engine_canary_failure(w.engine)->words, "no control group shows it");
	check(until_asked(SEC, 100 * SEC) == 60 * SEC);
	/* And said once for as often as that is so. */
	w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_DONE);
	step = await(STEP_UNDO, 100 * SEC);
	check(step);
	check_int(w_refused(&w, REFUSE_UNSEEN), 0);
	w_stop(&w);
}

TEST(an_outcome_that_never_comes_is_not_waited_for)
{
	start(enforce, one, "");
	check(await(STEP_START, 10 * SEC));
	for (int i = 0; i < 302; i++)
		w_tick(&w, SEC);
	check(arming_is_at_rest(w.engine));
	check(until_asked(SEC, 100 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

TEST(read_again_is_tried_again)
{
	const struct step *step;

	start(enforce, one, "");
	step = await(STEP_START, 10 * SEC);
	w_outcome(&w, step->id, OUTCOME_FAILED)->error = ENOMEM;
	w_tick(&w, SEC);
	engine_note_read_again(w.engine);
	check(until_asked(SEC, 100 * SEC) <= 4 * SEC);
	check(!find_arm(STEP_START)->is_again);
	w_stop(&w);
}

/* --- dry run */

static void check_said_once(const char *because)
{
	const struct step *step;

	w_tick(&w, SEC / 2);
	step = find_arm(STEP_START);
	check(step);
	check_int(step->mode, MODE_DRY_RUN);
	check_str(step->mode_from, because);
	check(step->arm.bytes == 512 * (uint64_t)MIB);
	w_quiet(&w, SEC, 100 * SEC);
	w_stop(&w);
}

TEST(a_dry_run_says_once_what_it_would_hold)
{
	start("Mode=dry-run\n", one, node_rule);
	check_said_once("Mode= of the agent");
	start(enforce, "[Canary early]\nSize=512M\nMode=dry-run\n", "");
	check_said_once("Mode= of the canary");
	start("Mode=enforce\nEnforceActions=migrate\n", one, "");
	check_said_once("EnforceActions=");
}

TEST(kill_is_what_lets_it_act)
{
	start("Mode=enforce\nEnforceActions=kill\n", one, "");
	check(await(STEP_START, 10 * SEC));
	check_int(find_arm(STEP_START)->mode, MODE_ENFORCE);
	w_stop(&w);
}

TEST(what_a_dry_run_has_said_is_room_no_more)
{
	start("", each, "");
	/* For the first and one of the others. */
	w_available(&w, 16 * GIB / 10 + 768 * MIB);
	w_tick(&w, SEC / 2);
	check_int(w.plan.step_count, 2);
	check(w.plan.steps[0].subject.key == KEY(0));
	check(w.plan.steps[1].subject.key == KEY(1));
	check_int(w_refused(&w, REFUSE_CANARY_ROOM), 1);
	check(w.plan.refusals[0].subject.key == KEY(2));
	w_stop(&w);
}

TEST(of_one_sample_all_is_said_at_once)
{
	start("", each, "");
	w.snapshot.single = true;
	check_int(w_tick(&w, SEC / 2)->step_count, 3);
	w_stop(&w);
}

/* --- what is held otherwise */

TEST(what_another_agent_holds_is_left_alone)
{
	start("", one, "");
	hold(0);
	w_quiet(&w, SEC, 10 * SEC);
	check_int(w.plan.refusal_count, 0);
	w_stop(&w);
	start(enforce, one, "");
	set(0, METRIC_CANARY_HELD, 100 * MIB);
	canaries[0].service = 5000;
	w_quiet(&w, SEC, 100 * SEC);
	w_stop(&w);
}

static void reload(const char *agent, const char *rules)
{
	char text[256];
	struct config *old_config = w.config;
	struct engine *old = w.engine;

	snprintf(text, sizeof(text), "%s", agent);
	w.config = w_config(text, w_policies, rules);
	check_int(engine_new(w.config, &w.engine), 0);
	check_int(engine_reserve(w.engine, W_NODES, W_SERVICES), 0);
	engine_take_over(w.engine, old);
	engine_free(old);
	config_free(old_config);
}

TEST(a_reload_leaves_what_is_as_it_was)
{
	start(enforce, one, "");
	arm(0);
	reload(enforce, "[Canary early]\nSize=512M\nMode=enforce\n"
			"[Rule other]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n");
	w_quiet(&w, SEC, 100 * SEC);
	w_stop(&w);
}

TEST(another_size_is_ended_and_armed_anew)
{
	const struct step *step;

	start(enforce, one, "");
	arm(0);
	reload(enforce, "[Canary early]\nSize=1G\nMode=enforce\n");
	set(0, METRIC_CANARY_SIZE, GIB);
	w_tick(&w, SEC);
	step = find_arm(STEP_UNDO);
	check(step);
	check_int(step->mode, MODE_ENFORCE);
	check_str(step->arm.unit, units[0]);
	check_str(step->target.name, "early");
	w_quiet(&w, SEC, 10 * SEC);
	vanish(0);
	w_tick(&w, SEC);
	/* That was no death. */
	check(until_asked(SEC, 100 * SEC) <= 4 * SEC);
	check(find_arm(STEP_START)->arm.bytes == (uint64_t)GIB);
	w_stop(&w);
}

TEST(one_that_is_configured_no_more_is_ended)
{
	const struct step *step;

	start(enforce, each, "");
	arm(0);
	arm(1);
	reload(enforce, one);
	fill(0, 0, 512 * MIB, -1);
	hold(0);
	show(1);
	w_tick(&w, SEC);
	step = find_arm(STEP_UNDO);
	check(step);
	check_str(step->arm.unit, units[1]);
	check_str(step->target.name, "low:node0");
	w_quiet(&w, SEC, 100 * SEC);
	w_stop(&w);
}

/* Node 1, on which the first canary is. */
static void lose_node(void)
{
	w.snapshot.node_count = 1;
	canaries[0].readings[metric_index(METRIC_CANARY_SIZE)] = READING_NONE;
	set(0, METRIC_CANARY_HELD, 0);
}

/* Its memory went to other nodes, where nobody asked for it. */
TEST(one_whose_node_is_gone_is_ended)
{
	const struct step *step;

	start(enforce, "[Canary low]\nSize=256M\nNode=1\nMode=enforce\n", "");
	fill(0, 0, 256 * MIB, 1);
	arm(0);
	w_quiet(&w, SEC, 30 * SEC);
	lose_node();
	w_tick(&w, SEC);
	step = find_arm(STEP_UNDO);
	check(step);
	check_str(step->arm.unit, units[0]);
	/* Told again where that was lost, and not asked for meanwhile. */
	w_quiet(&w, SEC, 115 * SEC);
	check(await(STEP_UNDO, 20 * SEC));
	vanish(0);
	w_tick(&w, SEC);
	check_int(w_refused(&w, REFUSE_NO_NODE), 0);
	w_tick(&w, SEC);
	check_int(w_refused(&w, REFUSE_NO_NODE), 1);
	w_quiet(&w, SEC, 30 * SEC);
	/* It comes back. */
	w.snapshot.node_count = 2;
	fill(0, 0, 256 * MIB, 1);
	check(await(STEP_START, 120 * SEC));
	w_stop(&w);
}

/* What another agent holds is another agent's. */
TEST(one_of_another_agent_is_left_to_it_without_its_node)
{
	start(enforce, "[Canary low]\nSize=256M\nNode=1\nMode=enforce\n", "");
	fill(0, 0, 256 * MIB, 1);
	hold(0);
	w_quiet(&w, SEC, 10 * SEC);
	lose_node();
	w_quiet(&w, SEC, 30 * SEC);
	w_stop(&w);
}

TEST(without_any_section_all_are_ended)
{
	start(enforce, one, "");
	arm(0);
	reload(enforce, node_rule);
	show(0);
	w_tick(&w, SEC);
	check(find_arm(STEP_UNDO));
	check_str(find_arm(STEP_UNDO)->arm.unit, units[0]);
	w_quiet(&w, SEC, 10 * SEC);
	w_stop(&w);
}

TEST(one_that_is_a_dry_run_from_now_on_is_ended)
{
	start(enforce, one, "");
	arm(0);
	reload(enforce, "[Canary early]\nSize=512M\nMode=dry-run\n");
	w_tick(&w, SEC);
	check(find_arm(STEP_UNDO));
	vanish(0);
	w_tick(&w, SEC);
	w_tick(&w, SEC);
	check(find_arm(STEP_START));
	check_int(find_arm(STEP_START)->mode, MODE_DRY_RUN);
	w_stop(&w);
}

TEST(a_reload_keeps_the_wait)
{
	start(enforce, one, "");
	arm(0);
	die(0, false);
	w_tick(&w, SEC);
	check(until_asked(SEC, 100 * SEC) == 60 * SEC);
	w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_DONE);
	hold(0);
	w_tick(&w, SEC);
	reload(enforce, "[Canary early]\nSize=512M\nMode=enforce\n"
			"[Rule other]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n");
	w_tick(&w, SEC);
	die(0, false);
	w_tick(&w, SEC);
	check(until_asked(SEC, 200 * SEC) == 120 * SEC);
	w_stop(&w);
}

TEST(a_pause_ends_it_and_a_resume_arms_it_anew)
{
	start(enforce, one, "");
	arm(0);
	w.config->paused = true;
	engine_note_paused(w.engine);
	w_tick(&w, SEC);
	check(find_arm(STEP_UNDO));
	vanish(0);
	w_tick(&w, SEC);
	w_tick(&w, SEC);
	check(find_arm(STEP_START));
	check_int(find_arm(STEP_START)->mode, MODE_DRY_RUN);
	w_quiet(&w, SEC, 10 * SEC);
	w.config->paused = false;
	engine_note_paused(w.engine);
	check(await(STEP_START, 10 * SEC));
	check_int(find_arm(STEP_START)->mode, MODE_ENFORCE);
	w_stop(&w);
}

/* --- rules about canaries */

static const char *const answered = "[Canary early]\nSize=512M\nMode=enforce\n"
				    "OnDeath=notify\nOnDeath=start-unit evacuate.service\n"
				    "[Canary low]\nSize=256M\nNode=each\nMode=enforce\n"
				    "[Rule any]\nOn=canary\nWhen=canary.deaths > 100\nDo=notify\n";

TEST(a_rule_is_about_the_canaries_of_its_section)
{
	size_t about_early = 0, about_any = 0;

	start(enforce, answered, "");
	w_tick(&w, SEC);
	for (size_t i = 0; i < engine_instance_count(w.engine); i++) {
		struct rule_status status;

		engine_instance_status(w.engine, i, &status);
		if (w.config->rules[status.rule].on != SCOPE_CANARY)
			continue;
		if (w.config->rules[status.rule].canary == 0) {
			about_any++;
			continue;
		}
		check(status.subject.key == KEY(0));
		about_early++;
	}
	check_int(about_early, 1);
	check_int(about_any, 3);
	w_stop(&w);
}

static size_t steps_of(enum action_id action)
{
	size_t count = 0;

	for (size_t i = 0; i < w.plan.step_count; i++)
		count += w.plan.steps[i].action == action;
	return count;
}

static void answer(usec_t most, size_t *ret_notices, size_t *ret_starts)
{
	*ret_notices = *ret_starts = 0;
	for (usec_t t = 0; t < most; t += SEC / 2) {
		w_tick(&w, SEC / 2);
		*ret_notices += steps_of(ACTION_NOTIFY);
		*ret_starts += steps_of(ACTION_START_UNIT);
		for (size_t i = 0; i < w.plan.step_count; i++)
			if (w.plan.steps[i].action != ACTION_ARM)
				w_outcome(&w, w.plan.steps[i].id, OUTCOME_DONE);
	}
}

/* However long it stays dead: of itself nothing of it calls for more. */
TEST(a_death_is_answered_once)
{
	size_t notices, starts;

	start(enforce, answered, "");
	hold(1);
	hold(2);
	arm(0);
	w_available(&w, GIB); /* no room: it stays dead */
	die(0, true);
	w_tick(&w, SEC / 2);
	check_int(steps_of(ACTION_NOTIFY), 1);
	w_outcome(&w, w_find(&w, ACTION_NOTIFY, STEP_START)->id, OUTCOME_DONE);
	answer(20 * USEC_PER_MIN, &notices, &starts);
	check_int(notices, 0);
	check_int(starts, 1);
	check(!engine_is_alert(w.engine));
	w_available(&w, 8 * GIB);
	check(await(STEP_START, 5 * USEC_PER_MIN));
	w_outcome(&w, find_arm(STEP_START)->id, OUTCOME_DONE);
	hold(0);
	w_tick(&w, SEC);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	/* The next one again. */
	die(0, false);
	answer(60 * SEC, &notices, &starts);
	check_int(notices, 1);
	check_int(starts, 1);
	w_stop(&w);
}

TEST(a_rule_about_its_death_keeps_nobody_from_arming_it)
{
	size_t notices, starts;

	start(enforce, answered, "");
	hold(1);
	hold(2);
	arm(0);
	die(0, false);
	answer(30 * SEC, &notices, &starts);
	check_int(starts, 1);
	check(await(STEP_START, 60 * SEC));
	w_stop(&w);
}
