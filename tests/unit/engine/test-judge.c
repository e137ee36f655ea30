/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel was first: whom it meant, which rules are about that, and how far each was. */

#include "test.h"

#include "world.h"

#include "engine/judge.h"
#include "engine/state.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <dirent.h>

static struct world w;
static struct verdict verdict;

static const char *const act = "Mode=enforce\nEnforceActions=\nKillBudget=2/1h\n";
static const char *const dry = "Mode=dry-run\n";

/* --- a kill, as the kernel tells it */

static struct kernel_event a_kill(enum oom_constraint constraint, const char *cgroup)
{
	struct kernel_event event = { .kind = KERNEL_EVENT_OOM_KILL,
				      .at_usec = w.now,
				      .pid = 4711,
				      .comm = "hog",
				      .constraint = constraint,
				      .cgroup_known = cgroup != NULL };

	snprintf(event.cgroup, sizeof(event.cgroup), "%s", cgroup ? cgroup : "");
	return event;
}

static struct kernel_event of_nodes(const char *list)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_MEMORY_POLICY, NULL);

	event.nodes_known = true;
	check_int(idset_parse(list, &event.nodes), 0);
	return event;
}

static struct kernel_event of_limit(const char *cgroup, const char *limit)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_MEMCG, cgroup);

	event.limit_known = true;
	event.limit_length = strlen(limit);
	return event;
}

static void judge(const struct kernel_event *event)
{
	memset(&verdict, 0x5a, sizeof(verdict));
	engine_judge(w.engine, &w.snapshot, event, w.now, &verdict);
}

static const char *rule_name(size_t i)
{
	check(i < verdict.rule_count);
	return w.config->rules[verdict.rules[i].rule].name;
}

static void ticks(size_t count, usec_t each)
{
	while (count-- > 0)
		w_tick(&w, each);
}

/* --- which rules are about it */

static const char *const each_scope =
	"[Rule host]\nOn=host\nWhen=mem.available < 1G\nDo=kill policy\n"
	"[Rule node]\nOn=node\nWhen=node.headroom < 1G\n"
	"Until=node.headroom > 2G\n"
	"Do=migrate bytes=until-clear to=roomiest\n"
	"[Rule service]\nOn=service\nWhen=service.headroom < 1M\n"
	"Do=limit up step=10%\n"
	"[Rule frag]\nOn=node\nWhen=node.unusable.order3 > 90%\n"
	"Do=compact order=3\n"
	"[Rule says]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n";

struct case_of_place {
	const char *label;
	enum oom_constraint constraint;
	const char *nodes;  /* NULL: not told */
	const char *cgroup; /* NULL: not told */
	int limit_length;   /* -1: not told */
	int order;	    /* -1: not told */
	enum verdict_place place;
	const char *rules; /* by name and key, in whichever order, sorted */
};

static int compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void check_rules(const char *label, const char *want)
{
	char names[VERDICT_RULES_MAX][32], all[256];
	struct strbuf b = STRBUF(all);

	for (size_t i = 0; i < verdict.rule_count; i++) {
		uint64_t key = verdict.rules[i].subject.key;

		snprintf(names[i], sizeof(names[i]), " %s:%" PRIu64, rule_name(i), key);
	}
	qsort(names, verdict.rule_count, sizeof(names[0]), compare_text);
	for (size_t i = 0; i < verdict.rule_count; i++)
		strbuf_add(&b, names[i]);
	if (strcmp(all, want) != 0)
		test_stop_(TEST_FAILED_, "%s: \"%s\", not \"%s\"", label, all, want);
}

