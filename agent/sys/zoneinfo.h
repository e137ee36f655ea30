/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/zoneinfo, all eras: mm/vmstat.c zoneinfo_show_print(). Amounts are in pages.
 *
 * el6 and el7 (2.6.32, 3.10) print the LRU lists, dirty and writeback of each zone and leave out
 * zones that hold nothing; 4.8 and later print "nr_zone_*" for zones ("nr_zone_write_pending" is
 * dirty plus writeback) and node totals in a "per-node stats" block in the node's first populated
 * zone; 5.14 and later list empty zones too, which end after their protection line.
 *
 * The kernel prints watermarks with the temporary boost included (min_wmark_pages() adds
 * watermark_boost, 5.0) and since 5.18 the boost itself. Here min, low and high are without it
 * wherever it is printed, so that min + boost is what an allocation is held to in every era.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

/* MAX_NR_ZONES is 4 to 6 in every configuration of Linux. */
#define ZONEINFO_CLASSES_MAX 8
#define ZONEINFO_NAME_BYTES  16

struct zoneinfo_zone {
	unsigned node;
	char name[ZONEINFO_NAME_BYTES]; /* DMA, DMA32, Normal, HighMem, Movable, Device */
	uint64_t free_pages;
	uint64_t boost_pages; /* 0 where not printed */
	uint64_t min_pages;
	uint64_t low_pages;
	uint64_t high_pages;
	uint64_t spanned_pages;
	uint64_t present_pages;
	uint64_t managed_pages; /* present where not printed (before 3.8) */
	uint64_t cma_pages;
	bool has_cma;	   /* the total of CMA is printed (5.14) */
	bool has_free_cma; /* what is free of it is printed (3.7) */
	uint64_t free_cma_pages;
	/* lowmem_reserve: what requests that could use zone class j must leave here. */
	uint64_t protection[ZONEINFO_CLASSES_MAX];
	unsigned protection_count;
	bool has_file_lru; /* the next three were printed for this zone */
	uint64_t active_file_pages;
	uint64_t inactive_file_pages;
	uint64_t unclean_pages; /* dirty and under writeback */
	bool has_highatomic;	/* 6.14 */
	uint64_t free_highatomic_pages;
	/* Each CPU may hold back this much of each counter: free_pages is off by up to threshold x
	 * pagesets. 0 where not printed (one CPU). */
	uint64_t stat_threshold_pages;
	unsigned pageset_cpus;
	bool unreclaimable; /* kswapd has given up on the node (zone, before 4.8) */
	bool populated;	    /* present_pages > 0 */
};

struct zoneinfo {
	struct zoneinfo_zone *zones; /* the caller's */
	size_t capacity;
	size_t count;
	size_t needed; /* how many the file has; more than capacity: parse again with more */
	/* The text ends within a zone, or a zone lacks a watermark: what is left out is unknown, so
	 * sums over a node that is named in no zone, or may be cut, must not be made. */
	bool truncated;
};

/* ret->zones and ret->capacity are given by the caller, the rest is set. 0; -EINVAL when the text
 * holds no zone. */
int zoneinfo_parse(const char *text, size_t length, struct zoneinfo *ret);

/* fd to keep or -errno. The file's size grows with CPUs x zones (about 140 bytes each): on -EFBIG
 * of sysroot_read_fd() come back with a larger buffer. */
int zoneinfo_open(const struct sysroot *root);
