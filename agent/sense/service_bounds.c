/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What protection is worth. The kernel shares what an ancestor protects among those below it by
 * what they use and ask for (effective_protection(), mm/page_counter.c); here a cgroup has the
 * least of its own and of all above it. That is exact where nobody asks for more than is above, and
 * too much for those who do. What memory_recursiveprot hands down to those who ask for nothing is
 * left out.
 */

#include "sense/service_bounds.h"

#include "model/attribution.h"
#include "sense/service_readings.h"
#include "sense/state.h"
#include "sys/cgroup_v1_files.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Limits of slices are set when they are made, or by an administrator. */
#define LIMITS_USEC (60 * USEC_PER_SEC)
/* Where events tell that somebody wrote them. */
#define LIMITS_TOLD_USEC (10 * USEC_PER_MIN)
/* What a limited one holds is read for whoever is looked at below it, once for all of them. */
#define CURRENT_USEC (200 * USEC_PER_MSEC)
/* What of it can be dropped, when it holds so much more or less than it did, and now and then. */
#define STAT_PART     64
#define STAT_MIN_USEC (2 * USEC_PER_SEC)
#define STAT_MAX_USEC (60 * USEC_PER_SEC)
/* Whether it meets its limits, as often as services below it are looked at. */
#define HITS_USEC (1 * USEC_PER_SEC)
/* As many as a host has slices with limits; pods beyond that are opened for the moment. */
#define KEPT_MAX 32

static bool is_v1(const struct sense *s)
{
	return s->layout->controllers[CGROUP_MEMORY] == CGROUP_V1;
}

static const char *max_name(const struct sense *s)
{
	return is_v1(s) ? "memory.limit_in_bytes" : "memory.max";
}

static const char *current_name(const struct sense *s)
{
	return is_v1(s) ? "memory.usage_in_bytes" : "memory.current";
}

static int read_value(struct sense *s, int dir_fd, const char *name, uint64_t *ret)
{
	ssize_t n = cgroup_read_file(dir_fd, name, s->text, s->text_size);

	return n < 0 ? (int)n : cgroup_parse_value(s->text, (size_t)n, ret);
}

static uint64_t value_or_zero(struct sense *s, int dir_fd, const char *name)
{
	uint64_t value;

	return read_value(s, dir_fd, name, &value) < 0 ? 0 : value;
}

/* The real root has no limit and no file for one. A container's has, unless it was given no memory
 * controller: then what holds it is not known. */
static void read_max(struct sense *s, struct service_bound *bound, int dir_fd)
{
	int r = read_value(s, dir_fd, max_name(s), &bound->max_bytes);

	bound->max_known = r == 0 || (r == -ENOENT && bound->up == NO_BOUND);
	if (r < 0)
		bound->max_bytes = CGROUP_INFINITY;
}

/* Every v2 cgroup but the real root says whether it is populated. */
static bool is_real_root(const struct sense *s)
{
	return s->layout->tree == CGROUP_TREE_V2 &&
	       faccessat(s->layout->tree_fd, "cgroup.events", F_OK, 0) < 0 && errno == ENOENT;
}

/* A v1 cgroup without it limits itself alone, and nobody below. */
static bool is_flat(struct sense *s, const struct service_bound *bound, int dir_fd)
{
	uint64_t hierarchy;

	return is_v1(s) && bound->up != NO_BOUND &&
	       read_value(s, dir_fd, "memory.use_hierarchy", &hierarchy) == 0 && hierarchy == 0;
}

static void forget_limits(struct service_bound *bound)
{
	bound->max_known = false;
	bound->max_bytes = CGROUP_INFINITY;
	bound->min_bytes = bound->low_bytes = 0;
	bound->current_known = false;
}

static void read_protection(struct sense *s, struct service_bound *bound, int dir_fd)
{
	const struct service_bound *up = NULL;

	if (bound->up != NO_BOUND)
		up = &s->bounds.bounds[bound->up];
	/* The root's children are protected by their own word. */
	if (!up) {
		bound->min_bytes = bound->low_bytes = CGROUP_INFINITY;
		return;
	}
	bound->min_bytes = MIN_OF(value_or_zero(s, dir_fd, "memory.min"), up->min_bytes);
	bound->low_bytes = MIN_OF(value_or_zero(s, dir_fd, "memory.low"), up->low_bytes);
}

