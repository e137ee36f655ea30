/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every parser of the floor over text that is cut at each byte and changed at random places (the
 * same ones on every run). The text ends where its allocation ends, so that the sanitizers see a
 * byte too far. A text that is only cut must give nothing that the whole does not give.
 *
 * The samples here are short; OOMWARDEN_SAMPLES may name a directory of captured machines
 * (KERNEL/proc, KERNEL/sys), whose files are then taken as well.
 */

#include "fixture.h"
#include "sys/arcstats.h"
#include "sys/buddyinfo.h"
#include "sys/cgroup_files.h"
#include "sys/cgroup_io.h"
#include "sys/cgroup_layout.h"
#include "sys/guest_cmdline.h"
#include "sys/meminfo.h"
#include "sys/node_cpus.h"
#include "sys/nodes.h"
#include "sys/numa_maps.h"
#include "sys/proc_maps.h"
#include "sys/proc_pid.h"
#include "sys/psi.h"
#include "sys/slabinfo.h"
#include "sys/task_file.h"
#include "sys/vmstat.h"
#include "sys/zoneinfo.h"
#include "sys/zram.h"
#include "test.h"
#include "zoneinfo-text.h"

#include <glob.h>
#include <sys/sysmacros.h>

#define MUTATIONS 3000
#define SEED	  2463534242u
/* Cutting a large sample at each byte costs the square of its length. */
#define CUTS_MAX   3000
#define SAMPLE_MAX (1 << 20)

static void run_meminfo(const char *text, size_t length)
{
	struct meminfo m;

	if (meminfo_parse(text, length, &m) == 0 && meminfo_has(&m, MEMINFO_AVAILABLE))
		check(m.values[MEMINFO_AVAILABLE] <= m.values[MEMINFO_TOTAL]);
}

static void run_vmstat(const char *text, size_t length)
{
	struct vmstat v;

	vmstat_parse(text, length, &v);
}

static void run_zoneinfo(const char *text, size_t length)
{
	struct zoneinfo_zone zones[4];
	struct zoneinfo info = { .zones = zones, .capacity = ARRAY_SIZE(zones) };

	if (zoneinfo_parse(text, length, &info) < 0)
		return;
	check(info.count <= info.capacity && info.count <= info.needed);
	for (size_t i = 0; i < info.count; i++) {
		check(memchr(zones[i].name, '\0', sizeof(zones[i].name)));
		check(zones[i].protection_count <= ZONEINFO_CLASSES_MAX);
		check(zones[i].boost_pages == 0 || zones[i].min_pages < UINT64_MAX);
	}
}

static void run_buddyinfo(const char *text, size_t length)
{
	struct buddyinfo_zone zones[3];
	size_t count = buddyinfo_parse(text, length, zones, ARRAY_SIZE(zones));

	for (size_t i = 0; i < count && i < ARRAY_SIZE(zones); i++)
		check(zones[i].order_count > 0 && zones[i].order_count <= BUDDYINFO_ORDERS_MAX);
}

static void run_psi(const char *text, size_t length)
{
	struct psi psi;

	if (psi_parse(text, length, &psi) == 0)
		check(psi.some.avg10 <= 10000 && psi.full.avg300 <= 10000);
}

static void run_cgroup_files(const char *text, size_t length)
{
	struct cgroup_node_share shares[2];
	struct memory_stat_values stat;
	struct memory_events events;
	struct cgroup_events state;
	uint64_t value;

	cgroup_parse_value(text, length, &value);
	cgroup_parse_memory_events(text, length, &events);
	cgroup_parse_memory_stat(text, length, &stat);
	cgroup_parse_numa_stat(text, length, shares, ARRAY_SIZE(shares));
	cgroup_parse_events(text, length, &state);
}

static void run_io(const char *text, size_t length)
{
	const dev_t device = makedev(8, 0);
	uint64_t rate = 1;

	/* Without a line there is no limit. */
	if (cgroup_parse_io_max(text, length, device, &rate) == 0)
		check(rate == CGROUP_INFINITY);
	if (cgroup_v1_parse_throttle(text, length, device, &rate) == 0)
		check(rate == CGROUP_INFINITY);
	(void)cgroup_parse_io_stat(text, length, &rate);
}

static void run_mountinfo(const char *text, size_t length)
{
	struct cgroup_layout layout = { .v2_fd = -1 };

	cgroup_layout_parse_controllers(text, length, &layout);
	cgroup_layout_parse_mounts(text, length, &layout);
	check(memchr(layout.v2.path, '\0', sizeof(layout.v2.path)));
}

