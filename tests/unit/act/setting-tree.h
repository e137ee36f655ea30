/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine of files with one cgroup in it, by layout; captured, or one that may be written to as
 * if it were live. Its files take what they are given, so what a kernel would make of it is for the
 * tests on a real one.
 */

#include "sys/cgroup_dir.h"
#include "sys/fixture.h"
#include "sys/sysroot.h"
#include "test.h"

#define MOUNT_LINE(point, type, options) \
	"36 30 0:30 / " point " rw,nosuid - " type " " type " rw," options "\n"
#define V1_LINE(name, options) MOUNT_LINE("/sys/fs/cgroup/" name, "cgroup", options)

#define V2_MOUNTS MOUNT_LINE("/sys/fs/cgroup", "cgroup2", "nsdelegate")
#define V1_MOUNTS                          \
	V1_LINE("systemd", "name=systemd") \
	V1_LINE("memory", "memory")        \
	V1_LINE("cpuset", "cpuset") V1_LINE("blkio", "blkio") V1_LINE("freezer", "freezer")
#define HYBRID_MOUNTS MOUNT_LINE("/sys/fs/cgroup/unified", "cgroup2", "nsdelegate") V1_MOUNTS

#define V2_A	    "sys/fs/cgroup/system.slice/a.service/"
#define V1_A(where) "sys/fs/cgroup/" where "/system.slice/a.service/"
#define TREE_PATH   "system.slice/a.service"
#define TREE_DEVICE ((uint64_t)8 << 8) /* 8:0 */

struct setting_tree {
	struct fixture fixture;
	struct sysroot root;
	struct cgroup_layout layout;
	uint64_t key;
	bool is_open;
};

static inline void tree_put(const struct setting_tree *t, const char *file, const char *text)
{
	fixture_put(&t->fixture, file, text);
}

static inline void tree_init(struct setting_tree *t, const char *mounts)
{
	*t = (struct setting_tree){ 0 };
	fixture_init(&t->fixture);
	tree_put(t, "proc/self/mountinfo", mounts);
}

static inline void tree_use(const struct setting_tree *t, uint64_t *ret_key)
{
	struct stat st;
	int fd = sysroot_open_beneath(t->layout.tree_fd, TREE_PATH, O_PATH | O_DIRECTORY);

	check(fd >= 0);
	check(fstat(fd, &st) == 0);
	close(fd);
	*ret_key = (uint64_t)st.st_ino;
}

/* Once its files are there. */
static inline void tree_open(struct setting_tree *t)
{
	check_int(sysroot_open(t->fixture.directory, &t->root), 0);
	check_int(cgroup_layout_open(&t->root, &t->layout), 0);
	t->is_open = true;
}

static inline void tree_go_live(struct setting_tree *t)
{
	tree_open(t);
	t->root.live = true;
	t->layout.live = true;
	tree_use(t, &t->key);
}

static inline void tree_done(struct setting_tree *t)
{
	if (t->is_open) {
		cgroup_layout_done(&t->layout);
		sysroot_done(&t->root);
	}
	fixture_done(&t->fixture);
}

static inline const char *tree_text(const struct setting_tree *t, const char *file)
{
	static char text[4096];
	char path[PATH_MAX];
	FILE *stream;
	size_t length;

	fixture_path(&t->fixture, file, path);
	stream = fopen(path, "r");
	if (!stream)
		return NULL;
	length = fread(text, 1, sizeof(text) - 1, stream);
	fclose(stream);
	text[length] = '\0';
	return text;
}

#define TREE(name, mounts)                                     \
	_cleanup_(tree_done) struct setting_tree name = { 0 }; \
	tree_init(&name, mounts)
