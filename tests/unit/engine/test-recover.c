/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is left of an agent that was killed, on a machine of files and with the real remedies:
 * whatever it was about to do, afterwards the machine is as it was before.
 */

#include "act/fake-machine.h"
#include "scratch-directory.h"
#include "sys/fake-manager.h"

#include "engine/clerk_here.h"
#include "engine/entry.h"
#include "engine/executor.h"
#include "engine/recover.h"
#include "util/macro.h"

#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BOOT   "11111111-2222-3333-4444-555555555555"
#define PATH   "system.slice/a.service"
#define SECOND USEC_PER_SEC
/* Files are not cut by a write, so all of them have as many digits. */
#define BASE_HIGH   INT64_C(4294967296)
#define POLICY_HIGH INT64_C(3758096384)
#define MILD_HIGH   INT64_C(3221225472)
#define STRICT_HIGH INT64_C(2147483648)

static struct machine machine;
static struct scratch_directory directory;
static uint64_t key;

static void make_machine(void)
{
	machine_open(&machine);
	key = machine_cgroup(&machine, PATH);
	machine_put(&machine, PATH, "cgroup.procs", "100\n101\n");
	machine_put(&machine, PATH, "memory.high", "4294967296\n");
	machine_put(&machine, PATH, "memory.current", "1048576\n");
	machine_put(&machine, PATH, "cgroup.freeze", "0\n");
	machine_put(&machine, PATH, "cgroup.events", "populated 1\nfrozen 0\n");
	fixture_put(&machine.files, "proc/sys/vm/swappiness", "60\n");
	for (int pid = 100; pid <= 101; pid++)
		machine_process(&machine,
				&(struct machine_process){
					.pid = pid, .parent = 1, .start = 7, .cgroup = PATH });
	scratch_directory_open(&directory);
}

/* As it was, the record too. */
static void reset_machine(void)
{
	machine_put(&machine, PATH, "memory.high", "4294967296\n");
	machine_put(&machine, PATH, "cgroup.freeze", "0\n");
	fixture_put(&machine.files, "proc/sys/vm/swappiness", "60\n");
	fixture_put(&machine.files, "proc/100/oom_score_adj", "0\n");
	fixture_put(&machine.files, "proc/101/oom_score_adj", "0\n");
	(void)unlinkat(directory.fd, "ledger", 0);
}

static void remove_machine(void)
{
	scratch_directory_close(&directory);
	machine_close(&machine);
}

static int64_t high(void)
{
	char text[64];

	machine_get(&machine, PATH, "memory.high", text, sizeof(text));
	return strtoll(text, NULL, 10);
}

static int64_t freeze(void)
{
	char text[64];

	machine_get(&machine, PATH, "cgroup.freeze", text, sizeof(text));
	return strtoll(text, NULL, 10);
}

static int64_t swappiness(void)
{
	char text[64];

	check(sysroot_read(&machine.root, "proc/sys/vm/swappiness", text, sizeof(text)) > 0);
	return strtoll(text, NULL, 10);
}

static struct ledger *open_ledger(void)
{
	struct ledger *ledger = NULL;
	bool was_bad = false;

	check_int(ledger_open(directory.fd, BOOT, &ledger, &was_bad), 0);
	check(!was_bad);
	return ledger;
}

/* --- an agent --------------------------------------------------------------------------------- */

struct agent {
	struct clerk_here clerk;
	struct ledger *ledger;
	struct executor *executor;
	struct policy policy;
	struct policy_table policies;
	struct service service;
	struct snapshot snapshot;
	struct plan plan;
	usec_t now;
	uint64_t last_step;
	struct outcome last;
};

static void agent_start(struct agent *a)
{
	memset(a, 0, sizeof(*a));
	a->clerk.machine.root = &machine.root;
	a->clerk.machine.layout = machine.layout;
	a->clerk.machine.has_layout = true;
	const struct remedy_env env = { .root = &machine.root,
					.layout = &machine.layout,
					.clerks = clerk_here_port(&a->clerk) };

	a->policy.kind = KIND_BATCH;
	a->policies = (struct policy_table){ .policies = &a->policy, .count = 1 };
	a->service = (struct service){ .path = PATH, .inode = key, .owner = OWNER_NOBODY };
	a->snapshot = (struct snapshot){ .services = &a->service, .service_count = 1 };
	a->now = 1000 * SECOND;
	a->ledger = open_ledger();
	check_int(executor_new(&env, &a->executor), 0);
	executor_set_policies(a->executor, &a->policies);
	executor_set_ledger(a->executor, a->ledger, a->now);
}

static void agent_end(struct agent *a)
{
	executor_free(a->executor);
	ledger_free(a->ledger);
}

