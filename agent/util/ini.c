/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/ini.h"
#include "util/macro.h"
#include "util/sum.h"
#include "util/text.h"
#include "util/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/*
 * inih is fed a line at a time through its reader callback, and each line is checked before inih
 * sees it, because inih is lenient where a configuration that may kill must not be: it splits a
 * line that exceeds its buffer and reads the tail as a new key, cuts long section names, takes an
 * indented line for more of the value before, joins sections of the same name, ignores what stands
 * behind "]", and tells neither line nor section header to its handler. Some of this differs
 * between its releases and can be changed when a distribution builds it.
 *
 * So the two read each line together. The reader here notes what it expects inih to report;
 * on_key() compares, and a line that inih reads otherwise is a fault. Lines that are faulty
 * already, comments and blanks are handed over as empty ones. A value too long for inih's buffer is
 * kept here and stands for itself: inih then gets the key with nothing behind it.
 */

/* inih keeps a section name in 50 bytes and cuts what is longer. */
#define SECTION_BYTES_MAX 49
/* With the separator well inside of inih's buffer of 200 bytes. */
#define KEY_BYTES_MAX 64

struct reader {
	const char *at, *end; /* what is still to be read */
	struct diag_list *diags;
	struct ini *ini;
	unsigned line;
	bool no_memory;
	bool in_section; /* false before the first header and below one that could not be read */
	bool skipping;	 /* below a header that could not be read: its keys have no meaning */
	char text[INI_LINE_BYTES_MAX + 1];
	/* What inih has to report next; key is NULL when that is nothing. Both lie in `text`. */
	const char *key;
	const char *value;
	bool value_kept; /* it did not fit into inih's buffer */
	unsigned column;
};

#define fault(r, column, ...) diag_add((r)->diags, (r)->ini->file, (r)->line, column, __VA_ARGS__)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void cut_trailing_blanks(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && is_blank(text[length - 1]))
		length--;
	text[length] = '\0';
}

static void cut_comment(char *text)
{
	for (char *p = text; *p; p++) {
		if (*p == ';' && p > text && is_blank(p[-1])) {
			*p = '\0';
			return;
		}
	}
}

static void *grow(struct reader *r, void *array, size_t count, size_t size)
{
	void *grown = reallocarray(array, count, size);

	if (!grown)
		r->no_memory = true;
	return grown;
}

static void add_section(struct reader *r, const char *name)
{
	struct ini *ini = r->ini;
	struct ini_section *grown;
	char *copy = strdup(name);

	grown = grow(r, ini->sections, ini->section_count + 1, sizeof(*grown));
	if (grown)
		ini->sections = grown;
	if (!grown || !copy) {
		r->no_memory = true;
		free(copy);
		return;
	}
	ini->sections[ini->section_count++] = (struct ini_section){ .name = copy, .line = r->line };
}

static void add_key(struct reader *r, const char *name, const char *value)
{
	struct ini_section *section = &r->ini->sections[r->ini->section_count - 1];
	_cleanup_(freep) char *name_copy = strdup(name), *value_copy = strdup(value);
	struct ini_key *grown;

	grown = grow(r, section->keys, section->key_count + 1, sizeof(*grown));
	if (grown)
		section->keys = grown;
	if (!grown || !name_copy || !value_copy) {
		r->no_memory = true;
		return;
	}
	section->keys[section->key_count++] = (struct ini_key){
		.name = TAKE_PTR(name_copy),
		.value = TAKE_PTR(value_copy),
		.line = r->line,
		.column = r->column,
	};
}

/* Takes the next line off the text, without its end. false: there is none, or it is a fault. */
static bool take_line(struct reader *r, bool *ret_end)
{
	const char *newline, *stop;
	size_t length;

	*ret_end = r->at == r->end;
	if (*ret_end)
		return false;
	r->line++;
	newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	stop = newline ? newline : r->end;
	length = (size_t)(stop - r->at);
	if (length > 0 && stop[-1] == '\r')
		length--;
	if (length > INI_LINE_BYTES_MAX) {
		fault(r, 0, "line is longer than %d bytes", INI_LINE_BYTES_MAX);
		r->at = newline ? newline + 1 : r->end;
		return false;
	}
	memcpy(r->text, r->at, length);
	r->text[length] = '\0';
	r->at = newline ? newline + 1 : r->end;
	if (strlen(r->text) != length) {
		fault(r, (unsigned)strlen(r->text) + 1, "NUL byte");
		return false;
	}
	if (!text_is_clean_utf8(r->text)) {
		fault(r, 0, "invalid UTF-8, or a control character");
		return false;
	}
	return true;
}

