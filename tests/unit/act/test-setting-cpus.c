/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* AllowedCPUs: nodes on our side, numbers of CPUs on the kernel's and systemd's. */

#include "setting-tree.h"
#include "sys/fake-manager.h"

#include "act/setting_file.h"
#include "act/unit_setting.h"
#include "sys/unit_bus.h"
#include "util/strbuf.h"

static int read_it(const struct setting_tree *t, struct setting_value *ret)
{
	const struct setting_target on = { .id = SETTING_ALLOWED_CPUS, .key = t->key };

	return setting_file_read(&t->root, &t->layout, &on, TREE_PATH, ret);
}

static int write_it(const struct setting_tree *t, const char *nodes)
{
	const struct setting_target on = { .id = SETTING_ALLOWED_CPUS, .key = t->key };
	struct setting_value value = { 0 };

	check_int(idset_parse(nodes, &value.nodes), 0);
	return setting_file_write(&t->root, &t->layout, &on, TREE_PATH, &value);
}

/* Three nodes, one of which has memory only. */
static void fill_nodes(const struct setting_tree *t)
{
	tree_put(t, "sys/devices/system/node/online", "0-2\n");
	tree_put(t, "sys/devices/system/node/node0/cpulist", "0-3,8-11\n");
	tree_put(t, "sys/devices/system/node/node1/cpulist", "4-7,12-15\n");
	tree_put(t, "sys/devices/system/node/node2/cpulist", "\n");
}

static void fill_v2(const struct setting_tree *t)
{
	fill_nodes(t);
	tree_put(t, "sys/fs/cgroup/cgroup.controllers", "cpuset io memory\n");
	tree_put(t, V2_A "cpuset.cpus", "");
}

static void fill_v1(const struct setting_tree *t)
{
	fill_nodes(t);
	tree_put(t, V1_A("systemd") "cgroup.procs", "");
	tree_put(t, V1_A("cpuset") "cpuset.cpus", "");
}

TEST(all_cpus_of_nodes_are_nodes)
{
	static const struct {
		const char *text;
		int result;
		const char *nodes;
	} cases[] = {
		{ "\n", 0, "" },
		{ "0-3,8-11\n", 0, "0" },
		{ "0-15\n", 0, "0-1" },
		/* More than are online. */
		{ "4-7,12-15,100-107\n", 0, "1" },
		{ "0-3\n", -EDOM, NULL },
		{ "0-4,8-11\n", -EDOM, NULL },
		{ "100\n", -EDOM, NULL },
		{ "0-3,8-11", -EINVAL, NULL },
		{ "", -EINVAL, NULL },
		{ "x\n", -EINVAL, NULL },
		{ "0-3\n8\n", -EINVAL, NULL },
	};
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_open(&t);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct setting_value value = { .number = -77 };
		char text[64];
		struct strbuf b = STRBUF(text);

		tree_put(&t, V2_A "cpuset.cpus", cases[i].text);
		check_int(read_it(&t, &value), cases[i].result);
		if (cases[i].result < 0) {
			check_int(value.number, -77);
			continue;
		}
		idset_format(&value.nodes, &b);
		check_str(text, cases[i].nodes);
	}
}

TEST(cpus_that_went_offline_and_came_back)
{
	struct setting_value value;
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, V2_A "cpuset.cpus", "0-3,8-11\n");
	/* As without SMT. */
	tree_put(&t, "sys/devices/system/node/node0/cpulist", "0-3\n");
	tree_put(&t, "sys/devices/system/node/node1/cpulist", "4-7\n");
	tree_open(&t);
	check_int(read_it(&t, &value), 0);
	check(idset_has(&value.nodes, 0) && idset_count(&value.nodes) == 1);
	fill_nodes(&t);
	check_int(read_it(&t, &value), 0);
	check(idset_has(&value.nodes, 0) && idset_count(&value.nodes) == 1);
}

TEST(nodes_are_written_as_their_cpus)
{
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_go_live(&t);
	check_int(write_it(&t, "1"), 0);
	check_str(tree_text(&t, V2_A "cpuset.cpus"), "4-7,12-15");
	tree_put(&t, V2_A "cpuset.cpus", "");
	check_int(write_it(&t, "0-2"), 0);
	check_str(tree_text(&t, V2_A "cpuset.cpus"), "0-3,8-11,4-7,12-15");
	tree_put(&t, V2_A "cpuset.cpus", "");
	check_int(write_it(&t, ""), 0);
	check_str(tree_text(&t, V2_A "cpuset.cpus"), "\n");
	/* None of them has any. */
	tree_put(&t, V2_A "cpuset.cpus", "");
	check_int(write_it(&t, "2"), -EINVAL);
	check_int(write_it(&t, "9"), -EINVAL);
	check_str(tree_text(&t, V2_A "cpuset.cpus"), "");
}

