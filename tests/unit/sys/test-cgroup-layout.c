/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/cgroup_dir.h"
#include "sys/sysroot.h"
#include "test.h"

#define MOUNT(point, type, options) \
	"30 21 0:25 / " point " rw,nosuid shared:9 master:1 - " type " x rw," options "\n"

static const char unified[] = "21 26 0:19 / /sys rw,relatime shared:7 - sysfs sysfs rw\n" MOUNT(
	"/sys/fs/cgroup", "cgroup2", "nsdelegate,memory_recursiveprot");

static const char hybrid[] =
	"30 21 0:25 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755\n" MOUNT(
		"/sys/fs/cgroup/unified", "cgroup2", "nsdelegate")
		MOUNT("/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd")
			MOUNT("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct")
				MOUNT("/sys/fs/cgroup/memory", "cgroup", "memory")
					MOUNT("/sys/fs/cgroup/blkio", "cgroup", "blkio");

static struct cgroup_layout parse(const char *mounts, const char *controllers)
{
	struct cgroup_layout layout = { .v2_fd = -1 };

	cgroup_layout_parse_controllers(controllers, strlen(controllers), &layout);
	cgroup_layout_parse_mounts(mounts, strlen(mounts), &layout);
	return layout;
}

TEST(unified_layout)
{
	struct cgroup_layout layout = parse(unified, "cpuset cpu io memory pids\n");

	check_str(layout.v2.path, "sys/fs/cgroup");
	check_str(layout.v2.subtree, "/");
	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_V2);
	check_int(layout.controllers[CGROUP_IO], CGROUP_V2);
	check_int(layout.controllers[CGROUP_FREEZER], CGROUP_V2);
	check_int(layout.controllers[CGROUP_HUGETLB], CGROUP_ABSENT);
}

TEST(hybrid_layout_answers_for_each_controller)
{
	struct cgroup_layout layout = parse(hybrid, "\n");

	check_str(layout.v2.path, "sys/fs/cgroup/unified");
	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_V1);
	check_str(layout.v1[CGROUP_MEMORY].path, "sys/fs/cgroup/memory");
	check_int(layout.controllers[CGROUP_CPU], CGROUP_V1);
	check_str(layout.v1[CGROUP_CPU].path, "sys/fs/cgroup/cpu,cpuacct");
	check_int(layout.controllers[CGROUP_IO], CGROUP_V1);
	check_int(layout.controllers[CGROUP_CPUSET], CGROUP_ABSENT);
	/* One controller moved to v2 while the others stay. */
	layout = parse(hybrid, "cpuset\n");
	check_int(layout.controllers[CGROUP_CPUSET], CGROUP_V2);
	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_V1);
}

TEST(container_without_controllers)
{
	struct cgroup_layout layout = parse(unified, "\n");

	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_ABSENT);
	layout = parse("", "");
	check_str(layout.v2.path, "");
	check_int(layout.controllers[CGROUP_FREEZER], CGROUP_ABSENT);
}

TEST(systemd_s_place_wins_over_other_mounts)
{
	struct cgroup_layout layout;

	layout = parse(MOUNT("/opt/tool/cgroup", "cgroup2", "x")
			       MOUNT("/sys/fs/cgroup", "cgroup2", "x")
				       MOUNT("/mnt/cg", "cgroup2", "x"),
		       "");
	check_str(layout.v2.path, "sys/fs/cgroup");
	layout = parse(MOUNT("/mnt/a", "cgroup2", "x") MOUNT("/mnt/b", "cgroup2", "x"), "");
	check_str(layout.v2.path, "mnt/a");
}

TEST(mount_points_are_unescaped)
{
	struct cgroup_layout layout =
		parse("1 2 0:3 /docker/ab /mnt/a\\040b\\134c rw - cgroup2 cgroup2 rw\n", "");

	check_str(layout.v2.path, "mnt/a b\\c");
	check_str(layout.v2.subtree, "/docker/ab");
}

