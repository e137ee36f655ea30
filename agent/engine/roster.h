/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The subjects of one scope. Each keeps one slot while it lives, wherever it stands in the
 * snapshot, so that what is kept of it can be an array by slot. A round in which nothing came or
 * went costs one comparison a subject.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROSTER_NONE SIZE_MAX

struct roster {
	size_t capacity;
	uint64_t *keys; /* by slot */
	size_t *places; /* by slot: index in the snapshot, ROSTER_NONE: not in it */
	size_t *slots;	/* by place, as far as there is capacity: ROSTER_NONE: it has none */
	bool *taken;	/* by slot */
	size_t taken_count;
	size_t overflow; /* subjects of the last round that found no slot */
	uint32_t *table; /* slots by hash of their keys, plus one; 0: empty */
	size_t table_size;
};

/* The key of subject i of a snapshot. */
struct roster_source {
	uint64_t (*key)(const void *snapshot, size_t i);
	const void *snapshot;
	size_t count;
};

/* Never shrinks; slots keep their numbers. 0 or -ENOMEM, and then it is as before. */
int roster_reserve(struct roster *r, size_t capacity);
void roster_done(struct roster *r);

/* Finds everybody's place. False: the same subjects as before. True: some slot that is taken has no
 * place, which the caller frees with roster_release(), or somebody has no slot, which
 * roster_admit() gives; of subjects with equal keys the first counts. */
bool roster_find_all(struct roster *r, const struct roster_source *source);
void roster_release(struct roster *r, size_t slot);
/* Gives free slots to those without; `welcome` is called for each. */
void roster_admit(struct roster *r, const struct roster_source *source,
		  void (*welcome)(void *context, size_t slot), void *context);
/* The slot of the subject at this place, or ROSTER_NONE. */
size_t roster_slot_at(const struct roster *r, size_t place);
