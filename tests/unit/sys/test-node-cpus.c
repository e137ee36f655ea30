/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/node_cpus.h"
#include "sys/sysroot.h"
#include "test.h"
#include "util/strbuf.h"

#include <errno.h>

static struct node_cpus cpus;

static struct span span_text(const char *text)
{
	return span_of(text, strlen(text));
}

static int read_it(const struct fixture *f)
{
	struct sysroot root;
	int r;

	check_int(sysroot_open(f->directory, &root), 0);
	memset(&cpus, 0xff, sizeof(cpus));
	r = node_cpus_read(&root, &cpus);
	sysroot_done(&root);
	return r;
}

/* Two nodes with CPUs of alternating numbers, one without any, one whose list was not captured. */
static void put_nodes(struct fixture *f)
{
	fixture_put(f, "sys/devices/system/node/online", "0-2,5,7\n");
	fixture_put(f, "sys/devices/system/node/node0/cpulist", "0-3,8\n");
	fixture_put(f, "sys/devices/system/node/node1/cpulist", "4-7,5000-5001\n");
	fixture_put(f, "sys/devices/system/node/node2/cpulist", "\n");
	fixture_put(f, "sys/devices/system/node/node5/cpulist", "9\n");
	fixture_directory(f, "sys/devices/system/node/node7");
}

static void check_set(const struct idset *set, const char *text)
{
	char buffer[256];
	struct strbuf b = STRBUF(buffer);

	idset_format(set, &b);
	check_str(buffer, text);
}

TEST(whose_a_cpu_is)
{
	FIXTURE(f);

	put_nodes(&f);
	check_int(read_it(&f), 0);
	check_set(&cpus.nodes, "0-1,5");
	check_int(node_cpus_find(&cpus, 0), 0);
	check_int(node_cpus_find(&cpus, 8), 0);
	check_int(node_cpus_find(&cpus, 4), 1);
	check_int(node_cpus_find(&cpus, 5001), 1);
	check_int(node_cpus_find(&cpus, 9), 5);
	check_int(node_cpus_find(&cpus, 10), -1);
	check_int(node_cpus_find(&cpus, 5002), -1);
}

TEST(all_cpus_of_some_nodes)
{
	static const struct {
		const char *list;
		int result;
		const char *nodes;
	} cases[] = {
		{ "0-3,8", 0, "0" },
		{ "0-8,5000-5001", 0, "0-1" },
		{ "0-9,5000-5001", 0, "0-1,5" },
		/* One that is offline is nobody's. */
		{ "0-3,8,100", 0, "0" },
		{ "", 0, "" },
		{ "0-3", -ENODATA, NULL },
		{ "0-4,8", -ENODATA, NULL },
		{ "100-200", -ENODATA, NULL },
		{ "3-0", -EINVAL, NULL },
		{ "0-", -EINVAL, NULL },
		{ "a", -EINVAL, NULL },
		{ "0-3,,8", -EINVAL, NULL },
		{ "99999999999999999999999", -EINVAL, NULL },
	};
	FIXTURE(f);

	put_nodes(&f);
	check_int(read_it(&f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct idset set;

		check_int(node_cpus_match(&cpus, span_text(cases[i].list), &set), cases[i].result);
		if (cases[i].result == 0)
			check_set(&set, cases[i].nodes);
	}
}

TEST(some_cpus_of_nodes)
{
	struct idset in, out;
	FIXTURE(f);

	put_nodes(&f);
	check_int(read_it(&f), 0);
	check_int(node_cpus_divide(&cpus, span_text("3-4"), &in, &out), 0);
	check_set(&in, "0-1");
	check_set(&out, "0-1,5");
	check_int(node_cpus_divide(&cpus, span_text("0-8,5000-5001"), &in, &out), 0);
	check_set(&in, "0-1");
	check_set(&out, "5");
	check_int(node_cpus_divide(&cpus, span_text("0-9999"), &in, &out), 0);
	check_set(&in, "0-1,5");
	check_set(&out, "");
	check_int(node_cpus_divide(&cpus, span_text("nonsense"), &in, NULL), -EINVAL);
}

static int format(const char *nodes, struct strbuf *out)
{
	struct idset set;

	check_int(idset_parse(nodes, &set), 0);
	strbuf_reset(out);
	return node_cpus_format(&cpus, &set, out);
}

TEST(the_list_of_nodes)
{
	char text[256];
	struct strbuf b = STRBUF(text);
	FIXTURE(f);

	put_nodes(&f);
	check_int(read_it(&f), 0);
	check_int(format("0", &b), 0);
	check_str(text, "0-3,8");
	check_int(format("0-2,5", &b), 0);
	check_str(text, "0-3,8,4-7,5000-5001,9");
	check_int(format("2", &b), -ENODEV);
	check_int(format("", &b), -ENODEV);
}

TEST(a_kernel_without_nodes)
{
	FIXTURE(f);

	fixture_put(&f, "sys/devices/system/cpu/online", "0-3\n");
	check_int(read_it(&f), 0);
	check_set(&cpus.nodes, "0");
	check_int(node_cpus_find(&cpus, 3), 0);
}

TEST(more_ranges_than_are_kept)
{
	static char list[65536];
	struct strbuf b = STRBUF(list);
	FIXTURE(f);

	for (unsigned i = 0; i < 2000; i++)
		strbuf_addf(&b, "%s%u", i ? "," : "", 2 * i);
	strbuf_add(&b, "\n");
	fixture_put(&f, "sys/devices/system/node/online", "0-1\n");
	fixture_put(&f, "sys/devices/system/node/node0/cpulist", list);
	fixture_put(&f, "sys/devices/system/node/node1/cpulist", "1,3\n");
	check_int(read_it(&f), 0);
	check_int(node_cpus_find(&cpus, 3998), 0);
	fixture_put(&f, "sys/devices/system/node/node1/cpulist", list);
	check_int(read_it(&f), -E2BIG);
	fixture_put(&f, "sys/devices/system/node/node1/cpulist", "70000\n");
	check_int(read_it(&f), -ERANGE);
	fixture_put(&f, "sys/devices/system/node/node1/cpulist", "1-");
	check_int(read_it(&f), -EINVAL);
}
