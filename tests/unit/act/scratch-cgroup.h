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
#include <sys/mman.h>
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

/* A child in the cgroup that is ready: it has done `work`, and does nothing more. */
static inline pid_t scratch_fork(struct scratch *s, int dir_fd, void (*work)(const void *context),
				 const void *context)
{
	char byte = 0;
	int ready[2];
	pid_t pid;

	check(s->child_count < SCRATCH_CHILDREN_MAX);
	check(pipe(ready) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		scratch_write(dir_fd, "cgroup.procs", "0");
		work(context);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	s->children[s->child_count++] = pid;
	close(ready[1]);
	check(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static inline void scratch_mind_term(const void *ignores_term)
{
	signal(SIGTERM, *(const bool *)ignores_term ? SIG_IGN : SIG_DFL);
}

/* At `below`, relative to the scratch cgroup, or NULL: in itself. */
static inline pid_t scratch_child(struct scratch *s, const char *below, bool ignores_term)
{
	int dir_fd = s->dir_fd;
	char path[256];
	pid_t pid;

	if (below) {
		snprintf(path, sizeof(path), "%s/%.*s", s->path, (int)strcspn(below, "/"), below);
		(void)mkdirat(s->layout.tree_fd, path, 0755);
		snprintf(path, sizeof(path), "%s/%s", s->path, below);
		(void)mkdirat(s->layout.tree_fd, path, 0755);
		dir_fd = openat(s->layout.tree_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		check(dir_fd >= 0);
	}
	pid = scratch_fork(s, dir_fd, scratch_mind_term, &ignores_term);
	if (below)
		close(dir_fd);
	return pid;
}

static inline char *scratch_map(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	return memory;
}

static inline void scratch_take_memory(const void *bytes)
{
	memset(scratch_map(*(const size_t *)bytes), 1, *(const size_t *)bytes);
}

static inline void scratch_lock_memory(const void *bytes)
{
	char *memory = scratch_map(*(const size_t *)bytes);

	if (mlock(memory, *(const size_t *)bytes) == 0)
		memset(memory, 1, *(const size_t *)bytes);
}

/* With so much memory, which nothing but swap could take from it. */
static inline pid_t scratch_hog(struct scratch *s, size_t bytes)
{
	return scratch_fork(s, s->dir_fd, scratch_take_memory, &bytes);
}

/* The same, and not even swap; without the right to that it takes none. */
static inline pid_t scratch_locked_hog(struct scratch *s, size_t bytes)
{
	return scratch_fork(s, s->dir_fd, scratch_lock_memory, &bytes);
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