static void settle(struct agent *a)
{
	const struct outcome *outcomes;

	for (int i = 0; i < 50; i++) {
		size_t n = executor_advance(a->executor, &a->snapshot, a->now, &outcomes);

		if (n > 0)
			a->last = outcomes[n - 1];
		if (executor_is_idle(a->executor))
			return;
		a->now += 10 * USEC_PER_MSEC;
	}
}

static void order(struct agent *a, enum step_order what, enum action_id action, const char *owner,
		  enum setting_id id, int64_t wanted)
{
	struct step *step;

	plan_reset(&a->plan);
	step = plan_add_step(&a->plan);
	step->id = ++a->last_step;
	step->order = what;
	step->action = action;
	step->mode = MODE_ENFORCE;
	step->rule = action == ACTION_HOLD ? RULE_NONE : 0;
	step->owner = owner;
	step->setting.on.id = id;
	step->setting.wanted.number = wanted;
	step->setting.owner = OWNER_NOBODY;
	step->setting.most_usec = 100 * SECOND;
	if (setting_get(id)->scope == SCOPE_SERVICE) {
		step->setting.on.key = key;
		step->target.key = key;
		if (action == ACTION_HOLD)
			step->subject = (struct subject){ SCOPE_SERVICE, key };
		snprintf(step->target.path, sizeof(step->target.path), "%s", PATH);
	}
	executor_submit(a->executor, &a->plan, &a->snapshot, a->now);
	settle(a);
}

/* Everything that it does in a busy hour. */
static void live(struct agent *a)
{
	order(a, STEP_START, ACTION_HOLD, "policy", SETTING_MEMORY_HIGH, POLICY_HIGH);
	order(a, STEP_START, ACTION_LIMIT, "mild", SETTING_MEMORY_HIGH, MILD_HIGH);
	order(a, STEP_START, ACTION_LIMIT, "strict", SETTING_MEMORY_HIGH, STRICT_HIGH);
	order(a, STEP_START, ACTION_SYSCTL, "mild", SETTING_SWAPPINESS, 30);
	order(a, STEP_START, ACTION_OOM_SCORE, "mild", SETTING_OOM_SCORE_ADJ, 500);
	order(a, STEP_UNDO, ACTION_LIMIT, "mild", SETTING_MEMORY_HIGH, 0);
	order(a, STEP_START, ACTION_FREEZE, "strict", SETTING_FREEZE, 1);
	order(a, STEP_UNDO, ACTION_OOM_SCORE, "mild", SETTING_OOM_SCORE_ADJ, 0);
	order(a, STEP_UNDO, ACTION_FREEZE, "strict", SETTING_FREEZE, 0);
	order(a, STEP_UNDO, ACTION_SYSCTL, "mild", SETTING_SWAPPINESS, 0);
	order(a, STEP_UNDO, ACTION_LIMIT, "strict", SETTING_MEMORY_HIGH, 0);
}

/* --- and what comes after it ------------------------------------------------------------------ */

static char told_text[2048];
static unsigned told_faults;

static void told(void *context, const struct ledger_entry *entry, const struct outcome *outcome)
{
	size_t length = strlen(told_text);

	(void)context;
	snprintf(told_text + length, sizeof(told_text) - length, "%s: %s\n",
		 setting_get(entry->on.id)->name, outcome->reason);
	told_faults += outcome->state != OUTCOME_DONE;
}

static const char *bus_address;

static size_t recover_now(bool of_policies_too)
{
	const struct recover_options options = { .root = &machine.root,
						 .layout = &machine.layout,
						 .bus_address = bus_address,
						 .of_policies_too = of_policies_too,
						 .patience_usec = 5 * SECOND,
						 .told = told };
	struct ledger *ledger = open_ledger();
	size_t left = 99, count;

	told_text[0] = '\0';
	told_faults = 0;
	check_int(recover(ledger, &options, &left), 0);
	check_int(left, 0);
	count = ledger_count(ledger);
	ledger_free(ledger);
	return count;
}