TEST(no_nodes_are_all_cpus_of_the_parent_on_v1)
{
	static const char *const files[] = { "cpuset.effective_cpus", "cpuset.cpus" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[PATH_MAX];
		TREE(t, V1_MOUNTS);

		fill_v1(&t);
		snprintf(path, sizeof(path), "sys/fs/cgroup/cpuset/system.slice/%s", files[i]);
		tree_put(&t, path, "0-5,9\n");
		tree_go_live(&t);
		check_int(write_it(&t, ""), 0);
		/* As it is, though it is not all of any node. */
		check_str(tree_text(&t, V1_A("cpuset") "cpuset.cpus"), "0-5,9");
	}
}

TEST(a_parent_whose_list_is_none)
{
	static const char *const texts[] = { "\n", "", "0-5", "0-5;1\n", "0 1\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		TREE(t, V1_MOUNTS);

		fill_v1(&t);
		tree_put(&t, "sys/fs/cgroup/cpuset/system.slice/cpuset.cpus", texts[i]);
		tree_go_live(&t);
		check_int(write_it(&t, ""), -EINVAL);
		check_str(tree_text(&t, V1_A("cpuset") "cpuset.cpus"), "");
	}
}

/* /dev/full says ENOSPC to every write, as kernels do to this one. */
TEST(no_nodes_where_the_kernel_refuses_that)
{
	char path[PATH_MAX];
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	fixture_path(&t.fixture, V2_A "cpuset.cpus", path);
	check(unlink(path) == 0);
	if (mknod(path, S_IFCHR | 0644, (dev_t)(1 << 8 | 7)) < 0)
		test_skip("no device can be made here");
	tree_go_live(&t);
	check_int(write_it(&t, ""), -ENOENT);
	tree_put(&t, "sys/fs/cgroup/system.slice/cpuset.cpus.effective", "0-15\n");
	check_int(write_it(&t, ""), -ENOSPC);
}

TEST(systemd_is_told_by_bits)
{
	static const struct {
		const char *nodes;
		const char *cpus;
		const char *heard;
	} cases[] = {
		{ "", "", "a.service runtime AllowedCPUs ay" },
		{ "0", "0-3,8", "a.service runtime AllowedCPUs ay 0f 01" },
		{ "1", "9", "a.service runtime AllowedCPUs ay 00 02" },
	};
	struct setting_value value;
	struct unit_bus *bus;
	FAKE_MANAGER_RUNNING(manager);

	check_int(unit_bus_open(manager.address, 30 * USEC_PER_SEC, &bus), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		value = (struct setting_value){ 0 };
		check_int(idset_parse(cases[i].nodes, &value.nodes), 0);
		check_int(unit_setting_set(bus, "a.service", SETTING_ALLOWED_CPUS, &value,
					   cases[i].cpus),
			  0);
		check_str(fake_manager_heard(&manager), cases[i].heard);
	}
	/* Nothing is taken for all, so it is never said by mistake. */
	check_int(unit_setting_set(bus, "a.service", SETTING_ALLOWED_CPUS, &value, ""), -EINVAL);
	check_int(unit_setting_set(bus, "a.service", SETTING_ALLOWED_CPUS, &value, NULL), -EINVAL);
	check_int(unit_setting_set(bus, "a.service", SETTING_ALLOWED_CPUS, &value, "0-"), -EINVAL);
	check_int(unit_setting_set(bus, "a.service", SETTING_ALLOWED_CPUS, &value, "99999"),
		  -ERANGE);
	check_str(fake_manager_heard(&manager), "");
	unit_bus_close(bus);
}

TEST(its_drop_in)
{
	FIXTURE(f);

	fixture_put(&f, "run/systemd/system.control/a.service.d/50-AllowedCPUs.conf", "");
	fixture_put(&f, "run/systemd/system.control/a.service.d/50-AllowedMemoryNodes.conf", "");
	check(unit_setting_drop_in_exists(f.directory, "a.service", SETTING_ALLOWED_CPUS));
	check_int(unit_setting_drop_in_remove(f.directory, "a.service", SETTING_ALLOWED_CPUS), 0);
	check(!unit_setting_drop_in_exists(f.directory, "a.service", SETTING_ALLOWED_CPUS));
	check(unit_setting_drop_in_exists(f.directory, "a.service", SETTING_ALLOWED_NODES));
}
