/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#include "sense/service_sensor.h"

#include <unistd.h>

static struct machine m;
static struct policy *all;

static void start(void)
{
	machine_two_nodes(&m);
	all = machine_policy(&m, "all", "system.slice/**/*.service");
}

static uint64_t current_of(const struct snapshot *s, const char *path)
{
	struct reading r = service_value(machine_service(s, path), METRIC_SERVICE_CURRENT);

	check_int(r.state, READING_KNOWN);
	return (uint64_t)r.value;
}

TEST(the_numbers_of_a_service)
{
	start();
	machine_cgroup(&m, "system.slice/db.service", "");
	machine_memory(&m, "system.slice/db.service", 30 * MIB, 10 * MIB, 5 * MIB);
	machine_cgroup_file(&m, "system.slice/db.service", "memory.numa_stat",
			    "anon N0=31457280 N1=10485760\nfile N0=5242880 N1=0\n"
			    "shmem N0=1048576 N1=0\nunevictable N0=0 N1=0\n");
	machine_cgroup_file(&m, "system.slice/db.service", "memory.swap.current", "4096\n");
	machine_cgroup_file(&m, "system.slice/db.service", "memory.high", "104857600\n");
	machine_cgroup_file(&m, "system.slice/db.service", "memory.events",
			    "low 0\nhigh 3\nmax 4\noom 5\noom_kill 6\n");
	machine_cgroup_file(&m, "system.slice/db.service", "memory.pressure",
			    "some avg10=1.50 avg60=0.00 avg300=0.00 total=10\n"
			    "full avg10=0.25 avg60=0.00 avg300=0.00 total=5\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *db = machine_service(s, "system.slice/db.service");

	check_int(s->service_count, 1);
	check_str(db->name, "db.service");
	check_int(db->policy, 0);
	check_int(db->guest, GUEST_NONE);
	check_known(service_value(db, METRIC_SERVICE_CURRENT), 45 * MIB);
	check_known(service_value(db, METRIC_SERVICE_ANON), 40 * MIB);
	check_known(service_value(db, METRIC_SERVICE_SWAP), 4096);
	check_known(service_value(db, METRIC_SERVICE_HIGH), 100 * MIB);
	check_int(service_value(db, METRIC_SERVICE_MAX).state, READING_INFINITE);
	check_known(service_value(db, METRIC_SERVICE_PSI_SOME), 150);
	check_known(service_value(db, METRIC_SERVICE_PSI_FULL), 25);
	check_known(service_value(db, METRIC_SERVICE_EVENTS_HIGH), 3);
	check_known(service_value(db, METRIC_SERVICE_EVENTS_MAX), 4);
	check_known(service_value(db, METRIC_SERVICE_EVENTS_OOM), 5);
	check_known(service_value(db, METRIC_SERVICE_OOM_KILLS), 6);
	check_known(service_value(db, METRIC_SERVICE_PROCESSES), 0);
	check_int(db->shares[0].bytes, 35 * MIB);
	check_int(db->shares[0].movable_bytes, 31 * MIB);
	check_int(db->shares[1].bytes, 10 * MIB);
	check_int(db->sampled_at, SEC);
	machine_done(&m);
}

TEST(an_average_that_the_kernel_left_behind)
{
	struct reading some, full;

	start();
	machine_cgroup(&m, "system.slice/db.service", "");
	machine_memory(&m, "system.slice/db.service", 30 * MIB, 0, 0);
	machine_start(&m, false);
	for (unsigned i = 0; i < 30; i++) {
		char text[128];

		(void)snprintf(text, sizeof(text),
			       "some avg10=9.00 avg60=0.00 avg300=0.00 total=%u\n"
			       "full avg10=9.00 avg60=0.00 avg300=0.00 total=%u\n",
			       i * 900000, i * 500);
		machine_cgroup_file(&m, "system.slice/db.service", "memory.pressure", text);
		/* What changes is read at once. */
		machine_memory(&m, "system.slice/db.service", (30 + i % 2) * MIB, 0, 0);
		machine_round(&m, (i + 1) * SEC);
	}
	const struct service *db =
		machine_service(sense_snapshot(m.sense), "system.slice/db.service");

	some = service_value(db, METRIC_SERVICE_PSI_SOME);
	full = service_value(db, METRIC_SERVICE_PSI_FULL);
	check(some.value > 8000 && some.value <= 9000);
	check_known(full, 900);
	machine_done(&m);
}

TEST(the_first_policy_owns_it)
{
	machine_two_nodes(&m);
	machine_policy(&m, "ci", "system.slice/ci-*.service");
	machine_policy(&m, "rest", "system.slice/*.service");
	machine_cgroup(&m, "system.slice/ci-1.service", "");
	machine_cgroup(&m, "system.slice/db.service", "");
	machine_cgroup(&m, "user.slice/x.service", "");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->service_count, 2);
	check_int(machine_service(s, "system.slice/ci-1.service")->policy, 0);
	check_int(machine_service(s, "system.slice/db.service")->policy, 1);
	machine_done(&m);
}