TEST(rules_are_those_about_what_was_short)
{
	static const struct case_of_place cases[] = {
		{ "host", OOM_CONSTRAINT_NONE, NULL, NULL, -1, 0, VERDICT_OF_HOST, " host:0" },
		{ "blocks", OOM_CONSTRAINT_NONE, NULL, NULL, -1, 2, VERDICT_OF_HOST,
		  " frag:0 frag:1 host:0" },
		{ "policy", OOM_CONSTRAINT_MEMORY_POLICY, "1", NULL, -1, 0, VERDICT_OF_NODES,
		  " node:1" },
		{ "cpuset", OOM_CONSTRAINT_CPUSET, "0", NULL, -1, 1, VERDICT_OF_NODES,
		  " frag:0 node:0" },
		/* By the victim's own nodes, which are all. */
		{ "policy, not told which", OOM_CONSTRAINT_MEMORY_POLICY, NULL, NULL, -1, 0,
		  VERDICT_OF_NODES, " node:0 node:1" },
		/* Before 5.0 */
		{ "old, one node", OOM_CONSTRAINT_UNKNOWN, "0", NULL, -1, 0, VERDICT_OF_NODES,
		  " node:0" },
		{ "old, all nodes", OOM_CONSTRAINT_UNKNOWN, "0-2", NULL, -1, 0, VERDICT_OF_HOST,
		  " host:0" },
		{ "limit", OOM_CONSTRAINT_MEMCG, NULL, "system.slice/web1.service", 25, 0,
		  VERDICT_OF_CGROUP, " service:100" },
		{ "limit within", OOM_CONSTRAINT_MEMCG, NULL, "system.slice/web1.service/a/b", 27,
		  0, VERDICT_OF_CGROUP, " service:100" },
		{ "limit above", OOM_CONSTRAINT_MEMCG, NULL, "system.slice/web1.service", 12, 0,
		  VERDICT_OF_CGROUP, " service:100" },
		{ "limit of nobody's", OOM_CONSTRAINT_MEMCG, NULL, "user.slice/x", 12, 0,
		  VERDICT_OF_CGROUP, "" },
		{ "limit, not told of whom", OOM_CONSTRAINT_MEMCG, NULL, NULL, -1, 0,
		  VERDICT_OF_CGROUP, "" },
		{ "counted, somebody's", OOM_CONSTRAINT_UNKNOWN, NULL, "system.slice/web2.service",
		  -1, 0, VERDICT_OF_UNKNOWN, " host:0 node:0 node:1 service:101" },
		{ "counted", OOM_CONSTRAINT_UNKNOWN, NULL, NULL, -1, 0, VERDICT_OF_UNKNOWN,
		  " host:0 node:0 node:1" },
	};

	w_start(&w, act, each_scope);
	w_service(&w, "system.slice/web1.service", 0, GIB);
	w_service(&w, "system.slice/web2.service", 0, GIB);
	ticks(3, 100 * MS);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct case_of_place *c = &cases[i];
		struct kernel_event event = a_kill(c->constraint, c->cgroup);

		event.nodes_known = c->nodes != NULL;
		if (c->nodes)
			check_int(idset_parse(c->nodes, &event.nodes), 0);
		event.limit_known = c->limit_length >= 0;
		event.limit_length = (size_t)MAX_OF(c->limit_length, 0);
		event.order_known = c->order >= 0;
		event.order = (unsigned)MAX_OF(c->order, 0);
		judge(&event);
		if (verdict.place != c->place)
			test_stop_(TEST_FAILED_, "%s: place %d", c->label, verdict.place);
		check_int(verdict.kind, c->rules[0] ? VERDICT_RULES : VERDICT_NO_RULE);
		check_rules(c->label, c->rules);
	}
	w_stop(&w);
}

