/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The agent's records, as journald gets them: one for each act, with its fields, whatever names are
 * in it. What the host floor says of a tick is the test's. */

#include "test.h"

#include "daemon/publish.h"

#include "act/action.h"
#include "util/macro.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#define ID_STEP	   "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c11"
#define ID_OUTCOME "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c12"
#define ID_REFUSAL "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c13"
#define ID_NOTE	   "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c14"
#define ID_NOTIFY  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c15"
#define ID_KERNEL  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c16"
#define ID_CANARY  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c18"

#define GIB (INT64_C(1) << 30)

enum { CROWD = 24 };

/* --- what the host floor answers -------------------------------------------------------------- */

struct warden {
	struct config config;
	struct snapshot snapshot;
	struct plan plan;
	struct outcome outcomes[4];
	size_t outcome_count;
	struct step step; /* the one that outcomes are about */
	struct kernel_event events[2];
	size_t event_count;
	struct verdict verdict; /* of each of them */
};

const struct config *warden_config(const struct warden *w)
{
	return &w->config;
}

const struct snapshot *warden_snapshot(const struct warden *w)
{
	return &w->snapshot;
}

const struct plan *warden_plan(const struct warden *w)
{
	return &w->plan;
}

size_t warden_outcomes(const struct warden *w, const struct outcome **ret)
{
	*ret = w->outcomes;
	return w->outcome_count;
}

const struct step *warden_step(const struct warden *w, uint64_t id)
{
	return w->step.id == id ? &w->step : NULL;
}

bool warden_next_kernel_event(struct warden *w, struct kernel_event *ret,
			      struct verdict *ret_verdict)
{
	if (w->event_count == 0)
		return false;
	*ret = w->events[--w->event_count];
	*ret_verdict = w->verdict;
	return true;
}

/* --- a tick and its records ------------------------------------------------------------------- */

static struct warden warden;
static struct publisher *publisher;
static int peer;
static struct policy policy = { .name = (char *)(uintptr_t) "web" };
static struct action_call ladder[] = {
	{ .action = ACTION_LIMIT, .text = (char *)(uintptr_t) "limit down" },
	{ .action = ACTION_KILL, .text = (char *)(uintptr_t) "kill by-policy" },
};
static struct rule rule = { .name = (char *)(uintptr_t) "runaway",
			    .ladder = ladder,
			    .ladder_count = 2 };
static struct service service;

static char record[16384];
static size_t record_size;

