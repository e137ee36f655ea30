/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/cgroup_v1_files.h"
#include "test.h"

#define PAGE UINT64_C(4096)

static const char stat_6_1[] = "cache 100\nrss 200\nshmem 1\ndirty 2\nswap 3\n"
			       "workingset_refault_anon 4\nworkingset_refault_file 5\n"
			       "hierarchical_memory_limit 209715200\n"
			       "hierarchical_memsw_limit 9223372036854771712\n"
			       "total_cache 1000000\n"
			       "total_rss 31555584\n"
			       "total_rss_huge 29360128\n"
			       "total_shmem 400000\n"
			       "total_mapped_file 0\n"
			       "total_dirty 8192\n"
			       "total_writeback 4096\n"
			       "total_workingset_refault_anon 7\n"
			       "total_workingset_refault_file 9\n"
			       "total_swap 12288\n"
			       "total_pgmajfault 11\n"
			       "total_inactive_anon 31551488\n"
			       "total_active_anon 404096\n"
			       "total_inactive_file 500000\n"
			       "total_active_file 90000\n"
			       "total_unevictable 10000\n";

/* Neither shmem nor dirty pages nor refaults; swapaccount=0. */
static const char stat_3_10[] = "cache 0\nrss 0\nhierarchical_memory_limit 9223372036854775807\n"
				"total_cache 1000000\n"
				"total_rss 500\n"
				"total_inactive_anon 300000\n"
				"total_active_anon 100500\n"
				"total_inactive_file 500000\n"
				"total_active_file 90000\n"
				"total_unevictable 10000\n";

static int parse(const char *text, struct cgroup_v1_stat *ret)
{
	_cleanup_(freep) char *exact = exact_copy(text, strlen(text));

	return cgroup_v1_parse_stat(exact, strlen(text), ret);
}

static uint64_t value(const struct cgroup_v1_stat *s, enum memory_stat which)
{
	check(s->stat.present & (1u << which));
	return s->stat.values[which];
}

TEST(what_is_below_is_in_it)
{
	struct cgroup_v1_stat s;

	check_int(parse(stat_6_1, &s), 0);
	check_int(value(&s, MEMORY_STAT_FILE), 1000000);
	check_int(value(&s, MEMORY_STAT_ANON), 31555584);
	check_int(value(&s, MEMORY_STAT_SHMEM), 400000);
	check_int(value(&s, MEMORY_STAT_FILE_DIRTY), 8192);
	check_int(value(&s, MEMORY_STAT_FILE_WRITEBACK), 4096);
	check_int(value(&s, MEMORY_STAT_WORKINGSET_REFAULT_ANON), 7);
	check_int(value(&s, MEMORY_STAT_WORKINGSET_REFAULT_FILE), 9);
	check_int(value(&s, MEMORY_STAT_INACTIVE_FILE), 500000);
	check(!(s.stat.present & (1u << MEMORY_STAT_SLAB_RECLAIMABLE)));
	check(s.swap_known);
	check_int(s.swap_bytes, 12288);
	check(s.limit_known);
	check_int(s.limit_bytes, 209715200);
	check(s.memsw_known);
	check(s.memsw_limit_bytes == CGROUP_INFINITY);
}

TEST(the_oldest_kernel_tells_less)
{
	struct cgroup_v1_stat s;

	check_int(parse(stat_3_10, &s), 0);
	/* The page cache that is on no list of file pages. */
	check_int(value(&s, MEMORY_STAT_SHMEM), 410000);
	check(!(s.stat.present & (1u << MEMORY_STAT_FILE_DIRTY)));
	check(!s.swap_known);
	check(!s.memsw_known);
	check(s.limit_known && s.limit_bytes == CGROUP_INFINITY);
	/* Lists that were counted a moment later may be longer. */
	check_int(parse("total_cache 10\ntotal_active_file 8\ntotal_inactive_file 8\n", &s), 0);
	check_int(value(&s, MEMORY_STAT_SHMEM), 0);
}

TEST(no_stat)
{
	struct cgroup_v1_stat s = { .swap_bytes = 77 };

	check_int(parse("", &s), -EINVAL);
	check_int(parse("cache 1\nrss 2\n", &s), -EINVAL);
	check_int(parse("total_rss x\ntotal_cache\ntotal_cache 1 2\n", &s), -EINVAL);
	check_int(s.swap_bytes, 77);
}

