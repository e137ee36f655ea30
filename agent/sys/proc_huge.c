/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/proc_huge.h"

#include "sys/proc_pid.h"
#include "sys/span.h"

#include <errno.h>

/* The longest status seen has 1.6 KB; node and CPU lists of the largest machines add 2 KB. */
#define STATUS_BYTES 8192

int proc_huge_parse(const char *text, size_t length)
{
	struct span rest = span_of(text, length), line, word;
	uint64_t amount;

	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &word) || !span_is(word, "HugetlbPages:"))
			continue;
		if (!span_next_word(&line, &word) || span_u64(word, &amount) < 0)
			return 1;
		return amount > 0;
	}
	return 1;
}

int proc_huge_pages_used(int pid_fd)
{
	char text[STATUS_BYTES];
	ssize_t n = proc_pid_read(pid_fd, "status", text, sizeof(text));

	if (n == -EFBIG)
		return 1;
	return n < 0 ? (int)n : proc_huge_parse(text, (size_t)n);
}