static void start(void)
{
	int fds[2];

	check_int(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	peer = fds[1];
	check_int(publisher_new_on(fds[0], false, &publisher), 0);
	memset(&warden, 0, sizeof(warden));
	service = (struct service){ .path = "system.slice/web1.service",
				    .name = "web1.service",
				    .inode = 9 };
	warden.config = (struct config){ .rules = &rule,
					 .rule_count = 1,
					 .policies = { .policies = &policy, .count = 1 } };
	warden.snapshot = (struct snapshot){ .services = &service, .service_count = 1 };
	publisher_set_warden(publisher, &warden);
}

static void finish(void)
{
	publisher = publisher_free(publisher);
	close(peer);
}

/* The next record, whole. */
static bool next(void)
{
	ssize_t n = recv(peer, record, sizeof(record), MSG_TRUNC);

	check(n < (ssize_t)sizeof(record));
	record_size = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* Reads a field as journald does, with its length in front where it has a newline, and moves on to
 * the next. */
static bool take_field(size_t *at, char name[128], char value[4096])
{
	const char *rest = record + *at, *end;
	uint64_t length;
	size_t n;

	if (*at >= record_size)
		return false;
	n = strcspn(rest, "=\n");
	check(n < 128);
	memcpy(name, rest, n);
	name[n] = '\0';
	if (rest[n] == '=') {
		end = memchr(rest + n, '\n', record_size - *at - n);
		check(end);
		length = (uint64_t)(end - rest) - n - 1;
		n += 1;
	} else {
		memcpy(&length, rest + n + 1, sizeof(length));
		n += 1 + sizeof(length);
	}
	check(length < 4096 && *at + n + length < record_size);
	memcpy(value, rest + n, length);
	value[length] = '\0';
	check_int(rest[n + length], '\n');
	*at += n + length + 1;
	return true;
}

/* NULL: it has none of that name. Two of one name are a fault. */
static const char *field(const char *wanted)
{
	static char values[4][4096];
	static unsigned turn;
	char name[128], value[4096], *found = NULL;
	size_t at = 0;

	while (take_field(&at, name, value)) {
		if (strcmp(name, wanted) != 0)
			continue;
		check(!found);
		found = values[turn++ % 4];
		strcpy(found, value);
	}
	return found;
}

static void check_field(const char *name, const char *value)
{
	const char *got = field(name);

	if (!got)
		test_stop_(TEST_FAILED_, "the record has no %s", name);
	check_str(got, value);
}

static struct step limit_step(void)
{
	struct step step = {
		.id = 8,
		.action = ACTION_LIMIT,
		.mode = MODE_ENFORCE,
		.subject = { SCOPE_SERVICE, 9 },
		.target = { .key = 9, .path = "system.slice/web1.service", .name = "web1.service" },
		.setting = { .on = { SETTING_MEMORY_HIGH, 9, 0 },
			     .wanted = { .number = 2 * GIB },
			     .was = { .number = SETTING_UNLIMITED },
			     .was_known = true },
		.gain_metric = METRIC_MEM_AVAILABLE,
		.expected_gain = GIB,
		.evidence = { { .metric = METRIC_MEM_AVAILABLE,
				.comparison = "<",
				.value = { GIB, READING_KNOWN },
				.threshold = { 2 * GIB, READING_KNOWN },
				.since_usec = USEC_PER_SEC } },
		.evidence_count = 1,
		.planned_at = USEC_PER_SEC,
	};

	return step;
}

static void tick_with(const struct step *step)
{
	plan_reset(&warden.plan);
	*plan_add_step(&warden.plan) = *step;
	publish_tick(publisher);
}

static void tick_of(const struct outcome *outcome)
{
	plan_reset(&warden.plan);
	warden.outcomes[0] = *outcome;
	warden.outcome_count = 1;
	publish_tick(publisher);
	warden.outcome_count = 0;
}

TEST(a_step_is_one_record_with_all_that_it_is)
{
	struct step step = limit_step();

	start();
	tick_with(&step);
	check(next());
	check_field("MESSAGE_ID", ID_STEP);
	check_field("SYSLOG_IDENTIFIER", "oomwardend");
	check_int(atoi(field("PRIORITY")), LOG_WARNING);
	check_field("OOMWARDEN_RULE", "runaway");
	check(!field("OOMWARDEN_POLICY"));
	check_field("OOMWARDEN_ACTION", "limit");
	check_field("OOMWARDEN_STEP", "8");
	check_field("OOMWARDEN_MODE", "enforce");
	check(!field("OOMWARDEN_MODE_FROM"));
	check_contains(field("OOMWARDEN_SUBJECT"), "web1.service");
	check_field("OOMWARDEN_TARGET", "web1.service");
	check_field("OOMWARDEN_CGROUP", "system.slice/web1.service");
	check_field("OOMWARDEN_SETTING", "MemoryHigh");
	check_field("OOMWARDEN_WANTED", "2 GiB");
	check_field("OOMWARDEN_BEFORE", "infinity");
	check_field("OOMWARDEN_GAIN_METRIC", "mem.available");
	check_field("OOMWARDEN_EXPECTED_BYTES", "1073741824");
	check_contains(field("OOMWARDEN_EVIDENCE"), "mem.available 1 GiB < 2 GiB");
	check_contains(field("OOMWARDEN_WRITES"), "memory.high");
	check_contains(field("MESSAGE"), "runaway: ");
	check(!strstr(field("MESSAGE"), "dry run"));
	check(!next());
	finish();
}

TEST(a_dry_run_says_so_and_what_would_follow)
{
	struct step step = limit_step();

	start();
	step.mode = MODE_DRY_RUN;
	step.mode_from = "Mode= of the agent";
	tick_with(&step);
	check(next());
	check_field("MESSAGE_ID", ID_STEP);
	check_int(atoi(field("PRIORITY")), LOG_NOTICE);
	check_field("OOMWARDEN_MODE", "dry-run");
	check_field("OOMWARDEN_MODE_FROM", "Mode= of the agent");
	check(strncmp(field("MESSAGE"), "dry run: ", 9) == 0);
	check_contains(field("MESSAGE"), "if that were not enough: kill by-policy");
	check(!next());
	/* Nothing came of it, and that is no second record. */
	warden.step = step;
	tick_of(&(struct outcome){ .step = 8, .state = OUTCOME_DONE, .simulated = true });
	check(!next());
	finish();
}

TEST(a_thaw_says_what_it_would_write)
{
	struct step step = limit_step();

	start();
	step.action = ACTION_FREEZE;
	step.order = STEP_CANCEL;
	step.mode = MODE_DRY_RUN;
	step.setting = (struct step_setting){ .on = { SETTING_FREEZE, 9, 0 },
					      .wanted = { .number = 1 },
					      .owner = OWNER_SYSTEMD };
	tick_with(&step);
	check(next());
	check_contains(field("MESSAGE"), "thaw web1.service");
	check_field("OOMWARDEN_WRITES", "ThawUnit(web1.service)");
	/* What is called off before it did anything writes nothing. */
	step = limit_step();
	step.order = STEP_CANCEL;
	step.mode = MODE_DRY_RUN;
	tick_with(&step);
	check(next());
	check_field("OOMWARDEN_WRITES", "");
	check(!next());
	finish();
}

TEST(an_outcome_says_what_came_of_it)
{
	struct outcome outcome = { .step = 8,
				   .state = OUTCOME_DONE,
				   .done_bytes = 4096,
				   .in_force = { .number = 3 * GIB },
				   .in_force_known = true,
				   .at_usec = 3 * USEC_PER_SEC };

	start();
	warden.step = limit_step();
	tick_of(&outcome);
	check(next());
	check_field("MESSAGE_ID", ID_OUTCOME);
	check_int(atoi(field("PRIORITY")), LOG_NOTICE);
	check_field("OOMWARDEN_OUTCOME", "done");
	check_field("OOMWARDEN_DONE_BYTES", "4096");
	check_field("OOMWARDEN_WANTED", "2 GiB");
	check_field("OOMWARDEN_IN_FORCE", "3 GiB");
	check_field("OOMWARDEN_EVIDENCE", "mem.available 1 GiB < 2 GiB for 1s");
	check(!field("ERRNO"));
	outcome.state = OUTCOME_FAILED;
	outcome.error = EBUSY;
	outcome.in_force_known = false;
	strcpy(outcome.reason, "it uses too much");
	tick_of(&outcome);
	check(next());
	check_field("OOMWARDEN_OUTCOME", "failed");
	check_int(atoi(field("PRIORITY")), LOG_WARNING);
	check_int(atoi(field("ERRNO")), EBUSY);
	check(!field("OOMWARDEN_IN_FORCE"));
	check_contains(field("MESSAGE"), "it uses too much");
	/* One that nobody knows any more. */
	outcome.step = 99;
	tick_of(&outcome);
	check(!next());
	finish();
}

TEST(progress_is_no_record_and_trouble_is)
{
	struct outcome outcome = { .step = 8, .state = OUTCOME_RUNNING, .done_bytes = 4096 };

	start();
	warden.step = limit_step();
	tick_of(&outcome);
	check(!next());
	outcome.error = EIO;
	strcpy(outcome.reason, "IT IS STILL FROZEN");
	tick_of(&outcome);
	check(next());
	check_field("OOMWARDEN_OUTCOME", "running");
	check_int(atoi(field("PRIORITY")), LOG_WARNING);
	check_int(atoi(field("ERRNO")), EIO);
	check_contains(field("MESSAGE"), "IT IS STILL FROZEN");
	finish();
}

/* One act, one record, whichever of the two it is. */
TEST(what_policies_hold_is_said_when_it_is_done)
{
	struct step step = limit_step();

	start();
	step.action = ACTION_HOLD;
	step.rule = RULE_NONE;
	step.target.policy = 0;
	tick_with(&step);
	check(!next());
	warden.step = step;
	tick_of(&(struct outcome){ .step = 8, .state = OUTCOME_DONE });
	check(next());
	check_field("MESSAGE_ID", ID_OUTCOME);
	check_field("OOMWARDEN_POLICY", "web");
	check(!field("OOMWARDEN_RULE"));
	check_field("OOMWARDEN_ACTION", "hold");
	/* It fails again and again: that was said. */
	warden.step.is_again = true;
	tick_of(&(struct outcome){ .step = 8, .state = OUTCOME_FAILED, .error = EPERM });
	check(!next());
	tick_of(&(struct outcome){ .step = 8, .state = OUTCOME_DONE });
	check(next());
	/* In a dry run there is no such outcome. */
	step.mode = MODE_DRY_RUN;
	tick_with(&step);
	check(next());
	check_field("MESSAGE_ID", ID_STEP);
	check_field("OOMWARDEN_MODE", "dry-run");
	finish();
}

TEST(what_is_given_back_goes_the_other_way)
{
	struct step step = limit_step();

	start();
	step.order = STEP_UNDO;
	tick_with(&step);
	check(!next());
	warden.step = step;
	tick_of(&(struct outcome){ .step = 8, .state = OUTCOME_DONE, .is_undo = true });
	check(next());
	check_field("OOMWARDEN_WANTED", "infinity");
	check_field("OOMWARDEN_BEFORE", "2 GiB");
	check_field("OOMWARDEN_WRITES", "");
	finish();
}

TEST(what_is_notified_is_one_record)
{
	struct step step = limit_step();

	start();
	step.action = ACTION_NOTIFY;
	step.target.path[0] = '\0';
	tick_with(&step);
	check(!next());
	publish_notify(publisher, &step);
	check(next());
	check_field("MESSAGE_ID", ID_NOTIFY);
	check_int(atoi(field("PRIORITY")), LOG_ALERT);
	check_field("OOMWARDEN_ACTION", "notify");
	check(!field("OOMWARDEN_CGROUP"));
	check(!field("OOMWARDEN_SETTING"));
	warden.step = step;
	tick_of(&(struct outcome){ .step = 8, .state = OUTCOME_DONE });
	check(!next());
	finish();
}

TEST(a_move_accounts_for_its_pages)
{
	struct outcome outcome = { .step = 8, .state = OUTCOME_DONE };

	start();
	warden.step = limit_step();
	warden.step.action = ACTION_MIGRATE;
	warden.step.migrate = (struct step_migrate){ .to_node = 1, .cause = MOVE_TO_GATHER };
	outcome.pages.moved = 512;
	outcome.pages.pinned = 3;
	outcome.longest_call_usec = 4321;
	outcome.workers = 2;
	tick_of(&outcome);
	check(next());
	check_contains(field("OOMWARDEN_PAGES"), "moved=512 ");
	check_contains(field("OOMWARDEN_PAGES"), "pinned=3 ");
	check_str(field("OOMWARDEN_LONGEST_CALL_USEC"), "4321");
	check_str(field("OOMWARDEN_WORKERS"), "2");
	check_field("OOMWARDEN_CAUSE", "gather");
	check(!field("OOMWARDEN_SETTING"));
	finish();
}

TEST(refusals_and_notes_have_their_own_kinds)
{
	start();
	plan_reset(&warden.plan);
	plan_add_refusal(&warden.plan, (struct refusal_note){ .subject = { SCOPE_SERVICE, 9 },
							      .service = 9,
							      .why = REFUSE_PROTECTED });
	plan_add_refusal(&warden.plan, (struct refusal_note){ .rule = RULE_NONE,
							      .ladder = SETTING_MEMORY_MAX,
							      .subject = { SCOPE_SERVICE, 9 },
							      .service = 9,
							      .why = REFUSE_NOT_OURS });
	plan_add_note(&warden.plan, (struct note){ .kind = NOTE_FOREIGN,
						   .rule = RULE_NONE,
						   .subject = { SCOPE_SERVICE, 9 },
						   .expected = 2 * GIB,
						   .gained = 3 * GIB,
						   .setting = SETTING_MEMORY_HIGH });
	plan_add_note(&warden.plan, (struct note){ .kind = NOTE_NO_EFFECT,
						   .subject = { SCOPE_SERVICE, 9 },
						   .expected = GIB,
						   .gained = 4096 });
	publish_tick(publisher);
	check(next());
	check_field("MESSAGE_ID", ID_NOTE);
	check_field("OOMWARDEN_POLICY", "web");
	check_field("OOMWARDEN_WANTED", "2 GiB");
	check_field("OOMWARDEN_IN_FORCE", "3 GiB");
	check(next());
	check_field("MESSAGE_ID", ID_NOTE);
	check_field("OOMWARDEN_RULE", "runaway");
	check_field("OOMWARDEN_EXPECTED_BYTES", "1073741824");
	check_field("OOMWARDEN_GAINED_BYTES", "4096");
	check(next());
	check_field("MESSAGE_ID", ID_REFUSAL);
	check_field("OOMWARDEN_RULE", "runaway");
	check_field("OOMWARDEN_ACTION", actions[ladder[0].action].name);
	check(next());
	check_field("MESSAGE_ID", ID_REFUSAL);
	check_field("OOMWARDEN_POLICY", "web");
	check_field("OOMWARDEN_SETTING", "MemoryMax");
	check(!next());
	finish();
}

static void pass_over(uint64_t whom, size_t line, enum refusal why)
{
	plan_add_refusal(&warden.plan, (struct refusal_note){ .ladder = line,
							      .subject = { SCOPE_HOST, 0 },
							      .service = whom,
							      .why = why });
}

/* How often it has that field with that value. */
static unsigned count_field(const char *wanted, const char *value)
{
	char name[128], found[4096];
	unsigned count = 0;
	size_t at = 0;

	while (take_field(&at, name, found))
		count += strcmp(name, wanted) == 0 && (!value || strcmp(found, value) == 0);
	return count;
}

/* As where two dozen services leak and nothing of them could be reclaimed. */
TEST(a_crowd_that_is_passed_over_is_one_record_for_each_reason)
{
	static struct service crowd[CROWD];
	static char names[CROWD][32];

	start();
	for (size_t i = 0; i < CROWD; i++) {
		snprintf(names[i], sizeof(names[i]), "leaker-%zu.service", i + 1);
		crowd[i] = (struct service){ .path = names[i], .name = names[i], .inode = i + 1 };
	}
	ladder[1].action = ACTION_LIMIT;
	warden.snapshot = (struct snapshot){ .services = crowd, .service_count = CROWD };
	plan_reset(&warden.plan);
	/* Two lines that are alike, and one service that has a reason of its own. */
	for (size_t line = 0; line < 2; line++) {
		for (size_t i = 1; i < CROWD; i++)
			pass_over(i + 1, line, REFUSE_NO_SWAP);
		pass_over(1, line, REFUSE_POLICY_KEEP);
	}
	publish_tick(publisher);
	check(next());
	check_field("MESSAGE_ID", ID_REFUSAL);
	check_field("OOMWARDEN_RULE", "runaway");
	check_field("OOMWARDEN_ACTION", "limit");
	check_field("OOMWARDEN_COUNT", "23");
	check_contains(field("MESSAGE"), "runaway on host, limit: 23 services are passed over "
					 "(leaker-2.service, leaker-3.service, leaker-4.service "
					 "and 20 more), each because without swap");
	check_int(count_field("OOMWARDEN_TARGET", NULL), 23);
	check_int(count_field("OOMWARDEN_TARGET", "leaker-24.service"), 1);
	check_int(count_field("OOMWARDEN_TARGET", "leaker-1.service"), 0);
	check(next());
	check_field("OOMWARDEN_COUNT", "1");
	check_field("OOMWARDEN_TARGET", "leaker-1.service");
	check_contains(field("MESSAGE"), "limit: leaker-1.service is passed over, its policy");
	check(!next());
	ladder[1].action = ACTION_KILL;
	finish();
}

TEST(what_is_of_another_rule_subject_or_action_is_another_record)
{
	struct refusal_note of_node = { .subject = { SCOPE_NODE, 1 },
					.service = 9,
					.why = REFUSE_GAIN };

	start();
	plan_reset(&warden.plan);
	pass_over(9, 0, REFUSE_GAIN);
	pass_over(9, 1, REFUSE_GAIN);
	plan_add_refusal(&warden.plan, of_node);
	pass_over(0, 0, REFUSE_GAIN);
	pass_over(0, 0, REFUSE_GAIN);
	publish_tick(publisher);
	check(next());
	check_field("OOMWARDEN_ACTION", "limit");
	check(next());
	check_field("OOMWARDEN_ACTION", "kill");
	check(next());
	check_contains(field("MESSAGE"), "on node 1");
	/* A whole line, once. */
	check(next());
	check(!field("OOMWARDEN_COUNT"));
	check(!next());
	/* Of one that is gone there is no name. */
	plan_reset(&warden.plan);
	pass_over(4711, 0, REFUSE_GAIN);
	publish_tick(publisher);
	check(next());
	check_field("OOMWARDEN_COUNT", "1");
	check(!field("OOMWARDEN_TARGET"));
	check(!next());
	finish();
}

/* More and longer names than a record has room for: those that are there are whole. */
TEST(a_crowd_of_long_names_has_its_number)
{
	static struct service crowd[PLAN_REFUSALS_MAX];
	static char names[PLAN_REFUSALS_MAX][128];
	unsigned count;

	start();
	for (size_t i = 0; i < PLAN_REFUSALS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "%0100zu.service", i);
		crowd[i] = (struct service){ .path = names[i], .name = names[i], .inode = i + 1 };
	}
	warden.snapshot =
		(struct snapshot){ .services = crowd, .service_count = PLAN_REFUSALS_MAX };
	plan_reset(&warden.plan);
	for (size_t i = 0; i < PLAN_REFUSALS_MAX; i++)
		pass_over(i + 1, 0, REFUSE_GAIN);
	publish_tick(publisher);
	check(next());
	check_field("OOMWARDEN_COUNT", "64");
	count = count_field("OOMWARDEN_TARGET", NULL);
	check(count > 20 && count < PLAN_REFUSALS_MAX);
	for (size_t i = 0; i < count; i++)
		check_int(count_field("OOMWARDEN_TARGET", names[i]), 1);
	check(!next());
	finish();
}

/* --- names that others choose ----------------------------------------------------------------- */

static void check_is_one_line(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c == 0x7f)
			test_stop_(TEST_FAILED_, "%02x in \"%s\"", (unsigned)*c, text);
}

