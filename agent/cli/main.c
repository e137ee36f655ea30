/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "util/macro.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#define HELP_ROOT   "  --root DIR     read a captured machine instead of this one\n"
#define HELP_CONFIG "  --config DIR   read the configuration from DIR alone\n"
#define HELP_JSON   "  --json         print JSON\n"
#define HELP_ALL    "  --all          every service, not only the largest\n"
#define HELP_PAUSED                                                                          \
	"  host           everything\n"                                                      \
	"  rule NAME      what this rule does\n"                                             \
	"  guest NAME     what is done to this guest or service, called by its name, unit\n" \
	"                 or cgroup path\n"
#define HELP_NUMA                                                                           \
	"  --numa         guests by memory node instead, as they are and as a plan would\n" \
	"                 have them; with --all every service\n"
#define HELP_CATALOGUE "  --catalogue    what there is anywhere: no machine is looked at\n"

/* Keep alphabetized. */
static const struct verb verbs[] = {
	{ "actions", "[--json]", "The actions that a rule's Do= can name.", HELP_JSON,
	  verb_actions },
	{ "check", "[--config DIR] [FILE...]",
	  "Validates the configuration, or the files given, and lists every fault.",
	  HELP_CONFIG "  FILE           check this file alone\n", verb_check },
	{ "explain", "[--root DIR] [--config DIR] [--json] host|node N|SERVICE|PID",
	  "Tells how near a host, node, service or process is to trouble, and why.",
	  HELP_ROOT HELP_CONFIG "  host           the whole host\n"
				"  node N         a memory node\n"
				"  SERVICE        a service by its name, unit or cgroup path\n"
				"  PID            a process\n",
	  verb_explain },
	{ "metrics", "[--root DIR] [--config DIR] [--catalogue] [--json]",
	  "The metrics that a rule can name, and which of them are known here, or why not.",
	  HELP_ROOT HELP_CONFIG HELP_CATALOGUE HELP_JSON, verb_metrics },
	{ "pause", "[--config DIR] [host|rule NAME|guest NAME]",
	  "The host, a rule or a guest is a dry run until it is resumed; what was set is given "
	  "back.",
	  HELP_CONFIG HELP_PAUSED, verb_pause },
	{ "plan", "[--root DIR] [--config DIR] [--json]",
	  "Samples, decides, and prints what it would do and why. Changes nothing.",
	  HELP_ROOT HELP_CONFIG HELP_JSON, verb_plan },
	{ "reload", "", "Has the running agent read its configuration again, and waits for it.", "",
	  verb_reload },
	{ "resume", "[host|rule NAME|guest NAME]", "Ends a pause; without operands, all of them.",
	  HELP_PAUSED, verb_resume },
	{ "status", "[--root DIR] [--config DIR] [--numa] [--all] [--json]",
	  "What the agent sees: the host, nodes, services and rules; what it has set and what is "
	  "paused.",
	  HELP_ROOT HELP_CONFIG HELP_NUMA HELP_ALL HELP_JSON, verb_status },
	{ "undo", "[--all]",
	  "Gives back what an agent has set on this machine; one that runs is paused.",
	  "  --all          what policies hold as well, not only what rules have set\n",
	  verb_undo },
};

static void print_help(FILE *f)
{
	fputs("oomwarden VERB [OPTIONS]\n\n"
	      "Keeps this host from killing for lack of memory while memory is free.\n\n"
	      "Verbs:\n",
	      f);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(f, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\n  oomwarden VERB --help   the options of a verb\n"
	      "  oomwarden --version\n\n"
	      "Exit status: 0 done, 1 failed, 2 usage, 3 invalid configuration, 77 this machine\n"
	      "cannot.\n",
	      f);
}

static const struct option long_options[] = {
	{ "root", required_argument, NULL, 'r' }, { "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },	  { "all", no_argument, NULL, 'a' },
	{ "catalogue", no_argument, NULL, 'C' },  { "numa", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },	  { 0 },
};

static void print_usage(FILE *to, const struct verb *verb)
{
	fprintf(to, "Usage: oomwarden %s%s%s\n", verb->name, verb->arguments[0] ? " " : "",
		verb->arguments);
}

int cli_usage(const struct verb *verb, const char *fault)
{
	if (fault)
		fprintf(stderr, "oomwarden %s: %s\n", verb->name, fault);
	print_usage(stderr, verb);
	return EXIT_USAGE;
}

static bool take_option(int c, unsigned accept, struct cli_options *options)
{
	switch (c) {
	case 'r':
		options->root = optarg;
		return accept & CLI_ROOT;
	case 'c':
		options->config_path =
			(struct config_path){ .directories = { optarg }, .count = 1 };
		return accept & CLI_CONFIG;
	case 'j':
		options->json = true;
		return accept & CLI_JSON;
	case 'a':
		options->all = true;
		return accept & CLI_ALL;
	case 'C':
		options->catalogue = true;
		return accept & CLI_CATALOGUE;
	case 'n':
		options->numa = true;
		return accept & CLI_NUMA;
	default:
		return false;
	}
}

int cli_parse(const struct verb *verb, unsigned accept, int argc, char **argv,
	      struct cli_options *ret, int *ret_exit)
{
	struct cli_options options = { .config_path = config_path_default };
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (c == 'h') {
			print_usage(stdout, verb);
			printf("\n%s\n", verb->summary);
			if (verb->help[0])
				printf("\n%s", verb->help);
			*ret_exit = EXIT_DONE;
			return -1;
		}
		if (!take_option(c, accept, &options)) {
			char fault[128];

			snprintf(fault, sizeof(fault), "it does not take '%.80s'",
				 argv[optind - 1]);
			*ret_exit = cli_usage(verb, fault);
			return -1;
		}
	}
	if (optind < argc && !(accept & CLI_OPERANDS)) {
		*ret_exit = cli_usage(verb, "it takes no operands");
		return -1;
	}
	options.first = optind;
	*ret = options;
	return 0;
}

void cli_heading(const char *text)
{
	bool terminal = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	printf("\n%s%s%s\n", terminal ? "\033[1m" : "", text, terminal ? "\033[0m" : "");
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int unknown_verb(const char *name)
{
	const char *names[ARRAY_SIZE(verbs)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		names[i] = verbs[i].name;
	near = diag_nearest(name, names, ARRAY_SIZE(names));
	fprintf(stderr, "oomwarden: there is no verb '%s'", name);
	if (near)
		fprintf(stderr, "; did you mean '%s'?", near);
	fputs("\nTry 'oomwarden --help'.\n", stderr);
	return EXIT_USAGE;
}

/* Output that did not reach its reader (a full disk, a closed pipe) is a failure, not a success. */
static int close_output(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "oomwarden: cannot write the output: %m\n");
		return status == EXIT_DONE ? EXIT_FAILED : status;
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return close_output(EXIT_DONE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("oomwarden " OOMWARDEN_VERSION);
		return close_output(EXIT_DONE);
	}
	verb = find_verb(argv[1]);
	if (!verb)
		return unknown_verb(argv[1]);
	return close_output(verb->run(verb, argc - 1, argv + 1));
}
