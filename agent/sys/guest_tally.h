/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the readers of one command line share, whichever monitor it belongs to.
 */

#include "sys/guest_cmdline.h"
#include "sys/span.h"

struct guest_tally {
	struct guest_cmdline *guest;
	struct span arguments; /* all of them, without the program */
	unsigned bound_backends;
	uint64_t backend_bytes;
	uint64_t plugged_bytes;
	void (*each)(void *context, const struct guest_memory *memory);
	void *context;
};

/* Counts one memory in, and shows it to the caller. */
void guest_tally_add(struct guest_tally *tally, const struct guest_memory *memory);

void guest_qemu_parse(struct guest_tally *tally);
void guest_cloud_hypervisor_parse(struct guest_tally *tally);
void guest_firecracker_parse(struct guest_tally *tally);
