/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sections [Canary NAME]: what they say, the policy and the rule that each makes, and what is no
 * canary. */

#include "tree.h"

#include "core/slice.h"
#include "util/strbuf.h"

#define MIB (INT64_C(1) << 20)

static const struct rule *find_rule(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->rule_count; i++)
		if (strcmp(config->rules[i].name, name) == 0)
			return &config->rules[i];
	return NULL;
}

static const char *owner(const struct config *config, const char *path)
{
	int i = policy_table_match(&config->policies, path);

	return i < 0 ? "nobody" : config->policies.policies[i].name;
}

TEST(what_a_section_says)
{
	_cleanup_(config_freep) struct config *config = NULL;
	const struct canary *c;

	tree_reset();
	tree_write("low/rules.d/80.ini", "[Canary early]\n"
					 "Size=1%\n"
					 "Node=each\n"
					 "[Canary late-2_x]\n"
					 "Size=5% node\n"
					 "Node=3\n"
					 "Mode=dry-run\n"
					 "[Canary web]\n"
					 "Slice=web-shop.slice\n"
					 "Size=1M\n"
					 "[Canary both]\n"
					 "Size=2% host\n"
					 "Slice=a\\x2db.slice\n"
					 "Node=0\n");
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->canary_count, 4);
	c = config->canaries;
	check_str(c[0].name, "early");
	check_int(c[0].size.of, SIZE_OF_HOST);
	check_int(c[0].size.number, 10);
	check_int(c[0].place, CANARY_ON_EACH_NODE);
	check(!c[0].slice);
	check_int(c[0].mode, MODE_ENFORCE);
	check_str(c[1].name, "late-2_x");
	check_int(c[1].size.of, SIZE_OF_NODE);
	check_int(c[1].size.number, 50);
	check_int(c[1].place, CANARY_ON_NODE);
	check_int(c[1].node, 3);
	check_int(c[1].mode, MODE_DRY_RUN);
	check_str(c[2].slice, "web-shop.slice");
	check_int(c[2].size.of, SIZE_ABSOLUTE);
	check_int(c[2].size.number, MIB);
	check_int(c[2].place, CANARY_ANYWHERE);
	check_int(c[3].size.of, SIZE_OF_HOST);
	check_str(c[3].slice, "a\\x2db.slice");
	check_int(c[3].place, CANARY_ON_NODE);
	/* Without OnDeath= there is no rule. */
	check_int(config->rule_count, 0);
	check_int(config_rule_count(config), 0);
	check_int(config_policy_count(config), 0);
}

/* Where there is no systemd, and the agent makes its cgroup. */
TEST(without_systemd_its_policy_is_that_of_its_own_group)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_write("low/rules.d/80.ini", "[Canary early]\nSize=1%\nNode=each\n"
					 "[Canary web]\nSlice=web.slice\nSize=1M\n");
	config = tree_load();
	check_str(tree_faults, "");
	check_str(owner(config, "oomwarden-canaries/oomwarden-canary-early.service"),
		  "canary:early");
	check_str(owner(config, "oomwarden-canaries/oomwarden-canary-early:node12.service"),
		  "canary:early");
	check_str(owner(config, "web.slice/oomwarden-canary-web.service"), "canary:web");
	/* One that is in a slice is nowhere else. */
	check_str(owner(config, "oomwarden-canaries/oomwarden-canary-web.service"), "nobody");
	check_str(owner(config, "a/oomwarden-canaries/oomwarden-canary-early.service"), "nobody");
	check_str(owner(config, "oomwarden-canaries/oomwarden-canary-other.service"), "nobody");
}

/* Its own policy comes before those of the operator, whatever these match, and what names policies
 * by their place still means the same. */
