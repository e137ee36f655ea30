/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Services on hosts with cgroup v1: hybrid, where systemd's tree is v2 and memory is accounted in a
 * tree of its own, and v1 alone.
 */

#include "machine.h"

#include <unistd.h>

static struct machine m;

#define MOUNT(point, options) "32 30 0:27 / " point " rw - cgroup cgroup rw," options "\n"

static void start(const char *mounts)
{
	machine_two_nodes(&m);
	machine_remove(&m, CGROUP_DIR);
	machine_policy(&m, "all", "system.slice/**/*.service");
	machine_file(&m, "proc/self/mountinfo", "%s", mounts);
	machine_mkdir(&m, CGROUP_DIR "/memory/system.slice");
	machine_file(&m, CGROUP_DIR "/memory/memory.limit_in_bytes", "9223372036854771712\n");
}

static void start_hybrid(void)
{
	start("31 30 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" MOUNT(
		"/sys/fs/cgroup/memory", "memory")
		      MOUNT("/sys/fs/cgroup/systemd", "xattr,name=systemd"));
	machine_file(&m, CGROUP_DIR "/unified/cgroup.controllers", "\n");
}

static void put(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CGROUP_DIR "/%s/%s", directory, name);
	machine_write(&m, path, text, strlen(text));
}

/* 8 MiB of anonymous memory, 2 of shmem, 6 of files of which one is dirty. */
static void put_memory(const char *directory)
{
	put(directory, "memory.usage_in_bytes", "16777216\n");
	put(directory, "memory.limit_in_bytes", "104857600\n");
	put(directory, "memory.failcnt", "3\n");
	put(directory, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	put(directory, "memory.stat",
	    "cache 1\nrss 2\nhierarchical_memory_limit 104857600\n"
	    "hierarchical_memsw_limit 9223372036854771712\n"
	    "total_cache 8388608\ntotal_rss 8388608\ntotal_shmem 2097152\n"
	    "total_dirty 524288\ntotal_writeback 524288\ntotal_swap 4096\n"
	    "total_workingset_refault_anon 0\ntotal_workingset_refault_file 0\n"
	    "total_active_file 6291456\ntotal_inactive_file 0\n");
	put(directory, "memory.numa_stat",
	    "total=0 N0=0 N1=0\nfile=0 N0=0 N1=0\nanon=0 N0=0 N1=0\nunevictable=0 N0=0 N1=0\n"
	    "hierarchical_total=4096 N0=3072 N1=1024\nhierarchical_file=1536 N0=1024 N1=512\n"
	    "hierarchical_anon=2560 N0=2048 N1=512\nhierarchical_unevictable=0 N0=0 N1=0\n");
}

static void check_memory(const struct service *a)
{
	check_known(service_value(a, METRIC_SERVICE_CURRENT), 16 * MIB);
	check_known(service_value(a, METRIC_SERVICE_ANON), 8 * MIB);
	check_known(service_value(a, METRIC_SERVICE_SHMEM), 2 * MIB);
	check_known(service_value(a, METRIC_SERVICE_FILE), 6 * MIB);
	check_known(service_value(a, METRIC_SERVICE_DIRTY), 1 * MIB);
	check_known(service_value(a, METRIC_SERVICE_SWAP), 4096);
	check_known(service_value(a, METRIC_SERVICE_MAX), 100 * MIB);
	check_known(service_value(a, METRIC_SERVICE_LIMIT), 100 * MIB);
	/* Clean file pages give way. */
	check_known(service_value(a, METRIC_SERVICE_HEADROOM), (100 - 16 + 5) * MIB);
	check_known(service_value(a, METRIC_SERVICE_EVENTS_MAX), 3);
	check_known(service_value(a, METRIC_SERVICE_EVENTS_OOM), 2);
	check_known(service_value(a, METRIC_SERVICE_OOM_KILLS), 2);
	check_known(service_value(a, METRIC_SERVICE_MIN), 0);
	check_known(service_value(a, METRIC_SERVICE_LOW), 0);
	check_known(service_value(a, METRIC_SERVICE_OOM_GROUP), 0);
	check_int(service_value(a, METRIC_SERVICE_HIGH).state, READING_INFINITE);
	check_int(service_value(a, METRIC_SERVICE_SWAP_MAX).state, READING_INFINITE);
	check_unknown(service_value(a, METRIC_SERVICE_SLAB));
	check_unknown(service_value(a, METRIC_SERVICE_EVENTS_HIGH));
	check_unknown(service_value(a, METRIC_SERVICE_EVENTS_HIGH_RATE));
	check(a->shares);
	check_int(a->shares[0].bytes, 12 * MIB);
	check_int(a->shares[0].movable_bytes, 8 * MIB);
	check_int(a->shares[1].bytes, 4 * MIB);
}

TEST(hybrid_memory_is_in_another_tree)
{
	start_hybrid();
	put("unified/system.slice/a.service", "cgroup.procs", "7\n");
	put("unified/system.slice/a.service", "memory.pressure",
	    "some avg10=2.00 avg60=0.00 avg300=0.00 total=0\n");
	put_memory("memory/system.slice/a.service");
	machine_process(&m, 7, "a", 100, 8 * MIB, "0-1");
	machine_start(&m, false);

	const struct service *a = machine_service(machine_round(&m, SEC), "system.slice/a.service");

	check_memory(a);
	check_known(service_value(a, METRIC_SERVICE_PSI_SOME), 200);
	check_known(service_value(a, METRIC_SERVICE_PROCESSES), 1);
	check(has_gap(&m, "cgroup v1"));
	check(!has_gap(&m, "memory accounting"));
	/* And it vanishes as anywhere: what stays in v1 is nobody's service. */
	machine_remove(&m, CGROUP_DIR "/unified/system.slice/a.service");
	check_int(machine_round(&m, 2 * SEC)->service_count, 0);
	machine_done(&m);
}

TEST(hybrid_units_without_accounting)
{
	start_hybrid();
	put("unified/system.slice/a.service", "cgroup.procs", "7\n");
	put("unified/system.slice/b.service", "cgroup.procs", "");
	put_memory("memory/system.slice/b.service");
	machine_process(&m, 7, "a", 100, 8 * MIB, "0-1");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *a = machine_service(s, "system.slice/a.service");

	check_unknown(service_value(a, METRIC_SERVICE_CURRENT));
	check_unknown(service_value(a, METRIC_SERVICE_ANON));
	check_unknown(service_value(a, METRIC_SERVICE_MAX));
	check_unknown(service_value(a, METRIC_SERVICE_SWAP));
	check_unknown(service_value(a, METRIC_SERVICE_MIN));
	check_unknown(service_value(a, METRIC_SERVICE_LIMIT));
	check_unknown(service_value(a, METRIC_SERVICE_HEADROOM));
	check_known(service_value(a, METRIC_SERVICE_PROCESSES), 1);
	check(!a->shares);
	check_memory(machine_service(s, "system.slice/b.service"));
	check(has_gap(&m, "1 of 2 services have no memory accounting"));
	machine_done(&m);
}

/* Kept files are of both trees, and both follow the kernel. */
TEST(hybrid_kept_files)
{
	start_hybrid();
	put("unified/system.slice/a.service", "cgroup.procs", "");
	put("unified/system.slice/a.service", "memory.pressure",
	    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	put_memory("memory/system.slice/a.service");
	machine_start_live(&m);
	check_memory(machine_service(machine_round(&m, SEC), "system.slice/a.service"));
	machine_round(&m, 2 * SEC);
	put("memory/system.slice/a.service", "memory.usage_in_bytes", "94371840\n");
	put("memory/system.slice/a.service", "memory.failcnt", "23\n");
	put("unified/system.slice/a.service", "memory.pressure",
	    "some avg10=7.00 avg60=0.00 avg300=0.00 total=0\n");

	const struct service *a =
		machine_service(machine_round(&m, 3 * SEC), "system.slice/a.service");

	check_known(service_value(a, METRIC_SERVICE_CURRENT), 90 * MIB);
	check_known(service_value(a, METRIC_SERVICE_PSI_SOME), 700);
	check_known(service_value(a, METRIC_SERVICE_EVENTS_MAX), 23);
	check(service_value(a, METRIC_SERVICE_EVENTS_MAX_RATE).value >= 10);
	/* It hit its own limit, so the pressure is its own. */
	check_known(service_value(a, METRIC_SERVICE_PSI_SELF), 700);
	machine_done(&m);
}

static void check_v1(const char *tree)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/system.slice/a.service", tree);
	put(path, "cgroup.procs", "7\n");
	put_memory("memory/system.slice/a.service");
	machine_process(&m, 7, "a", 100, 8 * MIB, "0-1");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *a = machine_service(s, "system.slice/a.service");

	check_memory(a);
	check_known(service_value(a, METRIC_SERVICE_PROCESSES), 1);
	check_unknown(service_value(a, METRIC_SERVICE_PSI_SOME));
	check(has_gap(&m, "service.psi"));
	check_int(host_value(s, METRIC_MEM_LIMIT).state, READING_INFINITE);
	check_known(host_value(s, METRIC_MEM_PROTECTED), 0);
	machine_done(&m);
}

TEST(v1_with_the_tree_of_systemd)
{
	start(MOUNT("/sys/fs/cgroup/memory", "memory")
		      MOUNT("/sys/fs/cgroup/systemd", "xattr,name=systemd"));
	check_v1("systemd");
}

TEST(v1_with_nothing_but_controllers)
{
	start(MOUNT("/sys/fs/cgroup/memory", "memory"));
	check_v1("memory");
}

/* Counters of v1 are each cgroup's own: what is below is not taken out of them. */
TEST(v1_events_are_local)
{
	start(MOUNT("/sys/fs/cgroup/memory", "memory"));
	put_memory("memory/system.slice/a.service");
	put_memory("memory/system.slice/a.service/in.service");
	put("memory/system.slice/a.service", "cgroup.procs", "");
	put("memory/system.slice/a.service/in.service", "cgroup.procs", "");
	machine_start(&m, false);

	const struct service *a = machine_service(machine_round(&m, SEC), "system.slice/a.service");

	check_known(service_value(a, METRIC_SERVICE_EVENTS_MAX), 3);
	check_known(service_value(a, METRIC_SERVICE_OOM_KILLS), 2);
	check_known(service_value(a, METRIC_SERVICE_CURRENT), 0);
	machine_remove(&m, CGROUP_DIR "/memory/system.slice/a.service/in.service");
	a = machine_service(machine_round(&m, 10 * SEC), "system.slice/a.service");
	check_known(service_value(a, METRIC_SERVICE_EVENTS_MAX), 3);
	machine_done(&m);
}

/* Nor is their memory, where the kernel does not add it up. */
TEST(v1_without_hierarchy)
{
	start(MOUNT("/sys/fs/cgroup/memory", "memory"));
	put_memory("memory/system.slice/a.service");
	put_memory("memory/system.slice/a.service/in.service");
	put("memory/system.slice/a.service", "memory.use_hierarchy", "0\n");
	put("memory/system.slice", "memory.use_hierarchy", "0\n");
	/* A limit that holds for nobody below. */
	put("memory/system.slice", "memory.limit_in_bytes", "33554432\n");
	put("memory/system.slice", "memory.usage_in_bytes", "33554432\n");
	machine_start(&m, false);
	check_memory(machine_service(machine_round(&m, SEC), "system.slice/a.service"));
	machine_done(&m);
}

TEST(v1_limits_above)
{
	start(MOUNT("/sys/fs/cgroup/memory", "memory"));
	put_memory("memory/system.slice/a.service");
	put("memory/system.slice", "memory.use_hierarchy", "1\n");
	put("memory/system.slice", "memory.limit_in_bytes", "33554432\n");
	put("memory/system.slice", "memory.usage_in_bytes", "33554432\n");
	put("memory/system.slice", "memory.stat",
	    "total_cache 2097152\ntotal_shmem 1048576\ntotal_dirty 0\n");
	machine_start(&m, false);

	const struct service *a = machine_service(machine_round(&m, SEC), "system.slice/a.service");

	check_known(service_value(a, METRIC_SERVICE_LIMIT), 32 * MIB);
	check_known(service_value(a, METRIC_SERVICE_HEADROOM), MIB);
	machine_done(&m);
}

static const char old_numa[] = "total=4096 N0=3072 N1=1024\nfile=1536 N0=1024 N1=512\n"
			       "anon=2560 N0=2048 N1=512\nunevictable=0 N0=0 N1=0\n";

/* 3.10: pages by node without those below, which say all only where nothing is. */
TEST(v1_shares_of_an_old_kernel)
{
	start(MOUNT("/sys/fs/cgroup/memory", "memory"));
	put_memory("memory/system.slice/leaf.service");
	put("memory/system.slice/leaf.service", "memory.numa_stat", old_numa);
	put_memory("memory/system.slice/inner.service");
	put("memory/system.slice/inner.service", "memory.numa_stat", old_numa);
	put("memory/system.slice/inner.service/x", "cgroup.procs", "");
	put("memory/system.slice/leaf.service", "memory.oom_control",
	    "oom_kill_disable 1\nunder_oom 1\n");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);
	const struct service *leaf = machine_service(s, "system.slice/leaf.service");

	check(leaf->shares);
	check_int(leaf->shares[0].bytes, 12 * MIB);
	check(!machine_service(s, "system.slice/inner.service")->shares);
	/* Nobody is killed, and no kernel of that age would count it. */
	check_unknown(service_value(leaf, METRIC_SERVICE_OOM_KILLS));
	check_known(service_value(leaf, METRIC_SERVICE_EVENTS_OOM), 1);
	machine_done(&m);
}

