/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/host_sensor.h"

#include "sense/host_settings.h"
#include "sense/neighbours.h"
#include "sense/pressure.h"
#include "sense/state.h"
#include "sys/host_info.h"
#include "sys/meminfo.h"
#include "sys/psi.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Between two readings of meminfo what is available is advanced by what the nodes' free, clean and
 * slab changed, as headroom is: until that could be wrong by this part, or there is not that much
 * left. */
#define MEMINFO_USEC (30 * USEC_PER_SEC)
#define ADVANCE_PART 8
/* An only node with plenty free is looked at every five seconds, as long as what is free stands
 * still: one look may be missed. */
#define AVAILABLE_GAP_USEC (11 * USEC_PER_SEC)
/* Pressure makes the kernel sum over CPUs, and its metrics look back a second or ten: more often
 * than this tells nothing new. While nothing was waited for and there is room, a trigger stands in
 * for reading; where there is none, a second is the pace of everything else. */
#define STALLS_USEC	  (100 * USEC_PER_MSEC)
#define STALLS_CALM_USEC  (900 * USEC_PER_MSEC)
#define STALLS_QUIET_USEC (30 * USEC_PER_SEC)
/* The kernel renews averages every 2 s; those of CPU and I/O have no total that is looked at. */
#define AVERAGES_USEC	    (1800 * USEC_PER_MSEC)
#define AVERAGES_QUIET_USEC (30 * USEC_PER_SEC)

static const char *const pressure_names[HOST_PRESSURE_COUNT_] = {
	[HOST_PRESSURE_CPU] = "cpu",
	[HOST_PRESSURE_IO] = "io",
	[HOST_PRESSURE_MEMORY] = "memory",
};

static void set_available(struct sense *s, usec_t now, struct reading available)
{
	s->host.available_absent = available.state != READING_KNOWN;
	host_set(s, METRIC_MEM_AVAILABLE, available);
	if (s->host.available_absent || s->snapshot.single)
		return;
	slope_add(&s->host.available, now, available.value, 0);
	host_set(s, METRIC_MEM_TIME_TO_EMPTY, reading_of_slope(&s->host.available));
}

static void note_meminfo(struct sense *s, usec_t now, const struct meminfo *m)
{
	struct host_sensor *h = &s->host;
	uint64_t free_bytes;

	h->meminfo_at = now;
	h->swap_free_then_bytes = s->nodes.swap_free_bytes;
	h->available_then_bytes = m->values[MEMINFO_AVAILABLE];
	/* Without swap numbers of their own, ticks cannot see it change. */
	h->then_known = s->nodes.free_known && meminfo_has(m, MEMINFO_AVAILABLE) &&
			node_sensor_sums(s, &free_bytes, &h->sum_then_bytes);
}

/* False: meminfo has to be read. */
static bool advance_meminfo(struct sense *s, usec_t now)
{
	struct host_sensor *h = &s->host;
	uint64_t free_bytes, sum_bytes, available;

	if (!h->then_known || now - h->meminfo_at >= MEMINFO_USEC || s->services.in_doubt ||
	    h->swap_free_then_bytes != s->nodes.swap_free_bytes ||
	    !node_sensor_sums(s, &free_bytes, &sum_bytes) ||
	    apart(sum_bytes, h->sum_then_bytes) > h->available_then_bytes / ADVANCE_PART)
		return false;
	available = sum_bytes >= h->sum_then_bytes
			    ? h->available_then_bytes + (sum_bytes - h->sum_then_bytes)
			    : less(h->available_then_bytes, h->sum_then_bytes - sum_bytes);
	host_set(s, METRIC_MEM_FREE, reading_of_bytes(free_bytes));
	set_available(s, now, reading_of_bytes(available));
	return true;
}

static void read_meminfo(struct sense *s, usec_t now)
{
	static const enum metric_id mine[] = {
		METRIC_MEM_TOTAL,	  METRIC_MEM_FREE,   METRIC_MEM_AVAILABLE,
		METRIC_MEM_TIME_TO_EMPTY, METRIC_SWAP_TOTAL, METRIC_SWAP_FREE,
	};
	struct meminfo m;
	ssize_t n;

	s->host.then_known = false;
	for (size_t i = 0; i < ARRAY_SIZE(mine); i++)
		host_set(s, mine[i], READING_NONE);
	s->snapshot.host.swap_present = false;
	n = s->host.meminfo_fd < 0
		    ? -ENOENT
		    : sysroot_read_once_fd(s->host.meminfo_fd, s->text, s->text_size);
	if (n < 0 || meminfo_parse(s->text, (size_t)n, &m) < 0) {
		s->host.available_absent = true;
		return;
	}
	host_set(s, METRIC_MEM_TOTAL,
		 reading_of_bytes(less(m.values[MEMINFO_TOTAL], kernel_sensor_pool_bytes(s, &m))));
	host_set(s, METRIC_MEM_FREE, reading_of_meminfo(&m, MEMINFO_FREE));
	host_set(s, METRIC_SWAP_TOTAL, reading_of_meminfo(&m, MEMINFO_SWAP_TOTAL));
	host_set(s, METRIC_SWAP_FREE, reading_of_meminfo(&m, MEMINFO_SWAP_FREE));
	s->snapshot.host.swap_present =
		meminfo_has(&m, MEMINFO_SWAP_TOTAL) && m.values[MEMINFO_SWAP_TOTAL] > 0;
	set_available(s, now, reading_of_meminfo(&m, MEMINFO_AVAILABLE));
	note_meminfo(s, now, &m);
}

