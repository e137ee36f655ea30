/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Having the kernel reclaim ahead of need, from those that can spare it. What it takes of a service
 * is in part clean file pages and in part, with swap free, anonymous memory; how much of either is
 * taken to be by size. To a rule about what is available or about a node's headroom only the second
 * part is a gain, as clean pages count there already, so that more has to be asked for than is to
 * be gained; to one about free memory, and to the service's own limit, all of it is.
 *
 * Swap that is in memory itself (zram) gives back a half of what is put there, and takes memory
 * first. Where that is gone within a second again, or there is none left to begin with, it would
 * only be work.
 *
 * Never more than half of what could be had, and nothing of what is protected: what is in use comes
 * back at once, and slower.
 */

#include "act/candidate.h"
#include "act/outlook.h"
#include "act/plan_halves.h"
#include "act/reclaimable.h"
#include "act/shortlist.h"
#include "util/macro.h"

#define MIB	     ((uint64_t)1 << 20)
#define AT_ONCE	     8
#define PART_AT_ONCE 2
/* Of what is asked for, so much at least is a gain: else half a service is written to swap for it.
 */
#define FELT_PART_LEAST 16
/* Most memory can be compressed to a half or a third. */
#define COMPRESSED_PART 2

enum { ARG_WHOM, ARG_BYTES };

/* What can be asked for, and what of that the subject would feel. */
struct offer {
	uint64_t bytes;
	uint64_t felt_bytes;
};

/* a * b / c in mebibytes, in which no machine's product leaves 64 bits. */
static uint64_t scaled(uint64_t a, uint64_t b, uint64_t c)
{
	return c < MIB ? 0 : (a / MIB) * (b / MIB) / (c / MIB) * MIB;
}

static bool counts_clean(enum metric_id metric)
{
	return metric == METRIC_MEM_FREE || metric == METRIC_NODE_FREE ||
	       metric == METRIC_SERVICE_HEADROOM;
}

/* What the subject has more of afterwards. */
static enum metric_id gain_metric(const struct action_context *context)
{
	switch (context->subject.scope) {
	case SCOPE_HOST:
	case SCOPE_CANARY:
		return context->goal.known && context->goal.metric == METRIC_MEM_FREE
			       ? METRIC_MEM_FREE
			       : METRIC_MEM_AVAILABLE;
	case SCOPE_NODE:
		return context->goal.known && context->goal.metric == METRIC_NODE_FREE
			       ? METRIC_NODE_FREE
			       : METRIC_NODE_HEADROOM;
	case SCOPE_SERVICE:
	case SCOPE_COUNT_:
		break;
	}
	return METRIC_SERVICE_HEADROOM;
}

static uint64_t anon_of(const struct service *service)
{
	return candidate_bytes(service, METRIC_SERVICE_ANON) +
	       candidate_bytes(service, METRIC_SERVICE_SHMEM);
}

/* Of what is felt of the whole service, the part that lies on this node. */
static uint64_t on_node(const struct action_context *context, const struct service *service,
			uint64_t felt, enum metric_id metric)
{
	struct node_share share =
		candidate_share(context->snapshot, service, (unsigned)context->subject.key);

	if (metric == METRIC_NODE_FREE)
		return scaled(felt, share.bytes, candidate_bytes(service, METRIC_SERVICE_CURRENT));
	return scaled(felt, share.movable_bytes, anon_of(service));
}

static struct offer offer_of(const struct action_context *context, const struct service *service)
{
	enum metric_id metric = gain_metric(context);
	struct reclaimable can = reclaimable_of_service(context->snapshot, service);
	uint64_t whole = can.clean_bytes + can.swappable_bytes;
	uint64_t guarded = reclaimable_protected(context->snapshot, context->policies, service);
	uint64_t use = candidate_bytes(service, METRIC_SERVICE_CURRENT);
	struct offer offer = { .bytes = whole / PART_AT_ONCE };

