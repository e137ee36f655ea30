/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is about a node or the host and no service: compact, hugetlb-shrink, drop-slab. */

#include "test.h"

#include "context.h"

static struct action_call call;

static void start(enum action_id action, int64_t value)
{
	start_machine(2);
	call = (struct action_call){ .action = action, .values = { value } };
}

static const struct step *only_step(void)
{
	run_plan(&call);
	check(plan.step_count <= 1);
	return plan.step_count ? &plan.steps[0] : NULL;
}

static struct reading level(const struct step *step)
{
	return actions[call.action].level(step, context.subject, &snapshot);
}

static void start_compact(int64_t order)
{
	start(ACTION_COMPACT, order);
	set_reading(nodes[0].readings, METRIC_NODE_FREE, 1 * GIB);
	set_reading(nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_2, 2500);
	set_reading(nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_3, 5000);
	set_reading(nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_9, 10000);
}

TEST(compaction_is_measured_by_free_memory_that_is_of_no_use)
{
	start_compact(3);
	const struct step *step = only_step();

	check(step);
	check_int(step->relief.node, 0);
	check_int(step->relief.order, 3);
	check_str(step->target.path, "");
	check_int(step->target.policy, -1);
	check_int(level(step).value, 512 * MIB);
	check_int(step->expected_gain, 256 * MIB);
	check_int(step->gain_metric, METRIC_NONE); /* no memory is had by it */
	check_str(words_of(step, false), "compact node 0 for blocks of order 3");
	check_str(words_of(step, true), "compact of node 0: 1");
	set_reading(nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_3, 1000);
	check_int(level(step).value, 107374182);
	context.subject.key = 1;
	check_int(level(step).state, READING_UNKNOWN);
}

TEST(the_index_of_an_order)
{
	static const struct {
		int64_t order, bytes;
	} orders[] = { { 1, 256 * MIB }, { 2, 256 * MIB }, { 3, 512 * MIB },
		       { 4, 1 * GIB },	 { 9, 1 * GIB },   { 10, 1 * GIB } };

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		start_compact(orders[i].order);
		check(only_step());
		check_int(level(&plan.steps[0]).value, orders[i].bytes);
	}
}

TEST(when_there_is_nothing_to_compact)
{
	start_compact(3);
	set_reading(nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_3, 100); /* 10 MiB */
	check(!only_step());
	check(is_only_refusal(0, REFUSE_GAIN));
	nodes[0].readings[metric_index(METRIC_NODE_UNUSABLE_ORDER_3)] = READING_NONE;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_UNSUPPORTED));
	start_compact(3);
	barred_line = true;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_BARRED));
	start_compact(3);
	under_way[0] = (struct step){ .action = ACTION_COMPACT };
	under_way_count = 1;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_BUSY));
	under_way[0].relief.node = 1;
	check(only_step());
	context.subject.key = 9; /* gone */
	check(!only_step());
	check_int(plan.refusal_count, 0);
}

TEST(what_has_no_target_is_meant_by_its_line)
{
	start_compact(3);
	context.mode = MODE_DRY_RUN;
	check(!only_step());
	check_int(plan.refusal_count, 0);
	context.enforced = false;
	check(only_step());
	context.is_regrown = true;
	check(!only_step());
}

/* 2,000 pages of 2 MiB, 1,000 of them idle. */
static void start_shrink(int64_t bytes)
{
	start(ACTION_HUGETLB_SHRINK, bytes);
	context.goal = (struct goal){ true, METRIC_NODE_HEADROOM, 160 * MIB };
	nodes[0].huge_page_bytes = 2 * MIB;
	nodes[0].huge_pages = 2000;
	nodes[0].huge_pages_free = 1000;
}

TEST(idle_huge_pages_go_back)
{
	start_shrink(ARG_UNTIL_CLEAR);
	const struct step *step = only_step();

	check(step);
	check_int(step->setting.on.id, SETTING_HUGE_PAGES);
	check_int(step->setting.on.key, 0);
	check_int(step->setting.on.detail, 2 * MIB);
	check_int(step->setting.wanted.number, 1910); /* 180 MiB, with the margin */
	check_int(step->setting.was.number, 2000);
	check_int(step->expected_gain, 180 * MIB);
	check_int(step->gain_metric, METRIC_NODE_HEADROOM);
	check_int(level(step).value, 4000 * MIB);
	check_str(words_of(step, false), "huge pages of 2 MiB on node 0: 1910, now 2000");
	check_str(words_of(step, true), "nr_hugepages of node 0, pages of 2048 kB: 1910");
	call.values[0] = 1;
	check_int(only_step()->setting.wanted.number, 1999); /* a page at least */
	check_int(plan.steps[0].expected_gain, 2 * MIB);
	call.values[0] = 100 * GIB;
	check_int(only_step()->setting.wanted.number, 1000);
}

