/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/clerk_here.h"

#include <errno.h>

static int no_control(void *context, struct work_request *ret)
{
	(void)context;
	(void)ret;
	return 0;
}

static int keep_reply(void *context, const struct work_reply *reply)
{
	struct clerk_here *here = context;

	if (reply->final) {
		here->reply = *reply;
		here->has_reply = true;
	}
	return 0;
}

static int submit(void *pool, const struct work_request *request, int *ret_worker)
{
	struct clerk_here *here = pool;
	const struct work_channel channel = { .poll_control = no_control,
					      .reply = keep_reply,
					      .context = here,
					      .root = here->machine.root };
	struct clerk_doors doors;
	int r;

	if (here->is_taken)
		return -EBUSY;
	r = clerk_machine_open(&here->machine, request->deadline_usec, &doors);
	if (r < 0)
		return r;
	here->is_taken = true;
	here->has_reply = false;
	here->requests++;
	clerk_run(request, &channel, &doors);
	clerk_machine_rest(&here->machine);
	*ret_worker = 0;
	return 0;
}

static int send_nothing(void *pool, int worker, const struct work_request *request)
{
	(void)pool;
	(void)worker;
	(void)request;
	return 0;
}

static int receive(void *pool, int worker, struct work_reply *ret)
{
	struct clerk_here *here = pool;

	(void)worker;
	if (!here->has_reply)
		return -EPIPE;
	*ret = here->reply;
	here->has_reply = false;
	return 1;
}

static void release(void *pool, int worker, bool give_up)
{
	struct clerk_here *here = pool;

	(void)worker;
	(void)give_up;
	here->is_taken = here->has_reply = false;
}

struct work_port clerk_here_port(struct clerk_here *here)
{
	return (struct work_port){ .submit = submit,
				   .send = send_nothing,
				   .receive = receive,
				   .release = release,
				   .pool = here };
}

void clerk_here_done(struct clerk_here *here)
{
	clerk_machine_done(&here->machine);
}
