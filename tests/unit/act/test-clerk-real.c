/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits below use on the running kernel, by the hierarchy that it has: whatever comes of them,
 * nobody is killed. */

#include "act/clerk-at-work.h"
#include "act/scratch-cgroup.h"

#include "util/macro.h"

#define MIB (INT64_C(1) << 20)

static struct scratch scratch;
static struct clerk_machine machine;
static void set_up(enum cgroup_tree tree)
{
	int fd;

	scratch_open_in(&scratch, "limit", tree);
	fd = openat(scratch.dir_fd,
		    tree == CGROUP_TREE_V2 ? "memory.current" : "memory.usage_in_bytes",
		    O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		scratch_close(&scratch);
		test_skip("the memory controller is not on there");
	}
	close(fd);
	machine = (struct clerk_machine){ .root = &scratch.root,
					  .layout = scratch.layout,
					  .has_layout = true };
}

static int set(enum setting_id id, int64_t bytes)
{
	struct work_request request = {
		.kind = WORK_SET,
		.deadline_usec = 20 * USEC_PER_SEC,
		.setting = { .on = { .id = id, .key = scratch.inode },
			     .value.number = bytes,
			     .owner = OWNER_NOBODY },
	};

	strcpy(request.setting.path, scratch.path);
	return run_clerk(&machine, &request);
}

TEST(v1_refuses_a_limit_below_use_and_keeps_the_old_one)
{
	pid_t pid;

	set_up(CGROUP_TREE_MEMORY);
	pid = scratch_hog(&scratch, 96 * MIB);
	check_int(set(SETTING_MEMORY_MAX, 512 * MIB), 0);
	check_int(last.in_force.number, 512 * MIB);
	if (set(SETTING_MEMORY_MAX, 16 * MIB) == 0) {
		/* Swap took it. */
		check_int(last.in_force.number, 16 * MIB);
	} else {
		check_int(last.error, EBUSY);
		check(last.in_force_known);
		check_int(last.in_force.number, 512 * MIB);
		check_contains(last.said, "not enough could be reclaimed");
	}
	check(scratch_lives(pid));
	check_int(set(SETTING_MEMORY_MAX, SETTING_UNLIMITED), 0);
	check_int(last.in_force.number, SETTING_UNLIMITED);
	check_int(set(SETTING_MEMORY_HIGH, 512 * MIB), EOPNOTSUPP);
	scratch_close(&scratch);
}

TEST(v2_kills_nobody)
{
	pid_t pid;

	set_up(CGROUP_TREE_V2);
	pid = scratch_hog(&scratch, 96 * MIB);
	if (set(SETTING_MEMORY_MAX, 16 * MIB) != 0) {
		check_int(last.error, EBUSY);
		check_int(last.in_force.number, SETTING_UNLIMITED);
	}
	check(scratch_lives(pid));
	check_int(set(SETTING_MEMORY_MAX, SETTING_UNLIMITED), 0);
	check_int(set(SETTING_MEMORY_HIGH, 16 * MIB), 0);
	check(last.in_force_known);
	/* Where its use is, if nothing can be had. */
	check(last.in_force.number >= 16 * MIB && last.in_force.number <= 128 * MIB);
	check(scratch_lives(pid));
	check_int(set(SETTING_MEMORY_HIGH, SETTING_UNLIMITED), 0);
	scratch_close(&scratch);
}
