/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of actions. How a Do= line is read against it: action_parse.c. */

#include "act/action.h"

#include "act/plan_halves.h"

#include <string.h>

#define ON_SERVICE (1U << SCOPE_SERVICE)
#define ON_NODE	   (1U << SCOPE_NODE)
#define ON_HOST	   (1U << SCOPE_HOST)
#define ON_CANARY  (1U << SCOPE_CANARY)
/* The death of a canary says that the host is short: what a rule on that may do, one on canaries
 * may. */
#define ON_WHOLE     (ON_HOST | ON_CANARY)
#define ON_ANY	     (ON_WHOLE | ON_NODE | ON_SERVICE)
#define BIT(setting) (UINT32_C(1) << (setting))

/* A freeze that nobody ends must not outlive what a client of the service waits for. */
#define FREEZE_MAX_USEC (5 * USEC_PER_MIN)
/* A slower writer holds the journal of its filesystem for so long that all others wait as well. */
#define WRITE_RATE_MIN_BYTES (INT64_C(1) << 20)

enum { KILL_BY_POLICY, KILL_CANARY };
static const char *const kill_words[] = {
	[KILL_BY_POLICY] = "policy",
	[KILL_CANARY] = "canary",
	NULL,
};

static const char *const whom_words[] = { "subject", "candidates", NULL };
static const unsigned whom_scopes[] = { ON_SERVICE, ON_ANY };

static const char *const limit_words[] = { "down", "up", NULL };
static const unsigned limit_scopes[] = { ON_ANY, ON_SERVICE };

static const char *const score_words[] = { "subject", "candidates", "protected", NULL };
static const unsigned score_scopes[] = { ON_SERVICE, ON_ANY, ON_ANY };

static const char *const reclaim_words[] = { "subject", "candidates", NULL };
static const unsigned reclaim_scopes[] = { ON_SERVICE | ON_NODE, ON_ANY };

/* A target or a slice holds more than anybody means to stop; a device or a mount is no remedy. */
static const char *const stopped_types[] = { ".service", ".scope", ".socket",
					     ".timer",	 ".path",  NULL };
static const char *const restarted_types[] = { ".service", ".socket", ".timer", ".path", NULL };
static const char *const started_types[] = { ".service", ".socket", ".target", ".timer",
					     ".path",	 ".mount",  ".swap",   NULL };

#define WHOM                                                                                       \
	.type = ARG_WORD, .words = whom_words, .word_scopes = whom_scopes, .is_optional = true,    \
	.meaning =                                                                                 \
		"the rule's own service, or the first that Kill= and Rank= of the policies name; " \
		"without it the subject in rules on services, else candidates"

