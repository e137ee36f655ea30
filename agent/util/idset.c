/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/idset.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>

#define WORD_BITS  64U
#define WORD_COUNT (IDSET_BITS / WORD_BITS)

void idset_clear(struct idset *s)
{
	memset(s, 0, sizeof(*s));
}

void idset_add(struct idset *s, unsigned id)
{
	if (id < IDSET_BITS)
		s->words[id / WORD_BITS] |= UINT64_C(1) << (id % WORD_BITS);
}

bool idset_has(const struct idset *s, unsigned id)
{
	return id < IDSET_BITS && (s->words[id / WORD_BITS] >> (id % WORD_BITS) & 1);
}

bool idset_is_empty(const struct idset *s)
{
	return idset_next(s, 0) < 0;
}

bool idset_equal(const struct idset *a, const struct idset *b)
{
	return memcmp(a->words, b->words, sizeof(a->words)) == 0;
}

bool idset_is_subset(const struct idset *a, const struct idset *b)
{
	for (size_t i = 0; i < WORD_COUNT; i++)
		if (a->words[i] & ~b->words[i])
			return false;
	return true;
}

void idset_intersect(struct idset *a, const struct idset *b)
{
	for (size_t i = 0; i < WORD_COUNT; i++)
		a->words[i] &= b->words[i];
}

void idset_unite(struct idset *a, const struct idset *b)
{
	for (size_t i = 0; i < WORD_COUNT; i++)
		a->words[i] |= b->words[i];
}

unsigned idset_count(const struct idset *s)
{
	unsigned count = 0;

	for (size_t i = 0; i < WORD_COUNT; i++)
		count += (unsigned)__builtin_popcountll(s->words[i]);
	return count;
}

int idset_next(const struct idset *s, unsigned from)
{
	for (unsigned word = from / WORD_BITS; word < WORD_COUNT; word++) {
		uint64_t bits = s->words[word];

		if (word == from / WORD_BITS)
			bits &= UINT64_MAX << (from % WORD_BITS);
		if (bits)
			return (int)(word * WORD_BITS + (unsigned)__builtin_ctzll(bits));
	}
	return -1;
}

/* Digits only: neither sign nor blank, as the kernel writes them. */
static int parse_id(const char **text, unsigned *ret)
{
	const char *p = *text;
	unsigned id = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		id = id * 10 + (unsigned)(*p - '0');
		if (id >= IDSET_BITS)
			return -ERANGE;
	}
	*text = p;
	*ret = id;
	return 0;
}

int idset_parse(const char *text, struct idset *ret)
{
	struct idset s = { { 0 } };

	if (*text == '\0' || strcmp(text, "\n") == 0) {
		*ret = s;
		return 0;
	}
	for (;;) {
		unsigned first, last;
		int r;

		r = parse_id(&text, &first);
		if (r < 0)
			return r;
		last = first;
		if (*text == '-') {
			text++;
			r = parse_id(&text, &last);
			if (r < 0)
				return r;
			if (last < first)
				return -EINVAL;
		}
		for (unsigned id = first; id <= last; id++)
			idset_add(&s, id);
		if (*text != ',')
			break;
		text++;
	}
	if (*text == '\n')
		text++;
	if (*text != '\0')
		return -EINVAL;
	*ret = s;
	return 0;
}

void idset_format(const struct idset *s, struct strbuf *out)
{
	const char *separator = "";

	for (int first = idset_next(s, 0); first >= 0;) {
		int last = first;

		while (idset_has(s, (unsigned)last + 1))
			last++;
		if (last > first)
			strbuf_addf(out, "%s%d-%d", separator, first, last);
		else
			strbuf_addf(out, "%s%d", separator, first);
		separator = ",";
		first = idset_next(s, (unsigned)last + 1);
	}
}