TEST(the_busy_hour_sets_and_gives_back)
{
	struct agent a;

	make_machine();
	agent_start(&a);
	order(&a, STEP_START, ACTION_HOLD, "policy", SETTING_MEMORY_HIGH, POLICY_HIGH);
	check_int(a.last.state, OUTCOME_DONE);
	check_int(high(), POLICY_HIGH);
	order(&a, STEP_START, ACTION_LIMIT, "mild", SETTING_MEMORY_HIGH, MILD_HIGH);
	check_int(high(), MILD_HIGH);
	order(&a, STEP_START, ACTION_OOM_SCORE, "mild", SETTING_OOM_SCORE_ADJ, 500);
	check_int(a.last.state, OUTCOME_DONE);
	check_int(machine_score(&machine, 100), 500);
	check_int(machine_score(&machine, 101), 500);
	order(&a, STEP_START, ACTION_FREEZE, "strict", SETTING_FREEZE, 1);
	check_int(freeze(), 1);
	check_int(a.last.state, OUTCOME_RUNNING);
	order(&a, STEP_UNDO, ACTION_FREEZE, "strict", SETTING_FREEZE, 0);
	check_int(freeze(), 0);
	order(&a, STEP_UNDO, ACTION_OOM_SCORE, "mild", SETTING_OOM_SCORE_ADJ, 0);
	check_int(machine_score(&machine, 100), 0);
	order(&a, STEP_UNDO, ACTION_LIMIT, "mild", SETTING_MEMORY_HIGH, 0);
	check_int(high(), POLICY_HIGH);
	check_int(ledger_count(a.ledger), 1);
	agent_end(&a);
	check_int(recover_now(false), 1);
	check_int(high(), POLICY_HIGH);
	check_int(recover_now(true), 0);
	check_int(high(), BASE_HIGH);
	remove_machine();
}

TEST(new_processes_are_asked_for_again)
{
	struct agent a;

	make_machine();
	agent_start(&a);
	order(&a, STEP_START, ACTION_HOLD, "policy", SETTING_OOM_SCORE_ADJ, 300);
	machine_put(&machine, PATH, "cgroup.procs", "100\n101\n102\n");
	machine_process(&machine,
			&(struct machine_process){
				.pid = 102, .parent = 1, .start = 9, .score = -7, .cgroup = PATH });
	order(&a, STEP_START, ACTION_HOLD, "policy", SETTING_OOM_SCORE_ADJ, 300);
	agent_end(&a);
	check_int(machine_score(&machine, 100), 300);
	check_int(machine_score(&machine, 102), 300);
	check_int(recover_now(false), 1);
	check_int(machine_score(&machine, 102), 300);
	check_int(recover_now(true), 0);
	check_int(machine_score(&machine, 100), 0);
	check_int(machine_score(&machine, 102), -7);
	remove_machine();
}

TEST(it_is_given_back_in_the_order_that_it_hurts)
{
	static const struct {
		enum action_id action;
		enum setting_id id;
		int64_t wanted;
	} all[] = { { ACTION_SYSCTL, SETTING_SWAPPINESS, 30 },
		    { ACTION_OOM_SCORE, SETTING_OOM_SCORE_ADJ, 500 },
		    { ACTION_LIMIT, SETTING_MEMORY_HIGH, STRICT_HIGH },
		    { ACTION_FREEZE, SETTING_FREEZE, 1 } };
	struct agent a;

	make_machine();
	agent_start(&a);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		order(&a, STEP_START, all[i].action, "r", all[i].id, all[i].wanted);
	check_int(ledger_count(a.ledger), 4);
	/* Its executor would thaw by its own: a killed one does not. */
	ledger_free(a.ledger);
	a.ledger = NULL;
	check_int(freeze(), 1);
	check_int(recover_now(false), 0);
	check_int(freeze(), 0);
	check_int(high(), BASE_HIGH);
	check_int(swappiness(), 60);
	check_int(machine_score(&machine, 101), 0);
	check(strstr(told_text, "Freeze") < strstr(told_text, "MemoryHigh"));
	check(strstr(told_text, "MemoryHigh") < strstr(told_text, "OOMScoreAdjust"));
	check(strstr(told_text, "OOMScoreAdjust") < strstr(told_text, "vm.swappiness"));
	executor_free(a.executor);
	remove_machine();
}

TEST(what_somebody_else_has_set_is_left_alone_and_told)
{
	struct agent a;

	make_machine();
	agent_start(&a);
	order(&a, STEP_START, ACTION_SYSCTL, "r", SETTING_SWAPPINESS, 30);
	order(&a, STEP_START, ACTION_OOM_SCORE, "r", SETTING_OOM_SCORE_ADJ, 500);
	agent_end(&a);
	fixture_put(&machine.files, "proc/sys/vm/swappiness", "77\n");
	fixture_put(&machine.files, "proc/101/oom_score_adj", "-5\n");
	check_int(recover_now(true), 0);
	check_int(swappiness(), 77);
	check_contains(told_text, "vm.swappiness: somebody else");
	check_int(machine_score(&machine, 100), 0);
	check_int(machine_score(&machine, 101), -5);
	remove_machine();
}

