/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/judge.h"

#include "engine/claim.h"
#include "engine/standing.h"
#include "engine/state.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

/* The kernel's log has a clock of its own, which is near ours and no more. */
#define CLOCKS_APART_USEC (10 * USEC_PER_SEC)
/* Of the program oomwarden-canary, as the kernel cuts it. */
#define CANARY_COMM "oomwarden-canar"

struct judge {
	const struct engine *e;
	struct killing killing;
	const struct service *victim; /* NULL: nobody's */
	struct verdict *verdict;
};

/* --- whom it meant */

/* Is `path` that cgroup, or above it? */
static bool is_at_or_above(const char *path, const char *cgroup)
{
	size_t length = strlen(path);

	return strncmp(path, cgroup, length) == 0 &&
	       (cgroup[length] == '\0' || cgroup[length] == '/');
}

static const struct service *find_victim(const struct judge *j)
{
	const struct service *found = NULL;

	for (size_t i = 0; j->killing.event->cgroup_known && i < j->killing.snapshot->service_count;
	     i++) {
		const struct service *service = &j->killing.snapshot->services[i];

		if (is_at_or_above(service->path, j->killing.event->cgroup) &&
		    (!found || strlen(service->path) > strlen(found->path)))
			found = service;
	}
	return found;
}

static bool is_part_of_host(const struct judge *j, const struct idset *nodes)
{
	return !idset_is_empty(nodes) &&
	       !idset_is_subset(&j->killing.snapshot->memory_nodes, nodes);
}

/* Where the kernel does not tell, what the victim itself may use is the next best. */
static void take_nodes(struct judge *j)
{
	struct verdict *v = j->verdict;

	v->nodes = j->killing.snapshot->memory_nodes;
	if (j->killing.event->nodes_known)
		idset_intersect(&v->nodes, &j->killing.event->nodes);
	else if (j->victim && j->victim->allowed_known)
		idset_intersect(&v->nodes, j->victim->allowed);
}

static enum verdict_place find_place(const struct judge *j)
{
	switch (j->killing.event->constraint) {
	case OOM_CONSTRAINT_NONE:
		return VERDICT_OF_HOST;
	case OOM_CONSTRAINT_CPUSET:
	case OOM_CONSTRAINT_MEMORY_POLICY:
		return VERDICT_OF_NODES;
	case OOM_CONSTRAINT_MEMCG:
		return VERDICT_OF_CGROUP;
	case OOM_CONSTRAINT_UNKNOWN:
		break;
	}
	if (!j->killing.event->nodes_known)
		return VERDICT_OF_UNKNOWN;
	return is_part_of_host(j, &j->killing.event->nodes) ? VERDICT_OF_NODES : VERDICT_OF_HOST;
}

static void take_victim(struct judge *j)
{
	struct strbuf name = STRBUF(j->verdict->service_name);

	j->victim = find_victim(j);
	if (!j->victim)
		return;
	j->verdict->service = service_key(j->victim);
	j->verdict->is_guest = j->victim->guest != GUEST_NONE;
	strbuf_add(&name, j->victim->name);
}

/* --- what the agent itself has part in */

static bool is_canary(const struct judge *j)
{
	const struct policy_table *policies = &j->e->config->policies;

	if (j->victim && j->victim->policy >= 0 && (size_t)j->victim->policy < policies->count &&
	    policies->policies[j->victim->policy].canary > 0)
		return true;
	if (!j->killing.event->cgroup_known)
		return strcmp(j->killing.event->comm, CANARY_COMM) == 0;
	return canary_is_path(j->killing.event->cgroup);
}

/* Is its own limit the one that was met, as far as is known? */
static bool met_own_limit(const struct judge *j)
{
	return j->victim && j->verdict->place == VERDICT_OF_CGROUP &&
	       (!j->killing.event->limit_known ||
		strlen(j->victim->path) == j->killing.event->limit_length);
}

static bool take_rules_limit(struct judge *j, uint64_t key)
{
	const struct engine *e = j->e;

	for (size_t i = 0; i < e->claim_end; i++) {
		const struct claim *claim = &e->claims[i];

		if (!claim_is_live(claim) || !claim->had || claim->service != key ||
		    claim->on.id != SETTING_MEMORY_MAX)
			continue;
		j->verdict->limit_rule = claim->rule;
		j->verdict->limit_bytes = claim->confirmed.number;
		return true;
	}
	return false;
}

static bool is_in_force(const struct held *held)
{
	return held->state == HELD_TAKEN || held->state == HELD_IN_FORCE;
}

static bool take_policys_limit(struct judge *j, uint64_t key)
{
	const struct engine *e = j->e;
	const struct roster *roster = &e->rosters[SCOPE_SERVICE];
	int policy = j->victim->policy;

	if (policy < 0 || (size_t)policy >= e->config->policies.count || e->keeper.width == 0)
		return false;
	for (size_t slot = 0; slot < roster->capacity; slot++) {
		const struct policy *p = &e->config->policies.policies[policy];

		if (!roster->taken[slot] || roster->keys[slot] != key || slot >= e->keeper.capacity)
			continue;
		for (size_t i = 0; i < p->setting_count; i++) {
			const struct held *held = &e->keeper.held[slot * e->keeper.width + i];

			if (p->settings[i].id != SETTING_MEMORY_MAX || !is_in_force(held))
				continue;
			j->verdict->limit_rule = RULE_NONE;
			j->verdict->limit_policy = policy;
			j->verdict->limit_bytes = held->wanted;
			return true;
		}
	}
	return false;
}

