/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What migrate_run() is given on a real machine. */

#include "act/migrate_kernel.h"

#include "act/migrate_work.h"
#include "sys/buddyinfo.h"
#include "sys/cgroup_dir.h"
#include "sys/clock.h"
#include "sys/meminfo.h"
#include "sys/move_pages.h"
#include "sys/numa_maps.h"
#include "sys/pagemap_scan.h"
#include "sys/priority.h"
#include "sys/proc_huge.h"
#include "sys/proc_pid.h"
#include "sys/process_end.h"
#include "sys/psi.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* 4 GiB of small pages are walked in a few hundredths of a second, for which whoever maps or unmaps
 * has to wait. What is larger is moved without a look at the policies of its mappings. */
#define HEED_MAX_BYTES (UINT64_C(4) << 30)
/* Of pagemap, read at once: four windows, about a portion. */
#define ENTRIES_WINDOWS 4
#define ENTRIES_MAX	(ENTRIES_WINDOWS * MIGRATE_WINDOW_PAGES_MAX)

struct real {
	const struct sysroot *root;
	const struct work_request *request;
	uint64_t page_size_bytes;
	int pid_fd;
	struct process_end end; /* of the process that is meant */
	bool has_failed;	/* the last call */
	int maps_fd;
	int pagemap_fd;
	int numa_maps_fd; /* -1: nobody needs it */
	int node_fd;
	int buddyinfo_fd;
	int stall_fds[STALL_COUNT_]; /* -1: none */
	bool has_scan;		     /* PAGEMAP_SCAN */
	bool heeds_binds; /* mappings that their policies keep off the destination stay */
	const struct own_memory *only;
	bool only_given;
	struct line_reader maps;
	struct line_reader numa_maps;
	struct numa_map ahead; /* the mapping that numa_maps is at */
	bool has_ahead;
	/* What was read of pagemap at once. */
	uint64_t entries_from;
	size_t entry_count;
	uint64_t entries[ENTRIES_MAX];
};

static void real_close(struct real *real)
{
	closep(&real->pid_fd);
	process_end_done(&real->end);
	closep(&real->maps_fd);
	closep(&real->pagemap_fd);
	closep(&real->numa_maps_fd);
	closep(&real->node_fd);
	closep(&real->buddyinfo_fd);
	for (size_t i = 0; i < STALL_COUNT_; i++)
		closep(&real->stall_fds[i]);
}

/* Asked of the open directory: it is of the process that was there first, whatever becomes of its
 * pid, and while it is there the pid is its own. */
static int check_stat(const struct real *real)
{
	struct proc_stat stat;
	int r;

	r = proc_stat_read(real->pid_fd, &stat);
	if (r < 0)
		return r;
	if (stat.start_ticks != real->request->start_ticks || stat.state == 'Z' ||
	    stat.state == 'X')
		return -ESRCH;
	return 0;
}

/* A pidfd tells it for a hundredth of what stat costs. But of a process whose first thread has
 * ended, and with it what the kernel finds by its pid, it tells when the last one ends. */
static int real_check(void *context)
{
	const struct real *real = context;

	if (real->end.fd < 0 || real->has_failed)
		return check_stat(real);
	return process_end_is_over(real->root, &real->end) ? -ESRCH : 0;
}

static int step_numa_maps(struct real *real)
{
	int r = numa_maps_next(&real->numa_maps, &real->ahead);

	real->has_ahead = r > 0;
	return r < 0 ? r : 0;
}

/* Nodes that cannot be told are others. */
static bool is_bound_elsewhere(const struct real *real, const struct numa_map *numa)
{
	return real->heeds_binds && numa->policy == NUMA_POLICY_BIND &&
	       !(numa->nodes_known && idset_has(&numa->nodes, real->request->to_node));
}

