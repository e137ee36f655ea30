/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whose memory is moved off a starved node, how much of it, and where to.
 *
 * Least harm first: services of lower rank before those of higher, among equals those whose virtual
 * CPUs nobody has pinned, for who pins them wants their memory near; then those that have next to
 * nothing to do and so will not miss it, then those whose new node is nearer, then the one that has
 * most to give, so that few are touched. Nobody is moved whose allowed nodes are not known, and
 * nobody out of them.
 *
 * A move must not carry the trouble along. A node takes no more than leaves it clear by the very
 * rule that fired (spare_bytes), and keeps what every destination keeps (act/move_room.h); what is
 * already on its way there is taken as spent. So a destination cannot become a source by the move,
 * and when every node is short there is no step and the ladder goes on.
 */

#include "act/candidate.h"
#include "act/movable.h"
#include "act/move_room.h"
#include "act/plan_halves.h"
#include "util/amount.h"
#include "util/macro.h"

#include <string.h>

enum { ARG_BYTES, ARG_TO };

/* A service that may be moved. */
struct mover {
	const struct service *service;
	int rank;
	uint64_t movable_bytes;
	unsigned distance;	/* of the node that it would go to as things are now */
	const struct step *own; /* it is being moved by this very line, or NULL */
};

struct planning {
	const struct action_context *context;
	uint64_t wanted_bytes;
	int64_t to; /* ARG_ROOMIEST or a node id */
	struct move_room room;
	struct mover movers[PLAN_STEPS_MAX];
	size_t mover_count;
};

/* What the rule and what is under way leave of a node's room. */
static uint64_t room_left(const struct planning *p, const struct node *node, uint64_t room)
{
	const struct action_context *context = p->context;

	if (room == 0 || (p->to != ARG_ROOMIEST && p->to != (int64_t)node->id))
		return 0;
	room = MIN_OF(room, context->spare_bytes(context->engine, node->id));
	return less(room, context->incoming_bytes(context->engine, node->id));
}

/* Why a service that policy lets go is passed over, or REFUSE_COUNT_ when it is not. */
static enum refusal object_to(const struct planning *p, const struct service *service,
			      uint64_t movable)
{
	const struct action_context *context = p->context;
	uint64_t key = service_key(service);
	enum refusal why;

	if (movable < CANDIDATE_FLOOR_BYTES)
		return REFUSE_NOTHING_THERE;
	why = movable_objection(context->snapshot, service, p->room.from_index);
	if (why == REFUSE_COUNT_ && context->is_barred(context->engine, ACTION_MIGRATE, key))
		return context->is_unmovable && context->is_unmovable(context->engine, key)
			       ? REFUSE_UNMOVABLE
			       : REFUSE_BARRED;
	if (why == REFUSE_COUNT_ && context->has_arrived &&
	    context->has_arrived(context->engine, key, p->room.from->id))
		return REFUSE_ARRIVED;
	return why;
}

static enum refusal no_room(const struct planning *p, const struct service *service)
{
	return move_room_is_agent_bound(&p->room, service->allowed) ? REFUSE_AGENT_BOUND
								    : REFUSE_NO_ROOM;
}

/*
 * Is this service one whose memory on the starved node counts at all? What is said of it otherwise
 * is said here: a service that policy keeps is everyday, and named only where it would have made a
 * difference; one with next to nothing there is not named at all.
 */
static bool is_considered(const struct planning *p, const struct service *service,
			  const struct node_share *share, struct plan *plan)
{
	const struct action_context *context = p->context;
	const struct policy *policy = candidate_policy(context, service);

	if (!policy || !candidate_is_meant(context, service))
		return false;
	if (!movable_by_policy(policy)) {
		if (share->movable_bytes >= MAX_OF(CANDIDATE_FLOOR_BYTES, p->wanted_bytes / 8))
			candidate_refuse(context, plan, service_key(service), REFUSE_POLICY_KEEP);
		return false;
	}
	if (!service->shares) {
		candidate_refuse(context, plan, service_key(service), REFUSE_UNKNOWN_NODES);
		return false;
	}
	return share->bytes >= CANDIDATE_FLOOR_BYTES;
}

/* False: not a mover, and what there is to say is said. */
static bool assess(const struct planning *p, const struct service *service, struct plan *plan,
		   struct mover *ret)
{
	const struct action_context *context = p->context;
	struct node_share share = candidate_share(context->snapshot, service, p->room.from->id);
	uint64_t key = service_key(service), pending = 0;
	struct mover mover = { .service = service };
	enum refusal why;
	int to;

