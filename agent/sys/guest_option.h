/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The values that virtual machine monitors are given: "key=value,..." where a comma within a value
 * is doubled and the first key may be left out, or one JSON object. Nothing is allocated and no
 * byte trusted: what is not of the form ends the list.
 */

#include "sys/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_pair {
	struct span key; /* empty: left out */
	struct span value;
};

/* Takes the next pair of "a,b=c,d=e" off `text`. */
bool guest_pair_next(struct span *text, struct guest_pair *ret);

/* A value in either form. Open it, then take its properties; `implied` is the key that the first
 * one may leave out. */
struct guest_value {
	struct span text;
	bool json;
};

struct guest_value guest_value_open(struct span text);
bool guest_value_next(struct guest_value *value, const char *implied, struct guest_pair *ret);

/* With doubled commas made single. Cut where it does not fit. */
void guest_option_copy(struct span value, char *buffer, size_t size);
/* "512", "512M", "1.5G", "524288k"; a bare number is in units of `unit` (a suffix, or 0: bytes).
 * 0 for what is no size. */
uint64_t guest_option_size(struct span value, char unit);
bool guest_option_is_on(struct span value);
bool guest_option_contains(struct span value, const char *part);
/* Adds "0-1", "[0, 1]" to the set; the key may come several times. False when it cannot be read. */
bool guest_option_nodes(struct span value, struct idset *nodes);
