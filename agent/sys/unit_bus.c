/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/unit_bus_call.h"

#include "sys/clock.h"
#include "sys/node_cpus.h"
#include "sys/unit_drop_in.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

/*
 * Deadlines are kept by hand where the library would wait for longer: it bounds an answer, but not
 * the handshake before the first call, which a manager that hangs leaves unanswered just as well.
 *
 * The manager sends its signals to each private connection unasked. Nobody looks at them but who
 * waits for a job, so they are thrown away before each call, as is the late answer to a call that
 * was given up.
 */

#define PRIVATE_ADDRESS "unix:path=/run/systemd/private"
#define DESTINATION	"org.freedesktop.systemd1"
#define UNIT_PREFIX	"/org/freedesktop/systemd1/unit"
#define UNIT_INTERFACE	"org.freedesktop.systemd1.Unit"
#define JOB_INTERFACE	"org.freedesktop.systemd1.Job"
#define NO_JOB_PATH	"/"

/* --- errors --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int error;
} errors[] = {
	{ "org.freedesktop.systemd1.NoSuchUnit", ENOENT },
	{ "org.freedesktop.systemd1.LoadFailed", ENOENT },
	{ "org.freedesktop.systemd1.UnitInactive", ENOENT },
	{ "org.freedesktop.DBus.Error.UnknownObject", ENOENT },
	{ "org.freedesktop.DBus.Error.PropertyReadOnly", EOPNOTSUPP },
	{ "org.freedesktop.DBus.Error.UnknownProperty", EOPNOTSUPP },
	{ "org.freedesktop.DBus.Error.UnknownInterface", EOPNOTSUPP },
	{ "org.freedesktop.DBus.Error.UnknownMethod", EOPNOTSUPP },
	{ "org.freedesktop.DBus.Error.NotSupported", EOPNOTSUPP },
	{ "org.freedesktop.systemd1.JobTypeNotApplicable", EOPNOTSUPP },
	{ "org.freedesktop.DBus.Error.InvalidArgs", EINVAL },
	{ "org.freedesktop.DBus.Error.AccessDenied", EACCES },
	{ "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", EACCES },
	{ "org.freedesktop.systemd1.OnlyByDependency", EACCES },
	{ "org.freedesktop.systemd1.UnitMasked", EACCES },
	{ "org.freedesktop.systemd1.UnitBusy", EBUSY },
	{ "org.freedesktop.systemd1.TransactionIsDestructive", EBUSY },
	{ "org.freedesktop.systemd1.TransactionJobsConflicting", EBUSY },
	{ "org.freedesktop.systemd1.ShuttingDown", EBUSY },
	{ "org.freedesktop.DBus.Error.NoReply", ETIMEDOUT },
	{ "org.freedesktop.DBus.Error.Timeout", ETIMEDOUT },
	{ "org.freedesktop.DBus.Error.Disconnected", ECONNRESET },
	{ "org.freedesktop.DBus.Error.ServiceUnknown", ECONNRESET },
	{ "org.freedesktop.DBus.Error.NameHasNoOwner", ECONNRESET },
};

/* What the transport says in several ways: that nobody is there any more, or not in time. */
static int without_nuance(int error)
{
	switch (-error) {
	case ENOTCONN:
	case EPIPE:
	case ESHUTDOWN:
		return -ECONNRESET;
	case EAGAIN:
		return -ETIMEDOUT;
	default:
		return error;
	}
}

void unit_bus_say(struct unit_bus *bus, const char *words)
{
	struct strbuf out = STRBUF(bus->error);

	strbuf_add_name(&out, words);
}

/* Keeps the words and returns the -errno. */
int unit_bus_complain(struct unit_bus *bus, int r, const sd_bus_error *error)
{
	r = without_nuance(r);
	/* The library's own errors have only the name of a number to say. */
	if (!error || !error->name || r == -ETIMEDOUT) {
		unit_bus_say(bus, r == -ETIMEDOUT ? "no answer in time" : strerrordesc_np(-r));
		return r;
	}
	unit_bus_say(bus, error->message ? error->message : error->name);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (strcmp(error->name, errors[i].name) == 0)
			return -errors[i].error;
	return r;
}

/* --- the connection ------------------------------------------------------------------------- */

static void start_clock(struct unit_bus *bus)
{
	usec_t now = clock_monotonic_usec();

	bus->deadline =
		bus->timeout_usec > USEC_INFINITY - now ? USEC_INFINITY : now + bus->timeout_usec;
}

static usec_t time_left(const struct unit_bus *bus)
{
	usec_t now = clock_monotonic_usec();

	return bus->deadline > now ? bus->deadline - now : 0;
}

/* One step of the library, or a wait for the next one. -ETIMEDOUT; -errno. */
int unit_bus_step(struct unit_bus *bus)
{
	int r = sd_bus_process(bus->bus, NULL);
	usec_t left;

	if (r != 0)
		return r;
	left = time_left(bus);
	if (left == 0)
		return -ETIMEDOUT;
	r = sd_bus_wait(bus->bus, left);
	return r == -EINTR ? 0 : r;
}