TEST(lines_of_another_form_are_left_out)
{
	static const char *const lines[] = {
		"30 21 0:25 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw",
		"30 21 0:25 / /sys/fs/cgroup rw shared:9 cgroup2 cgroup2 rw\n",
		"30 21 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2\n",
		"30 21 0:25 / sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"30 21 0:25 / /a\\000b rw - cgroup2 cgroup2 rw\n",
		"30 21\n",
		"\n",
		"- - - - - - - - -\n",
	};
	char longest[2000];

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		check_str(parse(lines[i], "").v2.path, "");
	snprintf(longest, sizeof(longest), "1 2 0:3 / /%0*d rw - cgroup2 cgroup2 rw\n",
		 CGROUP_MOUNT_BYTES, 0);
	check_str(parse(longest, "").v2.path, "");
}

static void make_tree(const struct fixture *f)
{
	fixture_put(f, "proc/self/mountinfo", unified);
	fixture_put(f, "sys/fs/cgroup/cgroup.controllers", "memory pids\n");
	fixture_put(f, "sys/fs/cgroup/system.slice/a.service/memory.current", "4096\n");
	fixture_put(f, "sys/fs/cgroup/system.slice/b.service/memory.current", "max\n");
	fixture_link(f, "sys/fs/cgroup/system.slice/link", "a.service");
	fixture_link(f, "sys/fs/cgroup/system.slice/a.service/out", "/etc/passwd");
}

TEST(a_captured_tree)
{
	FIXTURE(f);
	struct cgroup_layout layout;
	struct cgroup_dir dir, child;
	struct sysroot root;
	char text[64];

	make_tree(&f);
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_V2);
	check_int(layout.controllers[CGROUP_IO], CGROUP_ABSENT);
	check(!layout.asked_libcgroup);

	check_int(cgroup_dir_open(&layout, "system.slice", &dir), 0);
	check_int(dir.inode, 0);
	check_int(cgroup_dir_open(&layout, "system.slice/a.service", &child), 0);
	check_int(cgroup_read_file(child.fd, "memory.current", text, sizeof(text)), 5);
	check_str(text, "4096\n");
	check_int(cgroup_open_file(child.fd, "out", O_RDONLY), -ELOOP);
	check_int(cgroup_open_file(child.fd, "../b.service/memory.current", O_RDONLY), -EINVAL);
	check_int(cgroup_open_file(child.fd, "..", O_RDONLY), -EINVAL);
	check_int(cgroup_open_file(child.fd, "memory.max", O_RDONLY), -ENOENT);
	cgroup_dir_done(&child);
	cgroup_dir_done(&child);
	check_int(child.fd, -1);
	cgroup_dir_done(&dir);

	check_int(cgroup_dir_open(&layout, "system.slice/c.service", &dir), -ENOENT);
	check_int(cgroup_dir_open(&layout, "system.slice/../system.slice", &dir), -EINVAL);
	check_int(cgroup_dir_open(&layout, "/system.slice", &dir), -EINVAL);
	check(cgroup_dir_open(&layout, "system.slice/link", &dir) < 0);
	check(cgroup_dir_open(&layout, "system.slice/link/x", &dir) < 0);
	check_int(dir.fd, -1);
	check_int(cgroup_dir_open(&layout, "", &dir), 0);
	cgroup_dir_done(&dir);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}

struct seen {
	unsigned count;
	char names[4][64];
};

static int note(void *context, const char *name)
{
	struct seen *seen = context;

	snprintf(seen->names[seen->count++ % 4], 64, "%s", name);
	return 0;
}

static int stop(void *context, const char *name)
{
	(void)name;
	++*(int *)context;
	return 42;
}

TEST(children_are_directories_only)
{
	FIXTURE(f);
	struct cgroup_layout layout;
	struct seen seen = { 0 };
	struct cgroup_dir dir;
	struct sysroot root;
	int calls = 0;

	make_tree(&f);
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
	check_int(cgroup_dir_open(&layout, "system.slice", &dir), 0);
	check_int(cgroup_each_child(dir.fd, note, &seen), 0);
	check_int(seen.count, 2);
	check(seen.names[0][1] == '.' && strcmp(seen.names[0] + 1, ".service") == 0);
	check_int(cgroup_each_child(dir.fd, stop, &calls), 42);
	check_int(calls, 1);
	check_int(cgroup_each_child(-1, note, &seen), -EBADF);
	cgroup_dir_done(&dir);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}

