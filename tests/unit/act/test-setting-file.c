/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "heap_count.h"
#include "setting-tree.h"

#include "act/setting_file.h"

#include <pthread.h>
#include <sys/inotify.h>

static int read_it(const struct setting_tree *t, enum setting_id id, struct setting_value *ret)
{
	const struct setting_target on = {
		.id = id,
		.key = t->key,
		.detail = id == SETTING_IO_WRITE_MAX ? TREE_DEVICE : 0,
	};

	return setting_file_read(&t->root, &t->layout, &on, TREE_PATH, ret);
}

static int write_it(const struct setting_tree *t, enum setting_id id,
		    const struct setting_value *value)
{
	const struct setting_target on = {
		.id = id,
		.key = t->key,
		.detail = id == SETTING_IO_WRITE_MAX ? TREE_DEVICE : 0,
	};

	return setting_file_write(&t->root, &t->layout, &on, TREE_PATH, value);
}

static int write_number(const struct setting_tree *t, enum setting_id id, int64_t number)
{
	const struct setting_value value = { .number = number };

	return write_it(t, id, &value);
}

static struct setting_value nodes_of(const char *list)
{
	struct setting_value value = { 0 };

	if (idset_parse(list, &value.nodes) < 0)
		abort();
	return value;
}

#define check_number(tree, id, want)                             \
	do {                                                     \
		struct setting_value value_ = { .number = -77 }; \
		check_int(read_it(&(tree), id, &value_), 0);     \
		check_int(value_.number, want);                  \
	} while (0)

/* Nothing is said of what could not be read. */
#define check_no_number(tree, id, error)                         \
	do {                                                     \
		struct setting_value value_ = { .number = -77 }; \
		check_int(read_it(&(tree), id, &value_), error); \
		check_int(value_.number, -77);                   \
	} while (0)

/* --- reading -------------------------------------------------------------------------------- */

static void fill_v2(const struct setting_tree *t)
{
	tree_put(t, "sys/fs/cgroup/cgroup.controllers", "cpuset io memory\n");
	tree_put(t, V2_A "memory.min", "0\n");
	tree_put(t, V2_A "memory.low", "4096\n");
	tree_put(t, V2_A "memory.high", "104857600\n");
	tree_put(t, V2_A "memory.max", "max\n");
	tree_put(t, V2_A "memory.swap.max", "0\n");
	tree_put(t, V2_A "memory.oom.group", "1\n");
	tree_put(t, V2_A "cpuset.mems", "0-1,3\n");
	tree_put(t, V2_A "io.max",
		 "8:16 rbps=max wbps=5 riops=max wiops=max\n"
		 "8:0 rbps=1 wbps=1048576 riops=max wiops=120\n");
	tree_put(t, V2_A "cgroup.freeze", "0\n");
}

TEST(v2_is_read)
{
	struct setting_value value;
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_open(&t);
	check_number(t, SETTING_MEMORY_MIN, 0);
	check_number(t, SETTING_MEMORY_LOW, 4096);
	check_number(t, SETTING_MEMORY_HIGH, 104857600);
	check_number(t, SETTING_MEMORY_MAX, SETTING_UNLIMITED);
	check_number(t, SETTING_MEMORY_SWAP_MAX, 0);
	check_number(t, SETTING_OOM_GROUP, 1);
	check_number(t, SETTING_IO_WRITE_MAX, 1048576);
	check_number(t, SETTING_FREEZE, 0);
	check_int(read_it(&t, SETTING_ALLOWED_NODES, &value), 0);
	check_int(value.number, 0);
	check(setting_value_equal(SETTING_ALLOWED_NODES, &value,
				  &(struct setting_value){ .nodes = nodes_of("0-1,3").nodes }));
	check_no_number(t, SETTING_OOM_SCORE_ADJ, -ENODATA);
}

