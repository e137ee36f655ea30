/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/service_story.h"

#include "explain/pressure_story.h"
#include "util/macro.h"

#include <inttypes.h>
#include <string.h>

static struct reading get(const struct service *service, enum metric_id id)
{
	return service->readings[metric_index(id)];
}

static int64_t known_or_zero(const struct service *service, enum metric_id id)
{
	struct reading r = get(service, id);

	return r.state == READING_KNOWN ? r.value : 0;
}

static void add(const struct service *service, enum metric_id id, struct strbuf *out)
{
	reading_format(get(service, id), metric_get(id)->dimension, out);
}

bool service_is_group(const struct service *service)
{
	return known_or_zero(service, METRIC_SERVICE_OOM_GROUP) > 0;
}

static bool tell_memory(const struct service *service, struct strbuf *out)
{
	static const struct {
		enum metric_id id;
		const char *what;
	} parts[] = {
		{ METRIC_SERVICE_ANON, "anonymous" },
		{ METRIC_SERVICE_SHMEM, "tmpfs or shared" },
		{ METRIC_SERVICE_FILE, "file cache" },
		{ METRIC_SERVICE_SLAB, "slab" },
		{ METRIC_SERVICE_DIRTY, "to be written" },
	};
	bool any = false;

	strbuf_add(out, "uses ");
	add(service, METRIC_SERVICE_CURRENT, out);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (known_or_zero(service, parts[i].id) <= 0)
			continue;
		strbuf_add(out, any ? ", " : ": ");
		add(service, parts[i].id, out);
		strbuf_addf(out, " %s", parts[i].what);
		any = true;
	}
	strbuf_add(out, "; swapped ");
	add(service, METRIC_SERVICE_SWAP, out);
	if (known_or_zero(service, METRIC_SERVICE_REFAULT_RATE) > 0) {
		strbuf_add(out, "; wants back at once what was taken from it: ");
		add(service, METRIC_SERVICE_REFAULT_RATE, out);
	}
	return true;
}

static bool holds(const char *cgroup, const char *path)
{
	size_t length = strlen(cgroup);

	return strncmp(path, cgroup, length) == 0 && path[length] == '/';
}

/* That of least room, not the lowest one: several may be of the same size. */
enum limit_owner service_limit_owner(const struct snapshot *snapshot, const struct service *service,
				     const struct service **ret)
{
	if (get(service, METRIC_SERVICE_LIMIT).state != READING_KNOWN)
		return LIMIT_NONE;
	if (service->limit_length == strlen(service->path))
		return LIMIT_OWN;
	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *other = &snapshot->services[i];

		if (strlen(other->path) == service->limit_length &&
		    holds(other->path, service->path)) {
			*ret = other;
			return LIMIT_SERVICE;
		}
	}
	return LIMIT_ABOVE;
}

static bool tell_limit(const struct snapshot *snapshot, const struct service *service,
		       struct strbuf *out)
{
	const struct service *owner;

	if (get(service, METRIC_SERVICE_LIMIT).state == READING_INFINITE) {
		strbuf_add(out, "no hard limit, neither of its own nor of a cgroup above it");
		return true;
	}
	switch (service_limit_owner(snapshot, service, &owner)) {
	case LIMIT_NONE:
		/* What cgroups above it allow is not known: its own limit is all there is to tell.
		 */
		strbuf_add(out, "limit of its own: ");
		add(service, METRIC_SERVICE_MAX, out);
		return true;
	case LIMIT_OWN:
		strbuf_add(out, "limit: ");
		add(service, METRIC_SERVICE_LIMIT, out);
		strbuf_add(out, ", its own");
		break;
	case LIMIT_SERVICE:
		strbuf_add(out, "limit: ");
		add(service, METRIC_SERVICE_LIMIT, out);
		strbuf_add(out, ", that of ");
		strbuf_add_name(out, owner->path);
		strbuf_add(out, " and all that is in it");
		break;
	case LIMIT_ABOVE:
		strbuf_add(out, "limit: ");
		add(service, METRIC_SERVICE_LIMIT, out);
		strbuf_add(out, ", that of a cgroup above it and all that is in it");
		break;
	}
	strbuf_add(out, "; left: ");
	add(service, METRIC_SERVICE_HEADROOM, out);
	if (get(service, METRIC_SERVICE_TIME_TO_LIMIT).state == READING_KNOWN) {
		strbuf_add(out, ", used up in ");
		add(service, METRIC_SERVICE_TIME_TO_LIMIT, out);
	}
	return true;
}

static bool tell_high(const struct service *service, struct strbuf *out)
{
	if (get(service, METRIC_SERVICE_HIGH).state != READING_KNOWN)
		return false;
	strbuf_add(out, "throttled above ");
	add(service, METRIC_SERVICE_HIGH, out);
	strbuf_add(out, " (memory.high)");
	return true;
}