TEST(a_tree_without_mountinfo)
{
	FIXTURE(f);
	struct cgroup_layout layout;
	struct cgroup_dir dir;
	struct sysroot root;

	check_int(sysroot_open(f.directory, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
	check_int(layout.tree, CGROUP_TREE_NONE);
	check_int(cgroup_dir_open(&layout, "", &dir), -EOPNOTSUPP);

	fixture_put(&f, "sys/fs/cgroup/unified/cgroup.controllers", "\n");
	fixture_put(&f, "sys/fs/cgroup/memory/memory.limit_in_bytes", "1\n");
	check_int(cgroup_layout_open(&root, &layout), 0);
	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_V1);
	check_str(layout.v2.path, "sys/fs/cgroup/unified");
	check(layout.v2_fd >= 0);
	cgroup_layout_done(&layout);

	fixture_put(&f, "sys/fs/cgroup/cgroup.controllers", "memory\n");
	check_int(cgroup_layout_open(&root, &layout), 0);
	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_V2);
	check_str(layout.v2.path, "sys/fs/cgroup");
	cgroup_layout_done(&layout);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}

/* Which directories are the services, and where their memory is accounted. */
static void open_layout(const struct fixture *f, const char *mounts, struct sysroot *root,
			struct cgroup_layout *layout)
{
	fixture_put(f, "proc/self/mountinfo", mounts);
	check_int(sysroot_open(f->directory, root), 0);
	check_int(cgroup_layout_open(root, layout), 0);
}

