/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kill by the kernel, and what is to be said of it, in words. */

#include "test.h"

#include "explain/kill_story.h"
#include "util/macro.h"

#define MIB (INT64_C(1) << 20)

static char text[2048];
static struct strbuf out;

static struct action_call ladder[] = {
	{ .action = ACTION_MIGRATE, .text = (char *)(uintptr_t) "migrate to=roomiest" },
	{ .action = ACTION_KILL, .text = (char *)(uintptr_t) "kill policy" },
};
static struct rule rule = { .name = (char *)(uintptr_t) "node-exhausted",
			    .for_usec = 500 * USEC_PER_MSEC,
			    .ladder = ladder,
			    .ladder_count = 2 };
static struct policy policy = { .name = (char *)(uintptr_t) "web" };
static const struct config config = { .rules = &rule,
				      .rule_count = 1,
				      .policies = { .policies = &policy, .count = 1 } };
static const struct service services[] = {
	{ .path = "machine.slice/beta.scope", .name = "beta", .inode = 9 }
};
static const struct snapshot snapshot = { .services = services, .service_count = 1 };

static void start(void)
{
	out = (struct strbuf)STRBUF(text);
}

/* --- the kill */

static struct kernel_event a_kill(enum oom_constraint constraint, const char *cgroup)
{
	struct kernel_event event = { .kind = KERNEL_EVENT_OOM_KILL,
				      .pid = 4711,
				      .comm = "hog",
				      .constraint = constraint,
				      .cgroup_known = cgroup != NULL };

	snprintf(event.cgroup, sizeof(event.cgroup), "%s", cgroup ? cgroup : "");
	return event;
}

static void check_kill(const struct kernel_event *event, const struct verdict *verdict,
		       const char *want)
{
	start();
	kill_story_kill(event, verdict, &out);
	check_str(text, want);
}

TEST(who_was_killed_and_what_was_short)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_NONE, "system.slice/a.service");
	struct verdict verdict = { .limit_policy = -1 };

	check_kill(
		&event, &verdict,
		"the kernel's OOM killer took process 4711 (hog) of /system.slice/a.service: the "
		"host was out of memory");
	event.order_known = true;
	event.order = 2;
	check_kill(
		&event, &verdict,
		"the kernel's OOM killer took process 4711 (hog) of /system.slice/a.service: the "
		"host was out of memory, for 4 pages in a row");
	event = a_kill(OOM_CONSTRAINT_UNKNOWN, NULL);
	check_kill(&event, &verdict, "the kernel's OOM killer took process 4711 (hog)");
}

TEST(nodes_are_named)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_MEMORY_POLICY, "machine.slice/x.scope");
	struct verdict verdict = { .place = VERDICT_OF_NODES, .is_guest = true };

	snprintf(verdict.service_name, sizeof(verdict.service_name), "db");
	idset_add(&verdict.nodes, 1);
	check_kill(&event, &verdict,
		   "the kernel's OOM killer took process 4711 (hog) of /machine.slice/x.scope, "
		   "guest db: node 1, of a memory policy, was out of memory");
	idset_add(&verdict.nodes, 2);
	event.constraint = OOM_CONSTRAINT_CPUSET;
	verdict.is_guest = false;
	check_kill(&event, &verdict,
		   "the kernel's OOM killer took process 4711 (hog) of /machine.slice/x.scope: "
		   "nodes 1-2, of a cpuset, were out of memory");
	idset_clear(&verdict.nodes);
	check_kill(&event, &verdict,
		   "the kernel's OOM killer took process 4711 (hog) of /machine.slice/x.scope: the "
		   "nodes of a cpuset were out of memory");
	/* By an old kernel, that names the nodes and not the reason. */
	event.constraint = OOM_CONSTRAINT_UNKNOWN;
	idset_add(&verdict.nodes, 0);
	check_kill(
		&event, &verdict,
		"the kernel's OOM killer took process 4711 (hog) of /machine.slice/x.scope: node "
		"0, of what it may use, was out of memory");
}

TEST(whose_limit_it_was)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_MEMCG, "a.slice/b.service/c");
	const struct verdict verdict = { .place = VERDICT_OF_CGROUP };

	check_kill(
		&event, &verdict,
		"the kernel's OOM killer took process 4711 (hog) of /a.slice/b.service/c: a cgroup "
		"was at its limit");
	event.limit_known = true;
	event.limit_length = strlen("a.slice");
	check_kill(
		&event, &verdict,
		"the kernel's OOM killer took process 4711 (hog) of /a.slice/b.service/c: /a.slice "
		"was at its limit");
	event.limit_length = strlen(event.cgroup);
	check_kill(
		&event, &verdict,
		"the kernel's OOM killer took process 4711 (hog) of /a.slice/b.service/c: it was "
		"at its limit");
}

TEST(counters_know_no_process)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_UNKNOWN, "a.service");
	const struct verdict verdict = { .place = VERDICT_OF_UNKNOWN };

	event.counted = 1;
	check_kill(&event, &verdict, "the kernel's OOM killer took a process of /a.service");
	event.counted = 3;
	event.cgroup_known = false;
	check_kill(&event, &verdict, "the kernel's OOM killer took 3 processes");
}