	offer.bytes = MIN_OF(offer.bytes, use > guarded ? use - guarded : 0);
	offer.felt_bytes = counts_clean(metric) ? offer.bytes
						: scaled(offer.bytes, can.swappable_bytes, whole);
	if (context->subject.scope == SCOPE_NODE)
		offer.felt_bytes = on_node(context, service, offer.felt_bytes, metric);
	offer.felt_bytes = MIN_OF(offer.felt_bytes, offer.bytes);
	if (!counts_clean(metric) && reclaimable_swap_is_memory(context->snapshot))
		offer.felt_bytes /= COMPRESSED_PART;
	return offer;
}

/* What compresses is this same memory's. */
static bool is_in_vain(const struct action_context *context, const struct offer *offer)
{
	const struct snapshot *snapshot = context->snapshot;

	if (context->subject.scope == SCOPE_SERVICE || !reclaimable_swap_is_memory(snapshot))
		return false;
	return outlook_is_dry(snapshot, context->subject) ||
	       outlook_fall(snapshot, context->subject) > offer->felt_bytes;
}

static bool is_worth_it(const struct offer *offer)
{
	return offer->felt_bytes >= CANDIDATE_FLOOR_BYTES &&
	       offer->felt_bytes >= offer->bytes / FELT_PART_LEAST;
}

static enum refusal weigh(const struct shortlist_query *query, const struct service *service,
			  uint64_t *ret_weight)
{
	struct offer offer = offer_of(query->context, service);

	if (query->context->snapshot->host.memory_is_v1)
		return REFUSE_UNSUPPORTED;
	*ret_weight = offer.felt_bytes;
	return is_worth_it(&offer) && !is_in_vain(query->context, &offer) ? REFUSE_COUNT_
									  : REFUSE_GAIN;
}

/* Takes of the offer what brings `wanted`, which is rounded up to mebibytes. */
static void accept(struct offer *offer, uint64_t wanted)
{
	wanted = (wanted + MIB - 1) / MIB * MIB;
	if (offer->felt_bytes <= wanted)
		return;
	offer->bytes = MIN_OF(scaled(wanted, offer->bytes, offer->felt_bytes), offer->bytes);
	offer->felt_bytes = wanted;
}

static void fill_step(const struct action_context *context, const struct offer *offer,
		      struct step *step)
{
	step->relief.bytes = offer->bytes;
	step->gain_metric = gain_metric(context);
	step->expected_gain = (int64_t)offer->felt_bytes;
}

static void plan_services(const struct action_context *context, const struct action_call *call,
			  uint64_t wanted, struct plan *plan)
{
	const struct shortlist_query query = {
		.context = context,
		.call = call,
		.action = ACTION_RECLAIM,
		.whom = candidate_whom(context, call->values[ARG_WHOM]),
		.harm = HARM_NONE,
		.weigh = weigh,
	};
	struct shortlist list;

	shortlist_make(&query, plan, &list);
	for (size_t i = 0; i < MIN_OF(list.count, (size_t)AT_ONCE) && wanted > 0; i++) {
		const struct service *service = list.entries[i].service;
		struct offer offer = offer_of(context, service);
		struct step *step;

		accept(&offer, wanted);
		step = candidate_add_step(context, plan, ACTION_RECLAIM);
		if (!step)
			return;
		candidate_set_target(step, service);
		fill_step(context, &offer, step);
		wanted -= MIN_OF(wanted, offer.felt_bytes);
	}
}

static bool is_under_way(const struct action_context *context)
{
	const struct step *step;

	for (size_t i = 0; (step = candidate_running(context, ACTION_RECLAIM, i)); i++)
		if (step->relief.of_node && step->relief.node == context->subject.key)
			return true;
	return false;
}

