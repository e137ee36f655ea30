/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/guest_cmdline.h"
#include "test.h"

/* Arguments are separated by '|' here. */
static int parse(const char *arguments, struct guest_cmdline *ret)
{
	size_t length = strlen(arguments) + 1;
	_cleanup_(freep) char *text = exact_copy(arguments, length);

	for (size_t i = 0; i < length; i++)
		if (text[i] == '|')
			text[i] = '\0';
	memset(ret, 0, sizeof(*ret));
	return guest_cmdline_parse(text, length, ret);
}

/* As libvirt 9 starts a guest. */
static const char libvirt[] =
	"/usr/bin/qemu-system-x86_64|-name|guest=db-1,debug-threads=on|-S|-object|"
	"{\"qom-type\":\"secret\",\"id\":\"masterKey0\",\"format\":\"raw\",\"file\":\"/x/"
	"master-key.aes\"}|"
	"-machine|pc-i440fx-7.2,usb=off,memory-backend=pc.ram|-accel|tcg|-cpu|qemu64|"
	"-m|size=524288k|-object|{\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\","
	"\"size\":536870912,\"host-nodes\":[0],\"policy\":\"bind\"}|-overcommit|mem-lock=off|"
	"-smp|1,sockets=1|-uuid|0e7|-display|none|-no-user-config|-nodefaults|-device|"
	"{\"driver\":\"vfio-pci\",\"host\":\"0000:65:00.0\",\"id\":\"hostdev0\",\"bus\":\"pci.0\"}|"
	"-device|{\"driver\":\"virtio-balloon-pci\",\"id\":\"balloon0\"}";

TEST(libvirt_s_json)
{
	struct guest_cmdline g;

	check_int(parse(libvirt, &g), 1);
	check_int(g.monitor, GUEST_MONITOR_QEMU);
	check_str(g.name, "db-1");
	check_int(g.memory_bytes, 524288 * 1024);
	check_int(g.backend_count, 1);
	check(g.has_bind && g.all_bound);
	check_int(idset_count(&g.bound), 1);
	check(idset_has(&g.bound, 0));
	check_int(g.vfio_devices, 1);
	check(!g.incoming && !g.memory_locked && !g.hugetlb && !g.shared_memory && !g.confidential);
}

TEST(plain_options)
{
	struct guest_cmdline g;

	check_int(parse("/usr/libexec/qemu-kvm|-m|2048|-name|web|-object|"
			"memory-backend-file,id=m,size=2G,mem-path=/dev/hugepages/x,share=on,"
			"host-nodes=0-1,host-nodes=3,policy=bind|-device|vfio-pci,host=01:00.0|"
			"-device|vfio-pci,host=01:00.1|-device|vfio-user-pci,socket=/x|"
			"-realtime|mlock=on|-incoming|defer|disk.img",
			&g),
		  1);
	check_str(g.name, "web");
	check_int(g.memory_bytes, INT64_C(2048) << 20);
	check_int(idset_count(&g.bound), 3);
	check(idset_has(&g.bound, 3));
	check_int(g.vfio_devices, 2);
	check(g.incoming && g.memory_locked && g.hugetlb && g.shared_memory);
}

TEST(names_with_doubled_commas_and_anything_in_them)
{
	struct guest_cmdline g;

	check_int(parse("kvm|-name|guest=a,,b,debug-threads=on", &g), 1);
	check_str(g.name, "a,b");
	check_int(parse("kvm|-name|debug-threads=on,guest=x\ny", &g), 1);
	check_str(g.name, "x\ny");
	check_int(parse("kvm|--name|-incoming|-S", &g), 1);
	check_str(g.name, "-incoming");
	check(!g.incoming);
	check_int(parse("kvm|-name|plain,process=q", &g), 1);
	check_str(g.name, "plain");
	check_int(parse("kvm|-name|guest=,,,,", &g), 1);
	check_str(g.name, ",,");
	check_int(parse("kvm|-name", &g), 1);
	check_str(g.name, "");
}

