/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/service_find.h"

#include "explain/unit_name.h"
#include "util/diag.h"
#include "util/macro.h"

#include <string.h>

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* How well the operand names the service; a guest's own name is as good as a unit's. */
static enum unit_match match(const struct service *s, const char *asked)
{
	enum unit_match best = unit_name_match(s->path, asked);

	return strcmp(s->name, asked) == 0 && best < UNIT_END ? UNIT_END : best;
}

/* Of cgroups in one another that hold what is asked for the innermost is meant. */
static bool is_closer(const struct service *a, const struct service *b, enum unit_match how)
{
	return how == UNIT_WITHIN && strlen(a->path) > strlen(b->path);
}

const struct service *service_find(const struct snapshot *s, const char *asked, size_t *ret_count)
{
	const struct service *found = NULL;
	enum unit_match best = UNIT_OTHER;
	size_t count = 0;

	for (size_t i = 0; i < s->service_count; i++) {
		const struct service *service = &s->services[i];
		enum unit_match how = match(service, asked);

		if (how == UNIT_OTHER || how < best)
			continue;
		if (how > best || is_closer(service, found, how)) {
			best = how;
			found = service;
			count = 1;
		} else if (how != UNIT_WITHIN) {
			count++;
		}
	}
	*ret_count = count;
	return found;
}

bool service_find_is_like(const struct service *service, const struct service *found,
			  const char *asked)
{
	return match(service, asked) == match(found, asked);
}

const char *service_find_nearest(const struct snapshot *s, const char *asked, const char *other)
{
	size_t count = 0;
	_cleanup_(freep) const char **names = calloc(2 * s->service_count + 1, sizeof(*names));

	if (!names)
		return NULL;
	if (other)
		names[count++] = other;
	for (size_t i = 0; i < s->service_count; i++) {
		names[count++] = s->services[i].name;
		names[count++] = last_component(s->services[i].path);
	}
	return diag_nearest(asked, names, count);
}
