/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the agent's workers do with each kind of request.
 */

#include "engine/worker.h"
#include "sense/sense.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

static void inspect(const struct work_request *request, const struct work_channel *channel)
{
	struct work_reply reply;

	memset(&reply, 0, sizeof(reply));
	inspect_work(channel->root, request, &reply);
	reply.final = true;
	(void)channel->reply(channel->context, &reply);
}

/* Nobody reads for a moment: the whole of it is small beside what a socket holds, but for the
 * largest command lines. */
static int describe_reply(void *context, const struct work_reply *reply)
{
	const struct work_channel *channel = context;
	int r;

	while ((r = channel->reply(channel->context, reply)) == -EAGAIN)
		poll(NULL, 0, 1);
	return r;
}

static void describe(const struct work_request *request, const struct work_channel *channel)
{
	struct work_channel copy = *channel;

	describe_work(channel->root, request, describe_reply, &copy);
}

int worker_pool_new(const struct sysroot *root, const struct worker_counts *counts,
		    struct worker_pool **ret)
{
	static const struct worker_handlers handlers = {
		.inspect = inspect,
		.describe = describe,
		.migrate = migrate_work,
		.trial = migrate_trial_work,
		.release = kill_work,
		.clerk = clerk_work,
		.prepare_clerk = clerk_prepare,
	};

	return worker_pool_new_with(root, counts, &handlers, ret);
}
