/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine made of files in a temporary directory, written by the test and changed between rounds.
 */

#include "test.h"

#include "sense/sense.h"
#include "sys/cgroup_layout.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#define KIB  UINT64_C(1024)
#define MIB  (UINT64_C(1) << 20)
#define GIB  (UINT64_C(1) << 30)
#define PAGE UINT64_C(4096)
#define SEC  USEC_PER_SEC

#define NODE_DIR   "sys/devices/system/node"
#define CGROUP_DIR "sys/fs/cgroup"
/* Watermarks of every zone that machine_nodes() writes, in pages. */
#define ZONE_MIN  1000
#define ZONE_LOW  1250
#define ZONE_HIGH 1500

struct machine {
	char directory[64];
	struct sysroot root;
	struct cgroup_layout layout;
	struct policy policies[8];
	struct policy_table table;
	struct sense *sense;
};

struct machine_node {
	unsigned id;
	uint64_t managed_pages;
	uint64_t free_pages;
	uint64_t file_pages; /* inactive */
	uint64_t dirty_pages;
	uint64_t slab_pages;
	uint64_t boost_pages;
	unsigned cpus; /* 0: one */
	unsigned threshold_pages;
};

static _unused_ void machine_path(const struct machine *m, const char *path, char out[PATH_MAX])
{
	check(snprintf(out, PATH_MAX, "%s/%s", m->directory, path) < PATH_MAX);
}