static void run_stat(const char *text, size_t length)
{
	struct proc_stat stat;
	struct task_stat task;

	if (proc_stat_parse(text, length, &stat) == 0)
		check(stat.pid > 0 && memchr(stat.comm, '\0', sizeof(stat.comm)));
	if (task_stat_parse(text, length, &task) == 0)
		check(memchr(task.comm, '\0', sizeof(task.comm)));
}

static void run_cpu_list(const char *text, size_t length)
{
	static const struct node_cpus cpus = {
		.nodes = { { 3 } },
		.count = 3,
		.ranges = { { 0, 3, 0 }, { 8, 11, 0 }, { 4, 7, 1 } },
	};
	struct span rest = span_of(text, length), line;
	uint8_t mask[CPU_LIST_BITS / 8];
	struct idset in, out;

	while (span_next_line(&rest, &line)) {
		if (node_cpus_divide(&cpus, line, &in, &out) == 0) {
			check(idset_is_subset(&in, &cpus.nodes));
			check(idset_is_subset(&out, &cpus.nodes));
		}
		if (node_cpus_match(&cpus, line, &in) == 0)
			check(idset_is_subset(&in, &cpus.nodes));
		check(cpu_list_mask(line, mask) <= (int)sizeof(mask));
	}
}

static void run_status(const char *text, size_t length)
{
	struct proc_status status;

	proc_status_parse(text, length, &status);
}

static void run_cgroup(const char *text, size_t length)
{
	char path[64] = "";

	if (proc_cgroup_parse(text, length, NULL, path, sizeof(path)) == 1)
		check(path[0] != '/');
	proc_cgroup_parse(text, length, "memory", path, sizeof(path));
}

static void run_maps(const char *text, size_t length)
{
	struct span rest = span_of(text, length), line;
	struct proc_map map;

	while (span_next_line(&rest, &line))
		if (proc_map_parse(line, &map) == 0)
			check(map.end > map.start);
}

static void run_numa_maps(const char *text, size_t length)
{
	struct span rest = span_of(text, length), line;
	struct numa_map map;
	unsigned node;
	uint64_t pages;

	while (span_next_line(&rest, &line)) {
		for (int cut = 0; cut < 2; cut++)
			if (numa_map_parse(line, cut, &map) == 0)
				while (numa_map_next_node(&map.rest, &node, &pages))
					check(node < IDSET_BITS);
	}
}

static void run_cmdline(const char *text, size_t length)
{
	struct guest_cmdline guest;

	if (guest_cmdline_parse(text, length, &guest) == 1) {
		check(guest.monitor != GUEST_MONITOR_NONE);
		check(memchr(guest.name, '\0', sizeof(guest.name)));
		check(!guest.has_bind || idset_is_subset(&guest.bound, &guest.bound_union));
	}
}

static void run_distances(const char *text, size_t length)
{
	uint8_t row[4];

	nodes_parse_distances(text, length, row, ARRAY_SIZE(row));
}

static void run_slabinfo(const char *text, size_t length)
{
	struct span rest = span_of(text, length), line;
	struct slabinfo_cache cache;

	while (span_next_line(&rest, &line))
		if (slabinfo_parse(line, &cache) == 0)
			check(cache.name.length > 0 &&
			      cache.pages >= cache.slabs * (cache.pages > 0));
}

static void run_arcstats(const char *text, size_t length)
{
	struct arcstats stats;

	arcstats_parse(text, length, &stats);
}

static void run_mm_stat(const char *text, size_t length)
{
	uint64_t bytes;

	zram_parse_mm_stat(text, length, &bytes);
}

