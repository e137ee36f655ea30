/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The choke point: what is answered without being done, what is refused, and what becomes of what
 * is run. */

#include "act/fake-pool.h"
#include "act/fake-port.h"
#include "act/scratch-cgroup.h"

#include "engine/executor.h"
#include "util/macro.h"

#define MIB	   (UINT64_C(1) << 20)
#define START_USEC (100 * USEC_PER_SEC)

static struct sysroot root;
static struct cgroup_layout layout;
static struct executor *executor;
static struct plan plan;
static struct fake_port port;
static struct node nodes[2];
static struct service service;
static struct snapshot snapshot;
static unsigned published;

static void publish(void *context, const struct step *step)
{
	(void)context;
	(void)step;
	published++;
}

static struct remedy_env env_on(const struct sysroot *r, const struct cgroup_layout *l)
{
	return (struct remedy_env){
		.root = r, .layout = l, .work = fake_work_port(&port), .publish = publish
	};
}

static void prepare(void)
{
	const struct remedy_env env = env_on(&root, &layout);

	root = (struct sysroot){ .fd = -1, .live = true };
	layout = (struct cgroup_layout){ .v2_fd = -1 };
	memset(&port, 0, sizeof(port));
	published = 0;
	nodes[0] = (struct node){ .id = 0 };
	nodes[1] = (struct node){ .id = 1 };
	snapshot = (struct snapshot){
		.nodes = nodes, .node_count = 2, .services = &service, .service_count = 1
	};
	memset(&service, 0, sizeof(service));
	service.path = "system.slice/hog.service";
	service.inode = 42;
	plan_reset(&plan);
	check_int(executor_new(&env, &executor), 0);
}

static struct step *add(uint64_t id, enum action_id action, enum mode mode)
{
	struct step *step = plan_add_step(&plan);

	check(step);
	step->id = id;
	step->order = STEP_START;
	step->action = action;
	step->mode = mode;
	step->target.key = service.inode;
	strcpy(step->target.path, service.path);
	return step;
}

static void submit(usec_t now)
{
	executor_submit(executor, &plan, &snapshot, now);
	plan_reset(&plan);
}

/* The only outcome there is. */
static struct outcome one(usec_t now)
{
	const struct outcome *outcomes;

	check_int(executor_advance(executor, &snapshot, now, &outcomes), 1);
	return outcomes[0];
}

TEST(dry_run_reports_and_touches_nothing)
{
	struct outcome outcome;
	struct step *step;

	prepare();
	step = add(1, ACTION_MIGRATE, MODE_DRY_RUN);
	step->expected_gain = 640 * MIB;
	submit(START_USEC);
	outcome = one(START_USEC + 1);
	check_int(outcome.step, 1);
	check_int(outcome.state, OUTCOME_DONE);
	check(outcome.simulated);
	check_int(outcome.done_bytes, 640 * MIB);
	check_int(port.submitted, 0);

	add(2, ACTION_KILL, MODE_DRY_RUN);
	add(3, ACTION_NOTIFY, MODE_DRY_RUN);
	submit(START_USEC);
	check_int(executor_advance(executor, &snapshot, START_USEC,
				   &(const struct outcome *){ NULL }),
		  2);
	check_int(published, 0);
	check(executor_is_idle(executor));
	check_int(executor_take_moved(executor, 1), 0);
	executor = executor_free(executor);
}

TEST(a_captured_machine_is_never_changed)
{
	struct outcome outcome;

	prepare();
	root.live = false;
	for (int action = 0; action < ACTION_COUNT_; action++) {
		add(1, (enum action_id)action, MODE_ENFORCE);
		submit(START_USEC);
		outcome = one(START_USEC);
		check_int(outcome.state, OUTCOME_FAILED);
		check_int(outcome.error, EROFS);
		check(!outcome.simulated);
	}
	check_int(published, 0);
	check_int(port.submitted, 0);
	executor = executor_free(executor);
}

TEST(notify_is_done_at_once)
{
	struct outcome outcome;

	prepare();
	add(4, ACTION_NOTIFY, MODE_ENFORCE);
	submit(START_USEC);
	check(!executor_is_idle(executor));
	outcome = one(START_USEC);
	check_int(outcome.state, OUTCOME_DONE);
	check(!outcome.simulated);
	check_int(published, 1);
	check(executor_is_idle(executor));
	executor = executor_free(executor);
}

