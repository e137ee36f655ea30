/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whom the kernel would kill, as several verbs tell it: what that is answered from, read on request
 * only, and the parts of the answer.
 */

#include "core/detail.h"
#include "explain/victim_story.h"
#include "host/warden.h"

struct victims {
	struct kernel_detail kernel;
	struct task_details tasks;
	struct zone_details zones; /* nothing in it where they cannot be read */
	struct victim_field field;
};

/* 0, or -errno with *ret_what of it, for people: a machine whose memory or processes cannot be read
 * has no story. *ret is to be done with in any case. */
int victims_read(struct warden *warden, struct victims *ret, const char **ret_what);
void victims_done(struct victims *victims);

/* Why there is no telling whom, a sentence; NULL: there is. */
const char *victims_unknown(const struct victims *victims);
/* A paragraph for each of these of enum victim_hazard. */
void victims_print_hazards(const struct victims *victims, const struct victim_story *story,
			   unsigned hazards, size_t indent);

struct json_object;
struct badness_scope;
struct json_object *victims_json(const struct victims *victims, const struct victim_story *story);
struct json_object *victims_json_task(const struct victims *victims,
				      const struct badness_scope *scope, size_t task);
/* So many pages, in bytes. */
void victims_json_bytes(struct json_object *to, const char *key, const struct victims *victims,
			uint64_t pages);
