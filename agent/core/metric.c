/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/metric.h"

#include "util/macro.h"
#include "util/strbuf.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ROW(id, name_, scope_, dimension_, whole_, source_, meaning_) \
	[id] = { name_, scope_, dimension_, whole_, source_, meaning_ }

#define HOST(id, name, dimension, whole, source, meaning) \
	ROW(id, name, SCOPE_HOST, dimension, whole, source, meaning)
#define NODE(id, name, dimension, whole, source, meaning) \
	ROW(id, name, SCOPE_NODE, dimension, whole, source, meaning)
#define SERVICE(id, name, dimension, whole, source, meaning) \
	ROW(id, name, SCOPE_SERVICE, dimension, whole, source, meaning)

/* clang-format off */
static const struct metric metrics[METRIC_COUNT_] = {
	HOST(METRIC_MEM_TOTAL, "mem.total", DIM_BYTES, METRIC_NONE,
	     "proc/meminfo MemTotal, Hugetlb",
	     "Memory that the kernel manages, less the huge page pool."),
	HOST(METRIC_MEM_FREE, "mem.free", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo MemFree",
	     "Memory in no use at all."),
	HOST(METRIC_MEM_AVAILABLE, "mem.available", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo MemAvailable",
	     "The kernel's estimate of what can be had without swapping, over all nodes."),
	HOST(METRIC_MEM_TIME_TO_EMPTY, "mem.time-to-empty", DIM_DURATION, METRIC_NONE,
	     "slope of mem.available over 0.5 s and 5 s",
	     "How long mem.available lasts at the faster of its two falls; infinity while it does not fall."),
	HOST(METRIC_SWAP_TOTAL, "swap.total", DIM_BYTES, METRIC_NONE,
	     "proc/meminfo SwapTotal",
	     "Swap that is turned on."),
	HOST(METRIC_SWAP_FREE, "swap.free", DIM_BYTES, METRIC_SWAP_TOTAL,
	     "proc/meminfo SwapFree",
	     "Swap that holds nothing."),
	HOST(METRIC_PSI_CPU_SOME, "psi.cpu.some.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/cpu some avg10",
	     "Share of the last 10 s in which a task waited for a CPU."),
	HOST(METRIC_PSI_IO_SOME, "psi.io.some.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/io some avg10",
	     "Share of the last 10 s in which a task waited for I/O."),
	HOST(METRIC_PSI_IO_FULL, "psi.io.full.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/io full avg10",
	     "Share of the last 10 s in which all tasks waited for I/O."),
	HOST(METRIC_PSI_MEMORY_SOME, "psi.memory.some.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/memory some avg10",
	     "Share of the last 10 s in which a task was stalled for memory."),
	HOST(METRIC_PSI_MEMORY_FULL, "psi.memory.full.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/memory full avg10",
	     "Share of the last 10 s in which all tasks were stalled for memory."),
	HOST(METRIC_PSI_MEMORY_SOME_NOW, "psi.memory.some.now", DIM_PERCENT, METRIC_NONE,
	     "growth of total= in proc/pressure/memory over about 1 s",
	     "Share of the last second in which a task was stalled for memory."),
	HOST(METRIC_PSI_MEMORY_FULL_NOW, "psi.memory.full.now", DIM_PERCENT, METRIC_NONE,
	     "growth of total= in proc/pressure/memory over about 1 s",
	     "Share of the last second in which all tasks were stalled for memory."),
	HOST(METRIC_HOST_OOM_KILLS, "host.oom-kills", DIM_COUNT, METRIC_NONE,
	     "proc/vmstat oom_kill",
	     "Processes that the kernel's OOM killer took since boot."),
	HOST(METRIC_HOST_ALLOCSTALL_RATE, "host.allocstall-rate", DIM_COUNT_RATE, METRIC_NONE,
	     "proc/vmstat allocstall_*",
	     "Allocations a second that had to reclaim memory themselves."),

	NODE(METRIC_NODE_TOTAL, "node.total", DIM_BYTES, METRIC_NONE,
	     "proc/zoneinfo managed, node huge page pool",
	     "Memory that the node's zones manage, less the node's huge page pool."),
	NODE(METRIC_NODE_FREE, "node.free", DIM_BYTES, METRIC_NODE_TOTAL,
	     "node vmstat nr_free_pages",
	     "Pages of the node in no use at all."),
	NODE(METRIC_NODE_CLEAN, "node.clean", DIM_BYTES, METRIC_NODE_TOTAL,
	     "proc/zoneinfo nr_zone_active_file, nr_zone_inactive_file, nr_zone_write_pending",
	     "File pages of the node that can be dropped without writing."),
	NODE(METRIC_NODE_HEADROOM, "node.headroom", DIM_BYTES, METRIC_NODE_TOTAL,
	     "proc/zoneinfo, model/headroom.h",
	     "What the node can still give before its zones reach their min watermarks: free and clean "
	     "pages above min, boost and protection, and half of its reclaimable slab."),
	NODE(METRIC_NODE_TIME_TO_EMPTY, "node.time-to-empty", DIM_DURATION, METRIC_NONE,
	     "slope of node.headroom over 0.5 s and 5 s",
	     "How long node.headroom lasts at the faster of its two falls, our own moves added back; "
	     "infinity while it does not fall."),
	NODE(METRIC_NODE_CONFINED, "node.confined", DIM_COUNT, METRIC_NONE,
	     "Mems_allowed_list and bind policies of the services' processes",
	     "Services that may not use all memory nodes and whose roomiest allowed node is this one."),
	NODE(METRIC_NODE_MOVABLE, "node.movable", DIM_BYTES, METRIC_NODE_TOTAL,
	     "memory.numa_stat of services with Nodes=relieve or home",
	     "Memory on the node of services that may be moved to another one."),

	SERVICE(METRIC_SERVICE_CURRENT, "service.current", DIM_BYTES, METRIC_SERVICE_MAX,
		"memory.current",
		"Memory charged to the service, page cache included."),
	SERVICE(METRIC_SERVICE_ANON, "service.anon", DIM_BYTES, METRIC_SERVICE_MAX,
		"memory.stat anon",
		"Anonymous memory of the service: what its death would free at once."),
	SERVICE(METRIC_SERVICE_SWAP, "service.swap", DIM_BYTES, METRIC_SWAP_TOTAL,
		"memory.swap.current",
		"Swap that the service holds."),
	SERVICE(METRIC_SERVICE_HIGH, "service.high", DIM_BYTES, METRIC_NONE,
		"memory.high",
		"The level above which the service is throttled; infinity without one."),
	SERVICE(METRIC_SERVICE_MAX, "service.max", DIM_BYTES, METRIC_NONE,
		"memory.max",
		"The service's hard limit; infinity without one."),
	SERVICE(METRIC_SERVICE_PSI_SOME, "service.psi.some", DIM_PERCENT, METRIC_NONE,
		"memory.pressure some avg10",
		"Share of the last 10 s in which a task of the service was stalled for memory."),
	SERVICE(METRIC_SERVICE_PSI_FULL, "service.psi.full", DIM_PERCENT, METRIC_NONE,
		"memory.pressure full avg10",
		"Share of the last 10 s in which all tasks of the service were stalled for memory."),
	SERVICE(METRIC_SERVICE_EVENTS_HIGH, "service.events.high", DIM_COUNT, METRIC_NONE,
		"memory.events high",
		"Times the service was throttled for exceeding memory.high."),
	SERVICE(METRIC_SERVICE_EVENTS_MAX, "service.events.max", DIM_COUNT, METRIC_NONE,
		"memory.events max",
		"Times the service ran into memory.max."),
	SERVICE(METRIC_SERVICE_EVENTS_OOM, "service.events.oom", DIM_COUNT, METRIC_NONE,
		"memory.events oom",
		"Times an allocation of the service was about to fail at its limit."),
	SERVICE(METRIC_SERVICE_OOM_KILLS, "service.oom-kills", DIM_COUNT, METRIC_NONE,
		"memory.events oom_kill",
		"Processes of the service that the kernel's OOM killer took."),
	SERVICE(METRIC_SERVICE_PROCESSES, "service.processes", DIM_COUNT, METRIC_NONE,
		"cgroup.procs",
		"Processes of the service."),
	SERVICE(METRIC_SERVICE_CONFINED, "service.confined", DIM_COUNT, METRIC_NONE,
		"Mems_allowed_list and bind policies of its processes",
		"1 if the service may not use all memory nodes, else 0."),
};
/* clang-format on */

