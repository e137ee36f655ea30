/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_walk.h"

#include "sense/service_bounds.h"
#include "sense/state.h"
#include "sys/cgroup_scan.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* To begin with: some 100 paths. */
#define PATHS_BYTES 4096

void service_entry_init(struct service_entry *entry)
{
	*entry = (struct service_entry){ .parent = NO_SERVICE, .bound = NO_BOUND, .dir_fd = -1 };
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++)
		entry->files[i] = -1;
}

void service_entry_close(struct service_entry *entry)
{
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++)
		drop_fd(&entry->files[i]);
	drop_fd(&entry->dir_fd);
}

void harvest_done(struct harvest *h)
{
	free(h->found);
	free(h->paths);
	*h = (struct harvest){ 0 };
}

ssize_t harvest_add_text(struct harvest *h, const char *text)
{
	size_t length = strlen(text) + 1, at = h->paths_length;

	if (h->paths_capacity - at < length) {
		size_t capacity = MAX_OF(h->paths_capacity * 2, (size_t)PATHS_BYTES) + length;
		char *paths = realloc(h->paths, capacity);

		if (!paths)
			return -ENOMEM;
		h->paths = paths;
		h->paths_capacity = capacity;
	}
	memcpy(h->paths + at, text, length);
	h->paths_length += length;
	return (ssize_t)at;
}

struct walk {
	struct sense *sense;
	struct harvest *harvest;
};

static int add_found(struct harvest *h, const char *path, uint64_t inode)
{
	ssize_t at;

	if (h->count == h->capacity) {
		size_t capacity = MAX_OF(h->capacity * 2, (size_t)64);
		struct found *found = reallocarray(h->found, capacity, sizeof(*found));

		if (!found)
			return -ENOMEM;
		h->found = found;
		h->capacity = capacity;
	}
	at = harvest_add_text(h, path);
	if (at < 0)
		return (int)at;
	h->found[h->count++] = (struct found){ .at = (size_t)at, .inode = inode };
	return 0;
}

static int look_at(void *context, const char *path, uint64_t inode)
{
	struct walk *w = context;

	if (policy_table_match(w->sense->policies, path) < 0)
		return 0;
	return add_found(w->harvest, path, inode);
}

static bool watch(void *context, int dir_fd, const char *name, uint64_t inode)
{
	struct walk *w = context;

	return event_tree_visit(w->sense, dir_fd, name, inode);
}

/* A path's descendants come right behind it, whatever characters sort below the slash. */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	if (*a == *b)
		return 0;
	if (*a == '\0' || *b == '\0')
		return *a == '\0' ? -1 : 1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int compare_found(const void *a, const void *b, void *paths)
{
	const struct found *x = a, *y = b;
	const char *text = paths;

	return compare_paths(text + x->at, text + y->at);
}

bool service_path_is_below(const char *path, const char *above)
{
	size_t length = strlen(above);

	return strncmp(path, above, length) == 0 && path[length] == '/';
}

/* In this order the nearest service above is the last one seen, or above that one. */
void service_entry_link(struct service_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t above = i > 0 ? i - 1 : NO_SERVICE;

		while (above != NO_SERVICE &&
		       !service_path_is_below(entries[i].path, entries[above].path))
			above = entries[above].parent;
		entries[i].parent = above;
	}
}

size_t service_entry_find(const struct service_entry *entries, size_t count, const char *path)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_paths(entries[middle].path, path);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NO_SERVICE;
}

int service_walk(struct sense *s, struct harvest *h)
{
	struct walk walk = { .sense = s, .harvest = h };
	const struct cgroup_scan scan = { .each = look_at, .visit = watch, .context = &walk };
	int r;

	if (s->layout->tree == CGROUP_TREE_NONE || !s->policies || s->policies->count == 0)
		return 0;
	event_tree_begin(s);
	r = cgroup_scan(s->layout, &scan, &h->unusable);
	event_tree_end(s, r == 0);
	if (r < 0)
		return r;
	if (h->count > 0)
		qsort_r(h->found, h->count, sizeof(*h->found), compare_found, h->paths);
	return 0;
}
