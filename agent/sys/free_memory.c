/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/free_memory.h"

#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <sys/sysinfo.h>

_hot_ int free_memory_read(const struct sysroot *root, struct free_memory *ret)
{
	struct sysinfo info;
	struct free_memory amounts;

	if (!root->live)
		return -EOPNOTSUPP;
	if (sysinfo(&info) < 0)
		return -errno;
	if (__builtin_mul_overflow(info.freeram, (uint64_t)info.mem_unit, &amounts.free_bytes) ||
	    __builtin_mul_overflow(info.freeswap, (uint64_t)info.mem_unit,
				   &amounts.swap_free_bytes))
		return -ERANGE;
	*ret = amounts;
	return 0;
}
