/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "sense/setting_sets.h"
#include "util/macro.h"

static struct service_settings with_max(int64_t max)
{
	return (struct service_settings){
		.memory[SETTING_MEMORY_MAX] = reading_of(max),
		.oom_group = reading_of(0),
	};
}

TEST(equal_ones_are_kept_once)
{
	struct setting_sets sets = { 0 };
	struct service_settings a = with_max(1), b = with_max(2);
	const struct service_settings *first;

	check(!setting_sets_put(&sets, &a));
	check(sets.is_short);
	check_int(setting_sets_reserve(&sets), 0);
	first = setting_sets_put(&sets, &a);
	check(first && first != &a);
	check(setting_sets_put(&sets, &a) == first);
	check(setting_sets_put(&sets, &b) != first);
	check_int(sets.used, 2);
	check_int(first->memory[SETTING_MEMORY_MAX].value, 1);
	setting_sets_done(&sets);
}

/* Each field tells two of them apart, and what an unknown reading holds does not. */
TEST(what_makes_them_equal)
{
	struct setting_sets sets = { 0 };
	struct service_settings base = { 0 };
	struct idset nodes = { { 1 } };
	struct service_settings others[6] = { 0 };
	const struct service_settings *kept;

	others[0].nodes = &nodes;
	others[1].memory[SETTING_MEMORY_SWAP_MAX] = READING_FOREVER;
	others[2].oom_group = reading_of(0);
	others[3].score_least = -1;
	others[4].score_most = 1;
	others[5].score_known = true;
	check_int(setting_sets_reserve(&sets), 0);
	kept = setting_sets_put(&sets, &base);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		check(setting_sets_put(&sets, &others[i]) != kept);
	check_int(sets.used, 1 + ARRAY_SIZE(others));
	base.memory[SETTING_MEMORY_MIN].value = 77;
	check(setting_sets_put(&sets, &base) == kept);
	setting_sets_done(&sets);
}

/* As many as there is room for, then as many again. What is there stays where it is. */
TEST(room_is_made_on_demand)
{
	struct setting_sets sets = { 0 };
	const struct service_settings *first;
	struct service_settings set = with_max(0);
	int64_t count = 1;

	check_int(setting_sets_reserve(&sets), 0);
	first = setting_sets_put(&sets, &set);
	for (set = with_max(count); setting_sets_put(&sets, &set); set = with_max(count))
		count++;
	check_int(sets.capacity, count);
	check_int(setting_sets_reserve(&sets), 0);
	check(!sets.is_short);
	check_int(sets.capacity, 2 * count);
	check(setting_sets_put(&sets, &set));
	set = with_max(0);
	check(setting_sets_put(&sets, &set) == first);
	check_int(sets.used, count + 1);
	/* Without need it stays as it is. */
	check_int(setting_sets_reserve(&sets), 0);
	check_int(sets.capacity, 2 * count);
	setting_sets_done(&sets);
}

TEST(a_sweep_forgets_what_nobody_has)
{
	struct setting_sets sets = { 0 };
	struct service_settings a = with_max(1), b = with_max(2), c = with_max(3);
	const struct service_settings *kept;

	check_int(setting_sets_reserve(&sets), 0);
	kept = setting_sets_put(&sets, &a);
	check(setting_sets_put(&sets, &b));
	setting_sets_sweep_begin(&sets);
	setting_sets_keep(&sets, NULL);
	setting_sets_keep(&sets, kept);
	/* One that is given out while the sweep is on. */
	check(setting_sets_put(&sets, &c));
	setting_sets_sweep_end(&sets);
	check_int(sets.used, 2);
	check(setting_sets_put(&sets, &a) == kept);
	check_int(sets.used, 2);
	setting_sets_done(&sets);
	check(!sets.chunks);
}