	if (!is_considered(p, service, &share, plan))
		return false;
	why = object_to(p, service, share.movable_bytes);
	if (why == REFUSE_COUNT_ && context->is_busy(context->engine, key)) {
		mover.own = context->own_step(context->engine, key, &pending);
		if (!mover.own)
			why = REFUSE_BUSY;
	}
	if (why != REFUSE_COUNT_) {
		candidate_refuse(context, plan, key, why);
		return false;
	}
	pending = MAX_OF(pending, context->taken_bytes(context->engine, key, context->subject));
	mover.movable_bytes = less(share.movable_bytes, pending);
	if (mover.movable_bytes < CANDIDATE_FLOOR_BYTES)
		return false; /* all of it is on its way */
	to = move_room_choose(&p->room, service->allowed,
			      MIN_OF(mover.movable_bytes, p->wanted_bytes));
	if (to < 0) {
		candidate_refuse(context, plan, key, no_room(p, service));
		return false;
	}
	mover.rank = candidate_policy(context, service)->rank;
	mover.distance = move_room_distance(&p->room, (size_t)to);
	*ret = mover;
	return true;
}

static bool goes_before(const struct mover *a, const struct mover *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (!a->own != !b->own)
		return a->own; /* better one that is touched already than one more */
	if (a->service->is_tied != b->service->is_tied)
		return b->service->is_tied;
	if (a->service->is_idle != b->service->is_idle)
		return a->service->is_idle;
	if (a->distance != b->distance)
		return a->distance < b->distance;
	return a->movable_bytes > b->movable_bytes;
}

/* Keeps the best PLAN_STEPS_MAX in order; equals stay in the order of the snapshot. */
static void add_mover(struct planning *p, const struct mover *mover)
{
	size_t at = p->mover_count;

	while (at > 0 && goes_before(mover, &p->movers[at - 1]))
		at--;
	if (at == PLAN_STEPS_MAX)
		return;
	if (p->mover_count < PLAN_STEPS_MAX)
		p->mover_count++;
	memmove(&p->movers[at + 1], &p->movers[at],
		(p->mover_count - at - 1) * sizeof(p->movers[0]));
	p->movers[at] = *mover;
}

/* Bytes that this mover takes, 0 when there is no room for a worthwhile piece. */
static uint64_t place(struct planning *p, const struct mover *mover, uint64_t left, int *ret_to)
{
	uint64_t bytes = MIN_OF(mover->movable_bytes, left);
	int to = mover->own ? move_room_index(&p->room, mover->own->migrate.to_node)
			    : move_room_choose(&p->room, mover->service->allowed, bytes);

	if (to < 0)
		return 0;
	bytes = MIN_OF(bytes, p->room.bytes[to]);
	bytes -= bytes % MAX_OF(p->context->snapshot->host.page_size_bytes, (uint64_t)1);
	if (bytes < MIN_OF(CANDIDATE_FLOOR_BYTES, left))
		return 0;
	p->room.bytes[to] -= bytes;
	*ret_to = to;
	return bytes;
}

static void fill_step(const struct planning *p, const struct mover *mover, unsigned to,
		      uint64_t bytes, struct step *step)
{
	const struct policy *policy = candidate_policy(p->context, mover->service);

	step->order = STEP_START;
	step->action = ACTION_MIGRATE;
	candidate_set_target(step, mover->service);
	step->migrate.from_node = p->room.from->id;
	step->migrate.to_node = to;
	step->migrate.bytes = bytes;
	step->migrate.move_shared = mover->service->guest != GUEST_NONE || policy->kind == KIND_VM;
	if (mover->own) {
		step->order = STEP_RESIZE;
		step->id = mover->own->id;
		step->migrate.bytes += mover->own->migrate.bytes;
	}
	step->gain_metric = METRIC_NODE_HEADROOM;
	step->expected_gain = (int64_t)step->migrate.bytes;
}

/* Shares the amount out over the movers. Returns how many steps that made. */
static size_t share_out(struct planning *p, struct plan *plan)
{
	uint64_t left = p->wanted_bytes;
	size_t made = 0;

	for (size_t i = 0; i < p->mover_count && left > 0; i++) {
		const struct mover *mover = &p->movers[i];
		struct step *step;
		uint64_t bytes;
		int to;

		/* A remainder below the floor is inside the margin. */
		if (made > 0 && left < CANDIDATE_FLOOR_BYTES)
			break;
		bytes = place(p, mover, left, &to);
		if (bytes == 0) {
			candidate_refuse(p->context, plan, service_key(mover->service),
					 no_room(p, mover->service));
			continue;
		}
		step = plan_add_step(plan);
		if (!step) {
			candidate_refuse(p->context, plan, 0, REFUSE_PLAN_FULL);
			break;
		}
		fill_step(p, mover, p->context->snapshot->nodes[to].id, bytes, step);
		left -= bytes;
		made++;
	}
	return made;
}

