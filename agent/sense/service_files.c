/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_files.h"

#include "sense/state.h"
#include "sys/psi.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Near a limit: less than this part of it is left. */
#define NEAR_PART 8

static const char *const file_names[SERVICE_FILE_COUNT_] = {
	[SERVICE_CURRENT] = "memory.current",	[SERVICE_EVENTS] = "memory.events",
	[SERVICE_PRESSURE] = "memory.pressure", [SERVICE_NUMA_STAT] = "memory.numa_stat",
	[SERVICE_STAT] = "memory.stat",		[SERVICE_SWAP] = "memory.swap.current",
	[SERVICE_HIGH] = "memory.high",		[SERVICE_MAX] = "memory.max",
};

static void set(struct service *service, enum metric_id id, struct reading value)
{
	service->readings[metric_index(id)] = value;
}

/* Through the kept file, or the kept directory, or the one that was opened for this. */
static ssize_t read_file(struct sense *s, const struct service_entry *entry, int dir_fd,
			 enum service_file which)
{
	if (entry->files[which] >= 0)
		return sysroot_read_fd(entry->files[which], s->text, s->text_size);
	return cgroup_read_file(dir_fd, file_names[which], s->text, s->text_size);
}

static bool read_value(struct sense *s, const struct service_entry *entry, int dir_fd,
		       enum service_file which, uint64_t *ret)
{
	ssize_t n = read_file(s, entry, dir_fd, which);

	return n >= 0 && cgroup_parse_value(s->text, (size_t)n, ret) == 0;
}

static struct reading limit_reading(bool known, uint64_t value)
{
	if (!known)
		return READING_NONE;
	return value == CGROUP_INFINITY ? READING_FOREVER : reading_of_bytes(value);
}

static void read_limits(struct sense *s, struct service_entry *entry, struct service *service,
			int dir_fd)
{
	uint64_t high = 0, max = 0, lowest;
	bool has_high = read_value(s, entry, dir_fd, SERVICE_HIGH, &high);
	bool has_max = read_value(s, entry, dir_fd, SERVICE_MAX, &max);

	set(service, METRIC_SERVICE_HIGH, limit_reading(has_high, high));
	set(service, METRIC_SERVICE_MAX, limit_reading(has_max, max));
	lowest = MIN_OF(has_high ? high : CGROUP_INFINITY, has_max ? max : CGROUP_INFINITY);
	entry->is_near_limit = lowest != CGROUP_INFINITY && entry->totals.current_known &&
			       entry->totals.current_bytes >= lowest - lowest / NEAR_PART;
}

static void read_pressure(struct sense *s, struct service_entry *entry, struct service *service,
			  int dir_fd)
{
	struct psi psi = { 0 };
	ssize_t n = read_file(s, entry, dir_fd, SERVICE_PRESSURE);

	if (n < 0 || psi_parse(s->text, (size_t)n, &psi) < 0)
		psi = (struct psi){ 0 };
	set(service, METRIC_SERVICE_PSI_SOME,
	    psi.some.present ? reading_of(psi.some.avg10) : READING_NONE);
	set(service, METRIC_SERVICE_PSI_FULL,
	    psi.full.present ? reading_of(psi.full.avg10) : READING_NONE);
	entry->is_stalled = psi.some.avg10 > 0;
}

static void read_events(struct sense *s, struct service_entry *entry, int dir_fd)
{
	ssize_t n = read_file(s, entry, dir_fd, SERVICE_EVENTS);

	if (n < 0 || cgroup_parse_memory_events(s->text, (size_t)n, &entry->totals.events) < 0)
		entry->totals.events.present = 0;
}

