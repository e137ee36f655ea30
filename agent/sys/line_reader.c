/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/line_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void line_reader_init(struct line_reader *reader, int fd)
{
	reader->fd = fd;
	reader->at_end = false;
	reader->skipping = false;
	reader->begin = 0;
	reader->end = 0;
}

/* 1: more is there, 0: the end, -errno. */
static int refill(struct line_reader *reader)
{
	ssize_t n;

	if (reader->at_end)
		return 0;
	memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
	reader->end -= reader->begin;
	reader->begin = 0;
	do
		n = read(reader->fd, reader->buffer + reader->end,
			 sizeof(reader->buffer) - reader->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0) {
		reader->at_end = true;
		return 0;
	}
	reader->end += (size_t)n;
	return 1;
}

/* The whole buffer holds no newline. */
static bool is_overlong(const struct line_reader *reader)
{
	return reader->begin == 0 && reader->end == sizeof(reader->buffer);
}

int line_reader_next(struct line_reader *reader, struct span *ret_line, bool *ret_cut)
{
	for (;;) {
		struct span text = span_of(reader->buffer + reader->begin,
					   reader->end - reader->begin),
			    line;
		int r;

		if (span_next_line(&text, &line)) {
			reader->begin += line.length + 1;
			if (reader->skipping) {
				reader->skipping = false;
				continue;
			}
			*ret_line = line;
			*ret_cut = false;
			return 1;
		}
		if (reader->skipping) {
			reader->begin = reader->end = 0;
		} else if (is_overlong(reader)) {
			*ret_line = text;
			*ret_cut = true;
			reader->begin = reader->end = 0;
			reader->skipping = true;
			return 1;
		}
		r = refill(reader);
		if (r <= 0)
			return r;
	}
}
