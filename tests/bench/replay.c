// SPDX-License-Identifier: LGPL-2.1-or-later

#include "replay.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES UINT64_C(4096)
#define NODE_PAGES (UINT64_C(16) << 18) /* 16 GiB */
#define MIN_PAGES  UINT64_C(8192)
#define LOW_PAGES  UINT64_C(10240)
#define HIGH_PAGES UINT64_C(12288)

#define NODE_DIR   "machine/t0/sys/devices/system/node"
#define CGROUP_DIR "machine/t0/sys/fs/cgroup"
#define PROC_DIR   "machine/t0/proc"

enum changing {
	ZONEINFO,
	MEMINFO,
	VMSTAT,
	BUDDYINFO,
	NODE_FILES, /* meminfo and vmstat of each */
};

/* Proportions of a service of 2 GiB, half of it on each node. */
#define SERVICE_HALF_BYTES "1073741824"
#define SERVICE_BYTES	   "2147483648"
#define PRESSURE                                           \
	"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" \
	"full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
#define SERVICE(name, pid)                                                                      \
	{ CGROUP_DIR "/load.slice/" name "/cgroup.procs", pid "\n" },                           \
		{ CGROUP_DIR "/load.slice/" name "/cgroup.events", "populated 1\nfrozen 0\n" }, \
		{ CGROUP_DIR "/load.slice/" name "/memory.current", SERVICE_BYTES "\n" },       \
		{ CGROUP_DIR "/load.slice/" name "/memory.swap.current", "0\n" },               \
		{ CGROUP_DIR "/load.slice/" name "/memory.min", "0\n" },                        \
		{ CGROUP_DIR "/load.slice/" name "/memory.low", "0\n" },                        \
		{ CGROUP_DIR "/load.slice/" name "/memory.high", "max\n" },                     \
		{ CGROUP_DIR "/load.slice/" name "/memory.max", "max\n" },                      \
		{ CGROUP_DIR "/load.slice/" name "/memory.swap.max", "max\n" },                 \
		{ CGROUP_DIR "/load.slice/" name "/memory.oom.group", "0\n" },                  \
		{ CGROUP_DIR "/load.slice/" name "/memory.events",                              \
		  "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n" },              \
		{ CGROUP_DIR "/load.slice/" name "/memory.pressure", PRESSURE },                \
		{ CGROUP_DIR "/load.slice/" name "/memory.stat",                                \
		  "anon " SERVICE_BYTES "\nfile 0\nshmem 0\nfile_dirty 0\nslab 0\n"             \
		  "workingset_refault_anon 0\nworkingset_refault_file 0\n" },                   \
		{ CGROUP_DIR "/load.slice/" name "/memory.numa_stat",                           \
		  "anon N0=" SERVICE_HALF_BYTES " N1=" SERVICE_HALF_BYTES                       \
		  "\nfile N0=0 N1=0\nshmem N0=0 N1=0\nunevictable N0=0 N1=0\n" },               \
		{ PROC_DIR "/" pid "/stat",                                                     \
		  pid " (load) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 "                  \
		      "100 4294967296 524288 18446744073709551615 "                             \
		      "0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0\n" },                                   \
		{ PROC_DIR "/" pid "/oom_score_adj", "0\n" },                                   \
		{ PROC_DIR "/" pid "/cgroup", "0::/load.slice/" name "\n" },                    \
		{ PROC_DIR "/" pid "/cmdline", "load" },                                        \
	{                                                                                       \
		PROC_DIR "/" pid "/numa_maps",                                                  \
			"7f0000000000 default anon=524288 dirty=524288 N0=262144 N1=262144 "    \
			"kernelpagesize_kB=4\n"                                                 \
	}

#define STATUS(mems)                                                                              \
	"Name:\tload\nState:\tS (sleeping)\nVmLck:\t       0 kB\nVmPin:\t       0 kB\n"           \
	"VmRSS:\t 2097152 kB\nRssAnon:\t 2097152 kB\nVmPTE:\t    4096 kB\nVmSwap:\t       0 kB\n" \
	"Mems_allowed_list:\t" mems "\n"

