/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/keeper.h"

#include "engine/arming.h"
#include "engine/away.h"
#include "engine/calm.h"
#include "engine/follow.h"
#include "engine/held.h"
#include "engine/placement.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The executor promises an outcome for every step. */
#define SILENCE_USEC (120 * USEC_PER_SEC)
/* What nothing was said of is looked at all the same, now and then. */
#define ALL_USEC (60 * USEC_PER_SEC)

#define AWAKE_BITS 64

void keeper_init(struct engine *e)
{
	const struct policy_table *table = &e->config->policies;

	for (size_t i = 0; i < table->count; i++) {
		e->keeper.width = MAX_OF(e->keeper.width, table->policies[i].setting_count);
		if (policy_setting(&table->policies[i], SETTING_ALLOWED_NODES))
			e->keeper.sets_nodes = true;
		if (table->policies[i].nodes == NODES_HOME)
			e->keeper.has_homes = true;
		if (policy_setting(&table->policies[i], SETTING_MEMORY_MIN) ||
		    policy_setting(&table->policies[i], SETTING_MEMORY_LOW))
			e->keeper.protects = true;
	}
	e->keeper.due = USEC_INFINITY;
}

void keeper_done(struct engine *e)
{
	free(e->keeper.held);
	free(e->keeper.awake);
	free(e->keeper.follows);
	free(e->keeper.places);
}

static size_t word_count(size_t slots)
{
	return (slots + AWAKE_BITS - 1) / AWAKE_BITS;
}

int keeper_reserve(struct engine *e, size_t services)
{
	struct keeper *k = &e->keeper;
	_cleanup_(freep) struct held *held = NULL;
	_cleanup_(freep) uint64_t *awake = NULL;
	_cleanup_(freep) struct calm_try *follows = NULL;
	_cleanup_(freep) struct place *places = NULL;

	if (k->width == 0 || services <= k->capacity)
		return 0;
	held = calloc(services * k->width, sizeof(*held));
	awake = calloc(word_count(services), sizeof(*awake));
	follows = k->sets_nodes ? calloc(services, sizeof(*follows)) : NULL;
	places = k->has_homes ? calloc(services, sizeof(*places)) : NULL;
	if (!held || !awake || (k->sets_nodes && !follows) || (k->has_homes && !places))
		return -ENOMEM;
	if (k->held) {
		memcpy(held, k->held, k->capacity * k->width * sizeof(*held));
		memcpy(awake, k->awake, word_count(k->capacity) * sizeof(*awake));
	}
	if (k->follows)
		memcpy(follows, k->follows, k->capacity * sizeof(*follows));
	if (k->places)
		memcpy(places, k->places, k->capacity * sizeof(*places));
	free(k->held);
	free(k->awake);
	free(k->follows);
	free(k->places);
	k->places = TAKE_PTR(places);
	k->follows = TAKE_PTR(follows);
	k->held = TAKE_PTR(held);
	k->awake = TAKE_PTR(awake);
	k->capacity = services;
	return 0;
}

static void wake(struct keeper *k, size_t slot)
{
	if (slot < k->capacity)
		k->awake[slot / AWAKE_BITS] |= UINT64_C(1) << slot % AWAKE_BITS;
}

static void put_to_sleep(struct keeper *k, size_t slot)
{
	k->awake[slot / AWAKE_BITS] &= ~(UINT64_C(1) << slot % AWAKE_BITS);
}

void keeper_welcome(struct engine *e, size_t slot)
{
	struct keeper *k = &e->keeper;

	if (slot >= k->capacity)
		return;
	memset(&k->held[slot * k->width], 0, k->width * sizeof(*k->held));
	/* What ran there was about another service. */
	for (size_t i = 0; i < HOLDS_MAX; i++)
		if (k->holds[i].step != 0 && k->holds[i].slot == slot) {
			k->holds[i].step = 0;
			k->hold_count--;
		}
	follow_forget(e, slot);
	placement_forget(e, slot);
	wake(k, slot);
}

static void wake_all(struct engine *e)
{
	const struct roster *services = &e->rosters[SCOPE_SERVICE];

	for (size_t slot = 0; slot < services->capacity; slot++)
		if (services->taken[slot])
			wake(&e->keeper, slot);
	e->keeper.all_at = e->now;
}

