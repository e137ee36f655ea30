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