TEST(a_name_makes_no_field_and_no_line)
{
	struct step step = limit_step();

	start();
	strcpy(step.target.path, "a\nPRIORITY=0\nMESSAGE=forged\x1b[31m.service");
	strcpy(step.target.name, "b\nOOMWARDEN_MODE=dry-run\x1b[31m");
	service.path = step.target.path;
	service.name = step.target.name;
	tick_with(&step);
	check(next());
	/* Each of them once, as field() has it. */
	check_int(atoi(field("PRIORITY")), LOG_WARNING);
	check_field("OOMWARDEN_MODE", "enforce");
	check_is_one_line(field("MESSAGE"));
	check_is_one_line(field("OOMWARDEN_SUBJECT"));
	/* As it is: whoever looks for the cgroup has its name. */
	check_field("OOMWARDEN_CGROUP", step.target.path);
	check(!next());
	finish();
}

TEST(a_log_that_was_overwritten_is_one_record)
{
	start();
	warden.events[0] = (struct kernel_event){ .kind = KERNEL_EVENT_LOG_LOST, .at_usec = 77 };
	warden.event_count = 1;
	publish_kernel_events(publisher, &warden);
	check(next());
	check_field("MESSAGE_ID", ID_KERNEL);
	check_field("OOMWARDEN_KERNEL_EVENT", "log-lost");
	check_contains(field("MESSAGE"), "overwritten before all of it was read");
	check(!next());
	finish();
}

