/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/numa_story.h"

#include "explain/guest_story.h"
#include "explain/obstacle_story.h"
#include "explain/place_story.h"
#include "util/amount.h"
#include "util/macro.h"

#define MIB ((uint64_t)1 << 20)

bool numa_is_guest(const struct policy *policy, const struct service *service)
{
	return service->guest != GUEST_NONE || policy->kind == KIND_VM;
}

static void place_shares(const struct snapshot *s, const struct policy *policy,
			 struct numa_place *p)
{
	const struct service *service = p->service;

	for (size_t i = 0; i < s->node_count; i++) {
		const struct node_share *share = &service->shares[i];
		uint64_t movable = MIN_OF(share->movable_bytes, share->bytes);
		enum refusal why = obstacle_refusal(s, policy, service, i);

		p->total_bytes = plus(p->total_bytes, share->bytes);
		p->file_bytes = plus(p->file_bytes, share->bytes - movable);
		if (why == REFUSE_COUNT_)
			p->movable_bytes = plus(p->movable_bytes, movable);
		else if (movable > 0)
			p->why = why;
	}
}

/* What its memory's own policies prefer, in the order of nodes. */
static bool find_home_by_policy(const struct snapshot *s, const struct guest_detail *d,
				struct numa_place *p)
{
	const struct service *service = p->service;

	(void)s;
	p->home_count = MIN_OF(service->preference_count, (size_t)PREFERENCES_MAX);
	p->homes_measured = p->home_count > 0;
	for (size_t i = 0; i < p->home_count; i++) {
		p->homes[i] = service->preferences[i];
		idset_add(&p->home, service->preferences[i].node);
	}
	/* What was declared is there before anything was measured. */
	for (size_t i = 0; p->home_count == 0 && d && i < d->backend_count; i++)
		if (d->backends[i].policy == MEMORY_POLICY_PREFERRED && d->backends[i].nodes_known)
			idset_unite(&p->home, &d->backends[i].nodes);
	if (p->home_count > 0)
		return true;
	for (int i = idset_next(&p->home, 0); i >= 0 && p->home_count < PREFERENCES_MAX;
	     i = idset_next(&p->home, (unsigned)i + 1))
		p->homes[p->home_count++].node = (unsigned)i;
	return p->home_count > 0;
}

/* What is pinned to all nodes that have CPUs is at home nowhere, and memory is at home where there
 * is some. */
static bool take_pinned(const struct snapshot *s, const struct idset *pinned, struct numa_place *p)
{
	struct idset nodes = *pinned, all = { { 0 } };

	for (size_t i = 0; i < s->node_count; i++)
		if (s->nodes[i].has_cpu)
			idset_add(&all, s->nodes[i].id);
	idset_intersect(&nodes, &s->memory_nodes);
	if (idset_is_empty(&nodes) || idset_is_subset(&all, &nodes))
		return false;
	p->home = nodes;
	return true;
}

static bool find_home_by_vcpus(const struct snapshot *s, const struct guest_detail *d,
			       struct numa_place *p)
{
	struct idset nodes = { { 0 } };

	if (p->service->cpus && take_pinned(s, &p->service->cpus->pinned, p))
		return true;
	for (size_t i = 0; d && i < d->vcpu_count; i++) {
		if (!d->vcpus[i].pinned)
			return false;
		idset_unite(&nodes, &d->vcpus[i].nodes);
	}
	return take_pinned(s, &nodes, p);
}

static bool find_home_by_use(const struct snapshot *s, const struct guest_detail *d,
			     struct numa_place *p)
{
	const struct cpu_places *cpus = p->service->cpus;

	(void)d;
	if (!cpus || cpus->runs_on < 0 || !idset_has(&s->memory_nodes, (unsigned)cpus->runs_on))
		return false;
	idset_add(&p->home, (unsigned)cpus->runs_on);
	return true;
}

static bool find_home_by_memory(const struct snapshot *s, const struct guest_detail *d,
				struct numa_place *p)
{
	(void)d;
	for (size_t i = 0; p->known && i < s->node_count; i++)
		if (p->service->shares[i].bytes > p->total_bytes / 2) {
			idset_add(&p->home, s->nodes[i].id);
			return true;
		}
	return false;
}

