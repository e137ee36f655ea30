/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/clock.h"

#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <time.h>

#define NSEC_PER_USEC 1000

_hot_ static usec_t read_clock(clockid_t clock)
{
	struct timespec t;

	/* Cannot fail for these clocks, which every supported kernel has. */
	clock_gettime(clock, &t);
	return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / NSEC_PER_USEC;
}

usec_t clock_monotonic_usec(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

_hot_ usec_t clock_monotonic_coarse_usec(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

usec_t clock_boottime_usec(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

void clock_sleep(usec_t usec)
{
	const struct timespec span = {
		.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_nsec = (long)(usec % USEC_PER_SEC) * NSEC_PER_USEC,
	};

	(void)nanosleep(&span, NULL);
}

static bool is_boot_id(struct span s)
{
	if (s.length != BOOT_ID_BYTES - 1)
		return false;
	for (size_t i = 0; i < s.length; i++) {
		char c = s.data[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

int clock_read_boot_id(const struct sysroot *root, char ret[BOOT_ID_BYTES])
{
	char text[64];
	struct span rest, line;
	ssize_t length = sysroot_read(root, "proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (length < 0)
		return (int)length;
	rest = span_of(text, (size_t)length);
	if (!span_next_line(&rest, &line) || !is_boot_id(line))
		return -EINVAL;
	span_copy(line, ret, BOOT_ID_BYTES);
	return 0;
}
