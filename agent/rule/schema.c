/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/schema.h"
#include "util/macro.h"
#include "util/strbuf.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

char *load_strdup(struct load *load, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		load->no_memory = true;
	return copy;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(const char *text)
{
	if (!is_alphanumeric(*text))
		return false;
	for (; *text; text++)
		if (!is_alphanumeric(*text) && *text != '.' && *text != '_' && *text != '-')
			return false;
	return true;
}

bool schema_is_of(const struct schema *schema, const struct ini_section *section)
{
	size_t length = strcspn(section->name, " \t");

	return length == strlen(schema->section) &&
	       memcmp(section->name, schema->section, length) == 0;
}

static void refuse_section(struct load *load, const struct schema *schema,
			   const struct ini_section *section)
{
	const struct schema *beside = schema->beside;

	diag_add(load->diags, load->file, section->line, 2,
		 "[%s] does not belong here: only [%s%s]%s%s%s %s", section->name, schema->section,
		 schema->named ? " NAME" : "", beside ? " and [" : "",
		 beside ? beside->section : "", beside ? " NAME]" : "", beside ? "do" : "does");
}

const char *schema_section_name(struct load *load, const struct schema *schema,
				const struct ini_section *section)
{
	const char *name = section->name + strcspn(section->name, " \t");

	if (!schema_is_of(schema, section)) {
		refuse_section(load, schema, section);
		return NULL;
	}
	if (*name != '\0')
		name++;
	if (schema->named == (*name != '\0') && (!schema->named || is_name(name)))
		return name;
	diag_add(load->diags, load->file, section->line, 2 + (unsigned)(name - section->name),
		 !schema->named ? "[%s] has no name"
		 : *name	? "a name is letters, digits, \".\", \"_\" and \"-\": [%s]"
				: "[%s] needs a name",
		 section->name);
	return NULL;
}

const struct ini_key *schema_find(const struct ini_section *section, const char *name)
{
	for (size_t i = 0; i < section->key_count; i++)
		if (strcmp(section->keys[i].name, name) == 0)
			return &section->keys[i];
	return NULL;
}

static const struct schema_key *find_key(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (strcmp(schema->keys[i].name, name) == 0)
			return &schema->keys[i];
	return NULL;
}

static void report_unknown(struct load *load, const struct schema *schema,
			   const struct ini_key *key)
{
	const char *names[32], *nearest;
	size_t count = MIN_OF(schema->count, ARRAY_SIZE(names));

	for (size_t i = 0; i < count; i++)
		names[i] = schema->keys[i].name;
	nearest = diag_nearest(key->name, names, count);
	diag_add(load->diags, load->file, key->line, 1, "unknown key %s= in [%s]%s%s%s", key->name,
		 schema->section, nearest ? "; did you mean " : "", nearest ? nearest : "",
		 nearest ? "=?" : "");
}

/* The key's row when its value is worth reading, else NULL. */
static const struct schema_key *check_key(struct load *load, const struct schema *schema,
					  const struct ini_section *section,
					  const struct ini_key *key)
{
	const struct schema_key *known = find_key(schema, key->name);
	const struct ini_key *first = schema_find(section, key->name);

	if (!known) {
		report_unknown(load, schema, key);
		return NULL;
	}
	if (known->later) {
		diag_add(load->diags, load->file, key->line, 1,
			 "%s= is not enforced by this version; take it out", key->name);
		return NULL;
	}
	if (!known->repeatable && first != key)
		diag_add(load->diags, load->file, key->line, 1,
			 "%s= is given twice; the first is in line %u", key->name, first->line);
	if (*key->value == '\0' && !known->may_be_empty) {
		load_fault(load, key, 0, "%s= has no value", key->name);
		return NULL;
	}
	return known;
}

void schema_apply(struct load *load, const struct schema *schema, const struct ini_section *section,
		  void *object)
{
	for (size_t i = 0; i < section->key_count; i++) {
		const struct ini_key *key = &section->keys[i];
		const struct schema_key *known = check_key(load, schema, section, key);

		if (known)
			known->read(load, key, object);
	}
}

bool read_choice(struct load *load, const struct ini_key *key, const char *word, size_t offset,
		 const char *const *words, size_t count, const char *more, int *ret)
{
	const char *nearest;
	char buffer[256];
	struct strbuf choices = STRBUF(buffer);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret = (int)i;
			return true;
		}
	}
	for (size_t i = 0; i < count; i++)
		strbuf_addf(&choices, "%s%s",
			    i == 0		      ? ""
			    : i + 1 == count && !more ? " or "
						      : ", ",
			    words[i]);
	if (more)
		strbuf_addf(&choices, " or %s", more);
	nearest = diag_nearest(word, words, count);
	load_fault(load, key, offset, "%s=%s: expected %s%s%s%s", key->name, word, buffer,
		   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	return false;
}

bool read_word(struct load *load, const struct ini_key *key, const char *const *words, size_t count,
	       int *ret)
{
	return read_choice(load, key, key->value, 0, words, count, NULL, ret);
}

bool read_number(struct load *load, const struct ini_key *key, int low, int high, int *ret)
{
	int64_t value;

	if (text_to_i64(key->value, &value) < 0 || value < low || value > high) {
		load_fault(load, key, 0, "%s=%s: expected a whole number from %d to %d", key->name,
			   key->value, low, high);
		return false;
	}
	*ret = (int)value;
	return true;
}

bool read_span(struct load *load, const struct ini_key *key, usec_t *ret)
{
	usec_t usec;

	if (text_to_usec(key->value, &usec) < 0) {
		load_fault(load, key, 0, "%s=%s: expected a span of time like 500ms, 2s or 10min",
			   key->name, key->value);
		return false;
	}
	/* What is added to a time must not wrap: a century is as good as for ever. */
	if (usec > 100 * 365 * 24 * 60 * USEC_PER_MIN) {
		load_fault(load, key, 0, "%s=%s would never end; a finite span of time is needed",
			   key->name, key->value);
		return false;
	}
	*ret = usec;
	return true;
}

bool read_text(struct load *load, const struct ini_key *key, char **ret)
{
	char *copy = load_strdup(load, key->value);

	if (!copy)
		return false;
	free(*ret);
	*ret = copy;
	return true;
}

const char *word_list_next(struct word_list *list)
{
	const char *value = list->key->value;

	for (;;) {
		size_t start = list->at + strspn(value + list->at, " \t");
		size_t length = strcspn(value + start, " \t");

		if (length == 0)
			return NULL;
		list->at = start + length;
		list->offset = start;
		if (length < sizeof(list->word)) {
			memcpy(list->word, value + start, length);
			list->word[length] = '\0';
			return list->word;
		}
		load_fault(list->load, list->key, start, "%.*s... is too long for a name", 32,
			   value + start);
	}
}
