/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A service manager that is none: a child process that speaks org.freedesktop.systemd1 over a
 *socket of its own. How it answers goes by the name of the unit, and each call that it heard it
 *tells through a pipe, the value with its D-Bus type.
 *
 *	slow      never answers
 *	late      is answered only with the next call
 *	hangup    the connection is closed instead of an answer
 *	gone      there is no such unit
 *	denied    it may not be touched
 *	refused   the value is refused, with words that want escaping
 *	old       knows MemoryLimit, not MemoryMax
 *	cold      cannot be frozen
 *	early     its job ends before the answer that names it
 *	crowd     other jobs end before its own does
 *	stuck     its job never ends
 *	failed, canceled, timeout, dependency, skipped, strange: what its job comes to
 *	bare      has none of the properties
 *	mistyped  has properties of other types
 *	long      has a path that no cgroup has
 *	busy      has a job waiting
 *
 * of those that are to be made, where a name may begin with CANARY:
 *
 *	there     is there already, until it is stopped
 *	stays     is there, whatever happens
 *	plain     knows nothing that was new with systemd 235
 *	speaks, ends, killed, norun, unready: how its program fails, and its job with that
 *	garbled   what is told of it is of another form than a manager's
 *
 * and everything else does what it is told.
 */

#include "fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

struct fake_manager {
	struct fixture fixture;
	char address[PATH_MAX + 16];
	pid_t pid;
	int told_fd;
};

struct fake_server {
	sd_bus *bus;
	bool stopped;	      /* the one that is there */
	uint32_t pid;	      /* whose unit was asked for last */
	sd_bus_message *owed; /* an answer that is late */
	unsigned job;
	int tell_fd;
};

#define FAKE_PATH    "/org/freedesktop/systemd1"
#define FAKE_MANAGER "org.freedesktop.systemd1.Manager"
#define FAKE_UNITS   "/org/freedesktop/systemd1/unit"
#define FAKE_SERVICE "org.freedesktop.systemd1.Service"

#define CANARY "oomwarden-canary-"

__attribute__((format(printf, 2, 3))) static inline void fake_tell(struct fake_server *s,
								   const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vdprintf(s->tell_fd, format, ap);
	va_end(ap);
}

static inline bool fake_is(const char *unit, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(unit, CANARY, strlen(CANARY)) == 0)
		unit += strlen(CANARY);
	return strncmp(unit, name, length) == 0 && unit[length] == '.';
}

static inline void fake_tell_value(struct fake_server *s, sd_bus_message *m)
{
	const char *contents, *text;
	const uint8_t *bytes;
	uint64_t number;
	size_t length;

	if (sd_bus_message_peek_type(m, NULL, &contents) <= 0 ||
	    sd_bus_message_enter_container(m, 'v', contents) <= 0)
		return;
	fake_tell(s, " %s", contents);
	if (strcmp(contents, "t") == 0 && sd_bus_message_read(m, "t", &number) > 0) {
		fake_tell(s, " %llu", (unsigned long long)number);
	} else if (strcmp(contents, "ay") == 0 &&
		   sd_bus_message_read_array(m, 'y', (const void **)&bytes, &length) >= 0) {
		for (size_t i = 0; i < length; i++)
			fake_tell(s, " %02x", bytes[i]);
	} else if (strcmp(contents, "a(st)") == 0 &&
		   sd_bus_message_enter_container(m, 'a', "(st)") > 0) {
		while (sd_bus_message_read(m, "(st)", &text, &number) > 0)
			fake_tell(s, " %s %llu", text, (unsigned long long)number);
		sd_bus_message_exit_container(m);
	}
	sd_bus_message_exit_container(m);
}

static inline int fake_fail(sd_bus_message *m, const char *name, const char *words)
{
	return sd_bus_reply_method_errorf(m, name, "%s", words);
}

/* What any method of the manager about a unit may meet. 0: nothing. */
static inline int fake_obstacle(struct fake_server *s, sd_bus_message *m, const char *unit)
{
	if (s->owed) {
		sd_bus_reply_method_return(s->owed, NULL);
		s->owed = sd_bus_message_unref(s->owed);
	}
	if (fake_is(unit, "slow"))
		return 1;
	if (fake_is(unit, "late")) {
		s->owed = sd_bus_message_ref(m);
		return 1;
	}
	if (fake_is(unit, "hangup"))
		return -ECONNRESET;
	if (fake_is(unit, "gone"))
		return fake_fail(m, "org.freedesktop.systemd1.NoSuchUnit",
				 "Unit gone.service not found.");
	if (fake_is(unit, "denied"))
		return fake_fail(m, "org.freedesktop.DBus.Error.AccessDenied", "Access denied");
	if (fake_is(unit, "refused"))
		return fake_fail(m, "org.freedesktop.DBus.Error.InvalidArgs", "out\nof range");
	return 0;
}

