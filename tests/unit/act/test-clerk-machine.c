/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The doors of a clerk on a machine of files and with a manager that is none; a thread does what
 * the kernel would. */

#include "act/clerk-at-work.h"
#include "act/fake-machine.h"
#include "sys/fake-manager.h"

#include "core/canary.h"
#include "util/macro.h"

#include <pthread.h>
#include <sys/sysmacros.h>

#define MIB   (INT64_C(1) << 20)
#define SCOPE "machine.slice/machine-qemu\\x2d1.scope"
#define UNIT  "machine-qemu\\x2d1.scope"

static struct machine machine;
static struct clerk_machine clerk;
static struct work_request request;

static void set_up(const struct fake_manager *manager)
{
	machine_open(&machine);
	memset(&request, 0, sizeof(request));
	request.deadline_usec = 5 * USEC_PER_SEC;
	clerk = (struct clerk_machine){ .root = &machine.root,
					.directory = machine.files.directory,
					.bus_address =
						manager ? manager->address : "unix:path=/nowhere",
					.layout = machine.layout,
					.has_layout = true };
}

static void set_up_setting(const struct fake_manager *manager, const char *path, enum setting_id id,
			   int64_t number)
{
	set_up(manager);
	request.kind = WORK_SET;
	request.setting.on =
		(struct setting_target){ .id = id, .key = machine_cgroup(&machine, path) };
	request.setting.value.number = number;
	request.setting.owner = OWNER_SYSTEMD;
	strcpy(request.setting.path, path);
}

static int run(void)
{
	return run_clerk(&clerk, &request);
}

static void put(const char *path, const char *text)
{
	fixture_put(&machine.files, path, text);
}

static const char *get(const char *path)
{
	static char text[64];

	check(sysroot_read(&machine.root, path, text, sizeof(text)) >= 0);
	return text;
}

/* --- units ------------------------------------------------------------------------------------ */

struct kernel {
	struct fake_manager *manager;
	const char *file;
	const char *text;
	char heard[512];
};

/* The next call, whole: it is told piece by piece. */
static void hear(const struct fake_manager *manager, char *ret, size_t size)
{
	struct pollfd told = { .fd = manager->told_fd, .events = POLLIN };
	size_t length = 0;

	while (length + 1 < size && poll(&told, 1, 5000) > 0 &&
	       read(manager->told_fd, ret + length, 1) == 1 && ret[length] != '\n')
		length++;
	ret[length] = '\0';
}

/* Once the manager has heard of it, the file has it. */
static void *play_kernel(void *context)
{
	struct kernel *kernel = context;

	/* Which unit it is comes first. */
	hear(kernel->manager, kernel->heard, sizeof(kernel->heard));
	hear(kernel->manager, kernel->heard, sizeof(kernel->heard));
	machine_put(&machine, SCOPE, kernel->file, kernel->text);
	return NULL;
}

TEST(a_unit_is_told_and_the_kernels_file_read)
{
	FAKE_MANAGER_RUNNING(manager);
	struct kernel kernel = { &manager, "memory.low", "67108864\n", "" };
	pthread_t thread;

	set_up_setting(&manager, SCOPE, SETTING_MEMORY_LOW, 64 * MIB);
	machine_put(&machine, SCOPE, "memory.low", "0\n");
	check_int(pthread_create(&thread, NULL, play_kernel, &kernel), 0);
	check_int(run(), 0);
	check_int(pthread_join(thread, NULL), 0);
	check_str(kernel.heard, UNIT " runtime MemoryLow t 67108864");
	check(last.in_force_known);
	check_int(last.in_force.number, 64 * MIB);
	machine_close(&machine);
}

TEST(a_device_is_named_by_its_number)
{
	FAKE_MANAGER_RUNNING(manager);
	struct kernel kernel = { &manager, "io.max",
				 "8:16 rbps=max wbps=1048576 riops=max wiops=max\n", "" };
	pthread_t thread;

	set_up_setting(&manager, SCOPE, SETTING_IO_WRITE_MAX, MIB);
	request.setting.on.detail = makedev(8, 16);
	machine_put(&machine, SCOPE, "io.max", "");
	check_int(pthread_create(&thread, NULL, play_kernel, &kernel), 0);
	check_int(run(), 0);
	check_int(pthread_join(thread, NULL), 0);
	check_str(kernel.heard, UNIT " runtime IOWriteBandwidthMax a(st) /dev/block/8:16 1048576");
	check_int(last.in_force.number, MIB);
	machine_close(&machine);
}

