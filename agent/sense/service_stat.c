/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How often. Each reading of memory.numa_stat or memory.stat makes the kernel gather the counters
 * of the cgroup and all below it, and memory.stat is long besides. memory.numa_stat comes first, as
 * what is on which node is asked for all the time; its sums are those of memory.stat, so anon, file
 * and shmem are had with it. What only memory.stat tells (dirty pages, slab, refaults) is read
 * every two seconds of a service that weighs on the host, is stalled or near its limit, and once a
 * minute of the others. Where memory.numa_stat is missing or says less (v1), both are read each
 * time. What an administrator sets is read each time as far as decisions hang on it (high and max),
 * the rest once a minute.
 */

#include "sense/service_stat.h"

#include "sense/state.h"
#include "sys/cgroup_v1_files.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define STAT_CLOSE_USEC (2 * USEC_PER_SEC)
#define STAT_USEC	(60 * USEC_PER_SEC)

/* v1 protects nobody and kills processes one by one. How much of its limit of memory and swap
 * together is one of swap cannot be said, unless there is none. */
static void read_v1_config(struct service_look *look, const struct cgroup_v1_stat *stat)
{
	bool known = look->entry->totals.current_known;

	service_look_set(look, METRIC_SERVICE_MIN, known ? reading_of(0) : READING_NONE);
	service_look_set(look, METRIC_SERVICE_LOW, known ? reading_of(0) : READING_NONE);
	service_look_set(look, METRIC_SERVICE_OOM_GROUP, known ? reading_of(0) : READING_NONE);
	service_look_set(look, METRIC_SERVICE_SWAP_MAX,
			 stat && stat->memsw_known && stat->memsw_limit_bytes == CGROUP_INFINITY
				 ? READING_FOREVER
				 : READING_NONE);
}

static int parse_shares(struct service_look *look, size_t length, struct cgroup_node_share *found,
			size_t capacity)
{
	struct sense *s = look->sense;
	bool hierarchical;
	struct stat st;
	int r;

	if (!service_look_is_v1(s))
		return cgroup_parse_numa_stat(s->text, length, found, capacity);
	r = cgroup_v1_parse_numa_stat(s->text, length, s->snapshot.host.page_size_bytes, found,
				      capacity, &hierarchical);
	/* Its own pages alone are all that there are where nothing is below: two links. */
	if (r >= 0 && !hierarchical &&
	    (fstatat(service_look_memory_dir(look), "", &st, AT_EMPTY_PATH) < 0 || st.st_nlink > 2))
		return -EINVAL;
	return r;
}

bool service_stat_read_shares(struct service_look *look, struct node_share *totals)
{
	struct sense *s = look->sense;
	struct service_totals *sums = &look->entry->totals;
	struct cgroup_node_share *found = s->registry.scratch;
	size_t room = service_registry_scratch(&s->registry);
	ssize_t n;
	int count;

	if (!service_registry_has_shares(s))
		return false;
	n = service_look_read(look, SERVICE_NUMA_STAT);
	count = n < 0 ? (int)n : parse_shares(look, (size_t)n, found, room);
	s->services.numa_stat_absent = n == -ENOENT && sums->current_known;
	if (count < 0 || (size_t)count > room)
		return false;
	memset(totals, 0, s->nodes.count * sizeof(*totals));
	sums->anon_bytes = sums->file_bytes = sums->shmem_bytes = 0;
	for (int i = 0; i < count; i++) {
		int node = node_sensor_index(s, found[i].node);

		sums->anon_bytes = plus(sums->anon_bytes, found[i].anon_bytes);
		sums->shmem_bytes = plus(sums->shmem_bytes, found[i].shmem_bytes);
		sums->file_bytes =
			plus(sums->file_bytes, less(found[i].file_bytes, found[i].shmem_bytes));
		if (node < 0)
			continue;
		totals[node].bytes = plus(found[i].anon_bytes, found[i].file_bytes);
		totals[node].movable_bytes = plus(found[i].anon_bytes, found[i].shmem_bytes);
		totals[node].shmem_bytes = found[i].shmem_bytes;
	}
	/* v1 counts other things together. */
	sums->anon_known = sums->file_known = !service_look_is_v1(s);
	return true;
}

static bool is_stat_due(const struct service_look *look)
{
	const struct service_entry *entry = look->entry;
	usec_t age = look->now - entry->history.stat_at;

	if (!entry->totals.anon_known || entry->history.stat_at == 0 || age >= STAT_USEC)
		return true;
	if (age < STAT_CLOSE_USEC)
		return false;
	return entry->is_near_limit || entry->is_stalled ||
	       entry->totals.current_bytes >= service_sensor_weight(look->sense);
}

