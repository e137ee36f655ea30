/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The agent is not to be the kernel's victim: what it says of itself, in a child. */

#include "test.h"

#include "host/danger.h"
#include "host/state.h"
#include "sys/own_score.h"

#include <sys/wait.h>
#include <unistd.h>

static struct warden warden;
static struct config config;

static int score(void)
{
	int found = 4711;

	(void)own_score_read(&warden.root, &found);
	return found;
}

/* Which of its checks failed; 0: none did. */
static int protect(void)
{
	const int before = score();
	int after;

	config.mode = MODE_DRY_RUN;
	danger_protect(&warden);
	if (score() != before)
		return 1;
	config.mode = MODE_ENFORCE;
	danger_protect(&warden);
	after = score();
	/* Without CAP_SYS_RESOURCE there is nothing to be done about it. */
	if (own_score_set(&warden.root, OWN_SCORE_NEVER) != 0)
		return after == before ? 0 : 2;
	if (after != (before >= 0 ? OWN_SCORE_NEVER : before))
		return 3;
	/* What somebody has said it to be stays. */
	if (own_score_set(&warden.root, -500) != 0)
		return 4;
	danger_protect(&warden);
	return score() == -500 ? 0 : 5;
}

TEST(who_acts_is_nobodys_victim)
{
	int status;
	pid_t pid;

	warden.config = &config;
	check_int(sysroot_open(NULL, &warden.root), 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0)
		_exit(protect());
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 0);
	sysroot_done(&warden.root);
}