TEST(what_the_kernel_said_of_a_process_is_one_line_too)
{
	struct kernel_event event = { .kind = KERNEL_EVENT_OOM_KILL,
				      .at_usec = 77,
				      .pid = 4711,
				      .comm = "x\nPRIORITY=0",
				      .constraint = OOM_CONSTRAINT_MEMCG,
				      .cgroup_known = true,
				      .cgroup = "c\nERRNO=1\x1b.service" };

	start();
	warden.events[0] = event;
	event.kind = KERNEL_EVENT_ALLOC_FAILURE;
	event.order = 3;
	event.order_known = true;
	event.dropped_before = 5;
	warden.events[1] = event;
	warden.event_count = 2;
	publish_kernel_events(publisher, &warden);
	check(next());
	check_contains(field("MESSAGE"), "5 times more");
	check(!field("MESSAGE_ID"));
	check(next());
	check_field("MESSAGE_ID", ID_KERNEL);
	check_field("OOMWARDEN_KERNEL_EVENT", "allocation-failure");
	check_field("OOMWARDEN_ORDER", "3");
	check(next());
	check_field("OOMWARDEN_KERNEL_EVENT", "oom-kill");
	check_field("OOMWARDEN_PID", "4711");
	check_field("OOMWARDEN_CONSTRAINT", "cgroup-limit");
	check_field("OOMWARDEN_KERNEL_USEC", "77");
	check_int(atoi(field("PRIORITY")), LOG_WARNING);
	check(!field("ERRNO"));
	check_is_one_line(field("MESSAGE"));
	check_is_one_line(field("OOMWARDEN_COMM"));
	check_is_one_line(field("OOMWARDEN_CGROUP"));
	check(!next());
	finish();
}

