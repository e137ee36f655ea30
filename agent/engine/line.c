/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/line.h"

#include "act/outlook.h"
#include "engine/arrivals.h"
#include "engine/budget.h"
#include "engine/claim.h"
#include "engine/credit.h"
#include "engine/flight.h"
#include "engine/said.h"
#include "engine/spare.h"
#include "engine/verify.h"
#include "engine/view.h"
#include "util/macro.h"
#include "util/strbuf.h"

/* Where a service may live is found out by workers within moments of its start. */
#define NODES_WAIT_MIN_USEC (1 * USEC_PER_SEC)
#define LEFT_MAX_USEC	    (5 * USEC_PER_SEC)

/* One call of a plan half. */
struct attempt {
	struct engine *e;
	struct instance *instance;
	struct episode *episode;
	struct subject subject;
	const struct rule *rule;
	size_t line;
	enum mode mode;
	bool is_regrown;
	bool helped; /* steps under way will do, in time, what this one would */
	bool blocked;
};

const char line_paused_text[] = "oomwarden pause";

bool line_is_open_ended(const struct action_call *call)
{
	const struct action *action = &actions[call->action];

	/* As many as it takes, one after the other. */
	if (action_call_is_canary(call))
		return true;
	for (size_t i = 0; i < action->arg_count; i++)
		if (action->args[i].type == ARG_AMOUNT && call->values[i] == ARG_UNTIL_CLEAR)
			return true;
	return false;
}

bool line_is_destructive(const struct rule *rule, size_t line)
{
	return actions[rule->ladder[line].action].destructive;
}

bool line_acts(const struct config *config, enum action_id action)
{
	return config->enforce_all || config->enforce_actions[action];
}

bool line_is_enforced(const struct config *config, const struct rule *rule, size_t line)
{
	return !config->paused && !rule->paused && config->mode == MODE_ENFORCE &&
	       rule->mode == MODE_ENFORCE && line_acts(config, rule->ladder[line].action);
}

const char *line_inability(const struct engine *e, enum action_id action)
{
	static const char *const texts[MOVES_COUNT_] = {
		[MOVES_UNKNOWN_TO_KERNEL] = "no move_pages in this kernel",
		[MOVES_FORBIDDEN] = "move_pages is not permitted",
		[MOVES_NEED_PTRACE] = "no CAP_SYS_PTRACE",
		[MOVES_NEED_NICE] = "no CAP_SYS_NICE",
	};

	return action == ACTION_MIGRATE ? texts[e->snapshot->host.moves] : NULL;
}

const char *line_policy_dry_because(const struct engine *e, const struct service *service,
				    const struct policy *policy, enum action_id action)
{
	const struct config *config = e->config;

	if (config->paused || service->paused)
		return line_paused_text;
	if (config->mode != MODE_ENFORCE)
		return "Mode= of the agent";
	if (!line_acts(config, action))
		return "EnforceActions=";
	if (line_inability(e, action))
		return line_inability(e, action);
	return policy->mode == MODE_ENFORCE ? NULL : "Mode= of the policy";
}

static bool is_paused(const struct engine *e, struct subject subject, const struct step *step)
{
	uint64_t key = step->target.path[0] ? step->target.key : subject.key;
	const struct service *service = NULL;

	if (step->target.path[0] || subject.scope == SCOPE_SERVICE)
		service = snapshot_service(e->snapshot, key);
	return service && service->paused;
}

static const char *dry_because(const struct attempt *a, const struct step *step)
{
	const struct config *config = a->e->config;

	if (config->paused || a->rule->paused)
		return line_paused_text;
	if (config->mode != MODE_ENFORCE)
		return "Mode= of the agent";
	if (!line_acts(config, a->rule->ladder[a->line].action))
		return "EnforceActions=";
	if (a->rule->mode != MODE_ENFORCE)
		return "Mode= of the rule";
	if (line_inability(a->e, step->action))
		return line_inability(a->e, step->action);
	return is_paused(a->e, a->subject, step) ? line_paused_text : "Mode= of the policy";
}

