/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A clerk that the test has do one thing, at the doors of a machine: its last reply is kept. */

#include "test.h"

#include "act/clerk_machine.h"

static struct work_reply last;

static int keep_reply(void *context, const struct work_reply *reply)
{
	(void)context;
	last = *reply;
	return 0;
}

static int no_message(void *context, struct work_request *ret)
{
	(void)context;
	(void)ret;
	return 0;
}

/* The error of its final reply. */
static int run_clerk(struct clerk_machine *machine, const struct work_request *request)
{
	const struct work_channel channel = { .poll_control = no_message, .reply = keep_reply };
	struct clerk_doors doors;

	check_int(clerk_machine_open(machine, request->deadline_usec, &doors), 0);
	last = (struct work_reply){ 0 };
	clerk_run(request, &channel, &doors);
	clerk_machine_rest(machine);
	check(last.final);
	return last.error;
}
