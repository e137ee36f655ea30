/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A strict reader of INI files over inih. Lines are "[section]", "Key=value", blank, or a comment
 * ("#" or ";" at the start; ";" behind a blank starts a comment anywhere, "#" does not). Nothing
 * else is read: no continuation lines, no "key: value", no quotes, no escapes. What a file holds
 * that is not of this form is a fault with its place; the rest is read all the same, so that every
 * fault is found in one go.
 */

#include "util/diag.h"

#include <stddef.h>
#include <stdint.h>

#define INI_FILE_BYTES_MAX (256 * 1024)
#define INI_LINE_BYTES_MAX 4096

struct ini_key {
	char *name;
	char *value;	 /* blanks at both ends and the comment taken off; may be empty */
	unsigned line;	 /* from 1 */
	unsigned column; /* of the value's first byte, from 1; the key itself starts in column 1 */
};

struct ini_section {
	char *name; /* what stands between the brackets */
	unsigned line;
	struct ini_key *keys; /* in the order of the file; the same name may come more than once */
	size_t key_count;
};

struct ini {
	char *file;   /* as faults name it */
	uint64_t sum; /* of its bytes: util/sum.h */
	struct ini_section *sections;
	size_t section_count;
};

/*
 * Reads the file at `path`. Refused: anything but a regular file, one of another owner than root
 * and the effective user, one that its group or others may write, more than INI_FILE_BYTES_MAX.
 * Symbolic links are followed; the target is what is checked. 0 and *ret (which holds what was
 * well-formed: look at diags for the rest), or -errno, with a fault in diags unless it is -ENOENT.
 */
int ini_read(const char *path, struct diag_list *diags, struct ini **ret);
/* The same from memory; `file` is what faults name. 0 or -ENOMEM. */
int ini_read_text(const char *text, size_t length, const char *file, struct diag_list *diags,
		  struct ini **ret);
struct ini *ini_free(struct ini *ini);
static inline void ini_freep(struct ini **ini)
{
	*ini = ini_free(*ini);
}