/* What lies between two values of ours is one on its way, but not where ours had arrived. */
TEST(somebody_elses_limit_between_ours_and_the_base_is_left_alone)
{
	struct agent a;

	make_machine();
	agent_start(&a);
	order(&a, STEP_START, ACTION_HOLD, "policy", SETTING_MEMORY_HIGH, STRICT_HIGH);
	check_int(high(), STRICT_HIGH);
	agent_end(&a);
	machine_put(&machine, PATH, "memory.high", "3221225472\n");

	/* The policy asks again after a restart of the agent, and respects it. */
	agent_start(&a);
	order(&a, STEP_START, ACTION_HOLD, "policy", SETTING_MEMORY_HIGH, STRICT_HIGH);
	check_int(a.last.state, OUTCOME_FAILED);
	check_int(a.last.error, EALREADY);
	check_int(high(), MILD_HIGH);
	agent_end(&a);

	check_int(recover_now(true), 0);
	check_int(high(), MILD_HIGH);
	check_contains(told_text, "MemoryHigh: somebody else");
	remove_machine();
}

TEST(no_limit_comes_down_where_a_met_one_panics)
{
	struct agent a;

	make_machine();
	agent_start(&a);
	a.snapshot.host.panic_on_oom = true;
	order(&a, STEP_START, ACTION_LIMIT, "strict", SETTING_MEMORY_HIGH, STRICT_HIGH);
	check_int(a.last.state, OUTCOME_FAILED);
	check_contains(a.last.reason, "panic_on_oom");
	check_int(high(), BASE_HIGH);
	check_int(ledger_count(a.ledger), 0);
	a.snapshot.host.panic_on_oom = false;
	order(&a, STEP_START, ACTION_LIMIT, "strict", SETTING_MEMORY_HIGH, STRICT_HIGH);
	check_int(high(), STRICT_HIGH);
	agent_end(&a);
	check_int(recover_now(true), 0);
	remove_machine();
}

TEST(a_target_that_is_gone_is_forgotten)
{
	struct agent a;

	make_machine();
	agent_start(&a);
	order(&a, STEP_START, ACTION_LIMIT, "r", SETTING_MEMORY_HIGH, STRICT_HIGH);
	agent_end(&a);
	check_int(renameat(machine.layout.v2_fd, PATH, machine.layout.v2_fd, "elsewhere"), 0);
	check_int(recover_now(true), 0);
	check_contains(told_text, "gone");
	remove_machine();
}

/* Its file can be read and written by nobody, or again. */
static void break_freezer(bool broken)
{
	int fd = machine.layout.v2_fd;

	check_int(unlinkat(fd, PATH "/cgroup.freeze", broken ? 0 : AT_REMOVEDIR), 0);
	if (broken)
		check_int(mkdirat(fd, PATH "/cgroup.freeze", 0700), 0);
	else
		machine_put(&machine, PATH, "cgroup.freeze", "1\n");
}

TEST(what_cannot_be_thawed_is_tried_until_it_is)
{
	struct agent a;

	make_machine();
	agent_start(&a);
	order(&a, STEP_START, ACTION_FREEZE, "strict", SETTING_FREEZE, 1);
	check_int(freeze(), 1);
	break_freezer(true);
	order(&a, STEP_UNDO, ACTION_FREEZE, "strict", SETTING_FREEZE, 0);
	check_int(a.last.state, OUTCOME_RUNNING);
	check_contains(a.last.reason, "IT IS STILL FROZEN");
	for (int i = 0; i < 80 && a.last.state == OUTCOME_RUNNING; i++, a.now += SECOND)
		settle(&a);
	check_int(a.last.state, OUTCOME_FAILED);
	check_int(ledger_count(a.ledger), 1);
	/* An hour later it still is. */
	for (int i = 0; i < 600; i++, a.now += 6 * SECOND)
		(void)executor_advance(a.executor, &a.snapshot, a.now,
				       &(const struct outcome *){ 0 });
	check_int(ledger_count(a.ledger), 1);
	break_freezer(false);
	for (int i = 0; i < 70 && freeze() != 0; i++, a.now += SECOND)
		(void)executor_advance(a.executor, &a.snapshot, a.now,
				       &(const struct outcome *){ 0 });
	settle(&a);
	check_int(freeze(), 0);
	check_int(ledger_count(a.ledger), 0);
	agent_end(&a);
	remove_machine();
}

/* --- through systemd -------------------------------------------------------------------------- */

/* The one that the fake manager finds for any cgroup. */
#define UNIT	  "machine-qemu\\x2d1.scope"
#define UNIT_PATH "machine.slice/" UNIT

/* All that it was told. */
static const char *heard(struct fake_manager *manager)
{
	static char all[8192];
	const char *line;

	all[0] = '\0';
	while ((line = fake_manager_heard(manager))[0]) {
		size_t length = strlen(all);

		snprintf(all + length, sizeof(all) - length, "%s\n", line);
	}
	return all;
}

