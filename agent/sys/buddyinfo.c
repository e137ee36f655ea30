/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/buddyinfo.h"

#include "sys/line_reader.h"
#include "sys/sysroot.h"
#include "sys/zone_heading.h"

#include <errno.h>
#include <unistd.h>

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

static uint64_t blocks_of(const struct buddyinfo_zone *zone, unsigned order)
{
	uint64_t sum = 0;

	for (unsigned i = order; i < zone->order_count; i++)
		sum += zone->blocks[i] << (i - order);
	return sum;
}

int buddyinfo_read_blocks(int fd, unsigned node, unsigned order, uint64_t *ret)
{
	struct line_reader reader;
	struct buddyinfo_zone zone;
	bool found = false, cut;
	struct span line;
	uint64_t sum = 0;
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	line_reader_init(&reader, fd);
	while ((r = line_reader_next(&reader, &line, &cut)) > 0) {
		if (cut || !parse_line(line, &zone) || zone.node != node)
			continue;
		found = found || zone.order_count > order;
		sum += blocks_of(&zone, order);
	}
	if (r < 0)
		return r;
	if (!found)
		return -ENODATA;
	*ret = sum;
	return 0;
}
