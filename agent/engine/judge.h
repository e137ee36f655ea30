/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel was first: whom its OOM killer meant, and how far the rules that are about that were
 * from preventing it. What rules do now is in their states; how near the others were is looked for
 * in the readings of the last seconds (engine/recall.h), as those of this moment have the victim's
 * memory back.
 */

#include "core/verdict.h"
#include "engine/engine.h"

/* A kill that showed after the last tick. Between ticks; `snapshot` is best as it is before
 * services are read again. */
void engine_judge(const struct engine *e, const struct snapshot *snapshot,
		  const struct kernel_event *event, usec_t now, struct verdict *ret);