static void keep_current(struct sense *s, struct service_bound *bound, int dir_fd)
{
	bool wanted = bound->max_bytes != CGROUP_INFINITY && s->root->live;

	if (!wanted && bound->current_fd >= 0) {
		close(TAKE_FD(bound->current_fd));
		s->bounds.kept--;
	}
	if (!wanted || bound->current_fd >= 0 || s->bounds.kept >= KEPT_MAX)
		return;
	bound->current_fd = MAX_OF(cgroup_open_file(dir_fd, current_name(s), O_RDONLY), -1);
	s->bounds.kept += bound->current_fd >= 0;
}

static void read_limits(struct sense *s, struct service_bound *bound, usec_t now)
{
	_cleanup_(closep) int dir_fd = cgroup_memory_open(s->layout, bound->path);

	bound->limits_at = now;
	forget_limits(bound);
	if (dir_fd < 0) {
		bound->max_known = bound->up == NO_BOUND && is_real_root(s);
		return;
	}
	read_max(s, bound, dir_fd);
	if (is_flat(s, bound, dir_fd))
		bound->max_bytes = CGROUP_INFINITY;
	if (is_v1(s))
		bound->min_bytes = bound->low_bytes = bound->up == NO_BOUND ? CGROUP_INFINITY : 0;
	else
		read_protection(s, bound, dir_fd);
	keep_current(s, bound, dir_fd);
}

static bool parse_droppable(const struct sense *s, size_t length, uint64_t *ret)
{
	struct cgroup_v1_stat v1;
	uint64_t file, fixed;

	if (is_v1(s)) {
		if (cgroup_v1_parse_stat(s->text, length, &v1) < 0)
			return false;
	} else if (cgroup_parse_memory_stat(s->text, length, &v1.stat) < 0) {
		return false;
	}
	if (!cgroup_stat_sum(&v1.stat, 1u << MEMORY_STAT_FILE, &file))
		return false;
	if (!cgroup_stat_sum(&v1.stat,
			     1u << MEMORY_STAT_SHMEM | 1u << MEMORY_STAT_FILE_DIRTY |
				     1u << MEMORY_STAT_FILE_WRITEBACK,
			     &fixed))
		fixed = 0;
	*ret = less(file, fixed);
	return true;
}

static bool is_stat_due(const struct service_bound *bound, usec_t now)
{
	usec_t age = now - bound->stat_at;

	if (bound->stat_at == 0 || age >= STAT_MAX_USEC)
		return true;
	return age >= STAT_MIN_USEC && apart(bound->current_bytes, bound->stat_current_bytes) >
					       bound->max_bytes / STAT_PART;
}

static void read_stat(struct sense *s, struct service_bound *bound, int dir_fd)
{
	ssize_t n = cgroup_read_file(dir_fd, "memory.stat", s->text, s->text_size);

	bound->stat_at = bound->current_at;
	bound->stat_current_bytes = bound->current_bytes;
	if (n < 0 || !parse_droppable(s, (size_t)n, &bound->droppable_bytes))
		bound->droppable_bytes = 0;
}

static void refresh(struct sense *s, struct service_bound *bound, usec_t now)
{
	_cleanup_(closep) int dir_fd = -1;
	ssize_t n = -EBADF;

	if (bound->current_at != 0 && now - bound->current_at < CURRENT_USEC)
		return;
	bound->current_at = now;
	if (bound->current_fd >= 0)
		n = sysroot_read_once_fd(bound->current_fd, s->text, s->text_size);
	if (n < 0 || is_stat_due(bound, now))
		dir_fd = cgroup_memory_open(s->layout, bound->path);
	if (n < 0 && dir_fd >= 0)
		n = cgroup_read_file(dir_fd, current_name(s), s->text, s->text_size);
	bound->current_known =
		n >= 0 && cgroup_parse_value(s->text, (size_t)n, &bound->current_bytes) == 0;
	if (bound->current_known && dir_fd >= 0 && is_stat_due(bound, now))
		read_stat(s, bound, dir_fd);
}

static uint64_t room_of(const struct service_bound *bound)
{
	return less(bound->max_bytes, less(bound->current_bytes, bound->droppable_bytes));
}

