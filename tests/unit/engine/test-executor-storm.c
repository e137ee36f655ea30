/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whatever comes in whatever order, from plans that start, grow, call off and give back, from
 * remedies that fail, linger or end in every phase, from stops, and from agents that are killed and
 * started again: each step has one end, whoever holds a worker lets go of it, and when all is given
 * back the host has what it had.
 */

#include "scratch-directory.h"
#include "test.h"

#include "act/remedy.h"
#include "act/setting_file.h"
#include "engine/executor.h"
#include "sys/cgroup_layout.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <sys/stat.h>

#define SECOND USEC_PER_SEC

enum { STORMS = 60, ORDERS = 400, STEPS_MAX = ORDERS * 8, OWNERS = 5 };

static const struct knob {
	const char *name;
	enum setting_id id;
	int64_t base;
} knobs[] = {
	{ "swappiness", SETTING_SWAPPINESS, 60 },
	{ "vfs_cache_pressure", SETTING_VFS_CACHE_PRESSURE, 90 },
};

static const char *const owners[OWNERS] = { "a", "b", "c", "d", "e" };

static struct scratch_directory directory;
static struct sysroot root;
static struct cgroup_layout layout;
static struct ledger *ledger;
static struct executor *executor;
static struct plan plan;
static struct snapshot snapshot;
static usec_t now;
static uint64_t last_step;
static uint8_t ends[STEPS_MAX]; /* by step: final outcomes so far */
static bool is_start[STEPS_MAX];
static uint64_t chance;

/* The same each time. */
static unsigned any(unsigned below)
{
	chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(chance >> 33) % below;
}

/* --- remedies of every kind ------------------------------------------------------------------ */

static struct {
	bool is_calm; /* they do as they are told */
	unsigned taken;
	unsigned released;
} fake;

static int write_whole(struct remedy *remedy, const struct remedy_env *env)
{
	const struct setting_target *on = &remedy->step.setting.on;

	check_int(setting_file_write(env->root, env->layout, on, remedy->step.target.path,
				     &remedy->value),
		  0);
	check_int(setting_file_read(env->root, env->layout, on, remedy->step.target.path,
				    &remedy->outcome.in_force),
		  0);
	remedy->outcome.in_force_known = fake.is_calm || any(2);
	return REMEDY_DONE;
}

/* 1: it goes on. */
static int go_on(struct remedy *remedy, const struct remedy_env *env)
{
	static const int errors[] = { -EBUSY, -ETIMEDOUT, -EPIPE, -EIO, -EPERM };

	if (remedy->clerk.cancelled && any(2)) {
		remedy->outcome.state = OUTCOME_CANCELLED;
		return REMEDY_DONE;
	}
	if (fake.is_calm)
		return write_whole(remedy, env);
	switch (any(6)) {
	case 0:
		return write_whole(remedy, env);
	case 1:
		/* It was written, and that was not heard of any more. */
		(void)write_whole(remedy, env);
		remedy->outcome.in_force_known = false;
		return errors[any(ARRAY_SIZE(errors))];
	case 2:
		return errors[any(ARRAY_SIZE(errors))];
	default:
		return REMEDY_RUNNING;
	}
}

static int fake_start(struct remedy *remedy, const struct remedy_env *env, usec_t at)
{
	int r;

	(void)at;
	remedy->clerk.cancelled = false;
	r = go_on(remedy, env);
	fake.taken += r >= 0;
	return r;
}

static int fake_advance(struct remedy *remedy, const struct remedy_env *env, usec_t at)
{
	(void)at;
	return go_on(remedy, env);
}

static void fake_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	(void)env;
	remedy->clerk.cancelled = true;
}

static void fake_release(struct remedy *remedy, const struct remedy_env *env)
{
	(void)remedy;
	(void)env;
	fake.released++;
}

static const struct remedy_ops fake_remedy = {
	.start = fake_start, .advance = fake_advance, .cancel = fake_cancel, .release = fake_release
};

/* Stands in for the table of the real ones. */
const struct remedy_ops *const remedies[ACTION_COUNT_] = {
	[ACTION_HOLD] = &fake_remedy,
	[ACTION_SYSCTL] = &fake_remedy,
};

/* --- the machine ------------------------------------------------------------------------------ */

static int open_knob(const struct knob *knob, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "proc/sys/vm/%s", knob->name);
	fd = openat(directory.fd, path, flags | O_CLOEXEC, 0644);
	check(fd >= 0);
	return fd;
}

static void put(const struct knob *knob, int64_t value)
{
	_cleanup_(closep) int fd = open_knob(knob, O_WRONLY | O_CREAT | O_TRUNC);

	check(dprintf(fd, "%lld\n", (long long)value) > 0);
}

