/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/zone_heading.h"

bool zone_heading_take(struct span *line, unsigned *ret_node, char *ret_name, size_t name_size)
{
	struct span rest = *line, word, number;
	uint64_t node;

	if (!span_next_word(&rest, &word) || !span_is(word, "Node") ||
	    !span_next_word(&rest, &number) || !span_ends(number, ",") ||
	    span_u64(span_of(number.data, number.length - 1), &node) < 0 || node > UINT32_MAX ||
	    !span_next_word(&rest, &word) || !span_is(word, "zone") ||
	    !span_next_word(&rest, &word) || !span_copy(word, ret_name, name_size))
		return false;
	*line = rest;
	*ret_node = (unsigned)node;
	return true;
}
