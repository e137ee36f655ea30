/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What an agent has set on this machine, by its record, and what the operator has paused.
 */

#include "engine/ledger_look.h"
#include "host/pause.h"

#include <json-c/json.h>
#include <sys/types.h>

struct in_force {
	int agent_error; /* as runtime_find() */
	pid_t agent;
	struct pause_list paused;
	int record_error; /* as ledger_look() */
	struct ledger_look record;
};

void in_force_read(struct in_force *ret);

/* 0 or -errno. */
int in_force_text(const struct in_force *f);
/* Adds "agent", "paused" and "in_force"; NULL: of a captured machine, all null. */
void in_force_json(const struct in_force *f, struct json_object *to);
