/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/activity_sensor.h"

#include "model/dirty_limits.h"
#include "sense/state.h"
#include "sys/priority.h"
#include "sys/sysroot.h"
#include "sys/vmstat.h"
#include "util/macro.h"

#include <errno.h>

/* While tasks wait for memory. The rates are of about a second, so a tenth of it is close enough.
 */
#define STALLED_USEC (100 * USEC_PER_MSEC)
/* While amounts move. Ticks may come a little early. */
#define MOVING_USEC (900 * USEC_PER_MSEC)
#define QUIET_USEC  (30 * USEC_PER_SEC)
/* What moves less than this is no news: 64 MiB of 16 GiB. */
#define MOVED_PART	256
#define MOVED_MIN_BYTES (UINT64_C(4) << 20)
/* A line is "name value". */
#define LINE_BYTES 64

/* What a rate is measured over: a second; less when there is no reading of a second ago but those
 * of a burst that began since; more when there was nothing to read for, and so little to miss. */
#define SPAN_USEC	(900 * USEC_PER_MSEC)
#define SPAN_SHORT_USEC (200 * USEC_PER_MSEC)
#define SPAN_LONG_USEC	(3 * USEC_PER_SEC)
/* Three readings of a quiet host that did not take place: a stopped agent. */
#define SPAN_MAX_USEC (90 * USEC_PER_SEC)

/* The kernel looks at this many pages at once; fewer tell nothing of how well that goes. */
#define SCANNED_MIN 32

static const struct {
	enum metric_id id;
	enum vmstat_key key;
	bool in_pages;
} rates[] = {
	{ METRIC_HOST_ALLOCSTALL_RATE, VMSTAT_ALLOCSTALL, false },
	{ METRIC_HOST_DIRECT_RECLAIM_RATE, VMSTAT_PGSTEAL_DIRECT, true },
	{ METRIC_HOST_REFAULT_ANON_RATE, VMSTAT_REFAULT_ANON, true },
	{ METRIC_HOST_REFAULT_FILE_RATE, VMSTAT_REFAULT_FILE, true },
	{ METRIC_HOST_SWAP_IN_RATE, VMSTAT_PSWPIN, true },
	{ METRIC_HOST_SWAP_OUT_RATE, VMSTAT_PSWPOUT, true },
	{ METRIC_HOST_MAJOR_FAULT_RATE, VMSTAT_PGMAJFAULT, false },
	{ METRIC_HOST_COMPACT_STALL_RATE, VMSTAT_COMPACT_STALL, false },
	{ METRIC_HOST_COMPACT_FAIL_RATE, VMSTAT_COMPACT_FAIL, false },
	{ METRIC_HOST_MIGRATE_RATE, VMSTAT_PGMIGRATE_SUCCESS, true },
	{ METRIC_HOST_MIGRATE_FAIL_RATE, VMSTAT_PGMIGRATE_FAIL, false },
};

enum {
	TOTAL_ALLOCSTALL = 0,
	TOTAL_DIRECT_RECLAIM = 1,
	TOTAL_SCANNED = ARRAY_SIZE(rates),
	TOTAL_RECLAIMED,
};

_Static_assert(TOTAL_RECLAIMED + 1 == ACTIVITY_TOTALS, "a place for each total");

static const struct {
	enum metric_id id;
	enum vmstat_key key;
} amounts[] = {
	{ METRIC_MEM_DIRTY, VMSTAT_DIRTY },
	{ METRIC_MEM_DIRTY_LIMIT, VMSTAT_DIRTY_THRESHOLD },
	{ METRIC_MEM_DIRTY_BACKGROUND_LIMIT, VMSTAT_DIRTY_BACKGROUND_THRESHOLD },
	{ METRIC_MEM_WRITEBACK, VMSTAT_WRITEBACK },
};

/* The nodes' own files, which are read more often, say when it is time to look closer. */
static uint64_t dirty_bytes(const struct sense *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->nodes.count; i++)
		sum += reading_amount(s->nodes.nodes[i].readings[metric_index(METRIC_NODE_DIRTY)]);
	return sum;
}

