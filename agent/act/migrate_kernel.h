/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A move on the real kernel, for migrate_work() and migrate_trial_work(). */

#include "act/remedy.h"
#include "sys/own_memory.h"

/* Moves what the request asks for of the process that it names: all of it, or of ourselves this
 * memory only. Sends all replies. */
void migrate_kernel_run(const struct work_request *request, const struct work_channel *channel,
			const struct own_memory *only);
