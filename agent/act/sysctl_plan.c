/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One knob of the kernel. What may be set is a list in the table of actions; it has none that can
 * take the host down by itself.
 *
 * Those about dirty memory are tightened only: by at most a quarter at a time, so that writers slow
 * down rather than stop, and never to where a disk is kept from doing its best. A limit in percent
 * is of what is available just now; from its bytes at this instant a tighter one is made, in bytes,
 * as a percentage of a host of 1 TiB is too coarse to be tightened by. Which of the pair comes
 * first, vm.dirty_background or vm.dirty, is for the rule to say.
 */

#include "act/plan_halves.h"
#include "act/setting_step.h"
#include "util/macro.h"

#define MIB		 (INT64_C(1) << 20)
#define DIRTY_MIN_BYTES	 (64 * MIB)
#define DIRTY_MIN_CENTIS 100 /* 1 s: flusher threads that wake more often do little else */
#define DIRTY_STEP_MOST	 250

enum { ARG_KNOB, ARG_VALUE, ARG_STEP };

static enum setting_id knob_of(const struct action_call *call)
{
	return (enum setting_id)call->values[ARG_KNOB];
}

/* Below this it is not tightened; -1: it is not one that is tightened only. */
static int64_t dirty_floor(enum setting_id id)
{
	switch (id) {
	case SETTING_DIRTY:
	case SETTING_DIRTY_BACKGROUND:
		return DIRTY_MIN_BYTES;
	case SETTING_DIRTY_EXPIRE:
	case SETTING_DIRTY_WRITEBACK:
		return DIRTY_MIN_CENTIS;
	default:
		return -1;
	}
}

static int check_value(const struct action_call *call, struct strbuf *ret_fault)
{
	const struct setting *knob = setting_get(knob_of(call));
	int64_t value = call->values[ARG_VALUE];
	int64_t least = MAX_OF(knob->least, dirty_floor(knob_of(call)));

	if (value >= least && value <= knob->most)
		return -1;
	if (knob->most == SETTING_UNLIMITED)
		strbuf_addf(ret_fault, "%s is never set below %lld", knob->name, (long long)least);
	else
		strbuf_addf(ret_fault, "%s is from %lld to %lld", knob->name, (long long)least,
			    (long long)knob->most);
	return ARG_VALUE;
}

static int check_step(const struct action_call *call, struct strbuf *ret_fault)
{
	int64_t step = call->values[ARG_STEP];

	if (step == 0) {
		strbuf_add(ret_fault, "a step of 0% changes nothing");
		return ARG_STEP;
	}
	if (dirty_floor(knob_of(call)) >= 0 && (step > 0 || step < -DIRTY_STEP_MOST)) {
		strbuf_addf(ret_fault, "%s is tightened only, by at most 25%% a step: step=-25%%",
			    setting_get(knob_of(call))->name);
		return ARG_STEP;
	}
	return -1;
}

int sysctl_check(const struct action_call *call, struct strbuf *ret_fault)
{
	bool has_value = call->values[ARG_VALUE] != ARG_NOT_GIVEN;
	bool has_step = call->values[ARG_STEP] != ARG_NOT_GIVEN;

	if (has_value && has_step) {
		strbuf_add(ret_fault, "value= and step= exclude each other");
		return ARG_STEP;
	}
	if (!has_value && !has_step) {
		strbuf_add(ret_fault, "it needs value= or step=");
		return ARG_KNOB;
	}
	return has_value ? check_value(call, ret_fault) : check_step(call, ret_fault);
}

/* A limit of dirty memory in percent as the bytes that it is now. */
static bool in_bytes(const struct snapshot *snapshot, enum setting_id id,
		     struct setting_value *value)
{
	enum metric_id metric =
		id == SETTING_DIRTY ? METRIC_MEM_DIRTY_LIMIT : METRIC_MEM_DIRTY_BACKGROUND_LIMIT;
	struct reading now = snapshot->host.readings[metric_index(metric)];

	if (!value->is_ratio)
		return true;
	if (now.state != READING_KNOWN)
		return false;
	*value = (struct setting_value){ .number = now.value };
	return true;
}

/* `permille` of it more or less, at least by one. */
static int64_t changed(int64_t base, int64_t permille)
{
	int64_t by = base / 1000 * permille + base % 1000 * permille / 1000;

	if (by == 0)
		by = permille < 0 ? -1 : 1;
	return base + by;
}

static int64_t round_up(int64_t bytes, int64_t below)
{
	int64_t rounded = (bytes + MIB - 1) / MIB * MIB;

	return rounded < below ? rounded : bytes;
}

static enum refusal tighten(const struct action_call *call, int64_t base, int64_t floor,
			    int64_t *ret)
{
	int64_t most = base - base / 1000 * DIRTY_STEP_MOST - base % 1000 * DIRTY_STEP_MOST / 1000;
	int64_t wanted = call->values[ARG_VALUE];

	if (base <= floor)
		return REFUSE_FLOOR;
	if (wanted == ARG_NOT_GIVEN)
		wanted = changed(base, call->values[ARG_STEP]);
	if (wanted >= base)
		return REFUSE_ALREADY;
	wanted = MAX_OF(wanted, most);
	*ret = MAX_OF(floor == DIRTY_MIN_BYTES ? round_up(wanted, base) : wanted, floor);
	return REFUSE_COUNT_;
}

static enum refusal adjust(const struct action_call *call, const struct setting *knob, int64_t base,
			   int64_t *ret)
{
	int64_t wanted = call->values[ARG_VALUE];
	bool by_step = wanted == ARG_NOT_GIVEN;

	if (by_step)
		wanted = changed(base, call->values[ARG_STEP]);
	wanted = MIN_OF(MAX_OF(wanted, knob->least), knob->most);
	if (wanted == base)
		return by_step ? REFUSE_FLOOR : REFUSE_ALREADY;
	*ret = wanted;
	return REFUSE_COUNT_;
}

static bool is_under_way(const struct action_context *context, enum setting_id id)
{
	const struct step *step;

	for (size_t i = 0; (step = candidate_running(context, ACTION_SYSCTL, i)); i++)
		if (step->setting.on.id == id)
			return true;
	return false;
}

static enum refusal decide(const struct action_context *context, const struct action_call *call,
			   const struct setting_target *on, int64_t *ret)
{
	int64_t floor = dirty_floor(on->id);
	struct setting_value was, base;

	if (!setting_step_was(context->snapshot, NULL, on, &was) ||
	    !setting_step_base(context, NULL, on, &base) ||
	    !in_bytes(context->snapshot, on->id, &base))
		return REFUSE_UNSUPPORTED;
	if (is_under_way(context, on->id))
		return REFUSE_BUSY;
	return floor >= 0 ? tighten(call, base.number, floor, ret)
			  : adjust(call, setting_get(on->id), base.number, ret);
}

void sysctl_plan(const struct action_context *context, const struct action_call *call,
		 struct plan *plan)
{
	const struct setting_target on = { .id = knob_of(call) };
	struct setting_value wanted = { 0 };
	enum refusal why;

	if (context->is_regrown || !candidate_line_is_meant(context))
		return;
	why = decide(context, call, &on, &wanted.number);
	if (why != REFUSE_COUNT_)
		candidate_refuse(context, plan, 0, why);
	else
		(void)setting_step_add(context, plan, ACTION_SYSCTL, NULL, &on, &wanted);
}
