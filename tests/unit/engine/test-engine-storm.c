/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A decision that nothing is spared: services that come, go and change places, nodes that go,
 * levels that jump, outcomes that are late, twice, of nobody, or never come, pauses, reloads, time
 * that stands still and leaps. Whatever happened, when all is calm the engine is at rest, and what
 * rules had set was given back.
 */

#include "test.h"

#include "world.h"

#include "engine/state.h"

#include <errno.h>

static struct world w;
static struct service_settings found[W_SERVICES];
static uint64_t chance;

enum { STORMS = 40, TICKS = 400, PENDING_MAX = 4096 };

static const char *const agent = "Mode=enforce\nEnforceActions=\nKillBudget=60/1h\n";

static const char *const rules =
	"[Rule host]\nOn=host\nWhen=mem.available < 2G\nUntil=mem.available > 4G\nFor=200ms\n"
	"Cooldown=2s\nStepWait=300ms\nDo=sysctl vm.swappiness value=10\nDo=kill policy\n"
	"[Rule node]\nOn=node\nWhen=node.headroom < 1G or node.time-to-empty < 20s\n"
	"Until=node.headroom > 2G\nCooldown=2s\nStepWait=300ms\n"
	"Do=migrate bytes=until-clear to=roomiest\nDo=freeze candidates max=20s\nDo=kill policy\n"
	"[Rule service]\nOn=service\nKind=service\nWhen=service.current > 2G\n"
	"Until=service.current < 1G\nCooldown=2s\nStepWait=300ms\n"
	"Do=limit down step=10%\nDo=notify\n";

static unsigned any(unsigned below)
{
	chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(chance >> 33) % below;
}

/* --- the machine ------------------------------------------------------------------------------ */

static uint64_t next_inode;

static void dress(size_t i)
{
	found[i] = (struct service_settings){ .oom_group = reading_of(0), .score_known = true };
	for (int id = 0; id <= SETTING_MEMORY_SWAP_MAX; id++)
		found[i].memory[id] = id <= SETTING_MEMORY_LOW ? reading_of(0) : READING_FOREVER;
	w.services[i].settings = &found[i];
	w.services[i].owner = OWNER_NOBODY;
	w.services[i].inode = ++next_inode;
}

static void come(void)
{
	static const char *const kinds[][2] = { { "machine.slice/vm-", ".scope" },
						{ "system.slice/web-", ".service" },
						{ "system.slice/ci-", ".service" },
						{ "system.slice/batch-", ".service" } };
	unsigned kind = any(4);
	char path[48];
	size_t i;

	if (w.snapshot.service_count >= W_SERVICES - 1)
		return;
	snprintf(path, sizeof(path), "%s%u%s", kinds[kind][0], any(1000), kinds[kind][1]);
	i = w_service(&w, path, any(2), (int64_t)any(40) * 100 * MIB);
	dress(i);
	w.snapshot.roll++;
}

/* The last one takes its place. */
static void go(void)
{
	size_t last, i;

	if (w.snapshot.service_count == 0)
		return;
	last = --w.snapshot.service_count;
	i = any((unsigned)last + 1);
	if (i != last) {
		memcpy(w.names[i], w.names[last], sizeof(w.names[i]));
		memcpy(w.shares[i], w.shares[last], sizeof(w.shares[i]));
		found[i] = found[last];
		w.services[i] = w.services[last];
		w.services[i].path = w.names[i];
		w.services[i].name = strrchr(w.names[i], '/') + 1;
		w.services[i].shares = w.shares[i];
		w.services[i].settings = &found[i];
	}
	memset(w.shares[last], 0, sizeof(w.shares[last]));
	w.snapshot.roll++;
}

static void jump(void)
{
	unsigned node = any(2);

	w_available(&w, (int64_t)any(9) * GIB);
	w_headroom(&w, node, (int64_t)any(60) * 100 * MIB);
	if (any(3) == 0)
		w_node_empty_in(&w, node, (int64_t)any(30) * (int64_t)SEC);
	else
		w.nodes[node].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
	if (any(10) == 0)
		w.nodes[node].readings[metric_index(METRIC_NODE_HEADROOM)] = READING_NONE;
	for (size_t i = 0; i < w.snapshot.service_count; i++)
		if (any(4) == 0)
			w_resize(&w, i, any(2), (int64_t)any(40) * 100 * MIB);
}

/* --- the executor ----------------------------------------------------------------------------- */

static uint64_t pending[PENDING_MAX];
static size_t pending_count;
static bool is_sure; /* each step has its outcome, and at once */

static void ask(void)
{
	for (size_t i = 0; i < w.plan.step_count; i++) {
		const struct step *step = &w.plan.steps[i];

		check(step->id > 0);
		if (step->mode != MODE_ENFORCE || step->order == STEP_RESIZE)
			continue;
		check(pending_count < PENDING_MAX);
		if (step->order != STEP_CANCEL)
			pending[pending_count++] = step->id;
	}
}

