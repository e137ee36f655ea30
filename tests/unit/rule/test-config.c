/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include <fcntl.h>

static const char good_rule[] = "[Rule r]\n"
				"On=node\n"
				"When=node.headroom < 4%\n"
				"Do=notify\n";
static const char good_policy[] = "[Policy guests]\n"
				  "Match=machine.slice/**/*.scope\n"
				  "Kind=vm\n";

TEST(nothing_at_all_is_a_configuration)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_remove();
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->mode, MODE_DRY_RUN);
	check(config->enforce_all);
	check_int(config->kill_budget_count, 3);
	check_int(config->kill_budget_window_usec, 600 * USEC_PER_SEC);
	check_int(config->policies.count, 0);
	check_int(config->rule_count, 0);
}

TEST(the_examples_of_the_manual)
{
	_cleanup_(config_freep) struct config *config = NULL;
	const struct rule *rule;
	const struct policy *policy;

	tree_reset();
	tree_write("low/oomwarden.ini",
		   "[Agent]\n"
		   "Mode=dry-run                 ; dry-run | enforce. Shipped as dry-run\n"
		   "EnforceActions=migrate notify   ; with Mode=enforce: only these act\n"
		   "Policy=kvm-host services     ; which policy sets apply, in this order\n"
		   "KillBudget=3/10min           ; units or cgroups killed per sliding window\n");
	tree_write(
		"low/policies/kvm-host.ini",
		"[Policy guests]\n"
		"Match=machine.slice/**/*.scope           ; globs over cgroup paths\n"
		"Match=machine.slice/**/*.service\n"
		"Match=qemu.slice/*.scope                 ; Proxmox VE\n"
		"Kind=vm                                  ; vm | service | batch | system\n"
		"Kill=never                               ; never | last | normal | first\n"
		"Rank=900                                 ; who suffers last\n"
		"Nodes=relieve                            ; keep | relieve | home | LIST\n"
		"\n"
		"[Policy builds]\n"
		"Match=system.slice/ci-*.service\n"
		"Kind=batch\n"
		"Kill=first\n"
		"Rank=100\n"
		"MemoryHigh=25%                           ; of the host, as systemd reads it\n"
		"MemoryMax=30%\n"
		"MemoryMaxCeiling=40%                     ; how far a rule may raise the limit\n");
	tree_write("low/policies/services.ini",
		   "[Policy services]\nMatch=system.slice/*.service\n");
	tree_write("low/rules.d/31-node-exhausted.ini",
		   "[Rule node-exhausted]\n"
		   "Description=A node that services are confined to is running dry\n"
		   "On=node                                  ; host | node | service\n"
		   "When=node.headroom < min(4%, 4G) or (node.headroom < 15% and "
		   "node.time-to-empty < 20s)\n"
		   "When=node.confined > 0                   ; several must all be true\n"
		   "Until=node.headroom > min(10%, 10G) and node.time-to-empty > 60s\n"
		   "For=500ms\n"
		   "Cooldown=30s\n"
		   "Do=migrate bytes=until-clear to=roomiest\n"
		   "Do=kill\n"
		   "StepWait=2s\n");
	config = tree_load();
	check_str(tree_faults, "");

	check_int(config->mode, MODE_DRY_RUN);
	check(!config->enforce_all);
	check(config->enforce_actions[ACTION_MIGRATE]);
	check(config->enforce_actions[ACTION_NOTIFY]);
	check(!config->enforce_actions[ACTION_KILL]);

	check_int(config->policies.count, 3);
	policy = &config->policies.policies[0];
	check_str(policy->name, "guests");
	check_str(policy->set, "kvm-host");
	check_int(policy->match_count, 3);
	check_str(policy->match[2], "qemu.slice/*.scope");
	check_int(policy->kind, KIND_VM);
	check_int(policy->kill, KILL_NEVER);
	check_int(policy->rank, 900);
	check_int(policy->nodes, NODES_RELIEVE);
	check_int(policy->mode, MODE_ENFORCE);
	policy = &config->policies.policies[1];
	check_int(policy->kill, KILL_FIRST);
	check_int(policy->nodes, NODES_KEEP);
	check_int(policy->setting_count, 2);
	check_int(policy_setting(policy, SETTING_MEMORY_HIGH)->size.of, SIZE_OF_HOST);
	check_int(policy_setting(policy, SETTING_MEMORY_HIGH)->size.number, 250);
	check_int(policy_setting(policy, SETTING_MEMORY_MAX)->size.number, 300);
	check(policy->has_ceiling);
	check_int(policy->max_ceiling.number, 400);
	policy = &config->policies.policies[2];
	check_str(policy->set, "services");
	check_int(policy->setting_count, 0);
	check(!policy->has_ceiling);
	check_int(policy->kind, KIND_SERVICE);
	check_int(policy->kill, KILL_NEVER);
	check_int(policy->rank, RANK_DEFAULT);

	check_int(config->rule_count, 1);
	rule = &config->rules[0];
	check_str(rule->name, "node-exhausted");
	check_str(rule->description, "A node that services are confined to is running dry");
	check_contains(rule->file, "low/rules.d/31-node-exhausted.ini");
	check_int(rule->on, SCOPE_NODE);
	check_int(rule->when_count, 2);
	check_str(expr_text(rule->when[1]), "node.confined > 0");
	check(rule->until && expr_has_goal(rule->until));
	check_int(rule->for_usec, 500000);
	check_int(rule->cooldown_usec, 30 * USEC_PER_SEC);
	check_int(rule->step_wait_usec, 2 * USEC_PER_SEC);
	check_int(rule->priority, 500);
	check_int(rule->mode, MODE_ENFORCE);
	check_int(rule->ladder_count, 2);
	check_int(rule->ladder[0].action, ACTION_MIGRATE);
	check(rule->ladder[0].values[0] == ARG_UNTIL_CLEAR);
	check_int(rule->ladder[0].line, 9);
	check_int(rule->ladder[1].action, ACTION_KILL);
	check(!rule->policies);
}

