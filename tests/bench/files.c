// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What it costs to ask the kernel: the time on a processor of a pread of each file, from a
 * descriptor that stays open, over and over, and once after a pause, when caches have forgotten; of
 * an open, pread and close over and over; of sysinfo(2); of a sleep. Everything in turn, in several
 * rounds, of which the median counts. Prints lines "NAME AGAIN COLD ANEW BYTES READS", times in
 * nanoseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 21
/* Of each file in a round: enough that the clock's own cost does not count. */
#define REPEATS	   20
#define PAUSE_NSEC 10000000
#define FILES_MAX  128

enum way {
	AGAIN,
	COLD,
	ANEW,
	WAYS,
};

struct asked {
	const char *name;
	int fd; /* -1: no file */
	void (*call)(void);
	size_t bytes;
	unsigned reads;
	long long nsec[WAYS][ROUNDS];
};

static struct asked asked[FILES_MAX];
static size_t asked_count;
static char text[1 << 20];

static long long cpu_nsec(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0) {
		perror("clock_gettime");
		exit(EXIT_FAILURE);
	}
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void call_getppid(void)
{
	(void)getppid();
}

static void call_sysinfo(void)
{
	struct sysinfo info;

	(void)sysinfo(&info);
}

static void call_nanosleep(void)
{
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* The whole of it; a file that is printed in parts takes several reads, and is not asked for its
 * end once its number of parts is known. */
static void read_whole(int fd, unsigned reads)
{
	off_t offset = 0;

	for (unsigned i = 0; i < reads; i++) {
		ssize_t n = pread(fd, text, sizeof(text), offset);

		if (n <= 0)
			return;
		offset += n;
	}
}

static void add(const char *name, int fd, void (*call)(void))
{
	if (asked_count == FILES_MAX) {
		fputs("files: too many\n", stderr);
		exit(2);
	}
	asked[asked_count++] = (struct asked){ .name = name, .fd = fd, .call = call };
}

static void add_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		fprintf(stderr, "files: %s: %s\n", path, strerror(errno));
		return;
	}
	add(path, fd, NULL);

	struct asked *file = &asked[asked_count - 1];

	while ((n = pread(fd, text, sizeof(text), (off_t)file->bytes)) > 0) {
		file->bytes += (size_t)n;
		file->reads++;
	}
}

static void ask(const struct asked *what, bool anew)
{
	if (what->call) {
		what->call();
		return;
	}

	int fd = anew ? open(what->name, O_RDONLY | O_CLOEXEC) : what->fd;

	read_whole(fd, what->reads);
	if (anew)
		close(fd);
}

static long long measure(const struct asked *what, enum way way)
{
	unsigned repeats = way == COLD ? 1 : REPEATS;

	if (way == COLD)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0,
				      &(struct timespec){ .tv_nsec = PAUSE_NSEC }, NULL);

	long long start = cpu_nsec();

	for (unsigned i = 0; i < repeats; i++)
		ask(what, way == ANEW);
	return (cpu_nsec() - start) / repeats;
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static long long median(long long values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(values[0]), compare);
	return values[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	add("getppid(2)", -1, call_getppid);
	add("sysinfo(2)", -1, call_sysinfo);
	add("clock_nanosleep(2)", -1, call_nanosleep);
	for (int i = 1; i < argc; i++)
		add_file(argv[i]);
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < asked_count; i++)
			for (int way = 0; way < WAYS; way++)
				asked[i].nsec[way][round] = measure(&asked[i], (enum way)way);
	for (size_t i = 0; i < asked_count; i++)
		printf("%s %lld %lld %lld %zu %u\n", asked[i].name, median(asked[i].nsec[AGAIN]),
		       median(asked[i].nsec[COLD]), median(asked[i].nsec[ANEW]), asked[i].bytes,
		       asked[i].reads);
	return EXIT_SUCCESS;
}
