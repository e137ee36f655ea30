/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/cgroup_files.h"
#include "test.h"

#include <sys/sysmacros.h>

static int value(const char *text, uint64_t *ret)
{
	return cgroup_parse_value(text, strlen(text), ret);
}

TEST(single_values)
{
	uint64_t v = 1;

	check_int(value("4096\n", &v), 0);
	check_int(v, 4096);
	check_int(value("max\n", &v), 0);
	check(v == CGROUP_INFINITY);
	check_int(value("9223372036854771712\n", &v), 0);
	check(v == CGROUP_INFINITY);
	check_int(value("9223372036854710272\n", &v), 0);
	check(v == CGROUP_INFINITY);
	v = 1;
	check_int(value("4096", &v), -EINVAL);
	check_int(value("", &v), -EINVAL);
	check_int(value("\n", &v), -EINVAL);
	check_int(value("-1\n", &v), -EINVAL);
	check_int(value("maximum\n", &v), -EINVAL);
	check_int(value("1\n2\n", &v), -EINVAL);
	check_int(value("18446744073709551616\n", &v), -ERANGE);
	check_int(v, 1);
}

TEST(events_by_name)
{
	const char *text = "low 0\nhigh 12\nmax 3\noom 1\noom_kill 2\nsock_throttled 9\n";
	struct memory_events e = { .present = 77 };

	check_int(cgroup_parse_memory_events(text, strlen(text), &e), 0);
	check_int(e.values[MEMORY_EVENT_HIGH], 12);
	check_int(e.values[MEMORY_EVENT_OOM], 1);
	check_int(e.values[MEMORY_EVENT_OOM_KILL], 2);
	check(!(e.present >> MEMORY_EVENT_OOM_GROUP_KILL & 1));
	check(e.present >> MEMORY_EVENT_LOW & 1);
	e.present = 77;
	check_int(cgroup_parse_memory_events("x 1\n", 4, &e), -EINVAL);
	check_int(cgroup_parse_memory_events("low 1", 5, &e), -EINVAL);
	check_int(cgroup_parse_memory_events("low -1\n", 7, &e), -EINVAL);
	check_int(e.present, 77);
}

TEST(stat_by_name)
{
	const char *text = "anon 31449088\nfile 12288\nkernel 1\nshmem 4096\ninactive_file 8192\n"
			   "workingset_refault_file 5\n";
	struct memory_stat_values s;

	check_int(cgroup_parse_memory_stat(text, strlen(text), &s), 0);
	check_int(s.values[MEMORY_STAT_ANON], 31449088);
	check_int(s.values[MEMORY_STAT_SHMEM], 4096);
	check_int(s.values[MEMORY_STAT_INACTIVE_FILE], 8192);
	check_int(s.values[MEMORY_STAT_WORKINGSET_REFAULT_FILE], 5);
	check(!(s.present >> MEMORY_STAT_SOCK & 1));
	check_int(cgroup_parse_memory_stat("", 0, &s), -EINVAL);
}

static const char numa_stat[] = "anon N0=31449088 N2=0\nfile N0=8192 N2=4096\n"
				"kernel_stack N0=16384 N2=0\nshmem N0=1 N2=2\n"
				"file_mapped N0=0 N2=0\nunevictable N0=3 N2=4\n";

TEST(shares_of_sparse_nodes)
{
	struct cgroup_node_share s[4];

	check_int(cgroup_parse_numa_stat(numa_stat, strlen(numa_stat), s, 4), 2);
	check_int(s[0].node, 0);
	check_int(s[0].anon_bytes, 31449088);
	check_int(s[0].file_bytes, 8192);
	check_int(s[0].shmem_bytes, 1);
	check_int(s[1].node, 2);
	check_int(s[1].anon_bytes, 0);
	check_int(s[1].file_bytes, 4096);
	check_int(s[1].unevictable_bytes, 4);
	check_int(cgroup_parse_numa_stat(numa_stat, strlen(numa_stat), s, 1), 2);
	check_int(cgroup_parse_numa_stat(numa_stat, strlen(numa_stat), NULL, 0), 2);
}

