/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* This process's own oom_score_adj; in a child, as it may not go down again. */

#include "test.h"

#include "sys/own_score.h"
#include "sys/sysroot.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sysroot root;

static int raise_and_read(void)
{
	int score = 0;

	if (own_score_set(&root, OWN_SCORE_FIRST) != 0)
		return 1;
	if (own_score_read(&root, &score) != 0 || score != OWN_SCORE_FIRST)
		return 2;
	/* It is so already. */
	return own_score_set(&root, OWN_SCORE_FIRST) == 0 ? 0 : 3;
}

TEST(what_was_set_is_read)
{
	int status;
	pid_t pid;

	check_int(sysroot_open(NULL, &root), 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0)
		_exit(raise_and_read());
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 0);
	sysroot_done(&root);
}

TEST(on_a_captured_machine_there_is_none)
{
	int score = 7;

	check_int(sysroot_open("/", &root), 0);
	root.live = false;
	check_int(own_score_read(&root, &score), -EROFS);
	check_int(score, 7);
	check_int(own_score_set(&root, OWN_SCORE_FIRST), -EROFS);
	sysroot_done(&root);
}
