/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A small machine and an engine's answers, for the plan halves: four nodes of 8 GiB, services that
 * a test adds, and a context whose answers are plain fields.
 */

#include "act/action.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

enum { NODES = 4, SERVICES = 40, PROCESSES = 8, CLAIMS = 4, RUNNING = 4 };

static struct node nodes[NODES];
static uint8_t distances[NODES][NODES];
static struct service services[SERVICES];
static struct service_settings settings[SERVICES];
static struct node_share shares[SERVICES][NODES];
static struct process processes[PROCESSES];
static char names[SERVICES][32];
static struct policy policies[8];
static struct policy_table table;
static struct snapshot snapshot;
static struct action_context context;
static struct plan plan;

static uint64_t busy_service, barred_service, taken_from, spare[NODES], incoming[NODES], taken;
static bool barred_line; /* of an action that has no target */
static const struct step *own;
static uint64_t own_pending;

/* What this line's rule has set, and the steps that run. */
static struct {
	struct setting_target on;
	struct setting_value value;
} claims[CLAIMS];
static size_t claim_count;
static struct step under_way[RUNNING];
static size_t under_way_count;

static bool answer_busy(void *engine, uint64_t service)
{
	(void)engine;
	return service == busy_service || (own && own->target.key == service);
}

static const struct step *answer_own(void *engine, uint64_t service, uint64_t *ret_pending)
{
	(void)engine;
	if (!own || own->target.key != service)
		return NULL;
	*ret_pending = own_pending;
	return own;
}

static bool answer_barred(void *engine, enum action_id action, uint64_t service)
{
	(void)engine;
	(void)action;
	return service ? service == barred_service : barred_line;
}

static uint64_t answer_incoming(void *engine, unsigned node)
{
	(void)engine;
	return incoming[node];
}

static uint64_t answer_spare(void *engine, unsigned node)
{
	(void)engine;
	return spare[node];
}

static uint64_t answer_taken(void *engine, uint64_t service, struct subject subject)
{
	(void)engine;
	(void)subject;
	return service == taken_from ? taken : 0;
}

static bool answer_claim(void *engine, const struct setting_target *on, struct setting_value *ret)
{
	(void)engine;
	for (size_t i = 0; i < claim_count; i++)
		if (setting_target_equal(&claims[i].on, on)) {
			*ret = claims[i].value;
			return true;
		}
	return false;
}

static const struct step *answer_running(void *engine, enum action_id action, size_t i)
{
	(void)engine;
	for (size_t n = 0; n < under_way_count; n++)
		if (under_way[n].action == action && i-- == 0)
			return &under_way[n];
	return NULL;
}

static void set_reading(struct reading *readings, enum metric_id id, int64_t value)
{
	readings[metric_index(id)] = reading_of(value);
}