static struct reading average(const struct psi_line *line)
{
	return line->present ? reading_of(line->avg10) : READING_NONE;
}

/* The share of the last second that was stalled, in hundredths of a percent. */
static struct reading stalled_share(struct sense *s, struct rate *rate, usec_t now,
				    const struct psi_line *line)
{
	uint64_t growth;
	usec_t elapsed;

	if (!line->present || s->snapshot.single ||
	    !rate_update(rate, now, line->total_usec, &growth, &elapsed))
		return READING_NONE;
	return reading_of((int64_t)(MIN_OF(growth, elapsed) * 10000 / elapsed));
}

static bool read_pressure(struct sense *s, enum host_pressure which, usec_t now, struct psi *ret)
{
	int fd = s->host.pressure_fds[which];
	ssize_t n = fd < 0 ? fd : sysroot_read_once_fd(fd, s->text, s->text_size);

	if (n < 0 || psi_parse(s->text, (size_t)n, ret) < 0)
		return false;
	pressure_raise(&s->host.pressures[which], now, ret);
	return true;
}

/* From this on, in hundredths of a percent, an average is followed: below what makes a trigger fire
 * (event_pressure.c), so that it is seen to end. */
#define AVERAGE_MOVING 400
/* Rules are asked again when one changed by more than this. */
#define AVERAGE_STEP 50

static void read_average(struct sense *s, enum host_pressure which, usec_t now)
{
	struct psi psi = { 0 };

	(void)read_pressure(s, which, now, &psi);
	s->host.average_moves[which] = psi.some.present && psi.some.avg10 >= AVERAGE_MOVING;
	if (which == HOST_PRESSURE_CPU) {
		host_set(s, METRIC_PSI_CPU_SOME, average(&psi.some));
		return;
	}
	host_set(s, METRIC_PSI_IO_SOME, average(&psi.some));
	host_set(s, METRIC_PSI_IO_FULL, average(&psi.full));
}

/* What rules may go by of one of them, in one number. */
static struct reading average_of(const struct sense *s, int which)
{
	const struct reading *readings = s->snapshot.host.readings;
	struct reading some = readings[metric_index(METRIC_PSI_IO_SOME)];

	if (which == HOST_PRESSURE_CPU)
		return readings[metric_index(METRIC_PSI_CPU_SOME)];
	some.value += readings[metric_index(METRIC_PSI_IO_FULL)].value;
	return some;
}

void host_sensor_mark(struct sense *s)
{
	for (int i = 0; i < HOST_AVERAGE_COUNT; i++)
		s->host.marked_averages[i] = average_of(s, i);
}

bool host_sensor_has_moved(const struct sense *s)
{
	for (int i = 0; i < HOST_AVERAGE_COUNT; i++) {
		struct reading then = s->host.marked_averages[i], now = average_of(s, i);

		if (s->events.wants_average[i] &&
		    (then.state != now.state ||
		     apart((uint64_t)then.value, (uint64_t)now.value) > AVERAGE_STEP))
			return true;
	}
	return false;
}

static void read_stalls(struct sense *s, usec_t now)
{
	struct psi psi = { 0 };

	(void)read_pressure(s, HOST_PRESSURE_MEMORY, now, &psi);
	s->host.is_stalled = psi.some.total_usec != s->host.stalled_usec;
	host_set(s, METRIC_PSI_MEMORY_SOME, average(&psi.some));
	host_set(s, METRIC_PSI_MEMORY_FULL, average(&psi.full));
	host_set(s, METRIC_PSI_MEMORY_SOME_NOW,
		 stalled_share(s, &s->host.memory_some, now, &psi.some));
	host_set(s, METRIC_PSI_MEMORY_FULL_NOW,
		 stalled_share(s, &s->host.memory_full, now, &psi.full));
	s->host.stalled_usec = psi.some.total_usec;
}

/* Does the kernel wake the agent when memory is waited for? */
static bool is_triggered(const struct sense *s)
{
	return s->events.host_trigger >= 0;
}

static usec_t stalls_period(const struct sense *s)
{
	if (s->host.is_stalled || s->services.in_doubt || s->events.is_stirred)
		return STALLS_USEC;
	return is_triggered(s) ? STALLS_QUIET_USEC : STALLS_CALM_USEC;
}

