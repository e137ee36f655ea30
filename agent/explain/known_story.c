/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/known_story.h"

#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

static const char needs_second[] = "needs a second sample";
static const char needs_time[] = "was not looked at for long enough yet";

/* Letters of the name that `pattern` (not terminated) spells out; 0: it is another one. */
static size_t match_name(const char *pattern, size_t length, const char *name)
{
	if (length > 0 && pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0 ? length : 0;
	return strlen(name) == length && memcmp(pattern, name, length) == 0 ? length + 1 : 0;
}

const char *known_gap_reason(const char *line, const char *metric, size_t *ret_match)
{
	const char *end = strstr(line, ": "), *name = line;
	size_t best = 0;

	if (!end || !end[2])
		return NULL;
	while (name < end) {
		const char *comma = memmem(name, (size_t)(end - name), ", ", 2);
		const char *stop = comma ? comma : end;

		best = MAX_OF(best, match_name(name, (size_t)(stop - name), metric));
		name = comma ? comma + 2 : end;
	}
	if (best == 0)
		return NULL;
	*ret_match = best;
	return end + 2;
}

static const char *find_gap(const char *const *gaps, size_t count, const char *metric)
{
	const char *reason = NULL;
	size_t best = 0, match;

	for (size_t i = 0; i < count; i++) {
		const char *found = known_gap_reason(gaps[i], metric, &match);

		if (found && match > best) {
			best = match;
			reason = found;
		}
	}
	return reason;
}

/* Made from the difference between two looks at a counter or a level? */
static bool needs_two(enum metric_id id)
{
	switch (metric_get(id)->dimension) {
	case DIM_DURATION:
	case DIM_BYTE_RATE:
	case DIM_COUNT_RATE:
		return true;
	case DIM_COUNT:
	case DIM_BYTES:
	case DIM_PERCENT:
		break;
	}
	return id == METRIC_PSI_MEMORY_SOME_NOW || id == METRIC_PSI_MEMORY_FULL_NOW ||
	       id == METRIC_PSI_MEMORY_SOME_SHARED || id == METRIC_PSI_MEMORY_FULL_SHARED ||
	       id == METRIC_HOST_RECLAIM_EFFICIENCY;
}

/* Where no sensor names a reason. */
static const char *common_reason(const struct snapshot *snapshot, enum metric_id id,
				 size_t subjects)
{
	static const char *const nobody[SCOPE_COUNT_] = {
		[SCOPE_NODE] = "no memory node can be seen",
		[SCOPE_SERVICE] = "no service matches a policy",
		[SCOPE_CANARY] = "needs a [Canary NAME]",
	};

	if (subjects == 0 && nobody[metric_get(id)->scope])
		return nobody[metric_get(id)->scope];
	if (needs_two(id) && snapshot->single)
		return needs_second;
	if (id == METRIC_SERVICE_CONFINED || id == METRIC_NODE_CONFINED)
		return "where processes may allocate was not found out yet";
	if (id == METRIC_HOST_RECLAIM_EFFICIENCY)
		return "nothing was reclaimed in the last second";
	return needs_two(id) ? needs_time : "its source does not show it here";
}

static bool is_known(const struct reading *readings, enum metric_id id)
{
	return readings[metric_index(id)].state != READING_UNKNOWN;
}

void known_story_tell(const struct snapshot *snapshot, const char *const *gaps, size_t gap_count,
		      enum metric_id id, struct known_story *ret)
{
	struct known_story story = { 0 };

	switch (metric_get(id)->scope) {
	case SCOPE_HOST:
		story.subjects = 1;
		story.known = is_known(snapshot->host.readings, id);
		break;
	case SCOPE_NODE:
		story.subjects = snapshot->node_count;
		for (size_t i = 0; i < snapshot->node_count; i++)
			story.known += is_known(snapshot->nodes[i].readings, id);
		break;
	case SCOPE_SERVICE:
		story.subjects = snapshot->service_count;
		for (size_t i = 0; i < snapshot->service_count; i++)
			story.known += is_known(snapshot->services[i].readings, id);
		break;
	case SCOPE_CANARY:
		story.subjects = snapshot->canary_count;
		for (size_t i = 0; i < snapshot->canary_count; i++)
			story.known += is_known(snapshot->canaries[i].readings, id);
		break;
	case SCOPE_COUNT_:
		break;
	}
	if (story.known == 0 || story.known < story.subjects) {
		story.reason = find_gap(gaps, gap_count, metric_get(id)->name);
		if (!story.reason)
			story.reason = common_reason(snapshot, id, story.subjects);
	}
	*ret = story;
}

void known_story_text(const struct known_story *story, enum metric_id id, struct strbuf *out)
{
	if (story->known == 0) {
		strbuf_add(out, story->reason);
		return;
	}
	static const char *const subjects[SCOPE_COUNT_] = {
		[SCOPE_HOST] = "hosts",
		[SCOPE_NODE] = "nodes",
		[SCOPE_SERVICE] = "services",
		[SCOPE_CANARY] = "canaries",
	};

	strbuf_add(out, "yes");
	if (story->known < story->subjects)
		strbuf_addf(out, " (%zu of %zu %s)", story->known, story->subjects,
			    subjects[metric_get(id)->scope]);
}