static inline int fake_set(struct fake_server *s, sd_bus_message *m)
{
	const char *unit, *name;
	int runtime, r;

	if (sd_bus_message_read(m, "sb", &unit, &runtime) < 0 ||
	    sd_bus_message_enter_container(m, 'a', "(sv)") < 0 ||
	    sd_bus_message_enter_container(m, 'r', "sv") < 0 ||
	    sd_bus_message_read(m, "s", &name) < 0)
		return -EBADMSG;
	fake_tell(s, "%s %s %s", unit, runtime ? "runtime" : "for good", name);
	fake_tell_value(s, m);
	fake_tell(s, "\n");
	r = fake_obstacle(s, m, unit);
	if (r != 0)
		return r;
	if (fake_is(unit, "old") && strcmp(name, "MemoryLimit") != 0)
		return fake_fail(m, "org.freedesktop.DBus.Error.PropertyReadOnly",
				 "Cannot set property, or unknown property.");
	return sd_bus_reply_method_return(m, NULL);
}

static inline int fake_freeze(struct fake_server *s, sd_bus_message *m)
{
	const char *unit;
	int r;

	if (sd_bus_message_read(m, "s", &unit) < 0)
		return -EBADMSG;
	fake_tell(s, "%s %s\n", sd_bus_message_get_member(m), unit);
	r = fake_obstacle(s, m, unit);
	if (r != 0)
		return r;
	if (fake_is(unit, "cold"))
		return fake_fail(m, "org.freedesktop.DBus.Error.NotSupported",
				 "Unit 'cold.service' does not support freezing.");
	return sd_bus_reply_method_return(m, NULL);
}

static inline int fake_end_job(struct fake_server *s, unsigned job, const char *unit,
			       const char *result)
{
	char path[64];

	snprintf(path, sizeof(path), FAKE_PATH "/job/%u", job);
	return sd_bus_emit_signal(s->bus, FAKE_PATH, FAKE_MANAGER, "JobRemoved", "uoss", job, path,
				  unit, result);
}

