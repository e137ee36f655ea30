/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What several tables show of a subject, each a cell.
 */

#include "cli/table.h"
#include "core/snapshot.h"
#include "rule/config.h"
#include "util/macro.h"

_printf_(2, 3) void cell_format(struct table *t, const char *format, ...);
/* A name from outside, escaped. */
void cell_name(struct table *t, const char *name);
void cell_bytes(struct table *t, uint64_t bytes);
void cell_reading(struct table *t, const struct reading *readings, enum metric_id id);
/* "0: 1.5 GiB, 1: 300 MiB" */
void cell_shares(struct table *t, const struct snapshot *snapshot, const struct service *service);
/* The nodes that it may use. */
void cell_allowed(struct table *t, const struct service *service);
/* "kvm-host/guests" */
void cell_policy(struct table *t, const struct policy *policy);

/* A table of the nodes, a row each: its number, then these metrics of it, one for each further
 * column. Below 0: there is no memory for it. */
int cells_print_nodes(const struct snapshot *snapshot, const struct table_column *columns,
		      const enum metric_id *metrics, size_t metric_count);

/* So many of them a table shows where not all are asked for. */
#define SERVICES_SHOWN 20

/* The services by size, the largest first, on the heap; NULL when there is no memory. */
const struct service **cells_order_services(const struct snapshot *snapshot);