/* Fills buffer with the line for inih, or with an empty one. */
static void hand_section(struct reader *r, char *buffer, size_t size)
{
	char *name = r->text + 1, *end = strchr(name, ']');

	r->in_section = false;
	r->skipping = true;
	if (!end) {
		fault(r, 1, "section header without \"]\"");
		return;
	}
	if (end[1] != '\0') {
		fault(r, (unsigned)(end - r->text) + 2, "text behind a section header");
		return;
	}
	*end = '\0';
	if (end == name) {
		fault(r, 1, "section without a name");
		return;
	}
	if (strlen(name) > SECTION_BYTES_MAX || strlen(name) + 4 > size) {
		fault(r, 2, "section name is longer than %d bytes", SECTION_BYTES_MAX);
		return;
	}
	for (size_t i = 0; i < r->ini->section_count; i++) {
		if (strcmp(r->ini->sections[i].name, name) == 0) {
			fault(r, 1, "section [%s] is here a second time; the first is in line %u",
			      name, r->ini->sections[i].line);
			break;
		}
	}
	add_section(r, name);
	r->in_section = !r->no_memory;
	r->skipping = false;
	snprintf(buffer, size, "[%s]\n", name);
}

static void hand_key(struct reader *r, char *buffer, size_t size)
{
	char *key = r->text, *equals = strchr(key, '='), *value;
	size_t length;

	if (!equals) {
		fault(r, 1, "neither a [section] nor Key=value: there is no \"=\"");
		return;
	}
	value = equals + 1;
	*equals = '\0';
	cut_trailing_blanks(key);
	while (is_blank(*value))
		value++;
	length = strlen(key);
	if (length == 0) {
		fault(r, 1, "\"=\" without a key before it");
		return;
	}
	/* inih takes a colon for a separator, too. */
	if (strchr(key, ':')) {
		fault(r, 1, "\"%s\" is no key: \":\" is not allowed in one", key);
		return;
	}
	if (length > KEY_BYTES_MAX || length + 3 > size) {
		fault(r, 1, "key is longer than %d bytes", KEY_BYTES_MAX);
		return;
	}
	if (!r->in_section) {
		if (!r->skipping)
			fault(r, 1, "%s= stands before the first [section]", key);
		return;
	}
	r->key = key;
	r->value = value;
	r->column = (unsigned)(value - r->text) + 1;
	r->value_kept = length + strlen(value) + 3 > size;
	snprintf(buffer, size, "%s=%s\n", key, r->value_kept ? "" : value);
}

/* The reader callback: as fgets(), but each line comes whole, checked, and in at most `size` bytes.
 */
static char *hand_line(char *buffer, int size, void *stream)
{
	struct reader *r = stream;
	char *start = r->text;
	bool end;

	if (r->key)
		fault(r, 1, "%s= was not understood by the INI library", r->key);
	r->key = NULL;
	if (r->no_memory || size < 4)
		return NULL;
	buffer[0] = '\n';
	buffer[1] = '\0';
	if (!take_line(r, &end))
		return end ? NULL : buffer;
	while (is_blank(*start))
		start++;
	if (*start == '\0' || *start == ';' || *start == '#')
		return buffer;
	if (start > r->text) {
		fault(r, (unsigned)(start - r->text) + 1,
		      "line starts with a blank: values are not continued on further lines, write "
		      "the "
		      "key again where it may be repeated");
		return buffer;
	}
	cut_comment(r->text);
	cut_trailing_blanks(r->text);
	if (*r->text == '[')
		hand_section(r, buffer, (size_t)size);
	else
		hand_key(r, buffer, (size_t)size);
	return buffer;
}