static void answer_one(size_t at)
{
	static const enum outcome_state states[] = { OUTCOME_DONE, OUTCOME_DONE, OUTCOME_FAILED,
						     OUTCOME_CANCELLED, OUTCOME_RUNNING };
	static const int errors[] = { EBUSY, ESRCH, EIO, EPERM, ETIMEDOUT, ENODEV };
	enum outcome_state state = is_sure ? OUTCOME_DONE : states[any(5)];
	struct outcome *o = w_outcome(&w, pending[at], state);

	o->done_bytes = any(3) * UINT64_C(100) * MIB;
	o->signalled = any(2);
	o->pages.pinned = any(4) == 0 ? any(100000) : 0;
	o->pages.moved = o->done_bytes / 4096;
	if (state == OUTCOME_FAILED)
		o->error = errors[any(6)];
	/* It may be told twice. */
	if (state != OUTCOME_RUNNING && (is_sure || any(16)))
		pending[at] = pending[--pending_count];
}

static void answer(void)
{
	if (!is_sure && any(20) == 0)
		w_outcome(&w, any(100000), OUTCOME_DONE);
	if (!is_sure && any(50) == 0)
		pending_count = 0; /* and nobody hears of them any more */
	for (size_t i = pending_count; i-- > 0 && w.outcome_count < 60;)
		if (is_sure || any(4) == 0)
			answer_one(i);
}

/* --- the operator ----------------------------------------------------------------------------- */

static void reload(void)
{
	struct engine *engine;

	check_int(engine_new(w.config, &engine), 0);
	check_int(engine_reserve(engine, W_NODES, any(2) ? W_SERVICES : 4), 0);
	engine_take_over(engine, w.engine);
	engine_free(w.engine);
	w.engine = engine;
}

static void pause_something(void)
{
	w.config->paused = any(8) == 0;
	w.config->some_service_paused = false;
	for (size_t i = 0; i < w.config->rule_count; i++)
		w.config->rules[i].paused = any(4) == 0;
	for (size_t i = 0; i < w.snapshot.service_count; i++) {
		w.services[i].paused = any(8) == 0;
		w.config->some_service_paused |= w.services[i].paused;
	}
	engine_note_paused(w.engine);
}

static void resume_all(void)
{
	w.config->paused = w.config->some_service_paused = false;
	for (size_t i = 0; i < w.config->rule_count; i++)
		w.config->rules[i].paused = false;
	for (size_t i = 0; i < w.snapshot.service_count; i++)
		w.services[i].paused = false;
	engine_note_paused(w.engine);
}

static void tick(usec_t later)
{
	answer();
	w_tick(&w, later);
	check(w.plan.step_count <= PLAN_STEPS_MAX);
	ask();
}

static void blow(void)
{
	static const usec_t laters[] = { 0, 20 * MS, 100 * MS, 100 * MS, 1 * SEC, 70 * SEC };

	switch (any(24)) {
	case 0:
		reload();
		break;
	case 1:
		pause_something();
		break;
	case 2:
		resume_all();
		break;
	case 3:
		engine_note_read_again(w.engine);
		break;
	case 4:
		engine_note_gap(w.engine);
		break;
	case 5:
		w.snapshot.node_count = 1 + any(2);
		w.snapshot.roll++;
		break;
	case 6:
		check_int(engine_reserve(w.engine, W_NODES, W_SERVICES), 0);
		break;
	case 7:
	case 8:
		go();
		break;
	case 9:
	case 10:
	case 11:
		come();
		break;
	default:
		jump();
		break;
	}
	tick(laters[any(sizeof(laters) / sizeof(laters[0]))]);
}

static void calm_down(void)
{
	is_sure = true;
	resume_all();
	check_int(engine_reserve(w.engine, W_NODES, W_SERVICES), 0);
	w.snapshot.node_count = 2;
	w.snapshot.roll++;
	w_available(&w, 8 * GIB);
	for (unsigned n = 0; n < 2; n++) {
		w_headroom(&w, n, 6 * GIB);
		w.nodes[n].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
	}
	for (size_t i = 0; i < w.snapshot.service_count; i++)
		w_resize(&w, i, 0, 50 * MIB);
	for (int t = 0; t < 400; t++)
		tick(1 * SEC);
	/* What relief has moved goes home long after. */
	for (int t = 0; t < 600; t++)
		tick(10 * SEC);
}

TEST(after_any_storm_there_is_calm)
{
	size_t steps = 0;

	for (unsigned storm = 1; storm <= STORMS; storm++) {
		chance = storm;
		is_sure = false;
		pending_count = 0;
		next_inode = 100;
		w_start(&w, agent, rules);
		w.snapshot.roll = 1;
		w.snapshot.host.sysctls[SETTING_SWAPPINESS - SETTING_DIRTY] = reading_of(60);
		for (int i = 0; i < 10; i++)
			come();
		for (int t = 0; t < TICKS; t++) {
			blow();
			steps += w.plan.step_count;
		}
		calm_down();
		check_int(w.plan.step_count, 0);
		check_int(w.engine->flight_end, 0);
		check_int(w.engine->claim_end, 0);
		check(!engine_is_climbing(w.engine));
		if (!engine_is_at_rest(w.engine))
			test_stop_(TEST_FAILED_, "storm %u: it is not at rest", storm);
		w_stop(&w);
	}
	/* Else nothing was tried. */
	check(steps > 1000);
}
