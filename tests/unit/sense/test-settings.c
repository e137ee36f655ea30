/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What services and the host are set to: on v2, v1 and hybrid hosts, and when somebody writes it.
 */

#include "machine.h"

#include "sense/service_settings.h"

#include <sys/sysmacros.h>

#include "sense/state.h"

static struct machine m;

#define A "system.slice/a.service"
#define B "system.slice/b.service"

#define MOUNT(point, options) "32 30 0:27 / " point " rw - cgroup cgroup rw," options "\n"

static void set_up(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*.service");
	machine_cgroup(&m, A, "");
	machine_cgroup(&m, B, "");
	machine_cgroup_file(&m, A, "memory.min", "0\n");
	machine_cgroup_file(&m, A, "memory.low", "1048576\n");
	machine_cgroup_file(&m, A, "memory.high", "104857600\n");
	machine_cgroup_file(&m, A, "memory.swap.max", "max\n");
	machine_cgroup_file(&m, A, "memory.oom.group", "1\n");
	machine_cgroup_file(&m, A, "cpuset.mems", "1\n");
	machine_memory(&m, A, 20 * MIB, 0, 0);
	machine_memory(&m, B, 20 * MIB, 0, 0);
}

static const struct service_settings *settings_of(const struct snapshot *s, const char *path)
{
	const struct service *service = machine_service(s, path);

	check(service->settings != NULL);
	return service->settings;
}

static struct reading memory_of(const struct snapshot *s, const char *path, enum setting_id id)
{
	return settings_of(s, path)->memory[id];
}

TEST(its_own_on_v2)
{
	const struct service_settings *a;
	const struct snapshot *s;

	set_up();
	/* What is above it leaves less, which is not what is set. */
	machine_cgroup_file(&m, "system.slice", "memory.low", "0\n");
	machine_cgroup_file(&m, "system.slice", "memory.max", "52428800\n");
	machine_cgroup_file(&m, "system.slice", "memory.current", "41943040\n");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	a = settings_of(s, A);
	check_known(a->memory[SETTING_MEMORY_MIN], 0);
	check_known(a->memory[SETTING_MEMORY_LOW], MIB);
	check_known(a->memory[SETTING_MEMORY_HIGH], 100 * MIB);
	check_int(a->memory[SETTING_MEMORY_MAX].state, READING_INFINITE);
	check_int(a->memory[SETTING_MEMORY_SWAP_MAX].state, READING_INFINITE);
	check_known(a->oom_group, 1);
	check_known(service_value(machine_service(s, A), METRIC_SERVICE_LOW), 0);
	check(a->nodes);
	check_int(idset_count(a->nodes), 1);
	check(idset_has(a->nodes, 1));
	/* No such files: the controllers are not enabled for it. */
	check_unknown(memory_of(s, B, SETTING_MEMORY_MIN));
	check_unknown(settings_of(s, B)->oom_group);
	check(!settings_of(s, B)->nodes);
	check_int(memory_of(s, B, SETTING_MEMORY_HIGH).state, READING_INFINITE);
	machine_done(&m);
}

TEST(an_empty_set_of_nodes_is_all_of_them)
{
	const struct snapshot *s;

	set_up();
	machine_cgroup_file(&m, A, "cpuset.mems", "\n");
	machine_cgroup_file(&m, B, "cpuset.mems", "nonsense\n");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check(settings_of(s, A)->nodes);
	check(idset_is_empty(settings_of(s, A)->nodes));
	check(!settings_of(s, B)->nodes);
	machine_done(&m);
}

/* A policy asks for them, and there are CPUs on several nodes. */
static void set_up_home(void)
{
	set_up();
	machine_file(&m, NODE_DIR "/node0/cpulist", "0-3\n");
	machine_file(&m, NODE_DIR "/node1/cpulist", "4-7\n");
	m.policies[0].nodes = NODES_HOME;
}

static void check_cpu_nodes(usec_t now, const char *text, const char *want)
{
	const struct service_settings *a;
	struct idset nodes;

	machine_cgroup_file(&m, A, "cpuset.cpus", text);
	a = settings_of(machine_round(&m, now), A);
	check_int(a->cpu_nodes != NULL, want != NULL);
	if (!want)
		return;
	check_int(idset_parse(want, &nodes), 0);
	check(idset_equal(a->cpu_nodes, &nodes));
}

