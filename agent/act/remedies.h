/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The rows of `remedies` (act/remedy.h), one for each NAME_apply.c. */

#include "act/remedy.h"
#include "util/macro.h"

extern const struct remedy_ops kill_remedy;
extern const struct remedy_ops migrate_remedy;
extern const struct remedy_ops notify_remedy;
/* Everything that a clerk does: one state machine, the request differs (clerk_request.c). */
extern const struct remedy_ops clerk_remedy;
extern const struct remedy_ops freeze_remedy;
extern const struct remedy_ops score_remedy;

/* Puts a reason into the outcome and hands the error through. */
_printf_(3, 4) int remedy_failed(struct remedy *remedy, int error, const char *format, ...);
/* strerror() without its allocation; never NULL. */
const char *remedy_error_text(int error);
/* The reason for an error of target_open(). */
int remedy_target_failed(struct remedy *remedy, int error);
