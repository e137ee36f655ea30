/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "cli/sampling.h"
#include "cli/status_report.h"
#include "util/macro.h"

int verb_status(const struct verb *verb, int argc, char **argv)
{
	static struct status_report report;
	_cleanup_(warden_freep) struct warden *warden = NULL;
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_ROOT | CLI_CONFIG | CLI_ALL | CLI_JSON, argc, argv, &options,
		      &status) < 0)
		return status;
	status = sampling_run(verb, &options, NULL, NULL, &warden);
	if (status != EXIT_DONE)
		return status;
	report.root = options.root;
	report.all = options.all;
	report.config = warden_config(warden);
	report.snapshot = warden_snapshot(warden);
	report.engine = warden_engine(warden);
	report.gap_count = warden_gaps(warden, report.gaps);
	return options.json ? status_report_json(&report) : status_report_text(&report);
}
