/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/journal.h"
#include "test.h"
#include "util/macro.h"

#include <sys/socket.h>
#include <unistd.h>

#define FIELD(name_, value_)                                                     \
	{                                                                        \
		.name = (name_), .value = (value_), .length = sizeof(value_) - 1 \
	}

/* A pair of sockets stands for journald. */
static int open_pair(struct journal *journal)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	*journal = (struct journal){ .fd = fds[0] };
	return fds[1];
}

TEST(fields_go_as_lines)
{
	const struct journal_field fields[] = { FIELD("MESSAGE", "moved 6 GiB"),
						FIELD("PRIORITY", "5"), FIELD("EMPTY", "") };
	struct journal journal;
	char text[256] = "";
	int peer = open_pair(&journal);

	check_int(journal_send(&journal, fields, ARRAY_SIZE(fields)), 0);
	check_int(journal.sent, 1);
	check(recv(peer, text, sizeof(text) - 1, 0) > 0);
	check_str(text, "MESSAGE=moved 6 GiB\nPRIORITY=5\nEMPTY=\n");
	journal_done(&journal);
	journal_done(&journal);
	close(peer);
}

TEST(a_newline_cannot_make_a_field)
{
	const struct journal_field fields[] = { FIELD("A", "x"),
						FIELD("MESSAGE", "a\nPRIORITY=0\n"),
						FIELD("Z_9", "y") };
	static const char expected[] = "A=x\nMESSAGE\n\x0d\0\0\0\0\0\0\0"
				       "a\nPRIORITY=0\n\nZ_9=y\n";
	struct journal journal;
	char text[256];
	int peer = open_pair(&journal);

	check_int(journal_send(&journal, fields, ARRAY_SIZE(fields)), 0);
	check_int(recv(peer, text, sizeof(text), 0), sizeof(expected) - 1);
	check(memcmp(text, expected, sizeof(expected) - 1) == 0);
	journal_done(&journal);
	close(peer);
}

TEST(what_finds_no_room_is_dropped_and_counted)
{
	const struct journal_field field = FIELD("MESSAGE", "again");
	struct journal journal;
	int peer = open_pair(&journal), sent = 0, r;
	char text[64];

	while ((r = journal_send(&journal, &field, 1)) == 0 && sent < 1000000)
		sent++;
	check_int(r, 1);
	check(sent > 0);
	check_int(journal.sent, sent);
	check_int(journal.dropped, 1);
	/* And goes on as soon as there is room. */
	for (int i = 0; i < sent; i++)
		check_int(recv(peer, text, sizeof(text), 0), 14);
	check_int(journal_send(&journal, &field, 1), 0);
	journal_done(&journal);
	close(peer);
}

TEST(a_journal_that_is_gone_costs_a_drop)
{
	const struct journal_field field = FIELD("MESSAGE", "x");
	struct journal journal;
	int r;

	close(open_pair(&journal));
	r = journal_send(&journal, &field, 1);
	/* Where this machine has a journald the connection is made anew. */
	check(r == 0 || r == 1);
	check_int(journal.sent + journal.dropped, 1);
	journal_done(&journal);
	check_int(journal_send(&journal, &field, 1), -ENOTCONN);
}

TEST(names_are_checked)
{
	static const char *const names[] = { "",    "lower", "_TRUSTED", "1A",
					     "A B", "A=",    "A\n",	 "\xc3\x84" };
	struct journal journal;
	struct journal_field fields[JOURNAL_FIELDS_MAX + 1];
	char longest[66] = "", text[8];
	int peer = open_pair(&journal);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		fields[0] = (struct journal_field){ .name = names[i], .value = "x", .length = 1 };
		check_int(journal_send(&journal, fields, 1), -EINVAL);
	}
	memset(longest, 'A', 65);
	fields[0] = (struct journal_field){ .name = longest, .value = "x", .length = 1 };
	check_int(journal_send(&journal, fields, 1), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		fields[i] = (struct journal_field){ .name = "A", .value = "", .length = 0 };
	check_int(journal_send(&journal, fields, JOURNAL_FIELDS_MAX + 1), -EINVAL);
	check_int(journal_send(&journal, fields, 0), -EINVAL);
	check_int(recv(peer, text, sizeof(text), 0), -1);
	check_int(journal_send(&journal, fields, JOURNAL_FIELDS_MAX), 0);
	journal_done(&journal);
	close(peer);
}
