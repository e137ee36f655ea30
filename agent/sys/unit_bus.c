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

/* --- errors --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int error;
} errors[] = {
	{ "org.freedesktop.systemd1.NoSuchUnit", ENOENT },
	{ "org.freedesktop.systemd1.NoUnitForPID", ENOENT },
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
	{ "org.freedesktop.systemd1.UnitExists", EEXIST },
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

void unit_bus_start_clock(struct unit_bus *bus)
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
	unit_bus_start_clock(bus);
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

int unit_bus_new_call(struct unit_bus *bus, const char *path, const char *interface,
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
int unit_bus_send(struct unit_bus *bus, sd_bus_message *call, sd_bus_message **ret)
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
	unit_bus_start_clock(bus);
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
	int r = unit_bus_new_call(bus, UNIT_BUS_MANAGER_PATH, UNIT_BUS_MANAGER_INTERFACE, member,
				  &call);

	if (r >= 0 && first)
		r = sd_bus_message_append(call, "s", first);
	if (r >= 0 && second)
		r = sd_bus_message_append(call, "s", second);
	return r < 0 ? unit_bus_complain(bus, r, NULL) : unit_bus_send(bus, call, ret);
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
	r = unit_bus_new_call(bus, UNIT_BUS_MANAGER_PATH, UNIT_BUS_MANAGER_INTERFACE,
			      "SetUnitProperties", &call);
	if (r >= 0)
		r = sd_bus_message_append(call, "sb", unit, runtime);
	if (r >= 0)
		r = append_property(call, property);
	return r < 0 ? unit_bus_complain(bus, r, NULL) : unit_bus_send(bus, call, NULL);
}

int unit_bus_freeze(struct unit_bus *bus, const char *unit, bool freeze)
{
	int r = unit_bus_begin(bus, unit);

	if (r < 0)
		return r;
	return unit_bus_call(bus, freeze ? "FreezeUnit" : "ThawUnit", unit, NULL, NULL);
}
