/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Settings of a cgroup of the test's own, by the kernel that is here: what it rounds, refuses and
 * keeps. Each test is skipped where its hierarchy is not mounted or no cgroup can be made.
 */

#include "act/scratch-cgroup.h"

#include "act/setting_file.h"
#include "sys/cgroup_files.h"
#include "sys/cgroup_library.h"

#include <sys/mman.h>

#define MIB ((int64_t)1 << 20)

static struct setting_target target_of(const struct scratch *s, enum setting_id id)
{
	return (struct setting_target){ .id = id, .key = s->inode };
}

static int write_number(const struct scratch *s, enum setting_id id, int64_t number)
{
	const struct setting_target on = target_of(s, id);
	const struct setting_value value = { .number = number };

	return setting_file_write(&s->root, &s->layout, &on, s->path, &value);
}

static int read_value(const struct scratch *s, enum setting_id id, struct setting_value *ret)
{
	const struct setting_target on = target_of(s, id);

	return setting_file_read(&s->root, &s->layout, &on, s->path, ret);
}

#define check_number(s, id, want)                                \
	do {                                                     \
		struct setting_value value_ = { .number = -77 }; \
		check_int(read_value(&(s), id, &value_), 0);     \
		check_int(value_.number, want);                  \
	} while (0)

/* The cgroup of the same name in the hierarchy of a v1 controller. fd of the mount. */
static int make_beside(const struct scratch *s, enum cgroup_controller controller)
{
	int fd = -1;

	if (s->layout.controllers[controller] == CGROUP_V1)
		fd = sysroot_open_path(&s->root, s->layout.v1[controller].path,
				       O_PATH | O_DIRECTORY);
	if (fd < 0 || mkdirat(fd, s->path, 0755) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void remove_beside(const struct scratch *s, int fd)
{
	(void)unlinkat(fd, s->path, AT_REMOVEDIR);
	close(fd);
}

/* scratch_open_in() may leave the test by a skip, before there is anything to close. */
static void memory_limit(enum cgroup_tree tree, int64_t *ret)
{
	static const struct setting_value none = { .number = SETTING_UNLIMITED };
	struct scratch s;
	struct setting_value value;
	int64_t page = sysconf(_SC_PAGESIZE);

	scratch_open_in(&s, "limit", tree);
	if (read_value(&s, SETTING_MEMORY_MAX, &value) == -ENOENT) {
		scratch_close(&s);
		test_skip("the memory controller is elsewhere");
	}
	check(setting_value_equal(SETTING_MEMORY_MAX, &value, &none));
	check_int(write_number(&s, SETTING_MEMORY_MAX, 64 * MIB + page + 1), 0);
	check_int(read_value(&s, SETTING_MEMORY_MAX, &value), 0);
	*ret = value.number;
	check_int(write_number(&s, SETTING_MEMORY_MAX, SETTING_UNLIMITED), 0);
	check_number(s, SETTING_MEMORY_MAX, SETTING_UNLIMITED);
	scratch_close(&s);
}

/* The kernel keeps whole pages. */
TEST(a_v1_limit_is_rounded)
{
	int64_t bytes = 0;

	memory_limit(CGROUP_TREE_MEMORY, &bytes);
	check_int(bytes, 64 * MIB + sysconf(_SC_PAGESIZE));
}

TEST(a_v2_limit_is_rounded)
{
	int64_t bytes = 0;

	memory_limit(CGROUP_TREE_V2, &bytes);
	check_int(bytes, 64 * MIB + sysconf(_SC_PAGESIZE));
}

TEST(v1_keeps_its_limit_rather_than_to_go_below_use)
{
	struct scratch s;
	char text[64];
	uint64_t used = 0;
	ssize_t length;

	scratch_open_in(&s, "below", CGROUP_TREE_MEMORY);
	check_int(write_number(&s, SETTING_MEMORY_MAX, 128 * MIB), 0);
	(void)scratch_locked_hog(&s, 16 * MIB);
	length = cgroup_read_file(s.dir_fd, "memory.usage_in_bytes", text, sizeof(text));
	if (length < 0 || cgroup_parse_value(text, (size_t)length, &used) < 0 ||
	    used < 16 * (uint64_t)MIB) {
		scratch_close(&s);
		test_skip("memory cannot be locked here");
	}
	check_int(write_number(&s, SETTING_MEMORY_MAX, 4 * MIB), -EBUSY);
	check_number(s, SETTING_MEMORY_MAX, 128 * MIB);
	scratch_close(&s);
}

TEST(a_cgroup_that_goes_and_comes_is_another_one)
{
	struct scratch s;
	struct setting_value value;

	scratch_open_in(&s, "again", CGROUP_TREE_MEMORY);
	check_int(write_number(&s, SETTING_MEMORY_MAX, 64 * MIB), 0);
	check(unlinkat(s.layout.tree_fd, s.path, AT_REMOVEDIR) == 0);
	check_int(write_number(&s, SETTING_MEMORY_MAX, 32 * MIB), -ENOENT);
	check(mkdirat(s.layout.tree_fd, s.path, 0755) == 0);
	check_int(write_number(&s, SETTING_MEMORY_MAX, 32 * MIB), -ESTALE);
	check_int(read_value(&s, SETTING_MEMORY_MAX, &value), -ESTALE);
	scratch_close(&s);
}

TEST(v2_freezes)
{
	struct scratch s;
	struct setting_value value;
	pid_t pid;

	scratch_open(&s, "freeze");
	if (read_value(&s, SETTING_FREEZE, &value) == -ENOENT) {
		scratch_close(&s);
		test_skip("no cgroup.freeze here");
	}
	pid = scratch_child(&s, NULL, false);
	check_number(s, SETTING_FREEZE, 0);
	check_int(write_number(&s, SETTING_FREEZE, 1), 0);
	check_number(s, SETTING_FREEZE, 1);
	check(scratch_lives(pid));
	check_int(write_number(&s, SETTING_FREEZE, 0), 0);
	check_number(s, SETTING_FREEZE, 0);
	scratch_close(&s);
}

TEST(v1_freezes)
{
	struct scratch s;
	int fd;

	scratch_open_in(&s, "freeze", CGROUP_TREE_MEMORY);
	fd = make_beside(&s, CGROUP_FREEZER);
	if (fd < 0) {
		scratch_close(&s);
		test_skip("no v1 freezer here");
	}
	check_number(s, SETTING_FREEZE, 0);
	check_int(write_number(&s, SETTING_FREEZE, 1), 0);
	check_number(s, SETTING_FREEZE, 1);
	check_int(write_number(&s, SETTING_FREEZE, 0), 0);
	check_number(s, SETTING_FREEZE, 0);
	remove_beside(&s, fd);
	scratch_close(&s);
}

TEST(no_nodes_are_all_nodes_on_v1)
{
	struct scratch s;
	struct setting_value value;
	int fd;

	scratch_open_in(&s, "nodes", CGROUP_TREE_MEMORY);
	fd = make_beside(&s, CGROUP_CPUSET);
	if (fd < 0) {
		scratch_close(&s);
		test_skip("no v1 cpuset here");
	}
	/* A new one has none at all. */
	check_int(read_value(&s, SETTING_ALLOWED_NODES, &value), 0);
	check(idset_is_empty(&value.nodes));
	check_int(write_number(&s, SETTING_ALLOWED_NODES, 0), 0);
	check_int(read_value(&s, SETTING_ALLOWED_NODES, &value), 0);
	check(!idset_is_empty(&value.nodes));
	/* And a node that this machine has not is refused. */
	idset_clear(&value.nodes);
	idset_add(&value.nodes, 1000);
	{
		const struct setting_target on = target_of(&s, SETTING_ALLOWED_NODES);
		int r = setting_file_write(&s.root, &s.layout, &on, s.path, &value);

		check(r == -EINVAL || r == -ERANGE);
	}
	remove_beside(&s, fd);
	scratch_close(&s);
}

TEST(no_nodes_are_all_cpus_on_v1)
{
	struct scratch s;
	struct setting_value value;
	struct setting_target on;
	int fd, r;

	scratch_open_in(&s, "cpus", CGROUP_TREE_MEMORY);
	fd = make_beside(&s, CGROUP_CPUSET);
	if (fd < 0) {
		scratch_close(&s);
		test_skip("no v1 cpuset here");
	}
	on = target_of(&s, SETTING_ALLOWED_CPUS);
	check_int(read_value(&s, SETTING_ALLOWED_CPUS, &value), 0);
	check(idset_is_empty(&value.nodes));
	check_int(write_number(&s, SETTING_ALLOWED_CPUS, 0), 0);
	/* All that this machine has, if nobody keeps us to a part of it. */
	r = read_value(&s, SETTING_ALLOWED_CPUS, &value);
	check(r == 0 || r == -EDOM);
	if (r == 0) {
		check(!idset_is_empty(&value.nodes));
		check_int(setting_file_write(&s.root, &s.layout, &on, s.path, &value), 0);
		check_int(read_value(&s, SETTING_ALLOWED_CPUS, &value), 0);
		check(!idset_is_empty(&value.nodes));
	}
	/* And of a node that is not there there are none. */
	idset_clear(&value.nodes);
	idset_add(&value.nodes, 1000);
	check_int(setting_file_write(&s.root, &s.layout, &on, s.path, &value), -EINVAL);
	remove_beside(&s, fd);
	scratch_close(&s);
}

/* --- the library by itself ------------------------------------------------------------------ */

TEST(the_library_writes_what_it_is_given)
{
	struct scratch s;
	char mount[CGROUP_MOUNT_BYTES + 1];

	scratch_open_in(&s, "library", CGROUP_TREE_MEMORY);
	if (!s.layout.asked_libcgroup) {
		scratch_close(&s);
		test_skip("libcgroup cannot tell here");
	}
	snprintf(mount, sizeof(mount), "/%s", s.layout.v1[CGROUP_MEMORY].path);
	check_int(cgroup_library_write("memory", mount, s.path, "memory.limit_in_bytes", "8388608"),
		  0);
	check_number(s, SETTING_MEMORY_MAX, 8 * MIB);
	/* The kernel's word. */
	check_int(cgroup_library_write("memory", mount, s.path, "memory.limit_in_bytes", "lots"),
		  -EINVAL);
	/* What it does not tell apart: nothing is there, or it may not. */
	check_int(cgroup_library_write("memory", mount, s.path, "memory.nothing", "1"), -ENOSYS);
	check_int(cgroup_library_write("memory", mount, "oomwarden-test-nobody",
				       "memory.limit_in_bytes", "1"),
		  -ENOSYS);
	check_int(
		cgroup_library_write("memory", "/elsewhere", s.path, "memory.limit_in_bytes", "1"),
		-ENOSYS);
	check_int(cgroup_library_write("nothing", mount, s.path, "memory.limit_in_bytes", "1"),
		  -ENOSYS);
	check_number(s, SETTING_MEMORY_MAX, 8 * MIB);
	scratch_close(&s);
}

TEST(the_library_gets_no_odd_names)
{
	static const char *const paths[] = { "",   ".",	   "..",  "a/../b", "a/..",
					     "/a", "a//b", "./a", "a\nb",   "a\x7f" };
	static const char *const files[] = { "", ".", "..", "../x", "a/b" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		check_int(cgroup_library_write("memory", "/x", paths[i], "memory.high", "1"),
			  -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		check_int(cgroup_library_write("memory", "/x", "a", files[i], "1"), -EINVAL);
	check_int(cgroup_library_write("memory", "/x", "a", "memory.high", ""), -EINVAL);
	check_int(cgroup_library_write("memory", "/x", "a", "memory.high", "1\n2"), -ENOSYS);
}