static _unused_ void machine_mkdir(const struct machine *m, const char *path)
{
	char full[PATH_MAX];

	machine_path(m, path, full);
	for (char *p = full + strlen(m->directory) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		check(mkdir(full, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
	check(mkdir(full, 0755) == 0 || errno == EEXIST);
}

/* Written in place, as the kernel's files change: who has it open sees the new text. */
static _unused_ void machine_write(const struct machine *m, const char *path, const char *text,
				   size_t length)
{
	char full[PATH_MAX], parent[PATH_MAX];
	char *slash;

	strcpy(parent, path);
	slash = strrchr(parent, '/');
	if (slash) {
		*slash = '\0';
		machine_mkdir(m, parent);
	}
	machine_path(m, path, full);
	_cleanup_(closep) int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	check(fd >= 0);
	check_int(write(fd, text, length), (ssize_t)length);
}

static _unused_ _printf_(3, 4) void machine_file(const struct machine *m, const char *path,
						 const char *format, ...)
{
	static char text[1 << 20];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	check(n >= 0 && (size_t)n < sizeof(text));
	machine_write(m, path, text, (size_t)n);
}

static int machine_unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static _unused_ void machine_remove(const struct machine *m, const char *path)
{
	char full[PATH_MAX];

	machine_path(m, path, full);
	check_int(nftw(full, machine_unlink_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Lines of meminfo that say what memory is spent on. */
#define MACHINE_KERNEL                                                                    \
	"Buffers: 4 kB\nCached: 96 kB\nAnonPages: 1000 kB\nShmem: 40 kB\nSlab: 300 kB\n"  \
	"SReclaimable: 0 kB\nSUnreclaim: 300 kB\nKernelStack: 16 kB\nPageTables: 20 kB\n" \
	"VmallocUsed: 50 kB\nVmallocChunk: 0 kB\nPercpu: 8 kB\nHugePages_Total: 0\n"      \
	"HugePages_Free: 0\nHugepagesize: 2048 kB\n"

static _unused_ void machine_meminfo(const struct machine *m, uint64_t total, uint64_t available)
{
	machine_file(
		m, "proc/meminfo",
		"MemTotal:       %8" PRIu64 " kB\nMemFree:        %8" PRIu64
		" kB\nMemAvailable:   %8" PRIu64
		" kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n" MACHINE_KERNEL,
		total / KIB, available / 2 / KIB, available / KIB);
}

static void machine_zone(FILE *out, const struct machine_node *n)
{
	fprintf(out,
		"Node %u, zone   Normal\n  per-node stats\n      nr_inactive_file %" PRIu64 "\n",
		n->id, n->file_pages);
	/* The kernel prints the marks with the boost in them. */
	fprintf(out,
		"  pages free     %" PRIu64 "\n        boost    %" PRIu64
		"\n        min      %" PRIu64 "\n        low      %" PRIu64
		"\n        high     %" PRIu64 "\n        spanned  %" PRIu64
		"\n        present  %" PRIu64 "\n        managed  %" PRIu64
		"\n        cma      0\n        protection: (0, 0, 0, 0, 0)\n",
		n->free_pages, n->boost_pages, ZONE_MIN + n->boost_pages, ZONE_LOW + n->boost_pages,
		ZONE_HIGH + n->boost_pages, n->managed_pages, n->managed_pages, n->managed_pages);
	fprintf(out,
		"      nr_free_pages %" PRIu64 "\n      nr_zone_inactive_anon 0\n"
		"      nr_zone_active_anon 0\n      nr_zone_inactive_file %" PRIu64
		"\n      nr_zone_active_file 0\n      nr_zone_unevictable 0\n"
		"      nr_zone_write_pending %" PRIu64 "\n      nr_free_cma  0\n  pagesets\n",
		n->free_pages, n->file_pages, n->dirty_pages);
	for (unsigned cpu = 0; cpu < MAX_OF(n->cpus, 1U); cpu++)
		fprintf(out,
			"    cpu: %u\n              count: 0\n              high:  14\n"
			"              batch: 1\n  vm stats threshold: %u\n",
			cpu, n->threshold_pages);
	fprintf(out, "  node_unreclaimable:  0\n  start_pfn:           1\n");
}

static _unused_ void machine_zoneinfo(const struct machine *m, const struct machine_node *nodes,
				      size_t count)
{
	static char text[1 << 18];
	FILE *out = fmemopen(text, sizeof(text), "w");
	size_t length;

	check(out);
	for (size_t i = 0; i < count; i++)
		if (nodes[i].managed_pages > 0)
			machine_zone(out, &nodes[i]);
	length = (size_t)ftell(out);
	fclose(out);
	machine_write(m, "proc/zoneinfo", text, length);
}

static _unused_ void machine_vmstat_node(const struct machine *m, const struct machine_node *n)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), NODE_DIR "/node%u/vmstat", n->id);
	machine_file(m, path,
		     "nr_free_pages %" PRIu64 "\nnr_inactive_file %" PRIu64
		     "\nnr_active_file 0\nnr_dirty %" PRIu64
		     "\nnr_writeback 0\nnr_slab_reclaimable %" PRIu64 "\n",
		     n->free_pages, n->file_pages, n->dirty_pages, n->slab_pages);
}

/* The node directories and zoneinfo, and meminfo to go with them. */
static _unused_ void machine_nodes(const struct machine *m, const struct machine_node *nodes,
				   size_t count)
{
	char online[256] = "", memory[256] = "", path[PATH_MAX], row[512] = "";
	uint64_t total = 0, free = 0;

	for (size_t i = 0; i < count; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%s%u", online[0] ? "," : "", nodes[i].id);
		strcat(online, id);
		if (nodes[i].managed_pages > 0) {
			snprintf(id, sizeof(id), "%s%u", memory[0] ? "," : "", nodes[i].id);
			strcat(memory, id);
		}
		total += nodes[i].managed_pages * PAGE;
		free += (nodes[i].free_pages + nodes[i].file_pages) * PAGE;
	}
	machine_file(m, NODE_DIR "/online", "%s\n", online);
	machine_file(m, NODE_DIR "/has_memory", "%s\n", memory);
	machine_file(m, NODE_DIR "/has_cpu", "%s\n", online);
	for (size_t i = 0; i < count; i++) {
		machine_vmstat_node(m, &nodes[i]);
		row[0] = '\0';
		for (size_t k = 0; k < count; k++)
			strcat(row, k == i ? "10 " : "20 ");
		snprintf(path, sizeof(path), NODE_DIR "/node%u/distance", nodes[i].id);
		machine_file(m, path, "%s\n", row);
	}
	machine_zoneinfo(m, nodes, count);
	machine_meminfo(m, total, free);
}

static _unused_ void machine_pressure(const struct machine *m, unsigned avg10_hundredths,
				      uint64_t total_usec)
{
	static const char *const names[] = { "cpu", "io", "memory" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "proc/pressure/%s", names[i]);
		machine_file(m, path,
			     "some avg10=%u.%02u avg60=0.00 avg300=0.00 total=%" PRIu64
			     "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=%" PRIu64 "\n",
			     avg10_hundredths / 100, avg10_hundredths % 100, total_usec,
			     total_usec / 2);
	}
}

static _unused_ void machine_vmstat(const struct machine *m, uint64_t oom_kill, uint64_t stalls)
{
	machine_file(m, "proc/vmstat",
		     "nr_free_pages 1000\nnr_dirty 10\nnr_writeback 2\nworkingset_refault_anon 0\n"
		     "workingset_refault_file 0\nnr_dirty_threshold 2000\n"
		     "nr_dirty_background_threshold 1000\npswpin 0\npswpout 0\n"
		     "allocstall_normal %" PRIu64
		     "\nallocstall_movable 1\npgmajfault 0\npgsteal_kswapd 0\n"
		     "pgsteal_direct 0\npgscan_kswapd 0\npgscan_direct 0\noom_kill %" PRIu64
		     "\npgmigrate_success 0\npgmigrate_fail 0\ncompact_stall 0\ncompact_fail 0\n",
		     stalls, oom_kill);
}

/* What the kernel's own memory and the free lists are read from. */
static _unused_ void machine_kernel(const struct machine *m)
{
	char path[PATH_MAX];

	machine_file(m, "proc/slabinfo",
		     "slabinfo - version: 2.1\n"
		     "dentry 100 120 192 21 1 : tunables 0 0 0 : slabdata 6 6 0\n");
	machine_file(m, "proc/spl/kstat/zfs/arcstats", "c_min 4 0\nsize 4 0\n");
	machine_file(m, "proc/sys/vm/min_free_kbytes", "1024\n");
	machine_file(m, "proc/buddyinfo",
		     "Node 0, zone   Normal 10 5 1 4 \n"
		     "Node 1, zone   Normal 0 0 0 8 \n");
	machine_mkdir(m, "sys/block");
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), NODE_DIR "/node%zu/hugepages/hugepages-2048kB/%s", i,
			 "nr_hugepages");
		machine_file(m, path, "0\n");
		snprintf(path, sizeof(path), NODE_DIR "/node%zu/hugepages/hugepages-2048kB/%s", i,
			 "free_hugepages");
		machine_file(m, path, "0\n");
	}
}