TEST(v2_without_any_of_it)
{
	struct setting_value value = { .number = -77 };
	TREE(t, V2_MOUNTS);

	tree_put(&t, "sys/fs/cgroup/cgroup.controllers", "cpuset io memory\n");
	tree_put(&t, V2_A "cpuset.mems", "\n");
	tree_put(&t, V2_A "io.max", "");
	tree_open(&t);
	check_int(read_it(&t, SETTING_ALLOWED_NODES, &value), 0);
	check(idset_is_empty(&value.nodes));
	check_number(t, SETTING_IO_WRITE_MAX, SETTING_UNLIMITED);
	/* Without swap, before 5.2. */
	check_no_number(t, SETTING_MEMORY_SWAP_MAX, -ENOENT);
	check_no_number(t, SETTING_FREEZE, -ENOENT);
}

TEST(a_controller_that_nobody_has)
{
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "sys/fs/cgroup/cgroup.controllers", "memory\n");
	tree_open(&t);
	check_no_number(t, SETTING_IO_WRITE_MAX, -EOPNOTSUPP);
	check_no_number(t, SETTING_ALLOWED_NODES, -EOPNOTSUPP);
	check_number(t, SETTING_MEMORY_LOW, 4096);
}

static void fill_v1(const struct setting_tree *t)
{
	tree_put(t, V1_A("systemd") "cgroup.procs", "");
	tree_put(t, V1_A("memory") "memory.limit_in_bytes", "9223372036854771712\n");
	tree_put(t, V1_A("cpuset") "cpuset.mems", "0\n");
	tree_put(t, "sys/fs/cgroup/cpuset/system.slice/cpuset.effective_mems", "0-1\n");
	tree_put(t, V1_A("blkio") "blkio.throttle.write_bps_device", "8:16 7\n8:0 4096\n");
	tree_put(t, V1_A("freezer") "freezer.state", "THAWED\n");
}

TEST(v1_is_read)
{
	struct setting_value value;
	TREE(t, V1_MOUNTS);

	fill_v1(&t);
	tree_open(&t);
	check_int(t.layout.tree, CGROUP_TREE_NAMED);
	check_number(t, SETTING_MEMORY_MAX, SETTING_UNLIMITED);
	check_number(t, SETTING_IO_WRITE_MAX, 4096);
	check_number(t, SETTING_FREEZE, 0);
	check_int(read_it(&t, SETTING_ALLOWED_NODES, &value), 0);
	check(idset_has(&value.nodes, 0));
	check_int(idset_count(&value.nodes), 1);
	check_no_number(t, SETTING_MEMORY_MIN, -EOPNOTSUPP);
	check_no_number(t, SETTING_MEMORY_LOW, -EOPNOTSUPP);
	check_no_number(t, SETTING_MEMORY_HIGH, -EOPNOTSUPP);
	check_no_number(t, SETTING_MEMORY_SWAP_MAX, -EOPNOTSUPP);
	check_no_number(t, SETTING_OOM_GROUP, -EOPNOTSUPP);
	tree_put(&t, V1_A("memory") "memory.limit_in_bytes", "8192\n");
	check_number(t, SETTING_MEMORY_MAX, 8192);
}

TEST(a_v1_freezer_in_each_state)
{
	TREE(t, V1_MOUNTS);

	fill_v1(&t);
	tree_open(&t);
	tree_put(&t, V1_A("freezer") "freezer.state", "FREEZING\n");
	check_number(t, SETTING_FREEZE, 1);
	tree_put(&t, V1_A("freezer") "freezer.state", "FROZEN\n");
	check_number(t, SETTING_FREEZE, 1);
	/* Frozen by what is above it, and not by itself. */
	tree_put(&t, V1_A("freezer") "freezer.self_freezing", "0\n");
	check_number(t, SETTING_FREEZE, 0);
	tree_put(&t, V1_A("freezer") "freezer.self_freezing", "1\n");
	check_number(t, SETTING_FREEZE, 1);
}

TEST(a_hierarchy_that_lacks_the_cgroup)
{
	TREE(t, V1_MOUNTS);

	fill_v1(&t);
	tree_put(&t, "sys/fs/cgroup/systemd/system.slice/b.service/cgroup.procs", "");
	tree_open(&t);
	{
		const struct setting_target on = { .id = SETTING_MEMORY_MAX };
		struct setting_value value;

		check_int(setting_file_read(&t.root, &t.layout, &on, "system.slice/b.service",
					    &value),
			  -ENOENT);
	}
}