TEST(the_unit_of_a_cgroup_further_up_is_not_meant)
{
	FAKE_MANAGER_RUNNING(manager);

	set_up_setting(&manager, SCOPE "/libvirt", SETTING_MEMORY_LOW, 64 * MIB);
	machine_put(&machine, SCOPE "/libvirt", "memory.low", "0\n");
	check_int(run(), ENOENT);
	check_contains(last.said, "no unit");
	machine_close(&machine);
	set_up_setting(&manager, "other.service", SETTING_MEMORY_LOW, 64 * MIB);
	machine_put(&machine, "other.service", "memory.low", "0\n");
	check_int(run(), ENOENT);
	check_str(fake_manager_heard(&manager), "/other.service");
	check_str(fake_manager_heard(&manager), "");
	machine_close(&machine);
}

TEST(a_part_of_the_hierarchy_is_named_as_the_manager_does)
{
	FAKE_MANAGER_RUNNING(manager);

	set_up_setting(&manager, "other.service", SETTING_MEMORY_LOW, 64 * MIB);
	strcpy(clerk.layout.v2.subtree, "/lxc/box");
	machine_put(&machine, "other.service", "memory.low", "0\n");
	check_int(run(), ENOENT);
	check_str(fake_manager_heard(&manager), "/lxc/box/other.service");
	machine_close(&machine);
}

TEST(an_undo_of_a_unit_that_is_gone_goes_by_its_name)
{
	static const char *const drop_in =
		"run/systemd/system.control/cpu.service.d/50-MemoryHigh.conf";
	FAKE_MANAGER_RUNNING(manager);

	/* The kernel has files that begin with the name of a controller. */
	set_up_setting(&manager, "gone.slice/_cpu.service", SETTING_MEMORY_HIGH, SETTING_UNLIMITED);
	strcpy(request.setting.path, "nowhere.slice/_cpu.service");
	request.setting.is_undo = request.setting.drop_in_goes = true;
	put(drop_in, "[Service]\nMemoryHigh=1\n");
	check_int(run(), 0);
	check_str(fake_manager_heard(&manager),
		  "cpu.service runtime MemoryHigh t 18446744073709551615");
	check_int(faccessat(machine.root.fd, drop_in, F_OK, 0), -1);
	machine_close(&machine);
	/* And one that the manager has forgotten. */
	set_up_setting(&manager, "a.slice/gone.service", SETTING_MEMORY_HIGH, SETTING_UNLIMITED);
	strcpy(request.setting.path, "b.slice/gone.service");
	request.setting.is_undo = true;
	check_int(run(), 0);
	machine_close(&machine);
}

TEST(without_a_manager_nothing_is_set)
{
	set_up_setting(NULL, SCOPE, SETTING_MEMORY_LOW, 64 * MIB);
	machine_put(&machine, SCOPE, "memory.low", "0\n");
	check_int(run(), ENOTCONN);
	check_str(last.said, "there is no systemd here");
	check_str(get("cg/" SCOPE "/memory.low"), "0\n");
	machine_close(&machine);
}

TEST(a_manager_that_hung_up_is_looked_for_anew)
{
	FAKE_MANAGER_RUNNING(manager);
	struct clerk_doors doors;

	set_up(&manager);
	check_int(clerk_machine_open(&clerk, USEC_PER_SEC, &doors), 0);
	check_int(doors.unit_freeze(doors.context, "hangup.service", true), -ECONNRESET);
	check(doors.unit_words(doors.context)[0] != '\0');
	check_int(doors.unit_freeze(doors.context, "web.service", true), 0);
	clerk_machine_rest(&clerk);
	machine_close(&machine);
}

TEST(a_manager_that_is_slow_has_its_time_and_no_more)
{
	FAKE_MANAGER_RUNNING(manager);

	set_up(&manager);
	request.kind = WORK_UNIT;
	request.deadline_usec = 200 * USEC_PER_MSEC;
	strcpy(request.unit.unit, "slow.service");
	check_int(run(), ETIMEDOUT);
	strcpy(request.unit.unit, "failed.service");
	request.deadline_usec = 5 * USEC_PER_SEC;
	check_int(run(), EREMOTEIO);
	check(last.said[0] != '\0');
	strcpy(request.unit.unit, "web.service");
	request.unit.verb = UNIT_RESTART;
	check_int(run(), 0);
	check_str(last.said, "restarted");
	machine_close(&machine);
}

/* --- canaries --------------------------------------------------------------------------------- */

#define PROGRAM "/usr/libexec/oomwarden-canary"