/* What the language has and this version does not carry out is refused by name. */
TEST(what_is_not_enforced_is_not_taken)
{
	tree_reset();
	tree_write("low/policies/services.ini", "[Policy builds]\n"
						"Match=system.slice/ci-*.service\n"
						"MemoryHigh=25%\n"
						"OnDeath=notify\n"
						"OnDeath=notify\n");
	check_str(tree_faults_found(),
		  "@/low/policies/services.ini:4:1: OnDeath= is not enforced by this version; take "
		  "it out\n"
		  "@/low/policies/services.ini:5:1: OnDeath= is not enforced by this version; take "
		  "it out\n");
}

TEST(every_fault_in_one_go)
{
	tree_reset();
	tree_write("low/oomwarden.ini", "[Agent]\n"
					"Mode=enforced\n"
					"Mod=dry-run\n"
					"KillBudget=3\n");
	tree_write("low/policies/services.ini", "[Policy a]\n"
						"Kind=VM\n"
						"Kind=vm\n"
						"Match=/system.slice\n"
						"Rank=2000\n"
						"[Plocy b]\n"
						"  Match=x\n");
	tree_write("high/rules.d/1.ini", "[Rule a]\n"
					 "On=node\n"
					 "When=node.headrom < 4% and node.free < 30s\n"
					 "For=infinity\n"
					 "Do=migrat\n"
					 "nonsense\n");
	check_str(
		tree_faults_found(),
		"@/high/rules.d/1.ini:3:6: unknown metric node.headrom; did you mean "
		"node.headroom?\n"
		"@/high/rules.d/1.ini:3:40: node.free is bytes, but 30s is duration: they cannot "
		"be compared\n"
		"@/high/rules.d/1.ini:4:5: For=infinity would never end; a finite span of time is "
		"needed\n"
		"@/high/rules.d/1.ini:5:4: unknown action migrat; did you mean migrate?\n"
		"@/high/rules.d/1.ini:6:1: neither a [section] nor Key=value: there is no \"=\"\n"
		"@/low/oomwarden.ini:2:6: Mode=enforced: expected dry-run or enforce; did you mean "
		"enforce?\n"
		"@/low/oomwarden.ini:3:1: unknown key Mod= in [Agent]; did you mean Mode=?\n"
		"@/low/oomwarden.ini:4:12: KillBudget=3: expected COUNT/SPAN like 3/10min, at most "
		"64 in at most a year\n"
		"@/low/policies/services.ini:2:6: Kind=VM: expected service, batch, vm or system\n"
		"@/low/policies/services.ini:3:1: Kind= is given twice; the first is in line 2\n"
		"@/low/policies/services.ini:4:7: Match=/system.slice starts with \"/\"; cgroup "
		"paths are given without it\n"
		"@/low/policies/services.ini:5:6: Rank=2000: expected a whole number from 0 to "
		"1000\n"
		"@/low/policies/services.ini:6:2: [Plocy b] does not belong here: only [Policy "
		"NAME] does\n"
		"@/low/policies/services.ini:7:3: line starts with a blank: values are not "
		"continued on further lines, write the key again where it may be repeated\n");
	check_int(tree_result, -EINVAL);
}