TEST(destruction_is_measured_once_more)
{
	static const char *const paths[] = { "system.slice/sshd.service",
					     "system.slice/dbus.service",
					     "system.slice/libvirtd.service" };
	struct outcome outcome;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		prepare();
		service.path = paths[i];
		add(1, ACTION_KILL, MODE_ENFORCE);
		submit(START_USEC);
		outcome = one(START_USEC);
		check_int(outcome.error, EPERM);
		check_contains(outcome.reason, "protected");
		executor = executor_free(executor);
	}
	prepare();
	service.is_self = true;
	add(1, ACTION_KILL, MODE_ENFORCE);
	submit(START_USEC);
	check_int(one(START_USEC).error, EPERM);

	service.is_self = false;
	service.guest = GUEST_QEMU;
	add(2, ACTION_KILL, MODE_ENFORCE);
	submit(START_USEC);
	check_int(one(START_USEC).error, EPERM);

	/* Another one has its inode, or nobody knows it any more. */
	service.guest = GUEST_NONE;
	add(3, ACTION_KILL, MODE_ENFORCE);
	service.path = "system.slice/other.service";
	submit(START_USEC);
	check_int(one(START_USEC).error, ESTALE);
	add(4, ACTION_KILL, MODE_ENFORCE);
	snapshot.service_count = 0;
	submit(START_USEC);
	check_int(one(START_USEC).error, ESTALE);
	executor = executor_free(executor);
}

/* A canary dies without being asked, so it has to be one. */
TEST(only_a_canary_is_killed_as_one)
{
	struct policy policies[2] = { 0 };
	const struct policy_table table = { .policies = policies, .count = 2 };

	for (int policy = -1; policy <= 2; policy++) {
		prepare();
		if (policy >= 0)
			executor_set_policies(executor, &table);
		policies[1].canary = 1;
		service.policy = policy;
		add(1, ACTION_KILL, MODE_ENFORCE)->kill.is_canary = true;
		submit(START_USEC);

		const struct outcome outcome = one(START_USEC);

		/* One that is goes further, to where nothing is found. */
		if (policy == 1)
			check(!strstr(outcome.reason, "no canary"));
		else
			check_contains(outcome.reason, "no canary");
		check_int(outcome.state, OUTCOME_FAILED);
		executor = executor_free(executor);
	}
}

TEST(a_group_with_one_that_is_spared_is_not_taken_as_a_whole)
{
	static struct service both[2];
	struct policy policies[2] = { { .kill = KILL_FIRST }, { .kill = KILL_NEVER } };
	const struct policy_table table = { .policies = policies, .count = 2 };

	for (int policy = -1; policy <= 1; policy++) {
		prepare();
		executor_set_policies(executor, &table);
		service.path = "web.slice";
		both[0] = service;
		both[0].policy = 0;
		both[1] = (struct service){ .path = "web.slice/a.service",
					    .inode = 4711,
					    .policy = policy };
		snapshot.services = both;
		snapshot.service_count = 2;
		add(1, ACTION_KILL, MODE_ENFORCE)->kill.takes_all = true;
		submit(START_USEC);

		const struct outcome outcome = one(START_USEC);

		check_int(outcome.state, OUTCOME_FAILED);
		if (policy == 0)
			check(!strstr(outcome.reason, "spared"));
		else
			check_contains(outcome.reason, "spared");
		executor = executor_free(executor);
	}
}

TEST(too_many_steps_are_told)
{
	const struct outcome *outcomes;
	size_t done = 0, failed = 0, n;

	prepare();
	/* Finished at once, but their slots are held until somebody hears of it. */
	for (uint64_t id = 1; id <= EXECUTOR_STEPS_MAX + 8; id++) {
		add(id, ACTION_NOTIFY, MODE_ENFORCE);
		if (plan.step_count == PLAN_STEPS_MAX)
			submit(START_USEC);
	}
	submit(START_USEC);
	while ((n = executor_advance(executor, &snapshot, START_USEC, &outcomes)) > 0)
		for (size_t i = 0; i < n; i++) {
			check(n <= EXECUTOR_OUTCOMES_MAX);
			done += outcomes[i].state == OUTCOME_DONE;
			failed += outcomes[i].state == OUTCOME_FAILED;
			if (outcomes[i].state == OUTCOME_FAILED)
				check_contains(outcomes[i].reason, "too many");
		}
	check_int(done, EXECUTOR_STEPS_MAX - EXECUTOR_LAST_STEPS);
	check_int(failed, EXECUTOR_LAST_STEPS + 8);
	check(executor_is_idle(executor));
	executor = executor_free(executor);
}