/* A rule goes by it, and it moves, or nobody would tell that it does. */
static bool is_followed(const struct sense *s, enum host_pressure which)
{
	return s->events.wants_average[which] && s->host.pressure_fds[which] >= 0 &&
	       (s->host.average_moves[which] || s->events.average_triggers[which] < 0);
}

bool host_sensor_follows_averages(const struct sense *s)
{
	for (int i = 0; i < HOST_AVERAGE_COUNT; i++)
		if (is_followed(s, (enum host_pressure)i))
			return true;
	return false;
}

static bool is_due(usec_t last, usec_t now, usec_t every)
{
	return last == 0 || now - last >= every;
}

static usec_t average_period(const struct sense *s, enum host_pressure which)
{
	return s->host.is_stalled || is_followed(s, which) ? AVERAGES_USEC : AVERAGES_QUIET_USEC;
}

static void read_averages(struct sense *s, usec_t now)
{
	for (int i = 0; i < HOST_AVERAGE_COUNT; i++) {
		enum host_pressure which = (enum host_pressure)i;

		if (!is_due(s->host.averages_at[i], now, average_period(s, which)))
			continue;
		read_average(s, which, now);
		s->host.averages_at[i] = now;
	}
}

static void host_sensor_fast(struct sense *s, usec_t now)
{
	struct host_sensor *h = &s->host;

	if (s->nodes.has_looked && !advance_meminfo(s, now))
		read_meminfo(s, now);
	/* What was written by us or given back decides what a rule does in this very tick. */
	if (h->sysctls_due)
		host_settings_read_sysctls(s);
	read_averages(s, now);
	if (!is_due(h->stalls_at, now, stalls_period(s)))
		return;
	h->stalls_at = now;
	read_stalls(s, now);
}

/* What is available is looked at with the nodes. */
static usec_t host_sensor_due(const struct sense *s)
{
	usec_t due = s->host.stalls_at + stalls_period(s);

	for (int i = 0; i < HOST_AVERAGE_COUNT; i++)
		due = MIN_OF(due,
			     s->host.averages_at[i] + average_period(s, (enum host_pressure)i));
	return due;
}

static void read_info(struct sense *s)
{
	struct host *host = &s->snapshot.host;
	struct host_info info;

	host_settings_find_manager(s);
	host_settings_read_sysctls(s);
	host_info_read(s->root, &info);
	host->page_size_bytes = info.page_size_bytes;
	host->cpu_count = info.cpu_count;
	host->panic_on_oom = info.panic_on_oom != 0;
	host->numa_balancing = s->snapshot.node_count > 1 && info.numa_balancing != 0;
	neighbours_read(s);
}

/* Both errors of open(2) and those that older kernels only give at read(2). */
static int open_pressure(struct sense *s, enum host_pressure which)
{
	int fd = psi_open(s->root, pressure_names[which]);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = sysroot_read_fd(fd, s->text, s->text_size);
	if (n >= 0)
		return fd;
	close(fd);
	return (int)n;
}

static int host_sensor_open(struct sense *s)
{
	struct host_sensor *h = &s->host;

	h->meminfo_fd = meminfo_open(s->root);
	for (int i = 0; i < HOST_PRESSURE_COUNT_; i++)
		h->pressure_fds[i] = open_pressure(s, (enum host_pressure)i);
	h->pressure_error = MIN_OF(h->pressure_fds[HOST_PRESSURE_MEMORY], 0);
	memset(h->averages_at, 0, sizeof(h->averages_at));
	h->stalls_at = 0;
	h->then_known = false;
	h->available.gap_usec = AVAILABLE_GAP_USEC;
	read_info(s);
	return 0;
}

static void host_sensor_close(struct sense *s)
{
	drop_fd(&s->host.meminfo_fd);
	for (int i = 0; i < HOST_PRESSURE_COUNT_; i++)
		drop_fd(&s->host.pressure_fds[i]);
}

static int host_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	(void)now;
	if (housekeep)
		read_info(s);
	return 0;
}

static void host_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->host.meminfo_fd < 0)
		gap_add(list, "mem.*: meminfo cannot be read here");
	else if (s->host.available_absent)
		gap_add(list, "mem.available: meminfo has no MemAvailable that can be believed "
			      "(kernel before 3.14, or a container's own meminfo)");
	if (psi_is_absent(s->host.pressure_error))
		gap_add(list, "psi.*, service.psi.*: this kernel has no pressure stall information "
			      "(kernel before 4.20, or it is turned off: boot with psi=1)");
	else if (s->host.pressure_error < 0)
		gap_add(list, "psi.*: the pressure files cannot be read here");
}

const struct sensor host_sensor = {
	.open = host_sensor_open,
	.close = host_sensor_close,
	.rescan = host_sensor_rescan,
	.fast = host_sensor_fast,
	.due = host_sensor_due,
	.gaps = host_sensor_gaps,
};
