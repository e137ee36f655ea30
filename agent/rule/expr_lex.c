/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/expr_lex.h"
#include "util/macro.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* A number takes its unit along, and the "/s" of a rate. */
static size_t number_end(const char *text, size_t at)
{
	while (is_digit(text[at]) || is_letter(text[at]) || text[at] == '.' || text[at] == '%')
		at++;
	if (text[at] == '/' && text[at + 1] == 's' && !is_letter(text[at + 2]) &&
	    !is_digit(text[at + 2]))
		at += 2;
	return at;
}

static size_t name_end(const char *text, size_t at)
{
	while (is_digit(text[at]) || is_letter(text[at]) || strchr("._-", text[at]) != NULL) {
		if (text[at] == '\0')
			break;
		at++;
	}
	return at;
}

/* Longest first: "<=" before "<". */
static const struct {
	const char *sign;
	enum node_kind operation;
} operators[] = {
	{ "<=", NODE_LESS_EQUAL }, { ">=", NODE_GREATER_EQUAL }, { "==", NODE_EQUAL },
	{ "!=", NODE_NOT_EQUAL },  { "<", NODE_LESS },		 { ">", NODE_GREATER },
	{ "+", NODE_ADD },	   { "-", NODE_SUBTRACT },	 { "*", NODE_MULTIPLY },
	{ "/", NODE_DIVIDE },
};

/* What is written so elsewhere. */
static const struct {
	const char *sign;
	const char *here;
} foreign[] = {
	{ "&&", "and" }, { "||", "or" }, { "&", "and" }, { "|", "or" },
	{ "!", "not" },	 { "=", "==" },	 { "<>", "!=" },
};

static struct token lex_operator(const struct expr_builder *b, size_t at)
{
	const char *text = b->text + at;

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		size_t length = strlen(operators[i].sign);
		struct token token = { TOKEN_OPERATOR, at, at + length, operators[i].operation };

		if (strncmp(text, operators[i].sign, length) != 0)
			continue;
		if (operators[i].operation >= NODE_LESS)
			return token;
		if (at > 0 && is_blank(text[-1]) && is_blank(text[1]))
			return token;
		/* "node.time-to-empty" is a name, "4 / s" no rate: blanks tell. */
		expr_fault(b, at, "\"%c\" needs a blank on both sides%s", *text,
			   *text == '-' ? "; there are no negative numbers" : "");
		token.kind = TOKEN_WRONG;
		return token;
	}
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		size_t length = strlen(foreign[i].sign);

		if (strncmp(text, foreign[i].sign, length) == 0) {
			expr_fault(b, at, "\"%s\" is written \"%s\" here", foreign[i].sign,
				   foreign[i].here);
			return (struct token){ TOKEN_WRONG, at, at + length, 0 };
		}
	}
	expr_fault(b, at, "\"%c\" has no meaning here", *text);
	return (struct token){ TOKEN_WRONG, at, at + 1, 0 };
}

struct token expr_lex(const struct expr_builder *b, size_t from)
{
	const char *text = b->text;
	size_t at = from;

	while (is_blank(text[at]))
		at++;
	switch (text[at]) {
	case '\0':
		return (struct token){ TOKEN_END, at, at, 0 };
	case '(':
		return (struct token){ TOKEN_OPEN, at, at + 1, 0 };
	case ')':
		return (struct token){ TOKEN_CLOSE, at, at + 1, 0 };
	case ',':
		return (struct token){ TOKEN_COMMA, at, at + 1, 0 };
	default:
		break;
	}
	if (is_digit(text[at]))
		return (struct token){ TOKEN_NUMBER, at, number_end(text, at), 0 };
	if (is_letter(text[at]))
		return (struct token){ TOKEN_NAME, at, name_end(text, at), 0 };
	return lex_operator(b, at);
}

bool expr_token_is(const struct expr_builder *b, struct token token, const char *word)
{
	size_t length = token.end - token.start;

	return token.kind == TOKEN_NAME && strlen(word) == length &&
	       memcmp(b->text + token.start, word, length) == 0;
}

static int to_percent(const char *text, uint64_t *ret)
{
	uint32_t permyriad;
	int r = text_to_permyriad(text, &permyriad);

	if (r < 0)
		return r;
	*ret = permyriad;
	return 0;
}

/* Seconds are named in an expression: "1.5" is no duration. */
static int to_duration(const char *text, uint64_t *ret)
{
	size_t length = strlen(text);

	return length > 0 && is_digit(text[length - 1]) ? -EINVAL : text_to_usec(text, ret);
}

/* The first form that reads the text gives the type. Bytes stand before durations: M is mebi, as
 * nobody sets a threshold of months. */
static const struct {
	enum value_type type, rate;
	int (*read)(const char *text, uint64_t *ret);
} forms[] = {
	{ TYPE_COUNT, TYPE_COUNT_RATE, text_to_u64 },
	{ TYPE_BYTES, TYPE_BYTE_RATE, text_to_bytes },
	{ TYPE_SHARE, TYPE_FAULTY, to_percent },
	{ TYPE_DURATION, TYPE_FAULTY, to_duration },
};

/* What follows the "M" of a size tells that a mebibyte was meant. */
static const char *unit_hint(const char *text)
{
	const char *unit = text + strspn(text, "0123456789.");

	if (strcmp(unit, "KB") == 0 || strcmp(unit, "MB") == 0 || strcmp(unit, "GB") == 0 ||
	    strcmp(unit, "KiB") == 0 || strcmp(unit, "MiB") == 0 || strcmp(unit, "GiB") == 0 ||
	    strcmp(unit, "kB") == 0 || strcmp(unit, "k") == 0 || strcmp(unit, "g") == 0)
		return "; sizes are written 512K, 512M, 4G, 1T, in powers of 1024";
	if (*unit == '\0')
		return "; only a value with a unit may have a fraction";
	return ": units are K M G T (bytes), %, us ms s min h d, and K/s M/s G/s or /s for rates";
}

struct expr_node expr_lex_number(const struct expr_builder *b, struct token token)
{
	struct expr_node node = {
		.kind = NODE_CONSTANT,
		.type = TYPE_FAULTY,
		.metric = METRIC_NONE,
		.start = (uint16_t)token.start,
		.end = (uint16_t)token.end,
	};
	size_t length = token.end - token.start;
	char text[64];
	bool is_rate;

	if (length >= sizeof(text)) {
		expr_fault(b, token.start, "number is too long");
		return node;
	}
	memcpy(text, b->text + token.start, length);
	text[length] = '\0';
	is_rate = length > 2 && strcmp(text + length - 2, "/s") == 0;
	if (is_rate)
		text[length - 2] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		enum value_type type = is_rate ? forms[i].rate : forms[i].type;
		uint64_t value;
		int r = forms[i].read(text, &value);

		if (r == -EINVAL || type == TYPE_FAULTY)
			continue;
		if (r < 0 || value > INT64_MAX) {
			expr_fault(b, token.start, "%s is too large", text);
			return node;
		}
		node.type = value == 0 && type == TYPE_COUNT ? TYPE_ZERO : type;
		node.constant = reading_of((int64_t)value);
		return node;
	}
	expr_fault(b, token.start, "%.*s is no value%s", (int)length, b->text + token.start,
		   unit_hint(text));
	return node;
}
