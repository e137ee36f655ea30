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

#define CANARY(id, name, dimension, whole, source, meaning) \
	ROW(id, name, SCOPE_CANARY, dimension, whole, source, meaning)

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
	     "proc/pressure/cpu some avg10 or, if that tells more, total",
	     "Share of the last 10 s in which a task waited for a CPU."),
	HOST(METRIC_PSI_IO_SOME, "psi.io.some.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/io some avg10 or, if that tells more, total",
	     "Share of the last 10 s in which a task waited for I/O."),
	HOST(METRIC_PSI_IO_FULL, "psi.io.full.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/io full avg10 or, if that tells more, total",
	     "Share of the last 10 s in which all tasks waited for I/O."),
	HOST(METRIC_PSI_MEMORY_SOME, "psi.memory.some.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/memory some avg10 or, if that tells more, total",
	     "Share of the last 10 s in which a task was stalled for memory."),
	HOST(METRIC_PSI_MEMORY_FULL, "psi.memory.full.avg10", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/memory full avg10 or, if that tells more, total",
	     "Share of the last 10 s in which all tasks were stalled for memory."),
	HOST(METRIC_PSI_MEMORY_SOME_NOW, "psi.memory.some.now", DIM_PERCENT, METRIC_NONE,
	     "growth of total= in proc/pressure/memory over about 1 s",
	     "Share of the last second in which a task was stalled for memory."),
	HOST(METRIC_PSI_MEMORY_FULL_NOW, "psi.memory.full.now", DIM_PERCENT, METRIC_NONE,
	     "growth of total= in proc/pressure/memory over about 1 s",
	     "Share of the last second in which all tasks were stalled for memory."),
	HOST(METRIC_PSI_MEMORY_SOME_SHARED, "psi.memory.some.shared", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/memory and memory.pressure of services at their own limits",
	     "psi.memory.some.now less what services make by hitting their own limits, or those of "
	     "cgroups above them: pressure that is the host's."),
	HOST(METRIC_PSI_MEMORY_FULL_SHARED, "psi.memory.full.shared", DIM_PERCENT, METRIC_NONE,
	     "proc/pressure/memory and memory.pressure of services at their own limits",
	     "psi.memory.full.now less what services make by hitting their own limits, or those of "
	     "cgroups above them."),
	HOST(METRIC_HOST_OOM_KILLS, "host.oom-kills", DIM_COUNT, METRIC_NONE,
	     "proc/vmstat oom_kill",
	     "Processes that the kernel's OOM killer took since boot."),
	HOST(METRIC_HOST_ALLOC_FAILURES, "host.alloc-failures", DIM_COUNT, METRIC_NONE,
	     "dev/kmsg page allocation failure",
	     "Allocations that the kernel reported as failed since the agent looks."),
	HOST(METRIC_HOST_ALLOCSTALL_RATE, "host.allocstall-rate", DIM_COUNT_RATE, METRIC_NONE,
	     "proc/vmstat allocstall_*",
	     "Allocations a second that had to reclaim memory themselves."),
	HOST(METRIC_HOST_DIRECT_RECLAIM_RATE, "host.direct-reclaim-rate", DIM_BYTE_RATE, METRIC_NONE,
	     "proc/vmstat pgsteal_direct",
	     "Memory a second that allocations reclaimed themselves."),
	HOST(METRIC_HOST_RECLAIM_EFFICIENCY, "host.reclaim-efficiency", DIM_PERCENT, METRIC_NONE,
	     "proc/vmstat pgsteal_*, pgscan_*",
	     "Of the pages that reclaim looked at over the last second, the share that it got."),
	HOST(METRIC_HOST_REFAULT_ANON_RATE, "host.refault-anon-rate", DIM_BYTE_RATE, METRIC_NONE,
	     "proc/vmstat workingset_refault_anon",
	     "Anonymous memory a second that was swapped out and is wanted back at once."),
	HOST(METRIC_HOST_REFAULT_FILE_RATE, "host.refault-file-rate", DIM_BYTE_RATE, METRIC_NONE,
	     "proc/vmstat workingset_refault_file, workingset_refault",
	     "File memory a second that was dropped and is wanted back at once."),
	HOST(METRIC_HOST_SWAP_IN_RATE, "host.swap-in-rate", DIM_BYTE_RATE, METRIC_NONE,
	     "proc/vmstat pswpin",
	     "Memory a second that is read back from swap."),
	HOST(METRIC_HOST_SWAP_OUT_RATE, "host.swap-out-rate", DIM_BYTE_RATE, METRIC_NONE,
	     "proc/vmstat pswpout",
	     "Memory a second that is written to swap."),
	HOST(METRIC_HOST_MAJOR_FAULT_RATE, "host.major-fault-rate", DIM_COUNT_RATE, METRIC_NONE,
	     "proc/vmstat pgmajfault",
	     "Page faults a second that had to wait for storage."),
	HOST(METRIC_HOST_COMPACT_STALL_RATE, "host.compact-stall-rate", DIM_COUNT_RATE, METRIC_NONE,
	     "proc/vmstat compact_stall",
	     "Allocations a second that had to compact memory themselves."),
	HOST(METRIC_HOST_COMPACT_FAIL_RATE, "host.compact-fail-rate", DIM_COUNT_RATE, METRIC_NONE,
	     "proc/vmstat compact_fail",
	     "Compactions a second by an allocation that did not help it."),
	HOST(METRIC_HOST_MIGRATE_RATE, "host.migrate-rate", DIM_BYTE_RATE, METRIC_NONE,
	     "proc/vmstat pgmigrate_success",
	     "Memory a second that is moved to other pages, by whomever."),
	HOST(METRIC_HOST_MIGRATE_FAIL_RATE, "host.migrate-fail-rate", DIM_COUNT_RATE, METRIC_NONE,
	     "proc/vmstat pgmigrate_fail",
	     "Pages a second that could not be moved."),
	HOST(METRIC_MEM_DIRTY, "mem.dirty", DIM_BYTES, METRIC_MEM_DIRTY_LIMIT,
	     "proc/vmstat nr_dirty",
	     "File memory that must be written before it can be dropped."),
	HOST(METRIC_MEM_DIRTY_LIMIT, "mem.dirty-limit", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/vmstat nr_dirty_threshold",
	     "Dirty memory at which writers are made to wait: the threshold that holds now, whichever "
	     "sysctl it comes from."),
	HOST(METRIC_MEM_DIRTY_BACKGROUND_LIMIT, "mem.dirty-background-limit", DIM_BYTES,
	     METRIC_MEM_TOTAL,
	     "proc/vmstat nr_dirty_background_threshold",
	     "Dirty memory at which the kernel begins to write it back by itself, as it holds now."),
	HOST(METRIC_MEM_WRITEBACK, "mem.writeback", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/vmstat nr_writeback",
	     "File memory that is being written."),
	HOST(METRIC_MEM_ANON, "mem.anon", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo AnonPages",
	     "Anonymous memory that is mapped: what processes have for themselves."),
	HOST(METRIC_MEM_FILE, "mem.file", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo Cached, Buffers, less Shmem",
	     "Page cache of files on storage; tmpfs and shared memory are not in it."),
	HOST(METRIC_MEM_SHMEM, "mem.shmem", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo Shmem",
	     "tmpfs and shared memory: looks like page cache and cannot be dropped."),
	HOST(METRIC_MEM_HUGETLB, "mem.hugetlb", DIM_BYTES, METRIC_NONE,
	     "proc/meminfo Hugetlb",
	     "The huge page pool of all sizes, used or not; no other allocation can have it."),
	HOST(METRIC_MEM_KERNEL, "mem.kernel", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo Slab, PageTables, KernelStack, VmallocUsed, Percpu",
	     "Memory that is the kernel's own and no process's."),
	HOST(METRIC_MEM_KERNEL_GROWTH, "mem.kernel-growth", DIM_BYTE_RATE, METRIC_NONE,
	     "growth of mem.kernel over up to an hour",
	     "How fast the kernel's own memory grows."),
	HOST(METRIC_MEM_SLAB_RECLAIMABLE, "mem.slab-reclaimable", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo SReclaimable",
	     "Slab that the kernel can give back: dentries, inodes."),
	HOST(METRIC_MEM_SLAB_UNRECLAIMABLE, "mem.slab-unreclaimable", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo SUnreclaim",
	     "Slab that stays until its users free it."),
	HOST(METRIC_MEM_SLAB_TOP, "mem.slab-top", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/slabinfo",
	     "The largest slab cache."),
	HOST(METRIC_MEM_SLAB_TOP_GROWTH, "mem.slab-top-growth", DIM_BYTE_RATE, METRIC_NONE,
	     "proc/slabinfo, over up to an hour",
	     "Growth of the slab cache that grows fastest."),
	HOST(METRIC_MEM_PAGE_TABLES, "mem.page-tables", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo PageTables, SecPageTables",
	     "Page tables of processes and of guests' second level."),
	HOST(METRIC_MEM_VMALLOC, "mem.vmalloc", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo VmallocUsed",
	     "Memory that the kernel mapped page by page; unknown where the kernel prints 0 (4.4 to 5.2)."),
	HOST(METRIC_MEM_PERCPU, "mem.percpu", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo Percpu",
	     "Per-CPU memory; many cgroups make it large."),
	HOST(METRIC_MEM_KERNEL_STACK, "mem.kernel-stack", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo KernelStack",
	     "Kernel stacks of all threads."),
	HOST(METRIC_MEM_UNACCOUNTED, "mem.unaccounted", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/meminfo MemTotal less all that it names",
	     "Memory that nothing names: pages of drivers, the ARC, balloons."),
	HOST(METRIC_MEM_ARC, "mem.arc", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/spl/kstat/zfs/arcstats size",
	     "The cache of ZFS; 0 without ZFS."),
	HOST(METRIC_MEM_ARC_RECLAIMABLE, "mem.arc-reclaimable", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/spl/kstat/zfs/arcstats size, c_min",
	     "What the ARC can shrink by; mem.available does not know of it."),
	HOST(METRIC_MEM_ZRAM, "mem.zram", DIM_BYTES, METRIC_MEM_TOTAL,
	     "sys/block/zram*/mm_stat mem_used_total",
	     "Memory that compressed swap takes; 0 without zram."),
	HOST(METRIC_MEM_RESERVE, "mem.reserve", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/sys/vm/min_free_kbytes",
	     "Memory that the kernel keeps free for itself."),
	HOST(METRIC_MEM_PROTECTED, "mem.protected", DIM_BYTES, METRIC_MEM_TOTAL,
	     "memory.min, memory.low, memory.current of the top cgroups",
	     "Memory that reclaim leaves alone because memory.min or memory.low protect it."),
	HOST(METRIC_MEM_LIMIT, "mem.limit", DIM_BYTES, METRIC_NONE,
	     "memory.max, memory.limit_in_bytes of the cgroup that holds this machine",
	     "The hard limit of the container that the agent runs in; infinity without one."),
	HOST(METRIC_MEM_LIMIT_HEADROOM, "mem.limit-headroom", DIM_BYTES, METRIC_MEM_LIMIT,
	     "mem.limit less memory.current, with the file pages that can be dropped",
	     "What the container can still have before its own limit; infinity without one."),
	HOST(METRIC_HOST_CROWD, "host.crowd", DIM_BYTES, METRIC_MEM_TOTAL,
	     "proc/PID/stat rss of the services' processes, memory.stat anon",
	     "Anonymous memory of services in processes that each have less than a thousandth of the "
	     "host's: together much, each too small to be worth killing."),

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
	NODE(METRIC_NODE_DIRTY, "node.dirty", DIM_BYTES, METRIC_NODE_TOTAL,
	     "node meminfo Dirty, Writeback",
	     "File pages of the node that must be written first, or are being written."),
	NODE(METRIC_NODE_ANON, "node.anon", DIM_BYTES, METRIC_NODE_TOTAL,
	     "node meminfo AnonPages",
	     "Anonymous memory on the node."),
	NODE(METRIC_NODE_SHMEM, "node.shmem", DIM_BYTES, METRIC_NODE_TOTAL,
	     "node meminfo Shmem",
	     "tmpfs and shared memory on the node."),
	NODE(METRIC_NODE_SLAB_RECLAIMABLE, "node.slab-reclaimable", DIM_BYTES, METRIC_NODE_TOTAL,
	     "node meminfo SReclaimable",
	     "Slab on the node that the kernel can give back."),
	NODE(METRIC_NODE_SLAB_UNRECLAIMABLE, "node.slab-unreclaimable", DIM_BYTES, METRIC_NODE_TOTAL,
	     "node meminfo SUnreclaim",
	     "Slab on the node that stays until its users free it."),
	NODE(METRIC_NODE_HUGETLB_FREE, "node.hugetlb-free", DIM_BYTES, METRIC_NONE,
	     "node hugepages free_hugepages, all sizes",
	     "Idle huge pages in the node's pools."),
	NODE(METRIC_NODE_UNUSABLE_ORDER_2, "node.unusable.order2", DIM_PERCENT, METRIC_NONE,
	     "proc/buddyinfo, model/fragmentation.h",
	     "Share of the node's free memory in blocks too small for an allocation of order 2."),
	NODE(METRIC_NODE_UNUSABLE_ORDER_3, "node.unusable.order3", DIM_PERCENT, METRIC_NONE,
	     "proc/buddyinfo, model/fragmentation.h",
	     "Share of the node's free memory in blocks too small for an allocation of order 3."),
	NODE(METRIC_NODE_UNUSABLE_ORDER_9, "node.unusable.order9", DIM_PERCENT, METRIC_NONE,
	     "proc/buddyinfo, model/fragmentation.h",
	     "Share of the node's free memory in blocks too small for an allocation of order 9."),

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
		"memory.pressure some avg10 or, if that tells more, total",
		"Share of the last 10 s in which a task of the service was stalled for memory."),
	SERVICE(METRIC_SERVICE_PSI_FULL, "service.psi.full", DIM_PERCENT, METRIC_NONE,
		"memory.pressure full avg10 or, if that tells more, total",
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
	SERVICE(METRIC_SERVICE_FILE, "service.file", DIM_BYTES, METRIC_SERVICE_MAX,
		"memory.stat file, shmem",
		"Page cache of the service, tmpfs and shared memory not counted."),
	SERVICE(METRIC_SERVICE_SHMEM, "service.shmem", DIM_BYTES, METRIC_SERVICE_MAX,
		"memory.stat shmem",
		"tmpfs and shared memory charged to the service."),
	SERVICE(METRIC_SERVICE_DIRTY, "service.dirty", DIM_BYTES, METRIC_SERVICE_MAX,
		"memory.stat file_dirty, file_writeback",
		"File memory of the service that must be written first, or is being written."),
	SERVICE(METRIC_SERVICE_SLAB, "service.slab", DIM_BYTES, METRIC_SERVICE_MAX,
		"memory.stat slab_reclaimable, slab_unreclaimable",
		"Slab charged to the service."),
	SERVICE(METRIC_SERVICE_MIN, "service.min", DIM_BYTES, METRIC_NONE,
		"memory.min, capped by those of the cgroups above",
		"Memory of the service that no reclaim touches."),
	SERVICE(METRIC_SERVICE_LOW, "service.low", DIM_BYTES, METRIC_NONE,
		"memory.low, capped by those of the cgroups above",
		"Memory of the service that reclaim leaves for last."),
	SERVICE(METRIC_SERVICE_SWAP_MAX, "service.swap-max", DIM_BYTES, METRIC_NONE,
		"memory.swap.max",
		"The service's limit of swap; infinity without one."),
	SERVICE(METRIC_SERVICE_LIMIT, "service.limit", DIM_BYTES, METRIC_NONE,
		"memory.max of the service and of the cgroups above it",
		"The hard limit that the service meets first; infinity without one."),
	SERVICE(METRIC_SERVICE_HEADROOM, "service.headroom", DIM_BYTES, METRIC_SERVICE_LIMIT,
		"service.limit less memory.current, with the file pages that can be dropped",
		"What the service can still have before service.limit; infinity without one."),
	SERVICE(METRIC_SERVICE_TIME_TO_LIMIT, "service.time-to-limit", DIM_DURATION, METRIC_NONE,
		"slope of service.headroom over 0.5 s and 5 s",
		"How long service.headroom lasts at the faster of its two falls; infinity while it does "
		"not fall."),
	SERVICE(METRIC_SERVICE_REFAULT_RATE, "service.refault-rate", DIM_BYTE_RATE, METRIC_NONE,
		"memory.stat workingset_refault_anon, workingset_refault_file",
		"Memory a second that was taken from the service and is wanted back at once."),
	SERVICE(METRIC_SERVICE_EVENTS_HIGH_RATE, "service.events.high-rate", DIM_COUNT_RATE,
		METRIC_NONE,
		"memory.events high",
		"Times a second that the service is throttled for exceeding memory.high."),
	SERVICE(METRIC_SERVICE_EVENTS_MAX_RATE, "service.events.max-rate", DIM_COUNT_RATE, METRIC_NONE,
		"memory.events max",
		"Times a second that the service runs into memory.max."),
	SERVICE(METRIC_SERVICE_PSI_SELF, "service.psi.self", DIM_PERCENT, METRIC_NONE,
		"memory.pressure some avg10 or total, as above, while memory.events high or max grow",
		"Pressure that the service makes for itself by hitting its own limit; 0 while it hits "
		"none."),
	SERVICE(METRIC_SERVICE_OOM_GROUP, "service.oom-group", DIM_COUNT, METRIC_NONE,
		"memory.oom.group",
		"1 if the kernel's OOM killer takes the service as a whole, else 0."),
	SERVICE(METRIC_SERVICE_PROCESSES, "service.processes", DIM_COUNT, METRIC_NONE,
		"cgroup.procs",
		"Processes of the service."),
	SERVICE(METRIC_SERVICE_CONFINED, "service.confined", DIM_COUNT, METRIC_NONE,
		"Mems_allowed_list and bind policies of its processes",
		"1 if the service may not use all memory nodes, else 0."),
	SERVICE(METRIC_SERVICE_RESTARTS, "service.restarts", DIM_COUNT, METRIC_NONE,
		"cgroups made anew at the same path",
		"How often the service came back within the last 10 minutes, as far as the agent saw it."),
	SERVICE(METRIC_SERVICE_RESTARTS_AFTER_OOM, "service.restarts-after-oom", DIM_COUNT, METRIC_NONE,
		"cgroups made anew at the same path, memory.events oom_kill, dev/kmsg",
		"Of service.restarts those before which the kernel's OOM killer took a process of it."),
	SERVICE(METRIC_SERVICE_CROWD, "service.crowd", DIM_BYTES, METRIC_SERVICE_LIMIT,
		"proc/PID/stat rss of its processes, memory.stat anon",
		"Anonymous memory of the service in processes that each have less than a thousandth of "
		"service.limit, or of mem.total without one: none is worth killing by itself."),

	CANARY(METRIC_CANARY_SIZE, "canary.size", DIM_BYTES, METRIC_NONE,
	       "Size= of the canary",
	       "What it is to hold."),
	CANARY(METRIC_CANARY_HELD, "canary.held", DIM_BYTES, METRIC_CANARY_SIZE,
	       "memory.stat or memory.numa_stat anon of its cgroup",
	       "What it holds: 0 where there is none, on its node where it has one."),
	CANARY(METRIC_CANARY_DEAD, "canary.dead", DIM_COUNT, METRIC_NONE,
	       "the end of its process",
	       "1 from its death, whoever was the cause, until it holds memory again; else 0."),
	CANARY(METRIC_CANARY_DEATHS, "canary.deaths", DIM_COUNT, METRIC_NONE,
	       "the end of its process",
	       "Deaths since the agent started."),
	CANARY(METRIC_CANARY_KERNEL_KILLS, "canary.kernel-kills", DIM_COUNT, METRIC_NONE,
	       "memory.events oom_kill, dev/kmsg",
	       "Of canary.deaths those that were the kernel's OOM killer."),
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
	[SCOPE_CANARY] = "canary",
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
