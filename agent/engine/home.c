/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/home.h"

#include "act/candidate.h"
#include "util/amount.h"
#include "util/macro.h"

/* So long nothing is said of where it runs, and then its memory decides. */
#define VERDICT_USEC (5 * USEC_PER_MIN)

static const struct snapshot *snapshot_of(const struct placing *p)
{
	return p->calm.e->snapshot;
}

uint64_t home_bytes_on(const struct placing *p, unsigned node)
{
	return candidate_share(snapshot_of(p), p->calm.service, node).movable_bytes;
}

static bool is_only(const struct idset *set, unsigned node)
{
	return set && idset_has(set, node) && idset_count(set) == 1;
}

bool home_is_bound_to(const struct placing *p, unsigned node)
{
	return is_only(&p->allowed, node);
}

uint64_t home_missing_on(const struct placing *p, unsigned node)
{
	uint64_t bytes = p->total_bytes;

	/* Huge pages of a pool need no room, and are on no account of nodes. */
	if (!home_is_bound_to(p, node) && !p->calm.service->is_pooled)
		bytes = MAX_OF(bytes, p->calm.service->declared_bytes);
	return less(bytes, home_bytes_on(p, node));
}

uint64_t home_reserves(const struct engine *e, unsigned node)
{
	const struct roster *services = &e->rosters[SCOPE_SERVICE];
	const struct keeper *k = &e->keeper;
	size_t slots = MIN_OF(services->capacity, k->capacity);
	uint64_t bytes = 0;

	for (size_t slot = 0; k->places && slot < slots; slot++)
		if (services->taken[slot] && k->places[slot].has_home &&
		    k->places[slot].home == node)
			bytes = plus(bytes, k->places[slot].missing);
	return bytes;
}

bool home_fits_on(const struct placing *p, unsigned node)
{
	const struct node *home = snapshot_node(snapshot_of(p), node);
	uint64_t missing = home_missing_on(p, node), reserved;

	if (!home)
		return false;
	if (missing == 0)
		return true;
	reserved = home_reserves(p->calm.e, node);
	if (p->place->has_home && p->place->home == node)
		reserved = less(reserved, p->place->missing);
	return missing <= less(calm_room(p->calm.e, home), reserved);
}

/* Where most of it is, of these nodes; -1: it may use none of them. */
static int most_of(const struct placing *p, const struct idset *nodes)
{
	int best = -1;

	for (int i = idset_next(nodes, 0); i >= 0; i = idset_next(nodes, (unsigned)i + 1))
		if (idset_has(&p->allowed, (unsigned)i) &&
		    (best < 0 || home_bytes_on(p, (unsigned)i) > home_bytes_on(p, (unsigned)best)))
			best = i;
	return best;
}

uint64_t home_bytes_of(const struct preference *preference)
{
	return plus(preference->away_bytes, preference->home_bytes);
}

bool home_has_several(const struct placing *p)
{
	const struct service *service = p->calm.service;

	return service->preference_count > 1 ||
	       (service->preference_count == 1 &&
		home_bytes_of(&service->preferences[0]) < p->total_bytes / 2);
}

/* The home that it has, as long as there is room, or nowhere else. */
static int find_room(const struct placing *p)
{
	const struct snapshot *s = snapshot_of(p);
	struct idset nodes = { { 0 } };
	bool is_home = p->place->has_home && idset_has(&p->allowed, p->place->home);

	if (is_home && home_fits_on(p, p->place->home))
		return p->place->home;
	for (size_t i = 0; i < s->node_count; i++)
		if (s->nodes[i].has_cpu && home_fits_on(p, s->nodes[i].id))
			idset_add(&nodes, s->nodes[i].id);
	return is_home && idset_is_empty(&nodes) ? p->place->home : most_of(p, &nodes);
}

static bool has_waited(const struct placing *p)
{
	const struct engine *e = p->calm.e;

	return e->snapshot->single || e->now - p->place->since >= VERDICT_USEC;
}

bool home_find(const struct placing *p, int *ret_node)
{
	const struct service *service = p->calm.service;
	const struct cpu_places *cpus = service->cpus;

	if (idset_count(&p->allowed) == 1)
		*ret_node = idset_next(&p->allowed, 0);
	else if (service->preference_count == 1 &&
		 idset_has(&p->allowed, service->preferences[0].node))
		*ret_node = (int)service->preferences[0].node;
	else if (cpus && !idset_is_empty(&cpus->pinned))
		*ret_node = most_of(p, &cpus->pinned);
	else if (cpus && cpus->runs_on >= 0 && idset_has(&p->allowed, (unsigned)cpus->runs_on))
		*ret_node = cpus->runs_on;
	else if (has_waited(p))
		*ret_node = find_room(p);
	else
		return false;
	return true;
}

bool home_is_bound_by_others(const struct placing *p)
{
	const struct service *service = p->calm.service;
	const struct service_settings *settings = service->settings;

	if (service->confined_by & ~(unsigned)CONFINED_BY_CPUSET)
		return true;
	return service->confined_by &&
	       !(settings && settings->nodes && !idset_is_empty(settings->nodes));
}

bool home_is_set(const struct placing *p)
{
	const struct service_settings *settings = p->calm.service->settings;
	unsigned home = p->place->home;

	return settings && is_only(settings->nodes, home) && is_only(settings->cpu_nodes, home);
}

static bool is_free_or(const struct idset *nodes, unsigned home)
{
	return !nodes || idset_is_empty(nodes) || is_only(nodes, home);
}

bool home_is_others(const struct placing *p)
{
	const struct service *service = p->calm.service;
	const struct service_settings *settings = service->settings;
	unsigned home = p->place->home;

	if (home_is_bound_by_others(p))
		return true;
	if (settings &&
	    (!is_free_or(settings->nodes, home) || !is_free_or(settings->cpu_nodes, home)))
		return true;
	/* The files come together: what cannot be told as nodes is some CPUs of a node. */
	if (settings && settings->nodes && !settings->cpu_nodes)
		return true;
	return service->cpus && !idset_is_empty(&service->cpus->pinned) &&
	       !(settings && is_only(settings->cpu_nodes, home));
}
