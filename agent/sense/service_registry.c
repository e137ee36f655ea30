/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A walk looks at every cgroup of the machine, so it is made when something shows that the tree
 * changed: the root's count of live and dying cgroups, a service that is found gone, new policies.
 * One cgroup that takes the place of another between two looks can leave the counts as they were,
 * so there is a walk without a reason now and then.
 */

#include "sense/service_registry.h"

#include "sense/guest_path.h"
#include "sense/service_own.h"
#include "sense/service_owner.h"
#include "sense/service_readings.h"
#include "sense/service_restarts.h"
#include "sense/service_walk.h"
#include "sense/state.h"
#include "sys/memlock.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define WALK_USEC (60 * USEC_PER_SEC)
/* Where the kernel does not count cgroups. */
#define BLIND_WALK_USEC (5 * USEC_PER_SEC)
/* Where the kernel tells of each cgroup that comes or goes. */
#define WATCHED_WALK_USEC (10 * USEC_PER_MIN)
/* So many services make walks a second further apart. */
#define WALK_COUNT 500
/* More than come at once. */
#define SPARE_NODES 8

static enum systemd_presence find_systemd(const struct sense *s)
{
	if (s->snapshot.host.has_systemd)
		return SYSTEMD_HERE;
	return s->host.is_systemd_elsewhere ? SYSTEMD_ELSEWHERE : SYSTEMD_NOWHERE;
}

static bool is_paused(const struct sense *s, const char *path)
{
	return s->is_paused && s->is_paused(s->paused_context, path);
}

static void init_service(const struct sense *s, const struct service_own *own,
			 struct service_entry *entry, struct service *service)
{
	*service = (struct service){
		.inode = entry->inode,
		.policy = policy_table_match(s->policies, entry->path),
		.protected_unit = policy_is_protected_unit(entry->path),
		.is_self = service_own_holds(own, entry->path),
		.paused = is_paused(s, entry->path),
		.guest = entry->path_guest,
		.owner = service_owner_of(entry->path, find_systemd(s)),
	};
}

/* On v1 counters are the cgroup's own. */
static void inherit_gone_events(const struct sense *s, struct service_entry *parent,
				const struct service_entry *gone)
{
	if (s->layout->local_events)
		return;
	for (int i = 0; i < MEMORY_EVENT_COUNT_; i++)
		parent->gone_events[i] =
			(uint32_t)MIN_OF(parent->gone_events[i] + gone->totals.events.values[i],
					 (uint64_t)UINT32_MAX);
}

/* Moves what is known of a service that is still the same into its new place. */
static void carry_over(struct service_entry *old, const struct service *old_service,
		       struct service_entry *new, struct service *new_service)
{
	struct service_entry entry = *old;
	struct service service = *old_service;

	entry.path = new->path;
	entry.name = new->name;
	entry.parent = new->parent;
	*new = entry;
	service.policy = new_service->policy;
	service.is_self = new_service->is_self;
	service.paused = new_service->paused;
	*new_service = service;

	old->is_carried = true;
	old->slope = NULL;
	old->guest_name = NULL;
	old->cpu_watch = NULL;
	old->preferences = NULL;
	old->dir_fd = -1;
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++)
		old->files[i] = -1;
}

bool service_registry_has_shares(const struct sense *s)
{
	return s->registry.generation == s->nodes.generation;
}

/* A node that was added a moment ago is in memory.numa_stat already. */
size_t service_registry_scratch(const struct service_registry *r)
{
	return r->node_count + SPARE_NODES;
}

static void set_pointers(struct sense *s)
{
	struct service_registry *r = &s->registry;

	for (size_t i = 0; i < r->count; i++) {
		struct service *service = &r->services[i];

		service->path = r->entries[i].path;
		service->name =
			r->entries[i].guest_name ? r->entries[i].guest_name : r->entries[i].name;
		service->shares =
			r->entries[i].totals.shares_known ? r->shares + i * r->node_count : NULL;
	}
	s->snapshot.services = r->services;
	s->snapshot.service_count = r->count;
}

/* What was below a service that stays, and is there no more. What lay below that again is in its
 * counters already. */
static void leave_events_behind(const struct sense *s, const struct service_registry *old,
				struct service_registry *new)
{
	for (size_t i = 0; i < old->count; i++) {
		const struct service_entry *gone = &old->entries[i], *parent;
		size_t heir;

		if (gone->is_carried || gone->parent == NO_SERVICE)
			continue;
		parent = &old->entries[gone->parent];
		heir = service_entry_find(new->entries, new->count, parent->path);
		if (parent->is_carried && heir != NO_SERVICE)
			inherit_gone_events(s, &new->entries[heir], gone);
	}
}