static struct kernel_event a_kill(pid_t pid, const char *cgroup)
{
	struct kernel_event event = { .kind = KERNEL_EVENT_OOM_KILL,
				      .pid = pid,
				      .comm = "hog",
				      .constraint = OOM_CONSTRAINT_MEMCG,
				      .cgroup_known = true,
				      .limit_known = true,
				      .limit_length = strlen("system.slice") };

	snprintf(event.cgroup, sizeof(event.cgroup), "%s", cgroup);
	return event;
}

static void publish_event_at(usec_t now, const struct kernel_event *event)
{
	warden.snapshot.now_usec = now;
	warden.event_count = event ? 1 : 0;
	if (event)
		warden.events[0] = *event;
	publish_kernel_events(publisher, &warden);
}

TEST(a_kill_names_the_rule_that_was_nearest_and_what_it_missed_by)
{
	struct kernel_event event = a_kill(4711, "system.slice/web1.service");

	start();
	warden.verdict = (struct verdict){
		.place = VERDICT_OF_CGROUP,
		.service = 9,
		.service_name = "web1.service",
		.rules = { { .subject = { SCOPE_SERVICE, 9 },
			     .standing = STANDING_MISSED,
			     .nearest = { .metric = METRIC_SERVICE_HEADROOM,
					  .comparison = ">=",
					  .value = { 61 << 20, READING_KNOWN },
					  .threshold = { 56 << 20, READING_KNOWN } },
			     .dimension = DIM_BYTES,
			     .missed_by = 5 << 20 } },
		.rule_count = 1,
	};
	publish_event_at(USEC_PER_SEC, &event);
	check(next());
	check_field("MESSAGE_ID", ID_KERNEL);
	check_int(atoi(field("PRIORITY")), LOG_WARNING);
	check_field("OOMWARDEN_VERDICT", "missed");
	check_field("OOMWARDEN_RULE", "runaway");
	check_field("OOMWARDEN_SUBJECT", "web1.service");
	check_field("OOMWARDEN_MISSED_BY", "5 MiB");
	check_field("OOMWARDEN_UNIT", "web1.service");
	check_field("OOMWARDEN_TARGET", "web1.service");
	check_field("OOMWARDEN_LIMIT_CGROUP", "system.slice");
	check_field("OOMWARDEN_COUNT", "1");
	check(!field("OOMWARDEN_NODES"));
	check_contains(field("MESSAGE"), "took process 4711 (hog)");
	check_contains(field("MESSAGE"), "/system.slice was at its limit");
	check_contains(field("MESSAGE"),
		       "runaway on web1.service did not fire: service.headroom was 61 MiB, fires "
		       "below 56 MiB: missed by 5 MiB");
	check(!next());
	finish();
}