static bool has_moved(const struct sense *s)
{
	uint64_t step = MAX_OF(reading_amount(host_reading(s, METRIC_MEM_TOTAL)) / MOVED_PART,
			       MOVED_MIN_BYTES);

	return apart(reading_amount(host_reading(s, METRIC_MEM_FREE)), s->activity.free_bytes) >
		       step ||
	       apart(dirty_bytes(s), s->activity.dirty_bytes) > step;
}

static bool is_awake(struct sense *s, usec_t age)
{
	if (s->activity.read_at == 0)
		return true;
	if (age >= STALLED_USEC && s->host.stalled_usec != s->activity.stalled_usec)
		return true;
	return age >= MOVING_USEC && has_moved(s);
}

static uint64_t sum_of(const struct vmstat *v, enum vmstat_key a, enum vmstat_key b,
		       enum vmstat_key c, enum vmstat_key d)
{
	return v->values[a] + v->values[b] + v->values[c] + v->values[d];
}

/* What was taken and not given back, of both of which the kernel counts references. */
static void fill_pinned(struct sense *s, const struct vmstat *v)
{
	uint64_t pages = less(v->values[VMSTAT_PIN_ACQUIRED], v->values[VMSTAT_PIN_RELEASED]);
	uint64_t bytes;

	s->snapshot.host.pinned = READING_NONE;
	if (vmstat_has(v, VMSTAT_PIN_ACQUIRED) && vmstat_has(v, VMSTAT_PIN_RELEASED) &&
	    !__builtin_mul_overflow(pages, s->snapshot.host.page_size_bytes, &bytes))
		s->snapshot.host.pinned = reading_of_bytes(bytes);
}

static void take_totals(const struct vmstat *v, struct activity_sample *sample)
{
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		sample->totals[i] = v->values[rates[i].key];
		sample->present |= (uint32_t)vmstat_has(v, rates[i].key) << i;
	}
	sample->totals[TOTAL_SCANNED] = sum_of(v, VMSTAT_PGSCAN_KSWAPD, VMSTAT_PGSCAN_DIRECT,
					       VMSTAT_PGSCAN_KHUGEPAGED, VMSTAT_PGSCAN_PROACTIVE);
	sample->totals[TOTAL_RECLAIMED] =
		sum_of(v, VMSTAT_PGSTEAL_KSWAPD, VMSTAT_PGSTEAL_DIRECT, VMSTAT_PGSTEAL_KHUGEPAGED,
		       VMSTAT_PGSTEAL_PROACTIVE);
	if (vmstat_has(v, VMSTAT_PGSCAN_KSWAPD) && vmstat_has(v, VMSTAT_PGSTEAL_KSWAPD))
		sample->present |= 1U << TOTAL_SCANNED | 1U << TOTAL_RECLAIMED;
}

/* A counter that goes backwards is another one (another machine's): what was before says nothing.
 */
static bool is_continued(const struct activity_sample *then, const struct activity_sample *now)
{
	uint32_t both = then->present & now->present;

	if (now->at <= then->at)
		return false;
	for (size_t i = 0; i < ACTIVITY_TOTALS; i++)
		if ((both >> i & 1) && now->totals[i] < then->totals[i])
			return false;
	return true;
}

static const struct activity_sample *reference(const struct activity_sensor *a, usec_t now)
{
	const struct activity_sample *recent = NULL;

	for (unsigned i = 0; i < a->count; i++) {
		const struct activity_sample *sample =
			&a->samples[(a->newest + ACTIVITY_SAMPLES - i) % ACTIVITY_SAMPLES];
		usec_t age = now - sample->at;

		if (age >= SPAN_USEC && (age <= SPAN_LONG_USEC || !recent))
			return age <= SPAN_MAX_USEC ? sample : recent;
		if (age >= SPAN_USEC)
			break;
		if (age >= SPAN_SHORT_USEC)
			recent = sample;
	}
	return recent;
}

static void keep(struct activity_sensor *a, const struct activity_sample *sample)
{
	a->newest = (a->newest + 1) % ACTIVITY_SAMPLES;
	a->samples[a->newest] = *sample;
	if (a->count < ACTIVITY_SAMPLES)
		a->count++;
}