static void carry_all(const struct sense *s, struct service_registry *old,
		      struct service_registry *new)
{
	size_t nodes = new->node_count;

	for (size_t i = 0; i < new->count; i++) {
		struct service_entry *entry = &new->entries[i];
		size_t k = service_entry_find(old->entries, old->count, entry->path);

		if (k == NO_SERVICE || old->entries[k].inode != entry->inode)
			continue;
		carry_over(&old->entries[k], &old->services[k], entry, &new->services[i]);
		if (old->generation != new->generation) {
			entry->totals.shares_known = false;
			entry->is_forced = true;
			continue;
		}
		memcpy(new->totals + i *nodes, old->totals + k * nodes,
		       nodes * sizeof(*new->totals));
		memcpy(new->shares + i *nodes, old->shares + k * nodes,
		       nodes * sizeof(*new->shares));
	}
	leave_events_behind(s, old, new);
}

/* Those that went before those that came: a path may be on both sides. */
static void note_restarts(struct sense *s, const struct service_registry *old)
{
	for (size_t i = 0; i < old->count; i++)
		if (!old->entries[i].is_carried)
			service_restarts_gone(s, &old->entries[i]);
	for (size_t i = 0; i < s->registry.count; i++)
		if (s->registry.entries[i].read_at == 0)
			service_restarts_came(s, i);
}

static void drop_entry(struct service_entry *entry)
{
	service_entry_close(entry);
	free(entry->slope);
	entry->slope = NULL;
	free(entry->guest_name);
	entry->guest_name = NULL;
	cpu_watch_drop(&entry->cpu_watch);
	free(entry->preferences);
	entry->preferences = NULL;
}

static void drop_lists(struct service_registry *r)
{
	for (size_t i = 0; i < r->count; i++)
		drop_entry(&r->entries[i]);
	free(r->entries);
	free(r->services);
	free(r->totals);
	free(r->shares);
	free(r->text);
	free(r->scratch);
	r->text = NULL;
	r->scratch = NULL;
	r->entries = NULL;
	r->services = NULL;
	r->totals = r->shares = NULL;
	r->count = 0;
}

static int make_lists(struct service_registry *r, size_t count)
{
	size_t room = MAX_OF(count, (size_t)1);

	r->entries = calloc(room, sizeof(*r->entries));
	r->services = calloc(room, sizeof(*r->services));
	r->text = NULL;
	r->scratch = calloc(service_registry_scratch(r), sizeof(*r->scratch));
	r->totals = calloc(room * r->node_count, sizeof(*r->totals));
	r->shares = calloc(room * r->node_count, sizeof(*r->shares));
	if (r->entries && r->services && r->totals && r->shares && r->scratch)
		return 0;
	drop_lists(r);
	return -ENOMEM;
}

/* Most names are the end of their path; only the others take room of their own. */
static int add_name(struct harvest *h, struct found *found, enum guest_type *ret_guest)
{
	const char *path = h->paths + found->at, *last = strrchr(path, '/');
	char name[NAME_BYTES];
	ssize_t at;

	last = last ? last + 1 : path;
	*ret_guest = guest_path_parse(path, name, sizeof(name));
	at = strcmp(name, last) == 0 ? last - h->paths : harvest_add_text(h, name);
	if (at < 0)
		return (int)at;
	found->name_at = (size_t)at;
	return 0;
}

static int fill_lists(const struct sense *s, struct service_registry *r, struct harvest *h)
{
	struct service_own own;
	char *text;

	service_own_read(s, &own);
	for (size_t i = 0; i < h->count; i++) {
		int error;

		service_entry_init(&r->entries[i]);
		error = add_name(h, &h->found[i], &r->entries[i].path_guest);
		if (error < 0)
			return error;
	}
	text = realloc(h->paths, MAX_OF(h->paths_length, (size_t)1));
	r->text = text ? text : h->paths;
	h->paths = NULL;
	r->count = h->count;
	for (size_t i = 0; i < h->count; i++) {
		r->entries[i].path = r->text + h->found[i].at;
		r->entries[i].name = r->text + h->found[i].name_at;
		r->entries[i].inode = h->found[i].inode;
		/* Services may have come or gone below any of them. */
		r->entries[i].is_changed = true;
		init_service(s, &own, &r->entries[i], &r->services[i]);
	}
	service_entry_link(r->entries, r->count);
	return 0;
}