TEST(a_service_below_a_service_is_not_counted_twice)
{
	machine_two_nodes(&m);
	machine_policy(&m, "outer", "system.slice/outer.service");
	machine_policy(&m, "inner", "system.slice/outer.service/pod/inner");
	machine_policy(&m, "leaf", "system.slice/outer.service/pod/inner/leaf");
	machine_cgroup(&m, "system.slice/outer.service", "");
	machine_memory(&m, "system.slice/outer.service", 100 * MIB, 10 * MIB, 0);
	machine_cgroup_file(&m, "system.slice/outer.service", "memory.events",
			    "low 0\nhigh 10\nmax 0\noom 0\noom_kill 9\n");
	/* In between lies one that nobody matches. */
	machine_cgroup(&m, "system.slice/outer.service/pod", "");
	machine_memory(&m, "system.slice/outer.service/pod", 90 * MIB, 10 * MIB, 0);
	machine_cgroup(&m, "system.slice/outer.service/pod/inner", "");
	machine_memory(&m, "system.slice/outer.service/pod/inner", 60 * MIB, 5 * MIB, 0);
	machine_cgroup_file(&m, "system.slice/outer.service/pod/inner", "memory.events",
			    "low 0\nhigh 4\nmax 0\noom 0\noom_kill 5\n");
	machine_cgroup(&m, "system.slice/outer.service/pod/inner/leaf", "");
	machine_memory(&m, "system.slice/outer.service/pod/inner/leaf", 20 * MIB, 0, 0);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *outer = machine_service(s, "system.slice/outer.service");
	const struct service *inner = machine_service(s, "system.slice/outer.service/pod/inner");

	check_int(s->service_count, 3);
	check_known(service_value(outer, METRIC_SERVICE_CURRENT), 45 * MIB);
	check_known(service_value(outer, METRIC_SERVICE_ANON), 45 * MIB);
	check_int(outer->shares[0].bytes, 40 * MIB);
	check_int(outer->shares[0].movable_bytes, 40 * MIB);
	check_int(outer->shares[1].bytes, 5 * MIB);
	check_known(service_value(outer, METRIC_SERVICE_EVENTS_HIGH), 6);
	check_known(service_value(outer, METRIC_SERVICE_OOM_KILLS), 4);
	check_known(service_value(inner, METRIC_SERVICE_CURRENT), 45 * MIB);
	check_int(inner->shares[0].bytes, 40 * MIB);
	machine_done(&m);
}

TEST(siblings_whose_names_sort_around_the_slash)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "**");
	machine_cgroup(&m, "a", "");
	machine_memory(&m, "a", 10 * MIB, 0, 0);
	machine_cgroup(&m, "a/c", "");
	machine_memory(&m, "a/c", 4 * MIB, 0, 0);
	machine_cgroup(&m, "a-b", "");
	machine_memory(&m, "a-b", 3 * MIB, 0, 0);
	machine_cgroup(&m, "a.d", "");
	machine_memory(&m, "a.d", 2 * MIB, 0, 0);
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->service_count, 4);
	check_int(current_of(s, "a"), 6 * MIB);
	check_int(current_of(s, "a/c"), 4 * MIB);
	check_int(current_of(s, "a-b"), 3 * MIB);
	check_int(current_of(s, "a.d"), 2 * MIB);
	machine_done(&m);
}