TEST(agent_settings)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_write("low/oomwarden.ini", "[Agent]\nMode=enforce\nKillBudget=0/1h 30min\n"
					"EnforceActions=\nPolicy=\n");
	tree_write("low/policies/services.ini", good_policy);
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->mode, MODE_ENFORCE);
	check(config->enforce_all);
	check_int(config->kill_budget_count, 0);
	check_int(config->kill_budget_window_usec, 5400 * USEC_PER_SEC);
	check_int(config->policies.count, 0); /* Policy= says: none */
}

TEST(actions_to_enforce)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	/* "hold" is in no ladder; here it says that what policies set acts. */
	tree_write("low/oomwarden.ini", "[Agent]\nEnforceActions=hold limit compact\n");
	config = tree_load();
	check_str(tree_faults, "");
	check(!config->enforce_all);
	for (int i = 0; i < ACTION_COUNT_; i++)
		check_int(config->enforce_actions[i],
			  i == ACTION_HOLD || i == ACTION_LIMIT || i == ACTION_COMPACT);
	tree_write("low/oomwarden.ini",
		   "[Agent]\nEnforceActions=compact reclame limit,hold holt\n");
	check_str(
		tree_faults_found(),
		"@/low/oomwarden.ini:2:24: unknown action reclame; did you mean reclaim?\n"
		"@/low/oomwarden.ini:2:32: unknown action limit,hold; \"oomwarden actions\" lists "
		"them\n"
		"@/low/oomwarden.ini:2:43: unknown action holt; did you mean hold?\n");
}

TEST(every_action_may_be_enforced)
{
	for (int i = 0; i < ACTION_COUNT_; i++) {
		_cleanup_(config_freep) struct config *config = NULL;
		char text[64];

		if (i == ACTION_ARM)
			continue; /* goes by kill */
		tree_reset();
		snprintf(text, sizeof(text), "[Agent]\nEnforceActions=%s\n", actions[i].name);
		tree_write("low/oomwarden.ini", text);
		config = tree_load();
		check_str(tree_faults, "");
		check(config->enforce_actions[i]);
	}
}

TEST(agent_faults)
{
	static const char *const wrong[] = { "3/infinity", "3/0s", "1001/1h", "-1/1h",
					     "/1h",	   "3/",   "3/1h/2",  "3 10min" };

	tree_reset();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char text[128];

		snprintf(text, sizeof(text), "[Agent]\nKillBudget=%s\n", wrong[i]);
		tree_write("low/oomwarden.ini", text);
		check_contains(tree_faults_found(), "expected COUNT/SPAN");
	}
	tree_write("low/oomwarden.ini", "[Agent]\nPolicy=services ../x services servises\n");
	tree_write("low/policies/services.ini", good_policy);
	check_str(tree_faults_found(),
		  "@/low/oomwarden.ini:2:17: ../x is no name of a policy set\n"
		  "@/low/oomwarden.ini:2:22: policy set services is named twice\n"
		  "@/low/oomwarden.ini:2:31: there is no policy set servises "
		  "(policies/servises.ini); "
		  "did you mean services?\n");
	tree_write("low/oomwarden.ini", "[Agent]\n[Rule x]\n[Agent y]\n[Agent]\nMode=\n");
	check_str(tree_faults_found(),
		  "@/low/oomwarden.ini:2:2: [Rule x] does not belong here: only [Agent] does\n"
		  "@/low/oomwarden.ini:3:8: [Agent y] has no name\n"
		  "@/low/oomwarden.ini:4:1: section [Agent] is here a second time; the first is in "
		  "line 1\n"
		  "@/low/oomwarden.ini:5:6: Mode= has no value\n");
}

