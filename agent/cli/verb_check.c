/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "util/macro.h"

#include <stdio.h>

static void check_all(const struct config_path *path, struct diag_list *diags)
{
	_cleanup_(config_freep) struct config *config = NULL;

	if (config_load(path, diags, &config) == 0)
		printf("%zu policies and %zu rules, no fault; Mode=%s\n", config->policies.count,
		       config->rule_count, mode_name(config->mode));
}

int verb_check(const struct verb *verb, int argc, char **argv)
{
	struct diag_list diags = { 0 };
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_CONFIG, argc, argv, &options, &status) < 0)
		return status;
	if (options.first == argc)
		check_all(&options.config_path, &diags);
	for (int i = options.first; i < argc; i++)
		if (config_check_file(argv[i], &options.config_path, &diags) == 0)
			printf("%s: no fault\n", argv[i]);
	status = diags.count + diags.dropped > 0 ? EXIT_CONFIGURATION : EXIT_DONE;
	fflush(stdout);
	diag_print(&diags, stderr);
	diag_done(&diags);
	return status;
}