TEST(cpus_are_those_of_whole_nodes_or_unknown)
{
	const struct service_settings *b;
	struct snapshot const *s;

	set_up_home();
	machine_start(&m, false);
	check_cpu_nodes(SEC, "4-7\n", "1");
	s = machine_round(&m, 2 * SEC);
	check(settings_of(s, A)->nodes != NULL);
	/* Nobody uses the controller there. */
	b = settings_of(s, B);
	check(b->cpu_nodes && idset_is_empty(b->cpu_nodes));
	check(b != settings_of(s, A));
	check_cpu_nodes(700 * SEC, "0-7\n", "0-1");
	check_cpu_nodes(1400 * SEC, "\n", "");
	check_cpu_nodes(2100 * SEC, "0-4\n", NULL);
	check_cpu_nodes(2800 * SEC, "nonsense\n", NULL);
	check_cpu_nodes(3500 * SEC, "0-3\n", "0");
	machine_done(&m);
}

TEST(cpus_are_of_no_interest_without_such_a_policy)
{
	set_up_home();
	m.policies[0].nodes = NODES_RELIEVE;
	machine_start(&m, false);
	check_cpu_nodes(SEC, "4-7\n", NULL);
	/* It comes with the policy. */
	m.policies[0].nodes = NODES_HOME;
	sense_set_policies(m.sense, &m.table);
	check_cpu_nodes(2 * SEC, "4-7\n", "1");
	machine_done(&m);
}

TEST(cpus_where_one_node_has_all)
{
	set_up_home();
	machine_file(&m, NODE_DIR "/node1/cpulist", "\n");
	machine_start(&m, false);
	check_cpu_nodes(SEC, "0-3\n", NULL);
	machine_done(&m);
}

TEST(services_of_the_same_settings_share_them)
{
	const struct snapshot *s;

	set_up();
	machine_cgroup(&m, "system.slice/c.service", "");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check(settings_of(s, B) == settings_of(s, "system.slice/c.service"));
	check(settings_of(s, B) != settings_of(s, A));
	check_int(m.sense->settings.used, 2);
	machine_done(&m);
}

static void put_processes(void)
{
	machine_cgroup_file(&m, A, "cgroup.procs", "10\n11\n12\n");
	machine_process(&m, 10, "a", 1, 9 * MIB, "0-1");
	machine_process(&m, 11, "a", 1, 3 * MIB, "0-1");
	machine_process(&m, 12, "a", 1, 2 * MIB, "0-1");
	machine_file(&m, "proc/10/oom_score_adj", "100\n");
	machine_file(&m, "proc/11/oom_score_adj", "-500\n");
	machine_file(&m, "proc/12/oom_score_adj", "900\n");
}

TEST(scores_of_the_processes_that_are_known)
{
	const struct service_settings *a;

	set_up();
	put_processes();
	machine_start(&m, false);
	/* There is room for two: memory says how many matter. */
	a = settings_of(machine_round(&m, SEC), A);
	check(a->score_known);
	check_int(a->score_least, -500);
	check_int(a->score_most, 100);
	check(!settings_of(sense_snapshot(m.sense), B)->score_known);
	machine_done(&m);
}

TEST(scores_of_all_where_the_policy_sets_them)
{
	const struct service_settings *a;

	set_up();
	put_processes();
	machine_start(&m, false);
	machine_round(&m, SEC);
	/* A reload brings the setting. */
	m.policies[0].settings[0] = (struct policy_setting){ .id = SETTING_OOM_SCORE_ADJ };
	m.policies[0].setting_count = 1;
	sense_set_policies(m.sense, &m.table);
	a = settings_of(machine_round(&m, 2 * SEC), A);
	check_int(a->score_least, -500);
	check_int(a->score_most, 900);
	/* One that cannot be read says nothing. */
	machine_remove(&m, "proc/12/oom_score_adj");
	sense_note_written(m.sense, service_key(machine_service(sense_snapshot(m.sense), A)));
	a = settings_of(machine_round(&m, 3 * SEC), A);
	check_int(a->score_most, 100);
	machine_done(&m);
}

