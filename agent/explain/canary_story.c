/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/canary_story.h"

#include "core/plan.h"

/* As sense and engine have it: so much may be missing. */
#define MISSING_PART 16

static struct reading get(const struct canary_status *canary, enum metric_id id)
{
	return canary->readings[metric_index(id)];
}

enum canary_state canary_state_of(const struct snapshot *snapshot,
				  const struct canary_status *canary, uint64_t deaths)
{
	uint64_t size = reading_amount(get(canary, METRIC_CANARY_SIZE));

	if (canary->has_node && !snapshot_node(snapshot, canary->node))
		return CANARY_HOMELESS;
	if (size > 0 &&
	    reading_amount(get(canary, METRIC_CANARY_HELD)) >= size - size / MISSING_PART)
		return CANARY_ARMED;
	if (canary->service != 0)
		return CANARY_COMING;
	if (deaths > 0 || reading_amount(get(canary, METRIC_CANARY_DEAD)) > 0)
		return CANARY_DEAD;
	return CANARY_UNARMED;
}

const char *canary_state_name(enum canary_state state)
{
	static const char *const names[] = {
		[CANARY_ARMED] = "armed",
		[CANARY_COMING] = "being armed",
		[CANARY_DEAD] = "dead",
		[CANARY_UNARMED] = "not armed",
		[CANARY_HOMELESS] = "no such node",
	};

	return names[state];
}

void canary_story_wait(struct canary_plight plight, const char *words, struct strbuf *out)
{
	switch ((enum canary_wait)plight.wait) {
	case CANARY_WAITS_NOT:
		break;
	case CANARY_REHEARSED:
		strbuf_add(out, "a dry run or a pause holds it back");
		break;
	case CANARY_REFUSED:
		if (plight.detail < REFUSE_COUNT_)
			strbuf_add(out, refusal_text((enum refusal)plight.detail));
		break;
	case CANARY_FAILED:
		strbuf_add(out, "the last try failed");
		if (words && words[0] != '\0') {
			strbuf_add(out, ": ");
			strbuf_add_name(out, words);
		}
		break;
	case CANARY_ROUSED:
		strbuf_add(out, refusal_text(REFUSE_ROUSED));
		break;
	case CANARY_RESTS:
		strbuf_add(out, "its place has not been calm for long enough");
		break;
	}
}

bool canary_is_on(const struct canary_status *canary, unsigned node)
{
	return canary->has_node && canary->node == node;
}

void canary_story_text(const struct snapshot *snapshot, const struct canary_status *canary,
		       uint64_t deaths, struct strbuf *out)
{
	enum canary_state state = canary_state_of(snapshot, canary, deaths);
	bool is_armed = state == CANARY_ARMED;

	strbuf_add(out, "canary ");
	strbuf_add_name(out, canary->name);
	strbuf_add(out, is_armed ? " holds " : " is to hold ");
	reading_format(get(canary, is_armed ? METRIC_CANARY_HELD : METRIC_CANARY_SIZE), DIM_BYTES,
		       out);
	if (is_armed)
		strbuf_add(out, ", free as soon as it is killed");
	else
		strbuf_addf(out, ": %s", canary_state_name(state));
}
