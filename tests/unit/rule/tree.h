/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A search path of two directories, "low" and "high", in a directory of its own that goes when the
 * test ends. Faults are told with that directory's name replaced by "@".
 */

#include "rule/config.h"
#include "test.h"
#include "util/macro.h"

#include <ftw.h>
#include <sys/stat.h>

static char tree_root[] = "/tmp/oomwarden-config-XXXXXX";
static char tree_low[64], tree_high[64];
static struct config_path tree_path = { .directories = { tree_low, tree_high }, .count = 2 };
static char tree_faults[1 << 16];
static int tree_result;

static inline char *tree_place(const char *name)
{
	static char place[256];

	snprintf(place, sizeof(place), "%s/%s", tree_root, name);
	return place;
}

static inline int tree_remove_one(const char *path, const struct stat *st _unused_,
				  int type _unused_, struct FTW *walk _unused_)
{
	return remove(path);
}

static inline void tree_remove(void)
{
	nftw(tree_root, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Starts over with empty directories. */
static inline void tree_reset(void)
{
	static const char *const directories[] = {
		"", "low", "low/policies", "low/rules.d", "high", "high/policies", "high/rules.d"
	};

	if (strstr(tree_root, "XXXXXX")) {
		check(mkdtemp(tree_root));
		rmdir(tree_root);
		atexit(tree_remove);
	}
	tree_remove();
	umask(022);
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		check_int(mkdir(tree_place(directories[i]), 0755), 0);
	snprintf(tree_low, sizeof(tree_low), "%s/low", tree_root);
	snprintf(tree_high, sizeof(tree_high), "%s/high", tree_root);
}

static inline void tree_write(const char *name, const char *text)
{
	FILE *file = fopen(tree_place(name), "we");

	check(file);
	check(fputs(text, file) >= 0);
	check_int(fclose(file), 0);
}

static inline void tree_tell(struct diag_list *diags)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0, length = 0;
	FILE *out = open_memstream(&text, &size);
	size_t prefix = strlen(tree_root);

	diag_print(diags, out);
	fclose(out);
	for (const char *p = text; *p && length + 1 < sizeof(tree_faults);) {
		bool is_root = strncmp(p, tree_root, prefix) == 0;

		tree_faults[length++] = is_root ? '@' : *p;
		p += is_root ? prefix : 1;
	}
	tree_faults[length] = '\0';
	diag_done(diags);
}

/* The configuration, or NULL; in tree_faults what is wrong with it. */
static inline struct config *tree_load(void)
{
	struct diag_list diags = { 0 };
	struct config *config = NULL;

	tree_result = config_load(&tree_path, &diags, &config);
	if ((tree_result == 0) != (diags.count == 0) || (tree_result == 0) != (config != NULL))
		test_stop_(TEST_FAILED_, "result %d with %zu faults", tree_result, diags.count);
	tree_tell(&diags);
	return config;
}

static inline const char *tree_faults_found(void)
{
	config_free(tree_load());
	return tree_faults;
}

/* What is wrong with the whole when this is the one rule. */
static inline const char *tree_rule_faults(const char *text)
{
	tree_write("high/rules.d/1.ini", text);
	return tree_faults_found();
}

static inline const char *tree_policy_faults(const char *text)
{
	tree_write("low/policies/services.ini", text);
	return tree_faults_found();
}