TEST(no_room_for_them_is_no_harm)
{
	char path[64];
	const struct snapshot *s;

	machine_two_nodes(&m);
	machine_policy(&m, "all", "system.slice/*.service");
	machine_start(&m, false);
	machine_round(&m, SEC);
	/* As many as make room twice; they come within a calm round. */
	for (int i = 0; i < 40; i++) {
		char text[32];

		snprintf(path, sizeof(path), "system.slice/s%02d.service", i);
		snprintf(text, sizeof(text), "%d\n", 4096 * (i + 1));
		machine_cgroup(&m, path, "");
		machine_cgroup_file(&m, path, "memory.high", text);
	}
	machine_file(&m, CGROUP_DIR "/cgroup.stat", "nr_descendants 40\nnr_dying_descendants 0\n");
	s = machine_round(&m, 2 * SEC);
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "system.slice/s%02d.service", i);
		check_known(memory_of(s, path, SETTING_MEMORY_HIGH), 4096 * (i + 1));
	}
	/* In a tick there is none to be made: all are written at once, and more than fit. */
	for (int i = 0; i < 40; i++) {
		char text[32];

		snprintf(path, sizeof(path), "system.slice/s%02d.service", i);
		snprintf(text, sizeof(text), "%d\n", 8192 * (i + 100));
		machine_cgroup_file(&m, path, "memory.high", text);
		sense_note_written(m.sense, service_key(machine_service(s, path)));
	}
	check_int(sense_services(m.sense, 3 * SEC), 0);
	s = sense_snapshot(m.sense);
	check(m.sense->settings.is_short);
	check(!machine_service(s, "system.slice/s39.service")->settings);
	s = machine_round(&m, 4 * SEC);
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "system.slice/s%02d.service", i);
		check_known(memory_of(s, path, SETTING_MEMORY_HIGH), 8192 * (i + 100));
	}
	machine_done(&m);
}

/* memory.high is read each time, the rest once a minute where nobody tells of a write. */
TEST(who_writes_is_followed)
{
	const struct snapshot *s;
	uint64_t key;

	set_up();
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	key = service_key(machine_service(s, A));
	machine_cgroup_file(&m, A, "memory.low", "2097152\n");
	machine_cgroup_file(&m, A, "memory.oom.group", "0\n");
	s = machine_round(&m, 2 * SEC);
	check_known(memory_of(s, A, SETTING_MEMORY_LOW), MIB);
	sense_note_written(m.sense, key);
	check(sense_wants_services(m.sense));
	s = machine_round(&m, 3 * SEC);
	check_known(memory_of(s, A, SETTING_MEMORY_LOW), 2 * MIB);
	check_known(settings_of(s, A)->oom_group, 0);
	/* Of one that is gone there is nothing to be read. */
	sense_note_written(m.sense, 12345);
	machine_round(&m, 4 * SEC);
	machine_done(&m);
}

static bool is_touched(const struct snapshot *s, const char *path)
{
	for (size_t i = 0; s->only_touched && i < s->touched_count; i++)
		if (strcmp(s->services[s->touched[i]].path, path) == 0)
			return true;
	return !s->only_touched;
}