TEST(without_a_rule_the_shipped_one_is_named)
{
	static const struct {
		enum oom_constraint constraint;
		unsigned order;
		const char *rule;
	} cases[] = {
		{ OOM_CONSTRAINT_NONE, 0, "host-exhausted" },
		{ OOM_CONSTRAINT_NONE, 2, "node-fragmented" },
		{ OOM_CONSTRAINT_MEMORY_POLICY, 0, "node-exhausted" },
		{ OOM_CONSTRAINT_MEMCG, 0, "service-exhausted" },
		{ OOM_CONSTRAINT_UNKNOWN, 0, "host-exhausted" },
	};

	/* A rule that only says, and one that only says who is to die. */
	w_start(&w, act,
		"[Rule says]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n"
		"[Rule scores]\nOn=node\nWhen=node.headroom < 1G\nDo=oom-score candidates "
		"adjust=500\n");
	ticks(3, 100 * MS);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kernel_event event = a_kill(cases[i].constraint, "system.slice/x.service");

		event.order_known = true;
		event.order = cases[i].order;
		judge(&event);
		check_int(verdict.kind, VERDICT_NO_RULE);
		check_str(verdict.shipped, cases[i].rule);
		check_str(verdict_name(&verdict), "no-rule");
	}
	w_stop(&w);
}

static bool is_in(const char *directory, const char *file, const char *rule)
{
	char path[1024], line[256], want[64];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	snprintf(want, sizeof(want), "[Rule %s]\n", rule);
	f = fopen(path, "re");
	check(f);
	while (!found && fgets(line, sizeof(line), f))
		found = strcmp(line, want) == 0;
	fclose(f);
	return found;
}

static bool is_shipped(const char *rule)
{
	const char *source = getenv("OOMWARDEN_SOURCE");
	const struct dirent *entry;
	char directory[512];
	bool found = false;
	DIR *d;

	if (!source)
		test_skip("OOMWARDEN_SOURCE says where the shipped rules are");
	snprintf(directory, sizeof(directory), "%s/rules.d", source);
	d = opendir(directory);
	check(d);
	while (!found && (entry = readdir(d)))
		found = strstr(entry->d_name, ".ini") && is_in(directory, entry->d_name, rule);
	closedir(d);
	return found;
}

TEST(what_is_named_is_shipped)
{
	static const enum oom_constraint constraints[] = { OOM_CONSTRAINT_UNKNOWN,
							   OOM_CONSTRAINT_NONE,
							   OOM_CONSTRAINT_CPUSET,
							   OOM_CONSTRAINT_MEMCG };

	w_start(&w, act, "[Rule says]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n");
	ticks(2, 100 * MS);
	for (size_t i = 0; i < ARRAY_SIZE(constraints); i++)
		for (unsigned order = 0; order < 3; order++) {
			struct kernel_event event = a_kill(constraints[i], NULL);

			event.order_known = true;
			event.order = order;
			judge(&event);
			if (!is_shipped(verdict.shipped))
				test_stop_(TEST_FAILED_, "no shipped rule %s", verdict.shipped);
		}
	w_stop(&w);
}

TEST(before_the_first_tick_nothing_is_held_against_rules)
{
	struct kernel_event event;

	w_start(&w, act, each_scope);
	event = of_nodes("0");
	judge(&event);
	check_int(verdict.kind, VERDICT_NOT_YET);
	w_stop(&w);
}

/* --- how far */

static const char *const on_node = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				   "When=node.confined > 0\nUntil=node.headroom > 2G\nFor=500ms\n"
				   "Cooldown=30s\nDo=migrate bytes=until-clear to=roomiest\n"
				   "Do=notify\nStepWait=2s\n";

TEST(a_rule_that_did_not_fire_says_what_it_missed_by)
{
	struct kernel_event event;

	w_start(&w, act, on_node);
	w_headroom(&w, 0, 3 * GIB);
	ticks(3, 100 * MS);
	w_headroom(&w, 0, GIB + 61 * MIB);
	w_tick(&w, 100 * MS);
	/* The victim's memory is back by now. */
	w_headroom(&w, 0, 6 * GIB);
	w.now += 40 * MS;
	event = of_nodes("0");
	judge(&event);
	check_int(verdict.kind, VERDICT_RULES);
	check_int(verdict.rule_count, 1);
	check_str(verdict_name(&verdict), "missed");
	check_int(verdict.rules[0].nearest.metric, METRIC_NODE_HEADROOM);
	check_int(verdict.rules[0].nearest.value.value, GIB + 61 * MIB);
	check_int(verdict.rules[0].nearest.threshold.value, GIB);
	check_str(verdict.rules[0].nearest.comparison, ">=");
	check_int(verdict.rules[0].dimension, DIM_BYTES);
	check_int(verdict.rules[0].missed_by, 61 * MIB);
	check_int(verdict.rules[0].usec, 40 * MS);
	w_stop(&w);
}