TEST(a_kill_without_a_rule_names_the_shipped_one)
{
	struct kernel_event event = a_kill(4711, "system.slice/web1.service");

	start();
	event.constraint = OOM_CONSTRAINT_MEMORY_POLICY;
	event.counted = 3;
	event.comm[0] = '\0';
	event.order_known = true;
	event.order = 2;
	warden.verdict = (struct verdict){ .kind = VERDICT_NO_RULE,
					   .place = VERDICT_OF_NODES,
					   .shipped = "node-exhausted" };
	idset_add(&warden.verdict.nodes, 1);
	publish_event_at(USEC_PER_SEC, &event);
	check(next());
	check_field("OOMWARDEN_VERDICT", "no-rule");
	check_field("OOMWARDEN_SHIPPED_RULE", "node-exhausted");
	check_field("OOMWARDEN_NODES", "1");
	check_field("OOMWARDEN_ORDER", "2");
	check_field("OOMWARDEN_COUNT", "3");
	check(!field("OOMWARDEN_COMM"));
	check(!field("OOMWARDEN_RULE"));
	check(!field("OOMWARDEN_MISSED_BY"));
	check_contains(field("MESSAGE"), "took 3 processes of ");
	finish();
}

TEST(what_runs_below_a_unit_is_the_unit_s)
{
	static const struct {
		const char *cgroup, *unit; /* NULL: none */
	} cases[] = {
		{ "system.slice/web1.service", "web1.service" },
		{ "system.slice/web1.service/worker/a", "web1.service" },
		{ "machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/emulator",
		  "machine-qemu\\x2d1\\x2ddb.scope" },
		{ "user.slice/user-0.slice/x", NULL },
		{ "kubepods/x/y", NULL },
		{ "", NULL },
	};

	start();
	warden.verdict = (struct verdict){ .kind = VERDICT_NOT_YET };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kernel_event event = a_kill(5, cases[i].cgroup);

		event.limit_known = false;
		publish_event_at((i + 1) * USEC_PER_SEC, &event);
		check(next());
		if (cases[i].unit)
			check_field("OOMWARDEN_UNIT", cases[i].unit);
		else
			check(!field("OOMWARDEN_UNIT"));
		check_field("OOMWARDEN_CGROUP", cases[i].cgroup);
	}
	finish();
}

