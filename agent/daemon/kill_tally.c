/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/kill_tally.h"

#include "util/macro.h"
#include "util/strbuf.h"
#include "util/sum.h"

static uint64_t key_of(const struct kernel_event *event)
{
	size_t length = event->limit_known ? event->limit_length : sizeof(event->cgroup);
	uint64_t key = sum_bytes(SUM_BEGIN, &event->constraint, sizeof(event->constraint));

	key = sum_bytes(key, &event->by_hand, sizeof(event->by_hand));
	for (size_t i = 0; i < length && event->cgroup[i]; i++)
		key = sum_bytes(key, &event->cgroup[i], 1);
	return key ? key : 1;
}

/* Its own place, a free one, or that of whom nothing was said for long; NULL: none. */
static struct kill_kind *find(struct kill_tally *tally, uint64_t key, usec_t now)
{
	struct kill_kind *room = NULL;

	for (size_t i = 0; i < KILL_TALLY_KINDS; i++) {
		struct kill_kind *kind = &tally->kinds[i];

		if (kind->key == key)
			return kind;
		if (kind->untold == 0 && (kind->key == 0 || now - kind->said_at >= KILL_TALLY_USEC))
			room = kind;
	}
	return room;
}

static void count(struct kill_tally *tally, struct kill_kind *kind, unsigned kills)
{
	kind->untold += kills;
	tally->untold += kills;
}

bool kill_tally_take(struct kill_tally *tally, const struct kernel_event *event, usec_t now)
{
	unsigned kills = MAX_OF(event->counted, 1U);
	uint64_t key = key_of(event);
	struct kill_kind *kind = find(tally, key, now);

	if (!kind) {
		if (tally->others.untold == 0)
			tally->others.said_at = now;
		count(tally, &tally->others, kills);
		return false;
	}
	if (kind->key == key && now - kind->said_at < KILL_TALLY_USEC) {
		count(tally, kind, kills);
		return false;
	}
	*kind = (struct kill_kind){ .key = key, .said_at = now };
	if (event->cgroup_known) {
		struct strbuf b = STRBUF(kind->cgroup);

		strbuf_add_char(&b, '/');
		strbuf_add_name(&b, event->cgroup);
	}
	return true;
}

static bool take_due(struct kill_tally *tally, struct kill_kind *kind, usec_t now,
		     struct kill_kind *ret)
{
	if (kind->untold == 0 || now - kind->said_at < KILL_TALLY_USEC)
		return false;
	*ret = *kind;
	tally->untold -= kind->untold;
	kind->untold = 0;
	return true;
}

bool kill_tally_next(struct kill_tally *tally, usec_t now, struct kill_kind *ret)
{
	if (tally->untold == 0)
		return false;
	for (size_t i = 0; i < KILL_TALLY_KINDS; i++)
		if (take_due(tally, &tally->kinds[i], now, ret))
			return true;
	return take_due(tally, &tally->others, now, ret);
}
