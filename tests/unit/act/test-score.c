/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The scores of a service's processes: written some at a time, recorded before, given back each its
 * own. */

#include "act/fake-machine.h"
#include "act/scratch-cgroup.h"

#include "act/remedy.h"
#include "sys/privilege.h"
#include "util/macro.h"

#include <linux/capability.h>

#define START_USEC (100 * USEC_PER_SEC)
#define SERVICE	   "web.slice/web.service"
#define CROWD	   10000
/* Not this program's own, which is left alone. */
#define PID	   3000000
#define RECORD_MAX 16384

struct record {
	struct {
		pid_t pid;
		uint64_t start;
		int base;
		int set;
	} each[RECORD_MAX];
	size_t count;
	size_t room;
	unsigned adds;
};

static struct machine machine;
static struct record record;
static struct remedy remedy;
static struct remedy_env env;
static struct service services[2];
static struct snapshot snapshot;
static char pids[CROWD * 9];

/* The file of this process cannot be written from its recording to the next look at the record. */
static int trapped;

static void set_trap(bool shut)
{
	char file[64], away[64];

	snprintf(file, sizeof(file), "proc/%d/oom_score_adj", trapped);
	snprintf(away, sizeof(away), "proc/%d/away", trapped);
	if (shut && renameat(machine.root.fd, file, machine.root.fd, away) == 0)
		check_int(mkdirat(machine.root.fd, file, 0700), 0);
	else if (!shut && unlinkat(machine.root.fd, file, AT_REMOVEDIR) == 0)
		check_int(renameat(machine.root.fd, away, machine.root.fd, file), 0);
}

static int record_add(void *context, size_t claim, pid_t pid, uint64_t start, int base, int set)
{
	struct record *r = context;

	check_int(claim, 3);
	if (trapped != 0 && pid == trapped)
		set_trap(true);
	r->adds++;
	for (size_t i = 0; i < r->count; i++)
		if (r->each[i].pid == pid && r->each[i].start == start) {
			r->each[i].set = set;
			return -EEXIST;
		}
	if (r->count == r->room)
		return -ENOSPC;
	r->each[r->count].pid = pid;
	r->each[r->count].start = start;
	r->each[r->count].base = base;
	r->each[r->count++].set = set;
	return 0;
}

static void record_each(void *context, size_t claim,
			int (*each)(void *context, pid_t pid, uint64_t start, int base, int set),
			void *each_context)
{
	struct record *r = context;
	size_t kept = 0;

	check_int(claim, 3);
	if (trapped != 0)
		set_trap(false);
	for (size_t i = 0; i < r->count; i++)
		if (each(each_context, r->each[i].pid, r->each[i].start, r->each[i].base,
			 r->each[i].set) == 0)
			r->each[kept++] = r->each[i];
	r->count = kept;
}

static void prepare_step(enum action_id action, int score)
{
	memset(&remedy, 0, sizeof(remedy));
	env = (struct remedy_env){
		.root = &machine.root,
		.layout = &machine.layout,
		.scores = { .add = record_add, .each = record_each, .record = &record },
	};
	remedy.step.id = 9;
	remedy.step.action = action;
	remedy.step.target.key = machine_key(&machine, SERVICE);
	strcpy(remedy.step.target.path, SERVICE);
	remedy.step.setting.on = (struct setting_target){ .id = SETTING_OOM_SCORE_ADJ,
							  .key = remedy.step.target.key };
	remedy.claim = 3;
	remedy.value.number = score;
	remedy.started_at = START_USEC;
}

