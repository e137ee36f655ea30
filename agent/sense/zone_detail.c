/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/zone_detail.h"

#include "sys/buddyinfo.h"
#include "sys/sysroot.h"
#include "sys/zoneinfo.h"
#include "util/macro.h"
#include "util/whole.h"

#include <errno.h>
#include <string.h>

/* 1,024 nodes of 5 zones with a pageset for each of 8,192 CPUs would be gigabytes: no such machine
 * exists, and no file of this size is read. */
#define TEXT_BYTES_MAX ((size_t)256 << 20)
#define ZONES	       64
#define ZONES_MAX      8192

/* From the lowest address up, as the kernel counts them (enum zone_type). Which of them exist is a
 * matter of the kernel's configuration. */
static const char *const class_names[] = {
	"DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"
};

/* Its length or -errno. */
static ssize_t read_all(int fd, char **ret)
{
	return fd < 0 ? fd : whole_read(fd, TEXT_BYTES_MAX, ret);
}

static int read_zones(const struct sysroot *root, struct zoneinfo *ret)
{
	_cleanup_(closep) int fd = zoneinfo_open(root);
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) struct zoneinfo_zone *zones = NULL;
	struct zoneinfo info = { .capacity = ZONES };
	ssize_t n = read_all(fd, &text);
	int r;

	if (n < 0)
		return (int)n;
	for (;;) {
		free(zones);
		zones = calloc(info.capacity, sizeof(*zones));
		if (!zones)
			return -ENOMEM;
		info.zones = zones;
		r = zoneinfo_parse(text, (size_t)n, &info);
		if (r < 0)
			return r;
		if (info.truncated || info.needed > ZONES_MAX)
			return -EINVAL;
		if (info.needed <= info.capacity)
			break;
		info.capacity = info.needed;
	}
	*ret = info;
	ret->zones = TAKE_PTR(zones);
	return 0;
}

/* How many of the classes below this one the machine has. */
static unsigned class_of(const struct zoneinfo *info, const char *name)
{
	unsigned below = 0;

	for (size_t c = 0; c < ARRAY_SIZE(class_names); c++) {
		bool exists = false;

		if (strcmp(class_names[c], name) == 0)
			break;
		for (size_t i = 0; i < info->count && !exists; i++)
			exists = strcmp(info->zones[i].name, class_names[c]) == 0;
		below += exists;
	}
	return below;
}

static void convert(const struct zoneinfo *info, const struct zoneinfo_zone *from,
		    struct zone_detail *to)
{
	*to = (struct zone_detail){
		.node = from->node,
		.zone_class = class_of(info, from->name),
		.free_pages = from->free_pages,
		.min_pages = from->min_pages,
		.low_pages = from->low_pages,
		.high_pages = from->high_pages,
		.boost_pages = from->boost_pages,
		.spanned_pages = from->spanned_pages,
		.present_pages = from->present_pages,
		.managed_pages = from->managed_pages,
		.protection_count = MIN_OF(from->protection_count, (unsigned)DETAIL_CLASSES_MAX),
		.free_cma_known = from->has_free_cma || (from->has_cma && from->cma_pages == 0),
		.free_cma_pages = from->free_cma_pages,
		.highatomic_known = from->has_highatomic,
		.highatomic_pages = from->free_highatomic_pages,
	};
	memcpy(to->name, from->name, sizeof(to->name));
	memcpy(to->protection, from->protection, to->protection_count * sizeof(to->protection[0]));
}

static void add_free_lists(struct zone_details *details, const struct buddyinfo_zone *from)
{
	for (size_t i = 0; i < details->count; i++) {
		struct zone_detail *zone = &details->zones[i];

		if (zone->node != from->node || strcmp(zone->name, from->name) != 0)
			continue;
		zone->order_count = MIN_OF(from->order_count, (unsigned)DETAIL_ORDERS_MAX);
		memcpy(zone->blocks, from->blocks, zone->order_count * sizeof(zone->blocks[0]));
	}
}

static int read_free_lists(const struct sysroot *root, struct zone_details *details)
{
	_cleanup_(closep) int fd = buddyinfo_open(root);
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) struct buddyinfo_zone *zones = calloc(ZONES_MAX, sizeof(*zones));
	ssize_t n = read_all(fd, &text);
	size_t count;

	if (!zones)
		return -ENOMEM;
	if (n < 0)
		return n == -ENOMEM ? -ENOMEM : 0;
	count = MIN_OF(buddyinfo_parse(text, (size_t)n, zones, ZONES_MAX), (size_t)ZONES_MAX);
	for (size_t i = 0; i < count; i++)
		add_free_lists(details, &zones[i]);
	details->has_free_lists = count > 0;
	return 0;
}

_Static_assert(DETAIL_NAME_BYTES == ZONEINFO_NAME_BYTES, "names are copied whole");
_Static_assert(DETAIL_NAME_BYTES == BUDDYINFO_NAME_BYTES, "names are compared whole");

static int compare_zones(const void *a, const void *b)
{
	const struct zone_detail *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (x->zone_class > y->zone_class) - (x->zone_class < y->zone_class);
}

static void free_zones(const struct zoneinfo *info)
{
	free(info->zones);
}

int zone_detail_read(const struct sysroot *root, struct zone_details *ret)
{
	_cleanup_(zone_details_done) struct zone_details details = { 0 };
	_cleanup_(free_zones) struct zoneinfo info = { 0 };
	int r;

	r = read_zones(root, &info);
	if (r < 0)
		return r;
	details.zones = calloc(info.count, sizeof(*details.zones));
	if (!details.zones)
		return -ENOMEM;
	for (size_t i = 0; i < info.count; i++)
		if (info.zones[i].populated)
			convert(&info, &info.zones[i], &details.zones[details.count++]);
	r = read_free_lists(root, &details);
	if (r < 0)
		return r;
	if (details.count > 1)
		qsort(details.zones, details.count, sizeof(*details.zones), compare_zones);
	*ret = details;
	details = (struct zone_details){ 0 };
	return 0;
}
