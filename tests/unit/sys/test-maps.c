/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/numa_maps.h"
#include "sys/proc_maps.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "test.h"

#include <sys/mman.h>

static int numa(const char *line, struct numa_map *ret)
{
	return numa_map_parse(span_of(line, strlen(line)), false, ret);
}

TEST(policies)
{
	static const struct {
		const char *text;
		enum numa_policy policy;
		unsigned nodes; /* as bits; 0: not known */
	} cases[] = {
		{ "default", NUMA_POLICY_DEFAULT, 0 },
		{ "local", NUMA_POLICY_LOCAL, 0 },
		{ "prefer:1", NUMA_POLICY_PREFER, 2 },
		{ "prefer (many):0-1", NUMA_POLICY_PREFER_MANY, 3 },
		{ "prefer (many)=static:0,2", NUMA_POLICY_PREFER_MANY, 5 },
		{ "bind:0", NUMA_POLICY_BIND, 1 },
		{ "bind=static:0-1", NUMA_POLICY_BIND, 3 },
		{ "bind=balancing:1", NUMA_POLICY_BIND, 2 },
		{ "bind=static|balancing:1", NUMA_POLICY_BIND, 2 },
		{ "bind=relative:0-1", NUMA_POLICY_BIND, 0 },
		{ "bind=relative|balancing:0-1", NUMA_POLICY_BIND, 0 },
		{ "bind:", NUMA_POLICY_BIND, 0 },
		{ "bind=static", NUMA_POLICY_BIND, 0 },
		{ "bind:0-x", NUMA_POLICY_BIND, 0 },
		{ "interleave:0-1", NUMA_POLICY_INTERLEAVE, 3 },
		{ "weighted interleave:0-1", NUMA_POLICY_WEIGHTED_INTERLEAVE, 3 },
		{ "bindings:0", NUMA_POLICY_UNKNOWN, 0 },
		{ "spread:0-1", NUMA_POLICY_UNKNOWN, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char line[256];
		struct numa_map map;
		unsigned node;
		uint64_t pages, bits = 0;

		snprintf(line, sizeof(line), "7f0d17017000 %s anon=5 N1=5 kernelpagesize_kB=4",
			 cases[i].text);
		check_int(numa(line, &map), 0);
		check_int(map.policy, cases[i].policy);
		check_int(map.nodes_known, cases[i].nodes != 0);
		for (int n = idset_next(&map.nodes, 0); n >= 0;
		     n = idset_next(&map.nodes, (unsigned)n + 1))
			bits |= UINT64_C(1) << n;
		check_int(bits, cases[i].nodes);
		check_int(map.anon_pages, 5);
		check_int(map.page_size_bytes, 4096);
		check(numa_map_next_node(&map.rest, &node, &pages));
		check_int(node, 1);
		check_int(pages, 5);
		check(!numa_map_next_node(&map.rest, &node, &pages));
	}
}

TEST(the_node_that_a_mapping_prefers)
{
	static const struct {
		const char *policy;
		int node;
	} cases[] = {
		{ "prefer:3", 3 },	     { "prefer=static:1", 1 }, { "prefer (many):2", 2 },
		{ "prefer (many):0-1", -1 }, /* at home on both */
		{ "prefer=relative:1", -1 }, { "bind:1", -1 },	       { "interleave:1", -1 },
		{ "default", -1 },	     { "local", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char line[128];
		struct numa_map map;

		(void)snprintf(line, sizeof(line), "7f00 %s anon=1 N0=1", cases[i].policy);
		check_int(numa_map_parse(span_of(line, strlen(line)), false, &map), 0);
		check_int(numa_map_preferred(&map), cases[i].node);
	}
}

TEST(names_of_memory_without_a_disk)
{
	static const char *const memory[] = { "/memfd:ram (deleted)", "/SYSV00000000",
					      "/dev/zero (deleted)", "/dev/shm/x" };
	static const char *const others[] = { "", "[heap]", "/dev/shm", "/var/lib/memfd:x",
					      "/dev/hugepages/x" };

	for (size_t i = 0; i < ARRAY_SIZE(memory); i++)
		check(proc_map_is_memory(span_of(memory[i], strlen(memory[i]))));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		check(!proc_map_is_memory(span_of(others[i], strlen(others[i]))));
}

TEST(a_policy_that_fills_the_kernel_s_buffer_is_not_believed)
{
	struct numa_map map;

	/* 62 characters fit; with 63 the list may go on. */
	check_int(numa("1000 bind:0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40 N0=1",
		       &map),
		  0);
	check_int(map.policy, NUMA_POLICY_BIND);
	check(map.nodes_known);
	check_int(numa("1000 bind:0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,4 N0=1",
		       &map),
		  0);
	check_int(map.policy, NUMA_POLICY_BIND);
	check(!map.nodes_known);
}

TEST(fields_of_a_line)
{
	struct numa_map map;
	unsigned node;
	uint64_t pages;

	check_int(numa("7f0000000000 bind:0 file=/dev/hugepages/a\\040N9=9 huge anon=3 dirty=2 "
		       "mapped=7 "
		       "mapmax=4 writeback=1 active=0 N0=2 N1023=1 kernelpagesize_kB=2048",
		       &map),
		  0);
	check(map.address == UINT64_C(0x7f0000000000));
	check(map.file && map.huge && !map.heap && !map.stack);
	check_int(map.anon_pages, 3);
	check_int(map.dirty_pages, 2);
	check_int(map.mapped_pages, 7);
	check_int(map.mapmax, 4);
	check_int(map.writeback_pages, 1);
	check_int(map.page_size_bytes, 2048 * 1024);
	check(numa_map_next_node(&map.rest, &node, &pages));
	check_int(node, 0);
	check(numa_map_next_node(&map.rest, &node, &pages));
	check_int(node, 1023);
	check_int(pages, 1);
	check(!numa_map_next_node(&map.rest, &node, &pages));

	check_int(numa("7ffcfd7ba000 default", &map), 0);
	check_int(map.page_size_bytes, 0);
	check_int(numa("1 default stack:12 heap", &map), 0);
	check(map.stack && map.heap);
}

TEST(lines_of_another_form)
{
	struct numa_map map = { .address = 5 };
	unsigned node;
	uint64_t pages;

	check_int(numa("", &map), -EINVAL);
	check_int(numa("xyz default", &map), -EINVAL);
	check_int(numa("7f00", &map), -EINVAL);
	check_int(numa("7f00 ", &map), -EINVAL);
	check_int(map.address, 5);
	check_int(numa("7f00 default N1024=1 N=1 N-1=1 Nx=1 N0 N0= N0=-1 N0=1x "
		       "N2=99999999999999999999",
		       &map),
		  0);
	check(!numa_map_next_node(&map.rest, &node, &pages));
	check_int(numa("7f00 default kernelpagesize_kB=99999999999999999", &map), 0);
	check_int(map.page_size_bytes, 0);
}

TEST(a_cut_line_loses_its_last_word)
{
	const char *line = "7f00 bind:0 N0=12 N1=3";
	struct numa_map map;
	unsigned node;
	uint64_t pages;

	check_int(numa_map_parse(span_of(line, strlen(line)), true, &map), 0);
	check(numa_map_next_node(&map.rest, &node, &pages));
	check_int(pages, 12);
	check(!numa_map_next_node(&map.rest, &node, &pages));
	check_int(numa_map_parse(span_of(line, 8), true, &map), -EINVAL);
}

static int map_line(const char *line, struct proc_map *ret)
{
	return proc_map_parse(span_of(line, strlen(line)), ret);
}

TEST(mappings)
{
	struct proc_map map;

	check_int(map_line("7f0d17017000-7f0d18e19000 rw-p 00000000 00:00 0 ", &map), 0);
	check(map.start == UINT64_C(0x7f0d17017000) && map.end == UINT64_C(0x7f0d18e19000));
	check(map.readable && map.writable && !map.shared && !map.special);
	check_int(map.inode, 0);
	check(span_is(map.name, ""));
	check_int(map_line("1000-2000 r--s 00001000 fe:00 131 /a path/with blanks (deleted)", &map),
		  0);
	check(map.shared && !map.writable);
	check_int(map.inode, 131);
	check(span_is(map.name, "/a path/with blanks (deleted)"));
	check_int(map_line("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]",
			   &map),
		  0);
	check(map.special && !map.readable);
	check_int(map_line("1000-2000 r--p 00000000 00:00 0   [vvar_vclock]", &map), 0);
	check(map.special);
	/* A file may be called so. */
	check_int(map_line("1000-2000 r--p 00000000 00:00 7   [vdso]", &map), 0);
	check(!map.special);
}

TEST(mappings_of_another_form)
{
	struct proc_map map = { .inode = 5 };

	check_int(map_line("", &map), -EINVAL);
	check_int(map_line("2000-1000 rw-p 00000000 00:00 0", &map), -EINVAL);
	check_int(map_line("1000-1000 rw-p 00000000 00:00 0", &map), -EINVAL);
	check_int(map_line("1000 rw-p 00000000 00:00 0", &map), -EINVAL);
	check_int(map_line("1000-2000 rw 00000000 00:00 0", &map), -EINVAL);
	check_int(map_line("1000-2000 rw-p 00000000 00:00", &map), -EINVAL);
	check_int(map_line("1000-2000 rw-p 00000000 00:00 x", &map), -EINVAL);
	check_int(map_line("10000000000000000-20000000000000000 rw-p 0 00:00 0", &map), -EINVAL);
	check_int(map.inode, 5);
}

#define PAGES 64

/* Our own memory: the first half is touched. */
TEST(own_pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), present = 0;
	char *area = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	static struct line_reader reader;
	uint64_t entries[PAGES];
	struct proc_map map;
	struct sysroot root;
	int pid_fd, fd, r;
	bool found = false;

	check(area != MAP_FAILED);
	check_int(madvise(area, PAGES * page, MADV_NOHUGEPAGE), 0);
	for (size_t i = 0; i < PAGES / 2; i++)
		area[i * page] = 1;
	check_int(sysroot_open(NULL, &root), 0);
	pid_fd = proc_pid_open(&root, getpid());
	check(pid_fd >= 0);
	fd = proc_pid_open_file(pid_fd, "maps", O_RDONLY);
	check(fd >= 0);
	line_reader_init(&reader, fd);
	while ((r = proc_maps_next(&reader, &map)) > 0)
		if (map.start <= (uintptr_t)area && map.end >= (uintptr_t)area + PAGES * page)
			found = map.readable && map.writable && !map.shared;
	check_int(r, 0);
	check(found);
	close(fd);

	fd = proc_pid_open_file(pid_fd, "pagemap", O_RDONLY);
	check(fd >= 0);
	check_int(pagemap_read(fd, (uintptr_t)area, page, entries, PAGES), PAGES);
	for (size_t i = 0; i < PAGES; i++)
		present += (entries[i] & PAGEMAP_PRESENT) != 0;
	check_int(present, PAGES / 2);
	check(!(entries[0] & PAGEMAP_SWAPPED));
	check_int(pagemap_read(fd, (uintptr_t)area + 1, page, entries, PAGES), -EINVAL);
	check_int(pagemap_read(fd, UINT64_MAX - page + 1, page, entries, 1), 0);
	check_int(pagemap_read(fd, 0, 0, entries, 1), -EINVAL);
	close(fd);

	fd = proc_pid_open_file(pid_fd, "numa_maps", O_RDONLY);
	if (fd >= 0) {
		struct numa_map numa_map;

		found = false;
		line_reader_init(&reader, fd);
		while ((r = numa_maps_next(&reader, &numa_map)) > 0)
			found |= numa_map.address == (uintptr_t)area && numa_map.anon_pages > 0;
		check_int(r, 0);
		close(fd);
	}
	close(pid_fd);
	sysroot_done(&root);
	munmap(area, PAGES * page);
}