static void prepare(int score)
{
	/* Of so many files a disk makes much ado. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	machine_open(&machine);
	(void)machine_cgroup(&machine, SERVICE);
	memset(&record, 0, sizeof(record));
	record.room = RECORD_MAX;
	snapshot = (struct snapshot){ .services = services };
	pids[0] = '\0';
	prepare_step(ACTION_OOM_SCORE, score);
}

static void add(struct machine_process process)
{
	char line[16];

	if (!process.cgroup)
		process.cgroup = SERVICE;
	if (process.start == 0)
		process.start = (uint64_t)process.pid * 10;
	machine_process(&machine, &process);
	snprintf(line, sizeof(line), "%d\n", process.pid);
	strcat(pids, line);
	machine_put(&machine, SERVICE, "cgroup.procs", pids);
}

/* The result; *ret_calls is how many it took. */
static int run(unsigned *ret_calls)
{
	const struct remedy_ops *ops = remedies[remedy.step.action];
	unsigned calls = 1;
	int r;

	remedy.snapshot = &snapshot;
	r = ops->start(&remedy, &env, START_USEC);
	for (; r == REMEDY_RUNNING && calls < 1000; calls++)
		r = ops->advance(&remedy, &env, START_USEC + calls);
	ops->release(&remedy, &env);
	check(r != REMEDY_RUNNING);
	if (ret_calls)
		*ret_calls = calls;
	return r;
}

static void undo(void)
{
	prepare_step(ACTION_OOM_SCORE, 0);
	remedy.is_undo = true;
	remedy.value.number = SCORE_AS_IT_WAS;
}

TEST(each_process_gets_the_score_and_its_own_back)
{
	static const enum action_id actions[] = { ACTION_OOM_SCORE, ACTION_HOLD };

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		prepare(500);
		remedy.step.action = actions[i];
		add((struct machine_process){ .pid = PID + 300, .score = 0 });
		add((struct machine_process){ .pid = PID + 20, .score = -100 });
		add((struct machine_process){ .pid = PID + 4000, .score = 300 });
		check_int(run(NULL), REMEDY_DONE);
		check_int(machine_score(&machine, PID + 300), 500);
		check_int(machine_score(&machine, PID + 20), 500);
		check_int(machine_score(&machine, PID + 4000), 500);
		check_int(remedy.outcome.signalled, 3);
		check(remedy.outcome.in_force_known);
		check_int(remedy.outcome.in_force.number, 500);
		check_str(remedy.outcome.reason, "3 processes have the score 500 now");
		check_int(record.count, 3);
		undo();
		check_int(run(NULL), REMEDY_DONE);
		check_int(machine_score(&machine, PID + 300), 0);
		check_int(machine_score(&machine, PID + 20), -100);
		check_int(machine_score(&machine, PID + 4000), 300);
		check_int(record.count, 0);
		check_str(remedy.outcome.reason, "3 processes have their own score again");
		check(remedy.outcome.is_undo);
		machine_close(&machine);
	}
}

/* A policy has said what it is to be; a rule which way it is to go. */
TEST(a_rule_does_not_bring_back_who_has_gone_further)
{
	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .score = 0 });
	add((struct machine_process){ .pid = PID + 20, .score = 800 });
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 500);
	check_int(machine_score(&machine, PID + 20), 800);
	check_str(remedy.outcome.reason, "1 processes have the score 500 now");
	check(remedy.outcome.in_force_known);
	check_int(record.count, 1);
	/* A stricter one goes beyond, and back to what that one had. */
	prepare_step(ACTION_OOM_SCORE, 900);
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 20), 900);
	prepare_step(ACTION_OOM_SCORE, 500);
	remedy.is_undo = true;
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 500);
	check_int(machine_score(&machine, PID + 20), 800);
	/* Whom the milder one has, and who was forked by whom, is told apart as before. */
	add((struct machine_process){ .pid = PID + 11, .parent = PID + 10, .score = 500 });
	add((struct machine_process){ .pid = PID + 21, .parent = PID + 20, .score = 800 });
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 0);
	check_int(machine_score(&machine, PID + 11), 0);
	check_int(machine_score(&machine, PID + 20), 800);
	check_int(machine_score(&machine, PID + 21), 800);
	check_int(record.count, 0);
	machine_close(&machine);
}