static const char numa_6_1[] = "total=7704 N0=7694 N1=10\n"
			       "file=0 N0=0 N1=0\n"
			       "anon=7704 N0=7694 N1=10\n"
			       "unevictable=0 N0=0 N1=0\n"
			       "hierarchical_total=8804 N0=8690 N1=114\n"
			       "hierarchical_file=1000 N0=900 N1=100\n"
			       "hierarchical_anon=7794 N0=7784 N1=10\n"
			       "hierarchical_unevictable=10 N0=6 N1=4\n";

static int shares(const char *text, struct cgroup_node_share *ret, size_t capacity,
		  bool *ret_hierarchical)
{
	_cleanup_(freep) char *exact = exact_copy(text, strlen(text));

	return cgroup_v1_parse_numa_stat(exact, strlen(text), PAGE, ret, capacity,
					 ret_hierarchical);
}

TEST(pages_of_each_node)
{
	struct cgroup_node_share found[4];
	bool hierarchical = false;

	check_int(shares(numa_6_1, found, 4, &hierarchical), 2);
	check(hierarchical);
	check_int(found[0].node, 0);
	check_int(found[0].file_bytes, 900 * PAGE);
	/* What is locked is anonymous, as a rule, and is moved as such. */
	check_int(found[0].anon_bytes, (7784 + 6) * PAGE);
	check_int(found[1].node, 1);
	check_int(found[1].file_bytes, 100 * PAGE);
	check_int(found[1].anon_bytes, (10 + 4) * PAGE);
	check_int(found[1].shmem_bytes, 0);
	/* More nodes than there is room for are counted all the same. */
	check_int(shares(numa_6_1, found, 1, &hierarchical), 2);
}

TEST(pages_of_its_own_alone)
{
	struct cgroup_node_share found[4];
	bool hierarchical = true;

	check_int(shares("total=30 N0=10 N2=20\nfile=10 N0=4 N2=6\nanon=15 N0=5 N2=10\n"
			 "unevictable=5 N0=1 N2=4\n",
			 found, 4, &hierarchical),
		  2);
	check(!hierarchical);
	check_int(found[1].node, 2);
	check_int(found[1].anon_bytes, 14 * PAGE);
}

TEST(pages_that_are_not_told)
{
	struct cgroup_node_share found[4];
	bool hierarchical;
	static const char *const texts[] = {
		"",
		"total=1 N0=1\nfile=1 N0=1\nanon=0 N0=0\n",
		"file=1 N0=1\nanon=0 N0=0\nunevictable=0 N0=",
		"file=1 N0=x\nanon=0 N0=0\nunevictable=0 N0=0\n",
		"file=1 N0=18446744073709551615\nanon=0 N0=0\nunevictable=0 N0=0\n",
		"file 1 N0=1\nanon 0 N0=0\nunevictable 0 N0=0\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		check_int(shares(texts[i], found, 4, &hierarchical), -EINVAL);
}

TEST(oom_control)
{
	struct cgroup_v1_oom oom;
	static const char new[] = "oom_kill_disable 0\nunder_oom 1\noom_kill 5\n";
	static const char old[] = "oom_kill_disable 1\nunder_oom 0\n";

	check_int(cgroup_v1_parse_oom(new, strlen(new), &oom), 0);
	check(!oom.kill_disabled && oom.under_oom && oom.kills_known);
	check_int(oom.kills, 5);
	check_int(cgroup_v1_parse_oom(old, strlen(old), &oom), 0);
	check(oom.kill_disabled && !oom.under_oom && !oom.kills_known);
	check_int(cgroup_v1_parse_oom("oom_kill 1\n", 11, &oom), -EINVAL);
	check_int(cgroup_v1_parse_oom("", 0, &oom), -EINVAL);
}

/* Every prefix of every text, in memory that ends where it does. */
TEST(cut_texts)
{
	static const char *const texts[] = { stat_6_1, stat_3_10, numa_6_1 };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t n = 0; n < strlen(texts[i]); n++) {
			_cleanup_(freep) char *exact = exact_copy(texts[i], n);
			struct cgroup_node_share found[4];
			struct cgroup_v1_stat stat;
			struct cgroup_v1_oom oom;
			bool hierarchical;

			(void)cgroup_v1_parse_stat(exact, n, &stat);
			(void)cgroup_v1_parse_oom(exact, n, &oom);
			check(cgroup_v1_parse_numa_stat(exact, n, PAGE, found, 4, &hierarchical) <=
			      2);
		}
}