static bool is_as_before(const struct sense *s, const struct harvest *h)
{
	const struct service_registry *r = &s->registry;

	if (r->walks == 0 || h->count != r->count || !service_registry_has_shares(s))
		return false;
	for (size_t i = 0; i < h->count; i++)
		if (h->found[i].inode != r->entries[i].inode ||
		    strcmp(h->paths + h->found[i].at, r->entries[i].path) != 0)
			return false;
	return true;
}

static int adopt(struct sense *s, struct harvest *h)
{
	struct service_registry new = s->registry, old;
	int r;

	s->registry.unusable = new.unusable = h->unusable;
	if (is_as_before(s, h))
		return 0;
	new.generation = s->nodes.generation;
	new.node_count = s->nodes.count;
	new.walks++;
	new.order++;
	new.has_news = true;
	new.count = 0;
	r = make_lists(&new, h->count);
	if (r < 0)
		return r;
	r = fill_lists(s, &new, h);
	if (r < 0) {
		drop_lists(&new);
		return r;
	}
	old = s->registry;
	carry_all(s, &old, &new);
	s->registry = new;
	s->processes.is_crowd_stale = true;
	note_restarts(s, &old);
	drop_lists(&old);
	set_pointers(s);
	/* Two lists were there at once; the agent is to be small. */
	memlock_trim_heap();
	return 0;
}

/* Its size on 6.12 and later, which count for each controller as well, is about 500 bytes. */
#define TREE_TEXT_BYTES 2048

/* Only whether they change matters. What is counted for a controller changes without a cgroup that
 * came or went, and is left out. Unknown where the kernel counts nothing (before 4.14). */
static struct tree_counts read_tree_counts(const struct sense *s)
{
	char text[TREE_TEXT_BYTES];
	struct tree_counts counts = { 0 };
	struct span rest, line, key, value;
	ssize_t n = -ENOENT;

	if (s->registry.tree_fd >= 0)
		n = sysroot_read_once_fd(s->registry.tree_fd, text, sizeof(text));
	if (n < 0)
		return counts;
	rest = span_of(text, (size_t)n);
	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &key) || !span_next_word(&line, &value))
			continue;
		if (span_is(key, "nr_descendants"))
			counts.known = span_u64(value, &counts.living) == 0;
		else if (span_is(key, "nr_dying_descendants"))
			(void)span_u64(value, &counts.dying);
	}
	return counts;
}

static bool counts_differ(const struct tree_counts *a, const struct tree_counts *b)
{
	return a->known != b->known || a->living != b->living || a->dying != b->dying;
}

static bool is_walk_due(const struct sense *s, usec_t now, const struct tree_counts *counts)
{
	const struct service_registry *r = &s->registry;
	usec_t age = now - r->walked_at;

	if (r->walks == 0 || r->is_due || !service_registry_has_shares(s))
		return true;
	if (age >= (s->events.tree_watched ? WATCHED_WALK_USEC
		    : counts->known	   ? WALK_USEC
					   : BLIND_WALK_USEC))
		return true;
	/* Where cgroups come and go all the time and are many, a walk each time would cost more
	 * than all the rest; unless it matters who is new. */
	if (age < r->count / WALK_COUNT * USEC_PER_SEC && !s->services.in_danger)
		return false;
	return r->is_changed || counts_differ(counts, &r->tree_counts);
}

static int service_registry_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct service_registry *registry = &s->registry;
	struct harvest h = { 0 };
	struct tree_counts counts;
	int r;

	(void)housekeep;
	/* Before the walk: what changes meanwhile is seen as a change next time. */
	counts = s->events.tree_watched ? registry->tree_counts : read_tree_counts(s);
	if (!is_walk_due(s, now, &counts))
		return 0;
	registry->is_due = true;
	r = service_walk(s, &h);
	if (r == 0)
		r = adopt(s, &h);
	harvest_done(&h);
	if (r < 0)
		return r;
	registry->is_due = registry->is_changed = false;
	registry->walked_at = now;
	registry->tree_counts = counts;
	return 0;
}

static int service_registry_reopen(struct sense *s)
{
	s->registry.is_due = true;
	if (s->layout->tree != CGROUP_TREE_NONE)
		s->registry.tree_fd =
			MAX_OF(cgroup_open_file(s->layout->tree_fd, "cgroup.stat", O_RDONLY), -1);
	return 0;
}

