/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A step that nothing records: what its undo does is one more step of the same remedy. The clerk is
 * the test. */

#include "act/fake-port.h"
#include "test.h"

#include "engine/executor.h"
#include "sys/cgroup_layout.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#define MIB	   (UINT64_C(1) << 20)
#define START_USEC (100 * USEC_PER_SEC)
#define EARLY	   "oomwarden-canary-early.service"
#define LATE	   "oomwarden-canary-late.service"

static struct sysroot root;
static struct cgroup_layout layout;
static struct executor *executor;
static struct snapshot snapshot;
static struct plan plan;
static struct fake_port port;
static const struct outcome *outcomes;

static void prepare(void)
{
	memset(&port, 0, sizeof(port));
	root = (struct sysroot){ .fd = -1, .live = true };
	layout = (struct cgroup_layout){ .v2_fd = -1 };

	const struct remedy_env env = { .root = &root,
					.layout = &layout,
					.clerks = fake_work_port(&port) };

	plan_reset(&plan);
	check_int(executor_new(&env, &executor), 0);
}

static void submit(uint64_t id, enum step_order order, const char *unit, enum mode mode)
{
	struct step *step = plan_add_step(&plan);

	check(step);
	*step = (struct step){ .id = id,
			       .order = order,
			       .action = ACTION_ARM,
			       .mode = mode,
			       .rule = RULE_NONE,
			       .owner = "early",
			       .target.policy = -1,
			       .gain_metric = METRIC_NONE,
			       .arm.bytes = 64 * MIB };
	strcpy(step->arm.unit, unit);
	executor_submit(executor, &plan, &snapshot, START_USEC);
	plan_reset(&plan);
}

static void answer(int error, const char *said)
{
	fake_answer(&port, true, error, 0, 0);
	strcpy(port.replies[port.reply_count - 1].said, said);
}

static size_t advance(usec_t after)
{
	return executor_advance(executor, &snapshot, START_USEC + after, &outcomes);
}

TEST(a_canary_is_armed_and_ended)
{
	prepare();
	submit(1, STEP_START, EARLY, MODE_ENFORCE);
	check_int(port.submitted, 1);
	check_int(port.request.unit.verb, UNIT_ARM);
	answer(0, "holds 64 MiB");
	check_int(advance(1), 1);
	check_int(outcomes[0].step, 1);
	check_int(outcomes[0].state, OUTCOME_DONE);
	check(!outcomes[0].is_undo);

	submit(2, STEP_UNDO, EARLY, MODE_ENFORCE);
	check_int(port.submitted, 2);
	check_int(port.request.unit.verb, UNIT_DISARM);
	check_str(port.request.unit.unit, EARLY);
	check(!executor_is_idle(executor));
	answer(0, "stopped");
	check_int(advance(2), 1);
	check_int(outcomes[0].step, 2);
	check_int(outcomes[0].state, OUTCOME_DONE);
	check_str(outcomes[0].reason, "stopped");
	check(outcomes[0].is_undo);
	check(executor_is_idle(executor));
	executor = executor_free(executor);
}

/* There is one clerk for both: it is told to end the one, and then has the other. */
TEST(what_is_being_armed_is_called_off_before_it_is_ended)
{
	prepare();
	submit(1, STEP_START, EARLY, MODE_ENFORCE);
	submit(2, STEP_UNDO, EARLY, MODE_ENFORCE);
	check_int(port.messages, 1);
	check_int(port.message.kind, WORK_CANCEL);
	check_int(port.submitted, 1);
	answer(ECANCELED, "");
	check_int(advance(1), 2);
	check_int(outcomes[0].step, 1);
	check_int(outcomes[0].state, OUTCOME_CANCELLED);
	check_int(port.submitted, 2);
	check_int(port.request.unit.verb, UNIT_DISARM);
	answer(ENOENT, "not loaded");
	check_int(advance(2), 1);
	check_int(outcomes[0].step, 2);
	check_int(outcomes[0].state, OUTCOME_DONE);
	check_str(outcomes[0].reason, "it is gone");
	executor = executor_free(executor);
}

TEST(what_waits_to_be_armed_never_is)
{
	prepare();
	port.busy_elsewhere = true;
	submit(1, STEP_START, EARLY, MODE_ENFORCE);
	submit(2, STEP_UNDO, EARLY, MODE_ENFORCE);
	port.busy_elsewhere = false;
	check_int(advance(1), 2);
	check_int(outcomes[0].state, OUTCOME_CANCELLED);
	check_int(port.submitted, 1);
	check_int(port.request.unit.verb, UNIT_DISARM);
	executor = executor_free(executor);
}

TEST(another_canary_goes_on)
{
	prepare();
	submit(1, STEP_START, LATE, MODE_ENFORCE);
	submit(2, STEP_UNDO, EARLY, MODE_ENFORCE);
	/* Nor is an end called off by another. */
	submit(3, STEP_UNDO, EARLY, MODE_ENFORCE);
	check_int(port.messages, 0);
	answer(0, "holds 64 MiB");
	check_int(advance(1), 3);
	check_int(outcomes[0].state, OUTCOME_DONE);
	executor = executor_free(executor);
}

TEST(a_dry_run_ends_nothing)
{
	prepare();
	submit(1, STEP_UNDO, EARLY, MODE_DRY_RUN);
	check_int(port.submitted, 0);
	check_int(advance(1), 1);
	check(outcomes[0].simulated);
	executor = executor_free(executor);
}

TEST(one_too_many_is_told)
{
	prepare();
	port.busy_elsewhere = true;
	for (uint64_t id = 1; id <= EXECUTOR_STEPS_MAX + 1; id++)
		submit(id, STEP_UNDO, EARLY, MODE_ENFORCE);
	check(advance(1) > 0);
	check_int(outcomes[0].step, EXECUTOR_STEPS_MAX + 1);
	check_int(outcomes[0].state, OUTCOME_FAILED);
	check_int(outcomes[0].error, EBUSY);
	executor = executor_free(executor);
}