bool service_bounds_tightest(struct sense *s, const struct service_entry *entry,
			     uint64_t room_bytes, struct service_headroom *ret)
{
	struct service_headroom best = {
		.limit_bytes = entry->max_bytes,
		.headroom_bytes = room_bytes,
		.path_length = strlen(entry->path),
	};
	size_t count = s->bounds.count;

	for (uint32_t i = entry->bound; i < count; i = s->bounds.bounds[i].up) {
		struct service_bound *bound = &s->bounds.bounds[i];

		if (bound->max_bytes == CGROUP_INFINITY)
			continue;
		refresh(s, bound, s->now);
		if (!bound->current_known ||
		    (best.limit_bytes != CGROUP_INFINITY && room_of(bound) >= best.headroom_bytes))
			continue;
		best.limit_bytes = bound->max_bytes;
		best.headroom_bytes = room_of(bound);
		best.path_length = strlen(bound->path);
	}
	if (best.limit_bytes == CGROUP_INFINITY)
		return false;
	*ret = best;
	return true;
}

/* What is counted where a limit is met, of that cgroup alone: memory.events has what happened below
 * it too. */
static const char *hits_name(const struct sense *s)
{
	if (is_v1(s))
		return "memory.failcnt";
	return s->layout->local_events ? "memory.events" : "memory.events.local";
}

static bool read_hits(struct sense *s, const struct service_bound *bound, uint64_t *ret)
{
	_cleanup_(closep) int dir_fd = cgroup_memory_open(s->layout, bound->path);
	struct memory_events events;
	ssize_t n =
		dir_fd < 0 ? dir_fd : cgroup_read_file(dir_fd, hits_name(s), s->text, s->text_size);

	if (n < 0)
		return false;
	if (is_v1(s))
		return cgroup_parse_value(s->text, (size_t)n, ret) == 0;
	if (cgroup_parse_memory_events(s->text, (size_t)n, &events) < 0)
		return false;
	*ret = plus(events.values[MEMORY_EVENT_HIGH], events.values[MEMORY_EVENT_MAX]);
	return true;
}

/* What has grown since who knows when says nothing of now. */
static void refresh_hits(struct sense *s, struct service_bound *bound)
{
	usec_t age = s->now - bound->hits_at;
	uint64_t before = bound->hits;
	bool known = bound->hits_known && age <= ATTRIBUTION_WINDOW_USEC;

	if (bound->hits_at != 0 && age < HITS_USEC)
		return;
	bound->hits_at = s->now;
	bound->hits_known = read_hits(s, bound, &bound->hits);
	if (known && bound->hits_known && bound->hits > before)
		bound->hit_at = s->now;
}

size_t service_bounds_hit(struct sense *s, const struct service_entry *entry)
{
	for (uint32_t i = entry->bound; i < s->bounds.count; i = s->bounds.bounds[i].up) {
		struct service_bound *bound = &s->bounds.bounds[i];

		/* All of a container is in its root. On v1 there is one kind of limit. */
		if (bound->up == NO_BOUND)
			break;
		if (is_v1(s) && bound->max_bytes == CGROUP_INFINITY)
			continue;
		/* While memory is short an open(2) may wait for it, and all pressure is shared. */
		if (!s->services.in_danger)
			refresh_hits(s, bound);
		if (bound->hit_at != 0 && s->now - bound->hit_at <= ATTRIBUTION_WINDOW_USEC)
			return strlen(bound->path);
	}
	return 0;
}

const char *sense_limit_cgroup(const struct sense *s, const struct service *service)
{
	size_t index = (size_t)(service - s->registry.services);
	struct reading limit = service->readings[metric_index(METRIC_SERVICE_LIMIT)];

	if (index >= s->registry.count || limit.state != READING_KNOWN)
		return NULL;
	/* Several may have limits of the same size. */
	for (uint32_t i = s->registry.entries[index].bound; i < s->bounds.count;
	     i = s->bounds.bounds[i].up)
		if (strlen(s->bounds.bounds[i].path) == service->limit_length)
			return s->bounds.bounds[i].path;
	return NULL;
}

void service_bounds_cap(const struct sense *s, const struct service_entry *entry,
			uint64_t *min_bytes, uint64_t *low_bytes)
{
	const struct service_bound *bound;

	if (entry->bound >= s->bounds.count)
		return;
	bound = &s->bounds.bounds[entry->bound];
	*min_bytes = MIN_OF(*min_bytes, bound->min_bytes);
	*low_bytes = MIN_OF(*low_bytes, bound->low_bytes);
}

struct protection {
	struct sense *sense;
	int dir_fd;
	uint64_t bytes;
};