static inline const char *fake_result(const char *unit, char buffer[64])
{
	static const char *const words[] = { "failed",	   "canceled", "timeout",
					     "dependency", "skipped",  "strange" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (fake_is(unit, words[i]))
			return strcpy(buffer, words[i]);
	return strcpy(buffer, "done");
}

static inline int fake_job(struct fake_server *s, sd_bus_message *m)
{
	const char *unit, *mode;
	char path[64], result[64];
	unsigned job = ++s->job * 10;
	int r;

	if (sd_bus_message_read(m, "ss", &unit, &mode) < 0)
		return -EBADMSG;
	fake_tell(s, "%s %s %s\n", sd_bus_message_get_member(m), unit, mode);
	s->stopped |= strcmp(sd_bus_message_get_member(m), "StopUnit") == 0;
	r = fake_obstacle(s, m, unit);
	if (r != 0)
		return r;
	snprintf(path, sizeof(path), FAKE_PATH "/job/%u", job);
	if (fake_is(unit, "early"))
		fake_end_job(s, job, unit, "done");
	if (fake_is(unit, "crowd")) {
		fake_end_job(s, job + 1, unit, "failed");
		/* Of another form than a manager's. */
		sd_bus_emit_signal(s->bus, FAKE_PATH, FAKE_MANAGER, "JobRemoved", "s", path);
	}
	r = sd_bus_reply_method_return(m, "o", path);
	if (r >= 0 && fake_is(unit, "crowd"))
		fake_end_job(s, job + 2, unit, "canceled");
	if (r >= 0 && !fake_is(unit, "stuck") && !fake_is(unit, "early"))
		r = fake_end_job(s, job, unit, fake_result(unit, result));
	return r;
}

/* " NAME=" and the value, words and members of structs one behind the other; whether this is one
 * that was new with systemd 235. */
static inline bool fake_tell_line(struct fake_server *s, sd_bus_message *m)
{
	const char *name, *contents, *text;
	char type;
	int number;
	uint64_t amount;

	sd_bus_message_read(m, "s", &name);
	fake_tell(s, " %s=", name);
	sd_bus_message_peek_type(m, NULL, &contents);
	sd_bus_message_enter_container(m, 'v', contents);
	for (int depth = 0;;) {
		int r = sd_bus_message_peek_type(m, &type, &contents);

		if (r <= 0 && depth-- == 0)
			break;
		if (r <= 0)
			sd_bus_message_exit_container(m);
		else if (type == 'a' || type == 'r')
			depth += sd_bus_message_enter_container(m, type, contents) > 0;
		else if (type == 's' && sd_bus_message_read(m, "s", &text) > 0)
			fake_tell(s, "%s,", text);
		else if (type == 't' && sd_bus_message_read(m, "t", &amount) > 0)
			fake_tell(s, "%llu,", (unsigned long long)amount);
		else if (sd_bus_message_read_basic(m, type, &number) > 0)
			fake_tell(s, "%d,", number);
	}
	sd_bus_message_exit_container(m);
	return strcmp(name, "DynamicUser") == 0;
}

/* What is told of its program, before the job ends. */
static inline void fake_tell_end(struct fake_server *s, const char *unit)
{
	static const struct {
		const char *unit;
		const char *said;
		const char *result;
		int code;
		int status;
	} ends[] = {
		{ "speaks", "there is\nno room", "exit-code", CLD_EXITED, 1 },
		{ "ends", "", "exit-code", CLD_EXITED, 77 },
		{ "killed", "", "signal", CLD_KILLED, SIGKILL },
		{ "norun", "", "exit-code", CLD_EXITED, 203 },
		{ "unready", "", "timeout", CLD_KILLED, SIGKILL },
	};
	_cleanup_(freep) char *path = NULL;

	sd_bus_path_encode(FAKE_UNITS, unit, &path);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (fake_is(unit, ends[i].unit))
			sd_bus_emit_signal(s->bus, path, "org.freedesktop.DBus.Properties",
					   "PropertiesChanged", "sa{sv}as", FAKE_SERVICE, 5,
					   "MainPID", "u", 0, "StatusText", "s", ends[i].said,
					   "Result", "s", ends[i].result, "ExecMainCode", "i",
					   ends[i].code, "ExecMainStatus", "i", ends[i].status, 0);
	if (fake_is(unit, "garbled")) {
		sd_bus_emit_signal(s->bus, path, "org.freedesktop.DBus.Properties",
				   "PropertiesChanged", "u", 7);
		sd_bus_emit_signal(s->bus, path, "org.freedesktop.DBus.Properties",
				   "PropertiesChanged", "sa{sv}as", FAKE_SERVICE, 2, "StatusText",
				   "u", 7, "Result", "s", "signal", 0);
	}
}

static inline bool fake_program_fails(const char *unit)
{
	static const char *const names[] = { "speaks", "ends",	  "killed",
					     "norun",  "unready", "garbled" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fake_is(unit, names[i]))
			return true;
	return false;
}

static inline int fake_make(struct fake_server *s, sd_bus_message *m)
{
	const char *unit, *mode;
	char path[64], result[64];
	unsigned job = ++s->job * 10;
	bool is_new = false;
	int r;

	if (sd_bus_message_read(m, "ss", &unit, &mode) < 0 ||
	    sd_bus_message_enter_container(m, 'a', "(sv)") < 0)
		return -EBADMSG;
	fake_tell(s, "StartTransientUnit %s %s", unit, mode);
	while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
		is_new |= fake_tell_line(s, m);
		sd_bus_message_exit_container(m);
	}
	fake_tell(s, "\n");
	sd_bus_message_exit_container(m);
	if (sd_bus_message_enter_container(m, 'a', "(sa(sv))") < 0)
		return -EBADMSG;
	r = fake_obstacle(s, m, unit);
	if (r != 0)
		return r;
	if (fake_is(unit, "stays") || (fake_is(unit, "there") && !s->stopped))
		return fake_fail(m, "org.freedesktop.systemd1.UnitExists",
				 "Unit was already loaded or has a fragment file.");
	if (fake_is(unit, "plain") && is_new)
		return fake_fail(m, "org.freedesktop.DBus.Error.PropertyReadOnly",
				 "Cannot set property DynamicUser, or unknown property.");
	snprintf(path, sizeof(path), FAKE_PATH "/job/%u", job);
	r = sd_bus_reply_method_return(m, "o", path);
	fake_tell_end(s, unit);
	if (r >= 0 && !fake_is(unit, "stuck"))
		r = fake_end_job(s, job, unit,
				 fake_program_fails(unit) ? "failed" : fake_result(unit, result));
	return r;
}

