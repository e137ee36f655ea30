/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What an operator wrote of a service ("25%", "50% node", "120% declared"), as the value that the
 * kernel would hold on this machine now. Bytes are rounded down to the page, as the kernel does
 * (page_counter_memparse(), mm/page_counter.c), so that what is read back can be compared.
 *
 * A part is of:
 *   the host      MemTotal, as systemd.resource-control(5) reads a percentage
 *   a node        node.total of the smallest one that the service may use; of all as long as it is
 *                 not known which, so that the value can only grow when that is found out
 *   what a guest declares
 * As long as that is not known there is no value: better none than a wrong one.
 */

#include "core/policy.h"
#include "core/snapshot.h"

#include <stdbool.h>

struct strbuf;

/* INFINITE for "infinity", UNKNOWN while there is no value. A part that comes to less than a page
 * is a page: to the kernel 0 means nothing at all, and that was not asked for. */
struct reading policy_size_resolve(const struct policy_size *size, const struct snapshot *snapshot,
				   const struct service *service);
/* What `setting` asks for of this service; false while there is no value, and of a home: where that
 * is takes more than a snapshot (engine/placement.h). */
bool policy_setting_resolve(const struct policy_setting *setting, const struct snapshot *snapshot,
			    const struct service *service, struct setting_value *ret);
/* May `value` have come of this setting, as far as it can be told without the service? Where a list
 * of nodes has become a home, or a home a list, what was set before has not. */
bool policy_setting_may_have(const struct policy_setting *setting,
			     const struct setting_value *value);
/* How far a rule may raise that limit of the service: MemoryMaxCeiling=, for MemoryHigh never above
 * the MemoryMax that is in force, as the kernel kills there. UNKNOWN: not at all, for the policy
 * says nothing of it or there is no value. Never INFINITE. */
struct reading policy_ceiling(const struct policy *policy, enum setting_id id,
			      const struct snapshot *snapshot, const struct service *service);

/* For people, as it would be written: "8G" is "8 GiB", "infinity", "25% of the host". */
void policy_size_format(const struct policy_size *size, struct strbuf *out);
/* "MemoryHigh=25% of the host", "Nodes=0-1", "Nodes=home", "IOWriteBandwidthMax=/dev/sda 10 MiB/s".
 */
void policy_setting_format(const struct policy_setting *setting, struct strbuf *out);