/* Does this flight help the subject in time? Asked while something else waits for it. One that was
 * told to end before this engine began is out of the way within moments. */
static void note_help(struct attempt *a, const struct flight *flight)
{
	struct flight_pace pace = { 0 };

	if (flight->is_left) {
		a->helped |= a->e->clock - flight->started < LEFT_MAX_USEC;
		return;
	}
	flight_add_pace(a->e, flight, &pace);
	if (!flight_is_too_slow(a->e, a->subject, &pace))
		a->helped = true;
}

static bool is_busy(void *context, uint64_t service)
{
	struct attempt *a = context;
	bool busy = false;

	for (size_t i = 0; i < a->e->flight_end; i++) {
		const struct flight *flight = &a->e->flights[i];

		if (flight->used && flight->running && flight->step.target.path[0] &&
		    flight->step.target.key == service && !flight_is_holding(a->e, flight)) {
			note_help(a, flight);
			busy = true;
		}
	}
	return busy;
}

static const struct step *own_step(void *context, uint64_t service, uint64_t *ret_pending_bytes)
{
	struct attempt *a = context;

	for (size_t i = 0; i < a->e->flight_end; i++) {
		const struct flight *flight = &a->e->flights[i];

		if (flight->used && flight->running && flight->attached && !flight->want_cancel &&
		    flight->step.target.key == service && flight->step.ladder == a->line &&
		    flight->step.rule == a->instance->rule && flight->slot == a->instance->slot) {
			*ret_pending_bytes = flight_pending(a->e, flight);
			return &flight->step;
		}
	}
	return NULL;
}

static bool is_barred(void *context, enum action_id action, uint64_t service)
{
	struct attempt *a = context;

	return flight_is_barred(a->e, action, service, a->subject);
}

static bool is_unmovable(void *context, uint64_t service)
{
	struct attempt *a = context;
	const struct bar *bar = verify_find_bar(a->e, ACTION_MIGRATE, service);

	return bar && bar->is_unmovable;
}

static bool has_arrived(void *context, uint64_t service, unsigned node)
{
	struct attempt *a = context;

	return arrivals_hold(a->e, service, node);
}

static uint64_t incoming_bytes(void *context, unsigned node)
{
	struct attempt *a = context;
	uint64_t bytes = a->mode == MODE_DRY_RUN ? credit_incoming(a->e, node) : 0;

	return bytes + flight_incoming(a->e, node);
}

static uint64_t taken_bytes(void *context, uint64_t service, struct subject subject)
{
	struct attempt *a = context;

	return a->mode == MODE_DRY_RUN ? credit_taken(a->e, service, subject) : 0;
}

static bool own_claim(void *context, const struct setting_target *on, struct setting_value *ret)
{
	struct attempt *a = context;

	if (a->mode == MODE_DRY_RUN)
		return credit_find(a->e, a->instance, on, ret);
	return claim_find(a->e, a->instance, on, ret);
}

static const struct step *running_step(void *context, enum action_id action, size_t i)
{
	struct attempt *a = context;

	/* Said is done at once, but for what lasts. */
	if (a->mode == MODE_DRY_RUN)
		return action == ACTION_FREEZE ? credit_step(a->e, action, i) : NULL;
	for (size_t f = 0; f < a->e->flight_end; f++) {
		const struct flight *flight = &a->e->flights[f];

		if (flight->used && flight->running && !flight->want_cancel &&
		    flight->step.action == action && i-- == 0)
			return &flight->step;
	}
	return NULL;
}

static uint64_t spare_bytes(void *context, unsigned node)
{
	struct attempt *a = context;

	return spare_by_rule(a->e, a->rule, node, a->mode == MODE_DRY_RUN);
}

static uint64_t relief_bytes(struct attempt *a)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < a->e->flight_end; i++) {
		const struct flight *flight = &a->e->flights[i];
		uint64_t remaining = flight_remaining(flight);

		if (remaining == 0 || flight->step.subject.scope != a->subject.scope ||
		    flight->step.subject.key != a->subject.key)
			continue;
		bytes += remaining;
		note_help(a, flight);
	}
	return bytes;
}

