/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Watches of services' files and of the tree's directories. Each keeps an inode of about a kilobyte
 * in the kernel, and counts against what its user may have; so there is one descriptor for all of
 * a kind, and half of the allowance is left to others. Files and directories may take half of the
 * rest each: a huge tree must not take the events of services away.
 *
 * The kernel does not end the watch of a cgroup's file or directory that is removed, so whatever
 * a list does not name any more is taken back here.
 */

#include "sense/event_sensor.h"

#include "sense/state.h"
#include "sys/cgroup_layout.h"
#include "sys/watch.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* How often the loop looks whether cgroups came or went. */
#define TREE_USEC	 (1 * USEC_PER_SEC)
#define TREE_DANGER_USEC (250 * USEC_PER_MSEC)
/* A tree that is too large to be watched may have shrunk. */
#define TREE_RETRY_USEC (10 * USEC_PER_MIN)

static const char *const file_names[EVENT_FILE_COUNT] = { "memory.events", "cgroup.events" };
/* Whose turn it is to be listed as well: who came or went is in cgroup.events. */
#define FILE_OF_TASKS 1

void event_files_open(struct sense *s)
{
	struct event_sensor *e = &s->events;

	e->allowance = watch_allowance(s->root);
	e->is_exhausted = false;
	e->tree_retry_at = 0;
	/* v1 has no such files. */
	e->files_fd = s->layout->controllers[CGROUP_MEMORY] == CGROUP_V2 ? watch_open(s->root)
									 : -EOPNOTSUPP;
	e->files_error = MIN_OF(e->files_fd, 0);
	if (e->files_fd >= 0 && event_add(s, e->files_fd, EPOLLIN, EVENT_FILES, 0) < 0) {
		close(e->files_fd);
		e->files_error = e->files_fd = -1;
	}
	e->tree_fd = watch_open(s->root);
	e->is_tree_silent = false;
	if (e->tree_fd >= 0 &&
	    event_add(s, e->tree_fd, EPOLLIN | EPOLLONESHOT, EVENT_TREE, 0) < 0) {
		close(e->tree_fd);
		e->tree_fd = -1;
	}
}

void event_files_close(struct sense *s)
{
	struct event_sensor *e = &s->events;

	event_drop(s, &e->files_fd);
	event_drop(s, &e->tree_fd);
	e->file_count = e->dir_count = e->sorted_dirs = 0;
	e->is_incomplete = true;
	e->tree_watched = false;
	for (size_t i = 0; i < s->registry.count; i++)
		memset(s->registry.entries[i].event_wds, 0,
		       sizeof(s->registry.entries[i].event_wds));
}

/* --- services */

static bool is_watched(const struct service_entry *entry)
{
	for (size_t i = 0; i < EVENT_FILE_COUNT; i++)
		if (entry->event_wds[i] <= 0)
			return false;
	return true;
}

static void watch_service(struct sense *s, struct service_entry *entry, size_t *watched)
{
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };
	struct event_sensor *e = &s->events;

	if (is_watched(entry) || service_registry_open(s, entry, &dir) < 0)
		return;
	for (size_t i = 0; i < EVENT_FILE_COUNT; i++) {
		int r = WATCH_EXHAUSTED;

		if (entry->event_wds[i] > 0)
			continue;

		if (*watched < e->allowance / 2)
			r = watch_add(e->files_fd, dir.fd, file_names[i], IN_MODIFY,
				      &entry->event_wds[i]);
		if (r == WATCH_EXHAUSTED)
			e->is_exhausted = true;
		else if (r == 0)
			(*watched)++;
	}
}

static int compare_files(const void *a, const void *b)
{
	const struct event_file *x = a, *y = b;

	return x->wd < y->wd ? -1 : x->wd > y->wd;
}

static const struct event_file *find_file(const struct event_file *files, size_t count, int wd)
{
	const struct event_file key = { .wd = wd };

	return count == 0 ? NULL : bsearch(&key, files, count, sizeof(*files), compare_files);
}

