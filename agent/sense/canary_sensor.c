/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/canary_sensor.h"

#include "core/policy_size.h"
#include "sense/state.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"
#include "util/sum.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A kernel that prints to a slow console is late with its log. */
#define LATE_USEC (10 * USEC_PER_SEC)
/* ":node" with a number, ".service", and the ends of both texts. */
#define TEXT_MORE_BYTES 64

static size_t nodes_of(const struct sense *s, const struct canary *section)
{
	return section->place == CANARY_ON_EACH_NODE ? s->nodes.count : 1;
}

static size_t count_wanted(const struct sense *s, size_t *ret_text_bytes)
{
	const struct canary_sensor *c = &s->canaries;
	size_t count = 0;

	*ret_text_bytes = 1;
	for (size_t i = 0; i < c->section_count; i++) {
		size_t more = nodes_of(s, &c->sections[i]);

		count += more;
		*ret_text_bytes += more * (2 * strlen(c->sections[i].name) +
					   strlen(CANARY_UNIT_PREFIX) + TEXT_MORE_BYTES);
	}
	return count;
}

struct list {
	struct canary_status *statuses;
	struct canary_state *states;
	char *text;
	size_t text_bytes;
	size_t used;
	size_t count;
};

static void list_done(struct list *list)
{
	free(list->statuses);
	free(list->states);
	free(list->text);
}

static int list_init(struct list *list, size_t count, size_t text_bytes)
{
	size_t room = MAX_OF(count, (size_t)1);

	*list = (struct list){
		.statuses = calloc(room, sizeof(*list->statuses)),
		.states = calloc(room, sizeof(*list->states)),
		.text = malloc(text_bytes),
		.text_bytes = text_bytes,
	};
	return list->statuses && list->states && list->text ? 0 : -ENOMEM;
}

/* There is room, by count_wanted(). */
static const char *add_text(struct list *list, const char *before, const char *name,
			    const struct canary_status *status, const char *after)
{
	struct strbuf b = { .data = list->text + list->used,
			    .size = list->text_bytes - list->used };
	const char *text = b.data;

	strbuf_reset(&b);
	strbuf_addf(&b, "%s%s", before, name);
	if (status->has_node)
		strbuf_addf(&b, ":node%u", status->node);
	strbuf_add(&b, after);
	list->used += b.length + 1;
	return text;
}

/* One whose unit was there before is the same one. */
static void carry_over(const struct canary_sensor *old, uint64_t key, struct canary_state *ret)
{
	for (size_t i = 0; i < old->count; i++)
		if (old->statuses[i].key == key) {
			*ret = old->states[i];
			return;
		}
}

static void add(const struct sense *s, struct list *list, size_t section, const struct node *node)
{
	const struct canary *canary = &s->canaries.sections[section];
	struct canary_status *status = &list->statuses[list->count];
	struct canary_state *state = &list->states[list->count++];

	*status = (struct canary_status){
		.section = section,
		.slice = canary->slice ? canary->slice : "",
		.has_node = canary->place != CANARY_ANYWHERE,
		.node = node ? node->id : canary->node,
	};
	status->name = add_text(list, "", canary->name, status, "");
	status->unit = add_text(list, CANARY_UNIT_PREFIX, canary->name, status, ".service");
	status->key = sum_text(SUM_BEGIN, status->unit);
	status->readings[metric_index(METRIC_CANARY_HELD)] = reading_of(0);
	status->readings[metric_index(METRIC_CANARY_DEAD)] = reading_of(0);
	status->readings[metric_index(METRIC_CANARY_DEATHS)] = reading_of(0);
	status->readings[metric_index(METRIC_CANARY_KERNEL_KILLS)] = reading_of(0);
	carry_over(&s->canaries, status->key, state);
	state->place = NO_SERVICE;
	state->bound = NO_BOUND;
}

