/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The whole configuration as one generation: loaded completely or not at all. config_load() reports
 * every fault it finds; the caller keeps the generation it had.
 */

#include "act/action.h"
#include "core/canary.h"
#include "core/policy.h"
#include "rule/expr.h"
#include "util/diag.h"

#include <stdbool.h>

#define RULE_WHEN_MAX 8
/* Kills that the engine remembers, so the largest budget that it can keep. */
#define KILL_BUDGET_MAX 64

struct rule {
	char *name;
	char *description;
	char *file;
	enum scope on;
	struct expr *when[RULE_WHEN_MAX]; /* all must be true */
	size_t when_count;
	struct expr *until; /* NULL: not When */
	usec_t for_usec;
	usec_t cooldown_usec;
	usec_t step_wait_usec;
	int priority; /* lower first; default 500 */
	/* On=canary: the section whose canaries it is about, plus one; 0: all. OnDeath= of that
	 * section makes such a rule. */
	size_t canary;
	/* Its ladder is gone up once for each time that it fires, and rests for no longer than it
	 * goes on firing. */
	bool once;
	unsigned kinds; /* bits 1 << enum service_kind; On=service: whom it is about */
	bool *policies; /* by policy index; NULL: all */
	struct action_call *ladder;
	size_t ladder_count;
	enum mode mode;
	bool paused; /* by the operator; not of the file, host/ says it */
};

struct config {
	enum mode mode;
	/* By the operator; not of the files, host/ says it. One more voice beside Mode=. */
	bool paused;
	bool some_service_paused;
	bool enforce_all; /* EnforceActions= empty: every action acts when enforcing */
	bool enforce_actions[ACTION_COUNT_];
	unsigned kill_budget_count;
	usec_t kill_budget_window_usec;
	struct policy_table policies;
	struct rule *rules; /* by file, section */
	size_t rule_count;
	struct canary *canaries; /* sections */
	size_t canary_count;
	/* Of the names and contents of the files that it was read from, in their order: the same
	 * only where nothing was written (util/sum.h). */
	uint64_t sum;
};

#define CONFIG_DIRECTORIES_MAX 8

/* Later directories mask earlier ones by file name. */
struct config_path {
	const char *directories[CONFIG_DIRECTORIES_MAX];
	size_t count;
};

/* /usr/lib/oomwarden, /usr/local/lib/oomwarden, /run/oomwarden, /etc/oomwarden. */
extern const struct config_path config_path_default;

/* What sections stand for: without the policies and rules that canaries make. */
size_t config_policy_count(const struct config *config);
size_t config_rule_count(const struct config *config);

/* Marks every metric that a rule reads, or all rules; the others are left as they are. */
void rule_mark_metrics(const struct rule *rule, bool marks[METRIC_COUNT_]);
void config_mark_metrics(const struct config *config, bool marks[METRIC_COUNT_]);

/* 0 and *ret, or -EINVAL with at least one fault in diags, or another -errno (with a fault too). */
int config_load(const struct config_path *path, struct diag_list *diags, struct config **ret);
/* `oomwarden check FILE…`: each file alone, by its place or sections; policies that rules name are
 * looked up in `path`. */
int config_check_file(const char *file, const struct config_path *path, struct diag_list *diags);
struct config *config_free(struct config *config);
static inline void config_freep(struct config **c)
{
	*c = config_free(*c);
}