TEST(nobody_else_gets_its_cgroups)
{
	_cleanup_(config_freep) struct config *config = NULL;
	const struct policy *policy;
	const struct rule *rule;

	tree_reset();
	tree_write("low/policies/services.ini", "[Policy all]\nMatch=**\nKill=first\n"
						"[Policy db]\nMatch=db.slice/*.service\n");
	tree_write("low/rules.d/1.ini",
		   "[Rule r]\nOn=service\nWhen=service.swap > 0\nDo=notify\nPolicies=db\n");
	tree_write("low/rules.d/2.ini", "[Canary a]\nSize=16M\n[Canary a-b]\nSize=16M\n"
					"Slice=web-shop.slice\nMode=dry-run\n");
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->policies.count, 4);
	check_int(config_policy_count(config), 2);
	for (size_t i = 0; i < 2; i++) {
		policy = &config->policies.policies[i];
		check_int(policy->canary, i + 1);
		check_int(policy->kind, KIND_SYSTEM);
		check_int(policy->kill, KILL_NEVER);
		check_int(policy->nodes, NODES_KEEP);
		check_int(policy->setting_count, 0);
		check_int(policy->mode, config->canaries[i].mode);
	}
	check_int(config->policies.policies[2].canary, 0);
	check_int(config->policies.policies[1].mode, MODE_DRY_RUN);

	check_str(owner(config, "system.slice/oomwarden-canary-a.service"), "canary:a");
	check_str(owner(config, "system.slice/oomwarden-canary-a:node0.service"), "canary:a");
	check_str(owner(config, "system.slice/oomwarden-canary-a:node12.service"), "canary:a");
	check_str(owner(config, "web.slice/web-shop.slice/oomwarden-canary-a-b.service"),
		  "canary:a-b");
	check_str(owner(config, "web.slice/web-shop.slice/oomwarden-canary-a-b:node1.service"),
		  "canary:a-b");
	/* What looks like it and lies elsewhere is anybody's. */
	check_str(owner(config, "web.slice/web-shop.slice/oomwarden-canary-a.service"), "all");
	check_str(owner(config, "system.slice/oomwarden-canary-a-b.service"), "all");
	check_str(owner(config, "user.slice/user-1000.slice/user@1000.service/app.slice/"
				"oomwarden-canary-a.service"),
		  "all");
	check_str(owner(config, "system.slice/oomwarden-canary-a.service/below"), "all");
	check_str(owner(config, "system.slice/oomwarden-canary-ab.service"), "all");
	check_str(owner(config, "system.slice/oomwarden-canary-a.scope"), "all");
	check_str(owner(config, "system.slice/oomwarden-canary-a:x.service"), "all");

	rule = find_rule(config, "r");
	for (size_t i = 0; i < config->policies.count; i++)
		check_int(rule->policies[i], strcmp(config->policies.policies[i].name, "db") == 0);
}

TEST(its_policy_is_nobodys_to_name)
{
	tree_reset();
	tree_write("low/rules.d/2.ini", "[Canary a]\nSize=16M\n");
	check_str(tree_rule_faults("[Rule r]\nOn=service\nWhen=service.swap > 0\nDo=notify\n"
				   "Policies=canary:a canary:b\n"),
		  "@/high/rules.d/1.ini:5:10: no policy canary:a is in force\n"
		  "@/high/rules.d/1.ini:5:19: no policy canary:b is in force\n");
}