static int wait_ready(struct unit_bus *bus)
{
	int r;

	while ((r = sd_bus_is_ready(bus->bus)) == 0) {
		r = unit_bus_step(bus);
		if (r < 0)
			return r;
	}
	return r;
}

static int connect_private(struct unit_bus *bus, const char *address)
{
	int r = sd_bus_new(&bus->bus);

	if (r >= 0)
		r = sd_bus_set_address(bus->bus, address);
	if (r >= 0)
		r = sd_bus_start(bus->bus);
	return r;
}

static int connect_to(struct unit_bus *bus, const char *address)
{
	int r = address ? connect_private(bus, address) : sd_bus_open_system(&bus->bus);

	if (r >= 0)
		r = sd_bus_set_method_call_timeout(bus->bus, bus->timeout_usec);
	if (r >= 0)
		r = wait_ready(bus);
	if (r < 0) {
		bus->bus = sd_bus_close_unref(bus->bus);
		return without_nuance(r);
	}
	return 0;
}

static int connect_any(struct unit_bus *bus)
{
	int r;

	if (sd_booted() <= 0)
		return -ENOENT;
	if (geteuid() == 0) {
		r = connect_to(bus, PRIVATE_ADDRESS);
		/* A container may be given the one socket and not the other. */
		if (r != -ENOENT && r != -ECONNREFUSED)
			return r;
	}
	return connect_to(bus, NULL);
}

int unit_bus_open(const char *address, usec_t timeout_usec, struct unit_bus **ret)
{
	_cleanup_(unit_bus_closep) struct unit_bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return -ENOMEM;
	bus->timeout_usec = timeout_usec;
	start_clock(bus);
	r = address ? connect_to(bus, address) : connect_any(bus);
	if (r < 0)
		return r == -ECONNREFUSED ? -ENOENT : r;
	*ret = TAKE_PTR(bus);
	return 0;
}

struct unit_bus *unit_bus_close(struct unit_bus *bus)
{
	if (!bus)
		return NULL;
	/* Without a flush, which would wait for as long as it takes. */
	sd_bus_close_unref(bus->bus);
	free(bus);
	return NULL;
}

void unit_bus_set_timeout(struct unit_bus *bus, usec_t timeout_usec)
{
	bus->timeout_usec = timeout_usec;
}

const char *unit_bus_error(const struct unit_bus *bus)
{
	return bus->error;
}

/* --- calls ---------------------------------------------------------------------------------- */

/* What came unasked since the last call. A manager that never stops sending is cut short. */
static int drain(struct unit_bus *bus)
{
	int r;

	do
		r = sd_bus_process(bus->bus, NULL);
	while (r > 0 && time_left(bus) > 0);
	return MIN_OF(r, 0);
}

static int new_call(struct unit_bus *bus, const char *path, const char *interface,
		    const char *member, sd_bus_message **ret)
{
	int r = drain(bus);

	if (r >= 0)
		r = sd_bus_message_new_method_call(bus->bus, ret, DESTINATION, path, interface,
						   member);
	if (r >= 0)
		/* A manager that is not there is not started by asking for it. */
		r = sd_bus_message_set_auto_start(*ret, false);
	return MIN_OF(r, 0);
}

/* 0 and the answer, which may be wanted by nobody. */
static int send_call(struct unit_bus *bus, sd_bus_message *call, sd_bus_message **ret)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	const usec_t left = time_left(bus);
	int r;

	/* 0 would be the library's own idea of a timeout. */
	r = left == 0 ? -ETIMEDOUT : sd_bus_call(bus->bus, call, left, &error, ret);
	r = r < 0 ? unit_bus_complain(bus, r, &error) : 0;
	sd_bus_error_free(&error);
	return r;
}

int unit_bus_begin(struct unit_bus *bus, const char *unit)
{
	bus->error[0] = '\0';
	start_clock(bus);
	if (unit_name_is_valid(unit))
		return 0;
	unit_bus_say(bus, "not the name of a unit");
	return -EINVAL;
}

/* A method of the manager that takes words. NULL ends them. */
int unit_bus_call(struct unit_bus *bus, const char *member, const char *first, const char *second,
		  sd_bus_message **ret)
{
	_cleanup_(message_unrefp) sd_bus_message *call = NULL;
	int r = new_call(bus, UNIT_BUS_MANAGER_PATH, UNIT_BUS_MANAGER_INTERFACE, member, &call);

	if (r >= 0 && first)
		r = sd_bus_message_append(call, "s", first);
	if (r >= 0 && second)
		r = sd_bus_message_append(call, "s", second);
	return r < 0 ? unit_bus_complain(bus, r, NULL) : send_call(bus, call, ret);
}

