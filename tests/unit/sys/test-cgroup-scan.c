/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/cgroup_dir.h"
#include "sys/cgroup_scan.h"
#include "sys/sysroot.h"
#include "test.h"

static struct sysroot root;
static struct cgroup_layout layout;

static void open_tree(const struct fixture *f)
{
	fixture_put(f, "proc/self/mountinfo",
		    "30 21 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	fixture_put(f, "sys/fs/cgroup/cgroup.controllers", "memory\n");
	check_int(sysroot_open(f->directory, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
}

static void close_tree(void)
{
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}

static void make(const struct fixture *f, const char *path)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "sys/fs/cgroup/%.2000s/cgroup.procs", path);
	fixture_put(f, file, "");
}

struct seen {
	char paths[64][64];
	uint64_t inodes[64];
	size_t count;
	const char *stop;
};

static int note(void *context, const char *path, uint64_t inode)
{
	struct seen *seen = context;

	if (seen->stop && strcmp(path, seen->stop) == 0)
		return 42;
	check(seen->count < ARRAY_SIZE(seen->paths));
	seen->inodes[seen->count] = inode;
	snprintf(seen->paths[seen->count++], sizeof(seen->paths[0]), "%s", path);
	return 0;
}

static bool has(const struct seen *seen, const char *path)
{
	size_t times = 0;

	for (size_t i = 0; i < seen->count; i++)
		times += strcmp(seen->paths[i], path) == 0;
	check(times <= 1);
	return times == 1;
}

static int scan(struct seen *seen, size_t *ret_unusable)
{
	const struct cgroup_scan what = { .each = note, .context = seen };

	return cgroup_scan(&layout, &what, ret_unusable);
}

TEST(all_of_them)
{
	FIXTURE(f);
	struct seen seen = { 0 };
	size_t unusable = 7;

	open_tree(&f);
	make(&f, "system.slice/a.service");
	make(&f, "system.slice/b.service/inner/deep");
	make(&f, "user.slice");
	make(&f, "bad\nname/below");
	fixture_link(&f, "sys/fs/cgroup/link", "system.slice");
	check_int(scan(&seen, &unusable), 0);
	check_int(seen.count, 6);
	check(has(&seen, "system.slice"));
	check(has(&seen, "system.slice/a.service"));
	check(has(&seen, "system.slice/b.service/inner/deep"));
	check(has(&seen, "user.slice"));
	check_int(unusable, 1);
	for (size_t i = 0; i < seen.count; i++)
		check_int(seen.inodes[i], 0);
	close_tree();
}

/* The count of links says that nothing is below, where the kernel counts them. */
TEST(the_same_of_a_live_tree)
{
	FIXTURE(f);
	struct seen captured = { 0 }, live = { 0 };

	open_tree(&f);
	make(&f, "system.slice/a.service");
	make(&f, "system.slice/b.service/inner/deep");
	for (int i = 0; i < 40; i++) {
		char path[32];

		snprintf(path, sizeof(path), "many.slice/s%02d.service", i);
		make(&f, path);
	}
	check_int(scan(&captured, NULL), 0);
	layout.live = true;
	check_int(scan(&live, NULL), 0);
	check_int(live.count, captured.count);
	for (size_t i = 0; i < live.count; i++) {
		struct cgroup_dir dir;

		check(has(&captured, live.paths[i]));
		check_int(cgroup_dir_open(&layout, live.paths[i], &dir), 0);
		check_int(live.inodes[i], dir.inode);
		cgroup_dir_done(&dir);
	}
	close_tree();
}

TEST(a_scan_can_be_ended)
{
	FIXTURE(f);
	struct seen seen = { .stop = "a/b/c" };

	open_tree(&f);
	make(&f, "a/b/c/d");
	check_int(scan(&seen, NULL), 42);
	check_int(seen.count, 2);
	close_tree();
}

TEST(a_tree_without_end)
{
	FIXTURE(f);
	struct seen seen = { 0 };
	char path[256] = "d";

	open_tree(&f);
	for (int i = 1; i < CGROUP_SCAN_DEPTH_MAX + 5; i++)
		strcat(path, "/d");
	make(&f, path);
	check_int(scan(&seen, NULL), 0);
	check_int(seen.count, CGROUP_SCAN_DEPTH_MAX);
	close_tree();
}

TEST(no_tree)
{
	FIXTURE(f);
	struct seen seen = { 0 };

	check_int(sysroot_open(f.directory, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
	check_int(scan(&seen, NULL), -EOPNOTSUPP);
	close_tree();
}
