/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the lab's programs share: options, time, and a status that survives their death. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USEC_PER_SEC 1000000u

/* Set by SIGTERM and SIGINT once stop_on_signals() was called. */
extern volatile sig_atomic_t stop_requested;
void stop_on_signals(void);
void ignore_stop_signals(void);

/* Prints "PROGRAM: MESSAGE: errno in words" (without the last part when @error is 0) and exits. */
__attribute__((noreturn, format(printf, 2, 3))) void die(int error, const char *format, ...);

/* Bytes from "600M", "64K", "2G" or "4096"; dies on anything else and on zero. */
uint64_t parse_bytes(const char *option, const char *text);
/* A plain number up to @limit; dies on anything else. */
unsigned parse_number(const char *option, const char *text, unsigned limit);

/* An option of a program, and where it goes: one of the pointers. */
struct program_option {
	const char *name;
	bool *flag; /* the one kind that takes no value */
	uint64_t *bytes;
	unsigned *number; /* up to `most` */
	unsigned most;
	const char **text;
	void (*read)(const char *option, const char *text, void *into); /* anything else */
	void *into;
};

struct program {
	const char *usage;
	const struct program_option *options;
	size_t count;
};

/* Beside these there is --help. Ends the program on that, and on what it does not know. */
void program_parse(const struct program *program, int argc, char **argv);
/* Prints the usage, and exits: something is missing. */
__attribute__((noreturn)) void program_misused(const struct program *program);

uint64_t now_usec(void);
/* Returns early when a signal asks to stop. */
void sleep_until_usec(uint64_t deadline_usec);

size_t page_bytes(void);

/*
 * A file of one line that is rewritten in place. Its only page exists from the start, so that a
 * write needs no memory, and what it says last is still there after the process was killed.
 * NULL as path: no status is kept.
 */
struct status {
	int fd;
};

struct status status_open(const char *path);
__attribute__((format(printf, 2, 3))) void status_write(struct status *status, const char *format,
							...);

/* The time between two calls of gap_tick(): the longest, and the sum of those that a user would
 * notice. */
#define GAP_NOTICED_USEC 100000u

struct gap {
	uint64_t ticks;
	uint64_t longest_usec;
	uint64_t stalled_usec;
	uint64_t last_usec;
};

/* The time since the call before; 0 at the first one. */
uint64_t gap_tick(struct gap *gap);