/* Two metrics are of something that has a name of its own. */
static void name_evidence(const struct host *host, struct evidence *e)
{
	const char *name = e->metric == METRIC_MEM_SLAB_TOP	     ? host->slab_top
			   : e->metric == METRIC_MEM_SLAB_TOP_GROWTH ? host->slab_growing
								     : "";
	struct strbuf b = STRBUF(e->of);

	strbuf_add(&b, name);
}

static void fill_step(const struct attempt *a, struct step *step)
{
	const struct instance *instance = a->instance;
	const struct view view = view_of(a->e, instance, false);
	usec_t held = a->e->snapshot->single ? 0 : a->e->now - instance->held_from;

	step->mode = a->mode;
	step->mode_from = a->mode == MODE_ENFORCE ? NULL : dry_because(a, step);
	step->rule = instance->rule;
	step->owner = a->rule->name;
	step->ladder = a->line;
	step->subject = a->subject;
	step->planned_at = a->e->now;
	step->evidence_count = view_evidence(&view, a->rule, held, step->evidence);
	for (size_t i = 0; i < step->evidence_count; i++)
		name_evidence(&a->e->snapshot->host, &step->evidence[i]);
}

static void refuse_line(const struct attempt *a, enum refusal why)
{
	plan_add_refusal(a->e->plan, (struct refusal_note){
					     .rule = a->instance->rule,
					     .ladder = a->line,
					     .subject = a->subject,
					     .why = why,
				     });
}

/* Of a step that runs: it is to grow, or to end (thaw). */
static void adopt_change(struct attempt *a, const struct step *step)
{
	struct flight *flight = flight_find(a->e, step->id);

	if (!flight)
		return;
	if (step->order == STEP_RESIZE) {
		flight->step = *step;
	} else {
		flight->want_cancel = true;
		flight->cancelled = true;
	}
}

/* False: there is no room for it. */
static bool adopt_start(struct attempt *a, struct step *step)
{
	const struct action *action = &actions[step->action];

	if (action->sets && !claim_has_room(a->e, a->instance, step))
		return false;
	step->id = a->e->last_step + 1;
	if (!flight_start(a->e, a->instance, step))
		return false;
	a->e->last_step++;
	if (action->sets)
		claim_add(a->e, a->instance, step);
	if (action_destroys(step))
		a->episode->destroyed = true;
	if (step->action == ACTION_KILL && !step->kill.is_canary)
		budget_add(&a->e->kills, a->e->now);
	return true;
}

/* Real steps become flights. */
static size_t adopt_real(struct attempt *a, size_t first)
{
	struct plan *plan = a->e->plan;

	for (size_t i = first; i < plan->step_count; i++) {
		struct step *step = &plan->steps[i];

		fill_step(a, step);
		if (step->order != STEP_START) {
			adopt_change(a, step);
		} else if (!adopt_start(a, step)) {
			plan->step_count = i;
			refuse_line(a, REFUSE_PLAN_FULL);
			break;
		}
	}
	return plan->step_count - first;
}

static void note_simulated_end(struct attempt *a, const struct step *step)
{
	if (step->action == ACTION_KILL)
		budget_add(&a->e->simulated_kills, a->e->now);
	a->e->dry_destructive_until = a->e->clock + actions[step->action].settle_usec;
	a->episode->dry_lines |= UINT64_C(1) << MIN_OF(a->line, (size_t)63);
	a->episode->dry_killed = true;
	a->episode->destroyed = true;
}

