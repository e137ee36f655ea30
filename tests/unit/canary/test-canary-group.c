/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Canaries without systemd, on the control groups and the processes of this machine: where none can
 * be made the tests are skipped. */

#include "act/scratch-cgroup.h"
#include "test.h"

#include "act/canary_group.h"
#include "core/canary.h"
#include "sys/cgroup_own.h"
#include "sys/clock.h"
#include "sys/host_info.h"
#include "util/strbuf.h"

#define MIB	     (UINT64_C(1) << 20)
#define PATIENT_USEC (30 * USEC_PER_SEC)
/* Of this test alone. */
#define UNIT  CANARY_UNIT_PREFIX "unit-test.service"
#define GROUP CANARY_GROUP "/" UNIT

struct place {
	struct sysroot root;
	struct cgroup_layout layout;
	struct canary_unit canary;
	char words[256];
};

static void place_done(struct place *place)
{
	char words[256];

	(void)canary_group_end(&place->root, &place->layout, UNIT, "", PATIENT_USEC, words,
			       sizeof(words));
	cgroup_layout_done(&place->layout);
	sysroot_done(&place->root);
}

static void place_open(struct place *place)
{
	struct proc_stat stat;
	int fd, r;

	memset(place, 0, sizeof(*place));
	check_int(sysroot_open(NULL, &place->root), 0);
	check_int(cgroup_layout_open(&place->root, &place->layout), 0);
	/* That of a manager is left alone. */
	scratch_take_tree(&place->layout, place->layout.controllers[CGROUP_MEMORY] == CGROUP_V2
						  ? CGROUP_TREE_V2
						  : CGROUP_TREE_MEMORY);
	if (host_info_has_systemd(&place->root))
		test_skip("systemd keeps the control groups here");
	if (!getenv("OOMWARDEN_CANARY"))
		test_skip("OOMWARDEN_CANARY does not say where the program is");
	if (geteuid() != 0)
		test_skip("only root makes control groups");
	r = cgroup_own_make(&place->root, &place->layout, GROUP);
	if (r < 0)
		test_skip("no control group with its memory accounted can be made here");
	fd = proc_pid_open_stat(&place->root, getpid(), &stat);
	check(fd >= 0);
	close(fd);
	place->canary = (struct canary_unit){
		.unit = UNIT,
		.slice = "",
		.bytes = 4 * MIB,
		.program = getenv("OOMWARDEN_CANARY"),
		.agent = getpid(),
		.agent_start_ticks = stat.start_ticks,
		.start_usec = PATIENT_USEC,
	};
}

#define PLACE(name)                              \
	_cleanup_(place_done) struct place name; \
	place_open(&name)

static bool is_there(const struct place *place)
{
	struct cgroup_dir dir;

	if (cgroup_dir_open(&place->layout, GROUP, &dir) < 0)
		return false;
	cgroup_dir_done(&dir);
	return true;
}

/* Who is in it; 0: nobody. */
static pid_t find(const struct place *place)
{
	_cleanup_(closep) int fd = cgroup_memory_open(&place->layout, GROUP);
	_cleanup_(closep) int file = -1;
	char text[64];
	ssize_t n;

	if (fd < 0)
		return 0;
	file = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	check(file >= 0);
	n = read(file, text, sizeof(text) - 1);
	check(n >= 0);
	text[n] = '\0';
	return atoi(text);
}

static int start(struct place *place)
{
	int r = canary_group_start(&place->root, &place->layout, &place->canary, place->words,
				   sizeof(place->words));

	if (r != -EREMOTEIO ||
	    !(strstr(place->words, "Permission denied") || strstr(place->words, "RLIMIT_MEMLOCK")))
		return r;
	place_done(place);
	test_skip(strstr(place->words, "RLIMIT_MEMLOCK")
			  ? "so much may not be locked"
			  : "others may not run the program in this build directory");
}

static bool is_empty(const struct place *place)
{
	for (int i = 0; i < 3000 && find(place) != 0; i++)
		(void)poll(NULL, 0, 10);
	return find(place) == 0;
}