TEST(a_death_is_a_rule)
{
	_cleanup_(config_freep) struct config *config = NULL;
	const struct rule *rule;

	tree_reset();
	tree_write("low/rules.d/5.ini", "[Rule before]\nOn=host\nWhen=mem.free < 1%\nDo=notify\n"
					"[Canary a]\nSize=16M\n"
					"[Canary b]\n"
					"OnDeath=notify\n"
					"Size=16M\n"
					"OnDeath=stop-unit\n"
					"OnDeath=stop-unit web.service\n"
					"OnDeath=start-unit rescue@%%.service\n"
					"OnDeath=kill canary\n"
					"OnDeath=kill\n"
					"OnDeath=reclaim candidates bytes=1G\n"
					"OnDeath=restart-unit x.service\n"
					"[Canary c]\nSize=16M\nMode=dry-run\nOnDeath=notify\n"
					"[Rule after]\nOn=host\nWhen=mem.free < 1%\nDo=notify\n");
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->canary_count, 3);
	/* In the order of the file. */
	check_int(config->rule_count, 4);
	check_int(config_rule_count(config), 2);
	check_str(config->rules[0].name, "before");
	check_str(config->rules[3].name, "after");
	rule = &config->rules[1];
	check_str(rule->name, "canary:b");
	check_str(rule->description, "Canary b has died");
	check_contains(rule->file, "low/rules.d/5.ini");
	check_int(rule->on, SCOPE_CANARY);
	check_int(rule->canary, 2);
	check(rule->once);
	check_int(rule->when_count, 1);
	check_str(expr_text(rule->when[0]), "canary.dead > 0");
	check(!rule->until);
	check_int(rule->for_usec, 0);
	check_int(rule->cooldown_usec, 0);
	check_int(rule->step_wait_usec, 2 * USEC_PER_SEC);
	check_int(rule->priority, 500);
	check(!rule->policies);
	check_int(rule->mode, MODE_ENFORCE);
	check_int(rule->ladder_count, 8);
	check_int(rule->ladder[0].action, ACTION_NOTIFY);
	check_int(rule->ladder[1].action, ACTION_STOP_UNIT);
	check(!rule->ladder[1].unit);
	check_str(rule->ladder[2].unit, "web.service");
	check_int(rule->ladder[2].line, 11);
	check_int(rule->ladder[7].action, ACTION_RESTART_UNIT);
	check_str(config->rules[2].name, "canary:c");
	check_int(config->rules[2].canary, 3);
	check_int(config->rules[2].mode, MODE_DRY_RUN);
	check(!config->rules[0].once && config->rules[0].canary == 0);
}

static bool dead;

static struct reading of_a_canary(void *context _unused_, enum metric_id id)
{
	if (id == METRIC_CANARY_DEAD)
		return reading_of(dead);
	return READING_NONE;
}

TEST(a_death_fires_its_rule)
{
	const struct expr_source source = { .read = of_a_canary };
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_write("low/rules.d/5.ini", "[Canary a]\nSize=16M\nOnDeath=notify\n");
	config = tree_load();
	check_str(tree_faults, "");
	dead = false;
	check_int(expr_eval(config->rules[0].when[0], &source), TRUTH_FALSE);
	dead = true;
	check_int(expr_eval(config->rules[0].when[0], &source), TRUTH_TRUE);
}

TEST(faults_of_a_size)
{
	tree_reset();
	check_str(tree_rule_faults("[Canary a]\nNode=each\n"),
		  "@/high/rules.d/1.ini:1:1: [Canary a] has no Size=: it would hold nothing\n");
#define SIZE_FAULT(value, fault)                                    \
	check_str(tree_rule_faults("[Canary a]\nSize=" value "\n"), \
		  "@/high/rules.d/1.ini:2:6: Size=" value fault "\n")
#define FORMS ": expected a size like 512M or 1%, or with Node= \"2% node\""
	SIZE_FAULT("", " has no value");
	SIZE_FAULT("lots", FORMS);
	SIZE_FAULT("infinity", FORMS);
	SIZE_FAULT("-1M", FORMS);
	SIZE_FAULT("x%", FORMS);
	SIZE_FAULT("0", ": it would hold nothing");
	SIZE_FAULT("0%", ": it would hold nothing");
	SIZE_FAULT("512", " is less than 1M: is a unit missing?");
	SIZE_FAULT("1023K", " is less than 1M: is a unit missing?");
	SIZE_FAULT("9999999T", " is out of range");
	SIZE_FAULT("0.05%", ": a tenth of a percent is the finest part");
	SIZE_FAULT("50.1%", ": more than half is never held, as much has to stay available");
	SIZE_FAULT("101%", ": the host has 100% of its memory");
	SIZE_FAULT("1% node", ": of which node? there is no Node=");
#undef FORMS
#undef SIZE_FAULT
	check_str(tree_rule_faults("[Canary a]\nSize=1% nude\nNode=each\n"),
		  "@/high/rules.d/1.ini:2:9: Size=nude: expected host or node; did you mean "
		  "node?\n");
	check_str(tree_rule_faults("[Canary a]\nSize=1% declared\n"),
		  "@/high/rules.d/1.ini:2:9: Size=declared: expected host or node\n");
	check_contains(tree_rule_faults("[Canary a]\nSize=1% node x\nNode=1\n"),
		       "1.ini:2:14: Size=1% node x: expected a size like");
	check_contains(tree_rule_faults("[Canary a]\nSize=51% node\nNode=1\n"),
		       "1.ini:2:6: Size=51% node: more than half is never held");
	check_str(tree_rule_faults("[Canary a]\nSize=50%\n"), "");
	check_str(tree_rule_faults("[Canary a]\nSize=1M\n"), "");
	check_str(tree_rule_faults("[Canary a]\nNode=1\nSize=50% node\n"), "");
}

