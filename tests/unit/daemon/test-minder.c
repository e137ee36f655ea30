/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who minds the loop: when it says something, and when it ends the agent. */

#include "test.h"

#include "daemon/minder.h"
#include "util/macro.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A hundred ticks a second, a look each second. */
#define TICKS UINT64_C(10000)

static struct minder_case c;
static struct minder_look look;

static void begin(char state)
{
	c = (struct minder_case){ .beats = 7 };
	look = (struct minder_look){ .beats = 7, .state = state };
}

static enum minder_verdict judge(bool may_end)
{
	return minder_judge(&c, &look, may_end, TICKS);
}

/* The number of the look that has this verdict; those before it have nothing to say. */
static int looks_until(enum minder_verdict verdict, uint64_t user_ticks_each)
{
	for (int i = 1; i < 100; i++) {
		enum minder_verdict r = judge(true);

		if (r == verdict)
			return i;
		if (r != MINDER_SAY)
			check_int(r, MINDER_WAIT);
		look.user_ticks += user_ticks_each;
	}
	return 0;
}

TEST(ticks_are_well)
{
	begin('S');
	for (int i = 0; i < 100; i++) {
		look.beats++;
		check_int(judge(true), MINDER_WELL);
	}
}

TEST(a_silence_is_said_once_and_so_is_its_end)
{
	begin('D');
	check_int(looks_until(MINDER_SAY, 0), 5);
	for (int i = 0; i < 100; i++)
		check_int(judge(true), MINDER_WAIT); /* the kernel holds it: nothing would help */
	look.beats++;
	check_int(judge(true), MINDER_AGAIN);
	look.beats++;
	check_int(judge(true), MINDER_WELL);
	check_int(looks_until(MINDER_SAY, 0), 5);
}

TEST(one_that_waits_for_ever_is_ended_then_killed)
{
	begin('S');
	check_int(looks_until(MINDER_END, 0), 15);
	check_int(judge(true), MINDER_KILL);
}

TEST(one_that_spins_is_ended_one_that_the_kernel_keeps_busy_is_not)
{
	begin('R');
	check_int(looks_until(MINDER_END, 90), 15);
	begin('R');
	check_int(looks_until(MINDER_END, 1), 0);
}

TEST(one_that_is_stopped_is_let_be)
{
	begin('T');
	check_int(looks_until(MINDER_END, 0), 0);
	begin('t');
	check_int(looks_until(MINDER_END, 0), 0);
}

TEST(one_look_at_a_wait_is_not_enough)
{
	begin('D');
	for (int i = 0; i < 40; i++) {
		look.state = i % 4 == 3 ? 'D' : 'S';
		check(judge(true) != MINDER_END);
	}
}

TEST(nobody_is_ended_whom_nobody_starts_again)
{
	begin('S');
	for (int i = 0; i < 100; i++)
		check(judge(false) != MINDER_END);
}

/* How a process ends that goes silent in danger; 0: it is not ended within a second. */
static int fate_of(bool may_end, bool is_danger, bool spins)
{
	pid_t pid = fork();
	int status;

	check(pid >= 0);
	if (pid == 0) {
		struct minder *minder;

		/* It has its say, which nobody needs to see. */
		if (!freopen("/dev/null", "w", stderr) ||
		    minder_new(may_end, 10 * USEC_PER_MSEC, &minder) < 0)
			_exit(1);
		minder_beat(minder, true);
		minder_beat(minder, is_danger);
		for (volatile unsigned turns = 0;; turns++)
			if (!spins)
				pause();
	}
	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
		(void)poll(NULL, 0, 10);
		if (i == 100 && !(may_end && is_danger))
			break;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

TEST(a_real_one_that_hangs_is_ended)
{
	check_int(fate_of(true, true, false), SIGABRT);
	check_int(fate_of(true, true, true), SIGABRT);
}

TEST(a_real_one_is_let_be_out_of_danger_or_with_nobody_behind_it)
{
	check_int(fate_of(true, false, false), 0);
	check_int(fate_of(false, true, false), 0);
}

TEST(it_ends_with_its_agent)
{
	struct minder *minder;

	check_int(minder_new(false, MINDER_LOOK_USEC, &minder), 0);
	minder_beat(minder, false);
	minder_free(minder);
	check_int(waitpid(-1, NULL, WNOHANG), -1);
	check_int(errno, ECHILD);
}