static bool said(const struct plan *plan, size_t from, enum refusal why)
{
	for (size_t i = from; i < plan->refusal_count; i++)
		if (plan->refusals[i].why == why)
			return true;
	return false;
}

static bool start_planning(struct planning *p, const struct action_context *context,
			   const struct action_call *call)
{
	const struct snapshot *snapshot = context->snapshot;

	p->context = context;
	p->mover_count = 0;
	p->to = call->values[ARG_TO];
	if (!move_room_find(snapshot, (unsigned)context->subject.key, &p->room))
		return false;
	p->wanted_bytes = candidate_wanted(context, call->values[ARG_BYTES]);
	for (size_t i = 0; i < p->room.node_count; i++)
		p->room.bytes[i] = room_left(p, &snapshot->nodes[i], p->room.bytes[i]);
	return true;
}

void migrate_plan(const struct action_context *context, const struct action_call *call,
		  struct plan *plan)
{
	size_t refusals = plan->refusal_count;
	struct planning p;

	if (!start_planning(&p, context, call))
		return;
	/* A running step grows by what is worth another order, not by every sample's noise. */
	if (context->is_regrown &&
	    p.wanted_bytes < MAX_OF(CANDIDATE_FLOOR_BYTES, context->relief_bytes / 8))
		return;
	if (p.wanted_bytes == 0) {
		candidate_refuse(context, plan, 0, REFUSE_BUSY);
		return;
	}
	for (size_t i = 0; i < context->snapshot->service_count; i++) {
		struct mover mover;

		if (assess(&p, &context->snapshot->services[i], plan, &mover))
			add_mover(&p, &mover);
	}
	if (share_out(&p, plan) > 0)
		return;
	if (said(plan, refusals, REFUSE_NO_ROOM))
		candidate_refuse(context, plan, 0, REFUSE_NO_ROOM);
	else if (plan->refusal_count == refusals)
		candidate_refuse(context, plan, 0, REFUSE_NO_CANDIDATE);
}

struct reading migrate_level(const struct step *step, struct subject subject,
			     const struct snapshot *snapshot)
{
	const struct service *service;

	if (subject.scope != SCOPE_NODE || subject.key != step->migrate.from_node)
		return READING_NONE;
	service = snapshot_service(snapshot, step->target.key);
	if (!service || !service->shares)
		return READING_NONE;
	return reading_of(
		(int64_t)candidate_share(snapshot, service, step->migrate.from_node).movable_bytes);
}

static void add_from_to(const struct step *step, struct strbuf *out)
{
	strbuf_addf(out, " from node %u to node %u", step->migrate.from_node,
		    step->migrate.to_node);
}

/* A rule's step has its evidence. */
static const char *const cause_texts[] = {
	[MOVE_FOR_RELIEF] = "",
	[MOVE_TO_FOLLOW] = " (its Nodes= were set while it ran)",
	[MOVE_TO_GATHER] = " (its home; it is spread)",
	[MOVE_TO_GO_HOME] = " (home, where relief had moved it from)",
};

void migrate_describe(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL) {
		strbuf_add(out, "stop migrating ");
		strbuf_add_name(out, step->target.name);
		add_from_to(step, out);
		return;
	}
	strbuf_add(out, step->order == STEP_RESIZE ? "migrate now " : "migrate ");
	strbuf_add_bytes(out, (int64_t)step->migrate.bytes);
	strbuf_add(out, " of ");
	strbuf_add_name(out, step->target.name);
	add_from_to(step, out);
	strbuf_add(out, cause_texts[step->migrate.cause]);
}

void migrate_writes(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		return;
	strbuf_add(out, "move_pages(2) in small calls on the processes of ");
	strbuf_add_name(out, step->target.path);
	strbuf_add(out, ": at most ");
	strbuf_add_bytes(out, (int64_t)step->migrate.bytes);
	add_from_to(step, out);
	if (step->migrate.has_preferred)
		strbuf_addf(out, ", of mappings that prefer node %u", step->migrate.preferred);
	if (step->migrate.move_shared)
		strbuf_add(out, ", pages shared with its helpers too (MPOL_MF_MOVE_ALL)");
}
