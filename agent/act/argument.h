/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One argument of a Do= line: text to value, by its spec in the table of actions.
 */

#include "act/action.h"

struct diag_list;

/* Where a fault of the value goes: the column is that of its first character. */
struct argument_place {
	const struct action *action;
	const char *file;
	unsigned line;
	unsigned column;
	struct diag_list *diags;
};

/* 0, or -EINVAL and a fault is reported. Of an ARG_UNIT the value says only that it is one. */
int argument_parse(const struct argument_place *place, const struct action_arg_spec *spec,
		   const char *value, int64_t *ret);
