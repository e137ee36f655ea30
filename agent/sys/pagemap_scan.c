/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/pagemap_scan.h"

#include "sys/proc_maps.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define PAGEMAP_SCAN_IOCTL _IOWR('f', 16, struct pagemap_scan_request)

#define WANTED (PAGEMAP_REGION_PRESENT | PAGEMAP_REGION_SWAPPED)

static const struct {
	uint64_t category;
	uint64_t entry;
} meanings[] = {
	{ PAGEMAP_REGION_FILE, PAGEMAP_SHARED },     { PAGEMAP_REGION_PRESENT, PAGEMAP_PRESENT },
	{ PAGEMAP_REGION_SWAPPED, PAGEMAP_SWAPPED }, { PAGEMAP_REGION_ZERO, PAGEMAP_ZERO },
	{ PAGEMAP_REGION_HUGE, PAGEMAP_HUGE },
};

static ssize_t scan(int pagemap_fd, struct pagemap_scan_request *request)
{
	int r;

	do
		r = ioctl(pagemap_fd, PAGEMAP_SCAN_IOCTL, request);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int pagemap_scan_probe(int pagemap_fd)
{
	struct pagemap_region region;
	/* Nothing is there to be looked at, so that it costs nothing. */
	struct pagemap_scan_request request = { .size = sizeof(request),
						.vec = (uintptr_t)&region,
						.vec_len = 1,
						.category_anyof_mask = WANTED,
						.return_mask = WANTED };

	return scan(pagemap_fd, &request) >= 0;
}

ssize_t pagemap_scan(int pagemap_fd, uint64_t start, uint64_t end, uint64_t pages,
		     struct pagemap_region *ret_regions, size_t count)
{
	struct pagemap_scan_request request = {
		.size = sizeof(request),
		.start = start,
		.end = end,
		.vec = (uintptr_t)ret_regions,
		.vec_len = count,
		.max_pages = pages,
		.category_anyof_mask = WANTED,
		.return_mask =
			WANTED | PAGEMAP_REGION_FILE | PAGEMAP_REGION_ZERO | PAGEMAP_REGION_HUGE,
	};
	ssize_t n;

	/* To the kernel 0 is no limit. */
	if (count == 0 || pages == 0)
		return -EINVAL;
	n = scan(pagemap_fd, &request);
	if (n > (ssize_t)count)
		return -EIO;
	return n;
}

static uint64_t entry_of(uint64_t categories)
{
	uint64_t entry = 0;

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (categories & meanings[i].category)
			entry |= meanings[i].entry;
	return entry;
}

void pagemap_region_entries(const struct pagemap_region *regions, size_t region_count,
			    uint64_t address, uint64_t page_size, uint64_t *ret_entries,
			    size_t count)
{
	const uint64_t end = address + count * page_size;

	memset(ret_entries, 0, count * sizeof(*ret_entries));
	for (size_t i = 0; i < region_count; i++) {
		uint64_t at = MAX_OF(regions[i].start, address);
		uint64_t to = MIN_OF(regions[i].end, end);

		for (; at < to; at += page_size)
			ret_entries[(at - address) / page_size] = entry_of(regions[i].categories);
	}
}