TEST(a_canary_that_dies_first_is_no_warning)
{
	struct kernel_event event = a_kill(12, "system.slice/oomwarden-canary-early.service");

	start();
	warden.verdict = (struct verdict){ .kind = VERDICT_CANARY };
	publish_event_at(USEC_PER_SEC, &event);
	check(next());
	check_int(atoi(field("PRIORITY")), LOG_NOTICE);
	check_field("OOMWARDEN_VERDICT", "canary");
	check_contains(field("MESSAGE"), "as meant");
	finish();
}

/* That the same cgroup was hit before is another matter. */
TEST(a_kill_that_somebody_asked_for_is_said_beside_others)
{
	struct kernel_event event = a_kill(12, "system.slice/web1.service");

	start();
	warden.verdict = (struct verdict){ .kind = VERDICT_NOT_YET };
	publish_event_at(USEC_PER_SEC, &event);
	check(next());
	event.by_hand = true;
	warden.verdict = (struct verdict){ .kind = VERDICT_ASKED };
	publish_event_at(2 * USEC_PER_SEC, &event);
	check(next());
	check_field("OOMWARDEN_VERDICT", "asked");
	check_contains(field("MESSAGE"), "SysRq f");
	check(!next());
	finish();
}

TEST(a_restart_loop_is_said_once_and_then_counted)
{
	struct kernel_event event = a_kill(100, "system.slice/loop.service");
	usec_t now = 100 * USEC_PER_SEC;

	start();
	warden.verdict = (struct verdict){ .kind = VERDICT_NOT_YET };
	for (int i = 0; i < 50; i++, now += USEC_PER_SEC, event.pid++) {
		publish_event_at(now, &event);
		check_int(next(), i == 0);
	}
	publish_event_at(now, NULL);
	check(!next());
	now += 10 * USEC_PER_SEC;
	publish_event_at(now, NULL);
	check(next());
	check_field("MESSAGE_ID", ID_KERNEL);
	check_field("OOMWARDEN_COUNT", "49");
	check_field("OOMWARDEN_VERDICT", "again");
	check_contains(field("MESSAGE"), "/system.slice/loop.service");
	check(!next());
	/* The next one is told whole again. */
	publish_event_at(now, &event);
	check(next());
	check_field("OOMWARDEN_VERDICT", "not-yet");
	publish_event_at(now + 2 * USEC_PER_MIN, NULL);
	check(!next());
	finish();
}

/* Each for another reason: some are said, the rest is counted, and none is lost. */
TEST(kills_without_end_are_counted_too)
{
	usec_t now = 100 * USEC_PER_SEC;
	unsigned said = 0, counted = 0;

	start();
	warden.verdict = (struct verdict){ .kind = VERDICT_NOT_YET };
	for (int i = 0; i < 200; i++) {
		char cgroup[64];
		struct kernel_event event;

		snprintf(cgroup, sizeof(cgroup), "user.slice/session-%d.scope", i);
		event = a_kill(100 + i, cgroup);
		event.limit_known = false;
		publish_event_at(now, &event);
		said += next();
	}
	check(said > 1 && said < 20);
	publish_event_at(now + 2 * USEC_PER_MIN, NULL);
	while (next())
		counted += (unsigned)atoi(field("OOMWARDEN_COUNT"));
	check_int(said + counted, 200);
	finish();
}

/* The longest names that a step can have: cut somewhere, but whole records. */
TEST(long_names_are_cut)
{
	struct step step = limit_step();

	start();
	memset(step.target.path, '\n', sizeof(step.target.path) - 1);
	memset(step.target.name, '\x01', sizeof(step.target.name) - 1);
	service.path = step.target.path;
	service.name = step.target.name;
	tick_with(&step);
	check(next());
	check_field("MESSAGE_ID", ID_STEP);
	check_int(strlen(field("OOMWARDEN_CGROUP")), sizeof(step.target.path) - 1);
	check_is_one_line(field("MESSAGE"));
	check(!next());
	finish();
}

/* --- what is lost ----------------------------------------------------------------------------- */

TEST(what_finds_no_room_is_counted_and_said)
{
	const struct step step = limit_step();
	unsigned sent, lost = 0;

	start();
	/* Nobody reads. */
	for (int i = 0; i < 5000; i++)
		publish_line(publisher, LOG_INFO, "again");
	publish_tick(publisher);
	for (sent = 0; next(); sent++)
		;
	check(sent > 0 && sent < 5000);
	/* All of them but those that were read, and the one of before that was to say so. */
	plan_reset(&warden.plan);
	publish_tick(publisher);
	check(next());
	check_int(sscanf(field("MESSAGE"), "%u records found no room", &lost), 1);
	check_int(lost + sent, 5000);
	check_int(atoi(field("PRIORITY")), LOG_WARNING);
	/* And once. */
	publish_tick(publisher);
	check(!next());
	tick_with(&step);
	check(next());
	finish();
}

