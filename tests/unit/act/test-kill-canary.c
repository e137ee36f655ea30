/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which canary is let go of, and who stands in for one. */

#include "test.h"

#include "canary-status.h"
#include "candidates.h"

enum { EARLY = OWN_POLICY, OTHER = SECOND_POLICY, CANARIES = 6 };

static struct canary_status canaries[CANARIES];

static void start(void)
{
	start_candidates(800 * MIB);
	policies[FIRST].kill = KILL_NEVER;
	memset(canaries, 0, sizeof(canaries));
	for (int i = EARLY; i <= OTHER; i++) {
		policies[i].kind = KIND_SYSTEM;
		policies[i].canary = (size_t)(i - EARLY) + 1;
	}
	snapshot.canaries = canaries;
}

/* Of the section that makes policy `policy`; armed ones are services as well. Node -1: anywhere. */
static struct canary_status *add_canary(int policy, const char *name, int node, int64_t bytes)
{
	struct canary_status *canary = &canaries[snapshot.canary_count++];

	*canary = canary_made(5000 + snapshot.canary_count, name, "oomwarden-canary-x.service",
			      node, bytes);
	canary->section = (size_t)(policy - EARLY);
	return canary;
}

static struct service *arm(struct canary_status *canary)
{
	int64_t bytes = canary->readings[metric_index(METRIC_CANARY_SIZE)].value;
	struct service *s = add_service(EARLY + (int)canary->section, bytes);

	s->path = "system.slice/oomwarden-canary-x.service";
	canary_hold(canary, service_key(s));
	return s;
}

static const struct action_call canary_call = {
	.action = ACTION_KILL,
	.values = { 1, 10 * USEC_PER_SEC },
};

static const struct step *plan_canary(void)
{
	check(action_call_is_canary(&canary_call));
	run_plan(&canary_call);
	check(plan.step_count <= 1);
	return plan.step_count ? &plan.steps[0] : NULL;
}

static const char *chosen(void)
{
	const struct step *step = plan_canary();

	return step ? step->target.name : "";
}

TEST(the_largest_on_the_host_and_at_once)
{
	const struct step *step;

	start();
	arm(add_canary(EARLY, "early:node0", 0, 64 * MIB));
	arm(add_canary(OTHER, "late", -1, 128 * MIB));
	add_service(NORMAL, 8 * GIB);
	step = plan_canary();
	check(step);
	check_str(step->target.name, "late");
	check_int(step->target.key, canaries[1].service);
	check(step->kill.is_canary);
	check(!action_destroys(step));
	check_int(step->kill.grace_usec, 0);
	check_int(step->gain_metric, METRIC_MEM_AVAILABLE);
	check_int(step->expected_gain, 128 * MIB);
	check_str(words_of(step, false), "kill canary late to free 128 MiB");
	check_str(words_of(step, true),
		  "SIGKILL to canary system.slice/oomwarden-canary-x.service");
	check_int(plan.refusal_count, 0);
}

TEST(on_a_node_what_it_holds_there)
{
	start();
	context.subject = (struct subject){ SCOPE_NODE, 1 };
	arm(add_canary(EARLY, "early:node0", 0, 512 * MIB));
	arm(add_canary(EARLY, "early:node1", 1, 64 * MIB));
	struct service *anywhere = arm(add_canary(OTHER, "late", -1, 128 * MIB));

	check_str(chosen(), "early:node1"); /* all of the other one is on node 0 */
	check_int(plan.steps[0].gain_metric, METRIC_NODE_HEADROOM);
	check_int(plan.steps[0].expected_gain, 64 * MIB);
	shares[anywhere - services][1].movable_bytes = 100 * MIB;
	check_str(chosen(), "late");
	check_int(plan.steps[0].expected_gain, 100 * MIB);
	context.subject.key = 0;
	check_str(chosen(), "early:node0");
}

