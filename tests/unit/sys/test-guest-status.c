/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/guest_status.h"
#include "sys/sysroot.h"
#include "sys/xml.h"
#include "test.h"

#include <sys/mman.h>

static struct guest_status status;

static int text_fd(const char *text, size_t length)
{
	int fd = memfd_create("status", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

static int parse_length(const char *text, size_t length)
{
	_cleanup_(closep) int fd = text_fd(text, length);

	memset(&status, 0, sizeof(status));
	return guest_status_parse(fd, &status);
}

static int parse(const char *text)
{
	return parse_length(text, strlen(text));
}

#define HEAD                                                                                \
	"<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE. <name>no</name> &nothing;\n-->\n\n" \
	"<domstatus state='running' reason='booted' pid='4711'>\n"                          \
	"  <taint flag='high-privileges'/>\n"                                               \
	"  <vcpus>\n    <vcpu id='0' pid='4715'/>\n  </vcpus>\n"                            \
	"  <qemuCaps>\n    <flag name='memory-backend-ram'/>\n  </qemuCaps>\n"              \
	"  <devices>\n    <device alias='balloon0'/>\n  </devices>\n"                       \
	"  <numad nodeset='0-1' cpuset='0-7'/>\n"

static const char whole[] =
	HEAD "  <domain type='kvm' id='4'>\n"
	     "    <name>web &amp; &lt;db&gt; &#x263a;</name>\n"
	     "    <uuid>dcf47dbd-46d1-4d5b-b442-262a806a333a</uuid>\n"
	     "    <metadata xmlns:x='urn:x'>\n"
	     "      <x:memory unit='KiB'>1</x:memory><name>other</name>\n    </metadata>\n"
	     "    <maxMemory slots='16' unit='GiB'>32</maxMemory>\n"
	     "    <memory unit='KiB'>9437184</memory>\n"
	     "    <currentMemory unit='KiB'>8388608</currentMemory>\n"
	     "    <memoryBacking>\n"
	     "      <hugepages>\n        <page size='2048' unit='KiB'/>\n"
	     "        <page size='1' unit='G'/>\n      </hugepages>\n"
	     "      <nosharepages/>\n      <locked/>\n      <source type='memfd'/>\n"
	     "      <access mode='shared'/>\n      <allocation mode='immediate'/>\n"
	     "    </memoryBacking>\n"
	     "    <vcpu placement='static' current='2'>8</vcpu>\n"
	     "    <cputune>\n      <vcpupin vcpu='0' cpuset='0'/>\n"
	     "      <emulatorpin cpuset='1'/>\n    </cputune>\n"
	     "    <numatune>\n      <memory mode='strict' nodeset='0-1'/>\n"
	     "      <memnode cellid='1' mode='preferred' nodeset='1'/>\n    </numatune>\n"
	     "    <cpu mode='host-passthrough'>\n      <numa>\n"
	     "        <cell id='0' cpus='0-3' memory='4194304' unit='KiB'/>\n"
	     "        <cell id='1' cpus='4-7' memory='4194304' unit='KiB' memAccess='shared'/>\n"
	     "      </numa>\n    </cpu>\n"
	     "    <devices>\n"
	     "      <hostdev mode='subsystem' type='pci' managed='yes'>\n"
	     "        <driver name='vfio'/>\n      </hostdev>\n"
	     "      <hostdev mode='subsystem' type='usb'/>\n"
	     "      <interface type='hostdev'/>\n      <interface type='network'/>\n"
	     "      <memory model='dimm'>\n        <target>\n"
	     "          <size unit='KiB'>1048576</size>\n          <node>0</node>\n"
	     "        </target>\n      </memory>\n"
	     "    </devices>\n  </domain>\n</domstatus>\n";

TEST(a_whole_status)
{
	check_int(parse(whole), 0);
	check_int(status.pid, 4711);
	check_str(status.state, "running");
	check_str(status.reason, "booted");
	check_int(status.migration, GUEST_MIGRATION_NONE);
	check_str(status.name, "web & <db> \xe2\x98\xba");
	check_str(status.uuid, "dcf47dbd-46d1-4d5b-b442-262a806a333a");
	check_int(status.memory_bytes, INT64_C(9) << 30);
	check_int(status.memory_max_bytes, INT64_C(32) << 30);
	check_int(status.current_bytes, INT64_C(8) << 30);
	check_int(status.plugged_count, 1);
	check_int(status.plugged_bytes, 1 << 30);
	check(status.hugetlb && status.memory_locked && status.unmerged && status.shared);
	check(status.prealloc && !status.confidential);
	check_int(status.page_bytes, 2 << 20);
	check_str(status.source, "memfd");
	check_int(status.numa_mode, GUEST_NUMA_STRICT);
	check_int(idset_count(&status.numa_nodes), 2);
	check_int(status.vcpus, 2);
	check_int(status.vcpus_max, 8);
	check_int(status.vcpu_pins, 1);
	check_int(status.host_devices, 2);
}

TEST(cells)
{
	check_int(parse(whole), 0);
	check_int(status.cell_count, 2);
	/* In the order in which they are first named. */
	check_int(status.cells[0].id, 1);
	check_int(status.cells[0].mode, GUEST_NUMA_PREFERRED);
	check_int(status.cells[0].bytes, INT64_C(4) << 30);
	check(status.cells[0].share && idset_has(&status.cells[0].nodes, 1));
	check_int(status.cells[1].id, 0);
	check_int(status.cells[1].mode, GUEST_NUMA_NONE);
}

TEST(migrations)
{
	check_int(parse("<domstatus state='paused' reason='migration' pid='1'>"
			"<job type='none' async='migration in' phase='prepare'/></domstatus>"),
		  0);
	check_int(status.migration, GUEST_MIGRATION_INCOMING);
	check_int(parse("<domstatus state='running' pid='1'>"
			"<job type='modify' async='migration out' phase='perform3'>"
			"<disk dev='vdb' migrating='yes'/></job></domstatus>"),
		  0);
	check_int(status.migration, GUEST_MIGRATION_OUTGOING);
	check_int(parse("<domstatus state='paused' reason='post-copy' pid='1'/>"), 0);
	check_int(status.migration, GUEST_MIGRATION_OUTGOING);
	check_int(parse("<domstatus state='running' pid='1'>"
			"<job type='none' async='backup'/></domstatus>"),
		  0);
	check_int(status.migration, GUEST_MIGRATION_NONE);
}

TEST(numad_and_pins_for_all)
{
	check_int(parse(HEAD "<domain><vcpu placement='auto' cpuset='0-7'>4</vcpu><numatune>"
			     "<memory mode='restrictive' placement='auto'/></numatune></domain>"
			     "</domstatus>"),
		  0);
	check(status.numa_auto);
	check_int(status.numa_mode, GUEST_NUMA_RESTRICTIVE);
	check_int(idset_count(&status.numa_nodes), 2);
	check_int(status.vcpus, 4);
	check_int(status.vcpu_pins, 4);
}

TEST(text_in_cdata_and_between_comments)
{
	check_int(parse("<?xml version='1.0'?><domstatus pid=\"1\"><domain>"
			"<name><![CDATA[a&b<c]]></name><uuid><!-- x -->u<!-- y --></uuid>"
			"</domain></domstatus>\n<!-- end -->\n"),
		  0);
	check_str(status.name, "a&b<c");
	check_str(status.uuid, "u");
}

TEST(what_is_not_such_a_file)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"<!-- nothing -->",
		"text",
		"<domain><name>x</name></domain>",
		"<domstatus pid='1'>",
		"<domstatus pid='1'><domain></domstatus>",
		"<domstatus pid='1'></domstatus><domstatus/>",
		"<domstatus pid='1'></domstatus>x",
		"<domstatus pid='1'></domstatu>",
		"</domstatus>",
		"<domstatus pid='1'/",
		"<domstatus pid='1",
		"<domstatus pid=1/>",
		"<domstatus pid/>",
		"<domstatus ='1'/>",
		"<domstatus pid='1' <x/>",
		"<domstatus a='<'/>",
		"< domstatus/>",
		"<>",
		"<!--",
		"<!-- x --",
		"<![CDATA[x]]>",
		"<domstatus><![CDATA[x",
		"<?xml",
		"<!DOCTYPE domstatus [<!ENTITY a 'b'>]><domstatus pid='1'/>",
		"<domstatus><!ENTITY a 'b'></domstatus>",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (parse(texts[i]) != -EINVAL)
			test_stop_(TEST_FAILED_, "%s was taken", texts[i]);
	check_int(parse_length("<domstatus pid='1'>\0</domstatus>", 32), -EINVAL);
}

TEST(entities_of_other_kinds_are_no_text)
{
	static const char *const names[] = {
		"&nothing;",  "&#0;", "&#xd800;",
		"&#x110000;", "&",    "&amp",
		"&#;",	      "&#x;", "&#99999999999999999999;",
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(text, sizeof(text),
			 "<domstatus pid='1'><domain><name>a%s</name></domain></domstatus>",
			 names[i]);
		check_int(parse(text), 0);
		check_str(status.name, "a");
	}
}

/* Every beginning of a file is refused, and none is read beyond. */
TEST(a_file_that_was_cut)
{
	for (size_t cut = 0; cut + 2 < sizeof(whole); cut++) {
		_cleanup_(freep) char *part = exact_copy(whole, cut);

		check_int(parse_length(part, cut), -EINVAL);
	}
}

TEST(noise_is_borne)
{
	uint32_t random = 20190711;

	for (int round = 0; round < 3000; round++) {
		_cleanup_(freep) char *text = exact_copy(whole, sizeof(whole) - 1);

		for (int k = 0; k < 4; k++)
			text[next_random(&random) % (sizeof(whole) - 1)] =
				"<>&'\"/=;![]-? x0\n\xff"[next_random(&random) % 19];
		(void)parse_length(text, sizeof(whole) - 1);
	}
}

static char *nested(unsigned depth)
{
	char *text = calloc(depth, 16);
	size_t n = 0;

	if (!text)
		abort();
	n += (size_t)sprintf(text, "<domstatus>");
	for (unsigned i = 1; i < depth; i++)
		n += (size_t)sprintf(text + n, "<a>");
	for (unsigned i = 1; i < depth; i++)
		n += (size_t)sprintf(text + n, "</a>");
	sprintf(text + n, "</domstatus>");
	return text;
}

TEST(nesting_has_an_end)
{
	_cleanup_(freep) char *deep = nested(XML_DEPTH_MAX), *deeper = nested(XML_DEPTH_MAX + 1);

	check_int(parse(deep), 0);
	check_int(parse(deeper), -EINVAL);
}

static int parse_padded(const char *before, size_t padding, char pad, const char *behind)
{
	size_t length = strlen(before) + padding + strlen(behind);
	_cleanup_(freep) char *text = malloc(length + 1);

	if (!text)
		abort();
	strcpy(text, before);
	memset(text + strlen(before), pad, padding);
	strcpy(text + strlen(before) + padding, behind);
	return parse_length(text, length);
}

TEST(size_has_an_end)
{
	check_int(parse_padded("<domstatus>", GUEST_STATUS_MAX_BYTES - 23, ' ', "</domstatus>"), 0);
	check_int(parse_padded("<domstatus>", GUEST_STATUS_MAX_BYTES - 22, ' ', "</domstatus>"),
		  -EFBIG);
	check_int(parse_padded("<domstatus>", 3 * GUEST_STATUS_MAX_BYTES, ' ', "</domstatus>"),
		  -EFBIG);
}

/* What is longer than the buffer: passed over where it is of no account. */
TEST(long_pieces)
{
	check_int(parse_padded("<domstatus><!--", 30000, '-', "--></domstatus>"), 0);
	check_int(parse_padded("<domstatus><d>", 30000, 'x', "</d></domstatus>"), 0);
	check_int(parse_padded("<domstatus a='", 30000, 'x', "'/>"), -EINVAL);
	check_int(parse_padded("<domstatus><![CDATA[", 30000, 'x', "]]></domstatus>"), -EINVAL);
	check_int(
		parse_padded("<domstatus><domain><name>", 500, 'n', "</name></domain></domstatus>"),
		0);
	check(strlen(status.name) < sizeof(status.name));
	check_int(parse_padded("<", XML_NAME_BYTES, 'n', "/>"), -EINVAL);
}

/* A tag may begin anywhere in the buffer, and the end of a comment be parted by a read. */
TEST(where_the_buffer_ends)
{
	for (size_t padding = XML_BUFFER_BYTES - 40; padding < XML_BUFFER_BYTES + 4; padding++) {
		check_int(parse_padded("<domstatus pid='7'>", padding, ' ',
				       "<!-- x --><job async='migration in'/></domstatus>"),
			  0);
		check_int(status.pid, 7);
		check_int(status.migration, GUEST_MIGRATION_INCOMING);
	}
}

TEST(numbers_that_do_not_fit)
{
	check_int(parse("<domstatus pid='99999999999'><domain>"
			"<memory unit='TiB'>18446744073709551615</memory>"
			"<currentMemory unit='furlong'>5</currentMemory><vcpu>-4</vcpu>"
			"</domain></domstatus>"),
		  0);
	check_int(status.pid, 0);
	check_int(status.memory_bytes, 0);
	check_int(status.current_bytes, 0);
	check_int(status.vcpus, 0);
}

TEST(more_cells_than_there_is_room_for)
{
	_cleanup_(freep) char *text = malloc(65536);
	size_t n = (size_t)sprintf(text, "<domstatus><domain><cpu><numa>");

	for (int i = 0; i < 200; i++)
		n += (size_t)sprintf(text + n, "<cell id='%d' memory='1'/>", i);
	sprintf(text + n, "</numa></cpu></domain></domstatus>");
	check_int(parse(text), 0);
	check_int(status.cell_count, GUEST_CELLS_MAX);
}

/* The files. */

static int read_status(const struct fixture *f, const char *name, pid_t pid, bool live)
{
	struct sysroot root;
	int r;

	check_int(sysroot_open(f->directory, &root), 0);
	root.live = live;
	r = guest_status_read(&root, name, pid, &status);
	sysroot_done(&root);
	return r;
}

TEST(the_domain_of_that_name_and_pid)
{
	FIXTURE(f);
	fixture_put(&f, "run/libvirt/qemu/web.xml", whole);
	check_int(read_status(&f, "web", 4711, true), 0);
	check_int(status.vcpus, 2);
	check_int(read_status(&f, "web", 4712, true), -ESRCH);
	check_int(read_status(&f, "db", 4711, true), -ENOENT);
	check_int(read_status(&f, "", 4711, true), -ENOENT);
	check_int(read_status(&f, "../qemu/web", 4711, true), -ENOENT);
	check(read_status(&f, "web\n", 4711, true) < 0);
}

TEST(links_and_files_of_others_are_refused)
{
	char path[PATH_MAX];
	FIXTURE(f);

	fixture_put(&f, "run/libvirt/qemu/web.xml", whole);
	fixture_link(&f, "run/libvirt/qemu/link.xml", "web.xml");
	check_int(read_status(&f, "link", 4711, true), -ELOOP);
	fixture_path(&f, "run/libvirt/qemu/web.xml", path);
	check_int(chmod(path, 0666), 0);
	check_int(read_status(&f, "web", 4711, true), -EPERM);
	check_int(read_status(&f, "web", 4711, false), 0);
	fixture_directory(&f, "run/libvirt/qemu/dir.xml");
	check_int(read_status(&f, "dir", 4711, true), -EINVAL);
}

TEST(a_linked_directory_is_refused)
{
	FIXTURE(f);
	fixture_put(&f, "elsewhere/qemu/web.xml", whole);
	fixture_link(&f, "run/libvirt", "../elsewhere");
	check_int(read_status(&f, "web", 4711, true), -ELOOP);
}