static void fill_list(const struct sense *s, size_t room, struct list *list)
{
	const struct canary_sensor *c = &s->canaries;

	for (size_t i = 0; i < c->section_count; i++) {
		bool is_each = c->sections[i].place == CANARY_ON_EACH_NODE;

		for (size_t n = 0; n < nodes_of(s, &c->sections[i]) && list->count < room; n++)
			add(s, list, i, is_each ? &s->nodes.nodes[n] : NULL);
	}
}

static void drop_list(struct canary_sensor *c)
{
	free(c->statuses);
	free(c->states);
	free(c->text);
	c->statuses = NULL;
	c->states = NULL;
	c->text = NULL;
	c->count = 0;
}

static int make_list(struct sense *s)
{
	struct canary_sensor *c = &s->canaries;
	_cleanup_(list_done) struct list list = { 0 };
	size_t text_bytes, wanted = count_wanted(s, &text_bytes);
	size_t room = MIN_OF(wanted, (size_t)CANARIES_MAX);
	int r = list_init(&list, room, text_bytes);

	if (r < 0)
		return r;
	fill_list(s, room, &list);
	drop_list(c);
	c->statuses = TAKE_PTR(list.statuses);
	c->states = TAKE_PTR(list.states);
	c->text = TAKE_PTR(list.text);
	c->count = list.count;
	c->left_out = wanted - room;
	c->nodes = s->nodes.generation;
	c->is_due = false;
	return 0;
}

/* Whoever keeps indexes into the list is told by snapshot.roll. */
static void show_list(struct sense *s)
{
	struct canary_sensor *c = &s->canaries;

	s->snapshot.canaries = c->statuses;
	s->snapshot.canary_count = c->count;
	c->generation++;
	/* The slices above canaries, and where these are. */
	c->order = s->registry.order - 1;
	s->bounds.made = false;
	c->has_news = c->count > 0;
}

void sense_set_canaries(struct sense *s, const struct canary *sections, size_t count)
{
	struct canary_sensor *c = &s->canaries;

	c->sections = sections;
	c->section_count = count;
	if (count == 0 && c->generation == 0)
		return;
	c->is_due = c->is_unwatched = false;
	/* Without memory for the list there is none, until a calm round has made it. */
	if (count == 0 || make_list(s) < 0) {
		drop_list(c);
		c->is_due = count > 0;
	}
	show_list(s);
}

static size_t find(const struct canary_sensor *c, uint64_t key)
{
	size_t i = 0;

	while (i < c->count && c->statuses[i].key != key)
		i++;
	return i;
}

void sense_note_canary(struct sense *s, uint64_t key, bool is_armed)
{
	struct canary_sensor *c = &s->canaries;
	size_t i = find(c, key);

	if (i == c->count)
		return;
	c->states[i].is_ours = is_armed;
	c->states[i].is_armed = false;
	c->has_news = true;
	/* What was filled since it was looked at. */
	if (c->states[i].place < s->registry.count)
		event_force(s, &s->registry.entries[c->states[i].place], true);
	else if (is_armed)
		s->registry.is_due = true;
}

bool canary_sensor_has(const struct sense *s, const struct service *service)
{
	return s->canaries.count > 0 && service->policy >= 0 &&
	       s->policies->policies[service->policy].canary != 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void canary_sensor_note_end(struct sense *s, pid_t pid, uint64_t inode)
{
	struct canary_sensor *c = &s->canaries;

	for (size_t i = 0; i < c->count; i++)
		if (c->states[i].pid == pid && c->states[i].inode == inode)
			c->states[i].has_ended = c->has_news = true;
}

static void take_kill(struct sense *s, struct canary_state *state)
{
	s->canaries.has_news = true;
	if (state->is_armed)
		state->is_killed = true;
	if (!state->is_dead || state->is_counted || s->now - state->died_at >= LATE_USEC)
		return;
	state->is_counted = true;
	state->kernel_kills++;
}

void canary_sensor_note_kill(struct sense *s, pid_t pid, const char *cgroup)
{
	struct canary_sensor *c = &s->canaries;
	const char *unit = canary_is_path(cgroup) ? last_part(cgroup) : "";

	for (size_t i = 0; i < c->count; i++)
		if ((pid > 0 && c->states[i].pid == pid) || strcmp(unit, c->statuses[i].unit) == 0)
			take_kill(s, &c->states[i]);
}

static size_t find_place(const struct sense *s, const struct canary_status *status)
{
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct service *service = &s->registry.services[i];

		if (service->policy >= 0 &&
		    s->policies->policies[service->policy].canary == status->section + 1 &&
		    strcmp(last_part(service->path), status->unit) == 0)
			return i;
	}
	return NO_SERVICE;
}

