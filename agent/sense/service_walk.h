/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One walk over the tree of cgroups: which of them a policy matches, in the order of paths with
 * parents first. What it keeps meanwhile is small, as most walks find what was there before.
 */

#include "sense/service_registry.h"

struct found {
	size_t at;	/* of its path in `paths` */
	size_t name_at; /* of its name, once that is known */
	uint64_t inode;
};

struct harvest {
	struct found *found;
	size_t count;
	size_t capacity;
	char *paths; /* of all of them, each terminated: one piece of heap instead of thousands */
	size_t paths_length;
	size_t paths_capacity;
	size_t unusable; /* cgroups that cannot be named */
};

/* 0 or -errno; what was found so far is to be given back in either case. No tree or no policies:
 * nothing is found. */
int service_walk(struct sense *sense, struct harvest *harvest);
void harvest_done(struct harvest *harvest);
/* Puts a further text behind the paths and returns where; -ENOMEM. Texts may move. */
ssize_t harvest_add_text(struct harvest *harvest, const char *text);

void service_entry_init(struct service_entry *entry);
void service_entry_close(struct service_entry *entry);
/* By path, or NO_SERVICE. */
size_t service_entry_find(const struct service_entry *entries, size_t count, const char *path);
/* Sets `parent` of all. */
void service_entry_link(struct service_entry *entries, size_t count);
/* Does the path lie below the other one? */
bool service_path_is_below(const char *path, const char *above);