static void find_home(const struct snapshot *s, const struct guest_detail *d, struct numa_place *p)
{
	static const struct {
		enum numa_home by;
		bool (*find)(const struct snapshot *s, const struct guest_detail *d,
			     struct numa_place *p);
	} ways[] = {
		{ NUMA_HOME_POLICY, find_home_by_policy },
		{ NUMA_HOME_VCPUS, find_home_by_vcpus },
		{ NUMA_HOME_RUNS, find_home_by_use },
		{ NUMA_HOME_MEMORY, find_home_by_memory },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (ways[i].find(s, d, p)) {
			p->home_by = ways[i].by;
			return;
		}
}

static bool is_shared(const struct guest_detail *d)
{
	for (size_t i = 0; i < d->backend_count; i++)
		if (d->backends[i].share)
			return true;
	return d->start.shared;
}

static void take_detail(const struct guest_detail *d, struct numa_place *p)
{
	if (d->hugetlb_known)
		p->huge_bytes = d->hugetlb_bytes;
	/* What is pinned by VFIO counts as locked, and is said by then. */
	p->locked = p->service->hold != HOLD_PINNED &&
		    (d->start.memory_locked ||
		     (d->rss_bytes > 0 && d->locked_bytes >= d->rss_bytes / 2));
	p->confidential = d->start.confidential;
	p->shared = is_shared(d);
}

void numa_story_place(const struct snapshot *snapshot, const struct policy *policy,
		      const struct service *service, const struct guest_detail *detail,
		      struct numa_place *ret)
{
	*ret = (struct numa_place){ .service = service, .why = REFUSE_COUNT_ };
	ret->known = service->shares != NULL;
	if (ret->known)
		place_shares(snapshot, policy, ret);
	if (detail)
		take_detail(detail, ret);
	find_home(snapshot, detail, ret);
	ret->obstacles = obstacle_find(snapshot, service, policy, detail, ret->why);
}

static void add_refusal(const struct snapshot *s, const struct numa_place *p, struct strbuf *b)
{
	const struct service *service = p->service;

	if (p->why == REFUSE_HELD) {
		strbuf_add(b, place_hold_text(service->hold));
		return;
	}
	strbuf_add(b, refusal_text(p->why));
	if (p->why == REFUSE_CONFINED && service->confined_by && place_is_confined(s, service)) {
		strbuf_add(b, ", ");
		place_confined_by(service, b);
	}
}

void numa_story_why(const struct snapshot *snapshot, const struct numa_place *p,
		    void (*line)(void *context, const char *text), void *context)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	if (!p->known)
		line(context,
		     "where its memory is, is not known: its cgroup has no memory.numa_stat (on "
		     "cgroup v2 kernel 5.10 and later have it, where the memory controller is "
		     "enabled; on v1 kernels that are built with NUMA)");
	if (p->why != REFUSE_COUNT_) {
		add_refusal(snapshot, p, &b);
		line(context, text);
	}
	if (p->confidential)
		line(context, guest_remark_text(GUEST_IS_CONFIDENTIAL));
	if (p->huge_bytes > 0)
		line(context, "it has huge pages besides, which no account of nodes has");
	if (p->locked)
		line(context, guest_remark_text(GUEST_IS_LOCKED));
	if (p->shared)
		line(context, guest_remark_text(GUEST_IS_SHARED));
	if (p->file_bytes >= MIB)
		line(context, "file pages are not moved, but left to reclaim");
}

bool numa_is_move(const struct step *step)
{
	return step->order == STEP_START && step->action == ACTION_MIGRATE;
}

uint64_t numa_bytes_after(uint64_t bytes, const struct step *steps, size_t count, uint64_t service,
			  unsigned node)
{
	uint64_t come = 0, go = 0;

	for (size_t i = 0; i < count; i++) {
		if (!numa_is_move(&steps[i]) || steps[i].target.key != service)
			continue;
		if (steps[i].migrate.to_node == node)
			come = plus(come, steps[i].migrate.bytes);
		if (steps[i].migrate.from_node == node)
			go = plus(go, steps[i].migrate.bytes);
	}
	return less(plus(bytes, come), go);
}

int64_t numa_room_after(int64_t bytes, const struct step *steps, size_t count, unsigned node)
{
	for (size_t i = 0; i < count; i++) {
		int64_t moved;

		if (!numa_is_move(&steps[i]))
			continue;
		moved = (int64_t)MIN_OF(steps[i].migrate.bytes, (uint64_t)INT64_MAX);
		if (steps[i].migrate.from_node == node &&
		    __builtin_add_overflow(bytes, moved, &bytes))
			bytes = INT64_MAX;
		if (steps[i].migrate.to_node == node &&
		    __builtin_sub_overflow(bytes, moved, &bytes))
			bytes = INT64_MIN;
	}
	return bytes;
}
