/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/glob.h"
#include "util/text.h"

#include <stddef.h>
#include <string.h>

/*
 * Two levels of the same search. Within a component "*" stands for any characters, over the path
 * "**" stands for any components. On each level it is enough to come back to the last star: what an
 * earlier star could take more, the last one can take as well. So each pair of pattern and path
 * position is compared once at most.
 */

struct span {
	const char *text;
	size_t length;
};

static size_t character_length(const char *text)
{
	size_t length = text_utf8_length(text);

	return length > 0 ? length : 1;
}

static bool component_matches(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = 0, star_text = 0;
	bool starred = false;

	while (t < text.length) {
		if (p < pattern.length && pattern.text[p] == '*') {
			starred = true;
			star = ++p;
			star_text = t;
		} else if (p < pattern.length &&
			   (pattern.text[p] == '?' || pattern.text[p] == text.text[t])) {
			/* A "?" is a character, not a byte of one. */
			t += pattern.text[p] == '?' ? character_length(text.text + t) : 1;
			p++;
		} else if (starred) {
			p = star;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pattern.length && pattern.text[p] == '*')
		p++;
	return p == pattern.length;
}

/* The component that starts at `text`; the end of the string is behind the last one. */
static struct span component_at(const char *text)
{
	return (struct span){ text, strcspn(text, "/") };
}

static const char *behind(struct span component)
{
	const char *end = component.text + component.length;

	return *end == '/' ? end + 1 : end;
}

static bool is_any_depth(struct span component)
{
	return component.length == 2 && memcmp(component.text, "**", 2) == 0;
}

bool glob_match(const char *pattern, const char *path)
{
	const char *star = NULL, *star_path = NULL;

	while (*path) {
		struct span p = component_at(pattern), t = component_at(path);

		if (is_any_depth(p)) {
			pattern = star = behind(p);
			star_path = path;
		} else if (*pattern && component_matches(p, t)) {
			pattern = behind(p);
			path = behind(t);
		} else if (star) {
			pattern = star;
			path = star_path = behind(component_at(star_path));
		} else {
			return false;
		}
	}
	while (is_any_depth(component_at(pattern)))
		pattern = behind(component_at(pattern));
	return *pattern == '\0';
}

static const char *check_component(struct span c)
{
	if (c.length == 0)
		return "has an empty component";
	if ((c.length == 1 && c.text[0] == '.') ||
	    (c.length == 2 && c.text[0] == '.' && c.text[1] == '.'))
		return "has a component that no cgroup can have, \".\" or \"..\"";
	if (!is_any_depth(c) && memmem(c.text, c.length, "**", 2))
		return "has ** inside a component; it stands for whole components only";
	return NULL;
}

const char *glob_check(const char *pattern)
{
	if (*pattern == '\0')
		return "is empty";
	if (*pattern == '/')
		return "starts with \"/\"; cgroup paths are given without it";
	if (strpbrk(pattern, "[]{}"))
		return "has brackets or braces; only *, ** and ? are special, write one line for "
		       "each alternative";
	for (const char *at = pattern;;) {
		struct span c = component_at(at);
		const char *wrong = check_component(c);

		if (wrong)
			return wrong;
		at = c.text + c.length;
		if (*at == '\0')
			return NULL;
		at++;
	}
}
