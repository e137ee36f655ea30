/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lower limit for who takes too much, a higher one for who is held back while there is room.
 *
 * Down. MemoryHigh is set just below use, by a part of it at a time: what is above is reclaimed,
 * and from there on every page that the service takes costs it one of its own. That works as far as
 * there is something to reclaim. Beyond, the kernel makes its tasks sleep for up to two seconds at
 * every turn, and a service that cannot swap stands still: so it is never set below what of the use
 * cannot be reclaimed, and where next to nothing can be, not at all. Nor below what memory.min and
 * memory.low protect, of the service and of those below it, nor below 64 MiB.
 *
 * MemoryMax kills at once whoever is above it, in the write. So it stays above use by a step, and
 * nothing is limited while a limit that is met would take the host down (vm.panic_on_oom).
 * MemorySwapMax stops at the swap that is in use: what is below stays there anyway.
 *
 * Up, and only as far as the policy's MemoryMaxCeiling= says: the limit that is met, by a part of
 * it at a time, while the host, or the nodes that the service is confined to, keep an eighth, and
 * what other services' protection still promises them.
 */

#include "act/plan_halves.h"
#include "act/reclaimable.h"
#include "act/setting_step.h"
#include "act/shortlist.h"
#include "core/policy_size.h"
#include "util/amount.h"
#include "util/macro.h"

#define MIB ((uint64_t)1 << 20)

/* A service with less can hardly start, let alone end in an orderly way. */
#define LIMIT_MIN_BYTES (64 * MIB)
/* Of a limit: so near to it a service is held back by it. */
#define NEAR_PART 16
/* Of the host: what a raised limit leaves. */
#define KEEP_PART 8
/* Of the limit: less is not worth a write. */
#define RAISE_PART_MIN 100

enum { ARG_WAY, ARG_WHOM, ARG_LIMIT, ARG_STEP };
enum { WAY_DOWN, WAY_UP };

int limit_check(const struct action_call *call, struct strbuf *ret_fault)
{
	if (call->values[ARG_WAY] != WAY_UP)
		return -1;
	if (call->values[ARG_WHOM] == WHOM_CANDIDATES) {
		strbuf_add(ret_fault, "up is for the rule's own service");
		return ARG_WHOM;
	}
	if (call->values[ARG_LIMIT] == SETTING_MEMORY_SWAP_MAX) {
		strbuf_add(ret_fault, "up takes MemoryHigh and MemoryMax, as MemoryMaxCeiling= is "
				      "of these");
		return ARG_LIMIT;
	}
	return -1;
}

static uint64_t part_of(uint64_t bytes, uint64_t permille)
{
	return bytes / 1000 * permille + bytes % 1000 * permille / 1000;
}

static uint64_t as_bytes(const struct setting_value *value)
{
	return value->number == SETTING_UNLIMITED ? UINT64_MAX
						  : (uint64_t)MAX_OF(value->number, INT64_C(0));
}

static struct setting_target target_of(const struct service *service, enum setting_id id)
{
	return (struct setting_target){ .id = id, .key = service_key(service) };
}

/* What a limit is to be, and why so. */
struct lowered {
	enum setting_id id;
	uint64_t use_bytes;
	uint64_t from_bytes; /* what it has, or may have by a limit that is set already */
	uint64_t limit_bytes;
	uint64_t floor_bytes;
	struct reclaimable reclaimable;
};

static enum refusal lower_high(const struct action_call *call, uint64_t base, struct lowered *l)
{
	uint64_t step = (uint64_t)call->values[ARG_STEP];
	uint64_t can = l->reclaimable.clean_bytes + l->reclaimable.swappable_bytes;
	uint64_t wanted;

	l->from_bytes = MIN_OF(l->use_bytes, base);
	wanted = l->from_bytes - part_of(l->from_bytes, step);
	/* Most of the use lies below what is wanted, or would have to be reclaimed. */
	if (wanted < l->use_bytes && can < (l->use_bytes - wanted) / 2)
		return l->reclaimable.swappable_bytes == 0 ? REFUSE_NO_SWAP : REFUSE_FLOOR;
	l->floor_bytes = MAX_OF(l->floor_bytes, less(l->use_bytes, can));
	l->limit_bytes = MAX_OF(wanted, l->floor_bytes);
	return l->use_bytes <= l->floor_bytes ? REFUSE_FLOOR : REFUSE_COUNT_;
}

static enum refusal lower_max(const struct action_call *call, uint64_t base, struct lowered *l)
{
	uint64_t step = (uint64_t)call->values[ARG_STEP];
	uint64_t margin = MAX_OF(CANDIDATE_FLOOR_BYTES, part_of(l->use_bytes, step));