TEST(later_directories_mask_earlier_ones)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_write("low/oomwarden.ini", "[Agent]\nMode=dry-run\n");
	tree_write("high/oomwarden.ini", "[Agent]\nMode=enforce\n");
	tree_write("low/policies/services.ini", "[Policy low]\nMatch=a\n");
	tree_write("high/policies/services.ini", "[Policy high]\nMatch=a\n");
	tree_write("low/policies/kvm-host.ini", "[Policy guests]\nMatch=b\n");
	tree_write("low/policies/other.ini", "[Policy other]\nthis is not read: nobody names it\n");
	tree_write("low/rules.d/20-b.ini",
		   "[Rule low-b]\nOn=host\nWhen=mem.free < 1%\nDo=notify\n");
	tree_write("high/rules.d/20-b.ini", "[Rule b]\nOn=host\nWhen=mem.free < 1%\nDo=notify\n");
	tree_write("low/rules.d/30-c.ini", "[Rule c]\nOn=host\nWhen=mem.free < 1%\nDo=notify\n");
	tree_write("high/rules.d/10-a.ini", "[Rule a]\nOn=host\nWhen=mem.free < 1%\nDo=notify\n");
	tree_write("high/rules.d/.hidden.ini", "garbage\n");
	tree_write("high/rules.d/10-a.ini.dpkg-old", "garbage\n");
	tree_write("high/rules.d/10-a.ini~", "garbage\n");
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->mode, MODE_ENFORCE);
	check_int(config->policies.count, 2);
	check_str(config->policies.policies[0].name, "guests");
	check_str(config->policies.policies[1].name, "high");
	check_int(config->rule_count, 3);
	check_str(config->rules[0].name, "a");
	check_str(config->rules[1].name, "b");
	check_str(config->rules[2].name, "c");
}

TEST(masks)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_write("low/rules.d/1.ini", "garbage\n");
	tree_write("low/rules.d/2.ini", "garbage\n");
	tree_write("low/rules.d/3.ini", good_rule);
	tree_write("low/policies/services.ini", "garbage\n");
	tree_write("low/oomwarden.ini", "garbage\n");
	check_int(symlink("/dev/null", tree_place("high/rules.d/1.ini")), 0);
	tree_write("high/rules.d/2.ini", "");
	check_int(symlink("/dev/null", tree_place("high/policies/services.ini")), 0);
	check_int(symlink("/dev/null", tree_place("high/oomwarden.ini")), 0);
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->rule_count, 1);
	check_int(config->policies.count, 0);
}

TEST(masks_are_only_masks)
{
	tree_reset();
	tree_write("low/oomwarden.ini", "[Agent]\nPolicy=services\n");
	check_int(symlink("/dev/null", tree_place("high/policies/services.ini")), 0);
	check_str(tree_faults_found(), "@/low/oomwarden.ini:2:8: policy set services is masked by "
				       "@/high/policies/services.ini\n");
	tree_reset();
	check_int(symlink("/dev/zero", tree_place("high/rules.d/1.ini")), 0);
	check_str(tree_faults_found(), "@/high/rules.d/1.ini: is not a regular file\n");
	tree_reset();
	check_int(symlink("nowhere", tree_place("high/rules.d/1.ini")), 0);
	check_str(tree_faults_found(), "@/high/rules.d/1.ini: is a link that leads nowhere\n");
	tree_reset();
	check_int(mkdir(tree_place("high/rules.d/1.ini"), 0755), 0);
	check_str(tree_faults_found(), "@/high/rules.d/1.ini: cannot be read: Is a directory\n");
}

TEST(files_and_directories_that_others_may_write)
{
	tree_reset();
	tree_write("high/rules.d/1.ini", good_rule);
	tree_write("high/oomwarden.ini", "[Agent]\nMode=enforce\n");
	check_int(chmod(tree_place("high/rules.d/1.ini"), 0666), 0);
	check_int(chmod(tree_place("high/oomwarden.ini"), 0664), 0);
	check_int(chmod(tree_place("low/rules.d"), 0777), 0);
	check_int(chmod(tree_place("low"), 0775), 0);
	check_str(
		tree_faults_found(),
		"@/high/oomwarden.ini: may be written by its group (mode 0664); only its owner may "
		"write it\n"
		"@/high/rules.d/1.ini: may be written by everybody (mode 0666); only its owner may "
		"write it\n"
		"@/low: may be written by its group (mode 0775); only its owner may write it\n"
		"@/low/rules.d: may be written by everybody (mode 0777); only its owner may write "
		"it\n");
}

