/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What policies set: every form that is taken, and that each other one is refused where it stands.
 */

#include "tree.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

#define HEAD "[Policy a]\nMatch=a\n"

static struct config *load_policy(const char *text)
{
	struct config *config;

	tree_reset();
	tree_write("low/policies/services.ini", text);
	config = tree_load();
	check_str(tree_faults, "");
	return config;
}

static const struct policy_setting *setting_of(const struct config *config, enum setting_id id)
{
	const struct policy_setting *setting = policy_setting(&config->policies.policies[0], id);

	check(setting);
	return setting;
}

/* The one fault of a policy with this line, as the third, less its place. */
static const char *fault_of(const char *line, unsigned column)
{
	static char text[512], place[64];
	size_t length;

	tree_reset();
	snprintf(text, sizeof(text), HEAD "%s\n", line);
	snprintf(place, sizeof(place), "@/low/policies/services.ini:3:%u: ", column);
	tree_policy_faults(text);
	length = strlen(place);
	if (strncmp(tree_faults, place, length) != 0)
		test_stop_(TEST_FAILED_, "%s is no fault at column %u: %.200s", line, column,
			   tree_faults);
	snprintf(text, sizeof(text), "%s", tree_faults + length);
	length = strcspn(text, "\n");
	check_str(text + length, "\n");
	text[length] = '\0';
	return text;
}

TEST(every_setting)
{
	_cleanup_(config_freep) struct config *config =
		load_policy(HEAD "Kind=batch\n"
				 "MemoryMin=0\n"
				 "MemoryLow=512M\n"
				 "MemoryHigh=25%\n"
				 "MemoryMax=30% host\n"
				 "MemoryMaxCeiling=2T\n"
				 "MemorySwapMax=0\n"
				 "OOMGroup=yes\n"
				 "OOMScoreAdjust=-999\n"
				 "IOWriteBandwidthMax=/dev/sda "
				 "10M/s\n"
				 "Nodes=0-1,3\n");
	const struct policy *policy = &config->policies.policies[0];
	struct idset nodes = { 0 };

	idset_add(&nodes, 0);
	idset_add(&nodes, 1);
	idset_add(&nodes, 3);
	check_int(policy->setting_count, 9);
	check_int(setting_of(config, SETTING_MEMORY_MIN)->size.number, 0);
	check_int(setting_of(config, SETTING_MEMORY_LOW)->size.of, SIZE_ABSOLUTE);
	check_int(setting_of(config, SETTING_MEMORY_LOW)->size.number, 512 * MIB);
	check_int(setting_of(config, SETTING_MEMORY_LOW)->line, 5);
	check_int(setting_of(config, SETTING_MEMORY_HIGH)->size.of, SIZE_OF_HOST);
	check_int(setting_of(config, SETTING_MEMORY_HIGH)->size.number, 250);
	check_int(setting_of(config, SETTING_MEMORY_MAX)->size.of, SIZE_OF_HOST);
	check_int(setting_of(config, SETTING_MEMORY_MAX)->size.number, 300);
	check(policy->has_ceiling);
	check_int(policy->max_ceiling.of, SIZE_ABSOLUTE);
	check_int(policy->max_ceiling.number, 2048 * GIB);
	check_int(setting_of(config, SETTING_MEMORY_SWAP_MAX)->size.number, 0);
	check_int(setting_of(config, SETTING_OOM_GROUP)->size.number, 1);
	check_int(setting_of(config, SETTING_OOM_SCORE_ADJ)->size.number, -999);
	check_int(setting_of(config, SETTING_IO_WRITE_MAX)->size.number, 10 * MIB);
	check_str(setting_of(config, SETTING_IO_WRITE_MAX)->device, "/dev/sda");
	check(setting_of(config, SETTING_IO_WRITE_MAX)->device_number == 0);
	check(idset_equal(&setting_of(config, SETTING_ALLOWED_NODES)->nodes, &nodes));
	check_int(policy->nodes, NODES_LIST);
	check(idset_equal(&policy->nodes_list, &nodes));
}

/* What a home is of each service is found later. */
TEST(a_home_is_two_settings)
{
	static const enum setting_id ids[] = { SETTING_ALLOWED_NODES, SETTING_ALLOWED_CPUS };
	_cleanup_(config_freep) struct config *config = load_policy(HEAD "Nodes=home\n");
	const struct policy *policy = &config->policies.policies[0];

	check_int(policy->nodes, NODES_HOME);
	check(idset_is_empty(&policy->nodes_list));
	check_int(policy->setting_count, 2);
	for (size_t i = 0; i < 2; i++) {
		check_int(policy->settings[i].id, ids[i]);
		check(policy->settings[i].is_home);
		check(idset_is_empty(&policy->settings[i].nodes));
		check_int(policy->settings[i].line, 3);
	}
}

