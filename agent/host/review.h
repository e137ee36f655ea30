/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Kills by the kernel that a tick has seen, each with what is to be said of it, until whoever
 * publishes takes them. For the files of this folder alone.
 */

#include "core/kernel_event.h"
#include "core/verdict.h"

#define REVIEW_MAX 12

struct review {
	struct kernel_event events[REVIEW_MAX];
	struct verdict verdicts[REVIEW_MAX];
	size_t first;
	size_t count;
};

struct warden;

/* After host and nodes were read, and before services are: what they were is then still there. */
void review_kernel_events(struct warden *w, usec_t now);
