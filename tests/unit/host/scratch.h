/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A directory of the test's own that is configuration and captured machine in one. */

#include "test.h"

#include "host/warden.h"

#include <sys/stat.h>

static char scratch[64];
static const struct config_path scratch_path = { .directories = { scratch }, .count = 1 };

static void scratch_write(const char *name, const char *text)
{
	char file[128];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s", scratch, name);
	f = fopen(file, "w");
	check(f);
	check(fputs(text, f) >= 0);
	check_int(fclose(f), 0);
	/* Configuration that others may write is refused, whatever the umask. */
	check_int(chmod(file, 0644), 0);
}

static void scratch_make(void)
{
	static const char *const below[] = { "rules.d", "proc" };
	char file[128];

	strcpy(scratch, "/tmp/oomwarden-warden-XXXXXX");
	check(mkdtemp(scratch));
	for (size_t i = 0; i < 2; i++) {
		snprintf(file, sizeof(file), "%s/%s", scratch, below[i]);
		check_int(mkdir(file, 0755), 0);
	}
}

static inline struct warden *scratch_start(struct warden_options options)
{
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what;

	options.root = scratch;
	options.config_path = &scratch_path;
	check_int(warden_new(&options, &diags, &what, &warden), 0);
	return warden;
}

static void scratch_remove(struct warden *warden)
{
	char command[128];

	warden_free(warden);
	snprintf(command, sizeof(command), "rm -r %s", scratch);
	check_int(system(command), 0);
}