static void find_places(struct sense *s)
{
	struct canary_sensor *c = &s->canaries;

	if (c->order == s->registry.order)
		return;
	c->order = s->registry.order;
	for (size_t i = 0; i < c->count; i++)
		c->states[i].place = find_place(s, &c->statuses[i]);
}

static struct reading size_of(const struct sense *s, const struct canary_status *status)
{
	const struct canary *section = &s->canaries.sections[status->section];
	struct idset nodes = { { 0 } };
	const struct service there = { .allowed = &nodes, .allowed_known = true };

	if (status->has_node && node_sensor_index(s, status->node) < 0)
		return READING_NONE;
	if (status->has_node)
		idset_add(&nodes, status->node);
	return policy_size_resolve(&section->size, &s->snapshot, &there);
}

static uint64_t held_bytes(const struct sense *s, const struct canary_status *status,
			   const struct service *service)
{
	int node = status->has_node ? node_sensor_index(s, status->node) : -1;

	if (!status->has_node || !service->shares || !service_registry_has_shares(s))
		return reading_amount(service->readings[metric_index(METRIC_SERVICE_ANON)]);
	return node < 0 ? 0 : service->shares[node].movable_bytes;
}

static uint64_t oom_kills_of(const struct service *service)
{
	return reading_amount(service->readings[metric_index(METRIC_SERVICE_OOM_KILLS)]);
}

static void die(struct sense *s, struct canary_state *state, const struct service *service)
{
	/* It may say so in what was not read yet. */
	if (s->events.kmsg_fd >= 0)
		event_kernel_take(s);
	state->is_counted =
		state->is_killed || (service && oom_kills_of(service) > state->oom_kills);
	state->kernel_kills += state->is_counted;
	state->deaths++;
	state->died_at = s->now;
	state->is_dead = true;
	state->is_armed = state->is_ours = state->is_killed = false;
}

static void rise(struct canary_state *state, const struct service *service)
{
	state->is_armed = true;
	state->is_dead = state->is_killed = false;
	state->oom_kills = oom_kills_of(service);
}

/* The one process of its cgroup; 0: none is known. */
static pid_t program_of(const struct sense *s, const struct service *service)
{
	return service->process_count > 0 ? s->processes.processes[service->first_process].pid : 0;
}

/* Another cgroup, or another program in it, is another life. */
static void note_program(const struct sense *s, struct canary_state *state,
			 const struct service *service)
{
	pid_t pid = program_of(s, service);

	if (service->inode == state->inode && (pid == 0 || pid == state->pid))
		return;
	state->has_ended = false;
	state->inode = service->inode;
	state->pid = pid;
}

static bool is_other(const struct canary_state *state, const struct service *service)
{
	return service && service->inode != state->inode;
}

static bool is_enough(uint64_t held, struct reading size)
{
	uint64_t wanted = reading_amount(size);

	return wanted > 0 && canary_holds_enough(held, wanted);
}

static void fill_slice(struct sense *s, struct canary_status *status,
		       const struct canary_state *state)
{
	const struct service_entry below = { .path = "",
					     .max_bytes = CGROUP_INFINITY,
					     .bound = state->bound };
	struct service_headroom headroom;

	status->slice_limit = status->slice_headroom = READING_FOREVER;
	if (!status->slice[0] || !service_bounds_tightest(s, &below, 0, &headroom))
		return;
	status->slice_limit = reading_of_bytes(headroom.limit_bytes);
	status->slice_headroom = reading_of_bytes(headroom.headroom_bytes);
}