TEST(faults_of_a_node)
{
	tree_reset();
#define NODE_FAULT(value, fault)                                             \
	check_str(tree_rule_faults("[Canary a]\nSize=1M\nNode=" value "\n"), \
		  "@/high/rules.d/1.ini:3:6: Node=" value fault "\n")
	NODE_FAULT("", " has no value");
	NODE_FAULT("1024", ": no kernel has a node above 1023");
	NODE_FAULT("99999999999999999999", ": no kernel has a node above 1023");
	NODE_FAULT("0-1", ": no kernel has a node above 1023");
	NODE_FAULT("all", ": expected each or a node's number");
	NODE_FAULT("eech", ": expected each or a node's number; did you mean each?");
#undef NODE_FAULT
	check_str(tree_rule_faults("[Canary a]\nSize=1M\nNode=1023\n"), "");
	check_str(tree_rule_faults("[Canary a]\nSize=1M\nNode=0\nNode=1\n"),
		  "@/high/rules.d/1.ini:4:1: Node= is given twice; the first is in line 3\n");
}

TEST(faults_of_a_slice)
{
	char text[400];
	struct strbuf deep = STRBUF(text);

	tree_reset();
#define SLICE_FAULT(column, value, fault)                                     \
	check_str(tree_rule_faults("[Canary a]\nSize=1M\nSlice=" value "\n"), \
		  "@/high/rules.d/1.ini:3:" column ": Slice=" value ": " fault "\n")
	SLICE_FAULT("7", "web", "the name of a slice ends in .slice");
	SLICE_FAULT("7", "web.service", "the name of a slice ends in .slice");
	SLICE_FAULT("7", "web.slice.d", "the name of a slice ends in .slice");
	SLICE_FAULT("7", ".slice", "it has nothing before its suffix");
	SLICE_FAULT("10", "web/x.slice",
		    "a slice goes by the name of its unit such as web.slice, not by a path");
	SLICE_FAULT("7", "/web.slice",
		    "a slice goes by the name of its unit such as web.slice, not by a path");
	SLICE_FAULT("7", "%node.slice", "nothing is filled in here");
	SLICE_FAULT("8", "a@b.slice", "a slice is no template and no instance");
	SLICE_FAULT("8", "a b.slice", "a unit's name has letters, digits and :-_.\\@ only");
	SLICE_FAULT("7", "-.slice", "it is the root of all, which is nobody's to share");
	SLICE_FAULT("7", "-a.slice",
		    "a dash stands between the names of slices, one below the other");
	SLICE_FAULT("8", "a-.slice",
		    "a dash stands between the names of slices, one below the other");
	SLICE_FAULT("8", "a--b.slice",
		    "a dash stands between the names of slices, one below the other");
	SLICE_FAULT("7", "oomwarden.slice", "it is the agent's own");
	SLICE_FAULT("7", "oomwarden-x.slice", "it is the agent's own");
#undef SLICE_FAULT
	check_str(tree_rule_faults("[Canary a]\nSize=1M\nSlice=oomwardens.slice\n"), "");
	check_str(tree_rule_faults("[Canary a]\nSize=1M\nSlice=user-1000.slice\n"), "");
	/* Each level has the names of those above it in its own. */
	for (int i = 0; i < 40; i++)
		strbuf_add(&deep, i ? "-b" : "[Canary a]\nSize=1M\nSlice=b");
	strbuf_add(&deep, ".slice\n");
	check_contains(tree_rule_faults(text), "its path is too long");
}