const struct action actions[ACTION_COUNT_] = {
	[ACTION_ARM] = {
		.name = "arm",
		.summary = "starts a canary; every section [Canary NAME] does it, no rule can ask for it. It acts "
			   "where kill does",
		.reversible = true,
		.undone_by_remedy = true,
		.is_internal = true,
		.describe = arm_describe,
		.writes = arm_writes,
	},
	[ACTION_COMPACT] = {
		.name = "compact",
		.summary = "makes larger blocks of a node's free memory, by moving what lies between",
		.scopes = ON_NODE,
		.args = {
			{ .name = "order", .type = ARG_NUMBER, .fallback = "3", .least = 1, .most = 10,
			  .meaning = "of the blocks that are wanted: 2 to this power pages" },
		},
		.arg_count = 1,
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = compact_plan,
		.level = compact_level,
		.level_at = compact_level_at,
		.describe = compact_describe,
		.writes = compact_writes,
	},
	[ACTION_DROP_SLAB] = {
		.name = "drop-slab",
		.summary = "drops the reclaimable slab of the host: names and inodes of files, which programs "
			   "then read again",
		.scopes = ON_WHOLE,
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = drop_slab_plan,
		.level = drop_slab_level,
		.level_at = drop_slab_level_at,
		.describe = drop_slab_describe,
		.writes = drop_slab_writes,
	},
	[ACTION_FREEZE] = {
		.name = "freeze",
		.summary = "stops all processes of one service until its rule clears, or max= is over",
		.reversible = true,
		.sets = true,
		.scopes = ON_ANY,
		.args = {
			{ WHOM },
			{ .name = "max", .type = ARG_DURATION, .fallback = "30s",
			  .least = 1 * USEC_PER_SEC, .most = FREEZE_MAX_USEC,
			  .meaning = "thawed then, whatever happens" },
		},
		.arg_count = 2,
		.plan = freeze_plan,
		.describe = setting_describe,
		.writes = setting_writes,
	},
	[ACTION_HOLD] = {
		.name = "hold",
		.summary = "keeps what a policy sets on a service in force; every policy with settings does it, "
			   "no rule can ask for it",
		.reversible = true,
		.is_internal = true,
		.sets = true,
		.describe = setting_describe,
		.writes = setting_writes,
	},
	[ACTION_HUGETLB_SHRINK] = {
		.name = "hugetlb-shrink",
		.summary = "gives idle huge pages of a node's pool back to the node; those in use or reserved stay",
		.reversible = true,
		.sets = true,
		.scopes = ON_NODE,
		.args = {
			{ .name = "bytes", .type = ARG_AMOUNT, .fallback = "until-clear",
			  .meaning = "how much, or what Until= is short of" },
		},
		.arg_count = 1,
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = hugetlb_shrink_plan,
		.level = hugetlb_shrink_level,
		.describe = setting_describe,
		.writes = setting_writes,
	},
	[ACTION_IO_LIMIT] = {
		.name = "io-limit",
		.summary = "limits how fast one service writes to the disk that it writes to most",
		.reversible = true,
		.sets = true,
		.scopes = ON_WHOLE | ON_SERVICE,
		.args = {
			{ WHOM },
			{ .name = "write", .type = ARG_RATE, .least = WRITE_RATE_MIN_BYTES, .most = INT64_MAX,
			  .meaning = "bytes a second, such as 10M/s" },
		},
		.arg_count = 2,
		.plan = io_limit_plan,
		.describe = setting_describe,
		.writes = setting_writes,
	},
	[ACTION_KILL] = {
		.name = "kill",
		.summary = "policy: ends one service that its policy names for it, by SIGTERM, then SIGKILL; canary: has one "
			   "give back what it holds, at once, and without one takes a service with Kill=first",
		.reversible = false,
		.destructive = true,
		.scopes = ON_ANY,
		.args = {
			{ .type = ARG_WORD, .words = kill_words, .fallback = "policy",
			  .meaning = "whom: as Kill= and Rank= of the policies say, or the canary that frees most where it is "
				     "needed, which is no kill for KillBudget=" },
			{ .name = "grace", .type = ARG_DURATION, .fallback = "10s",
			  .meaning = "between SIGTERM and SIGKILL; shorter when memory ends sooner, also while it runs" },
		},
		.arg_count = 2,
		/* The processes are gone when it ends; their pages are on the free lists within this. */
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = kill_plan,
		.level = kill_level,
		.describe = kill_describe,
		.writes = kill_writes,
	},
	[ACTION_LIMIT] = {
		.name = "limit",
		.summary = "down: slows one service by a limit just below its use, step by step; up: raises the limit "
			   "that holds a service back, at most to MemoryMaxCeiling= of its policy",
		.reversible = true,
		.sets = true,
		.scopes = ON_ANY,
		.args = {
			{ .type = ARG_WORD, .words = limit_words, .word_scopes = limit_scopes, .meaning = "which way" },
			{ .name = "whom", WHOM },
			{ .name = "setting", .type = ARG_SETTING, .is_optional = true,
			  .setting_bits = BIT(SETTING_MEMORY_HIGH) | BIT(SETTING_MEMORY_MAX) | BIT(SETTING_MEMORY_SWAP_MAX),
			  .meaning = "which limit; without it down sets MemoryHigh, and up raises the one that is met" },
			{ .name = "step", .type = ARG_PERMILLE, .fallback = "10%", .least = 10, .most = 500,
			  .meaning = "by which part at a time" },
		},
		.arg_count = 4,
		.check = limit_check,
		/* What the limit takes is reclaimed before the step ends. */
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = limit_plan,
		.level = limit_level,
		.describe = setting_describe,
		.writes = setting_writes,
	},
	[ACTION_MIGRATE] = {
		.name = "migrate",
		.summary = "moves memory of services off the starved node to a node that has room",
		.reversible = false,
		.destructive = false,
		.scopes = ON_NODE,
		.args = {
			{ .name = "bytes", .type = ARG_AMOUNT, .fallback = "until-clear",
			  .meaning = "how much, or what Until= is short of" },
			{ .name = "to", .type = ARG_NODE, .fallback = "roomiest",
			  .meaning = "a node, or the one with most room that the service may use" },
		},
		.arg_count = 2,
		/* A moved page leaves its node at once; one sample later it shows. */
		.settle_usec = 200 * USEC_PER_MSEC,
		.plan = migrate_plan,
		.level = migrate_level,
		.describe = migrate_describe,
		.writes = migrate_writes,
	},
	[ACTION_NOTIFY] = {
		.name = "notify",
		.summary = "says it, in one structured record of the journal",
		.reversible = false,
		.destructive = false,
		.scopes = ON_ANY,
		.plan = notify_plan,
		.describe = notify_describe,
		.writes = notify_writes,
	},
	[ACTION_OOM_SCORE] = {
		.name = "oom-score",
		.summary = "has the kernel's OOM killer choose services sooner or later, by oom_score_adj of all "
			   "their processes",
		.reversible = true,
		.sets = true,
		.scopes = ON_ANY,
		.args = {
			{ .type = ARG_WORD, .words = score_words, .word_scopes = score_scopes, .is_optional = true,
			  .meaning = "the rule's own service, all that Kill= of the policies names, or all with Kill=never; "
				     "without it the subject in rules on services, else candidates" },
			{ .name = "adjust", .type = ARG_NUMBER, .least = -999, .most = 1000,
			  .meaning = "above 0 sooner, below 0 later" },
		},
		.arg_count = 2,
		.check = oom_score_check,
		.plan = oom_score_plan,
		.describe = setting_describe,
		.writes = setting_writes,
	},
	[ACTION_RECLAIM] = {
		.name = "reclaim",
		.summary = "has the kernel reclaim memory of services, or of the rule's node where it can",
		.scopes = ON_ANY,
		.args = {
			{ .type = ARG_WORD, .words = reclaim_words, .word_scopes = reclaim_scopes, .is_optional = true,
			  .meaning = "the rule's own service or node, or those that Kill= and Rank= of the policies name; "
				     "without it the subject in rules on services, else candidates" },
			{ .name = "bytes", .type = ARG_AMOUNT, .fallback = "until-clear",
			  .meaning = "how much, or what Until= is short of" },
		},
		.arg_count = 2,
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = reclaim_plan,
		.level = reclaim_level,
		.describe = reclaim_describe,
		.writes = reclaim_writes,
	},
	[ACTION_RESTART_UNIT] = {
		.name = "restart-unit",
		.summary = "restarts a systemd unit in an orderly way",
		.destructive = true,
		.scopes = ON_ANY,
		.args = {
			{ .type = ARG_UNIT, .words = restarted_types, .is_optional = true,
			  .meaning = "its name; without one the unit of the subject, or of the first candidate" },
		},
		.arg_count = 1,
		.check = unit_step_check,
		.settle_usec = 2 * USEC_PER_SEC,
		.plan = unit_step_plan,
		.level = unit_step_level,
		.describe = unit_step_describe,
		.writes = unit_step_writes,
	},
	[ACTION_START_UNIT] = {
		.name = "start-unit",
		.summary = "starts a systemd unit: how anything else is run",
		.finds_guest = true,
		.scopes = ON_ANY,
		.args = {
			{ .type = ARG_UNIT, .words = started_types,
			  .meaning = "the name of a unit; %guest, %service and %node in it stand for the subject's, escaped; "
				     "%guest in a rule on a node for one that has memory there" },
		},
		.arg_count = 1,
		.plan = start_unit_plan,
		.describe = start_unit_describe,
		.writes = start_unit_writes,
	},
	[ACTION_STOP_UNIT] = {
		.name = "stop-unit",
		.summary = "stops a systemd unit in an orderly way",
		.destructive = true,
		.scopes = ON_ANY,
		.args = {
			{ .type = ARG_UNIT, .words = stopped_types, .is_optional = true,
			  .meaning = "its name; without one the unit of the subject, or of the first candidate" },
		},
		.arg_count = 1,
		.check = unit_step_check,
		.settle_usec = 1 * USEC_PER_SEC,
		.plan = unit_step_plan,
		.level = unit_step_level,
		.describe = unit_step_describe,
		.writes = unit_step_writes,
	},
	[ACTION_SYSCTL] = {
		.name = "sysctl",
		.summary = "sets one of the kernel's knobs that are allowed, or changes it by a part. Those of dirty "
			   "memory are tightened only, by at most a quarter at a time, never below 64 MiB or 1 s",
		.reversible = true,
		.sets = true,
		.scopes = ON_WHOLE,
		.args = {
			{ .type = ARG_SETTING,
			  .setting_bits = BIT(SETTING_DIRTY) | BIT(SETTING_DIRTY_BACKGROUND) | BIT(SETTING_DIRTY_EXPIRE) |
					  BIT(SETTING_DIRTY_WRITEBACK) | BIT(SETTING_SWAPPINESS) | BIT(SETTING_VFS_CACHE_PRESSURE) |
					  BIT(SETTING_WATERMARK_SCALE) | BIT(SETTING_COMPACTION_PROACTIVENESS),
			  .meaning = "the name of the knob" },
			{ .name = "value", .type = ARG_NUMBER, .is_optional = true, .least = 0, .most = INT64_MAX,
			  .meaning = "what it is to be; of vm.dirty and vm.dirty_background in bytes" },
			{ .name = "step", .type = ARG_PERMILLE, .is_optional = true, .least = -900, .most = 1000,
			  .meaning = "or by which part of what it is" },
		},
		.arg_count = 3,
		.check = sysctl_check,
		.plan = sysctl_plan,
		.describe = setting_describe,
		.writes = setting_writes,
	},
	[ACTION_THAW] = {
		.name = "thaw",
		.summary = "ends what freeze of the same rule did, before that clears",
		.scopes = ON_ANY,
		.plan = thaw_plan,
		.describe = thaw_describe,
		.writes = thaw_writes,
	},
};

int action_find(const char *name)
{
	for (int i = 0; i < ACTION_COUNT_; i++)
		if (!actions[i].is_internal && strcmp(actions[i].name, name) == 0)
			return i;
	return -1;
}

bool action_call_is_canary(const struct action_call *call)
{
	return call->action == ACTION_KILL && call->values[0] == KILL_CANARY;
}

bool action_destroys(const struct step *step)
{
	return actions[step->action].destructive &&
	       !(step->action == ACTION_KILL && step->kill.is_canary);
}
