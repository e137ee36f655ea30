/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "act/action.h"
#include "util/diag.h"
#include "util/strbuf.h"

static struct diag_list diags;

static int parse(const char *text, struct action_call *call)
{
	diag_done(&diags);
	diags = (struct diag_list){ 0 };
	return action_parse(text, "30-x.ini", 7, 4, &diags, call);
}

/* The only fault of this line is at this column and says this. */
static void check_fault(const char *text, unsigned column, const char *part)
{
	struct action_call call = { 0 };

	check_int(parse(text, &call), -EINVAL);
	check_int(diags.count, 1);
	check_str(diags.entries[0].file, "30-x.ini");
	check_int(diags.entries[0].line, 7);
	check_contains(diags.entries[0].message, part);
	check_int(diags.entries[0].column, column);
	check(!call.text);
}

TEST(rows_are_whole_and_found_by_name)
{
	for (int i = 0; i < ACTION_COUNT_; i++) {
		const struct action *a = &actions[i];

		check_int(action_find(a->name), i);
		check(a->plan && a->describe && a->writes && a->summary);
		check(a->scopes != 0);
		check(a->arg_count <= ACTION_ARGS_MAX);
		for (size_t n = 0; n < a->arg_count; n++)
			check(a->args[n].meaning && a->args[n].fallback);
	}
	check_int(action_find("Kill"), -1);
	check_int(action_find(""), -1);
	check(actions[ACTION_KILL].destructive && !actions[ACTION_MIGRATE].destructive);
	check(!(actions[ACTION_MIGRATE].scopes & 1U << SCOPE_HOST));
	check(!(actions[ACTION_KILL].scopes & 1U << SCOPE_SERVICE));
}

TEST(defaults_are_filled_in)
{
	struct action_call call;

	check_int(parse("migrate", &call), 0);
	check_int(call.action, ACTION_MIGRATE);
	check(call.values[0] == ARG_UNTIL_CLEAR);
	check_int(call.values[1], ARG_ROOMIEST);
	check_int(call.line, 7);
	action_call_done(&call);

	check_int(parse("kill", &call), 0);
	check_int(call.values[0], 0);
	check_int(call.values[1], 10 * USEC_PER_SEC);
	action_call_done(&call);
	action_call_done(&call); /* twice does no harm */
}

TEST(arguments_in_any_order)
{
	struct action_call call;

	check_int(parse("migrate  to=1\tbytes=512M ", &call), 0);
	check_int(call.values[0], 512 << 20);
	check_int(call.values[1], 1);
	check_str(call.text, "migrate  to=1\tbytes=512M ");
	action_call_done(&call);

	check_int(parse("kill grace=500ms policy", &call), 0);
	check_int(call.values[1], 500 * USEC_PER_MSEC);
	action_call_done(&call);

	check_int(parse("kill grace=0", &call), 0);
	check_int(call.values[1], 0);
	action_call_done(&call);

	check_int(parse("notify", &call), 0);
	check_int(call.action, ACTION_NOTIFY);
	action_call_done(&call);
}

TEST(faults_are_at_their_column)
{
	check_fault("migrat bytes=1M", 4, "did you mean migrate?");
	check_fault("  migrat", 6, "did you mean migrate?");
	check_fault("explode", 4, "unknown action explode");
	check_fault("", 4, "missing");
	check_fault(" \t ", 4, "missing");
	check_fault("migrate byte=1M", 12, "did you mean bytes=?");
	check_fault("migrate colour=red", 12, "it takes bytes=, to=");
	check_fault("migrate bytes=12Q", 18, "12Q is no amount");
	check_fault("migrate bytes=0", 18, "out of range");
	check_fault("migrate bytes=-1", 18, "no amount");
	check_fault("migrate bytes=", 18, "needs a value");
	check_fault("migrate bytes=8388608T", 18, "out of range");
	check_fault("migrate bytes=1M to=north", 24, "north is no node");
	check_fault("migrate to=1024", 15, "the highest is 1023");
	check_fault("migrate bytes=1M bytes=2M", 21, "bytes= is given twice");
	check_fault("migrate node1", 12, "does not take node1");
	check_fault("kill grace=infinity", 15, "finite");
	check_fault("kill grace=soon", 15, "no duration");
	check_fault("kill policy policy", 16, "policy is given twice");
	check_fault("kill polcy", 9, "did you mean policy");
	check_fault("kill =5", 9, "takes no =");
	check_fault("notify root", 11, "does not take root");
	check_fault("notify to=root", 11, "takes no arguments");
}

TEST(canaries_are_refused_by_name)
{
	check_fault("kill canary", 9, "canaries are not part of this version");
	check_fault("kill grace=1s canary", 18, "canaries are not part of this version");
}

TEST(every_fault_of_a_line_is_reported)
{
	struct action_call call = { 0 };

	check_int(parse("migrate bytes=x to=y z=1", &call), -EINVAL);
	check_int(diags.count, 3);
	check_int(diags.entries[0].column, 18);
	check_int(diags.entries[1].column, 23);
	check_int(diags.entries[2].column, 25);
	diag_done(&diags);
	diags = (struct diag_list){ 0 };
}

TEST(hostile_lines_do_not_crash)
{
	static const char *const lines[] = {
		"=",
		"kill ====",
		"migrate bytes==",
		"migrate \x01\xff=\xfe",
		"kill\xff",
		"migrate bytes=99999999999999999999999999999T",
		"migrate to=-1",
		"migrate to=18446744073709551616",
	};
	char longest[5000];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct action_call call = { 0 };

		check_int(parse(lines[i], &call), -EINVAL);
		check(diags.count > 0);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	struct action_call call = { 0 };

	check_int(parse(longest, &call), -EINVAL);
	diag_done(&diags);
	diags = (struct diag_list){ 0 };
}

static void check_words(enum action_id action, const struct step *step, const char *description,
			const char *writes)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	actions[action].describe(step, &b);
	check_str(text, description);
	strbuf_reset(&b);
	actions[action].writes(step, &b);
	check_contains(text, writes);
}

TEST(steps_in_words)
{
	struct step move = {
		.action = ACTION_MIGRATE,
		.target = { .path = "machine.slice/web.scope", .name = "web\nroot" },
		.migrate = { .from_node = 0,
			     .to_node = 1,
			     .bytes = 640 << 20,
			     .move_shared = true },
	};
	struct step kill = {
		.action = ACTION_KILL,
		.target = { .path = "system.slice/ci.service", .name = "ci.service" },
		.kill = { .grace_usec = 2 * USEC_PER_SEC },
		.expected_gain = 1 << 30,
	};

	/* A newline in a name stays inside its line. */
	check_words(ACTION_MIGRATE, &move, "migrate 640 MiB of web\\x0aroot from node 0 to node 1",
		    "MPOL_MF_MOVE_ALL");
	move.order = STEP_CANCEL;
	check_words(ACTION_MIGRATE, &move, "stop migrating web\\x0aroot from node 0 to node 1", "");
	check_words(ACTION_KILL, &kill, "kill ci.service to free 1 GiB",
		    "SIGKILL to those left after 2s");
}
