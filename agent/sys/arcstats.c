/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/arcstats.h"

#include "sys/span.h"
#include "sys/sysroot.h"

#include <errno.h>

int arcstats_parse(const char *text, size_t length, struct arcstats *ret)
{
	struct span rest = span_of(text, length), line, name, type, number, extra;
	bool has_size = false, has_min = false;
	struct arcstats stats;

	while (span_next_line(&rest, &line)) {
		uint64_t value;

		if (!span_next_word(&line, &name) || !span_next_word(&line, &type) ||
		    !span_next_word(&line, &number) || span_next_word(&line, &extra) ||
		    span_u64(number, &value) < 0)
			continue;
		if (span_is(name, "size")) {
			stats.size_bytes = value;
			has_size = true;
		} else if (span_is(name, "c_min")) {
			stats.min_bytes = value;
			has_min = true;
		}
	}
	if (!has_size || !has_min)
		return -EINVAL;
	*ret = stats;
	return 0;
}

int arcstats_open(const struct sysroot *root)
{
	return sysroot_open_file(root, "proc/spl/kstat/zfs/arcstats");
}
