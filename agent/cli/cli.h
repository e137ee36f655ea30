/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * `oomwarden VERB`: a table of verbs, one file each. A verb gets its own argv (argv[0] is its name)
 * and returns the exit status.
 */

#include "rule/config.h"
#include "util/macro.h"

#include <stdbool.h>

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIGURATION = 3,
	EXIT_MACHINE = 77, /* this machine cannot; what is missing was said */
};

struct verb {
	const char *name;
	const char *arguments; /* "[--root DIR] [--config DIR] [--json]" */
	const char *summary;
	const char *help; /* the options, one a line */
	int (*run)(const struct verb *verb, int argc, char **argv);
};

int verb_actions(const struct verb *verb, int argc, char **argv);
int verb_check(const struct verb *verb, int argc, char **argv);
int verb_explain(const struct verb *verb, int argc, char **argv);
int verb_metrics(const struct verb *verb, int argc, char **argv);
int verb_pause(const struct verb *verb, int argc, char **argv);
int verb_plan(const struct verb *verb, int argc, char **argv);
int verb_reload(const struct verb *verb, int argc, char **argv);
int verb_resume(const struct verb *verb, int argc, char **argv);
int verb_status(const struct verb *verb, int argc, char **argv);
int verb_undo(const struct verb *verb, int argc, char **argv);

/* Options that several verbs share. Which of them a verb takes is the set bits of `accept`. */
enum cli_option {
	CLI_ROOT = 1,
	CLI_CONFIG = 2,
	CLI_JSON = 4,
	CLI_ALL = 8,
	CLI_CATALOGUE = 16,
	CLI_OPERANDS = 32, /* no option: it takes operands */
	CLI_NUMA = 64,
};

struct cli_options {
	const char *root;
	struct config_path config_path;
	bool json;
	bool all;
	bool catalogue;
	bool numa;
	int first; /* index of the first operand */
};

/* 0; or an exit status in *ret_exit when the verb ends here (--help, a usage error) and -1. */
int cli_parse(const struct verb *verb, unsigned accept, int argc, char **argv,
	      struct cli_options *ret, int *ret_exit);

/* Says on standard error how the verb is called; EXIT_USAGE. */
int cli_usage(const struct verb *verb, const char *fault);

/* A line on standard error, made safe to print whatever names are in it; EXIT_FAILED. */
_printf_(2, 3) int cli_complain(const char *verb_name, const char *format, ...);
/* The same of a configuration that says nothing, which is no fault and hardly ever meant. */
void cli_complain_empty(const char *verb_name, const struct config *config,
			const struct config_path *path);

/* A heading of the output for people: bold on a terminal. */
void cli_heading(const char *text);