static bool read_shares(struct sense *s, struct service_entry *entry, struct node_share *totals,
			int dir_fd)
{
	struct cgroup_node_share found[IDSET_BITS];
	ssize_t n;
	int count;

	if (!service_registry_has_shares(s))
		return false;
	n = read_file(s, entry, dir_fd, SERVICE_NUMA_STAT);
	count = n < 0 ? (int)n
		      : cgroup_parse_numa_stat(s->text, (size_t)n, found, ARRAY_SIZE(found));
	s->services.numa_stat_absent = n == -ENOENT && entry->totals.current_known;
	if (count < 0)
		return false;
	memset(totals, 0, s->nodes.count * sizeof(*totals));
	entry->totals.anon_bytes = 0;
	for (int i = 0; i < count && i < IDSET_BITS; i++) {
		int node = node_sensor_index(s, found[i].node);

		entry->totals.anon_bytes += found[i].anon_bytes;
		if (node < 0)
			continue;
		totals[node].bytes = found[i].anon_bytes + found[i].file_bytes;
		totals[node].movable_bytes = found[i].anon_bytes + found[i].shmem_bytes;
	}
	entry->totals.anon_known = true;
	return true;
}

static void read_stat(struct sense *s, struct service_entry *entry, int dir_fd)
{
	struct memory_stat_values stat;
	ssize_t n = read_file(s, entry, dir_fd, SERVICE_STAT);

	if (n < 0 || cgroup_parse_memory_stat(s->text, (size_t)n, &stat) < 0 ||
	    !(stat.present & (1u << MEMORY_STAT_ANON)))
		return;
	entry->totals.anon_known = true;
	entry->totals.anon_bytes = stat.values[MEMORY_STAT_ANON];
}

void service_files_read(struct sense *s, size_t index, int dir_fd, usec_t now)
{
	struct service_entry *entry = &s->registry.entries[index];
	struct service *service = &s->registry.services[index];
	struct service_totals *totals = &entry->totals;

	read_limits(s, entry, service, dir_fd);
	read_events(s, entry, dir_fd);
	read_pressure(s, entry, service, dir_fd);
	totals->swap_known = read_value(s, entry, dir_fd, SERVICE_SWAP, &totals->swap_bytes);
	totals->anon_known = false;
	/* Its anon adds up to that of memory.stat, and each costs the kernel a flush of counters.
	 */
	totals->shares_known =
		read_shares(s, entry, s->registry.totals + index * s->registry.node_count, dir_fd);
	if (!totals->anon_known)
		read_stat(s, entry, dir_fd);
	entry->pulse_bytes = totals->current_bytes;
	entry->read_at = now;
	entry->is_forced = false;
	s->registry.has_news = true;
}

int service_files_pulse(struct sense *s, struct service_entry *entry, int dir_fd)
{
	ssize_t n = read_file(s, entry, dir_fd, SERVICE_CURRENT);

	entry->totals.current_known =
		n >= 0 && cgroup_parse_value(s->text, (size_t)n, &entry->totals.current_bytes) == 0;
	if (!entry->totals.current_known)
		entry->totals.current_bytes = 0;
	return (int)MIN_OF(n, (ssize_t)0);
}

void service_files_keep(struct sense *s, struct service_entry *entry)
{
	struct cgroup_dir dir;

	if (entry->dir_fd >= 0 || service_registry_open(s, entry, &dir) < 0)
		return;
	entry->dir_fd = dir.fd;
	/* Where there is no such file, or too many are open, it is looked for each time. */
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++)
		if (entry->files[i] < 0)
			entry->files[i] = MAX_OF(
				cgroup_open_file(entry->dir_fd, file_names[i], O_RDONLY), -1);
}

void service_files_keep_current(struct sense *s, struct service_entry *entry)
{
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };

	for (int i = 0; i < SERVICE_FILE_COUNT_; i++) {
		if (i == SERVICE_CURRENT || entry->files[i] < 0)
			continue;
		close(entry->files[i]);
		entry->files[i] = -1;
	}
	if (entry->dir_fd >= 0)
		close(entry->dir_fd);
	entry->dir_fd = -1;
	if (entry->files[SERVICE_CURRENT] < 0 && service_registry_open(s, entry, &dir) == 0)
		entry->files[SERVICE_CURRENT] =
			MAX_OF(cgroup_open_file(dir.fd, file_names[SERVICE_CURRENT], O_RDONLY), -1);
}
