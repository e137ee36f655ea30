/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/record.h"

#include "core/policy_size.h"
#include "engine/line.h"
#include "host/recovery.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

/* What an agent before this one has left is given back before anything else is done, for so long.
 */
#define RECOVERY_USEC (20 * USEC_PER_SEC)

static void say(const struct warden *w, bool is_fault, const char *line)
{
	if (w->options.say)
		w->options.say(w->options.publish_context, is_fault, line);
}

static void say_return(void *context, const struct ledger_entry *entry,
		       const struct outcome *outcome)
{
	const struct warden *w = context;
	char line[PATH_BYTES + 2 * NAME_BYTES];
	struct strbuf out = STRBUF(line);

	/* Nobody has a step for it, and no event may tell of it. */
	sense_note_written(w->sense, setting_service_key(&entry->on));
	recovery_line(entry, outcome, &out);
	say(w, outcome->state != OUTCOME_DONE, line);
}

static bool is_same_name(const char *name, const struct claim_owner *owner)
{
	return strncmp(name, owner->name, sizeof(owner->name) - 1) == 0;
}

/* Of a limit of writing, that of the same disk. */
static const struct policy_setting *find_setting(const struct policy *policy,
						 const struct setting_target *on)
{
	for (size_t i = 0; i < policy->setting_count; i++)
		if (policy->settings[i].id == on->id &&
		    (on->id != SETTING_IO_WRITE_MAX ||
		     policy->settings[i].device_number == on->detail))
			return &policy->settings[i];
	return NULL;
}

/* Does a policy still ask for it? Rules start over, and will ask again. */
static bool is_asked_for(void *context, const struct ledger_entry *entry,
			 const struct ledger_claim *claim)
{
	const struct warden *w = context;
	const struct config *config = w->config;
	int i = policy_table_match(&config->policies, entry->path);
	const struct policy_setting *setting;
	const struct policy *policy;

	if (claim->owner.kind != CLAIM_POLICY || i < 0)
		return false;
	policy = &config->policies.policies[i];
	setting = find_setting(policy, &entry->on);
	return is_same_name(policy->name, &claim->owner) && setting &&
	       policy_setting_may_have(setting, &claim->value) && policy->mode == MODE_ENFORCE &&
	       config->mode == MODE_ENFORCE && !config->paused &&
	       !pause_has_service(&w->paused, entry->path) && line_acts(config, ACTION_HOLD);
}

/* Before the record is opened for good: what changes it here is not seen by who has it open. */
static void recover_left(struct warden *w)
{
	const struct recovery recovery = { .patience_usec = RECOVERY_USEC,
					   .say = w->options.say,
					   .context = w->options.publish_context };
	size_t left = 0;
	int r = recovery_run_apart(w->runtime, &w->root, &w->layout, &recovery, &left);

	if (r < 0)
		say(w, true, "what an earlier agent has set could not be given back at once");
	else if (left > 0)
		say(w, true, "some of what an earlier agent has set is still to be given back");
}

static int look_at_ledger(struct warden *w, size_t *ret_count)
{
	bool was_bad;
	int r = runtime_open_ledger(w->runtime, &w->ledger, &was_bad);

	if (r < 0)
		return r;
	if (was_bad)
		say(w, true,
		    "part of the record of what was set cannot be read, and was set aside "
		    "as ledger.bad");
	*ret_count = ledger_count(w->ledger);
	return 0;
}

static int open_ledger(struct warden *w)
{
	size_t count;
	int r = look_at_ledger(w, &count);

	if (r < 0 || count == 0)
		return r;
	w->ledger = ledger_free(w->ledger);
	recover_left(w);
	return look_at_ledger(w, &count);
}

static void say_fault(const struct warden *w, const char *what, int error)
{
	char line[192];
	struct strbuf out = STRBUF(line);

	strbuf_addf(&out, "%s: %s", what, strerrordesc_np(-error));
	say(w, true, line);
}

/* Without it there are still all remedies that set nothing. */
void record_open(struct warden *w)
{
	int r = runtime_fault(w->runtime);

	if (r < 0)
		say_fault(w,
			  "nothing is kept over a restart, and who asks this agent has no answer",
			  r);
	if (!w->options.act || !w->root.live)
		return;
	r = open_ledger(w);
	if (r < 0)
		say_fault(w,
			  "there can be no record of what is set, so until the next start nothing "
			  "is set",
			  r);
}

void record_use_config(struct warden *w, usec_t now)
{
	executor_set_policies(w->executor, &w->config->policies);
	executor_release(w->executor, is_asked_for, w, now);
}

static bool is_asked_for_still(void *context, const struct ledger_entry *entry,
			       const struct ledger_claim *claim)
{
	/* What a rule has set goes with the rule: the engine says so. */
	return claim->owner.kind == CLAIM_REMEDY || is_asked_for(context, entry, claim);
}

void record_use_pauses(struct warden *w, usec_t now)
{
	executor_release(w->executor, is_asked_for_still, w, now);
}

void record_use(struct warden *w, usec_t now)
{
	executor_watch_returns(w->executor, say_return, w);
	executor_set_ledger(w->executor, w->ledger, now);
	record_use_config(w, now);
}

bool record_gives_back(const struct warden *w)
{
	for (ssize_t i = w->ledger ? ledger_next(w->ledger, 0) : -1; i >= 0;
	     i = ledger_next(w->ledger, (size_t)i + 1))
		if (ledger_state(w->ledger, (size_t)i) == ENTRY_RETURNING)
			return true;
	return false;
}