int event_files_update(struct sense *s)
{
	struct event_sensor *e = &s->events;
	size_t room = MAX_OF(s->registry.count * EVENT_FILE_COUNT, (size_t)1), count = 0;
	_cleanup_(freep) struct event_file *files = NULL;

	if (e->files_fd < 0)
		return 0;
	files = calloc(room, sizeof(*files));
	if (!files)
		return -ENOMEM;
	e->is_exhausted = e->tree_retry_at != 0;
	e->is_incomplete = false;
	for (size_t i = 0; i < s->registry.count; i++)
		for (size_t k = 0; k < EVENT_FILE_COUNT; k++)
			count += s->registry.entries[i].event_wds[k] > 0;
	for (size_t i = 0; i < s->registry.count; i++) {
		watch_service(s, &s->registry.entries[i], &count);
		e->is_incomplete |= !is_watched(&s->registry.entries[i]);
	}
	count = 0;
	for (size_t i = 0; i < s->registry.count; i++)
		for (size_t k = 0; k < EVENT_FILE_COUNT; k++)
			if (s->registry.entries[i].event_wds[k] > 0)
				files[count++] = (struct event_file){
					.wd = s->registry.entries[i].event_wds[k],
					.place = (uint32_t)i,
				};
	qsort(files, count, sizeof(*files), compare_files);
	for (size_t i = 0; i < e->file_count; i++)
		if (!find_file(files, count, e->files[i].wd))
			watch_remove(e->files_fd, e->files[i].wd);
	free(e->files);
	e->files = TAKE_PTR(files);
	e->file_count = count;
	return 0;
}

static int which_file(const struct service_entry *entry, int wd)
{
	for (int i = 0; i < EVENT_FILE_COUNT; i++)
		if (entry->event_wds[i] == wd)
			return i;
	return -1;
}

/* Services may have moved to other places since the list was made. */
static void force_owner(struct sense *s, const struct event_file *file)
{
	struct service_registry *r = &s->registry;
	int which = -1;
	size_t i = file->place;

	if (i < r->count)
		which = which_file(&r->entries[i], file->wd);
	for (size_t k = 0; which < 0 && k < r->count; k++) {
		which = which_file(&r->entries[k], file->wd);
		i = k;
	}
	if (which >= 0)
		event_force(s, &r->entries[i], which == FILE_OF_TASKS);
}

static void take_file(void *context, const struct watch_event *event)
{
	struct sense *s = context;
	const struct event_file *file;

	if (event->wd < 0) {
		for (size_t i = 0; i < s->registry.count; i++)
			event_force(s, &s->registry.entries[i], false);
		return;
	}
	if (!(event->mask & IN_MODIFY))
		return;
	file = find_file(s->events.files, s->events.file_count, event->wd);
	if (file)
		force_owner(s, file);
}

void event_files_take(struct sense *s)
{
	(void)watch_read(s->events.files_fd, take_file, s);
}

/* --- the tree */