/* A v2 tree with the memory controller. */
static _unused_ void machine_cgroups(const struct machine *m)
{
	machine_file(m, "proc/self/mountinfo",
		     "30 21 0:25 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
	machine_file(m, CGROUP_DIR "/cgroup.controllers", "cpuset cpu io memory pids\n");
	machine_file(m, CGROUP_DIR "/cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n");
}

static _unused_ void machine_cgroup_file(const struct machine *m, const char *cgroup,
					 const char *name, const char *text)
{
	char path[PATH_MAX];

	check(snprintf(path, sizeof(path), CGROUP_DIR "/%s/%s", cgroup, name) < PATH_MAX);
	machine_write(m, path, text, strlen(text));
}

/* What a service has: anon on each of two nodes, and as much file memory on the first. */
static _unused_ void machine_memory(const struct machine *m, const char *cgroup, uint64_t anon0,
				    uint64_t anon1, uint64_t file0)
{
	char text[512];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", anon0 + anon1 + file0);
	machine_cgroup_file(m, cgroup, "memory.current", text);
	snprintf(text, sizeof(text),
		 "anon N0=%" PRIu64 " N1=%" PRIu64 "\nfile N0=%" PRIu64
		 " N1=0\nshmem N0=0 N1=0\nunevictable N0=0 N1=0\n",
		 anon0, anon1, file0);
	machine_cgroup_file(m, cgroup, "memory.numa_stat", text);
}

/* A cgroup as systemd makes them: no limits, no events, these processes. */
static _unused_ void machine_cgroup(const struct machine *m, const char *cgroup,
				    const char *processes)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CGROUP_DIR "/%s", cgroup);
	machine_mkdir(m, path);
	machine_cgroup_file(m, cgroup, "cgroup.procs", processes);
	machine_cgroup_file(m, cgroup, "memory.high", "max\n");
	machine_cgroup_file(m, cgroup, "memory.max", "max\n");
	machine_cgroup_file(m, cgroup, "memory.swap.current", "0\n");
	machine_cgroup_file(m, cgroup, "memory.events",
			    "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
	machine_cgroup_file(m, cgroup, "memory.pressure",
			    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
			    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	machine_memory(m, cgroup, 0, 0, 0);
}

static _unused_ void machine_stat(const struct machine *m, pid_t pid, const char *comm,
				  uint64_t start, uint64_t rss)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	machine_file(m, path,
		     "%d (%s) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %" PRIu64
		     " 33849344 %" PRIu64
		     " 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0\n",
		     pid, comm, start, rss / PAGE);
}

