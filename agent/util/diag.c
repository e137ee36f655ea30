/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/diag.h"
#include "util/strbuf.h"
#include "util/text.h"

#include <stdarg.h>
#include <string.h>

/* A message quotes what it found, and that may be anything: escaped here, once, for every reader.
 * Takes `text` over; NULL without memory. */
static char *printable(char *text)
{
	_cleanup_(freep) char *owned = text;
	struct strbuf b = { .size = strlen(text) * 4 + 1 };

	if (text_is_clean_utf8(text))
		return TAKE_PTR(owned);
	b.data = malloc(b.size);
	if (!b.data)
		return NULL;
	strbuf_reset(&b);
	strbuf_add_name(&b, text);
	return b.data;
}

static bool append(struct diag_list *list, struct diag entry)
{
	struct diag *grown;

	grown = reallocarray(list->entries, list->count + 1, sizeof(*grown));
	if (!grown)
		return false;
	list->entries = grown;
	list->entries[list->count++] = entry;
	return true;
}

void diag_add(struct diag_list *list, const char *file, unsigned line, unsigned column,
	      const char *format, ...)
{
	_cleanup_(freep) char *message = NULL, *name = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&message, format, args);
	va_end(args);
	if (length < 0)
		message = NULL;
	else
		message = printable(message);
	if (file) {
		name = strdup(file);
		if (name)
			name = printable(name);
	}
	if (!message || (file && !name) ||
	    !append(list,
		    (struct diag){
			    .file = name, .line = line, .column = column, .message = message })) {
		list->dropped++;
		return;
	}
	name = message = NULL;
}

static int compare(const void *a, const void *b)
{
	const struct diag *x = a, *y = b;
	int order = strcmp(x->file ? x->file : "", y->file ? y->file : "");

	if (order != 0)
		return order;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	/* qsort() need not be stable. */
	return strcmp(x->message, y->message);
}

void diag_print(struct diag_list *list, FILE *out)
{
	if (list->count > 1)
		qsort(list->entries, list->count, sizeof(*list->entries), compare);
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *d = &list->entries[i];

		if (d->file)
			fprintf(out, "%s:", d->file);
		if (d->file && d->line > 0)
			fprintf(out, "%u:", d->line);
		if (d->file && d->line > 0 && d->column > 0)
			fprintf(out, "%u:", d->column);
		fprintf(out, "%s%s\n", d->file ? " " : "", d->message);
	}
	if (list->dropped > 0)
		fprintf(out, "%zu more could not be kept: out of memory\n", list->dropped);
}

void diag_done(struct diag_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->entries[i].file);
		free(list->entries[i].message);
	}
	free(list->entries);
	*list = (struct diag_list){ 0 };
}

#define WORD_MAX 64

/* Optimal string alignment: an exchange of neighbours is one slip of the fingers, not two. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_length; j++) {
		above[j] = j;
		before[j] = 0;
	}
	for (size_t i = 1; i <= a_length; i++) {
		size_t *next = before;

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t cost = above[j - 1] + (a[i - 1] != b[j - 1]);

			cost = MIN_OF(cost, above[j] + 1);
			cost = MIN_OF(cost, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cost = MIN_OF(cost, before[j - 2] + 1);
			row[j] = cost;
		}
		before = above;
		above = row;
		row = next;
	}
	return above[b_length];
}

const char *diag_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t length = strlen(word);
	size_t limit = MAX_OF(length / 3, (size_t)1);
	const char *nearest = NULL;

	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t candidate_length = strlen(candidates[i]), d;

		if (candidate_length > WORD_MAX)
			continue;
		d = distance(word, length, candidates[i], candidate_length);
		/* Of two as near, one that was not written to its end: "MemoryHi". */
		if (d < limit ||
		    (d == limit && (!nearest || (strncmp(candidates[i], word, length) == 0 &&
						 strncmp(nearest, word, length) != 0)))) {
			nearest = candidates[i];
			if (d == 0)
				break;
			limit = d;
		}
	}
	return nearest;
}
