/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/sampling.h"

#include "sys/clock.h"
#include "util/diag.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Two samples a second apart would leave the time to empty unknown, which needs three. */
#define SAMPLE_USEC (200 * USEC_PER_MSEC)
#define SAMPLES	    6
/* A quiet machine is looked at in earnest once a second only: three such looks and a margin. */
#define SAMPLES_SLOPES 14
/* A worker may hang on a process that holds its own mmap_lock; what it lacks is then unknown. */
#define SAMPLES_AT_MOST 16

static void wait_until(usec_t at)
{
	struct timespec t = {
		.tv_sec = (time_t)(at / USEC_PER_SEC),
		.tv_nsec = (long)(at % USEC_PER_SEC * 1000),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int tick(struct warden *warden, usec_t now,
		void (*each)(void *context, const struct warden *warden), void *context)
{
	int r = warden_tick(warden, now);

	if (r >= 0 && each)
		each(context, warden);
	return r;
}

static bool has_slopes(const struct warden *warden)
{
	const struct snapshot *s = warden_snapshot(warden);
	const struct reading *host = s->host.readings;

	if (host[metric_index(METRIC_MEM_AVAILABLE)].state == READING_KNOWN &&
	    host[metric_index(METRIC_MEM_TIME_TO_EMPTY)].state == READING_UNKNOWN)
		return false;
	for (size_t i = 0; i < s->node_count; i++) {
		const struct reading *node = s->nodes[i].readings;

		if (node[metric_index(METRIC_NODE_HEADROOM)].state == READING_KNOWN &&
		    node[metric_index(METRIC_NODE_TIME_TO_EMPTY)].state == READING_UNKNOWN)
			return false;
	}
	return true;
}

static int sample_live(struct warden *warden,
		       void (*each)(void *context, const struct warden *warden), void *context)
{
	usec_t start = clock_monotonic_usec();

	for (unsigned i = 0; i < SAMPLES_AT_MOST; i++) {
		int r = tick(warden, clock_monotonic_usec(), each, context);

		if (r < 0)
			return r;
		if (i + 1 >= SAMPLES && warden_is_settled(warden) &&
		    (i + 1 >= SAMPLES_SLOPES || has_slopes(warden)))
			return 0;
		wait_until(start + (i + 1) * SAMPLE_USEC);
	}
	return 0;
}

static int sample_frames(struct warden *warden,
			 void (*each)(void *context, const struct warden *warden), void *context)
{
	for (size_t i = 0; i < warden_frame_count(warden); i++) {
		usec_t now;
		int r;

		r = warden_frame_open(warden, i, &now);
		if (r < 0)
			return r;
		r = tick(warden, now, each, context);
		if (r < 0)
			return r;
	}
	return 0;
}

int sampling_failed(const struct verb *verb, const char *what, int error)
{
	fprintf(stderr, "oomwarden %s: %s: %s\n", verb->name, what, strerrordesc_np(-error));
	return error == -ENOENT || error == -ENOSYS || error == -EOPNOTSUPP ? EXIT_MACHINE
									    : EXIT_FAILED;
}

static int make(const struct verb *verb, const struct cli_options *options, struct warden **ret)
{
	_cleanup_(diag_done) struct diag_list diags = { 0 };
	const char *what = NULL;
	int r;

	struct warden_options how = {
		.root = options->root,
		.config_path = &options->config_path,
		.act = false,
		.inspectors = options->root ? 0 : 1,
	};

	r = warden_new(&how, &diags, &what, ret);
	if (r >= 0) {
		cli_complain_empty(verb->name, warden_config(*ret), &options->config_path);
		return EXIT_DONE;
	}
	if (diags.count + diags.dropped == 0)
		return sampling_failed(verb, what, r);
	diag_print(&diags, stderr);
	return EXIT_CONFIGURATION;
}

int sampling_run(const struct verb *verb, const struct cli_options *options,
		 void (*each)(void *context, const struct warden *warden), void *context,
		 struct warden **ret)
{
	_cleanup_(warden_freep) struct warden *warden = NULL;
	int status = make(verb, options, &warden), r;

	if (status != EXIT_DONE)
		return status;
	r = options->root ? sample_frames(warden, each, context)
			  : sample_live(warden, each, context);
	if (r < 0)
		return sampling_failed(verb, "cannot read the machine", r);
	*ret = TAKE_PTR(warden);
	return EXIT_DONE;
}

void sampling_title(const char *what, const char *root, const struct snapshot *snapshot)
{
	printf("oomwarden %s: %s %s%s\n", OOMWARDEN_VERSION, what,
	       root ? "the captured machine " : "this machine", root ? root : "");
	if (snapshot->single)
		puts("One sample: rates and times to empty are unknown.");
}
