/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A captured machine on disk: one tree, or a sequence of trees t0/, t1/, ... of the same machine.
 */

#include "sys/sysroot.h"
#include "util/usec.h"

#include <stddef.h>

struct frames {
	const char *directory; /* NULL: this machine */
	bool sequence;
	size_t count; /* at least 1 */
	usec_t last;  /* time of the frame that was asked for last */
};

/* -ENOENT when the directory holds neither proc/ nor t0/. */
int frames_find(const char *directory, struct frames *ret);
int frames_open(const struct frames *frames, size_t frame, struct sysroot *ret);
/* The frame's uptime where it was captured and moved on, else a second after the last. */
usec_t frames_time(struct frames *frames, size_t frame, const struct sysroot *root);
