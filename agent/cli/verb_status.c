/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "cli/numa_report.h"
#include "cli/sampling.h"
#include "cli/status_report.h"
#include "util/macro.h"

int verb_status(const struct verb *verb, int argc, char **argv)
{
	static struct status_report report;
	static struct in_force in_force;
	static struct kernel_kills kills;
	_cleanup_(warden_freep) struct warden *warden = NULL;
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_ROOT | CLI_CONFIG | CLI_ALL | CLI_JSON | CLI_NUMA, argc, argv,
		      &options, &status) < 0)
		return status;
	if (options.numa)
		return status_numa(verb, &options);
	if (!options.root) {
		in_force_read(&in_force);
		report.in_force = &in_force;
		kernel_kills_read(&kills);
		report.kills = &kills;
	}
	status = sampling_run(verb, &options, NULL, NULL, &warden);
	/* An agent that runs has another one, and what it has set is there to be seen. */
	if (status == EXIT_CONFIGURATION && report.in_force && !options.json)
		(void)in_force_text(report.in_force);
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
