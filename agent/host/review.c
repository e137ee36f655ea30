/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/review.h"

#include "engine/judge.h"
#include "explain/kill_story.h"
#include "host/state.h"
#include "util/macro.h"

/* For whoever asks later. */
static void note(struct warden *w, const struct kernel_event *event, const struct verdict *verdict,
		 usec_t now)
{
	struct runtime_kernel_kill kill = { .at = now, .service = verdict->service };
	struct strbuf b = STRBUF(kill.text);

	if (!w->runtime)
		return;
	kill_story_kill(event, verdict, &b);
	strbuf_add(&b, ". ");
	kill_story_verdict(w->config, sense_snapshot(w->sense), verdict, &b);
	runtime_note_kernel_kill(w->runtime, MAX_OF(event->counted, 1U), &kill);
}

static void judge(struct warden *w, const struct kernel_event *event, struct verdict *ret,
		  usec_t now)
{
	engine_judge(w->engine, sense_snapshot(w->sense), event, now, ret);
	note(w, event, ret, now);
}

void review_kernel_events(struct warden *w, usec_t now)
{
	struct review *r = &w->review;

	while (r->count < REVIEW_MAX) {
		size_t at = (r->first + r->count) % REVIEW_MAX;

		if (!sense_next_kernel_event(w->sense, &r->events[at]))
			return;
		if (r->events[at].kind == KERNEL_EVENT_OOM_KILL)
			judge(w, &r->events[at], &r->verdicts[at], now);
		r->count++;
	}
}

bool warden_next_kernel_event(struct warden *w, struct kernel_event *ret,
			      struct verdict *ret_verdict)
{
	struct review *r = &w->review;

	if (r->count == 0)
		return false;
	*ret = r->events[r->first];
	*ret_verdict = r->verdicts[r->first];
	r->first = (r->first + 1) % REVIEW_MAX;
	r->count--;
	return true;
}
