/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/buddyinfo.h"

#include "sys/span.h"
#include "sys/sysroot.h"
#include "sys/zone_heading.h"

/* "Node 0, zone    DMA32     38     18 ...     95 " */
static bool parse_line(struct span line, struct buddyinfo_zone *ret)
{
	struct buddyinfo_zone zone = { 0 };
	struct span word;

	if (!zone_heading_take(&line, &zone.node, zone.name, sizeof(zone.name)))
		return false;
	while (span_next_word(&line, &word)) {
		if (zone.order_count >= BUDDYINFO_ORDERS_MAX ||
		    span_u64(word, &zone.blocks[zone.order_count]) < 0)
			return false;
		zone.order_count++;
	}
	if (zone.order_count == 0)
		return false;
	*ret = zone;
	return true;
}

size_t buddyinfo_parse(const char *text, size_t length, struct buddyinfo_zone *ret_zones,
		       size_t capacity)
{
	struct span rest = span_of(text, length), line;
	struct buddyinfo_zone zone;
	size_t count = 0;

	while (span_next_line(&rest, &line)) {
		if (!parse_line(line, &zone))
			continue;
		if (count < capacity)
			ret_zones[count] = zone;
		count++;
	}
	return count;
}

int buddyinfo_open(const struct sysroot *root)
{
	return sysroot_open_file(root, "proc/buddyinfo");
}