TEST(sizes)
{
	static const struct {
		const char *text;
		enum size_of of;
		int64_t number;
	} cases[] = {
		{ "64K", SIZE_ABSOLUTE, 65536 },
		{ "1.5G", SIZE_ABSOLUTE, 1536 * MIB },
		{ "7.9E", SIZE_ABSOLUTE, INT64_C(9108079886394091110) },
		{ "infinity", SIZE_ABSOLUTE, SETTING_UNLIMITED },
		{ "2.5%", SIZE_OF_HOST, 25 },
		{ "0.1%", SIZE_OF_HOST, 1 },
		{ "100%  host", SIZE_OF_HOST, 1000 },
		{ "50% node", SIZE_OF_NODE, 500 },
		{ "1000% node", SIZE_OF_NODE, 10000 },
		{ "120%\tdeclared", SIZE_OF_DECLARED, 1200 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(config_freep) struct config *config = NULL;
		const struct policy_setting *setting;
		char text[128];

		snprintf(text, sizeof(text), HEAD "Kind=vm\nMemoryHigh=%s\n", cases[i].text);
		config = load_policy(text);
		setting = setting_of(config, SETTING_MEMORY_HIGH);
		check_int(setting->size.of, cases[i].of);
		check_int(setting->size.number, cases[i].number);
	}
}

static void check_no_size(const char *value, unsigned offset)
{
	char line[128];

	snprintf(line, sizeof(line), "MemoryHigh=%s", value);
	check_contains(fault_of(line, (unsigned)strlen("MemoryHigh=") + 1 + offset),
		       "expected a size like 8G, infinity, 25%, \"50% node\" or \"120% declared\"");
}

TEST(what_is_no_size)
{
	static const char *const wrong[] = {
		"G",	 "-1",	     "0x10", "8GB",	      "8Gi",   "max", "%",
		"25,5%", "25.123%",  "-5%",  "1e9",	      "25%%",  "%25", "8g",
		"1.5",	 "Infinity", "host", "8%G",	      "G 25%", "8,G", "+8G",
		".5G",	 "5.%",	     "- 1",  "declared 120%", "8..5G",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		check_no_size(wrong[i], 0);
	/* A good one, and then something. */
	check_no_size("8G extra", 3);
	check_no_size("8G host", 3);
	check_no_size("infinity  node", 10);
	check_no_size("512 M", 4);
	check_no_size("25 %", 3);
}

TEST(sizes_out_of_range)
{
	check_str(fault_of("MemoryLow=8E", 11), "MemoryLow=8E is out of range");
	check_str(fault_of("MemoryLow=99999999999999999999", 11),
		  "MemoryLow=99999999999999999999 is out of range");
	check_str(fault_of("MemoryHigh=512", 12),
		  "MemoryHigh=512 is less than 64K: is a unit missing?");
	check_str(fault_of("MemoryMin=65535", 11),
		  "MemoryMin=65535 is less than 64K: is a unit missing?");
	check_str(fault_of("MemoryMax=0", 11),
		  "MemoryMax=0 would leave a service nothing to run in");
	check_str(fault_of("MemoryHigh=0% node", 12),
		  "MemoryHigh=0% node would leave a service nothing to run in");
	check_str(fault_of("MemoryLimit=0", 13),
		  "MemoryLimit=0 would leave a service nothing to run in");
	check_str(fault_of("MemoryMax=100.1%", 11),
		  "MemoryMax=100.1%: the host has 100% of its memory");
	check_str(fault_of("MemoryMax=1000.1% node", 11),
		  "MemoryMax=1000.1% node: more than 1000% bounds nothing");
	check_str(fault_of("MemoryMax=99999999999999%", 11),
		  "MemoryMax=99999999999999%: the host has 100% of its memory");
	check_str(fault_of("MemoryMax=0.25%", 11),
		  "MemoryMax=0.25%: a tenth of a percent is the finest part");
	check_str(fault_of("MemoryMaxCeiling=infinity", 18),
		  "MemoryMaxCeiling=infinity is no ceiling; without one no rule raises the limit");
	check_contains(fault_of("MemoryMaxCeiling=0", 18), "is no ceiling");
	check_str(fault_of("MemoryMax=", 11), "MemoryMax= has no value");
}

TEST(parts_of_what)
{
	check_str(fault_of("MemoryHigh=50%  nod", 17),
		  "MemoryHigh=nod: expected host, node or declared; did you mean node?");
	check_str(fault_of("MemoryHigh=50% of the host", 16),
		  "MemoryHigh=of: expected host, node or declared");
	check_contains(fault_of("MemoryHigh=50% node 2", 21), "expected a size like");
	check_str(fault_of("MemoryHigh=120% declared", 17),
		  "MemoryHigh=120% declared: only guests declare their memory, and this policy has "
		  "Kind=service");
	check_str(fault_of("MemoryMaxCeiling=120%    declared", 26),
		  "MemoryMaxCeiling=120%    declared: only guests declare their memory, and this "
		  "policy has Kind=service");
	/* Wherever Kind= stands. */
	tree_reset();
	check_str(tree_policy_faults(HEAD "MemoryHigh=120% declared\nKind=vm\n"), "");
	/* One that was not understood is one fault. */
	check_str(tree_policy_faults(HEAD "MemoryHigh=120% declared\nKind=vmm\n"),
		  "@/low/policies/services.ini:4:6: Kind=vmm: expected service, batch, vm or "
		  "system; did you mean vm?\n");
}

TEST(scores_and_groups)
{
	static const char *const wrong[] = { "1001", "-1001", "+5", "high", "5%", "0x5", "1 0" };
	char line[64];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "OOMScoreAdjust=%s", wrong[i]);
		check_contains(fault_of(line, 16), "expected a whole number from -1000 to 1000");
	}
	check_str(fault_of("OOMGroup=kill", 10), "OOMGroup=kill: expected yes or no");
	check_str(fault_of("OOMGroup=2", 10), "OOMGroup=2: expected yes or no");
}

