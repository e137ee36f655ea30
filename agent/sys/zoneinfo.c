/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/zoneinfo.h"

#include "sys/span.h"
#include "sys/sysroot.h"
#include "sys/zone_heading.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/*
 * The same name means different things in different parts of a zone's block: "high" is a watermark
 * below "pages free" and a list length below "pagesets"; nr_active_file is the node's in the
 * per-node block and, on kernels before 4.8, the zone's own among its counters. So the parser keeps
 * track of the part.
 */
enum part {
	PART_HEAD, /* per-node stats, where there are any */
	PART_MARKS,
	PART_COUNTERS,
	PART_PAGESETS,
};

enum {
	SAW_FREE = 1 << 0,
	SAW_MIN = 1 << 1,
	SAW_LOW = 1 << 2,
	SAW_HIGH = 1 << 3,
	SAW_SPANNED = 1 << 4,
	SAW_PRESENT = 1 << 5,
	SAW_PROTECTION = 1 << 6,
	SAW_NEEDED = (1 << 7) - 1,
	SAW_MANAGED = 1 << 7,
	SAW_END = 1 << 8, /* start_pfn, the last line of every populated zone in all eras */
	SAW_BAD = 1 << 9, /* a number that is none */
};

struct zone_state {
	struct zoneinfo_zone zone;
	enum part part;
	unsigned saw;
	bool started;
};

struct field {
	const char *name;
	size_t length;
	size_t offset;
	unsigned saw;
};

#define FIELD(text, member, bit)                                                    \
	{                                                                           \
		text, sizeof(text) - 1, offsetof(struct zoneinfo_zone, member), bit \
	}

static const struct field marks[] = {
	FIELD("boost", boost_pages, 0),
	FIELD("min", min_pages, SAW_MIN),
	FIELD("low", low_pages, SAW_LOW),
	FIELD("high", high_pages, SAW_HIGH),
	FIELD("spanned", spanned_pages, SAW_SPANNED),
	FIELD("present", present_pages, SAW_PRESENT),
	FIELD("managed", managed_pages, SAW_MANAGED),
	FIELD("cma", cma_pages, 0),
};

/* The first three are of kernels before 4.8, nr_unstable (NFS, before 5.8) is as little clean as
 * dirty. */
static const struct field counters[] = {
	FIELD("nr_active_file", active_file_pages, 0),
	FIELD("nr_inactive_file", inactive_file_pages, 0),
	FIELD("nr_dirty", unclean_pages, 0),
	FIELD("nr_writeback", unclean_pages, 0),
	FIELD("nr_unstable", unclean_pages, 0),
	FIELD("nr_zone_active_file", active_file_pages, 0),
	FIELD("nr_zone_inactive_file", inactive_file_pages, 0),
	FIELD("nr_zone_write_pending", unclean_pages, 0),
	FIELD("nr_free_cma", free_cma_pages, 0),
};

static const struct field *find_field(const struct field *fields, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (name.length == fields[i].length &&
		    memcmp(name.data, fields[i].name, fields[i].length) == 0)
			return &fields[i];
	return NULL;
}

static uint64_t *member(struct zoneinfo_zone *zone, const struct field *field)
{
	return (uint64_t *)(void *)((char *)zone + field->offset);
}

/* The one number that must follow. */
static bool take_number(struct zone_state *s, struct span rest, uint64_t *ret)
{
	struct span word, extra;

	if (span_next_word(&rest, &word) && !span_next_word(&rest, &extra) &&
	    span_u64(word, ret) == 0)
		return true;
	s->saw |= SAW_BAD;
	return false;
}

static void parse_mark(struct zone_state *s, struct span name, struct span rest)
{
	const struct field *field = find_field(marks, ARRAY_SIZE(marks), name);
	uint64_t value;

	if (!field || !take_number(s, rest, &value))
		return;
	*member(&s->zone, field) = value;
	s->saw |= field->saw;
	if (span_is(name, "cma"))
		s->zone.has_cma = true;
}

static void parse_counter(struct zone_state *s, struct span name, struct span rest)
{
	const struct field *field = find_field(counters, ARRAY_SIZE(counters), name);
	uint64_t value, *target;

	if (!field || !take_number(s, rest, &value))
		return;
	target = member(&s->zone, field);
	if (__builtin_add_overflow(*target, value, target))
		s->saw |= SAW_BAD;
	if (span_ends(name, "active_file"))
		s->zone.has_file_lru = true;
	if (span_is(name, "nr_free_cma"))
		s->zone.has_free_cma = true;
}

/* "(0, 447, 447, 447)" */
static void parse_protection(struct zone_state *s, struct span rest)
{
	struct span field;

	rest = span_trim(rest);
	if (!span_starts(rest, "(") || !span_ends(rest, ")") || rest.length < 2) {
		s->saw |= SAW_BAD;
		return;
	}
	rest = span_of(rest.data + 1, rest.length - 2);
	s->zone.protection_count = 0;
	while (span_next_field(&rest, ',', &field)) {
		unsigned i = s->zone.protection_count;

		if (i >= ZONEINFO_CLASSES_MAX ||
		    span_u64(span_trim(field), &s->zone.protection[i]) < 0) {
			s->saw |= SAW_BAD;
			return;
		}
		s->zone.protection_count++;
	}
	s->saw |= SAW_PROTECTION;
}