TEST(who_is_to_be_spared_stays_where_he_is_spared_more)
{
	prepare(-300);
	add((struct machine_process){ .pid = PID + 10, .score = 0 });
	add((struct machine_process){ .pid = PID + 20, .score = -800 });
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), -300);
	check_int(machine_score(&machine, PID + 20), -800);
	/* A policy's word is a number. */
	prepare_step(ACTION_HOLD, -300);
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 20), -300);
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 0);
	check_int(machine_score(&machine, PID + 20), -800);
	machine_close(&machine);
}

TEST(who_is_not_meant)
{
	prepare(500);
	add((struct machine_process){ .pid = 1 });
	add((struct machine_process){ .pid = getpid() });
	add((struct machine_process){ .pid = 2000001, .kernel_thread = true });
	add((struct machine_process){ .pid = 2000002, .state = 'Z' });
	add((struct machine_process){ .pid = 2000003, .cgroup = "web.slice/other.service" });
	add((struct machine_process){ .pid = 2000004 });
	/* Listed, and gone since. */
	strcat(pids, "2000005\n");
	machine_put(&machine, SERVICE, "cgroup.procs", pids);
	check_int(run(NULL), REMEDY_DONE);
	check_int(remedy.outcome.signalled, 1);
	check_int(machine_score(&machine, 1), 0);
	check_int(machine_score(&machine, getpid()), 0);
	check_int(machine_score(&machine, 2000001), 0);
	check_int(machine_score(&machine, 2000002), 0);
	check_int(machine_score(&machine, 2000003), 0);
	check_int(machine_score(&machine, 2000004), 500);
	check_int(record.count, 1);
	machine_close(&machine);
}

TEST(what_lives_below_counts_unless_it_is_its_own)
{
	static const char *const below[] = { SERVICE "/inner", SERVICE "/own.service",
					     SERVICE "/sshd.service" };
	char line[16];

	prepare(500);
	for (int i = 0; i < 3; i++) {
		(void)machine_cgroup(&machine, below[i]);
		machine_process(&machine, &(struct machine_process){ .pid = PID + 100 + i,
								     .start = 5,
								     .cgroup = below[i] });
		snprintf(line, sizeof(line), "%d\n", PID + 100 + i);
		machine_put(&machine, below[i], "cgroup.procs", line);
	}
	services[0] = (struct service){ .path = SERVICE };
	services[1] = (struct service){ .path = below[1] };
	snapshot.service_count = 2;
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 100), 500);
	check_int(machine_score(&machine, PID + 101), 0);
	check_int(machine_score(&machine, PID + 102), 0);
	machine_close(&machine);
}

TEST(children_that_took_it_over_get_what_their_parent_had)
{
	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .score = 100 });
	add((struct machine_process){ .pid = PID + 20, .score = -300 });
	check_int(run(NULL), REMEDY_DONE);
	/* Forked since, by each of them; and an orphan. */
	add((struct machine_process){ .pid = PID + 11, .parent = PID + 10, .score = 500 });
	add((struct machine_process){ .pid = PID + 21, .parent = PID + 20, .score = 500 });
	add((struct machine_process){ .pid = PID + 31, .parent = 1, .score = 500 });
	add((struct machine_process){ .pid = PID + 32, .parent = PID + 10, .score = 7 });
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 11), 100);
	check_int(machine_score(&machine, PID + 21), -300);
	/* It cannot be told. */
	check_int(machine_score(&machine, PID + 31), 500);
	/* It has another mind. */
	check_int(machine_score(&machine, PID + 32), 7);
	machine_close(&machine);
}

TEST(orphans_get_what_all_had)
{
	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .score = 100 });
	add((struct machine_process){ .pid = PID + 20, .score = 100 });
	check_int(run(NULL), REMEDY_DONE);
	add((struct machine_process){ .pid = PID + 31, .parent = 1, .score = 500 });
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 31), 100);
	machine_close(&machine);
}

