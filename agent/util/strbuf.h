/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Text built into a caller's buffer: never allocates, never overruns, always terminated. What does
 * not fit is cut at a character boundary and `truncated` is set.
 */

#include "util/macro.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char *data;
	size_t size;
	size_t length;
	bool truncated;
};

/* A buffer on the stack: char b[128]; struct strbuf s = STRBUF(b); */
#define STRBUF(array)                                                              \
	{                                                                          \
		.data = strbuf_start_(array, sizeof(array)), .size = sizeof(array) \
	}

static inline char *strbuf_start_(char *data, size_t size)
{
	if (size > 0)
		data[0] = '\0';
	return data;
}

void strbuf_reset(struct strbuf *b);
void strbuf_add(struct strbuf *b, const char *text);
void strbuf_add_char(struct strbuf *b, char c);
_printf_(2, 3) void strbuf_addf(struct strbuf *b, const char *format, ...);
/* A name from outside (cgroup, comm, command line): control characters, backslash-free invalid
 * UTF-8 and DEL become \xNN so that a log line stays one line and valid UTF-8. A backslash that is
 * already there stays as it is: systemd's own escapes are what an operator knows the unit by. */
void strbuf_add_name(struct strbuf *b, const char *name);
/* 1536 -> "1.5 KiB", 0 -> "0 B"; IEC units, one decimal at most, rounded to nearest. Negative
 * amounts carry a minus sign. */
void strbuf_add_bytes(struct strbuf *b, int64_t bytes);
/* 1500000 -> "1.5s", 300 -> "300us", 91.6 s -> "1min 32s", USEC_INFINITY -> "infinity". Rounded to
 * what a reader can use: three digits or so. */
void strbuf_add_duration(struct strbuf *b, usec_t usec);
/* 78160 -> "78,160". */
void strbuf_add_count(struct strbuf *b, int64_t count);
/* Hundredths of a percent: 1234 -> "12.34%", 1200 -> "12%". */
void strbuf_add_permyriad(struct strbuf *b, int64_t permyriad);
