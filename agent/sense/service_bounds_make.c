/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_bounds.h"

#include "core/slice.h"
#include "sense/state.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static void drop_bound(struct service_bounds *b, struct service_bound *bound)
{
	if (bound->current_fd >= 0) {
		close(bound->current_fd);
		b->kept--;
	}
	free(bound->path);
}

void service_bounds_drop(struct service_bounds *b)
{
	for (size_t i = 0; i < b->count; i++)
		drop_bound(b, &b->bounds[i]);
	free(b->bounds);
	b->bounds = NULL;
	b->count = 0;
	b->made = false;
}

struct making {
	struct service_bounds *old;
	struct service_bound *bounds;
	size_t count;
	size_t capacity;
};

static bool is_path(const struct service_bound *bound, const char *path, size_t length)
{
	return bound->path && strncmp(bound->path, path, length) == 0 &&
	       bound->path[length] == '\0';
}

/* What is known of it already, if anything is. */
static struct service_bound take_old(struct making *m, const char *path, size_t length)
{
	for (size_t i = 0; i < m->old->count; i++) {
		struct service_bound *old = &m->old->bounds[i], taken = *old;

		if (!is_path(old, path, length))
			continue;
		old->path = NULL;
		old->current_fd = -1;
		return taken;
	}
	return (struct service_bound){
		.path = strndup(path, length),
		.current_fd = -1,
		.max_bytes = CGROUP_INFINITY,
	};
}

static int add_bound(struct making *m, const char *path, size_t length, uint32_t up)
{
	if (m->count == m->capacity) {
		size_t capacity = MAX_OF(m->capacity * 2, (size_t)8);
		struct service_bound *bounds = reallocarray(m->bounds, capacity, sizeof(*bounds));

		if (!bounds)
			return -ENOMEM;
		m->bounds = bounds;
		m->capacity = capacity;
	}
	m->bounds[m->count] = take_old(m, path, length);
	if (!m->bounds[m->count].path)
		return -ENOMEM;
	m->bounds[m->count++].up = up;
	return 0;
}

static size_t parent_length(const char *path, size_t length)
{
	while (length > 0 && path[length - 1] != '/')
		length--;
	return length > 0 ? length - 1 : 0;
}

/* The place of the cgroup of this path, after that of those above it. Paths come in order, so what
 * is looked for was mostly added last. */
static int place_of(struct making *m, const char *path, size_t length, uint32_t *ret)
{
	uint32_t up = NO_BOUND;
	int r;

	for (size_t i = m->count; i-- > 0;)
		if (is_path(&m->bounds[i], path, length)) {
			*ret = (uint32_t)i;
			return 0;
		}
	if (length > 0) {
		r = place_of(m, path, parent_length(path, length), &up);
		if (r < 0)
			return r;
	}
	r = add_bound(m, path, length, up);
	if (r == 0)
		*ret = (uint32_t)m->count - 1;
	return r;
}

/* The slices of canaries, which need not be there yet. */
static int place_canaries(struct sense *s, struct making *m)
{
	const struct canary_sensor *c = &s->canaries;
	char path[PATH_MAX];
	struct strbuf b = STRBUF(path);
	int r = 0;

	for (size_t i = 0; i < c->count && r == 0; i++) {
		if (!c->statuses[i].slice[0])
			continue;
		strbuf_reset(&b);
		slice_add_path(c->statuses[i].slice, &b);
		r = place_of(m, path, b.length, &c->states[i].bound);
	}
	return r;
}

static int place_all(struct sense *s, struct making *m)
{
	uint32_t root;
	int r = place_of(m, "", 0, &root);

	for (size_t i = 0; i < s->registry.count && r == 0; i++) {
		struct service_entry *entry = &s->registry.entries[i];

		r = place_of(m, entry->path, parent_length(entry->path, strlen(entry->path)),
			     &entry->bound);
	}
	return r < 0 ? r : place_canaries(s, m);
}

int service_bounds_make(struct sense *s)
{
	struct service_bounds *b = &s->bounds;
	struct making m = { .old = b };
	int r = place_all(s, &m);

	service_bounds_drop(b);
	b->bounds = m.bounds;
	b->count = m.count;
	if (r < 0) {
		service_bounds_drop(b);
		return r;
	}
	b->order = s->registry.order;
	b->made = true;
	return 0;
}