static bool tell_protection(const struct service *service, struct strbuf *out)
{
	bool min = known_or_zero(service, METRIC_SERVICE_MIN) > 0;
	bool low = known_or_zero(service, METRIC_SERVICE_LOW) > 0;

	if (!min && !low)
		return false;
	strbuf_add(out, "kept from reclaim: ");
	if (min) {
		add(service, METRIC_SERVICE_MIN, out);
		strbuf_add(out, " always");
	}
	if (low) {
		strbuf_add(out, min ? ", " : "");
		add(service, METRIC_SERVICE_LOW, out);
		strbuf_add(out, " while others have any");
	}
	return true;
}

static bool tell_stalls(const struct service *service, struct strbuf *out)
{
	int64_t some = known_or_zero(service, METRIC_SERVICE_PSI_SOME);
	int64_t self = known_or_zero(service, METRIC_SERVICE_PSI_SELF);

	if (some <= 0 && self <= 0)
		return false;
	strbuf_add(out, "stalled for memory in the last 10 s: ");
	add(service, METRIC_SERVICE_PSI_SOME, out);
	strbuf_add(out, " of the time some tasks, ");
	add(service, METRIC_SERVICE_PSI_FULL, out);
	strbuf_add(out, " all");
	if (self > 0) {
		strbuf_add(out, "; that is its own making, ");
		pressure_limit_text(service, out);
		strbuf_add(out, ", and no memory elsewhere would help");
	} else if (service->held_length > 0) {
		strbuf_add(out, "; ");
		pressure_holder_text(service, out);
		strbuf_add(out, ", and no memory outside of that would help");
	} else if (get(service, METRIC_SERVICE_PSI_SELF).state == READING_KNOWN) {
		strbuf_add(out, "; it is at no limit of its own, so the host is short of memory");
	}
	return true;
}

static bool tell_events(const struct service *service, struct strbuf *out)
{
	static const struct {
		enum metric_id id;
		const char *what;
	} events[] = {
		{ METRIC_SERVICE_EVENTS_HIGH, "throttled at memory.high" },
		{ METRIC_SERVICE_EVENTS_MAX, "ran into its limit" },
		{ METRIC_SERVICE_EVENTS_OOM, "out of memory at its limit" },
		{ METRIC_SERVICE_OOM_KILLS, "killed by the kernel" },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (known_or_zero(service, events[i].id) <= 0)
			continue;
		strbuf_addf(out, "%s%s: %" PRId64, any ? ", " : "since it began: ", events[i].what,
			    known_or_zero(service, events[i].id));
		any = true;
	}
	return any;
}

static bool tell_group(const struct service *service, struct strbuf *out)
{
	struct reading processes = get(service, METRIC_SERVICE_PROCESSES);

	if (!service_is_group(service))
		return false;
	strbuf_add(out, "memory.oom.group is set: when the kernel kills one of its processes it "
			"kills all of them");
	if (processes.state == READING_KNOWN)
		strbuf_addf(out, ", %" PRId64, processes.value);
	return true;
}

/* An owner's wish to be spared counts below what is that owner's as well (act/victim.h). */
static bool tell_mark(const struct service *service, struct strbuf *out)
{
	static const char *const words[] = {
		[MARK_PREFER] = "prefer: among those of its Kill= class it goes first",
		[MARK_AVOID] = "avoid: among those of its Kill= class it goes last",
		[MARK_OMIT] = "omit: it is not killed",
	};

	if (service->mark == MARK_NONE || service->mark >= ARRAY_SIZE(words))
		return false;
	strbuf_addf(out, "its control group is marked for killers, oomd_%s", words[service->mark]);
	if (!service->mark_by_root && service->mark != MARK_PREFER)
		strbuf_addf(out, " for what user %" PRIu32 " is short of, and not for the host",
			    service->cgroup_uid);
	return true;
}

bool service_story_line(const struct snapshot *snapshot, const struct service *service,
			enum service_line line, struct strbuf *out)
{
	switch (line) {
	case SERVICE_LINE_MEMORY:
		return tell_memory(service, out);
	case SERVICE_LINE_LIMIT:
		return tell_limit(snapshot, service, out);
	case SERVICE_LINE_HIGH:
		return tell_high(service, out);
	case SERVICE_LINE_PROTECTION:
		return tell_protection(service, out);
	case SERVICE_LINE_STALLS:
		return tell_stalls(service, out);
	case SERVICE_LINE_EVENTS:
		return tell_events(service, out);
	case SERVICE_LINE_GROUP:
		return tell_group(service, out);
	case SERVICE_LINE_MARK:
		return tell_mark(service, out);
	case SERVICE_LINE_COUNT_:
		break;
	}
	return false;
}