static const struct constant {
	const char *path;
	const char *text;
} constants[] = {
	{ "config/oomwarden.ini", "[Agent]\nMode=enforce\nPolicy=replay\n" },
	{ "config/policies/replay.ini",
	  "[Policy load]\nMatch=load.slice/*.service\nKind=service\nKill=first\nNodes=relieve\n" },
	{ PROC_DIR "/self/mountinfo",
	  "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,memory_recursiveprot\n" },
	{ PROC_DIR "/sys/kernel/osrelease", "6.1.0-replay\n" },
	{ PROC_DIR "/sys/kernel/numa_balancing", "0\n" },
	{ PROC_DIR "/sys/vm/panic_on_oom", "0\n" },
	{ PROC_DIR "/sys/vm/min_free_kbytes", "65536\n" },
	{ PROC_DIR "/pressure/cpu", PRESSURE },
	{ PROC_DIR "/pressure/io", PRESSURE },
	{ PROC_DIR "/pressure/memory", PRESSURE },
	{ PROC_DIR "/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" },
	{ "machine/t0/sys/devices/system/cpu/online", "0-1\n" },
	{ NODE_DIR "/online", "0-1\n" },
	{ NODE_DIR "/possible", "0-1\n" },
	{ NODE_DIR "/has_memory", "0-1\n" },
	{ NODE_DIR "/has_normal_memory", "0-1\n" },
	{ NODE_DIR "/has_cpu", "0-1\n" },
	{ NODE_DIR "/node0/cpulist", "0\n" },
	{ NODE_DIR "/node1/cpulist", "1\n" },
	{ NODE_DIR "/node0/distance", "10 20\n" },
	{ NODE_DIR "/node1/distance", "20 10\n" },
	{ CGROUP_DIR "/cgroup.controllers", "cpuset cpu io memory pids\n" },
	{ CGROUP_DIR "/cgroup.subtree_control", "cpuset cpu io memory pids\n" },
	{ CGROUP_DIR "/cgroup.stat", "nr_descendants 3\nnr_dying_descendants 0\n" },
	SERVICE("roaming.service", "1001"),
	SERVICE("confined.service", "1002"),
	{ PROC_DIR "/1001/status", STATUS("0-1") },
	{ "machine/t1/proc/uptime", "1 1\n" },
};

static void fail(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void full_path(const struct replay *replay, const char *path, char ret[PATH_MAX])
{
	if (snprintf(ret, PATH_MAX, "%s/%s", replay->directory, path) >= PATH_MAX)
		fail(path);
}

/* Creates it with all directories on its way. */
static int create(const struct replay *replay, const char *path)
{
	char full[PATH_MAX];
	int fd;

	full_path(replay, path, full);
	for (char *p = full + strlen(replay->directory) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if ((mkdir(full, 0755) < 0 && errno != EEXIST) || chmod(full, 0755) < 0)
			fail(full);
		*p = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	/* Configuration that others may write is refused, whatever the umask. */
	if (fd < 0 || fchmod(fd, 0644) < 0)
		fail(full);
	return fd;
}

static void put(int fd, const char *text, size_t length)
{
	if (pwrite(fd, text, length, 0) != (ssize_t)length || ftruncate(fd, (off_t)length) < 0)
		fail("write");
}

static void put_constant(const struct replay *replay, const char *path, const char *text)
{
	int fd = create(replay, path);

	put(fd, text, strlen(text));
	close(fd);
}

/* --- what changes --- */

static uint64_t sum_of(const uint64_t free_pages[REPLAY_NODES])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < REPLAY_NODES; i++)
		sum += free_pages[i];
	return sum;
}