TEST(a_long_name_is_cut)
{
	struct guest_cmdline g;
	char text[512];

	snprintf(text, sizeof(text), "kvm|-name|guest=%0300d", 0);
	check_int(parse(text, &g), 1);
	check_int(strlen(g.name), GUEST_NAME_BYTES - 1);
}

TEST(values_of_other_options_are_no_options)
{
	struct guest_cmdline g;

	check_int(parse("qemu-system-aarch64|-append|-incoming|-enable-kvm|-m|1G|-nographic|-"
			"smbios|-name|"
			"-initrd|-m|-snapshot|-name|real",
			&g),
		  1);
	check(!g.incoming);
	check_int(g.memory_bytes, 1 << 30);
	check_str(g.name, "real");
}

TEST(several_backends)
{
	struct guest_cmdline g;

	check_int(parse("kvm|-object|memory-backend-ram,id=a,size=1G,host-nodes=0,policy=bind|"
			"-object|memory-backend-ram,id=b,size=1G,host-nodes=1,policy=bind",
			&g),
		  1);
	check(g.has_bind && g.all_bound);
	check(idset_is_empty(&g.bound));
	check_int(idset_count(&g.bound_union), 2);
	check_int(g.memory_bytes, INT64_C(2) << 30);
	check_int(parse("kvm|-object|memory-backend-ram,id=a,size=1G,host-nodes=0,policy=bind|"
			"-object|memory-backend-memfd,id=b,size=1G,hugetlb=on",
			&g),
		  1);
	check(g.has_bind && !g.all_bound && g.hugetlb);
	check_int(g.backend_count, 2);
}

TEST(only_bind_confines)
{
	static const char *const policies[] = { "preferred", "interleave", "default", "bindx" };
	struct guest_cmdline g;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		snprintf(text, sizeof(text),
			 "kvm|-object|memory-backend-ram,id=a,size=1G,host-nodes=0,policy=%s",
			 policies[i]);
		check_int(parse(text, &g), 1);
		check(!g.has_bind);
		check_int(g.backend_count, 1);
	}
	check_int(parse("kvm|-object|iothread,id=io1,host-nodes=0,policy=bind", &g), 1);
	check(!g.has_bind);
}

TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "512", UINT64_C(512) << 20 },
		{ "512M", UINT64_C(512) << 20 },
		{ "4g,slots=2,maxmem=8g", UINT64_C(4) << 30 },
		{ "slots=2,size=4096", UINT64_C(4096) << 20 },
		{ "1.5G", UINT64_C(3) << 29 },
		{ "1048576b", 1 << 20 },
		{ "", 0 },
		{ "size=", 0 },
		{ "-1", 0 },
		{ "x", 0 },
		{ "99999999999999999999G", 0 },
		{ "18446744073709551615", 0 },
		{ "12345678901234567890123456789012345678901234567890", 0 },
	};
	struct guest_cmdline g;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "kvm|-m|%s", cases[i].text);
		check_int(parse(text, &g), 1);
		check_int(g.memory_bytes, cases[i].bytes);
	}
}

TEST(confidential_guests)
{
	struct guest_cmdline g;

	check_int(parse("kvm|-object|sev-snp-guest,id=sev0,cbitpos=51", &g), 1);
	check(g.confidential);
	check_int(parse("kvm|-object|{\"qom-type\": \"tdx-guest\", \"id\": \"t\"}", &g), 1);
	check(g.confidential);
}