/* A stricter rule comes on top: what children took over is not what they had. */
TEST(a_second_score_keeps_the_first_base)
{
	prepare(300);
	add((struct machine_process){ .pid = PID + 10, .score = -5 });
	check_int(run(NULL), REMEDY_DONE);
	add((struct machine_process){ .pid = PID + 11, .parent = PID + 10, .score = 300 });
	prepare_step(ACTION_OOM_SCORE, 600);
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 600);
	check_int(machine_score(&machine, PID + 11), 600);
	/* It clears: what the other asks for is in force again. */
	prepare_step(ACTION_OOM_SCORE, 300);
	remedy.is_undo = true;
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 11), 300);
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), -5);
	check_int(machine_score(&machine, PID + 11), -5);
	check_int(record.count, 0);
	machine_close(&machine);
}

TEST(what_others_have_set_is_left_alone)
{
	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .start = 100, .score = 1 });
	add((struct machine_process){ .pid = PID + 20, .score = 2 });
	add((struct machine_process){ .pid = PID + 30, .score = 500 });
	check_int(run(NULL), REMEDY_DONE);
	machine_process(&machine,
			&(struct machine_process){
				.pid = PID + 10, .start = 100, .score = 42, .cgroup = SERVICE });
	/* Asked for again, and taken back. */
	prepare_step(ACTION_HOLD, 500);
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 42);
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 42);
	check_int(machine_score(&machine, PID + 20), 2);
	/* It had that before. */
	check_int(machine_score(&machine, PID + 30), 500);
	machine_close(&machine);
}

TEST(a_pid_that_is_used_again_is_somebody_else)
{
	static const int scores[] = { 9, 500 };

	for (size_t i = 0; i < ARRAY_SIZE(scores); i++) {
		prepare(500);
		add((struct machine_process){ .pid = PID + 10, .start = 1, .score = 1 });
		add((struct machine_process){ .pid = PID + 20, .start = 2, .score = 2 });
		check_int(run(NULL), REMEDY_DONE);
		machine_process(&machine, &(struct machine_process){ .pid = PID + 10,
								     .start = 99,
								     .parent = 1,
								     .score = scores[i],
								     .cgroup = SERVICE });
		undo();
		check_int(run(NULL), REMEDY_DONE);
		check_int(machine_score(&machine, PID + 10), scores[i]);
		check_int(machine_score(&machine, PID + 20), 2);
		check_int(record.count, 0);
		machine_close(&machine);
	}
}

/* It went to another control group, or the whole service is gone: the record knows it. */
TEST(who_left_gets_his_own_back)
{
	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .score = 1 });
	add((struct machine_process){ .pid = PID + 20, .score = 2 });
	check_int(run(NULL), REMEDY_DONE);
	machine_put(&machine, SERVICE, "cgroup.procs", "3000020\n");
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 1);
	check_int(machine_score(&machine, PID + 20), 2);
	machine_close(&machine);

	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .score = 1 });
	check_int(run(NULL), REMEDY_DONE);
	undo();
	remedy.step.target.key++;
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 1);
	check_int(record.count, 0);
	machine_close(&machine);
}

TEST(a_record_without_room_means_no_write)
{
	prepare(500);
	record.room = 1;
	add((struct machine_process){ .pid = PID + 10, .score = 1 });
	add((struct machine_process){ .pid = PID + 20, .score = 2 });
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 500);
	check_int(machine_score(&machine, PID + 20), 2);
	check(!remedy.outcome.in_force_known);
	check_contains(remedy.outcome.reason, "1 may not have it: No space");
	record.count = 0;
	record.room = 0;
	prepare_step(ACTION_OOM_SCORE, 600);
	check_int(run(NULL), -ENOSPC);
	check_int(machine_score(&machine, PID + 20), 2);
	machine_close(&machine);
}

TEST(some_that_are_refused_are_told)
{
	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .score = 1 });
	add((struct machine_process){ .pid = PID + 20, .score = 2 });
	trapped = PID + 20;
	check_int(run(NULL), REMEDY_DONE);
	set_trap(false);
	check_int(machine_score(&machine, PID + 10), 500);
	check_int(machine_score(&machine, PID + 20), 2);
	check(!remedy.outcome.in_force_known);
	check_contains(remedy.outcome.reason, "1 processes have the score 500 now, 1 may not");
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 10), 1);
	trapped = 0;
	machine_close(&machine);
}