#define HYBRID_A "sys/fs/cgroup/unified/system.slice/a.service/"

TEST(hybrid_is_read)
{
	TREE(t, HYBRID_MOUNTS);

	fill_v1(&t);
	tree_put(&t, "sys/fs/cgroup/unified/cgroup.controllers", "\n");
	tree_put(&t, HYBRID_A "cgroup.procs", "");
	tree_open(&t);
	check_int(t.layout.tree, CGROUP_TREE_V2);
	check_number(t, SETTING_MEMORY_MAX, SETTING_UNLIMITED);
	check_no_number(t, SETTING_MEMORY_HIGH, -EOPNOTSUPP);
	check_number(t, SETTING_IO_WRITE_MAX, 4096);
	/* v1's where the tree has none of its own (before 5.2). */
	tree_put(&t, V1_A("freezer") "freezer.state", "FROZEN\n");
	check_number(t, SETTING_FREEZE, 1);
	tree_put(&t, HYBRID_A "cgroup.freeze", "0\n");
	check_number(t, SETTING_FREEZE, 0);
}

TEST(odd_content_is_no_value)
{
	static const struct {
		enum setting_id id;
		const char *file;
		const char *text;
	} odd[] = {
		{ SETTING_MEMORY_HIGH, "memory.high", "" },
		{ SETTING_MEMORY_HIGH, "memory.high", "\n" },
		{ SETTING_MEMORY_HIGH, "memory.high", "12" }, /* cut */
		{ SETTING_MEMORY_HIGH, "memory.high", "-1\n" },
		{ SETTING_MEMORY_HIGH, "memory.high", "12 13\n" },
		{ SETTING_MEMORY_HIGH, "memory.high", "12\n13\n" },
		{ SETTING_MEMORY_HIGH, "memory.high", "0x10\n" },
		{ SETTING_MEMORY_HIGH, "memory.high", "99999999999999999999999\n" },
		{ SETTING_OOM_GROUP, "memory.oom.group", "2\n" },
		{ SETTING_OOM_GROUP, "memory.oom.group", "max\n" },
		{ SETTING_FREEZE, "cgroup.freeze", "yes\n" },
		{ SETTING_ALLOWED_NODES, "cpuset.mems", "0-\n" },
		{ SETTING_ALLOWED_NODES, "cpuset.mems", "0-1" },
		{ SETTING_ALLOWED_NODES, "cpuset.mems", "" },
		{ SETTING_ALLOWED_NODES, "cpuset.mems", "5000\n" },
		{ SETTING_IO_WRITE_MAX, "io.max", "8:0\n" },
		{ SETTING_IO_WRITE_MAX, "io.max", "8:0 rbps=1 riops=max\n" },
		{ SETTING_IO_WRITE_MAX, "io.max", "8:0 wbps=\n" },
		{ SETTING_IO_WRITE_MAX, "io.max", "8:0 wbps=-5\n" },
	};
	char path[PATH_MAX];
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_open(&t);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		snprintf(path, sizeof(path), V2_A "%s", odd[i].file);
		tree_put(&t, path, odd[i].text);
		check_no_number(t, odd[i].id, -EINVAL);
	}
}

TEST(lines_of_other_devices_are_not_ours)
{
	static const char *const texts[] = {
		"",	      "8:00x wbps=5\n", "18:0 wbps=5\n", "8:01 wbps=5\n",
		"8 wbps=5\n", ":0 wbps=5\n",	"wbps=5\n",	 "8:0 wbps=5", /* cut */
	};
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_open(&t);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		tree_put(&t, V2_A "io.max", texts[i]);
		check_number(t, SETTING_IO_WRITE_MAX, SETTING_UNLIMITED);
	}
	tree_put(&t, V2_A "io.max", "8:0 rbps=3 wbps=max riops=4 wiops=max\n");
	check_number(t, SETTING_IO_WRITE_MAX, SETTING_UNLIMITED);
}

