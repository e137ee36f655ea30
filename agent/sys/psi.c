/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/psi.h"

#include "sys/span.h"
#include "sys/sysroot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FULL_PERMYRIAD 10000
#define TEXT_BYTES     512

/* "12.34" -> 1234; the kernel prints two decimals always. */
static bool parse_percent(struct span text, uint32_t *ret)
{
	struct span whole, fraction;
	uint64_t a, b;

	if (!span_next_field(&text, '.', &whole) || !span_next_field(&text, '.', &fraction) ||
	    text.length > 0 || fraction.length != 2 || span_u64(whole, &a) < 0 ||
	    span_u64(fraction, &b) < 0 || a > FULL_PERMYRIAD / 100 || a * 100 + b > FULL_PERMYRIAD)
		return false;
	*ret = (uint32_t)(a * 100 + b);
	return true;
}

static bool parse_values(struct span line, struct psi_line *ret)
{
	enum { AVG10 = 1, AVG60 = 2, AVG300 = 4, TOTAL = 8, ALL = 15 };
	struct psi_line p = { .present = true };
	unsigned saw = 0;
	struct span word;

	while (span_next_word(&line, &word)) {
		if (span_starts(word, "avg10=")) {
			saw |= parse_percent(span_skip(word, 6), &p.avg10) ? AVG10 : 0u;
		} else if (span_starts(word, "avg60=")) {
			saw |= parse_percent(span_skip(word, 6), &p.avg60) ? AVG60 : 0u;
		} else if (span_starts(word, "avg300=")) {
			saw |= parse_percent(span_skip(word, 7), &p.avg300) ? AVG300 : 0u;
		} else if (span_starts(word, "total=")) {
			saw |= span_u64(span_skip(word, 6), &p.total_usec) == 0 ? TOTAL : 0u;
		}
	}
	if (saw != ALL)
		return false;
	*ret = p;
	return true;
}

int psi_parse(const char *text, size_t length, struct psi *ret)
{
	struct span rest = span_of(text, length), line, name;
	struct psi psi = { 0 };

	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &name))
			continue;
		if (span_is(name, "some"))
			parse_values(line, &psi.some);
		else if (span_is(name, "full"))
			parse_values(line, &psi.full);
	}
	if (!psi.some.present && !psi.full.present)
		return -EINVAL;
	*ret = psi;
	return 0;
}

int psi_open(const struct sysroot *root, const char *resource)
{
	char path[NAME_MAX];
	int n = snprintf(path, sizeof(path), "proc/pressure/%s", resource);

	if (n < 0 || (size_t)n >= sizeof(path) || strchr(resource, '/'))
		return -EINVAL;
	return sysroot_open_file(root, path);
}

int psi_read(int fd, struct psi *ret)
{
	char text[TEXT_BYTES];
	ssize_t n = sysroot_read_once_fd(fd, text, sizeof(text));

	return n < 0 ? (int)n : psi_parse(text, (size_t)n, ret);
}

bool psi_is_absent(int error)
{
	return error == -ENOENT || error == -EOPNOTSUPP;
}