static void wake_touched(struct engine *e)
{
	const struct roster *services = &e->rosters[SCOPE_SERVICE];
	const struct snapshot *s = e->snapshot;

	if (!s->only_touched || services->overflow > 0) {
		wake_all(e);
		return;
	}
	for (size_t i = 0; i < s->touched_count; i++)
		wake(&e->keeper, roster_slot_at(services, s->touched[i]));
}

/* Whose settings are in this slot; NULL: nobody's, or of whom too little is known. */
static const struct service *service_at(const struct engine *e, size_t slot)
{
	const struct roster *services = &e->rosters[SCOPE_SERVICE];
	const struct service *service;

	if (!services->taken[slot] || services->places[slot] == ROSTER_NONE)
		return NULL;
	service = &e->snapshot->services[services->places[slot]];
	if (service->policy < 0 || (size_t)service->policy >= e->config->policies.count ||
	    !service->settings || service->owner == OWNER_UNKNOWN)
		return NULL;
	return service;
}

static const struct policy *policy_of(const struct engine *e, const struct service *service)
{
	return &e->config->policies.policies[service->policy];
}

static struct look look_of(struct engine *e, size_t slot, const struct service *service, size_t i)
{
	const struct policy *policy = policy_of(e, service);
	const struct policy_setting *setting = &policy->settings[i];

	return (struct look){
		.e = e,
		.slot = slot,
		.index = i,
		.service = service,
		.policy = policy,
		.setting = setting,
		.held = &e->keeper.held[slot * e->keeper.width + i],
		.on = { setting->id, service_key(service), setting->device_number },
	};
}

static size_t setting_count(const struct engine *e, const struct service *service)
{
	return service ? policy_of(e, service)->setting_count : 0;
}

static void look_at(struct engine *e, size_t slot)
{
	const struct service *service = service_at(e, slot);
	bool again = false;

	put_to_sleep(&e->keeper, slot);
	if (service && policy_of(e, service)->nodes == NODES_HOME)
		again = placement_consider(e, slot, service, policy_of(e, service));
	for (size_t i = 0; i < setting_count(e, service); i++) {
		struct look look = look_of(e, slot, service, i);

		again |= held_consider(&look);
		if (look.setting->id == SETTING_ALLOWED_NODES)
			again |= follow_consider(&look);
	}
	if (again)
		wake(&e->keeper, slot);
}

bool keeper_give_back(struct engine *e, size_t slot, enum setting_id id)
{
	const struct service *service = service_at(e, slot);

	if (!service)
		return false;
	for (size_t i = 0; i < setting_count(e, service); i++) {
		struct look look = look_of(e, slot, service, i);

		if (look.on.id != id || held_dry_because(&look) ||
		    !held_resolve(&look, &look.wanted))
			continue;
		if (!held_give_back(&look))
			return false;
	}
	wake(&e->keeper, slot);
	return true;
}

void keeper_note_paused(struct engine *e)
{
	struct keeper *k = &e->keeper;
	size_t slots = MIN_OF(e->rosters[SCOPE_SERVICE].capacity, k->capacity);

	if (k->width == 0)
		return;
	for (size_t slot = 0; slot < slots; slot++) {
		const struct service *service = service_at(e, slot);

		for (size_t i = 0; i < setting_count(e, service); i++) {
			const struct look look = look_of(e, slot, service, i);

			held_note_paused(&look);
		}
	}
	wake_all(e);
}

void engine_note_read_again(struct engine *e)
{
	struct keeper *k = &e->keeper;

	for (size_t i = 0; i < k->capacity * k->width; i++)
		held_note_read_again(&k->held[i]);
	placement_note_read_again(e);
	follow_note_read_again(e);
	away_note_read_again(e);
	arming_note_read_again(e);
	for (size_t slot = 0; slot < e->rosters[SCOPE_SERVICE].capacity; slot++)
		wake(k, slot);
}

/* The first slot that is awake from this one on; SIZE_MAX: none is. */
static size_t next_awake(const struct keeper *k, size_t slot)
{
	size_t word = slot / AWAKE_BITS, words = word_count(k->capacity);
	uint64_t bits;

	if (slot >= k->capacity)
		return SIZE_MAX;
	bits = k->awake[word] & UINT64_MAX << slot % AWAKE_BITS;
	while (bits == 0 && ++word < words)
		bits = k->awake[word];
	return bits == 0 ? SIZE_MAX : word * AWAKE_BITS + (size_t)__builtin_ctzll(bits);
}