TEST(broken_json_is_read_as_far_as_it_goes)
{
	static const char *const objects[] = {
		"{",
		"{}",
		"{\"qom-type\"",
		"{\"qom-type\":",
		"{\"qom-type\":\"memory-backend-ram",
		"{\"qom-type\":\"memory-backend-ram\\",
		"{\"qom-type\":\"memory-backend-ram\",\"policy\":\"bind\",\"host-nodes\":[",
		"{\"qom-type\":\"memory-backend-ram\",\"policy\":\"bind\",\"host-nodes\":[}",
		"{\"qom-type\":\"memory-backend-ram\",\"policy\":\"bind\",\"host-nodes\":[-1]}",
		"{\"qom-type\":\"memory-backend-ram\",\"policy\":\"bind\",\"host-nodes\":[9999]}",
		"{\"qom-type\":\"memory-backend-ram\",\"policy\":\"bind\",\"host-nodes\":{}}",
		"{\"qom-type\":[[[[[[{\"a\":1",
		"{]]]]}",
		"memory-backend-ram,policy=bind,host-nodes=[",
		"memory-backend-ram,policy=bind,host-nodes=",
		"memory-backend-ram,policy=bind,host-nodes",
	};
	struct guest_cmdline g;
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		snprintf(text, sizeof(text), "kvm|-object|%s", objects[i]);
		check_int(parse(text, &g), 1);
		check(!g.has_bind);
	}
	check_int(parse("kvm|-object|{ \"policy\" : \"bind\" , \"host-nodes\" : [ 0 , 2 ] , "
			"\"x\":{\"policy\":\"default\",\"y\":[1,\"}\"]}, "
			"\"qom-type\":\"memory-backend-ram\" }",
			&g),
		  1);
	check(g.has_bind);
	check_int(idset_count(&g.bound), 2);
}

TEST(other_monitors)
{
	struct guest_cmdline g;

	check_int(parse("/usr/bin/cloud-hypervisor|--cpus|boot=2|--memory|size=0|--memory-zone|"
			"id=a,size=1G,host_numa_node=0|id=b,size=2G,host_numa_node=0,shared=on|"
			"--device|path=/d/0|path=/d/1|--api-socket=/x",
			&g),
		  1);
	check_int(g.monitor, GUEST_MONITOR_CLOUD_HYPERVISOR);
	check_int(g.memory_bytes, INT64_C(3) << 30);
	check_int(g.vfio_devices, 2);
	check(g.has_bind && g.all_bound && g.shared_memory);
	check(idset_has(&g.bound, 0));
	check_int(parse("cloud-hypervisor|--memory=size=512M,hugepages=on", &g), 1);
	check_int(g.memory_bytes, 512 << 20);
	check(g.hugetlb && !g.has_bind);
	check_int(parse("/srv/firecracker|--id|vm-7|--config-file|x", &g), 1);
	check_int(g.monitor, GUEST_MONITOR_FIRECRACKER);
	check_str(g.name, "vm-7");
}

TEST(what_is_no_monitor_is_not_looked_at)
{
	static const char *const programs[] = {
		"/usr/bin/python3|qemu-system-x86_64|-name|x",
		"sh|-c|qemu-kvm -name guest=x",
		"",
		"/",
		"/usr/bin/",
		"qemu-img|-m|1G",
		"/usr/bin/qemu-kvm/|-m|1G",
		"xqemu-kvm|-m|1G",
		"kvmtool|-m|1G",
	};
	struct guest_cmdline g;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		check_int(parse(programs[i], &g), 0);
	check_int(guest_cmdline_parse("qemu-kvm", 8, &g), 0);
	check_int(guest_cmdline_parse(NULL, 0, &g), 0);
}

/* A cut command line says less, never something else. */
TEST(a_cut_never_misleads)
{
	struct guest_cmdline whole, g;
	size_t length = strlen(libvirt) + 1;
	_cleanup_(freep) char *text = exact_copy(libvirt, length);

	for (size_t i = 0; i < length; i++)
		if (text[i] == '|')
			text[i] = '\0';
	check_int(guest_cmdline_parse(text, length, &whole), 1);
	for (size_t cut = 0; cut < length; cut++) {
		_cleanup_(freep) char *part = exact_copy(text, cut);

		if (guest_cmdline_parse(part, cut, &g) == 0)
			continue;
		check(g.name[0] == '\0' || strcmp(g.name, whole.name) == 0);
		check(g.memory_bytes == 0 || g.memory_bytes == whole.memory_bytes);
		check(!g.has_bind || idset_equal(&g.bound, &whole.bound));
		check(g.vfio_devices <= whole.vfio_devices);
		check(!g.incoming && !g.confidential && !g.hugetlb);
	}
}