TEST(a_write_of_somebody_else_is_told_by_the_kernel)
{
	static const struct {
		const char *file;
		const char *text;
	} writes[] = {
		{ "memory.min", "4096\n" },
		{ "memory.low", "8192\n" },
		{ "memory.high", "209715200\n" },
		{ "memory.max", "314572800\n" },
		{ "memory.swap.max", "12288\n" },
		{ "memory.oom.group", "0\n" },
		{ "cpuset.mems", "0-1\n" },
		{ "cpuset.cpus", "0-7\n" },
		{ "io.max", "8:0 rbps=max wbps=4096 riops=max wiops=max\n" },
	};
	const struct service_settings *a;
	const struct snapshot *s;
	usec_t now = SEC;

	set_up_home();
	m.policies[0].settings[0] = (struct policy_setting){ .id = SETTING_IO_WRITE_MAX,
							     .device_number = makedev(8, 0) };
	m.policies[0].setting_count = 1;
	machine_cgroup_file(&m, A, "io.max", "");
	machine_cgroup_file(&m, A, "cpuset.cpus", "0-3\n");
	machine_cgroup_file(&m, A, "cgroup.events", "populated 1\nfrozen 0\n");
	machine_cgroup_file(&m, B, "cgroup.events", "populated 1\nfrozen 0\n");
	machine_start_live(&m);
	/* Until all that is new was looked at. */
	for (; now < 10 * SEC; now += SEC)
		machine_round(&m, now);
	check(m.sense->events.tree_watched);
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		machine_cgroup_file(&m, A, writes[i].file, writes[i].text);
		/* As the loop does: the tree is listened to again a second later. */
		now += 2 * SEC;
		check_int(sense_fast(m.sense, now), 0);
		check(sense_wants_services(m.sense));
		check_int(sense_services(m.sense, now), 0);
		s = sense_snapshot(m.sense);
		check(is_touched(s, A));
		check(!is_touched(s, B));
	}
	a = settings_of(s, A);
	check_known(a->memory[SETTING_MEMORY_MIN], 4096);
	check_known(a->memory[SETTING_MEMORY_LOW], 8192);
	check_known(a->memory[SETTING_MEMORY_HIGH], 200 * MIB);
	check_known(a->memory[SETTING_MEMORY_MAX], 300 * MIB);
	check_known(a->memory[SETTING_MEMORY_SWAP_MAX], 12288);
	check_known(a->oom_group, 0);
	check_int(idset_count(a->nodes), 2);
	check_int(idset_count(a->cpu_nodes), 2);
	check_known(a->io[0].write, 4096);
	machine_done(&m);
}

/* A sweep of node sets leaves those that a cgroup is set to. */
TEST(sets_of_nodes_outlive_housekeeping)
{
	const struct snapshot *s = NULL;

	set_up();
	machine_start(&m, false);
	for (usec_t now = SEC; now < 10 * USEC_PER_MIN; now += 30 * SEC)
		s = machine_round(&m, now);
	check_int(idset_count(settings_of(s, A)->nodes), 1);
	check(idset_has(settings_of(s, A)->nodes, 1));
	machine_done(&m);
}

static void put(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CGROUP_DIR "/%s/%s", directory, name);
	machine_write(&m, path, text, strlen(text));
}

static void set_up_v1(const char *mounts)
{
	machine_two_nodes(&m);
	machine_remove(&m, CGROUP_DIR);
	machine_policy(&m, "all", "system.slice/*.service");
	machine_file(&m, "proc/self/mountinfo", "%s", mounts);
	put("memory/" A, "memory.usage_in_bytes", "16777216\n");
	put("memory/" A, "memory.limit_in_bytes", "104857600\n");
	put("memory/" A, "cgroup.procs", "");
	put("memory/" B, "memory.usage_in_bytes", "16777216\n");
	put("memory/" B, "memory.limit_in_bytes", "9223372036854771712\n");
	put("memory/" B, "cgroup.procs", "");
}

/* v1 has a limit, and nothing else that could be set. */
static void check_v1(const struct snapshot *s)
{
	const struct service_settings *a = settings_of(s, A);

	check(s->host.memory_is_v1);
	check_known(a->memory[SETTING_MEMORY_MAX], 100 * MIB);
	check_int(memory_of(s, B, SETTING_MEMORY_MAX).state, READING_INFINITE);
	check_unknown(a->memory[SETTING_MEMORY_MIN]);
	check_unknown(a->memory[SETTING_MEMORY_LOW]);
	check_unknown(a->memory[SETTING_MEMORY_HIGH]);
	check_unknown(a->memory[SETTING_MEMORY_SWAP_MAX]);
	check_unknown(a->oom_group);
}