static int64_t get(const struct knob *knob)
{
	_cleanup_(closep) int fd = open_knob(knob, O_RDONLY);
	char text[32] = "";

	check(read(fd, text, sizeof(text) - 1) > 0);
	return strtoll(text, NULL, 10);
}

static void start_agent(void)
{
	const struct remedy_env env = { .root = &root, .layout = &layout };

	check_int(executor_new(&env, &executor), 0);
	executor_set_ledger(executor, ledger, now);
}

static void begin(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(ends, 0, sizeof(ends));
	memset(is_start, 0, sizeof(is_start));
	last_step = 0;
	scratch_directory_open(&directory);
	check_int(mkdirat(directory.fd, "proc", 0755), 0);
	check_int(mkdirat(directory.fd, "proc/sys", 0755), 0);
	check_int(mkdirat(directory.fd, "proc/sys/vm", 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
		put(&knobs[i], knobs[i].base);
	root = (struct sysroot){ .fd = directory.fd, .live = true };
	layout = (struct cgroup_layout){ .v2_fd = -1, .tree_fd = -1, .memory_fd = -1 };
	snapshot = (struct snapshot){ .sequence = 1 };
	now = 100 * SECOND;
	plan_reset(&plan);
	check_int(ledger_new(&ledger), 0);
	start_agent();
}

static void end(void)
{
	executor = executor_free(executor);
	check_int(fake.taken, fake.released);
	ledger = ledger_free(ledger);
	scratch_directory_close(&directory);
}

static void advance(void)
{
	const struct outcome *outcomes;
	size_t count = executor_advance(executor, &snapshot, now, &outcomes);

	for (size_t i = 0; i < count; i++) {
		check(outcomes[i].step > 0 && outcomes[i].step <= last_step);
		if (outcomes[i].state != OUTCOME_RUNNING)
			ends[outcomes[i].step]++;
	}
}

static void order(enum step_order what)
{
	const struct knob *knob = &knobs[any(ARRAY_SIZE(knobs))];
	struct step *step = plan_add_step(&plan);

	check(step);
	step->id = what == STEP_CANCEL ? any((unsigned)last_step + 1) : ++last_step;
	check(last_step < STEPS_MAX);
	step->order = what;
	step->action = ACTION_SYSCTL;
	step->mode = any(8) ? MODE_ENFORCE : MODE_DRY_RUN;
	step->owner = owners[any(OWNERS)];
	step->setting.on.id = knob->id;
	step->setting.wanted.number = 10 + any(50); /* of two digits, as what is there */
	if (what == STEP_START)
		is_start[step->id] = true;
}

static void submit(void)
{
	executor_submit(executor, &plan, &snapshot, now);
	plan_reset(&plan);
	advance();
}

/* An agent that is killed: nobody hears of its steps any more. */
static void kill_agent(void)
{
	executor = executor_free(executor);
	for (uint64_t id = 1; id <= last_step; id++)
		ends[id] = 1;
	start_agent();
	executor_undo_all(executor, true, now);
}

static void blow(void)
{
	switch (any(16)) {
	case 0:
		executor_cancel_all(executor, now);
		break;
	case 1:
		executor_undo_all(executor, any(2), now);
		break;
	case 2:
		executor_take_foreign(executor);
		break;
	case 3:
		if (any(4) == 0)
			kill_agent();
		break;
	case 4:
	case 5:
	case 6:
		order(STEP_CANCEL);
		break;
	case 7:
	case 8:
	case 9:
		order(STEP_UNDO);
		break;
	default:
		for (unsigned i = any(6); i-- > 0;)
			order(STEP_START);
		break;
	}
	submit();
	now += any(4) ? 50 * USEC_PER_MSEC : 3 * SECOND;
}

/* What is tried again waits for a minute at most. */
static void settle(void)
{
	fake.is_calm = true;
	executor_undo_all(executor, true, now);
	for (int i = 0; i < 200; i++) {
		now += SECOND;
		advance();
	}
}

TEST(each_step_has_one_end_and_nothing_is_left)
{
	for (unsigned storm = 1; storm <= STORMS; storm++) {
		chance = storm;
		begin();
		for (int i = 0; i < ORDERS; i++)
			blow();
		settle();
		check(executor_is_idle(executor));
		check(!executor_is_setting(executor));
		check_int(ledger_count(ledger), 0);
		for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
			check_int(get(&knobs[i]), knobs[i].base);
		for (uint64_t id = 1; id <= last_step; id++)
			if (ends[id] != 1)
				test_stop_(TEST_FAILED_, "storm %u: step %" PRIu64 "%s has %u ends",
					   storm, id, is_start[id] ? "" : " (undo)", ends[id]);
		end();
	}
}