TEST(lines_may_name_nodes_in_another_order)
{
	const char *text =
		"anon N1=10 N0=20\nfile N0=1 N1=2\nshmem N0=0 N1=5\nunevictable N0=0 N7=9\n";
	struct cgroup_node_share s[4];

	check_int(cgroup_parse_numa_stat(text, strlen(text), s, 4), 3);
	check_int(s[0].node, 1);
	check_int(s[0].anon_bytes, 10);
	check_int(s[0].file_bytes, 2);
	check_int(s[0].shmem_bytes, 5);
	check_int(s[1].anon_bytes, 20);
	check_int(s[2].node, 7);
	check_int(s[2].anon_bytes, 0);
}

TEST(cut_shares_are_refused_whole)
{
	struct cgroup_node_share s[4];
	size_t length = strlen(numa_stat);

	for (size_t cut = 0; cut < length; cut++) {
		_cleanup_(freep) char *text = exact_copy(numa_stat, cut);

		check_int(cgroup_parse_numa_stat(text, cut, s, 4), -EINVAL);
	}
}

TEST(shares_of_another_form)
{
	static const char *const anon[] = {
		"anon N0=-1 N1=0\n", "anon N0 N1=0\n",	"anon N=1\n",
		"anon 0=1\n",	     "anon N0=1 x=2\n", "anon N99999999999=1\n",
	};
	struct cgroup_node_share s[4];
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(anon); i++) {
		snprintf(text, sizeof(text), "%sfile N0=1\nshmem N0=0\nunevictable N0=0\n",
			 anon[i]);
		check_int(cgroup_parse_numa_stat(text, strlen(text), s, 4), -EINVAL);
	}
}

TEST(populated_and_frozen)
{
	struct cgroup_events e;

	check_int(cgroup_parse_events("populated 1\nfrozen 0\n", 21, &e), 0);
	check(e.populated_known && e.populated && e.frozen_known && !e.frozen);
	check_int(cgroup_parse_events("populated 0\n", 12, &e), 0);
	check(e.populated_known && !e.populated && !e.frozen_known);
	check_int(cgroup_parse_events("", 0, &e), -EINVAL);
}

static uint64_t disk(const char *text)
{
	uint64_t device = 0;

	return cgroup_parse_io_stat(text, strlen(text), &device) ? device : 0;
}

TEST(the_disk_that_most_is_written_to)
{
	check_int(disk("8:0 rbytes=1 wbytes=10 rios=1 wios=1 dbytes=0 dios=0\n"
		       "8:16 rbytes=900 wbytes=11 rios=1 wios=1 dbytes=0 dios=0\n"
		       "259:1 rbytes=1 wbytes=9 rios=1 wios=1 dbytes=0 dios=0\n"),
		  makedev(8, 16));
	/* Of equals the lower number, wherever it stands. */
	check_int(disk("253:0 wbytes=5\n8:0 wbytes=5\n"), makedev(8, 0));
	check_int(disk("8:0 wbytes=5\n253:0 wbytes=5\n"), makedev(8, 0));
	check_int(disk("259:70000 wbytes=5\n"), makedev(259, 70000));
}

TEST(nothing_is_written_to_any_disk)
{
	check_int(disk(""), 0);
	check_int(disk("8:0 rbytes=1 wbytes=0 rios=1 wios=0\n"), 0);
	check_int(disk("8:0\n"), 0);
	check_int(disk("8:0 wbytes=\n8:x wbytes=7\n8 wbytes=7\n:0 wbytes=7\n"), 0);
	check_int(disk("99999999999:0 wbytes=7\n8:0 awbytes=7\n"), 0);
	/* A line without its end may have been cut. */
	check_int(disk("8:0 wbytes=7"), 0);
}
