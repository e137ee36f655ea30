/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/brake.h"

#include "host/agent.h"
#include "util/macro.h"

#include <errno.h>

int verb_reload(const struct verb *verb, int argc, char **argv)
{
	_cleanup_(brake_done) struct brake brake = { .directory_fd = -1, .lock_fd = -1 };
	struct cli_options options;
	int status;

	if (cli_parse(verb, 0, argc, argv, &options, &status) < 0)
		return status;
	status = brake_open(verb, false, &brake);
	if (status != EXIT_DONE)
		return status;
	brake_tell(&brake);
	if (brake.result == -ESRCH) {
		fputs("oomwarden reload: no agent runs\n", stderr);
		return EXIT_FAILED;
	}
	status = brake_explain(&brake);
	if (brake.result == AGENT_REFUSED)
		return EXIT_CONFIGURATION;
	if (status != EXIT_DONE)
		return status;
	if (brake.result == AGENT_RESTARTED)
		puts("An agent that was started meanwhile has read its configuration.");
	else
		printf("The agent (process %d) has read its configuration.\n", (int)brake.agent);
	return EXIT_DONE;
}
