/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a cgroup bears for killers to heed, and what of a service's memory may outlive it. */

#include "machine.h"

#include <sys/xattr.h>
#include <unistd.h>

static struct machine m;

#define A "system.slice/a.service"

static void start(enum kill_class kill)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "**/*.service")->kill = kill;
	machine_cgroup(&m, A, "");
}

static void path_of(char path[PATH_MAX])
{
	machine_path(&m, CGROUP_DIR "/" A, path);
}

/* In a space that the filesystem of the test has: root's on any, a user's on some. */
static const char *set_mark(const char *name, const char *value)
{
	static const char *const spaces[] = { "trusted.", "user." };
	char path[PATH_MAX], attribute[64];

	path_of(path);
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		snprintf(attribute, sizeof(attribute), "%s%s", spaces[i], name);
		if (setxattr(path, attribute, value, strlen(value), 0) == 0)
			return spaces[i];
	}
	machine_done(&m);
	test_skip("no extended attributes here");
}

static const struct service *look(void)
{
	machine_start(&m, false);
	return machine_service(machine_round(&m, SEC), A);
}

TEST(none_is_none)
{
	start(KILL_NORMAL);
	check_int(look()->mark, MARK_NONE);
	machine_done(&m);
}

TEST(a_mark_is_seen)
{
	static const struct {
		const char *name;
		enum kill_mark mark;
	} rows[] = {
		{ "oomd_prefer", MARK_PREFER },
		{ "oomd_avoid", MARK_AVOID },
		{ "oomd_omit", MARK_OMIT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct service *a;
		bool trusted;

		start(KILL_NORMAL);
		trusted = strcmp(set_mark(rows[i].name, "1"), "trusted.") == 0;
		a = look();
		check_int(a->mark, rows[i].mark);
		check_int(a->mark_by_root, trusted || geteuid() == 0);
		check_int(a->cgroup_uid, geteuid());
		machine_done(&m);
	}
}

TEST(never_is_the_strongest_and_first_goes_before_last)
{
	start(KILL_NORMAL);
	(void)set_mark("oomd_avoid", "1");
	(void)set_mark("oomd_omit", "1");
	check_int(look()->mark, MARK_OMIT);
	machine_done(&m);
	start(KILL_NORMAL);
	(void)set_mark("oomd_avoid", "1");
	(void)set_mark("oomd_prefer", "1");
	check_int(look()->mark, MARK_PREFER);
	machine_done(&m);
}

TEST(one_that_says_no_is_none)
{
	start(KILL_NORMAL);
	(void)set_mark("oomd_omit", "0");
	check_int(look()->mark, MARK_NONE);
	machine_done(&m);
}

TEST(it_is_seen_when_it_is_set_and_taken_away_later)
{
	char path[PATH_MAX], attribute[64];
	const struct service *a;

	start(KILL_NORMAL);
	a = look();
	check_int(a->mark, MARK_NONE);
	snprintf(attribute, sizeof(attribute), "%soomd_omit", set_mark("oomd_omit", "yes"));
	machine_meminfo(&m, 2 * GIB, 100 * MIB);
	a = machine_service(machine_round(&m, 700 * SEC), A);
	check_int(a->mark, MARK_OMIT);
	path_of(path);
	check_int(removexattr(path, attribute), 0);
	a = machine_service(machine_round(&m, 1400 * SEC), A);
	check_int(a->mark, MARK_NONE);
	machine_done(&m);
}

TEST(nobody_asks_where_nobody_is_to_be_killed)
{
	start(KILL_NEVER);
	(void)set_mark("oomd_omit", "1");
	check_int(look()->mark, MARK_NONE);
	/* As soon as somebody is, it is known. */
	m.policies[0].kill = KILL_FIRST;
	sense_set_policies(m.sense, &m.table);
	check_int(machine_service(machine_round(&m, 2 * SEC), A)->mark, MARK_OMIT);
	machine_done(&m);
}

TEST(shared_memory_is_told_apart_on_each_node)
{
	const struct service *a;

	start(KILL_NORMAL);
	machine_cgroup_file(&m, A, "memory.numa_stat",
			    "anon N0=1048576 N1=0\nfile N0=8388608 N1=4194304\n"
			    "shmem N0=2097152 N1=4194304\nunevictable N0=0 N1=0\n");
	a = look();
	check(a->shares);
	check_int(a->shares[0].movable_bytes, 3 * MIB);
	check_int(a->shares[0].shmem_bytes, 2 * MIB);
	check_int(a->shares[1].movable_bytes, 4 * MIB);
	check_int(a->shares[1].shmem_bytes, 4 * MIB);
	machine_done(&m);
}
