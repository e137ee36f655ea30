/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/uptime.h"

#include "sys/span.h"
#include "sys/sysroot.h"

#include <errno.h>

int uptime_parse(const char *text, size_t length, usec_t *ret)
{
	struct span rest = span_of(text, length), line, word, whole, part;
	uint64_t seconds, hundredths;

	if (!span_next_line(&rest, &line) || !span_next_word(&line, &word) ||
	    !span_next_field(&word, '.', &whole) || !span_next_field(&word, '.', &part))
		return -EINVAL;
	if (span_u64(whole, &seconds) < 0 || span_u64(part, &hundredths) < 0 || part.length != 2 ||
	    seconds > UINT32_MAX)
		return -EINVAL;
	*ret = seconds * USEC_PER_SEC + hundredths * 10 * USEC_PER_MSEC;
	return 0;
}

int uptime_read(const struct sysroot *root, usec_t *ret)
{
	char text[64];
	ssize_t n = sysroot_read(root, "proc/uptime", text, sizeof(text));

	return n < 0 ? (int)n : uptime_parse(text, (size_t)n, ret);
}
