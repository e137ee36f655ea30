/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a service's memory is made of: memory.numa_stat and memory.stat, each as often as it pays.
 */

#include "sense/service_look.h"

/* memory.numa_stat, into `totals` by node. False: which node has what is not known. */
bool service_stat_read_shares(struct service_look *look, struct node_share *totals);
/* memory.stat if it is due; after the former. */
void service_stat_read(struct service_look *look);
