/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kill of who cannot hear SIGTERM, and one for which something is missing for a moment. */

#include "act/kill-scratch.h"

#include "act/kill_grace.h"

#include <sys/resource.h>

static void leave(int signal_number _unused_)
{
	_exit(0);
}

/* Without a handler the kernel ends who is frozen by SIGTERM as well. */
static void handle_term(const void *context _unused_)
{
	signal(SIGTERM, leave);
}

/* SIGTERM would wait for the thaw, and everybody for the grace. */
TEST(a_frozen_one_is_not_waited_for)
{
	const usec_t moment = START_USEC + KILL_GRACE_MIN_USEC;
	pid_t pid;

	prepare("deaf");
	pid = scratch_fork(&scratch, scratch.dir_fd, handle_term, NULL);
	freeze();
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(moment - 1), REMEDY_RUNNING);
	check(scratch_lives(pid));
	check(!remedy.kill.killed);
	check_int(advance(moment), REMEDY_RUNNING);
	check(remedy.kill.killed);
	check(scratch_has_ended(&scratch, pid));
	check_int(advance_to_end(moment + 1), REMEDY_DONE);
	check_contains(remedy.outcome.reason, "SIGKILL");
	finish();
}

/* In the freezer's own hierarchy, at the same path; -1: there is none. */
static int open_v1_freezer(void)
{
	const struct cgroup_mount *mount = &scratch.layout.v1[CGROUP_FREEZER];
	char path[512];

	if (scratch.layout.controllers[CGROUP_FREEZER] != CGROUP_V1)
		return -1;
	snprintf(path, sizeof(path), "/%s/%s", mount->path, scratch.path);
	if (mkdir(path, 0755) < 0)
		return -1;
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void remove_v1_freezer(void)
{
	char path[512];

	snprintf(path, sizeof(path), "/%s/%s", scratch.layout.v1[CGROUP_FREEZER].path,
		 scratch.path);
	for (int n = 0; n < 500 && rmdir(path) < 0; n++)
		poll(NULL, 0, 2);
}

/* There SIGKILL waits for the thaw as well. */
TEST(one_that_v1_has_frozen_dies_all_the_same)
{
	char text[16], state[32] = "";
	int freezer;
	pid_t pid;

	prepare_in("deaf-v1", CGROUP_TREE_MEMORY);
	freezer = open_v1_freezer();
	if (freezer < 0) {
		finish();
		test_skip("no freezer of cgroup v1, or no right to one");
	}
	pid = scratch_child(&scratch, NULL, true);
	snprintf(text, sizeof(text), "%d", pid);
	scratch_write(freezer, "cgroup.procs", text);
	scratch_write(freezer, "freezer.state", "FROZEN");
	for (int n = 0; n < 500 && !strstr(state, "FROZEN"); n++) {
		check(cgroup_read_file(freezer, "freezer.state", state, sizeof(state)) > 0);
		poll(NULL, 0, 2);
	}
	check_contains(state, "FROZEN");
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, pid));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	close(freezer);
	remove_v1_freezer();
	finish();
}

/* No number is free below that. */
static void limit_descriptors(bool are_spent, struct rlimit *saved)
{
	struct rlimit none;

	if (are_spent)
		check_int(getrlimit(RLIMIT_NOFILE, saved), 0);
	none = *saved;
	if (are_spent)
		none.rlim_cur = 3;
	check_int(setrlimit(RLIMIT_NOFILE, &none), 0);
}

TEST(a_moment_without_descriptors_ends_no_kill)
{
	struct rlimit saved;
	pid_t pid;

	prepare("spent");
	pid = scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	limit_descriptors(true, &saved);
	check_int(advance(START_USEC + 1), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(!remedy.kill.killed);
	limit_descriptors(false, &saved);
	check(scratch_lives(pid));
	check_int(advance(START_USEC + GRACE_USEC + 1), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, pid));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 2), REMEDY_DONE);
	finish();
}

/* But it has an end, and says why. */
TEST(a_kill_that_can_never_be_looked_at_is_given_up)
{
	struct rlimit saved;
	int r;

	prepare("blind");
	scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	limit_descriptors(true, &saved);
	r = advance(START_USEC + GRACE_USEC + 60 * USEC_PER_SEC);
	limit_descriptors(false, &saved);
	check_int(r, -EMFILE);
	check_contains(remedy.outcome.reason, "cannot be seen");
	finish();
}
