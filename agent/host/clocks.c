/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/clocks.h"

#include "host/state.h"
#include "sys/clock.h"

/* The clocks are read one after the other, which may take a moment; a suspend takes longer. */
#define CLOCKS_APART_USEC (100 * USEC_PER_MSEC)
#define ASLEEP_MIN_USEC	  (500 * USEC_PER_MSEC)

/* CLOCK_MONOTONIC stands still while the machine sleeps. True: it slept since the last time, and
 * what was measured or pending before counts no more. */
static bool note_clocks(struct warden *w, usec_t monotonic_usec, usec_t boottime_usec)
{
	usec_t asleep = boottime_usec > monotonic_usec ? boottime_usec - monotonic_usec : 0;
	bool slept = w->clocks_known && asleep > w->asleep_usec &&
		     asleep - w->asleep_usec >= ASLEEP_MIN_USEC;

	w->asleep_usec = asleep;
	w->clocks_known = true;
	if (!slept)
		return false;
	w->has_slept = true;
	sense_forget_history(w->sense);
	engine_note_gap(w->engine);
	return true;
}

/* On a host that suffers there may be a long time between any two lines; then the next tick tells.
 */
bool clocks_have_slept(struct warden *w)
{
	usec_t before = clock_monotonic_usec(), boottime = clock_boottime_usec();
	usec_t after = clock_monotonic_usec();

	return after - before < CLOCKS_APART_USEC && note_clocks(w, after, boottime);
}

bool warden_note_clocks(struct warden *w, usec_t monotonic_usec, usec_t boottime_usec)
{
	return note_clocks(w, monotonic_usec, boottime_usec);
}

bool warden_has_slept(struct warden *w)
{
	bool slept = w->has_slept;

	w->has_slept = false;
	return slept;
}
