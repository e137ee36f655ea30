/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The configuration that is installed: it loads, it harms nobody, and it acts in time. */

#include "tree.h"

#include "model/attribution.h"

#include <dirent.h>

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

static char text[1 << 16];

static const char *read_source(const char *name)
{
	const char *source = getenv("OOMWARDEN_SOURCE");
	char path[512];
	FILE *file;
	size_t length;

	check(source);
	snprintf(path, sizeof(path), "%s/%s", source, name);
	file = fopen(path, "re");
	check(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	check(length > 0 && length < sizeof(text) - 1);
	text[length] = '\0';
	return text;
}

/* Each file of that directory that ends in .ini. */
static size_t each_file(const char *directory,
			void (*each)(const char *directory, const char *name))
{
	const char *source = getenv("OOMWARDEN_SOURCE");
	char path[512];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	check(source);
	snprintf(path, sizeof(path), "%s/%s", source, directory);
	dir = opendir(path);
	check(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".ini") != 0)
			continue;
		each(directory, entry->d_name);
		count++;
	}
	closedir(dir);
	return count;
}

/* Copied, as a clone's files may have any mode. */
static void copy(const char *directory, const char *name)
{
	char from[128], to[140];

	snprintf(from, sizeof(from), "%s/%s", directory, name);
	snprintf(to, sizeof(to), "low/%s", from);
	tree_write(to, read_source(from));
}

static void copy_example(const char *directory, const char *name)
{
	char from[128], to[140];

	snprintf(from, sizeof(from), "%s/%s", directory, name);
	snprintf(to, sizeof(to), "high/rules.d/%s", name);
	tree_write(to, read_source(from));
}

static struct config *load_shipped(void)
{
	struct config *config;

	tree_reset();
	tree_write("low/oomwarden.ini", read_source("packaging/oomwarden.ini"));
	check_int(each_file("policies", copy), 2);
	check(each_file("rules.d", copy) >= 2);
	config = tree_load();
	check_str(tree_faults, "");
	return config;
}

static void check_head(const char *directory, const char *name)
{
	char path[512];
	size_t lines = 0;
	const char *line;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	line = read_source(path);
	check(strncmp(line, "# SPDX-License-Identifier: ", 27) == 0);
	for (; line && *line == '#'; lines++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	/* The situation, the numbers, the steps. */
	if (lines < 12 || !line || strncmp(line, "\n[", 2) != 0)
		test_stop_(TEST_FAILED_, "%s has no head that explains it", path);
}

/* Which copied as they are lie beside the rest, and mask nothing of it. */
TEST(examples_load_with_what_is_shipped)
{
	_cleanup_(config_freep) struct config *shipped = load_shipped();
	_cleanup_(config_freep) struct config *config = NULL;
	size_t count = each_file("packaging/examples", copy_example);

	check(count > 0);
	config = tree_load();
	check_str(tree_faults, "");
	check(config->rule_count >= shipped->rule_count + count);
	each_file("packaging/examples", check_head);
}

/* Where one is configured the rules that would end somebody let go of a canary before they do. */
TEST(canaries_go_before_others)
{
	_cleanup_(config_freep) struct config *shipped = load_shipped();
	_cleanup_(config_freep) struct config *config = NULL;
	size_t asking = 0;

	for (size_t i = 0; i < shipped->rule_count; i++)
		for (size_t l = 0; l < shipped->rules[i].ladder_count; l++)
			check(!action_call_is_canary(&shipped->rules[i].ladder[l]));
	copy_example("packaging/examples", "80-canary.ini");
	config = tree_load();
	check_str(tree_faults, "");
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct rule *rule = &config->rules[i];
		bool asked = rule->canary != 0; /* it is gone */

		for (size_t l = 0; l < rule->ladder_count; l++) {
			bool asks = action_call_is_canary(&rule->ladder[l]);

			if (rule->ladder[l].action == ACTION_KILL && !asks && !asked)
				test_stop_(TEST_FAILED_, "%s kills before a canary does",
					   rule->name);
			asked |= asks;
			asking += asks;
		}
	}
	/* On a node, for a service, on the host in two ways, and by the example itself. */
	check_int(asking, 5);
}

TEST(shipped_policies_harm_nobody)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	check_int(config->mode, MODE_DRY_RUN);
	check(config->policies.count > 0);
	for (size_t i = 0; i < config->policies.count; i++) {
		const struct policy *policy = &config->policies.policies[i];

		check_int(policy->kill, KILL_NEVER);
		check_int(policy->setting_count, 0);
		check(!policy->has_ceiling);
		check(policy->nodes == NODES_KEEP ||
		      (policy->nodes == NODES_RELIEVE && policy->kind == KIND_VM));
	}
	check_int(config->kill_budget_count, 3);
	check_int(config->kill_budget_window_usec, 600 * USEC_PER_SEC);
}

TEST(every_rule_says_what_it_is_about)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	each_file("rules.d", check_head);
	for (size_t i = 0; i < config->rule_count; i++)
		if (strlen(config->rules[i].description) < 20)
			test_stop_(TEST_FAILED_, "%s has no description", config->rules[i].name);
}

/* What the build installs, which lists its files. */
static void check_listed(const char *directory, const char *name)
{
	char path[512], quoted[256];

	snprintf(path, sizeof(path), "%s/meson.build", directory);
	snprintf(quoted, sizeof(quoted), "'%s'", name);
	if (!strstr(read_source(path), quoted))
		test_stop_(TEST_FAILED_, "%s/%s is not installed", directory, name);
}

TEST(every_file_is_installed)
{
	each_file("rules.d", check_listed);
	each_file("policies", check_listed);
}

