/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/clerk_work.h"

#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

bool clerk_is_cancelled(struct clerk *clerk)
{
	const struct work_channel *channel = clerk->channel;
	struct work_request message;

	while (channel->poll_control(channel->context, &message) > 0)
		if (message.kind == WORK_CANCEL)
			clerk->cancelled = true;
	return clerk->cancelled;
}

bool clerk_is_late(const struct clerk *clerk)
{
	return clerk->doors->now(clerk->doors->context) >= clerk->deadline;
}

void clerk_say(struct clerk *clerk, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(clerk->reply.said, sizeof(clerk->reply.said), format, arguments);
	va_end(arguments);
}

static int run_job(struct clerk *clerk)
{
	static const char *const done[] = {
		[UNIT_START] = "started",
		[UNIT_STOP] = "stopped",
		[UNIT_RESTART] = "restarted",
	};
	const struct work_unit *unit = &clerk->request->unit;
	const struct clerk_doors *doors = clerk->doors;
	int r;

	if ((unsigned)unit->verb >= ARRAY_SIZE(done))
		return -EINVAL;
	r = doors->unit_job(doors->context, unit->unit, unit->verb);
	if (unit->verb == UNIT_STOP && r == -ENOENT) {
		/* systemd forgets a unit that has stopped and that no file describes. */
		clerk_say(clerk, "no such unit is there any more");
		return 0;
	}
	if (r < 0)
		clerk_say(clerk, "%s", doors->unit_words(doors->context));
	else
		clerk_say(clerk, "%s", done[unit->verb]);
	return r;
}

static void say_held(struct clerk *clerk, int how)
{
	static const char *const hows[] = {
		"",
		", not confined, for which systemd is too old",
		", under the agent's own user id",
	};
	const struct work_unit *unit = &clerk->request->unit;
	struct strbuf b = STRBUF(clerk->reply.said);

	strbuf_add(&b, "holds ");
	strbuf_add_bytes(&b, (int64_t)MIN_OF(unit->bytes, (uint64_t)INT64_MAX));
	if (unit->has_node)
		strbuf_addf(&b, " on node %u", unit->node);
	if ((unsigned)how < ARRAY_SIZE(hows))
		strbuf_add(&b, hows[how]);
}

/* One that was taken back meanwhile is ended again. */
static int arm(struct clerk *clerk)
{
	const struct work_unit *unit = &clerk->request->unit;
	const struct clerk_doors *doors = clerk->doors;
	int r = doors->unit_arm(doors->context, unit);

	if (r < 0) {
		clerk_say(clerk, "%s", doors->unit_words(doors->context));
		return r;
	}
	clerk->reply.done_bytes = unit->bytes;
	say_held(clerk, r);
	if (!clerk_is_cancelled(clerk) || doors->unit_disarm(doors->context, unit) < 0)
		return 0;
	clerk->reply.done_bytes = 0;
	return -ECANCELED;
}

static int disarm(struct clerk *clerk)
{
	const struct clerk_doors *doors = clerk->doors;
	int r = doors->unit_disarm(doors->context, &clerk->request->unit);

	if (r == -ENOENT) {
		clerk_say(clerk, "it was gone already");
		return 0;
	}
	clerk_say(clerk, "%s", r < 0 ? doors->unit_words(doors->context) : "ended");
	return r;
}

static int run_unit(struct clerk *clerk)
{
	if (clerk->request->unit.unit[0] == '\0')
		return -EINVAL;
	switch (clerk->request->unit.verb) {
	case UNIT_ARM:
		return arm(clerk);
	case UNIT_DISARM:
		return disarm(clerk);
	default:
		return run_job(clerk);
	}
}

static int run(struct clerk *clerk)
{
	const struct clerk_doors *doors = clerk->doors;

	switch (clerk->request->kind) {
	case WORK_SET:
		return clerk_set(clerk);
	case WORK_RECLAIM:
		return clerk_reclaim(clerk);
	case WORK_COMPACT:
		return doors->node_compact(doors->context, clerk->request->relief.node);
	case WORK_DROP_SLAB:
		return doors->drop_slab(doors->context);
	case WORK_UNIT:
		return run_unit(clerk);
	default:
		return -EOPNOTSUPP;
	}
}

void clerk_run(const struct work_request *request, const struct work_channel *channel,
	       const struct clerk_doors *doors)
{
	struct clerk clerk = {
		.request = request,
		.channel = channel,
		.doors = doors,
		.reply.token = request->token,
	};

	clerk.deadline = doors->now(doors->context) + request->deadline_usec;
	/* It may have been taken back while it lay in the socket. */
	clerk.reply.error = clerk_is_cancelled(&clerk) ? ECANCELED : -run(&clerk);
	clerk.reply.final = true;
	(void)channel->reply(channel->context, &clerk.reply);
}