void keeper_keep(struct engine *e)
{
	struct keeper *k = &e->keeper;
	size_t from = k->cursor;

	k->due = USEC_INFINITY;
	k->left = 0;
	if (k->width == 0)
		return;
	if (e->now - k->all_at >= ALL_USEC)
		wake_all(e);
	else
		wake_touched(e);
	k->asked = 0;
	for (size_t s = next_awake(k, from); s != SIZE_MAX; s = next_awake(k, s + 1))
		look_at(e, s);
	for (size_t s = next_awake(k, 0); s < from; s = next_awake(k, s + 1))
		look_at(e, s);
}

static bool find_look(struct engine *e, const struct hold *hold, struct look *ret)
{
	const struct roster *services = &e->rosters[SCOPE_SERVICE];
	size_t place = services->places[hold->slot];
	const struct service *service;

	if (!services->taken[hold->slot] || place == ROSTER_NONE)
		return false;
	service = &e->snapshot->services[place];
	if (service->policy < 0 || (size_t)service->policy >= e->config->policies.count)
		return false;
	*ret = (struct look){
		.e = e,
		.slot = hold->slot,
		.index = hold->setting,
		.service = service,
		.policy = &e->config->policies.policies[service->policy],
		.held = &e->keeper.held[hold->slot * e->keeper.width + hold->setting],
	};
	if (hold->setting >= ret->policy->setting_count)
		return false;
	ret->setting = &ret->policy->settings[hold->setting];
	ret->on = (struct setting_target){ ret->setting->id, service_key(service),
					   ret->setting->device_number };
	if (!held_resolve(ret, &ret->wanted))
		return false;
	ret->actual_known = held_read(ret, &ret->actual);
	return true;
}

static void end_hold(struct engine *e, struct hold *hold, const struct outcome *outcome)
{
	struct look look = { .e = e };
	size_t slot = hold->slot;
	bool found = find_look(e, hold, &look);

	hold->step = 0;
	e->keeper.hold_count--;
	wake(&e->keeper, slot);
	if (!found) {
		e->keeper.held[slot * e->keeper.width + hold->setting].state = HELD_NEW;
		return;
	}
	switch (outcome->state) {
	case OUTCOME_DONE:
		held_take_done(&look, outcome);
		break;
	case OUTCOME_FAILED:
		held_take_failed(&look, outcome->error);
		break;
	case OUTCOME_CANCELLED:
	case OUTCOME_RUNNING:
		look.held->state = HELD_NEW;
		break;
	}
}

static void take_outcome(struct engine *e, struct hold *hold, const struct outcome *outcome)
{
	hold->heard = e->now;
	if (outcome->state != OUTCOME_RUNNING)
		end_hold(e, hold, outcome);
}

void keeper_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count)
{
	struct keeper *k = &e->keeper;
	const struct outcome lost = { .state = OUTCOME_FAILED, .error = ETIMEDOUT };

	for (size_t h = 0; k->hold_count > 0 && h < HOLDS_MAX; h++) {
		struct hold *hold = &k->holds[h];

		for (size_t i = 0; i < count && hold->step != 0; i++)
			if (outcomes[i].step == hold->step)
				take_outcome(e, hold, &outcomes[i]);
		if (hold->step != 0 && e->now - hold->heard >= SILENCE_USEC)
			end_hold(e, hold, &lost);
	}
	calm_take_outcomes(e, outcomes, count);
}

void keeper_settle(struct engine *e, const struct setting_target *on)
{
	const struct roster *services = &e->rosters[SCOPE_SERVICE];
	struct keeper *k = &e->keeper;

	if (k->width == 0 || setting_get(on->id)->scope != SCOPE_SERVICE)
		return;
	for (size_t slot = 0; slot < MIN_OF(services->capacity, k->capacity); slot++) {
		if (!services->taken[slot] || services->keys[slot] != on->key)
			continue;
		for (size_t i = 0; i < k->width; i++) {
			struct held *held = &k->held[slot * k->width + i];

			if (held->state != HELD_IN_FORCE)
				continue;
			held->state = HELD_TAKEN;
			held->confirmed = true;
			held->due = e->now + HELD_SETTLE_USEC;
		}
		wake(k, slot);
		return;
	}
}

bool keeper_is_at_rest(const struct engine *e)
{
	return e->keeper.hold_count == 0 && e->keeper.left == 0;
}