static int64_t argument(const struct action_call *call, const char *name)
{
	const struct action *action = &actions[call->action];

	for (size_t i = 0; i < action->arg_count; i++)
		if (name ? action->args[i].name && strcmp(action->args[i].name, name) == 0
			 : !action->args[i].name)
			return call->values[i];
	test_stop_(TEST_FAILED_, "%s has no argument %s", action->name,
		   name ? name : "without a name");
}

/* The word that stands for an argument. */
static const char *word(const struct action_call *call, const char *name)
{
	const struct action *action = &actions[call->action];

	for (size_t i = 0; i < action->arg_count; i++)
		if (action->args[i].words &&
		    (name ? action->args[i].name && strcmp(action->args[i].name, name) == 0
			  : !action->args[i].name))
			return action->args[i].words[call->values[i]];
	test_stop_(TEST_FAILED_, "%s has no word %s", action->name, name ? name : "without a name");
}

static bool is_for_candidates(const struct action_call *call, const char *name)
{
	return strcmp(word(call, name), "candidates") == 0;
}

static void check_step(const struct rule *rule, const struct action_call *call)
{
	bool of_service = rule->on == SCOPE_SERVICE;

	switch (call->action) {
	case ACTION_DROP_SLAB:
	case ACTION_RESTART_UNIT:
	case ACTION_HUGETLB_SHRINK:
		test_stop_(TEST_FAILED_, "%s: no shipped rule does that: %s", rule->name,
			   call->text);
	case ACTION_SYSCTL:
		/* A quarter a step at most, and nothing but the limits of dirty pages. */
		check(argument(call, NULL) == SETTING_DIRTY ||
		      argument(call, NULL) == SETTING_DIRTY_BACKGROUND);
		check_int(argument(call, "value"), ARG_NOT_GIVEN);
		check(argument(call, "step") < 0 && argument(call, "step") >= -250);
		break;
	case ACTION_FREEZE:
		check(argument(call, "max") <= (int64_t)(30 * USEC_PER_SEC));
		check(of_service || is_for_candidates(call, NULL));
		break;
	case ACTION_LIMIT:
		/* Without a service of its own a rule can only mean candidates; raising is for the
		 * one that the rule is about. */
		check(of_service || is_for_candidates(call, "whom"));
		check(of_service || strcmp(word(call, NULL), "down") == 0);
		/* Never a hard limit downwards: it kills. */
		check(strcmp(word(call, NULL), "up") == 0 ||
		      argument(call, "setting") == SETTING_MEMORY_HIGH ||
		      argument(call, "setting") == ARG_NOT_GIVEN);
		check(argument(call, "step") <= 250);
		break;
	case ACTION_OOM_SCORE:
		check(of_service || is_for_candidates(call, NULL));
		check(argument(call, "adjust") > 0 && argument(call, "adjust") < 1000);
		break;
	case ACTION_IO_LIMIT:
	case ACTION_RECLAIM:
		check(of_service || is_for_candidates(call, NULL));
		break;
	case ACTION_START_UNIT:
		test_stop_(TEST_FAILED_, "%s starts what is not shipped: %s", rule->name,
			   call->text);
	default:
		break;
	}
}

TEST(shipped_rules_harm_nobody)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	for (size_t i = 0; i < config->rule_count; i++) {
		const struct rule *rule = &config->rules[i];

		/* Guests and the host's own services are nobody's subject. */
		check_int(rule->kinds & (1U << KIND_VM | 1U << KIND_SYSTEM), 0);
		check(!rule->policies);
		check_int(rule->mode, MODE_ENFORCE);
		check(rule->cooldown_usec >= 10 * USEC_PER_SEC);
		for (size_t l = 0; l < rule->ladder_count; l++)
			check_step(rule, &rule->ladder[l]);
	}
}

TEST(mild_steps_come_first)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	for (size_t i = 0; i < config->rule_count; i++) {
		const struct rule *rule = &config->rules[i];
		bool was_destructive = false;

		/* They begin where others have ended: host-low, runaway and host-critical, when a
		 * second is left; restart-loop, when lives are too short for a second step. */
		if (strcmp(rule->name, "host-exhausted") == 0 ||
		    strcmp(rule->name, "restart-loop-stop") == 0)
			continue;
		check(!actions[rule->ladder[0].action].destructive);
		for (size_t l = 0; l < rule->ladder_count; l++) {
			enum action_id action = rule->ladder[l].action;

			if (was_destructive && !actions[action].destructive &&
			    action != ACTION_NOTIFY)
				test_stop_(TEST_FAILED_, "%s: %s comes after the harder ones",
					   rule->name, rule->ladder[l].text);
			was_destructive |= actions[action].destructive;
		}
	}
}

TEST(background_limit_of_dirty_pages_goes_before_the_other)
{
	_cleanup_(config_freep) struct config *config = load_shipped();
	size_t seen = 0;

	for (size_t i = 0; i < config->rule_count; i++) {
		int64_t before = SETTING_DIRTY;

		for (size_t l = 0; l < config->rules[i].ladder_count; l++) {
			const struct action_call *call = &config->rules[i].ladder[l];

			if (call->action != ACTION_SYSCTL)
				continue;
			check(argument(call, NULL) != before);
			before = argument(call, NULL);
			seen++;
		}
		check_int(before, SETTING_DIRTY);
	}
	check(seen > 0);
}

/* Steps that wait for each other say how long, as the default is nobody's reason. */
static void check_timing(const char *directory, const char *name)
{
	char path[512];
	const char *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = read_source(path);
	check(strstr(file, "\nCooldown="));
	if (strstr(strstr(file, "\nDo=") + 1, "\nDo="))
		check(strstr(file, "\nStepWait="));
}

TEST(timing_is_stated)
{
	each_file("rules.d", check_timing);
}

static const char *owner(const struct config *config, const char *path)
{
	int i = policy_table_match(&config->policies, path);

	return i < 0 ? "nobody" : config->policies.policies[i].name;
}

