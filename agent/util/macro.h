/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The few language helpers that every floor may use: scope-bound cleanup, ownership hand-over and
 * array sizes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	    (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(a, b)	    __attribute__((format(printf, a, b)))
#define _unused_	    __attribute__((unused))
/* What every tick of a quiet host goes through is put together, on as few pages as can be. */
#define _hot_ __attribute__((hot))
/* Kept out of such. */
#define _apart_ __attribute__((noinline))

#define MIN_OF(a, b)                               \
	__extension__({                            \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define MAX_OF(a, b)                               \
	__extension__({                            \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* Hands the pointer over and leaves NULL behind, so that the cleanup of a local does nothing. */
#define TAKE_PTR(p)                         \
	__extension__({                     \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define TAKE_FD(fd)                \
	__extension__({            \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Leaves -1 behind; a descriptor that is none, or that a failure left as -errno, too. */
static inline void drop_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