TEST(faults_of_keys_and_names)
{
	tree_reset();
	check_str(tree_rule_faults("[Canary a]\nSize=1M\nsize=1M\nOnDeth=notify\nMode=enforc\n"
				   "Match=x\nOnDeath=\n"),
		  "@/high/rules.d/1.ini:3:1: unknown key size= in [Canary]; did you mean Size=?\n"
		  "@/high/rules.d/1.ini:4:1: unknown key OnDeth= in [Canary]; did you mean "
		  "OnDeath=?\n"
		  "@/high/rules.d/1.ini:5:6: Mode=enforc: expected dry-run or enforce; did you "
		  "mean enforce?\n"
		  "@/high/rules.d/1.ini:6:1: unknown key Match= in [Canary]\n"
		  "@/high/rules.d/1.ini:7:9: OnDeath= has no value\n");
	check_str(tree_rule_faults("[Canary]\nSize=1M\n"),
		  "@/high/rules.d/1.ini:1:8: [Canary] needs a name\n");
	check_str(tree_rule_faults("[Canary a.b]\nSize=1M\n"),
		  "@/high/rules.d/1.ini:1:9: the name of a canary is letters, digits, \"_\" and "
		  "\"-\": [Canary a.b]\n");
	check_contains(tree_rule_faults("[Canary a b]\nSize=1M\n"), "1.ini:1:9: a name is letters");
	check_contains(tree_rule_faults("[Canary a:b]\nSize=1M\n"), "1.ini:1:9: a name is letters");
	check_contains(tree_rule_faults("[Canary \xc3\xa4]\nSize=1M\n"),
		       "1.ini:1:9: a name is letters");
	check_str(tree_rule_faults("[Canari a]\nSize=1M\n"),
		  "@/high/rules.d/1.ini:1:2: [Canari a] does not belong here: only [Rule NAME] and "
		  "[Canary NAME] do\n");
	tree_write("high/rules.d/1.ini", "");
	check_str(tree_policy_faults("[Canary a]\nSize=1M\n"),
		  "@/low/policies/services.ini:1:2: [Canary a] does not belong here: only [Policy "
		  "NAME] does\n");
}

TEST(names_are_unique)
{
	tree_reset();
	tree_write("low/rules.d/1.ini", "[Rule a]\nOn=host\nWhen=mem.free < 1%\nDo=notify\n"
					"[Canary a]\nSize=1M\nOnDeath=notify\n");
	check_str(tree_faults_found(), "");
	tree_write("low/rules.d/2.ini", "[Canary b]\nSize=1M\n[Canary a]\nSize=1M\n");
	check_str(tree_faults_found(),
		  "@/low/rules.d/2.ini:3:1: canary a is here a second time; the first is in "
		  "@/low/rules.d/1.ini:5\n");
	tree_write("low/rules.d/2.ini", "");
	tree_write("low/rules.d/1.ini", "[Canary a]\nSize=1M\n[Canary a]\nSize=1M\n");
	check_str(tree_faults_found(),
		  "@/low/rules.d/1.ini:3:1: section [Canary a] is here a second time; the first "
		  "is in line 1\n");
}

TEST(not_too_many)
{
	char text[2048] = "";
	size_t length = 0;

	tree_reset();
	for (int i = 0; i < CANARY_SECTIONS_MAX; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "[Canary c%d]\nSize=1M\nOnDeath=notify\n", i);
	check_str(tree_rule_faults(text), "");
	tree_write("low/rules.d/9.ini", "[Canary one-more]\nSize=1M\nOnDeath=notify\nNode=x\n");
	check_str(tree_faults_found(), "@/low/rules.d/9.ini:1:1: more than 16 sections [Canary "
				       "NAME]\n"
				       "@/low/rules.d/9.ini:4:6: Node=x: expected each or a node's "
				       "number\n");
}