/* A unit was told so by an agent that is gone. */
static void leave_unit(bool had_drop_in)
{
	const struct setting_target on = { .id = SETTING_MEMORY_HIGH,
					   .key = machine_cgroup(&machine, UNIT_PATH) };
	const struct claim_owner owner = { .kind = CLAIM_REMEDY, .name = "r" };
	const struct setting_value value = { .number = STRICT_HIGH };
	const struct ledger_base base = { .path = UNIT_PATH,
					  .door = OWNER_SYSTEMD,
					  .had_drop_in = had_drop_in,
					  .value = { .number = BASE_HIGH } };
	struct ledger *ledger = open_ledger();
	size_t entry;

	machine_put(&machine, UNIT_PATH, "memory.high", "4294967296\n");
	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &entry), 0);
	ledger_confirm(ledger, entry, &value, &value);
	ledger_free(ledger);
}

TEST(a_unit_is_told_though_its_cgroup_has_the_base_already)
{
	FAKE_MANAGER_RUNNING(manager);

	make_machine();
	bus_address = manager.address;
	leave_unit(false);
	check_int(recover_now(false), 0);
	check_contains(heard(&manager), "MemoryHigh");
	check_contains(told_text, "MemoryHigh is 4 GiB");
	check_int(told_faults, 0);
	bus_address = NULL;
	remove_machine();
}

/* A drop-in that was there before stays as it is, and with the base back nothing is to be said. */
TEST(a_unit_that_had_a_drop_in_of_its_own_keeps_it)
{
	FAKE_MANAGER_RUNNING(manager);

	make_machine();
	bus_address = manager.address;
	leave_unit(true);
	check_int(recover_now(false), 0);
	check(!strstr(heard(&manager), "MemoryHigh"));
	bus_address = NULL;
	remove_machine();
}

TEST(a_unit_whose_cgroup_is_gone_is_told_all_the_same)
{
	FAKE_MANAGER_RUNNING(manager);

	make_machine();
	bus_address = manager.address;
	leave_unit(false);
	check_int(renameat(machine.layout.v2_fd, UNIT_PATH, machine.layout.v2_fd, "elsewhere"), 0);
	check_int(recover_now(false), 0);
	check_contains(heard(&manager), "MemoryHigh");
	bus_address = NULL;
	remove_machine();
}

#define SLOW_PATH "machine.slice/slow.scope"

/* Whoever is frozen is thawed by hand then, and the next one does not wait for that either. */
TEST(a_manager_that_does_not_answer_keeps_nobody_frozen)
{
	struct setting_target on = { .id = SETTING_FREEZE };
	const struct claim_owner owner = { .kind = CLAIM_REMEDY, .name = "r" };
	const struct setting_value value = { .number = 1 };
	const struct ledger_base base = { .path = SLOW_PATH, .door = OWNER_SYSTEMD };
	FAKE_MANAGER_RUNNING(manager);
	struct timespec before, after;
	struct ledger *ledger;
	char text[64];
	size_t entry;

	make_machine();
	on.key = machine_cgroup(&machine, SLOW_PATH);
	machine_put(&machine, SLOW_PATH, "cgroup.freeze", "1\n");
	machine_put(&machine, SLOW_PATH, "cgroup.events", "populated 1\nfrozen 1\n");
	ledger = open_ledger();
	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &entry), 0);
	ledger_confirm(ledger, entry, &value, &value);
	ledger_free(ledger);
	bus_address = manager.address;
	clock_gettime(CLOCK_MONOTONIC, &before);
	check_int(recover_now(false), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	check_contains(heard(&manager), "ThawUnit slow.scope");
	machine_get(&machine, SLOW_PATH, "cgroup.freeze", text, sizeof(text));
	check_str(text, "0");
	/* Two seconds, and what a machine that is busy takes besides. */
	check(after.tv_sec - before.tv_sec < 10);
	bus_address = NULL;
	remove_machine();
}

/* What an agent leaves on record that finds no manager. */
static size_t recover_alone(void)
{
	const struct recover_options options = { .root = &machine.root,
						 .layout = &machine.layout,
						 .bus_address = "unix:path=/nonexistent/bus",
						 .patience_usec = 5 * SECOND,
						 .told = told };
	struct ledger *ledger = open_ledger();
	size_t left = 99;

	told_text[0] = '\0';
	told_faults = 0;
	check_int(recover(ledger, &options, &left), 0);
	check_int(ledger_count(ledger), left);
	for (size_t i = 0; i < left; i++)
		check_int(ledger_state(ledger, i), ENTRY_RETURNING);
	ledger_free(ledger);
	return left;
}

