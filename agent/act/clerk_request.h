/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the remedies that a clerk does have in common: the request that a step stands for, and how
 * it is handed over. Everything here returns at once.
 */

#include "act/remedy.h"

/* How long a step may wait for a clerk that others keep busy. A job of a unit may take as long. */
#define CLERK_WAIT_MAX_USEC (45 * USEC_PER_SEC)

/* Does its step set something, and do nothing else? */
bool clerk_is_setting(const struct remedy *remedy);
/* The request of a remedy's step. 0; -EINVAL: it has no such target; -EOPNOTSUPP: not a clerk's. */
int clerk_request(const struct remedy *remedy, struct work_request *ret);
/* After how long a clerk that was given this is not heard of any more. */
usec_t clerk_patience(const struct work_request *request);

/* 0: clerk->worker has it; -EBUSY: none is free; other -errno. */
int clerk_submit(struct remedy *remedy, const struct remedy_env *env,
		 const struct work_request *request, usec_t now);
/* 1 and the final reply; 0: not yet; -EPIPE: the clerk died; -ETIMEDOUT: it hangs. What came before
 * goes to `progress`, which may be NULL. Once it is not 0 the worker is given back. */
int clerk_hear(struct remedy *remedy, const struct remedy_env *env, usec_t now,
	       void (*progress)(struct remedy *remedy, const struct work_reply *reply),
	       struct work_reply *ret);
/* Tells the clerk to end, if one has it. */
void clerk_recall(struct remedy *remedy, const struct remedy_env *env);
void clerk_release(struct remedy *remedy, const struct remedy_env *env);
/* Puts what a failed request ended by into words: the clerk's own, or those of the error. */
int clerk_failed(struct remedy *remedy, int error, const char *said);
