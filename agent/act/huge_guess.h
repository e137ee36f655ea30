/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Are the pages of a mapping huge? Where the kernel does not tell (before 6.7, sys/pagemap_scan.h)
 * it shows when one is moved by its first address: its last page has moved with it, or not. What
 * the first windows of a mapping were the others are taken for, and one of many is tried again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum huge_guess_state {
	HUGE_GUESS_OPEN,
	HUGE_GUESS_HUGE,
	HUGE_GUESS_SMALL,
};

struct huge_guess {
	enum huge_guess_state state;
	unsigned misses;     /* in a row */
	unsigned since;	     /* full windows since one was tried, of small ones */
	unsigned small_maps; /* in a row */
};

/* A new mapping. */
void huge_guess_begin(struct huge_guess *guess, uint64_t map_bytes);
/* Is the next full window to be tried by its first address? */
bool huge_guess_tries(struct huge_guess *guess);
/* Windows that moved whole, and such that did not. */
void huge_guess_learn(struct huge_guess *guess, size_t whole, size_t not_whole);
