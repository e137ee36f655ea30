/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The canary. Small, as it is there for as long as the agent is, once for each place that is
 * watched: it links next to nothing, and keeps little of what starting needed.
 *
 * It is the first that the kernel takes, before it has taken anything itself.
 */

#include "canary/canary.h"

#include "sys/manager_notify.h"
#include "sys/memlock.h"
#include "sys/own_score.h"
#include "util/strbuf.h"
#include "util/text.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>

#define PROGRAM "oomwarden-canary"

void canary_complain(const char *format, ...)
{
	static const char status[] = "STATUS=";
	char state[512];
	struct strbuf b = STRBUF(state);
	va_list arguments;
	int n;

	strbuf_add(&b, status);
	va_start(arguments, format);
	n = vsnprintf(state + b.length, sizeof(state) - b.length, format, arguments);
	va_end(arguments);
	if (n < 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", PROGRAM, state + strlen(status));
	(void)manager_notify(state);
}

void canary_describe(const struct canary_options *options, struct strbuf *out)
{
	strbuf_add_bytes(out, (int64_t)MIN_OF(options->bytes, (uint64_t)INT64_MAX));
	if (options->has_node)
		strbuf_addf(out, " on node %u", options->node);
}

static void print_help(void)
{
	puts(PROGRAM
	     " --bytes N [OPTIONS]\n\n"
	     "Holds so much memory, locked, and sits still; the first to be killed when\n"
	     "there is none left. oomwardend starts it, see [Canary] in oomwarden.ini(5).\n\n"
	     "  --bytes N            how much; K, M, G, T are powers of 1,024\n"
	     "  --node N             on that memory node, and on no other\n"
	     "  --agent PID:TICKS    end with that process, which has started then (field 22\n"
	     "                       of its stat)\n"
	     "  --help, --version\n\n"
	     "Signals: TERM and INT end it.\n"
	     "Exit status: 0 ended, 1 failed, 2 usage, 77 this machine cannot.");
}

static int usage(const char *option, const char *value, const char *wanted)
{
	(void)fprintf(stderr, "%s: %s %s: %s is wanted\n", PROGRAM, option, value, wanted);
	return CANARY_USAGE;
}

static int parse_bytes(const char *text, struct canary_options *ret)
{
	if (text_to_bytes(text, &ret->bytes) < 0 || ret->bytes == 0 || ret->bytes > INT64_MAX)
		return usage("--bytes", text, "an amount above zero");
	return CANARY_DONE;
}

static int parse_node(const char *text, struct canary_options *ret)
{
	uint64_t node;

	if (text_to_u64(text, &node) < 0 || node > INT_MAX)
		return usage("--node", text, "the number of a node");
	ret->has_node = true;
	ret->node = (unsigned)node;
	return CANARY_DONE;
}

static int parse_agent(const char *text, struct canary_options *ret)
{
	const char *colon = strchr(text, ':');
	char pid_text[32];
	uint64_t pid;

	if (!colon || (size_t)(colon - text) >= sizeof(pid_text))
		return usage("--agent", text, "PID:TICKS");
	memcpy(pid_text, text, (size_t)(colon - text));
	pid_text[colon - text] = '\0';
	if (text_to_u64(pid_text, &pid) < 0 || pid == 0 || pid > INT_MAX ||
	    text_to_u64(colon + 1, &ret->agent_start_ticks) < 0)
		return usage("--agent", text, "PID:TICKS");
	ret->agent = (pid_t)pid;
	return CANARY_DONE;
}

/* The status, and whether that is all. */
static bool parse(int argc, char **argv, struct canary_options *ret, int *ret_status)
{
	static const struct option long_options[] = {
		{ "agent", required_argument, NULL, 'a' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ "node", required_argument, NULL, 'n' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int c;

	*ret_status = CANARY_DONE;
	while (*ret_status == CANARY_DONE &&
	       (c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		switch (c) {
		case 'a':
			*ret_status = parse_agent(optarg, ret);
			break;
		case 'b':
			*ret_status = parse_bytes(optarg, ret);
			break;
		case 'n':
			*ret_status = parse_node(optarg, ret);
			break;
		case 'h':
			print_help();
			return true;
		case 'v':
			puts(PROGRAM " " OOMWARDEN_VERSION);
			return true;
		default:
			*ret_status = CANARY_USAGE;
		}
	}
	if (*ret_status == CANARY_DONE && optind < argc) {
		(void)fprintf(stderr, PROGRAM ": it takes no operands\n");
		*ret_status = CANARY_USAGE;
	} else if (*ret_status == CANARY_DONE && ret->bytes == 0) {
		(void)fprintf(stderr, PROGRAM ": --bytes is missing\n");
		*ret_status = CANARY_USAGE;
	}
	return *ret_status != CANARY_DONE;
}

static void say_ready(const struct canary_options *options)
{
	char state[128];
	struct strbuf b = STRBUF(state);

	strbuf_add(&b, "READY=1\nSTATUS=holds ");
	canary_describe(options, &b);
	(void)manager_notify(state);
}

/* What it must be before it takes anything. */
static int stand_first(const struct sysroot *root)
{
	int r;

	/* Its own file's name, which the kernel cuts to 15 characters as well: the kernel's report
	 * of who was killed has nothing longer. */
	(void)prctl(PR_SET_NAME, PROGRAM);
	r = own_score_set(root, OWN_SCORE_FIRST);
	if (r < 0)
		canary_complain("cannot be the first to be killed (oom_score_adj): %s",
				strerrordesc_np(-r));
	return r;
}

static int run(const struct sysroot *root, const struct canary_options *options)
{
	struct held_memory memory = { 0 };
	struct vigil vigil;
	int r = stand_first(root), status;

	if (r < 0)
		return CANARY_CANNOT;
	r = vigil_begin(&vigil, root, options);
	if (r < 0) {
		canary_complain("cannot wait for %s: %s",
				r == -ESRCH ? "the agent, which is gone" : "signals or the agent",
				strerrordesc_np(-r));
		return CANARY_FAILED;
	}
	status = (int)hold_take(root, options, &vigil, &memory);
	if (status != CANARY_DONE || !memory.pages)
		return status;
	/* Its end takes no core, however it comes, and what ending needs is not read from a disk.
	 * Where that is not allowed it holds all the same. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)memlock_on_fault();
	say_ready(options);
	vigil_keep(&vigil);
	/* At once, with whatever it holds. */
	_exit(CANARY_DONE);
}

int main(int argc, char **argv)
{
	_cleanup_(sysroot_done) struct sysroot root = { .fd = -1 };
	struct canary_options options = { 0 };
	int status, r;

	if (parse(argc, argv, &options, &status))
		return status;
	r = sysroot_open(NULL, &root);
	if (r < 0) {
		canary_complain("cannot open the root directory: %s", strerrordesc_np(-r));
		return CANARY_FAILED;
	}
	return run(&root, &options);
}