static void fill(struct canary_status *status, const struct canary_state *state,
		 struct reading size, uint64_t held)
{
	status->readings[metric_index(METRIC_CANARY_SIZE)] = size;
	status->readings[metric_index(METRIC_CANARY_HELD)] = reading_of_bytes(held);
	status->readings[metric_index(METRIC_CANARY_DEAD)] = reading_of(state->is_dead);
	status->readings[metric_index(METRIC_CANARY_DEATHS)] = reading_of_bytes(state->deaths);
	status->readings[metric_index(METRIC_CANARY_KERNEL_KILLS)] =
		reading_of_bytes(state->kernel_kills);
}

/* The end of its program would not wake anybody: it is watched from the next rescan on. */
static bool is_unwatched(const struct sense *s, const struct canary_state *state)
{
	return s->events.epoll_fd >= 0 && state->is_armed && state->pid != 0 &&
	       !event_exits_has(s, state->pid);
}

/* With nobody to remove it a cgroup outlives its canary. */
static bool is_deserted(const struct sense *s, const struct canary_state *state,
			const struct service *service, uint64_t held)
{
	return !s->snapshot.host.has_systemd && held == 0 &&
	       (state->has_ended || program_of(s, service) == 0);
}

static void look_at(struct sense *s, size_t i)
{
	struct canary_status *status = &s->canaries.statuses[i];
	struct canary_state *state = &s->canaries.states[i];
	const struct service *service =
		state->place == NO_SERVICE ? NULL : &s->registry.services[state->place];
	struct reading size = size_of(s, status);
	bool is_ended = !service || state->has_ended;
	uint64_t held = 0;

	if (state->is_armed && (is_ended || is_other(state, service)))
		die(s, state, is_other(state, service) ? NULL : service);
	if (service) {
		note_program(s, state, service);
		held = state->has_ended ? 0 : held_bytes(s, status, service);
	}
	/* Without a word of its end: nobody is there, and neither is the memory. */
	if (state->is_armed && service && program_of(s, service) == 0 &&
	    held < reading_amount(size) / 2)
		die(s, state, service);
	/* Of a captured machine nobody can say who has armed it. */
	else if (!state->is_armed && (state->is_ours || !s->root->live) && is_enough(held, size))
		rise(state, service);
	status->service =
		service && !is_deserted(s, state, service, held) ? service_key(service) : 0;
	fill_slice(s, status, state);
	fill(status, state, size, held);
}

static void canary_sensor_services(struct sense *s, usec_t now)
{
	struct canary_sensor *c = &s->canaries;

	(void)now;
	if (c->count == 0)
		return;
	find_places(s);
	c->has_news = c->is_unwatched = false;
	for (size_t i = 0; i < c->count; i++) {
		look_at(s, i);
		c->is_unwatched |= is_unwatched(s, &c->states[i]);
	}
}

static int canary_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct canary_sensor *c = &s->canaries;
	int r;

	(void)now;
	(void)housekeep;
	if (c->section_count == 0 || (!c->is_due && c->nodes == s->nodes.generation))
		return 0;
	r = make_list(s);
	if (r == 0)
		show_list(s);
	return r;
}

static void canary_sensor_done(struct sense *s)
{
	drop_list(&s->canaries);
	s->canaries = (struct canary_sensor){ 0 };
	s->snapshot.canaries = NULL;
	s->snapshot.canary_count = 0;
}

static void canary_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	char text[sizeof(((struct sense_gap *)0)->text)];

	if (s->canaries.left_out == 0)
		return;
	(void)snprintf(text, sizeof(text), "canaries: %zu more than %d, which are not armed",
		       s->canaries.left_out, CANARIES_MAX);
	gap_add(list, text);
}

const struct sensor canary_sensor = {
	.done = canary_sensor_done,
	.rescan = canary_sensor_rescan,
	.services = canary_sensor_services,
	.gaps = canary_sensor_gaps,
};
