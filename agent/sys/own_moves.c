/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/own_moves.h"

#include "sys/move_pages.h"
#include "sys/privilege.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <linux/capability.h>
#include <unistd.h>

static int ask_for_own_page(const struct sysroot *root)
{
	void *pages[] = { &pages };
	int status[ARRAY_SIZE(pages)];

	return move_pages_query(root, getpid(), pages, ARRAY_SIZE(pages), status);
}

static void read_nodes(const struct sysroot *root, struct own_moves *ret)
{
	_cleanup_(closep) int fd = proc_pid_open(root, getpid());
	struct proc_status status;

	if (fd < 0 || proc_status_read(fd, &status) < 0)
		return;
	ret->nodes_known = status.mems_known;
	ret->nodes = status.mems_allowed;
}

int own_moves_read(const struct sysroot *root, struct own_moves *ret)
{
	uint64_t rights;
	/* Who cannot even ask is not refused for that. */
	struct own_moves own = { .has_ptrace = true, .has_nice = true };

	if (!root->live)
		return -EROFS;
	own.error = ask_for_own_page(root);
	if (privilege_read(&rights) == 0) {
		own.has_ptrace = rights & PRIVILEGE_BIT(CAP_SYS_PTRACE);
		own.has_nice = rights & PRIVILEGE_BIT(CAP_SYS_NICE);
	}
	read_nodes(root, &own);
	*ret = own;
	return 0;
}