TEST(guests_containers_and_services_are_told_apart)
{
	_cleanup_(config_freep) struct config *c = load_shipped();

	check_str(owner(c, "machine.slice/machine-qemu\\x2d1\\x2ddb.scope"), "guests");
	check_str(owner(c, "machine.slice/machine-a.slice/machine-qemu\\x2d1\\x2ddb.scope"),
		  "guests");
	check_str(owner(c, "qemu.slice/100.scope"), "guests");
	check_str(owner(c, "machine.slice/systemd-vmspawn@x.service"), "guests");
	check_str(owner(c, "machine.slice/guest1.service"), "machines");
	check_str(owner(c, "machine.slice/a.slice/b.slice/run-42.scope"), "machines");
	check_str(owner(c, "machine.slice/libpod-0123abcd.scope"), "containers");
	check_str(owner(c, "machine.slice/machine-libpod_pod_1.slice/libpod-0123.scope"),
		  "containers");
	check_str(owner(c, "machine.slice/libpod-conmon-0123abcd.scope"), "containers");
	check_str(owner(c, "machine.slice/machine-lxc\\x2d77\\x2dweb.scope"), "containers");
	check_str(owner(c, "machine.slice/systemd-nspawn@web.service"), "containers");
	check_str(owner(c, "machine.slice/machine-web.scope"), "containers");
	check_str(owner(c, "lxc/101"), "containers");
	check_str(owner(c, "machine.slice/machine-web.scope/payload/system.slice/nginx.service"),
		  "container-units");
	check_str(owner(c, "machine.slice/systemd-nspawn@web.service/payload/init.scope"),
		  "container-units");
	check_str(owner(c, "machine.slice/libpod-01.scope/container/system.slice/x.service"),
		  "container-units");
	check_str(owner(c, "machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/emulator"),
		  "nobody");
	check_str(owner(c, "machine.slice"), "nobody");
	check_str(owner(c, "system.slice/nginx.service"), "services");
	check_str(owner(c, "system.slice/system-getty.slice/getty@tty1.service"), "services");
	check_str(owner(c, "system.slice/docker-0123.scope"), "services");
	check_str(owner(c, "system.slice/systemd-journald.service"), "host");
	check_str(owner(c, "system.slice/virtqemud.service"), "host");
	check_str(owner(c, "init.scope"), "host");
	check_str(owner(c, "user.slice/user-1000.slice/session-3.scope"), "sessions");
	check_str(owner(c, "user.slice/user-1000.slice/user@1000.service"), "sessions");
	check_str(owner(c, "user.slice/user-1000.slice/user@1000.service/app.slice/x.service"),
		  "nobody");
	check_str(owner(c, ""), "nobody");
}

/* Readings that a rule is asked about. */
static struct reading readings[METRIC_COUNT_];

static struct reading read_one(void *context _unused_, enum metric_id id)
{
	return readings[id];
}

static bool fires(const struct config *config, const char *name)
{
	const struct expr_source source = { .read = read_one };

	for (size_t i = 0; i < config->rule_count; i++) {
		const struct rule *rule = &config->rules[i];

		if (strcmp(rule->name, name) != 0)
			continue;
		for (size_t k = 0; k < rule->when_count; k++)
			if (expr_eval(rule->when[k], &source) != TRUTH_TRUE)
				return false;
		return !rule->until || expr_eval(rule->until, &source) == TRUTH_FALSE;
	}
	test_stop_(TEST_FAILED_, "no rule is named %s", name);
}

/* A host without swap, losing `fall` bytes a second; 0: none. */
static void host(int64_t total, int64_t available, int64_t fall)
{
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		readings[i] = READING_NONE;
	readings[METRIC_MEM_TOTAL] = reading_of(total);
	readings[METRIC_MEM_AVAILABLE] = reading_of(available);
	readings[METRIC_MEM_TIME_TO_EMPTY] =
		fall > 0 ? reading_of((int64_t)((__int128)available * 1000000 / fall))
			 : READING_FOREVER;
	readings[METRIC_SWAP_TOTAL] = reading_of(0);
	readings[METRIC_SWAP_FREE] = reading_of(0);
	readings[METRIC_PSI_MEMORY_SOME_SHARED] = reading_of(0);
	readings[METRIC_HOST_ALLOCSTALL_RATE] = reading_of(0);
}

/* At what level the rule fires for a steady fall; the level is gone through in steps of a hundredth
 * of a second. */
static int64_t fires_at(const struct config *config, int64_t total, int64_t fall)
{
	for (int64_t available = total / 2; available > 0; available -= fall / 100) {
		host(total, available, fall);
		if (fires(config, "host-exhausted"))
			return available;
	}
	return 0;
}

TEST(host_rule_acts_in_time)
{
	static const struct {
		int64_t total, fall;
	} cases[] = {
		{ 2 * GIB, 100 * MIB },	   { 2 * GIB, 1 * GIB },    { 16 * GIB, 2 * GIB },
		{ 64 * GIB, 100 * MIB },   { 64 * GIB, 6 * GIB },   { 256 * GIB, 6 * GIB },
		{ 1024 * GIB, 100 * MIB }, { 1024 * GIB, 6 * GIB },
	};
	_cleanup_(config_freep) struct config *config = load_shipped();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t level = fires_at(config, cases[i].total, cases[i].fall);
		int64_t left_msec = level * 1000 / cases[i].fall;

		/* For=, a sample or two and the kill fit into 350 ms; nothing needs much more than
		 * 5 s. */
		check(left_msec >= 350);
		check(left_msec <= 5500);
		check(level <= cases[i].total / 5);
	}
}

