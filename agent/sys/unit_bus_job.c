/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs of units: queued, and waited for by the signal that ends them. */

#include "sys/unit_bus_call.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *word;
	int error;
} results[] = {
	{ "done", 0 },
	/* There was nothing to do in the state that the unit is in. */
	{ "skipped", 0 },
	{ "canceled", ECANCELED },
	{ "collected", ECANCELED },
	{ "timeout", ETIMEDOUT },
	{ "failed", EREMOTEIO },
	{ "dependency", ENOEXEC },
};

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error _unused_)
{
	struct unit_bus_job *job = userdata;
	const char *path, *unit, *result;
	uint32_t id;

	/* Somebody else's signal, or somebody else's job. */
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0 ||
	    strcmp(path, job->path) != 0)
		return 0;
	/* A word that does not fit is none that is known. */
	if (!unit_bus_copy_word(result, job->result, sizeof(job->result)))
		(void)unit_bus_copy_word("failed", job->result, sizeof(job->result));
	return 0;
}

static int take_job(struct unit_bus *bus, sd_bus_message *reply, struct unit_bus_job *job)
{
	const char *path;
	int r = sd_bus_message_read(reply, "o", &path);

	if (r >= 0 && !unit_bus_copy_word(path, job->path, sizeof(job->path)))
		r = -ENAMETOOLONG;
	return r < 0 ? unit_bus_complain(bus, r, NULL) : 0;
}

static int judge(struct unit_bus *bus, const struct unit_bus_job *job)
{
	unit_bus_say(bus, job->result);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		if (strcmp(job->result, results[i].word) == 0)
			return -results[i].error;
	return -EREMOTEIO;
}

int unit_bus_wait_job(struct unit_bus *bus, sd_bus_message *reply, struct unit_bus_job *job)
{
	int r = take_job(bus, reply, job);

	if (r < 0)
		return r;
	while (!job->result[0]) {
		r = unit_bus_step(bus);
		if (r < 0)
			return unit_bus_complain(bus, r, NULL);
	}
	return judge(bus, job);
}

int unit_bus_watch_jobs(struct unit_bus *bus, struct unit_bus_job *job, sd_bus_slot **ret_slot)
{
	_cleanup_(message_unrefp) sd_bus_message *subscribed = NULL;
	int r = sd_bus_match_signal(bus->bus, ret_slot, NULL, UNIT_BUS_MANAGER_PATH,
				    UNIT_BUS_MANAGER_INTERFACE, "JobRemoved", on_job_removed, job);

	if (r < 0)
		return unit_bus_complain(bus, r, NULL);
	/* Who has subscribed already, or need not, is told so by an error. */
	r = unit_bus_call(bus, "Subscribe", NULL, NULL, &subscribed);
	if (r == -ETIMEDOUT || r == -ECONNRESET)
		return r;
	bus->error[0] = '\0';
	return 0;
}

int unit_bus_job(struct unit_bus *bus, const char *unit, enum unit_job job)
{
	static const char *const members[] = {
		[UNIT_JOB_START] = "StartUnit",
		[UNIT_JOB_STOP] = "StopUnit",
		[UNIT_JOB_RESTART] = "RestartUnit",
	};
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(slot_unrefp) sd_bus_slot *slot = NULL;
	struct unit_bus_job waited = { 0 };
	int r = unit_bus_begin(bus, unit);

	if (r == 0)
		r = unit_bus_watch_jobs(bus, &waited, &slot);
	if (r == 0)
		r = unit_bus_call(bus, members[job], unit, "replace", &reply);
	return r < 0 ? r : unit_bus_wait_job(bus, reply, &waited);
}