TEST(more_devices_than_there_is_room_for)
{
	char text[16384];
	size_t length = 0;
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_open(&t);
	for (int i = 1; length < 9000; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "9:%d rbps=max wbps=7 riops=max wiops=max\n", i);
	tree_put(&t, V2_A "io.max", text);
	/* It may be among those that were not read. */
	check_no_number(t, SETTING_IO_WRITE_MAX, -ENODATA);
	memcpy(text, "8:0 ", 4);
	tree_put(&t, V2_A "io.max", text);
	check_number(t, SETTING_IO_WRITE_MAX, 7);
	tree_put(&t, V2_A "memory.high", text);
	check_no_number(t, SETTING_MEMORY_HIGH, -EINVAL);
}

TEST(what_is_no_file_of_a_cgroup)
{
	char path[PATH_MAX];
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_open(&t);
	fixture_path(&t.fixture, V2_A "memory.high", path);
	check(unlink(path) == 0);
	fixture_link(&t.fixture, V2_A "memory.high", "/proc/self/cmdline");
	check_no_number(t, SETTING_MEMORY_HIGH, -ELOOP);
	check(unlink(path) == 0);
	/* Nobody writes to it: reading must not wait for that. */
	check(mkfifo(path, 0644) == 0);
	check_no_number(t, SETTING_MEMORY_HIGH, -ESPIPE);
	check(unlink(path) == 0);
	check(mkdir(path, 0755) == 0);
	check_no_number(t, SETTING_MEMORY_HIGH, -EISDIR);
}

TEST(paths_that_are_no_service)
{
	static const char *const paths[] = { "",
					     "..",
					     "system.slice/../../x",
					     "/system.slice",
					     "system.slice/a.service/..",
					     "system.slice/\n" };
	const struct setting_target on = { .id = SETTING_MEMORY_HIGH };
	struct setting_value value = { .number = 1 };
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "sys/fs/cgroup/memory.high", "1\n");
	tree_go_live(&t);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		check_int(setting_file_read(&t.root, &t.layout, &on, paths[i], &value), -EINVAL);
		check_int(setting_file_write(&t.root, &t.layout, &on, paths[i], &value), -EINVAL);
	}
	check_int(setting_file_read(&t.root, &t.layout, &on, "system.slice/b.service", &value),
		  -ENOENT);
}

TEST(a_service_that_is_gone_or_another_one)
{
	char from[PATH_MAX], to[PATH_MAX];
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_go_live(&t);
	check_number(t, SETTING_MEMORY_LOW, 4096);
	fixture_path(&t.fixture, "sys/fs/cgroup/system.slice/a.service", from);
	fixture_path(&t.fixture, "sys/fs/cgroup/system.slice/gone", to);
	check(rename(from, to) == 0);
	check_no_number(t, SETTING_MEMORY_LOW, -ENOENT);
	check_int(write_number(&t, SETTING_MEMORY_LOW, 8192), -ENOENT);
	fill_v2(&t);
	check_no_number(t, SETTING_MEMORY_LOW, -ESTALE);
	check_int(write_number(&t, SETTING_MEMORY_LOW, 8192), -ESTALE);
	check_str(tree_text(&t, V2_A "memory.low"), "4096\n");
}

TEST(reading_takes_no_memory)
{
	struct setting_value value;
	unsigned long before;
	TREE(t, V2_MOUNTS);
	TREE(old, V1_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "proc/sys/vm/dirty_ratio", "20\n");
	tree_go_live(&t);
	fill_v1(&old);
	tree_go_live(&old);
	before = heap_count;
	for (int id = 0; id < SETTING_COUNT_; id++) {
		(void)read_it(&t, (enum setting_id)id, &value);
		(void)read_it(&old, (enum setting_id)id, &value);
	}
	check_int(heap_count - before, 0);
	/* The count counts. */
	free(malloc((size_t)before % 7 + 1));
	check(heap_count > before);
}

/* --- writing -------------------------------------------------------------------------------- */

TEST(a_captured_tree_is_not_written)
{
	struct setting_value nodes = nodes_of("1");
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "proc/sys/vm/swappiness", "60\n");
	tree_put(&t, "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
		 "4\n");
	tree_open(&t);
	for (int id = 0; id < SETTING_COUNT_; id++)
		check_int(write_number(&t, (enum setting_id)id, 1), -EROFS);
	check_int(write_it(&t, SETTING_ALLOWED_NODES, &nodes), -EROFS);
	check_str(tree_text(&t, V2_A "memory.low"), "4096\n");
	check_str(tree_text(&t, V2_A "cpuset.mems"), "0-1,3\n");
	check_str(tree_text(&t, "proc/sys/vm/swappiness"), "60\n");
}