TEST(its_own_on_v1)
{
	set_up_v1(MOUNT("/sys/fs/cgroup/memory", "memory")
			  MOUNT("/sys/fs/cgroup/cpuset", "cpuset"));
	put("cpuset/" B, "cpuset.mems", "0\n");
	put("cpuset/" B, "cpuset.cpus", "4-7\n");
	machine_file(&m, NODE_DIR "/node0/cpulist", "0-3\n");
	machine_file(&m, NODE_DIR "/node1/cpulist", "4-7\n");
	m.policies[0].nodes = NODES_HOME;
	machine_start(&m, false);
	check_v1(machine_round(&m, SEC));
	check(sense_snapshot(m.sense)->host.has_systemd);
	check(!settings_of(sense_snapshot(m.sense), A)->nodes);
	check(settings_of(sense_snapshot(m.sense), B)->nodes);
	check(idset_has(settings_of(sense_snapshot(m.sense), B)->nodes, 0));
	check(idset_has(settings_of(sense_snapshot(m.sense), B)->cpu_nodes, 1));
	/* It has no place in that hierarchy. */
	check(idset_is_empty(settings_of(sense_snapshot(m.sense), A)->cpu_nodes));
	machine_done(&m);
}

TEST(its_own_on_a_hybrid_host)
{
	set_up_v1("31 30 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" MOUNT(
		"/sys/fs/cgroup/memory", "memory"));
	put("unified/" A, "cgroup.procs", "");
	put("unified/" B, "cgroup.procs", "");
	put("unified", "cgroup.controllers", "\n");
	machine_start(&m, false);
	check_v1(machine_round(&m, SEC));
	check_int(machine_service(sense_snapshot(m.sense), A)->owner, OWNER_SYSTEMD);
	machine_done(&m);
}

/* --- the host */

static struct reading sysctl_of(const struct snapshot *s, enum setting_id id)
{
	return s->host.sysctls[id - SETTING_DIRTY];
}

TEST(sysctls_of_the_host)
{
	const struct snapshot *s;

	set_up();
	machine_file(&m, "proc/sys/vm/dirty_ratio", "20\n");
	machine_file(&m, "proc/sys/vm/dirty_bytes", "0\n");
	machine_file(&m, "proc/sys/vm/dirty_background_ratio", "0\n");
	machine_file(&m, "proc/sys/vm/dirty_background_bytes", "67108864\n");
	machine_file(&m, "proc/sys/vm/dirty_expire_centisecs", "3000\n");
	machine_file(&m, "proc/sys/vm/swappiness", "60\n");
	machine_file(&m, "proc/sys/vm/watermark_scale_factor", "ten\n");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(sysctl_of(s, SETTING_DIRTY), 20);
	check(s->host.dirty_is_ratio);
	check_known(sysctl_of(s, SETTING_DIRTY_BACKGROUND), 64 * MIB);
	check(!s->host.dirty_background_is_ratio);
	check_known(sysctl_of(s, SETTING_DIRTY_EXPIRE), 3000);
	check_known(sysctl_of(s, SETTING_SWAPPINESS), 60);
	check_unknown(sysctl_of(s, SETTING_WATERMARK_SCALE));
	check_unknown(sysctl_of(s, SETTING_COMPACTION_PROACTIVENESS));

	/* Nobody tells of a write: they are looked at every five minutes, or when it was ours. */
	machine_file(&m, "proc/sys/vm/dirty_bytes", "134217728\n");
	machine_file(&m, "proc/sys/vm/dirty_ratio", "0\n");
	s = machine_round(&m, 10 * SEC);
	check_known(sysctl_of(s, SETTING_DIRTY), 20);
	/* The next tick decides by it, a round or not. */
	sense_note_written(m.sense, 0);
	check(sense_fast(m.sense, 11 * SEC) == 0);
	check_known(sysctl_of(s, SETTING_DIRTY), 128 * MIB);
	check(!s->host.dirty_is_ratio);
	machine_file(&m, "proc/sys/vm/swappiness", "1\n");
	s = machine_round(&m, 12 * SEC);
	check_known(sysctl_of(s, SETTING_SWAPPINESS), 60);
	s = machine_round(&m, 311 * SEC);
	check_known(sysctl_of(s, SETTING_SWAPPINESS), 1);
	machine_done(&m);
}

