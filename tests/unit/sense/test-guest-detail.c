/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#include "sense/guest_detail.h"

static struct machine m;
static struct guest_detail detail;

#define COMMAND                                                                               \
	"/usr/bin/qemu-system-x86_64\0-name\0guest=web,debug-threads=on\0-m\0004096\0"        \
	"-object\0memory-backend-ram,id=ram0,size=2G,host-nodes=0,policy=bind,prealloc=yes\0" \
	"-object\0memory-backend-memfd,id=ram1,size=2G,host-nodes=1,policy=bind,hugetlb=on\0" \
	"-smp\0002,maxcpus=4\0"

static void start(void)
{
	machine_two_nodes(&m);
	machine_file(&m, "sys/devices/system/cpu/online", "0-7\n");
	machine_file(&m, NODE_DIR "/node0/cpulist", "0-3\n");
	machine_file(&m, NODE_DIR "/node1/cpulist", "4-7\n");
	machine_process(&m, 7, "qemu-system-x86", 100, 40 * MIB, "0-1");
	machine_file(&m, "proc/7/cgroup",
		     "0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator\n");
	machine_write(&m, "proc/7/cmdline", COMMAND, sizeof(COMMAND) - 1);
	machine_file(&m, "proc/7/numa_maps",
		     "1000 default file=/usr/bin/qemu mapped=1 N0=1 kernelpagesize_kB=4\n"
		     "2000 bind:0 anon=512 N0=500 N1=12 kernelpagesize_kB=4\n"
		     "3000 bind:1 file=/memfd:x huge anon=4 N1=4 kernelpagesize_kB=2048\n"
		     "4000 bind:0 anon=1 N0=1 kernelpagesize_kB=4\n"
		     "5000 default\n");
}

static void vcpu(int tid, const char *name, const char *cpus)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/7/task/%d/comm", tid);
	machine_file(&m, path, "%s\n", name);
	snprintf(path, sizeof(path), "proc/7/task/%d/status", tid);
	machine_file(&m, path, "State:\tS\nCpus_allowed_list:\t%s\n", cpus);
}

static int read_detail(void)
{
	guest_detail_done(&detail);
	return guest_detail_read(&m.root, NULL, 7, 100, &detail);
}

static void stop(void)
{
	guest_detail_done(&detail);
	machine_done(&m);
}

static const struct policy_use *use_of(enum memory_policy policy, unsigned node)
{
	for (size_t i = 0; i < detail.policies.use_count; i++)
		if (detail.policies.uses[i].policy == policy &&
		    idset_has(&detail.policies.uses[i].nodes, node))
			return &detail.policies.uses[i];
	test_stop_(TEST_FAILED_, "no mapping has policy %d with node %u", policy, node);
}

TEST(a_guest_of_libvirt)
{
	start();
	check_int(read_detail(), 0);
	check_int(detail.start.type, GUEST_QEMU);
	check_int(detail.manager, GUEST_MANAGER_LIBVIRT);
	check_str(detail.start.name, "web");
	check_int(detail.start.memory_bytes, 4 * GIB);
	check_int(detail.start.vcpus, 2);
	check_int(detail.start.vcpus_max, 4);
	check_int(detail.start.sources,
		  GUEST_FROM_CGROUP | GUEST_FROM_COMMAND_LINE | GUEST_FROM_MAPPINGS);
	check_int(detail.backend_count, 2);
	check_str(detail.backends[0].id, "ram0");
	check_int(detail.backends[0].policy, MEMORY_POLICY_BIND);
	check(detail.backends[0].prealloc && !detail.backends[0].share);
	check_str(detail.backends[1].kind, "memfd");
	check(idset_has(&detail.backends[1].nodes, 1) && detail.backends[1].hugetlb);
	check_int(detail.rss_bytes, 40 * MIB);
	check_int(detail.policies_error, 0);
	stop();
}

TEST(the_policies_of_its_mappings)
{
	start();
	check_int(read_detail(), 0);
	check(detail.policies.task_known && detail.policies.uses_known);
	check(!detail.policies.uses_cut);
	check_int(detail.policies.task, MEMORY_POLICY_DEFAULT);
	check_int(detail.policies.use_count, 3);
	check_int(use_of(MEMORY_POLICY_BIND, 0)->mappings, 2);
	check_int(use_of(MEMORY_POLICY_BIND, 0)->bytes, 513 * PAGE);
	check_int(use_of(MEMORY_POLICY_BIND, 0)->huge_bytes, 0);
	check_int(use_of(MEMORY_POLICY_BIND, 1)->huge_bytes, 8 * MIB);
	stop();
}

