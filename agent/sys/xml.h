/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * As much of XML as a program writes that has no humour: elements, attributes, text, comments,
 * CDATA, the five entities and numbered characters. Read through one buffer of fixed size, nothing
 * allocated, so that a worker with locked memory can do it. Strict: what does not nest, names an
 * entity of its own (a DOCTYPE), is nested deeper or has a tag longer than the bounds below is
 * -EINVAL, and a file larger than the caller's limit -EFBIG.
 */

#include "sys/span.h"

#include <stdint.h>

#define XML_BUFFER_BYTES 8192
#define XML_DEPTH_MAX	 24
#define XML_NAME_BYTES	 64

enum xml_event {
	XML_END_OF_FILE,
	XML_OPEN,  /* an element begins; its attributes can be asked for */
	XML_TEXT,  /* a piece of text in it; blanks only are left out */
	XML_CLOSE, /* ... and ends; <a/> gives both */
};

struct xml_reader {
	int fd; /* not owned */
	uint64_t left_bytes;
	unsigned depth; /* elements open; that of an event counts in XML_OPEN and XML_CLOSE */
	char names[XML_DEPTH_MAX][XML_NAME_BYTES];
	struct span attributes; /* of the element just begun */
	struct span text;	/* of XML_TEXT, entities not yet resolved unless `is_literal` */
	bool is_literal;
	bool is_closing; /* <a/> was returned as begun */
	bool is_closed;	 /* the last event closed an element: the depth is still its own */
	bool is_done;	 /* the outermost one has ended */
	bool at_end;
	size_t begin;
	size_t end;
	char buffer[XML_BUFFER_BYTES];
};

void xml_init(struct xml_reader *xml, int fd, uint64_t limit_bytes);
/* The next event, or -errno. What it points to is valid until the next call. */
int xml_next(struct xml_reader *xml);
/* Is the innermost open element this one, from the outermost down: "domstatus/domain/name"? */
bool xml_is_at(const struct xml_reader *xml, const char *path);
/* The value of an attribute of the element just begun; false: it has none of that name. Entities
 * are not resolved. */
bool xml_attribute(const struct xml_reader *xml, const char *name, struct span *ret);
/* Copies text or a value with its entities resolved. False when it had to be cut, or holds one that
 * is not known. */
bool xml_copy(struct span text, bool is_literal, char *buffer, size_t size);