static inline int fake_of_pid(struct fake_server *s, sd_bus_message *m)
{
	if (sd_bus_message_read(m, "u", &s->pid) < 0)
		return -EBADMSG;
	if (s->pid == 1)
		return fake_fail(m, "org.freedesktop.systemd1.NoUnitForPID",
				 "PID 1 does not belong to any loaded unit.");
	if (s->pid == 2)
		return sd_bus_reply_method_return(m, "o", FAKE_UNITS "/session_2d1_2escope");
	return sd_bus_reply_method_return(m, "o",
					  s->pid == 3 ? FAKE_UNITS "/shell_2eservice"
						      : FAKE_UNITS "/agent_2eservice");
}

static inline int fake_of_cgroup(struct fake_server *s, sd_bus_message *m)
{
	const char *cgroup, *name;
	char path[PATH_MAX];

	if (sd_bus_message_read(m, "s", &cgroup) < 0)
		return -EBADMSG;
	fake_tell(s, "%s\n", cgroup);
	name = strrchr(cgroup, '/');
	if (!name || strcmp(name, "/nobody") == 0)
		return fake_fail(m, "org.freedesktop.systemd1.NoSuchUnit", "No unit has it.");
	if (strcmp(name, "/elsewhere") == 0)
		return sd_bus_reply_method_return(m, "o", "/net/example/unit/a_2eservice");
	if (strcmp(name, "/nameless") == 0)
		return sd_bus_reply_method_return(m, "o", FAKE_UNITS "/_2e_2e_2fx_2eservice");
	if (strcmp(name, "/slow.scope") == 0)
		return sd_bus_reply_method_return(m, "o", FAKE_UNITS "/slow_2escope");
	snprintf(path, sizeof(path), FAKE_UNITS "/machine_2dqemu_5cx2d1_2escope");
	return sd_bus_reply_method_return(m, "o", path);
}

static inline int fake_property_of_unit(sd_bus_message *m, const char *unit, const char *name)
{
	char path[1024];

	if (strcmp(name, "LoadState") == 0)
		return sd_bus_reply_method_return(m, "v", "s",
						  fake_is(unit, "gone") ? "not-found" : "loaded");
	if (fake_is(unit, "bare"))
		return fake_fail(m, "org.freedesktop.DBus.Error.UnknownProperty", name);
	if (fake_is(unit, "mistyped"))
		return sd_bus_reply_method_return(m, "v", "i", -1);
	if (fake_is(unit, "long") && strcmp(name, "ControlGroup") == 0) {
		memset(path, 'x', sizeof(path) - 1);
		path[sizeof(path) - 1] = '\0';
		return sd_bus_reply_method_return(m, "v", "s", path);
	}
	if (strcmp(name, "ActiveState") == 0)
		return sd_bus_reply_method_return(m, "v", "s", "active");
	if (strcmp(name, "Job") == 0 && (fake_is(unit, "busy") || fake_is(unit, "over")))
		return sd_bus_reply_method_return(m, "v", "(uo)", 7,
						  fake_is(unit, "busy") ? FAKE_PATH "/job/7"
									: FAKE_PATH "/job/8");
	if (strcmp(name, "Job") == 0)
		return sd_bus_reply_method_return(m, "v", "(uo)", 0, "/");
	if (strcmp(name, "ControlGroup") == 0)
		return sd_bus_reply_method_return(m, "v", "s", "/system.slice/a.service");
	if (strcmp(name, "Slice") == 0)
		return sd_bus_reply_method_return(m, "v", "s", "system.slice");
	if (strcmp(name, "Delegate") == 0)
		return sd_bus_reply_method_return(m, "v", "b", true);
	if (strcmp(name, "NRestarts") == 0)
		return sd_bus_reply_method_return(m, "v", "u", 12);
	if (strcmp(name, "RestartUSec") == 0)
		return sd_bus_reply_method_return(m, "v", "t", (uint64_t)100000);
	return fake_fail(m, "org.freedesktop.DBus.Error.UnknownProperty", name);
}

