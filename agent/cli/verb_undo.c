/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "host/recovery.h"
#include "util/macro.h"

#include <errno.h>
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

static int explain(const char *what, int error)
{
	switch (error) {
	case -EBUSY:
		fputs("oomwarden undo: oomwardend is running. What a rule has set it gives back by "
		      "itself when the rule clears.\n"
		      "Everything at once: 'systemctl stop oomwardend'. One rule or policy: "
		      "Mode=dry-run in its section, then 'systemctl reload oomwardend'.\n",
		      stderr);
		return EXIT_FAILED;
	case -ENOENT:
		puts("Nothing is on record: no agent has run since this machine was started.");
		return EXIT_DONE;
	default:
		fprintf(stderr, "oomwarden undo: %s: %s\n", what, strerrordesc_np(-error));
		return error == -EACCES || error == -EPERM ? EXIT_MACHINE : EXIT_FAILED;
	}
}

int verb_undo(const struct verb *verb, int argc, char **argv)
{
	const char *directory = getenv("RUNTIME_DIRECTORY"), *what = NULL;
	struct said said = { 0 };
	struct recovery recovery = { .patience_usec = PATIENCE_USEC, .say = say, .context = &said };
	struct cli_options options;
	size_t left = 0;
	int status, r;

	if (cli_parse(verb, CLI_ALL, argc, argv, &options, &status) < 0)
		return status;
	recovery.of_policies_too = options.all;
	r = recovery_by_hand(directory ? directory : RUNTIME_DIRECTORY, &recovery, &left, &what);
	if (r < 0)
		return explain(what, r);
	if (left > 0)
		fprintf(stderr,
			"oomwarden undo: %zu settings could not be given back, and stay on "
			"record.\n",
			left);
	else if (said.lines == 0)
		puts("Nothing is left to give back.");
	return left > 0 ? EXIT_FAILED : EXIT_DONE;
}