static void take_numa_map(const struct real *real, struct migrate_map *map)
{
	const struct numa_map *numa = &real->ahead;
	struct span rest = numa->rest;
	uint64_t page_bytes = numa->page_size_bytes, pages;
	unsigned node;

	/* Before 4.1 it is not printed: huge ones are then of a size that is not known. */
	if (page_bytes == 0 && !numa->huge)
		page_bytes = real->page_size_bytes;

	/* One that prefers any of several nodes is at home on each of them. */
	map->prefers = numa_map_preferred(numa) == (int)real->request->move.preferred;
	map->huge = numa->huge;
	map->bound_elsewhere = is_bound_elsewhere(real, numa);
	while ((map->huge || map->bound_elsewhere) && numa_map_next_node(&rest, &node, &pages))
		if (node == real->request->from_node)
			map->huge_from_pages += pages * (page_bytes / real->page_size_bytes);
}

/* Both files list the mappings by address, so numa_maps is read alongside. */
static int find_numa_map(struct real *real, struct migrate_map *map)
{
	int r;

	while (real->has_ahead && real->ahead.address < map->map.start) {
		r = step_numa_maps(real);
		if (r < 0)
			return r;
	}
	if (real->has_ahead && real->ahead.address == map->map.start)
		take_numa_map(real, map);
	return 0;
}

static int next_own(struct real *real, struct migrate_map *ret)
{
	const uint64_t start = (uintptr_t)real->only->pages;

	if (real->only_given)
		return 0;
	real->only_given = true;
	ret->map = (struct proc_map){ .start = start, .end = start + real->only->bytes };
	return 1;
}

static int real_next_map(void *context, struct migrate_map *ret)
{
	struct real *real = context;
	int r;

	*ret = (struct migrate_map){ 0 };
	if (real->only)
		return next_own(real, ret);
	r = proc_maps_next(&real->maps, &ret->map);
	if (r <= 0 || real->numa_maps_fd < 0)
		return r;
	r = find_numa_map(real, ret);
	return r < 0 ? r : 1;
}

static size_t pages_of_window(const struct real *real, uint64_t address, uint64_t end)
{
	uint64_t to = address - address % MIGRATE_WINDOW_BYTES + MIGRATE_WINDOW_BYTES;

	return (size_t)((MIN_OF(to, end) - address) / real->page_size_bytes);
}

/* No more than a window has pages can be found from its first one on, so none of it is missing. */
static int scan(const struct real *real, uint64_t from, uint64_t end, struct migrate_window *ret)
{
	struct pagemap_region regions[MIGRATE_WINDOW_PAGES_MAX];
	uint64_t first;
	ssize_t n;

	n = pagemap_scan(real->pagemap_fd, from, end, MIGRATE_WINDOW_PAGES_MAX, regions,
			 ARRAY_SIZE(regions));
	if (n <= 0)
		return (int)n;
	first = regions[0].start;
	ret->address = MAX_OF(first - first % MIGRATE_WINDOW_BYTES, from);
	ret->count = pages_of_window(real, ret->address, end);
	pagemap_region_entries(regions, (size_t)n, ret->address, real->page_size_bytes,
			       ret->entries, ret->count);
	return 1;
}

/* How many entries there are from `from` on, of what was read. */
static size_t entries_at(const struct real *real, uint64_t from)
{
	const uint64_t bytes = real->entry_count * real->page_size_bytes;

	if (from < real->entries_from || from - real->entries_from >= bytes)
		return 0;
	return real->entry_count - (size_t)((from - real->entries_from) / real->page_size_bytes);
}

/* One that has every second window has no use for those in between. */
static int read_entries(struct real *real, uint64_t from, uint64_t end)
{
	const uint64_t windows = real->request->move.parts > 1 ? 1 : ENTRIES_WINDOWS;
	const uint64_t to = from - from % MIGRATE_WINDOW_BYTES + windows * MIGRATE_WINDOW_BYTES;
	ssize_t n = pagemap_read(real->pagemap_fd, from, real->page_size_bytes, real->entries,
				 (size_t)((MIN_OF(to, end) - from) / real->page_size_bytes));

	real->entries_from = from;
	real->entry_count = n < 0 ? 0 : (size_t)n;
	return n < 0 ? (int)n : 0;
}

