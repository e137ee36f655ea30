/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Units that are there only as long as they run (StartTransientUnit). Such a unit may be gone with
 * its job, and what became of it with it: the manager tells of every change before it tells of the
 * job's end, so that is listened to.
 */

#include "sys/unit_bus_call.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* What the manager says where it could not run the program: 200 and above (systemd.exec(5)). */
#define STATUS_OF_MANAGER 200

/* What was heard of it last. */
struct end {
	char said[UNIT_BUS_ERROR_BYTES];
	char result[32]; /* "timeout", "signal" */
	int32_t code;	 /* CLD_EXITED ...; 0: it has not ended */
	int32_t status;
};

/* --- what is sent --------------------------------------------------------------------------- */

static int append_words(sd_bus_message *m, const char *const *words)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (; r >= 0 && *words; words++)
		r = sd_bus_message_append(m, "s", *words);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_allowed(sd_bus_message *m, const char *const *words)
{
	const int is_allow_list = true;
	int r = sd_bus_message_open_container(m, 'r', "bas");

	if (r >= 0)
		r = sd_bus_message_append(m, "b", is_allow_list);
	if (r >= 0)
		r = append_words(m, words);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_command(sd_bus_message *m, const char *const *words)
{
	const int ignore_failure = false;
	int r = sd_bus_message_open_container(m, 'a', "(sasb)");

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sasb");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", words[0]);
	if (r >= 0)
		r = append_words(m, words);
	if (r >= 0)
		r = sd_bus_message_append(m, "b", ignore_failure);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_value(sd_bus_message *m, const struct unit_line *line)
{
	switch (line->type) {
	case UNIT_LINE_TEXT:
		return sd_bus_message_append(m, "s", line->text);
	case UNIT_LINE_FLAG:
		return sd_bus_message_append(m, "b", line->number != 0);
	case UNIT_LINE_NUMBER:
		return sd_bus_message_append(m, "t", (uint64_t)line->number);
	case UNIT_LINE_SIGNED:
		return sd_bus_message_append(m, "i", (int32_t)line->number);
	case UNIT_LINE_WORDS:
		return append_words(m, line->words);
	case UNIT_LINE_ALLOWED:
		return append_allowed(m, line->words);
	case UNIT_LINE_SIGNAL:
		return sd_bus_message_append(m, "(aiai)", 0, 1, (int32_t)line->number);
	case UNIT_LINE_COMMAND:
		return append_command(m, line->words);
	}
	return -EINVAL;
}

static int append_line(sd_bus_message *m, const struct unit_line *line)
{
	static const char *const types[] = {
		[UNIT_LINE_TEXT] = "s",	       [UNIT_LINE_FLAG] = "b",
		[UNIT_LINE_NUMBER] = "t",      [UNIT_LINE_SIGNED] = "i",
		[UNIT_LINE_WORDS] = "as",      [UNIT_LINE_ALLOWED] = "(bas)",
		[UNIT_LINE_SIGNAL] = "(aiai)", [UNIT_LINE_COMMAND] = "a(sasb)",
	};
	int r = sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", line->name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', types[line->type]);
	if (r >= 0)
		r = append_value(m, line);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_unit(sd_bus_message *m, const char *service, const struct unit_line *lines,
		       size_t count)
{
	int r = sd_bus_message_append(m, "ss", service, "fail");

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = append_line(m, &lines[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	/* Units to be made with it: none. */
	return r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
}

/* --- what is heard -------------------------------------------------------------------------- */

static int read_word(sd_bus_message *m, char *buffer, size_t size)
{
	const char *word;
	int r = sd_bus_message_read(m, "v", "s", &word);

	if (r >= 0)
		(void)unit_bus_copy_word(word, buffer, size);
	return r;
}

static int read_change(sd_bus_message *m, struct end *end)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (strcmp(name, "StatusText") == 0)
		return read_word(m, end->said, sizeof(end->said));
	if (strcmp(name, "Result") == 0)
		return read_word(m, end->result, sizeof(end->result));
	if (strcmp(name, "ExecMainCode") == 0)
		return sd_bus_message_read(m, "v", "i", &end->code);
	if (strcmp(name, "ExecMainStatus") == 0)
		return sd_bus_message_read(m, "v", "i", &end->status);
	return sd_bus_message_skip(m, "v");
}

/* What is of another form than a manager's is not listened to. */
static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error _unused_)
{
	const char *interface;

	if (sd_bus_message_read(m, "s", &interface) < 0 ||
	    strcmp(interface, UNIT_BUS_SERVICE_INTERFACE) != 0 ||
	    sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
		return 0;
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0)
		if (read_change(m, userdata) < 0 || sd_bus_message_exit_container(m) < 0)
			break;
	return 0;
}

static int watch_unit(struct unit_bus *bus, const char *service, struct end *end,
		      sd_bus_slot **ret_slot)
{
	_cleanup_(freep) char *path = NULL;
	int r = sd_bus_path_encode(UNIT_BUS_UNIT_PREFIX, service, &path);

	if (r >= 0)
		r = sd_bus_match_signal(bus->bus, ret_slot, NULL, path,
					"org.freedesktop.DBus.Properties", "PropertiesChanged",
					on_changed, end);
	return r < 0 ? unit_bus_complain(bus, r, NULL) : 0;
}

/* Better words than "failed", where there are some. */
static void tell_end(struct unit_bus *bus, const struct end *end)
{
	char text[128] = "";

	if (end->said[0] != '\0')
		unit_bus_say(bus, end->said);
	if (end->said[0] != '\0' || end->result[0] == '\0' || strcmp(end->result, "success") == 0)
		return;
	if (strcmp(end->result, "timeout") == 0)
		(void)snprintf(text, sizeof(text), "it was not ready in time");
	else if (end->code == CLD_EXITED && end->status >= STATUS_OF_MANAGER)
		(void)snprintf(text, sizeof(text),
			       "its program could not be run: status %" PRId32 " of systemd",
			       end->status);
	else if (end->code == CLD_EXITED)
		(void)snprintf(text, sizeof(text), "its program ended, with status %" PRId32,
			       end->status);
	else if (end->code == CLD_KILLED || end->code == CLD_DUMPED)
		(void)snprintf(text, sizeof(text), "its program was killed by signal %" PRId32,
			       end->status);
	else
		(void)snprintf(text, sizeof(text), "systemd says: %s", end->result);
	unit_bus_say(bus, text);
}

int unit_bus_start_transient(struct unit_bus *bus, const char *service,
			     const struct unit_line *lines, size_t count)
{
	_cleanup_(message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
	_cleanup_(slot_unrefp) sd_bus_slot *jobs = NULL, *changes = NULL;
	struct unit_bus_job job = { 0 };
	struct end end = { 0 };
	int r = unit_bus_begin(bus, service);

	if (r == 0)
		r = unit_bus_watch_jobs(bus, &job, &jobs);
	if (r == 0)
		r = watch_unit(bus, service, &end, &changes);
	if (r < 0)
		return r;
	r = unit_bus_new_call(bus, UNIT_BUS_MANAGER_PATH, UNIT_BUS_MANAGER_INTERFACE,
			      "StartTransientUnit", &call);
	if (r >= 0)
		r = append_unit(call, service, lines, count);
	r = r < 0 ? unit_bus_complain(bus, r, NULL) : unit_bus_send(bus, call, &reply);
	if (r == 0)
		r = unit_bus_wait_job(bus, reply, &job);
	if (r == -EREMOTEIO)
		tell_end(bus, &end);
	return r;
}
