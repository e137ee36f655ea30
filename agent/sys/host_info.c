/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/host_info.h"

#include "sys/line_reader.h"
#include "sys/meminfo.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE_SIZE_DEFAULT 4096
#define PAGE_SIZE_MAX	  65536
/* A list of CPUs, of which there may be 8,192. */
#define LIST_BYTES 32768

/* What zoneinfo tells by the way. */
struct zone_facts {
	uint64_t managed_pages;
	unsigned cpus; /* that have lists of free pages in a zone: those online */
};

static struct zone_facts read_zones(const struct sysroot *root)
{
	_cleanup_(closep) int fd = sysroot_open_file(root, "proc/zoneinfo");
	struct zone_facts facts = { 0 };
	struct line_reader reader;
	struct span line, word;
	unsigned cpus = 0;
	uint64_t value;
	bool cut;

	if (fd < 0)
		return facts;
	line_reader_init(&reader, fd);
	while (line_reader_next(&reader, &line, &cut) > 0) {
		if (!span_next_word(&line, &word))
			continue;
		if (span_is(word, "Node"))
			cpus = 0;
		else if (span_is(word, "cpu:"))
			facts.cpus = MAX_OF(facts.cpus, ++cpus);
		else if (span_is(word, "managed") && span_u64(span_trim(line), &value) == 0 &&
			 __builtin_add_overflow(facts.managed_pages, value, &facts.managed_pages))
			facts.managed_pages = UINT64_MAX;
	}
	return facts;
}

/*
 * Both are sums of the same zones, so their ratio is the page size but for what was added or taken
 * between the two readings; a container's meminfo (LXCFS) has no fixed ratio to the host's zones,
 * and then nothing fits within an eighth.
 */
static uint64_t derive_page_size(const struct sysroot *root, uint64_t managed)
{
	struct meminfo m;
	char text[8192];
	ssize_t length = sysroot_read(root, "proc/meminfo", text, sizeof(text));

	if (managed == 0 || length < 0 || meminfo_parse(text, (size_t)length, &m) < 0)
		return PAGE_SIZE_DEFAULT;
	for (uint64_t size = PAGE_SIZE_DEFAULT; size <= PAGE_SIZE_MAX; size *= 2) {
		uint64_t total = m.values[MEMINFO_TOTAL], expected, difference;

		if (__builtin_mul_overflow(managed, size, &expected))
			break;
		difference = total > expected ? total - expected : expected - total;
		if (difference <= expected / 8)
			return size;
	}
	return PAGE_SIZE_DEFAULT;
}

/* "0-3,8" -> 5; ids may exceed what a set of nodes can hold. 0: not such a list. */
static unsigned count_list(struct span list)
{
	struct span item, from;
	uint64_t first, last, count = 0;

	while (span_next_field(&list, ',', &item)) {
		if (!span_next_field(&item, '-', &from) || span_u64(from, &first) < 0)
			return 0;
		last = first;
		if (item.length > 0 && span_u64(item, &last) < 0)
			return 0;
		if (last < first || last > UINT16_MAX)
			return 0;
		count += last - first + 1;
	}
	return count > UINT16_MAX ? 0 : (unsigned)count;
}

static unsigned cpu_count(const struct sysroot *root, const struct zone_facts *zones)
{
	char text[LIST_BYTES];
	struct span rest, line;
	ssize_t length = sysroot_read(root, "sys/devices/system/cpu/online", text, sizeof(text));
	unsigned count = 0;
	long online;

	if (length > 0) {
		rest = span_of(text, (size_t)length);
		if (span_next_line(&rest, &line))
			count = count_list(span_trim(line));
	}
	if (count == 0 && root->live) {
		online = sysconf(_SC_NPROCESSORS_ONLN);
		count = online > 0 ? (unsigned)online : 0;
	}
	if (count == 0)
		count = zones->cpus;
	return count > 0 ? count : 1;
}

int host_info_sysctl(const struct sysroot *root, const char *path, int64_t *ret)
{
	char whole[PATH_MAX], text[64];
	struct span rest, line;
	ssize_t length;
	int n = snprintf(whole, sizeof(whole), "proc/sys/%s", path);

	if (n < 0 || (size_t)n >= sizeof(whole))
		return -ENAMETOOLONG;
	length = sysroot_read(root, whole, text, sizeof(text));
	if (length < 0)
		return (int)length;
	rest = span_of(text, (size_t)length);
	return span_next_line(&rest, &line) ? span_i64(span_trim(line), ret) : -EINVAL;
}

bool host_info_has_systemd(const struct sysroot *root)
{
	_cleanup_(closep) int fd =
		sysroot_open_path(root, "run/systemd/system", O_PATH | O_DIRECTORY);

	return fd >= 0;
}

/* The value, or 0 where the kernel has no such knob. */
static int read_knob(const struct sysroot *root, const char *path)
{
	int64_t value;

	if (host_info_sysctl(root, path, &value) < 0 || value < INT32_MIN || value > INT32_MAX)
		return 0;
	return (int)value;
}

void host_info_read(const struct sysroot *root, struct host_info *ret)
{
	struct zone_facts zones = { 0 };

	if (!root->live)
		zones = read_zones(root);
	*ret = (struct host_info){
		.page_size_bytes = root->live ? (uint64_t)sysconf(_SC_PAGESIZE)
					      : derive_page_size(root, zones.managed_pages),
		.cpu_count = cpu_count(root, &zones),
		.panic_on_oom = read_knob(root, "vm/panic_on_oom"),
		.oom_kill_allocating_task = read_knob(root, "vm/oom_kill_allocating_task"),
		.numa_balancing = read_knob(root, "kernel/numa_balancing"),
	};
}

int host_info_reserve(const struct sysroot *root, uint64_t *ret_bytes)
{
	char text[64];
	struct span rest, line;
	ssize_t length = sysroot_read(root, "proc/sys/vm/min_free_kbytes", text, sizeof(text));
	uint64_t kib;

	if (length < 0)
		return (int)length;
	rest = span_of(text, (size_t)length);
	if (!span_next_line(&rest, &line) || span_u64(span_trim(line), &kib) < 0 ||
	    __builtin_mul_overflow(kib, (uint64_t)1024, ret_bytes))
		return -EINVAL;
	return 0;
}

int host_info_release(const struct sysroot *root, char *buffer, size_t size)
{
	char text[256];
	struct span rest, line;
	ssize_t length = sysroot_read(root, "proc/sys/kernel/osrelease", text, sizeof(text));

	if (length < 0)
		return length == -EFBIG ? -EINVAL : (int)length;
	rest = span_of(text, (size_t)length);
	if (!span_next_line(&rest, &line) || line.length == 0)
		return -EINVAL;
	for (size_t i = 0; i < line.length; i++)
		if (line.data[i] <= ' ' || line.data[i] > '~')
			return -EINVAL;
	if (line.length >= size)
		return -ENAMETOOLONG;
	return span_copy(line, buffer, size) ? 0 : -EINVAL;
}