/* Both of a pair are zero: no dirty memory at all. A kernel without the one has the other. */
TEST(dirty_limits_of_zero_and_of_old_kernels)
{
	const struct snapshot *s;

	set_up();
	machine_file(&m, "proc/sys/vm/dirty_ratio", "0\n");
	machine_file(&m, "proc/sys/vm/dirty_bytes", "0\n");
	machine_file(&m, "proc/sys/vm/dirty_background_ratio", "10\n");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(sysctl_of(s, SETTING_DIRTY), 0);
	check(s->host.dirty_is_ratio);
	check_known(sysctl_of(s, SETTING_DIRTY_BACKGROUND), 10);
	check(s->host.dirty_background_is_ratio);
	machine_done(&m);
}

/* --- who writes where */

#define BUSY_STAT "anon 0\nfile 0\nshmem 0\nfile_dirty 4096\nfile_writeback 0\n"

static void put_dirty(unsigned pages)
{
	machine_file(&m, "proc/vmstat",
		     "nr_dirty %u\nnr_writeback 2\nnr_dirty_threshold 2000\n"
		     "nr_dirty_background_threshold 1000\noom_kill 0\n",
		     pages);
}

TEST(the_disk_that_is_written_to)
{
	const struct snapshot *s;

	set_up();
	machine_cgroup_file(&m, A, "memory.stat", BUSY_STAT);
	machine_cgroup_file(&m, A, "io.stat",
			    "253:0 rbytes=9 wbytes=500 rios=1 wios=1 dbytes=0 dios=0\n"
			    "8:16 rbytes=900000 wbytes=4096 rios=1 wios=1 dbytes=0 dios=0\n");
	machine_start(&m, false);
	/* Nobody asks for it. */
	s = machine_round(&m, SEC);
	check_int(machine_service(s, A)->io_device, 0);
	/* Dirty memory is at what makes the kernel write. */
	put_dirty(1000);
	machine_meminfo(&m, 2 * GIB, 600 * MIB);
	for (usec_t now = 65 * SEC; now < 70 * SEC; now += SEC)
		s = machine_round(&m, now);
	check_int(machine_service(s, A)->io_device, 8 << 8 | 16);
	check_int(machine_service(s, B)->io_device, 0);
	machine_done(&m);
}

TEST(a_rule_that_limits_writing_wants_to_know)
{
	const struct snapshot *s;

	set_up();
	machine_cgroup_file(&m, A, "memory.stat", BUSY_STAT);
	machine_cgroup_file(&m, A, "io.stat", "8:0 rbytes=0 wbytes=1 rios=1 wios=1\n");
	machine_start(&m, false);
	sense_want_io(m.sense, true);
	s = machine_round(&m, SEC);
	check_int(machine_service(s, A)->io_device, 8 << 8);
	machine_done(&m);
	/* So does whoever has one look only. */
	set_up();
	machine_cgroup_file(&m, A, "io.stat", "8:0 rbytes=0 wbytes=1 rios=1 wios=1\n");
	machine_start(&m, true);
	s = machine_round(&m, SEC);
	check_int(machine_service(s, A)->io_device, 8 << 8);
	machine_done(&m);
}

/* A disk and what A may write to it: 0, it is not among those that were looked at. */
static struct reading io_of(const struct snapshot *s, unsigned major, unsigned minor)
{
	const struct service_settings *set = settings_of(s, A);

	for (size_t i = 0; i < IO_LIMITS_MAX; i++)
		if (set->io[i].device == makedev(major, minor))
			return set->io[i].write;
	return reading_of(0);
}

static void ask_by_policy(struct policy *policy, unsigned major, unsigned minor)
{
	policy->settings[policy->setting_count++] =
		(struct policy_setting){ .id = SETTING_IO_WRITE_MAX,
					 .device_number = makedev(major, minor) };
}

