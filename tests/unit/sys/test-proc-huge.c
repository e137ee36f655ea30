/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "sys/proc_huge.h"

static int parse(const char *text)
{
	return proc_huge_parse(text, strlen(text));
}

TEST(it_says_whether)
{
	check_int(parse("Name:\tcat\nHugetlbPages:\t       0 kB\nVmSwap:\t0 kB\n"), 0);
	check_int(parse("Name:\tqemu\nHugetlbPages:\t 2097152 kB\n"), 1);
}

/* Not knowing is no reason to take a pool's pages for ordinary ones. */
TEST(when_in_doubt_it_does)
{
	check_int(parse(""), 1);
	check_int(parse("Name:\tcat\nVmSwap:\t0 kB\n"), 1);
	check_int(parse("HugetlbPages:\n"), 1);
	check_int(parse("HugetlbPages:\tsome kB\n"), 1);
	check_int(parse("HugetlbPages:\t0 kB"), 1);
	/* A name that pretends. */
	check_int(parse("Name:\tHugetlbPages: 0\nHugetlbPages:\t4 kB\n"), 1);
}
