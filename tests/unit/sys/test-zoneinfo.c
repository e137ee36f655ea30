/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/buddyinfo.h"
#include "sys/zoneinfo.h"
#include "test.h"
#include "zoneinfo-text.h"

static struct zoneinfo_zone zones[16];

static int parse(const char *text, struct zoneinfo *info)
{
	*info = (struct zoneinfo){ .zones = zones, .capacity = ARRAY_SIZE(zones) };
	return zoneinfo_parse(text, strlen(text), info);
}

TEST(a_kernel_of_today)
{
	struct zoneinfo info;
	const struct zoneinfo_zone *dma = &zones[0], *dma32 = &zones[1], *movable = &zones[2];

	check_int(parse(zoneinfo_6_1, &info), 0);
	check_int(info.count, 4);
	check_int(info.needed, 4);
	check(!info.truncated);

	check_str(dma->name, "DMA");
	check_int(dma->node, 0);
	check_int(dma->free_pages, 3808);
	check_int(dma->managed_pages, 3840);
	check_int(dma->protection_count, 5);
	check_int(dma->protection[0], 0);
	check_int(dma->protection[4], 447);
	/* The node's lists stand in this zone's block and are not the zone's. */
	check(dma->has_file_lru);
	check_int(dma->active_file_pages, 0);
	check_int(dma->inactive_file_pages, 0);
	check_int(dma->unclean_pages, 0);
	check_int(dma->stat_threshold_pages, 4);
	check_int(dma->pageset_cpus, 2);
	check(dma->populated);

	check_str(dma32->name, "DMA32");
	check_int(dma32->inactive_file_pages, 2700);
	check_int(dma32->active_file_pages, 3432);
	check_int(dma32->unclean_pages, 56);
	/* "high:" of a pageset is no watermark. */
	check_int(dma32->high_pages, 8535 - 100);
	check(dma32->has_cma);
	check_int(dma32->cma_pages, 16);
	check(dma32->has_free_cma);
	check_int(dma32->free_cma_pages, 7);
	check(dma32->unreclaimable);
	check(!dma32->has_highatomic);

	check_str(movable->name, "Movable");
	check(!movable->populated);
	check_int(movable->min_pages, 32);
	check(!movable->has_file_lru);

	check_int(zones[3].node, 2);
	check_str(zones[3].name, "Normal");
	check(zones[3].has_highatomic);
	check_int(zones[3].free_highatomic_pages, 512);
}

TEST(the_boost_is_taken_off_the_marks_that_include_it)
{
	struct zoneinfo info;

	check_int(parse(zoneinfo_6_1, &info), 0);
	check_int(zones[1].boost_pages, 100);
	check_int(zones[1].min_pages, 5693 - 100);
	check_int(zones[1].low_pages, 7114 - 100);
	check_int(zones[0].boost_pages, 0);
	check_int(zones[0].min_pages, 190);
}

TEST(a_kernel_of_el7)
{
	struct zoneinfo info;

	check_int(parse(zoneinfo_3_10, &info), 0);
	check(!info.truncated);
	check_int(info.count, 1);
	check_str(zones[0].name, "Normal");
	check_int(zones[0].free_pages, 1239012);
	check_int(zones[0].min_pages, 5764);
	check_int(zones[0].managed_pages, 8126464);
	check(zones[0].has_file_lru);
	check_int(zones[0].active_file_pages, 200);
	check_int(zones[0].inactive_file_pages, 100);
	check_int(zones[0].unclean_pages, 30 + 4 + 1);
	check_int(zones[0].protection_count, 4);
	check_int(zones[0].stat_threshold_pages, 110);
	check_int(zones[0].pageset_cpus, 1);
	check(!zones[0].has_cma);
	check(!zones[0].unreclaimable);
}

TEST(a_kernel_of_el6_has_no_managed)
{
	struct zoneinfo info;

	check_int(
		parse("Node 0, zone   Normal\n  pages free     10\n        min      1\n"
		      "        low      2\n        high     3\n        scanned  0\n"
		      "        spanned  100\n        present  90\n    nr_free_pages 10\n"
		      "        protection: (0, 0, 0, 0)\n  pagesets\n  all_unreclaimable: 1\n"
		      "  prev_priority:     12\n  start_pfn:         16\n  inactive_ratio:    1\n",
		      &info),
		0);
	check_int(zones[0].managed_pages, 90);
	check(zones[0].unreclaimable);
	check(!zones[0].has_file_lru);
}