TEST(host_rule_sees_a_leak)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	host(2 * GIB, 70 * MIB, 1 * MIB);
	check(!fires(config, "host-exhausted"));
	readings[METRIC_PSI_MEMORY_SOME_SHARED] = reading_of(2000);
	check(fires(config, "host-exhausted"));
	readings[METRIC_PSI_MEMORY_SOME_SHARED] = READING_NONE; /* a kernel without PSI */
	check(!fires(config, "host-exhausted"));
	readings[METRIC_HOST_ALLOCSTALL_RATE] = reading_of(50);
	check(fires(config, "host-exhausted"));
	host(2 * GIB, 20 * MIB, 0);
	check(fires(config, "host-exhausted"));
	host(1024 * GIB, 500 * MIB, 0);
	check(fires(config, "host-exhausted"));
}

TEST(host_rule_leaves_healthy_hosts_alone)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	/* Full of cache, under I/O pressure, allocating at full speed. */
	host(64 * GIB, 40 * GIB, 6 * GIB);
	readings[METRIC_MEM_FREE] = reading_of(200 * MIB);
	readings[METRIC_PSI_MEMORY_SOME_SHARED] = reading_of(5000);
	readings[METRIC_HOST_ALLOCSTALL_RATE] = reading_of(1000);
	check(!fires(config, "host-exhausted"));
	/* A large guest starts. */
	host(1024 * GIB, 100 * GIB, 4 * GIB);
	check(!fires(config, "host-exhausted"));
	/* Low, as with a large ARC, and steady. */
	host(64 * GIB, 1536 * MIB, 0);
	check(!fires(config, "host-exhausted"));
	/* Exhausted, with swap to win time with. */
	host(2 * GIB, 10 * MIB, 100 * MIB);
	readings[METRIC_SWAP_TOTAL] = reading_of(4 * GIB);
	readings[METRIC_SWAP_FREE] = reading_of(1 * GIB);
	check(!fires(config, "host-exhausted"));
	readings[METRIC_SWAP_FREE] = reading_of(100 * MIB);
	check(fires(config, "host-exhausted"));
	/* Nothing is known. */
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		readings[i] = READING_NONE;
	check(!fires(config, "host-exhausted"));
	check(!fires(config, "node-exhausted"));
}

/* Services at limits of their own: what they stall for is theirs, and nobody else dies for it. */
TEST(pressure_of_limited_services_moves_no_rule)
{
	static const struct {
		int64_t now, average, self;
	} cases[] = {
		{ 9947, 9950, 9947 }, /* throttled in one user's slice */
		{ 3000, 3000, 3000 }, /* at memory.max, with heavy I/O */
		{ 9000, 8900, 9000 }, /* at memory.high */
	};
	_cleanup_(config_freep) struct config *config = load_shipped();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct attribution own = { 0 };

		attribution_add(&own, cases[i].self);
		/* 60 % are free; and where it is down to 3 % and steady nobody else helps either.
		 */
		for (int64_t percent = 60; percent >= 3; percent -= 57) {
			host(64 * GIB, 64 * GIB * percent / 100, 0);
			readings[METRIC_PSI_MEMORY_SOME_NOW] = reading_of(cases[i].now);
			readings[METRIC_PSI_MEMORY_SOME_SHARED] = reading_of(
				attribution_shared(&own, cases[i].now, cases[i].average));
			check(!fires(config, "host-exhausted"));
			check(!fires(config, "node-exhausted"));
		}
		/* The same of the host itself. */
		readings[METRIC_PSI_MEMORY_SOME_SHARED] =
			reading_of(attribution_shared(&(struct attribution){ 0 }, cases[i].now, 0));
		check(fires(config, "host-exhausted"));
	}
	/* Spikes to 99 % with free memory. */
	host(64 * GIB, 40 * GIB, 0);
	readings[METRIC_PSI_MEMORY_SOME_SHARED] = reading_of(9900);
	check(!fires(config, "host-exhausted"));
}

TEST(node_rule_fires_for_confined_services_only)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	host(2 * GIB, 1 * GIB, 0);
	readings[METRIC_NODE_TOTAL] = reading_of(1 * GIB);
	readings[METRIC_NODE_HEADROOM] = reading_of(150 * MIB);
	readings[METRIC_NODE_TIME_TO_EMPTY] = reading_of(1500000);
	readings[METRIC_NODE_CONFINED] = reading_of(1);
	check(fires(config, "node-exhausted"));
	readings[METRIC_NODE_CONFINED] = reading_of(0);
	check(!fires(config, "node-exhausted"));
	readings[METRIC_NODE_CONFINED] = READING_NONE;
	check(!fires(config, "node-exhausted"));
	readings[METRIC_NODE_CONFINED] = reading_of(1);
	readings[METRIC_NODE_TIME_TO_EMPTY] = READING_FOREVER;
	check(!fires(config, "node-exhausted"));
	readings[METRIC_NODE_HEADROOM] = reading_of(40 * MIB);
	check(fires(config, "node-exhausted"));
}

static void set(enum metric_id id, int64_t value)
{
	readings[id] = reading_of(value);
}