TEST(without_the_manager_it_stays_on_record)
{
	FAKE_MANAGER_RUNNING(manager);

	make_machine();
	leave_unit(false);
	machine_put(&machine, UNIT_PATH, "memory.high", "2147483648\n");
	check_int(recover_alone(), 1);
	check_int(told_faults, 1);
	check_contains(told_text, "there is no systemd here");
	/* Nor is it given back when the kernel alone has the base, which the unit has not. */
	machine_put(&machine, UNIT_PATH, "memory.high", "4294967296\n");
	check_int(recover_alone(), 1);
	check_int(told_faults, 1);
	/* Who comes next finds one. */
	bus_address = manager.address;
	check_int(recover_now(false), 0);
	check_contains(heard(&manager), "MemoryHigh");
	bus_address = NULL;
	remove_machine();
}

TEST(without_the_manager_and_the_cgroup_nothing_is_left_of_it)
{
	make_machine();
	leave_unit(false);
	check_int(renameat(machine.layout.v2_fd, UNIT_PATH, machine.layout.v2_fd, "elsewhere"), 0);
	check_int(recover_alone(), 0);
	check_int(told_faults, 0);
	check_contains(told_text, "gone");
	remove_machine();
}

/* --- services that are restarted -------------------------------------------------------------- */

static void leave_policy(void)
{
	const struct setting_target on = { .id = SETTING_MEMORY_HIGH, .key = key };
	const struct claim_owner owner = {
		.kind = CLAIM_POLICY, .scope = SCOPE_SERVICE, .subject_key = key, .name = "policy"
	};
	const struct setting_value value = { .number = POLICY_HIGH };
	const struct ledger_base base = { .path = PATH,
					  .door = OWNER_SYSTEMD,
					  .value = { .number = BASE_HIGH } };
	struct ledger *ledger = open_ledger();
	size_t entry;

	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &entry), 0);
	ledger_confirm(ledger, entry, &value, &value);
	ledger_free(ledger);
}

/* Another cgroup has its name; its old directory stays, so that the inode is not used again. */
static void restart_service(const char *text)
{
	check_int(renameat(machine.layout.v2_fd, PATH, machine.layout.v2_fd, "elsewhere"), 0);
	key = machine_cgroup(&machine, PATH);
	machine_put(&machine, PATH, "memory.high", text);
}

TEST(what_systemd_gives_a_restarted_service_is_still_ours)
{
	const struct ledger_entry *entry;
	struct ledger *ledger;
	struct agent a;
	ssize_t i;

	make_machine();
	leave_policy();
	restart_service("3758096384\n");
	agent_start(&a);
	settle(&a);
	agent_end(&a);

	ledger = open_ledger();
	check_int(ledger_count(ledger), 1);
	i = ledger_next(ledger, 0);
	check_int(ledger_state(ledger, (size_t)i), ENTRY_SET);
	entry = ledger_get(ledger, (size_t)i);
	check(entry->on.key == key);
	check(entry->claims[0].owner.subject_key == key);
	check_int(entry->base.number, BASE_HIGH);
	ledger_free(ledger);
	remove_machine();
}

/* The operator has said something else, and then it was restarted: systemd gives it his. */
TEST(what_somebody_else_gave_a_restarted_service_is_left_alone)
{
	FAKE_MANAGER_RUNNING(manager);

	make_machine();
	bus_address = manager.address;
	leave_unit(false);
	check_int(renameat(machine.layout.v2_fd, UNIT_PATH, machine.layout.v2_fd, "elsewhere"), 0);
	(void)machine_cgroup(&machine, UNIT_PATH);
	machine_put(&machine, UNIT_PATH, "memory.high", "3221225472\n");
	check_int(recover_now(false), 0);
	check(!strstr(heard(&manager), "MemoryHigh"));
	check_contains(told_text, "somebody else");
	bus_address = NULL;
	remove_machine();
}

TEST(what_is_foreign_in_another_cgroup_of_that_name)
{
	static const struct {
		const char *text;
		bool is_foreign;
	} cases[] = { { "3221225472\n", true }, /* between ours and the base */
		      { "4294967296\n", false },
		      { "2147483648\n", false },
		      /* What nobody has set yet is no word of anybody. */
		      { "max\n", false } };
	const struct ledger_entry *entry;
	struct setting_target next;
	struct ledger *ledger;

	make_machine();
	leave_unit(false);
	ledger = open_ledger();
	entry = ledger_get(ledger, 0);
	check_int(entry_find_next(&machine.layout, entry, &next), -ESTALE);
	check_int(renameat(machine.layout.v2_fd, UNIT_PATH, machine.layout.v2_fd, "elsewhere"), 0);
	check_int(entry_find_next(&machine.layout, entry, &next), -ENOENT);
	(void)machine_cgroup(&machine, UNIT_PATH);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_put(&machine, UNIT_PATH, "memory.high", cases[i].text);
		check_int(entry_find_next(&machine.layout, entry, &next), 0);
		check(next.key == machine_key(&machine, UNIT_PATH));
		check_int(entry_is_foreign_next(&machine.root, &machine.layout, entry, &next),
			  cases[i].is_foreign);
	}
	ledger_free(ledger);
	remove_machine();
}

