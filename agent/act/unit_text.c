/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/unit_text.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>

#define LETTERS_AND_DIGITS           \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789"
/* src/basic/unit-name.c of systemd: VALID_CHARS, and with '@' VALID_CHARS_WITH_AT. */
#define UNESCAPED LETTERS_AND_DIGITS ":_."
#define VALID	  UNESCAPED "-\\@"

#define ON_SERVICE (1U << SCOPE_SERVICE)
#define ON_NODE	   (1U << SCOPE_NODE)
#define ON_ANY	   (1U << SCOPE_HOST | ON_NODE | ON_SERVICE | 1U << SCOPE_CANARY)

static const char *const all_types[] = {
	".service", ".scope", ".slice",	 ".socket", ".target",	  ".timer",
	".path",    ".mount", ".device", ".swap",   ".automount", NULL,
};

enum specifier {
	SPECIFIER_GUEST,
	SPECIFIER_SERVICE,
	SPECIFIER_NODE,
	SPECIFIER_PERCENT,
	SPECIFIER_COUNT_,
};

static const struct {
	const char *text; /* behind the '%' */
	unsigned scopes;
} specifiers[SPECIFIER_COUNT_] = {
	[SPECIFIER_GUEST] = { "guest", ON_SERVICE },
	[SPECIFIER_SERVICE] = { "service", ON_SERVICE },
	[SPECIFIER_NODE] = { "node", ON_NODE },
	[SPECIFIER_PERCENT] = { "%", ON_ANY },
};

/* text: behind a '%'. -1: none of them. */
static int find_specifier(const char *text)
{
	for (int i = 0; i < SPECIFIER_COUNT_; i++)
		if (strncmp(text, specifiers[i].text, strlen(specifiers[i].text)) == 0)
			return i;
	return -1;
}

bool unit_text_is_of(const char *name, const char *const *types)
{
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; suffix && types[i]; i++)
		if (strcmp(suffix, types[i]) == 0)
			return true;
	return false;
}

/* What is wrong with a name in which every specifier is a valid character. */
static const char *fault_of_form(const char *text, size_t *ret_offset)
{
	const char *suffix = strrchr(text, '.'), *at = strchr(text, '@');

	*ret_offset = 0;
	if (suffix == text)
		return "it has nothing before its suffix";
	if (at == text)
		return "it has nothing before its @";
	if (at && at + 1 == suffix) {
		*ret_offset = (size_t)(at - text);
		return "it is a template and needs an instance behind its @";
	}
	return NULL;
}

const char *unit_text_fault(const char *text, const char *const *types, size_t *ret_offset)
{
	size_t length = strlen(text);

	*ret_offset = 0;
	if (length >= UNIT_NAME_BYTES)
		return "it is longer than a unit's name can be";
	for (size_t i = 0; i < length; i++) {
		int specifier;

		*ret_offset = i;
		if (strchr(VALID, text[i]))
			continue;
		if (text[i] != '%')
			return "a unit's name has letters, digits and :-_.\\@ only";
		specifier = find_specifier(text + i + 1);
		if (specifier < 0)
			return "it knows %guest, %service, %node and %%";
		i += strlen(specifiers[specifier].text);
	}
	if (!unit_text_is_of(text, types)) {
		const char *suffix = strrchr(text, '.');

		*ret_offset = suffix ? (size_t)(suffix - text) : length;
		return unit_text_is_of(text, all_types)
			       ? "it is of a type that cannot be meant here"
			       : "a unit's name ends in its type: .service";
	}
	return fault_of_form(text, ret_offset);
}

bool unit_text_is_name(const char *name)
{
	size_t offset;

	return !strchr(name, '%') && !unit_text_fault(name, all_types, &offset);
}

/* Takes the next specifier off; false when there is none, or what is there is none. */
static bool next_specifier(const char **text, enum specifier *ret)
{
	const char *percent = strchr(*text, '%');
	int specifier = percent ? find_specifier(percent + 1) : -1;

	if (specifier < 0)
		return false;
	*text = percent + 1 + strlen(specifiers[specifier].text);
	*ret = (enum specifier)specifier;
	return true;
}

unsigned unit_text_scopes(const char *text, bool finds_guest)
{
	unsigned scopes = ON_ANY;
	enum specifier specifier;

	while (next_specifier(&text, &specifier)) {
		bool is_found = finds_guest && specifier == SPECIFIER_GUEST;

		scopes &= specifiers[specifier].scopes | (is_found ? ON_NODE : 0);
	}
	return scopes;
}

bool unit_text_has_guest(const char *text)
{
	enum specifier specifier;

	while (next_specifier(&text, &specifier))
		if (specifier == SPECIFIER_GUEST)
			return true;
	return false;
}

void unit_text_escape(const char *text, struct strbuf *out)
{
	for (const char *c = text; *c; c++) {
		if (*c == '/')
			strbuf_add_char(out, '-');
		else if (strchr(UNESCAPED, *c) && !(c == text && *c == '.'))
			strbuf_add_char(out, *c);
		else
			strbuf_addf(out, "\\x%02x", (unsigned char)*c);
	}
}

/* The last component. systemd puts a '_' before a name that the kernel would take for one of its
 * own files (cg_escape(), src/basic/cgroup-util.c). */
static const char *own_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return name[0] == '_' ? name + 1 : name;
}

bool unit_text_of_path(const char *path, char ret[UNIT_NAME_BYTES])
{
	const char *name = own_name(path);

	if (!unit_text_is_name(name))
		return false;
	memmove(ret, name, strlen(name) + 1);
	return true;
}

static int add_guest(const struct service *service, struct strbuf *out)
{
	if (!service || service->guest == GUEST_NONE || !service->name || service->name[0] == '\0')
		return -ENODATA;
	unit_text_escape(service->name, out);
	return 0;
}

static int add_subject(enum specifier specifier, const struct snapshot *snapshot,
		       struct subject subject, const struct service *guest, struct strbuf *out)
{
	const struct service *service = NULL;

	if (specifier == SPECIFIER_PERCENT) {
		unit_text_escape("%", out);
		return 0;
	}
	if (specifier == SPECIFIER_GUEST && subject.scope == SCOPE_NODE)
		return add_guest(guest, out);
	if (!(specifiers[specifier].scopes & 1U << subject.scope))
		return -ENODATA;
	if (specifier == SPECIFIER_NODE) {
		strbuf_addf(out, "%llu", (unsigned long long)subject.key);
		return 0;
	}
	service = snapshot_service(snapshot, subject.key);
	if (!service)
		return -ENODATA;
	if (specifier == SPECIFIER_SERVICE) {
		unit_text_escape(own_name(service->path), out);
		return 0;
	}
	return add_guest(service, out);
}

int unit_text_fill(const char *text, const struct snapshot *snapshot, struct subject subject,
		   const struct service *guest, char ret[UNIT_NAME_BYTES])
{
	char name[UNIT_NAME_BYTES] = "";
	struct strbuf out = STRBUF(name);

	for (const char *c = text; *c; c++) {
		int specifier, r;

		if (*c != '%') {
			strbuf_add_char(&out, *c);
			continue;
		}
		specifier = find_specifier(c + 1);
		if (specifier < 0)
			return -EINVAL;
		r = add_subject((enum specifier)specifier, snapshot, subject, guest, &out);
		if (r < 0)
			return r;
		c += strlen(specifiers[specifier].text);
	}
	/* A name that was cut would be another unit's. */
	if (out.truncated || !unit_text_is_name(name))
		return -EINVAL;
	memcpy(ret, name, sizeof(name));
	return 0;
}
