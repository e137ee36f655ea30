/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/slabinfo.h"

#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define TUNABLES ": tunables "
#define SLABDATA ": slabdata "

/* Splits at the last `mark`, which a name may hold too: the kernel's own comes behind it. */
static bool split(struct span text, const char *mark, struct span *ret_before,
		  struct span *ret_after)
{
	size_t length = strlen(mark);

	for (size_t end = text.length; end >= length; end--) {
		size_t at = end - length;

		if (memcmp(text.data + at, mark, length) != 0)
			continue;
		*ret_before = span_of(text.data, at);
		*ret_after = span_skip(text, end);
		return true;
	}
	return false;
}

/* Takes the last word off, as a number. */
static int take_number(struct span *text, uint64_t *ret)
{
	struct span word;
	size_t start;

	*text = span_trim(*text);
	for (start = text->length; start > 0; start--)
		if (text->data[start - 1] == ' ' || text->data[start - 1] == '\t')
			break;
	word = span_skip(*text, start);
	text->length = start;
	return span_u64(word, ret);
}

int slabinfo_parse(struct span line, struct slabinfo_cache *ret)
{
	struct slabinfo_cache cache;
	struct span head, tail, data, active, slabs;
	uint64_t pages_a_slab, objects_a_slab;

	if (!split(line, SLABDATA, &head, &data) || !split(head, TUNABLES, &head, &tail))
		return -EINVAL;
	if (!span_next_word(&data, &active) || !span_next_word(&data, &slabs) ||
	    span_u64(slabs, &cache.slabs) < 0)
		return -EINVAL;
	if (take_number(&head, &pages_a_slab) < 0 || take_number(&head, &objects_a_slab) < 0 ||
	    take_number(&head, &cache.object_bytes) < 0 || take_number(&head, &cache.objects) < 0 ||
	    take_number(&head, &cache.active_objects) < 0)
		return -EINVAL;
	cache.name = span_trim(head);
	if (cache.name.length == 0 ||
	    __builtin_mul_overflow(cache.slabs, pages_a_slab, &cache.pages))
		return -EINVAL;
	*ret = cache;
	return 0;
}

int slabinfo_open(const struct sysroot *root)
{
	return sysroot_open_file(root, "proc/slabinfo");
}

static ssize_t read_at(int fd, char *buffer, size_t size, off_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buffer, size, offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int slabinfo_each(int fd, char *buffer, size_t size,
		  void (*take)(void *context, const struct slabinfo_cache *cache), void *context)
{
	size_t held = 0;
	off_t offset = 0;
	bool skipping = false;
	int count = 0;

	for (;;) {
		ssize_t n = read_at(fd, buffer + held, size - held, offset);
		struct slabinfo_cache cache;
		struct span rest, line;

		if (n < 0)
			return (int)n;
		if (n == 0)
			return count;
		offset += n;
		rest = span_of(buffer, held + (size_t)n);
		while (span_next_line(&rest, &line)) {
			if (!skipping && slabinfo_parse(line, &cache) == 0 && count < INT_MAX) {
				take(context, &cache);
				count++;
			}
			skipping = false;
		}
		/* What is left is the beginning of a line. */
		if (rest.length == size) {
			skipping = true;
			rest.length = 0;
		}
		if (rest.length > 0)
			memmove(buffer, rest.data, rest.length);
		held = rest.length;
	}
}
