/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/size_read.h"

#include "util/macro.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

/* Ten times of a node, or of what a guest declares, bounds nothing any more. */
#define PART_MOST_PERMILLE 10000

static bool refuse(struct load *load, const struct ini_key *key, size_t offset,
		   const struct size_forms *forms)
{
	load_fault(load, key, offset, "%s=%s: expected %s", key->name, key->value, forms->expected);
	return false;
}

static bool read_part(struct load *load, const struct ini_key *key, const struct size_forms *forms,
		      const char *amount, struct word_list *list, struct policy_size *ret)
{
	static const char *const words[] = { "host", "node", "declared" };
	static const enum size_of of[] = { SIZE_OF_HOST, SIZE_OF_NODE, SIZE_OF_DECLARED };
	size_t count = ARRAY_SIZE(words) - !forms->may_be_declared;
	const char *word = word_list_next(list);
	uint32_t permyriad;
	int i = 0, r;

	r = text_to_permyriad(amount, &permyriad);
	if (r == -EINVAL)
		return refuse(load, key, 0, forms);
	if (word && !read_choice(load, key, word, list->offset, words, count, NULL, &i))
		return false;
	if (r == 0 && permyriad % 10 != 0) {
		load_fault(load, key, 0, "%s=%s: a tenth of a percent is the finest part",
			   key->name, key->value);
		return false;
	}
	if (r < 0 || permyriad / 10 > (of[i] == SIZE_OF_HOST ? 1000 : PART_MOST_PERMILLE)) {
		load_fault(load, key, 0,
			   of[i] == SIZE_OF_HOST ? "%s=%s: the host has 100%% of its memory"
						 : "%s=%s: more than 1000%% bounds nothing",
			   key->name, key->value);
		return false;
	}
	*ret = (struct policy_size){ .of = of[i], .number = permyriad / 10 };
	return true;
}

static bool read_bytes(struct load *load, const struct ini_key *key, const struct size_forms *forms,
		       const char *amount, struct word_list *list, struct policy_size *ret)
{
	uint64_t bytes;
	int r;

	if (forms->may_be_infinite && strcmp(amount, "infinity") == 0) {
		*ret = (struct policy_size){ .number = SETTING_UNLIMITED };
		return true;
	}
	r = text_to_bytes(amount, &bytes);
	if (r == -EINVAL)
		return refuse(load, key, 0, forms);
	if (r < 0 || bytes >= INT64_MAX) {
		load_fault(load, key, 0, "%s=%s is out of range", key->name, key->value);
		return false;
	}
	/* "25 %": it is not 25 bytes that are to be complained of. */
	if (word_list_next(list))
		return refuse(load, key, list->offset, forms);
	if (bytes > 0 && bytes < forms->least_bytes) {
		load_fault(load, key, 0, "%s=%s is less than %s: is a unit missing?", key->name,
			   key->value, forms->least);
		return false;
	}
	*ret = (struct policy_size){ .number = (int64_t)bytes };
	return true;
}

bool size_read(struct load *load, const struct ini_key *key, const struct size_forms *forms,
	       struct policy_size *ret)
{
	struct word_list list = { .load = load, .key = key };
	const char *word = word_list_next(&list);
	struct policy_size size;
	char amount[WORD_BYTES];

	if (!word)
		return false;
	memcpy(amount, word, sizeof(amount));
	if (strchr(amount, '%') ? !read_part(load, key, forms, amount, &list, &size)
				: !read_bytes(load, key, forms, amount, &list, &size))
		return false;
	word = word_list_next(&list);
	if (word)
		return refuse(load, key, list.offset, forms);
	*ret = size;
	return true;
}