TEST(threads_and_their_nodes)
{
	start();
	vcpu(7, "qemu-system-x86", "0-7");
	vcpu(12, "CPU 1/KVM", "5");
	vcpu(11, "CPU 0/KVM", "0-3");
	vcpu(13, "CPU 10/KVM", "0-7");
	check_int(read_detail(), 0);
	check_int(detail.vcpu_count, 3);
	check_int(detail.vcpus[0].number, 0);
	check(detail.vcpus[0].pinned && idset_has(&detail.vcpus[0].nodes, 0));
	check(!idset_has(&detail.vcpus[0].nodes, 1));
	check_int(detail.vcpus[1].number, 1);
	check(idset_has(&detail.vcpus[1].nodes, 1) && idset_count(&detail.vcpus[1].nodes) == 1);
	check_int(detail.vcpus[2].number, 10);
	check(!detail.vcpus[2].pinned);
	check_int(idset_count(&detail.vcpus[2].nodes), 2);
	stop();
}

static void status(const char *name, int pid, const char *middle)
{
	char path[128];

	snprintf(path, sizeof(path), "run/libvirt/qemu/%s.xml", name);
	machine_file(&m, path,
		     "<domstatus state='running' reason='booted' pid='%d'>%s</domstatus>\n", pid,
		     middle);
}

TEST(what_was_plugged_in_since)
{
	start();
	status("web", 7,
	       "<domain><name>web</name><memory unit='GiB'>6</memory>"
	       "<currentMemory unit='GiB'>5</currentMemory><devices>"
	       "<memory model='dimm'><target><size unit='GiB'>2</size></target></memory>"
	       "<hostdev mode='subsystem' type='pci'/></devices>"
	       "<numatune><memory mode='strict' nodeset='0-1'/></numatune>"
	       "<memoryBacking><nosharepages/><locked/></memoryBacking></domain>");
	check_int(read_detail(), 0);
	check(detail.start.sources & GUEST_FROM_STATUS);
	check_int(detail.start.memory_bytes, 6 * GIB);
	check_int(detail.plugged_bytes, 2 * GIB);
	check_int(detail.balloon_bytes, 5 * GIB);
	check_int(detail.start.vfio_devices, 1);
	check(detail.start.unmerged && detail.start.memory_locked);
	check_int(detail.numa_mode, MEMORY_POLICY_BIND);
	check_str(detail.state, "running (booted)");
	/* Those of the command line tell more than the status does. */
	check_int(detail.backend_count, 2);
	stop();
}

TEST(a_status_of_another_process_is_not_its)
{
	start();
	status("web", 8, "<domain><memory unit='GiB'>6</memory></domain>");
	check_int(read_detail(), 0);
	check(!(detail.start.sources & GUEST_FROM_STATUS));
	check_int(detail.start.memory_bytes, 4 * GIB);
	stop();
}

TEST(a_migration_is_told_by_the_status)
{
	start();
	status("web", 7, "<job type='none' async='migration out'/>");
	check_int(read_detail(), 0);
	check_int(detail.moving, GUEST_MOVE_OUTGOING);
	stop();
}

TEST(without_a_command_line_the_status_names_the_memory)
{
	start();
	machine_remove(&m, "proc/7/cmdline");
	status("web", 7,
	       "<domain><memory unit='GiB'>4</memory><numatune>"
	       "<memory mode='strict' nodeset='0'/><memnode cellid='1' mode='preferred' "
	       "nodeset='1'/></numatune><cpu><numa><cell id='0' memory='1' unit='GiB'/>"
	       "<cell id='1' memory='3' unit='GiB'/></numa></cpu></domain>");
	check_int(read_detail(), 0);
	check_int(detail.start.type, GUEST_QEMU);
	check_int(detail.backend_count, 2);
	check_int(detail.backends[0].policy, MEMORY_POLICY_PREFERRED);
	check_int(detail.backends[0].size_bytes, 3 * GIB);
	check_str(detail.backends[1].id, "0");
	check_int(detail.backends[1].policy, MEMORY_POLICY_BIND);
	check(idset_has(&detail.backends[1].nodes, 0));
	stop();
}