/* Dry-run steps become credits; what was said before is taken out of the plan again. */
static size_t adopt_dry(struct attempt *a, size_t first)
{
	struct plan *plan = a->e->plan;
	size_t kept = first, made = 0;

	for (size_t i = first; i < plan->step_count; i++) {
		struct step *step = &plan->steps[i];
		enum credit_result result;

		fill_step(a, step);
		step->id = a->e->last_step + 1;
		result = credit_add(a->e, a->instance, step);
		if (result == CREDIT_FULL) {
			refuse_line(a, REFUSE_PLAN_FULL);
			continue;
		}
		made++;
		if (action_destroys(step))
			note_simulated_end(a, step);
		if (result == CREDIT_MERGED)
			continue;
		a->e->last_step++;
		if (kept != i)
			plan->steps[kept] = *step;
		kept++;
	}
	plan->step_count = kept;
	if (made > 0)
		credit_refresh(a->e);
	return made;
}

/* Both by what is said and by what the agent can do. */
static bool may_act(const struct engine *e, const struct rule *rule, size_t line)
{
	return line_is_enforced(e->config, rule, line) &&
	       !line_inability(e, rule->ladder[line].action);
}

/* An orderly stop is no kill: KillBudget= is about what dies. */
static bool is_over_budget(const struct attempt *a)
{
	const struct engine *e = a->e;
	bool dry = a->mode == MODE_DRY_RUN;
	size_t kills = e->kills.count + (dry ? e->simulated_kills.count : 0);

	return a->rule->ladder[a->line].action == ACTION_KILL &&
	       kills >= MIN_OF(e->config->kill_budget_count, (unsigned)ENGINE_KILLS_MAX);
}

/* May something be destroyed now? What stands against it is said. */
static bool may_destroy(void *context)
{
	struct attempt *a = context;
	struct engine *e = a->e;
	bool dry = a->mode == MODE_DRY_RUN;

	/* What a simulated kill would have changed is known in bytes only. Rather than going on to
	 * the next victim for want of an effect, a dry run says one a line. */
	if (dry && a->episode->dry_lines & UINT64_C(1) << MIN_OF(a->line, (size_t)63))
		return false;
	if (is_over_budget(a)) {
		refuse_line(a, REFUSE_BUDGET);
		return false;
	}
	if (flight_must_wait(e, a->rule->ladder[a->line].action, a->subject) ||
	    (dry && e->clock < e->dry_destructive_until)) {
		refuse_line(a, REFUSE_ONE_DESTRUCTIVE);
		a->blocked = true;
		return false;
	}
	return true;
}

static size_t call_plan_half(struct attempt *a)
{
	const struct action_call *call = &a->rule->ladder[a->line];
	struct view view = view_of(a->e, a->instance, a->mode == MODE_DRY_RUN);
	size_t first = a->e->plan->step_count;
	const struct action_context context = {
		.snapshot = a->e->snapshot,
		.policies = &a->e->config->policies,
		.subject = a->subject,
		.goal = view_goal(&view, a->rule),
		.relief_bytes = relief_bytes(a),
		.rule = a->instance->rule,
		.ladder = a->line,
		.now_usec = a->e->now,
		.mode = a->mode,
		.enforced = may_act(a->e, a->rule, a->line),
		.subject_is_named = a->rule->policies != NULL,
		.is_regrown = a->is_regrown,
		.is_busy = is_busy,
		.own_step = own_step,
		.is_barred = is_barred,
		.is_unmovable = is_unmovable,
		.has_arrived = has_arrived,
		.incoming_bytes = incoming_bytes,
		.spare_bytes = spare_bytes,
		.taken_bytes = taken_bytes,
		.own_claim = own_claim,
		.may_destroy = may_destroy,
		.running_step = running_step,
		.engine = a,
	};

	actions[call->action].plan(&context, call, a->e->plan);
	return a->mode == MODE_ENFORCE ? adopt_real(a, first) : adopt_dry(a, first);
}

/* The end of a canary costs nobody anything and brings its memory at once, so it neither waits for
 * a slow end that is under way nor is held against KillBudget=; who stands in for a canary is asked
 * about when it comes to that. */
static size_t try_mode(struct attempt *a, enum mode mode)
{
	a->mode = mode;
	if (line_is_destructive(a->rule, a->line) &&
	    !action_call_is_canary(&a->rule->ladder[a->line]) && !may_destroy(a))
		return 0;
	return call_plan_half(a);
}

