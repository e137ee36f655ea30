/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/guest_status.h"

#include "sys/sysroot.h"
#include "sys/xml.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define VCPUS_MAX 65536

struct reading {
	struct xml_reader xml;
	struct guest_status *status;
	uint64_t unit_bytes; /* of the element whose text comes */
	bool is_status;
};

static bool attribute_is(const struct xml_reader *xml, const char *name, const char *value)
{
	struct span found;

	return xml_attribute(xml, name, &found) && span_is(found, value);
}

static void copy_attribute(const struct xml_reader *xml, const char *name, char *buffer,
			   size_t size)
{
	struct span value;

	if (!xml_attribute(xml, name, &value) || !xml_copy(value, false, buffer, size))
		buffer[0] = '\0';
}

static uint64_t number_of(const struct xml_reader *xml, const char *name, uint64_t fallback)
{
	struct span value;
	uint64_t n;

	return xml_attribute(xml, name, &value) && span_u64(value, &n) == 0 ? n : fallback;
}

static unsigned count_of(uint64_t n)
{
	return n <= VCPUS_MAX ? (unsigned)n : 0;
}

/* virScaleInteger() of libvirt; KiB where it is not said. */
static uint64_t unit_of(const struct xml_reader *xml)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {
		{ "b", 1 },
		{ "bytes", 1 },
		{ "KB", 1000 },
		{ "k", 1 << 10 },
		{ "KiB", 1 << 10 },
		{ "MB", 1000000 },
		{ "M", 1 << 20 },
		{ "MiB", 1 << 20 },
		{ "GB", 1000000000 },
		{ "G", 1 << 30 },
		{ "GiB", 1 << 30 },
		{ "T", UINT64_C(1) << 40 },
		{ "TiB", UINT64_C(1) << 40 },
	};
	struct span unit;

	if (!xml_attribute(xml, "unit", &unit))
		return 1 << 10;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (span_is(unit, units[i].name))
			return units[i].bytes;
	return 0;
}

static uint64_t scaled(uint64_t n, uint64_t unit_bytes)
{
	uint64_t bytes;

	return __builtin_mul_overflow(n, unit_bytes, &bytes) ? 0 : bytes;
}

static enum guest_numa_mode mode_of(const struct xml_reader *xml)
{
	static const struct {
		const char *name;
		enum guest_numa_mode mode;
	} modes[] = {
		{ "strict", GUEST_NUMA_STRICT },
		{ "preferred", GUEST_NUMA_PREFERRED },
		{ "interleave", GUEST_NUMA_INTERLEAVE },
		{ "restrictive", GUEST_NUMA_RESTRICTIVE },
	};
	struct span mode;

	if (!xml_attribute(xml, "mode", &mode))
		return GUEST_NUMA_STRICT;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (span_is(mode, modes[i].name))
			return modes[i].mode;
	return GUEST_NUMA_UNKNOWN;
}

static void take_nodes(const struct xml_reader *xml, struct idset *nodes)
{
	struct span value;

	if (xml_attribute(xml, "nodeset", &value))
		(void)span_idset(value, nodes);
}

static struct guest_cell *cell_of(struct guest_status *status, uint64_t id)
{
	for (unsigned i = 0; i < status->cell_count; i++)
		if (status->cells[i].id == id)
			return &status->cells[i];
	if (status->cell_count == GUEST_CELLS_MAX || id > UINT_MAX)
		return NULL;
	status->cells[status->cell_count] = (struct guest_cell){ .id = (unsigned)id };
	return &status->cells[status->cell_count++];
}

static void open_status(struct reading *r)
{
	uint64_t pid = number_of(&r->xml, "pid", 0);

	r->is_status = true;
	r->status->pid = pid <= INT_MAX ? (pid_t)pid : 0;
	copy_attribute(&r->xml, "state", r->status->state, sizeof(r->status->state));
	copy_attribute(&r->xml, "reason", r->status->reason, sizeof(r->status->reason));
}

/* Written while the job lasts, and only then. */
static void open_job(struct reading *r)
{
	if (attribute_is(&r->xml, "async", "migration in"))
		r->status->migration = GUEST_MIGRATION_INCOMING;
	else if (attribute_is(&r->xml, "async", "migration out"))
		r->status->migration = GUEST_MIGRATION_OUTGOING;
}

static void open_numad(struct reading *r)
{
	take_nodes(&r->xml, &r->status->numa_nodes);
}

static void open_page(struct reading *r)
{
	r->status->hugetlb = true;
	if (r->status->page_bytes == 0)
		r->status->page_bytes = scaled(number_of(&r->xml, "size", 0), unit_of(&r->xml));
}

