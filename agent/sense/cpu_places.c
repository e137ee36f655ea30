/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/cpu_places.h"

#include "sense/cpu_map.h"
#include "sense/state.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "sys/task_file.h"
#include "sys/vcpu_task.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_USEC (60 * USEC_PER_SEC)
/* What was used over a longer time was used who knows when. */
#define WINDOW_MAX_USEC (15 * USEC_PER_MIN)
/* So much of it, so many times in a row. */
#define MOST_PERCENT 80
#define STEADY_COUNT 3
/* Of one CPU: less of it tells nothing of where it will run when it has to do. */
#define USED_PERCENT 5
/* Affinities are looked at in the first walk and in each of so many. */
#define PINS_EVERY 4
/* Gone through in a round, by how long ago the last one was: one small file of each, two where
 * affinities are looked at. */
#define ROUND_MIN     64
#define ROUND_MAX     128
#define ROUND_PER_SEC 32
/* Until all were gone through once: a few hundredths of a second. */
#define ROUND_FIRST 4096
/* What a process costs that has no threads to see. */
#define PROCESS_COST 4
/* Of one service. */
#define THREADS_MAX   2048
#define THREADS_FIRST 16
#define STATUS_BYTES  8192

struct cpu_thread {
	uint32_t tid;
	uint32_t ticks; /* wraps: differences count */
};

struct cpu_watch {
	struct cpu_places places;
	uint32_t serial;  /* no other one has had it */
	usec_t walked_at; /* when the last walk began; 0: never */
	unsigned walks;
	bool is_unnamed; /* a monitor that does not name its vCPUs: all of its threads count */
	int node;	 /* that had most of it the last times, or -1 */
	unsigned steady; /* so many times */
	usec_t steady_since;
	bool is_upper; /* the last walk's threads are in the upper half */
	uint32_t count;
	uint32_t wanted; /* as many as there were */
	uint32_t capacity;
	struct cpu_thread threads[]; /* of the last walk, and of the one that is under way */
};

/* The one that is under way. */
struct cpu_walk {
	bool is_on;
	size_t index;	 /* of the service */
	uint32_t serial; /* of its watch */
	usec_t began;
	size_t next_process;
	int fd; /* of the threads of the one before; -1: none is open */
	bool is_guest;
	bool has_vcpu;
	bool looks_at_pins;
	bool has_any;	/* a thread, whether it counts or not */
	uint32_t seen;	/* that count */
	uint32_t count; /* kept */
	uint32_t at;	/* where the search among the last walk's threads goes on */
	bool pins_known;
	struct idset may_run_on;
	uint64_t total_ticks;
	struct idset used;
	uint64_t ticks[IDSET_BITS]; /* by node, of those that are in `used` */
};

void cpu_watch_drop(struct cpu_watch **watch)
{
	free(*watch);
	*watch = NULL;
}

/* --- threads ---------------------------------------------------------------------------------- */

static struct cpu_thread *last_threads(struct cpu_watch *watch)
{
	return watch->threads + (watch->is_upper ? watch->capacity : 0);
}

static struct cpu_thread *new_threads(struct cpu_watch *watch)
{
	return watch->threads + (watch->is_upper ? 0 : watch->capacity);
}

/* In the order of the last time, so the next one is mostly right behind the last that was found. */
static const struct cpu_thread *find_last(struct cpu_watch *watch, struct cpu_walk *walk, pid_t tid)
{
	const struct cpu_thread *threads = last_threads(watch);

	for (uint32_t i = 0; i < watch->count; i++) {
		uint32_t at = (walk->at + i) % watch->count;

		if (threads[at].tid != (uint32_t)tid)
			continue;
		walk->at = at + 1;
		return &threads[at];
	}
	return NULL;
}

static void add_ticks(struct cpu_walk *walk, const struct node_cpus *cpus, unsigned processor,
		      uint32_t ticks)
{
	int node = node_cpus_find(cpus, processor);

	walk->total_ticks += ticks;
	if (node < 0)
		return;
	if (!idset_has(&walk->used, (unsigned)node))
		walk->ticks[node] = 0;
	idset_add(&walk->used, (unsigned)node);
	walk->ticks[node] += ticks;
}

static void look_at_pins(struct cpu_walk *walk, const struct node_cpus *cpus, pid_t tid)
{
	char status[STATUS_BYTES];
	struct idset nodes;
	struct span list;

	if (task_cpus_read(walk->fd, tid, status, sizeof(status), &list) < 0 ||
	    node_cpus_divide(cpus, list, &nodes, NULL) < 0)
		return;
	idset_unite(&walk->may_run_on, &nodes);
	walk->pins_known = true;
}

