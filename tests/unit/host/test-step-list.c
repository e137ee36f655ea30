/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "host/step_list.h"

static struct step_list list;

static void add(uint64_t id, enum step_order order)
{
	const struct step step = { .id = id, .order = order };

	step_list_add(&list, &step);
}

static void start(void)
{
	list = (struct step_list){ .end = 0 };
}

TEST(what_begins_or_gives_back_is_known_until_it_is_forgotten)
{
	start();
	add(1, STEP_START);
	add(2, STEP_UNDO);
	add(3, STEP_RESIZE);
	add(4, STEP_CANCEL);
	check_int(step_list_find(&list, 1)->id, 1);
	check_int(step_list_find(&list, 2)->order, STEP_UNDO);
	check(!step_list_find(&list, 3));
	check(!step_list_find(&list, 4));
	/* No step has it, and neither has a place that is free. */
	step_list_forget(&list, 1);
	check(!step_list_find(&list, 0));
	step_list_forget(&list, 0);
	step_list_forget(&list, 77);
	check(!step_list_find(&list, 1));
	check(step_list_find(&list, 2));
	step_list_forget(&list, 2);
	check_int(list.end, 0);
}

/* All places of the executor are taken, all that rules have set goes back, and plans go on. */
TEST(who_runs_for_long_is_not_forgotten_for_those_that_pass)
{
	uint64_t id = 1, passing;

	start();
	for (; id <= EXECUTOR_STEPS_MAX; id++)
		add(id, STEP_START);
	for (; id <= EXECUTOR_STEPS_MAX + ENGINE_CLAIMS_MAX; id++)
		add(id, STEP_UNDO);
	for (int tick = 0; tick < 20; tick++) {
		passing = id;
		for (int i = 0; i < PLAN_STEPS_MAX; i++)
			add(id++, STEP_START);
		for (; passing < id; passing++) {
			check(step_list_find(&list, passing));
			step_list_forget(&list, passing);
		}
	}
	for (uint64_t i = 1; i <= EXECUTOR_STEPS_MAX + ENGINE_CLAIMS_MAX; i++)
		check(step_list_find(&list, i));
}

TEST(of_one_too_many_the_oldest_is_forgotten)
{
	start();
	for (uint64_t id = 1; id <= STEP_LIST_MAX; id++)
		add(STEP_LIST_MAX + 1 - id, STEP_START);
	add(STEP_LIST_MAX + 1, STEP_START);
	check(!step_list_find(&list, 1));
	for (uint64_t id = 2; id <= STEP_LIST_MAX + 1; id++)
		check(step_list_find(&list, id));
}

static bool is_even(void *context, struct step *step)
{
	size_t *asked = context;

	++*asked;
	step->rule = 7;
	return step->id % 2 == 0;
}

TEST(some_may_be_taken_out_and_the_others_changed)
{
	size_t asked = 0;

	start();
	for (uint64_t id = 1; id <= 5; id++)
		add(id, STEP_START);
	step_list_forget(&list, 2);
	step_list_sift(&list, is_even, &asked);
	check_int(asked, 4);
	check_int(step_list_find(&list, 4)->rule, 7);
	check(!step_list_find(&list, 1));
	check(!step_list_find(&list, 5));
	check_int(list.end, 4);
}
