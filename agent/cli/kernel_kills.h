/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whom the kernel's OOM killer took while an agent ran, as that has kept it, and what there is to
 * be said of it.
 */

#include "host/runtime.h"

#include <json-c/json.h>

struct kernel_kills {
	int error; /* as runtime_get_kernel_kills() */
	struct runtime_kernel_kills kept;
};

void kernel_kills_read(struct kernel_kills *ret);

/* Under a heading of its own, where there are any; service: of that one alone, 0: of all. */
void kernel_kills_text(const struct kernel_kills *kills, uint64_t service, usec_t now);
/* Adds "kernel_kills"; NULL: of a captured machine. */
void kernel_kills_json(const struct kernel_kills *kills, uint64_t service, struct json_object *to);