/* A host of 64 GiB with swap, a node of it, and a service with limits, all of them well. */
static void all_is_well(void)
{
	host(64 * GIB, 30 * GIB, 0);
	set(METRIC_SWAP_TOTAL, 8 * GIB);
	set(METRIC_SWAP_FREE, 7 * GIB);
	set(METRIC_PSI_IO_SOME, 500);
	set(METRIC_PSI_MEMORY_SOME, 0);
	set(METRIC_PSI_MEMORY_FULL_SHARED, 0);
	set(METRIC_HOST_SWAP_IN_RATE, 0);
	set(METRIC_HOST_REFAULT_ANON_RATE, 0);
	set(METRIC_HOST_COMPACT_FAIL_RATE, 0);
	set(METRIC_MEM_DIRTY, 300 * MIB);
	set(METRIC_MEM_WRITEBACK, 20 * MIB);
	set(METRIC_MEM_DIRTY_LIMIT, 6 * GIB);
	set(METRIC_MEM_DIRTY_BACKGROUND_LIMIT, 3 * GIB);
	set(METRIC_MEM_SLAB_TOP, 2 * GIB);
	set(METRIC_MEM_SLAB_TOP_GROWTH, 2000);
	set(METRIC_MEM_SLAB_UNRECLAIMABLE, 1 * GIB);
	set(METRIC_MEM_ARC, 0);
	set(METRIC_MEM_ARC_RECLAIMABLE, 0);
	set(METRIC_NODE_TOTAL, 32 * GIB);
	set(METRIC_NODE_FREE, 400 * MIB);
	set(METRIC_NODE_HEADROOM, 15 * GIB);
	readings[METRIC_NODE_TIME_TO_EMPTY] = READING_FOREVER;
	set(METRIC_NODE_CONFINED, 2);
	set(METRIC_NODE_UNUSABLE_ORDER_2, 6000);
	set(METRIC_NODE_UNUSABLE_ORDER_3, 8200);
	set(METRIC_SERVICE_CURRENT, 3 * GIB);
	set(METRIC_SERVICE_ANON, 2 * GIB);
	set(METRIC_SERVICE_HIGH, 7 * GIB);
	set(METRIC_SERVICE_LIMIT, 8 * GIB);
	set(METRIC_SERVICE_HEADROOM, 5 * GIB);
	set(METRIC_SERVICE_PROCESSES, 12);
	set(METRIC_SERVICE_CROWD, 200 * MIB);
	set(METRIC_SERVICE_PSI_SELF, 0);
	set(METRIC_SERVICE_PSI_SOME, 0);
	set(METRIC_SERVICE_EVENTS_HIGH_RATE, 0);
	set(METRIC_SERVICE_EVENTS_MAX_RATE, 0);
	set(METRIC_SERVICE_RESTARTS, 0);
	set(METRIC_SERVICE_RESTARTS_AFTER_OOM, 0);
}

/* The only rule that fires, "" if there is none, "several" if there are more. */
static const char *what_fires(const struct config *config)
{
	const char *found = "";

	for (size_t i = 0; i < config->rule_count; i++)
		if (fires(config, config->rules[i].name))
			found = *found ? "several" : config->rules[i].name;
	return found;
}

TEST(healthy_hosts_rouse_no_rule)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	check_str(what_fires(config), "");
	/* All free memory is cache, and what is left is in pieces, as it always is then. */
	set(METRIC_MEM_FREE, 300 * MIB);
	set(METRIC_NODE_UNUSABLE_ORDER_2, 8800);
	set(METRIC_NODE_UNUSABLE_ORDER_3, 9400);
	check_str(what_fires(config), "");
	/* Writes as fast as its disks take it, at the kernel's own limits. */
	set(METRIC_MEM_DIRTY, 5 * GIB);
	set(METRIC_MEM_WRITEBACK, 512 * MIB);
	set(METRIC_PSI_IO_SOME, 6000);
	check_str(what_fires(config), "");
	/* Half of its swap is in use, and somebody returns from lunch. */
	set(METRIC_SWAP_FREE, 4 * GIB);
	set(METRIC_HOST_SWAP_IN_RATE, 200000);
	check_str(what_fires(config), "");
	/* A web server of a thousand processes. */
	set(METRIC_SERVICE_PROCESSES, 1000);
	set(METRIC_SERVICE_CROWD, 2 * GIB);
	check_str(what_fires(config), "");
	/* A service that uses all that it may have, for cache, and is well with it. */
	set(METRIC_SERVICE_CURRENT, 7 * GIB);
	set(METRIC_SERVICE_EVENTS_HIGH_RATE, 20);
	set(METRIC_SERVICE_PSI_SELF, 800);
	set(METRIC_SERVICE_PROCESSES, 12);
	check_str(what_fires(config), "");
	/* A unit that was killed once. */
	set(METRIC_SERVICE_RESTARTS, 4);
	set(METRIC_SERVICE_RESTARTS_AFTER_OOM, 1);
	check_str(what_fires(config), "");
}

/* What is not known moves nothing, one metric after the other and all of them. */
TEST(unknown_readings_rouse_no_rule)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	for (size_t i = 0; i < METRIC_COUNT_; i++) {
		all_is_well();
		readings[i] = READING_NONE;
		check_str(what_fires(config), "");
	}
	for (size_t i = 0; i < METRIC_COUNT_; i++)
		readings[i] = READING_NONE;
	check_str(what_fires(config), "");
}

TEST(dirty_backlog_is_of_a_host_that_is_short)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_MEM_AVAILABLE, 14 * GIB);
	set(METRIC_MEM_DIRTY, 3 * GIB);
	set(METRIC_PSI_IO_SOME, 4000);
	check_str(what_fires(config), "dirty-backlog");
	/* Nobody waits. */
	set(METRIC_PSI_IO_SOME, 1000);
	check_str(what_fires(config), "");
	/* A kernel that tells no pressure. */
	readings[METRIC_PSI_IO_SOME] = READING_NONE;
	check_str(what_fires(config), "");
	set(METRIC_HOST_ALLOCSTALL_RATE, 50);
	check_str(what_fires(config), "dirty-backlog");
	/* Below a fifth of what is available. */
	set(METRIC_MEM_DIRTY, 2 * GIB);
	check_str(what_fires(config), "");
	/* Room for it. */
	set(METRIC_MEM_AVAILABLE, 20 * GIB);
	set(METRIC_MEM_DIRTY, 6 * GIB);
	check_str(what_fires(config), "");
}