static _unused_ void machine_status(const struct machine *m, pid_t pid, uint64_t rss,
				    const char *mems)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "proc/%d/status", pid);
	machine_file(m, path,
		     "Name:\tx\nState:\tS (sleeping)\nVmLck:\t0 kB\nVmPin:\t0 kB\nVmRSS:\t%" PRIu64
		     " kB\nVmSwap:\t4 kB\nMems_allowed_list:\t%s\n",
		     rss / KIB, mems);
}

static _unused_ void machine_process(const struct machine *m, pid_t pid, const char *comm,
				     uint64_t start, uint64_t rss, const char *mems)
{
	char path[PATH_MAX];

	machine_stat(m, pid, comm, start, rss);
	machine_status(m, pid, rss, mems);
	snprintf(path, sizeof(path), "proc/%d/oom_score_adj", pid);
	machine_file(m, path, "0\n");
	snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	machine_write(m, path, "daemon", sizeof("daemon"));
	snprintf(path, sizeof(path), "proc/%d/numa_maps", pid);
	machine_file(m, path,
		     "55efad968000 default file=/usr/bin/x mapped=1 N0=1 kernelpagesize_kB=4\n");
}

/* Thousands of small files: in memory where that can be had. */
static _unused_ void machine_init(struct machine *m)
{
	*m = (struct machine){ .layout.v2_fd = -1 };
	snprintf(m->directory, sizeof(m->directory), "%s/oomwarden-sense-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	check(mkdtemp(m->directory));
	check_int(sysroot_open(m->directory, &m->root), 0);
	m->table.policies = m->policies;
}

/* Two nodes of 1 GiB with 400 MiB free each. */
static _unused_ const struct machine_node two_nodes[] = {
	{ .id = 0, .managed_pages = 262144, .free_pages = 102400 },
	{ .id = 1, .managed_pages = 262144, .free_pages = 102400 },
};

/* The machine that most tests start from: two nodes, pressure, cgroups, nothing in them. */
static _unused_ void machine_two_nodes(struct machine *m)
{
	machine_init(m);
	machine_nodes(m, two_nodes, ARRAY_SIZE(two_nodes));
	machine_pressure(m, 0, 0);
	machine_vmstat(m, 0, 0);
	machine_kernel(m);
	machine_cgroups(m);
}

static _unused_ struct policy *machine_policy(struct machine *m, const char *name,
					      const char *match)
{
	static char *matches[8][1];
	struct policy *p = &m->policies[m->table.count];

	matches[m->table.count][0] = strdup(match);
	*p = (struct policy){
		.name = strdup(name),
		.set = strdup("test"),
		.match = matches[m->table.count],
		.match_count = 1,
		.rank = RANK_DEFAULT,
	};
	m->table.count++;
	return p;
}

static _unused_ void machine_start(struct machine *m, bool single)
{
	cgroup_layout_done(&m->layout);
	check_int(cgroup_layout_open(&m->root, &m->layout), 0);
	check_int(sense_new(&m->root, &m->layout, single, &m->sense), 0);
	sense_set_policies(m->sense, &m->table);
}

/* The same files taken for the running machine: inodes count, and files are kept open. */
static _unused_ void machine_start_live(struct machine *m)
{
	check_int(cgroup_layout_open(&m->root, &m->layout), 0);
	m->root.live = true;
	m->layout.live = true;
	check_int(sense_new(&m->root, &m->layout, false, &m->sense), 0);
	sense_set_policies(m->sense, &m->table);
}

static _unused_ void machine_inspect(struct machine *m, usec_t now)
{
	struct work_request request;
	struct work_reply reply;
	int rounds = 0;

	while (sense_next_inspection(m->sense, now, &request) == 1) {
		check(++rounds < 10000);
		inspect_work(&m->root, &request, &reply);
		sense_take_inspection(m->sense, &request, &reply, now);
	}
}

/* Everything, in the order of a program. */
static _unused_ const struct snapshot *machine_round(struct machine *m, usec_t now)
{
	check_int(sense_fast(m->sense, now), 0);
	check_int(sense_rescan(m->sense, now), 0);
	machine_inspect(m, now);
	check_int(sense_services(m->sense, now), 0);
	return sense_snapshot(m->sense);
}

static const struct service *machine_find(const struct snapshot *s, const char *path)
{
	for (size_t i = 0; i < s->service_count; i++)
		if (strcmp(s->services[i].path, path) == 0)
			return &s->services[i];
	return NULL;
}

static _unused_ bool machine_has(const struct snapshot *s, const char *path)
{
	return machine_find(s, path) != NULL;
}

static _unused_ const struct service *machine_service(const struct snapshot *s, const char *path)
{
	const struct service *service = machine_find(s, path);

	check(service != NULL);
	return service;
}

static _unused_ struct reading host_value(const struct snapshot *s, enum metric_id id)
{
	return s->host.readings[metric_index(id)];
}

static _unused_ struct reading node_value(const struct snapshot *s, size_t node, enum metric_id id)
{
	check(node < s->node_count);
	return s->nodes[node].readings[metric_index(id)];
}

static _unused_ struct reading service_value(const struct service *service, enum metric_id id)
{
	return service->readings[metric_index(id)];
}

#define check_known(got_reading, want_value)              \
	do {                                              \
		struct reading reading_ = (got_reading);  \
		check_int(reading_.state, READING_KNOWN); \
		check_int(reading_.value, want_value);    \
	} while (0)
#define check_unknown(got_reading) check_int((got_reading).state, READING_UNKNOWN)

/* Services of one process each, and all that there is but for `others` cgroups. */
static _unused_ void machine_crowd(const struct machine *m, int from, int count, int others)
{
	for (int i = from; i < from + count; i++) {
		char path[64], list[32];

		snprintf(path, sizeof(path), "work.slice/s%04d.service", i);
		snprintf(list, sizeof(list), "%d\n", 1000 + i);
		machine_cgroup(m, path, list);
		machine_memory(m, path, 8 * MIB, 0, 0);
		machine_process(m, 1000 + i, "a", 1, 8 * MIB, "0-1");
	}
	machine_file(m, CGROUP_DIR "/cgroup.stat", "nr_descendants %d\nnr_dying_descendants 0\n",
		     from + count + others);
}

/* On each of two nodes. */
static _unused_ void machine_leave_pages(struct machine *m, uint64_t pages)
{
	struct machine_node nodes[2] = { two_nodes[0], two_nodes[1] };

	nodes[0].free_pages = nodes[1].free_pages = pages;
	machine_nodes(m, nodes, 2);
}

static _unused_ bool has_gap(const struct machine *m, const char *part)
{
	struct sense_gap gaps[SENSE_GAPS_MAX];
	size_t count = sense_gaps(m->sense, gaps);

	for (size_t i = 0; i < count; i++)
		if (strstr(gaps[i].text, part))
			return true;
	return false;
}

static _unused_ size_t gap_count(const struct machine *m)
{
	struct sense_gap gaps[SENSE_GAPS_MAX];

	return sense_gaps(m->sense, gaps);
}

static _unused_ void machine_done(struct machine *m)
{
	m->sense = sense_free(m->sense);
	cgroup_layout_done(&m->layout);
	sysroot_done(&m->root);
	for (size_t i = 0; i < m->table.count; i++) {
		free(m->policies[i].match[0]);
		free(m->policies[i].name);
		free(m->policies[i].set);
	}
	check_int(nftw(m->directory, machine_unlink_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}
