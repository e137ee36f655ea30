/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sizes as the operator writes them: bytes, or a part of something that is named behind it. What
 * may be written differs from key to key.
 */

#include "core/policy.h"
#include "rule/schema.h"

#include <stdbool.h>
#include <stdint.h>

struct size_forms {
	const char *expected; /* all of them, for faults: "a size like 8G or 25%" */
	bool may_be_infinite;
	bool may_be_declared; /* "120% declared" */
	/* Less is taken for a forgotten unit. 0 stays what it is. */
	uint64_t least_bytes;
	const char *least; /* the same in words: "64K" */
};

/* The key's value; false: it is none of these, which is reported. */
bool size_read(struct load *load, const struct ini_key *key, const struct size_forms *forms,
	       struct policy_size *ret);
