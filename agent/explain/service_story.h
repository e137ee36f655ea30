/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A service in words: what it has, what it may have and who says so, what holds it up.
 */

#include "core/snapshot.h"
#include "util/strbuf.h"

enum service_line {
	SERVICE_LINE_MEMORY,
	SERVICE_LINE_LIMIT,
	SERVICE_LINE_HIGH,
	SERVICE_LINE_PROTECTION,
	SERVICE_LINE_STALLS,
	SERVICE_LINE_EVENTS,
	SERVICE_LINE_GROUP,
	SERVICE_LINE_MARK, /* of other killers */
	SERVICE_LINE_COUNT_,
};

/* Appends a sentence. False, and nothing appended, where there is nothing worth one. */
bool service_story_line(const struct snapshot *snapshot, const struct service *service,
			enum service_line line, struct strbuf *out);

/* Does the kernel's OOM killer take it as a whole (memory.oom.group)? */
bool service_is_group(const struct service *service);

/* Who set the hard limit that it meets first. */
enum limit_owner {
	LIMIT_NONE,    /* there is none, or it is unknown */
	LIMIT_OWN,     /* the service itself */
	LIMIT_SERVICE, /* a service that holds it: *ret */
	LIMIT_ABOVE,   /* a cgroup above it that is no service */
};

enum limit_owner service_limit_owner(const struct snapshot *snapshot, const struct service *service,
				     const struct service **ret);