static void print_counters(FILE *f, const char *indent, uint64_t free_pages, uint64_t whole_pages)
{
	uint64_t anon = whole_pages - free_pages;

	fprintf(f,
		"%snr_free_pages %" PRIu64 "\n%snr_zone_inactive_anon %" PRIu64
		"\n%snr_zone_active_anon 0\n%snr_zone_inactive_file 0\n%snr_zone_active_file 0\n"
		"%snr_zone_unevictable 0\n%snr_zone_write_pending 0\n%snr_free_cma 0\n",
		indent, free_pages, indent, anon, indent, indent, indent, indent, indent, indent);
}

static void print_node_counters(FILE *f, const char *indent, uint64_t free_pages,
				uint64_t whole_pages)
{
	static const char *const zeros[] = {
		"nr_active_anon",
		"nr_inactive_file",
		"nr_active_file",
		"nr_unevictable",
		"nr_slab_reclaimable",
		"nr_slab_unreclaimable",
		"workingset_refault_anon",
		"workingset_refault_file",
		"nr_file_pages",
		"nr_dirty",
		"nr_writeback",
		"nr_shmem",
		"nr_kernel_stack",
		"nr_page_table_pages",
	};
	uint64_t anon = whole_pages - free_pages;

	fprintf(f, "%snr_inactive_anon %" PRIu64 "\n%snr_anon_pages %" PRIu64 "\n", indent, anon,
		indent, anon);
	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		fprintf(f, "%s%s 0\n", indent, zeros[i]);
}

static void print_zoneinfo(FILE *f, const uint64_t free_pages[REPLAY_NODES])
{
	for (unsigned i = 0; i < REPLAY_NODES; i++) {
		fprintf(f, "Node %u, zone   Normal\n  per-node stats\n", i);
		print_node_counters(f, "      ", free_pages[i], NODE_PAGES);
		fprintf(f,
			"  pages free     %" PRIu64
			"\n        boost    0\n        min      %" PRIu64
			"\n        low      %" PRIu64 "\n        high     %" PRIu64
			"\n        spanned  %" PRIu64 "\n        present  %" PRIu64
			"\n        managed  %" PRIu64
			"\n        cma      0\n        protection: (0, 0, 0, 0, 0)\n",
			free_pages[i], MIN_PAGES, LOW_PAGES, HIGH_PAGES, NODE_PAGES, NODE_PAGES,
			NODE_PAGES);
		print_counters(f, "      ", free_pages[i], NODE_PAGES);
		fprintf(f,
			"  pagesets\n    cpu: %u\n              count: 0\n              high:  0\n"
			"              batch: 1\n  vm stats threshold: 10\n"
			"  node_unreclaimable:  0\n  start_pfn:           %" PRIu64 "\n",
			i, i * NODE_PAGES);
	}
}

static void print_meminfo_rest(FILE *f, const char *prefix, uint64_t anon_kib)
{
	static const char *const zeros[] = {
		"Active(anon)", "Active(file)", "Inactive(file)", "Unevictable",  "Mlocked",
		"Dirty",	"Writeback",	"Mapped",	  "Shmem",	  "KernelStack",
		"PageTables",	"KReclaimable", "Slab",		  "SReclaimable", "SUnreclaim",
	};

	fprintf(f,
		"%sActive: 0 kB\n%sInactive: %" PRIu64 " kB\n%sInactive(anon): %" PRIu64
		" kB\n%sAnonPages: %" PRIu64 " kB\n",
		prefix, prefix, anon_kib, prefix, anon_kib, prefix, anon_kib);
	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		fprintf(f, "%s%s: 0 kB\n", prefix, zeros[i]);
}