TEST(what_a_parent_counted_for_a_child_that_is_gone_stays_the_childs)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "a/**");
	machine_cgroup(&m, "a", "");
	machine_cgroup_file(&m, "a", "memory.events", "low 0\nhigh 0\nmax 0\noom 9\noom_kill 9\n");
	machine_cgroup(&m, "a/b", "");
	machine_cgroup_file(&m, "a/b", "memory.events",
			    "low 0\nhigh 0\nmax 0\noom 7\noom_kill 7\n");
	machine_start(&m, false);
	check_known(service_value(machine_service(machine_round(&m, SEC), "a"),
				  METRIC_SERVICE_OOM_KILLS),
		    2);
	machine_remove(&m, CGROUP_DIR "/a/b");

	const struct snapshot *s = machine_round(&m, 2 * SEC);

	check_int(s->service_count, 1);
	check_known(service_value(machine_service(s, "a"), METRIC_SERVICE_OOM_KILLS), 2);
	/* Also once the tree was walked again. */
	s = machine_round(&m, 100 * SEC);
	check_known(service_value(machine_service(s, "a"), METRIC_SERVICE_OOM_KILLS), 2);
	machine_done(&m);
}

TEST(a_cgroup_that_vanishes_between_rounds)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_memory(&m, "system.slice/a.service", MIB, 0, 0);
	machine_cgroup(&m, "system.slice/b.service", "");
	machine_memory(&m, "system.slice/b.service", 2 * MIB, 0, 0);
	machine_cgroup(&m, "system.slice/c.service", "");
	machine_memory(&m, "system.slice/c.service", 3 * MIB, 0, 0);
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 3);
	machine_remove(&m, CGROUP_DIR "/system.slice/b.service");

	/* Without a walk. */
	check_int(sense_fast(m.sense, 2 * SEC), 0);
	check_int(sense_services(m.sense, 2 * SEC), 0);

	const struct snapshot *s = sense_snapshot(m.sense);

	check_int(s->service_count, 2);
	check(!machine_has(s, "system.slice/b.service"));
	check_int(current_of(s, "system.slice/a.service"), MIB);
	check_int(current_of(s, "system.slice/c.service"), 3 * MIB);
	check_int(machine_service(s, "system.slice/c.service")->shares[0].bytes, 3 * MIB);
	machine_done(&m);
}

/* Puts a new directory in place of the old one: the old is there while the new is made, so their
 * inodes differ. */
static void recreate(const char *cgroup)
{
	char with[256], path[512], old[PATH_MAX], new[PATH_MAX];

	snprintf(with, sizeof(with), "%s.new", cgroup);
	machine_cgroup(&m, with, "");
	snprintf(path, sizeof(path), CGROUP_DIR "/%s", with);
	machine_path(&m, path, new);
	snprintf(path, sizeof(path), CGROUP_DIR "/%s", cgroup);
	machine_path(&m, path, old);
	machine_remove(&m, path);
	check_int(rename(new, old), 0);
}

TEST(a_cgroup_that_was_made_anew_is_another_service)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "7\n");
	machine_process(&m, 7, "a", 100, 8 * MIB, "0-1");
	machine_memory(&m, "system.slice/a.service", 64 * MIB, 0, 0);
	machine_start_live(&m);

	const struct snapshot *s = machine_round(&m, SEC);
	uint64_t inode = machine_service(s, "system.slice/a.service")->inode;

	check(inode != 0);
	check_int(machine_service(s, "system.slice/a.service")->process_count, 1);
	recreate("system.slice/a.service");
	machine_memory(&m, "system.slice/a.service", 5 * MIB, 0, 0);
	machine_file(&m, CGROUP_DIR "/cgroup.stat", "nr_descendants 1\nnr_dying_descendants 1\n");
	s = machine_round(&m, 2 * SEC);
	check_int(s->service_count, 1);
	check(machine_service(s, "system.slice/a.service")->inode != inode);
	check_int(current_of(s, "system.slice/a.service"), 5 * MIB);
	check_int(machine_service(s, "system.slice/a.service")->process_count, 0);
	machine_done(&m);
}

TEST(one_made_anew_is_noticed_without_a_walk_too)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_cgroup(&m, "system.slice/b.service", "");
	machine_start_live(&m);
	machine_round(&m, SEC);

	uint64_t inode = machine_service(sense_snapshot(m.sense), "system.slice/a.service")->inode;

	recreate("system.slice/a.service");
	/* Its files are old: read by path at the latest after a while, and then walked for. */
	machine_round(&m, 70 * SEC);

	const struct snapshot *s = machine_round(&m, 71 * SEC);

	check_int(s->service_count, 2);
	check(machine_service(s, "system.slice/a.service")->inode != inode);
	machine_done(&m);
}

