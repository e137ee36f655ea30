/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/sampling.h"

#include "sys/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Two samples a second apart would leave the time to empty unknown, which needs three. */
#define SAMPLE_USEC (200 * USEC_PER_MSEC)
#define SAMPLES	    6
/* A worker may hang on a process that holds its own mmap_lock; what it lacks is then unknown. */
#define SAMPLES_AT_MOST 15

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

static int sample_live(struct warden *warden,
		       void (*each)(void *context, const struct warden *warden), void *context)
{
	usec_t start = clock_monotonic_usec();

	for (unsigned i = 0; i < SAMPLES_AT_MOST; i++) {
		int r = tick(warden, clock_monotonic_usec(), each, context);

		if (r < 0)
			return r;
		if (i + 1 >= SAMPLES && warden_is_settled(warden))
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

int sampling_run(struct warden *warden, bool captured,
		 void (*each)(void *context, const struct warden *warden), void *context)
{
	return captured ? sample_frames(warden, each, context) : sample_live(warden, each, context);
}

int sampling_failed(const struct verb *verb, const char *what, int error, struct diag_list *diags)
{
	if (diags->count + diags->dropped > 0) {
		diag_print(diags, stderr);
		return EXIT_CONFIGURATION;
	}
	fprintf(stderr, "oomwarden %s: %s: %s\n", verb->name, what, strerrordesc_np(-error));
	return error == -ENOENT || error == -ENOSYS || error == -EOPNOTSUPP ? EXIT_MACHINE
									    : EXIT_FAILED;
}