	l->floor_bytes = MAX_OF(l->floor_bytes, l->use_bytes + margin);
	l->limit_bytes = l->floor_bytes;
	if (base != UINT64_MAX)
		l->limit_bytes = MAX_OF(base - part_of(base, step), l->floor_bytes);
	return REFUSE_COUNT_;
}

static enum refusal lower_swap(const struct service *service, struct lowered *l)
{
	struct reading swap = service->readings[metric_index(METRIC_SERVICE_SWAP)];

	if (swap.state != READING_KNOWN)
		return REFUSE_UNSUPPORTED;
	l->floor_bytes = l->limit_bytes = (uint64_t)MAX_OF(swap.value, INT64_C(0));
	return REFUSE_COUNT_;
}

/* The kernel rounds limits down to pages, and people read mebibytes. */
static uint64_t rounded_up(const struct snapshot *snapshot, uint64_t bytes)
{
	uint64_t unit = bytes >= LIMIT_MIN_BYTES
				? MIB
				: MAX_OF(snapshot->host.page_size_bytes, (uint64_t)1);

	return bytes % unit ? bytes - bytes % unit + unit : bytes;
}

static enum refusal lower(const struct action_context *context, const struct action_call *call,
			  const struct service *service, struct lowered *l)
{
	const struct snapshot *snapshot = context->snapshot;
	struct reading use = service->readings[metric_index(METRIC_SERVICE_CURRENT)];
	struct setting_target on;
	struct setting_value base;
	enum refusal why;

	l->id = call->values[ARG_LIMIT] == ARG_NOT_GIVEN ? SETTING_MEMORY_HIGH
							 : (enum setting_id)call->values[ARG_LIMIT];
	on = target_of(service, l->id);
	if (!service->settings)
		return REFUSE_NOT_READ;
	if (!setting_step_was(snapshot, service, &on, &base) || use.state != READING_KNOWN ||
	    use.value < 0)
		return REFUSE_UNSUPPORTED;
	(void)setting_step_base(context, service, &on, &base);
	l->use_bytes = (uint64_t)use.value;
	l->reclaimable = reclaimable_of_service(snapshot, service);
	l->floor_bytes = MAX_OF(LIMIT_MIN_BYTES,
				reclaimable_protected(snapshot, context->policies, service));
	switch (l->id) {
	case SETTING_MEMORY_MAX:
		why = lower_max(call, as_bytes(&base), l);
		break;
	case SETTING_MEMORY_SWAP_MAX:
		why = lower_swap(service, l);
		break;
	default:
		why = lower_high(call, as_bytes(&base), l);
	}
	if (why != REFUSE_COUNT_)
		return why;
	l->limit_bytes = rounded_up(snapshot, l->limit_bytes);
	return l->limit_bytes >= as_bytes(&base) ? REFUSE_FLOOR : REFUSE_COUNT_;
}

static enum refusal weigh_lower(const struct shortlist_query *query, const struct service *service,
				uint64_t *ret_weight)
{
	struct lowered l = { 0 };

	*ret_weight = candidate_bytes(service, METRIC_SERVICE_CURRENT);
	return lower(query->context, query->call, service, &l);
}

/* Of what is reclaimed down to `limit`, what others feel: clean pages count as available already.
 */
static uint64_t felt_down_to(const struct lowered *l, uint64_t limit)
{
	return less(less(l->use_bytes, limit), l->reclaimable.clean_bytes);
}

/* What steps before this one are to take is their gain, though it may not show yet. */
static void set_gain(const struct action_context *context, const struct service *service,
		     const struct lowered *l, struct step *step)
{
	bool takes = l->id == SETTING_MEMORY_HIGH && l->limit_bytes < l->from_bytes;
	uint64_t taken = takes ? l->from_bytes - l->limit_bytes : 0;
	uint64_t felt =
		takes ? felt_down_to(l, l->limit_bytes) - felt_down_to(l, l->from_bytes) : 0;

	switch (context->subject.scope) {
	case SCOPE_HOST:
	case SCOPE_CANARY:
		step->gain_metric = METRIC_MEM_AVAILABLE;
		break;
	case SCOPE_NODE:
		step->gain_metric = METRIC_NODE_HEADROOM;
		felt = MIN_OF(felt, candidate_memory(context->snapshot, service, context->subject));
		break;
	case SCOPE_SERVICE:
	case SCOPE_COUNT_:
		felt = taken; /* verified, but nothing that its own readings would rise by */
		break;
	}
	step->expected_gain = (int64_t)felt;
	if (felt == 0)
		step->gain_metric = METRIC_NONE;
}