/* What is told of each memory. */

#define MEMORIES_MAX 16

static struct guest_memory memories[MEMORIES_MAX];
static size_t memory_count;

static void keep(void *context, const struct guest_memory *memory)
{
	check(context == memories);
	check(memory_count < MEMORIES_MAX);
	memories[memory_count++] = *memory;
}

static int parse_memories(const char *arguments, struct guest_cmdline *ret)
{
	size_t length = strlen(arguments) + 1;
	_cleanup_(freep) char *text = exact_copy(arguments, length);

	for (size_t i = 0; i < length; i++)
		if (text[i] == '|')
			text[i] = '\0';
	memory_count = 0;
	memset(ret, 0, sizeof(*ret));
	return guest_cmdline_parse_memories(text, length, keep, memories, ret);
}

TEST(each_kind_of_backend)
{
	struct guest_cmdline g;

	check_int(parse_memories("kvm|-object|memory-backend-memfd,id=m0,size=2G,hugetlb=on,"
				 "hugetlbsize=2M,prealloc=on,host-nodes=1,policy=preferred|"
				 "-object|memory-backend-file,id=f0,size=1G,mem-path=/mnt/x,"
				 "discard-data=on|"
				 "-object|memory-backend-ram,id=r0,size=1G,share=on|"
				 "-object|{\"qom-type\":\"memory-backend-epc\",\"id\":\"e0\","
				 "\"size\":67108864,\"prealloc\":true}|"
				 "-object|memory-backend-memfd,id=m1,size=1G,share=off",
				 &g),
		  1);
	check_int(memory_count, 5);
	check_str(memories[0].kind, "memfd");
	check_str(memories[0].id, "m0");
	check_int(memories[0].size_bytes, INT64_C(2) << 30);
	check_int(memories[0].page_bytes, 2 << 20);
	check_int(memories[0].policy, GUEST_MEMORY_PREFERRED);
	check(memories[0].hugetlb && memories[0].prealloc && memories[0].share);
	check(memories[0].nodes_known && idset_has(&memories[0].nodes, 1));
	check(!memories[1].share && !memories[1].hugetlb && !memories[1].prealloc);
	check_int(memories[1].policy, GUEST_MEMORY_DEFAULT);
	check(memories[2].share);
	check_str(memories[3].kind, "epc");
	check(memories[3].prealloc);
	check_int(memories[3].size_bytes, 64 << 20);
	check(!memories[4].share);
	check(g.prealloc && g.hugetlb && !g.has_bind);
	check_int(g.backend_count, 5);
}

TEST(the_type_may_stand_anywhere)
{
	struct guest_cmdline g;

	check_int(parse_memories("kvm|-object|{\"id\":\"m\",\"share\":false,\"size\":1048576,"
				 "\"qom-type\":\"memory-backend-memfd\"}",
				 &g),
		  1);
	check_int(memory_count, 1);
	check_str(memories[0].kind, "memfd");
	check(!memories[0].share);
}

TEST(nodes_that_cannot_be_read_bind_nothing)
{
	struct guest_cmdline g;

	check_int(parse_memories("kvm|-object|memory-backend-ram,id=a,size=1G,host-nodes=0-x,"
				 "policy=bind",
				 &g),
		  1);
	check_int(memories[0].policy, GUEST_MEMORY_BIND);
	check(!memories[0].nodes_known);
	check(!g.has_bind);
}

TEST(what_is_plugged_in_comes_on_top)
{
	struct guest_cmdline g;

	check_int(parse_memories("kvm|-m|size=4G,slots=4,maxmem=16G|"
				 "-object|memory-backend-ram,id=mem1,size=1G|"
				 "-device|pc-dimm,id=dimm1,memdev=mem1|"
				 "-object|{\"qom-type\":\"memory-backend-ram\",\"id\":\"vmem\","
				 "\"size\":2147483648}|"
				 "-device|{\"driver\":\"virtio-mem-pci\",\"memdev\":\"vmem\"}|"
				 "-object|memory-backend-ram,id=pc.ram,size=4G|"
				 "-device|virtio-balloon-pci,memdev=pc.ram",
				 &g),
		  1);
	check_int(memory_count, 3);
	check(memories[0].plugged && memories[1].plugged && !memories[2].plugged);
	check_int(g.memory_bytes, INT64_C(7) << 30);
	check_int(g.memory_max_bytes, INT64_C(16) << 30);
}

