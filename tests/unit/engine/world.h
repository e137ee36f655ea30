/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine, a configuration and an engine in one place: a test sets readings, ticks, and looks at
 * the plan. The configuration is written as files and read by config_load(), so that what is tested
 * is what an operator could write.
 *
 * Three nodes of 8 GiB, of which two exist unless a test says more. Services keep their index;
 * their key is the index plus 100.
 */

#include "engine/engine.h"
#include "util/diag.h"

#include <stdarg.h>
#include <sys/stat.h>

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define MS  USEC_PER_MSEC
#define SEC USEC_PER_SEC

enum { W_NODES = 3, W_SERVICES = 80 };

struct world {
	struct config *config;
	struct engine *engine;
	struct snapshot snapshot;
	struct node nodes[W_NODES];
	uint8_t distance[W_NODES][W_NODES];
	struct service services[W_SERVICES];
	struct node_share shares[W_SERVICES][W_NODES];
	char names[W_SERVICES][48];
	struct plan plan;
	struct outcome outcomes[64];
	size_t outcome_count;
	usec_t now;
};

/* What an operator would begin with. */
static const char *const w_policies = "[Policy guests]\nMatch=machine.slice/*.scope\nKind=vm\n"
				      "Kill=never\nRank=900\nNodes=relieve\n"
				      "[Policy web]\nMatch=system.slice/web*.service\n"
				      "Kill=never\nNodes=relieve\n"
				      "[Policy builds]\nMatch=system.slice/ci-*.service\n"
				      "Kind=batch\nKill=first\nRank=100\n"
				      "[Policy batch]\nMatch=system.slice/batch-*.service\n"
				      "Kind=batch\nKill=normal\nRank=200\n";

static void w_write(const char *directory, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (!text) {
		mkdir(path, 0700);
		return;
	}
	f = fopen(path, "we");
	check(f);
	check(fputs(text, f) >= 0);
	check(fclose(f) == 0);
	check(chmod(path, 0600) == 0);
}

static struct config *w_config(const char *agent, const char *policies, const char *rules)
{
	static const char *const made[] = { "oomwarden.ini", "policies/test.ini", "policies",
					    "rules.d/10-test.ini", "rules.d" };
	char directory[] = "/tmp/oomwarden-test-XXXXXX";
	struct config_path path = { .count = 1 };
	struct diag_list diags = { 0 };
	struct config *config = NULL;
	char text[512];
	int r;

	check(mkdtemp(directory));
	path.directories[0] = directory;
	snprintf(text, sizeof(text), "[Agent]\nPolicy=test\n%s", agent);
	w_write(directory, "oomwarden.ini", text);
	w_write(directory, "policies", NULL);
	w_write(directory, "policies/test.ini", policies);
	w_write(directory, "rules.d", NULL);
	w_write(directory, "rules.d/10-test.ini", rules);
	r = config_load(&path, &diags, &config);
	diag_print(&diags, stderr);
	diag_done(&diags);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(text, sizeof(text), "%s/%s", directory, made[i]);
		remove(text);
	}
	remove(directory);
	check_int(r, 0);
	return config;
}

static void w_set(struct reading *readings, enum metric_id id, int64_t value)
{
	readings[metric_index(id)] = reading_of(value);
}

static void w_headroom(struct world *w, unsigned node, int64_t bytes)
{
	w_set(w->nodes[node].readings, METRIC_NODE_HEADROOM, bytes);
	w_set(w->nodes[node].readings, METRIC_NODE_FREE, bytes);
}

_unused_ static void w_node_empty_in(struct world *w, unsigned node, int64_t usec)
{
	w_set(w->nodes[node].readings, METRIC_NODE_TIME_TO_EMPTY, usec);
}

static void w_available(struct world *w, int64_t bytes)
{
	w_set(w->snapshot.host.readings, METRIC_MEM_AVAILABLE, bytes);
	w_set(w->snapshot.host.readings, METRIC_MEM_FREE, bytes);
}

static void w_stop(struct world *w)
{
	w->engine = engine_free(w->engine);
	w->config = config_free(w->config);
}

static void w_start_with(struct world *w, const char *agent, const char *policies,
			 const char *rules)
{
	w_stop(w); /* of a test that failed */
	memset(w, 0, sizeof(*w));
	w->config = w_config(agent, policies, rules);
	check_int(engine_new(w->config, &w->engine), 0);
	check_int(engine_reserve(w->engine, W_NODES, W_SERVICES), 0);
	w->now = 1000 * SEC;
	w->snapshot = (struct snapshot){
		.nodes = w->nodes,
		.node_count = 2,
		.services = w->services,
		.host.page_size_bytes = 4096,
	};
	for (unsigned i = 0; i < W_NODES; i++) {
		w->nodes[i].id = i;
		w->nodes[i].distance = w->distance[i];
		for (unsigned n = 0; n < W_NODES; n++)
			w->distance[i][n] = i == n ? 10 : 20;
		idset_add(&w->snapshot.memory_nodes, i);
		w_set(w->nodes[i].readings, METRIC_NODE_TOTAL, 8 * GIB);
		w_set(w->nodes[i].readings, METRIC_NODE_CONFINED, 1);
		w_headroom(w, i, 4 * GIB);
		w->nodes[i].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
	}
	w_set(w->snapshot.host.readings, METRIC_MEM_TOTAL, 16 * GIB);
	w_available(w, 8 * GIB);
	w->snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = READING_FOREVER;
}