/* A policy's score that goes further than a rule's, and a rule's that goes further than a policy's.
 */
TEST(scores_of_a_policy_and_a_rule)
{
	static const int rules[] = { 300, 700 };
	struct agent a;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		make_machine();
		agent_start(&a);
		order(&a, STEP_START, ACTION_HOLD, "policy", SETTING_OOM_SCORE_ADJ, 500);
		check_int(machine_score(&machine, 100), 500);
		fixture_put(&machine.files, "proc/101/oom_score_adj", "900\n");
		order(&a, STEP_START, ACTION_OOM_SCORE, "r", SETTING_OOM_SCORE_ADJ, rules[i]);
		check_int(a.last.state, OUTCOME_DONE);
		check_int(machine_score(&machine, 100), MAX_OF(rules[i], 500));
		check_int(machine_score(&machine, 101), 900);
		order(&a, STEP_UNDO, ACTION_OOM_SCORE, "r", SETTING_OOM_SCORE_ADJ, 0);
		check_int(machine_score(&machine, 100), 500);
		order(&a, STEP_UNDO, ACTION_HOLD, "policy", SETTING_OOM_SCORE_ADJ, 0);
		check_int(machine_score(&machine, 100), 0);
		check_int(machine_score(&machine, 101), 900);
		check_int(ledger_count(a.ledger), 0);
		agent_end(&a);
		remove_machine();
	}
}

/* It has been given another value before anybody saw that it is another one: that is one entry, by
 * which nothing of it is lost, and nothing is given back twice. */
TEST(two_entries_of_a_restarted_service_become_one)
{
	const struct ledger_entry *entry;
	struct agent a;

	FAKE_MANAGER_RUNNING(manager);

	make_machine();
	leave_policy();
	restart_service("3758096384\n"); /* the policy's, of which systemd knows */
	agent_start(&a);
	a.clerk.machine.bus_address = manager.address;
	order(&a, STEP_START, ACTION_LIMIT, "mild", SETTING_MEMORY_HIGH, MILD_HIGH);
	check_int(high(), MILD_HIGH);
	for (int i = 0; i < 10; i++, a.now += 10 * SECOND)
		settle(&a);
	check_int(ledger_count(a.ledger), 1);
	entry = ledger_get(a.ledger, (size_t)ledger_next(a.ledger, 0));
	check(entry->on.key == key);
	check_int(entry->base.number, BASE_HIGH);
	check_int(entry->claim_count, 2);
	check_int(high(), MILD_HIGH);
	check(!strstr(heard(&manager), "MemoryHigh"));
	order(&a, STEP_UNDO, ACTION_LIMIT, "mild", SETTING_MEMORY_HIGH, 0);
	check_int(high(), POLICY_HIGH);
	agent_end(&a);
	remove_machine();
}

/* The operator's value, which the policy has taken the place of again. */
TEST(what_somebody_else_set_before_a_restart_is_the_base)
{
	const struct ledger_entry *entry;
	struct agent a;

	FAKE_MANAGER_RUNNING(manager);

	make_machine();
	leave_policy();
	restart_service("3221225472\n");
	agent_start(&a);
	a.clerk.machine.bus_address = manager.address;
	order(&a, STEP_START, ACTION_HOLD, "policy", SETTING_MEMORY_HIGH, POLICY_HIGH);
	check_int(high(), POLICY_HIGH);
	for (int i = 0; i < 10; i++, a.now += 10 * SECOND)
		settle(&a);
	check_int(high(), POLICY_HIGH);
	check(!strstr(heard(&manager), "MemoryHigh"));
	check_int(ledger_count(a.ledger), 1);
	entry = ledger_get(a.ledger, (size_t)ledger_next(a.ledger, 0));
	check_int(entry->base.number, MILD_HIGH);
	order(&a, STEP_UNDO, ACTION_HOLD, "policy", SETTING_MEMORY_HIGH, 0);
	check_int(high(), MILD_HIGH);
	agent_end(&a);
	remove_machine();
}

