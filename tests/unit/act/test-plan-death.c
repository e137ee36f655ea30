/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The subject of a rule may be a canary. Its death says that the host is short: whatever may stand
 * in rules of both kinds plans the same for both, and is measured by the same. */

#include "test.h"

#include "candidates.h"

#include "act/action.h"
#include "act/outlook.h"
#include "util/diag.h"

static const struct subject host = { SCOPE_HOST, 0 }, canary = { SCOPE_CANARY, 4711 };

/* One at least of each action that rules on both may have. */
static const char *const lines[] = {
	"drop-slab",
	"freeze",
	"io-limit write=10M/s",
	"kill",
	"kill policy grace=1s",
	"kill canary",
	"limit down",
	"limit down whom=candidates setting=MemoryMax",
	"notify",
	"oom-score adjust=5",
	"oom-score protected adjust=-5",
	"reclaim",
	"reclaim candidates bytes=64M",
	"restart-unit",
	"restart-unit a.service",
	"start-unit rescue.service",
	"stop-unit",
	"stop-unit s1.service",
	"sysctl vm.swappiness value=1",
	"sysctl vm.dirty step=-10%",
	"thaw",
};

static void start(void)
{
	start_candidates(160 * MIB);
	snapshot.host.swap_present = true;
	snapshot.host.dirty_is_ratio = true;
	set_reading(snapshot.host.readings, METRIC_MEM_TOTAL, 32 * GIB);
	set_reading(snapshot.host.readings, METRIC_MEM_AVAILABLE, 1 * GIB);
	set_reading(snapshot.host.readings, METRIC_MEM_TIME_TO_EMPTY, 4000000);
	set_reading(snapshot.host.readings, METRIC_SWAP_FREE, 8 * GIB);
	set_reading(snapshot.host.readings, METRIC_MEM_SLAB_RECLAIMABLE, 1 * GIB);
	set_reading(snapshot.host.readings, METRIC_MEM_DIRTY_LIMIT, 800 * MIB);
	snapshot.host.sysctls[SETTING_DIRTY - SETTING_DIRTY] = reading_of(20);
	snapshot.host.sysctls[SETTING_SWAPPINESS - SETTING_DIRTY] = reading_of(60);
	for (int i = 0; i < 6; i++) {
		struct service *s = add_service(i % 3, (i + 1) * GIB);

		set_reading(s->readings, METRIC_SERVICE_SWAP, i * 100 * MIB);
		set_reading(s->readings, METRIC_SERVICE_DIRTY, 100 * MIB);
		s->io_device = 0x801;
	}
}

static void plan_for(struct subject subject, const struct action_call *call, struct plan *ret)
{
	context.subject = subject;
	run_plan(call);
	*ret = plan;
}

static void check_same_step(const char *line, const struct step *of_host,
			    const struct step *of_canary)
{
	const struct action *action = &actions[of_host->action];
	char text[2048];
	struct reading a, b;

	if (of_host->action != of_canary->action || of_host->target.key != of_canary->target.key ||
	    of_host->gain_metric != of_canary->gain_metric ||
	    of_host->expected_gain != of_canary->expected_gain)
		test_stop_(TEST_FAILED_, "%s: another step", line);
	snprintf(text, sizeof(text), "%s", words_of(of_host, true));
	check_str(words_of(of_canary, true), text);
	snprintf(text, sizeof(text), "%s", words_of(of_host, false));
	check_str(words_of(of_canary, false), text);
	if (!action->level)
		return;
	a = action->level(of_host, host, &snapshot);
	b = action->level(of_canary, canary, &snapshot);
	if (a.state != b.state || (a.state == READING_KNOWN && a.value != b.value))
		test_stop_(TEST_FAILED_, "%s: is measured otherwise", line);
}

TEST(a_rule_on_canaries_plans_as_one_on_the_host)
{
	static struct plan of_host, of_canary;
	size_t acting = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct diag_list diags = { 0 };
		struct action_call call;

		start();
		check_int(action_parse(lines[i], "f", 1, 1, &diags, &call), 0);
		check(action_call_scopes(&call) & 1U << SCOPE_CANARY);
		plan_for(host, &call, &of_host);
		plan_for(canary, &call, &of_canary);
		check_int(of_canary.step_count, of_host.step_count);
		check_int(of_canary.refusal_count, of_host.refusal_count);
		for (size_t s = 0; s < of_host.step_count; s++)
			check_same_step(lines[i], &of_host.steps[s], &of_canary.steps[s]);
		acting += of_host.step_count > 0;
		action_call_done(&call);
	}
	/* "thaw" has nothing to end; of the others each has done something. */
	check_int(acting, ARRAY_SIZE(lines) - 1);
}

TEST(no_action_is_left_out)
{
	for (int a = 0; a < ACTION_COUNT_; a++) {
		size_t length = strlen(actions[a].name), i = 0;

		if (!(actions[a].scopes & 1U << SCOPE_CANARY))
			continue;
		check(actions[a].scopes & 1U << SCOPE_HOST);
		while (i < ARRAY_SIZE(lines) && (strncmp(lines[i], actions[a].name, length) != 0 ||
						 (lines[i][length] && lines[i][length] != ' ')))
			i++;
		if (i == ARRAY_SIZE(lines))
			test_stop_(TEST_FAILED_, "%s is not tried", actions[a].name);
	}
}

TEST(it_has_as_long_as_the_host)
{
	start();
	check_int(outlook_time_to_empty(&snapshot, canary).value, 4000000);
	check_int(outlook_fall(&snapshot, canary), outlook_fall(&snapshot, host));
	check(outlook_fall(&snapshot, canary) > 0);
}
