/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A walk looks at every cgroup of the machine, so it is made when something shows that the tree
 * changed: the root's count of live and dying cgroups, a service that is found gone, new policies.
 * One cgroup that takes the place of another between two looks can leave the counts as they were,
 * so there is a walk without a reason now and then.
 */

#include "sense/service_registry.h"

#include "sense/guest_path.h"
#include "sense/service_walk.h"
#include "sense/state.h"
#include "sys/proc_pid.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#define WALK_USEC (60 * USEC_PER_SEC)
/* Where the kernel does not count cgroups. */
#define BLIND_WALK_USEC (5 * USEC_PER_SEC)
/* So many services make walks a second further apart. */
#define WALK_COUNT 500
/* As long as a path can be that the kernel takes. */
#define OWN_PATH_BYTES 4096

/* cgroups in which the agent must not kill: its own and PID 1's. Empty: not known, or a fixture. */
struct own_paths {
	char paths[2][OWN_PATH_BYTES];
};

static void read_own_path(const struct sense *s, pid_t pid, char path[OWN_PATH_BYTES])
{
	_cleanup_(closep) int fd = -1;
	const char *subtree = s->layout->v2.subtree;
	size_t length;

	path[0] = '\0';
	if (!s->root->live)
		return;
	fd = proc_pid_open(s->root, pid);
	if (fd < 0 || proc_cgroup_read(fd, NULL, path, OWN_PATH_BYTES) <= 0) {
		path[0] = '\0';
		return;
	}
	/* Where a part of the hierarchy is mounted, paths count from that part. */
	subtree += strspn(subtree, "/");
	length = strlen(subtree);
	if (length > 0 && strncmp(path, subtree, length) == 0 && path[length] == '/')
		memmove(path, path + length + 1, strlen(path + length + 1) + 1);
}

static bool holds_own(const struct own_paths *own, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(own->paths); i++)
		if (strcmp(own->paths[i], path) == 0 || service_path_is_below(own->paths[i], path))
			return true;
	return false;
}

static void init_service(const struct sense *s, const struct own_paths *own,
			 struct service_entry *entry, struct service *service)
{
	entry->path_guest = guest_path_parse(entry->path, entry->name, sizeof(entry->name));
	*service = (struct service){
		.inode = entry->inode,
		.policy = policy_table_match(s->policies, entry->path),
		.protected_unit = policy_is_protected_unit(entry->path),
		.is_self = holds_own(own, entry->path),
		.guest = entry->path_guest,
	};
}

static void inherit_gone_events(struct service_entry *parent, const struct service_entry *gone)
{
	for (int i = 0; i < MEMORY_EVENT_COUNT_; i++)
		parent->gone_events[i] += gone->totals.events.values[i];
}

/* Moves what is known of a service that is still the same into its new place. */
static void carry_over(struct service_entry *old, const struct service *old_service,
		       struct service_entry *new, struct service *new_service)
{
	struct service_entry entry = *old;
	struct service service = *old_service;

	entry.path = new->path;
	entry.parent = new->parent;
	*new = entry;
	service.policy = new_service->policy;
	service.is_self = new_service->is_self;
	*new_service = service;

	old->is_carried = true;
	old->dir_fd = -1;
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++)
		old->files[i] = -1;
}

bool service_registry_has_shares(const struct sense *s)
{
	return s->registry.generation == s->nodes.generation;
}

static void set_pointers(struct sense *s)
{
	struct service_registry *r = &s->registry;

	for (size_t i = 0; i < r->count; i++) {
		struct service *service = &r->services[i];

		service->path = r->entries[i].path;
		service->name = r->entries[i].name;
		service->shares =
			r->entries[i].totals.shares_known ? r->shares + i * r->node_count : NULL;
	}
	s->snapshot.services = r->services;
	s->snapshot.service_count = r->count;
}

/* What was below a service that stays, and is there no more. What lay below that again is in its
 * counters already. */
static void leave_events_behind(const struct service_registry *old, struct service_registry *new)
{
	for (size_t i = 0; i < old->count; i++) {
		const struct service_entry *gone = &old->entries[i], *parent;
		size_t heir;

		if (gone->is_carried || gone->parent == NO_SERVICE)
			continue;
		parent = &old->entries[gone->parent];
		heir = service_entry_find(new->entries, new->count, parent->path);
		if (parent->is_carried && heir != NO_SERVICE)
			inherit_gone_events(&new->entries[heir], gone);
	}
}

