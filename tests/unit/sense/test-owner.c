/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#include "sense/service_owner.h"

static struct machine m;

static void check_owners(enum systemd_presence systemd, enum cgroup_owner owner,
			 const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (service_owner_of(paths[i], systemd) != owner)
			test_stop_(TEST_FAILED_, "%s is owned by %d, not %d", paths[i],
				   (int)service_owner_of(paths[i], systemd), (int)owner);
}

#define CHECK_OWNERS(systemd, owner, ...)                                 \
	do {                                                              \
		static const char *const paths_[] = { __VA_ARGS__ };      \
		check_owners(systemd, owner, paths_, ARRAY_SIZE(paths_)); \
	} while (0)

TEST(units_of_systemd)
{
	CHECK_OWNERS(SYSTEMD_HERE, OWNER_SYSTEMD, "init.scope", "system.slice",
		     "system.slice/a.service", "user.slice/user-1000.slice/session-3.scope",
		     "user.slice/user-1000.slice/user@1000.service",
		     "machine.slice/machine-qemu\\x2d1\\x2ddb.scope",
		     "system.slice/system-getty.slice/getty@tty1.service",
		     "system.slice/dbus.socket", "system.slice/var-lib.mount",
		     "system.slice/dev-sda2.swap", "qemu.slice/101.scope",
		     "kubepods.slice/kubepods-burstable.slice/cri-containerd-4f.scope");
}

TEST(what_a_unit_was_given_is_not_systemds_to_say)
{
	CHECK_OWNERS(SYSTEMD_HERE, OWNER_OTHER, "system.slice/a.service/inner",
		     "machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt",
		     "machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/vcpu0",
		     "user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
		     "user.slice/user-1000.slice/user@1000.service/init.scope",
		     /* A cgroup right below a slice, which is a unit too. */
		     "system.slice/docker", "system.slice/docker/4f5e",
		     /* A system of its own in a container. */
		     "box/system.slice/a.service", "box/init.scope");
}

TEST(other_managers)
{
	static const enum systemd_presence all[] = { SYSTEMD_NOWHERE, SYSTEMD_HERE,
						     SYSTEMD_ELSEWHERE };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		CHECK_OWNERS(all[i], OWNER_OTHER, "docker/4f5e", "kubepods/burstable/pod1/4f5e",
			     "kubepods", "lxc/box", "lxc.payload.box/inner", "libpod_parent/x",
			     "libvirt/qemu/db", "machine/db.libvirt-qemu", "db.libvirt-qemu",
			     "firecracker/vm1", "a/docker/4f5e");
		CHECK_OWNERS(all[i], OWNER_NOBODY, "jobs", "jobs/batch/1", "a/machine", "dockerish",
			     "Lxc", "a/podman");
	}
}

TEST(without_systemd_names_of_units_mean_nothing)
{
	CHECK_OWNERS(SYSTEMD_NOWHERE, OWNER_NOBODY, "system.slice/a.service", "a.service",
		     "a.service/inner", "init.scope");
}

/* They may be written by nobody here: whoever could be asked to is out of reach. */
TEST(units_of_a_systemd_outside)
{
	CHECK_OWNERS(SYSTEMD_ELSEWHERE, OWNER_OTHER, "system.slice/a.service", "a.service",
		     "system.slice/a.service/inner");
}

TEST(a_suffix_alone_is_no_unit)
{
	CHECK_OWNERS(SYSTEMD_HERE, OWNER_NOBODY, ".service", ".slice/.scope", "a.target", "a.timer",
		     "service", "");
}

static enum cgroup_owner owner_of_a(void)
{
	return machine_service(machine_round(&m, SEC), "system.slice/a.service")->owner;
}

static void set_up(void)
{
	machine_two_nodes(&m);
	machine_policy(&m, "all", "**");
	machine_cgroup(&m, "system.slice/a.service", "");
	machine_cgroup(&m, "system.slice/a.service/inner", "");
}

TEST(a_captured_machine_shows_systemd_by_its_slices)
{
	set_up();
	machine_start(&m, true);
	check_int(owner_of_a(), OWNER_SYSTEMD);
	check(sense_snapshot(m.sense)->host.has_systemd);
	check(!sense_snapshot(m.sense)->host.memory_is_v1);
	check_int(machine_service(sense_snapshot(m.sense), "system.slice/a.service/inner")->owner,
		  OWNER_OTHER);
	machine_done(&m);
}

TEST(a_running_machine_says_whether_systemd_runs_it)
{
	set_up();
	machine_mkdir(&m, "run/systemd/system");
	machine_start_live(&m);
	check_int(owner_of_a(), OWNER_SYSTEMD);
	check(sense_snapshot(m.sense)->host.has_systemd);
	machine_done(&m);

	set_up();
	machine_start_live(&m);
	check_int(owner_of_a(), OWNER_NOBODY);
	check(!sense_snapshot(m.sense)->host.has_systemd);
	machine_done(&m);

	/* The cgroups of a host, seen from a container. */
	set_up();
	machine_mkdir(&m, CGROUP_DIR "/init.scope");
	machine_start_live(&m);
	check_int(owner_of_a(), OWNER_OTHER);
	check(!sense_snapshot(m.sense)->host.has_systemd);
	machine_done(&m);
}