static int real_find(void *context, uint64_t from, uint64_t end, struct migrate_window *ret)
{
	struct real *real = context;
	const uint64_t *entries;
	int r;

	if (real->has_scan)
		return scan(real, from, end, ret);
	if (entries_at(real, from) == 0) {
		r = read_entries(real, from, end);
		if (r < 0)
			return r;
	}
	ret->address = from;
	ret->count = MIN_OF(pages_of_window(real, from, end), entries_at(real, from));
	entries = real->entries + (real->entry_count - entries_at(real, from));
	/* Below are the bits of a page frame. */
	for (size_t i = 0; i < ret->count; i++)
		ret->entries[i] = entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED | PAGEMAP_SHARED);
	return ret->count > 0;
}

static int real_query(void *context, void *const *pages, size_t count, int *ret_status)
{
	struct real *real = context;
	int r = move_pages_query(real->root, real->request->pid, pages, count, ret_status);

	real->has_failed = r < 0;
	return r;
}

static int real_move(void *context, void *const *pages, size_t count, unsigned node, bool all,
		     int *ret_status)
{
	struct real *real = context;
	int r = move_pages_to(real->root, real->request->pid, pages, count, node, all, ret_status);

	real->has_failed = r < 0;
	/* By now the process may have unmapped some. */
	real->entry_count = 0;
	return r;
}

static int real_free_bytes(void *context, unsigned node, uint64_t *ret)
{
	const struct real *real = context;

	(void)node; /* its file is open */
	return meminfo_read_room(real->node_fd, ret);
}

static int real_free_blocks(void *context, unsigned node, uint64_t *ret)
{
	const struct real *real = context;
	unsigned order = 0;

	while (real->page_size_bytes << order < MIGRATE_WINDOW_BYTES)
		order++;
	return buddyinfo_read_blocks(real->buddyinfo_fd, node, order, ret);
}

static void real_read_stalls(void *context, struct stall_reading ret[STALL_COUNT_])
{
	const struct real *real = context;
	struct psi psi;

	for (size_t i = 0; i < STALL_COUNT_; i++) {
		ret[i] = (struct stall_reading){ 0 };
		if (real->stall_fds[i] < 0 || psi_read(real->stall_fds[i], &psi) < 0)
			continue;
		ret[i].known = psi.some.present;
		ret[i].total_usec = psi.some.total_usec;
		ret[i].avg10 = psi.some.avg10;
	}
}

static usec_t real_now(void *context)
{
	(void)context;
	return clock_monotonic_usec();
}

static void real_sleep(void *context, usec_t usec)
{
	(void)context;
	clock_sleep(usec);
}

/* What a guest is bound to is on its command line. Of others single mappings may be, which nobody
 * has looked for who planned this. */
static bool is_to_heed_binds(const struct real *real)
{
	struct proc_stat stat;

	return !real->request->move_shared && proc_stat_read(real->pid_fd, &stat) == 0 &&
	       stat.rss_pages <= HEED_MAX_BYTES / real->page_size_bytes;
}

/* It walks all page tables, so it is read only for those that hold huge pages, or where policies
 * count. */
static int open_numa_maps(struct real *real)
{
	int r = real->request->move.has_preferred ? 1 : proc_huge_pages_used(real->pid_fd);

	real->heeds_binds = is_to_heed_binds(real);
	if (r < 0 || (r == 0 && !real->heeds_binds))
		return r;
	real->numa_maps_fd = proc_pid_open_file(real->pid_fd, "numa_maps", O_RDONLY);
	/* A kernel without NUMA has no such file, and nothing to move. */
	if (real->numa_maps_fd < 0)
		return real->numa_maps_fd;
	line_reader_init(&real->numa_maps, real->numa_maps_fd);
	return step_numa_maps(real);
}