TEST(orders_for_unknown_steps_are_nothing)
{
	const struct outcome *outcomes;

	prepare();
	add(77, ACTION_MIGRATE, MODE_ENFORCE)->order = STEP_RESIZE;
	add(77, ACTION_MIGRATE, MODE_ENFORCE)->order = STEP_CANCEL;
	submit(START_USEC);
	check_int(executor_advance(executor, &snapshot, START_USEC, &outcomes), 0);
	check(executor_is_idle(executor));
	executor = executor_free(executor);
}

/* The rest needs a real cgroup. */

static struct scratch scratch;

static void prepare_scratch(const char *name)
{
	struct remedy_env env;

	scratch_open(&scratch, name);
	prepare();
	executor = executor_free(executor);
	env = env_on(&scratch.root, &scratch.layout);
	check_int(executor_new(&env, &executor), 0);
	service.path = scratch.path;
	service.inode = scratch.inode;
}

static void finish_scratch(void)
{
	executor = executor_free(executor);
	scratch_close(&scratch);
}

static struct step *add_move(uint64_t id, uint64_t bytes)
{
	struct step *step = add(id, ACTION_MIGRATE, MODE_ENFORCE);

	step->migrate = (struct step_migrate){ .from_node = 0, .to_node = 1, .bytes = bytes };
	return step;
}

TEST(a_move_is_reported_when_something_changed)
{
	const struct outcome *outcomes;
	struct outcome outcome;

	prepare_scratch("moves");
	scratch_child(&scratch, NULL, false);
	add_move(5, 64 * MIB);
	submit(START_USEC);
	check_int(port.submitted, 1);
	outcome = one(START_USEC + 1);
	check_int(outcome.state, OUTCOME_RUNNING);
	check_int(executor_advance(executor, &snapshot, START_USEC + 2, &outcomes), 0);

	fake_answer(&port, false, 0, 10 * MIB / 4096, 0);
	outcome = one(START_USEC + 3);
	check_int(outcome.state, OUTCOME_RUNNING);
	check_int(outcome.done_bytes, 10 * MIB);
	check_int(outcome.at_usec, START_USEC + 3);
	check_int(executor_take_moved(executor, 1), 10 * MIB);
	check_int(executor_take_moved(executor, 0), -(int64_t)(10 * MIB));
	check_int(executor_take_moved(executor, 1), 0);

	add_move(5, 128 * MIB)->order = STEP_RESIZE;
	submit(START_USEC);
	check_int(port.message.kind, WORK_RESIZE);
	check_int(port.message.bytes, 128 * MIB);

	fake_answer(&port, true, 0, 30 * MIB / 4096, 0);
	outcome = one(START_USEC + USEC_PER_SEC);
	check_int(outcome.state, OUTCOME_DONE);
	check_int(outcome.remaining_bytes, 98 * MIB);
	check_int(executor_take_moved(executor, 1), 20 * MIB);
	check(executor_is_idle(executor));
	finish_scratch();
}

TEST(a_cancelled_move_ends_as_cancelled)
{
	struct outcome outcome;

	prepare_scratch("cancels");
	scratch_child(&scratch, NULL, false);
	add_move(5, 64 * MIB);
	submit(START_USEC);
	check_int(one(START_USEC).state, OUTCOME_RUNNING);
	add_move(5, 0)->order = STEP_CANCEL;
	submit(START_USEC);
	check_int(port.message.kind, WORK_CANCEL);
	fake_answer(&port, true, ECANCELED, 2 * MIB / 4096, 0);
	outcome = one(START_USEC + 1);
	check_int(outcome.state, OUTCOME_CANCELLED);
	check_int(outcome.done_bytes, 2 * MIB);

	add_move(6, 64 * MIB);
	submit(START_USEC);
	executor_cancel_all(executor, START_USEC);
	check_int(port.message.kind, WORK_CANCEL);
	port.dead = true;
	outcome = one(START_USEC + 1);
	check_int(outcome.state, OUTCOME_FAILED);
	check_int(outcome.error, EPIPE);
	check_str(outcome.reason, "the worker died");
	finish_scratch();
}

TEST(workers_of_running_moves_are_given_up_at_the_end)
{
	prepare_scratch("ends");
	scratch_child(&scratch, NULL, false);
	add_move(5, 64 * MIB);
	submit(START_USEC);
	check_int(port.submitted, 1);
	finish_scratch();
	check_int(port.given_up, 1);
}

