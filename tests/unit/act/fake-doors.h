/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A kernel with one control group and a manager with one unit, played by the test behind the doors
 * of a clerk. It does with a limit what kernels do: v2 kills where memory.max is below what can be
 * reclaimed, reclaims for memory.high as far as it goes, v1 refuses.
 */

#include "act/clerk_work.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>

#define FAKE_PATH "system.slice/web.service"
#define FAKE_UNIT "web.service"
#define FAKE_KEY  77
#define FAKE_PAGE 4096
#define MIB	  (INT64_C(1) << 20)
#define GIB	  (INT64_C(1) << 30)

struct fake {
	bool v1;
	bool gone;
	unsigned gone_after; /* calls that take time; 0: never */
	uint64_t key;
	int64_t use;
	int64_t fixed; /* of it, that cannot be reclaimed */
	bool accounted;
	bool has_reclaim;
	int64_t growth; /* by each call that takes time */
	struct setting_value values[SETTING_COUNT_];
	bool present[SETTING_COUNT_]; /* the kernel has the file */
	int read_error;		      /* until something was written or told */
	int write_error;
	int64_t clamp; /* what is written becomes this; 0: itself */
	/* The manager. */
	int unit_error; /* of each call; -ETIMEDOUT, -ECONNRESET: no answer */
	bool lost;	/* with one of these: it was done all the same */
	bool ignores;	/* says yes, and the kernel's file stays */
	usec_t delay;	/* after which the kernel's file has it */
	struct setting_value pending;
	usec_t pending_at;
	bool has_pending;
	enum setting_id pending_id;
	bool unit_known;
	bool drop_in;
	bool frozen_by_unit;
	int64_t room; /* of node 1; of others nothing is known */
	/* What was seen. */
	usec_t now;
	unsigned writes;
	unsigned unit_sets;
	unsigned reclaims;
	unsigned interrupted_left; /* reclaim is interrupted so many times */
	unsigned busy_left;	   /* node_reclaim is somebody else's so many times */
	int64_t largest_reclaim;
	int64_t deepest; /* how far below use memory.high was set at most */
	bool killed;
	unsigned compacted;
	unsigned dropped;
	unsigned jobs;
	enum unit_verb last_verb;
	struct work_unit armed;	   /* the last one */
	int armed_how;		   /* 1: a canary is not confined; 2: under the agent's user id */
	struct work_unit disarmed; /* the last one */
	struct setting_value last_set;
	/* The agent's side. */
	unsigned cancel_after; /* calls that take time; 0: never */
	unsigned calls;
	bool cancel_given;
	struct work_reply last;
	unsigned replies;
	unsigned finals;
};

static inline void fake_reset(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->key = FAKE_KEY;
	f->now = USEC_PER_SEC;
	f->accounted = f->has_reclaim = f->unit_known = true;
	for (enum setting_id id = 0; id < SETTING_COUNT_; id++) {
		f->present[id] = true;
		if (setting_get(id)->is_limit || id == SETTING_MEMORY_SWAP_MAX ||
		    id == SETTING_IO_WRITE_MAX)
			f->values[id].number = SETTING_UNLIMITED;
	}
}

static inline void fake_time(struct fake *f, usec_t usec)
{
	f->calls++;
	f->now += usec;
	f->use += f->growth;
	f->gone |= f->gone_after != 0 && f->calls >= f->gone_after;
	if (f->has_pending && f->now >= f->pending_at) {
		f->has_pending = false;
		f->values[f->pending_id] = f->pending;
	}
}

static inline int64_t fake_shrink(struct fake *f, int64_t bytes)
{
	int64_t got = MIN_OF(bytes, MAX_OF(f->use - f->fixed, (int64_t)0));

	f->use -= got;
	return got;
}

/* 0, or -EBUSY of v1. */
static inline int fake_apply(struct fake *f, enum setting_id id, const struct setting_value *value)
{
	struct setting_value kept = *value;

	if (setting_get(id)->unit == UNIT_BYTES && kept.number != SETTING_UNLIMITED)
		kept.number = kept.number / FAKE_PAGE * FAKE_PAGE;
	if (f->clamp != 0)
		kept.number = f->clamp;
	if (setting_get(id)->is_limit && f->use > kept.number) {
		if (id == SETTING_MEMORY_HIGH)
			f->deepest = MAX_OF(f->deepest, f->use - kept.number);
		(void)fake_shrink(f, f->use - kept.number);
		if (f->use > kept.number && f->v1)
			return -EBUSY;
		f->killed |= f->use > kept.number && id == SETTING_MEMORY_MAX;
	}
	f->values[id] = kept;
	return 0;
}

