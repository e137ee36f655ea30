/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "util/idset.h"
#include "util/strbuf.h"

static const char *formatted(const struct idset *s)
{
	static char buffer[256];
	struct strbuf b = STRBUF(buffer);

	idset_format(s, &b);
	return buffer;
}

static const char *round_trip(const char *text)
{
	struct idset s;

	return idset_parse(text, &s) == 0 ? formatted(&s) : "refused";
}

TEST(reads_the_kernels_lists)
{
	check_str(round_trip("0-1,3"), "0-1,3");
	check_str(round_trip("0-1,3\n"), "0-1,3");
	check_str(round_trip("0"), "0");
	check_str(round_trip("1023"), "1023");
	check_str(round_trip("0-1023"), "0-1023");
	check_str(round_trip("3,1,2"), "1-3");
	check_str(round_trip("5,5,5-5"), "5");
	check_str(round_trip("62-65"), "62-65");
	check_str(round_trip(""), "");
	check_str(round_trip("\n"), "");
}

TEST(refuses_what_is_no_list)
{
	static const char *const wrong[] = { "x",    "0-",    "-1",   "1-0",  "0,",    ",0",
					     "0,,1", "0--1",  "0 1",  " 0",   "0 ",    "0x1",
					     "+1",   "0-1-2", "1\n2", "\n\n", "0\n\n", "0;1" };
	struct idset s;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_str(idset_parse(wrong[i], &s) == -EINVAL ? "-EINVAL" : wrong[i], "-EINVAL");
	check_int(idset_parse("1024", &s), -ERANGE);
	check_int(idset_parse("0-4294967296", &s), -ERANGE);
	check_int(idset_parse("99999999999999999999999", &s), -ERANGE);
}

TEST(leaves_the_result_alone_on_failure)
{
	struct idset s;

	check_int(idset_parse("7", &s), 0);
	check_int(idset_parse("1,2,x", &s), -EINVAL);
	check_str(formatted(&s), "7");
}

TEST(walks_over_gaps_and_word_borders)
{
	struct idset s;
	int found[4], count = 0;

	check_int(idset_parse("0,63-64,1023", &s), 0);
	for (int i = idset_next(&s, 0); i >= 0; i = idset_next(&s, (unsigned)i + 1)) {
		check(count < 4);
		found[count++] = i;
	}
	check_int(count, 4);
	check_int(found[1], 63);
	check_int(found[2], 64);
	check_int(found[3], 1023);
	check_int(idset_count(&s), 4);
	check_int(idset_next(&s, 65), 1023);
	check_int(idset_next(&s, 1024), -1);
	check_int(idset_next(&s, UINT32_MAX), -1);
}

TEST(ignores_ids_that_cannot_be)
{
	struct idset s;

	idset_clear(&s);
	idset_add(&s, 1024);
	idset_add(&s, UINT32_MAX);
	check(idset_is_empty(&s));
	check(!idset_has(&s, 1024));
	check(!idset_has(&s, UINT32_MAX));
}

TEST(compares_and_combines)
{
	struct idset a, b, empty;

	idset_clear(&empty);
	check_int(idset_parse("0-1,70", &a), 0);
	check_int(idset_parse("0-3,70,900", &b), 0);
	check(idset_is_subset(&a, &b));
	check(!idset_is_subset(&b, &a));
	check(idset_is_subset(&a, &a));
	check(idset_is_subset(&empty, &a));
	check(!idset_equal(&a, &b));
	idset_intersect(&b, &a);
	check(idset_equal(&a, &b));
	check_int(idset_parse("5", &b), 0);
	idset_unite(&b, &a);
	check_str(formatted(&b), "0-1,5,70");
	idset_intersect(&b, &empty);
	check(idset_is_empty(&b));
}

TEST(formats_into_too_little_room)
{
	char buffer[6];
	struct strbuf b = STRBUF(buffer);
	struct idset s;

	check_int(idset_parse("10,20,30", &s), 0);
	idset_format(&s, &b);
	check(b.truncated);
	check_str(buffer, "10,20");
}