TEST(new_cgroups_are_found_when_the_counts_change)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 1);
	machine_cgroup(&m, "system.slice/b.service", "");
	/* A walk costs; no sign, no walk. */
	check_int(machine_round(&m, 2 * SEC)->service_count, 1);
	machine_file(&m, CGROUP_DIR "/cgroup.stat", "nr_descendants 2\nnr_dying_descendants 0\n");
	check_int(machine_round(&m, 3 * SEC)->service_count, 2);
	machine_done(&m);
}

static void tree_counts(unsigned descendants, unsigned dying_memory)
{
	machine_file(&m, CGROUP_DIR "/cgroup.stat",
		     "nr_descendants %u\nnr_subsys_cpuset 1\nnr_subsys_cpu 12\nnr_subsys_io 12\n"
		     "nr_subsys_memory 40\nnr_subsys_perf_event 41\nnr_subsys_hugetlb 1\n"
		     "nr_subsys_pids 40\nnr_subsys_rdma 1\nnr_subsys_misc 1\n"
		     "nr_dying_descendants 0\nnr_dying_subsys_cpuset 0\nnr_dying_subsys_cpu 0\n"
		     "nr_dying_subsys_io 0\nnr_dying_subsys_memory %u\n"
		     "nr_dying_subsys_perf_event 0\nnr_dying_subsys_hugetlb 0\n"
		     "nr_dying_subsys_pids 0\nnr_dying_subsys_rdma 0\nnr_dying_subsys_misc 0\n",
		     descendants, dying_memory);
}

TEST(the_long_counts_of_6_12_are_a_sign_too)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	tree_counts(1, 0);
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 1);
	machine_cgroup(&m, "system.slice/b.service", "");
	tree_counts(1, 7); /* a controller's own affair */
	check_int(machine_round(&m, 2 * SEC)->service_count, 1);
	tree_counts(2, 7);
	check_int(machine_round(&m, 3 * SEC)->service_count, 2);
	machine_done(&m);
}

TEST(new_cgroups_are_found_after_a_while_without_a_sign)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_start(&m, false);
	machine_round(&m, SEC);
	machine_cgroup(&m, "system.slice/b.service", "");
	check_int(machine_round(&m, 62 * SEC)->service_count, 2);
	machine_done(&m);
}

TEST(hostile_names)
{
	start();
	machine_cgroup(&m, "system.slice/new\nline.service", "");
	machine_cgroup(&m, "system.slice/bad\xff\xfe.service", "");
	machine_cgroup(&m, "system.slice/machine-qemu\\x2d1\\x2d\\x1b[31m.service", "");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_int(s->service_count, 2);
	check_str(machine_service(s, "system.slice/bad\xff\xfe.service")->name,
		  "bad\\xff\\xfe.service");
	check(has_gap(&m, "1 cgroups have control characters"));
	machine_done(&m);
}

TEST(truncated_and_nonsense_files_are_unknown)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_memory(&m, "system.slice/a.service", 8 * MIB, 0, 0);
	machine_start(&m, false);
	check_int(current_of(machine_round(&m, SEC), "system.slice/a.service"), 8 * MIB);
	machine_cgroup_file(&m, "system.slice/a.service", "memory.current", "83886");
	machine_cgroup_file(&m, "system.slice/a.service", "memory.numa_stat", "anon N0=12");
	machine_cgroup_file(&m, "system.slice/a.service", "memory.high", "-1\n");
	machine_cgroup_file(&m, "system.slice/a.service", "memory.max", "\n");
	machine_cgroup_file(&m, "system.slice/a.service", "memory.events", "low");
	machine_cgroup_file(&m, "system.slice/a.service", "memory.pressure", "some avg10=1.");

	const struct service *a =
		machine_service(machine_round(&m, 100 * SEC), "system.slice/a.service");

	check_unknown(service_value(a, METRIC_SERVICE_CURRENT));
	check_unknown(service_value(a, METRIC_SERVICE_ANON));
	check(!a->shares);
	check_unknown(service_value(a, METRIC_SERVICE_HIGH));
	check_unknown(service_value(a, METRIC_SERVICE_MAX));
	check_unknown(service_value(a, METRIC_SERVICE_EVENTS_HIGH));
	check_unknown(service_value(a, METRIC_SERVICE_PSI_SOME));
	machine_done(&m);
}