TEST(the_tree_of_each_layout)
{
	static const struct {
		const char *mounts;
		const char *controllers; /* of v2; NULL: not there */
		bool in_use;		 /* v2 has cgroups */
		enum cgroup_tree tree;
		const char *path;
		const char *name;
		bool in_tree;
	} cases[] = {
		{ unified, "memory\n", true, CGROUP_TREE_V2, "sys/fs/cgroup", NULL, true },
		{ unified, "\n", false, CGROUP_TREE_V2, "sys/fs/cgroup", NULL, false },
		{ hybrid, "\n", true, CGROUP_TREE_V2, "sys/fs/cgroup/unified", NULL, false },
		/* Mounted, and nobody makes cgroups there. */
		{ hybrid, "\n", false, CGROUP_TREE_NAMED, "sys/fs/cgroup/systemd", "name=systemd",
		  false },
		{ MOUNT("/sys/fs/cgroup/memory", "cgroup", "memory")
			  MOUNT("/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd"),
		  NULL, false, CGROUP_TREE_NAMED, "sys/fs/cgroup/systemd", "name=systemd", false },
		{ MOUNT("/sys/fs/cgroup/memory", "cgroup", "memory"), NULL, false,
		  CGROUP_TREE_MEMORY, "sys/fs/cgroup/memory", "memory", true },
		{ MOUNT("/sys/fs/cgroup/cpu", "cgroup", "cpu"), NULL, false, CGROUP_TREE_NONE, "",
		  NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		FIXTURE(f);
		struct cgroup_layout layout;
		struct sysroot root;
		const char *v2 = i < 2 ? "sys/fs/cgroup" : "sys/fs/cgroup/unified";
		char path[64];

		fixture_directory(&f, "sys/fs/cgroup/memory");
		fixture_directory(&f, "sys/fs/cgroup/systemd");
		if (cases[i].controllers) {
			snprintf(path, sizeof(path), "%s/cgroup.controllers", v2);
			fixture_put(&f, path, cases[i].controllers);
		}
		snprintf(path, sizeof(path), "%s/system.slice", v2);
		if (cases[i].in_use)
			fixture_directory(&f, path);
		open_layout(&f, cases[i].mounts, &root, &layout);
		check_int(layout.tree, cases[i].tree);
		check_str(cgroup_layout_tree(&layout)->path, cases[i].path);
		check((cgroup_layout_tree_name(&layout) == NULL) == (cases[i].name == NULL));
		if (cases[i].name)
			check_str(cgroup_layout_tree_name(&layout), cases[i].name);
		check_int(cgroup_memory_is_in_tree(&layout), cases[i].in_tree);
		cgroup_layout_done(&layout);
		cgroup_layout_done(&layout);
		sysroot_done(&root);
	}
}

static bool is_opened(const struct cgroup_layout *layout, const char *path)
{
	int fd = cgroup_memory_open(layout, path);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

TEST(memory_in_another_hierarchy)
{
	FIXTURE(f);
	struct cgroup_layout layout;
	struct sysroot root;

	fixture_put(&f, "sys/fs/cgroup/unified/cgroup.controllers", "\n");
	fixture_directory(&f, "sys/fs/cgroup/unified/system.slice/a.service");
	fixture_directory(&f, "sys/fs/cgroup/memory/system.slice/b.service");
	open_layout(&f, hybrid, &root, &layout);
	check(is_opened(&layout, ""));
	check(is_opened(&layout, "system.slice/b.service"));
	check_int(cgroup_memory_open(&layout, "system.slice/a.service"), -ENOENT);
	check_int(cgroup_memory_open(&layout, "../memory"), -EINVAL);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}

/* What is mounted of each hierarchy may begin at another place. */
TEST(memory_of_a_part_of_a_hierarchy)
{
	FIXTURE(f);
	struct cgroup_layout layout;
	struct sysroot root;

	fixture_directory(&f, "sys/fs/cgroup/memory/inner");
	fixture_directory(&f, "sys/fs/cgroup/systemd/docker/1/inner");
	open_layout(&f,
		    MOUNT("/sys/fs/cgroup/systemd", "cgroup",
			  "name=systemd") "31 21 0:26 /docker/1 /sys/fs/cgroup/memory rw - cgroup "
					  "cgroup rw,memory\n",
		    &root, &layout);
	check_int(layout.tree, CGROUP_TREE_NAMED);
	check(is_opened(&layout, "docker/1"));
	check(is_opened(&layout, "docker/1/inner"));
	check_int(cgroup_memory_open(&layout, "docker/12"), -ENOENT);
	check_int(cgroup_memory_open(&layout, "docker"), -ENOENT);
	/* What holds all that is visible is the mount's own root. */
	check(is_opened(&layout, ""));
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}

TEST(events_that_leave_out_what_is_below)
{
	struct cgroup_layout layout = parse(unified, "memory\n");

	check(!layout.local_events);
	layout = parse(MOUNT("/sys/fs/cgroup", "cgroup2", "nsdelegate,memory_localevents"),
		       "memory\n");
	check(layout.local_events);
}

TEST(a_mount_table_without_its_tree)
{
	FIXTURE(f);
	struct cgroup_layout layout;
	struct cgroup_dir dir;
	struct sysroot root;

	fixture_put(&f, "proc/self/mountinfo", unified);
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
	check_int(layout.controllers[CGROUP_MEMORY], CGROUP_ABSENT);
	check_int(cgroup_dir_open(&layout, "", &dir), -EOPNOTSUPP);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}

/* Whatever this machine has, asking is no fault, and nothing is printed. */
TEST(this_machine)
{
	struct cgroup_layout layout, quick;
	struct sysroot root;

	check_int(sysroot_open(NULL, &root), 0);
	check_int(cgroup_layout_open(&root, &layout), 0);
	check(layout.live);
	if (layout.v2_fd >= 0) {
		struct cgroup_dir dir;

		check_int(cgroup_dir_open(&layout, "", &dir), 0);
		check(dir.inode != 0);
		cgroup_dir_done(&dir);
	}
	if (!layout.asked_libcgroup)
		printf("# libcgroup cannot tell\n");
	/* What is mounted alone says the same of where services are. */
	check_int(cgroup_layout_open_quick(&root, &quick), 0);
	check(!quick.asked_libcgroup);
	check_int(quick.tree, layout.tree);
	check_str(cgroup_layout_tree(&quick)->path, cgroup_layout_tree(&layout)->path);
	cgroup_layout_done(&quick);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
}
