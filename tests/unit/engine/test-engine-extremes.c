/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Numbers that no machine has, and a damaged capture may: nothing overflows, nothing is divided by
 * zero, and no step is about more than there can be. What the sanitizer finds ends the test.
 */

#include "test.h"

#include "world.h"

#include "engine/judge.h"
#include "engine/state.h"

static struct world w;

static const char *const rules =
	"[Rule host]\nOn=host\nWhen=mem.available < 50% or mem.time-to-empty < 20s\n"
	"Until=mem.available > 60%\nCooldown=1s\nStepWait=100ms\n"
	"Do=notify\nDo=kill policy\n"
	"[Rule node]\nOn=node\nWhen=node.headroom < min(50%, 4G) or node.time-to-empty < 20s\n"
	"Until=node.headroom > min(60%, 10G)\nCooldown=1s\nStepWait=100ms\n"
	"Do=migrate bytes=until-clear to=roomiest\nDo=kill policy\n"
	"[Rule service]\nOn=service\nWhen=service.headroom < 10% or service.current > 1G\n"
	"Until=service.headroom > 50%\nCooldown=1s\nStepWait=100ms\n"
	"Do=limit up step=10%\nDo=limit down step=10%\nDo=notify\n";

static const char *const policies =
	"[Policy guests]\nMatch=machine.slice/*.scope\nKind=vm\nKill=never\nNodes=home\n"
	"[Policy builds]\nMatch=system.slice/ci-*.service\nKind=batch\nKill=first\nRank=100\n"
	"Nodes=relieve\nMemoryHigh=25%\nMemoryMax=50% node\nMemoryMaxCeiling=90%\n";

static struct service_settings found[W_SERVICES];
static unsigned steps[ACTION_COUNT_];

/* The same each time. */
static int64_t any_value(void)
{
	static const int64_t values[] = {
		0,
		1,
		4095,
		70 * MIB,
		3 * GIB,
		100 * GIB,
		INT64_MAX / 8,
		INT64_MAX / 2 + 1,
		INT64_MAX - 1,
		INT64_MAX,
	};
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return values[(state >> 33) % (sizeof(values) / sizeof(values[0]))];
}

static void fill(struct reading *readings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		readings[i] = any_value() == 1 ? READING_FOREVER : reading_of(any_value());
}

static size_t serve(const char *path)
{
	size_t i = w_service(&w, path, 0, 1 * GIB);

	found[i] = (struct service_settings){ .oom_group = reading_of(0), .score_known = true };
	w.services[i].settings = &found[i];
	w.services[i].owner = OWNER_SYSTEMD;
	return i;
}

static void set_all(void)
{
	fill(w.snapshot.host.readings, METRIC_HOST_COUNT);
	for (size_t n = 0; n < W_NODES; n++)
		fill(w.nodes[n].readings, METRIC_NODE_COUNT);
	for (size_t i = 0; i < w.snapshot.service_count; i++) {
		fill(w.services[i].readings, METRIC_SERVICE_COUNT);
		for (size_t n = 0; n < W_NODES; n++)
			w.shares[i][n] = (struct node_share){
				.bytes = (uint64_t)any_value() * 2,
				.movable_bytes = (uint64_t)any_value() * 2,
				.shmem_bytes = (uint64_t)any_value() * 2,
			};
		for (int id = 0; id <= SETTING_MEMORY_SWAP_MAX; id++)
			found[i].memory[id] = reading_of(any_value());
	}
}

static void check_steps(void)
{
	for (size_t i = 0; i < w.plan.step_count; i++) {
		const struct step *step = &w.plan.steps[i];

		check(step->expected_gain >= 0);
		steps[step->action]++;
		if (step->action == ACTION_MIGRATE)
			check(step->migrate.bytes <= INT64_MAX);
		if (step->order == STEP_START && step->mode == MODE_ENFORCE) {
			struct outcome *o = w_outcome(&w, step->id, OUTCOME_DONE);

			o->done_bytes = i % 2 ? UINT64_MAX : 0;
			o->bytes_per_sec = i % 3 ? UINT64_MAX : 1;
			o->remaining_bytes = UINT64_MAX;
			o->pages.moved = o->pages.pinned = o->pages.shared = UINT64_MAX;
		}
	}
}

static void judge_something(void)
{
	struct kernel_event event = { .kind = KERNEL_EVENT_OOM_KILL,
				      .at_usec = UINT64_MAX,
				      .not_before_usec = UINT64_MAX,
				      .constraint = OOM_CONSTRAINT_NONE,
				      .order = 10,
				      .order_known = true };
	struct verdict verdict;

	engine_judge(w.engine, &w.snapshot, &event, w.now, &verdict);
}

static void live_through(const char *agent)
{
	memset(steps, 0, sizeof(steps));
	w_start_with(&w, agent, policies, rules);
	serve("machine.slice/db.scope");
	serve("machine.slice/other.scope");
	serve("system.slice/ci-1.service");
	serve("system.slice/ci-2.service");
	for (int i = 0; i < 3000; i++) {
		set_all();
		for (int t = 0; t < 3; t++) {
			w_tick(&w, 400 * MS);
			check_steps();
		}
		judge_something();
	}
	/* Else nothing was tried. */
	check(steps[ACTION_KILL] > 0);
	check(steps[ACTION_MIGRATE] > 0);
	check(steps[ACTION_LIMIT] > 0);
	check(steps[ACTION_HOLD] > 0);
	w_stop(&w);
}

TEST(a_dry_run_over_numbers_that_cannot_be)
{
	live_through("Mode=dry-run\n");
}

TEST(steps_over_numbers_that_cannot_be)
{
	live_through("Mode=enforce\nKillBudget=60/1h\n");
}
