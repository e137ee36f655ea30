/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What becomes of the machine if nothing is done, as `plan` tells it beside what it would do.
 */

#include "cli/victims.h"

struct fates {
	struct victims victims;
	int error; /* why they could not be read, and which: 0, or a negative errno */
	const char *what;
};

/* 0 or -ENOMEM: what else cannot be read is told in place of the rest. */
int fates_read(struct warden *warden, struct fates *ret);
void fates_done(struct fates *fates);

void fates_print(const struct fates *fates);
/* A list: the host, and before it nodes that can run dry by themselves; empty where nothing can be
 * told. */
struct json_object *fates_json(const struct fates *fates);
