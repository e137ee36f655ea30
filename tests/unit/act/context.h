/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A small machine and an engine's answers, for the plan halves: four nodes of 8 GiB, services that
 * a test adds, and a context whose answers are plain fields.
 */

#include "act/action.h"

#include <string.h>

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

enum { NODES = 4, SERVICES = 40, PROCESSES = 8 };

static struct node nodes[NODES];
static uint8_t distances[NODES][NODES];
static struct service services[SERVICES];
static struct node_share shares[SERVICES][NODES];
static struct process processes[PROCESSES];
static char names[SERVICES][32];
static struct policy policies[8];
static struct policy_table table;
static struct snapshot snapshot;
static struct action_context context;
static struct plan plan;

static uint64_t busy_service, barred_service, taken_from, spare[NODES], incoming[NODES], taken;
static const struct step *own;
static uint64_t own_pending;

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
	return service == barred_service;
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

static void set_reading(struct reading *readings, enum metric_id id, int64_t value)
{
	readings[metric_index(id)] = reading_of(value);
}

/* `count` nodes of 8 GiB with 4 GiB of headroom each; the rule's subject is node 0. */
static void start_machine(size_t count)
{
	memset(nodes, 0, sizeof(nodes));
	memset(services, 0, sizeof(services));
	memset(shares, 0, sizeof(shares));
	memset(processes, 0, sizeof(processes));
	memset(policies, 0, sizeof(policies));
	memset(incoming, 0, sizeof(incoming));
	busy_service = barred_service = taken_from = taken = own_pending = 0;
	own = NULL;
	snapshot = (struct snapshot){
		.now_usec = 1,
		.nodes = nodes,
		.node_count = count,
		.services = services,
		.processes = processes,
		.process_count = PROCESSES,
		.host.page_size_bytes = 4096,
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
	};
}

/* A service with `bytes` of anonymous memory on node 0 that may live anywhere. Its key is its
 * number plus 1. */
static struct service *add_service(int policy, int64_t bytes)
{
	size_t i = snapshot.service_count++;
	struct service *s = &services[i];

	snprintf(names[i], sizeof(names[i]), "s%zu", i);
	s->path = names[i];
	s->name = names[i];
	s->inode = i + 1;
	s->policy = policy;
	s->shares = shares[i];
	s->allowed = &snapshot.memory_nodes;
	s->allowed_known = true;
	shares[i][0].bytes = shares[i][0].movable_bytes = (uint64_t)bytes;
	set_reading(s->readings, METRIC_SERVICE_CURRENT, bytes);
	set_reading(s->readings, METRIC_SERVICE_ANON, bytes);
	return s;
}

static void run_plan(const struct action_call *call)
{
	plan_reset(&plan);
	actions[call->action].plan(&context, call, &plan);
}

static bool is_refused(uint64_t service, enum refusal why)
{
	for (size_t i = 0; i < plan.refusal_count; i++)
		if (plan.refusals[i].service == service && plan.refusals[i].why == why)
			return true;
	return false;
}