static void service_registry_close(struct sense *s)
{
	drop_fd(&s->registry.tree_fd);
	for (size_t i = 0; i < s->registry.count; i++) {
		service_entry_close(&s->registry.entries[i]);
		s->registry.entries[i].is_forced = true;
	}
}

static void service_registry_done(struct sense *s)
{
	drop_lists(&s->registry);
}

int service_registry_open(const struct sense *s, const struct service_entry *entry,
			  struct cgroup_dir *ret)
{
	struct cgroup_dir dir;
	int r = cgroup_dir_open(s->layout, entry->path, &dir);

	if (r < 0)
		return r == -ENODEV || r == -ENOTDIR || r == -ELOOP ? -ENOENT : r;
	if (dir.inode != entry->inode) {
		cgroup_dir_done(&dir);
		return -ENOENT;
	}
	*ret = dir;
	return 0;
}

/* Closes the gaps that marked entries leave; the order stays. */
static void remove_marked(struct sense *s)
{
	struct service_registry *r = &s->registry;
	size_t nodes = r->node_count, kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (r->entries[i].is_gone) {
			process_sensor_forget(s, &r->entries[i]);
			drop_entry(&r->entries[i]);
			continue;
		}
		if (kept != i) {
			r->entries[kept] = r->entries[i];
			r->services[kept] = r->services[i];
			memcpy(r->totals + kept * nodes, r->totals + i * nodes,
			       nodes * sizeof(*r->totals));
			memcpy(r->shares + kept * nodes, r->shares + i * nodes,
			       nodes * sizeof(*r->shares));
		}
		kept++;
	}
	r->count = kept;
	s->processes.is_crowd_stale = true;
	r->order++;
	service_entry_link(r->entries, kept);
	for (size_t i = 0; i < kept; i++)
		r->entries[i].is_changed = true;
	set_pointers(s);
}

void service_registry_sweep(struct sense *s)
{
	struct service_registry *r = &s->registry;
	bool any = false;

	for (size_t i = 0; i < r->count; i++) {
		struct service_entry *entry = &r->entries[i];
		struct service_entry *parent =
			entry->parent == NO_SERVICE ? NULL : &r->entries[entry->parent];

		/* Nothing lives on below a cgroup that was removed. */
		if (parent && parent->is_gone)
			entry->is_gone = true;
		else if (parent && entry->is_gone)
			inherit_gone_events(s, parent, entry);
		if (entry->is_gone)
			service_restarts_gone(s, entry);
		any |= entry->is_gone;
	}
	if (!any)
		return;
	remove_marked(s);
	r->is_changed = true;
}

void service_registry_rematch(struct sense *s)
{
	struct service_registry *r = &s->registry;

	r->is_due = true;
	for (size_t i = 0; i < r->count; i++) {
		int policy = s->policies ? policy_table_match(s->policies, r->entries[i].path) : -1;

		r->services[i].policy = policy;
		r->services[i].paused = is_paused(s, r->entries[i].path);
		r->entries[i].is_gone = policy < 0;
		r->entries[i].is_forced_list |= process_sensor_wants_scores(s, i);
		/* What is looked at of a service's settings goes by its policy. */
		r->entries[i].history.config_at = 0;
		r->entries[i].is_forced |=
			cpu_map_concerns(s, &r->services[i]) ||
			(policy >= 0 && s->policies->policies[policy].kill != KILL_NEVER);
	}
	service_sensor_force(s);
	remove_marked(s);
}

static void service_registry_gaps(const struct sense *s, struct gap_list *list)
{
	char text[sizeof(((struct sense_gap *)0)->text)];

	if (s->layout->tree == CGROUP_TREE_NONE) {
		gap_add(list,
			"service.*, mem.limit*, mem.protected: no cgroup hierarchy is mounted "
			"here, so no service can be seen");
		return;
	}
	if (s->layout->controllers[CGROUP_MEMORY] == CGROUP_ABSENT)
		gap_add(list, "service.*: the cgroups here have no memory controller; what memory "
			      "services have is not known");
	else if (s->layout->controllers[CGROUP_MEMORY] == CGROUP_V1)
		service_readings_v1_gaps(s, list);
	if (s->registry.unusable == 0)
		return;
	(void)snprintf(text, sizeof(text),
		       "services: %zu cgroups have control characters in their names and are not "
		       "looked at",
		       s->registry.unusable);
	gap_add(list, text);
}

const struct sensor service_registry_sensor = {
	.open = service_registry_reopen,
	.close = service_registry_close,
	.done = service_registry_done,
	.rescan = service_registry_rescan,
	.gaps = service_registry_gaps,
};
