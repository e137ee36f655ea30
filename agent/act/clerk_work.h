/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker's side of what a clerk does: settings by the right door and read back, reclaim in
 * portions, compaction, jobs of units. The kernel and the manager are reached through a table, so
 * that scripted ones can show every answer that real ones give rarely; clerk_work() (act/remedy.h)
 * runs it on the real ones (clerk_machine.h).
 *
 * Whatever fails leaves the host as it was found, as far as that can be done, so that nobody has to
 * know how far a failed request had come.
 */

#include "act/remedy.h"
#include "util/macro.h"
#include "util/usec.h"

/* One write of memory.reclaim at most. The kernel takes more than it is asked for, in one large
 * request half as much again, and is not to be stopped within one. */
#define CLERK_RECLAIM_BYTES (INT64_C(16) << 20)
/* A limit comes down by this, or by more where there is far to go. */
#define CLERK_CHUNK_BYTES (INT64_C(64) << 20)

/* Every function as the one of sys/ or act/ that it stands for. */
struct clerk_doors {
	/* Below use, a limit of v2 kills within the write, and one of v1 is refused. */
	bool limits_kill;
	int64_t page_bytes;
	/* The cgroup that has this path now. 0; -ENOENT. */
	int (*find)(void *context, const char *path, uint64_t *ret_key);
	/* What is in use there, of it and below. -ENOENT: it is not accounted. */
	int (*use)(void *context, const char *path, uint64_t key, int64_t *ret_bytes);
	int (*read)(void *context, const struct setting_target *on, const char *path,
		    struct setting_value *ret);
	int (*write)(void *context, const struct setting_target *on, const char *path,
		     const struct setting_value *value);
	/* Of a cgroup: -EAGAIN: less than that; -ENOENT, -EOPNOTSUPP: this kernel cannot. */
	int (*reclaim)(void *context, const char *path, uint64_t key, int64_t bytes);

	/* The unit that the cgroup itself belongs to: -ENOENT: none. Without `ask` by its name
	 * alone, as the manager forgets units that are gone. -ENOTCONN, here and of the next three:
	 * there is no manager. */
	int (*unit_of)(void *context, const char *path, bool ask, char *ret, size_t size);
	int (*unit_set)(void *context, const char *unit, const struct setting_target *on,
			const struct setting_value *value);
	int (*unit_freeze)(void *context, const char *unit, bool freeze);
	int (*unit_job)(void *context, const char *unit, enum unit_verb verb);
	/* A canary, a unit or where there is no manager a cgroup of our own. 0: it holds its
	 * memory; 1: likewise, but unconfined, for which the manager is too old; 2: under the
	 * agent's own user id; -errno. */
	int (*unit_arm)(void *context, const struct work_unit *unit);
	/* 0; -ENOENT: there is none (any more); -errno. */
	int (*unit_disarm)(void *context, const struct work_unit *unit);
	/* The manager's words of the last error; never NULL. */
	const char *(*unit_words)(void *context);
	int (*drop_in_remove)(void *context, const char *unit, enum setting_id id);

	int (*node_free)(void *context, unsigned node, int64_t *ret_bytes);
	/* What can be taken from it for good before it is short. */
	int (*node_room)(void *context, unsigned node, int64_t *ret_bytes);
	int (*node_reclaim)(void *context, unsigned node, int64_t bytes);
	int (*node_compact)(void *context, unsigned node);
	int (*drop_slab)(void *context);

	usec_t (*now)(void *context);
	void (*sleep)(void *context, usec_t usec);
	void *context;
};

/* One request. */
struct clerk {
	const struct work_request *request;
	const struct work_channel *channel;
	const struct clerk_doors *doors;
	usec_t deadline;
	bool cancelled;
	usec_t told_at; /* of progress */
	struct work_reply reply;
	/* WORK_SET */
	struct setting_target on;
	char unit[UNIT_NAME_BYTES]; /* "": its files are written */
	bool vanished;		    /* there is no such cgroup, only the unit's name */
	bool touched;		    /* something was told to write, and may have */
	bool by_file;		    /* nodes that the manager has let go of were written here */
	struct setting_value wanted;
	struct setting_value before;
	bool before_known;
};

/* Sends replies and then the final one. */
void clerk_run(const struct work_request *request, const struct work_channel *channel,
	       const struct clerk_doors *doors);

/* clerk_set.c: 0 or -errno; the reply has what is in force, and words where the error is not
 * enough.
 */
int clerk_set(struct clerk *clerk);
/* Has that value written and read back, without any care for what it does. 0, or -errno of the
 * write; reply.in_force has what came of it. */
int clerk_put(struct clerk *clerk, const struct setting_value *value);
/* Is that what was asked for, as the kernel rounds it? */
bool clerk_is_same(const struct clerk *clerk, const struct setting_value *asked,
		   const struct setting_value *found);
/* clerk_limit.c: a lower limit, `wanted` below `before`. */
int clerk_lower(struct clerk *clerk);
/* clerk_reclaim.c */
int clerk_reclaim(struct clerk *clerk);
/* Until it uses no more than this, or as far as it goes. 0: it does not; -EAGAIN: the rest stays;
 * -ECANCELED; -ETIMEDOUT; -EOPNOTSUPP: this kernel cannot; other -errno. *use is kept up to date.
 */
int clerk_reclaim_to(struct clerk *clerk, int64_t goal, int64_t *use);

/* Did the agent take it back? */
bool clerk_is_cancelled(struct clerk *clerk);
bool clerk_is_late(const struct clerk *clerk);
/* Words for people, into the reply. */
_printf_(2, 3) void clerk_say(struct clerk *clerk, const char *format, ...);