TEST(what_a_service_takes_along_is_given_back_after_a_while)
{
	struct agent a;

	make_machine();
	leave_policy();
	/* It is gone, and nothing has come in its place. */
	check_int(renameat(machine.layout.v2_fd, PATH, machine.layout.v2_fd, "elsewhere"), 0);
	agent_start(&a);
	a.snapshot.service_count = 0;
	settle(&a);
	check_int(ledger_state(a.ledger, 0), ENTRY_SET);
	a.now += 20 * SECOND;
	(void)executor_advance(a.executor, &a.snapshot, a.now, &(const struct outcome *){ NULL });
	check_int(ledger_state(a.ledger, 0), ENTRY_SET);
	a.now += 20 * SECOND;
	for (int i = 0; i < 4; i++)
		(void)executor_advance(a.executor, &a.snapshot, a.now,
				       &(const struct outcome *){ NULL });
	check(ledger_state(a.ledger, 0) != ENTRY_SET);
	agent_end(&a);
	remove_machine();
}

/* --- killed anywhere -------------------------------------------------------------------------- */

static pid_t start_traced(void)
{
	struct agent a;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	agent_start(&a);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	raise(SIGSTOP);
	live(&a);
	_exit(0);
}

/* A sum over all that outlives it. */
static uint64_t sum_of_machine(void)
{
	static const off_t parts[] = { 0, 4096 + 16350 * 128 };
	static uint8_t bytes[24 << 10];
	uint64_t sum = (uint64_t)high() + (uint64_t)freeze() * 3 + (uint64_t)swappiness() * 5 +
		       (uint64_t)machine_score(&machine, 100) * 7 +
		       (uint64_t)machine_score(&machine, 101) * 11;
	int fd = openat(directory.fd, "ledger", O_RDONLY | O_CLOEXEC);

	check(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		ssize_t n = pread(fd, bytes, sizeof(bytes), parts[i]);

		for (ssize_t b = 0; b < n; b++)
			sum = (sum ^ bytes[b]) * UINT64_C(0x100000001b3);
	}
	close(fd);
	return sum;
}

/* One more system call begun or ended. False: it has ended. */
static bool step(pid_t pid)
{
	int status;

	check_int(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
	check_int(waitpid(pid, &status, 0), pid);
	if (WIFSTOPPED(status))
		return true;
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 0);
	return false;
}

static bool is_traced(pid_t pid)
{
	int status;

	check(pid > 0);
	check_int(waitpid(pid, &status, 0), pid);
	return WIFSTOPPED(status);
}

#define PLACES_MAX 512

/* The stops at which something is there that was not at the one before: in between it makes no
 * difference. */
static size_t find_places(unsigned ret[PLACES_MAX])
{
	pid_t pid = start_traced();
	uint64_t sum = 0;
	size_t count = 0;

	if (!is_traced(pid))
		test_skip("no process may be traced here");
	for (unsigned n = 1; step(pid); n++) {
		uint64_t now = sum_of_machine();

		if (now == sum)
			continue;
		sum = now;
		check(count < PLACES_MAX);
		ret[count++] = n;
	}
	return count;
}

static void kill_at(unsigned n)
{
	pid_t pid = start_traced();
	int status;

	check(is_traced(pid));
	for (unsigned i = 0; i < n; i++)
		check(step(pid));
	kill(pid, SIGKILL);
	check_int(waitpid(pid, &status, 0), pid);
}

static void check_recovered(unsigned n)
{
	size_t count = recover_now(false);
	bool ok;

	/* One entry: what the policy holds. */
	ok = count <= 1 && told_faults == 0 && high() == (count ? POLICY_HIGH : BASE_HIGH) &&
	     freeze() == 0 && swappiness() == 60 && machine_score(&machine, 100) == 0 &&
	     machine_score(&machine, 101) == 0;
	if (!ok)
		printf("# killed at stop %u: %zu entries, high %lld, freeze %lld, swappiness %lld, "
		       "scores %d %d\n# %s\n",
		       n, count, (long long)high(), (long long)freeze(), (long long)swappiness(),
		       machine_score(&machine, 100), machine_score(&machine, 101), told_text);
	check(ok);
	check_int(recover_now(true), 0);
	check_int(high(), BASE_HIGH);
}

TEST(killed_wherever_something_has_changed_it_is_put_right)
{
	static unsigned places[PLACES_MAX];
	size_t count;

	make_machine();
	count = find_places(places);
	check_recovered(0);
	/* Eleven orders, each recorded, written, and confirmed or forgotten; some fall together. */
	check(count > 25);
	for (size_t i = 0; i < count; i++) {
		reset_machine();
		kill_at(places[i]);
		check_recovered(places[i]);
	}
	remove_machine();
}