static struct reading rate_of(uint64_t growth, uint64_t unit, usec_t elapsed)
{
	unsigned __int128 rate = (unsigned __int128)growth * unit * USEC_PER_SEC / elapsed;

	return reading_of(rate > INT64_MAX ? INT64_MAX : (int64_t)rate);
}

static bool grew(const struct activity_sample *then, const struct activity_sample *now, size_t i,
		 uint64_t *ret_growth)
{
	if (!(then->present & now->present & 1U << i))
		return false;
	*ret_growth = now->totals[i] - then->totals[i];
	return true;
}

/* Where the kernel counts what services reclaim at their own limits too, there is nothing of the
 * host's in it when no allocation had to reclaim for the host's sake. */
static uint64_t direct_reclaim_of_host(const struct activity_sensor *a,
				       const struct activity_sample *then,
				       const struct activity_sample *now, uint64_t growth)
{
	uint64_t stalls;

	if (a->reclaim_of_services && grew(then, now, TOTAL_ALLOCSTALL, &stalls) && stalls == 0)
		return 0;
	return growth;
}

static struct reading efficiency(const struct activity_sample *then,
				 const struct activity_sample *now)
{
	uint64_t scanned, reclaimed;

	if (!grew(then, now, TOTAL_SCANNED, &scanned) ||
	    !grew(then, now, TOTAL_RECLAIMED, &reclaimed) || scanned < SCANNED_MIN)
		return READING_NONE;
	return reading_of(
		(int64_t)((unsigned __int128)MIN_OF(reclaimed, scanned) * 10000 / scanned));
}

/* False: nothing happened. */
static bool fill_rates(struct sense *s, const struct activity_sample *now)
{
	struct activity_sensor *a = &s->activity;
	const struct activity_sample *then;
	bool happened = false;

	if (a->count > 0 && !is_continued(&a->samples[a->newest], now))
		a->count = 0;
	then = s->snapshot.single ? NULL : reference(a, now->at);
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		struct reading *rate = &s->snapshot.host.readings[metric_index(rates[i].id)];
		uint64_t growth;

		*rate = READING_NONE;
		if (!then || !grew(then, now, i, &growth))
			continue;
		if (i == TOTAL_DIRECT_RECLAIM)
			growth = direct_reclaim_of_host(a, then, now, growth);
		*rate = rate_of(growth, rates[i].in_pages ? s->snapshot.host.page_size_bytes : 1,
				now->at - then->at);
		happened |= growth > 0;
	}
	host_set(s, METRIC_HOST_RECLAIM_EFFICIENCY, then ? efficiency(then, now) : READING_NONE);
	keep(a, now);
	return happened || !then;
}

static void fill_amounts(struct sense *s, const struct vmstat *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
		uint64_t bytes;

		host_set(s, amounts[i].id, READING_NONE);
		if (vmstat_has(v, amounts[i].key) &&
		    !__builtin_mul_overflow(v->values[amounts[i].key],
					    s->snapshot.host.page_size_bytes, &bytes))
			host_set(s, amounts[i].id, reading_of_bytes(bytes));
	}
}

static bool knob_of(const struct sense *s, enum setting_id id, bool is_ratio,
		    struct dirty_knob *ret)
{
	struct reading value = s->snapshot.host.sysctls[id - SETTING_DIRTY];

	if (value.state != READING_KNOWN || value.value < 0)
		return false;
	*ret = (struct dirty_knob){ .value = (uint64_t)value.value, .is_ratio = is_ratio };
	return true;
}

/* The right of way that we have while memory is short is one to dirty more of it, too. */
static void correct_thresholds(struct sense *s)
{
	const struct host *host = &s->snapshot.host;
	struct dirty_limits limits = {
		.bytes = reading_amount(host_reading(s, METRIC_MEM_DIRTY_LIMIT)),
		.background_bytes =
			reading_amount(host_reading(s, METRIC_MEM_DIRTY_BACKGROUND_LIMIT)),
	};
	struct dirty_knob limit, background;

	if (limits.bytes == 0 || limits.background_bytes == 0 || !s->root->live ||
	    !priority_is_real_time())
		return;
	if (!knob_of(s, SETTING_DIRTY, host->dirty_is_ratio, &limit) ||
	    !knob_of(s, SETTING_DIRTY_BACKGROUND, host->dirty_background_is_ratio, &background) ||
	    !dirty_limits_of_others(limit, background, limits, &limits))
		return;
	host_set(s, METRIC_MEM_DIRTY_LIMIT, reading_of_bytes(limits.bytes));
	host_set(s, METRIC_MEM_DIRTY_BACKGROUND_LIMIT, reading_of_bytes(limits.background_bytes));
}