TEST(write_rates)
{
	static const struct {
		const char *text, *device;
		int64_t number;
	} cases[] = {
		{ "/dev/sda 10M", "/dev/sda", 10 * MIB },
		{ "/dev/sda\t 10M/s", "/dev/sda", 10 * MIB },
		{ "/var/lib/my data   1.5G/s", "/var/lib/my data", 1536 * MIB },
		{ "/srv/my data\t1G", "/srv/my data", GIB },
		{ "/ infinity", "/", SETTING_UNLIMITED },
		{ "/dev/disk/by-id/x 64K", "/dev/disk/by-id/x", 65536 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(config_freep) struct config *config = NULL;
		const struct policy_setting *setting;
		char text[128];

		snprintf(text, sizeof(text), HEAD "IOWriteBandwidthMax=%s\n", cases[i].text);
		config = load_policy(text);
		setting = setting_of(config, SETTING_IO_WRITE_MAX);
		check_str(setting->device, cases[i].device);
		check_int(setting->size.number, cases[i].number);
	}
}

TEST(what_is_no_write_rate)
{
	check_str(fault_of("IOWriteBandwidthMax=10M", 21),
		  "IOWriteBandwidthMax=10M: expected a device, or a file on its filesystem, and a "
		  "rate: /dev/sda 10M/s");
	check_contains(fault_of("IOWriteBandwidthMax=/dev/sda", 21), "and a rate: /dev/sda 10M/s");
	check_contains(fault_of("IOWriteBandwidthMax=dev/sda 10M", 21), "expected a device");
	check_contains(fault_of("IOWriteBandwidthMax=8:0 10M", 21), "expected a device");
	check_str(fault_of("IOWriteBandwidthMax=/dev/sda 10Q/s", 30),
		  "10Q/s is no rate like 10M/s, nor infinity");
	check_contains(fault_of("IOWriteBandwidthMax=/dev/sda 10M /s", 34), "/s is no rate");
	check_contains(fault_of("IOWriteBandwidthMax=/dev/sda 10M/sec", 30), "is no rate");
	check_contains(fault_of("IOWriteBandwidthMax=/dev/sda 10%", 30), "is no rate");
	check_contains(fault_of("IOWriteBandwidthMax=/dev/sda -1", 30), "is no rate");
	check_str(fault_of("IOWriteBandwidthMax=/dev/sda 0", 30),
		  "0 is less than 64K/s: is a unit missing?");
	check_contains(fault_of("IOWriteBandwidthMax=/dev/sda 100", 30), "is a unit missing?");
	check_str(fault_of("IOWriteBandwidthMax=/dev/sda 16E", 30), "16E is out of range");
	check_contains(fault_of("IOWriteBandwidthMax=/dev/sda "
				"1000000000000000000000000000000000000000",
				30),
		       "is out of range");
}

TEST(several_devices)
{
	_cleanup_(config_freep) struct config *config = load_policy(
		HEAD "IOWriteBandwidthMax=/dev/sda 10M\nIOWriteBandwidthMax=/dev/sdb 20M\n");
	char text[2048] = HEAD "MemoryMax=1G\n";
	size_t length = strlen(text);

	check_int(config->policies.policies[0].setting_count, 2);
	check_str(config->policies.policies[0].settings[1].device, "/dev/sdb");
	check_str(tree_policy_faults(HEAD "IOWriteBandwidthMax=/dev/sda 10M\n"
					  "IOWriteBandwidthMax=/dev/sda   20M\n"),
		  "@/low/policies/services.ini:4:21: IOWriteBandwidthMax= is given twice for "
		  "/dev/sda\n");
	for (int i = 0; i < POLICY_SETTINGS_MAX; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "IOWriteBandwidthMax=/dev/vd%c 10M\n", 'a' + i);
	check_str(tree_policy_faults(text), "@/low/policies/services.ini:19:21: more than 16 "
					    "settings in one policy\n");
}

TEST(one_limit_by_two_names)
{
	_cleanup_(config_freep) struct config *config = load_policy(HEAD "MemoryLimit=1G\n");

	check_int(setting_of(config, SETTING_MEMORY_MAX)->size.number, GIB);
	check_str(tree_policy_faults(HEAD "MemoryMax=1G\nMemoryLimit=1G\n"),
		  "@/low/policies/services.ini:4:1: MemoryLimit= is another name of MemoryMax=, "
		  "which is given in line 3\n");
	check_str(tree_policy_faults(HEAD "MemoryLimit=1G\nMemoryMax=2G\n"),
		  "@/low/policies/services.ini:4:1: MemoryMax= is another name of MemoryLimit=, "
		  "which is given in line 3\n");
	check_str(tree_policy_faults(HEAD "MemoryMax=1G\nMemoryMax=2G\nOOMGroup=no\nOOMGroup=no\n"),
		  "@/low/policies/services.ini:4:1: MemoryMax= is given twice; the first is in "
		  "line 3\n"
		  "@/low/policies/services.ini:6:1: OOMGroup= is given twice; the first is in "
		  "line 5\n");
}

TEST(order_of_bounds)
{
	tree_reset();
	check_str(tree_policy_faults(HEAD "MemoryMaxCeiling=1G\nMemoryMax=2G\nMemoryHigh=3G\n"
					  "MemoryLow=4G\nMemoryMin=5G\n"),
		  "@/low/policies/services.ini:4:11: MemoryMax=2G is more than "
		  "MemoryMaxCeiling=1G in line 3\n"
		  "@/low/policies/services.ini:5:12: MemoryHigh=3G is more than MemoryMax=2G in "
		  "line 4\n"
		  "@/low/policies/services.ini:6:11: MemoryLow=4G is more than MemoryHigh=3G in "
		  "line 5\n"
		  "@/low/policies/services.ini:7:11: MemoryMin=5G is more than MemoryLow=4G in "
		  "line 6\n");
	check_str(tree_policy_faults(HEAD "MemoryMin=5%\nMemoryLimit=4%\n"),
		  "@/low/policies/services.ini:3:11: MemoryMin=5% is more than MemoryLimit=4% in "
		  "line 4\n");
	check_str(tree_policy_faults(HEAD "MemoryHigh=50%\nMemoryMaxCeiling=40% node\n"),
		  "@/low/policies/services.ini:3:12: MemoryHigh=50% is more than "
		  "MemoryMaxCeiling=40% node in line 4\n");
	check_contains(tree_policy_faults(HEAD "MemoryMin=1G\nMemoryLow=0%\n"),
		       ":3:11: MemoryMin=1G is more than MemoryLow=0% in line 4");
	check_str(tree_policy_faults(HEAD "MemoryMin=1G\nMemoryLow=0\n"),
		  "@/low/policies/services.ini:3:11: MemoryMin=1G is more than MemoryLow=0 in line "
		  "4\n");
}

/* Equal ones, and what depends on the machine. */
TEST(bounds_that_may_be_in_order)
{
	static const char *const good[] = {
		"MemoryMin=1G\nMemoryLow=1G\nMemoryHigh=1G\nMemoryMax=1G\nMemoryMaxCeiling=1G\n",
		"MemoryHigh=8G\nMemoryMax=10%\n",
		"MemoryHigh=50%\nMemoryMax=8G\n",
		"MemoryHigh=50% node\nMemoryMax=40%\n",
		"MemoryHigh=infinity\nMemoryMax=1G\nMemoryMaxCeiling=2G\n",
		"MemoryLow=infinity\nMemoryMax=1G\n",
		"MemoryMin=1G\nMemoryMax=infinity\n",
		"MemoryMin=0\nMemoryLow=0\nMemoryHigh=64K\n",
		"MemorySwapMax=8G\nMemoryMax=1G\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[256];

		tree_reset();
		snprintf(text, sizeof(text), HEAD "%s", good[i]);
		check_str(tree_policy_faults(text), "");
	}
}

TEST(what_the_host_runs_on_is_not_limited)
{
	tree_reset();
	check_str(
		tree_policy_faults(HEAD "MemoryHigh=25%\nMemoryMax=30%\nMemorySwapMax=0\n"
					"IOWriteBandwidthMax=/ 10M\nOOMScoreAdjust=1\n"
					"MemoryMaxCeiling=40%\nKind=system\n"),
		"@/low/policies/services.ini:3:12: MemoryHigh=25% beside Kind=system: what the "
		"host runs on is neither limited nor offered to the OOM killer\n"
		"@/low/policies/services.ini:4:11: MemoryMax=30% beside Kind=system: what the "
		"host runs on is neither limited nor offered to the OOM killer\n"
		"@/low/policies/services.ini:5:15: MemorySwapMax=0 beside Kind=system: what the "
		"host runs on is neither limited nor offered to the OOM killer\n"
		"@/low/policies/services.ini:6:21: IOWriteBandwidthMax=/ 10M beside Kind=system: "
		"what the host runs on is neither limited nor offered to the OOM killer\n"
		"@/low/policies/services.ini:7:16: OOMScoreAdjust=1 beside Kind=system: what the "
		"host runs on is neither limited nor offered to the OOM killer\n"
		"@/low/policies/services.ini:8:18: MemoryMaxCeiling=40% beside Kind=system, which "
		"has no limit to raise\n");
	/* It is protected, and freed of limits. */
	check_str(tree_policy_faults(HEAD "Kind=system\nMemoryMin=64M\nMemoryLow=10%\n"
					  "MemoryHigh=infinity\nMemoryMax=infinity\n"
					  "OOMScoreAdjust=-900\nNodes=0\nOOMGroup=no\n"),
		  "");
}

TEST(a_limit_that_nothing_can_be_killed_at)
{
	tree_reset();
	check_str(tree_policy_faults(HEAD "OOMScoreAdjust=-1000\nMemoryLimit=1G\n"),
		  "@/low/policies/services.ini:3:16: OOMScoreAdjust=-1000 beside MemoryLimit=1G in "
		  "line 4: at its limit a service that nothing may be killed of hangs\n");
	check_str(tree_policy_faults(HEAD "OOMScoreAdjust=-999\nMemoryMax=1G\n"), "");
	check_str(tree_policy_faults(HEAD "OOMScoreAdjust=-1000\nMemoryMax=infinity\n"
					  "MemoryHigh=1G\n"),
		  "");
}

/* Nobody limits guests but who writes it. */
TEST(guests_are_limited_by_who_says_so)
{
	_cleanup_(config_freep) struct config *config =
		load_policy(HEAD "Kind=vm\nMemoryHigh=110% declared\nMemoryMax=120% declared\n"
				 "OOMScoreAdjust=-500\n");

	check_int(config->policies.policies[0].setting_count, 3);
}

TEST(keys_by_slips)
{
	check_str(fault_of("MemoryHihg=1G", 1),
		  "unknown key MemoryHihg= in [Policy]; did you mean MemoryHigh=?");
	check_str(fault_of("MemoryMaxCeilling=1G", 1),
		  "unknown key MemoryMaxCeilling= in [Policy]; did you mean MemoryMaxCeiling=?");
	check_str(fault_of("OomScoreAdjust=1", 1),
		  "unknown key OomScoreAdjust= in [Policy]; did you mean OOMScoreAdjust=?");
}

TEST(a_refused_configuration_leaks_nothing)
{
	tree_reset();
	check_contains(tree_policy_faults(HEAD "IOWriteBandwidthMax=/dev/sda 10M\n"
					       "IOWriteBandwidthMax=/dev/sdb 1\nMemoryMax=x\n"),
		       ":4:30: ");
	tree_write("high/policies/kvm-host.ini", HEAD "IOWriteBandwidthMax=/dev/sda 10M\n");
	check_contains(tree_faults_found(), "policy a is here a second time");
}