TEST(faults_of_what_is_done_at_a_death)
{
	char text[1024];
	struct strbuf many = STRBUF(text);

	tree_reset();
	check_str(
		tree_rule_faults("[Canary a]\nSize=1M\nOnDeath=notyfi\nOnDeath=migrate\n"
				 "OnDeath=freeze subject\nOnDeath=reclaim\n"
				 "OnDeath=start-unit x@%node.service\nOnDeath=hold\n"
				 "OnDeath=compact\n"),
		"@/high/rules.d/1.ini:3:9: unknown action notyfi; did you mean notify?\n"
		"@/high/rules.d/1.ini:4:9: migrate is for rules with On=node; this one has "
		"On=canary\n"
		"@/high/rules.d/1.ini:4:9: migrate needs bytes=: a death does not say how much is "
		"short\n"
		"@/high/rules.d/1.ini:5:9: freeze subject is for rules with On=service; this one "
		"has On=canary\n"
		"@/high/rules.d/1.ini:6:9: reclaim needs bytes=: a death does not say how much is "
		"short\n"
		"@/high/rules.d/1.ini:7:9: start-unit x@%node.service is for rules with On=node; "
		"this one has On=canary\n"
		"@/high/rules.d/1.ini:8:9: unknown action hold; `oomwarden actions` lists them\n"
		"@/high/rules.d/1.ini:9:9: compact is for rules with On=node; this one has "
		"On=canary\n");
	/* Of a section that is no canary too. */
	check_str(tree_rule_faults("[Canary]\nSize=1M\nOnDeath=notyfi\n"),
		  "@/high/rules.d/1.ini:1:8: [Canary] needs a name\n"
		  "@/high/rules.d/1.ini:3:9: unknown action notyfi; did you mean notify?\n");
	strbuf_add(&many, "[Canary a]\nSize=1M\n");
	for (int i = 0; i < 17; i++)
		strbuf_add(&many, "OnDeath=notify\n");
	check_str(tree_rule_faults(text),
		  "@/high/rules.d/1.ini:19:9: more than 16 lines OnDeath=\n");
}

#define RULE(lines) "[Rule r]\nOn=canary\n" lines

TEST(rules_on_canaries)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	check_str(
		tree_rule_faults(RULE("When=canary.held < 50% and mem.available < 10%\n"
				      "Until=mem.available > 20%\n"
				      "Do=notify\nDo=kill\nDo=kill canary\nDo=stop-unit\n"
				      "Do=stop-unit a.service\nDo=start-unit a.service\n"
				      "Do=restart-unit a.service\nDo=reclaim\nDo=freeze\nDo=thaw\n"
				      "Do=limit down\nDo=oom-score adjust=5\nDo=drop-slab\n"
				      "Do=sysctl vm.swappiness value=1\n")),
		"");
	check_str(
		tree_rule_faults(RULE("When=node.free < 1%\nWhen=service.swap > 0\nDo=notify\n"
				      "Kind=vm\nPolicies=x\n")),
		"@/high/rules.d/1.ini:3:6: node.free is a metric of a node; a rule with On=canary "
		"has canary and host metrics only\n"
		"@/high/rules.d/1.ini:4:6: service.swap is a metric of a service; a rule with "
		"On=canary has canary and host metrics only\n"
		"@/high/rules.d/1.ini:6:1: Kind= says which services a rule is about; this rule "
		"has On=canary\n"
		"@/high/rules.d/1.ini:7:1: Policies= says which services a rule is about; this "
		"rule has On=canary\n");
	check_str(tree_rule_faults("[Rule r]\nOn=host\nWhen=canary.dead > 0\nDo=notify\n"),
		  "@/high/rules.d/1.ini:3:6: canary.dead is a metric of a canary; a rule with "
		  "On=host has host metrics only\n");
	check_str(tree_rule_faults(RULE("When=canary.ded > 0\nDo=notify\n")),
		  "@/high/rules.d/1.ini:3:6: unknown metric canary.ded; did you mean "
		  "canary.dead?\n");
	/* How much is short is the host's to say. */
	check_str(tree_rule_faults(RULE("When=canary.dead > 0\nUntil=canary.held > 10M\n"
					"Do=reclaim\n")),
		  "@/high/rules.d/1.ini:5:1: reclaim bytes=until-clear needs an Until= with a host "
		  "metric of bytes that must exceed something\n");
	check_str(tree_rule_faults(RULE("When=canary.dead > 0\nDo=migrate bytes=1G\n")),
		  "@/high/rules.d/1.ini:4:4: migrate is for rules with On=node; this one has "
		  "On=canary\n");
	tree_write("high/rules.d/1.ini", RULE("When=canary.dead > 0\nDo=notify\n"));
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->rules[0].on, SCOPE_CANARY);
	check_int(config->rules[0].canary, 0); /* all of them */
	check(!config->rules[0].once);
	check_int(config_rule_count(config), 1);
}