TEST(swap_in_counts_when_somebody_waits)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_HOST_SWAP_IN_RATE, 4 * MIB);
	check_str(what_fires(config), "");
	set(METRIC_PSI_MEMORY_SOME_SHARED, 2000);
	check_str(what_fires(config), "swap-in");
	readings[METRIC_PSI_MEMORY_SOME_SHARED] = READING_NONE;
	check_str(what_fires(config), "");
	set(METRIC_HOST_REFAULT_ANON_RATE, 2 * MIB);
	check_str(what_fires(config), "swap-in");
	readings[METRIC_PSI_MEMORY_SOME] = READING_NONE;
	check_str(what_fires(config), "swap-in");
}

TEST(slab_leak_is_large_and_grows)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_MEM_SLAB_TOP, 7 * GIB);
	check_str(what_fires(config), "");
	set(METRIC_MEM_SLAB_TOP_GROWTH, 700 * 1024);
	check_str(what_fires(config), "slab-leak");
	set(METRIC_MEM_SLAB_TOP_GROWTH, 500 * 1024);
	check_str(what_fires(config), "");
	set(METRIC_MEM_SLAB_TOP_GROWTH, 5 * MIB);
	set(METRIC_MEM_SLAB_TOP, 6 * GIB);
	check_str(what_fires(config), "");
	/* None of it can be given back, growing or not; an ARC is no leak. */
	set(METRIC_MEM_SLAB_TOP_GROWTH, 0);
	set(METRIC_MEM_SLAB_UNRECLAIMABLE, 17 * GIB);
	check_str(what_fires(config), "slab-leak");
	set(METRIC_MEM_ARC, 12 * GIB);
	check_str(what_fires(config), "");
}

TEST(fragmented_node_is_not_a_short_one)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_NODE_FREE, 4 * GIB);
	set(METRIC_NODE_UNUSABLE_ORDER_3, 9700);
	check_str(what_fires(config), "node-fragmented");
	set(METRIC_NODE_HEADROOM, 1400 * MIB);
	check(!fires(config, "node-fragmented"));
	all_is_well();
	set(METRIC_NODE_FREE, 4 * GIB);
	set(METRIC_NODE_UNUSABLE_ORDER_2, 9100);
	check_str(what_fires(config), "node-fragmented");
	/* What little a host full of cache keeps free is always in pieces. */
	set(METRIC_NODE_FREE, 1 * GIB);
	check_str(what_fires(config), "");
	all_is_well();
	set(METRIC_NODE_FREE, 4 * GIB);
	set(METRIC_HOST_COMPACT_FAIL_RATE, 5);
	check_str(what_fires(config), "node-fragmented");
	set(METRIC_NODE_UNUSABLE_ORDER_3, 7400);
	check_str(what_fires(config), "");
}

TEST(throttled_service_waits_for_itself)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_SERVICE_CURRENT, 7 * GIB);
	set(METRIC_SERVICE_PSI_SELF, 5000);
	set(METRIC_SERVICE_EVENTS_HIGH_RATE, 20);
	check_str(what_fires(config), "service-throttled");
	/* The host has none to give. */
	set(METRIC_MEM_AVAILABLE, 20 * GIB);
	check_str(what_fires(config), "");
	set(METRIC_MEM_AVAILABLE, 30 * GIB);
	set(METRIC_PSI_MEMORY_SOME_SHARED, 2000);
	check_str(what_fires(config), "");
	/* A kernel without pressure for the host: room is enough. */
	readings[METRIC_PSI_MEMORY_SOME_SHARED] = READING_NONE;
	check_str(what_fires(config), "");
	set(METRIC_PSI_MEMORY_SOME_SHARED, 0);
	set(METRIC_SERVICE_PSI_SELF, 2500);
	check_str(what_fires(config), "");
	/* At its hard limit, without the other. */
	set(METRIC_SERVICE_PSI_SELF, 5000);
	set(METRIC_SERVICE_EVENTS_HIGH_RATE, 0);
	set(METRIC_SERVICE_EVENTS_MAX_RATE, 20);
	readings[METRIC_SERVICE_HIGH] = READING_FOREVER;
	set(METRIC_SERVICE_CURRENT, 8 * GIB);
	check_str(what_fires(config), "service-throttled");
	/* The limit has gone up, and it takes what it got: that is no end of it, room gone is. */
	set(METRIC_SERVICE_LIMIT, 10 * GIB);
	check_str(what_fires(config), "service-throttled");
	set(METRIC_SERVICE_LIMIT, 12 * GIB);
	check_str(what_fires(config), "");
}

TEST(full_service_is_ended_only_while_it_grows)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_SERVICE_LIMIT, 8 * GIB);
	set(METRIC_SERVICE_HEADROOM, 1 * GIB);
	set(METRIC_SERVICE_TIME_TO_LIMIT, 900 * (int64_t)USEC_PER_MSEC);
	check_str(what_fires(config), "service-exhausted");
	/* Slower, so later. */
	set(METRIC_SERVICE_TIME_TO_LIMIT, 4 * (int64_t)USEC_PER_SEC);
	check_str(what_fires(config), "");
	set(METRIC_SERVICE_HEADROOM, 400 * MIB);
	check_str(what_fires(config), "service-exhausted");
	set(METRIC_SERVICE_TIME_TO_LIMIT, 20 * (int64_t)USEC_PER_SEC);
	check_str(what_fires(config), "");
	set(METRIC_SERVICE_HEADROOM, 60 * MIB);
	check_str(what_fires(config), "service-exhausted");
	/* Full, and content with it. */
	set(METRIC_SERVICE_HEADROOM, 1 * MIB);
	readings[METRIC_SERVICE_TIME_TO_LIMIT] = READING_FOREVER;
	check_str(what_fires(config), "");
	readings[METRIC_SERVICE_TIME_TO_LIMIT] = READING_NONE;
	check_str(what_fires(config), "");
}

