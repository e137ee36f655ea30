/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What sections may hold, as tables: each key with its reader. A section is applied to an object (a
 * rule, a policy, the agent's settings); each reader fills a part of it or reports what is wrong
 * and leaves it, so that all faults of a file are found in one go.
 */

#include "util/diag.h"
#include "util/ini.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>

/* One run of the loader. */
struct load {
	struct diag_list *diags;
	const char *file; /* being read, as faults name it */
	bool no_memory;	  /* something found none: the result is not complete */
};

struct schema_key {
	const char *name;
	/* May come more than once. All others may not. */
	bool repeatable;
	/* "Key=" without a value says something (none, all), and is no slip. */
	bool may_be_empty;
	/* Belongs to the configuration language, but nothing in this version carries it out. Taken
	 * silently it would promise what is not kept. read is NULL. */
	bool later;
	void (*read)(struct load *load, const struct ini_key *key, void *object);
};

struct schema {
	const char *section;	     /* "Policy" */
	bool named;		     /* [Policy NAME], not [Agent] */
	const struct schema *beside; /* what else such files hold, or NULL */
	const struct schema_key *keys;
	size_t count;
};

/* A fault at the key's value, `offset` bytes into it. */
#define load_fault(load, key, offset, ...)                                                     \
	diag_add((load)->diags, (load)->file, (key)->line, (key)->column + (unsigned)(offset), \
		 __VA_ARGS__)

/* Is the section of this schema, its name good or bad? */
bool schema_is_of(const struct schema *schema, const struct ini_section *section);
/* The name in "[Policy NAME]" ("" for a schema without names), or NULL, reported, when the section
 * is none of this schema. */
const char *schema_section_name(struct load *load, const struct schema *schema,
				const struct ini_section *section);
void schema_apply(struct load *load, const struct schema *schema, const struct ini_section *section,
		  void *object);
/* The first key of that name in the section, or NULL. */
const struct ini_key *schema_find(const struct ini_section *section, const char *name);

/* Readers of values. They return true and set *ret, or report and return false. */

/* One of `words`; *ret is its index. */
bool read_word(struct load *load, const struct ini_key *key, const char *const *words, size_t count,
	       int *ret);
/* The same for one word out of the value; `more` names what else may stand there, or NULL. */
bool read_choice(struct load *load, const struct ini_key *key, const char *word, size_t offset,
		 const char *const *words, size_t count, const char *more, int *ret);
bool read_number(struct load *load, const struct ini_key *key, int low, int high, int *ret);
/* A finite span of time. */
bool read_span(struct load *load, const struct ini_key *key, usec_t *ret);
/* A copy of the value. */
bool read_text(struct load *load, const struct ini_key *key, char **ret);

/* Words between blanks: one after the other, each with its offset in the value. Names of
 * configuration are short; a longer word is reported and skipped. */
#define WORD_BYTES 128
struct word_list {
	struct load *load;
	const struct ini_key *key;
	size_t at;
	size_t offset; /* of the word returned last */
	char word[WORD_BYTES];
};
/* NULL at the end. */
const char *word_list_next(struct word_list *list);

/* Letters, digits, ".", "_" and "-", beginning with a letter or digit. */
bool is_name(const char *text);
/* A copy; notes it in `load` when there is no memory. */
char *load_strdup(struct load *load, const char *text);