TEST(too_small_an_array_says_how_many_there_are)
{
	struct zoneinfo info = { .zones = zones, .capacity = 1 };

	check_int(zoneinfo_parse(zoneinfo_6_1, strlen(zoneinfo_6_1), &info), 0);
	check_int(info.count, 1);
	check_int(info.needed, 4);
	info = (struct zoneinfo){ 0 };
	check_int(zoneinfo_parse(zoneinfo_6_1, strlen(zoneinfo_6_1), &info), 0);
	check_int(info.count, 0);
	check_int(info.needed, 4);
}

/* Whatever is cut, a zone that comes out is as it is in the whole text; and a cut that takes
 * something from a zone is noticed. */
TEST(a_cut_text_never_misleads)
{
	struct zoneinfo_zone whole[16];
	struct zoneinfo info;
	size_t length = strlen(zoneinfo_6_1);

	check_int(parse(zoneinfo_6_1, &info), 0);
	memcpy(whole, zones, sizeof(whole));
	for (size_t cut = 0; cut < length; cut++) {
		_cleanup_(freep) char *text = exact_copy(zoneinfo_6_1, cut);
		int r;

		info = (struct zoneinfo){ .zones = zones, .capacity = ARRAY_SIZE(zones) };
		r = zoneinfo_parse(text, cut, &info);
		if (r < 0) {
			check_int(r, -EINVAL);
			continue;
		}
		for (size_t i = 0; i < info.count; i++) {
			/* The last lines of a block may be missing; they are marked as not there.
			 */
			if (!zones[i].has_highatomic) {
				zones[i].has_highatomic = whole[i].has_highatomic;
				zones[i].free_highatomic_pages = whole[i].free_highatomic_pages;
			}
			check(memcmp(&zones[i], &whole[i], sizeof(zones[i])) == 0);
		}
		if (text[cut - 1] != '\n')
			check(info.truncated);
	}
}

TEST(numbers_that_are_none_make_no_zone)
{
	static const char *const changes[][2] = {
		{ "min      5693", "min      -569" },
		{ "min      5693", "min      569x" },
		{ "free     88528", "free     ?????" },
		{ "protection: (0, 0, 0, 0, 0)", "protection: (0, 0, 0, x, 0)" },
		{ "protection: (0, 0, 0, 0, 0)", "protection: (0, 0, 0, 0, 0 " },
		{ "nr_zone_active_file 3432", "nr_zone_active_file 34.2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_(freep) char *text = strdup(zoneinfo_6_1);
		char *at = strstr(text, changes[i][0]);
		struct zoneinfo info;

		check(at);
		check_int(strlen(changes[i][0]), strlen(changes[i][1]));
		memcpy(at, changes[i][1], strlen(changes[i][1]));
		check_int(parse(text, &info), 0);
		check(info.truncated);
		check_int(info.count, 3);
	}
}

TEST(no_zone_is_an_error)
{
	struct zoneinfo info = { .zones = zones, .capacity = 16, .count = 77 };

	check_int(zoneinfo_parse("", 0, &info), -EINVAL);
	check_int(zoneinfo_parse("Node x, zone DMA\n", 17, &info), -EINVAL);
	check_int(zoneinfo_parse("pages free 5\n", 13, &info), -EINVAL);
	check_int(info.count, 77);
}

TEST(buddyinfo_counts_its_columns)
{
	struct buddyinfo_zone zone[4];
	const char *text = "Node 0, zone      DMA      1      0      0      1 \n"
			   "Node 2, zone   Normal  12930      0      0      0      0      0      0 "
			   "     0      0      0      0      0      0      5 \n"
			   "Node 3, zone\nNode 3, zone X\nNode 3, zone Y 1 x\nNode 4, zone Z 99";

	check_int(buddyinfo_parse(text, strlen(text), zone, 4), 2);
	check_str(zone[0].name, "DMA");
	check_int(zone[0].order_count, 4);
	check_int(zone[0].blocks[3], 1);
	check_int(zone[1].node, 2);
	check_int(zone[1].order_count, 14);
	check_int(zone[1].blocks[0], 12930);
	check_int(zone[1].blocks[13], 5);
	check_int(buddyinfo_parse(text, strlen(text), zone, 1), 2);
	check_int(buddyinfo_parse("", 0, zone, 4), 0);
}

TEST(buddyinfo_with_too_many_columns_is_left_out)
{
	char text[512] = "Node 0, zone DMA";
	struct buddyinfo_zone zone;

	for (int i = 0; i < BUDDYINFO_ORDERS_MAX + 1; i++)
		strcat(text, " 1");
	strcat(text, "\n");
	check_int(buddyinfo_parse(text, strlen(text), &zone, 1), 0);
}
