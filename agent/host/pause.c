/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/pause.h"

#include "core/plan.h"
#include "sense/guest_path.h"
#include "util/macro.h"
#include "util/sum.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A sentence has an end. */
#define DESCRIBED_MAX 8

static const char *const kind_words[] = {
	[PAUSE_HOST] = "host",
	[PAUSE_RULE] = "rule",
	[PAUSE_GUEST] = "guest",
	[PAUSE_SERVICE] = "service",
};

void pause_list_done(struct pause_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
	*list = (struct pause_list){ 0 };
}

static bool is_item(const struct pause_item *item, enum pause_kind kind, const char *name)
{
	return item->kind == kind && (kind == PAUSE_HOST || strcmp(item->name, name) == 0);
}

static bool has(const struct pause_list *list, enum pause_kind kind, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (is_item(&list->items[i], kind, name))
			return true;
	return false;
}

int pause_list_add(struct pause_list *list, enum pause_kind kind, const char *name)
{
	struct pause_item item = { .kind = kind };
	struct pause_item *grown;

	if (kind != PAUSE_HOST && (!name || !name[0] || !text_is_clean_utf8(name)))
		return -EINVAL;
	if (has(list, kind, name))
		return 1;
	if (list->count >= PAUSE_ITEMS_MAX)
		return -ENOSPC;
	grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	if (kind != PAUSE_HOST) {
		item.name = strdup(name);
		if (!item.name)
			return -ENOMEM;
	}
	list->items[list->count++] = item;
	return 0;
}

void pause_list_remove(struct pause_list *list, size_t i)
{
	free(list->items[i].name);
	list->count--;
	memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof(list->items[0]));
}

/* One line, terminated. 0; -EBADMSG and what is wrong with it; -ENOMEM. */
static int parse_line(const char *line, struct pause_list *list, const char **ret_why)
{
	size_t kind, length = 0;
	int r;

	*ret_why = "it begins with neither host, rule, guest nor service";
	for (kind = 0; kind < ARRAY_SIZE(kind_words); kind++) {
		length = strlen(kind_words[kind]);
		if (strncmp(line, kind_words[kind], length) == 0 &&
		    line[length] == (kind == PAUSE_HOST ? '\0' : ' '))
			break;
	}
	if (kind == ARRAY_SIZE(kind_words))
		return -EBADMSG;
	r = pause_list_add(list, (enum pause_kind)kind,
			   kind == PAUSE_HOST ? NULL : line + length + 1);
	*ret_why = r == -ENOSPC ? "there are too many lines" : "its name is none";
	return r == -EINVAL || r == -ENOSPC ? -EBADMSG : MIN_OF(r, 0);
}

static int refuse(struct pause_list *list, size_t line, const char *why)
{
	pause_list_done(list);
	(void)snprintf(list->fault, sizeof(list->fault), "line %zu: %s", line, why);
	return -EBADMSG;
}

/* What is left at the end of a list was cut off: it is written whole or not at all. */
static int parse(char *text, size_t length, struct pause_list *list)
{
	size_t line = 0;

	for (char *at = text, *end; at < text + length; at = end + 1) {
		const char *why;
		int r;

		line++;
		end = memchr(at, '\n', (size_t)(text + length - at));
		if (!end)
			return refuse(list, line, "it has no end");
		*end = '\0';
		if (strlen(at) != (size_t)(end - at))
			return refuse(list, line, "it holds a zero byte");
		r = parse_line(at, list, &why);
		if (r == -EBADMSG)
			return refuse(list, line, why);
		if (r < 0)
			return r;
	}
	/* A list that pauses nothing is removed, not written. */
	return line == 0 ? refuse(list, 1, "the list is empty") : 0;
}

int pause_list_parse(const char *text, size_t length, struct pause_list *ret)
{
	_cleanup_(freep) char *copy = malloc(length + 1);
	struct pause_list list = { 0 };
	int r;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	copy[length] = '\0';
	r = parse(copy, length, &list);
	if (r < 0 && r != -EBADMSG) {
		pause_list_done(&list);
		return r;
	}
	*ret = list;
	return r;
}

char *pause_list_format(const struct pause_list *list)
{
	char *text = NULL;
	size_t length = 0;
	FILE *f = open_memstream(&text, &length);
	bool failed;

	if (!f)
		return NULL;
	for (size_t i = 0; i < list->count; i++) {
		const struct pause_item *item = &list->items[i];

		fprintf(f, "%s%s%s\n", kind_words[item->kind], item->name ? " " : "",
			item->name ? item->name : "");
	}
	failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

bool pause_list_is_empty(const struct pause_list *list)
{
	return list->count == 0 && list->fault[0] == '\0';
}

bool pause_list_equal(const struct pause_list *a, const struct pause_list *b)
{
	if (a->count != b->count || strcmp(a->fault, b->fault) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!has(b, a->items[i].kind, a->items[i].name))
			return false;
	return true;
}

/* Over what tells two lists apart. */
uint64_t pause_list_sum(const struct pause_list *list)
{
	uint64_t sum = SUM_BEGIN;

	for (size_t i = 0; i < list->count; i++) {
		sum = sum_text(sum, kind_words[list->items[i].kind]);
		sum = sum_text(sum, list->items[i].name ? list->items[i].name : "");
	}
	return sum_text(sum, list->fault);
}

bool pause_has_host(const struct pause_list *list)
{
	return list->fault[0] || has(list, PAUSE_HOST, NULL);
}

bool pause_has_rule(const struct pause_list *list, const char *name)
{
	return has(list, PAUSE_RULE, name);
}

bool pause_has_service(const struct pause_list *list, const char *path)
{
	char name[NAME_BYTES];

	if (!pause_has_services(list))
		return false;
	if (has(list, PAUSE_SERVICE, path))
		return true;
	return guest_path_parse(path, name, sizeof(name)) != GUEST_NONE &&
	       has(list, PAUSE_GUEST, name);
}

bool pause_has_services(const struct pause_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].kind == PAUSE_GUEST || list->items[i].kind == PAUSE_SERVICE)
			return true;
	return false;
}

const char *pause_kind_name(enum pause_kind kind)
{
	return kind_words[kind];
}

void pause_item_format(const struct pause_item *item, struct strbuf *out)
{
	if (item->kind == PAUSE_HOST) {
		strbuf_add(out, "the host");
		return;
	}
	strbuf_addf(out, "%s ", kind_words[item->kind]);
	strbuf_add_name(out, item->name);
}

void pause_list_describe(const struct pause_list *list, struct strbuf *out)
{
	if (list->fault[0])
		strbuf_add(out, "the host");
	for (size_t i = 0; i < MIN_OF(list->count, (size_t)DESCRIBED_MAX); i++) {
		if (i > 0)
			strbuf_add(out, ", ");
		pause_item_format(&list->items[i], out);
	}
	if (list->count > DESCRIBED_MAX)
		strbuf_addf(out, " and %zu more", list->count - DESCRIBED_MAX);
}

void pause_apply(const struct pause_list *list, struct config *config)
{
	config->paused = pause_has_host(list);
	config->some_service_paused = pause_has_services(list);
	for (size_t i = 0; i < config->rule_count; i++)
		config->rules[i].paused = pause_has_rule(list, config->rules[i].name);
}
