/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What systemd would do is done here: the program is put into its cgroup before it is run, has no
 * rights and a user id that nobody else has, and is waited for until it says that it holds its
 * memory. What there is no manager for is left: the empty cgroup of one that has died stays until
 * the next one is armed.
 *
 * It ends with the agent by itself, as its unit does.
 */

#include "act/canary_group.h"

#include "core/canary.h"
#include "core/plan.h"
#include "sys/cgroup_dir.h"
#include "sys/cgroup_own.h"
#include "sys/clock.h"
#include "sys/launch.h"
#include "sys/privilege.h"
#include "util/macro.h"
#include "util/strbuf.h"
#include "util/sum.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM_NAME "oomwarden-canary"
#define NUMBER_SIZE  48
/* The memory of one that was killed is given back within this, mostly. */
#define LOOK_USEC (5 * USEC_PER_MSEC)
/* Of what it may take to be ready, for one that was there before to end. */
#define END_PART 4

static int say(struct strbuf *words, int error, const char *text)
{
	strbuf_reset(words);
	strbuf_add(words, text);
	return error;
}

static int say_error(struct strbuf *words, int error, const char *text)
{
	strbuf_reset(words);
	strbuf_addf(words, "%s: %s", text, strerrordesc_np(-error));
	return error;
}

static int cannot_make(struct strbuf *words, int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return say(words, error, "memory is not accounted by control groups here");
	case -EBUSY:
		return say(words, error,
			   "a control group that would be above it has processes of its own");
	case -EROFS:
		return say(words, -EOPNOTSUPP,
			   "there is no systemd here, and control groups are read-only");
	case -EACCES:
	case -EPERM:
		return say(words, -EOPNOTSUPP,
			   "there is no systemd here, and no control group may be made");
	default:
		return say_error(words, error, "no control group can be made for it");
	}
}

/* --- where ------------------------------------------------------------------------------------ */

static int add_path(const char *unit, const char *slice, struct strbuf *out)
{
	canary_add_place(slice, false, out);
	strbuf_addf(out, "/%s", unit);
	return out->truncated ? -ENAMETOOLONG : 0;
}

static bool is_there(const struct cgroup_layout *layout, const char *path)
{
	struct cgroup_dir dir;

	if (cgroup_dir_open(layout, path, &dir) < 0)
		return false;
	cgroup_dir_done(&dir);
	return true;
}

/* A slice that nobody has made holds nobody's service. */
static int check_place(const struct cgroup_layout *layout, const struct canary_unit *canary,
		       struct strbuf *words)
{
	char path[PATH_BYTES];
	struct strbuf group = STRBUF(path);

	if (is_there(layout, "init.scope"))
		return say(words, -EOPNOTSUPP,
			   "there is no systemd here, and control groups are another one's");
	canary_add_place(canary->slice, false, &group);
	if (canary->slice[0] == '\0' || is_there(layout, path))
		return 0;
	strbuf_reset(words);
	strbuf_add(words, "there is no control group ");
	strbuf_add_name(words, path);
	return -ENOENT;
}

/* --- its end ---------------------------------------------------------------------------------- */

static int end(const struct sysroot *root, const struct cgroup_layout *layout, const char *path,
	       usec_t timeout_usec)
{
	const usec_t deadline = clock_monotonic_usec() + timeout_usec;
	int r;

	for (;;) {
		int killed = cgroup_own_kill(root, layout, path);

		if (killed < 0 && killed != -ENOENT)
			return killed;
		r = cgroup_own_remove(root, layout, path);
		if (r != -EBUSY)
			return r == 0 ? killed : r;
		if (clock_monotonic_usec() >= deadline)
			return -ETIMEDOUT;
		clock_sleep(LOOK_USEC);
	}
}

int canary_group_end(const struct sysroot *root, const struct cgroup_layout *layout,
		     const char *unit, const char *slice, usec_t timeout_usec, char *words,
		     size_t size)
{
	struct strbuf said = { .data = words, .size = size };
	char path[PATH_BYTES];
	struct strbuf group = STRBUF(path);
	int r = add_path(unit, slice, &group);

	strbuf_reset(&said);
	if (r == 0)
		r = end(root, layout, path, timeout_usec);
	if (slice[0] == '\0')
		(void)cgroup_own_remove(root, layout, CANARY_GROUP);
	return r < 0 && r != -ENOENT ? say_error(&said, r, "it cannot be ended") : r;
}

