/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "util/strbuf.h"
#include "util/text.h"

static char buffer[128];

static const char *bytes(int64_t n)
{
	struct strbuf b = STRBUF(buffer);

	strbuf_add_bytes(&b, n);
	return buffer;
}

static const char *duration(usec_t n)
{
	struct strbuf b = STRBUF(buffer);

	strbuf_add_duration(&b, n);
	return buffer;
}

static const char *percent(int64_t n)
{
	struct strbuf b = STRBUF(buffer);

	strbuf_add_permyriad(&b, n);
	return buffer;
}

static const char *name(const char *n)
{
	struct strbuf b = STRBUF(buffer);

	strbuf_add_name(&b, n);
	return buffer;
}

TEST(bytes_in_iec_units)
{
	check_str(bytes(0), "0 B");
	check_str(bytes(1), "1 B");
	check_str(bytes(1023), "1023 B");
	check_str(bytes(1024), "1 KiB");
	check_str(bytes(1536), "1.5 KiB");
	check_str(bytes(1024 + 51), "1 KiB");
	check_str(bytes(1024 + 52), "1.1 KiB");
	check_str(bytes(-1536), "-1.5 KiB");
	check_str(bytes(1024 * 1024 - 1), "1 MiB");
	check_str(bytes(INT64_C(600) << 20), "600 MiB");
	check_str(bytes(INT64_C(5) << 40), "5 TiB");
	check_str(bytes(INT64_MAX), "8 EiB");
	check_str(bytes(INT64_MIN), "-8 EiB");
}

TEST(durations)
{
	check_str(duration(0), "0s");
	check_str(duration(300), "300us");
	check_str(duration(1500), "1.5ms");
	check_str(duration(1234), "1.23ms");
	check_str(duration(518064), "518ms");
	check_str(duration(500 * USEC_PER_MSEC), "500ms");
	check_str(duration(1500000), "1.5s");
	check_str(duration(1500499), "1.5s");
	check_str(duration(1505000), "1.51s");
	check_str(duration(91579000), "1min 32s");
	check_str(duration(59999999), "1min");
	check_str(duration(90 * USEC_PER_SEC), "1min 30s");
	check_str(duration(3600 * USEC_PER_SEC), "1h");
	check_str(duration(90061 * USEC_PER_SEC), "1d 1h 1min 1s");
	check_str(duration(USEC_INFINITY), "infinity");
	/* Not a value that anything has, but the last one before infinity must not wrap. */
	check_contains(duration(USEC_INFINITY - 1), "213503982d");
}

TEST(percentages)
{
	check_str(percent(1234), "12.34%");
	check_str(percent(1230), "12.3%");
	check_str(percent(1200), "12%");
	check_str(percent(1), "0.01%");
	check_str(percent(0), "0%");
	check_str(percent(-50), "-0.5%");
	check_str(percent(25000), "250%");
}

TEST(names_from_outside)
{
	check_str(name("machine-qemu\\x2d1\\x2ddb.scope"), "machine-qemu\\x2d1\\x2ddb.scope");
	check_str(name("foo) Z \n"), "foo) Z \\x0a");
	check_str(name("a\x7f\x1b[31m"), "a\\x7f\\x1b[31m");
	check_str(name("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
	check_str(name("\xff\xfe"), "\\xff\\xfe");
	check_str(name("a\xc3"), "a\\xc3");
	check_str(name("\xc0\xaf"), "\\xc0\\xaf");
	check_str(name("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	/* CSI as one character: a terminal may obey it. */
	check_str(name("\xc2\x9b"), "\\xc2\\x9b");
	check_str(name("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

TEST(every_byte_becomes_clean_text)
{
	for (int c = 1; c < 256; c++) {
		char one[2] = { (char)c, '\0' };

		check(text_is_clean_utf8(name(one)));
		check(buffer[0] != '\0');
	}
}

TEST(cuts_at_a_character)
{
	for (size_t size = 1; size < 10; size++) {
		char small[10];
		struct strbuf by_text = { .data = small, .size = size };

		memset(small, 'x', sizeof(small));
		strbuf_reset(&by_text);
		strbuf_add(&by_text, "a\xe2\x82\xac\xe2\x82\xac");
		check(by_text.truncated == (size < 8));
		check_int(strlen(small), by_text.length);
		check(by_text.length < size);
		check(text_is_clean_utf8(small));

		strbuf_reset(&by_text);
		strbuf_addf(&by_text, "%s", "a\xe2\x82\xac\xe2\x82\xac");
		check(by_text.truncated == (size < 8));
		check_int(strlen(small), by_text.length);
		check(text_is_clean_utf8(small));

		strbuf_reset(&by_text);
		strbuf_add_name(&by_text, "a\n\n");
		check(by_text.truncated == (size < 10));
		check(by_text.length == (size < 2 ? 0 : size < 6 ? 1 : size < 10 ? 5 : 9));
	}
}

TEST(adds_nothing_behind_a_cut)
{
	char small[6];
	struct strbuf b = STRBUF(small);

	strbuf_add(&b, "a\xe2\x82\xac");
	strbuf_add(&b, "\xe2\x82\xac");
	check(b.truncated);
	strbuf_add_char(&b, 'z');
	strbuf_addf(&b, "%d", 1);
	check_str(small, "a\xe2\x82\xac");
	strbuf_reset(&b);
	check(!b.truncated);
	strbuf_add(&b, "12345");
	check(!b.truncated);
	check_str(small, "12345");
}

TEST(no_room_at_all)
{
	struct strbuf b = { 0 };

	strbuf_reset(&b);
	strbuf_add(&b, "x");
	strbuf_addf(&b, "%d", 1);
	strbuf_add_name(&b, "\n");
	check(b.truncated);
	check_int(b.length, 0);
}

TEST(counts_are_grouped)
{
	static const struct {
		int64_t count;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ -78160, "-78,160" },
		{ 1000001, "1,000,001" },
		{ INT64_MIN, "-9,223,372,036,854,775,808" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		struct strbuf b = STRBUF(text);

		strbuf_add_count(&b, cases[i].count);
		check_str(text, cases[i].text);
	}
}
