/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/numa_report.h"

#include "cli/advice.h"
#include "cli/cells.h"
#include "cli/sampling.h"
#include "host/warden.h"
#include "util/amount.h"
#include "util/macro.h"

#include <errno.h>

uint64_t numa_report_after(const struct numa_report *report, const struct numa_place *place,
			   size_t node)
{
	const struct plan_report *found = report->found;

	return numa_bytes_after(place->service->shares[node].bytes, found->steps, found->step_count,
				service_key(place->service), found->snapshot->nodes[node].id);
}

struct reading numa_report_room(const struct numa_report *report, enum metric_id id, size_t node,
				bool after)
{
	const struct plan_report *found = report->found;
	const struct node *n = &found->snapshot->nodes[node];
	struct reading r = n->readings[metric_index(id)];

	if (after && r.state == READING_KNOWN)
		r.value = numa_room_after(r.value, found->steps, found->step_count, n->id);
	return r;
}

bool numa_report_moves(const struct numa_report *report)
{
	for (size_t i = 0; i < report->found->step_count; i++)
		if (numa_is_move(&report->found->steps[i]))
			return true;
	return false;
}

/* One that ends meanwhile is told of without it. */
static int place_guest(const struct warden *warden, const struct policy *policy,
		       const struct service *service, struct numa_place *ret)
{
	const struct snapshot *s = warden_snapshot(warden);
	struct guest_detail detail;
	int r = advice_outline(warden, service, &detail);

	numa_story_place(s, policy, service, r == 0 ? &detail : NULL, ret);
	if (r == 0)
		guest_detail_done(&detail);
	return r == -ENOMEM ? r : 0;
}

/* Where it is known where: what the table would have shown of it. */
static uint64_t size_of(const struct numa_place *place)
{
	const struct service *service = place->service;

	return place->known
		       ? place->total_bytes
		       : reading_amount(service->readings[metric_index(METRIC_SERVICE_CURRENT)]);
}

static int take_service(struct numa_report *report, const struct warden *warden,
			const struct service *service)
{
	const struct policy *policy = &report->found->config->policies.policies[service->policy];
	struct numa_place place;
	int r = 0;

	if (numa_is_guest(policy, service)) {
		r = place_guest(warden, policy, service, &place);
	} else {
		numa_story_place(report->found->snapshot, policy, service, NULL, &place);
		if (!report->all) {
			report->left_out++;
			report->left_out_bytes = plus(report->left_out_bytes, size_of(&place));
			return 0;
		}
	}
	report->places[report->count++] = place;
	return r;
}

static int take_services(struct numa_report *report, const struct warden *warden)
{
	const struct snapshot *s = report->found->snapshot;
	_cleanup_(freep) const struct service **order = cells_order_services(s);
	int r = 0;

	report->places = calloc(s->service_count + 1, sizeof(*report->places));
	if (!order || !report->places)
		return -ENOMEM;
	for (size_t i = 0; i < s->service_count && r >= 0; i++)
		r = take_service(report, warden, order[i]);
	return r;
}

static int print(const struct verb *verb, const struct cli_options *options, struct warden *warden,
		 struct plan_report *found)
{
	struct numa_report report = {
		.root = options->root,
		.all = options->all,
		.found = found,
	};
	int r, status;

	found->config = warden_config(warden);
	found->snapshot = warden_snapshot(warden);
	found->engine = warden_engine(warden);
	found->gap_count = warden_gaps(warden, found->gaps);
	r = take_services(&report, warden);
	if (r < 0)
		status = sampling_failed(verb, "cannot tell of the services", r);
	else
		status = options->json ? numa_report_json(&report) : numa_report_text(&report);
	free(report.places);
	return status;
}

int status_numa(const struct verb *verb, const struct cli_options *options)
{
	static struct plan_report found;
	_cleanup_(warden_freep) struct warden *warden = NULL;
	int status = sampling_run(verb, options, plan_collect, &found, &warden);

	return status == EXIT_DONE ? print(verb, options, warden, &found) : status;
}