/* For who gives way to them. A kernel without these files has no such answer: it is unknown. */
static void open_stalls(struct real *real)
{
	const char *path = real->request->move.path;
	struct cgroup_layout layout;
	struct cgroup_dir dir;

	real->stall_fds[STALL_HOST_MEMORY] = psi_open(real->root, "memory");
	real->stall_fds[STALL_HOST_CPU] = psi_open(real->root, "cpu");
	if (path[0] == '\0' || cgroup_layout_open_quick(real->root, &layout) < 0)
		return;
	if (layout.tree == CGROUP_TREE_V2 && cgroup_dir_open(&layout, path, &dir) == 0) {
		real->stall_fds[STALL_SERVICE_MEMORY] =
			cgroup_open_file(dir.fd, "memory.pressure", O_RDONLY);
		real->stall_fds[STALL_SERVICE_CPU] =
			cgroup_open_file(dir.fd, "cpu.pressure", O_RDONLY);
		cgroup_dir_done(&dir);
	}
	cgroup_layout_done(&layout);
}

static int open_maps(struct real *real)
{
	if (real->only)
		return 0;
	real->maps_fd = proc_pid_open_file(real->pid_fd, "maps", O_RDONLY);
	if (real->maps_fd < 0)
		return real->maps_fd;
	line_reader_init(&real->maps, real->maps_fd);
	return open_numa_maps(real);
}

static int real_open(struct real *real)
{
	int r;

	real->pid_fd = proc_pid_open(real->root, real->request->pid);
	if (real->pid_fd < 0)
		return real->pid_fd;
	/* One that cannot be had is done without. */
	(void)process_end_open(real->root, real->request->pid, real->request->start_ticks,
			       &real->end);
	r = check_stat(real);
	if (r < 0)
		return r;
	real->pagemap_fd = proc_pid_open_file(real->pid_fd, "pagemap", O_RDONLY);
	if (real->pagemap_fd < 0)
		return real->pagemap_fd;
	real->has_scan = pagemap_scan_probe(real->pagemap_fd) > 0;
	real->node_fd = meminfo_open_node(real->root, real->request->to_node);
	if (real->node_fd < 0)
		return real->node_fd == -ENOENT ? -ENODEV : real->node_fd;
	real->buddyinfo_fd = buddyinfo_open(real->root);
	if (real->request->move.is_calm)
		open_stalls(real);
	return open_maps(real);
}

static void reply_failure(const struct work_request *request, const struct work_channel *channel,
			  int r)
{
	const struct work_reply reply = {
		.token = request->token,
		.final = true,
		.error = -r,
	};

	(void)channel->reply(channel->context, &reply);
}

void migrate_kernel_run(const struct work_request *request, const struct work_channel *channel,
			const struct own_memory *only)
{
	/* Its two line buffers do not belong on a stack; a worker has one request at a time. */
	static struct real real;
	struct migrate_kernel kernel = {
		.page_size_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.check = real_check,
		.next_map = real_next_map,
		.find = real_find,
		.query = real_query,
		.move = real_move,
		.free_bytes = real_free_bytes,
		.free_blocks = real_free_blocks,
		.read_stalls = real_read_stalls,
		.now = real_now,
		.sleep = real_sleep,
		.context = &real,
	};
	int r;

	/* Small hosts have few processors, and what moves takes all of one. */
	priority_of_work(request->move.is_urgent);
	real.root = channel->root;
	real.request = request;
	real.page_size_bytes = kernel.page_size_bytes;
	real.only = only;
	real.only_given = real.has_ahead = real.has_failed = false;
	real.pid_fd = real.maps_fd = real.pagemap_fd = real.numa_maps_fd = real.node_fd =
		real.buddyinfo_fd = -1;
	real.end = (struct process_end){ .fd = -1 };
	real.entry_count = 0;
	for (size_t i = 0; i < STALL_COUNT_; i++)
		real.stall_fds[i] = -1;
	r = real_open(&real);
	kernel.knows_huge = real.has_scan;
	if (r < 0)
		reply_failure(request, channel, r);
	else
		migrate_run(request, channel, &kernel);
	real_close(&real);
}

void migrate_work(const struct work_request *request, const struct work_channel *channel)
{
	migrate_kernel_run(request, channel, NULL);
}