/* The kernel's MemAvailable is what is free less the zones' low watermarks, here. */
static void print_meminfo(FILE *f, const uint64_t free_pages[REPLAY_NODES])
{
	uint64_t free = sum_of(free_pages), low = REPLAY_NODES * LOW_PAGES;
	uint64_t whole = REPLAY_NODES * NODE_PAGES;

	fprintf(f,
		"MemTotal: %" PRIu64 " kB\nMemFree: %" PRIu64 " kB\nMemAvailable: %" PRIu64
		" kB\nBuffers: 0 kB\nCached: 0 kB\nSwapCached: 0 kB\n",
		whole * 4, free * 4, (free > low ? free - low : 0) * 4);
	print_meminfo_rest(f, "", (whole - free) * 4);
	fputs("SwapTotal: 0 kB\nSwapFree: 0 kB\nCommitLimit: 16777216 kB\nCommitted_AS: 0 kB\n"
	      "VmallocUsed: 0 kB\nPercpu: 0 kB\nHugePages_Total: 0\nHugePages_Free: 0\n"
	      "Hugepagesize: 2048 kB\nHugetlb: 0 kB\n",
	      f);
}

static void print_node_meminfo(FILE *f, unsigned node, uint64_t free_pages)
{
	char prefix[16];

	(void)snprintf(prefix, sizeof(prefix), "Node %u ", node);
	fprintf(f,
		"%sMemTotal: %" PRIu64 " kB\n%sMemFree: %" PRIu64 " kB\n%sMemUsed: %" PRIu64
		" kB\n%sFilePages: 0 kB\n",
		prefix, NODE_PAGES * 4, prefix, free_pages * 4, prefix,
		(NODE_PAGES - free_pages) * 4, prefix);
	print_meminfo_rest(f, prefix, (NODE_PAGES - free_pages) * 4);
	fprintf(f, "%sHugePages_Total: 0\n%sHugePages_Free: 0\n%sHugePages_Surp: 0\n", prefix,
		prefix, prefix);
}

static void print_vmstat(FILE *f, const uint64_t free_pages[REPLAY_NODES])
{
	print_counters(f, "", sum_of(free_pages), REPLAY_NODES * NODE_PAGES);
	print_node_counters(f, "", sum_of(free_pages), REPLAY_NODES * NODE_PAGES);
	fputs("pswpin 0\npswpout 0\nallocstall_normal 0\nallocstall_movable 0\npgmajfault 0\n"
	      "pgsteal_kswapd 0\npgsteal_direct 0\npgscan_kswapd 0\npgscan_direct 0\noom_kill 0\n"
	      "pgmigrate_success 0\npgmigrate_fail 0\ncompact_stall 0\ncompact_fail 0\n",
	      f);
}

static void print_buddyinfo(FILE *f, const uint64_t free_pages[REPLAY_NODES])
{
	for (unsigned i = 0; i < REPLAY_NODES; i++)
		fprintf(f, "Node %u, zone   Normal %" PRIu64 " 0 0 0 0 0 0 0 0 0 %" PRIu64 " \n", i,
			free_pages[i] % 1024, free_pages[i] / 1024);
}

/* What `call` prints to `f` becomes the file's text. */
#define PUT_PRINTED(fd, call)                                  \
	do {                                                   \
		static char text_[16384];                      \
		FILE *f = fmemopen(text_, sizeof(text_), "w"); \
		if (!f)                                        \
			fail("fmemopen");                      \
		call;                                          \
		long length_ = ftell(f);                       \
		if (fclose(f) != 0 || length_ < 0)             \
			fail("fmemopen");                      \
		put(fd, text_, (size_t)length_);               \
	} while (0)

void replay_set_free(const struct replay *replay, const uint64_t free_bytes[REPLAY_NODES])
{
	uint64_t pages[REPLAY_NODES];

	for (unsigned i = 0; i < REPLAY_NODES; i++)
		pages[i] = free_bytes[i] / PAGE_BYTES;
	PUT_PRINTED(replay->files[ZONEINFO], print_zoneinfo(f, pages));
	PUT_PRINTED(replay->files[MEMINFO], print_meminfo(f, pages));
	PUT_PRINTED(replay->files[VMSTAT], print_vmstat(f, pages));
	PUT_PRINTED(replay->files[BUDDYINFO], print_buddyinfo(f, pages));
	for (unsigned i = 0; i < REPLAY_NODES; i++) {
		PUT_PRINTED(replay->files[NODE_FILES + 2 * i], print_node_meminfo(f, i, pages[i]));
		PUT_PRINTED(replay->files[NODE_FILES + 2 * i + 1], {
			print_counters(f, "", pages[i], NODE_PAGES);
			print_node_counters(f, "", pages[i], NODE_PAGES);
		});
	}
}