TEST(it_holds_its_memory_in_a_group_of_its_own)
{
	struct proc_status status;
	int fd, score, r;
	pid_t pid;
	PLACE(here);

	r = start(&here);
	check_str(here.words, "");
	check(r == 0 || r == 1);
	pid = find(&here);
	check(pid > 0);
	fd = proc_pid_open(&here.root, pid);
	check(fd >= 0);
	check_int(proc_status_read(fd, &status), 0);
	check(status.locked_bytes >= 4 * MIB);
	check(!status.has_sys_admin);
	check_int(proc_oom_score_adj_read(fd, &score), 0);
	check_int(score, 1000);
	close(fd);
	check_int(canary_group_end(&here.root, &here.layout, UNIT, "", PATIENT_USEC, here.words,
				   sizeof(here.words)),
		  0);
	check(!is_there(&here));
	check_int(canary_group_end(&here.root, &here.layout, UNIT, "", PATIENT_USEC, here.words,
				   sizeof(here.words)),
		  -ENOENT);
	check_str(here.words, "");
}

TEST(what_was_there_before_makes_way)
{
	pid_t first, second;
	PLACE(here);

	check(start(&here) >= 0);
	first = find(&here);
	check(start(&here) >= 0);
	second = find(&here);
	check(first > 0 && second > 0 && first != second);
	check(kill(first, 0) < 0 || !scratch_lives(first));
}

TEST(what_has_died_leaves_an_empty_group_that_the_next_one_removes)
{
	static const char *const other = CANARY_GROUP "/" CANARY_UNIT_PREFIX "left.service";
	struct cgroup_dir dir;
	PLACE(here);

	check_int(cgroup_own_make(&here.root, &here.layout, other), 0);
	check(start(&here) >= 0);
	check_int(cgroup_dir_open(&here.layout, other, &dir), -ENOENT);
	check_int(kill(find(&here), SIGKILL), 0);
	check(is_empty(&here));
	check(is_there(&here));
	check(start(&here) >= 0);
	check(find(&here) > 0);
}

TEST(one_that_cannot_have_its_memory_leaves_nothing)
{
	PLACE(here);

	here.canary.bytes = UINT64_C(1) << 50;
	check_int(start(&here), -EREMOTEIO);
	check_contains(here.words, "holding so much would leave");
	check(!is_there(&here));
	here.canary.bytes = 4 * MIB;
	here.canary.program = "/nowhere/at/all";
	check_int(start(&here), -EREMOTEIO);
	check_contains(here.words, "cannot be run");
	check(!is_there(&here));
}

TEST(it_ends_with_the_agent)
{
	struct proc_stat stat;
	pid_t agent;
	int fd;
	PLACE(here);

	agent = fork();
	check(agent >= 0);
	if (agent == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	fd = proc_pid_open_stat(&here.root, agent, &stat);
	check(fd >= 0);
	close(fd);
	here.canary.agent = agent;
	here.canary.agent_start_ticks = stat.start_ticks;
	check(start(&here) >= 0);
	check(find(&here) > 0);
	check_int(kill(agent, SIGKILL), 0);
	check_int(waitpid(agent, NULL, 0), agent);
	check(is_empty(&here));
}

TEST(nobody_else_is_ended)
{
	struct scratch scratch;
	pid_t child;
	PLACE(here);

	scratch_open_in(&scratch, "own",
			here.layout.controllers[CGROUP_MEMORY] == CGROUP_V2 ? CGROUP_TREE_V2
									    : CGROUP_TREE_MEMORY);
	child = scratch_child(&scratch, NULL, false);
	check(start(&here) >= 0);
	check_int(canary_group_end(&here.root, &here.layout, UNIT, "", PATIENT_USEC, here.words,
				   sizeof(here.words)),
		  0);
	check(scratch_lives(child));
	/* It cannot be removed as long as somebody is in it. */
	check_int(cgroup_own_remove(&scratch.root, &scratch.layout, scratch.path), -EBUSY);
	check_int(cgroup_own_kill(&scratch.root, &scratch.layout, scratch.path), 0);
	check(scratch_has_ended(&scratch, child));
	check_int(cgroup_own_kill(&scratch.root, &scratch.layout, "oomwarden-none"), -ENOENT);
	check_int(cgroup_own_remove(&scratch.root, &scratch.layout, "oomwarden-none"), 0);
	scratch_close(&scratch);
}
