/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The walk is over directories and files of the kernel's names, so ordinary ones will do. */

#include "test.h"

#include "sys/cgroup_tree.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char top[64];
static int top_fd;

static void write_pids(const char *below, const char *pids)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/cgroup.procs", top, below);
	f = fopen(path, "w");
	check(f);
	fputs(pids, f);
	fclose(f);
}

static void make(const char *below, const char *pids)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", top, below);
	check(mkdir(path, 0755) == 0);
	write_pids(below, pids);
}

static void begin(const char *pids)
{
	strcpy(top, "/tmp/oomwarden-tree-XXXXXX");
	check(mkdtemp(top));
	write_pids(".", pids);
	top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(top_fd >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void end(void)
{
	close(top_fd);
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct seen {
	size_t count;
	uint64_t sum;
	pid_t stop_at;
	const char *leave_out;
	char entered[256];
};

static int enter(void *context, const char *path)
{
	struct seen *seen = context;

	strncat(seen->entered, path, sizeof(seen->entered) - strlen(seen->entered) - 1);
	strncat(seen->entered, ";", sizeof(seen->entered) - strlen(seen->entered) - 1);
	return !seen->leave_out || strcmp(path, seen->leave_out) != 0;
}

static int process(void *context, pid_t pid)
{
	struct seen *seen = context;

	seen->count++;
	seen->sum += (uint64_t)pid;
	return pid == seen->stop_at ? 123 : 0;
}

static int walk(struct seen *seen)
{
	const struct cgroup_walk w = { .enter = enter, .process = process, .context = seen };

	return cgroup_walk(top_fd, &w);
}

TEST(every_process_below_is_seen)
{
	struct seen seen = { 0 };

	begin("1000\n");
	make("a", "2000\n3000\n");
	make("a/b", "4000\n");
	make("machine-qemu\\x2d1\\x2ddb.scope", "5000\n");
	check_int(walk(&seen), 0);
	check_int(seen.count, 5);
	check_int(seen.sum, 15000);
	check_contains(seen.entered, "a/b;");
	check_contains(seen.entered, "machine-qemu\\x2d1\\x2ddb.scope;");
	end();
}

TEST(what_is_left_out_is_left_out_with_all_below)
{
	struct seen seen = { .leave_out = "a" };

	begin("1\n");
	make("a", "2\n");
	make("a/b", "4\n");
	make("c", "8\n");
	check_int(walk(&seen), 0);
	check_int(seen.sum, 9);
	check(!strstr(seen.entered, "a/b"));
	end();
}

TEST(a_callback_ends_it)
{
	struct seen seen = { .stop_at = 2 };

	begin("1\n2\n3\n");
	make("a", "4\n");
	check_int(walk(&seen), 123);
	check_int(seen.count, 2);
	end();
}

/* More than one read takes, so that some number is split between two. */
TEST(many_processes)
{
	struct seen seen = { 0 };
	char text[40000];
	size_t length = 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < 5000; i++) {
		length +=
			(size_t)snprintf(text + length, sizeof(text) - length, "%u\n", 100000 + i);
		sum += 100000 + i;
	}
	begin(text);
	check_int(walk(&seen), 0);
	check_int(seen.count, 5000);
	check_int(seen.sum, sum);
	end();
}

TEST(foreign_and_impossible_pids)
{
	struct seen seen = { 0 };

	/* 0: of another pid namespace. The unfinished last one is not believed. */
	begin("0\n7\n\n 8\n0\n99999999999999999999999\n12");
	check_int(walk(&seen), 0);
	check_int(seen.count, 3);
	check_int(seen.sum, 15 + (uint64_t)INT_MAX);
	end();
}

TEST(what_is_gone)
{
	struct seen seen = { 0 };
	char path[PATH_MAX];

	begin("1\n");
	make("a", "2\n");
	/* A child whose files are gone already. */
	snprintf(path, sizeof(path), "%s/a/cgroup.procs", top);
	check(unlink(path) == 0);
	check_int(walk(&seen), 0);
	check_int(seen.sum, 1);
	/* The start itself. */
	snprintf(path, sizeof(path), "%s/cgroup.procs", top);
	check(unlink(path) == 0);
	check_int(walk(&seen), -ENODEV);
	end();
}

TEST(a_link_is_not_followed)
{
	struct seen seen = { 0 };
	char path[PATH_MAX];

	begin("1\n");
	make("a", "2\n");
	snprintf(path, sizeof(path), "%s/link", top);
	check(symlink("a", path) == 0);
	check_int(walk(&seen), 0);
	check_int(seen.sum, 3);
	end();
}

TEST(a_tree_without_end_is_refused)
{
	struct seen seen = { 0 };
	char path[1024] = "d";

	begin("1\n");
	for (unsigned i = 0; i <= CGROUP_TREE_DEPTH_MAX; i++) {
		make(path, "1\n");
		strcat(path, "/d");
	}
	check_int(walk(&seen), -ELOOP);
	end();
}

TEST(the_mark_counts)
{
	struct sysroot root = { .fd = -1, .live = true };
	char text[32] = "";
	int r;

	begin("1\n");
	r = cgroup_count_mark(&root, top_fd, "user.oomwarden_test");
	if (r == -EOPNOTSUPP) {
		end();
		test_skip("no extended attributes here");
	}
	check_int(r, 0);
	check_int(cgroup_count_mark(&root, top_fd, "user.oomwarden_test"), 0);
	check(getxattr(top, "user.oomwarden_test", text, sizeof(text) - 1) > 0);
	check_str(text, "2");
	check_int(setxattr(top, "user.oomwarden_test", "junk", 4, 0), 0);
	check_int(cgroup_count_mark(&root, top_fd, "user.oomwarden_test"), 0);
	memset(text, 0, sizeof(text));
	check(getxattr(top, "user.oomwarden_test", text, sizeof(text) - 1) > 0);
	check_str(text, "1");
	root.live = false;
	check_int(cgroup_count_mark(&root, top_fd, "user.oomwarden_test"), -EROFS);
	end();
}
