/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine made of files that takes itself for the live one, so that it can be written to: control
 * groups of v2 below cg/, processes below proc/.
 */

#include "sys/fixture.h"
#include "test.h"

#include "sys/cgroup_layout.h"
#include "sys/sysroot.h"

#include <fcntl.h>

struct machine {
	struct fixture files;
	struct sysroot root;
	struct cgroup_layout layout;
};

static inline void machine_open(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	fixture_init(&m->files);
	fixture_directory(&m->files, "cg");
	fixture_directory(&m->files, "proc");
	check_int(sysroot_open(m->files.directory, &m->root), 0);
	m->root.live = true;
	m->layout = (struct cgroup_layout){ .v2 = { .path = "cg", .subtree = "/" },
					    .tree = CGROUP_TREE_V2,
					    .live = true };
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT_; i++)
		m->layout.controllers[i] = CGROUP_V2;
	m->layout.v2_fd = sysroot_open_path(&m->root, "cg", O_PATH | O_DIRECTORY);
	check(m->layout.v2_fd >= 0);
	m->layout.tree_fd = m->layout.memory_fd = m->layout.v2_fd;
}

static inline void machine_close(struct machine *m)
{
	cgroup_layout_done(&m->layout);
	sysroot_done(&m->root);
	fixture_done(&m->files);
}

static inline uint64_t machine_key(const struct machine *m, const char *path)
{
	struct stat st;

	check_int(fstatat(m->layout.tree_fd, path, &st, 0), 0);
	return (uint64_t)st.st_ino;
}

/* Makes it; its key. */
static inline uint64_t machine_cgroup(const struct machine *m, const char *path)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "cg/%s", path);
	fixture_directory(&m->files, name);
	snprintf(name, sizeof(name), "cg/%s/cgroup.procs", path);
	fixture_put(&m->files, name, "");
	return machine_key(m, path);
}

static inline void machine_put(const struct machine *m, const char *path, const char *file,
			       const char *text)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "cg/%s/%s", path, file);
	fixture_put(&m->files, name, text);
}

/* What a file of a cgroup begins with: a write does not cut what was longer. */
static inline void machine_get(const struct machine *m, const char *path, const char *file,
			       char *ret, size_t size)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "cg/%s/%s", path, file);
	check(sysroot_read(&m->root, name, ret, size) >= 0);
	ret[strcspn(ret, "\n")] = '\0';
}

struct machine_process {
	int pid;
	int parent;
	uint64_t start;
	int score;
	char state;
	bool kernel_thread;
	const char *cgroup; /* as it says itself */
};

static inline void machine_process(const struct machine *m, const struct machine_process *p)
{
	char name[64], text[512];

	snprintf(name, sizeof(name), "proc/%d/stat", p->pid);
	snprintf(text, sizeof(text),
		 "%d (web) %c %d 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 %llu 4096000 100 "
		 "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		 p->pid, p->state ? p->state : 'S', p->parent, p->kernel_thread ? 0x200000U : 0U,
		 (unsigned long long)p->start);
	fixture_put(&m->files, name, text);
	snprintf(name, sizeof(name), "proc/%d/cgroup", p->pid);
	snprintf(text, sizeof(text), "0::/%s\n", p->cgroup);
	fixture_put(&m->files, name, text);
	snprintf(name, sizeof(name), "proc/%d/oom_score_adj", p->pid);
	snprintf(text, sizeof(text), "%d\n", p->score);
	fixture_put(&m->files, name, text);
}

static inline int machine_score(const struct machine *m, int pid)
{
	char name[64], text[64];

	snprintf(name, sizeof(name), "proc/%d/oom_score_adj", pid);
	check(sysroot_read(&m->root, name, text, sizeof(text)) > 0);
	return atoi(text);
}
