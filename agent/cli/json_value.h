/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reports for programs. Amounts are plain numbers in the unit that stands in the key; what is not
 * known is null, what never ends is the string "infinity". Out of memory anywhere makes the whole
 * document fail, never a part of it silently missing: whatever is added through these is noted, and
 * json_finish() answers for all of it. One document at a time.
 */

#include "core/snapshot.h"
#include "rule/config.h"
#include "sense/sense.h"

#include <json-c/json.h>

void json_start(void);
/* The document lacks something that found no memory. */
void json_fail(void);
/* Prints the document and frees it; an exit status. */
int json_finish(struct json_object *root);

/* Takes the value over; NULL is null. */
void json_add(struct json_object *to, const char *key, struct json_object *value);
/* Likewise, but a list has no nulls: NULL is want of memory. */
void json_push(struct json_object *to, struct json_object *value);
void json_text(struct json_object *to, const char *key, const char *value);
/* A name from outside, escaped. */
void json_name(struct json_object *to, const char *key, const char *name);
void json_number(struct json_object *to, const char *key, int64_t value);

struct json_object *json_reading(struct reading r, enum dimension d);
/* Those from `first` to before `end`, each under its name and unit. */
void json_readings(struct json_object *to, const struct reading *readings, enum metric_id first,
		   enum metric_id end);
struct json_object *json_service(const struct config *config, const struct snapshot *snapshot,
				 const struct service *service);
struct json_object *json_gaps(const struct sense_gap *gaps, size_t count);
