/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/argument.h"

#include "act/unit_text.h"
#include "util/diag.h"
#include "util/idset.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

#define fault(place, ...) \
	diag_add((place)->diags, (place)->file, (place)->line, (place)->column, __VA_ARGS__)

static int parse_amount(const struct argument_place *place, const char *value, int64_t *ret)
{
	uint64_t bytes;

	if (strcmp(value, "until-clear") == 0) {
		*ret = ARG_UNTIL_CLEAR;
		return 0;
	}
	if (text_to_bytes(value, &bytes) < 0) {
		fault(place, "%s is no amount: write until-clear, or bytes such as 512M", value);
		return -EINVAL;
	}
	if (bytes == 0 || bytes >= INT64_MAX) {
		fault(place, "%s is out of range", value);
		return -EINVAL;
	}
	*ret = (int64_t)bytes;
	return 0;
}

static int parse_node(const struct argument_place *place, const char *value, int64_t *ret)
{
	uint64_t node;

	if (strcmp(value, "roomiest") == 0) {
		*ret = ARG_ROOMIEST;
		return 0;
	}
	if (text_to_u64(value, &node) < 0) {
		fault(place, "%s is no node: write roomiest, or a node's number", value);
		return -EINVAL;
	}
	if (node >= IDSET_BITS) {
		fault(place, "no kernel has a node %s: the highest is %d", value, IDSET_BITS - 1);
		return -EINVAL;
	}
	*ret = (int64_t)node;
	return 0;
}

static void add_value(const struct action_arg_spec *spec, int64_t value, struct strbuf *out)
{
	switch (spec->type) {
	case ARG_PERMILLE:
		strbuf_addf(out, "%s%lld", value < 0 ? "-" : "", llabs((long long)value) / 10);
		if (value % 10)
			strbuf_addf(out, ".%lld", llabs((long long)value) % 10);
		strbuf_add(out, "%");
		break;
	case ARG_RATE:
		strbuf_add_bytes(out, value);
		strbuf_add(out, "/s");
		break;
	case ARG_DURATION:
		strbuf_add_duration(out, (usec_t)value);
		break;
	default:
		strbuf_addf(out, "%lld", (long long)value);
	}
}

/* Within what the spec takes? */
static int check_range(const struct argument_place *place, const struct action_arg_spec *spec,
		       const char *text, int64_t value)
{
	char least[64], most[64];
	struct strbuf l = STRBUF(least), m = STRBUF(most);

	if ((spec->least == 0 && spec->most == 0) || (value >= spec->least && value <= spec->most))
		return 0;
	add_value(spec, spec->least, &l);
	add_value(spec, spec->most, &m);
	if (spec->most == INT64_MAX)
		fault(place, "%s is out of range: it is at least %s", text, least);
	else
		fault(place, "%s is out of range: it is from %s to %s", text, least, most);
	return -EINVAL;
}

static int parse_duration(const struct argument_place *place, const struct action_arg_spec *spec,
			  const char *value, int64_t *ret)
{
	usec_t usec;

	if (text_to_usec(value, &usec) < 0) {
		fault(place, "%s is no duration: write it as 500ms, 10s or 2min", value);
		return -EINVAL;
	}
	if (usec >= INT64_MAX) {
		fault(place, "%s would never end: write a finite duration", value);
		return -EINVAL;
	}
	*ret = (int64_t)usec;
	return check_range(place, spec, value, *ret);
}

static int parse_number(const struct argument_place *place, const struct action_arg_spec *spec,
			const char *value, int64_t *ret)
{
	uint64_t bytes;
	int r = text_to_i64(value, ret);

	if (r == -EINVAL && spec->most == INT64_MAX && text_to_bytes(value, &bytes) == 0 &&
	    bytes < INT64_MAX) {
		*ret = (int64_t)bytes;
		r = 0;
	}
	if (r == -ERANGE) {
		fault(place, "%s is out of range", value);
		return -EINVAL;
	}
	if (r < 0) {
		fault(place, "%s is no whole number", value);
		return -EINVAL;
	}
	return check_range(place, spec, value, *ret);
}

static int parse_permille(const struct argument_place *place, const struct action_arg_spec *spec,
			  const char *value, int64_t *ret)
{
	bool negative = value[0] == '-';
	uint32_t permyriad;

	if (text_to_permyriad(value + (negative || value[0] == '+'), &permyriad) < 0) {
		fault(place, "%s is no part: write it as 25%% or 2.5%%", value);
		return -EINVAL;
	}
	if (permyriad % 10) {
		fault(place, "%s is finer than a tenth of a percent", value);
		return -EINVAL;
	}
	*ret = negative ? -(int64_t)(permyriad / 10) : (int64_t)(permyriad / 10);
	return check_range(place, spec, value, *ret);
}

