/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/proc_maps.h"

#include "util/macro.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* "7f0d17017000-7f0d18e19000 rw-p 00000000 00:00 0    [heap]" */
int proc_map_parse(struct span line, struct proc_map *ret)
{
	struct span range, modes, word, from;
	struct proc_map map = { 0 };

	if (!span_next_word(&line, &range) || !span_next_field(&range, '-', &from) ||
	    span_hex(from, &map.start) < 0 || span_hex(range, &map.end) < 0 ||
	    map.end <= map.start || !span_next_word(&line, &modes) || modes.length != 4)
		return -EINVAL;
	map.readable = modes.data[0] == 'r';
	map.writable = modes.data[1] == 'w';
	map.shared = modes.data[3] == 's';
	/* Offset and device are of no use here. */
	if (!span_next_word(&line, &word) || !span_next_word(&line, &word) ||
	    !span_next_word(&line, &word) || span_u64(word, &map.inode) < 0)
		return -EINVAL;
	map.name = span_trim(line);
	map.special =
		map.inode == 0 && (span_is(map.name, "[vdso]") || span_starts(map.name, "[vvar") ||
				   span_is(map.name, "[vsyscall]"));
	*ret = map;
	return 0;
}

int proc_maps_next(struct line_reader *reader, struct proc_map *ret)
{
	struct span line;
	bool cut;
	int r;

	while ((r = line_reader_next(reader, &line, &cut)) > 0)
		if (proc_map_parse(line, ret) == 0)
			return 1;
	return r;
}

bool proc_map_is_memory(struct span name)
{
	static const char *const names[] = { "/memfd:", "/SYSV", "/dev/zero", "/dev/shm/" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (span_starts(name, names[i]))
			return true;
	return false;
}

ssize_t pagemap_read(int pagemap_fd, uint64_t address, uint64_t page_size, uint64_t *ret_entries,
		     size_t count)
{
	uint64_t offset;
	ssize_t n;

	if (page_size == 0 || address % page_size != 0 ||
	    __builtin_mul_overflow(address / page_size, (uint64_t)sizeof(*ret_entries), &offset) ||
	    offset > INT64_MAX || count > SSIZE_MAX / sizeof(*ret_entries))
		return -EINVAL;
	do
		n = pread(pagemap_fd, ret_entries, count * sizeof(*ret_entries), (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n / (ssize_t)sizeof(*ret_entries);
}