TEST(armed_where_kill_acts)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_write("low/oomwarden.ini", "[Agent]\nEnforceActions=notify kill\n");
	config = tree_load();
	check_str(tree_faults, "");
	check(config->enforce_actions[ACTION_KILL] && config->enforce_actions[ACTION_ARM]);
	tree_write("low/oomwarden.ini", "[Agent]\nEnforceActions=notify\n");
	config_free(config);
	config = tree_load();
	check_str(tree_faults, "");
	check(!config->enforce_actions[ACTION_ARM]);
	tree_write("low/oomwarden.ini", "[Agent]\nEnforceActions=arm arn\n");
	check_str(tree_faults_found(),
		  "@/low/oomwarden.ini:2:16: arm cannot be named: canaries are armed where kill "
		  "acts\n"
		  "@/low/oomwarden.ini:2:20: unknown action arn; \"oomwarden actions\" lists "
		  "them\n");
	check_contains(tree_rule_faults("[Rule r]\nOn=host\nWhen=mem.free < 1%\nDo=arm\n"),
		       "1.ini:4:4: unknown action arm");
}

static size_t steps_of(const char *name)
{
	_cleanup_(config_freep) struct config *config = tree_load();

	check_str(tree_faults, "");
	return find_rule(config, name)->ladder_count;
}

/* What is shipped asks for canaries where there may be none. */
TEST(steps_that_nobody_can_take_are_not_there)
{
	_cleanup_(config_freep) struct config *config = NULL;

	tree_reset();
	tree_write("low/rules.d/1.ini",
		   "[Rule r]\nOn=host\nWhen=mem.free < 1%\nDo=kill canary\nDo=kill policy\n"
		   "Do=kill canary\nDo=notify\n"
		   "[Rule s]\nOn=host\nWhen=mem.free < 1%\nDo=kill canary\n");
	config = tree_load();
	check_str(tree_faults, "");
	check_int(config->rules[0].ladder_count, 2);
	check_str(config->rules[0].ladder[0].text, "kill policy");
	check_int(config->rules[0].ladder[0].line, 5);
	check_str(config->rules[0].ladder[1].text, "notify");
	/* Its own fault, which it says itself. */
	check_int(config->rules[1].ladder_count, 1);
	tree_write("low/policies/services.ini", "[Policy a]\nMatch=a\nKill=normal\n");
	check_int(steps_of("r"), 2);
	tree_write("low/policies/services.ini", "[Policy a]\nMatch=a\nKill=first\n");
	check_int(steps_of("r"), 4);
	tree_write("low/policies/services.ini", "");
	tree_write("low/rules.d/2.ini", "[Canary a]\nSize=1M\n");
	check_int(steps_of("r"), 4);
	tree_write("low/rules.d/2.ini", "[Canary a]\nSize=1M\nMode=dry-run\n");
	check_int(steps_of("r"), 4);
}