/* The tick may have read, late, what the kill had left. */
TEST(the_nearest_of_the_last_seconds_counts)
{
	struct kernel_event event;

	w_start(&w, act, on_node);
	w_headroom(&w, 0, GIB + 10 * MIB);
	w_tick(&w, 100 * MS);
	w_headroom(&w, 0, 6 * GIB);
	ticks(20, 400 * MS);
	event = of_nodes("0");
	judge(&event);
	check_int(verdict.rules[0].missed_by, 10 * MIB);
	check_int(verdict.rules[0].usec, 8 * SEC);
	/* And no longer. */
	ticks(6, 400 * MS);
	judge(&event);
	check_int(verdict.rules[0].missed_by, 5 * GIB);
	w_stop(&w);
}

TEST(what_must_hold_too_is_named_where_it_is_farther)
{
	struct kernel_event event;

	w_start(&w, act, on_node);
	w_set(w.nodes[0].readings, METRIC_NODE_CONFINED, 0);
	w_headroom(&w, 0, 100 * MIB);
	ticks(3, 100 * MS);
	event = of_nodes("0");
	judge(&event);
	check_int(verdict.rules[0].standing, STANDING_MISSED);
	check_int(verdict.rules[0].nearest.metric, METRIC_NODE_CONFINED);
	check_int(verdict.rules[0].missed_by, 1);
	check_int(verdict.rules[0].dimension, DIM_COUNT);
	/* What is not known is farther than any amount. */
	w.nodes[0].readings[metric_index(METRIC_NODE_CONFINED)] = READING_NONE;
	ticks(40, 400 * MS);
	judge(&event);
	check_int(verdict.rules[0].standing, STANDING_UNKNOWN);
	check_int(verdict.rules[0].nearest.metric, METRIC_NODE_CONFINED);
	w_stop(&w);
}

/* A service is read now and then: how long ago is told. */
TEST(a_service_s_reading_has_its_age)
{
	struct kernel_event event;
	size_t web;

	w_start(&w, act,
		"[Rule s]\nOn=service\nWhen=service.headroom < 10M\nDo=limit up step=10%\n");
	web = w_service(&w, "system.slice/web1.service", 0, GIB);
	w_set(w.services[web].readings, METRIC_SERVICE_HEADROOM, 30 * MIB);
	ticks(3, 100 * MS);
	w.now += 2 * SEC;
	event = of_limit("system.slice/web1.service", "system.slice/web1.service");
	judge(&event);
	check_str(verdict_name(&verdict), "missed");
	check_int(verdict.rules[0].missed_by, 20 * MIB);
	check_int(verdict.rules[0].usec, 2 * SEC);
	check_str(verdict.service_name, "web1.service");
	w_stop(&w);
}

TEST(infinity_is_missed_by_no_amount)
{
	struct kernel_event event;

	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.time-to-empty < 5s\n"
		"Do=migrate bytes=1M to=roomiest\n");
	ticks(3, 100 * MS);
	event = of_nodes("0");
	judge(&event);
	check_int(verdict.rules[0].standing, STANDING_MISSED);
	check_int(verdict.rules[0].missed_by, INT64_MAX);
	w_stop(&w);
}

