/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/pressure_story.h"

#include "util/macro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t value_of(const struct reading *readings, enum metric_id id)
{
	struct reading r = readings[metric_index(id)];

	return r.state == READING_KNOWN ? r.value : 0;
}

static int64_t self_of(const struct service *service)
{
	return value_of(service->readings, METRIC_SERVICE_PSI_SELF);
}

static bool is_below(const char *path, const char *cgroup)
{
	size_t length = strlen(cgroup);

	return strncmp(path, cgroup, length) == 0 && path[length] == '/';
}

static bool is_held(const struct service *service)
{
	return self_of(service) == 0 && service->held_length > 0;
}

/* Does another service that is at a limit hold this one? */
static bool is_within(const struct snapshot *s, const struct service *service)
{
	for (size_t i = 0; i < s->service_count; i++)
		if ((self_of(&s->services[i]) > 0 || is_held(&s->services[i])) &&
		    is_below(service->path, s->services[i].path))
			return true;
	return false;
}

/* What it makes for itself weighs more than what it suffers. */
static bool ranks_before(const struct pressure_entry *a, const struct pressure_entry *b)
{
	if (a->self != b->self)
		return a->self > b->self;
	if (a->some != b->some)
		return a->some > b->some;
	return strcmp(a->service->path, b->service->path) < 0;
}

static void rank(struct pressure_story *story, struct pressure_entry entry)
{
	size_t i = story->count;

	if (story->count == PRESSURE_ENTRIES_MAX) {
		story->left_out++;
		if (!ranks_before(&entry, &story->entries[--i]))
			return;
	} else {
		story->count++;
	}
	for (; i > 0 && ranks_before(&entry, &story->entries[i - 1]); i--)
		story->entries[i] = story->entries[i - 1];
	story->entries[i] = entry;
}

void pressure_story_tell(const struct snapshot *snapshot, struct pressure_story *ret)
{
	const struct reading *host = snapshot->host.readings;
	struct pressure_story story = {
		.known = host[metric_index(METRIC_PSI_MEMORY_SOME)].state == READING_KNOWN,
		.some = value_of(host, METRIC_PSI_MEMORY_SOME),
		.full = value_of(host, METRIC_PSI_MEMORY_FULL),
	};

	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *service = &snapshot->services[i];
		struct pressure_entry entry = {
			.service = service,
			.self = self_of(service),
			.some = value_of(service->readings, METRIC_SERVICE_PSI_SOME),
		};

		if (entry.self == 0 && entry.some == 0)
			continue;
		entry.is_held = is_held(service);
		entry.is_within = (entry.self > 0 || entry.is_held) && is_within(snapshot, service);
		if (!entry.is_within) {
			attribution_add(&story.own, entry.is_held ? entry.some : entry.self);
			story.has_held |= entry.is_held;
		}
		rank(&story, entry);
	}
	*ret = story;
}

bool pressure_story_sum(const struct pressure_story *story, struct strbuf *out)
{
	int64_t least = attribution_least(&story->own, story->some);
	int64_t most = attribution_most(&story->own, story->some);

	if (!story->known || (story->some == 0 && story->count == 0))
		return false;
	strbuf_add(out, "some tasks were stalled for ");
	strbuf_add_permyriad(out, story->some);
	strbuf_add(out, " of the last 10 s");
	if (story->own.sum == 0) {
		strbuf_add(out, "; no service is at a limit of its own, so it is the host's");
		return true;
	}
	strbuf_add(out, story->has_held ? "; limits of services, or of cgroups above them, explain "
					: "; services at their own limits explain ");
	if (least != most) {
		strbuf_add_permyriad(out, least);
		strbuf_add(out, " to ");
	}
	strbuf_add_permyriad(out, most);
	strbuf_add(out,
		   story->some > most ? ", the host at least " : ", the host need have no part");
	if (story->some > most)
		strbuf_add_permyriad(out, story->some - most);
	return true;
}

void pressure_limit_text(const struct service *service, struct strbuf *out)
{
	static const struct {
		enum metric_id rate;
		enum metric_id limit;
		const char *name;
	} limits[] = {
		{ METRIC_SERVICE_EVENTS_HIGH_RATE, METRIC_SERVICE_HIGH, "memory.high" },
		{ METRIC_SERVICE_EVENTS_MAX_RATE, METRIC_SERVICE_MAX, "memory.max" },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct reading rate = service->readings[metric_index(limits[i].rate)];

		if (rate.state != READING_KNOWN || rate.value <= 0)
			continue;
		strbuf_addf(out, "%s %s of ", any ? " and" : "at its", limits[i].name);
		reading_format(service->readings[metric_index(limits[i].limit)], DIM_BYTES, out);
		strbuf_add(out, " (");
		reading_format(rate, DIM_COUNT_RATE, out);
		strbuf_add(out, ")");
		any = true;
	}
	if (!any)
		strbuf_add(out, "at its own limit");
}

void pressure_holder_text(const struct service *service, struct strbuf *out)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%.*s", (int)service->held_length, service->path);
	strbuf_add(out, "the cgroup above it, ");
	strbuf_add_name(out, path);
	strbuf_add(out, ", is at its limit");
}

void pressure_entry_text(const struct pressure_entry *entry, struct strbuf *out)
{
	strbuf_add_name(out, entry->service->name);
	if (entry->self == 0) {
		strbuf_add(out, " was stalled for ");
		strbuf_add_permyriad(out, entry->some);
		if (entry->is_held) {
			strbuf_add(out, ": ");
			pressure_holder_text(entry->service, out);
		} else {
			strbuf_add(out, ", at no limit of its own");
		}
		return;
	}
	strbuf_add(out, " makes ");
	strbuf_add_permyriad(out, entry->self);
	strbuf_add(out, " for itself, ");
	pressure_limit_text(entry->service, out);
	if (entry->is_within)
		strbuf_add(out, "; counted in the service that holds it");
}