TEST(what_a_plan_had_no_room_for_is_said_once)
{
	start();
	plan_reset(&warden.plan);
	warden.plan.refusals_dropped = 3;
	warden.plan.notes_dropped = 4;
	publish_tick(publisher);
	check(next());
	check_contains(field("MESSAGE"), "7 things");
	publish_tick(publisher);
	check(!next());
	plan_reset(&warden.plan);
	publish_tick(publisher);
	warden.plan.notes_dropped = 7;
	publish_tick(publisher);
	check(next());
	finish();
}

/* A pipe stands for standard error, where there is no journal. */
TEST(without_a_journal_there_are_lines)
{
	const struct step step = limit_step();
	int fds[2], before = dup(STDERR_FILENO);
	char text[4096];
	ssize_t n;

	start();
	publisher = publisher_free(publisher);
	check_int(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	check_int(publisher_new_on(-1, true, &publisher), 0);
	publisher_set_warden(publisher, &warden);
	fflush(stderr);
	dup2(fds[1], STDERR_FILENO);
	tick_with(&step);
	/* Full: what is lost now is counted as well. */
	while (write(fds[1], text, 1) > 0 || write(fds[1], text, 1) > 0)
		;
	tick_with(&step);
	n = read(fds[0], text, sizeof(text) - 1);
	check(n > 0);
	text[n] = '\0';
	*strchrnul(text, '\n') = '\0';
	while (read(fds[0], record, sizeof(record)) > 0)
		;
	plan_reset(&warden.plan);
	publish_tick(publisher);
	n = read(fds[0], record, sizeof(record) - 1);
	dup2(before, STDERR_FILENO);
	check_contains(text, "runaway: ");
	check(n > 0);
	record[n] = '\0';
	check_str(record, "1 records found no room and are lost\n");
	close(before);
	close(fds[0]);
	close(fds[1]);
	finish();
}

/* --- canaries */

static struct canary_status canary = { .key = 7, .name = "early:node0", .slice = "" };

static void start_with_canary(void)
{
	start();
	warden.snapshot.canaries = &canary;
	warden.snapshot.canary_count = 1;
}

TEST(a_death_of_a_canary_has_a_record_of_its_own)
{
	start_with_canary();
	plan_add_note(&warden.plan, (struct note){ .kind = NOTE_CANARY_DIED,
						   .rule = RULE_NONE,
						   .subject = { SCOPE_CANARY, 7 },
						   .policy = -1,
						   .expected = GIB,
						   .by_kernel = true });
	publish_tick(publisher);
	check(next());
	check_field("MESSAGE_ID", ID_CANARY);
	check_field("OOMWARDEN_CANARY", "early:node0");
	check_field("OOMWARDEN_KILLED_BY", "kernel");
	check_field("OOMWARDEN_SIZE_BYTES", "1073741824");
	check(!next());
	warden.plan.notes[0].by_kernel = false;
	publish_tick(publisher);
	check(next());
	check_field("OOMWARDEN_KILLED_BY", "other");
	finish();
}

TEST(one_that_is_armed_is_one_record)
{
	struct step *step;

	start_with_canary();
	step = plan_add_step(&warden.plan);
	*step = (struct step){ .id = 8,
			       .action = ACTION_ARM,
			       .mode = MODE_ENFORCE,
			       .rule = RULE_NONE,
			       .owner = "early",
			       .subject = { SCOPE_CANARY, 7 },
			       .target = { .policy = -1, .name = "early:node0" },
			       .arm = { .unit = "oomwarden-canary-early:node0.service",
					.bytes = (uint64_t)GIB },
			       .gain_metric = METRIC_NONE };
	publish_tick(publisher);
	check(!next());
	warden.step = *step;
	plan_reset(&warden.plan);
	warden.outcomes[0] = (struct outcome){ .step = 8, .state = OUTCOME_DONE };
	warden.outcome_count = 1;
	publish_tick(publisher);
	check(next());
	check_field("MESSAGE_ID", ID_OUTCOME);
	check_field("OOMWARDEN_CANARY", "early:node0");
	check_field("OOMWARDEN_ACTION", "arm");
	check_field("OOMWARDEN_OUTCOME", "done");
	check(!next());
	finish();
}

TEST(why_one_is_not_armed_is_said)
{
	start_with_canary();
	plan_add_refusal(&warden.plan, (struct refusal_note){ .rule = RULE_NONE,
							      .subject = { SCOPE_CANARY, 7 },
							      .why = REFUSE_CANARY_ROOM });
	publish_tick(publisher);
	check(next());
	check_field("MESSAGE_ID", ID_REFUSAL);
	check_field("OOMWARDEN_CANARY", "early:node0");
	check_field("OOMWARDEN_ACTION", "arm");
	finish();
}