TEST(the_nearest_rule_comes_first)
{
	struct kernel_event event;

	w_start(&w, act,
		"[Rule far]\nOn=host\nWhen=mem.available < 1G\nPriority=1\nDo=kill policy\n"
		"[Rule near]\nOn=host\nWhen=mem.available < 7G\nPriority=9\nDo=kill policy\n"
		"[Rule held]\nOn=host\nWhen=mem.available < 9G\nFor=1h\nPriority=5\nDo=kill "
		"policy\n"
		"[Rule lost]\nOn=host\nWhen=psi.memory.some.avg10 > 1%\nDo=kill policy\n"
		"[Rule more]\nOn=host\nWhen=mem.available < 2G\nDo=kill policy\n");
	ticks(3, 100 * MS);
	event = a_kill(OOM_CONSTRAINT_NONE, NULL);
	judge(&event);
	check_int(verdict.rule_count, VERDICT_RULES_MAX);
	check_int(verdict.left_out, 1);
	check_str(rule_name(0), "held");
	check_int(verdict.rules[0].standing, STANDING_PENDING);
	check_int(verdict.rules[0].usec, 200 * MS);
	check_str(rule_name(1), "near");
	check_str(rule_name(2), "more");
	check_str(rule_name(3), "far");
	w_stop(&w);
}

TEST(a_condition_that_was_true_for_too_short_a_time)
{
	struct kernel_event event;

	w_start(&w, act, on_node);
	ticks(3, 100 * MS);
	w_headroom(&w, 0, 500 * MIB);
	w_available(&w, 4 * GIB);
	w_tick(&w, 100 * MS);
	w_headroom(&w, 0, 6 * GIB);
	w_available(&w, 9 * GIB);
	event = of_nodes("0");
	w.now += 50 * MS;
	event.at_usec = w.now;
	judge(&event);
	check_int(verdict.rules[0].standing, STANDING_PENDING);
	check_int(verdict.rules[0].usec, 50 * MS);
	ticks(10, 100 * MS);
	judge(&event);
	check_int(verdict.rules[0].standing, STANDING_BRIEF);
	w_stop(&w);
}

/* --- those that had fired */