TEST(names_are_unique)
{
	tree_reset();
	tree_write("low/policies/kvm-host.ini", good_policy);
	tree_write("low/policies/services.ini", good_policy);
	tree_write("low/rules.d/1.ini", good_rule);
	tree_write("high/rules.d/2.ini", good_rule);
	check_str(tree_faults_found(),
		  "@/high/rules.d/2.ini:1:1: rule r is here a second time; the first is in "
		  "@/low/rules.d/1.ini\n"
		  "@/low/policies/services.ini:1:1: policy guests is here a second time; the first "
		  "is "
		  "in @/low/policies/kvm-host.ini:1\n");
	tree_reset();
	check_str(tree_policy_faults("[Policy]\nMatch=a\n[Policy a b]\nMatch=a\n[Policy  c]\n"),
		  "@/low/policies/services.ini:1:8: [Policy] needs a name\n"
		  "@/low/policies/services.ini:3:9: a name is letters, digits, \".\", \"_\" and "
		  "\"-\": [Policy a b]\n"
		  "@/low/policies/services.ini:5:9: a name is letters, digits, \".\", \"_\" and "
		  "\"-\": [Policy  c]\n");
}

TEST(policy_faults)
{
	tree_reset();
	check_str(tree_policy_faults("[Policy a]\nKind=batch\n"),
		  "@/low/policies/services.ini:1:1: [Policy a] has no Match=: it would own no "
		  "service\n");
	check_str(
		tree_policy_faults("[Policy a]\nMatch=\nKill=sometimes\nNodes=relive\n"),
		"@/low/policies/services.ini:2:7: Match= has no value\n"
		"@/low/policies/services.ini:3:6: Kill=sometimes: expected never, last, normal or "
		"first\n"
		"@/low/policies/services.ini:4:7: Nodes=relive: expected keep, relieve, home or a "
		"list of nodes like 0-1,3; did you mean relieve?\n");
	check_str(tree_policy_faults("[Policy a]\nMatch=a\nKill=first\nKind=vm\n"),
		  "@/low/policies/services.ini:3:6: Kill=first beside Kind=vm: guests are never "
		  "killed\n");
	check_str(tree_policy_faults("[Policy a]\nMatch=a\nNodes=0-1,x\n"),
		  "@/low/policies/services.ini:3:7: Nodes=0-1,x is no list of nodes like 0-1,3\n");
	check_str(tree_policy_faults("[Policy a]\nMatch=a\nNodes=5000\n"),
		  "@/low/policies/services.ini:3:7: Nodes=5000: no kernel has a node above 1023\n");
	check_str(tree_policy_faults("[Policy a]\nMatch=a\nNodes=1-0\n"),
		  "@/low/policies/services.ini:3:7: Nodes=1-0 is no list of nodes like 0-1,3\n");
	check_str(tree_policy_faults("[Policy a]\nMatch=a\nmatch=b\nZebra=c\n"),
		  "@/low/policies/services.ini:3:1: unknown key match= in [Policy]; did you mean "
		  "Match=?\n"
		  "@/low/policies/services.ini:4:1: unknown key Zebra= in [Policy]\n");
}

TEST(policy_values)
{
	_cleanup_(config_freep) struct config *config = NULL;
	const struct policy *policy;

	tree_reset();
	tree_write("low/policies/services.ini", "[Policy a]\nMatch=a\nNodes=relieve\nMode=dry-run\n"
						"Rank=0\nKill=last\nKind=system\n");
	config = tree_load();
	check_str(tree_faults, "");
	policy = &config->policies.policies[0];
	check_int(policy->nodes, NODES_RELIEVE);
	check_int(policy->mode, MODE_DRY_RUN);
	check_int(policy->rank, 0);
	check_int(policy->kill, KILL_LAST);
	check_int(policy->kind, KIND_SYSTEM);
}

