/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A cgroup of the test's own with forked children in it. Where none can be made (no v2, no right
 * to) the test is skipped with that reason.
 */

#include "sys/cgroup_dir.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "test.h"
#include "util/macro.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH_CHILDREN_MAX 8

struct scratch {
	struct sysroot root;
	struct cgroup_layout layout;
	char path[64];
	uint64_t inode;
	int dir_fd;
	pid_t children[SCRATCH_CHILDREN_MAX];
	size_t child_count;
};

static inline void scratch_write(int dir_fd, const char *file, const char *text)
{
	int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

/* The cgroup is made in this hierarchy even on a machine whose own are elsewhere. */
static inline void scratch_take_tree(struct cgroup_layout *layout, enum cgroup_tree tree)
{
	int fd = tree == CGROUP_TREE_V2				   ? layout->v2_fd
		 : layout->controllers[CGROUP_MEMORY] == CGROUP_V1 ? layout->memory_fd
								   : -1;

	if (fd < 0)
		test_skip(tree == CGROUP_TREE_V2 ? "no cgroup v2 is mounted"
						 : "no cgroup v1 has the memory controller");
	if (layout->tree == CGROUP_TREE_NAMED)
		close(layout->tree_fd);
	layout->tree = tree;
	layout->tree_fd = fd;
}

static inline void scratch_open_in(struct scratch *s, const char *name, enum cgroup_tree tree)
{
	struct cgroup_dir dir;

	memset(s, 0, sizeof(*s));
	check_int(sysroot_open(NULL, &s->root), 0);
	check_int(cgroup_layout_open(&s->root, &s->layout), 0);
	scratch_take_tree(&s->layout, tree);
	snprintf(s->path, sizeof(s->path), "oomwarden-test-%s-%d", name, getpid());
	if (mkdirat(s->layout.tree_fd, s->path, 0755) < 0)
		test_skip("no control group can be made here");
	check_int(cgroup_dir_open(&s->layout, s->path, &dir), 0);
	s->dir_fd = dir.fd;
	s->inode = dir.inode;
}

static inline void scratch_open(struct scratch *s, const char *name)
{
	scratch_open_in(s, name, CGROUP_TREE_V2);
}

/* A child in the cgroup at `below` (relative to the scratch one, NULL: itself) that is ready. */
static inline pid_t scratch_child(struct scratch *s, const char *below, bool ignores_term)
{
	char path[256], byte = 0;
	int ready[2], dir_fd = s->dir_fd;
	pid_t pid;

	check(s->child_count < SCRATCH_CHILDREN_MAX);
	check(pipe(ready) == 0);
	if (below) {
		snprintf(path, sizeof(path), "%s/%.*s", s->path, (int)strcspn(below, "/"), below);
		(void)mkdirat(s->layout.tree_fd, path, 0755);
		snprintf(path, sizeof(path), "%s/%s", s->path, below);
		(void)mkdirat(s->layout.tree_fd, path, 0755);
		dir_fd = openat(s->layout.tree_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		check(dir_fd >= 0);
	}
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGTERM, ignores_term ? SIG_IGN : SIG_DFL);
		scratch_write(dir_fd, "cgroup.procs", "0");
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	s->children[s->child_count++] = pid;
	check(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	if (below)
		close(dir_fd);
	return pid;
}

/* Has it ended? Waits a moment: the signal was sent, the kernel delivers it. */
static inline bool scratch_has_ended(struct scratch *s, pid_t pid)
{
	for (size_t i = 0; i < s->child_count; i++) {
		if (s->children[i] != pid)
			continue;
		for (int n = 0; n < 500; n++) {
			if (waitpid(pid, NULL, WNOHANG) == pid) {
				s->children[i] = 0;
				return true;
			}
			poll(NULL, 0, 2);
		}
	}
	return false;
}

static inline bool scratch_lives(pid_t pid)
{
	return kill(pid, 0) == 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

static inline void scratch_close(struct scratch *s)
{
	static const char *const below[] = { "a/b", "a", "sshd.service", "own.service", "." };
	char path[256];

	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i] > 0) {
			kill(s->children[i], SIGKILL);
			waitpid(s->children[i], NULL, 0);
		}
	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->path, below[i]);
		if (strcmp(below[i], ".") == 0)
			path[strlen(s->path)] = '\0';
		/* The kernel lets go of the last task a moment after it was reaped. */
		for (int n = 0; n < 100; n++) {
			if (unlinkat(s->layout.tree_fd, path, AT_REMOVEDIR) == 0 || errno != EBUSY)
				break;
			poll(NULL, 0, 2);
		}
	}
	close(s->dir_fd);
	cgroup_layout_done(&s->layout);
	sysroot_done(&s->root);
}