static int parse_rate(const struct argument_place *place, const struct action_arg_spec *spec,
		      const char *value, int64_t *ret)
{
	char amount[32];
	size_t length = strlen(value);
	uint64_t bytes;

	if (length < 3 || length >= sizeof(amount) || strcmp(value + length - 2, "/s") != 0) {
		fault(place, "%s is no rate: write it as 10M/s", value);
		return -EINVAL;
	}
	memcpy(amount, value, length - 2);
	amount[length - 2] = '\0';
	if (text_to_bytes(amount, &bytes) < 0) {
		fault(place, "%s is no rate: write it as 10M/s", value);
		return -EINVAL;
	}
	if (bytes >= INT64_MAX) {
		fault(place, "%s is out of range", value);
		return -EINVAL;
	}
	*ret = (int64_t)bytes;
	return check_range(place, spec, value, *ret);
}

static size_t word_count(const char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

static void refuse_word(const struct argument_place *place, const char *value,
			const char *const *words, size_t count, const char *nearest)
{
	char list[512];
	struct strbuf b = STRBUF(list);

	if (!nearest)
		nearest = diag_nearest(value, words, count);
	if (nearest) {
		fault(place, "%s does not take %s; did you mean %s?", place->action->name, value,
		      nearest);
		return;
	}
	for (size_t i = 0; i < count; i++)
		strbuf_addf(&b, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
	fault(place, "%s does not take %s; it takes %s", place->action->name, value, list);
}

static int parse_word(const struct argument_place *place, const struct action_arg_spec *spec,
		      const char *value, int64_t *ret)
{
	size_t count = word_count(spec->words);

	for (size_t i = 0; i < count; i++)
		if (strcmp(spec->words[i], value) == 0) {
			*ret = (int64_t)i;
			return 0;
		}
	refuse_word(place, value, spec->words, count, NULL);
	return -EINVAL;
}

/* A knob that the kernel shows as two files is one setting here: vm.dirty_bytes is vm.dirty. */
static const char *name_of_pair(const char *value, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(value, names[i], length) == 0 &&
		    (strcmp(value + length, "_bytes") == 0 ||
		     strcmp(value + length, "_ratio") == 0))
			return names[i];
	}
	return NULL;
}

static int parse_setting(const struct argument_place *place, const struct action_arg_spec *spec,
			 const char *value, int64_t *ret)
{
	const char *names[SETTING_COUNT_];
	size_t count = 0;
	int id = setting_find(value);

	if (id >= 0 && spec->setting_bits & UINT32_C(1) << id) {
		*ret = id;
		return 0;
	}
	for (int i = 0; i < SETTING_COUNT_; i++)
		if (spec->setting_bits & UINT32_C(1) << i)
			names[count++] = setting_get((enum setting_id)i)->name;
	refuse_word(place, value, names, count, name_of_pair(value, names, count));
	return -EINVAL;
}

static int parse_unit(const struct argument_place *place, const struct action_arg_spec *spec,
		      const char *value, int64_t *ret)
{
	struct argument_place within = *place;
	size_t offset;
	const char *wrong = unit_text_fault(value, spec->words, &offset);

	if (wrong) {
		within.column += (unsigned)offset;
		fault(&within, "%s does not take %s: %s", place->action->name, value, wrong);
		return -EINVAL;
	}
	*ret = 0;
	return 0;
}

int argument_parse(const struct argument_place *place, const struct action_arg_spec *spec,
		   const char *value, int64_t *ret)
{
	switch (spec->type) {
	case ARG_AMOUNT:
		return parse_amount(place, value, ret);
	case ARG_NODE:
		return parse_node(place, value, ret);
	case ARG_DURATION:
		return parse_duration(place, spec, value, ret);
	case ARG_WORD:
		return parse_word(place, spec, value, ret);
	case ARG_NUMBER:
		return parse_number(place, spec, value, ret);
	case ARG_PERMILLE:
		return parse_permille(place, spec, value, ret);
	case ARG_RATE:
		return parse_rate(place, spec, value, ret);
	case ARG_SETTING:
		return parse_setting(place, spec, value, ret);
	case ARG_UNIT:
		return parse_unit(place, spec, value, ret);
	}
	return -EINVAL;
}
