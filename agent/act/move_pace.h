/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much of a move one call takes, and how long the target and the nodes are left alone after it.
 * Pure: fed with what calls took and how they went.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls of one size that are judged together, by the one in the middle. */
#define MOVE_PACE_CALLS 3

enum move_experiment {
	MOVE_NO_EXPERIMENT,
	MOVE_HALVED,
	MOVE_DOUBLED,
};

/* How much of one kind goes into a call: so many pages, or so many huge pages. */
struct move_size {
	size_t now;
	size_t least;
	size_t most;
	size_t step; /* it grows by so much */
	size_t room_least;
	unsigned count;
	usec_t recent[MOVE_PACE_CALLS];
	size_t grown_from; /* 0: it was not the last change */
	unsigned hold;	   /* calls for which it does not grow */
	/* Is it the size that makes calls long? */
	enum move_experiment experiment;
	size_t before;
	usec_t before_usec;
	unsigned keep; /* calls for which it is not asked again */
};

struct move_pace {
	bool is_calm;
	usec_t pause_usec; /* from the start of a call to that of the next, at least */
	size_t window_pages;
	struct move_size pages;
	struct move_size huge;
	unsigned rest_parts; /* sixteenths of what a portion took */
	usec_t rest_until;
	usec_t owed_usec; /* rests that were too short to be worth it */
};

struct move_call {
	bool huge;	   /* huge pages were named */
	size_t named;	   /* addresses */
	size_t tried;	   /* pages */
	size_t stayed;	   /* of them, because somebody holds them */
	usec_t call_usec;  /* the longest in the kernel */
	usec_t begun_usec; /* of the portion with all its calls */
	usec_t ended_usec;
};

/* Begins with two windows, or four huge pages, in a call; at most pages_max and huge_max. */
void move_pace_init(struct move_pace *pace, bool is_calm, usec_t pause_usec, size_t window_pages,
		    size_t pages_max, size_t huge_max);
void move_pace_note_call(struct move_pace *pace, const struct move_call *call);
/* How long to rest at this moment; 0: not now. */
usec_t move_pace_rest(struct move_pace *pace, usec_t now);
void move_pace_note_pressure(struct move_pace *pace, bool is_pressed);
/* For the next call, where the destination has room for so many pages above what it keeps. At least
 * 1. */
size_t move_pace_pages(const struct move_pace *pace, uint64_t room_pages);
size_t move_pace_huge(const struct move_pace *pace, uint64_t room_pages);
