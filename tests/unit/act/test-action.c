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

		check(a->describe && a->writes && a->summary);
		check(a->arg_count <= ACTION_ARGS_MAX);
		check_int(action_find(a->name), a->is_internal ? -1 : i);
		check(a->is_internal ? !a->plan && !a->scopes : a->plan && a->scopes);
		for (size_t n = 0; n < a->arg_count; n++) {
			const struct action_arg_spec *spec = &a->args[n];

			check(spec->meaning);
			check(!spec->fallback || !spec->is_optional);
			check(spec->type != ARG_WORD || spec->words);
			check(spec->type != ARG_SETTING || spec->setting_bits);
			check(spec->least <= spec->most);
		}
	}
	check(actions[ACTION_HOLD].is_internal);
	check_int(action_find("Kill"), -1);
	check_int(action_find(""), -1);
	check(actions[ACTION_KILL].destructive && !actions[ACTION_MIGRATE].destructive);
	check(!(actions[ACTION_MIGRATE].scopes & 1U << SCOPE_HOST));
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
	check_fault("kill policy policy", 16, "policy is one word too many");
	check_fault("hold", 4, "unknown action hold");
	check_fault("kil", 4, "did you mean kill?");
	check_fault("kill polcy", 9, "did you mean policy");
	check_fault("kill =5", 9, "takes no =");
	check_fault("notify root", 11, "does not take root");
	check_fault("notify to=root", 11, "takes no arguments");
}

TEST(numbers_and_parts)
{
	struct action_call call;

	check_int(parse("oom-score candidates adjust=500", &call), 0);
	check_int(call.values[0], 1);
	check_int(call.values[1], 500);
	action_call_done(&call);
	check_int(parse("oom-score subject adjust=-250", &call), 0);
	check_int(call.values[1], -250);
	action_call_done(&call);
	check_int(parse("compact", &call), 0);
	check_int(call.values[0], 3);
	action_call_done(&call);

	check_fault("oom-score adjust=1001", 21, "1001 is out of range: it is from -999 to 1000");
	check_fault("oom-score adjust=-1000", 21, "from -999 to 1000");
	check_fault("oom-score adjust=half", 21, "half is no whole number");
	check_fault("oom-score adjust=9999999999999999999999", 21, "out of range");
	check_fault("oom-score subject", 4, "oom-score needs adjust=");
	check_fault("oom-score candidates adjust=-5", 32, "candidates go sooner");
	check_fault("oom-score protected adjust=0", 31, "the protected go later");
	check_fault("compact order=11", 18, "from 1 to 10");
	check_fault("compact order=2M", 18, "no whole number");

	check_int(parse("limit down step=2.5%", &call), 0);
	check_int(call.values[3], 25);
	action_call_done(&call);
	check_int(parse("sysctl vm.dirty_background step=-25%", &call), 0);
	check_int(call.values[2], -250);
	check(call.values[1] == ARG_NOT_GIVEN);
	action_call_done(&call);
	check_fault("limit down step=25", 20, "25 is no part: write it as 25% or 2.5%");
	check_fault("limit down step=2.55%", 20, "finer than a tenth of a percent");
	check_fault("limit down step=-10%", 20, "-10% is out of range: it is from 1% to 50%");
	check_fault("limit down step=60%", 20, "from 1% to 50%");
	check_fault("limit down step=--10%", 20, "no part");
}

TEST(rates_and_bounded_durations)
{
	struct action_call call;

	check_int(parse("io-limit candidates write=10M/s", &call), 0);
	check_int(call.values[1], 10 << 20);
	action_call_done(&call);
	check_fault("io-limit", 4, "io-limit needs write=");
	check_fault("io-limit write=10M", 19, "10M is no rate: write it as 10M/s");
	check_fault("io-limit write=/s", 19, "no rate");
	check_fault("io-limit write=x/s", 19, "no rate");
	check_fault("io-limit write=1K/s", 19, "1K/s is out of range: it is at least 1 MiB/s");
	check_fault("io-limit write=8388608T/s", 19, "out of range");

	check_int(parse("freeze subject max=10s", &call), 0);
	check_int(call.values[0], 0);
	check_int(call.values[1], 10 * USEC_PER_SEC);
	action_call_done(&call);
	check_int(parse("freeze", &call), 0);
	check(call.values[0] == ARG_NOT_GIVEN);
	check_int(call.values[1], 30 * USEC_PER_SEC);
	action_call_done(&call);
	check_fault("freeze max=1h", 15, "1h is out of range: it is from 1s to 5min");
	check_fault("freeze max=0", 15, "out of range");
	check_fault("freeze max=infinity", 15, "finite");
	check_fault("freeze subjct", 11, "did you mean subject");
	check_fault("freeze everybody", 11, "it takes subject or candidates");
}