/* Of an empty file all that is in it is what was written. */
static const char *written(const struct setting_tree *t, const char *file, enum setting_id id,
			   int64_t number)
{
	tree_put(t, file, "");
	check_int(write_number(t, id, number), 0);
	return tree_text(t, file);
}

TEST(v2_is_written)
{
	struct setting_value nodes = nodes_of("0-1,3");
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_go_live(&t);
	check_str(written(&t, V2_A "memory.min", SETTING_MEMORY_MIN, 0), "0");
	check_str(written(&t, V2_A "memory.low", SETTING_MEMORY_LOW, 4096), "4096");
	check_str(written(&t, V2_A "memory.high", SETTING_MEMORY_HIGH, SETTING_UNLIMITED), "max");
	check_str(written(&t, V2_A "memory.max", SETTING_MEMORY_MAX, 1099511627776),
		  "1099511627776");
	check_str(written(&t, V2_A "memory.swap.max", SETTING_MEMORY_SWAP_MAX, 0), "0");
	check_str(written(&t, V2_A "memory.oom.group", SETTING_OOM_GROUP, 1), "1");
	check_str(written(&t, V2_A "io.max", SETTING_IO_WRITE_MAX, 5), "8:0 wbps=5");
	check_str(written(&t, V2_A "io.max", SETTING_IO_WRITE_MAX, SETTING_UNLIMITED),
		  "8:0 wbps=max");
	check_str(written(&t, V2_A "cgroup.freeze", SETTING_FREEZE, 1), "1");
	tree_put(&t, V2_A "cpuset.mems", "");
	check_int(write_it(&t, SETTING_ALLOWED_NODES, &nodes), 0);
	check_str(tree_text(&t, V2_A "cpuset.mems"), "0-1,3");
}

TEST(v1_is_written)
{
	TREE(t, V1_MOUNTS);

	fill_v1(&t);
	tree_go_live(&t);
	check_str(written(&t, V1_A("memory") "memory.limit_in_bytes", SETTING_MEMORY_MAX, 4096),
		  "4096");
	check_str(written(&t, V1_A("memory") "memory.limit_in_bytes", SETTING_MEMORY_MAX,
			  SETTING_UNLIMITED),
		  "-1");
	check_str(written(&t, V1_A("blkio") "blkio.throttle.write_bps_device", SETTING_IO_WRITE_MAX,
			  5),
		  "8:0 5");
	check_str(written(&t, V1_A("blkio") "blkio.throttle.write_bps_device", SETTING_IO_WRITE_MAX,
			  SETTING_UNLIMITED),
		  "8:0 0");
	check_str(written(&t, V1_A("freezer") "freezer.state", SETTING_FREEZE, 1), "FROZEN");
	check_str(written(&t, V1_A("freezer") "freezer.state", SETTING_FREEZE, 0), "THAWED");
	check_int(write_number(&t, SETTING_MEMORY_HIGH, 4096), -EOPNOTSUPP);
	check_int(write_number(&t, SETTING_OOM_GROUP, 1), -EOPNOTSUPP);
}

TEST(what_no_kernel_takes_is_not_tried)
{
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_go_live(&t);
	check_int(write_number(&t, SETTING_MEMORY_LOW, -1), -EINVAL);
	check_int(write_number(&t, SETTING_OOM_GROUP, 2), -EINVAL);
	check_int(write_number(&t, SETTING_OOM_GROUP, SETTING_UNLIMITED), -EINVAL);
	check_int(write_number(&t, SETTING_FREEZE, -1), -EINVAL);
	check_int(write_number(&t, SETTING_IO_WRITE_MAX, 0), -EINVAL);
	check_int(write_number(&t, SETTING_OOM_SCORE_ADJ, 5), -EINVAL);
	check_int(write_number(&t, SETTING_SWAPPINESS, 201), -EINVAL);
	check_int(write_number(&t, SETTING_DIRTY, SETTING_UNLIMITED), -EINVAL);
	check_int(write_number(&t, SETTING_HUGE_PAGES, SETTING_UNLIMITED), -EINVAL);
	check_str(tree_text(&t, V2_A "memory.low"), "4096\n");
	check_str(tree_text(&t, V2_A "memory.oom.group"), "1\n");
}