static void plan_down(const struct action_context *context, const struct action_call *call,
		      struct plan *plan)
{
	const struct service *service;
	struct setting_value wanted;
	struct setting_target on;
	struct lowered l = { 0 };
	struct step *step;

	if (context->snapshot->host.panic_on_oom) {
		candidate_refuse(context, plan, 0, REFUSE_PANIC);
		return;
	}
	service = shortlist_to_slow(context, call, ARG_WHOM, weigh_lower, plan);
	if (!service)
		return;
	(void)lower(context, call, service, &l);
	on = target_of(service, l.id);
	wanted = (struct setting_value){ .number = (int64_t)l.limit_bytes };
	step = setting_step_add(context, plan, ACTION_LIMIT, service, &on, &wanted);
	if (!step)
		return;
	step->setting.floor_bytes = l.floor_bytes;
	set_gain(context, service, &l, step);
}

/* Finite, and near to use or run into. */
static bool is_met(const struct service *service, enum setting_id id, enum metric_id rate)
{
	struct reading limit = service->settings->memory[id];
	struct reading hits = service->readings[metric_index(rate)];

	if (limit.state != READING_KNOWN)
		return false;
	if (hits.state == READING_KNOWN && hits.value > 0)
		return true;
	return candidate_bytes(service, METRIC_SERVICE_CURRENT) >=
	       (uint64_t)(limit.value - limit.value / NEAR_PART);
}

static bool may_rise(const struct action_context *context, const struct service *service,
		     enum setting_id id)
{
	struct reading ceiling =
		policy_ceiling(candidate_policy(context, service), id, context->snapshot, service);

	return ceiling.state == READING_KNOWN &&
	       ceiling.value > service->settings->memory[id].value;
}

/* Which limit holds it back; -1: none of its own. MemoryHigh cannot rise above MemoryMax. */
static int limit_to_raise(const struct action_context *context, const struct action_call *call,
			  const struct service *service)
{
	bool high = is_met(service, SETTING_MEMORY_HIGH, METRIC_SERVICE_EVENTS_HIGH_RATE);
	bool max = is_met(service, SETTING_MEMORY_MAX, METRIC_SERVICE_EVENTS_MAX_RATE);
	const struct reading *limits = service->settings->memory;

	if (call->values[ARG_LIMIT] != ARG_NOT_GIVEN) {
		max = max && call->values[ARG_LIMIT] == SETTING_MEMORY_MAX;
		high = high && call->values[ARG_LIMIT] == SETTING_MEMORY_HIGH;
		return high ? SETTING_MEMORY_HIGH : max ? SETTING_MEMORY_MAX : -1;
	}
	if (high && limits[SETTING_MEMORY_MAX].state == READING_KNOWN &&
	    limits[SETTING_MEMORY_HIGH].value >= limits[SETTING_MEMORY_MAX].value)
		return SETTING_MEMORY_MAX;
	if (high && (may_rise(context, service, SETTING_MEMORY_HIGH) || !max))
		return SETTING_MEMORY_HIGH;
	return max ? SETTING_MEMORY_MAX : -1;
}

static uint64_t room_in(struct reading left, struct reading whole)
{
	if (left.state != READING_KNOWN || whole.state != READING_KNOWN || left.value < 0)
		return 0;
	return less((uint64_t)left.value, (uint64_t)MAX_OF(whole.value, INT64_C(0)) / KEEP_PART);
}

/* On the nodes that it may use, where these are some of the machine's only. */
static uint64_t room_on_nodes(const struct snapshot *snapshot, const struct service *service)
{
	uint64_t room = 0;

	if (!service->allowed_known || idset_is_subset(&snapshot->memory_nodes, service->allowed))
		return UINT64_MAX;
	for (size_t i = 0; i < snapshot->node_count; i++) {
		const struct node *node = &snapshot->nodes[i];

		if (idset_has(service->allowed, node->id))
			room += room_in(node->readings[metric_index(METRIC_NODE_HEADROOM)],
					node->readings[metric_index(METRIC_NODE_TOTAL)]);
	}
	return room;
}

/* What protection promises to others and they do not have yet. */
static uint64_t promised_bytes(const struct action_context *context, const struct service *service)
{
	const struct snapshot *snapshot = context->snapshot;
	uint64_t promised = 0;

	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *other = &snapshot->services[i];

		if (other == service || candidate_holds(service, other) ||
		    candidate_holds(other, service))
			continue;
		promised += less(reclaimable_guarded(snapshot, context->policies, other),
				 candidate_bytes(other, METRIC_SERVICE_CURRENT));
	}
	return promised;
}