static void plan_node(const struct action_context *context, uint64_t wanted, struct plan *plan)
{
	const struct node *node = snapshot_node(context->snapshot, (unsigned)context->subject.key);
	struct offer offer = { 0 };
	struct reclaimable can;
	enum refusal why = REFUSE_COUNT_;
	struct step *step;

	if (!node || !candidate_line_is_meant(context))
		return;
	can = reclaimable_of_node(context->snapshot, node);
	offer.bytes = (can.clean_bytes + can.swappable_bytes) / PART_AT_ONCE;
	offer.felt_bytes = counts_clean(gain_metric(context))
				   ? offer.bytes
				   : scaled(offer.bytes, can.swappable_bytes,
					    can.clean_bytes + can.swappable_bytes);
	if (!counts_clean(gain_metric(context)) && reclaimable_swap_is_memory(context->snapshot))
		offer.felt_bytes /= COMPRESSED_PART;
	if (is_under_way(context))
		why = REFUSE_BUSY;
	else if (context->is_barred(context->engine, ACTION_RECLAIM, 0))
		why = REFUSE_BARRED;
	else if (!is_worth_it(&offer) || is_in_vain(context, &offer))
		why = REFUSE_GAIN;
	if (why != REFUSE_COUNT_) {
		candidate_refuse(context, plan, 0, why);
		return;
	}
	step = candidate_add_step(context, plan, ACTION_RECLAIM);
	if (!step)
		return;
	accept(&offer, wanted);
	fill_step(context, &offer, step);
	step->relief.of_node = true;
	step->relief.node = node->id;
}

void reclaim_plan(const struct action_context *context, const struct action_call *call,
		  struct plan *plan)
{
	uint64_t wanted = candidate_wanted(context, call->values[ARG_BYTES]);

	if (context->is_regrown)
		return;
	if (wanted == 0) {
		candidate_refuse(context, plan, 0, REFUSE_BUSY);
		return;
	}
	if (context->subject.scope == SCOPE_NODE && call->values[ARG_WHOM] == WHOM_SUBJECT)
		plan_node(context, wanted, plan);
	else
		plan_services(context, call, wanted, plan);
}

static struct reading node_level(const struct step *step, struct subject subject,
				 const struct snapshot *snapshot)
{
	const struct node *node = snapshot_node(snapshot, step->relief.node);
	struct reading anon, shmem, clean = reading_of(0);

	if (!node || subject.scope != SCOPE_NODE || subject.key != node->id)
		return READING_NONE;
	anon = node->readings[metric_index(METRIC_NODE_ANON)];
	shmem = node->readings[metric_index(METRIC_NODE_SHMEM)];
	if (counts_clean(step->gain_metric))
		clean = node->readings[metric_index(METRIC_NODE_CLEAN)];
	if (anon.state != READING_KNOWN || shmem.state != READING_KNOWN ||
	    clean.state != READING_KNOWN)
		return READING_NONE;
	return reading_of(anon.value + shmem.value + clean.value);
}

struct reading reclaim_level(const struct step *step, struct subject subject,
			     const struct snapshot *snapshot)
{
	const struct service *service;
	struct node_share share;

	if (step->relief.of_node)
		return node_level(step, subject, snapshot);
	service = snapshot_service(snapshot, step->target.key);
	if (!service)
		return READING_NONE;
	switch (subject.scope) {
	case SCOPE_HOST:
	case SCOPE_CANARY:
		if (!counts_clean(step->gain_metric))
			return reading_of((int64_t)anon_of(service));
		break;
	case SCOPE_NODE:
		if (!service->shares)
			return READING_NONE;
		share = candidate_share(snapshot, service, (unsigned)subject.key);
		return reading_of((int64_t)(counts_clean(step->gain_metric) ? share.bytes
									    : share.movable_bytes));
	case SCOPE_SERVICE:
	case SCOPE_COUNT_:
		break;
	}
	return service->readings[metric_index(METRIC_SERVICE_CURRENT)];
}

static void add_whose(const struct step *step, struct strbuf *out)
{
	if (step->relief.of_node)
		strbuf_addf(out, "node %u", step->relief.node);
	else
		strbuf_add_name(out, step->target.name);
}

void reclaim_describe(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL) {
		strbuf_add(out, "stop reclaiming from ");
		add_whose(step, out);
		return;
	}
	strbuf_add(out, "reclaim ");
	strbuf_add_bytes(out, (int64_t)step->relief.bytes);
	strbuf_add(out, " of ");
	add_whose(step, out);
}

void reclaim_writes(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		return;
	if (step->relief.of_node) {
		strbuf_addf(out, "reclaim of node %u", step->relief.node);
	} else {
		strbuf_add(out, "memory.reclaim of /");
		strbuf_add_name(out, step->target.path);
	}
	strbuf_addf(out, ": %llu, in small requests", (unsigned long long)step->relief.bytes);
}