TEST(a_file_that_is_not_there_is_not_made)
{
	TREE(t, V2_MOUNTS);

	tree_put(&t, "sys/fs/cgroup/cgroup.controllers", "cpuset io memory\n");
	tree_put(&t, V2_A "cgroup.procs", "");
	tree_go_live(&t);
	check_int(write_number(&t, SETTING_MEMORY_HIGH, 4096), -ENOENT);
	check_int(write_number(&t, SETTING_FREEZE, 1), -ENOENT);
	check(!tree_text(&t, V2_A "memory.high"));
	check(!tree_text(&t, V2_A "cgroup.freeze"));
}

TEST(no_nodes_are_written_as_nothing_on_v2)
{
	const struct setting_value none = { 0 };
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, V2_A "cpuset.mems", "");
	tree_go_live(&t);
	check_int(write_it(&t, SETTING_ALLOWED_NODES, &none), 0);
	check_str(tree_text(&t, V2_A "cpuset.mems"), "\n");
}

TEST(no_nodes_are_all_of_the_parent_on_v1)
{
	const struct setting_value none = { 0 };
	TREE(t, V1_MOUNTS);

	fill_v1(&t);
	tree_put(&t, V1_A("cpuset") "cpuset.mems", "");
	tree_go_live(&t);
	check_int(write_it(&t, SETTING_ALLOWED_NODES, &none), 0);
	check_str(tree_text(&t, V1_A("cpuset") "cpuset.mems"), "0-1");
}

/* /dev/full says ENOSPC to every write, as the kernel does to this one. */
TEST(no_nodes_where_the_kernel_refuses_that)
{
	const struct setting_value none = { 0 };
	char path[PATH_MAX];
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	fixture_path(&t.fixture, V2_A "cpuset.mems", path);
	check(unlink(path) == 0);
	if (mknod(path, S_IFCHR | 0644, (dev_t)(1 << 8 | 7)) < 0)
		test_skip("no device can be made here");
	tree_go_live(&t);
	/* It has gone on to what the parent has, which is not known. */
	check_int(write_it(&t, SETTING_ALLOWED_NODES, &none), -ENOENT);
	tree_put(&t, "sys/fs/cgroup/system.slice/cpuset.mems.effective", "\n");
	check_int(write_it(&t, SETTING_ALLOWED_NODES, &none), -EINVAL);
	tree_put(&t, "sys/fs/cgroup/system.slice/cpuset.mems.effective", "0-1\n");
	check_int(write_it(&t, SETTING_ALLOWED_NODES, &none), -ENOSPC);
}

static void make_fifo(const struct setting_tree *t, const char *file)
{
	char path[PATH_MAX];

	fixture_path(&t->fixture, file, path);
	(void)unlink(path);
	if (mkfifo(path, 0644) < 0)
		abort();
}

struct intruder {
	const struct setting_tree *tree;
	int opened_fd; /* tells when the file is opened */
	int fifo_fd;   /* stands for the file, and has no room */
};

/* Once the writer has the file open, its cgroup goes and another one gets its name; then the write
 * may go on. */
static void *replace_cgroup(void *context)
{
	const struct intruder *intruder = context;
	char from[PATH_MAX], to[PATH_MAX], bytes[65536];

	if (read(intruder->opened_fd, bytes, sizeof(bytes)) < 0)
		abort();
	fixture_path(&intruder->tree->fixture, "sys/fs/cgroup/system.slice/a.service", from);
	fixture_path(&intruder->tree->fixture, "sys/fs/cgroup/system.slice/gone", to);
	if (rename(from, to) < 0)
		abort();
	fill_v2(intruder->tree);
	if (read(intruder->fifo_fd, bytes, sizeof(bytes)) < 0)
		abort();
	return NULL;
}

