/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether a step may have its target, measured once more right before it is carried out: by the
 * latest snapshot, and by the kernel's own list of who lives there. The engine has looked at the
 * same; this is for the day that it errs.
 */

#include "act/remedy.h"
#include "core/policy.h"

struct check {
	const struct remedy_env *env;
	const struct policy_table *policies; /* NULL: what a policy could allow is not */
	const struct snapshot *snapshot;     /* NULL: nobody has been seen */
};

/* 0; or -errno and why not, a static string. */
int check_step(const struct check *check, const struct step *step, const char **ret_reason);
