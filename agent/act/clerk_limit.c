/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A limit that goes down. Below use each kind does its own harm within the write, and the writer
 * may be PID 1:
 * - memory.max kills until use is below it, so it is not set there at all, but only where use
 *   leaves some room to grow in between;
 * - memory.high has the writer reclaim, for seconds, and then throttles the service almost to a
 *   stop where nothing can be reclaimed. So we reclaim first and let the limit follow, in steps: it
 *   ends at what was asked for, or where use could be brought to. Its own growth is slowed from the
 *   first step on;
 * - v1's limit_in_bytes reclaims in the writer too, and is refused when that does not do. It is
 *   taken down in portions, so that PID 1 is not kept by one of them, and all the way or not at
 * all.
 */

#include "act/clerk_work.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>

/* Where use cannot be brought lower the limit stays at it, in round numbers. */
#define ROUND_BYTES (INT64_C(1) << 20)
/* So many writes of a limit at most, each of which the manager keeps in a file; the steps between
 * are larger then. */
#define STEPS 8
/* What use must leave below memory.max: this part of the limit and so many bytes, as it grows while
 * the manager takes its time. */
#define MARGIN_PART  16
#define MARGIN_BYTES (INT64_C(1) << 20)

static int64_t round_up(int64_t bytes)
{
	return bytes > INT64_MAX - ROUND_BYTES
		       ? bytes
		       : (bytes + ROUND_BYTES - 1) / ROUND_BYTES * ROUND_BYTES;
}

static int64_t limit_before(const struct clerk *clerk)
{
	return clerk->before_known ? clerk->before.number : SETTING_UNLIMITED;
}

static int get_use(const struct clerk *clerk, int64_t *ret)
{
	return clerk->doors->use(clerk->doors->context, clerk->request->setting.path, clerk->on.key,
				 ret);
}

static void say_use(struct clerk *clerk, const char *before, int64_t bytes, const char *after)
{
	struct strbuf said = { .data = clerk->reply.said, .size = sizeof(clerk->reply.said) };

	strbuf_reset(&said);
	strbuf_add(&said, before);
	strbuf_add_bytes(&said, bytes);
	strbuf_add(&said, after);
}

static int put_bytes(struct clerk *clerk, int64_t bytes)
{
	const struct setting_value value = { .number = bytes };

	return clerk_put(clerk, &value);
}

/* --- memory.max ------------------------------------------------------------------------------- */

static int lower_max(struct clerk *clerk, int64_t use)
{
	int64_t wanted = clerk->wanted.number;
	int64_t room = wanted - wanted / MARGIN_PART - MARGIN_BYTES;
	int r;

	r = clerk_reclaim_to(clerk, MAX_OF(room, (int64_t)0), &use);
	if (r == -ECANCELED)
		return r;
	/* Whatever that came to, it is use that decides, as it is now. */
	r = get_use(clerk, &use);
	if (r < 0)
		return r;
	if (use > room) {
		say_use(clerk, "it uses ", use, ", and a limit below or near that would kill it");
		return -EBUSY;
	}
	return clerk_put(clerk, &clerk->wanted);
}

/* --- memory.high ------------------------------------------------------------------------------ */

/* Kernels before 5.19 have no memory.reclaim: there the limit itself is what reclaims, a portion
 * at a time. 0, or -EAGAIN: it does nothing more. */
static int press(struct clerk *clerk, int64_t *use)
{
	int64_t before = *use, portion = MIN_OF(before - clerk->wanted.number, CLERK_CHUNK_BYTES);
	int r = put_bytes(clerk, before - portion);

	if (r < 0)
		return r;
	r = get_use(clerk, use);
	if (r < 0)
		return r;
	return before - *use < portion / 2 ? -EAGAIN : 0;
}

/* The limit follows use down, and never up. */
static int follow(struct clerk *clerk, int64_t use)
{
	int64_t limit = MAX_OF(clerk->wanted.number, round_up(use));

	limit = MIN_OF(limit, limit_before(clerk));
	if (clerk->reply.in_force_known && clerk->reply.in_force.number == limit)
		return 0;
	return put_bytes(clerk, limit);
}

/* 1: there is more to do; 0: use is where it should be; -EAGAIN: as low as it gets. */
static int lower_step(struct clerk *clerk, int64_t step, int64_t *use)
{
	int64_t goal = MAX_OF(clerk->wanted.number, *use - step);
	int r = clerk_reclaim_to(clerk, goal, use);

	if (r == -EOPNOTSUPP)
		r = press(clerk, use);
	if (r < 0 && r != -EAGAIN && r != -ETIMEDOUT)
		return r;
	if (r != 0 || *use <= clerk->wanted.number)
		return r;
	r = follow(clerk, *use);
	return r < 0 ? r : 1;
}

static int lower_high(struct clerk *clerk, int64_t use)
{
	int64_t step = MAX_OF((use - clerk->wanted.number) / STEPS, CLERK_CHUNK_BYTES);
	int r = 1;

	while (r > 0) {
		if (clerk_is_cancelled(clerk))
			return -ECANCELED;
		r = clerk_is_late(clerk) ? -EAGAIN : lower_step(clerk, step, &use);
	}
	if (r == 0)
		return clerk_put(clerk, &clerk->wanted);
	if (r != -EAGAIN && r != -ETIMEDOUT)
		return r;
	/* What was there before us comes back whatever it does: the service had lived with it. */
	if (clerk->request->setting.is_undo)
		return clerk_put(clerk, &clerk->wanted);
	r = follow(clerk, use);
	if (r == 0)
		say_use(clerk, "it uses ", use, ", of which no more could be reclaimed");
	return r;
}

/* --- memory.limit_in_bytes -------------------------------------------------------------------- */

static int lower_v1(struct clerk *clerk, int64_t use)
{
	int64_t at = MIN_OF(limit_before(clerk), round_up(use));

	while (at > clerk->wanted.number) {
		int r;

		if (clerk_is_cancelled(clerk))
			return -ECANCELED;
		at = MAX_OF(clerk->wanted.number, at - CLERK_CHUNK_BYTES);
		r = clerk_is_late(clerk) ? -EBUSY : put_bytes(clerk, at);
		/* The manager does not say what the kernel said to it. */
		if (r == 0 && clerk->reply.in_force_known &&
		    clerk->reply.in_force.number > at + clerk->doors->page_bytes)
			r = -EBUSY;
		if (r == -EBUSY)
			say_use(clerk, "it uses ", use, ", of which not enough could be reclaimed");
		if (r < 0)
			return r;
	}
	return clerk->touched ? 0 : clerk_put(clerk, &clerk->wanted);
}

int clerk_lower(struct clerk *clerk)
{
	int64_t use;
	int r = get_use(clerk, &use);

	/* What is not accounted has nothing to reclaim, and counts from nothing once it is. */
	if (r == -ENOENT)
		return clerk_put(clerk, &clerk->wanted);
	if (r < 0)
		return r;
	if (clerk->on.id == SETTING_MEMORY_HIGH)
		return use > clerk->wanted.number ? lower_high(clerk, use)
						  : clerk_put(clerk, &clerk->wanted);
	return clerk->doors->limits_kill ? lower_max(clerk, use) : lower_v1(clerk, use);
}