static const char *const dimension_names[] = {
	[DIM_COUNT] = "count",	     [DIM_BYTES] = "bytes",	    [DIM_PERCENT] = "percent",
	[DIM_DURATION] = "duration", [DIM_BYTE_RATE] = "byte rate", [DIM_COUNT_RATE] = "rate",
};

static const char *const scope_names[SCOPE_COUNT_] = {
	[SCOPE_HOST] = "host",
	[SCOPE_NODE] = "node",
	[SCOPE_SERVICE] = "service",
};

const struct metric *metric_get(enum metric_id id)
{
	assert(id >= 0 && id < METRIC_COUNT_);
	return &metrics[id];
}

enum metric_id metric_find(const char *name)
{
	for (int i = 0; i < METRIC_COUNT_; i++)
		if (strcmp(metrics[i].name, name) == 0)
			return (enum metric_id)i;
	return METRIC_NONE;
}

size_t metric_index(enum metric_id id)
{
	static const int first[SCOPE_COUNT_] = {
		[SCOPE_HOST] = 0,
		[SCOPE_NODE] = METRIC_HOST_END_,
		[SCOPE_SERVICE] = METRIC_NODE_END_,
	};

	return (size_t)((int)id - first[metric_get(id)->scope]);
}

const char *dimension_name(enum dimension d)
{
	return dimension_names[d];
}

const char *scope_name(enum scope s)
{
	return scope_names[s];
}

void reading_format(struct reading r, enum dimension d, struct strbuf *out)
{
	if (r.state != READING_KNOWN) {
		strbuf_add(out, r.state == READING_INFINITE ? "infinity" : "unknown");
		return;
	}
	switch (d) {
	case DIM_COUNT:
		strbuf_addf(out, "%" PRId64, r.value);
		break;
	case DIM_BYTES:
		strbuf_add_bytes(out, r.value);
		break;
	case DIM_PERCENT:
		strbuf_add_permyriad(out, r.value);
		break;
	case DIM_DURATION:
		strbuf_add_duration(out, r.value < 0 ? 0 : (usec_t)r.value);
		break;
	case DIM_BYTE_RATE:
		strbuf_add_bytes(out, r.value);
		strbuf_add(out, "/s");
		break;
	case DIM_COUNT_RATE:
		strbuf_addf(out, "%" PRId64 "/s", r.value);
		break;
	}
}