TEST(settings_by_name)
{
	struct action_call call;

	check_int(parse("limit down setting=MemoryMax", &call), 0);
	check_int(call.values[2], SETTING_MEMORY_MAX);
	action_call_done(&call);
	check_int(parse("limit down setting=MemoryLimit", &call), 0);
	check_int(call.values[2], SETTING_MEMORY_MAX);
	action_call_done(&call);
	check_int(parse("limit up", &call), 0);
	check(call.values[2] == ARG_NOT_GIVEN);
	action_call_done(&call);

	check_fault("limit setting=MemoryHigh", 4, "limit needs which way");
	check_fault("limit sideways", 10, "it takes down or up");
	check_fault("limit down setting=MemoryHihg", 23, "did you mean MemoryHigh");
	check_fault("limit down setting=MemoryLow", 23, "did you mean MemoryMax");
	check_fault("limit down setting=vm.dirty", 23, "MemoryHigh, MemoryMax or MemorySwapMax");
	check_fault("limit up whom=candidates", 18, "up is for the rule's own service");
	check_fault("limit up setting=MemorySwapMax", 21, "up takes MemoryHigh and MemoryMax");
}

TEST(sysctls_and_their_ranges)
{
	struct action_call call;

	check_int(parse("sysctl vm.dirty value=256M", &call), 0);
	check_int(call.values[0], SETTING_DIRTY);
	check_int(call.values[1], 256 << 20);
	check(call.values[2] == ARG_NOT_GIVEN);
	action_call_done(&call);
	check_int(parse("sysctl vm.swappiness value=0", &call), 0);
	check_int(call.values[1], 0);
	action_call_done(&call);
	check_int(parse("sysctl vm.vfs_cache_pressure step=100%", &call), 0);
	action_call_done(&call);

	check_fault("sysctl value=1", 4, "sysctl needs the name of the knob");
	check_fault("sysctl vm.swappiness", 11, "it needs value= or step=");
	check_fault("sysctl vm.swappiness value=1 step=1%", 38, "exclude each other");
	check_fault("sysctl vm.swapiness value=1", 11, "did you mean vm.swappiness");
	check_fault("sysctl vm.dirty_ratio value=1", 11, "did you mean vm.dirty");
	check_fault("sysctl vm.dirty_background_bytes value=1", 11,
		    "did you mean vm.dirty_background");
	check_fault("sysctl vm.min_free_kbytes value=1", 11, "does not take vm.min_free_kbytes");
	check_fault("sysctl MemoryHigh value=1", 11, "does not take MemoryHigh");
	check_fault("sysctl vm.swappiness value=201", 31, "vm.swappiness is from 0 to 200");
	check_fault("sysctl vm.compaction_proactiveness value=101", 45, "from 0 to 100");
	check_fault("sysctl vm.dirty value=63M", 26, "vm.dirty is never set below 67108864");
	check_fault("sysctl vm.dirty_expire_centisecs value=99", 43, "from 100 to");
	check_fault("sysctl vm.dirty step=-30%", 25, "tightened only, by at most 25% a step");
	check_fault("sysctl vm.dirty step=10%", 25, "tightened only");
	check_fault("sysctl vm.swappiness step=0%", 30, "changes nothing");
	check_fault("sysctl vm.swappiness step=200%", 30, "from -90% to 100%");
	check_fault("sysctl vm.swappiness value=-1", 31, "at least 0");
}