static void open_hugepages(struct reading *r)
{
	r->status->hugetlb = true;
}

static void open_locked(struct reading *r)
{
	r->status->memory_locked = true;
}

static void open_nosharepages(struct reading *r)
{
	r->status->unmerged = true;
}

static void open_source(struct reading *r)
{
	copy_attribute(&r->xml, "type", r->status->source, sizeof(r->status->source));
}

static void open_access(struct reading *r)
{
	r->status->shared = attribute_is(&r->xml, "mode", "shared");
}

static void open_allocation(struct reading *r)
{
	r->status->prealloc = attribute_is(&r->xml, "mode", "immediate");
}

static void open_numatune(struct reading *r)
{
	r->status->numa_mode = mode_of(&r->xml);
	r->status->numa_auto = attribute_is(&r->xml, "placement", "auto");
	take_nodes(&r->xml, &r->status->numa_nodes);
}

static void open_memnode(struct reading *r)
{
	struct guest_cell *cell = cell_of(r->status, number_of(&r->xml, "cellid", UINT64_MAX));

	if (!cell)
		return;
	cell->mode = mode_of(&r->xml);
	take_nodes(&r->xml, &cell->nodes);
}

static void open_cell(struct reading *r)
{
	struct guest_cell *cell = cell_of(r->status, number_of(&r->xml, "id", UINT64_MAX));

	if (!cell)
		return;
	cell->bytes = scaled(number_of(&r->xml, "memory", 0), unit_of(&r->xml));
	cell->share = attribute_is(&r->xml, "memAccess", "shared");
}

static void open_vcpu(struct reading *r)
{
	struct span cpuset;

	r->status->vcpus = count_of(number_of(&r->xml, "current", 0));
	/* All of them, unless each says otherwise. */
	if (xml_attribute(&r->xml, "cpuset", &cpuset))
		r->status->vcpu_pins = UINT_MAX;
}

static void open_vcpupin(struct reading *r)
{
	if (r->status->vcpu_pins < VCPUS_MAX)
		r->status->vcpu_pins++;
}

static void open_hostdev(struct reading *r)
{
	struct span type;

	if (!attribute_is(&r->xml, "mode", "subsystem") || !xml_attribute(&r->xml, "type", &type))
		return;
	r->status->host_devices += span_is(type, "pci") || span_is(type, "mdev");
}

static void open_interface(struct reading *r)
{
	r->status->host_devices += attribute_is(&r->xml, "type", "hostdev");
}

static void open_memory_device(struct reading *r)
{
	r->status->plugged_count++;
}

static void open_security(struct reading *r)
{
	r->status->confidential = true;
}

static void open_scaled(struct reading *r)
{
	r->unit_bytes = unit_of(&r->xml);
}

/* A memory device's present size stands in <current> where it may differ (virtio-mem). */
static void text_plugged(struct reading *r, uint64_t n)
{
	uint64_t bytes = scaled(n, r->unit_bytes);

	if (__builtin_add_overflow(r->status->plugged_bytes, bytes, &r->status->plugged_bytes))
		r->status->plugged_bytes = 0;
}

static void text_memory(struct reading *r, uint64_t n)
{
	r->status->memory_bytes = scaled(n, r->unit_bytes);
}

static void text_max(struct reading *r, uint64_t n)
{
	r->status->memory_max_bytes = scaled(n, r->unit_bytes);
}

static void text_current(struct reading *r, uint64_t n)
{
	r->status->current_bytes = scaled(n, r->unit_bytes);
}

static void text_vcpu(struct reading *r, uint64_t n)
{
	r->status->vcpus_max = count_of(n);
	if (r->status->vcpus == 0)
		r->status->vcpus = r->status->vcpus_max;
}

#define DOMAIN "domstatus/domain/"

