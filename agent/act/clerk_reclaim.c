/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reclaim at our own expense, in portions between which it can be stopped. What the kernel gives is
 * taken: less than was asked for is a result, nothing at all is a failure. Without swap only file
 * pages and slab can go, and the kernel says so within milliseconds.
 */

#include "act/clerk_work.h"
#include "util/macro.h"

#include <errno.h>

/* Dirty pages have to be written first; after so many portions of next to nothing it gives up. */
#define FRUITLESS_MAX 2
/* Next to nothing: less than this part of what was asked for. */
#define FRUITLESS_PART 8
#define TELL_USEC      (250 * USEC_PER_MSEC)
/* Somebody else has the node reclaimed; it is waited for, a moment each time. */
#define BUSY_USEC (100 * USEC_PER_MSEC)

static int64_t fall(int64_t before, int64_t after)
{
	return before > after ? before - after : 0;
}

/* Never nothing, which would be granted without end. */
static int64_t portion_of(const struct clerk *clerk, int64_t left)
{
	return MAX_OF(MIN_OF(left, CLERK_RECLAIM_BYTES), clerk->doors->page_bytes);
}

static void tell_progress(struct clerk *clerk)
{
	usec_t now = clerk->doors->now(clerk->doors->context);

	if (now - clerk->told_at < TELL_USEC)
		return;
	clerk->told_at = now;
	(void)clerk->channel->reply(clerk->channel->context, &clerk->reply);
}

/* What of it is there: the use of a cgroup, or what a node has not free. */
static int measure(const struct clerk *clerk, int64_t *ret)
{
	const struct work_relief *relief = &clerk->request->relief;
	const struct clerk_doors *doors = clerk->doors;
	int64_t free_bytes;
	int r;

	if (!relief->of_node)
		return doors->use(doors->context, relief->path, relief->key, ret);
	r = doors->node_free(doors->context, relief->node, &free_bytes);
	if (r == 0)
		*ret = INT64_MAX - free_bytes;
	return r;
}

static int ask(const struct clerk *clerk, int64_t bytes)
{
	const struct work_relief *relief = &clerk->request->relief;
	const struct clerk_doors *doors = clerk->doors;

	if (relief->of_node)
		return doors->node_reclaim(doors->context, relief->node, bytes);
	return doors->reclaim(doors->context, relief->path, relief->key, bytes);
}

/* One portion. *ret_bytes is what it gave: all that was asked for where the kernel says so, as
 * others may take more meanwhile; else what can be seen. */
static int take_portion(const struct clerk *clerk, int64_t bytes, int64_t *ret_bytes)
{
	int64_t before, after;
	int r, seen;

	seen = measure(clerk, &before);
	r = ask(clerk, bytes);
	if (r == 0)
		*ret_bytes = bytes;
	if (r != -EAGAIN && r != -EINTR)
		return r;
	*ret_bytes = 0;
	if (seen == 0 && measure(clerk, &after) == 0)
		*ret_bytes = MIN_OF(fall(before, after), bytes);
	return -EAGAIN;
}

static int stop_reason(struct clerk *clerk)
{
	if (clerk_is_cancelled(clerk))
		return -ECANCELED;
	return clerk_is_late(clerk) ? -ETIMEDOUT : 0;
}

static int take_all(struct clerk *clerk, int64_t wanted)
{
	unsigned fruitless = 0;
	int r = 0;

	while ((int64_t)clerk->reply.done_bytes < wanted && fruitless < FRUITLESS_MAX) {
		int64_t portion = portion_of(clerk, wanted - (int64_t)clerk->reply.done_bytes);
		int64_t got = 0;

		r = stop_reason(clerk);
		if (r < 0)
			return r;
		r = take_portion(clerk, portion, &got);
		if (r == -EBUSY) {
			clerk->doors->sleep(clerk->doors->context, BUSY_USEC);
			continue;
		}
		if (r < 0 && r != -EAGAIN)
			return r;
		clerk->reply.done_bytes += (uint64_t)got;
		fruitless = got < portion / FRUITLESS_PART ? fruitless + 1 : 0;
		tell_progress(clerk);
	}
	return r;
}

int clerk_reclaim(struct clerk *clerk)
{
	const struct work_relief *relief = &clerk->request->relief;
	int r;

	/* The root cgroup is the machine. */
	if (!relief->of_node && relief->path[0] == '\0')
		return -EINVAL;
	r = take_all(clerk, (int64_t)MIN_OF(relief->bytes, (uint64_t)INT64_MAX));
	if (r == -ECANCELED || clerk->reply.done_bytes == 0)
		return r;
	/* The rest stays, is gone with the cgroup, or time is over: what was got is got. */
	return 0;
}

int clerk_reclaim_to(struct clerk *clerk, int64_t goal, int64_t *use)
{
	const struct clerk_doors *doors = clerk->doors;
	const char *path = clerk->request->setting.path;
	unsigned fruitless = 0;

	while (*use > goal) {
		int64_t portion = portion_of(clerk, *use - goal), before = *use;
		int r = stop_reason(clerk);

		if (r < 0)
			return r;
		r = doors->reclaim(doors->context, path, clerk->on.key, portion);
		if (r == -ENOENT)
			return -EOPNOTSUPP;
		if (r < 0 && r != -EAGAIN && r != -EINTR)
			return r;
		r = doors->use(doors->context, path, clerk->on.key, use);
		if (r < 0)
			return r;
		/* It grows as fast, or there is nothing to be had. */
		fruitless = fall(before, *use) < portion / FRUITLESS_PART ? fruitless + 1 : 0;
		if (fruitless >= FRUITLESS_MAX)
			return -EAGAIN;
	}
	return 0;
}
