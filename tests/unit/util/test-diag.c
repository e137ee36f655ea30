/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "util/diag.h"
#include "util/macro.h"

static char *printed(struct diag_list *list)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	check(out);
	diag_print(list, out);
	fclose(out);
	return text;
}

TEST(prints_in_the_order_of_places)
{
	struct diag_list list = { 0 };

	diag_add(&list, "b.ini", 2, 1, "third");
	diag_add(&list, "a.ini", 10, 3, "%s", "second");
	diag_add(&list, "a.ini", 9, 12, "first");
	diag_add(&list, "b.ini", 2, 1, "fourth");
	diag_add(&list, "b.ini", 0, 0, "of the whole file");
	diag_add(&list, NULL, 0, 0, "of no file");
	diag_add(&list, "b.ini", 7, 0, "of a line");
	check_str(printed(&list), "of no file\n"
				  "a.ini:9:12: first\n"
				  "a.ini:10:3: second\n"
				  "b.ini: of the whole file\n"
				  "b.ini:2:1: fourth\n"
				  "b.ini:2:1: third\n"
				  "b.ini:7: of a line\n");
	diag_done(&list);
	check_int(list.count, 0);
	check(!list.entries);
}

TEST(stays_one_printable_line_each)
{
	struct diag_list list = { 0 };

	diag_add(&list, "evil\n.ini", 1, 1, "unknown key \"%s\"", "\x1b[2J\nok.ini:1:1: fine\xff");
	check_str(printed(&list),
		  "evil\\x0a.ini:1:1: unknown key \"\\x1b[2J\\x0aok.ini:1:1: fine\\xff\"\n");
	diag_done(&list);
}

TEST(says_when_it_is_incomplete)
{
	struct diag_list list = { .dropped = 2 };

	check_contains(printed(&list), "2 more");
}

TEST(finds_the_plausible_slip)
{
	static const char *const names[] = { "node.free", "node.headroom", "node.total", "Kind",
					     "Kill" };

	check_str(diag_nearest("node.headrom", names, ARRAY_SIZE(names)), "node.headroom");
	check_str(diag_nearest("node.haedroom", names, ARRAY_SIZE(names)), "node.headroom");
	check_str(diag_nearest("nodefree", names, ARRAY_SIZE(names)), "node.free");
	check_str(diag_nearest("Kin", names, ARRAY_SIZE(names)), "Kind");
	check_str(diag_nearest("Kidn", names, ARRAY_SIZE(names)), "Kind");
	check_str(diag_nearest("Kild", names, ARRAY_SIZE(names)), "Kind"); /* ties: the first */
	check_str(diag_nearest("Kill", names, ARRAY_SIZE(names)), "Kill");
	/* ... but for one that was not written to its end. */
	check_str(diag_nearest("node.tot", names, ARRAY_SIZE(names)), "node.total");
	check_str(diag_nearest("MemoryHi",
			       (const char *const[]){ "MemoryMin", "MemoryHigh", "MemoryMax" }, 3),
		  "MemoryHigh");
}

TEST(suggests_nothing_far_fetched)
{
	static const char *const names[] = { "Rank", "Kind" };
	char word[200];

	check(!diag_nearest("Zebra", names, ARRAY_SIZE(names)));
	check(!diag_nearest("Rk", names, ARRAY_SIZE(names)));
	check(!diag_nearest("", names, ARRAY_SIZE(names)));
	check(!diag_nearest("Rank", names, 0));
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	check(!diag_nearest(word, names, ARRAY_SIZE(names)));
}
