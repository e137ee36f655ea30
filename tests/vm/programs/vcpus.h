/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Threads that are called as QEMU calls those of its virtual processors, and run part of the time.
 */

#include <stddef.h>

struct vcpus {
	unsigned count;
	int node; /* whose processors they are pinned to; -1: none */
	const unsigned char *memory;
	size_t bytes; /* what of it they read; all of it is there */
};

/* They end with the process. *@vcpus must stay where it is. */
void vcpus_start(const struct vcpus *vcpus);