static bool counts(const struct cpu_watch *watch, struct cpu_walk *walk, const char *comm)
{
	unsigned number;

	if (!walk->is_guest)
		return true;
	if (vcpu_task_parse(span_of(comm, strlen(comm)), &number) > 0)
		walk->has_vcpu = true;
	else
		return watch->is_unnamed;
	return true;
}

static void look_at_thread(struct cpu_watch *watch, struct cpu_walk *walk,
			   const struct node_cpus *cpus, pid_t tid)
{
	const struct cpu_thread *last;
	struct task_stat stat;
	uint32_t used;

	if (task_stat_read(walk->fd, tid, &stat) < 0)
		return;
	walk->has_any = true;
	if (!counts(watch, walk, stat.comm))
		return;
	walk->seen++;
	if (walk->looks_at_pins)
		look_at_pins(walk, cpus, tid);
	last = find_last(watch, walk, tid);
	used = last ? (uint32_t)stat.cpu_ticks - last->ticks : 0;
	/* Less than before: another thread has its number. */
	if (used <= INT32_MAX)
		add_ticks(walk, cpus, stat.processor, used);
	if (walk->count < watch->capacity)
		new_threads(watch)[walk->count++] = (struct cpu_thread){
			.tid = (uint32_t)tid,
			.ticks = (uint32_t)stat.cpu_ticks,
		};
}

/* How many it cost. */
static unsigned look_at_some(struct cpu_watch *watch, struct cpu_walk *walk,
			     const struct node_cpus *cpus)
{
	pid_t tids[TASK_LIST_MAX];
	int n = walk->seen < THREADS_MAX ? task_directory_next(walk->fd, tids) : 0;

	if (n <= 0)
		drop_fd(&walk->fd);
	for (int i = 0; i < n; i++)
		look_at_thread(watch, walk, cpus, tids[i]);
	return n > 0 ? (unsigned)n : 1;
}

/* --- a service -------------------------------------------------------------------------------- */

/* Opens the next of its processes that count. False: that were all. */
static bool open_next(struct sense *s, struct cpu_walk *walk)
{
	const struct service *service = &s->registry.services[walk->index];
	size_t first = s->registry.entries[walk->index].first_slot;

	while (walk->next_process < service->process_count) {
		size_t slot = first + walk->next_process++;
		const struct process *process = &s->processes.processes[slot];
		_cleanup_(closep) int fd = -1;
		struct proc_stat stat;

		if (process->pid == 0 || !confinement_decides(s, walk->index, slot))
			continue;
		fd = proc_pid_open_same(s->root, process->pid, process->start_ticks, &stat);
		walk->fd = fd < 0 ? -1 : task_directory_open(fd);
		return true;
	}
	return false;
}

static void begin(struct sense *s, struct cpu_walk *walk, size_t index, usec_t now)
{
	const struct cpu_watch *watch = s->registry.entries[index].cpu_watch;

	walk->is_on = true;
	walk->index = index;
	walk->serial = watch->serial;
	walk->began = MAX_OF(now, (usec_t)1);
	walk->next_process = 0;
	walk->is_guest = s->registry.services[index].guest != GUEST_NONE;
	walk->has_vcpu = walk->has_any = false;
	walk->looks_at_pins = watch->walks % PINS_EVERY == 0;
	walk->seen = walk->count = walk->at = 0;
	walk->pins_known = false;
	idset_clear(&walk->may_run_on);
	walk->total_ticks = 0;
	idset_clear(&walk->used);
}

static void take_pins(struct cpu_watch *watch, const struct cpu_walk *walk,
		      const struct node_cpus *cpus)
{
	if (!walk->looks_at_pins)
		return;
	idset_clear(&watch->places.pinned);
	if (walk->pins_known && !idset_is_subset(&cpus->nodes, &walk->may_run_on))
		watch->places.pinned = walk->may_run_on;
}

/* That has most of what they used, if that is anything; -1: none. */
static int busiest(const struct cpu_walk *walk, usec_t elapsed)
{
	uint64_t usec_per_tick = USEC_PER_SEC / (uint64_t)MAX_OF(sysconf(_SC_CLK_TCK), 1L);

	if (walk->total_ticks * usec_per_tick < elapsed / 100 * USED_PERCENT)
		return -1;
	for (int i = idset_next(&walk->used, 0); i >= 0;
	     i = idset_next(&walk->used, (unsigned)i + 1))
		if (walk->ticks[i] >= (walk->total_ticks * MOST_PERCENT + 99) / 100)
			return i;
	return -1;
}

