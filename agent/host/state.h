/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a warden is made of, for the files of this folder alone. */

#include "engine/engine.h"
#include "engine/executor.h"
#include "engine/worker.h"
#include "host/frames.h"
#include "host/pause.h"
#include "host/reserve.h"
#include "host/review.h"
#include "host/runtime.h"
#include "host/step_list.h"
#include "host/trial.h"
#include "host/warden.h"
#include "sys/cgroup_layout.h"
#include "sys/spare_fds.h"
#include "sys/sysroot.h"

struct warden {
	struct warden_options options;
	struct config *config;
	struct frames frames;
	struct sysroot root;
	struct cgroup_layout layout;
	struct spare_fds spare;
	struct runtime *runtime;
	struct pause_list paused;
	struct ledger *ledger; /* NULL: nothing is acted on */
	struct worker_pool *pool;
	struct sense *sense;
	const struct snapshot *made_up; /* in its place, at a rehearsal; else NULL */
	struct engine *engine;
	struct executor *executor;
	struct trial trial;
	size_t canaries_kept; /* by the runtime, as they were last */
	uint64_t canary_sum_kept;
	usec_t asleep_usec; /* since boot; meaningful when clocks_known */
	bool clocks_known;
	struct reserve reserve;
	bool is_blind; /* the last walk failed, and that was said */
	usec_t scanned_at;
	uint64_t trimmed_roll; /* of the snapshot whose making left nothing unused behind */
	usec_t services_at;
	usec_t replenished_at;
	usec_t now;
	usec_t delay;	 /* to the next tick */
	usec_t due;	 /* the tick that something waits for; USEC_INFINITY: nothing does */
	usec_t whole_at; /* the last tick that was made whole */
	bool is_calm;	 /* and left nothing to be done */
	bool started;
	bool settled;
	bool has_slept;
	usec_t settle_until; /* a start or reload waits for what it gives back; 0: for nothing */
	bool settle_seen;    /* it is back, and the next tick sees that */
	bool is_stopping;    /* what is set is given back, and nothing new is begun */
	struct review review;
	struct plan plan;
	struct outcome outcomes[EXECUTOR_OUTCOMES_MAX];
	size_t outcome_count;
	struct step_list steps;
};

/* Tells what looks at the machine of the configuration that is in force next. */
void warden_tell_sense(struct warden *w, struct config *config);
/* What a caller must not act on is turned into the most careful mode before anything sees it. */
void warden_hold_back(const struct warden *w, struct config *config);