static void fire_node_rule(const char *agent)
{
	w_start(&w, agent, on_node);
	w_service(&w, "machine.slice/alpha.scope", 0, 2 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	w.now += 300 * MS;
}

TEST(a_step_that_still_ran)
{
	struct kernel_event event;

	fire_node_rule(act);
	event = of_nodes("0");
	judge(&event);
	check_str(verdict_name(&verdict), "running");
	check_int(verdict.rules[0].ladder, 0);
	check_int(verdict.rules[0].usec, 300 * MS);
	w_stop(&w);
}

TEST(a_dry_run_says_whose)
{
	struct kernel_event event;

	fire_node_rule(dry);
	event = of_nodes("0");
	judge(&event);
	check_str(verdict_name(&verdict), "dry-run");
	check_int(verdict.rules[0].ladder, 0);
	check_str(verdict.rules[0].mode_from, "Mode= of the agent");
	check_int(verdict.rules[0].usec, 300 * MS);
	w_stop(&w);
}

/* The memory of who was killed is there before the kernel's log is read. */
TEST(a_kill_that_cleared_the_rule)
{
	struct kernel_event event;
	usec_t killed;

	fire_node_rule(dry);
	event = of_nodes("0");
	killed = w.now;
	w_headroom(&w, 0, 9 * GIB);
	ticks(3, 100 * MS);
	judge(&event);
	check_str(verdict_name(&verdict), "dry-run");
	check_int(verdict.rules[0].ladder, 0);
	check_str(verdict.rules[0].mode_from, "Mode= of the agent");
	check_int(verdict.rules[0].usec, 300 * MS);

	/* One that comes later finds a rule that had not fired. */
	ticks(3, 100 * MS);
	event.at_usec = killed + 550 * MS;
	judge(&event);
	check_str(verdict_name(&verdict), "brief");
	w_stop(&w);
}

/* On old kernels the log's clock may be seconds off: what was read when bounds it. */
TEST(a_kill_stamped_by_a_clock_that_is_behind)
{
	struct kernel_event event;

	fire_node_rule(dry);
	event = of_nodes("0");
	event.at_usec = w.now - 5 * SEC;
	judge(&event);
	/* By its own stamp it was before all that. */
	check_int(verdict.rules[0].usec, 0);
	event.not_before_usec = w.now - 100 * MS;
	judge(&event);
	check_str(verdict_name(&verdict), "dry-run");
	check_int(verdict.rules[0].usec, 200 * MS);
	/* And never after now, whichever clock says so. */
	event.not_before_usec = w.now + SEC;
	judge(&event);
	check_str(verdict_name(&verdict), "dry-run");
	check_int(verdict.rules[0].usec, 300 * MS);
	event.at_usec = w.now + 3 * MS;
	event.not_before_usec = 0;
	judge(&event);
	check_int(verdict.rules[0].usec, 300 * MS);
	w_stop(&w);
}

TEST(a_paused_rule_says_so)
{
	struct kernel_event event;

	w_start(&w, act, on_node);
	w.config->rules[0].paused = true;
	engine_note_paused(w.engine);
	w_service(&w, "machine.slice/alpha.scope", 0, 2 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	ticks(10, 100 * MS);
	event = of_nodes("0");
	judge(&event);
	check_str(verdict_name(&verdict), "dry-run");
	check_str(verdict.rules[0].mode_from, "oomwarden pause");
	w_stop(&w);
}

static const char *const kills_builds = "[Rule k]\nOn=host\nWhen=mem.available < 1G\nCooldown=30s\n"
					"StepWait=1s\nDo=kill policy\nDo=kill policy\nDo=notify\n";

static void end_all(enum outcome_state state)
{
	for (size_t i = 0; i < w.plan.step_count; i++)
		if (w.plan.steps[i].order == STEP_START)
			w_outcome(&w, w.plan.steps[i].id, state);
}

TEST(what_stood_against_its_steps)
{
	struct kernel_event event;

	/* Nobody is named. */
	w_start(&w, act, kills_builds);
	w_service(&w, "system.slice/web1.service", 0, GIB);
	w_available(&w, 500 * MIB);
	for (int i = 0; i < 30; i++) {
		w_tick(&w, 100 * MS);
		end_all(OUTCOME_DONE);
	}
	event = a_kill(OOM_CONSTRAINT_NONE, NULL);
	judge(&event);
	check_str(verdict_name(&verdict), "refused");
	check_int(verdict.rules[0].ladder, 1);
	check(verdict.rules[0].refusal == REFUSE_NO_CANDIDATE ||
	      verdict.rules[0].refusal == REFUSE_POLICY_KEEP);
	w_stop(&w);
}

TEST(a_spent_budget_is_named)
{
	const usec_t spent[] = { 999 * SEC, 999 * SEC };
	struct kernel_event event;

	w_start(&w, act, kills_builds);
	engine_set_kills(w.engine, spent, 2);
	w_service(&w, "system.slice/ci-1.service", 0, GIB);
	w_available(&w, 500 * MIB);
	for (int i = 0; i < 30; i++) {
		w_tick(&w, 100 * MS);
		end_all(OUTCOME_DONE);
	}
	event = a_kill(OOM_CONSTRAINT_NONE, NULL);
	judge(&event);
	check_str(verdict_name(&verdict), "refused");
	check_int(verdict.rules[0].refusal, REFUSE_BUDGET);
	check_int(verdict.rules[0].service, 0);
	w_stop(&w);
}

/* Its kill ran, and ended; then the next one is to come. */
TEST(what_was_done_was_not_enough)
{
	struct kernel_event event;

	w_start(&w, act, kills_builds);
	w_service(&w, "system.slice/ci-1.service", 0, GIB);
	w_available(&w, 500 * MIB);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	event = a_kill(OOM_CONSTRAINT_NONE, NULL);
	judge(&event);
	check_str(verdict_name(&verdict), "running");
	end_all(OUTCOME_DONE);
	w.snapshot.service_count = 0;
	w_tick(&w, 100 * MS);
	judge(&event);
	check_str(verdict_name(&verdict), "waiting");
	check_int(verdict.rules[0].ladder, 1);
	for (int i = 0; i < 50; i++) {
		w_tick(&w, 100 * MS);
		end_all(OUTCOME_DONE);
	}
	judge(&event);
	check_str(verdict_name(&verdict), "exhausted");
	/* It has cleared, and rests. */
	w_available(&w, 8 * GIB);
	ticks(5, 100 * MS);
	event = a_kill(OOM_CONSTRAINT_NONE, NULL);
	judge(&event);
	check_str(verdict_name(&verdict), "cooling");
	check(verdict.rules[0].usec > 20 * SEC && verdict.rules[0].usec <= 30 * SEC);
	w_stop(&w);
}

/* --- what the agent has part in */

TEST(the_canary_died_as_meant)
{
	static const struct {
		const char *comm, *cgroup; /* NULL: not told */
		bool is_canary;
	} cases[] = {
		{ "hog", "system.slice/oomwarden-canary-early.service", true },
		{ "hog", "web.slice/oomwarden-canary-x:node0.service", true },
		{ "hog", "oomwarden-canaries/oomwarden-canary-early.service", true },
		{ "oomwarden-canar", NULL, true },
		/* Below what is somebody's own, who may call it so. */
		{ "oomwarden-canar",
		  "user.slice/user-1000.slice/user@1000.service/app.slice/"
		  "oomwarden-canary-early.service",
		  false },
		{ "hog", "machine.slice/x.scope/system.slice/oomwarden-canary-early.service",
		  false },
		/* Anybody can be called so. */
		{ "oomwarden-canar", "system.slice/web1.service", false },
		{ "hog", "oomwarden-canary-x.slice/web1.service", false },
		{ "hog", NULL, false },
	};

	w_start(&w, act, each_scope);
	ticks(2, 100 * MS);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kernel_event event = a_kill(OOM_CONSTRAINT_NONE, cases[i].cgroup);

		snprintf(event.comm, sizeof(event.comm), "%s", cases[i].comm);
		judge(&event);
		check_int(verdict.kind == VERDICT_CANARY, cases[i].is_canary);
	}
	w_stop(&w);
}

/* Who has pressed a key is told so, not that a rule has missed it. */
TEST(nobody_has_missed_what_was_asked_for)
{
	struct kernel_event event = a_kill(OOM_CONSTRAINT_NONE, "system.slice/web1.service");

	w_start(&w, act, each_scope);
	ticks(2, 100 * MS);
	judge(&event);
	check(verdict.kind != VERDICT_ASKED);
	event.by_hand = true;
	judge(&event);
	check_int(verdict.kind, VERDICT_ASKED);
	check_int(verdict.rule_count, 0);
	check_str(verdict_name(&verdict), "asked");
	w_stop(&w);
}

/* A rule takes a service's limit down, and the kernel kills there. */
TEST(a_limit_that_a_rule_had_set)
{
	struct kernel_event event;
	int64_t set;
	size_t web;

	w_start(&w, act,
		"[Rule down]\nOn=host\nWhen=mem.available < 4G\nUntil=mem.available > 6G\n"
		"Do=limit down whom=candidates setting=MemoryMax step=10%\nStepWait=1s\n");
	web = w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w.services[web].owner = OWNER_SYSTEMD;
	static struct service_settings settings = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(settings.memory); i++)
		settings.memory[i] = READING_FOREVER;
	w.services[web].settings = &settings;
	w_available(&w, 3 * GIB);
	event = of_limit("system.slice/ci-1.service", "system.slice/ci-1.service");
	if (w_until_step(&w, 100 * MS, 5 * SEC) == USEC_INFINITY)
		test_stop_(TEST_FAILED_, "no step: %zu refusals, the first is %d",
			   w.plan.refusal_count,
			   w.plan.refusal_count ? (int)w.plan.refusals[0].why : -1);
	/* It is not in force before the kernel has it. */
	judge(&event);
	check(verdict.kind != VERDICT_OWN_LIMIT);
	struct outcome *o = w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);

	o->in_force_known = true;
	o->in_force = w.plan.steps[0].setting.wanted;
	set = o->in_force.number;
	w_tick(&w, 100 * MS);
	judge(&event);
	check_int(verdict.kind, VERDICT_OWN_LIMIT);
	check_str(w.config->rules[verdict.limit_rule].name, "down");
	check_int(verdict.limit_bytes, set);
	check(set > 0 && set < SETTING_UNLIMITED);
	check_str(verdict_name(&verdict), "own-limit");
	/* The limit was another cgroup's. */
	event = of_limit("system.slice/ci-1.service", "system.slice");
	judge(&event);
	check(verdict.kind != VERDICT_OWN_LIMIT);
	event = of_limit("system.slice/ci-1.service/sub", "system.slice/ci-1.service/sub");
	judge(&event);
	check(verdict.kind != VERDICT_OWN_LIMIT);
	w_stop(&w);
}

