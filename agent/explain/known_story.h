/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Is a metric known on this machine, of how many of its subjects, and why not of the others. What a
 * machine cannot show its sensors say in lines "names: reason", names parted by ", ", where a name
 * may end in * for all metrics that begin so; this is the place where such a line is read.
 */

#include "core/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

struct known_story {
	size_t subjects;    /* of the metric's scope; the host is one */
	size_t known;	    /* subjects that it is known of, infinity included */
	const char *reason; /* why not of all; NULL where it is. Into a line, or static */
};

/* The reason in the line if it names the metric, else NULL; *ret_match is then how many letters of
 * the metric's name the line spells out: a longer one is the more precise. */
const char *known_gap_reason(const char *line, const char *metric, size_t *ret_match);

/* `gaps`: the lines of the sensors. */
void known_story_tell(const struct snapshot *snapshot, const char *const *gaps, size_t gap_count,
		      enum metric_id id, struct known_story *ret);

struct strbuf;
/* "yes", "yes (2 of 3 nodes)", or the reason. */
void known_story_text(const struct known_story *story, enum metric_id id, struct strbuf *out);