static void parse_tail(struct zone_state *s, struct span name, struct span rest)
{
	uint64_t value;

	if (span_is(name, "cpu:")) {
		s->zone.pageset_cpus++;
	} else if (span_is(name, "vm") && span_starts(span_trim(rest), "stats threshold:")) {
		rest = span_skip(span_trim(rest), strlen("stats threshold:"));
		if (take_number(s, rest, &value))
			s->zone.stat_threshold_pages = MAX_OF(s->zone.stat_threshold_pages, value);
	} else if (span_is(name, "node_unreclaimable:") || span_is(name, "all_unreclaimable:")) {
		if (take_number(s, rest, &value))
			s->zone.unreclaimable = value > 0;
	} else if (span_is(name, "free_highatomic:")) {
		if (take_number(s, rest, &s->zone.free_highatomic_pages))
			s->zone.has_highatomic = true;
	} else if (span_is(name, "start_pfn:")) {
		if (take_number(s, rest, &value))
			s->saw |= SAW_END;
	}
}

static void parse_line(struct zone_state *s, struct span line)
{
	struct span name, second;

	line = span_skip_blanks(line);
	/* Half of the file are the node's own lines, and none of them begins as the zone's first.
	 */
	if (s->part == PART_HEAD && (line.length == 0 || line.data[0] != 'p'))
		return;
	if (!span_next_word(&line, &name))
		return;
	if (span_is(name, "pages") && span_starts(span_trim(line), "free")) {
		span_next_word(&line, &second);
		s->part = PART_MARKS;
		if (take_number(s, line, &s->zone.free_pages))
			s->saw |= SAW_FREE;
	} else if (s->part == PART_HEAD) {
		return;
	} else if (span_is(name, "protection:")) {
		s->part = PART_COUNTERS;
		parse_protection(s, line);
	} else if (span_is(name, "pagesets")) {
		s->part = PART_PAGESETS;
	} else if (name.length >= 3 && memcmp(name.data, "nr_", 3) == 0) {
		if (s->part == PART_MARKS)
			s->part = PART_COUNTERS;
		if (s->part == PART_COUNTERS)
			parse_counter(s, name, line);
	} else if (s->part == PART_MARKS) {
		parse_mark(s, name, line);
	} else {
		parse_tail(s, name, line);
	}
}

/* "Node 0, zone    DMA32" */
static bool parse_header(struct span line, struct zoneinfo_zone *ret)
{
	*ret = (struct zoneinfo_zone){ 0 };
	return zone_heading_take(&line, &ret->node, ret->name, sizeof(ret->name));
}

/* The boost may change between the kernel's printing of it and of the marks that include it. */
static void take_boost_off(struct zoneinfo_zone *zone)
{
	zone->boost_pages = MIN_OF(zone->boost_pages, zone->min_pages);
	zone->min_pages -= zone->boost_pages;
	zone->low_pages -= MIN_OF(zone->boost_pages, zone->low_pages);
	zone->high_pages -= MIN_OF(zone->boost_pages, zone->high_pages);
}

static void finish(struct zone_state *s, struct zoneinfo *info)
{
	if (!s->started)
		return;
	s->started = false;
	s->zone.populated = s->zone.present_pages > 0;
	if ((s->saw & SAW_NEEDED) != SAW_NEEDED || (s->saw & SAW_BAD) ||
	    (s->zone.populated && !(s->saw & SAW_END))) {
		info->truncated = true;
		return;
	}
	if (!(s->saw & SAW_MANAGED))
		s->zone.managed_pages = s->zone.present_pages;
	take_boost_off(&s->zone);
	if (info->count < info->capacity)
		info->zones[info->count++] = s->zone;
	info->needed++;
}

int zoneinfo_parse(const char *text, size_t length, struct zoneinfo *ret)
{
	struct span rest = span_of(text, length), line;
	struct zoneinfo info = { .zones = ret->zones, .capacity = ret->capacity };
	struct zone_state s = { 0 };

	while (span_next_line(&rest, &line)) {
		if (span_starts(line, "Node ")) {
			finish(&s, &info);
			s = (struct zone_state){ 0 };
			s.started = parse_header(line, &s.zone);
			if (!s.started)
				info.truncated = true;
		} else if (s.started) {
			parse_line(&s, line);
		}
	}
	finish(&s, &info);
	if (rest.length > 0)
		info.truncated = true;
	if (info.needed == 0)
		return -EINVAL;
	*ret = info;
	return 0;
}

int zoneinfo_open(const struct sysroot *root)
{
	return sysroot_open_file(root, "proc/zoneinfo");
}
