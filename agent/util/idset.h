/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A set of small ids, in practice memory nodes. 1,024 is the largest node count a Linux kernel can
 * be built for (CONFIG_NODES_SHIFT=10), so a set is a fixed 128 bytes and never allocates. Node ids
 * may have gaps: never count from 0 to n, use idset_next().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDSET_BITS 1024

struct strbuf;

struct idset {
	uint64_t words[IDSET_BITS / 64];
};

void idset_clear(struct idset *s);
/* Ids of IDSET_BITS and above are ignored: no such node can exist. */
void idset_add(struct idset *s, unsigned id);
bool idset_has(const struct idset *s, unsigned id);
bool idset_is_empty(const struct idset *s);
bool idset_equal(const struct idset *a, const struct idset *b);
/* Every member of a is in b. */
bool idset_is_subset(const struct idset *a, const struct idset *b);
void idset_intersect(struct idset *a, const struct idset *b);
void idset_unite(struct idset *a, const struct idset *b);
unsigned idset_count(const struct idset *s);
/* The first member at or after `from`, or -1. Loop: for (i = idset_next(s, 0); i >= 0; i =
 * idset_next(s, (unsigned)i + 1)). */
int idset_next(const struct idset *s, unsigned from);

/* Reads the kernel's list format, "0-1,3"; an empty string or one newline is the empty set.
 * -EINVAL: not such a list; -ERANGE: an id of IDSET_BITS or above. *ret is written on success only.
 */
int idset_parse(const char *text, struct idset *ret);
/* Appends the list format. */
void idset_format(const struct idset *s, struct strbuf *out);
