/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/unit_name.h"

#define DB "machine.slice/machine-qemu\\x2d1\\x2ddb.scope"

TEST(paths_and_their_ends)
{
	check_int(unit_name_match(DB, DB), UNIT_PATH);
	check_int(unit_name_match(DB, "/" DB), UNIT_PATH);
	check_int(unit_name_match(DB, "machine-qemu\\x2d1\\x2ddb.scope"), UNIT_END);
	check_int(unit_name_match("a/b/c.service", "b/c.service"), UNIT_END);
	check_int(unit_name_match("a/bb/c.service", "b/c.service"), UNIT_OTHER);
	check_int(unit_name_match("a", "b/a"), UNIT_OTHER);
}

TEST(escapes_may_be_left_out)
{
	check_int(unit_name_match(DB, "machine-qemu-1-db.scope"), UNIT_UNESCAPED);
	check_int(unit_name_match(DB, "machine.slice/machine-qemu-1-db.scope"), UNIT_UNESCAPED);
	check_int(unit_name_match(DB, "machine-qemu-1-db"), UNIT_UNESCAPED);
	check_int(unit_name_match(DB, "machine-qemu-1-d"), UNIT_OTHER);
	check_int(unit_name_match("a/x.service", "x"), UNIT_UNESCAPED);
	check_int(unit_name_match("a/x.slice", "x"), UNIT_OTHER);
}

TEST(what_lies_within)
{
	check_int(unit_name_match(DB, DB "/libvirt/emulator"), UNIT_WITHIN);
	check_int(unit_name_match(DB, "/" DB "/"), UNIT_WITHIN);
	check_int(unit_name_match(DB, DB "x"), UNIT_OTHER);
}

TEST(hostile_names)
{
	check_int(unit_name_match("a", ""), UNIT_OTHER);
	check_int(unit_name_match("a", "/"), UNIT_OTHER);
	check_int(unit_name_match("", "a"), UNIT_OTHER);
	check_int(unit_name_match("a\\", "a\\"), UNIT_PATH);
	check_int(unit_name_match("a\\x", "b\\x2"), UNIT_OTHER);
	check_int(unit_name_match("a/\\x2", "\\x2d"), UNIT_OTHER);
	/* An escaped end of string is none. */
	check_int(unit_name_match("a\\x00b", "a"), UNIT_OTHER);
	check_int(unit_name_match("a\\x00b.service", "a\\x00b"), UNIT_UNESCAPED);
}
