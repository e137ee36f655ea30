/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/heartbeat.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct heartbeat {
	_Atomic uint32_t count;
	_Atomic uint32_t danger; /* a futex */
};

int heartbeat_new(struct heartbeat **ret)
{
	void *page = mmap(NULL, sizeof(struct heartbeat), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	*ret = page;
	return 0;
}

struct heartbeat *heartbeat_free(struct heartbeat *h)
{
	if (h)
		(void)munmap(h, sizeof(*h));
	return NULL;
}

void heartbeat_beat(struct heartbeat *h, bool danger)
{
	h->count++;
	if (h->danger == danger)
		return;
	h->danger = danger;
	(void)syscall(SYS_futex, &h->danger, FUTEX_WAKE, 1, NULL, NULL, 0);
}

uint32_t heartbeat_count(const struct heartbeat *h)
{
	return h->count;
}

bool heartbeat_is_danger(const struct heartbeat *h)
{
	return h->danger != 0;
}

void heartbeat_wait(struct heartbeat *h, bool while_danger, usec_t timeout_usec)
{
	const struct timespec timeout = {
		.tv_sec = (time_t)(timeout_usec / USEC_PER_SEC),
		.tv_nsec = (long)(timeout_usec % USEC_PER_SEC * 1000),
	};

	(void)syscall(SYS_futex, &h->danger, FUTEX_WAIT, (uint32_t)while_danger,
		      timeout_usec == USEC_INFINITY ? NULL : &timeout, NULL, 0);
}
