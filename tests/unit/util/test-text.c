/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "util/text.h"

/* What a reader makes of a text: its value, or the error and that the result was left alone. */
#define READS(function, type, text, want)          \
	do {                                       \
		type v_ = 0;                       \
		check_int(function(text, &v_), 0); \
		check_int(v_, want);               \
	} while (0)
#define REFUSES(function, type, text, error)                                                  \
	do {                                                                                  \
		type v_ = 1;                                                                  \
		if (function(text, &v_) != (error))                                           \
			test_stop_(TEST_FAILED_, "%s:%d: \"%s\" is not refused with " #error, \
				   __FILE__, __LINE__, text);                                 \
		check_int(v_, 1);                                                             \
	} while (0)

static const char *const no_number[] = {
	"", "-1", "+1", " 1", "1 ", "0x10", "1a", "a", "1\n", "1.5"
};

TEST(whole_numbers)
{
	uint64_t largest = 0;
	int64_t least = 0;

	READS(text_to_u64, uint64_t, "0", 0);
	READS(text_to_u64, uint64_t, "010", 10);
	check_int(text_to_u64("18446744073709551615", &largest), 0);
	check(largest == UINT64_MAX);
	for (size_t i = 0; i < sizeof(no_number) / sizeof(no_number[0]); i++)
		REFUSES(text_to_u64, uint64_t, no_number[i], -EINVAL);
	REFUSES(text_to_u64, uint64_t, "18446744073709551616", -ERANGE);
	READS(text_to_i64, int64_t, "-5", -5);
	READS(text_to_i64, int64_t, "9223372036854775807", INT64_MAX);
	check_int(text_to_i64("-9223372036854775808", &least), 0);
	check(least == INT64_MIN);
	REFUSES(text_to_i64, int64_t, "9223372036854775808", -ERANGE);
	REFUSES(text_to_i64, int64_t, "-9223372036854775809", -ERANGE);
	REFUSES(text_to_i64, int64_t, "--5", -EINVAL);
	REFUSES(text_to_i64, int64_t, "-", -EINVAL);
}

TEST(truth)
{
	READS(text_to_bool, bool, "yes", true);
	READS(text_to_bool, bool, "On", true);
	READS(text_to_bool, bool, "1", true);
	READS(text_to_bool, bool, "false", false);
	READS(text_to_bool, bool, "0", false);
	REFUSES(text_to_bool, bool, "", -EINVAL);
	REFUSES(text_to_bool, bool, "yess", -EINVAL);
	REFUSES(text_to_bool, bool, "2", -EINVAL);
}

TEST(bytes)
{
	READS(text_to_bytes, uint64_t, "0", 0);
	READS(text_to_bytes, uint64_t, "512", 512);
	READS(text_to_bytes, uint64_t, "512B", 512);
	READS(text_to_bytes, uint64_t, "512K", 512 * 1024);
	READS(text_to_bytes, uint64_t, "1.5G", 3LL << 29);
	READS(text_to_bytes, uint64_t, "0.1K", 102);
	READS(text_to_bytes, uint64_t, "8T", 8LL << 40);
	READS(text_to_bytes, uint64_t, "7E", 7LL << 60);
	REFUSES(text_to_bytes, uint64_t, "16E", -ERANGE);
	REFUSES(text_to_bytes, uint64_t, "15.9999999999E", -ERANGE);
	REFUSES(text_to_bytes, uint64_t, "1.5", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "1.G", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, ".5G", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "1k", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "1KiB", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "1 G", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "-1G", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "G", -EINVAL);
	REFUSES(text_to_bytes, uint64_t, "10%", -EINVAL);
}

