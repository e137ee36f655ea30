/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_io.h"

#include "sys/cgroup_files.h"
#include "sys/span.h"

#include <errno.h>
#include <limits.h>
#include <sys/sysmacros.h>

static int parse_rate(struct span s, uint64_t *ret)
{
	if (span_is(s, "max")) {
		*ret = CGROUP_INFINITY;
		return 0;
	}
	return span_u64(s, ret);
}

/* "8:0" */
static bool is_device(struct span word, dev_t device)
{
	struct span major_id;
	uint64_t major_number, minor_number;

	return span_next_field(&word, ':', &major_id) && span_u64(major_id, &major_number) == 0 &&
	       span_u64(word, &minor_number) == 0 && major_number == major(device) &&
	       minor_number == minor(device);
}

/* The rest of the device's line. */
static bool find_line(const char *text, size_t length, dev_t device, struct span *ret_rest)
{
	struct span rest = span_of(text, length), line, word;

	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &word) || !is_device(word, device))
			continue;
		*ret_rest = line;
		return true;
	}
	return false;
}

int cgroup_parse_io_max(const char *text, size_t length, dev_t device, uint64_t *ret_write_bps)
{
	const size_t key_length = strlen("wbps=");
	struct span line, word;

	*ret_write_bps = CGROUP_INFINITY;
	if (!find_line(text, length, device, &line))
		return 0;
	while (span_next_word(&line, &word))
		if (span_starts(word, "wbps="))
			return parse_rate(span_skip(word, key_length), ret_write_bps) < 0 ? -EINVAL
											  : 1;
	return -EINVAL;
}

int cgroup_v1_parse_throttle(const char *text, size_t length, dev_t device, uint64_t *ret_bps)
{
	struct span line, word, extra;

	*ret_bps = CGROUP_INFINITY;
	if (!find_line(text, length, device, &line))
		return 0;
	if (!span_next_word(&line, &word) || span_next_word(&line, &extra) ||
	    parse_rate(word, ret_bps) < 0)
		return -EINVAL;
	return 1;
}
