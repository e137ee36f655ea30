/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lines of a file of any length through a buffer of fixed size: maps and numa_maps of a large guest
 * have megabytes that nobody wants in memory at once. A line longer than the buffer comes back cut,
 * marked so, and its rest is skipped.
 */

#include "sys/span.h"

#define LINE_READER_BYTES 16384

struct line_reader {
	int fd; /* not owned */
	bool at_end;
	bool skipping; /* the rest of a line that was returned cut */
	size_t begin;
	size_t end;
	char buffer[LINE_READER_BYTES];
};

void line_reader_init(struct line_reader *reader, int fd);
/* 1 and a line (valid until the next call), 0 at the end, -errno of read(2); -ESRCH when the
 * process that the file belongs to is gone. An unfinished last line is not returned. */
int line_reader_next(struct line_reader *reader, struct span *ret_line, bool *ret_cut);