struct sweep {
	const struct sysroot *root;
	const struct cgroup_layout *layout;
};

/* One that somebody is in is not removed. */
static int sweep_one(void *context, const char *name)
{
	const struct sweep *sweep = context;
	char path[PATH_BYTES];
	struct strbuf group = STRBUF(path);

	if (strncmp(name, CANARY_UNIT_PREFIX, strlen(CANARY_UNIT_PREFIX)) == 0 &&
	    add_path(name, "", &group) == 0)
		(void)cgroup_own_remove(sweep->root, sweep->layout, path);
	return 0;
}

static void sweep(const struct sysroot *root, const struct cgroup_layout *layout)
{
	struct sweep context = { root, layout };
	struct cgroup_dir dir;

	if (cgroup_dir_open(layout, CANARY_GROUP, &dir) < 0)
		return;
	(void)cgroup_each_child(dir.fd, sweep_one, &context);
	cgroup_dir_done(&dir);
}

/* --- its start -------------------------------------------------------------------------------- */

static int run(const struct sysroot *root, const struct cgroup_layout *layout, const char *path,
	       const struct canary_unit *canary, struct strbuf *words)
{
	char bytes[NUMBER_SIZE], node[NUMBER_SIZE], agent[NUMBER_SIZE];
	const char *arguments[] = { PROGRAM_NAME, bytes, agent, canary->has_node ? node : NULL,
				    NULL };
	const struct launch launch = {
		.program = canary->program,
		.arguments = arguments,
		.user = launch_spare_user(root, sum_text(SUM_BEGIN, canary->unit)),
		.rights = PRIVILEGE_BIT(CAP_IPC_LOCK),
	};
	_cleanup_(launch_done) struct launched launched = { .go_fd = -1,
							    .errors_fd = -1,
							    .notify_fd = -1 };
	int r;

	(void)snprintf(bytes, sizeof(bytes), "--bytes=%" PRIu64, canary->bytes);
	(void)snprintf(node, sizeof(node), "--node=%u", canary->node);
	(void)snprintf(agent, sizeof(agent), "--agent=%d:%" PRIu64, canary->agent,
		       canary->agent_start_ticks);
	r = launch_prepare(&launch, &launched);
	if (r < 0)
		return say_error(words, r, "no process can be started for it");
	r = cgroup_own_enter(root, layout, path, launched.pid);
	if (r < 0)
		return say_error(words, r, "its control group cannot be entered");
	r = launch_run(&launched, canary->start_usec);
	if (r == 0)
		return launched.has_user ? 0 : 1;
	if (r == -ETIMEDOUT)
		return say(words, r, "it was not ready in time");
	return say(words, r, launched.words[0] ? launched.words : "its program ended");
}

static int make_and_run(const struct sysroot *root, const struct cgroup_layout *layout,
			const char *path, const struct canary_unit *canary, struct strbuf *words)
{
	int r = end(root, layout, path, canary->start_usec / END_PART);

	if (r == -EROFS || r == -EACCES || r == -EPERM)
		return cannot_make(words, r);
	if (r < 0 && r != -ENOENT)
		return say_error(words, r, "the one that was there before cannot be ended");
	r = cgroup_own_make(root, layout, path);
	if (r < 0)
		return cannot_make(words, r);
	r = run(root, layout, path, canary, words);
	if (r < 0)
		(void)end(root, layout, path, canary->start_usec / END_PART);
	return r;
}

int canary_group_start(const struct sysroot *root, const struct cgroup_layout *layout,
		       const struct canary_unit *canary, char *words, size_t size)
{
	struct strbuf said = { .data = words, .size = size };
	char path[PATH_BYTES];
	struct strbuf group = STRBUF(path);
	int r = add_path(canary->unit, canary->slice, &group);

	strbuf_reset(&said);
	if (r < 0)
		return say_error(&said, r, "its control group has too long a name");
	r = check_place(layout, canary, &said);
	if (r < 0)
		return r;
	sweep(root, layout);
	r = make_and_run(root, layout, path, canary, &said);
	if (r < 0 && canary->slice[0] == '\0')
		(void)cgroup_own_remove(root, layout, CANARY_GROUP);
	return r;
}