TEST(limits_of_writing_where_a_policy_asks)
{
	const struct snapshot *s;

	set_up();
	ask_by_policy(&m.policies[0], 8, 0);
	ask_by_policy(&m.policies[0], 8, 16);
	ask_by_policy(&m.policies[0], 8, 32);
	/* One that is not there has no number. */
	ask_by_policy(&m.policies[0], 0, 0);
	machine_cgroup_file(&m, A, "io.max",
			    "253:0 rbps=max wbps=5 riops=max wiops=max\n"
			    "8:0 rbps=max wbps=1048576 riops=max wiops=max\n"
			    "8:32 rbps=max wbps=nonsense riops=max wiops=max\n");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_known(io_of(s, 8, 0), MIB);
	check_int(io_of(s, 8, 16).state, READING_INFINITE);
	check_unknown(io_of(s, 8, 32));
	check_known(io_of(s, 253, 0), 0);
	/* No file, as no controller. */
	check_unknown(settings_of(s, B)->io[0].write);
	/* Somebody writes it. */
	machine_cgroup_file(&m, A, "io.max", "8:0 rbps=max wbps=4096 riops=max wiops=max\n");
	sense_note_written(m.sense, service_key(machine_service(s, A)));
	s = machine_round(&m, 2 * SEC);
	check_known(io_of(s, 8, 0), 4096);
	machine_done(&m);
}

TEST(limits_of_writing_are_nobodys_business_else)
{
	const struct snapshot *s;

	set_up();
	machine_cgroup_file(&m, A, "io.max", "8:0 rbps=max wbps=1048576 riops=max wiops=max\n");
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	for (size_t i = 0; i < IO_LIMITS_MAX; i++)
		check_int(settings_of(s, A)->io[i].device, 0);
	check_int(m.sense->settings.used, 2);
	machine_done(&m);
}

TEST(limits_of_writing_to_the_disk_that_a_rule_would_limit)
{
	const struct snapshot *s;

	set_up();
	machine_cgroup_file(&m, A, "memory.stat", BUSY_STAT);
	machine_cgroup_file(&m, A, "io.stat", "8:0 rbytes=0 wbytes=1 rios=1 wios=1\n");
	machine_cgroup_file(&m, A, "io.max", "8:0 rbps=max wbps=1048576 riops=max wiops=max\n");
	machine_start(&m, false);
	sense_want_io(m.sense, true);
	/* In the round that finds the disk. */
	s = machine_round(&m, SEC);
	check_known(io_of(s, 8, 0), MIB);
	check_int(settings_of(s, B)->io[0].device, 0);
	machine_done(&m);
}

/* --- who is not to be touched */

/* Whatever a policy matches: what holds PID 1 or the agent is known as such, and nobody sets
 * anything on it. */
TEST(the_agents_own_and_what_is_above_it_is_known)
{
	const struct snapshot *s;
	char own[64];

	set_up();
	machine_policy(&m, "more", "init.scope");
	machine_policy(&m, "slices", "*.slice");
	machine_cgroup(&m, "init.scope", "");
	machine_cgroup(&m, "user.slice", "");
	snprintf(own, sizeof(own), "proc/%d/cgroup", (int)getpid());
	machine_file(&m, own, "0::/" A "/worker\n");
	machine_file(&m, "proc/1/cgroup", "0::/init.scope\n");
	machine_start_live(&m);
	s = machine_round(&m, SEC);
	check(machine_service(s, A)->is_self);
	check(machine_service(s, "system.slice")->is_self);
	check(machine_service(s, "init.scope")->is_self);
	check(!machine_service(s, B)->is_self);
	check(!machine_service(s, "user.slice")->is_self);
	machine_done(&m);
}

/* --- guests */

TEST(what_a_guest_declares)
{
	static const char cmdline[] = "qemu-system-x86_64\0-name\0guest=db\0-m\0size=2097152k";
	const struct snapshot *s;

	set_up();
	machine_cgroup_file(&m, A, "cgroup.procs", "10\n");
	machine_process(&m, 10, "qemu-system-x86", 1, 400 * MIB, "0-1");
	machine_write(&m, "proc/10/cmdline", cmdline, sizeof(cmdline));
	machine_start(&m, false);
	s = machine_round(&m, SEC);
	check_int(machine_service(s, A)->declared_bytes, 2 * GIB);
	check_int(machine_service(s, B)->declared_bytes, 0);
	/* When it is gone nothing is declared any more. */
	machine_remove(&m, "proc/10");
	machine_cgroup_file(&m, A, "cgroup.procs", "");
	sense_note_written(m.sense, service_key(machine_service(s, A)));
	s = machine_round(&m, 2 * SEC);
	check_int(machine_service(s, A)->declared_bytes, 0);
	machine_done(&m);
}