static inline int fake_find(void *context, const char *path, uint64_t *ret)
{
	const struct fake *f = context;

	if (f->gone || strcmp(path, FAKE_PATH) != 0)
		return -ENOENT;
	*ret = f->key;
	return 0;
}

static inline int fake_use(void *context, const char *path, uint64_t key, int64_t *ret)
{
	const struct fake *f = context;
	uint64_t now;

	if (fake_find(context, path, &now) < 0 || now != key)
		return -ESTALE;
	if (!f->accounted)
		return -ENOENT;
	*ret = f->use;
	return 0;
}

static inline int fake_read(void *context, const struct setting_target *on, const char *path,
			    struct setting_value *ret)
{
	const struct fake *f = context;
	uint64_t now;

	if (setting_get(on->id)->scope == SCOPE_SERVICE) {
		if (fake_find(context, path, &now) < 0)
			return -ENOENT;
		if (now != on->key)
			return -ESTALE;
		if (f->v1 && !setting_get(on->id)->file_v1)
			return -EOPNOTSUPP;
	}
	if (f->read_error && f->writes == 0 && f->unit_sets == 0)
		return f->read_error;
	if (!f->present[on->id])
		return -ENOENT;
	*ret = f->values[on->id];
	return 0;
}

static inline int fake_write(void *context, const struct setting_target *on, const char *path,
			     const struct setting_value *value)
{
	struct fake *f = context;
	struct setting_value before;
	int r = fake_read(context, on, path, &before);

	if (r < 0)
		return r;
	f->writes++;
	f->last_set = *value;
	fake_time(f, USEC_PER_MSEC);
	return f->write_error ? f->write_error : fake_apply(f, on->id, value);
}

static inline int fake_reclaim(void *context, const char *path, uint64_t key, int64_t bytes)
{
	struct fake *f = context;
	uint64_t now;

	if (fake_find(context, path, &now) < 0 || now != key)
		return -ESTALE;
	if (!f->has_reclaim)
		return -ENOENT;
	f->reclaims++;
	f->largest_reclaim = MAX_OF(f->largest_reclaim, bytes);
	int64_t got = fake_shrink(f, bytes);

	fake_time(f, 10 * USEC_PER_MSEC);
	if (f->interrupted_left > 0) {
		f->interrupted_left--;
		return -EINTR;
	}
	return got < bytes ? -EAGAIN : 0;
}

static inline bool fake_is_silent(const struct fake *f)
{
	return f->unit_error == -ETIMEDOUT || f->unit_error == -ECONNRESET;
}

static inline int fake_unit_of(void *context, const char *path, bool ask, char *ret, size_t size)
{
	const struct fake *f = context;

	(void)path;
	if (ask && f->unit_error != 0 && !fake_is_silent(f))
		return f->unit_error;
	if (ask && !f->unit_known)
		return -ENOENT;
	if (sizeof(FAKE_UNIT) > size)
		return -ENAMETOOLONG;
	strcpy(ret, FAKE_UNIT);
	return 0;
}

static inline int fake_unit_set(void *context, const char *unit, const struct setting_target *on,
				const struct setting_value *value)
{
	struct fake *f = context;

	if (strcmp(unit, FAKE_UNIT) != 0 || !f->unit_known)
		return -ENOENT;
	if (f->unit_error != 0 && !fake_is_silent(f))
		return f->unit_error;
	f->unit_sets++;
	f->last_set = *value;
	f->drop_in = true;
	fake_time(f, f->unit_error != 0 ? 10 * USEC_PER_SEC : USEC_PER_MSEC);
	if (f->unit_error != 0 && !f->lost)
		return f->unit_error;
	if (f->delay > 0) {
		f->pending = *value;
		f->pending_id = on->id;
		f->pending_at = f->now + f->delay;
		f->has_pending = true;
	} else if (!f->ignores && !f->gone) {
		/* What the kernel says to the manager is in its journal. */
		f->present[on->id] = true;
		(void)fake_apply(f, on->id, value);
	}
	return f->unit_error;
}