TEST(rules_without_condition_or_action)
{
	tree_reset();
	check_str(tree_rule_faults("[Rule r]\nOn=host\n"),
		  "@/high/rules.d/1.ini:1:1: [Rule r] has no Do=: it would do nothing\n"
		  "@/high/rules.d/1.ini:1:1: [Rule r] has no When=: it would never fire\n");
	check_str(tree_rule_faults("[Rule r]\nWhen=mem.free < 1%\nDo=notify\n"),
		  "@/high/rules.d/1.ini:1:1: [Rule r] has no On=: host, node, service or canary\n");
	check_str(tree_rule_faults("[Rule r]\nOn=hots\nWhen=mem.free < 1%\nDo=notify\n"),
		  "@/high/rules.d/1.ini:2:4: On=hots: expected host, node, service or canary; did "
		  "you mean "
		  "host?\n");
	check_str(tree_rule_faults("[Rule r]\nOn=\nWhen=\nDo=\n"),
		  "@/high/rules.d/1.ini:2:4: On= has no value\n"
		  "@/high/rules.d/1.ini:3:6: When= has no value\n"
		  "@/high/rules.d/1.ini:4:4: Do= has no value\n");
}

#define RULE(on, lines) "[Rule r]\nOn=" on "\nWhen=mem.available < 10%\n" lines

TEST(rule_conditions)
{
	tree_reset();
	check_str(
		tree_rule_faults(RULE("host", "When=mem.free < 30s\nDo=notify\n")),
		"@/high/rules.d/1.ini:4:17: mem.free is bytes, but 30s is duration: they cannot be "
		"compared\n");
	check_str(tree_rule_faults(RULE("host", "When=mem.total > 10%\nDo=notify\n")),
		  "@/high/rules.d/1.ini:4:18: 10% of what? mem.total has no whole\n");
	check_str(tree_rule_faults(RULE("host", "Until=mem.available > 120%\nDo=notify\n")),
		  "@/high/rules.d/1.ini:4:7: mem.available > 120% can never be true: mem.available "
		  "lies between 0% and 100% of mem.total\n");
	check_str(tree_rule_faults(RULE("host", "When=node.free < 1G\nDo=notify\n")),
		  "@/high/rules.d/1.ini:4:6: node.free is a metric of a node; a rule with On=host "
		  "has "
		  "host metrics only\n");
	check_contains(tree_rule_faults(RULE("host", "When=mem.free < 1%\nWhen=mem.free < 1%\n"
						     "When=mem.free < 1%\nWhen=mem.free < 1%\n"
						     "When=mem.free < 1%\nWhen=mem.free < 1%\n"
						     "When=mem.free < 1%\nWhen=mem.free < 1%\n"
						     "Do=notify\n")),
		       "1.ini:11:6: more than 8 lines When=");
}

/* Far longer than inih's buffer; the fault is behind it. */
TEST(conditions_longer_than_the_librarys_lines)
{
	char text[2048] = "[Rule r]\nOn=host\nDo=notify\nWhen=";
	size_t start = strlen(text);
	_cleanup_(config_freep) struct config *config = NULL;
	char want[128];

	tree_reset();
	for (int i = 0; i < 30; i++)
		strcat(text, "mem.available < 10% or ");
	strcat(text, "mem.available < 11%\n");
	tree_write("high/rules.d/1.ini", text);
	config = tree_load();
	check_str(tree_faults, "");
	check_int(strlen(expr_text(config->rules[0].when[0])), strlen(text) - start - 1);
	snprintf(want, sizeof(want),
		 "@/high/rules.d/1.ini:4:%zu: unknown metric mem.avaliable; did you mean "
		 "mem.available?\n",
		 strlen(text) - start - strlen("mem.available < 11%\n") + 6);
	memcpy(text + strlen(text) - strlen("mem.available < 11%\n"), "mem.avaliable", 13);
	check_str(tree_rule_faults(text), want);
}

TEST(rule_spans_and_numbers)
{
	tree_reset();
	check_str(
		tree_rule_faults(RULE("host", "Do=notify\nFor=infinity\nCooldown=infinity\n"
					      "StepWait=2 sec x\nPriority=first\n")),
		"@/high/rules.d/1.ini:5:5: For=infinity would never end; a finite span of time is "
		"needed\n"
		"@/high/rules.d/1.ini:6:10: Cooldown=infinity would never end; a finite span of "
		"time is needed\n"
		"@/high/rules.d/1.ini:7:10: StepWait=2 sec x: expected a span of time like 500ms, "
		"2s or 10min\n"
		"@/high/rules.d/1.ini:8:10: Priority=first: expected a whole number from 0 to "
		"1000\n");
	check_contains(tree_rule_faults(RULE("host", "Do=notify\nFor=600000y\n")),
		       "expected a span");
	check_contains(tree_rule_faults(RULE("host", "Do=notify\nFor=500000y\n")), "never end");
	check_str(tree_rule_faults(RULE("host", "Do=notify\nFor=1s\nFor=2s\nUntil=mem.free > 1%\n"
						"Until=mem.free > 2%\n")),
		  "@/high/rules.d/1.ini:6:1: For= is given twice; the first is in line 5\n"
		  "@/high/rules.d/1.ini:8:1: Until= is given twice; the first is in line 7\n");
}