static int compare_dirs(const void *a, const void *b)
{
	const struct event_dir *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static struct event_dir *find_dir(struct event_sensor *e, uint64_t inode)
{
	const struct event_dir key = { .inode = inode };

	if (e->sorted_dirs == 0)
		return NULL;
	return bsearch(&key, e->dirs, e->sorted_dirs, sizeof(key), compare_dirs);
}

static void drop_dirs(struct event_sensor *e)
{
	for (size_t i = 0; i < e->dir_count; i++)
		watch_remove(e->tree_fd, e->dirs[i].wd);
	e->dir_count = e->sorted_dirs = 0;
}

void event_tree_begin(struct sense *s)
{
	struct event_sensor *e = &s->events;

	e->walk++;
	e->is_walk_complete = e->tree_fd >= 0 && s->now >= e->tree_retry_at;
	if (e->is_walk_complete)
		e->tree_retry_at = 0;
}

static bool make_room(struct event_sensor *e)
{
	size_t capacity = MAX_OF(e->dir_capacity * 2, (size_t)64);
	struct event_dir *dirs;

	if (e->dir_count < e->dir_capacity)
		return true;
	dirs = reallocarray(e->dirs, capacity, sizeof(*dirs));
	if (!dirs)
		return false;
	e->dirs = dirs;
	e->dir_capacity = capacity;
	return true;
}

/* Before the directory's children are listed, so that one that is made in between is either listed
 * or told of. */
bool event_tree_visit(struct sense *s, int dir_fd, const char *name, uint64_t inode)
{
	const uint32_t mask =
		IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ONLYDIR;
	struct event_sensor *e = &s->events;
	struct event_dir *known;
	int wd, r;

	if (!e->is_walk_complete)
		return false;
	known = find_dir(e, inode);
	if (known) {
		known->walk = e->walk;
		return false;
	}
	r = !make_room(e)		       ? -ENOMEM
	    : e->dir_count >= e->allowance / 2 ? WATCH_EXHAUSTED
					       : watch_add(e->tree_fd, dir_fd, name, mask, &wd);
	if (r == 0)
		e->dirs[e->dir_count++] = (struct event_dir){ inode, wd, e->walk };
	/* One that is gone already was told of by the one above it. */
	else if (r != -ENOENT)
		e->is_walk_complete = false;
	if (r == WATCH_EXHAUSTED)
		e->tree_retry_at = s->now + TREE_RETRY_USEC;
	return r == 0;
}

void event_tree_end(struct sense *s, bool is_whole)
{
	struct event_sensor *e = &s->events;
	size_t kept = 0;

	e->tree_watched = is_whole && e->is_walk_complete;
	/* Part of a tree is of no use, and others need watches too. */
	if (e->tree_retry_at != 0) {
		e->is_exhausted = true;
		drop_dirs(e);
	}
	for (size_t i = 0; i < e->dir_count; i++)
		if (e->tree_watched && e->dirs[i].walk != e->walk)
			watch_remove(e->tree_fd, e->dirs[i].wd);
		else
			e->dirs[kept++] = e->dirs[i];
	e->dir_count = e->sorted_dirs = kept;
	if (kept > 0)
		qsort(e->dirs, kept, sizeof(*e->dirs), compare_dirs);
}

/* What is written into a cgroup's files by whomever, and not told by memory.events. */
static const struct written {
	const char *name;
	bool is_tasks;	   /* who is in it; else a setting */
	bool is_inherited; /* what is below meets it too (service_bounds.h) */
} writtens[] = {
	{ .name = "cgroup.procs", .is_tasks = true },
	{ .name = "cpuset.cpus" },
	{ .name = "cpuset.mems" },
	{ .name = "io.max" },
	{ .name = "memory.high" },
	{ .name = "memory.limit_in_bytes", .is_inherited = true },
	{ .name = "memory.low", .is_inherited = true },
	{ .name = "memory.max", .is_inherited = true },
	{ .name = "memory.memsw.limit_in_bytes", .is_inherited = true },
	{ .name = "memory.min", .is_inherited = true },
	{ .name = "memory.oom.group" },
	{ .name = "memory.swap.max" },
	{ .name = "tasks", .is_tasks = true },
};

/* NULL: of no interest. */
static const struct written *find_written(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(writtens); i++)
		if (strcmp(name, writtens[i].name) == 0)
			return &writtens[i];
	return NULL;
}

static const struct event_dir *find_watch(const struct event_sensor *e, int wd)
{
	for (size_t i = 0; i < e->dir_count; i++)
		if (e->dirs[i].wd == wd)
			return &e->dirs[i];
	return NULL;
}

/* Of a service, or of a cgroup above one, which then limits it in another way. */
static void take_write(struct sense *s, const struct watch_event *event)
{
	const struct written *written = find_written(event->name);
	const struct event_dir *dir = written ? find_watch(&s->events, event->wd) : NULL;
	struct service_entry *entry = dir ? event_find(s, dir->inode, 0) : NULL;

	if (written && written->is_inherited)
		service_bounds_forget(s);
	if (!entry)
		return;
	if (!written->is_tasks)
		entry->history.config_at = 0;
	event_force(s, entry, written->is_tasks);
}

static void take_dir(void *context, const struct watch_event *event)
{
	struct sense *s = context;

	if (event->wd < 0)
		s->events.tree_watched = false;
	else if (event->mask & IN_MODIFY)
		take_write(s, event);
	/* Only marked: the walk is made in a calm round. */
	if (event->wd < 0 || event->mask & IN_ISDIR)
		s->registry.is_changed = true;
}

void event_tree_take(struct sense *s, usec_t now)
{
	struct event_sensor *e = &s->events;

	e->tree_at = now;
	e->is_tree_silent = true;
	if (watch_read(e->tree_fd, take_dir, s) < 0)
		e->tree_watched = false;
}

usec_t event_tree_due(const struct sense *s)
{
	return s->events.tree_at + (s->services.in_danger ? TREE_DANGER_USEC : TREE_USEC);
}

void event_tree_listen(struct sense *s, usec_t now)
{
	struct event_sensor *e = &s->events;

	if (!e->is_tree_silent || now < event_tree_due(s))
		return;
	e->is_tree_silent = false;
	event_rearm(s, e->tree_fd, EVENT_TREE);
}