/* `count` nodes of 8 GiB with 4 GiB of headroom each; the rule's subject is node 0. */
static void start_machine(size_t count)
{
	memset(nodes, 0, sizeof(nodes));
	memset(services, 0, sizeof(services));
	memset(settings, 0, sizeof(settings));
	memset(shares, 0, sizeof(shares));
	memset(processes, 0, sizeof(processes));
	memset(policies, 0, sizeof(policies));
	memset(incoming, 0, sizeof(incoming));
	busy_service = barred_service = taken_from = taken = own_pending = 0;
	own = NULL;
	barred_line = false;
	claim_count = under_way_count = 0;
	snapshot = (struct snapshot){
		.now_usec = 1,
		.nodes = nodes,
		.node_count = count,
		.services = services,
		.processes = processes,
		.process_count = PROCESSES,
		.host.page_size_bytes = 4096,
		.host.has_systemd = true,
	};
	for (unsigned i = 0; i < count; i++) {
		nodes[i].id = i;
		nodes[i].distance = distances[i];
		idset_add(&snapshot.memory_nodes, i);
		set_reading(nodes[i].readings, METRIC_NODE_TOTAL, 8 * GIB);
		set_reading(nodes[i].readings, METRIC_NODE_HEADROOM, 4 * GIB);
		spare[i] = UINT64_MAX;
		for (unsigned n = 0; n < count; n++)
			distances[i][n] = i == n ? 10 : 20;
	}
	set_reading(nodes[0].readings, METRIC_NODE_HEADROOM, 100 * MIB);
	policies[0] = (struct policy){
		.kind = KIND_VM, .nodes = NODES_RELIEVE, .rank = 500, .mode = MODE_ENFORCE
	};
	policies[1] = (struct policy){ .kind = KIND_BATCH,
				       .nodes = NODES_KEEP,
				       .kill = KILL_NORMAL,
				       .rank = 500,
				       .mode = MODE_ENFORCE };
	table = (struct policy_table){ .policies = policies, .count = 8 };
	context = (struct action_context){
		.snapshot = &snapshot,
		.policies = &table,
		.subject = { SCOPE_NODE, 0 },
		.goal = { true, METRIC_NODE_HEADROOM, 800 * MIB },
		.rule = 3,
		.ladder = 1,
		.now_usec = 1,
		.mode = MODE_ENFORCE,
		.enforced = true,
		.is_busy = answer_busy,
		.own_step = answer_own,
		.is_barred = answer_barred,
		.incoming_bytes = answer_incoming,
		.spare_bytes = answer_spare,
		.taken_bytes = answer_taken,
		.own_claim = answer_claim,
		.running_step = answer_running,
	};
}

/* A service with `bytes` of anonymous memory on node 0 that may live anywhere, a unit without
 * limits. Its key is its number plus 1. */
static inline struct service *add_service(int policy, int64_t bytes)
{
	size_t i = snapshot.service_count++;
	struct service *s = &services[i];

	snprintf(names[i], sizeof(names[i]), "s%zu.service", i);
	s->path = names[i];
	s->name = names[i];
	s->inode = i + 1;
	s->policy = policy;
	s->shares = shares[i];
	s->allowed = &snapshot.memory_nodes;
	s->allowed_known = true;
	s->owner = OWNER_SYSTEMD;
	s->settings = &settings[i];
	settings[i].memory[SETTING_MEMORY_MIN] = settings[i].memory[SETTING_MEMORY_LOW] =
		reading_of(0);
	settings[i].memory[SETTING_MEMORY_HIGH] = settings[i].memory[SETTING_MEMORY_MAX] =
		settings[i].memory[SETTING_MEMORY_SWAP_MAX] = READING_FOREVER;
	shares[i][0].bytes = shares[i][0].movable_bytes = (uint64_t)bytes;
	set_reading(s->readings, METRIC_SERVICE_CURRENT, bytes);
	set_reading(s->readings, METRIC_SERVICE_ANON, bytes);
	return s;
}

static inline void run_plan(const struct action_call *call)
{
	plan_reset(&plan);
	actions[call->action].plan(&context, call, &plan);
}

static inline bool is_refused(uint64_t service, enum refusal why)
{
	for (size_t i = 0; i < plan.refusal_count; i++)
		if (plan.refusals[i].service == service && plan.refusals[i].why == why)
			return true;
	return false;
}

/* No step, and nothing is said but this. */
static inline bool is_only_refusal(uint64_t service, enum refusal why)
{
	return plan.step_count == 0 && plan.refusal_count == 1 && is_refused(service, why);
}

static inline void add_claim(struct setting_target on, int64_t number)
{
	claims[claim_count].on = on;
	claims[claim_count++].value = (struct setting_value){ .number = number };
}

/* The subject of a rule on services: the one with that key. */
static inline void set_subject(uint64_t key)
{
	context.subject = (struct subject){ SCOPE_SERVICE, key };
}

static inline const char *words_of(const struct step *step, bool writes)
{
	static char text[2048];
	struct strbuf b = STRBUF(text);

	if (writes)
		actions[step->action].writes(step, &b);
	else
		actions[step->action].describe(step, &b);
	return text;
}