TEST(proxmox_ve)
{
	static const char command[] =
		"/usr/bin/kvm\0-id\000100\0-name\0shop\n\x1b[1m,debug-threads=on\0"
		"-m\0008192\0";

	start();
	machine_file(&m, "proc/7/cgroup", "0::/qemu.slice/100.scope\n");
	machine_write(&m, "proc/7/cmdline", command, sizeof(command) - 1);
	check_int(read_detail(), 0);
	check_int(detail.manager, GUEST_MANAGER_PROXMOX);
	check_str(detail.start.name, "shop\n\x1b[1m");
	check_int(detail.start.memory_bytes, 8 * GIB);
	check_int(detail.backend_count, 0);
	stop();
}

TEST(firecracker_by_its_configuration)
{
	static const char command[] = "/firecracker\0--id\0a1\0--config-file\0/vm.json\0";

	start();
	machine_file(&m, "proc/7/cgroup", "0::/firecracker/a1\n");
	machine_write(&m, "proc/7/cmdline", command, sizeof(command) - 1);
	check_int(read_detail(), 0);
	check_int(detail.start.type, GUEST_FIRECRACKER);
	check_int(detail.manager, GUEST_MANAGER_JAILER);
	check_int(detail.start.memory_bytes, 0);
	machine_file(&m, "vm.json",
		     "{\"machine-config\": {\"mem_size_mib\": 512, \"vcpu_count\": 2}}\n");
	check_int(read_detail(), 0);
	check_int(detail.start.memory_bytes, 512 * MIB);
	check_int(detail.start.vcpus, 2);
	check(detail.start.sources & GUEST_FROM_CONFIG);
	stop();
}

TEST(any_process_has_policies)
{
	start();
	machine_write(&m, "proc/7/cmdline", "daemon", sizeof("daemon"));
	machine_file(&m, "proc/7/cgroup", "0::/system.slice/a.service\n");
	machine_file(&m, "proc/7/numa_maps",
		     "1000 prefer (many):0-1 file=/x mapped=1 N0=1 kernelpagesize_kB=4\n");
	check_int(read_detail(), 0);
	check_int(detail.start.type, GUEST_NONE);
	check_int(detail.start.sources, 0);
	check_int(detail.policies.task, MEMORY_POLICY_PREFERRED_MANY);
	check_int(idset_count(&detail.policies.task_nodes), 2);
	stop();
}

TEST(another_process_by_now)
{
	start();
	check_int(guest_detail_read(&m.root, NULL, 7, 101, &detail), -ESRCH);
	check_int(guest_detail_read(&m.root, NULL, 8, 100, &detail), -ESRCH);
	stop();
}

TEST(more_policies_than_are_kept)
{
	static char text[65536];
	size_t n = 0;

	start();
	for (int i = 0; i < 100; i++)
		n += (size_t)sprintf(text + n, "%x000 bind:%d anon=1 N0=1 kernelpagesize_kB=4\n",
				     i + 1, i);
	machine_write(&m, "proc/7/numa_maps", text, n);
	check_int(read_detail(), 0);
	check(detail.policies.uses_cut);
	check_int(detail.policies.use_count, 40);
	stop();
}

/* On the running machine somebody must be there who may hang. */

static int answer;

static int describe(void *context, const struct work_request *request,
		    void (*each)(void *each_context, const struct work_reply *reply),
		    void *each_context)
{
	struct work_reply reply = { 0 };

	check(context == &answer);
	check_int(request->kind, WORK_DESCRIBE);
	check_int(request->pid, 7);
	reply.description = (struct description){ .part = DESCRIPTION_START };
	reply.description.start = (struct guest_start){ .type = GUEST_QEMU, .memory_bytes = MIB };
	each(each_context, &reply);
	return answer;
}

TEST(what_came_before_the_time_was_over_holds)
{
	const struct describer describer = { .ask = describe, .context = &answer };

	start();
	m.root.live = true;
	answer = -ETIMEDOUT;
	check_int(guest_detail_read(&m.root, &describer, 7, 100, &detail), 0);
	check_int(detail.start.type, GUEST_QEMU);
	check_int(detail.start.memory_bytes, MIB);
	check_int(detail.policies_error, ETIMEDOUT);
	check(!detail.policies.task_known);
	guest_detail_done(&detail);
	answer = -ESRCH;
	check_int(guest_detail_read(&m.root, &describer, 7, 100, &detail), -ESRCH);
	/* Never in place. */
	check_int(guest_detail_read(&m.root, NULL, 7, 100, &detail), 0);
	check_int(detail.policies_error, EOPNOTSUPP);
	check_int(detail.policies.use_count, 0);
	check_int(detail.start.sources, GUEST_FROM_CGROUP);
	stop();
}
