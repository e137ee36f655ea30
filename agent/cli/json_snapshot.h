/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parts of a snapshot as JSON, for every report that has them.
 */

#include "cli/json_value.h"

struct json_object *json_host(const struct snapshot *snapshot);
struct json_object *json_node(const struct node *node);
struct json_object *json_nodes(const struct snapshot *snapshot);
struct json_object *json_services(const struct config *config, const struct snapshot *snapshot);
/* Who causes the host's memory pressure. */
struct json_object *json_pressure(const struct snapshot *snapshot);
