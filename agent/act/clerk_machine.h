/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The doors of a clerk (clerk_work.h) on a real machine. What they need is opened when it is needed
 * first: a worker that has had nothing to do holds nothing. In a worker process only.
 */

#include "act/clerk_work.h"
#include "sys/cgroup_layout.h"

struct unit_bus;

struct clerk_machine {
	const struct sysroot *root;
	const char *directory;	 /* that stands for "/" where drop-ins are; NULL: that itself */
	const char *bus_address; /* NULL: the system's manager */
	const char *canary;	 /* the program's path; NULL: where it was installed */
	struct cgroup_layout layout;
	bool has_layout;
	usec_t timeout_usec; /* of one call to the manager */
	struct unit_bus *bus;
	char words[NAME_BYTES]; /* why there is none */
};

/* 0; -errno: where its control groups are cannot be found out. *ret refers to the machine. */
int clerk_machine_open(struct clerk_machine *machine, usec_t timeout_usec, struct clerk_doors *ret);
/* Ends what belongs to one request: the connection. */
void clerk_machine_rest(struct clerk_machine *machine);
void clerk_machine_done(struct clerk_machine *machine);
