/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A virtual machine in words: what it was declared to be, what its memory is made of and bound to,
 * where its vCPUs run, and what holds it where it is. Also the memory policies of any process.
 */

#include "core/detail.h"
#include "util/strbuf.h"

/* Each line of the story without indent, its names escaped. What is not known is left out. */
void guest_story_tell(const struct guest_detail *detail,
		      void (*line)(void *context, const char *text), void *context);
/* "memory policy of the task: bind to node 0", and one line for each other policy of its mappings.
 */
void policy_story_tell(const struct process_policies *policies,
		       void (*line)(void *context, const char *text), void *context);

/* "qemu", "cloud-hypervisor", "firecracker". */
const char *guest_type_name(enum guest_type type);
/* "libvirt", "Proxmox VE", "firecracker's jailer"; NULL: not known. */
const char *guest_manager_name(enum guest_manager manager);
enum guest_remark {
	GUEST_IS_LOCKED,
	GUEST_IS_SHARED,
	GUEST_IS_CONFIDENTIAL,
};
/* What sets its memory apart, a static sentence. */
const char *guest_remark_text(enum guest_remark remark);
/* As numa_maps spells it. */
const char *memory_policy_name(enum memory_policy policy);
