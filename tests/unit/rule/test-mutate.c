/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Configuration turned over by chance: the same mutations in every run. Whatever comes in, nothing
 * crashes or leaks (under sanitizers), what is accepted can be evaluated, and what is refused is
 * refused with words that can be printed.
 */

#include "core/policy_size.h"
#include "rule/loader.h"
#include "test.h"
#include "util/glob.h"
#include "util/strbuf.h"
#include "util/text.h"

#define ROUNDS 3000

static uint64_t random_state;

/* xorshift64*: good enough to shake a parser, and the same everywhere. */
static unsigned random_below(size_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (unsigned)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % (unsigned)limit;
}

static const char *const scraps[] = {
	"=",
	"[",
	"]",
	"\n",
	";",
	" ;",
	"#",
	"\r\n",
	"\xff",
	"\xc3\xa4",
	" ",
	"(",
	"((((",
	")",
	",",
	"min(",
	"max(",
	"not ",
	" and ",
	" or ",
	" - ",
	" / 0",
	" * ",
	"9999999999999999999",
	"10%",
	"4G",
	"30s",
	"100M/s",
	"0",
	"infinity",
	"<",
	">=",
	"node.",
	"service.max",
	"node.headroom",
	"[Rule x]\n",
	"[Policy y]\n",
	"[Canary z]\n",
	"[Canary .]\n",
	"Size=1M\n",
	"Node=each\n",
	"Slice=a-b.slice\n",
	"OnDeath=kill canary\n",
	"On=canary\n",
	"canary.dead",
	"When=",
	"Do=migrate ",
	"Match=**/",
	"\n ",
	"/dev/null",
	"\\x2d",
	"Until=node.free > 1%\n",
	"On=service\n",
	"-1",
	"1e9",
	"% node",
	"% declared",
	"MemoryLimit=1G\n",
	"IOWriteBandwidthMax=/ 1M/s\n",
};

static size_t mutate(char *text, size_t length, size_t room, unsigned edits)
{
	for (; edits > 0; edits--) {
		size_t at = random_below(length + 1), cut, add;
		const char *scrap = scraps[random_below(ARRAY_SIZE(scraps))];

		switch (random_below(4)) {
		case 0: /* a byte becomes another */
			if (at < length)
				text[at] = random_below(2) ? text[random_below(length)]
							   : (char)random_below(256);
			break;
		case 1: /* some are lost */
			cut = random_below(8);
			cut = cut < length - at ? cut : length - at;
			memmove(text + at, text + at + cut, length - at - cut);
			length -= cut;
			break;
		case 2: /* some are put in */
			add = strlen(scrap);
			if (length + add > room)
				break;
			memmove(text + at + add, text + at, length - at);
			memcpy(text + at, scrap, add);
			length += add;
			break;
		default: /* a stretch comes twice */
			add = random_below(60);
			add = add < length - at ? add : length - at;
			if (length + add > room)
				break;
			memmove(text + at + add, text + at, length - at);
			length += add;
			break;
		}
	}
	return length;
}

static struct reading random_reading(void *context _unused_, enum metric_id id _unused_)
{
	static const int64_t values[] = { 0, 1, 4096, INT64_C(1) << 34, INT64_MAX, INT64_MIN, -1 };

	switch (random_below(8)) {
	case 0:
		return READING_NONE;
	case 1:
		return READING_FOREVER;
	default:
		return reading_of(values[random_below(ARRAY_SIZE(values))]);
	}
}

static void use(const struct expr *e)
{
	const struct expr_source source = { .read = random_reading };
	struct evidence evidence[STEP_EVIDENCE_MAX];
	enum truth truth = expr_eval(e, &source);
	size_t count = expr_evidence(e, &source, evidence, ARRAY_SIZE(evidence));
	enum metric_id metric;
	int64_t deficit;
	bool known;

	check(truth == TRUTH_FALSE || truth == TRUTH_UNKNOWN || truth == TRUTH_TRUE);
	check(count >= 1 && count <= ARRAY_SIZE(evidence));
	for (size_t i = 0; i < count; i++)
		check(evidence[i].metric >= 0 && evidence[i].metric < METRIC_COUNT_ &&
		      evidence[i].comparison);
	check(expr_goal(e, &source, &metric, &deficit, &known) == expr_has_goal(e));
}

static void check_printable(struct diag_list *diags)
{
	check_int(diags->dropped, 0);
	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *d = &diags->entries[i];

		check(text_is_clean_utf8(d->message));
		check(d->message[0] != '\0');
		/* Reader and library read each line alike, or one of them is wrong about INI. */
		check(!strstr(d->message, "INI library"));
	}
	diag_done(diags);
}