/* The agent is who has forked the worker: here who has started the test. */
static void set_up_canary(const struct fake_manager *manager, const char *name)
{
	char path[64];

	set_up(manager);
	request.kind = WORK_UNIT;
	request.unit.verb = UNIT_ARM;
	request.unit.bytes = 64 * MIB;
	snprintf(request.unit.unit, sizeof(request.unit.unit), "oomwarden-canary-%s.service", name);
	clerk.canary = PROGRAM;
	snprintf(path, sizeof(path), "proc/%d/stat", getppid());
	put(path,
	    "1 (oomwardend) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 200 0 0 0 0 0 0 0 0 "
	    "0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
}

TEST(a_canary_is_a_unit_with_its_command)
{
	FAKE_MANAGER_RUNNING(manager);
	char heard[4096], want[256];

	set_up_canary(&manager, "early:node1");
	request.unit.has_node = true;
	request.unit.node = 1;
	strcpy(request.unit.slice, "web.slice");
	check_int(run(), 0);
	check_str(last.said, "holds 64 MiB on node 1");
	hear(&manager, heard, sizeof(heard));
	check_contains(heard, "StartTransientUnit oomwarden-canary-early:node1.service fail ");
	snprintf(want, sizeof(want),
		 " ExecStart=" PROGRAM "," PROGRAM ",--bytes=67108864,--node=1,--agent=%d:4711,0,",
		 getppid());
	check_contains(heard, want);
	check_contains(heard, " Slice=web.slice, ");
	check_contains(heard, " Type=notify, ");
	check_contains(heard, " OOMScoreAdjust=1000, ");
	check_contains(heard, " LimitMEMLOCK=18446744073709551615, ");
	check_contains(heard, " KillSignal=9, ");
	check_contains(heard, " SuccessExitStatus=9, ");
	check_contains(heard, " CollectMode=inactive-or-failed, ");
	check_contains(heard, " MemorySwapMax=0, ");
	check_contains(heard, " DynamicUser=1, ");
	check_contains(heard, " CapabilityBoundingSet=0, ");
	/* A sixth of the time is left for the answer. */
	check_contains(heard, " TimeoutStartUSec=4166667, ");
	check_contains(heard, " Before=agent.service, ");
	machine_close(&machine);
}

TEST(a_canary_of_the_host_names_no_place)
{
	FAKE_MANAGER_RUNNING(manager);
	char heard[4096];

	set_up_canary(&manager, "spare");
	check_int(run(), 0);
	check_str(last.said, "holds 64 MiB");
	hear(&manager, heard, sizeof(heard));
	check(!strstr(heard, " Slice="));
	check(!strstr(heard, "--node"));
	machine_close(&machine);
}

TEST(what_another_agent_has_left_makes_way)
{
	FAKE_MANAGER_RUNNING(manager);
	char heard[4096];

	set_up_canary(&manager, "there");
	check_int(run(), 0);
	hear(&manager, heard, sizeof(heard));
	check_contains(heard, "StartTransientUnit");
	hear(&manager, heard, sizeof(heard));
	check_str(heard, "StopUnit oomwarden-canary-there.service replace");
	hear(&manager, heard, sizeof(heard));
	check_contains(heard, "StartTransientUnit");
	machine_close(&machine);
	/* A file of the operator's. */
	set_up_canary(&manager, "stays");
	check_int(run(), EEXIST);
	check_contains(last.said, "already loaded");
	machine_close(&machine);
}

TEST(an_old_manager_has_a_canary_without_a_cage)
{
	FAKE_MANAGER_RUNNING(manager);
	char heard[4096];

	set_up_canary(&manager, "plain");
	check_int(run(), 0);
	check_str(last.said, "holds 64 MiB, not confined, for which systemd is too old");
	hear(&manager, heard, sizeof(heard));
	check_contains(heard, " DynamicUser=1, ");
	hear(&manager, heard, sizeof(heard));
	check(!strstr(heard, "DynamicUser"));
	check_contains(heard, " OOMScoreAdjust=1000, ");
	check_contains(heard, " Before=agent.service, ");
	machine_close(&machine);
}

TEST(a_canary_that_fails_says_why)
{
	FAKE_MANAGER_RUNNING(manager);

	set_up_canary(&manager, "speaks");
	check_int(run(), EREMOTEIO);
	check_str(last.said, "there is\\x0ano room");
	machine_close(&machine);
	set_up_canary(&manager, "norun");
	check_int(run(), EREMOTEIO);
	check_contains(last.said, "could not be run");
	machine_close(&machine);
}

TEST(without_systemd_a_canary_that_cannot_be_had_says_why)
{
	set_up_canary(NULL, "early");
	check_int(run(), EOPNOTSUPP);
	check_str(last.said, "memory is not accounted by control groups here");
	/* Nothing is left of it. */
	check_int(faccessat(machine.layout.tree_fd, CANARY_GROUP, F_OK, 0), -1);
	machine_close(&machine);
	set_up_canary(NULL, "early");
	machine_cgroup(&machine, "init.scope");
	check_int(run(), EOPNOTSUPP);
	check_str(last.said, "there is no systemd here, and control groups are another one's");
	machine_close(&machine);
	set_up_canary(NULL, "web");
	strcpy(request.unit.slice, "web-shop.slice");
	machine_cgroup(&machine, "web.slice");
	check_int(run(), ENOENT);
	check_str(last.said, "there is no control group web.slice/web-shop.slice");
	machine_close(&machine);
}

TEST(without_systemd_one_that_is_gone_is_ended)
{
	set_up_canary(NULL, "early");
	request.unit.verb = UNIT_DISARM;
	check_int(run(), 0);
	check_str(last.said, "it was gone already");
	machine_close(&machine);
}

TEST(a_canarys_unit_is_stopped)
{
	FAKE_MANAGER_RUNNING(manager);
	char heard[4096];

	set_up_canary(&manager, "early");
	request.unit.verb = UNIT_DISARM;
	check_int(run(), 0);
	hear(&manager, heard, sizeof(heard));
	check_str(heard, "StopUnit oomwarden-canary-early.service replace");
	machine_close(&machine);
}

TEST(nothing_is_started_for_an_agent_that_is_gone)
{
	FAKE_MANAGER_RUNNING(manager);
	char name[64], path[PATH_MAX];

	set_up_canary(&manager, "early");
	snprintf(name, sizeof(name), "proc/%d/stat", getppid());
	fixture_path(&machine.files, name, path);
	check_int(unlink(path), 0);
	check_int(run(), ESRCH);
	check_str(fake_manager_heard(&manager), "");
	machine_close(&machine);
}

/* --- the kernel's files ----------------------------------------------------------------------- */

TEST(a_cgroup_is_reclaimed_from_by_its_own_file)
{
	set_up(NULL);
	request.kind = WORK_RECLAIM;
	request.relief.key = machine_cgroup(&machine, SCOPE);
	strcpy(request.relief.path, SCOPE);
	request.relief.bytes = 3 * MIB;
	machine_put(&machine, SCOPE, "memory.current", "104857600\n");
	machine_put(&machine, SCOPE, "memory.reclaim", "");
	check_int(run(), 0);
	check_int(last.done_bytes, 3 * MIB);
	check_str(get("cg/" SCOPE "/memory.reclaim"), "3145728");
	request.relief.key++;
	check_int(run(), ESTALE);
	machine_close(&machine);
	/* v1 has none. */
	set_up(NULL);
	request.kind = WORK_RECLAIM;
	request.relief = (struct work_relief){ .key = machine_cgroup(&machine, SCOPE),
					       .path = SCOPE,
					       .bytes = MIB };
	clerk.layout.controllers[CGROUP_MEMORY] = CGROUP_V1;
	check_int(run(), EOPNOTSUPP);
	machine_close(&machine);
}

TEST(a_node_is_compacted_and_reclaimed_by_its_files)
{
	set_up(NULL);
	put("sys/devices/system/node/node1/compact", "");
	put("sys/devices/system/node/node1/reclaim", "");
	put("sys/devices/system/node/node1/meminfo", "Node 1 MemFree: 1000 kB\n");
	request.kind = WORK_COMPACT;
	request.relief = (struct work_relief){ .of_node = true, .node = 1, .bytes = 4096 };
	check_int(run(), 0);
	check_str(get("sys/devices/system/node/node1/compact"), "1\n");
	request.relief.node = 0;
	check_int(run(), ENOENT);
	request.kind = WORK_RECLAIM;
	request.relief.node = 1;
	check_int(run(), 0);
	check_str(get("sys/devices/system/node/node1/reclaim"), "4096\n");
	machine_close(&machine);
	/* Without nodes there is the machine. */
	set_up(NULL);
	put("proc/sys/vm/compact_memory", "");
	request.kind = WORK_COMPACT;
	request.relief = (struct work_relief){ .of_node = true };
	check_int(run(), 0);
	check_str(get("proc/sys/vm/compact_memory"), "1\n");
	machine_close(&machine);
}

TEST(slab_is_dropped_and_nothing_else)
{
	set_up(NULL);
	put("proc/sys/vm/drop_caches", "");
	request.kind = WORK_DROP_SLAB;
	check_int(run(), 0);
	check_str(get("proc/sys/vm/drop_caches"), "2\n");
	machine.root.live = false;
	check_int(run(), EROFS);
	machine_close(&machine);
}
