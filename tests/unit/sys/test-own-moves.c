/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/own_moves.h"
#include "sys/privilege.h"
#include "sys/sysroot.h"
#include "test.h"

#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

static struct own_moves read_own(void)
{
	struct own_moves own;
	struct sysroot root;

	check_int(sysroot_open(NULL, &root), 0);
	check_int(own_moves_read(&root, &own), 0);
	sysroot_done(&root);
	return own;
}

TEST(a_page_of_our_own_can_be_asked_for)
{
	struct own_moves own = read_own();

	if (own.error == -ENOSYS || own.error == -EPERM)
		test_skip("move_pages(2) cannot be had here");
	check_int(own.error, 0);
	check(own.nodes_known);
	check(!idset_is_empty(&own.nodes));
}

TEST(rights_are_those_in_effect)
{
	uint64_t rights;

	check_int(privilege_read(&rights), 0);
	check_int(read_own().has_nice, (rights & PRIVILEGE_BIT(CAP_SYS_NICE)) != 0);
	check_int(read_own().has_ptrace, (rights & PRIVILEGE_BIT(CAP_SYS_PTRACE)) != 0);
}

/* In a child, as they are given up for good: 1 for nice, 2 for ptrace, 4 for what does not fit. */
static int rights_after(uint64_t kept)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct own_moves own;
		uint64_t rights;
		bool fits = privilege_keep(kept) == 0 && privilege_read(&rights) == 0 &&
			    (rights & ~kept) == 0;

		own = read_own();
		_exit((own.has_nice ? 1 : 0) | (own.has_ptrace ? 2 : 0) | (fits ? 0 : 4));
	}
	check(pid > 0);
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(rights_that_are_given_up_are_seen_to_be_gone)
{
	struct own_moves own = read_own();

	if (!own.has_nice || !own.has_ptrace)
		test_skip("there are no rights to give up");
	check_int(rights_after(PRIVILEGE_BIT(CAP_SYS_NICE)), 1);
	check_int(rights_after(PRIVILEGE_BIT(CAP_SYS_PTRACE)), 2);
	check_int(rights_after(0), 0);
}

TEST(a_captured_machine_is_not_asked)
{
	struct own_moves own;
	struct sysroot root;

	check_int(sysroot_open("/tmp", &root), 0);
	check_int(own_moves_read(&root, &own), -EROFS);
	sysroot_done(&root);
}
