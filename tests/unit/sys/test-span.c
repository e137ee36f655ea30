/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/line_reader.h"
#include "sys/span.h"
#include "test.h"
#include "util/idset.h"

static struct span text(const char *s)
{
	return span_of(s, strlen(s));
}

TEST(an_unfinished_line_is_no_line)
{
	struct span rest = text("one\n\ntwo"), line;

	check(span_next_line(&rest, &line) && span_is(line, "one"));
	check(span_next_line(&rest, &line) && span_is(line, ""));
	check(!span_next_line(&rest, &line));
	check(span_is(rest, "two"));
	rest = span_of(NULL, 0);
	check(!span_next_line(&rest, &line));
}

TEST(words_and_fields)
{
	struct span rest = text("  a\tbc  "), word;

	check(span_next_word(&rest, &word) && span_is(word, "a"));
	check(span_next_word(&rest, &word) && span_is(word, "bc"));
	check(!span_next_word(&rest, &word));
	rest = text("x,,y");
	check(span_next_field(&rest, ',', &word) && span_is(word, "x"));
	check(span_next_field(&rest, ',', &word) && span_is(word, ""));
	check(span_next_field(&rest, ',', &word) && span_is(word, "y"));
	check(!span_next_field(&rest, ',', &word));
	check(span_is(span_trim(text(" \t mid dle ")), "mid dle"));
	check(span_is(span_skip(text("abc"), 9), ""));
}

TEST(numbers_fit_or_are_refused)
{
	uint64_t u = 7;
	int64_t i = 7;

	check_int(span_u64(text("18446744073709551615"), &u), 0);
	check(u == UINT64_MAX);
	u = 7;
	check_int(span_u64(text("18446744073709551616"), &u), -ERANGE);
	check_int(span_u64(text("99999999999999999999999999"), &u), -ERANGE);
	check_int(span_u64(text(""), &u), -EINVAL);
	check_int(span_u64(text("+1"), &u), -EINVAL);
	check_int(span_u64(text("-1"), &u), -EINVAL);
	check_int(span_u64(text("1 "), &u), -EINVAL);
	check_int(span_u64(text("0x1"), &u), -EINVAL);
	check_int(span_u64(span_of("1\0002", 3), &u), -EINVAL);
	check_int(u, 7);
	check_int(span_i64(text("-1000"), &i), 0);
	check_int(i, -1000);
	check_int(span_i64(text("9223372036854775808"), &i), -ERANGE);
	check_int(span_i64(text("--1"), &i), -EINVAL);
	check_int(span_i64(text("-"), &i), -EINVAL);
	check_int(i, -1000);
	check_int(span_hex(text("7fffFFFF00000000"), &u), 0);
	check(u == UINT64_C(0x7fffffff00000000));
	check_int(span_hex(text("10000000000000000"), &u), -ERANGE);
	check_int(span_hex(text("g"), &u), -EINVAL);
}

TEST(copies_are_whole_or_said_to_be_cut)
{
	char buffer[4];

	check(span_copy(text("abc"), buffer, sizeof(buffer)));
	check_str(buffer, "abc");
	check(!span_copy(text("abcd"), buffer, sizeof(buffer)));
	check_str(buffer, "abc");
	check(!span_copy(span_of("a\0b", 3), buffer, sizeof(buffer)));
	check(span_copy(span_of(NULL, 0), buffer, sizeof(buffer)));
	check_str(buffer, "");
}

TEST(node_lists)
{
	struct idset nodes;

	check_int(span_idset(text("0-1,3"), &nodes), 0);
	check_int(idset_count(&nodes), 3);
	check(span_idset(text("0-"), &nodes) < 0);
	check(span_idset(text("0-99999"), &nodes) < 0);
	check(span_idset(span_of("1\0", 2), &nodes) < 0);
	check_int(idset_count(&nodes), 3);
}

static int file_of(const char *data, size_t length)
{
	FILE *file = tmpfile();
	int fd;

	if (!file || fwrite(data, 1, length, file) != length || fflush(file) != 0)
		abort();
	fd = dup(fileno(file));
	fclose(file);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

TEST(lines_longer_than_the_buffer_are_cut_and_skipped)
{
	size_t length = 3 * LINE_READER_BYTES;
	_cleanup_(freep) char *data = malloc(length + 32);
	struct line_reader reader;
	struct span line;
	bool cut;
	int fd;

	memset(data, 'x', length);
	memcpy(data, "first\n", 6);
	memcpy(data + length, "\nlast\nunfinished", 16);
	fd = file_of(data, length + 16);
	line_reader_init(&reader, fd);
	check_int(line_reader_next(&reader, &line, &cut), 1);
	check(span_is(line, "first") && !cut);
	check_int(line_reader_next(&reader, &line, &cut), 1);
	check(cut);
	check_int(line.length, LINE_READER_BYTES);
	check_int(line_reader_next(&reader, &line, &cut), 1);
	check(span_is(line, "last") && !cut);
	check_int(line_reader_next(&reader, &line, &cut), 0);
	check_int(line_reader_next(&reader, &line, &cut), 0);
	close(fd);
}

TEST(lines_over_buffer_borders_stay_whole)
{
	_cleanup_(freep) char *data = malloc(1 << 20);
	struct line_reader reader;
	unsigned number = 0;
	size_t length = 0;
	struct span line;
	bool cut;
	int fd, r;

	for (unsigned i = 0; i < 20000; i++)
		length += (size_t)sprintf(data + length, "%u%.*s\n", i, (int)(i % 40),
					  "........................................");
	fd = file_of(data, length);
	line_reader_init(&reader, fd);
	while ((r = line_reader_next(&reader, &line, &cut)) > 0) {
		char expected[64];

		snprintf(expected, sizeof(expected), "%u%.*s", number, (int)(number % 40),
			 "........................................");
		check(!cut);
		check(span_is(line, expected));
		number++;
	}
	check_int(r, 0);
	check_int(number, 20000);
	close(fd);
}

TEST(a_read_error_is_reported)
{
	struct line_reader reader;
	struct span line;
	bool cut;

	line_reader_init(&reader, -1);
	check_int(line_reader_next(&reader, &line, &cut), -EBADF);
}