_unused_ static void w_start(struct world *w, const char *agent, const char *rules)
{
	w_start_with(w, agent, w_policies, rules);
}

/* Its memory, all anonymous, on one node. */
static void w_resize(struct world *w, size_t i, unsigned node, int64_t bytes)
{
	w->shares[i][node].bytes = w->shares[i][node].movable_bytes = (uint64_t)bytes;
	w_set(w->services[i].readings, METRIC_SERVICE_CURRENT, bytes);
	w_set(w->services[i].readings, METRIC_SERVICE_ANON, bytes);
}

/* A service by its cgroup path; the policy is the one that matches. Returns its index. */
_unused_ static size_t w_service(struct world *w, const char *path, unsigned node, int64_t bytes)
{
	size_t i = w->snapshot.service_count++;
	struct service *s = &w->services[i];

	snprintf(w->names[i], sizeof(w->names[i]), "%s", path);
	s->path = w->names[i];
	s->name = strrchr(w->names[i], '/') + 1;
	s->inode = 100 + i;
	s->policy = policy_table_match(&w->config->policies, path);
	s->shares = w->shares[i];
	s->allowed = &w->snapshot.memory_nodes;
	s->allowed_known = true;
	w_resize(w, i, node, bytes);
	return i;
}

/* A step further in time. Everything is sampled in every tick. */
static const struct plan *w_tick(struct world *w, usec_t later)
{
	w->now += later;
	w->snapshot.now_usec = w->now;
	w->snapshot.sequence++;
	for (size_t i = 0; i < w->snapshot.service_count; i++)
		w->services[i].sampled_at = w->now;
	w->snapshot.blocks_at = w->snapshot.amounts_at = w->now;
	engine_tick(w->engine, &w->snapshot, w->outcomes, w->outcome_count, w->now, &w->plan);
	w->outcome_count = 0;
	return &w->plan;
}

/* Ticks of `each` until `total` has passed; stops at the first plan with a step. Returns how much
 * time that took. */
_unused_ static usec_t w_until_step(struct world *w, usec_t each, usec_t total)
{
	for (usec_t t = each; t <= total; t += each)
		if (w_tick(w, each)->step_count > 0)
			return t;
	return USEC_INFINITY;
}

/* The same, and no step may come. */
_unused_ static void w_quiet(struct world *w, usec_t each, usec_t total)
{
	check(w_until_step(w, each, total) == USEC_INFINITY);
}

_unused_ static struct outcome *w_outcome(struct world *w, uint64_t step, enum outcome_state state)
{
	struct outcome *o = &w->outcomes[w->outcome_count++];

	*o = (struct outcome){ .step = step, .state = state, .at_usec = w->now };
	return o;
}

/* The executor's word that a move has moved so much; the memory follows. */
_unused_ static void w_moved(struct world *w, const struct step *step, int64_t bytes,
			     enum outcome_state state)
{
	size_t i = (size_t)step->target.key - 100;
	struct outcome *o = w_outcome(w, step->id, state);

	o->done_bytes = (uint64_t)bytes;
	o->remaining_bytes = step->migrate.bytes - (uint64_t)bytes;
	w->shares[i][step->migrate.from_node].movable_bytes -= (uint64_t)bytes;
	w->shares[i][step->migrate.from_node].bytes -= (uint64_t)bytes;
	w->shares[i][step->migrate.to_node].movable_bytes += (uint64_t)bytes;
	w->shares[i][step->migrate.to_node].bytes += (uint64_t)bytes;
}

_unused_ static struct rule_status w_status(const struct world *w, const char *rule, uint64_t key)
{
	struct rule_status status;

	for (size_t i = 0; i < engine_instance_count(w->engine); i++) {
		engine_instance_status(w->engine, i, &status);
		if (strcmp(w->config->rules[status.rule].name, rule) == 0 &&
		    status.subject.key == key)
			return status;
	}
	test_stop_(TEST_FAILED_, "there is no instance of %s", rule);
}

_unused_ static size_t w_notes(const struct world *w, enum note_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < w->plan.note_count; i++)
		count += w->plan.notes[i].kind == kind;
	return count;
}

_unused_ static size_t w_refused(const struct world *w, enum refusal why)
{
	size_t count = 0;

	for (size_t i = 0; i < w->plan.refusal_count; i++)
		count += w->plan.refusals[i].why == why;
	return count;
}

/* The first step of the plan about this action and in this order, NULL if there is none. */
_unused_ static const struct step *w_find(const struct world *w, enum action_id action,
					  enum step_order order)
{
	for (size_t i = 0; i < w->plan.step_count; i++)
		if (w->plan.steps[i].action == action && w->plan.steps[i].order == order)
			return &w->plan.steps[i];
	return NULL;
}