TEST(without_numa_stat_there_are_no_shares)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_remove(&m, CGROUP_DIR "/system.slice/a.service/memory.numa_stat");
	machine_cgroup_file(&m, "system.slice/a.service", "memory.stat", "anon 4096\nfile 0\n");
	machine_start(&m, false);

	const struct service *a = machine_service(machine_round(&m, SEC), "system.slice/a.service");

	check(!a->shares);
	check_known(service_value(a, METRIC_SERVICE_ANON), 4096);
	check(has_gap(&m, "memory.numa_stat"));
	machine_done(&m);
}

TEST(a_container_without_controllers)
{
	start();
	machine_file(&m, CGROUP_DIR "/cgroup.controllers", "\n");
	machine_cgroup_file(&m, "system.slice/a.service", "cgroup.procs", "");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 1);
	check(has_gap(&m, "no memory controller"));
	machine_done(&m);
}

TEST(without_cgroups_there_are_no_services)
{
	start();
	machine_remove(&m, CGROUP_DIR);
	machine_file(&m, "proc/self/mountinfo", "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 0);
	check(has_gap(&m, "no cgroup hierarchy"));
	machine_done(&m);
}

TEST(without_policies_there_are_no_services)
{
	machine_two_nodes(&m);
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 0);
	machine_done(&m);
}

TEST(new_policies_are_in_force_at_once)
{
	struct policy_table other;
	struct policy swapped[2];

	machine_two_nodes(&m);
	machine_policy(&m, "a", "system.slice/a.service");
	machine_policy(&m, "b", "system.slice/b.service");
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_cgroup(&m, "system.slice/b.service", "");
	machine_cgroup(&m, "system.slice/c.service", "");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 2);

	swapped[0] = m.policies[1];
	other = (struct policy_table){ .policies = swapped, .count = 1 };
	sense_set_policies(m.sense, &other);

	const struct snapshot *s = sense_snapshot(m.sense);

	check_int(s->service_count, 1);
	check_str(s->services[0].path, "system.slice/b.service");
	check_int(s->services[0].policy, 0);
	swapped[1] = m.policies[0];
	other.count = 2;
	sense_set_policies(m.sense, &other);
	check_int(machine_round(&m, 2 * SEC)->service_count, 2);
	sense_set_policies(m.sense, NULL);
	check_int(machine_round(&m, 3 * SEC)->service_count, 0);
	machine_done(&m);
}

static bool is_path(const void *path, const char *asked)
{
	return strcmp(path, asked) == 0;
}

static void check_paused(const struct snapshot *s, const char *path)
{
	for (size_t i = 0; i < s->service_count; i++)
		check_int(s->services[i].paused,
			  path != NULL && strcmp(s->services[i].path, path) == 0);
}

TEST(what_is_paused_is_marked_at_once_and_when_it_comes)
{
	static const char early[] = "system.slice/a.service", late[] = "system.slice/late.service";
	const struct policy_table table = { .policies = m.policies, .count = 1 };

	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*");
	machine_cgroup(&m, early, "");
	machine_cgroup(&m, "system.slice/b.service", "");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 2);
	check_paused(sense_snapshot(m.sense), NULL);

	sense_set_paused(m.sense, is_path, early);
	sense_set_policies(m.sense, &table);
	check_paused(sense_snapshot(m.sense), early);
	check_paused(machine_round(&m, 2 * SEC), early);

	sense_set_paused(m.sense, is_path, late);
	sense_set_policies(m.sense, &table);
	check_paused(sense_snapshot(m.sense), NULL);
	machine_cgroup(&m, late, "");
	check_int(machine_round(&m, 3 * SEC)->service_count, 3);
	check_paused(sense_snapshot(m.sense), late);
	check_paused(machine_round(&m, 4 * SEC), late);

	sense_set_paused(m.sense, NULL, NULL);
	sense_set_policies(m.sense, &table);
	check_paused(sense_snapshot(m.sense), NULL);
	machine_done(&m);
}

