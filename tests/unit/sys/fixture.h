/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A captured machine made of literals, in a temporary directory; and text in memory of exactly its
 * own size, so that the sanitizer sees a parser that reads one byte too far.
 */

#include "util/macro.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char directory[PATH_MAX];
};

static inline void fixture_path(const struct fixture *f, const char *path, char ret[PATH_MAX])
{
	if (snprintf(ret, PATH_MAX, "%.2000s/%.2000s", f->directory, path) >= PATH_MAX)
		abort();
}

static inline void fixture_init(struct fixture *f)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(f->directory, sizeof(f->directory), "%s/oomwarden-test-XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(f->directory))
		abort();
}

static inline void fixture_parents(char path[PATH_MAX])
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0755) < 0 && access(path, F_OK) < 0)
			abort();
		*p = '/';
	}
}

static inline void fixture_directory(const struct fixture *f, const char *name)
{
	char path[PATH_MAX];

	fixture_path(f, name, path);
	fixture_parents(path);
	if (mkdir(path, 0755) < 0)
		abort();
}

static inline void fixture_put_bytes(const struct fixture *f, const char *name, const char *data,
				     size_t length)
{
	char path[PATH_MAX];
	FILE *file;

	fixture_path(f, name, path);
	fixture_parents(path);
	file = fopen(path, "w");
	if (!file || fwrite(data, 1, length, file) != length || fclose(file) != 0)
		abort();
}

static inline void fixture_put(const struct fixture *f, const char *name, const char *text)
{
	fixture_put_bytes(f, name, text, strlen(text));
}

static inline void fixture_link(const struct fixture *f, const char *name, const char *target)
{
	char path[PATH_MAX];

	fixture_path(f, name, path);
	fixture_parents(path);
	if (symlink(target, path) < 0)
		abort();
}

static inline int fixture_unlink_(const char *path, _unused_ const struct stat *st,
				  _unused_ int type, _unused_ struct FTW *ftw)
{
	return remove(path);
}

static inline void fixture_done(struct fixture *f)
{
	nftw(f->directory, fixture_unlink_, 16, FTW_DEPTH | FTW_PHYS);
}

#define FIXTURE(name)                                \
	_cleanup_(fixture_done) struct fixture name; \
	fixture_init(&name)

/* A copy that ends where its allocation ends. */
static inline char *exact_copy(const char *data, size_t length)
{
	char *copy = malloc(length ? length : 1);

	if (!copy)
		abort();
	memcpy(copy, data, length);
	return copy;
}

/* Marsaglia's xorshift: the same sequence on every run and machine. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}
