/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_tree.h"

#include "sys/directory.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ENTRIES_BYTES 2048
#define PIDS_BYTES    2048

struct tree {
	const struct cgroup_walk *walk;
	char path[CGROUP_TREE_PATH_BYTES];
	size_t length;
	unsigned depth;
};

static bool is_gone(int r)
{
	return r == -ENODEV || r == -ENOENT;
}

struct pid_text {
	uint64_t number;
	bool digits;
};

/* Numbers may be split between two reads, so they are built digit by digit. */
static int feed(const struct cgroup_walk *walk, struct pid_text *text, char c)
{
	pid_t pid;

	if (c >= '0' && c <= '9') {
		text->number = MIN_OF(text->number * 10 + (uint64_t)(c - '0'), (uint64_t)INT_MAX);
		text->digits = true;
		return 0;
	}
	pid = (pid_t)text->number;
	text->number = 0;
	if (!text->digits)
		return 0;
	text->digits = false;
	/* 0 stands for a process of another pid namespace, which has no number here. */
	return pid > 0 ? walk->process(walk->context, pid) : 0;
}

static int each_process(int dir_fd, const struct cgroup_walk *walk)
{
	_cleanup_(closep) int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	struct pid_text text = { 0 };
	char buffer[PIDS_BYTES];
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		/* A threaded cgroup: its processes are listed further up. */
		if (n < 0)
			return errno == EOPNOTSUPP ? 0 : -errno;
		for (ssize_t i = 0; i < n; i++) {
			r = feed(walk, &text, buffer[i]);
			if (r != 0)
				return r;
		}
	}
	return 0;
}

static int walk_one(struct tree *tree, int dir_fd);

static int walk_child(struct tree *tree, int dir_fd, const char *name)
{
	_cleanup_(closep) int fd = -1;
	size_t before = tree->length;
	int added, r = 1;

	added = snprintf(tree->path + before, sizeof(tree->path) - before, "%s%s",
			 before > 0 ? "/" : "", name);
	if (added < 0 || (size_t)added >= sizeof(tree->path) - before)
		return -ENAMETOOLONG;
	tree->length += (size_t)added;
	if (tree->walk->enter)
		r = tree->walk->enter(tree->walk->context, tree->path);
	if (r > 0) {
		fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : walk_one(tree, fd);
		if (is_gone(r))
			r = 0;
	}
	tree->length = before;
	tree->path[before] = '\0';
	return r;
}

static int each_entry(struct tree *tree, int dir_fd, const char *data, size_t size)
{
	const char *name;
	uint8_t type;
	size_t at = 0;
	int r;

	while ((r = directory_next(data, size, &at, &name, &type)) > 0) {
		if (type != DT_DIR)
			continue;
		r = walk_child(tree, dir_fd, name);
		if (r != 0)
			return r;
	}
	return r;
}

static int each_child(struct tree *tree, int dir_fd)
{
	_cleanup_(closep) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buffer[ENTRIES_BYTES];
	long n;
	int r;

	if (fd < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		r = each_entry(tree, dir_fd, buffer, (size_t)n);
		if (r != 0)
			return r;
	}
	return n < 0 ? -errno : 0;
}

static int walk_one(struct tree *tree, int dir_fd)
{
	int r;

	if (tree->depth >= CGROUP_TREE_DEPTH_MAX)
		return -ELOOP;
	tree->depth++;
	r = each_process(dir_fd, tree->walk);
	if (r == 0)
		r = each_child(tree, dir_fd);
	tree->depth--;
	return r;
}

int cgroup_walk(int dir_fd, const struct cgroup_walk *walk)
{
	struct tree tree;
	int r;

	tree.walk = walk;
	tree.path[0] = '\0';
	tree.length = 0;
	tree.depth = 0;
	r = walk_one(&tree, dir_fd);
	return is_gone(r) ? -ENODEV : r;
}

int cgroup_count_mark(const struct sysroot *root, int dir_fd, const char *attribute)
{
	_cleanup_(closep) int fd = -1;
	char text[24];
	uint64_t count = 0;
	ssize_t n;

	if (!root->live)
		return -EROFS;
	/* The descriptor given may be O_PATH, which has no attributes. */
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = fgetxattr(fd, attribute, text, sizeof(text) - 1);
	if (n < 0 && errno != ENODATA)
		return -errno;
	if (n > 0) {
		text[n] = '\0';
		/* Somebody else's words: the count starts over. */
		if (text_to_u64(text, &count) < 0 || count == UINT64_MAX)
			count = 0;
	}
	n = snprintf(text, sizeof(text), "%llu", (unsigned long long)count + 1);
	if (fsetxattr(fd, attribute, text, (size_t)n, 0) < 0)
		return -errno;
	return 0;
}