TEST(used_and_promised_huge_pages_stay)
{
	start_shrink(100 * GIB);
	nodes[0].huge_pages_reserved = 900;
	check_int(only_step()->setting.wanted.number, 1900);
	nodes[0].huge_pages_reserved = 1200; /* of other nodes too */
	check(!only_step());
	check(is_only_refusal(0, REFUSE_GAIN));
	nodes[0].huge_pages_reserved = 0;
	nodes[0].huge_pages_free = 0;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_GAIN));
	nodes[0].huge_pages_free = 3000; /* read at another time than the pool */
	check_int(only_step()->setting.wanted.number, 0);
	nodes[0].huge_page_bytes = 0;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_GAIN));
}

TEST(a_pool_shrinks_on_from_what_was_set)
{
	const struct setting_target on = { SETTING_HUGE_PAGES, 0, 2 * MIB };

	start_shrink(100 * GIB);
	add_claim(on, 1400); /* the snapshot does not show it yet */
	check_int(only_step()->setting.wanted.number, 1000);
	nodes[0].huge_pages = 1400;
	nodes[0].huge_pages_free = 400;
	check_int(only_step()->setting.wanted.number, 1000);
	under_way[0] = (struct step){ .action = ACTION_HUGETLB_SHRINK };
	under_way[0].setting.on = on;
	under_way_count = 1;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_BUSY));
	under_way_count = 0;
	call.values[0] = ARG_UNTIL_CLEAR;
	context.relief_bytes = 1 * GIB;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_BUSY));
}

TEST(a_pool_that_gave_nothing_lately_is_left_alone)
{
	start_shrink(ARG_UNTIL_CLEAR);
	barred_line = true;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_BARRED));
	barred_line = false;
	check(only_step());
}

TEST(the_level_of_a_pool_is_of_its_size)
{
	start_shrink(ARG_UNTIL_CLEAR);
	check(only_step());
	nodes[0].huge_page_bytes = 1 * GIB; /* another one is the largest now */
	check_int(level(&plan.steps[0]).state, READING_UNKNOWN);
	nodes[0].huge_page_bytes = 2 * MIB;
	nodes[0].huge_pages = 1910;
	check_int(level(&plan.steps[0]).value, 3820 * MIB);
}

TEST(gigantic_pages)
{
	start_shrink(ARG_UNTIL_CLEAR);
	nodes[0].huge_page_bytes = 1 * GIB;
	nodes[0].huge_pages = 8;
	nodes[0].huge_pages_free = 2;
	check_int(only_step()->setting.wanted.number, 7);
	check_int(plan.steps[0].expected_gain, 1 * GIB);
}

TEST(slab_is_dropped_where_there_is_some)
{
	start(ACTION_DROP_SLAB, 0);
	context.subject = (struct subject){ SCOPE_HOST, 0 };
	check(!only_step()); /* it is not known */
	check(is_only_refusal(0, REFUSE_GAIN));
	set_reading(snapshot.host.readings, METRIC_MEM_SLAB_RECLAIMABLE, 31 * MIB);
	check(!only_step());
	set_reading(snapshot.host.readings, METRIC_MEM_SLAB_RECLAIMABLE, 2 * GIB);
	check(only_step());
	check_int(plan.steps[0].expected_gain, 1 * GIB);
	check_int(plan.steps[0].gain_metric, METRIC_NONE); /* it counts as available */
	check_int(level(&plan.steps[0]).value, 2 * GIB);
	check_str(words_of(&plan.steps[0], false), "drop reclaimable slab, to free 1 GiB");
	check_str(words_of(&plan.steps[0], true), "vm.drop_caches = 2");
	context.goal = (struct goal){ true, METRIC_MEM_FREE, 1 * GIB };
	check_int(only_step()->gain_metric, METRIC_MEM_FREE);
	barred_line = true;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_BARRED));
	barred_line = false;
	under_way[0] = (struct step){ .action = ACTION_DROP_SLAB };
	under_way_count = 1;
	check(!only_step());
	check(is_only_refusal(0, REFUSE_BUSY));
}