TEST(for_a_service_only_one_that_shares_its_limit)
{
	start();
	arm(add_canary(EARLY, "early", -1, 512 * MIB));
	arm(add_canary(OTHER, "web", -1, 64 * MIB));
	canaries[1].slice = "web.slice";
	struct service *s = add_service(NEVER, 2 * GIB);

	s->path = "web.slice/shop.service";
	set_subject(service_key(s));
	context.goal.metric = METRIC_SERVICE_HEADROOM;
	set_reading(s->readings, METRIC_SERVICE_LIMIT, 2 * GIB);
	s->limit_length = (uint16_t)strlen("web.slice");
	check_str(chosen(), "web");
	check_int(plan.steps[0].gain_metric, METRIC_SERVICE_HEADROOM);
	check_int(plan.steps[0].expected_gain, 64 * MIB);
	/* A limit of its own is met without the slice. */
	s->limit_length = (uint16_t)strlen(s->path);
	check(!plan_canary());
	check(is_only_refusal(0, REFUSE_NO_CANARY));
	/* One further up is met by both. */
	s->path = "web.slice/web-shop.slice/shop.service";
	s->limit_length = (uint16_t)strlen("web.slice");
	check_str(chosen(), "web");
	canaries[1].slice = "web-shop.slice";
	check_str(chosen(), "web");
	canaries[1].slice = "web-else.slice";
	check(!plan_canary());
}

TEST(in_a_dry_run_as_if_it_were_armed)
{
	const struct step *step;

	start();
	add_canary(EARLY, "early", -1, 64 * MIB);
	check(!plan_canary());
	check(is_only_refusal(0, REFUSE_NO_CANARY));
	context.mode = MODE_DRY_RUN;
	policies[EARLY].mode = MODE_DRY_RUN;
	step = plan_canary();
	check(step);
	check_int(step->expected_gain, 64 * MIB);
	check_int(step->target.key, canaries[0].key);
	check_str(words_of(step, true),
		  "SIGKILL to canary system.slice/oomwarden-canary-x.service");
	check_int(actions[ACTION_KILL].level(step, context.subject, &snapshot).value, 64 * MIB);
	/* Not one that is really dead. */
	set_reading(canaries[0].readings, METRIC_CANARY_DEAD, 1);
	check(!plan_canary());
	set_reading(canaries[0].readings, METRIC_CANARY_DEAD, 0);
	taken_from = canaries[0].key;
	taken = UINT64_MAX;
	check(!plan_canary());
}

TEST(the_mode_of_its_section_decides)
{
	start();
	policies[EARLY].mode = MODE_DRY_RUN;
	arm(add_canary(EARLY, "early", -1, 512 * MIB));
	arm(add_canary(OTHER, "late", -1, 64 * MIB));
	check_str(chosen(), "late");
	context.mode = MODE_DRY_RUN;
	check_str(chosen(), "early");
}

TEST(one_that_another_step_has_is_waited_for)
{
	start();
	arm(add_canary(EARLY, "early", -1, 512 * MIB));
	busy_service = canaries[0].service;
	policies[FIRST].kill = KILL_FIRST;
	add_service(FIRST, 2 * GIB);
	check(!plan_canary());
	check(is_only_refusal(canaries[0].service, REFUSE_BUSY));
	arm(add_canary(OTHER, "late", -1, 64 * MIB));
	check_str(chosen(), "late");
}

/* Whoever is waited for is waited for, whether or not there is room to say so. */
TEST(one_that_nothing_more_can_be_said_of_is_waited_for)
{
	start();
	arm(add_canary(EARLY, "early", -1, 512 * MIB));
	busy_service = canaries[0].service;
	policies[FIRST].kill = KILL_FIRST;
	add_service(FIRST, 2 * GIB);
	plan_reset(&plan);
	for (size_t i = 0; i < PLAN_REFUSALS_MAX; i++)
		plan_add_refusal(&plan, (struct refusal_note){ .service = 1 + i });
	actions[ACTION_KILL].plan(&context, &canary_call, &plan);
	check_int(plan.step_count, 0);
	check_int(plan.refusals_dropped, 1);
}