static inline int fake_get(struct fake_server *s, sd_bus_message *m)
{
	_cleanup_(freep) char *unit = NULL;
	const char *interface, *name, *path = sd_bus_message_get_path(m);
	int r;

	if (sd_bus_message_read(m, "ss", &interface, &name) < 0)
		return -EBADMSG;
	if (strcmp(path, FAKE_PATH "/job/7") == 0)
		return sd_bus_reply_method_return(m, "v", "s", "restart");
	if (sd_bus_path_decode(path, FAKE_UNITS, &unit) <= 0)
		return fake_fail(m, "org.freedesktop.DBus.Error.UnknownObject", path);
	if (strcmp(name, "MainPID") == 0 && fake_is(unit, "agent"))
		return sd_bus_reply_method_return(m, "v", "u", s->pid);
	if (strcmp(name, "MainPID") == 0 && fake_is(unit, "shell"))
		return sd_bus_reply_method_return(m, "v", "u", 77);
	r = fake_is(unit, "gone") ? 0 : fake_obstacle(s, m, unit);
	return r != 0 ? r : fake_property_of_unit(m, unit, name);
}

static inline int fake_answer(struct fake_server *s, sd_bus_message *m)
{
	static const struct {
		const char *member;
		int (*answer)(struct fake_server *s, sd_bus_message *m);
	} methods[] = {
		{ "SetUnitProperties", fake_set },
		{ "FreezeUnit", fake_freeze },
		{ "ThawUnit", fake_freeze },
		{ "StartUnit", fake_job },
		{ "StopUnit", fake_job },
		{ "RestartUnit", fake_job },
		{ "StartTransientUnit", fake_make },
		{ "GetUnitByPID", fake_of_pid },
		{ "Get", fake_get },
		{ "GetUnitByControlGroup", fake_of_cgroup },
	};
	const char *member = sd_bus_message_get_member(m);

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(member, methods[i].member) == 0)
			return methods[i].answer(s, m);
	return fake_fail(m, "org.freedesktop.DBus.Error.UnknownMethod", member);
}

static inline void fake_serve(int fd, int tell_fd)
{
	struct fake_server s = { .tell_fd = tell_fd };
	sd_id128_t id = { .bytes = { 1 } };
	int r;

	if (sd_bus_new(&s.bus) < 0 || sd_bus_set_fd(s.bus, fd, fd) < 0 ||
	    sd_bus_set_server(s.bus, true, id) < 0 || sd_bus_start(s.bus) < 0)
		return;
	do {
		sd_bus_message *m = NULL;

		r = sd_bus_process(s.bus, &m);
		if (m && sd_bus_message_is_method_call(m, NULL, NULL))
			r = fake_answer(&s, m) < 0 ? -EIO : 1;
		sd_bus_message_unref(m);
		if (r == 0)
			r = sd_bus_wait(s.bus, UINT64_MAX);
	} while (r >= 0);
	sd_bus_message_unref(s.owed);
	sd_bus_close_unref(s.bus);
}

/* A socket that nobody answers at, at `path`. */
static inline int fake_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		abort();
	strcpy(address.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 4) < 0)
		abort();
	return fd;
}

static inline void fake_manager_init(struct fake_manager *manager)
{
	char path[PATH_MAX];
	int listener, told[2];

	fixture_init(&manager->fixture);
	fixture_path(&manager->fixture, "bus", path);
	snprintf(manager->address, sizeof(manager->address), "unix:path=%s", path);
	listener = fake_listen(path);
	if (pipe(told) < 0)
		abort();
	manager->pid = fork();
	if (manager->pid < 0)
		abort();
	if (manager->pid == 0) {
		/* A test that fails leaves without ending it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* One that hangs up on a client goes on for the next one. */
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

			if (fd < 0)
				_exit(1);
			fake_serve(fd, told[1]);
		}
	}
	close(listener);
	close(told[1]);
	manager->told_fd = told[0];
}

static inline void fake_manager_done(struct fake_manager *manager)
{
	kill(manager->pid, SIGKILL);
	waitpid(manager->pid, NULL, 0);
	close(manager->told_fd);
	fixture_done(&manager->fixture);
}

/* The next call that it heard, as it tells it; "" where it has none to tell. What was answered was
 * told before. */
static inline const char *fake_manager_heard(struct fake_manager *manager)
{
	static char line[4096];
	struct pollfd p = { .fd = manager->told_fd, .events = POLLIN };
	size_t length = 0;

	while (length + 1 < sizeof(line) && poll(&p, 1, 0) > 0 &&
	       read(manager->told_fd, line + length, 1) == 1 && line[length] != '\n')
		length++;
	line[length] = '\0';
	return line;
}

#define FAKE_MANAGER_RUNNING(name)                                     \
	_cleanup_(fake_manager_done) struct fake_manager name = { 0 }; \
	fake_manager_init(&name)
