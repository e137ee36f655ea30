/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits below use on the running kernel, by the hierarchy that it has: whatever comes of them,
 * nobody is killed. */

#include "act/scratch-cgroup.h"

#include "act/clerk_machine.h"
#include "util/macro.h"

#include <sys/mman.h>

#define MIB (INT64_C(1) << 20)

static struct scratch scratch;
static struct clerk_machine machine;
static struct work_reply last;

static int keep_reply(void *context, const struct work_reply *reply)
{
	(void)context;
	last = *reply;
	return 0;
}

static int no_message(void *context, struct work_request *ret)
{
	(void)context;
	(void)ret;
	return 0;
}

/* A child of the scratch cgroup with so much memory, which nothing but swap could take from it. */
static pid_t start_hog(int64_t bytes)
{
	int ready[2], memory;
	char byte = 0;
	pid_t pid;

	/* v1: the directory of the memory controller is the tree here. */
	memory = scratch.dir_fd;
	check(pipe(ready) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		char *area;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		scratch_write(memory, "cgroup.procs", "0");
		area = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED)
			_exit(1);
		memset(area, 1, (size_t)bytes);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	scratch.children[scratch.child_count++] = pid;
	close(ready[1]);
	check(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

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
	const struct work_channel channel = { .poll_control = no_message, .reply = keep_reply };
	struct work_request request = {
		.kind = WORK_SET,
		.deadline_usec = 20 * USEC_PER_SEC,
		.setting = { .on = { .id = id, .key = scratch.inode },
			     .value.number = bytes,
			     .owner = OWNER_NOBODY },
	};
	struct clerk_doors doors;

	strcpy(request.setting.path, scratch.path);
	check_int(clerk_machine_open(&machine, request.deadline_usec, &doors), 0);
	last = (struct work_reply){ 0 };
	clerk_run(&request, &channel, &doors);
	clerk_machine_rest(&machine);
	check(last.final);
	return last.error;
}

TEST(v1_refuses_a_limit_below_use_and_keeps_the_old_one)
{
	pid_t pid;

	set_up(CGROUP_TREE_MEMORY);
	pid = start_hog(96 * MIB);
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
	pid = start_hog(96 * MIB);
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