static inline int fake_unit_freeze(void *context, const char *unit, bool freeze)
{
	struct fake *f = context;

	if (strcmp(unit, FAKE_UNIT) != 0 || f->unit_error != 0)
		return f->unit_error ? f->unit_error : -ENOENT;
	f->frozen_by_unit = freeze;
	f->values[SETTING_FREEZE].number = freeze;
	return 0;
}

static inline int fake_unit_job(void *context, const char *unit, enum unit_verb verb)
{
	struct fake *f = context;

	(void)unit;
	f->jobs++;
	f->last_verb = verb;
	return f->unit_error;
}

static inline int fake_unit_arm(void *context, const struct work_unit *unit)
{
	struct fake *f = context;

	fake_time(f, USEC_PER_SEC);
	f->armed = *unit;
	return f->unit_error ? f->unit_error : f->armed_how;
}

static inline int fake_unit_disarm(void *context, const struct work_unit *unit)
{
	struct fake *f = context;

	f->disarmed = *unit;
	return f->unit_error;
}

static inline const char *fake_words(void *context)
{
	const struct fake *f = context;

	return f->unit_error ? "the manager says no" : "";
}

static inline int fake_drop_in_remove(void *context, const char *unit, enum setting_id id)
{
	struct fake *f = context;

	(void)unit;
	(void)id;
	if (!f->drop_in)
		return -ENOENT;
	f->drop_in = false;
	return 0;
}

static inline int fake_node_free(void *context, unsigned node, int64_t *ret)
{
	const struct fake *f = context;

	(void)node;
	*ret = 100 * GIB - f->use;
	return 0;
}

static inline int fake_node_room(void *context, unsigned node, int64_t *ret)
{
	const struct fake *f = context;

	*ret = f->room;
	return node == 1 ? 0 : -ENOENT;
}

static inline int fake_node_reclaim(void *context, unsigned node, int64_t bytes)
{
	struct fake *f = context;

	if (node != 1)
		return -ENOENT;
	if (f->busy_left > 0) {
		f->busy_left--;
		return -EBUSY;
	}
	return fake_reclaim(context, FAKE_PATH, FAKE_KEY, bytes);
}

static inline int fake_compact(void *context, unsigned node)
{
	struct fake *f = context;

	f->compacted++;
	return node == 1 ? 0 : -ENOENT;
}

static inline int fake_drop_slab(void *context)
{
	struct fake *f = context;

	f->dropped++;
	return f->write_error;
}

static inline usec_t fake_now(void *context)
{
	return ((struct fake *)context)->now;
}

static inline void fake_sleep(void *context, usec_t usec)
{
	fake_time(context, usec);
}

static inline int fake_poll_control(void *context, struct work_request *ret)
{
	struct fake *f = context;

	if (f->cancel_after == 0 || f->calls < f->cancel_after || f->cancel_given)
		return 0;
	f->cancel_given = true;
	*ret = (struct work_request){ .kind = WORK_CANCEL };
	return 1;
}

static inline int fake_reply(void *context, const struct work_reply *reply)
{
	struct fake *f = context;

	f->replies++;
	f->finals += reply->final;
	f->last = *reply;
	return 0;
}

static inline void fake_run(struct fake *f, const struct work_request *request)
{
	const struct clerk_doors doors = {
		.limits_kill = !f->v1,
		.page_bytes = FAKE_PAGE,
		.find = fake_find,
		.use = fake_use,
		.read = fake_read,
		.write = fake_write,
		.reclaim = fake_reclaim,
		.unit_of = fake_unit_of,
		.unit_set = fake_unit_set,
		.unit_freeze = fake_unit_freeze,
		.unit_job = fake_unit_job,
		.unit_arm = fake_unit_arm,
		.unit_disarm = fake_unit_disarm,
		.unit_words = fake_words,
		.drop_in_remove = fake_drop_in_remove,
		.node_free = fake_node_free,
		.node_room = fake_node_room,
		.node_reclaim = fake_node_reclaim,
		.node_compact = fake_compact,
		.drop_slab = fake_drop_slab,
		.now = fake_now,
		.sleep = fake_sleep,
		.context = f,
	};
	const struct work_channel channel = { .poll_control = fake_poll_control,
					      .reply = fake_reply,
					      .context = f };

	clerk_run(request, &channel, &doors);
}
