// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS_MOST 32
/* Room for every line the programs write; the rest is blanks, so that a shorter line leaves
 * nothing of a longer one. */
#define STATUS_BYTES 256

volatile sig_atomic_t stop_requested;

static void on_stop(int signal)
{
	(void)signal;
	stop_requested = 1;
}

void stop_on_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop };

	if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0)
		die(errno, "sigaction");
}

void ignore_stop_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0)
		die(errno, "sigaction");
}

void die(int error, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (error != 0)
		fprintf(stderr, ": %s", strerror(error));
	fputc('\n', stderr);
	exit(error != 0 ? EXIT_FAILURE : 2);
}

static unsigned suffix_shift(const char *suffix)
{
	static const struct {
		const char *suffix;
		unsigned shift;
	} table[] = { { "", 0 }, { "K", 10 }, { "M", 20 }, { "G", 30 } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(suffix, table[i].suffix) == 0)
			return table[i].shift;
	return 64;
}

uint64_t parse_bytes(const char *option, const char *text)
{
	char *end;
	unsigned long long value;
	unsigned shift;

	errno = 0;
	value = strtoull(text, &end, 10);
	shift = suffix_shift(end);
	if (errno != 0 || *text < '0' || *text > '9' || shift > 30 || value == 0 ||
	    value > UINT64_MAX >> shift)
		die(0, "--%s: not a size: %s", option, text);
	return (uint64_t)value << shift;
}

unsigned parse_number(const char *option, const char *text, unsigned limit)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value > limit)
		die(0, "--%s: not a number from 0 to %u: %s", option, limit, text);
	return (unsigned)value;
}

void program_misused(const struct program *program)
{
	fputs(program->usage, stderr);
	exit(2);
}

static void take_option(const struct program_option *option, const char *value)
{
	if (option->flag)
		*option->flag = true;
	else if (option->bytes)
		*option->bytes = parse_bytes(option->name, value);
	else if (option->number)
		*option->number = parse_number(option->name, value, option->most);
	else if (option->text)
		*option->text = value;
	else
		option->read(option->name, value, option->into);
}

void program_parse(const struct program *program, int argc, char **argv)
{
	struct option table[OPTIONS_MOST] = { { "help", no_argument, NULL, 1 } };
	int found;

	if (program->count + 2 > OPTIONS_MOST)
		die(0, "more than %d options", OPTIONS_MOST - 2);
	for (size_t i = 0; i < program->count; i++)
		table[i + 1] = (struct option){
			.name = program->options[i].name,
			.has_arg = program->options[i].flag ? no_argument : required_argument,
			.val = (int)i + 2,
		};
	while ((found = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (found == 1) {
			fputs(program->usage, stdout);
			exit(EXIT_SUCCESS);
		}
		if (found < 2 || found >= (int)program->count + 2)
			program_misused(program);
		take_option(&program->options[found - 2], optarg);
	}
	if (optind != argc)
		program_misused(program);
}

uint64_t now_usec(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		die(errno, "clock_gettime");
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

void sleep_until_usec(uint64_t deadline_usec)
{
	struct timespec deadline = {
		.tv_sec = (time_t)(deadline_usec / USEC_PER_SEC),
		.tv_nsec = (long)(deadline_usec % USEC_PER_SEC) * 1000,
	};

	while (!stop_requested &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR)
		;
}

size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

struct status status_open(const char *path)
{
	struct status status = { .fd = -1 };

	if (path == NULL)
		return status;
	status.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (status.fd < 0)
		die(errno, "%s", path);
	status_write(&status, "state=starting");
	return status;
}

void status_write(struct status *status, const char *format, ...)
{
	char line[STATUS_BYTES];
	va_list args;
	int length;

	if (status->fd < 0)
		return;
	memset(line, ' ', sizeof(line));
	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(line))
		die(0, "status line too long");
	line[length] = ' ';
	line[sizeof(line) - 1] = '\n';
	if (pwrite(status->fd, line, sizeof(line), 0) != (ssize_t)sizeof(line))
		die(errno, "writing the status");
}

uint64_t gap_tick(struct gap *gap)
{
	uint64_t now = now_usec(), passed_usec = gap->ticks > 0 ? now - gap->last_usec : 0;

	if (passed_usec > gap->longest_usec)
		gap->longest_usec = passed_usec;
	if (passed_usec > GAP_NOTICED_USEC)
		gap->stalled_usec += passed_usec;
	gap->last_usec = now;
	gap->ticks++;
	return passed_usec;
}