/* Whatever was written, what is kept of it can be resolved and said. */
static void use_policy(const struct policy *policy)
{
	static struct service service = { .path = "a", .declared_bytes = UINT64_C(3) << 40 };
	static struct snapshot snapshot;

	snapshot.host.page_size_bytes = 4096;
	snapshot.host.readings[metric_index(METRIC_MEM_TOTAL)] = reading_of(INT64_C(1) << 46);
	check(policy->setting_count <= POLICY_SETTINGS_MAX);
	for (size_t i = 0; i < policy->setting_count; i++) {
		const struct policy_setting *setting = &policy->settings[i];
		const struct setting *row = setting_get(setting->id);
		struct setting_value value;
		char text[256];
		struct strbuf out = STRBUF(text);

		check((setting->id == SETTING_IO_WRITE_MAX) == (setting->device != NULL));
		check(idset_is_empty(&setting->nodes) ==
		      (setting->is_home || setting->id != SETTING_ALLOWED_NODES));
		check(!setting->is_home || policy->nodes == NODES_HOME);
		check(setting->id == SETTING_IO_WRITE_MAX ||
		      policy_setting(policy, setting->id) == setting);
		if (row->unit != UNIT_NODES)
			check(setting->size.number >= row->least &&
			      setting->size.number <= row->most);
		if (row->is_limit)
			check(setting->size.number > 0);
		policy_setting_format(setting, &out);
		check(text_is_clean_utf8(text));
		check(policy_setting_resolve(setting, &snapshot, &service, &value) ||
		      setting->size.of == SIZE_OF_NODE || setting->is_home);
	}
	check(!policy->has_ceiling || policy->max_ceiling.number > 0);
}

/* Reads as what it may be, each time with an eye on what came of it. */
static void feed(const char *text, size_t length)
{
	struct diag_list diags = { 0 };
	struct load load = { .diags = &diags };
	_cleanup_(config_freep) struct config *config = calloc(1, sizeof(*config));
	_cleanup_(ini_freep) struct ini *ini = NULL;
	struct agent_settings settings;
	struct policy_loader policies;
	struct canary_loader canaries;

	check(config);
	policies = (struct policy_loader){ .table = &config->policies };
	canaries = (struct canary_loader){ .config = config, .policies = &policies };
	check_int(ini_read_text(text, length, "f", &diags, &ini), 0);
	agent_defaults(config, &settings);
	agent_load(&load, ini, &settings);
	canary_load(&load, ini, &canaries);
	policy_load(&load, ini, "set", &policies);
	free(policies.origins);
	rule_load(&load, ini, config);
	check(!load.no_memory);
	check_int(config->policies.count, config_policy_count(config) + config->canary_count);
	for (size_t i = 0; i < config->canary_count; i++)
		check(config->canaries[i].name && config->canaries[i].name[0]);
	policy_table_match(&config->policies, "machine.slice/a/b/machine-qemu\\x2d1.scope");
	for (size_t i = 0; i < config->policies.count; i++)
		use_policy(&config->policies.policies[i]);
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct rule *rule = &config->rules[i];

		for (size_t k = 0; k < rule->when_count; k++)
			use(rule->when[k]);
		if (rule->until)
			use(rule->until);
	}
	check_printable(&diags);
}

static size_t read_source(const char *name, char *text, size_t size)
{
	const char *source = getenv("OOMWARDEN_SOURCE");
	char path[512];
	size_t length;
	FILE *file;

	check(source);
	snprintf(path, sizeof(path), "%s/%s", source, name);
	file = fopen(path, "re");
	check(file);
	length = fread(text, 1, size, file);
	fclose(file);
	check(length > 0);
	return length;
}

TEST(files)
{
	static const char *const names[] = {
		"packaging/oomwarden.ini",	 "policies/kvm-host.ini",
		"policies/services.ini",	 "rules.d/31-node-exhausted.ini",
		"rules.d/71-host-exhausted.ini", "packaging/examples/80-canary.ini",
	};
	static char original[1 << 14], text[1 << 15];

	random_state = 20240229;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t length = read_source(names[i], original, sizeof(original));

		feed(original, length);
		for (unsigned round = 0; round < ROUNDS / ARRAY_SIZE(names); round++) {
			memcpy(text, original, length);
			feed(text, mutate(text, length, sizeof(text), 1 + random_below(4)));
		}
	}
}

TEST(policies)
{
	static const char original[] = "[Policy a]\n"
				       "Match=a/**\n"
				       "Kind=vm\n"
				       "MemoryMin=512M\n"
				       "MemoryLow=1.5G\n"
				       "MemoryHigh=50% node\n"
				       "MemoryMax=120% declared\n"
				       "MemorySwapMax=infinity\n"
				       "MemoryMaxCeiling=99.5% host\n"
				       "OOMGroup=no\n"
				       "OOMScoreAdjust=-500\n"
				       "IOWriteBandwidthMax=/dev/sda 10M/s\n"
				       "IOWriteBandwidthMax=/var/lib 1G\n"
				       "Nodes=0-1,3\n";
	static char text[1 << 12];

	random_state = 4711;
	feed(original, strlen(original));
	for (unsigned round = 0; round < ROUNDS; round++) {
		memcpy(text, original, sizeof(original));
		feed(text, mutate(text, strlen(original), sizeof(text), 1 + random_below(4)));
	}
}