TEST(what_cannot_be_given_back_stays_on_record)
{
	char file[64];

	prepare(500);
	add((struct machine_process){ .pid = PID + 10, .score = 1 });
	add((struct machine_process){ .pid = PID + 20, .score = 2 });
	check_int(run(NULL), REMEDY_DONE);
	snprintf(file, sizeof(file), "proc/%d/oom_score_adj", PID + 20);
	check_int(unlinkat(machine.root.fd, file, 0), 0);
	check_int(mkdirat(machine.root.fd, file, 0700), 0);
	undo();
	check(run(NULL) < 0);
	check_contains(remedy.outcome.reason, "1 processes keep our score");
	check_int(machine_score(&machine, PID + 10), 1);
	check_int(record.count, 1);
	check_int(record.each[0].pid, PID + 20);
	/* The next time it can. */
	check_int(unlinkat(machine.root.fd, file, AT_REMOVEDIR), 0);
	fixture_put(&machine.files, file, "500\n");
	undo();
	check_int(run(NULL), REMEDY_DONE);
	check_int(machine_score(&machine, PID + 20), 2);
	check_int(record.count, 0);
	machine_close(&machine);
}

TEST(one_that_is_taken_back_midway_leaves_nothing)
{
	const struct remedy_ops *ops = remedies[ACTION_OOM_SCORE];
	int r;

	prepare(500);
	for (int i = 0; i < 600; i++)
		add((struct machine_process){ .pid = PID + 10 + i, .score = 1 });
	remedy.snapshot = &snapshot;
	check_int(ops->start(&remedy, &env, START_USEC), REMEDY_RUNNING);
	check_int(machine_score(&machine, PID + 10), 500);
	check_int(machine_score(&machine, PID + 609), 1);
	ops->cancel(&remedy, &env);
	do
		r = ops->advance(&remedy, &env, START_USEC);
	while (r == REMEDY_RUNNING);
	check_int(r, REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	ops->release(&remedy, &env);
	for (int i = 0; i < 600; i++)
		check_int(machine_score(&machine, PID + 10 + i), 1);
	check_int(record.count, 0);
	machine_close(&machine);
}

TEST(ten_thousand_processes_are_a_bounded_number_each_time)
{
	const struct remedy_ops *ops = remedies[ACTION_OOM_SCORE];
	unsigned calls, adds;
	int r, sum = 0;

	prepare(500);
	for (int i = 0; i < CROWD; i++) {
		/* In no order, as the kernel of v2 lists them. */
		int pid = PID + (i * 7919) % CROWD;
		char line[16];

		machine_process(&machine, &(struct machine_process){ .pid = pid,
								     .start = 1,
								     .score = pid % 100,
								     .cgroup = SERVICE });
		snprintf(line, sizeof(line), "%d\n", pid);
		strcat(pids + sum, line);
		sum += (int)strlen(line);
	}
	machine_put(&machine, SERVICE, "cgroup.procs", pids);
	remedy.snapshot = &snapshot;
	r = ops->start(&remedy, &env, START_USEC);
	check(record.adds > 0);
	for (calls = 1; r == REMEDY_RUNNING; calls++) {
		adds = record.adds;
		r = ops->advance(&remedy, &env, START_USEC + calls);
		check(record.adds - adds <= 256);
	}
	ops->release(&remedy, &env);
	check_int(r, REMEDY_DONE);
	check_int(remedy.outcome.signalled, CROWD);
	check(calls >= CROWD / 256 && calls < 3 * CROWD / 256);
	for (int i = 0; i < CROWD; i++)
		check_int(machine_score(&machine, PID + i), 500);
	undo();
	check_int(run(&calls), REMEDY_DONE);
	check(calls >= CROWD / 256 && calls < 4 * CROWD / 256);
	for (int i = 0; i < CROWD; i++)
		check_int(machine_score(&machine, PID + i), (PID + i) % 100);
	check_int(record.count, 0);
	machine_close(&machine);
}

/* Each pass finds new ones. */
TEST(a_crowd_that_never_ends_is_left_to_the_next_look)
{
	const struct remedy_ops *ops = remedies[ACTION_OOM_SCORE];
	int r, next = PID;

	prepare(500);
	add((struct machine_process){ .pid = next++ });
	remedy.snapshot = &snapshot;
	r = ops->start(&remedy, &env, START_USEC);
	while (r == REMEDY_RUNNING && next < PID + 100) {
		add((struct machine_process){ .pid = next++ });
		r = ops->advance(&remedy, &env, START_USEC);
	}
	ops->release(&remedy, &env);
	check_int(r, REMEDY_DONE);
	check(next < PID + 50);
	check_contains(remedy.outcome.reason, "more are forked");
	machine_close(&machine);
}

TEST(impossible_scores_are_refused)
{
	prepare(1001);
	check_int(run(NULL), -EINVAL);
	remedy.value.number = -1001;
	check_int(run(NULL), -EINVAL);
	/* The mark of a base, but no undo. */
	remedy.value.number = SCORE_AS_IT_WAS;
	check_int(run(NULL), -EINVAL);
	remedy.value.number = 5;
	env.scores = (struct score_port){ 0 };
	check_int(run(NULL), -EOPNOTSUPP);
	prepare_step(ACTION_OOM_SCORE, 5);
	remedy.step.target.key++;
	check_int(run(NULL), -ESTALE);
	prepare_step(ACTION_OOM_SCORE, 5);
	machine.root.live = false;
	check_int(run(NULL), -EROFS);
	machine_close(&machine);
}

TEST(a_service_without_processes_is_done)
{
	prepare(500);
	check_int(run(NULL), REMEDY_DONE);
	check_int(remedy.outcome.signalled, 0);
	machine_close(&machine);
}

/* --- real ones -------------------------------------------------------------------------------- */

static int real_score(struct scratch *scratch, pid_t pid)
{
	int fd = proc_pid_open(&scratch->root, pid), score = 4711;

	check(fd >= 0);
	check_int(proc_oom_score_adj_read(fd, &score), 0);
	close(fd);
	return score;
}

static int run_real(struct scratch *scratch, int64_t score, bool is_undo)
{
	memset(&remedy, 0, sizeof(remedy));
	env = (struct remedy_env){
		.root = &scratch->root,
		.layout = &scratch->layout,
		.scores = { .add = record_add, .each = record_each, .record = &record },
	};
	remedy.step.action = ACTION_OOM_SCORE;
	remedy.step.target.key = scratch->inode;
	strcpy(remedy.step.target.path, scratch->path);
	remedy.step.setting.on.id = SETTING_OOM_SCORE_ADJ;
	remedy.claim = 3;
	remedy.value.number = score;
	remedy.is_undo = is_undo;
	return run(NULL);
}

/* The last one, as what it gives up does not come back. */
TEST(without_the_right_to_a_score_is_raised_and_returned_but_not_lowered)
{
	struct scratch scratch;
	int before;
	pid_t pid;

	scratch_open(&scratch, "score");
	pid = scratch_child(&scratch, NULL, false);
	before = real_score(&scratch, pid);
	check_int(privilege_keep(~PRIVILEGE_BIT(CAP_SYS_RESOURCE)), 0);
	record = (struct record){ .room = RECORD_MAX };
	check_int(run_real(&scratch, before - 1, false), -EACCES);
	check_contains(remedy.outcome.reason, "CAP_SYS_RESOURCE");
	check_int(real_score(&scratch, pid), before);
	record.count = 0;
	check_int(run_real(&scratch, before + 1, false), REMEDY_DONE);
	check_int(real_score(&scratch, pid), before + 1);
	check_int(run_real(&scratch, SCORE_AS_IT_WAS, true), REMEDY_DONE);
	check_int(real_score(&scratch, pid), before);
	check_int(record.count, 0);
	scratch_close(&scratch);
}