TEST(units_by_name)
{
	struct action_call call;

	check_int(parse("start-unit evacuate@%guest.service", &call), 0);
	check_str(call.unit, "evacuate@%guest.service");
	action_call_done(&call);
	check(!call.unit);
	check_int(parse("stop-unit", &call), 0);
	check(!call.unit && call.values[0] == ARG_NOT_GIVEN);
	action_call_done(&call);
	check_int(parse("restart-unit web.service", &call), 0);
	check_str(call.unit, "web.service");
	action_call_done(&call);

	check_fault("start-unit", 4, "start-unit needs the name of a unit");
	check_fault("start-unit web", 18, "ends in its type");
	check_fault("start-unit web.servce", 18, "ends in its type");
	check_fault("start-unit a@%gest.service", 17, "it knows %guest, %service, %node and %%");
	check_fault("start-unit a/b.service", 16, "letters, digits");
	check_fault("start-unit a@.service", 16, "needs an instance");
	check_fault("start-unit a.scope", 16, "cannot be meant here");
	check_fault("stop-unit multi-user.target", 24, "cannot be meant here");
	check_fault("stop-unit user.slice", 18, "cannot be meant here");
	check_fault("restart-unit session-1.scope", 26, "cannot be meant here");
	check_fault("stop-unit a.service b.service", 24, "one word too many");
	check_fault("stop-unit unit=a.service", 14, "takes no unit");
	check_fault("stop-unit sshd.service", 14, "sshd.service is protected");
	check_fault("restart-unit dbus.service", 17, "dbus.service is protected");
}

static unsigned scopes_of(const char *text)
{
	struct action_call call;
	unsigned scopes;

	check_int(parse(text, &call), 0);
	scopes = action_call_scopes(&call);
	action_call_done(&call);
	return scopes;
}

TEST(what_is_written_decides_on_what_rules_it_may_stand)
{
	const unsigned host = 1U << SCOPE_HOST, node = 1U << SCOPE_NODE;
	const unsigned service = 1U << SCOPE_SERVICE, canary = 1U << SCOPE_CANARY;
	const unsigned any = host | node | service | canary;

	check_int(scopes_of("freeze"), any);
	check_int(scopes_of("freeze candidates"), any);
	check_int(scopes_of("freeze subject"), service);
	check_int(scopes_of("limit up"), service);
	check_int(scopes_of("limit down"), any);
	check_int(scopes_of("limit down whom=subject"), service);
	check_int(scopes_of("reclaim subject"), service | node);
	check_int(scopes_of("io-limit candidates write=10M/s"), host | service | canary);
	check_int(scopes_of("oom-score protected adjust=-100"), any);
	check_int(scopes_of("start-unit a.service"), any);
	check_int(scopes_of("start-unit a@%%.service"), any);
	check_int(scopes_of("start-unit a@%node.service"), node);
	check_int(scopes_of("stop-unit a@%service.service"), service);
	check_int(scopes_of("start-unit a@%guest.service"), service | node);
	check_int(scopes_of("stop-unit a@%guest.service"), service);
	check_int(scopes_of("start-unit a@%node-%guest.service"), node);
	check_int(scopes_of("start-unit a@%node-%service.service"), 0);
	check_int(scopes_of("sysctl vm.swappiness value=1"), host | canary);
	check_int(scopes_of("drop-slab"), host | canary);
	check_int(scopes_of("compact"), node);
	check_int(scopes_of("stop-unit a.service"), any);
	check_int(scopes_of("notify"), any);
	check_int(scopes_of("kill policy"), any);
	check_int(scopes_of("kill canary"), any);
}

TEST(whom_a_kill_means)
{
	struct action_call call;

	check_int(parse("kill grace=1s canary", &call), 0);
	check(action_call_is_canary(&call));
	action_call_done(&call);
	check_int(parse("kill", &call), 0);
	check(!action_call_is_canary(&call));
	action_call_done(&call);
	check_fault("kill canari", 9, "did you mean canary");
	check_fault("kill someone", 9, "it takes policy or canary");
	check_fault("kill canary policy", 16, "one word too many");
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
		"limit down step=%",
		"limit down step=-%",
		"limit down step=-",
		"io-limit write=99999999999999999999999999999999999999999999/s",
		"sysctl \xff value=\xff",
		"start-unit %",
		"start-unit %%%",
		"start-unit .",
		"start-unit @.service",
		"start-unit .service",
		"stop-unit \xff\xfe.service",
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
