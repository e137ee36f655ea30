/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * It sits still: no timer, nothing that is read. It ends when it is told to, or when the agent
 * does, as nobody else would know what it is for.
 */

#include "canary/canary.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Where a kernel has nothing to wait for (before 5.3). */
#define LOOK_MSEC 5000

static int take_signals(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int vigil_begin(struct vigil *vigil, const struct sysroot *root,
		const struct canary_options *options)
{
	*vigil = (struct vigil){ .root = root, .signal_fd = -1 };
	if (options->agent != 0) {
		int r = process_end_open(root, options->agent, options->agent_start_ticks,
					 &vigil->agent);

		if (r < 0)
			return r;
		vigil->has_agent = true;
	}
	vigil->signal_fd = take_signals();
	return vigil->signal_fd < 0 ? vigil->signal_fd : 0;
}

static bool wait_for(const struct vigil *vigil, int timeout_msec)
{
	struct pollfd fds[] = {
		{ .fd = vigil->signal_fd, .events = POLLIN },
		{ .fd = vigil->has_agent ? vigil->agent.fd : -1, .events = POLLIN },
	};

	if (poll(fds, ARRAY_SIZE(fds), timeout_msec) > 0)
		return true;
	return vigil->has_agent && vigil->agent.fd < 0 &&
	       process_end_is_over(vigil->root, &vigil->agent);
}

bool vigil_is_over(const struct vigil *vigil)
{
	return wait_for(vigil, 0);
}

void vigil_keep(const struct vigil *vigil)
{
	const int timeout = vigil->has_agent && vigil->agent.fd < 0 ? LOOK_MSEC : -1;

	while (!wait_for(vigil, timeout))
		continue;
}
