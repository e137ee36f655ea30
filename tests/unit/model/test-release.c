/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/release.h"
#include "test.h"
#include "util/macro.h"

TEST(numbers_are_taken_apart)
{
	struct release r;

	check_int(release_parse("4.18.0-477.13.1.el8_8.x86_64", &r), 0);
	check_int(r.major, 4);
	check_int(r.minor, 18);
	check_int(r.patch, 0);
	check_int(r.build, 477);

	check_int(release_parse("6.12", &r), 0);
	check_int(r.minor, 12);
	check_int(r.patch, 0);
	check_int(r.build, 0);

	check_int(release_parse("5.10.0-rc1+", &r), 0);
	check_int(r.minor, 10);
	check_int(r.build, 0);

	check_int(release_parse("6.1-rc3", &r), 0);
	check_int(r.minor, 1);

	check_int(release_parse("99999999999999999999.4294967296.1", &r), 0);
	check_int(r.major, 1000000);
	check_int(r.minor, 1000000);
}

TEST(what_is_no_release_is_refused_and_leaves_the_result_alone)
{
	static const char *const faults[] = { "",     "linux", "6",   "6.",    ".1",
					      "v6.1", " 6.1",  "6-1", "6.1.x", "-6.1.0" };
	struct release r = { .major = 7 };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		check_int(release_parse(faults[i], &r), -EINVAL);
	check_int(r.major, 7);
}

TEST(numbers_order_releases_and_builds_do_not)
{
	struct release a = { 5, 9, 0, 1 }, b = { 5, 14, 0, 0 }, c = { 5, 9, 0, 700 };
	struct release d = { 5, 9, 1, 0 }, e = { 6, 0, 0, 0 };

	check(release_compare(&a, &b) < 0);
	check(release_compare(&b, &a) > 0);
	check_int(release_compare(&a, &c), 0);
	check(release_compare(&a, &d) < 0);
	check(release_compare(&b, &e) < 0);
}

TEST(a_mark_ends_where_its_number_ends)
{
	check(release_has_mark("4.18.0-477.el8_8.x86_64", ".el8"));
	check(release_has_mark("4.18.0-80.el8", ".el8"));
	check(!release_has_mark("4.18.0-80.el80", ".el8"));
	check(!release_has_mark("5.14.0-70.el9", ".el8"));
	check(release_has_mark("4.18.0-1.el80.el8", ".el8"));
}
