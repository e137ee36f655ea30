/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/roll.h"

#include "engine/claim.h"
#include "engine/keeper.h"
#include "engine/ladder.h"
#include "engine/view.h"
#include "util/macro.h"

#include <string.h>

static uint64_t host_key(const void *snapshot _unused_, size_t i _unused_)
{
	return 0;
}

static uint64_t node_key(const void *snapshot, size_t i)
{
	return ((const struct snapshot *)snapshot)->nodes[i].id;
}

static uint64_t a_service_key(const void *snapshot, size_t i)
{
	return service_key(&((const struct snapshot *)snapshot)->services[i]);
}

static uint64_t canary_key(const void *snapshot, size_t i)
{
	return ((const struct snapshot *)snapshot)->canaries[i].key;
}

/* Is this rule about this service? */
static bool is_about(const struct engine *e, const struct rule *rule, const struct service *service)
{
	const struct policy_table *table = &e->config->policies;
	unsigned everyday = 1U << KIND_SERVICE | 1U << KIND_BATCH;
	enum service_kind kind;

	if (service->policy < 0 || (size_t)service->policy >= table->count)
		return false;
	if (rule->policies && !rule->policies[service->policy])
		return false;
	kind = table->policies[service->policy].kind;
	/* Without Kind=, naming a policy is naming its kind. */
	if (rule->kinds == 0 && rule->policies)
		return true;
	return (rule->kinds ? rule->kinds : everyday) & 1U << kind;
}

static bool concerns(const struct engine *e, const struct rule *rule, size_t place)
{
	const struct snapshot *s = e->snapshot;

	if (rule->on == SCOPE_SERVICE)
		return is_about(e, rule, &s->services[place]);
	if (rule->on == SCOPE_CANARY)
		return rule->canary == 0 || rule->canary == s->canaries[place].section + 1;
	return true;
}

struct arrival {
	struct engine *e;
	enum scope scope;
};

static void welcome(void *context, size_t slot)
{
	const struct arrival *arrival = context;
	struct engine *e = arrival->e;
	const struct roster *roster = &e->rosters[arrival->scope];

	if (arrival->scope == SCOPE_SERVICE)
		keeper_welcome(e, slot);
	for (size_t i = 0; i < e->config->rule_count; i++) {
		const struct rule *rule = &e->config->rules[i];

		if (rule->on != arrival->scope || !concerns(e, rule, roster->places[slot]))
			continue;
		e->instances[e->base[i] + slot] = (struct instance){
			.exists = true,
			.rule = (uint32_t)i,
			.slot = (uint32_t)slot,
			.since = e->now,
		};
	}
}

static void send_off(struct engine *e, enum scope scope, size_t slot)
{
	for (size_t i = 0; i < e->config->rule_count; i++) {
		struct instance *instance;

		if (e->config->rules[i].on != scope)
			continue;
		instance = &e->instances[e->base[i] + slot];
		if (instance->exists)
			ladder_subject_gone(e, instance);
	}
	roster_release(&e->rosters[scope], slot);
}

/* True if somebody came or went. */
static bool call_scope(struct engine *e, enum scope scope, const struct roster_source *source)
{
	struct roster *roster = &e->rosters[scope];
	struct arrival arrival = { e, scope };

	if (!roster_find_all(roster, source))
		return false;
	for (size_t slot = 0; slot < roster->capacity; slot++)
		if (roster->taken[slot] && roster->places[slot] == ROSTER_NONE)
			send_off(e, scope, slot);
	roster_admit(roster, source, welcome, &arrival);
	return true;
}

static void list_living(struct engine *e)
{
	e->live_count = 0;
	for (size_t i = 0; i < e->config->rule_count; i++) {
		size_t rule = e->rule_order[i];
		size_t spacing = e->spacing[e->config->rules[rule].on];

		for (size_t slot = 0; slot < spacing; slot++) {
			struct instance *instance = &e->instances[e->base[rule] + slot];

			if (!instance->exists)
				continue;
			instance->place = (uint32_t)e->live_count;
			e->live[e->live_count++] = (uint32_t)(e->base[rule] + slot);
		}
	}
}

static void wake(struct engine *e, size_t place)
{
	e->awake[place / AWAKE_BITS] |= UINT64_C(1) << place % AWAKE_BITS;
}

static void wake_all(struct engine *e)
{
	memset(e->awake, 0xff, AWAKE_WORDS(e->live_count) * sizeof(*e->awake));
}

static void wake_service(struct engine *e, size_t place)
{
	size_t slot = roster_slot_at(&e->rosters[SCOPE_SERVICE], place);

	if (slot == ROSTER_NONE)
		return;
	for (size_t i = 0; i < e->config->rule_count; i++) {
		const struct instance *instance = &e->instances[e->base[i] + slot];

		if (e->config->rules[i].on == SCOPE_SERVICE && instance->exists)
			wake(e, instance->place);
	}
}

void roll_wake_touched(struct engine *e)
{
	const struct snapshot *s = e->snapshot;

	/* With services that have no slot, places and slots do not match. */
	if (!s->only_touched || e->rosters[SCOPE_SERVICE].overflow > 0) {
		wake_all(e);
		return;
	}
	for (size_t i = 0; i < s->touched_count; i++)
		wake_service(e, s->touched[i]);
}

void roll_call(struct engine *e)
{
	const struct snapshot *s = e->snapshot;
	const struct roster_source host = { host_key, s, 1 };
	const struct roster_source nodes = { node_key, s, s->node_count };
	const struct roster_source services = { a_service_key, s, s->service_count };
	const struct roster_source canaries = { canary_key, s, s->canary_count };
	bool changed;

	if (s->roll != 0 && s->roll == e->roll && engine_overflow(e) == 0)
		return;
	changed = call_scope(e, SCOPE_HOST, &host);
	changed |= call_scope(e, SCOPE_NODE, &nodes);
	changed |= call_scope(e, SCOPE_SERVICE, &services);
	changed |= call_scope(e, SCOPE_CANARY, &canaries);
	if (changed) {
		claim_lose_targets(e);
		list_living(e);
		wake_all(e);
	}
	e->roll = s->roll;
}

struct instance *roll_next_awake(const struct engine *e, size_t place)
{
	size_t words = AWAKE_WORDS(e->live_count), word = place / AWAKE_BITS;
	uint64_t bits;

	if (place >= e->live_count)
		return NULL;
	bits = e->awake[word] & UINT64_MAX << place % AWAKE_BITS;
	while (bits == 0 && ++word < words)
		bits = e->awake[word];
	if (bits == 0)
		return NULL;
	place = word * AWAKE_BITS + (size_t)__builtin_ctzll(bits);
	return place < e->live_count ? &e->instances[e->live[place]] : NULL;
}

/* Whatever the host does, it is false. */
static bool is_false_alone(const struct engine *e, const struct instance *instance)
{
	struct view view = view_of(e, instance, false);

	view.alone = true;
	return view_when(&view, &e->config->rules[instance->rule]) == TRUTH_FALSE;
}

static bool may_doze(const struct engine *e, const struct instance *instance)
{
	if (e->config->rules[instance->rule].on != SCOPE_SERVICE || instance->state != RULE_IDLE ||
	    instance->in_episode || instance->holding)
		return false;
	return e->rule_reads_own[instance->rule] || is_false_alone(e, instance);
}

void roll_doze(struct engine *e)
{
	FOR_EACH_AWAKE (e, instance)
		if (may_doze(e, instance))
			e->awake[instance->place / AWAKE_BITS] &=
				~(UINT64_C(1) << instance->place % AWAKE_BITS);
}