TEST(durations)
{
	usec_t forever = 0;

	READS(text_to_usec, usec_t, "0", 0);
	READS(text_to_usec, usec_t, "5", 5000000);
	READS(text_to_usec, usec_t, "500ms", 500000);
	READS(text_to_usec, usec_t, "0.25s", 250000);
	READS(text_to_usec, usec_t, "2 min", 120000000);
	READS(text_to_usec, usec_t, "10min", 600000000);
	READS(text_to_usec, usec_t, "1h 30min", 5400000000);
	READS(text_to_usec, usec_t, "1min30s", 90000000);
	READS(text_to_usec, usec_t, "20us", 20);
	READS(text_to_usec, usec_t, "20\xc2\xb5s", 20);
	READS(text_to_usec, usec_t, "1d", 86400000000);
	check_int(text_to_usec("infinity", &forever), 0);
	check(forever == USEC_INFINITY);
	REFUSES(text_to_usec, usec_t, "", -EINVAL);
	REFUSES(text_to_usec, usec_t, "5x", -EINVAL);
	REFUSES(text_to_usec, usec_t, "5s ", -EINVAL);
	REFUSES(text_to_usec, usec_t, " 5s", -EINVAL);
	REFUSES(text_to_usec, usec_t, "-5s", -EINVAL);
	REFUSES(text_to_usec, usec_t, "s", -EINVAL);
	REFUSES(text_to_usec, usec_t, "5s,1s", -EINVAL);
	REFUSES(text_to_usec, usec_t, "1G", -EINVAL);
	REFUSES(text_to_usec, usec_t, "600000y", -ERANGE);
	REFUSES(text_to_usec, usec_t, "18446744073709551615us", -ERANGE);
	REFUSES(text_to_usec, usec_t, "18446744073709551614us 1us", -ERANGE);
	REFUSES(text_to_usec, usec_t, "18446744073709551615", -ERANGE);
}

TEST(percentages)
{
	READS(text_to_permyriad, uint32_t, "25%", 2500);
	READS(text_to_permyriad, uint32_t, "2.5%", 250);
	READS(text_to_permyriad, uint32_t, "2.55%", 255);
	READS(text_to_permyriad, uint32_t, "0%", 0);
	READS(text_to_permyriad, uint32_t, "120%", 12000);
	REFUSES(text_to_permyriad, uint32_t, "2.555%", -EINVAL);
	REFUSES(text_to_permyriad, uint32_t, "25", -EINVAL);
	REFUSES(text_to_permyriad, uint32_t, "%", -EINVAL);
	REFUSES(text_to_permyriad, uint32_t, "25%%", -EINVAL);
	REFUSES(text_to_permyriad, uint32_t, "25 %", -EINVAL);
	REFUSES(text_to_permyriad, uint32_t, "-1%", -EINVAL);
	REFUSES(text_to_permyriad, uint32_t, "99999999999%", -ERANGE);
}

TEST(utf8)
{
	check(text_is_clean_utf8(""));
	check(text_is_clean_utf8("plain\ttext"));
	check(text_is_clean_utf8("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf"));
	check(!text_is_clean_utf8("new\nline"));
	check(!text_is_clean_utf8("\x1b[0m"));
	check(!text_is_clean_utf8("\x7f"));
	check(!text_is_clean_utf8("\xc2\x85"));
	check(text_is_clean_utf8("\xc2\xa0"));
	check(!text_is_clean_utf8("\x80"));
	check(!text_is_clean_utf8("\xc3"));
	check(!text_is_clean_utf8("\xe2\x82"));
	check(!text_is_clean_utf8("\xc0\x80"));
	check(!text_is_clean_utf8("\xe0\x80\x80"));
	check(!text_is_clean_utf8("\xed\xa0\x80"));
	check(!text_is_clean_utf8("\xf4\x90\x80\x80"));
	check(!text_is_clean_utf8("\xf8\x88\x80\x80\x80"));
	check_int(text_utf8_length("\xe2\x82\xac"), 3);
	check_int(text_utf8_length("\xe2\x82"), 0);
	check_int(text_utf8_length(""), 0);
}