static const struct {
	const char *path;
	void (*open)(struct reading *r);
	void (*number)(struct reading *r, uint64_t n);
} elements[] = {
	{ "domstatus", open_status, NULL },
	{ "domstatus/job", open_job, NULL },
	{ "domstatus/numad", open_numad, NULL },
	{ DOMAIN "memory", open_scaled, text_memory },
	{ DOMAIN "maxMemory", open_scaled, text_max },
	{ DOMAIN "currentMemory", open_scaled, text_current },
	{ DOMAIN "memoryBacking/hugepages", open_hugepages, NULL },
	{ DOMAIN "memoryBacking/hugepages/page", open_page, NULL },
	{ DOMAIN "memoryBacking/locked", open_locked, NULL },
	{ DOMAIN "memoryBacking/nosharepages", open_nosharepages, NULL },
	{ DOMAIN "memoryBacking/source", open_source, NULL },
	{ DOMAIN "memoryBacking/access", open_access, NULL },
	{ DOMAIN "memoryBacking/allocation", open_allocation, NULL },
	{ DOMAIN "numatune/memory", open_numatune, NULL },
	{ DOMAIN "numatune/memnode", open_memnode, NULL },
	{ DOMAIN "cpu/numa/cell", open_cell, NULL },
	{ DOMAIN "vcpu", open_vcpu, text_vcpu },
	{ DOMAIN "cputune/vcpupin", open_vcpupin, NULL },
	{ DOMAIN "launchSecurity", open_security, NULL },
	{ DOMAIN "devices/hostdev", open_hostdev, NULL },
	{ DOMAIN "devices/interface", open_interface, NULL },
	{ DOMAIN "devices/memory", open_memory_device, NULL },
	{ DOMAIN "devices/memory/target/size", open_scaled, text_plugged },
};

static void take_open(struct reading *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		if (elements[i].open && xml_is_at(&r->xml, elements[i].path))
			elements[i].open(r);
}

static void take_text(struct reading *r)
{
	struct guest_status *status = r->status;
	struct span text = r->xml.text;
	char digits[32];
	uint64_t n;

	if (xml_is_at(&r->xml, DOMAIN "name"))
		(void)xml_copy(text, r->xml.is_literal, status->name, sizeof(status->name));
	else if (xml_is_at(&r->xml, DOMAIN "uuid"))
		(void)xml_copy(text, r->xml.is_literal, status->uuid, sizeof(status->uuid));
	if (!xml_copy(text, r->xml.is_literal, digits, sizeof(digits)) ||
	    span_u64(span_trim(span_of(digits, strlen(digits))), &n) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		if (elements[i].number && xml_is_at(&r->xml, elements[i].path))
			elements[i].number(r, n);
}

/* What only follows from all of it. */
static void settle(struct guest_status *status)
{
	if (status->vcpu_pins > status->vcpus)
		status->vcpu_pins = status->vcpus;
	/* A migration that this daemon has no job for, as one of another tool. */
	if (status->migration == GUEST_MIGRATION_NONE && strcmp(status->state, "paused") == 0 &&
	    (strcmp(status->reason, "migration") == 0 || strcmp(status->reason, "post-copy") == 0))
		status->migration = GUEST_MIGRATION_OUTGOING;
}

int guest_status_parse(int fd, struct guest_status *ret)
{
	struct guest_status status = { 0 };
	struct reading r = { .status = &status };
	int event;

	xml_init(&r.xml, fd, GUEST_STATUS_MAX_BYTES);
	while ((event = xml_next(&r.xml)) > XML_END_OF_FILE) {
		if (event == XML_OPEN)
			take_open(&r);
		else if (event == XML_TEXT)
			take_text(&r);
	}
	if (event < 0)
		return event;
	if (!r.is_status)
		return -EINVAL;
	settle(&status);
	*ret = status;
	return 0;
}

/* On the live machine such a file is its own or root's, and nobody else may write it. */
static int check_owner(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	return 0;
}

static int open_status_file(const struct sysroot *root, const char *name)
{
	char file[GUEST_NAME_BYTES + sizeof(".xml")];
	_cleanup_(closep) int dir = -1;

	if (name[0] == '\0' || strchr(name, '/') ||
	    (size_t)snprintf(file, sizeof(file), "%s.xml", name) >= sizeof(file))
		return -ENOENT;
	dir = sysroot_open_path(root, "run", O_PATH | O_DIRECTORY | O_NOFOLLOW);
	if (dir < 0)
		return dir;
	char path[sizeof("libvirt/qemu/") + sizeof(file)];

	(void)snprintf(path, sizeof(path), "libvirt/qemu/%s", file);
	return sysroot_open_beneath(dir, path, O_RDONLY | O_NONBLOCK);
}

int guest_status_read(const struct sysroot *root, const char *name, pid_t pid,
		      struct guest_status *ret)
{
	_cleanup_(closep) int fd = open_status_file(root, name);
	struct guest_status status;
	int r = fd;

	if (fd >= 0 && root->live)
		r = check_owner(fd);
	if (r >= 0)
		r = guest_status_parse(fd, &status);
	if (r < 0)
		return r;
	if (status.pid != pid)
		return -ESRCH;
	*ret = status;
	return 0;
}
