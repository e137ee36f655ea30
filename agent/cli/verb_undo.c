/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "cli/brake.h"
#include "cli/undo_beside.h"
#include "host/recovery.h"
#include "host/runtime.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PATIENCE_USEC (60 * USEC_PER_SEC)

struct said {
	unsigned lines;
};

static void say(void *context, bool is_fault, const char *line)
{
	struct said *said = context;

	said->lines++;
	fprintf(is_fault ? stderr : stdout, "%s\n", line);
}

static int explain(const struct verb *verb, const char *what, int error)
{
	switch (error) {
	case -EBUSY:
		fprintf(stderr,
			"oomwarden undo: somebody holds the lock in %s: an agent of another "
			"version, or one that gives back what was set; try again, or 'systemctl "
			"stop oomwardend'\n",
			brake_directory());
		return EXIT_FAILED;
	case -ENOENT:
		puts("Nothing is on record: no agent has run since this machine was started.");
		return EXIT_DONE;
	default:
		return brake_failed(verb, what, error);
	}
}

static int undo_by_hand(const struct verb *verb, bool all)
{
	struct said said = { 0 };
	struct recovery recovery = {
		.of_policies_too = all, .patience_usec = PATIENCE_USEC, .say = say, .context = &said
	};
	const char *what = NULL;
	size_t left = 0;
	int r = recovery_by_hand(brake_directory(), &recovery, &left, &what);

	if (r < 0)
		return explain(verb, what, r);
	if (left > 0)
		fprintf(stderr,
			"oomwarden undo: %zu settings could not be given back, and stay on "
			"record.\n",
			left);
	else if (said.lines == 0)
		puts("Nothing is left to give back.");
	return left > 0 ? EXIT_FAILED : EXIT_DONE;
}

static int look_for_agent(void)
{
	_cleanup_(closep) int fd = open(brake_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return runtime_find(fd, &pid);
}

int verb_undo(const struct verb *verb, int argc, char **argv)
{
	struct cli_options options;
	int status, r;

	if (cli_parse(verb, CLI_ALL, argc, argv, &options, &status) < 0)
		return status;
	r = look_for_agent();
	if (r < 0 && r != -ESRCH && r != -EXDEV)
		return brake_failed(verb, brake_directory(), r);
	if (r == -ESRCH)
		return undo_by_hand(verb, options.all);
	status = undo_beside_agent(verb, options.all, PATIENCE_USEC);
	/* It has ended meanwhile, and what it has left is nobody's. */
	return status == UNDO_NO_AGENT ? undo_by_hand(verb, options.all) : status;
}
