/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Files with numbers that no machine has: nothing overflows, and what is read of them is a reading
 * or none. What the sanitizer finds ends the test.
 */

#include "machine.h"

static struct machine m;

enum { SERVICES = 4, ROUNDS = 300 };

/* The same each time. */
static uint64_t any(void)
{
	static const uint64_t values[] = {
		0,
		1,
		4095,
		70 * MIB,
		100 * GIB,
		INT64_MAX / 4096,
		INT64_MAX - 1,
		INT64_MAX,
		UINT64_C(1) << 63,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return values[(state >> 33) % ARRAY_SIZE(values)];
}

static void write_host(void)
{
	struct machine_node nodes[2];

	for (unsigned i = 0; i < 2; i++)
		nodes[i] = (struct machine_node){
			.id = i,
			/* A node without memory is none. */
			.managed_pages = any() | 1,
			.free_pages = any(),
			.file_pages = any(),
			.dirty_pages = any(),
			.slab_pages = any(),
			.boost_pages = any() / 2,
			.threshold_pages = (unsigned)any(),
		};
	machine_nodes(&m, nodes, 2);
	machine_file(&m, "proc/meminfo",
		     "MemTotal: %" PRIu64 " kB\nMemFree: %" PRIu64 " kB\nMemAvailable: %" PRIu64
		     " kB\nSwapTotal: %" PRIu64 " kB\nSwapFree: %" PRIu64 " kB\nCached: %" PRIu64
		     " kB\nAnonPages: %" PRIu64 " kB\nShmem: %" PRIu64 " kB\nSlab: %" PRIu64
		     " kB\nSReclaimable: %" PRIu64 " kB\nSUnreclaim: %" PRIu64
		     " kB\nKernelStack: %" PRIu64 " kB\nPageTables: %" PRIu64
		     " kB\nPercpu: %" PRIu64 " kB\nHugePages_Total: %" PRIu64
		     "\nHugepagesize: %" PRIu64 " kB\n",
		     any(), any(), any(), any(), any(), any(), any(), any(), any(), any(), any(),
		     any(), any(), any(), any(), any());
	machine_pressure(&m, (unsigned)(any() % 10000), any());
	machine_vmstat(&m, any(), any());
}

static void write_service(int i)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "work.slice/s%d.service", i);
	machine_memory(&m, path, any(), any(), any());
	snprintf(text, sizeof(text), "%" PRIu64 "\n", any());
	machine_cgroup_file(&m, path, "memory.current", text);
	snprintf(text, sizeof(text), "%" PRIu64 "\n", any());
	machine_cgroup_file(&m, path, "memory.max", text);
	snprintf(text, sizeof(text), "%" PRIu64 "\n", any());
	machine_cgroup_file(&m, path, "memory.high", text);
	snprintf(text, sizeof(text), "%" PRIu64 "\n", any());
	machine_cgroup_file(&m, path, "memory.swap.current", text);
	snprintf(text, sizeof(text),
		 "low %" PRIu64 "\nhigh %" PRIu64 "\nmax %" PRIu64 "\noom %" PRIu64
		 "\noom_kill %" PRIu64 "\noom_group_kill %" PRIu64 "\n",
		 any(), any(), any(), any(), any(), any());
	machine_cgroup_file(&m, path, "memory.events", text);
	snprintf(text, sizeof(text),
		 "anon %" PRIu64 "\nfile %" PRIu64 "\nshmem %" PRIu64 "\nfile_dirty %" PRIu64
		 "\nfile_writeback %" PRIu64 "\nslab_reclaimable %" PRIu64
		 "\nslab_unreclaimable %" PRIu64 "\nworkingset_refault_file %" PRIu64 "\n",
		 any(), any(), any(), any(), any(), any(), any(), any());
	machine_cgroup_file(&m, path, "memory.stat", text);
	machine_process(&m, 1000 + i, "a", any(), any(), "0-1");
}

/* Of none of them less than nothing can be left. */
static void check_not_negative(int first, const struct reading *readings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (readings[i].state == READING_KNOWN && readings[i].value < 0)
			test_stop_(TEST_FAILED_, "%s is %" PRId64,
				   metric_get((enum metric_id)(first + (int)i))->name,
				   readings[i].value);
}

static void check_readings(const struct snapshot *s)
{
	check_not_negative(0, s->host.readings, METRIC_HOST_COUNT);
	for (size_t n = 0; n < s->node_count; n++)
		check_not_negative(METRIC_HOST_END_, s->nodes[n].readings, METRIC_NODE_COUNT);
	for (size_t k = 0; k < s->service_count; k++)
		check_not_negative(METRIC_NODE_END_, s->services[k].readings, METRIC_SERVICE_COUNT);
}

TEST(files_that_cannot_be)
{
	const struct snapshot *s = NULL;

	machine_two_nodes(&m);
	machine_policy(&m, "work", "work.slice/*.service")->nodes = NODES_HOME;
	for (int i = 0; i < SERVICES; i++) {
		char path[64], list[32];

		snprintf(path, sizeof(path), "work.slice/s%d.service", i);
		snprintf(list, sizeof(list), "%d\n", 1000 + i);
		machine_cgroup(&m, path, list);
		machine_process(&m, 1000 + i, "a", 1, 8 * MIB, "0-1");
	}
	machine_start(&m, false);
	for (usec_t round = 1; round <= ROUNDS; round++) {
		write_host();
		for (int i = 0; i < SERVICES; i++)
			write_service(i);
		s = machine_round(&m, round * 7 * SEC);
		check_readings(s);
	}
	check_int(s->node_count, 2);
	check_int(s->service_count, SERVICES);
	machine_done(&m);
}