/* What the operator has asked for is told apart too, and rules may still have helped. */
TEST(a_limit_that_a_policy_has_set)
{
	static struct service_settings settings;
	struct kernel_event event;
	const struct step *hold;
	size_t web;

	w_start_with(&w, act,
		     "[Policy web]\nMatch=system.slice/web*.service\nKill=never\nMemoryMax=2G\n",
		     each_scope);
	for (size_t i = 0; i < ARRAY_SIZE(settings.memory); i++)
		settings.memory[i] = READING_FOREVER;
	web = w_service(&w, "system.slice/web1.service", 0, GIB);
	w.services[web].owner = OWNER_SYSTEMD;
	w.services[web].settings = &settings;
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	hold = w_find(&w, ACTION_HOLD, STEP_START);
	check(hold);
	event = of_limit("system.slice/web1.service/a", "system.slice/web1.service");
	judge(&event);
	check(verdict.kind != VERDICT_OWN_LIMIT);

	struct outcome *o = w_outcome(&w, hold->id, OUTCOME_DONE);

	o->in_force_known = true;
	o->in_force.number = 2 * GIB;
	settings.memory[SETTING_MEMORY_MAX] = reading_of(2 * GIB);
	ticks(10, 100 * MS);
	judge(&event);
	check_int(verdict.kind, VERDICT_OWN_LIMIT);
	check_int(verdict.limit_rule, RULE_NONE);
	check_int(verdict.limit_policy, w.services[web].policy);
	check_int(verdict.limit_bytes, 2 * GIB);
	check_rules("policy's limit", " service:100");
	/* Somebody else's since. */
	settings.memory[SETTING_MEMORY_MAX] = reading_of(3 * GIB);
	ticks(10, 100 * MS);
	judge(&event);
	check(verdict.kind != VERDICT_OWN_LIMIT);
	w_stop(&w);
}

/* --- frames */

TEST(frames_are_few_and_cover_ten_seconds)
{
	const usec_t steps[] = { 20 * MS, 100 * MS, SEC };

	for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
		const struct recall *recall;
		usec_t oldest;

		w_start(&w, act, on_node);
		ticks((size_t)(30 * SEC / steps[s]), steps[s]);
		recall = &w.engine->recall;
		check(recall->count <= RECALL_FRAMES);
		check_int(recall_frame(recall, 0)->at, w.now);
		check_int(recall_frame(recall, 1)->at, w.now - steps[s]);
		for (size_t i = 1; i < recall->count; i++)
			check(recall_frame(recall, i)->at < recall_frame(recall, i - 1)->at);
		oldest = recall_frame(recall, recall->count - 1)->at;
		check(w.now - oldest >= RECALL_USEC - 2 * SEC);
		w_stop(&w);
	}
}
