/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the manager knows of its units. */

#include "sys/unit_bus_call.h"

#include "sys/unit_drop_in.h"

#include <errno.h>
#include <string.h>

#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define JOB_INTERFACE  "org.freedesktop.systemd1.Job"
#define NO_JOB_PATH    "/"

static const char *interface_of(const char *unit)
{
	static const char *const interfaces[][2] = {
		{ ".service", UNIT_BUS_SERVICE_INTERFACE },
		{ ".scope", "org.freedesktop.systemd1.Scope" },
		{ ".slice", "org.freedesktop.systemd1.Slice" },
		{ ".socket", "org.freedesktop.systemd1.Socket" },
		{ ".mount", "org.freedesktop.systemd1.Mount" },
		{ ".swap", "org.freedesktop.systemd1.Swap" },
	};
	const char *suffix = strrchr(unit, '.');

	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++)
		if (strcmp(suffix, interfaces[i][0]) == 0)
			return interfaces[i][1];
	return NULL;
}

/* One property, into the variables that `type` has. 0; -EOPNOTSUPP: there is none of that name and
 * type. */
static int get(struct unit_bus *bus, const char *path, const char *interface, const char *name,
	       const char *type, sd_bus_message **ret)
{
	_cleanup_(message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
	int r = unit_bus_new_call(bus, path, "org.freedesktop.DBus.Properties", "Get", &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "ss", interface, name);
	r = r < 0 ? unit_bus_complain(bus, r, NULL) : unit_bus_send(bus, call, &reply);
	if (r < 0)
		return r;
	if (sd_bus_message_enter_container(reply, 'v', type) <= 0)
		return -EOPNOTSUPP;
	*ret = TAKE_PTR(reply);
	return 0;
}

static int get_text(struct unit_bus *bus, const char *path, const char *interface, const char *name,
		    char *buffer, size_t size)
{
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	int r = get(bus, path, interface, name, "s", &reply);
	const char *text;

	if (r < 0)
		return r;
	if (sd_bus_message_read(reply, "s", &text) <= 0)
		return -EOPNOTSUPP;
	if (unit_bus_copy_word(text, buffer, size))
		return 0;
	return unit_bus_complain(bus, -ENAMETOOLONG, NULL);
}

static int get_value(struct unit_bus *bus, const char *path, const char *interface,
		     const char *name, const char *type, void *ret)
{
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	int r = get(bus, path, interface, name, type, &reply);

	if (r < 0)
		return r;
	return sd_bus_message_read_basic(reply, type[0], ret) > 0 ? 0 : -EOPNOTSUPP;
}

/* The job that waits for the unit, by its type. Gone since is none. */
static int get_job(struct unit_bus *bus, const char *path, char *buffer, size_t size)
{
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	int r = get(bus, path, UNIT_INTERFACE, "Job", "(uo)", &reply);
	const char *job_path;
	uint32_t id;

	if (r < 0)
		return r;
	if (sd_bus_message_read(reply, "(uo)", &id, &job_path) <= 0)
		return -EOPNOTSUPP;
	if (id == 0 || strcmp(job_path, NO_JOB_PATH) == 0)
		return 0;
	r = get_text(bus, job_path, JOB_INTERFACE, "JobType", buffer, size);
	return r == -ENOENT ? 0 : r;
}

/* Older managers lack some of them, and kinds of units too. */
static int if_known(int r)
{
	return r == -EOPNOTSUPP ? 0 : r;
}

static int get_cgroup_facts(struct unit_bus *bus, const char *path, const char *interface,
			    struct unit_facts *facts)
{
	int r = if_known(get_text(bus, path, interface, "ControlGroup", facts->control_group,
				  sizeof(facts->control_group)));
	int delegates = false;

	if (r == 0)
		r = if_known(get_text(bus, path, interface, "Slice", facts->slice,
				      sizeof(facts->slice)));
	if (r == 0)
		r = if_known(get_value(bus, path, interface, "Delegate", "b", &delegates));
	facts->delegates = delegates;
	return r;
}

static int get_service_facts(struct unit_bus *bus, const char *path, const char *interface,
			     struct unit_facts *facts)
{
	int r = if_known(get_value(bus, path, interface, "NRestarts", "u", &facts->restarts));

	if (r == 0)
		r = if_known(
			get_value(bus, path, interface, "RestartUSec", "t", &facts->restart_usec));
	return r;
}

/* The manager has an object for any name, also for one that no file stands behind. */
static int check_loaded(struct unit_bus *bus, const char *path)
{
	char state[32];
	int r = get_text(bus, path, UNIT_INTERFACE, "LoadState", state, sizeof(state));

	if (r < 0 || strcmp(state, "not-found") != 0)
		return if_known(r);
	unit_bus_say(bus, "there is no such unit");
	return -ENOENT;
}

static int get_facts(struct unit_bus *bus, const char *unit, const char *path,
		     struct unit_facts *facts)
{
	const char *interface = interface_of(unit);
	int r = check_loaded(bus, path);

	if (r == 0)
		r = if_known(get_text(bus, path, UNIT_INTERFACE, "ActiveState", facts->active_state,
				      sizeof(facts->active_state)));
	if (r == 0)
		r = if_known(get_job(bus, path, facts->pending_job, sizeof(facts->pending_job)));
	if (r == 0 && interface)
		r = get_cgroup_facts(bus, path, interface, facts);
	if (r == 0 && interface && strcmp(interface, UNIT_BUS_SERVICE_INTERFACE) == 0)
		r = get_service_facts(bus, path, interface, facts);
	return r;
}

int unit_bus_facts(struct unit_bus *bus, const char *unit, struct unit_facts *ret)
{
	_cleanup_(freep) char *path = NULL;
	struct unit_facts facts = { .restart_usec = USEC_INFINITY };
	int r = unit_bus_begin(bus, unit);

	if (r < 0)
		return r;
	r = sd_bus_path_encode(UNIT_BUS_UNIT_PREFIX, unit, &path);
	r = r < 0 ? unit_bus_complain(bus, r, NULL) : get_facts(bus, unit, path, &facts);
	if (r < 0)
		return r;
	/* Of what was not known. */
	bus->error[0] = '\0';
	*ret = facts;
	return 0;
}

/* The unit whose object the manager names. */
static int take_unit(struct unit_bus *bus, sd_bus_message *reply, char *ret_unit, size_t size)
{
	_cleanup_(freep) char *unit = NULL;
	const char *path;
	int r = sd_bus_message_read(reply, "o", &path);

	if (r >= 0)
		r = sd_bus_path_decode(path, UNIT_BUS_UNIT_PREFIX, &unit);
	if (r < 0)
		return unit_bus_complain(bus, r, NULL);
	if (r == 0 || !unit_name_is_valid(unit))
		return unit_bus_complain(bus, -EBADMSG, NULL);
	return unit_bus_copy_word(unit, ret_unit, size)
		       ? 0
		       : unit_bus_complain(bus, -ENAMETOOLONG, NULL);
}

int unit_bus_of_cgroup(struct unit_bus *bus, const char *cgroup, char *ret_unit, size_t size)
{
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	int r;

	bus->error[0] = '\0';
	unit_bus_start_clock(bus);
	r = unit_bus_call(bus, "GetUnitByControlGroup", cgroup, NULL, &reply);
	return r < 0 ? r : take_unit(bus, reply, ret_unit, size);
}

static int get_unit_by_pid(struct unit_bus *bus, pid_t pid, sd_bus_message **ret)
{
	_cleanup_(message_unrefp) sd_bus_message *call = NULL;
	int r = unit_bus_new_call(bus, UNIT_BUS_MANAGER_PATH, UNIT_BUS_MANAGER_INTERFACE,
				  "GetUnitByPID", &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "u", (uint32_t)pid);
	return r < 0 ? unit_bus_complain(bus, r, NULL) : unit_bus_send(bus, call, ret);
}

int unit_bus_of_main_process(struct unit_bus *bus, pid_t pid, char *ret_unit, size_t size)
{
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(freep) char *path = NULL;
	uint32_t main_pid;
	char unit[256];
	int r;

	bus->error[0] = '\0';
	unit_bus_start_clock(bus);
	r = get_unit_by_pid(bus, pid, &reply);
	if (r == 0)
		r = take_unit(bus, reply, unit, sizeof(unit));
	if (r < 0)
		return r;
	r = sd_bus_path_encode(UNIT_BUS_UNIT_PREFIX, unit, &path);
	if (r < 0)
		return unit_bus_complain(bus, r, NULL);
	r = get_value(bus, path, UNIT_BUS_SERVICE_INTERFACE, "MainPID", "u", &main_pid);
	if (r == -EOPNOTSUPP || (r == 0 && main_pid != (uint32_t)pid))
		return -ENOENT;
	if (r < 0)
		return r;
	return unit_bus_copy_word(unit, ret_unit, size)
		       ? 0
		       : unit_bus_complain(bus, -ENAMETOOLONG, NULL);
}
