/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/rescan.h"

#include "host/state.h"
#include "sys/memlock.h"

#include <stdio.h>
#include <string.h>

/* An idle worker that died is missed when work comes; each look costs a system call a worker. */
#define REPLENISH_USEC (60 * USEC_PER_SEC)

static void replenish(struct warden *w, usec_t now, bool urgent)
{
	if (!w->pool || (!urgent && w->started && now - w->replenished_at < REPLENISH_USEC))
		return;
	(void)worker_pool_replenish(w->pool);
	w->replenished_at = now;
}

/* Once, until it is over. */
static void say_unseen(struct warden *w, int error)
{
	char line[192];

	if ((error < 0) == w->is_blind)
		return;
	w->is_blind = error < 0;
	if (!w->options.say)
		return;
	if (error < 0)
		(void)snprintf(line, sizeof(line),
			       "services that have come since are not seen, or not by rules about "
			       "them: %s",
			       strerrordesc_np(-error));
	else
		(void)snprintf(line, sizeof(line), "services that have come since are seen again");
	w->options.say(w->options.publish_context, error < 0, line);
}

void rescan_make(struct warden *w, usec_t now, bool urgent)
{
	const struct snapshot *snapshot;
	size_t room;
	int seen, r;

	reserve_open(&w->reserve, urgent);
	/* A failed walk leaves the services of before; the next round tries again. */
	seen = sense_rescan(w->sense, now);
	replenish(w, now, urgent);
	snapshot = sense_snapshot(w->sense);
	room = reserve_room(snapshot, urgent);
	r = engine_reserve(w->engine, snapshot->node_count, snapshot->service_count + room);
	/* Without room for more there may still be enough for those that there are. */
	if (r < 0 && room > 0)
		r = engine_reserve(w->engine, snapshot->node_count, snapshot->service_count);
	say_unseen(w, seen < 0 ? seen : r);
	if (reserve_fill(&w->reserve, snapshot, room))
		w->trimmed_roll = 0;
	w->scanned_at = now;
	if (urgent || snapshot->roll == w->trimmed_roll)
		return;
	(void)memlock_trim();
	w->trimmed_roll = snapshot->roll;
}
