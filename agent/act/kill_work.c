/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/remedy.h"
#include "sys/process_effects.h"

#include <errno.h>

/* Each call frees what it can get at without waiting; a large process takes a few. */
#define RELEASE_CALLS_MAX 16

static int release_process(const struct work_request *request, const struct work_channel *channel)
{
	struct process_handle handle;
	int r;

	/* Nobody in particular: whether it could be done. */
	if (request->pid == 0)
		return process_can_release_memory(channel->root);
	r = process_handle_open(channel->root, request->pid, request->start_ticks, &handle);
	if (r < 0)
		return r;
	for (int i = 0; i < RELEASE_CALLS_MAX; i++) {
		r = process_release_memory(channel->root, &handle);
		if (r != -EAGAIN)
			break;
	}
	process_handle_done(&handle);
	return r;
}

void kill_work(const struct work_request *request, const struct work_channel *channel)
{
	const struct work_reply reply = {
		.token = request->token,
		.final = true,
		.error = -release_process(request, channel),
	};

	(void)channel->reply(channel->context, &reply);
}