TEST(actions_and_what_they_need)
{
	tree_reset();
	check_str(tree_rule_faults(RULE("service", "Do=migrate bytes=1G\nDo=drop-slab\nDo=kill\n")),
		  "@/high/rules.d/1.ini:4:4: migrate is for rules with On=node; this one has "
		  "On=service\n"
		  "@/high/rules.d/1.ini:5:4: drop-slab is for rules with On=host, On=canary; this "
		  "one has On=service\n");
	check_str(tree_rule_faults(RULE("node", "Do=notify\nDo=migrate\n")),
		  "@/high/rules.d/1.ini:5:1: migrate bytes=until-clear needs an Until= with a node "
		  "metric of bytes that must exceed something\n");
	check_contains(tree_rule_faults(RULE("node", "Do=migrate bytes=until-clear\n"
						     "Until=node.time-to-empty > 60s\n")),
		       "1.ini:4:1: migrate bytes=until-clear needs an Until=");
	check_contains(tree_rule_faults(RULE("node", "Do=migrate\nUntil=mem.available > 20%\n")),
		       "needs an Until= with a node metric");
	check_str(tree_rule_faults(RULE("node", "Do=migrate bytes=512M\n")), "");
	check_str(tree_rule_faults(RULE("node", "Do=migrate\nUntil=node.free > 1G\n")), "");
}

TEST(what_an_action_is_given_fits_the_rule)
{
	tree_reset();
	check_str(tree_rule_faults(RULE("host", "Do=freeze subject max=5s\n"
						"Do=freeze candidates\nDo=freeze\n"
						"Do=start-unit  x@%guest.service\n"
						"Do=start-unit x@%node.service\n"
						"Do=start-unit x.service\n")),
		  "@/high/rules.d/1.ini:4:4: freeze subject max=5s is for rules with On=service; "
		  "this one has On=host\n"
		  "@/high/rules.d/1.ini:7:4: start-unit  x@%guest.service is for rules with "
		  "On=node, On=service; this one has On=host\n"
		  "@/high/rules.d/1.ini:8:4: start-unit x@%node.service is for rules with On=node; "
		  "this one has On=host\n");
	check_str(tree_rule_faults(RULE("node", "Do=reclaim subject bytes=1G\n"
						"Do=oom-score subject adjust=5\n"
						"Do=start-unit x@%guest-%node.service\n"
						"Do=start-unit x@%service-%node.service\n")),
		  "@/high/rules.d/1.ini:5:4: oom-score subject adjust=5 is for rules with "
		  "On=service; this one has On=node\n"
		  "@/high/rules.d/1.ini:7:4: start-unit x@%service-%node.service is for no rule: "
		  "its parts are for different ones\n");
	check_str(tree_rule_faults(RULE("service", "Do=freeze\nDo=reclaim subject bytes=1G\n"
						   "Do=start-unit x@%guest.service\n")),
		  "");
}

/* It can be enforced, not asked for. */
TEST(what_policies_do_is_no_action_of_rules)
{
	tree_reset();
	check_contains(tree_rule_faults(RULE("service", "Do=hold\n")), "1.ini:4:4: ");
	check(!strstr(tree_faults, "mean hold"));
}

