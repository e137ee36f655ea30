/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A page that two processes share: beats are seen, and a change of danger wakes who waits for it.
 */

#include "test.h"

#include "sys/clock.h"
#include "sys/heartbeat.h"

#include <sys/wait.h>
#include <unistd.h>

#define LONG_USEC (20 * USEC_PER_SEC)

TEST(beats_are_counted)
{
	struct heartbeat *h;
	uint32_t before;

	check_int(heartbeat_new(&h), 0);
	before = heartbeat_count(h);
	heartbeat_beat(h, false);
	heartbeat_beat(h, true);
	check_int(heartbeat_count(h) - before, 2);
	check(heartbeat_is_danger(h));
	heartbeat_free(h);
}

TEST(danger_wakes_the_other_process_and_so_does_its_end)
{
	struct heartbeat *h;
	usec_t begun = clock_monotonic_usec();
	int status, turns[2];
	char byte;
	pid_t pid;

	check_int(heartbeat_new(&h), 0);
	check_int(pipe(turns), 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		while (!heartbeat_is_danger(h))
			heartbeat_wait(h, false, USEC_INFINITY);
		if (write(turns[1], "d", 1) != 1)
			_exit(1);
		while (heartbeat_is_danger(h))
			heartbeat_wait(h, true, LONG_USEC);
		_exit(0);
	}
	heartbeat_beat(h, true);
	check_int(read(turns[0], &byte, 1), 1);
	heartbeat_beat(h, false);
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	check(clock_monotonic_usec() - begun < LONG_USEC / 2);
	heartbeat_free(h);
}

TEST(a_wait_in_danger_ends)
{
	struct heartbeat *h;
	usec_t begun;

	check_int(heartbeat_new(&h), 0);
	heartbeat_beat(h, true);
	begun = clock_monotonic_usec();
	heartbeat_wait(h, true, 30 * USEC_PER_MSEC);
	check(clock_monotonic_usec() - begun >= 25 * USEC_PER_MSEC);
	/* What is not so is not waited for. */
	begun = clock_monotonic_usec();
	heartbeat_wait(h, false, LONG_USEC);
	check(clock_monotonic_usec() - begun < LONG_USEC / 2);
	heartbeat_free(h);
}
