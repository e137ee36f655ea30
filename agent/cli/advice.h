/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the operator could change, gathered for one node or for what a plan passed over, and
 * printed: the same words wherever they stand.
 */

#include "cli/json_value.h"
#include "cli/plan_report.h"
#include "explain/obstacle_story.h"
#include "host/warden.h"

/* What is known of a service's guest without taking its lock. 0 and *ret; -ESRCH: it has none, or
 * it is gone; -ENOMEM. */
int advice_outline(const struct warden *warden, const struct service *service,
		   struct guest_detail *ret);

/* Of snapshot->nodes[node]: guests that have memory there, and whoever is confined to it. 0 or
 * -ENOMEM. */
int advice_of_node(const struct warden *warden, size_t node, struct advice_list *ret);

/* The nodes for which a rule asks for a move and no move can help: fills report->stuck from its
 * refusals and steps. 0 or -ENOMEM. */
int advice_of_plan(const struct warden *warden, struct plan_report *report);

void advice_print(const struct advice_list *list, size_t indent);
struct json_object *advice_json(const struct advice_list *list);
/* Of one service: its obstacles, as bits. */
struct json_object *advice_json_of(const struct snapshot *snapshot, const struct policy *policy,
				   const struct service *service, unsigned obstacles);
/* The part of a plan that is about nodes that no move can help. */
void advice_print_stuck(const struct plan_report *report);
struct json_object *advice_json_stuck(const struct plan_report *report);