bool unit_bus_copy_word(const char *word, char *buffer, size_t size)
{
	size_t length = strlen(word);

	if (length >= size)
		return false;
	memcpy(buffer, word, length + 1);
	return true;
}

/* --- properties that are set ---------------------------------------------------------------- */

static size_t make_mask(const struct idset *nodes, uint8_t mask[IDSET_BITS / 8])
{
	size_t length = 0;

	memset(mask, 0, IDSET_BITS / 8);
	for (int id = idset_next(nodes, 0); id >= 0; id = idset_next(nodes, (unsigned)id + 1)) {
		mask[id / 8] |= (uint8_t)(1u << id % 8);
		length = (size_t)id / 8 + 1;
	}
	return length;
}

static int append_mask(sd_bus_message *m, const uint8_t *mask, size_t length)
{
	int r = sd_bus_message_open_container(m, 'v', "ay");

	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', mask, length);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_nodes(sd_bus_message *m, const struct idset *nodes)
{
	uint8_t mask[IDSET_BITS / 8];
	size_t length = make_mask(nodes, mask);

	return append_mask(m, mask, length);
}

static int append_cpus(sd_bus_message *m, const char *cpus)
{
	uint8_t mask[CPU_LIST_BITS / 8];
	int length = cpu_list_mask(span_of(cpus, strlen(cpus)), mask);

	return length < 0 ? length : append_mask(m, mask, (size_t)length);
}

static int append_value(sd_bus_message *m, const struct unit_property *property)
{
	switch (property->type) {
	case UNIT_PROPERTY_NUMBER:
		return sd_bus_message_append(m, "v", "t", property->number);
	case UNIT_PROPERTY_NODES:
		return append_nodes(m, &property->nodes);
	case UNIT_PROPERTY_CPUS:
		return append_cpus(m, property->cpus);
	case UNIT_PROPERTY_DEVICE_RATE:
		return sd_bus_message_append(m, "v", "a(st)", 1, property->device,
					     property->number);
	}
	return -EINVAL;
}

static int append_property(sd_bus_message *m, const struct unit_property *property)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", property->name);
	if (r >= 0)
		r = append_value(m, property);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int unit_bus_set(struct unit_bus *bus, const char *unit, const struct unit_property *property)
{
	_cleanup_(message_unrefp) sd_bus_message *call = NULL;
	const int runtime = true;
	int r = unit_bus_begin(bus, unit);

	if (r < 0)
		return r;
	r = new_call(bus, UNIT_BUS_MANAGER_PATH, UNIT_BUS_MANAGER_INTERFACE, "SetUnitProperties",
		     &call);
	if (r >= 0)
		r = sd_bus_message_append(call, "sb", unit, runtime);
	if (r >= 0)
		r = append_property(call, property);
	return r < 0 ? unit_bus_complain(bus, r, NULL) : send_call(bus, call, NULL);
}

int unit_bus_freeze(struct unit_bus *bus, const char *unit, bool freeze)
{
	int r = unit_bus_begin(bus, unit);

	if (r < 0)
		return r;
	return unit_bus_call(bus, freeze ? "FreezeUnit" : "ThawUnit", unit, NULL, NULL);
}

/* --- what it knows of a unit ---------------------------------------------------------------- */

static const char *interface_of(const char *unit)
{
	static const char *const interfaces[][2] = {
		{ ".service", "org.freedesktop.systemd1.Service" },
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
	int r = new_call(bus, path, "org.freedesktop.DBus.Properties", "Get", &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "ss", interface, name);
	r = r < 0 ? unit_bus_complain(bus, r, NULL) : send_call(bus, call, &reply);
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
	if (r == 0 && interface && strcmp(interface, "org.freedesktop.systemd1.Service") == 0)
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
	r = sd_bus_path_encode(UNIT_PREFIX, unit, &path);
	r = r < 0 ? unit_bus_complain(bus, r, NULL) : get_facts(bus, unit, path, &facts);
	if (r < 0)
		return r;
	/* Of what was not known. */
	bus->error[0] = '\0';
	*ret = facts;
	return 0;
}

int unit_bus_of_cgroup(struct unit_bus *bus, const char *cgroup, char *ret_unit, size_t size)
{
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(freep) char *unit = NULL;
	const char *path;
	int r;

	bus->error[0] = '\0';
	start_clock(bus);
	r = unit_bus_call(bus, "GetUnitByControlGroup", cgroup, NULL, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		r = sd_bus_path_decode(path, UNIT_PREFIX, &unit);
	if (r < 0)
		return unit_bus_complain(bus, r, NULL);
	if (r == 0 || !unit_name_is_valid(unit))
		return unit_bus_complain(bus, -EBADMSG, NULL);
	return unit_bus_copy_word(unit, ret_unit, size)
		       ? 0
		       : unit_bus_complain(bus, -ENAMETOOLONG, NULL);
}