static void carry_all(struct service_registry *old, struct service_registry *new)
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
	leave_events_behind(old, new);
}

static void drop_lists(struct service_registry *r)
{
	for (size_t i = 0; i < r->count; i++)
		service_entry_done(&r->entries[i]);
	free(r->entries);
	free(r->services);
	free(r->totals);
	free(r->shares);
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
	r->totals = calloc(room * r->node_count, sizeof(*r->totals));
	r->shares = calloc(room * r->node_count, sizeof(*r->shares));
	if (r->entries && r->services && r->totals && r->shares)
		return 0;
	drop_lists(r);
	return -ENOMEM;
}

static void fill_lists(const struct sense *s, struct service_registry *r, struct harvest *h)
{
	struct own_paths own;

	read_own_path(s, getpid(), own.paths[0]);
	read_own_path(s, 1, own.paths[1]);
	r->count = h->count;
	for (size_t i = 0; i < h->count; i++) {
		service_entry_init(&r->entries[i]);
		r->entries[i].path = TAKE_PTR(h->found[i].path);
		r->entries[i].inode = h->found[i].inode;
		/* Services may have come or gone below any of them. */
		r->entries[i].is_changed = true;
		init_service(s, &own, &r->entries[i], &r->services[i]);
	}
	service_entry_link(r->entries, r->count);
}

static bool is_as_before(const struct sense *s, const struct harvest *h)
{
	const struct service_registry *r = &s->registry;

	if (r->walks == 0 || h->count != r->count || !service_registry_has_shares(s))
		return false;
	for (size_t i = 0; i < h->count; i++)
		if (h->found[i].inode != r->entries[i].inode ||
		    strcmp(h->found[i].path, r->entries[i].path) != 0)
			return false;
	return true;
}

static int adopt(struct sense *s, struct harvest *h)
{
	struct service_registry new = s->registry;
	int r;

	s->registry.unusable = new.unusable = h->unusable;
	if (is_as_before(s, h))
		return 0;
	new.generation = s->nodes.generation;
	new.node_count = s->nodes.count;
	new.walks++;
	new.has_news = true;
	r = make_lists(&new, h->count);
	if (r < 0)
		return r;
	fill_lists(s, &new, h);
	carry_all(&s->registry, &new);
	drop_lists(&s->registry);
	s->registry = new;
	set_pointers(s);
	/* Two lists were there at once; the agent is to be small. */
	malloc_trim(0);
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
		n = sysroot_read_fd(s->registry.tree_fd, text, sizeof(text));
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
	if (age >= (counts->known ? WALK_USEC : BLIND_WALK_USEC))
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
	counts = read_tree_counts(s);
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
	if (s->layout->v2_fd >= 0)
		s->registry.tree_fd =
			MAX_OF(cgroup_open_file(s->layout->v2_fd, "cgroup.stat", O_RDONLY), -1);
	return 0;
}

static void service_registry_close(struct sense *s)
{
	if (s->registry.tree_fd >= 0)
		close(s->registry.tree_fd);
	s->registry.tree_fd = -1;
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
			service_entry_done(&r->entries[i]);
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
			inherit_gone_events(parent, entry);
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
		r->entries[i].is_gone = policy < 0;
	}
	remove_marked(s);
}

static void service_registry_gaps(const struct sense *s, struct gap_list *list)
{
	char text[sizeof(((struct sense_gap *)0)->text)];

	if (s->layout->v2_fd < 0) {
		gap_add(list,
			"service.*: no cgroup v2 hierarchy is mounted here, so no service can "
			"be seen");
		return;
	}
	if (s->layout->controllers[CGROUP_MEMORY] == CGROUP_V1)
		gap_add(list, "service.*: the memory controller is on cgroup v1 here; services are "
			      "found, what memory they have is not known");
	else if (s->layout->controllers[CGROUP_MEMORY] == CGROUP_ABSENT)
		gap_add(list,
			"service.*: the cgroup v2 hierarchy has no memory controller here; what "
			"memory services have is not known");
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