static const struct format {
	const char *pattern; /* below a captured machine */
	void (*run)(const char *text, size_t length);
	const char *text;
	size_t length; /* 0: up to the terminator */
} formats[] = {
	{ "*/meminfo", run_meminfo,
	  "Node 0 MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable: 900 kB\nDirty: 1 kB\n", 0 },
	{ "*/vmstat", run_vmstat,
	  "nr_free_pages 87057\nallocstall_dma 1\nallocstall_normal 2\noom_kill 0\n", 0 },
	{ "*/zoneinfo", run_zoneinfo, zoneinfo_6_1, 0 },
	{ "*/zoneinfo", run_zoneinfo, zoneinfo_3_10, 0 },
	{ "*/buddyinfo", run_buddyinfo,
	  "Node 0, zone      DMA      1      0      0 \nNode 0, zone    DMA32    38    18 \n", 0 },
	{ "*/pressure/*", run_psi,
	  "some avg10=1.23 avg60=0.00 avg300=99.99 total=12345\n"
	  "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	  0 },
	{ "*/*.pressure", run_psi, "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0 },
	{ "*/memory.*", run_cgroup_files,
	  "anon N0=4096 N1=0\nfile N0=0 N1=8192\nshmem N0=0 N1=0\nunevictable N0=0 N1=0\n", 0 },
	{ "*/cgroup.*", run_cgroup_files, "populated 1\nfrozen 0\n", 0 },
	{ "*/io.max", run_io,
	  "8:16 rbps=max wbps=5 riops=max wiops=max\n8:0 rbps=1 wbps=1048576 riops=max wiops=1\n",
	  0 },
	{ "*/blkio.throttle.*", run_io, "8:16 7\n8:0 4096\n", 0 },
	{ "*/mountinfo", run_mountinfo,
	  "30 21 0:25 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	  "42 30 0:37 / /sys/fs/cg\\040roup/memory rw - cgroup cgroup rw,memory\n",
	  0 },
	{ "*/stat", run_stat,
	  "237 (foo) Z ) S 1 237 237 0 -1 4194560 7 0 0 0 3 1 0 0 20 0 1 0 3731 38604800 7682 9\n",
	  0 },
	{ "*/stat", run_stat,
	  "11 (CPU 1/KVM) S 1 1 1 0 -1 4194560 0 0 0 0 70 30 0 0 20 0 2 0 100 33849344 5 "
	  "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 5 0 0\n",
	  0 },
	{ "*/status", run_status,
	  "Name:\tx\nState:\tS (sleeping)\nVmRSS:\t 30904 kB\nVmSwap:\t 1 kB\n"
	  "Mems_allowed_list:\t0-1,3\n",
	  0 },
	{ "*/cgroup", run_cgroup,
	  "9:memory:/system.slice/t1.service\n0::/system.slice/a:b.service (deleted)\n", 0 },
	{ "*/maps", run_maps,
	  "7f0d17017000-7f0d18e19000 rw-p 00000000 00:00 0  [heap]\n"
	  "1000-2000 r--s 00001000 fe:00 131 /a b (deleted)\n",
	  0 },
	{ "*/numa_maps", run_numa_maps,
	  "55efad968000 default file=/opt/w/hog mapped=1 active=0 N0=1 kernelpagesize_kB=4\n"
	  "7f00 prefer (many)=static:0-1 anon=7682 dirty=7682 N0=7682 kernelpagesize_kB=2048 "
	  "huge\n",
	  0 },
#define CMDLINE                                                                                  \
	"qemu-kvm\0-name\0guest=a,,b,debug-threads=on\0-m\0size=1G\0-object\0"                   \
	"{\"qom-type\":\"memory-backend-ram\",\"size\":1,\"host-nodes\":[0,1],\"policy\":"       \
	"\"bind\"}\0"                                                                            \
	"-object\0memory-backend-file,size=1G,host-nodes=0,policy=bind\0-device\0vfio-pci,host=" \
	"1\0"
	{ "*/cmdline", run_cmdline, CMDLINE, sizeof(CMDLINE) - 1 },
#define CLOUD "cloud-hypervisor\0--memory-zone\0id=a,size=1G,host_numa_node=0\0--device\0path=/x\0"
	{ "*/cmdline", run_cmdline, CLOUD, sizeof(CLOUD) - 1 },
	{ "*/slabinfo", run_slabinfo,
	  "slabinfo - version: 2.1\n# name <active_objs> : tunables : slabdata\n"
	  "a b(1:c) 10 20 192 20 1 : tunables 120 60 8 : slabdata 3 4 0\n"
	  "dentry 1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0 : globalstat 1 : cpustat 2\n",
	  0 },
	{ "*/arcstats", run_arcstats,
	  "13 1 0x01 147 39984 5218934519 4733571312\nname type data\nc_min 4 1\nsize 4 2\n", 0 },
	{ "*/mm_stat", run_mm_stat, "  4096  1200  8192  0  8192  12  0\n", 0 },
	{ "*/distance", run_distances, "10 20 30\n", 0 },
	{ "*/cpulist", run_cpu_list, "0-3,8-11\n", 0 },
	{ "*/cpuset.cpus", run_cpu_list, "4-7,100-16383\n", 0 },
};

static size_t format_length(const struct format *format)
{
	return format->length ? format->length : strlen(format->text);
}

static void run_cuts(const struct format *format, const char *text, size_t length)
{
	size_t step = length / CUTS_MAX + 1;

	for (size_t cut = 0; cut <= length; cut += step) {
		_cleanup_(freep) char *copy = exact_copy(text, cut);

		format->run(copy, cut);
	}
}

/* What breaks parsers: separators, signs, digits that make numbers longer, bytes that are no text.
 */
static const char seeds[] = "\n \t,:;=-+()[]{}\"\\/.0189xNnkM\x7f\x80\xff";

static size_t mutate(char *text, size_t length, size_t size, uint32_t *random)
{
	size_t at = length ? next_random(random) % length : 0;
	char c = next_random(random) % 4 ? seeds[next_random(random) % sizeof(seeds)]
					 : (char)next_random(random);
	size_t span;

	switch (next_random(random) % 4) {
	case 0:
		if (length > 0)
			text[at] = c;
		return length;
	case 1:
		if (length == 0)
			return 0;
		memmove(text + at, text + at + 1, length - at - 1);
		return length - 1;
	case 2:
		if (length + 1 > size)
			return length;
		memmove(text + at + 1, text + at, length - at);
		text[at] = c;
		return length + 1;
	default:
		/* A piece of it once more. */
		span = length > at ? next_random(random) % (length - at) + 1 : 0;
		if (length + span > size)
			return length;
		memmove(text + at + span, text + at, length - at);
		return length + span;
	}
}

static void run_mutations(const struct format *format, const char *text, size_t length)
{
	uint32_t random = SEED;
	size_t size = length * 2 + 64;
	_cleanup_(freep) char *work = malloc(size);

	for (int i = 0; i < MUTATIONS; i++) {
		_cleanup_(freep) char *copy = NULL;
		size_t n = length;

		memcpy(work, text, length);
		for (uint32_t changes = next_random(&random) % 8 + 1; changes > 0; changes--)
			n = mutate(work, n, size, &random);
		copy = exact_copy(work, n);
		format->run(copy, n);
	}
}

TEST(text_cut_anywhere)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		run_cuts(&formats[i], formats[i].text, format_length(&formats[i]));
}

TEST(text_changed_anywhere)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		run_mutations(&formats[i], formats[i].text, format_length(&formats[i]));
}

