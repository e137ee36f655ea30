/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "core/metric.h"
#include "util/strbuf.h"

TEST(every_row_is_filled_and_found_by_its_name)
{
	for (int i = 0; i < METRIC_COUNT_; i++) {
		const struct metric *m = metric_get((enum metric_id)i);

		check(m->name && m->source && m->meaning);
		check_int(metric_find(m->name), i);
		check(m->whole == METRIC_NONE || metric_get(m->whole)->dimension == DIM_BYTES);
	}
	check_int(metric_find("node.headrom"), METRIC_NONE);
}

TEST(an_index_is_the_place_within_its_scope)
{
	check_int(metric_index(METRIC_MEM_TOTAL), 0);
	check_int(metric_index(METRIC_NODE_TOTAL), 0);
	check_int(metric_index(METRIC_SERVICE_CURRENT), 0);
	for (int i = 0; i < METRIC_COUNT_; i++) {
		size_t index = metric_index((enum metric_id)i);

		switch (metric_get((enum metric_id)i)->scope) {
		case SCOPE_HOST:
			check(index < METRIC_HOST_COUNT);
			break;
		case SCOPE_NODE:
			check(index < METRIC_NODE_COUNT);
			break;
		case SCOPE_SERVICE:
			check(index < METRIC_SERVICE_COUNT);
			break;
		case SCOPE_CANARY:
			check(index < METRIC_CANARY_COUNT);
			break;
		case SCOPE_COUNT_:
			check(false);
		}
	}
}

static const char *spelled(struct reading r, enum dimension d)
{
	static char text[64];
	struct strbuf b = STRBUF(text);

	reading_format(r, d, &b);
	return text;
}

TEST(values_are_spelled_in_their_dimension)
{
	check_str(spelled(reading_of(1536), DIM_BYTES), "1.5 KiB");
	check_str(spelled(reading_of(1250), DIM_PERCENT), "12.5%");
	check_str(spelled(reading_of(20000000), DIM_DURATION), "20s");
	check_str(spelled(reading_of(1 << 20), DIM_BYTE_RATE), "1 MiB/s");
	check_str(spelled(reading_of(7), DIM_COUNT_RATE), "7/s");
	check_str(spelled(READING_FOREVER, DIM_DURATION), "infinity");
	check_str(spelled(READING_NONE, DIM_BYTES), "unknown");
}
