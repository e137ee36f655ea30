/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/memory_knobs.h"
#include "sys/sysroot.h"
#include "test.h"

static struct sysroot root;
static struct memory_knobs knobs;

static void look(const struct fixture *f)
{
	memset(&knobs, 0xa5, sizeof(knobs));
	check_int(sysroot_open(f->directory, &root), 0);
	memory_knobs_read(&root, &knobs);
	sysroot_done(&root);
}

static enum memory_knob_thp thp(const char *text)
{
	return memory_knobs_parse_thp(text, strlen(text));
}

static bool truth(const char *text)
{
	return memory_knobs_parse_truth(text, strlen(text));
}

TEST(the_choice_is_in_brackets)
{
	check_int(thp("[always] madvise never\n"), MEMORY_KNOB_THP_ALWAYS);
	check_int(thp("always [madvise] never\n"), MEMORY_KNOB_THP_MADVISE);
	check_int(thp("always madvise [never]\n"), MEMORY_KNOB_THP_NEVER);
	check_int(thp("always madvise never\n"), MEMORY_KNOB_THP_UNKNOWN);
	check_int(thp("[inherit] always\n"), MEMORY_KNOB_THP_UNKNOWN);
	check_int(thp("[always] mad"), MEMORY_KNOB_THP_UNKNOWN); /* cut */
	check_int(thp(""), MEMORY_KNOB_THP_UNKNOWN);
}

TEST(truths_are_spelled_in_two_ways)
{
	check(truth("true\n"));
	check(truth("1\n"));
	check(!truth("false\n"));
	check(!truth("0\n"));
	check(!truth("true"));
	check(!truth(""));
}

TEST(what_a_kernel_has)
{
	FIXTURE(f);

	fixture_put(&f, "sys/kernel/mm/ksm/run", "1\n");
	fixture_put(&f, "sys/kernel/mm/ksm/merge_across_nodes", "0\n");
	fixture_put(&f, "sys/kernel/mm/ksm/pages_sharing", "131072\n");
	fixture_put(&f, "sys/kernel/mm/numa/demotion_enabled", "true\n");
	fixture_put(&f, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	fixture_put(&f, "proc/sys/vm/zone_reclaim_mode", "3\n");
	look(&f);
	check(knobs.ksm_runs);
	check(!knobs.ksm_across_nodes);
	check_int(knobs.ksm_pages, 131072);
	check(knobs.demotes);
	check_int(knobs.thp, MEMORY_KNOB_THP_MADVISE);
	check_int(knobs.zone_reclaim, 3);
}

TEST(what_a_kernel_has_not)
{
	FIXTURE(f);

	fixture_put(&f, "proc/sys/vm/zone_reclaim_mode", "0\n");
	look(&f);
	check(!knobs.ksm_runs);
	check(!knobs.ksm_across_nodes);
	check_int(knobs.ksm_pages, 0);
	check(!knobs.demotes);
	check_int(knobs.thp, MEMORY_KNOB_THP_UNKNOWN);
	check_int(knobs.zone_reclaim, 0);
}

TEST(kernels_without_the_choice_merge_across_nodes)
{
	FIXTURE(f);

	fixture_put(&f, "sys/kernel/mm/ksm/run", "0\n");
	fixture_put(&f, "sys/kernel/mm/ksm/pages_sharing", "7\n");
	look(&f);
	check(!knobs.ksm_runs);
	check(knobs.ksm_across_nodes);
	check_int(knobs.ksm_pages, 7);
}

TEST(what_cannot_be_is_not_there)
{
	FIXTURE(f);

	fixture_put(&f, "sys/kernel/mm/ksm/run", "-1\n");
	fixture_put(&f, "sys/kernel/mm/ksm/pages_sharing", "5\n");
	fixture_put(&f, "proc/sys/vm/zone_reclaim_mode", "-1\n");
	fixture_put(&f, "sys/kernel/mm/numa/demotion_enabled", "truely\n");
	look(&f);
	check(!knobs.ksm_runs);
	check_int(knobs.ksm_pages, 0);
	check_int(knobs.zone_reclaim, 0);
	check(!knobs.demotes);
	fixture_put(&f, "proc/sys/vm/zone_reclaim_mode", "99999999999999\n");
	look(&f);
	check_int(knobs.zone_reclaim, 0);
}
