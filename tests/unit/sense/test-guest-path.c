/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "core/plan.h"
#include "sense/guest_path.h"

static char name[NAME_BYTES];

static enum guest_type parse(const char *path)
{
	return guest_path_parse(path, name, sizeof(name));
}

TEST(libvirt_scope)
{
	check_int(parse("machine.slice/machine-qemu\\x2d3\\x2dweb.scope"), GUEST_QEMU);
	check_str(name, "web");
}

TEST(libvirt_scope_with_escapes_in_the_name)
{
	check_int(parse("machine.slice/machine-qemu\\x2d12\\x2ddb\\x2dmaster.scope"), GUEST_QEMU);
	check_str(name, "db-master");
}

TEST(custom_partition)
{
	check_int(parse("machine.slice/machine-production.slice/machine-qemu\\x2d1\\x2da.scope"),
		  GUEST_QEMU);
	check_str(name, "a");
}

TEST(libvirt_without_systemd)
{
	check_int(parse("machine/qemu-1-vm1.libvirt-qemu"), GUEST_QEMU);
	check_str(name, "vm1");
}

TEST(proxmox)
{
	check_int(parse("qemu.slice/100.scope"), GUEST_QEMU);
	check_str(name, "100");
	check_int(parse("other.slice/100.scope"), GUEST_NONE);
	check_int(parse("qemu.slice/100a.scope"), GUEST_NONE);
	check_int(parse("notqemu.slice/100.scope"), GUEST_NONE);
}

TEST(containers_of_machined_are_no_guests)
{
	check_int(parse("machine.slice/machine-lxc\\x2d7\\x2dbox.scope"), GUEST_NONE);
	check_str(name, "machine-lxc\\x2d7\\x2dbox.scope");
	check_int(parse("machine.slice/machine-debian.scope"), GUEST_NONE);
	check_int(parse("machine.slice/libpod-0123.scope"), GUEST_NONE);
}

TEST(a_unit_is_called_by_its_last_component)
{
	check_int(parse("system.slice/system-x.slice/x@1.service"), GUEST_NONE);
	check_str(name, "x@1.service");
	check_int(parse("alone"), GUEST_NONE);
	check_str(name, "alone");
}

TEST(broken_forms_are_no_guests)
{
	check_int(parse("machine.slice/machine-qemu\\x2d\\x2dweb.scope"), GUEST_NONE);
	check_int(parse("machine.slice/machine-qemu\\x2d3\\x2d.scope"), GUEST_NONE);
	check_int(parse("machine.slice/machine-qemu\\x2d3.scope"), GUEST_NONE);
	check_int(parse("machine.slice/machine-.scope"), GUEST_NONE);
	check_int(parse("machine.slice/.scope"), GUEST_NONE);
	check_int(parse(""), GUEST_NONE);
}

TEST(an_escaped_nul_does_not_cut_the_name)
{
	check_int(parse("machine.slice/machine-qemu\\x2d3\\x2da\\x00b.scope"), GUEST_QEMU);
	check_str(name, "a\\x00b");
}

TEST(names_are_printable)
{
	check_int(parse("machine.slice/machine-qemu\\x2d3\\x2da\\x0ab\\xff.scope"), GUEST_QEMU);
	check_str(name, "a\\x0ab\\xff");
	parse("system.slice/\xc3(.service");
	check_str(name, "\\xc3(.service");
}

TEST(a_long_name_is_cut)
{
	char path[512];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	check_int(parse(path), GUEST_NONE);
	check_int(strlen(name), NAME_BYTES - 1);
}

TEST(parts_of_a_guest_are_its)
{
	check_int(parse("machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt"), GUEST_QEMU);
	check_str(name, "web");
	check_int(parse("machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/vcpu12"),
		  GUEST_QEMU);
	check_str(name, "web");
	check_int(parse("machine/qemu-1-vm1.libvirt-qemu/emulator"), GUEST_QEMU);
	check_str(name, "vm1");
	check_int(parse("machine.slice/machine-qemu\\x2d1\\x2dweb.scope/other"), GUEST_NONE);
	check_int(parse("system.slice/vcpu1"), GUEST_NONE);
	check_int(parse("emulator"), GUEST_NONE);
}

TEST(the_oldest_libvirt)
{
	check_int(parse("system/libvirtd.service/libvirt/qemu/vm1"), GUEST_QEMU);
	check_str(name, "vm1");
	check_int(parse("libvirt/qemu/vm1/vcpu0"), GUEST_QEMU);
	check_str(name, "vm1");
	/* Whatever it is called. */
	check_int(parse("libvirt/qemu/emulator/emulator"), GUEST_QEMU);
	check_str(name, "emulator");
	check_int(parse("libvirt/qemu"), GUEST_NONE);
	check_int(parse("notlibvirt/qemu/vm1"), GUEST_NONE);
	check_int(parse("machine/vm1.libvirt-qemu"), GUEST_QEMU);
	check_str(name, "vm1");
}

TEST(other_monitors)
{
	check_int(parse("machine.slice/machine-ch\\x2d7\\x2dapp.scope"), GUEST_CLOUD_HYPERVISOR);
	check_str(name, "app");
	check_int(parse("firecracker/a1-b2"), GUEST_FIRECRACKER);
	check_str(name, "a1-b2");
	check_int(parse("sys/firecracker/a1"), GUEST_FIRECRACKER);
	check_int(parse("xfirecracker/a1"), GUEST_NONE);
}

TEST(managers)
{
	check_int(guest_path_manager("machine.slice/machine-qemu\\x2d3\\x2dweb.scope"),
		  GUEST_MANAGER_LIBVIRT);
	check_int(guest_path_manager("qemu.slice/100.scope"), GUEST_MANAGER_PROXMOX);
	check_int(guest_path_manager("firecracker/x"), GUEST_MANAGER_JAILER);
	check_int(guest_path_manager("system.slice/a.service"), GUEST_MANAGER_UNKNOWN);
}