static uint64_t room_for(const struct action_context *context, const struct service *service)
{
	const struct reading *host = context->snapshot->host.readings;
	uint64_t room = room_in(host[metric_index(METRIC_MEM_AVAILABLE)],
				host[metric_index(METRIC_MEM_TOTAL)]);

	room = less(room, promised_bytes(context, service));
	return MIN_OF(room, room_on_nodes(context->snapshot, service));
}

struct raised {
	enum setting_id id;
	uint64_t limit_bytes;
};

/* What it is now. A claim of ours above what is in force is on its way, or not the strictest; in a
 * dry run it is what was said. */
static enum refusal base_of(const struct action_context *context, const struct service *service,
			    const struct setting_target *on, uint64_t *ret)
{
	struct setting_value claim;

	*ret = (uint64_t)service->settings->memory[on->id].value;
	if (!candidate_own_claim(context, on, &claim) || as_bytes(&claim) <= *ret)
		return REFUSE_COUNT_;
	if (context->mode == MODE_ENFORCE)
		return REFUSE_ALREADY;
	*ret = as_bytes(&claim);
	return REFUSE_COUNT_;
}

static enum refusal raise_limit(const struct action_context *context,
				const struct action_call *call, const struct service *service,
				struct raised *ret)
{
	const struct snapshot *snapshot = context->snapshot;
	uint64_t page = MAX_OF(snapshot->host.page_size_bytes, (uint64_t)1);
	struct reading ceiling;
	struct setting_target on;
	uint64_t base, by;
	enum refusal why;
	int id;

	if (!service->settings)
		return REFUSE_NOT_READ;
	id = limit_to_raise(context, call, service);
	if (id < 0)
		return REFUSE_UNLIMITED;
	ret->id = (enum setting_id)id;
	on = target_of(service, ret->id);
	why = base_of(context, service, &on, &base);
	if (why != REFUSE_COUNT_)
		return why;
	ceiling = policy_ceiling(candidate_policy(context, service), ret->id, snapshot, service);
	if (ceiling.state != READING_KNOWN || (uint64_t)ceiling.value <= base)
		return REFUSE_CEILING;
	by = MIN_OF(part_of(base, (uint64_t)call->values[ARG_STEP]),
		    (uint64_t)ceiling.value - base);
	/* The last piece below the ceiling may be small. */
	if (room_for(context, service) < MIN_OF(by, base / RAISE_PART_MIN))
		return REFUSE_HOST_FULL;
	by = MIN_OF(by, room_for(context, service));
	by -= by % page;
	ret->limit_bytes = base + by;
	return by > 0 ? REFUSE_COUNT_ : REFUSE_HOST_FULL;
}

static enum refusal weigh_raise(const struct shortlist_query *query, const struct service *service,
				uint64_t *ret_weight)
{
	struct raised raised;

	*ret_weight = candidate_bytes(service, METRIC_SERVICE_CURRENT);
	return raise_limit(query->context, query->call, service, &raised);
}

static void plan_up(const struct action_context *context, const struct action_call *call,
		    struct plan *plan)
{
	const struct shortlist_query query = {
		.context = context,
		.call = call,
		.action = ACTION_LIMIT,
		.whom = WHOM_SUBJECT,
		.harm = HARM_NONE,
		.weigh = weigh_raise,
	};
	const struct service *service;
	struct setting_value wanted;
	struct setting_target on;
	struct raised raised;

	service = shortlist_first(&query, plan);
	if (!service || raise_limit(context, call, service, &raised) != REFUSE_COUNT_)
		return;
	on = target_of(service, raised.id);
	wanted = (struct setting_value){ .number = (int64_t)raised.limit_bytes };
	(void)setting_step_add(context, plan, ACTION_LIMIT, service, &on, &wanted);
}

void limit_plan(const struct action_context *context, const struct action_call *call,
		struct plan *plan)
{
	if (context->is_regrown)
		return;
	if (call->values[ARG_WAY] == WAY_UP)
		plan_up(context, call, plan);
	else
		plan_down(context, call, plan);
}

/* What the limit takes away from: all that the service has as itself feels it, and what of it was
 * not available as others do. */
struct reading limit_level(const struct step *step, struct subject subject,
			   const struct snapshot *snapshot)
{
	const struct service *service = snapshot_service(snapshot, step->target.key);

	if (!service || step->setting.on.id != SETTING_MEMORY_HIGH)
		return READING_NONE;
	if (subject.scope == SCOPE_SERVICE)
		return service->readings[metric_index(METRIC_SERVICE_CURRENT)];
	return reading_of((int64_t)candidate_memory(snapshot, service, subject));
}
