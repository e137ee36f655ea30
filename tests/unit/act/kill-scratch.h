/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A kill of a scratch control group, in the hands of the test: real processes, and time that is
 * passed in.
 */

#include "act/scratch-cgroup.h"

#include "act/remedy.h"
#include "util/macro.h"

#define GRACE_USEC (10 * USEC_PER_SEC)
#define START_USEC (100 * USEC_PER_SEC)

static struct scratch scratch;
static struct remedy remedy;
static struct remedy_env env;
static struct service services[2]; /* the second one is a test's own to use */
static struct node nodes[1];
static struct snapshot snapshot;

static void prepare_in(const char *name, enum cgroup_tree tree)
{
	scratch_open_in(&scratch, name, tree);
	memset(&remedy, 0, sizeof(remedy));
	memset(services, 0, sizeof(services));
	memset(nodes, 0, sizeof(nodes));
	env = (struct remedy_env){ .root = &scratch.root, .layout = &scratch.layout };
	snapshot = (struct snapshot){
		.services = services, .service_count = 1, .nodes = nodes, .node_count = 1
	};
	services[0].path = scratch.path;
	services[0].inode = scratch.inode;
	remedy.step.id = 1;
	remedy.step.action = ACTION_KILL;
	remedy.step.kill.grace_usec = GRACE_USEC;
	remedy.step.target.key = scratch.inode;
	strcpy(remedy.step.target.path, scratch.path);
	remedy.snapshot = &snapshot;
	remedy.started_at = START_USEC;
}

static void prepare(const char *name)
{
	prepare_in(name, CGROUP_TREE_V2);
}

static _unused_ void freeze(void)
{
	char events[128] = "";

	scratch_write(scratch.dir_fd, "cgroup.freeze", "1");
	/* It takes hold a moment later. */
	for (int n = 0; n < 500 && !strstr(events, "frozen 1"); n++) {
		check(cgroup_read_file(scratch.dir_fd, "cgroup.events", events, sizeof(events)) >
		      0);
		poll(NULL, 0, 2);
	}
	check_contains(events, "frozen 1");
}

static int begin(void)
{
	return remedies[ACTION_KILL]->start(&remedy, &env, START_USEC);
}

static int advance(usec_t now)
{
	return remedies[ACTION_KILL]->advance(&remedy, &env, now);
}

/* The cgroup is empty a moment after its last process was seen to end. */
static int advance_to_end(usec_t now)
{
	int r = REMEDY_RUNNING;

	for (int n = 0; n < 500 && r == REMEDY_RUNNING; n++) {
		r = advance(now);
		if (r == REMEDY_RUNNING)
			poll(NULL, 0, 2);
	}
	return r;
}

static void finish(void)
{
	remedies[ACTION_KILL]->release(&remedy, &env);
	scratch_close(&scratch);
}
