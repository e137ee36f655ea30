/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A remedy on a service of a machine of files, in the hands of the test, which plays the clerk that
 * it asks as well.
 */

#include "act/fake-machine.h"
#include "act/fake-port.h"

#include "act/remedy.h"
#include "util/macro.h"

#define START_USEC (100 * USEC_PER_SEC)
#define SERVICE	   "web.service"

static struct machine machine;
static struct remedy remedy;
static struct remedy_env env;
static struct fake_port port;
static struct service service;
static struct service_settings settings;
static struct snapshot snapshot;

static void prepare_on(const char *path, enum action_id action)
{
	machine_open(&machine);
	memset(&remedy, 0, sizeof(remedy));
	memset(&port, 0, sizeof(port));
	memset(&settings, 0, sizeof(settings));
	env = (struct remedy_env){ .root = &machine.root,
				   .layout = &machine.layout,
				   .clerks = fake_work_port(&port) };
	remedy.step.id = 9;
	remedy.step.action = action;
	remedy.step.target.key = machine_cgroup(&machine, path);
	strcpy(remedy.step.target.path, path);
	service = (struct service){ .path = path,
				    .inode = remedy.step.target.key,
				    .settings = &settings };
	snapshot = (struct snapshot){ .services = &service, .service_count = 1 };
	remedy.snapshot = &snapshot;
	remedy.started_at = START_USEC;
}

static int begin(void)
{
	return remedies[remedy.step.action]->start(&remedy, &env, START_USEC);
}

static int advance(usec_t after)
{
	return remedies[remedy.step.action]->advance(&remedy, &env, START_USEC + after);
}

static struct work_reply *answer(bool final, int error)
{
	struct work_reply *reply = &port.replies[port.reply_count++];

	*reply = (struct work_reply){ .token = 9, .final = final, .error = error };
	return reply;
}

static void finish(void)
{
	remedies[remedy.step.action]->release(&remedy, &env);
	check_int(port.submitted, port.released);
	machine_close(&machine);
}