TEST(runaway_leaves_time_to_slow_it)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	for (int64_t total = 2; total <= 1024; total *= 8) {
		all_is_well();
		set(METRIC_MEM_TOTAL, total * GIB);
		set(METRIC_MEM_DIRTY, 0);
		set(METRIC_MEM_WRITEBACK, 0);
		set(METRIC_MEM_SLAB_TOP, 0);
		set(METRIC_MEM_SLAB_UNRECLAIMABLE, 0);
		set(METRIC_SERVICE_ANON, 0);
		set(METRIC_MEM_AVAILABLE, total * GIB * 24 / 100);
		set(METRIC_MEM_TIME_TO_EMPTY, 50000000);
		check_str(what_fires(config), "runaway");
		set(METRIC_MEM_TIME_TO_EMPTY, 70000000);
		check_str(what_fires(config), "");
		/* A large guest starts where there is room. */
		set(METRIC_MEM_AVAILABLE, total * GIB * 26 / 100);
		set(METRIC_MEM_TIME_TO_EMPTY, 20000000);
		check_str(what_fires(config), "");
	}
}

TEST(crowd_fills_its_limit_or_the_host)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_SERVICE_PROCESSES, 1280);
	set(METRIC_SERVICE_CROWD, 1900 * MIB);
	check_str(what_fires(config), "");
	set(METRIC_SERVICE_HEADROOM, 400 * MIB);
	check_str(what_fires(config), "crowd");
	/* Seen to about half, as the kernel adds up in batches. */
	set(METRIC_SERVICE_CROWD, 900 * MIB);
	check_str(what_fires(config), "crowd");
	/* One large process among them, for the kernel to take. */
	set(METRIC_SERVICE_CROWD, 700 * MIB);
	check_str(what_fires(config), "");
	/* Without a limit of its own, on a host that is short. */
	set(METRIC_SERVICE_ANON, 18 * GIB);
	set(METRIC_SERVICE_CROWD, 17 * GIB);
	readings[METRIC_SERVICE_HEADROOM] = READING_FOREVER;
	check_str(what_fires(config), "");
	set(METRIC_MEM_AVAILABLE, 6 * GIB);
	check(fires(config, "crowd"));
	/* More room than a limit raised by a tenth makes does not count as the end of it. */
	all_is_well();
	set(METRIC_SERVICE_PROCESSES, 1280);
	set(METRIC_SERVICE_CROWD, 1900 * MIB);
	set(METRIC_SERVICE_HEADROOM, 400 * MIB);
	check(fires(config, "crowd"));
}

TEST(restart_loop_is_of_three)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_SERVICE_RESTARTS, 9);
	set(METRIC_SERVICE_RESTARTS_AFTER_OOM, 2);
	check_str(what_fires(config), "");
	/* Near its limit once more, and room for a higher one. */
	set(METRIC_SERVICE_CURRENT, 7 * GIB);
	set(METRIC_SERVICE_HEADROOM, 400 * MIB);
	check_str(what_fires(config), "restart-loop-limit");
	set(METRIC_MEM_AVAILABLE, 15 * GIB);
	check_str(what_fires(config), "");
	set(METRIC_SERVICE_CURRENT, 3 * GIB);
	set(METRIC_SERVICE_HEADROOM, 5 * GIB);
	set(METRIC_SERVICE_RESTARTS_AFTER_OOM, 3);
	check(fires(config, "restart-loop"));
	check(fires(config, "restart-loop-stop"));
	set(METRIC_MEM_AVAILABLE, 30 * GIB);
	check_str(what_fires(config), "restart-loop");
	set(METRIC_SERVICE_RESTARTS_AFTER_OOM, 6);
	check(fires(config, "restart-loop-stop"));
	set(METRIC_SERVICE_RESTARTS_AFTER_OOM, 0);
	check_str(what_fires(config), "");
}

TEST(low_comes_before_critical_and_exhausted)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	all_is_well();
	set(METRIC_MEM_AVAILABLE, 7 * GIB);
	check_str(what_fires(config), "");
	set(METRIC_MEM_AVAILABLE, 6 * GIB);
	check_str(what_fires(config), "host-low");
	/* An ARC that gives way. */
	set(METRIC_MEM_ARC_RECLAIMABLE, 4 * GIB);
	check_str(what_fires(config), "");
	set(METRIC_MEM_ARC_RECLAIMABLE, 0);
	set(METRIC_MEM_AVAILABLE, 1 * GIB);
	check_str(what_fires(config), "host-low");
	set(METRIC_PSI_MEMORY_SOME_SHARED, 5000);
	set(METRIC_PSI_MEMORY_FULL_SHARED, 3000);
	check(fires(config, "host-low"));
	check(fires(config, "host-critical"));
	check(!fires(config, "host-exhausted"));
	set(METRIC_SWAP_FREE, 500 * MIB);
	check(fires(config, "host-exhausted"));
	/* Stalled by limits of their own, or at a level where that passes. */
	set(METRIC_PSI_MEMORY_FULL_SHARED, 1000);
	check(!fires(config, "host-critical"));
	set(METRIC_PSI_MEMORY_FULL_SHARED, 9000);
	set(METRIC_MEM_AVAILABLE, 3 * GIB);
	check(!fires(config, "host-critical"));
	/* Of a large host the amounts are bounded. */
	set(METRIC_MEM_TOTAL, 1024 * GIB);
	set(METRIC_MEM_AVAILABLE, 12 * GIB + 1);
	check(!fires(config, "host-low"));
}