TEST(protected_and_own_cgroups)
{
	char path[PATH_MAX];

	machine_two_nodes(&m);
	machine_policy(&m, "all", "**");
	machine_cgroup(&m, "system.slice/oomwardend.service", "");
	machine_cgroup(&m, "system.slice/dbus.service", "");
	machine_cgroup(&m, "system.slice/x.service", "");
	machine_cgroup(&m, "init.scope", "");
	machine_cgroup(&m, "init", "");
	snprintf(path, sizeof(path), "proc/%d/cgroup", getpid());
	machine_file(&m, path, "0::/system.slice/oomwardend.service\n");
	machine_file(&m, "proc/1/cgroup", "0::/init.scope\n");
	machine_start_live(&m);

	const struct snapshot *s = machine_round(&m, SEC);

	check(machine_service(s, "system.slice/oomwardend.service")->is_self);
	check(machine_service(s, "system.slice")->is_self);
	check(machine_service(s, "init.scope")->is_self);
	check(!machine_service(s, "init")->is_self);
	check(!machine_service(s, "system.slice/x.service")->is_self);
	check(machine_service(s, "system.slice/dbus.service")->protected_unit);
	check(!machine_service(s, "system.slice/x.service")->protected_unit);
	machine_done(&m);
}

TEST(nothing_in_a_fixture_is_the_agents_own)
{
	char path[PATH_MAX];

	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	snprintf(path, sizeof(path), "proc/%d/cgroup", getpid());
	machine_file(&m, path, "0::/system.slice/a.service\n");
	machine_file(&m, "proc/1/cgroup", "0::/system.slice/a.service\n");
	machine_start(&m, false);
	check(!machine_service(machine_round(&m, SEC), "system.slice/a.service")->is_self);
	machine_done(&m);
}

