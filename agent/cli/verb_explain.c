/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "cli/advice.h"
#include "cli/explain_report.h"
#include "cli/sampling.h"
#include "host/warden.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void report_done(struct explain_report *report)
{
	victims_done(&report->victims);
	memory_detail_done(&report->memory);
	guest_detail_done(&report->guest);
}

/* What is on request only. Zones that cannot be read leave a story without them. */
static int read_details(struct warden *warden, struct explain_report *report, const char **ret_what)
{
	int r = victims_read(warden, &report->victims, ret_what);

	return r < 0 ? r : warden_memory(warden, &report->memory);
}

static void begin_report(const struct warden *warden, const struct cli_options *options,
			 struct explain_report *report)
{
	report->root = options->root;
	report->config = warden_config(warden);
	report->snapshot = warden_snapshot(warden);
	report->engine = warden_engine(warden);
	report->gap_count = warden_gaps(warden, report->gaps);
	report->kills.error = -ENOENT;
	if (!options->root)
		kernel_kills_read(&report->kills);
}

static bool are_operands(char **operands, int count)
{
	return count == 1 || (count == 2 && strcmp(operands[0], "node") == 0);
}

static int explain(const struct verb *verb, const struct cli_options *options,
		   const char *const *operands, size_t count)
{
	_cleanup_(warden_freep) struct warden *warden = NULL;
	_cleanup_(report_done) struct explain_report report = { 0 };
	const char *what = NULL;
	int status = sampling_run(verb, options, NULL, NULL, &warden), r;

	if (status != EXIT_DONE)
		return status;
	begin_report(warden, options, &report);
	r = read_details(warden, &report, &what);
	if (r < 0)
		return sampling_failed(verb, what, r);
	if (explain_find(&report, operands, count, &report.target) < 0)
		return EXIT_FAILED;
	if (report.target.kind == EXPLAIN_SERVICE)
		report.limit_cgroup = warden_limit_cgroup(warden, report.target.service);
	if (report.target.kind == EXPLAIN_NODE)
		r = advice_of_node(warden, (size_t)(report.target.node - report.snapshot->nodes),
				   &report.advice);
	if (r >= 0)
		r = explain_read_guest(warden, &report);
	if (r < 0)
		return sampling_failed(verb, "memory", r);
	return options->json ? explain_report_json(&report) : explain_report_text(&report);
}

int verb_explain(const struct verb *verb, int argc, char **argv)
{
	struct cli_options options;
	int status, count;

	if (cli_parse(verb, CLI_ROOT | CLI_CONFIG | CLI_JSON | CLI_OPERANDS, argc, argv, &options,
		      &status) < 0)
		return status;
	count = argc - options.first;
	if (!are_operands(argv + options.first, count))
		return cli_usage(verb, count == 0 ? "what is to be explained?"
						  : "it explains one thing at a time");
	return explain(verb, &options, (const char *const *)(argv + options.first), (size_t)count);
}
