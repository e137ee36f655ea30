/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "setting-tree.h"
#include "sys/fake-manager.h"

#include "act/setting_file.h"
#include "act/unit_setting.h"
#include "sys/unit_bus.h"

#define PATIENT_USEC (30 * USEC_PER_SEC)

static struct unit_bus *open_bus(const struct fake_manager *manager)
{
	struct unit_bus *bus;
	int r = unit_bus_open(manager->address, PATIENT_USEC, &bus);

	if (r < 0)
		abort();
	return bus;
}

static int set_number(struct unit_bus *bus, const char *unit, enum setting_id id, int64_t number)
{
	const struct setting_value value = { .number = number };

	return unit_setting_set(bus, unit, id, &value, NULL);
}

TEST(each_setting_has_its_property)
{
	static const struct {
		enum setting_id id;
		int64_t number;
		const char *heard;
	} rows[] = {
		{ SETTING_MEMORY_MIN, 0, "a.service runtime MemoryMin t 0" },
		{ SETTING_MEMORY_LOW, 5, "a.service runtime MemoryLow t 5" },
		{ SETTING_MEMORY_HIGH, SETTING_UNLIMITED,
		  "a.service runtime MemoryHigh t 18446744073709551615" },
		{ SETTING_MEMORY_MAX, 4096, "a.service runtime MemoryMax t 4096" },
		{ SETTING_MEMORY_SWAP_MAX, 0, "a.service runtime MemorySwapMax t 0" },
	};
	_cleanup_(unit_bus_closep) struct unit_bus *bus = NULL;
	FAKE_MANAGER_RUNNING(manager);

	bus = open_bus(&manager);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_int(set_number(bus, "a.service", rows[i].id, rows[i].number), 0);
		check_str(fake_manager_heard(&manager), rows[i].heard);
	}
}

TEST(nodes_and_devices)
{
	struct setting_value value = { 0 };
	_cleanup_(unit_bus_closep) struct unit_bus *bus = NULL;
	FAKE_MANAGER_RUNNING(manager);

	bus = open_bus(&manager);
	check_int(unit_setting_set(bus, "a.service", SETTING_ALLOWED_NODES, &value, NULL), 0);
	check_str(fake_manager_heard(&manager), "a.service runtime AllowedMemoryNodes ay");
	idset_add(&value.nodes, 9);
	check_int(unit_setting_set(bus, "a.service", SETTING_ALLOWED_NODES, &value, NULL), 0);
	check_str(fake_manager_heard(&manager), "a.service runtime AllowedMemoryNodes ay 00 02");
	value.number = SETTING_UNLIMITED;
	check_int(unit_setting_set(bus, "a.service", SETTING_IO_WRITE_MAX, &value, "/dev/sda"), 0);
	check_str(fake_manager_heard(&manager),
		  "a.service runtime IOWriteBandwidthMax a(st) /dev/sda 18446744073709551615");
	check_int(unit_setting_set(bus, "a.service", SETTING_IO_WRITE_MAX, &value, NULL), -EINVAL);
}

TEST(what_systemd_cannot_set_is_not_asked_of_it)
{
	_cleanup_(unit_bus_closep) struct unit_bus *bus = NULL;
	FAKE_MANAGER_RUNNING(manager);

	bus = open_bus(&manager);
	check_int(set_number(bus, "a.service", SETTING_OOM_GROUP, 1), -EOPNOTSUPP);
	check_int(set_number(bus, "a.service", SETTING_OOM_SCORE_ADJ, 1), -EOPNOTSUPP);
	check_int(set_number(bus, "a.service", SETTING_FREEZE, 1), -EOPNOTSUPP);
	check_int(set_number(bus, "a.service", SETTING_SWAPPINESS, 1), -EOPNOTSUPP);
	check_int(set_number(bus, "a.service", SETTING_HUGE_PAGES, 1), -EOPNOTSUPP);
	check_int(set_number(bus, "a.service", SETTING_MEMORY_HIGH, -1), -EINVAL);
	check_str(fake_manager_heard(&manager), "");
}

TEST(an_old_manager_is_told_by_the_old_name)
{
	_cleanup_(unit_bus_closep) struct unit_bus *bus = NULL;
	FAKE_MANAGER_RUNNING(manager);

	bus = open_bus(&manager);
	check_int(set_number(bus, "old.service", SETTING_MEMORY_MAX, 4096), 0);
	check_str(fake_manager_heard(&manager), "old.service runtime MemoryMax t 4096");
	check_str(fake_manager_heard(&manager), "old.service runtime MemoryLimit t 4096");
	/* Others have no old name. */
	check_int(set_number(bus, "old.service", SETTING_MEMORY_HIGH, 4096), -EOPNOTSUPP);
	check_str(fake_manager_heard(&manager), "old.service runtime MemoryHigh t 4096");
	check_str(fake_manager_heard(&manager), "");
	/* And a value that was refused is not tried as another. */
	check_int(set_number(bus, "refused.service", SETTING_MEMORY_MAX, 4096), -EINVAL);
	check_str(fake_manager_heard(&manager), "refused.service runtime MemoryMax t 4096");
	check_str(fake_manager_heard(&manager), "");
}

TEST(success_without_effect_shows_when_read_back)
{
	const struct setting_target on = { .id = SETTING_MEMORY_HIGH };
	const struct setting_value wanted = { .number = 4096 };
	struct setting_value found;
	_cleanup_(unit_bus_closep) struct unit_bus *bus = NULL;
	FAKE_MANAGER_RUNNING(manager);
	TREE(t, V2_MOUNTS);

	tree_put(&t, "sys/fs/cgroup/cgroup.controllers", "memory\n");
	tree_put(&t, V2_A "memory.high", "max\n");
	tree_open(&t);
	bus = open_bus(&manager);
	check_int(unit_setting_set(bus, "a.service", on.id, &wanted, NULL), 0);
	check_int(setting_file_read(&t.root, &t.layout, &on, TREE_PATH, &found), 0);
	check(!setting_value_equal(on.id, &found, &wanted));
}

TEST(drop_ins_by_either_name)
{
	FIXTURE(f);

	fixture_put(&f, "run/systemd/system.control/a.service.d/50-MemoryLimit.conf", "");
	fixture_put(&f, "run/systemd/system.control/a.service.d/50-MemoryHigh.conf", "");
	check(unit_setting_drop_in_exists(f.directory, "a.service", SETTING_MEMORY_MAX));
	check(unit_setting_drop_in_exists(f.directory, "a.service", SETTING_MEMORY_HIGH));
	check(!unit_setting_drop_in_exists(f.directory, "a.service", SETTING_MEMORY_LOW));
	check(!unit_setting_drop_in_exists(f.directory, "a.service", SETTING_OOM_GROUP));
	check_int(unit_setting_drop_in_remove(f.directory, "a.service", SETTING_MEMORY_MAX), 0);
	check(!unit_setting_drop_in_exists(f.directory, "a.service", SETTING_MEMORY_MAX));
	check_int(unit_setting_drop_in_remove(f.directory, "a.service", SETTING_MEMORY_MAX),
		  -ENOENT);
	check_int(unit_setting_drop_in_remove(f.directory, "a.service", SETTING_FREEZE), -ENOENT);
	check(unit_setting_drop_in_exists(f.directory, "a.service", SETTING_MEMORY_HIGH));
}