TEST(a_path_below_a_part_of_the_tree)
{
	char path[PATH_MAX];

	start();
	machine_file(&m, "proc/self/mountinfo",
		     "30 21 0:25 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	machine_cgroup(&m, "system.slice/a.service", "");
	snprintf(path, sizeof(path), "proc/%d/cgroup", getpid());
	machine_file(&m, path, "0::/docker/1/system.slice/a.service\n");
	machine_start_live(&m);
	check(machine_service(machine_round(&m, SEC), "system.slice/a.service")->is_self);
	machine_done(&m);
}

TEST(kept_files_follow_the_kernel)
{
	start();
	machine_cgroup(&m, "system.slice/big.service", "");
	machine_memory(&m, "system.slice/big.service", 64 * MIB, 0, 0);
	machine_cgroup(&m, "system.slice/small.service", "");
	machine_memory(&m, "system.slice/small.service", MIB, 0, 0);
	machine_start_live(&m);
	machine_round(&m, SEC);
	machine_round(&m, 2 * SEC);
	machine_memory(&m, "system.slice/big.service", 10 * MIB, 80 * MIB, 0);
	machine_memory(&m, "system.slice/small.service", 30 * MIB, 0, 0);

	/* What the nodes have stays as it is, so that meminfo is read after half a minute only. */
	machine_meminfo(&m, 2 * GIB, 500 * MIB);

	const struct snapshot *s = machine_round(&m, 33 * SEC);

	check_int(current_of(s, "system.slice/big.service"), 90 * MIB);
	check_int(machine_service(s, "system.slice/big.service")->shares[1].bytes, 80 * MIB);
	/* It weighed nothing, and so has its turn within four rounds. */
	for (usec_t now = 34; now <= 36; now++)
		s = machine_round(&m, now * SEC);
	check_int(current_of(s, "system.slice/small.service"), 30 * MIB);
	check_int(machine_service(s, "system.slice/small.service")->shares[0].bytes, 30 * MIB);
	machine_done(&m);
}

TEST(our_own_moves_are_seen_though_nothing_else_changed)
{
	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_memory(&m, "system.slice/a.service", 64 * MIB, 0, 0);
	machine_start(&m, false);
	machine_round(&m, SEC);
	/* As much as before, on the other node. */
	machine_memory(&m, "system.slice/a.service", 0, 64 * MIB, 0);
	sense_note_moved(m.sense, 0, -(int64_t)(64 * MIB));
	sense_note_moved(m.sense, 1, 64 * MIB);
	check_int(sense_fast(m.sense, SEC + 1000), 0);
	check_int(sense_services(m.sense, SEC + 1000), 0);

	const struct service *a =
		machine_service(sense_snapshot(m.sense), "system.slice/a.service");

	check_int(a->shares[1].bytes, 64 * MIB);
	check_int(a->shares[0].bytes, 0);
	machine_done(&m);
}

TEST(a_service_near_its_limit_is_read_though_the_host_is_calm)
{
	start();
	for (int i = 0; i < 40; i++) {
		char path[64];

		snprintf(path, sizeof(path), "system.slice/s%02d.service", i);
		machine_cgroup(&m, path, "");
	}
	machine_cgroup_file(&m, "system.slice/s39.service", "memory.max", "104857600\n");
	machine_memory(&m, "system.slice/s39.service", 100 * MIB, 0, 0);
	machine_start(&m, false);
	machine_round(&m, SEC);
	machine_cgroup_file(&m, "system.slice/s39.service", "memory.events",
			    "low 0\nhigh 0\nmax 77\noom 0\noom_kill 0\n");
	check_known(service_value(
			    machine_service(machine_round(&m, 4 * SEC), "system.slice/s39.service"),
			    METRIC_SERVICE_EVENTS_MAX),
		    77);
	machine_done(&m);
}

TEST(a_thousand_services)
{
	const struct snapshot *s;

	start();
	for (int i = 0; i < 1000; i++) {
		char path[64];

		snprintf(path, sizeof(path), "system.slice/s%04d.service", i);
		machine_cgroup(&m, path, "");
		machine_memory(&m, path, (uint64_t)i * PAGE, 0, 0);
	}
	machine_start_live(&m);
	s = machine_round(&m, SEC);
	check_int(s->service_count, 1000);
	for (size_t i = 0; i < s->service_count; i++)
		check_known(service_value(&s->services[i], METRIC_SERVICE_CURRENT),
			    (int64_t)(i * PAGE));

	/* Walks over so many are not made every second. */
	machine_cgroup(&m, "system.slice/new.service", "");
	machine_file(&m, CGROUP_DIR "/cgroup.stat", "nr_descendants 1001\n");
	check_int(machine_round(&m, 2 * SEC)->service_count, 1000);
	check_int(machine_round(&m, 3 * SEC)->service_count, 1001);

	/* Nothing moves: one that changed is found in its turn, and not by reading all. */
	usec_t now = 4 * SEC;
	int rounds = 0;

	/* All are looked at in the rounds after somebody came, and that is not put off. */
	for (int i = 0; i < 3; i++) {
		check(service_sensor_goes_on(m.sense));
		machine_round(&m, now += SEC);
	}
	check(!service_sensor_goes_on(m.sense));
	machine_memory(&m, "system.slice/s0999.service", 100 * MIB, 0, 0);
	while (current_of(machine_round(&m, now), "system.slice/s0999.service") != 100 * MIB) {
		now += 60 * SEC;
		check(++rounds <= 1001);
	}
	check(rounds > 1);

	/* The host moves: it is found in one of the next four rounds. (What the nodes have stays as
	 * it is, so that meminfo is read after half a minute only.) */
	now += 60 * SEC;
	machine_memory(&m, "system.slice/s0998.service", 200 * MIB, 0, 0);
	machine_meminfo(&m, 2 * GIB, 500 * MIB);
	for (int i = 0; i < 4; i++)
		s = machine_round(&m, now += SEC);
	check_int(current_of(s, "system.slice/s0998.service"), 200 * MIB);
	machine_done(&m);
}

TEST(a_sequence_of_trees)
{
	struct machine next;

	start();
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_memory(&m, "system.slice/a.service", 10 * MIB, 0, 0);
	machine_cgroup(&m, "system.slice/b.service", "");
	machine_start(&m, false);
	check_int(machine_round(&m, SEC)->service_count, 2);

	machine_two_nodes(&next);
	machine_cgroup(&next, "system.slice/a.service", "");
	machine_memory(&next, "system.slice/a.service", 20 * MIB, 0, 0);
	machine_cgroup(&next, "system.slice/c.service", "");
	check_int(cgroup_layout_open(&next.root, &next.layout), 0);
	check_int(sense_set_root(m.sense, &next.root, &next.layout), 0);

	const struct snapshot *s = machine_round(&m, SEC + 1000);

	check_int(s->service_count, 2);
	check_int(current_of(s, "system.slice/a.service"), 20 * MIB);
	check(machine_has(s, "system.slice/c.service"));
	m.sense = sense_free(m.sense);
	machine_done(&next);
	machine_done(&m);
}