static const char *check_file(const char *name)
{
	struct diag_list diags = { 0 };

	config_check_file(tree_place(name), &tree_path, &diags);
	tree_tell(&diags);
	return tree_faults;
}

TEST(single_files)
{
	tree_reset();
	tree_write("low/policies/services.ini", "[Policy web]\nMatch=a\n");
	/* Its own name in force is no other canary. */
	tree_write("low/rules.d/x.ini", "[Canary a]\nSize=1M\nOnDeath=notify\n");
	check_str(check_file("low/rules.d/x.ini"), "");
	tree_write("x.ini", "[Canary a]\nSize=1M\nOnDeath=notyfi\n"
			    "[Rule r]\nOn=service\nWhen=service.swap > 0\nDo=notify\n"
			    "Policies=wep\n");
	check_str(check_file("x.ini"),
		  "@/x.ini:3:9: unknown action notyfi; did you mean notify?\n"
		  "@/x.ini:8:10: no policy wep is in force; did you mean web?\n");
	tree_write("x.ini", "[Canary a]\nSize=lots\n[Policy b]\nMatch=x\n");
	check_str(check_file("x.ini"),
		  "@/x.ini:2:6: Size=lots: expected a size like 512M or 1%, or with Node= \"2% "
		  "node\"\n"
		  "@/x.ini:3:2: [Policy b] does not belong here: only [Rule NAME] and [Canary "
		  "NAME] do\n");
}

/* Whoever reloads keeps what it had: there is nothing half read. */
TEST(faults_leave_no_configuration)
{
	_cleanup_(config_freep) struct config *old = NULL, *fresh = NULL;
	struct diag_list diags = { 0 };

	tree_reset();
	tree_write("low/rules.d/1.ini", "[Canary a]\nSize=16M\nOnDeath=notify\n");
	old = tree_load();
	check_str(tree_faults, "");
	tree_write("low/rules.d/1.ini", "[Canary a]\nSize=16M\nOnDeath=notify\n"
					"[Canary b]\nSize=16M\nOnDeath=nothing\n");
	check_int(config_load(&tree_path, &diags, &fresh), -EINVAL);
	check(!fresh);
	check_int(diags.count, 1);
	diag_done(&diags);
	check_int(old->canary_count, 1);
	check_str(old->canaries[0].name, "a");
	check_str(owner(old, "system.slice/oomwarden-canary-a.service"), "canary:a");
	check_str(find_rule(old, "canary:a")->ladder[0].text, "notify");
}

/* A canary more or less is another configuration; another file time is none. */
TEST(the_sum_tells_them_apart)
{
	uint64_t sum;
	struct config *config;

	tree_reset();
	tree_write("low/rules.d/1.ini", "[Canary a]\nSize=16M\n");
	config = tree_load();
	sum = config->sum;
	config_free(config);
	config = tree_load();
	check(config->sum == sum);
	config_free(config);
	tree_write("low/rules.d/1.ini", "[Canary a]\nSize=17M\n");
	config = tree_load();
	check(config->sum != sum);
	config_free(config);
}

static const char *path_of(const char *slice)
{
	static char text[512];
	struct strbuf b = STRBUF(text);

	slice_add_path(slice, &b);
	return text;
}

TEST(where_slices_are)
{
	check_str(path_of("web.slice"), "web.slice");
	check_str(path_of("a-b-c.slice"), "a.slice/a-b.slice/a-b-c.slice");
	check_str(path_of("a\\x2db.slice"), "a\\x2db.slice");
	/* What the kernel's own files begin with. */
	check_str(path_of("memory.slice"), "_memory.slice");
	check_str(path_of("io-x.slice"), "_io.slice/io-x.slice");
	check_str(path_of("iox.slice"), "iox.slice");
	check_str(path_of("_x.slice"), "__x.slice");
	check(slice_is_within("web.slice", "web.slice"));
	check(slice_is_within("web-a.slice", "web.slice"));
	check(!slice_is_within("website.slice", "web.slice"));
	check(!slice_is_within("web.slice", "web-a.slice"));
}
