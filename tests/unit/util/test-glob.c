/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "util/glob.h"

#include <time.h>

TEST(stays_within_a_component)
{
	check(glob_match("qemu.slice/*.scope", "qemu.slice/100.scope"));
	check(!glob_match("qemu.slice/*.scope", "qemu.slice/a/100.scope"));
	check(!glob_match("qemu.slice/*.scope", "qemu.slice/100.service"));
	check(glob_match("a*b*c", "axxbyyc"));
	check(glob_match("a*b*c", "abbbc"));
	check(!glob_match("a*b*c", "axxbyy"));
	check(glob_match("*", "a"));
	check(!glob_match("*", "a/b"));
	check(!glob_match("*", ""));
	check(!glob_match("a/*", "a"));
	check(glob_match("a?c", "abc"));
	check(!glob_match("a?c", "a/c"));
	check(!glob_match("a?c", "ac"));
	check(glob_match("a?c", "a\xe2\x82\xac"
				"c"));
	check(glob_match("a?c", "a\xff"
				"c"));
}

TEST(any_depth)
{
	check(glob_match("machine.slice/**/*.scope", "machine.slice/a.scope"));
	check(glob_match("machine.slice/**/*.scope", "machine.slice/x/y/a.scope"));
	check(!glob_match("machine.slice/**/*.scope", "machine.slice/x/y/a.service"));
	check(!glob_match("machine.slice/**/*.scope", "other.slice/x/a.scope"));
	check(glob_match("**", "a/b/c"));
	check(glob_match("**", ""));
	check(glob_match("a/**", "a"));
	check(glob_match("a/**/b", "a/b"));
	check(glob_match("a/**/b/**/c", "a/x/b/b/y/c"));
	check(!glob_match("a/**/b/**/c", "a/x/y/c"));
	check(glob_match("**/b/*/d", "b/x/b/c/d"));
	check(glob_match("**/**/a", "a"));
}

TEST(backslash_is_plain)
{
	check(glob_match("machine-qemu\\x2d*.scope", "machine-qemu\\x2d1\\x2ddb.scope"));
	check(!glob_match("a\\*", "a*"));
	check(glob_match("a\\*", "a\\b"));
}

TEST(checks_the_form)
{
	check(!glob_check("machine.slice/**/*.scope"));
	check(!glob_check("**"));
	check(!glob_check("machine-qemu\\x2d1.scope"));
	check_contains(glob_check(""), "empty");
	check_contains(glob_check("/a"), "starts with");
	check_contains(glob_check("a//b"), "empty component");
	check_contains(glob_check("a/"), "empty component");
	check_contains(glob_check("a**/b"), "inside a component");
	check_contains(glob_check("***"), "inside a component");
	check_contains(glob_check("a/../b"), "..");
	check_contains(glob_check("a[12].scope"), "brackets");
	check_contains(glob_check("{a,b}"), "brackets");
}

/* A backtracking matcher needs ages for these; the bound is generous for a loaded machine. */
TEST(hostile_patterns_end)
{
	char path[4001], deep[4001];
	clock_t start = clock();

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	for (size_t i = 0; i + 1 < sizeof(deep); i++)
		deep[i] = i % 2 ? '/' : 'a';
	deep[sizeof(deep) - 2] = 'a';
	deep[sizeof(deep) - 1] = '\0';
	check(!glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", path));
	check(!glob_match("**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b", deep));
	check(!glob_match("**/*a*/**/*a*/**/*a*/**/*a*/**/*a*/**/*b", deep));
	check((clock() - start) / CLOCKS_PER_SEC < 5);
}