TEST(names_are_escaped)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_NONE, "a\nb");
	struct verdict verdict = { .is_guest = true };

	snprintf(event.comm, sizeof(event.comm), "x\x1b");
	snprintf(verdict.service_name, sizeof(verdict.service_name), "g\n");
	start();
	kill_story_kill(&event, &verdict, &out);
	for (const char *c = text; *c; c++)
		check((unsigned char)*c >= ' ');
}

/* --- the verdict */

static struct verdict one(struct verdict_rule r)
{
	return (struct verdict){ .service = 9,
				 .service_name = "alpha",
				 .rules = { r },
				 .rule_count = 1,
				 .limit_rule = RULE_NONE,
				 .limit_policy = -1 };
}

static void check_rule(struct verdict_rule r, const char *want)
{
	struct verdict verdict = one(r);

	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_str(text, want);
}

TEST(each_standing_has_its_sentence)
{
	static const struct subject node = { SCOPE_NODE, 0 };
	static const struct {
		struct verdict_rule rule;
		const char *want;
	} cases[] = {
		{ { .standing = STANDING_RUNNING, .usec = 300 * USEC_PER_MSEC },
		  "had fired 300ms before, and its step still ran: migrate to=roomiest" },
		{ { .standing = STANDING_WAITING, .usec = 2 * USEC_PER_SEC, .ladder = 1 },
		  "had fired 2s before, and what it did was not enough; next: kill policy" },
		{ { .standing = STANDING_WAITING, .usec = 2 * USEC_PER_SEC, .ladder = 2 },
		  "had fired 2s before, and what it did was not enough; next: nothing is left" },
		{ { .standing = STANDING_DRY_RUN,
		    .usec = 1200 * USEC_PER_MSEC,
		    .mode_from = "Mode= of the agent" },
		  "had fired 1.2s before, but as a dry run (Mode= of the agent): migrate "
		  "to=roomiest" },
		{ { .standing = STANDING_EXHAUSTED, .usec = USEC_PER_SEC },
		  "had fired 1s before, and every step was used up" },
		{ { .standing = STANDING_REFUSED,
		    .usec = USEC_PER_SEC,
		    .ladder = 1,
		    .refusal = REFUSE_BUDGET },
		  NULL },
		{ { .standing = STANDING_COOLING, .usec = 20 * USEC_PER_SEC },
		  "was cooling down, for 20s more" },
		{ { .standing = STANDING_PENDING, .usec = 100 * USEC_PER_MSEC },
		  "was about to fire: true for 100ms of 500ms" },
		{ { .standing = STANDING_BRIEF, .usec = 2 * USEC_PER_SEC },
		  "did not fire: its condition was true 2s before, but not for 500ms" },
		{ { .standing = STANDING_UNKNOWN, .nearest = { .metric = METRIC_NONE } },
		  "did not fire: nothing was read yet" },
		{ { .standing = STANDING_UNKNOWN,
		    .nearest = { .metric = METRIC_NODE_CONFINED, .comparison = ">" } },
		  "did not fire: node.confined was not known" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct verdict_rule r = cases[i].rule;
		char want[512];

		r.subject = node;
		if (cases[i].want)
			snprintf(want, sizeof(want), "node-exhausted on node 0 %s", cases[i].want);
		else
			snprintf(want, sizeof(want),
				 "node-exhausted on node 0 had fired 1s before, but of 'kill "
				 "policy' nothing came: %s",
				 refusal_text(r.refusal));
		check_rule(r, want);
	}
}

TEST(whom_a_refusal_is_about)
{
	struct verdict_rule r = { .standing = STANDING_REFUSED,
				  .subject = { SCOPE_NODE, 1 },
				  .usec = USEC_PER_SEC,
				  .refusal = REFUSE_CONFINED,
				  .service = 9 };
	char want[512];

	snprintf(want, sizeof(want),
		 "node-exhausted on node 1 had fired 1s before, but of 'migrate to=roomiest' "
		 "nothing "
		 "came: beta is passed over, %s",
		 refusal_text(REFUSE_CONFINED));
	check_rule(r, want);
}

static struct verdict_rule missed(const char *held, int64_t value, int64_t threshold)
{
	int64_t away = value - threshold;

	return (struct verdict_rule){
		.standing = STANDING_MISSED,
		.subject = { SCOPE_NODE, 0 },
		.usec = 30 * USEC_PER_MSEC,
		.nearest = { .metric = METRIC_NODE_HEADROOM,
			     .comparison = held,
			     .value = { value, READING_KNOWN },
			     .threshold = { threshold, READING_KNOWN } },
		.dimension = DIM_BYTES,
		.missed_by = away < 0 ? -away : away,
	};
}

TEST(by_how_much_it_missed)
{
	static const struct {
		const char *held, *fires;
		int64_t value, threshold;
	} cases[] = {
		{ ">=", "fires below", 61, 56 }, { ">", "fires up to", 61, 56 },
		{ "<=", "fires above", 51, 56 }, { "<", "fires from", 51, 56 },
		{ "!=", "fires at", 61, 56 },	 { "==", "fires at anything but", 61, 56 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char want[256];

		snprintf(want, sizeof(want),
			 "node-exhausted on node 0 did not fire: node.headroom was %d MiB, %s 56 "
			 "MiB: "
			 "missed by 5 MiB",
			 (int)cases[i].value, cases[i].fires);
		check_rule(missed(cases[i].held, cases[i].value * MIB, cases[i].threshold * MIB),
			   want);
	}
}

TEST(when_that_was_and_in_whose_words)
{
	struct verdict_rule r = missed(">=", 61 * MIB, 56 * MIB);

	r.usec = 3 * USEC_PER_SEC;
	snprintf(r.nearest.words, sizeof(r.nearest.words), "node.free + node.clean");
	check_rule(r, "node-exhausted on node 0 did not fire: node.free + node.clean was 61 MiB 3s "
		      "before, fires below 56 MiB: missed by 5 MiB");
	r = missed(">=", 0, 0);
	r.nearest.metric = METRIC_NODE_TIME_TO_EMPTY;
	r.nearest.value = READING_FOREVER;
	r.nearest.threshold = reading_of(5 * USEC_PER_SEC);
	r.dimension = DIM_DURATION;
	r.missed_by = INT64_MAX;
	check_rule(r,
		   "node-exhausted on node 0 did not fire: node.time-to-empty was infinity, fires "
		   "below 5s");
	r = missed(">=", 61 * MIB, 0);
	r.standing = STANDING_UNKNOWN;
	r.nearest.threshold = READING_NONE;
	check_rule(r,
		   "node-exhausted on node 0 did not fire: node.headroom was 61 MiB, against what "
		   "was not known");
}

/* Of services there is what was read last; without the log that is after the kill. */
TEST(a_service_s_readings_may_be_of_after_it)
{
	struct verdict_rule r = missed(">=", 61 * MIB, 56 * MIB);
	struct verdict verdict;

	r.subject = (struct subject){ SCOPE_SERVICE, 9 };
	r.nearest.metric = METRIC_SERVICE_HEADROOM;
	verdict = one(r);
	verdict.is_late = true;
	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_str(text,
		  "node-exhausted on alpha did not fire: service.headroom was 61 MiB after it, "
		  "fires below 56 MiB: missed by 5 MiB");
}

TEST(rules_one_after_the_other)
{
	struct verdict verdict = one(missed(">=", 61 * MIB, 56 * MIB));

	verdict.rules[1] = (struct verdict_rule){ .standing = STANDING_COOLING,
						  .subject = { SCOPE_NODE, 1 },
						  .usec = USEC_PER_SEC };
	verdict.rule_count = 2;
	verdict.left_out = 3;
	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_contains(text, "missed by 5 MiB; node-exhausted on node 1 was cooling down");
	check_contains(text, "; and 3 rules more");
}

TEST(what_no_rule_is_about)
{
	struct verdict verdict = { .kind = VERDICT_NO_RULE,
				   .place = VERDICT_OF_NODES,
				   .shipped = "node-exhausted" };

	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_contains(text, "no rule in force");
	check_contains(text, "node-exhausted");
	verdict.place = VERDICT_OF_CGROUP;
	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_contains(text, "no policy matches");
	verdict.kind = VERDICT_NOT_YET;
	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_contains(text, "no rule had looked");
	verdict.kind = VERDICT_CANARY;
	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_str(text, "the canary died first, as meant");
}

TEST(what_was_asked_for)
{
	struct verdict verdict = { .kind = VERDICT_ASKED, .place = VERDICT_OF_HOST };
	struct kernel_event event = { .kind = KERNEL_EVENT_OOM_KILL,
				      .pid = 12,
				      .comm = "hog",
				      .constraint = OOM_CONSTRAINT_NONE,
				      .by_hand = true };

	start();
	kill_story_kill(&event, &verdict, &out);
	check_str(text, "the kernel's OOM killer took process 12 (hog): somebody has asked for it "
			"(SysRq f)");
	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_str(text, "nothing need have been short, and no rule was to prevent it");
}

TEST(whose_the_limit_was)
{
	struct verdict verdict = { .kind = VERDICT_OWN_LIMIT,
				   .place = VERDICT_OF_CGROUP,
				   .limit_rule = 0,
				   .limit_policy = -1,
				   .limit_bytes = 2048 * MIB };

	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_str(text, "that limit, 2 GiB, was set for node-exhausted");
	verdict.limit_rule = RULE_NONE;
	verdict.limit_policy = 0;
	verdict.rules[0] = missed(">=", 61 * MIB, 56 * MIB);
	verdict.rule_count = 1;
	start();
	kill_story_verdict(&config, &snapshot, &verdict, &out);
	check_contains(text, "was set for policy web; node-exhausted on node 0 did not fire");
}
