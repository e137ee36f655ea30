/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where configuration files are: each directory of the search path masks those before it, by file
 * name. A link to /dev/null and an empty file mask and hold nothing themselves, as with systemd.
 *
 * What cannot be looked at is a fault in diags, and everything else is found all the same: all of
 * these return -ENOMEM or what they are documented to.
 */

#include "rule/config.h"
#include "util/diag.h"

#include <stddef.h>

enum search_result {
	SEARCH_NONE,
	SEARCH_FOUND,
	SEARCH_MASKED,
	SEARCH_FAULTY, /* reported */
};

/* Reports directories that others than root and the user who runs this may write. */
int search_check(const struct config_path *path, const char *const *subdirectories, size_t count,
		 struct diag_list *diags);

/* An enum search_result for `name` ("oomwarden.ini", "policies/x.ini"), and in *ret_path the place
 * of the file or mask, NULL without one. */
int search_file(const struct config_path *path, const char *name, struct diag_list *diags,
		char **ret_path);

struct search_list {
	char **paths;
	size_t count;
};

/* All files NAME.ini below `subdirectory` that are in force, ordered by file name whatever their
 * directory. 0 or -ENOMEM. */
int search_all(const struct config_path *path, const char *subdirectory, struct diag_list *diags,
	       struct search_list *ret);
void search_list_done(struct search_list *list);
/* The part behind the last slash. */
const char *search_base_name(const char *path);
