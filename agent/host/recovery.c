/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/recovery.h"

#include "core/plan.h"
#include "engine/recover.h"
#include "sys/cgroup_layout.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/sysroot.h"
#include "sys/unit_bus.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#define MANAGER_USEC USEC_PER_SEC

void recovery_target(const struct ledger_entry *entry, struct strbuf *out)
{
	switch (setting_get(entry->on.id)->scope) {
	case SCOPE_SERVICE:
		strbuf_add_name(out, entry->path);
		break;
	case SCOPE_NODE:
		strbuf_addf(out, "node %llu", (unsigned long long)entry->on.key);
		break;
	default:
		strbuf_add(out, "host");
		break;
	}
}

void recovery_line(const struct ledger_entry *entry, const struct outcome *outcome,
		   struct strbuf *out)
{
	recovery_target(entry, out);
	strbuf_add(out, ": ");
	if (outcome->state != OUTCOME_DONE)
		strbuf_addf(out, "%s cannot be given back now: ", setting_get(entry->on.id)->name);
	strbuf_add(out, outcome->reason);
}

static void tell(void *context, const struct ledger_entry *entry, const struct outcome *outcome)
{
	const struct recovery *recovery = context;
	char line[PATH_BYTES + 2 * NAME_BYTES];
	struct strbuf out = STRBUF(line);

	recovery_line(entry, outcome, &out);
	recovery->say(recovery->context, outcome->state != OUTCOME_DONE, line);
}

int recovery_run(const struct runtime *runtime, const struct sysroot *root,
		 const struct cgroup_layout *layout, const struct recovery *recovery,
		 size_t *ret_left)
{
	_cleanup_(ledger_freep) struct ledger *ledger = NULL;
	struct recovery copy = *recovery;
	const struct recover_options options = { .root = root,
						 .layout = layout,
						 .bus_address = recovery->bus_address,
						 .of_policies_too = recovery->of_policies_too,
						 .patience_usec = recovery->patience_usec,
						 .told = recovery->say ? tell : NULL,
						 .context = &copy };
	bool was_bad;
	int r;

	r = runtime_open_ledger(runtime, &ledger, &was_bad);
	if (r < 0)
		return r;
	if (was_bad && recovery->say)
		recovery->say(recovery->context, true,
			      "part of the record cannot be read, and was set aside as ledger.bad");
	*ret_left = 0;
	return ledger_count(ledger) > 0 ? recover(ledger, &options, ret_left) : 0;
}

/* What the child sends, a message each. */
struct message {
	bool is_end;
	bool is_fault;
	int result;
	size_t left;
	char line[PATH_BYTES + 2 * NAME_BYTES];
};

struct apart {
	const struct runtime *runtime;
	const struct sysroot *root;
	const struct cgroup_layout *layout;
	const struct recovery *recovery;
	int fd;
};

static void send_line(void *context, bool is_fault, const char *line)
{
	const struct apart *apart = context;
	struct message message = { .is_fault = is_fault };
	struct strbuf out = STRBUF(message.line);

	strbuf_add(&out, line);
	(void)!write(apart->fd, &message, sizeof(message));
}

static int run_apart(void *context)
{
	const struct apart *apart = context;
	struct recovery recovery = *apart->recovery;
	struct message message = { .is_end = true };

	recovery.say = send_line;
	recovery.context = context;
	message.result =
		recovery_run(apart->runtime, apart->root, apart->layout, &recovery, &message.left);
	return write(apart->fd, &message, sizeof(message)) == sizeof(message) ? 0 : 1;
}

/* A message is smaller than what a pipe takes at once. */
static bool receive(int fd, usec_t until, struct message *ret)
{
	usec_t now = clock_monotonic_usec();
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (now >= until || poll(&wait, 1, (int)((until - now) / USEC_PER_MSEC) + 1) <= 0)
		return false;
	return read(fd, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
}

static int listen_to(int fd, const struct recovery *recovery, size_t *ret_left)
{
	/* It ends by itself, but for what hangs. */
	usec_t until = clock_monotonic_usec() + recovery->patience_usec + MANAGER_USEC;
	struct message message;

	while (receive(fd, until, &message)) {
		if (message.is_end) {
			*ret_left = message.left;
			return message.result;
		}
		message.line[sizeof(message.line) - 1] = '\0';
		if (recovery->say)
			recovery->say(recovery->context, message.is_fault, message.line);
	}
	return clock_monotonic_usec() >= until ? -ETIMEDOUT : -EPIPE;
}

int recovery_run_apart(const struct runtime *runtime, const struct sysroot *root,
		       const struct cgroup_layout *layout, const struct recovery *recovery,
		       size_t *ret_left)
{
	_Static_assert(sizeof(struct message) <= 4096, "a pipe takes it whole");
	_cleanup_(closep) int ours = -1;
	_cleanup_(closep) int theirs = -1;
	struct apart apart = { runtime, root, layout, recovery, -1 };
	int pair[2], r;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	ours = pair[0];
	theirs = apart.fd = pair[1];
	const struct child child = { .name = "oomwarden-undo",
				     .keep = { theirs, root->fd, runtime_directory(runtime) },
				     .keep_count = 3,
				     .run = run_apart,
				     .context = &apart };

	pid = child_fork(&child);
	if (pid < 0)
		return (int)pid;
	closep(&theirs);
	theirs = -1;
	r = listen_to(ours, recovery, ret_left);
	(void)child_end(pid);
	return r;
}

static int open_all(const char *directory, struct sysroot *root, struct cgroup_layout *layout,
		    struct runtime **ret, const char **ret_what)
{
	char boot_id[BOOT_ID_BYTES] = "";
	struct stat st;
	int r;

	*ret_what = directory;
	if (stat(directory, &st) < 0)
		return -errno;
	*ret_what = "root directory";
	r = sysroot_open(NULL, root);
	if (r < 0)
		return r;
	*ret_what = "control groups";
	r = cgroup_layout_open(root, layout);
	if (r < 0) {
		sysroot_done(root);
		return r;
	}
	(void)clock_read_boot_id(root, boot_id);
	*ret_what = directory;
	r = runtime_open(directory, boot_id, ret);
	if (r < 0) {
		cgroup_layout_done(layout);
		sysroot_done(root);
	}
	return r;
}

int recovery_by_hand(const char *directory, const struct recovery *recovery, size_t *ret_left,
		     const char **ret_what)
{
	struct runtime *runtime = NULL;
	struct cgroup_layout layout;
	struct sysroot root;
	int r = open_all(directory, &root, &layout, &runtime, ret_what);

	if (r < 0)
		return r;
	*ret_what = "record";
	r = recovery_run(runtime, &root, &layout, recovery, ret_left);
	runtime_close(runtime);
	cgroup_layout_done(&layout);
	sysroot_done(&root);
	return r;
}

static bool has_job(const char *unit, const char *job)
{
	_cleanup_(unit_bus_closep) struct unit_bus *bus = NULL;
	struct unit_facts facts;

	return unit_bus_open(NULL, MANAGER_USEC, &bus) >= 0 &&
	       unit_bus_facts(bus, unit, &facts) >= 0 && strcmp(facts.pending_job, job) == 0;
}

bool recovery_host_goes_down(void)
{
	/* What every way down pulls in. */
	return has_job("shutdown.target", "start");
}

bool recovery_unit_stops(const char *unit)
{
	return has_job(unit, "stop");
}