TEST(whom_a_rule_is_about)
{
	_cleanup_(config_freep) struct config *config = NULL;
	const struct rule *rules;

	tree_reset();
	tree_write("low/policies/services.ini", "[Policy web]\nMatch=a\n[Policy db]\nMatch=b\n"
						"[Policy guests]\nMatch=c\nKind=vm\n");
	check_str(tree_rule_faults(RULE("service", "Do=notify\nKind=vm bach\nPolicies=db dp x\n")),
		  "@/high/rules.d/1.ini:5:9: Kind=bach: expected service, batch, vm or system; did "
		  "you "
		  "mean batch?\n"
		  "@/high/rules.d/1.ini:6:13: no policy dp is in force; did you mean db?\n"
		  "@/high/rules.d/1.ini:6:16: no policy x is in force\n");
	check_str(tree_rule_faults(RULE("node", "Do=notify\nKind=vm\nPolicies=db\n")),
		  "@/high/rules.d/1.ini:5:1: Kind= says which services a rule is about; this rule "
		  "has "
		  "On=node\n"
		  "@/high/rules.d/1.ini:6:1: Policies= says which services a rule is about; this "
		  "rule "
		  "has On=node\n");
	tree_write("high/rules.d/1.ini", RULE("service", "Do=notify\n"));
	tree_write("high/rules.d/2.ini",
		   "[Rule s]\nOn=service\nWhen=service.swap > 0\nDo=notify\nKind=vm system\n"
		   "Mode=dry-run\nPriority=7\n");
	tree_write("high/rules.d/3.ini",
		   "[Rule t]\nOn=service\nWhen=service.swap > 0\nDo=notify\nPolicies=guests web\n");
	config = tree_load();
	check_str(tree_faults, "");
	rules = config->rules;
	check_int(rules[0].kinds, 1 << KIND_SERVICE | 1 << KIND_BATCH);
	check_int(rules[1].kinds, 1 << KIND_VM | 1 << KIND_SYSTEM);
	check_int(rules[1].mode, MODE_DRY_RUN);
	check_int(rules[1].priority, 7);
	check_int(rules[2].kinds,
		  1 << KIND_SERVICE | 1 << KIND_BATCH | 1 << KIND_VM | 1 << KIND_SYSTEM);
	check(rules[2].policies[0] && !rules[2].policies[1] && rules[2].policies[2]);
	check(!rules[1].policies);
}

static const char *check_file(const char *name)
{
	struct diag_list diags = { 0 };
	int r = config_check_file(tree_place(name), &tree_path, &diags);

	if ((r == 0) != (diags.count == 0))
		test_stop_(TEST_FAILED_, "result %d with %zu faults", r, diags.count);
	tree_tell(&diags);
	return tree_faults;
}

TEST(single_files_by_place_or_content)
{
	tree_reset();
	tree_write("low/policies/services.ini", "[Policy web]\nMatch=a\n");
	tree_write("low/rules.d/9.ini", "garbage of another file\n");
	tree_write("x.ini", good_rule);
	check_str(check_file("x.ini"), "");
	tree_write("x.ini", good_policy);
	check_str(check_file("x.ini"), "");
	tree_write("x.ini", "[Agent]\nMode=enforce\n");
	check_str(check_file("x.ini"), "");
	tree_write("x.ini", "[Policy a]\nMatch=a\n[Rule r]\nWhat=x\n");
	check_str(check_file("x.ini"),
		  "@/x.ini:3:2: [Rule r] does not belong here: only [Policy NAME] does\n");
	tree_write("x.ini", "[Thing]\n");
	check_str(check_file("x.ini"),
		  "@/x.ini:1:2: unknown section [Thing]: expected [Agent], [Policy NAME], [Rule "
		  "NAME] or [Canary NAME]\n");
	tree_write("x.ini", "# nothing\n");
	check_str(check_file("x.ini"), "@/x.ini: holds no section: it configures nothing\n");
	check_str(check_file("y.ini"), "@/y.ini: does not exist\n");
	tree_write("high/rules.d/x.ini", good_policy);
	check_str(
		check_file("high/rules.d/x.ini"),
		"@/high/rules.d/x.ini:1:2: [Policy guests] does not belong here: only [Rule NAME] "
		"and [Canary NAME] do\n");
	/* Names of policies come from the search path. */
	tree_write("x.ini",
		   "[Rule r]\nOn=service\nWhen=service.swap > 0\nDo=notify\nPolicies=wep\n");
	check_str(check_file("x.ini"),
		  "@/x.ini:5:10: no policy wep is in force; did you mean web?\n");
	tree_write("x.ini",
		   "[Rule r]\nOn=service\nWhen=service.swap > 0\nDo=notify\nPolicies=web\n");
	check_str(check_file("x.ini"), "");
}
