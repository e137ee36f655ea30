/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The agent that runs on this host, from outside: for the operator's brake. It is found by the lock
 * that it holds, which the kernel itself says the owner of.
 */

#include "util/usec.h"

#include <stdint.h>
#include <sys/types.h>

enum agent_result {
	AGENT_RELOADED,
	AGENT_REFUSED,	 /* the new configuration has faults, the old one stays in force */
	AGENT_RESTARTED, /* another one runs by now, which has read all of it at its start */
};

/* Asks it to read its configuration and what is paused (pause_list_sum()), and waits until it has,
 * which for what is paused it does in any case. An agent_result; -ESRCH: none runs (any more);
 * -ETIMEDOUT: it has not answered; other -errno: it could not be asked. *ret_pid, unless NULL, is
 * whom it was asked of, 0 before one was found. */
int agent_reload(int directory_fd, uint64_t paused_sum, usec_t patience_usec, pid_t *ret_pid);
