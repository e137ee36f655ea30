/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `plan` is the agent for one second with its hands tied: the same sampling, rules and ladder,
 * every step a dry run.
 */

#include "cli/cli.h"

#include "cli/advice.h"
#include "cli/plan_report.h"
#include "cli/sampling.h"
#include "host/warden.h"
#include "util/macro.h"

static int print(const struct verb *verb, struct warden *warden, struct plan_report *report,
		 const struct cli_options *options)
{
	int r;

	report->root = options->root;
	report->config = warden_config(warden);
	report->snapshot = warden_snapshot(warden);
	report->engine = warden_engine(warden);
	report->dropped += engine_left(report->engine);
	report->gap_count = warden_gaps(warden, report->gaps);
	r = advice_of_plan(warden, report);
	if (r >= 0)
		r = fates_read(warden, &report->fates);
	if (r < 0)
		return sampling_failed(verb, "memory", r);
	return options->json ? plan_report_json(report) : plan_report_text(report);
}

int verb_plan(const struct verb *verb, int argc, char **argv)
{
	static struct plan_report report;
	_cleanup_(warden_freep) struct warden *warden = NULL;
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_ROOT | CLI_CONFIG | CLI_JSON, argc, argv, &options, &status) < 0)
		return status;
	status = sampling_run(verb, &options, plan_collect, &report, &warden);
	if (status == EXIT_DONE)
		status = print(verb, warden, &report, &options);
	fates_done(&report.fates);
	return status;
}
