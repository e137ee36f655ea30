/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The configuration that is installed: it loads, it harms nobody, and it acts in time. */

#include "tree.h"

#include "model/attribution.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

/* Copied, as a clone's files may have any mode. */
static void copy(const char *from, const char *to)
{
	static char text[1 << 16];
	char path[512];
	const char *source = getenv("OOMWARDEN_SOURCE");
	FILE *file;
	size_t length;

	check(source);
	snprintf(path, sizeof(path), "%s/%s", source, from);
	file = fopen(path, "re");
	check(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	check(length > 0 && length < sizeof(text) - 1);
	text[length] = '\0';
	tree_write(to, text);
}

static struct config *load_shipped(void)
{
	struct config *config;

	tree_reset();
	copy("packaging/oomwarden.ini", "low/oomwarden.ini");
	copy("policies/kvm-host.ini", "low/policies/kvm-host.ini");
	copy("policies/services.ini", "low/policies/services.ini");
	copy("rules.d/31-node-exhausted.ini", "low/rules.d/31-node-exhausted.ini");
	copy("rules.d/71-host-exhausted.ini", "low/rules.d/71-host-exhausted.ini");
	config = tree_load();
	check_str(tree_faults, "");
	return config;
}

TEST(shipped_configuration_harms_nobody)
{
	_cleanup_(config_freep) struct config *config = load_shipped();

	check_int(config->mode, MODE_DRY_RUN);
	check_int(config->rule_count, 2);
	check(config->policies.count > 0);
	for (size_t i = 0; i < config->policies.count; i++) {
		const struct policy *policy = &config->policies.policies[i];

		check_int(policy->kill, KILL_NEVER);
		check(policy->nodes == NODES_KEEP ||
		      (policy->nodes == NODES_RELIEVE && policy->kind == KIND_VM));
	}
	check_int(config->kill_budget_count, 3);
	check_int(config->kill_budget_window_usec, 600 * USEC_PER_SEC);
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