/* Unknown nodes are worth a moment: else an agent that has just started would walk past the move to
 * the kill before it knows whom it could move. */
static bool waits_for_nodes(struct attempt *a)
{
	struct engine *e = a->e;
	struct reading left = outlook_time_to_empty(e->snapshot, a->subject);
	usec_t wait = MAX_OF(a->rule->step_wait_usec, NODES_WAIT_MIN_USEC);

	if (e->snapshot->single)
		return false;
	if (a->episode->nodes_wait == 0)
		a->episode->nodes_wait = e->clock + wait;
	if (e->clock >= a->episode->nodes_wait)
		return false;
	return left.state != READING_KNOWN ||
	       left.value > (int64_t)(a->episode->nodes_wait - e->clock);
}

/* Does another step do just now what this line would? That takes moments, where it does not go by
 * the byte. */
static bool is_being_done(const struct attempt *a)
{
	enum action_id action = a->rule->ladder[a->line].action;

	if (action == ACTION_MIGRATE || action == ACTION_RECLAIM)
		return false;
	for (size_t i = 0; i < a->e->flight_end; i++) {
		const struct flight *flight = &a->e->flights[i];

		if (flight->used && flight->running && flight->step.action == action &&
		    !flight_is_holding(a->e, flight))
			return true;
	}
	return false;
}

static bool is_blocked(struct attempt *a, size_t from)
{
	const struct plan *plan = a->e->plan;
	uint64_t whys = plan->whys_dropped;

	for (size_t i = from; i < plan->refusal_count; i++)
		whys |= plan_why(plan->refusals[i].why);
	return whys & plan_why(REFUSE_PLAN_FULL) ||
	       (whys & plan_why(REFUSE_BUSY) && (a->helped || is_being_done(a))) ||
	       (whys & plan_why(REFUSE_UNKNOWN_NODES) && waits_for_nodes(a));
}

/* What is said of a whole line is that it makes no step; it does not go with one that does. */
static void drop_line_refusals(struct plan *plan, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < plan->refusal_count; i++)
		if (plan->refusals[i].service != 0)
			plan->refusals[kept++] = plan->refusals[i];
	plan->refusal_count = kept;
}

static struct attempt attempt_of(struct engine *e, struct instance *instance, size_t line)
{
	return (struct attempt){
		.e = e,
		.instance = instance,
		.episode = episode_of(e, instance),
		.subject = subject_of(e, instance),
		.rule = rule_of(e, instance),
		.line = line,
	};
}

struct line_result line_try(struct engine *e, struct instance *instance, size_t line, unsigned want)
{
	struct plan *plan = e->plan;
	size_t refusals = plan->refusal_count, dropped = plan->refusals_dropped;
	struct line_result result = { 0 };
	struct attempt a = attempt_of(e, instance, line);
	bool enforced = may_act(e, a.rule, line);

	plan->whys_dropped = 0;
	if ((want & WANT_REAL) && enforced)
		result.real = try_mode(&a, MODE_ENFORCE);
	if ((want & WANT_DRY) && (!enforced || e->some_target_dry))
		result.dry = try_mode(&a, MODE_DRY_RUN);
	result.blocked = a.blocked;

	if (result.real + result.dry > 0) {
		result.blocked = false;
		drop_line_refusals(plan, refusals);
	} else if (is_blocked(&a, refusals)) {
		result.blocked = true;
	}
	said_filter(e, instance, refusals, dropped);
	return result;
}

void line_regrow(struct engine *e, struct instance *instance, size_t line)
{
	struct plan *plan = e->plan;
	size_t refusals = plan->refusal_count, dropped = plan->refusals_dropped;
	struct attempt a = attempt_of(e, instance, line);

	a.mode = MODE_ENFORCE;
	a.is_regrown = true;
	call_plan_half(&a);
	/* The line has its steps: why it has no more was said when it started, or is no news. */
	plan->refusal_count = refusals;
	plan->refusals_dropped = dropped;
}