static bool is_own_limit(struct judge *j)
{
	uint64_t key = j->verdict->service;

	return met_own_limit(j) && (take_rules_limit(j, key) || take_policys_limit(j, key));
}

/* --- which rules could have helped */

static bool compacts(const struct rule *rule)
{
	for (size_t i = 0; i < rule->ladder_count; i++)
		if (rule->ladder[i].action == ACTION_COMPACT)
			return true;
	return false;
}

/* The victim's own, and those between it and the cgroup at its limit. */
static bool is_service_meant(const struct judge *j, uint64_t key)
{
	const struct service *service;

	if (key == j->verdict->service)
		return j->victim != NULL;
	if (j->verdict->place != VERDICT_OF_CGROUP || !j->killing.event->cgroup_known)
		return false;
	service = snapshot_service(j->killing.snapshot, key);
	return service && is_at_or_above(service->path, j->killing.event->cgroup) &&
	       j->killing.event->limit_known &&
	       strlen(service->path) >= j->killing.event->limit_length;
}

static bool is_meant(const struct judge *j, const struct rule *rule, struct subject subject)
{
	enum verdict_place place = j->verdict->place;
	bool is_of_order = j->killing.event->order_known && j->killing.event->order > 0;

	switch (subject.scope) {
	case SCOPE_HOST:
		return place == VERDICT_OF_HOST || place == VERDICT_OF_UNKNOWN;
	case SCOPE_NODE:
		/* A host may be out of large blocks and not of memory. */
		if (place == VERDICT_OF_HOST)
			return is_of_order && compacts(rule);
		return place == VERDICT_OF_UNKNOWN ||
		       (place == VERDICT_OF_NODES &&
			idset_has(&j->verdict->nodes, (unsigned)subject.key));
	case SCOPE_SERVICE:
		return (place == VERDICT_OF_CGROUP || place == VERDICT_OF_UNKNOWN) &&
		       is_service_meant(j, subject.key);
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		break;
	}
	return false;
}

static bool is_nearer(const struct verdict_rule *a, const struct verdict_rule *b)
{
	if (a->standing != b->standing)
		return a->standing < b->standing;
	return a->missed_permyriad < b->missed_permyriad;
}

/* In order; equals in that of conflicts. */
static void insert(struct verdict *v, const struct verdict_rule *r)
{
	size_t at = v->rule_count;

	while (at > 0 && is_nearer(r, &v->rules[at - 1]))
		at--;
	if (v->rule_count == VERDICT_RULES_MAX)
		v->left_out++;
	else
		v->rule_count++;
	if (at == VERDICT_RULES_MAX)
		return;
	memmove(&v->rules[at + 1], &v->rules[at], (v->rule_count - 1 - at) * sizeof(v->rules[0]));
	v->rules[at] = *r;
}

static void judge_rules(struct judge *j)
{
	const struct engine *e = j->e;

	for (size_t i = 0; i < e->live_count; i++) {
		const struct instance *instance = &e->instances[e->live[i]];
		const struct rule *rule = rule_of(e, instance);
		struct verdict_rule r;

		if (!is_meant(j, rule, subject_of(e, instance)) ||
		    !standing_is_helpful(&j->killing, rule))
			continue;
		r = standing_of(e, instance, &j->killing);
		insert(j->verdict, &r);
	}
}

/* Of those that are shipped, which is about it. */
static const char *shipped_for(const struct judge *j)
{
	switch (j->verdict->place) {
	case VERDICT_OF_NODES:
		return "node-exhausted";
	case VERDICT_OF_CGROUP:
		return "service-exhausted";
	case VERDICT_OF_HOST:
	case VERDICT_OF_UNKNOWN:
		break;
	}
	return j->killing.event->order_known && j->killing.event->order > 0 ? "node-fragmented"
									    : "host-exhausted";
}

/* Where their clocks have drifted apart, which on old kernels is seconds, what was read when helps.
 */
static usec_t time_of(const struct kernel_event *event, usec_t now)
{
	if (event->at_usec > now || now - event->at_usec > CLOCKS_APART_USEC)
		return now;
	return MAX_OF(event->at_usec, MIN_OF(event->not_before_usec, now));
}

void engine_judge(const struct engine *e, const struct snapshot *snapshot,
		  const struct kernel_event *event, usec_t now, struct verdict *ret)
{
	struct judge j = { .e = e,
			   .killing = { .snapshot = snapshot,
					.event = event,
					.now = now,
					.at = time_of(event, now) },
			   .verdict = ret };

	*ret = (struct verdict){ .limit_rule = RULE_NONE, .limit_policy = -1 };
	take_victim(&j);
	ret->place = find_place(&j);
	ret->is_late = event->counted > 0;
	if (ret->place == VERDICT_OF_NODES)
		take_nodes(&j);
	if (is_canary(&j)) {
		ret->kind = VERDICT_CANARY;
		return;
	}
	if (event->by_hand) {
		ret->kind = VERDICT_ASKED;
		return;
	}
	if (e->live_count == 0 && e->config->rule_count > 0) {
		ret->kind = VERDICT_NOT_YET;
		return;
	}
	judge_rules(&j);
	if (is_own_limit(&j)) {
		ret->kind = VERDICT_OWN_LIMIT;
	} else if (ret->rule_count == 0) {
		ret->kind = VERDICT_NO_RULE;
		ret->shipped = shipped_for(&j);
	}
}