TEST(a_kill_runs_to_its_end)
{
	const struct outcome *outcomes;
	struct outcome outcome;
	struct step *step;
	size_t n = 0;
	pid_t pid;

	prepare_scratch("kills");
	pid = scratch_child(&scratch, NULL, false);
	step = add(8, ACTION_KILL, MODE_ENFORCE);
	step->kill.grace_usec = USEC_PER_SEC;
	submit(START_USEC);
	check(scratch_has_ended(&scratch, pid));
	for (int i = 0; i < 500; i++) {
		n = executor_advance(executor, &snapshot, START_USEC + 1, &outcomes);
		check(n <= 1);
		if (n == 1 && outcomes[0].state != OUTCOME_RUNNING)
			break;
		poll(NULL, 0, 2);
	}
	check_int(n, 1);
	outcome = outcomes[0];
	check_int(outcome.state, OUTCOME_DONE);
	check_int(outcome.signalled, 1);
	check(executor_is_idle(executor));
	finish_scratch();
}

TEST(where_all_places_are_taken_a_kill_still_has_one)
{
	const struct outcome *outcomes;
	struct step *step;
	pid_t pid;

	prepare_scratch("last-resort");
	pid = scratch_child(&scratch, NULL, false);
	for (uint64_t id = 1; id <= EXECUTOR_STEPS_MAX; id++) {
		add(id, ACTION_NOTIFY, MODE_ENFORCE);
		if (plan.step_count == PLAN_STEPS_MAX)
			submit(START_USEC);
	}
	submit(START_USEC);
	step = add(EXECUTOR_STEPS_MAX + 1, ACTION_KILL, MODE_ENFORCE);
	step->kill.grace_usec = USEC_PER_SEC;
	submit(START_USEC);
	check(scratch_has_ended(&scratch, pid));
	while (executor_advance(executor, &snapshot, START_USEC + 1, &outcomes) > 0)
		;
	finish_scratch();
}

/* The agent's own cgroup, and every one around it. */
TEST(the_agent_is_never_among_the_victims)
{
	struct outcome outcome;
	char text[16], old[512];
	int fd;
	bool moved;

	prepare_scratch("self");
	scratch_child(&scratch, NULL, false);
	check(mkdirat(scratch.dir_fd, "a", 0755) == 0);
	fd = openat(scratch.dir_fd, "a", O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	check(proc_cgroup_read(proc_pid_open(&scratch.root, getpid()), NULL, old, sizeof(old)) ==
	      1);
	snprintf(text, sizeof(text), "%d", getpid());
	scratch_write(fd, "cgroup.procs", text);
	close(fd);
	add(8, ACTION_KILL, MODE_ENFORCE);
	submit(START_USEC);
	outcome = one(START_USEC);

	/* Back to where it was before anything is checked: the cgroup is to be removed. */
	fd = old[0] ? openat(scratch.layout.v2_fd, old, O_PATH | O_DIRECTORY | O_CLOEXEC)
		    : dup(scratch.layout.v2_fd);
	scratch_write(fd, "cgroup.procs", text);
	close(fd);
	moved = scratch_lives(scratch.children[0]);
	finish_scratch();
	check(moved);
	check_int(outcome.state, OUTCOME_FAILED);
	check_int(outcome.error, EPERM);
	check_contains(outcome.reason, "the agent");
}

TEST(a_move_has_as_many_workers_as_it_may)
{
	for (unsigned movers = 0; movers <= 2; movers++) {
		struct fake_pool pool = { .count = 2 };
		struct remedy_env env;
		struct step *step;

		prepare();
		executor_free(executor);
		scratch_open(&scratch, "movers");
		scratch_child(&scratch, NULL, false);
		scratch_child(&scratch, NULL, false);
		env = env_on(&scratch.root, &scratch.layout);
		env.work = fake_pool_port(&pool);
		check_int(executor_new(&env, &executor), 0);
		if (movers > 0)
			executor_set_movers(executor, movers);
		service.path = scratch.path;
		service.inode = scratch.inode;
		step = add(1, ACTION_MIGRATE, MODE_ENFORCE);
		step->migrate.to_node = 1;
		step->migrate.bytes = 200 * MIB;
		submit(START_USEC);
		check_int(pool.submitted, movers == 2 ? 2 : 1);
		executor = executor_free(executor);
		check_int(fake_pool_busy(&pool), 0);
		scratch_close(&scratch);
	}
}