static void take_use(struct cpu_watch *watch, const struct cpu_walk *walk)
{
	usec_t elapsed = walk->began - watch->walked_at;
	int node = watch->walked_at == 0 || elapsed > WINDOW_MAX_USEC ? -1 : busiest(walk, elapsed);

	if (node < 0 || node != watch->node) {
		watch->steady = 0;
		watch->steady_since = watch->walked_at;
	}
	watch->node = node;
	watch->steady += node >= 0;
	watch->places.runs_on = watch->steady >= STEADY_COUNT ? node : -1;
	watch->places.since = watch->places.runs_on >= 0 ? watch->steady_since : 0;
}

static bool places_equal(const struct cpu_places *a, const struct cpu_places *b)
{
	return a->runs_on == b->runs_on && a->since == b->since &&
	       idset_equal(&a->pinned, &b->pinned);
}

/* A monitor that names its vCPUs by now, or names none: other threads count than did in this walk.
 */
static bool is_otherwise(struct cpu_watch *watch, const struct cpu_walk *walk)
{
	bool is_unnamed = walk->is_guest && !walk->has_vcpu;

	if (!walk->has_any || is_unnamed == watch->is_unnamed)
		return false;
	watch->is_unnamed = is_unnamed;
	watch->walks = watch->steady = 0;
	watch->count = 0;
	watch->walked_at = 0;
	return true;
}