TEST(another_cgroup_comes_in_the_middle_of_a_write)
{
	char path[PATH_MAX], bytes[65536 + 1];
	struct intruder intruder;
	pthread_t thread;
	ssize_t n;
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	make_fifo(&t, V2_A "memory.high");
	tree_go_live(&t);
	fixture_path(&t.fixture, V2_A "memory.high", path);
	intruder = (struct intruder){
		.tree = &t,
		.opened_fd = inotify_init1(IN_CLOEXEC),
		.fifo_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC),
	};
	check(intruder.opened_fd >= 0 && intruder.fifo_fd >= 0);
	memset(bytes, 'x', sizeof(bytes));
	while (write(intruder.fifo_fd, bytes, sizeof(bytes) - 1) > 0)
		;
	check(inotify_add_watch(intruder.opened_fd, path, IN_OPEN) >= 0);
	check_int(pthread_create(&thread, NULL, replace_cgroup, &intruder), 0);
	check_int(write_number(&t, SETTING_MEMORY_HIGH, 4096), -ESTALE);
	check_int(pthread_join(thread, NULL), 0);
	/* What was held by a descriptor was written, and not what has its name now. */
	n = read(intruder.fifo_fd, bytes, sizeof(bytes) - 1);
	check(n >= 4);
	bytes[n] = '\0';
	check_str(bytes + n - 4, "4096");
	check_str(tree_text(&t, V2_A "memory.high"), "104857600\n");
	close(intruder.opened_fd);
	close(intruder.fifo_fd);
}

/* --- the host ------------------------------------------------------------------------------- */

TEST(sysctls_are_read_and_written)
{
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "proc/sys/vm/swappiness", "60\n");
	tree_put(&t, "proc/sys/vm/vfs_cache_pressure", "nonsense\n");
	tree_put(&t, "proc/sys/vm/watermark_scale_factor", "10\t20\n");
	tree_put(&t, "proc/sys/vm/dirty_expire_centisecs", "");
	tree_go_live(&t);
	check_number(t, SETTING_SWAPPINESS, 60);
	check_no_number(t, SETTING_VFS_CACHE_PRESSURE, -EINVAL);
	check_no_number(t, SETTING_WATERMARK_SCALE, -EINVAL);
	check_no_number(t, SETTING_DIRTY_EXPIRE, -EINVAL);
	check_no_number(t, SETTING_COMPACTION_PROACTIVENESS, -ENOENT);
	check_int(write_number(&t, SETTING_SWAPPINESS, 10), 0);
	check_number(t, SETTING_SWAPPINESS, 10);
	check_int(write_number(&t, SETTING_COMPACTION_PROACTIVENESS, 10), -ENOENT);
}

#define check_dirty(tree, id, want, ratio)                       \
	do {                                                     \
		struct setting_value value_ = { .number = -77 }; \
		check_int(read_it(&(tree), id, &value_), 0);     \
		check_int(value_.number, want);                  \
		check_int(value_.is_ratio, ratio);               \
	} while (0)

TEST(a_dirty_pair_is_what_is_in_use)
{
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "proc/sys/vm/dirty_bytes", "0\n");
	tree_put(&t, "proc/sys/vm/dirty_ratio", "20\n");
	tree_put(&t, "proc/sys/vm/dirty_background_ratio", "10\n");
	tree_open(&t);
	check_dirty(t, SETTING_DIRTY, 20, true);
	/* A kernel without the counterpart. */
	check_dirty(t, SETTING_DIRTY_BACKGROUND, 10, true);
	tree_put(&t, "proc/sys/vm/dirty_bytes", "67108864\n");
	tree_put(&t, "proc/sys/vm/dirty_ratio", "0\n");
	check_dirty(t, SETTING_DIRTY, 67108864, false);
	tree_put(&t, "proc/sys/vm/dirty_bytes", "0\n");
	check_dirty(t, SETTING_DIRTY, 0, true);
	tree_put(&t, "proc/sys/vm/dirty_bytes", "junk\n");
	check_no_number(t, SETTING_DIRTY, -EINVAL);
}