static void open_changing(struct replay *replay)
{
	char path[128];

	replay->files[ZONEINFO] = create(replay, PROC_DIR "/zoneinfo");
	replay->files[MEMINFO] = create(replay, PROC_DIR "/meminfo");
	replay->files[VMSTAT] = create(replay, PROC_DIR "/vmstat");
	replay->files[BUDDYINFO] = create(replay, PROC_DIR "/buddyinfo");
	for (unsigned i = 0; i < REPLAY_NODES; i++) {
		(void)snprintf(path, sizeof(path), NODE_DIR "/node%u/meminfo", i);
		replay->files[NODE_FILES + 2 * i] = create(replay, path);
		(void)snprintf(path, sizeof(path), NODE_DIR "/node%u/vmstat", i);
		replay->files[NODE_FILES + 2 * i + 1] = create(replay, path);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_directory(const char *directory)
{
	if (nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		perror(directory);
}

/* What a failure leaves. */
static char left[sizeof(((struct replay *)NULL)->directory)];

static void remove_left(void)
{
	if (left[0] != '\0')
		remove_directory(left);
}

/* Copied, as a checkout may be writable for its group, and configuration that is, is refused. */
static void copy_rule(const struct replay *replay, const char *file)
{
	static char text[65536];
	char path[PATH_MAX];
	int fd = open(file, O_RDONLY | O_CLOEXEC), copy;
	ssize_t n;

	if (fd < 0)
		fail(file);
	n = read(fd, text, sizeof(text));
	if (n < 0 || n == sizeof(text))
		fail(file);
	close(fd);
	if (snprintf(path, sizeof(path), "config/rules.d%s", strrchr(file, '/')) >=
	    (int)sizeof(path))
		fail(file);
	copy = create(replay, path);
	put(copy, text, (size_t)n);
	close(copy);
}

static void copy_rules(const struct replay *replay, const char *source)
{
	char pattern[PATH_MAX];
	glob_t files;

	if (snprintf(pattern, sizeof(pattern), "%s/rules.d/*.ini", source) >=
		    (int)sizeof(pattern) ||
	    glob(pattern, 0, NULL, &files) != 0)
		fail(source);
	for (size_t i = 0; i < files.gl_pathc; i++)
		copy_rule(replay, files.gl_pathv[i]);
	globfree(&files);
}

void replay_make(struct replay *replay, const char *source, bool confined)
{
	(void)snprintf(replay->directory, sizeof(replay->directory), "%s/oomwarden-replay-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(replay->directory))
		fail(replay->directory);
	strcpy(left, replay->directory);
	if (atexit(remove_left) != 0)
		fail("atexit");
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		put_constant(replay, constants[i].path, constants[i].text);
	copy_rules(replay, source);
	put_constant(replay, PROC_DIR "/1002/status", confined ? STATUS("0") : STATUS("0-1"));
	open_changing(replay);
}

void replay_remove(struct replay *replay)
{
	for (size_t i = 0; i < sizeof(replay->files) / sizeof(replay->files[0]); i++)
		close(replay->files[i]);
	remove_directory(replay->directory);
	left[0] = '\0';
}

uint64_t replay_node_bytes(void)
{
	return NODE_PAGES * PAGE_BYTES;
}

uint64_t replay_reserve_bytes(enum replay_mark mark)
{
	return (mark == REPLAY_MIN ? MIN_PAGES : LOW_PAGES) * PAGE_BYTES;
}
