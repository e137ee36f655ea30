/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A source of facts. A further one is a file and a row in the table of sense.c.
 */

#include "sense/sense.h"

struct gap_list {
	struct sense_gap *gaps;
	size_t count;
};

/* Adds a line; what exceeds SENSE_GAPS_MAX is left out. */
void gap_add(struct gap_list *list, const char *text);

/* Likewise "name, name: reason", in as many lines as it takes; none without names. */
void gap_add_metrics(struct gap_list *list, const enum metric_id *ids, size_t count,
		     const char *reason);

/* Any of them may be NULL. */
struct sensor {
	/* Opens what is kept open below sense->root, again after a change of root. Files that are
	 * not there are a gap, not a failure. -errno: out of memory. */
	int (*open)(struct sense *sense);
	void (*close)(struct sense *sense);
	/* Gives everything back, after close. */
	void (*done)(struct sense *sense);
	/* A calm round: may allocate. `housekeep`: also look at what hardly ever changes. */
	int (*rescan)(struct sense *sense, usec_t now, bool housekeep);
	void (*fast)(struct sense *sense, usec_t now);
	/* When fast() would do something that it has not done just now, if nothing happens and next
	 * to no memory is taken before then; now or earlier: with the next tick. Of a sensor that
	 * has a fast() and not this, that is always so. */
	usec_t (*due)(const struct sense *sense);
	void (*services)(struct sense *sense, usec_t now);
	void (*gaps)(const struct sense *sense, struct gap_list *list);
};