static bool may_destroy;

static bool answer_destroy(void *engine)
{
	(void)engine;
	return may_destroy;
}

TEST(services_named_first_stand_in)
{
	const struct step *step;

	start();
	arm(add_canary(EARLY, "early:node0", 0, 64 * MIB));
	context.subject = (struct subject){ SCOPE_NODE, 1 };
	policies[FIRST].kill = KILL_FIRST;
	add_service(NORMAL, 4 * GIB);
	struct service *first = add_service(FIRST, 2 * GIB);

	shares[first - services][1].movable_bytes = 1 * GIB;
	shares[first - services - 1][1].movable_bytes = 4 * GIB;
	step = plan_canary();
	check(step);
	check_int(step->target.key, service_key(first));
	check(!step->kill.is_canary);
	check(action_destroys(step));
	check_int(step->kill.grace_usec, 10 * USEC_PER_SEC);
	context.may_destroy = answer_destroy;
	may_destroy = false;
	check(!plan_canary());
	check_int(plan.refusal_count, 0); /* whoever says no says why */
	may_destroy = true;
	check(plan_canary());
	/* A canary that is there goes first. */
	context.subject.key = 0;
	check_str(chosen(), "early:node0");
}

TEST(nobody_at_all)
{
	start();
	arm(add_canary(EARLY, "early:node0", 0, 64 * MIB));
	context.subject = (struct subject){ SCOPE_NODE, 1 };
	add_service(NORMAL, 4 * GIB);
	check(!plan_canary());
	check(is_only_refusal(0, REFUSE_NO_CANARY));
	policies[FIRST].kill = KILL_FIRST;
	check(!plan_canary());
	check(is_only_refusal(0, REFUSE_NO_CANARY));
}

TEST(without_any_section_the_line_is_not_there)
{
	start();
	policies[EARLY].canary = policies[OTHER].canary = 0;
	add_service(NORMAL, 4 * GIB);
	check(!plan_canary());
	check_int(plan.refusal_count, 0);
}

TEST(nobody_else_chooses_a_canary)
{
	static const struct action_call kill = {
		.action = ACTION_KILL,
		.values = { 0, 10 * USEC_PER_SEC },
	};
	const struct action_call score = {
		.action = ACTION_OOM_SCORE,
		.values = { 2, -500 },
	};

	start();
	arm(add_canary(EARLY, "early", -1, 4 * GIB));
	run_plan(&kill);
	check(is_only_refusal(0, REFUSE_NO_CANDIDATE));
	run_plan(&score); /* of all with Kill=never: it is to die first */
	check_int(plan.step_count, 0);
}

TEST(a_dead_one_has_given_all)
{
	struct step step;

	start();
	arm(add_canary(EARLY, "early", -1, 64 * MIB));
	check(plan_canary());
	step = plan.steps[0];
	check_int(actions[ACTION_KILL].level(&step, context.subject, &snapshot).value, 64 * MIB);
	snapshot.service_count = 0; /* which its status has not heard of yet */
	check(!plan_canary());
	check_int(actions[ACTION_KILL].level(&step, context.subject, &snapshot).value, 0);
	canaries[0].service = 0;
	set_reading(canaries[0].readings, METRIC_CANARY_HELD, 0);
	set_reading(canaries[0].readings, METRIC_CANARY_DEAD, 1);
	check_int(actions[ACTION_KILL].level(&step, context.subject, &snapshot).value, 0);
}

TEST(a_grown_line_makes_no_second_step)
{
	start();
	arm(add_canary(EARLY, "early", -1, 64 * MIB));
	context.is_regrown = true;
	check(!plan_canary());
	check_int(plan.refusal_count, 0);
}