/* inih's handler: non-zero is success. */
static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	const struct ini *ini = r->ini;

	/* A library built to announce section headers as well. */
	if (!name)
		return 1;
	if (!r->key || !value || strcmp(name, r->key) != 0 ||
	    strcmp(section, ini->sections[ini->section_count - 1].name) != 0 ||
	    strcmp(value, r->value_kept ? "" : r->value) != 0)
		return 0; /* the key stays noted, and the next call of hand_line() reports it */
	add_key(r, r->key, r->value);
	r->key = NULL;
	return 1;
}

int ini_read_text(const char *text, size_t length, const char *file, struct diag_list *diags,
		  struct ini **ret)
{
	static const char byte_order_mark[3] = { '\xef', '\xbb', '\xbf' };
	_cleanup_(ini_freep) struct ini *ini = calloc(1, sizeof(*ini));
	_cleanup_(freep) struct reader *r = calloc(1, sizeof(*r));
	size_t faults = diags->count + diags->dropped;
	int first_error;

	if (ini)
		ini->file = strdup(file);
	if (!ini || !ini->file || !r)
		return -ENOMEM;
	ini->sum = sum_bytes(SUM_BEGIN, text, length);
	if (length >= sizeof(byte_order_mark) &&
	    memcmp(text, byte_order_mark, sizeof(byte_order_mark)) == 0) {
		text += sizeof(byte_order_mark);
		length -= sizeof(byte_order_mark);
	}
	r->at = text;
	r->end = text + length;
	r->diags = diags;
	r->ini = ini;
	first_error = ini_parse_stream(hand_line, r, on_key, r);
	if (r->no_memory || first_error < 0)
		return -ENOMEM;
	if (first_error > 0 && diags->count + diags->dropped == faults)
		diag_add(diags, file, (unsigned)first_error, 1,
			 "was not understood by the INI library");
	*ret = TAKE_PTR(ini);
	return 0;
}

/* 0, or -EPERM when others than root and the user who runs this could have written it. */
static int check_file(int fd, const char *path, struct diag_list *diags)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode)) {
		diag_add(diags, path, 0, 0, "is not a regular file");
		return -EINVAL;
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		diag_add(diags, path, 0, 0,
			 "belongs to user %u, who could change it; it must belong to root",
			 (unsigned)st.st_uid);
		return -EPERM;
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		diag_add(diags, path, 0, 0,
			 "may be written by %s (mode %04o); only its owner may write it",
			 st.st_mode & S_IWOTH ? "everybody" : "its group",
			 (unsigned)st.st_mode & 07777);
		return -EPERM;
	}
	return 0;
}

static int read_file(const char *path, struct diag_list *diags, struct ini **ret)
{
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) char *buffer = NULL;
	ssize_t length;
	int r;

	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = check_file(fd, path, diags);
	if (r < 0)
		return r;
	length = whole_read(fd, INI_FILE_BYTES_MAX, &buffer);
	if (length < 0)
		return (int)length;
	return ini_read_text(buffer, (size_t)length, path, diags, ret);
}

int ini_read(const char *path, struct diag_list *diags, struct ini **ret)
{
	size_t faults = diags->count + diags->dropped;
	int r = read_file(path, diags, ret);

	if (r == -EFBIG)
		diag_add(diags, path, 0, 0, "is larger than %d KiB", INI_FILE_BYTES_MAX / 1024);
	else if (r < 0 && r != -ENOENT && diags->count + diags->dropped == faults)
		diag_add(diags, path, 0, 0, "cannot be read: %s", strerror(-r));
	return r;
}

struct ini *ini_free(struct ini *ini)
{
	if (!ini)
		return NULL;
	for (size_t i = 0; i < ini->section_count; i++) {
		struct ini_section *section = &ini->sections[i];

		for (size_t k = 0; k < section->key_count; k++) {
			free(section->keys[k].name);
			free(section->keys[k].value);
		}
		free(section->keys);
		free(section->name);
	}
	free(ini->sections);
	free(ini->file);
	free(ini);
	return NULL;
}