TEST(vcpus)
{
	static const struct {
		const char *text;
		unsigned now;
		unsigned max;
	} cases[] = {
		{ "4", 4, 4 },
		{ "2,maxcpus=8,sockets=8,cores=1,threads=1", 2, 8 },
		{ "cpus=3", 3, 3 },
		{ "sockets=2,cores=4,threads=2", 16, 16 },
		{ "maxcpus=8,cores=8", 8, 8 },
		{ "", 0, 0 },
		{ "-1", 0, 0 },
		{ "99999999999", 0, 0 },
		{ "sockets=65536,cores=65536,threads=65536", 0, 0 },
	};
	struct guest_cmdline g;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "kvm|-smp|%s", cases[i].text);
		check_int(parse(text, &g), 1);
		check_int(g.vcpus, cases[i].now);
		check_int(g.vcpus_max, cases[i].max);
	}
}

TEST(other_options_of_memory)
{
	struct guest_cmdline g;

	check_int(parse("qemu-kvm|-mem-prealloc|-mem-path|/dev/hugepages/libvirt|-overcommit|"
			"mem-lock=on-fault|-machine|q35,mem-merge=off|-uuid|"
			"dcf47dbd-46d1-4d5b-b442-262a806a333a",
			&g),
		  1);
	check(g.prealloc && g.hugetlb && g.memory_locked && g.unmerged);
	check_str(g.uuid, "dcf47dbd-46d1-4d5b-b442-262a806a333a");
	check_int(parse("qemu-kvm|-overcommit|mem-lock=off,cpu-pm=on|-machine|mem-merge=on", &g),
		  1);
	check(!g.memory_locked && !g.unmerged && !g.prealloc);
}

TEST(cloud_hypervisor_s_zones)
{
	struct guest_cmdline g;

	check_int(parse_memories("cloud-hypervisor-static|--memory|size=0,hotplug_size=8G|"
				 "--memory-zone|id=mem0,size=2G,host_numa_node=1,hugepages=on,"
				 "hugepage_size=1G,prefault=on|id=mem1,size=1G,shared=on|"
				 "--cpus|boot=4,max=8|--platform|uuid=1234,tdx=on",
				 &g),
		  1);
	check_int(memory_count, 2);
	check_str(memories[0].id, "mem0");
	check_str(memories[0].kind, "zone");
	check_int(memories[0].policy, GUEST_MEMORY_BIND);
	check_int(memories[0].page_bytes, 1 << 30);
	check(memories[0].hugetlb && memories[0].prealloc && !memories[0].share);
	check(idset_has(&memories[0].nodes, 1));
	check(memories[1].share);
	check_int(memories[1].policy, GUEST_MEMORY_DEFAULT);
	check(g.has_bind && !g.all_bound);
	check_int(g.memory_bytes, INT64_C(3) << 30);
	check_int(g.memory_max_bytes, INT64_C(11) << 30);
	check_int(g.vcpus, 4);
	check_int(g.vcpus_max, 8);
	check(g.confidential);
	check_str(g.uuid, "1234");
}

TEST(firecracker_s_options)
{
	struct guest_cmdline g;
	char text[512];

	check_int(parse("./firecracker-v1.7.0-x86_64|--id=a-1|--config-file|/vm.json|--no-api", &g),
		  1);
	check_str(g.name, "a-1");
	check_str(g.config_path, "/vm.json");
	snprintf(text, sizeof(text), "firecracker|--no-api|--id|b|--config-file|/%0300d", 0);
	check_int(parse(text, &g), 1);
	check_str(g.name, "b");
	check_str(g.config_path, "");
}