/* Is the rule's episode over, so that what it has set is given back? */
static bool clears(const struct config *config, const char *name)
{
	const struct expr_source source = { .read = read_one };

	for (size_t i = 0; i < config->rule_count; i++) {
		const struct rule *rule = &config->rules[i];

		if (strcmp(rule->name, name) != 0)
			continue;
		check(rule->until);
		return expr_eval(rule->until, &source) == TRUTH_TRUE;
	}
	test_stop_(TEST_FAILED_, "no rule is named %s", name);
}

/* What a remedy has made well is no reason to take it back: the rule would be there again at once.
 */
TEST(remedies_that_work_do_not_end_themselves)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	/* Tighter limits have brought the backlog down, the writing goes on. */
	all_is_well();
	set(METRIC_MEM_AVAILABLE, 14 * GIB);
	set(METRIC_MEM_DIRTY, 2 * GIB);
	check(!fires(config, "dirty-backlog") && !clears(config, "dirty-backlog"));
	set(METRIC_MEM_DIRTY, 1 * GIB);
	check(clears(config, "dirty-backlog"));
	set(METRIC_MEM_DIRTY, 4 * GIB);
	set(METRIC_MEM_AVAILABLE, 24 * GIB);
	check(clears(config, "dirty-backlog"));

	/* The pressure is gone with the higher limit, the need is not. */
	all_is_well();
	set(METRIC_SERVICE_HIGH, 9 * GIB);
	set(METRIC_SERVICE_LIMIT, 12 * GIB);
	set(METRIC_SERVICE_CURRENT, 8 * GIB);
	check(!fires(config, "service-throttled") && !clears(config, "service-throttled"));
	set(METRIC_SERVICE_CURRENT, 6 * GIB);
	check(clears(config, "service-throttled"));
	set(METRIC_SERVICE_CURRENT, 8 * GIB);
	set(METRIC_MEM_AVAILABLE, 12 * GIB);
	check(clears(config, "service-throttled"));

	/* Who ran away is held, and does not fall any more. */
	all_is_well();
	set(METRIC_MEM_AVAILABLE, 12 * GIB);
	check(!fires(config, "runaway") && !clears(config, "runaway"));
	set(METRIC_MEM_AVAILABLE, 20 * GIB);
	check(clears(config, "runaway"));

	/* A limit raised by a tenth has room. */
	all_is_well();
	set(METRIC_SERVICE_PROCESSES, 1280);
	set(METRIC_SERVICE_CROWD, 1900 * MIB);
	set(METRIC_SERVICE_HEADROOM, 1 * GIB);
	check(!fires(config, "crowd") && !clears(config, "crowd"));
	set(METRIC_SERVICE_HEADROOM, 5 * GIB);
	check(clears(config, "crowd"));

	/* The new life lives, with what it was given. */
	all_is_well();
	set(METRIC_SERVICE_RESTARTS_AFTER_OOM, 2);
	set(METRIC_SERVICE_LIMIT, 10 * GIB);
	set(METRIC_SERVICE_CURRENT, 8 * GIB);
	set(METRIC_SERVICE_HEADROOM, 2 * GIB);
	check(!fires(config, "restart-loop-limit") && !clears(config, "restart-loop-limit"));
	set(METRIC_SERVICE_CURRENT, 6 * GIB);
	check(clears(config, "restart-loop-limit"));

	/* Nobody waits while candidates are frozen. */
	all_is_well();
	set(METRIC_MEM_AVAILABLE, 2 * GIB);
	check(!fires(config, "host-critical") && !clears(config, "host-critical"));
	set(METRIC_MEM_AVAILABLE, 4 * GIB);
	check(clears(config, "host-critical"));

	/* Between the marks of the host. */
	set(METRIC_MEM_AVAILABLE, 7 * GIB);
	check(!fires(config, "host-low") && !clears(config, "host-low"));
	set(METRIC_MEM_AVAILABLE, 9 * GIB);
	check(clears(config, "host-low"));

	/* A moment without. */
	all_is_well();
	set(METRIC_HOST_SWAP_IN_RATE, 100 * 1024);
	set(METRIC_PSI_MEMORY_SOME, 1000);
	check(!clears(config, "swap-in"));
	set(METRIC_PSI_MEMORY_SOME, 100);
	check(clears(config, "swap-in"));

	all_is_well();
	set(METRIC_NODE_FREE, 1200 * MIB);
	check(!fires(config, "node-fragmented") && !clears(config, "node-fragmented"));
	set(METRIC_NODE_FREE, 900 * MIB);
	check(clears(config, "node-fragmented"));
	set(METRIC_NODE_FREE, 4 * GIB);
	check(!clears(config, "node-fragmented"));
	set(METRIC_NODE_UNUSABLE_ORDER_3, 6500);
	check(clears(config, "node-fragmented"));
	check(clears(config, "slab-leak"));
	check(clears(config, "restart-loop"));
}

/* Of a host of whatever size, with nobody in trouble, whatever was set is given back. */
TEST(wells_of_all_sizes_clear_what_holds_something)
{
	static const char *const host_rules[] = { "dirty-backlog", "swap-in",	    "runaway",
						  "host-low",	   "host-critical", "slab-leak" };
	_cleanup_(config_freep) struct config *config = load_shipped();

	for (int64_t total = GIB / 2; total <= 4096 * GIB; total *= 2) {
		all_is_well();
		set(METRIC_MEM_TOTAL, total);
		set(METRIC_MEM_AVAILABLE, total / 2);
		set(METRIC_MEM_DIRTY, total / 100);
		set(METRIC_MEM_WRITEBACK, 0);
		set(METRIC_MEM_SLAB_TOP, total / 50);
		set(METRIC_MEM_SLAB_UNRECLAIMABLE, total / 50);
		for (size_t i = 0; i < ARRAY_SIZE(host_rules); i++)
			check(clears(config, host_rules[i]));
		check_str(what_fires(config), "");
	}
}