static void update_refault_rate(struct service_look *look, const struct memory_stat_values *stat)
{
	const unsigned keys = 1u << MEMORY_STAT_WORKINGSET_REFAULT_ANON |
			      1u << MEMORY_STAT_WORKINGSET_REFAULT_FILE |
			      1u << MEMORY_STAT_WORKINGSET_REFAULT;
	struct service_totals *totals = &look->entry->totals;
	struct service_history *history = &look->entry->history;
	usec_t elapsed = look->now - history->stat_at;
	uint64_t refaults = 0;
	bool known = cgroup_stat_sum(stat, keys, &refaults);

	if (known && history->refaults_known && elapsed < RATE_MIN_USEC)
		return;
	totals->refault_known = known && history->refaults_known &&
				service_look_rate(history->refaults, refaults, elapsed,
						  look->sense->snapshot.host.page_size_bytes,
						  &totals->refault_rate);
	history->stat_at = look->now;
	history->refaults = refaults;
	history->refaults_known = known;
}

static void take_stat(struct service_look *look, const struct memory_stat_values *stat)
{
	struct service_totals *totals = &look->entry->totals;
	uint64_t file, shmem;

	totals->dirty_known = cgroup_stat_sum(
		stat, 1u << MEMORY_STAT_FILE_DIRTY | 1u << MEMORY_STAT_FILE_WRITEBACK,
		&totals->dirty_bytes);
	totals->slab_known = cgroup_stat_sum(
		stat, 1u << MEMORY_STAT_SLAB_RECLAIMABLE | 1u << MEMORY_STAT_SLAB_UNRECLAIMABLE,
		&totals->slab_bytes);
	update_refault_rate(look, stat);
	if (!totals->anon_known)
		totals->anon_known =
			cgroup_stat_sum(stat, 1u << MEMORY_STAT_ANON, &totals->anon_bytes);
	if (totals->file_known)
		return;
	totals->file_known = cgroup_stat_sum(stat, 1u << MEMORY_STAT_FILE, &file) &&
			     cgroup_stat_sum(stat, 1u << MEMORY_STAT_SHMEM, &shmem);
	if (!totals->file_known)
		return;
	totals->shmem_bytes = shmem;
	totals->file_bytes = less(file, shmem);
}

static void forget_stat(struct service_look *look)
{
	struct service_totals *totals = &look->entry->totals;

	totals->dirty_known = totals->slab_known = totals->refault_known = false;
	look->entry->history.refaults_known = false;
	if (service_look_is_v1(look->sense)) {
		totals->swap_known = false;
		read_v1_config(look, NULL);
	}
}

/* Who could be told to write less is asked for where a limit of writing may be set, and where dirty
 * pages are at what makes the kernel write. */
static bool is_io_of_interest(const struct sense *s)
{
	struct reading dirty = host_reading(s, METRIC_MEM_DIRTY);
	struct reading limit = host_reading(s, METRIC_MEM_DIRTY_BACKGROUND_LIMIT);

	if (s->wants_io || s->snapshot.single)
		return true;
	return dirty.state == READING_KNOWN && limit.state == READING_KNOWN &&
	       dirty.value >= limit.value;
}

/* v1 counts what whoever writes back wrote, which is hardly ever the service. */
static void read_io(struct service_look *look)
{
	struct sense *s = look->sense;
	ssize_t n;

	if (s->layout->controllers[CGROUP_IO] != CGROUP_V2 || !is_io_of_interest(s) ||
	    (look->service->io_device != 0 && !is_stat_due(look)))
		return;
	n = cgroup_read_file(look->dir_fd, "io.stat", s->text, s->text_size);
	if (n < 0 || !cgroup_parse_io_stat(s->text, (size_t)n, &look->service->io_device))
		look->service->io_device = 0;
}

void service_stat_read(struct service_look *look)
{
	struct sense *s = look->sense;
	struct service_totals *totals = &look->entry->totals;
	struct cgroup_v1_stat v1;
	ssize_t n;

	read_io(look);
	if (!is_stat_due(look))
		return;
	n = service_look_read(look, SERVICE_STAT);
	if (n >= 0 && service_look_is_v1(s) && cgroup_v1_parse_stat(s->text, (size_t)n, &v1) == 0) {
		take_stat(look, &v1.stat);
		totals->swap_known = v1.swap_known;
		totals->swap_bytes = v1.swap_bytes;
		read_v1_config(look, &v1);
	} else if (n >= 0 && !service_look_is_v1(s) &&
		   cgroup_parse_memory_stat(s->text, (size_t)n, &v1.stat) == 0) {
		take_stat(look, &v1.stat);
	} else {
		forget_stat(look);
	}
}
