/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Services of a world that are units of systemd, whose settings are known. */

#include "engine/world.h"

static struct service_settings found[W_SERVICES];
static struct idset found_nodes[W_SERVICES], allowed[W_SERVICES];

/* As a unit is that nobody has set anything on, all of its memory on node 0. Its index. */
_unused_ static size_t w_serve(struct world *w, const char *path, int64_t bytes)
{
	size_t i = w_service(w, path, 0, bytes);

	idset_clear(&found_nodes[i]);
	found[i] =
		(struct service_settings){ .nodes = &found_nodes[i], .oom_group = reading_of(0) };
	for (int id = 0; id <= SETTING_MEMORY_SWAP_MAX; id++)
		found[i].memory[id] = id <= SETTING_MEMORY_LOW ? reading_of(0) : READING_FOREVER;
	w->services[i].settings = &found[i];
	w->services[i].owner = OWNER_SYSTEMD;
	return i;
}

/* Where it may live, in a list of nodes. */
_unused_ static void w_allow(struct world *w, size_t i, const char *nodes)
{
	check_int(idset_parse(nodes, &allowed[i]), 0);
	w->services[i].allowed = &allowed[i];
}

/* The ways in which what a policy asks for is a dry run, and what is named as the reason. */
_unused_ static const struct dry_way {
	const char *agent;
	const char *policy;
	const char *from;
} dry_ways[] = {
	{ "Mode=dry-run\n", "", "Mode= of the agent" },
	{ "Mode=enforce\nEnforceActions=kill\n", "", "EnforceActions=" },
	{ "Mode=enforce\n", "Mode=dry-run\n", "Mode= of the policy" },
};
