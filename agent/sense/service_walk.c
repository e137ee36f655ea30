/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_walk.h"

#include "sense/state.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* systemd, containers in containers and a guest's threads stay below ten. */
#define DEPTH_MAX 32
/* As long as a path can be that the kernel takes. */
#define WALK_PATH_BYTES 4096

void service_entry_init(struct service_entry *entry)
{
	*entry = (struct service_entry){ .parent = NO_SERVICE, .dir_fd = -1 };
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++)
		entry->files[i] = -1;
}

void service_entry_close(struct service_entry *entry)
{
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++) {
		if (entry->files[i] >= 0)
			close(entry->files[i]);
		entry->files[i] = -1;
	}
	if (entry->dir_fd >= 0)
		close(entry->dir_fd);
	entry->dir_fd = -1;
}

void service_entry_done(struct service_entry *entry)
{
	service_entry_close(entry);
	free(entry->path);
	entry->path = NULL;
}

void harvest_done(struct harvest *h)
{
	for (size_t i = 0; i < h->count; i++)
		free(h->found[i].path);
	free(h->found);
	*h = (struct harvest){ 0 };
}

struct walk {
	const struct sense *sense;
	struct harvest *harvest;
	char path[WALK_PATH_BYTES];
	size_t length;
	int dir_fd;
	unsigned depth;
};

static int add_found(struct walk *w, uint64_t inode)
{
	struct harvest *h = w->harvest;
	char *path;

	if (h->count == h->capacity) {
		size_t capacity = MAX_OF(h->capacity * 2, (size_t)64);
		struct found *found = reallocarray(h->found, capacity, sizeof(*found));

		if (!found)
			return -ENOMEM;
		h->found = found;
		h->capacity = capacity;
	}
	path = strdup(w->path);
	if (!path)
		return -ENOMEM;
	h->found[h->count++] = (struct found){ .path = path, .inode = inode };
	return 0;
}

static int walk_child(void *context, const char *name);

static int walk_children(struct walk *w, int dir_fd)
{
	int above = w->dir_fd, r;

	if (w->depth == DEPTH_MAX)
		return 0;
	w->dir_fd = dir_fd;
	w->depth++;
	r = cgroup_each_child(dir_fd, walk_child, w);
	w->depth--;
	w->dir_fd = above;
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int walk_child(void *context, const char *name)
{
	struct walk *w = context;
	size_t length = strlen(name), before = w->length;
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };
	int r;

	if (before + length + 2 > sizeof(w->path))
		return 0;
	r = cgroup_dir_open_child(w->sense->layout, w->dir_fd, name, &dir);
	if (r == -EINVAL)
		w->harvest->unusable++;
	/* Gone already, not to be looked into, or not to be named: it is nobody's service. */
	if (r == -ENOENT || r == -ENODEV || r == -EACCES || r == -EINVAL || r == -ELOOP ||
	    r == -ENOTDIR)
		return 0;
	if (r < 0)
		return r;
	if (before > 0)
		w->path[w->length++] = '/';
	memcpy(w->path + w->length, name, length + 1);
	w->length += length;
	r = 0;
	if (policy_table_match(w->sense->policies, w->path) >= 0)
		r = add_found(w, dir.inode);
	if (r == 0)
		r = walk_children(w, dir.fd);
	w->length = before;
	w->path[before] = '\0';
	return r;
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

static int compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return compare_paths(x->path, y->path);
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

int service_walk(const struct sense *s, struct harvest *h)
{
	_cleanup_(cgroup_dir_done) struct cgroup_dir root = { .fd = -1 };
	struct walk w = { .sense = s, .harvest = h };
	int r;

	if (s->layout->v2_fd < 0 || !s->policies || s->policies->count == 0)
		return 0;
	r = cgroup_dir_open(s->layout, "", &root);
	if (r < 0)
		return r;
	w.path[0] = '\0';
	r = walk_children(&w, root.fd);
	if (r < 0)
		return r;
	if (h->count > 0)
		qsort(h->found, h->count, sizeof(*h->found), compare_found);
	return 0;
}