TEST(expressions)
{
	static const char *const seeds[] = {
		"node.headroom < min(4%, 4G) or (node.headroom < 15% and node.time-to-empty < 20s)",
		"node.headroom > min(10%, 10G) and node.time-to-empty > 60s",
		"not (node.free + node.clean * 2 - 1G >= max(1%, 2%, node.total / 50))",
		"node.confined > 0 or node.free < node.total * 2%",
		"node.headroom / node.time-to-empty > 100M/s and mem.available / mem.total < 3%",
		"host.allocstall-rate * 10s > 5 and psi.memory.full.avg10 != 12.34%",
		"1G <= node.headroom and 500ms < node.time-to-empty",
	};
	char text[4096];

	random_state = 8086;
	for (unsigned round = 0; round < ROUNDS * 3; round++) {
		const char *seed = seeds[round % ARRAY_SIZE(seeds)];
		struct diag_list diags = { 0 };
		struct expr *e = NULL;
		size_t length = strlen(seed);
		int r;

		memcpy(text, seed, length);
		if (round >= ARRAY_SIZE(seeds))
			length = mutate(text, length, sizeof(text) - 1, 1 + random_below(2));
		text[length] = '\0';
		r = expr_parse(text, (enum scope)(round % 7 == 6 ? SCOPE_SERVICE : SCOPE_NODE), "f",
			       1, 1, &diags, &e);
		check((r == 0) == (diags.count == 0));
		check(r == 0 || r == -EINVAL);
		for (size_t i = 0; i < diags.count; i++)
			check(diags.entries[i].column >= 1 &&
			      diags.entries[i].column <= strlen(text) + 1);
		if (e) {
			check_str(expr_text(e), text);
			use(e);
		}
		expr_free(e);
		check_printable(&diags);
	}
}

static struct strbuf generated;

static void add_one_of(const char *const *words, size_t count)
{
	strbuf_add(&generated, words[random_below(count)]);
}

/* An amount of bytes, by the grammar. */
static void generate_bytes(unsigned depth)
{
	static const char *const leaves[] = { "node.free", "node.headroom", "node.total",
					      "1%",	   "99.99%",	    "0",
					      "1K",	   "7.9E",	    "mem.free" };
	static const char *const joints[] = { " + ", " - ", ", ", ", " };
	static const char *const factors[] = { " * 2", " / 3", " * 50%", " * 9000000000000",
					       " * 0%" };
	unsigned joint = random_below(ARRAY_SIZE(joints));

	if (depth == 0 || random_below(3) == 0) {
		add_one_of(leaves, ARRAY_SIZE(leaves));
		return;
	}
	strbuf_add(&generated, joint == 2 ? "min(" : joint == 3 ? "max(" : "(");
	generate_bytes(depth - 1);
	strbuf_add(&generated, joints[joint]);
	generate_bytes(depth - 1);
	strbuf_add(&generated, ")");
	if (random_below(3) == 0)
		add_one_of(factors, ARRAY_SIZE(factors));
}

static void generate_condition(unsigned depth)
{
	static const char *const comparisons[] = { " < ", " <= ", " > ", " >= ", " == ", " != " };
	static const char *const joints[] = { " and ", " or " };

	if (random_below(4) == 0)
		strbuf_add(&generated, "not ");
	if (depth == 0 || random_below(3) == 0) {
		generate_bytes(3);
		add_one_of(comparisons, ARRAY_SIZE(comparisons));
		generate_bytes(2);
		return;
	}
	strbuf_add(&generated, "(");
	generate_condition(depth - 1);
	add_one_of(joints, ARRAY_SIZE(joints));
	generate_condition(depth - 1);
	strbuf_add(&generated, ")");
}

/* Well-formed by the grammar: what is refused is refused for its types or its range. */
TEST(generated_expressions)
{
	char text[4096];
	unsigned accepted = 0;

	random_state = 31;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct diag_list diags = { 0 };
		struct expr *e = NULL;

		generated = (struct strbuf)STRBUF(text);
		generate_condition(1);
		check(!generated.truncated);
		if (expr_parse(text, SCOPE_NODE, "f", 1, 1, &diags, &e) == 0) {
			accepted++;
			for (unsigned i = 0; i < 10; i++)
				use(e);
		} else {
			for (size_t i = 0; i < diags.count; i++)
				check(!strstr(diags.entries[i].message, "expected"));
		}
		expr_free(e);
		check_printable(&diags);
	}
	check(accepted > ROUNDS / 5);
}

TEST(globs)
{
	static const char *const patterns[] = { "machine.slice/**/*.scope", "**/a*b*/**/?c/**" };
	static const char path[] = "machine.slice/a/aab/b/xc/machine-qemu\\x2d1\\x2ddb.scope";
	char text[256];

	random_state = 42;
	for (unsigned round = 0; round < ROUNDS * 3; round++) {
		const char *seed = patterns[round % ARRAY_SIZE(patterns)];
		size_t length = strlen(seed);

		memcpy(text, seed, length);
		length = mutate(text, length, sizeof(text) - 1, 1 + random_below(2));
		text[length] = '\0';
		glob_match(text, path);
		glob_match(path, text);
		if (!glob_check(text))
			check(text[0] != '\0' && text[0] != '/');
	}
}
