/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a holder of memory (hold.c) and whoever moves it (move.c) tell each other, in memory that
 * both map.
 */

#include <stdatomic.h>
#include <stdint.h>

struct holder {
	/* Of the memory; `bytes` is set last, when all of it is there. */
	uint64_t address;
	_Atomic uint64_t bytes;
	/* Raised by whoever wants to know of a new window of time; followed by the holder, which
	 * then starts `longest_nsec` anew. */
	_Atomic uint64_t window;
	_Atomic uint64_t seen;
	/* Of what the holder does over and over: how often it was done, and the longest time that
	 * it took in this window. */
	_Atomic uint64_t rounds;
	_Atomic uint64_t longest_nsec;
};
