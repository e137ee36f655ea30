/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the operator has paused: the host, rules, guests, services. What is paused goes on being
 * watched and is a dry run, whatever Mode= says anywhere.
 *
 * The list is a file of the runtime directory, so it outlives a restart of the agent and not the
 * boot. `oomwarden pause` and `resume` write it, the agent reads it at its start and at each
 * reload. A line for each: "host", "rule NAME", "guest NAME", "service PATH" (of the cgroup,
 * without a leading slash). A guest is called as its cgroup is (sense/guest_path.h), which it has
 * again when it is started anew, under another number.
 */

#include "rule/config.h"
#include "util/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAUSE_ITEMS_MAX 1024
#define PAUSE_FILE_NAME "paused"

enum pause_kind {
	PAUSE_HOST,
	PAUSE_RULE,
	PAUSE_GUEST,
	PAUSE_SERVICE,
};

struct pause_item {
	enum pause_kind kind;
	char *name; /* NULL: the host has none */
};

struct pause_list {
	struct pause_item *items;
	size_t count;
	/* Not empty: the list cannot be read, and why. In doubt the host is paused. */
	char fault[192];
};

void pause_list_done(struct pause_list *list);

/* 0; -EBADMSG: damaged, with list->fault, and empty but for that; -ENOMEM. */
int pause_list_parse(const char *text, size_t length, struct pause_list *ret);
/* The text of a list without a fault, on the heap; NULL when there is no memory. */
char *pause_list_format(const struct pause_list *list);

/* 0; 1: it is there already; -EINVAL: no line can hold that name; -ENOSPC; -ENOMEM. */
int pause_list_add(struct pause_list *list, enum pause_kind kind, const char *name);
void pause_list_remove(struct pause_list *list, size_t i);

bool pause_list_is_empty(const struct pause_list *list);
/* Do both pause the same? */
bool pause_list_equal(const struct pause_list *a, const struct pause_list *b);
/* Of what was written, so that two who have read it can tell that they have read the same. */
uint64_t pause_list_sum(const struct pause_list *list);

bool pause_has_host(const struct pause_list *list);
bool pause_has_rule(const struct pause_list *list, const char *name);
/* By the path of its cgroup; not asked for the host. */
bool pause_has_service(const struct pause_list *list, const char *path);
/* Any guest or service at all? */
bool pause_has_services(const struct pause_list *list);

/* "rule" */
const char *pause_kind_name(enum pause_kind kind);
/* "rule node-exhausted" */
void pause_item_format(const struct pause_item *item, struct strbuf *out);
/* "the host, rule node-exhausted, guest db and 7 more" */
void pause_list_describe(const struct pause_list *list, struct strbuf *out);

/* Adds this voice to those of Mode=. */
void pause_apply(const struct pause_list *list, struct config *config);
