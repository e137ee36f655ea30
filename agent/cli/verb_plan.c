/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `plan` is the agent for one second with its hands tied: the same sampling, rules and ladder,
 * every step a dry run. A captured machine is read once, or once a frame.
 */

#include "cli/cli.h"

#include "cli/plan_report.h"
#include "host/warden.h"
#include "sys/clock.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Two samples a second apart would leave the time to empty unknown, which needs three. */
#define SAMPLE_USEC (200 * USEC_PER_MSEC)
#define SAMPLES	    6
/* A worker may hang on a process that holds its own mmap_lock; the plan then says what it lacks. */
#define SAMPLES_AT_MOST 15

static void collect(const struct warden *warden, struct plan_report *report)
{
	const struct plan *plan = warden_plan(warden);

	for (size_t i = 0; i < plan->step_count; i++) {
		if (plan->steps[i].order != STEP_START)
			continue;
		if (report->step_count == REPORT_STEPS_MAX)
			report->dropped++;
		else
			report->steps[report->step_count++] = plan->steps[i];
	}
	for (size_t i = 0; i < plan->refusal_count; i++) {
		if (report->refusal_count == REPORT_REFUSALS_MAX)
			report->dropped++;
		else
			report->refusals[report->refusal_count++] = plan->refusals[i];
	}
	report->dropped += plan->refusals_dropped;
	report->samples++;
}

static void wait_until(usec_t at)
{
	struct timespec t = {
		.tv_sec = (time_t)(at / USEC_PER_SEC),
		.tv_nsec = (long)(at % USEC_PER_SEC * 1000),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int sample_live(struct warden *warden, struct plan_report *report)
{
	usec_t start = clock_monotonic_usec();

	for (unsigned i = 0; i < SAMPLES_AT_MOST; i++) {
		int r = warden_tick(warden, clock_monotonic_usec());

		if (r < 0)
			return r;
		collect(warden, report);
		if (i + 1 >= SAMPLES && warden_is_settled(warden))
			return 0;
		wait_until(start + (i + 1) * SAMPLE_USEC);
	}
	return 0;
}

static int sample_frames(struct warden *warden, struct plan_report *report)
{
	for (size_t i = 0; i < warden_frame_count(warden); i++) {
		usec_t now;
		int r;

		r = warden_frame_open(warden, i, &now);
		if (r < 0)
			return r;
		r = warden_tick(warden, now);
		if (r < 0)
			return r;
		collect(warden, report);
	}
	return 0;
}

static int print(const struct warden *warden, struct plan_report *report,
		 const struct cli_options *options)
{
	report->root = options->root;
	report->config = warden_config(warden);
	report->snapshot = warden_snapshot(warden);
	report->engine = warden_engine(warden);
	report->gap_count = warden_gaps(warden, report->gaps);
	return options->json ? plan_report_json(report) : plan_report_text(report);
}

static int fail(const char *what, int r, struct diag_list *diags)
{
	if (diags->count + diags->dropped > 0) {
		diag_print(diags, stderr);
		return EXIT_CONFIGURATION;
	}
	fprintf(stderr, "oomwarden plan: %s: %s\n", what, strerrordesc_np(-r));
	return r == -ENOENT || r == -ENOSYS || r == -EOPNOTSUPP ? EXIT_MACHINE : EXIT_FAILED;
}

int verb_plan(const struct verb *verb, int argc, char **argv)
{
	static struct plan_report report;
	_cleanup_(warden_freep) struct warden *warden = NULL;
	struct diag_list diags = { 0 };
	struct cli_options options;
	const char *what = NULL;
	int status, r;

	if (cli_parse(verb, CLI_ROOT | CLI_CONFIG | CLI_JSON, argc, argv, &options, &status) < 0)
		return status;
	if (options.first < argc)
		return cli_usage(verb, "it takes no operands");

	struct warden_options how = {
		.root = options.root,
		.config_path = &options.config_path,
		.act = false,
		.inspectors = options.root ? 0 : 1,
	};

	r = warden_new(&how, &diags, &what, &warden);
	if (r >= 0) {
		what = "cannot read the machine";
		r = options.root ? sample_frames(warden, &report) : sample_live(warden, &report);
	}
	status = r < 0 ? fail(what, r, &diags) : print(warden, &report, &options);
	diag_done(&diags);
	return status;
}