/* Every parser is given every format: a file is not always what its name says. */
TEST(text_of_another_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		for (size_t j = 0; j < ARRAY_SIZE(formats); j++) {
			size_t length = format_length(&formats[j]);
			_cleanup_(freep) char *copy = exact_copy(formats[j].text, length);

			formats[i].run(copy, length);
		}
}

/* A value of a cut file is that of the whole file. */
TEST(values_of_a_cut_meminfo)
{
	const char *text = formats[0].text;
	struct meminfo whole, part;

	check_int(meminfo_parse(text, strlen(text), &whole), 0);
	for (size_t cut = 0; cut < strlen(text); cut++) {
		if (meminfo_parse(text, cut, &part) < 0)
			continue;
		for (int key = 0; key < MEMINFO_COUNT_; key++)
			if (meminfo_has(&part, (enum meminfo_key)key))
				check_int(part.values[key], whole.values[key]);
	}
}

TEST(values_of_a_cut_vmstat)
{
	const char *text = formats[1].text;
	struct vmstat whole, part;

	check_int(vmstat_parse(text, strlen(text), &whole), 0);
	for (size_t cut = 0; cut < strlen(text); cut++) {
		if (vmstat_parse(text, cut, &part) < 0)
			continue;
		for (int key = 0; key < VMSTAT_COUNT_; key++)
			if (vmstat_has(&part, (enum vmstat_key)key))
				check_int(part.values[key], whole.values[key]);
	}
}

static size_t read_sample(const char *path, char *buffer)
{
	FILE *file = fopen(path, "r");
	size_t length = file ? fread(buffer, 1, SAMPLE_MAX, file) : 0;

	if (file)
		fclose(file);
	return length;
}

static unsigned run_samples(const char *directory, const struct format *format, char *buffer)
{
	static const char *const depths[] = { "*",	 "*/*",	      "*/*/*",
					      "*/*/*/*", "*/*/*/*/*", "*/*/*/*/*/*" };
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		char pattern[PATH_MAX];
		glob_t found;

		snprintf(pattern, sizeof(pattern), "%.2000s/%s/%s", directory, depths[i],
			 format->pattern + 2);
		if (glob(pattern, 0, NULL, &found) != 0)
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++) {
			size_t length = read_sample(found.gl_pathv[j], buffer);

			if (length == 0)
				continue;
			run_cuts(format, buffer, length);
			count++;
		}
		globfree(&found);
	}
	return count;
}

TEST(captured_machines_cut_anywhere)
{
	const char *directory = getenv("OOMWARDEN_SAMPLES");
	_cleanup_(freep) char *buffer = NULL;
	unsigned count = 0;

	if (!directory)
		test_skip("OOMWARDEN_SAMPLES is not set");
	buffer = malloc(SAMPLE_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		count += run_samples(directory, &formats[i], buffer);
	check(count > 0);
	printf("# %u files\n", count);
}
