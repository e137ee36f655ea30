/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "core/policy.h"
#include "core/setting.h"

TEST(the_first_policy_that_matches_owns)
{
	char *guests[] = { (char[]){ "machine.slice/**/*.scope" } };
	char *all[] = { (char[]){ "nothing" }, (char[]){ "**" } };
	struct policy policies[] = {
		{ .match = guests, .match_count = 1 },
		{ .match = all, .match_count = 2 },
	};
	struct policy_table table = { .policies = policies, .count = 2 };

	check_int(policy_table_match(&table, "machine.slice/machine-qemu\\x2d1\\x2da.scope"), 0);
	check_int(policy_table_match(&table, "machine.slice/a.slice/b.scope"), 0);
	check_int(policy_table_match(&table, "system.slice/x.service"), 1);
	table.count = 1;
	check_int(policy_table_match(&table, "system.slice/x.service"), -1);
}

TEST(what_a_host_lives_by_is_protected)
{
	check(policy_is_protected_unit("init.scope"));
	check(policy_is_protected_unit("system.slice/dbus.service"));
	check(policy_is_protected_unit("system.slice/systemd-journald@guest.service"));
	check(policy_is_protected_unit("system.slice/virtqemud.service"));
	check(policy_is_protected_unit("system.slice/system-ceph.slice/ceph-osd@3.service"));
	check(policy_is_protected_unit("system.slice/sshd.service"));
}

TEST(what_is_below_a_protected_unit_is_protected)
{
	check(policy_is_protected_unit("system.slice/containerd.service/worker/1"));
	check(policy_is_protected_unit("system.slice/libvirtd.service/libvirt/qemu/a/vcpu0"));
}

TEST(others_are_not)
{
	check(!policy_is_protected_unit("system.slice/nginx.service"));
	check(!policy_is_protected_unit("system.slice/sshd-audit.service"));
	check(!policy_is_protected_unit("dbus.service.d/x"));
	check(!policy_is_protected_unit(""));
}

TEST(where_nobody_has_set_anything)
{
	check_int(setting_nothing(SETTING_MEMORY_MAX).number, SETTING_UNLIMITED);
	check_int(setting_nothing(SETTING_IO_WRITE_MAX).number, SETTING_UNLIMITED);
	check_int(setting_nothing(SETTING_MEMORY_LOW).number, 0);
	check_int(setting_nothing(SETTING_FREEZE).number, 0);
}
