/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A clerk without a process of its own: what it is asked for is done when the request returns. For
 * a program that does nothing else.
 */

#include "act/clerk_machine.h"
#include "act/remedy.h"

/* To be zeroed but for `machine.root`, and what else of the machine is not this one's. */
struct clerk_here {
	struct clerk_machine machine;
	struct work_reply reply; /* the final one */
	bool has_reply;
	bool is_taken;
	unsigned requests;
};

/* One request at a time; others find it busy. */
struct work_port clerk_here_port(struct clerk_here *here);
void clerk_here_done(struct clerk_here *here);
