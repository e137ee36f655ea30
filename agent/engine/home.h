/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where a service belongs, what keeps it from there, and whether it fits. What the facts say now:
 * what is made of it is placement's (engine/placement.h), which has the order of these too.
 */

#include "engine/calm.h"

/* A service that is looked at. */
struct placing {
	struct calm calm;
	struct place *place;
	struct idset allowed; /* nodes with memory that it may use */
	uint64_t total_bytes; /* that can be moved, on all nodes */
	bool may_set;	      /* its settings, and not only say it */
};

/* The node that the facts speak for, -1: none. False: they do not speak yet. */
bool home_find(const struct placing *p, int *ret_node);
/* Has its memory, or some of it, a home of its own each? */
bool home_has_several(const struct placing *p);
uint64_t home_bytes_of(const struct preference *preference);

/* What of it can be moved, on this node. */
uint64_t home_bytes_on(const struct placing *p, unsigned node);
/* May it use no other node? What it may still grow by counts there by then. */
bool home_is_bound_to(const struct placing *p, unsigned node);
/* What is still to find room on this node, and whether it does: beside what others need there. */
uint64_t home_missing_on(const struct placing *p, unsigned node);
bool home_fits_on(const struct placing *p, unsigned node);

/* What services that were given that home, or are on their way to it, still need there. */
uint64_t home_reserves(const struct engine *e, unsigned node);

/* Do its own memory policies bind it, or a cpuset that is none of its own: libvirt's of its
 * threads, a slice's? */
bool home_is_bound_by_others(const struct placing *p);
/* Are its settings those of its home? */
bool home_is_set(const struct placing *p);
/* Has somebody else said where it may live, and is that not just the home that it has? */
bool home_is_others(const struct placing *p);
