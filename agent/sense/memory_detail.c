/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/memory_detail.h"

#include "sense/kernel_sensor.h"
#include "sense/slab_top.h"
#include "sys/slabinfo.h"
#include "util/macro.h"

#include <errno.h>

#define SLABS_MAX  32
#define TEXT_BYTES 16384

int memory_detail_read(const struct sysroot *root, const struct sense *sense,
		       uint64_t page_size_bytes, struct memory_detail *ret)
{
	_cleanup_(freep) struct slab_detail *slabs = calloc(SLABS_MAX, sizeof(*slabs));
	_cleanup_(freep) char *text = malloc(TEXT_BYTES);
	_cleanup_(closep) int fd = slabinfo_open(root);
	struct slab_top top = {
		.slabs = slabs,
		.capacity = SLABS_MAX,
		.page_size_bytes = page_size_bytes,
	};
	int n;

	if (!slabs || !text)
		return -ENOMEM;
	n = fd < 0 ? fd : slabinfo_each(fd, text, TEXT_BYTES, slab_top_take, &top);
	for (size_t i = 0; i < top.count && sense; i++)
		slabs[i].growth_known = kernel_sensor_slab_growth(
			sense, slabs[i].name, &slabs[i].growth_bytes, &slabs[i].growth_usec);
	*ret = (struct memory_detail){
		.slab_count = top.count,
		.slabs_known = n > 0,
		.slabs = TAKE_PTR(slabs),
	};
	return 0;
}