static int add_protected(void *context, const char *name)
{
	struct protection *p = context;
	_cleanup_(closep) int fd =
		openat(p->dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t wanted;

	if (fd < 0)
		return 0;
	wanted = MAX_OF(value_or_zero(p->sense, fd, "memory.min"),
			value_or_zero(p->sense, fd, "memory.low"));
	if (wanted > 0)
		p->bytes += MIN_OF(value_or_zero(p->sense, fd, "memory.current"), wanted);
	return 0;
}

/* What lies below the topmost cgroups is protected by what they are. v1 protects nothing. */
static void read_protected(struct sense *s)
{
	struct protection p = { .sense = s, .dir_fd = s->layout->memory_fd };

	host_set(s, METRIC_MEM_PROTECTED, READING_NONE);
	if (is_v1(s))
		host_set(s, METRIC_MEM_PROTECTED, reading_of(0));
	else if (p.dir_fd >= 0 && cgroup_each_child(p.dir_fd, add_protected, &p) == 0)
		host_set(s, METRIC_MEM_PROTECTED, reading_of_bytes(p.bytes));
}

/* Whoever asks for a limit of this machine asks for that of the root of what is visible. */
static void fill_host(struct sense *s)
{
	struct service_bound *root = s->bounds.count > 0 ? &s->bounds.bounds[0] : NULL;

	host_set(s, METRIC_MEM_LIMIT, READING_NONE);
	host_set(s, METRIC_MEM_LIMIT_HEADROOM, READING_NONE);
	if (!root || !root->max_known)
		return;
	if (root->max_bytes == CGROUP_INFINITY) {
		host_set(s, METRIC_MEM_LIMIT, READING_FOREVER);
		host_set(s, METRIC_MEM_LIMIT_HEADROOM, READING_FOREVER);
		return;
	}
	host_set(s, METRIC_MEM_LIMIT, reading_of_bytes(root->max_bytes));
	refresh(s, root, s->now);
	if (root->current_known)
		host_set(s, METRIC_MEM_LIMIT_HEADROOM, reading_of_bytes(room_of(root)));
}

static int service_bounds_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct service_bounds *b = &s->bounds;
	usec_t period = event_sensor_tells_all(s) ? LIMITS_TOLD_USEC : LIMITS_USEC;
	int r = 0;

	(void)housekeep;
	if (!b->made || b->order != s->registry.order)
		r = service_bounds_make(s);
	if (r < 0)
		return r;
	for (size_t i = 0; i < b->count; i++)
		if (b->bounds[i].limits_at == 0 || now - b->bounds[i].limits_at >= period)
			read_limits(s, &b->bounds[i], now);
	if (b->protected_at == 0 || now - b->protected_at >= period) {
		b->protected_at = now;
		read_protected(s);
		fill_host(s);
	}
	if (s->registry.has_news)
		service_readings_rescan(s);
	return 0;
}

static void service_bounds_services(struct sense *s, usec_t now)
{
	(void)now;
	if (s->bounds.count > 0 && s->bounds.bounds[0].max_bytes != CGROUP_INFINITY)
		fill_host(s);
}

/* What is opened next may be another tree. */
static void service_bounds_close(struct sense *s)
{
	service_bounds_drop(&s->bounds);
	s->bounds.protected_at = 0;
	for (size_t i = 0; i < s->registry.count; i++)
		s->registry.entries[i].bound = NO_BOUND;
}

static void service_bounds_done(struct sense *s)
{
	service_bounds_drop(&s->bounds);
}

static void service_bounds_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->layout->tree == CGROUP_TREE_NONE)
		return;
	if (s->bounds.count > 0 && !s->bounds.bounds[0].max_known)
		gap_add(list, "mem.limit*: there is no memory controller here; what limits a "
			      "container is not to be seen");
	if (s->layout->memory_fd < 0)
		gap_add(list, "mem.protected: there is no memory controller to protect any");
}

void service_bounds_forget(struct sense *s)
{
	for (size_t i = 0; i < s->bounds.count; i++)
		s->bounds.bounds[i].limits_at = 0;
	s->bounds.protected_at = 0;
}

const struct sensor service_bounds_sensor = {
	.close = service_bounds_close,
	.done = service_bounds_done,
	.rescan = service_bounds_rescan,
	.services = service_bounds_services,
	.gaps = service_bounds_gaps,
};