TEST(a_dirty_pair_is_written_by_its_kind)
{
	struct setting_value value = { .number = 15, .is_ratio = true };
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "proc/sys/vm/dirty_bytes", "");
	tree_put(&t, "proc/sys/vm/dirty_ratio", "");
	tree_go_live(&t);
	check_int(write_it(&t, SETTING_DIRTY, &value), 0);
	check_str(tree_text(&t, "proc/sys/vm/dirty_ratio"), "15\n");
	check_str(tree_text(&t, "proc/sys/vm/dirty_bytes"), "");
	value = (struct setting_value){ .number = 67108864 };
	check_int(write_it(&t, SETTING_DIRTY, &value), 0);
	check_str(tree_text(&t, "proc/sys/vm/dirty_bytes"), "67108864\n");
	/* Zero bytes are EINVAL to the kernel, and more than all of it is no ratio. */
	value.number = 0;
	check_int(write_it(&t, SETTING_DIRTY, &value), -EINVAL);
	value = (struct setting_value){ .number = 101, .is_ratio = true };
	check_int(write_it(&t, SETTING_DIRTY, &value), -EINVAL);
}

TEST(from_bytes_to_no_ratio_is_two_steps)
{
	const struct setting_value none = { .is_ratio = true };
	char path[PATH_MAX], text[64] = "";
	int fd;
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "proc/sys/vm/dirty_bytes", "67108864\n");
	make_fifo(&t, "proc/sys/vm/dirty_ratio");
	tree_go_live(&t);
	/* Keeps all that was written to it, in order. */
	fixture_path(&t.fixture, "proc/sys/vm/dirty_ratio", path);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	check(fd >= 0);
	check_int(write_it(&t, SETTING_DIRTY, &none), 0);
	check(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	check_str(text, "1\n0\n");
}

/* --- huge pages ----------------------------------------------------------------------------- */

#define POOL(node) "sys/devices/system/node/node" node "/hugepages/hugepages-2048kB/nr_hugepages"
#define SIZE_2M	   ((uint64_t)2 << 20)

static int read_pool(const struct setting_tree *t, uint64_t node, uint64_t size,
		     struct setting_value *ret)
{
	const struct setting_target on = { .id = SETTING_HUGE_PAGES, .key = node, .detail = size };

	return setting_file_read(&t->root, &t->layout, &on, "", ret);
}

TEST(pools_of_nodes)
{
	const struct setting_target on = { .id = SETTING_HUGE_PAGES, .key = 1, .detail = SIZE_2M };
	struct setting_value value = { .number = -77 };
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, POOL("0"), "512\n");
	tree_put(&t, POOL("1"), "7\n");
	tree_put(&t, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "519\n");
	tree_go_live(&t);
	check_int(read_pool(&t, 0, SIZE_2M, &value), 0);
	check_int(value.number, 512);
	check_int(read_pool(&t, 1, SIZE_2M, &value), 0);
	check_int(value.number, 7);
	check_int(read_pool(&t, 2, SIZE_2M, &value), -ENOENT);
	check_int(read_pool(&t, 0, (uint64_t)1 << 30, &value), -ENOENT);
	check_int(read_pool(&t, 0, 0, &value), -EINVAL);
	check_int(read_pool(&t, 0, 1025, &value), -EINVAL);
	/* Not node 0 again. */
	check_int(read_pool(&t, (uint64_t)1 << 32, SIZE_2M, &value), -ENOENT);
	check_int(value.number, 7);
	value.number = 3;
	check_int(setting_file_write(&t.root, &t.layout, &on, "", &value), 0);
	check_str(tree_text(&t, POOL("1")), "3\n");
	check_str(tree_text(&t, POOL("0")), "512\n");
	value.number = -1;
	check_int(setting_file_write(&t.root, &t.layout, &on, "", &value), -EINVAL);
}

TEST(the_pool_of_a_machine_without_nodes)
{
	struct setting_value value;
	TREE(t, V2_MOUNTS);

	fill_v2(&t);
	tree_put(&t, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "5\n");
	tree_open(&t);
	check_int(read_pool(&t, 0, SIZE_2M, &value), 0);
	check_int(value.number, 5);
	check_int(read_pool(&t, 1, SIZE_2M, &value), -ENOENT);
}
