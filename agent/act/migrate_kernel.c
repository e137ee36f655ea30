/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What migrate_run() is given on a real machine. */

#include "act/migrate_work.h"
#include "sys/clock.h"
#include "sys/meminfo.h"
#include "sys/move_pages.h"
#include "sys/numa_maps.h"
#include "sys/proc_huge.h"
#include "sys/proc_pid.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct real {
	const struct sysroot *root;
	const struct work_request *request;
	uint64_t page_size_bytes;
	int pid_fd;
	int maps_fd;
	int pagemap_fd;
	int numa_maps_fd; /* -1: it holds no huge pages */
	int node_fd;
	struct line_reader maps;
	struct line_reader numa_maps;
	struct numa_map ahead; /* the mapping that numa_maps is at */
	bool has_ahead;
};

static void real_close(struct real *real)
{
	closep(&real->pid_fd);
	closep(&real->maps_fd);
	closep(&real->pagemap_fd);
	closep(&real->numa_maps_fd);
	closep(&real->node_fd);
}

/* Asked of the open directory: it is of the process that was there first, whatever becomes of its
 * pid, and while it is there the pid is its own. */
static int real_check(void *context)
{
	const struct real *real = context;
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

static int step_numa_maps(struct real *real)
{
	int r = numa_maps_next(&real->numa_maps, &real->ahead);

	real->has_ahead = r > 0;
	return r < 0 ? r : 0;
}

/* Both files list the mappings by address, so numa_maps is read alongside. */
static int find_huge(struct real *real, struct migrate_map *map)
{
	uint64_t pages;
	struct span rest;
	unsigned node;
	int r;

	while (real->has_ahead && real->ahead.address < map->map.start) {
		r = step_numa_maps(real);
		if (r < 0)
			return r;
	}
	if (!real->has_ahead || real->ahead.address != map->map.start || !real->ahead.huge)
		return 0;
	map->huge = true;
	rest = real->ahead.rest;
	while (numa_map_next_node(&rest, &node, &pages))
		if (node == real->request->from_node)
			map->huge_from_pages +=
				pages * (real->ahead.page_size_bytes / real->page_size_bytes);
	return 0;
}

static int real_next_map(void *context, struct migrate_map *ret)
{
	struct real *real = context;
	int r;

	*ret = (struct migrate_map){ 0 };
	r = proc_maps_next(&real->maps, &ret->map);
	if (r <= 0 || real->numa_maps_fd < 0)
		return r;
	r = find_huge(real, ret);
	return r < 0 ? r : 1;
}

static ssize_t real_presence(void *context, uint64_t address, uint64_t *ret_entries, size_t count)
{
	const struct real *real = context;

	return pagemap_read(real->pagemap_fd, address, real->page_size_bytes, ret_entries, count);
}

static int real_query(void *context, void *const *pages, size_t count, int *ret_status)
{
	const struct real *real = context;

	return move_pages_query(real->root, real->request->pid, pages, count, ret_status);
}

static int real_move(void *context, void *const *pages, size_t count, unsigned node, bool all,
		     int *ret_status)
{
	const struct real *real = context;

	return move_pages_to(real->root, real->request->pid, pages, count, node, all, ret_status);
}

static int real_free_bytes(void *context, unsigned node, uint64_t *ret)
{
	const struct real *real = context;

	(void)node; /* its file is open */
	return meminfo_read_free(real->node_fd, ret);
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

static int open_huge(struct real *real)
{
	int r = proc_huge_pages_used(real->pid_fd);

	if (r <= 0)
		return r;
	real->numa_maps_fd = proc_pid_open_file(real->pid_fd, "numa_maps", O_RDONLY);
	/* A kernel without NUMA has no such file, and nothing to move. */
	if (real->numa_maps_fd < 0)
		return real->numa_maps_fd;
	line_reader_init(&real->numa_maps, real->numa_maps_fd);
	return step_numa_maps(real);
}

static int real_open(struct real *real)
{
	int r;

	real->pid_fd = proc_pid_open(real->root, real->request->pid);
	if (real->pid_fd < 0)
		return real->pid_fd;
	r = real_check(real);
	if (r < 0)
		return r;
	real->maps_fd = proc_pid_open_file(real->pid_fd, "maps", O_RDONLY);
	if (real->maps_fd < 0)
		return real->maps_fd;
	line_reader_init(&real->maps, real->maps_fd);
	real->pagemap_fd = proc_pid_open_file(real->pid_fd, "pagemap", O_RDONLY);
	if (real->pagemap_fd < 0)
		return real->pagemap_fd;
	real->node_fd = meminfo_open_node(real->root, real->request->to_node);
	if (real->node_fd < 0)
		return real->node_fd == -ENOENT ? -ENODEV : real->node_fd;
	return open_huge(real);
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

void migrate_work(const struct work_request *request, const struct work_channel *channel)
{
	/* Its two line buffers do not belong on a stack; a worker has one request at a time. */
	static struct real real;
	const struct migrate_kernel kernel = {
		.page_size_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.check = real_check,
		.next_map = real_next_map,
		.presence = real_presence,
		.query = real_query,
		.move = real_move,
		.free_bytes = real_free_bytes,
		.now = real_now,
		.sleep = real_sleep,
		.context = &real,
	};
	int r;

	real.root = channel->root;
	real.request = request;
	real.page_size_bytes = kernel.page_size_bytes;
	real.has_ahead = false;
	real.pid_fd = real.maps_fd = real.pagemap_fd = real.numa_maps_fd = real.node_fd = -1;
	r = real_open(&real);
	if (r < 0)
		reply_failure(request, channel, r);
	else
		migrate_run(request, channel, &kernel);
	real_close(&real);
}