/* False: nothing happened since the last time. */
static bool read_vmstat(struct sense *s, usec_t now)
{
	struct activity_sensor *a = &s->activity;
	struct activity_sample sample = { .at = now };
	struct vmstat v = { 0 };
	ssize_t n = a->vmstat_fd < 0 ? a->vmstat_fd
				     : sysroot_read_lines_fd(a->vmstat_fd, s->text, s->text_size,
							     LINE_BYTES);

	a->is_readable = n >= 0 && vmstat_parse(s->text, (size_t)n, &v) == 0;
	a->oom_kills_absent = !vmstat_has(&v, VMSTAT_OOM_KILL);
	a->thresholds_absent = !vmstat_has(&v, VMSTAT_DIRTY_THRESHOLD);
	a->reclaim_of_services = v.reclaim_of_services;
	s->host.oom_kills = v.values[VMSTAT_OOM_KILL];
	host_set(s, METRIC_HOST_OOM_KILLS,
		 a->oom_kills_absent ? READING_NONE : reading_of_bytes(s->host.oom_kills));
	fill_amounts(s, &v);
	correct_thresholds(s);
	fill_pinned(s, &v);
	take_totals(&v, &sample);
	return fill_rates(s, &sample);
}

static void activity_sensor_fast(struct sense *s, usec_t now)
{
	struct activity_sensor *a = &s->activity;
	usec_t age = now - a->read_at;
	bool awake = is_awake(s, age), happened;

	if (!awake && age < a->period_usec)
		return;
	happened = read_vmstat(s, now);
	a->read_at = now;
	a->stalled_usec = s->host.stalled_usec;
	a->free_bytes = reading_amount(host_reading(s, METRIC_MEM_FREE));
	a->dirty_bytes = dirty_bytes(s);
	if (awake)
		a->period_usec = MOVING_USEC;
	else
		a->period_usec = happened ? MIN_OF(2 * a->period_usec, QUIET_USEC) : QUIET_USEC;
}

/* What wakes it sooner is read by other sensors. */
static usec_t activity_sensor_due(const struct sense *s)
{
	if (s->host.stalled_usec != s->activity.stalled_usec || has_moved(s))
		return 0;
	return s->activity.read_at + s->activity.period_usec;
}

static int activity_sensor_open(struct sense *s)
{
	s->activity.vmstat_fd = vmstat_open(s->root);
	s->activity.read_at = 0;
	return 0;
}

static void activity_sensor_close(struct sense *s)
{
	drop_fd(&s->activity.vmstat_fd);
}

static void activity_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	const struct activity_sensor *a = &s->activity;
	const struct activity_sample *newest = &a->samples[a->newest];
	enum metric_id ids[ARRAY_SIZE(rates)];
	size_t count = 0;

	if (!a->is_readable) {
		gap_add(list, "host.oom-kills, host.reclaim-efficiency, host.*-rate, mem.dirty*, "
			      "mem.writeback: vmstat cannot be read here");
		return;
	}
	if (a->oom_kills_absent)
		gap_add(list, "host.oom-kills: vmstat does not count them (kernel before 4.13)");
	if (a->thresholds_absent)
		gap_add(list, "mem.dirty-limit, mem.dirty-background-limit: vmstat does not print "
			      "them (kernel before 2.6.37)");
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		if (!(newest->present >> i & 1))
			ids[count++] = rates[i].id;
	gap_add_metrics(list, ids, count, "this kernel's vmstat does not count them");
}

const struct sensor activity_sensor = {
	.open = activity_sensor_open,
	.close = activity_sensor_close,
	.fast = activity_sensor_fast,
	.due = activity_sensor_due,
	.gaps = activity_sensor_gaps,
};