TEST(v1_own_cgroup)
{
	char path[PATH_MAX];

	start(MOUNT("/sys/fs/cgroup/memory", "memory")
		      MOUNT("/sys/fs/cgroup/systemd", "xattr,name=systemd"));
	put("systemd/system.slice/a.service", "cgroup.procs", "");
	put("systemd/system.slice/b.service", "cgroup.procs", "");
	snprintf(path, sizeof(path), "proc/%d/cgroup", getpid());
	machine_file(&m, path,
		     "4:memory:/system.slice/b.service\n"
		     "1:name=systemd:/system.slice/a.service\n");
	machine_start_live(&m);

	const struct snapshot *s = machine_round(&m, SEC);

	check(machine_service(s, "system.slice/a.service")->is_self);
	check(!machine_service(s, "system.slice/b.service")->is_self);
	machine_done(&m);
}

/* A container on v1: its own part of the hierarchy has the limit. */
TEST(v1_container_limit)
{
	start("32 30 0:27 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	put_memory("memory");
	machine_start(&m, false);

	const struct snapshot *s = machine_round(&m, SEC);

	check_known(host_value(s, METRIC_MEM_LIMIT), 100 * MIB);
	check_known(host_value(s, METRIC_MEM_LIMIT_HEADROOM), (100 - 16 + 5) * MIB);
	machine_done(&m);
}
