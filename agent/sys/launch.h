/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A program that outlives its starter, as a service manager would start it: what there is without
 * one. It is nobody's child but init's, has no descriptors but its standard ones, no environment,
 * no rights, and a user id of its own where one may be had; and it says when it is ready as it
 * would say it to a manager (sd_notify(3)).
 *
 * In between it stands still, so that it can be put where it is to be before it does anything.
 * Allocates and waits: for workers.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sysroot;

#define LAUNCH_WORDS_BYTES   256
#define LAUNCH_ADDRESS_BYTES 16

struct launch {
	const char *program;
	const char *const *arguments; /* its own name first; NULL ends them */
	uid_t user;		      /* and group; 0: the starter's */
	uint64_t rights;	      /* bits of CAP_* that it keeps without a user of its own */
};

struct launched {
	pid_t pid;
	bool has_user; /* it could be had */
	int go_fd;
	int errors_fd; /* what it says on its standard error; ends with it */
	int notify_fd;
	char words[LAUNCH_WORDS_BYTES]; /* what it said last; "" nothing */
};

/* It is there, and waits. 0 or -errno. */
int launch_prepare(const struct launch *launch, struct launched *ret);
/* It is run, and waited for until it is ready. 0; -EREMOTEIO: it has ended, with `words` if it said
 * any; -ETIMEDOUT: it runs and did not say so within that time; other -errno. */
int launch_run(struct launched *launched, usec_t timeout_usec);
/* What was not run ends; what runs is not heard of any more. */
void launch_done(struct launched *launched);

/* A user id that nobody has: of those that service managers give away for a while, and that
 * distributions leave to them (61184 to 65519), one that no account and no process has. `seed` says
 * where to begin. 0: there is none. */
uid_t launch_spare_user(const struct sysroot *root, uint64_t seed);