/* All of them were gone through. */
static void finish(struct sense *s, struct cpu_walk *walk, const struct node_cpus *cpus)
{
	struct service *service = &s->registry.services[walk->index];
	struct cpu_watch *watch = s->registry.entries[walk->index].cpu_watch;
	const struct cpu_places before = watch->places;

	walk->is_on = false;
	if (is_otherwise(watch, walk)) {
		s->cpus.due = 0;
		return;
	}
	watch->wanted = walk->seen;
	s->cpus.is_short |= walk->seen > watch->capacity && watch->capacity < THREADS_MAX;
	take_pins(watch, walk, cpus);
	take_use(watch, walk);
	watch->is_upper = !watch->is_upper;
	watch->count = walk->count;
	watch->walked_at = walk->began;
	watch->walks++;
	if (service->cpus && places_equal(&before, &watch->places))
		return;
	service->cpus = &watch->places;
	service_sensor_touch(s, walk->index);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void abandon(struct cpu_walk *walk)
{
	walk->is_on = false;
	drop_fd(&walk->fd);
}

/* Whose turn it is, if it is anybody's. */
static bool choose(struct sense *s, usec_t now, size_t *ret)
{
	struct cpu_sensor *c = &s->cpus;
	usec_t due = USEC_INFINITY;

	if (c->due > now)
		return false;
	for (size_t i = 0; i < s->registry.count; i++) {
		size_t index = (c->cursor + i) % s->registry.count;
		const struct cpu_watch *watch = s->registry.entries[index].cpu_watch;
		usec_t at;

		if (!watch || s->registry.services[index].process_count == 0)
			continue;
		at = watch->walked_at == 0 ? 0 : watch->walked_at + WINDOW_USEC;
		if (at <= now) {
			c->cursor = index + 1;
			*ret = index;
			return true;
		}
		due = MIN_OF(due, at);
	}
	/* A service that had no processes may have some by then. */
	c->due = MIN_OF(due, now + WINDOW_USEC);
	return false;
}

static size_t budget(const struct sense *s, usec_t now)
{
	usec_t elapsed = MIN_OF(now - s->cpus.walked_at, 100 * USEC_PER_SEC);

	if (!s->root->live)
		return SIZE_MAX;
	if (!s->cpus.has_begun)
		return ROUND_FIRST;
	return MIN_OF(MAX_OF((size_t)(elapsed / USEC_PER_SEC) * ROUND_PER_SEC, (size_t)ROUND_MIN),
		      (size_t)ROUND_MAX);
}

static bool is_at(const struct sense *s, const struct cpu_walk *walk, size_t index)
{
	const struct cpu_watch *watch =
		index < s->registry.count ? s->registry.entries[index].cpu_watch : NULL;

	return watch && watch->serial == walk->serial;
}

/* Services came or went, and it has another place, or none. */
static void find_again(const struct sense *s, struct cpu_walk *walk)
{
	if (!walk->is_on || is_at(s, walk, walk->index))
		return;
	for (size_t i = 0; i < s->registry.count; i++)
		if (is_at(s, walk, i)) {
			walk->index = i;
			return;
		}
	abandon(walk);
}

/* False: there is nothing more to do now. */
static bool go_on(struct sense *s, const struct node_cpus *cpus, usec_t now, size_t *left)
{
	struct cpu_walk *walk = s->cpus.walk;
	size_t index = 0, cost = PROCESS_COST;

	if (!walk->is_on) {
		if (!choose(s, now, &index))
			return false;
		begin(s, walk, index, now);
		return true;
	}
	if (walk->fd >= 0)
		cost = look_at_some(s->registry.entries[walk->index].cpu_watch, walk, cpus);
	else if (!open_next(s, walk))
		finish(s, walk, cpus);
	*left -= MIN_OF(cost, *left);
	return true;
}

static void cpu_sensor_services(struct sense *s, usec_t now)
{
	const struct node_cpus *cpus = cpu_map_get(s);
	struct cpu_sensor *c = &s->cpus;
	size_t left;

	if (!cpus || !c->walk || s->services.in_danger)
		return;
	find_again(s, c->walk);
	left = budget(s, now);
	while (left > 0 && go_on(s, cpus, now, &left))
		;
	c->has_begun |= left > 0 && !c->walk->is_on;
	c->walked_at = now;
}

/* --- calm rounds ------------------------------------------------------------------------------ */

/* Room for as many threads as it has, and what was learnt. */
static int grow(struct sense *s, struct cpu_watch **watch, uint32_t capacity)
{
	const struct cpu_watch *old = *watch;
	struct cpu_watch *new =
		calloc(1, sizeof(*new) + 2 * (size_t)capacity * sizeof(new->threads[0]));

	if (!new)
		return -ENOMEM;
	new->places.runs_on = new->node = -1;
	if (old) {
		*new = *old;
		new->is_upper = false;
		memcpy(new->threads, last_threads(*watch), old->count * sizeof(new->threads[0]));
	}
	new->capacity = capacity;
	/* Its threads lie elsewhere, so that a walk that is on begins anew. */
	new->serial = ++s->cpus.serial;
	free(*watch);
	*watch = new;
	return 0;
}

static int make_room(struct sense *s, size_t index)
{
	struct service_entry *entry = &s->registry.entries[index];
	struct service *service = &s->registry.services[index];
	uint32_t capacity = entry->cpu_watch ? entry->cpu_watch->capacity : 0;
	uint32_t wanted = entry->cpu_watch ? entry->cpu_watch->wanted : 1;
	int r;

	if (!cpu_map_get(s) || !cpu_map_concerns(s, service)) {
		service->cpus = NULL;
		cpu_watch_drop(&entry->cpu_watch);
		return 0;
	}
	if (wanted <= capacity || capacity == THREADS_MAX)
		return 0;
	/* A few may come before the next walk. */
	capacity = MAX_OF(wanted + wanted / 8, (uint32_t)THREADS_FIRST);
	r = grow(s, &entry->cpu_watch, MIN_OF(capacity, (uint32_t)THREADS_MAX));
	if (r == 0 && service->cpus)
		service->cpus = &entry->cpu_watch->places;
	return r;
}

static void cpu_sensor_close(struct sense *s)
{
	if (s->cpus.walk)
		abandon(s->cpus.walk);
}

static void cpu_sensor_done(struct sense *s)
{
	cpu_sensor_close(s);
	free(s->cpus.walk);
	s->cpus = (struct cpu_sensor){ 0 };
}

static int cpu_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct cpu_sensor *c = &s->cpus;
	bool wanted = cpu_map_get(s) != NULL;
	int r = 0;

	(void)now;
	(void)housekeep;
	if (!wanted && !c->walk)
		return 0;
	if (wanted && !c->walk) {
		c->walk = calloc(1, sizeof(*c->walk));
		if (!c->walk)
			return -ENOMEM;
		c->walk->fd = -1;
		c->order = s->registry.order - 1;
	}
	if (c->order == s->registry.order && !c->is_short && wanted)
		return 0;
	for (size_t i = 0; i < s->registry.count && r == 0; i++)
		r = make_room(s, i);
	if (r < 0)
		return r;
	c->order = s->registry.order;
	c->is_short = false;
	c->due = 0;
	if (!wanted)
		cpu_sensor_done(s);
	return 0;
}

const struct sensor cpu_sensor = {
	.close = cpu_sensor_close,
	.done = cpu_sensor_done,
	.rescan = cpu_sensor_rescan,
	.services = cpu_sensor_services,
};
