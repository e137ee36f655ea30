/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/readiness.h"

#include "daemon/publish.h"
#include "host/rehearsal.h"
#include "sys/memlock.h"
#include "sys/priority.h"
#include "util/strbuf.h"

#include <string.h>
#include <syslog.h>

/* Its records are made, and go nowhere. */
static void show_stage(void *context, const struct warden *stage)
{
	struct publisher *nowhere;

	(void)context;
	if (publisher_new_on(-1, false, &nowhere) < 0)
		return;
	publisher_set_warden(nowhere, stage);
	publish_tick(nowhere);
	publish_notify(nowhere, &warden_plan(stage)->steps[0]);
	publisher_free(nowhere);
}

static void try_priority(struct priority *priority, struct rehearsal *rehearsal)
{
	int r = priority_raise(priority);

	if (r != 0)
		rehearsal_fault(rehearsal, "real-time scheduling (%s)",
				r < 0 ? strerrordesc_np(-r) : "it has its nice value instead");
	priority_lower(priority);
}

static void say(struct publisher *publisher, const struct rehearsal *rehearsal)
{
	char text[REHEARSAL_TEXT_BYTES * 3];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < rehearsal->fault_count; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", rehearsal->faults[i]);
	if (rehearsal->fault_count == 0)
		publish_line(publisher, LOG_INFO, "self-test: all is there that a kill needs");
	else
		publish_line(publisher, LOG_NOTICE,
			     "self-test: of what a kill needs there is not: %s", text);
}

/* Locked before it is rehearsed: locking lets go of what only the start has used of programs and
 * libraries, and what the rehearsal uses of them comes back and stays. */
void readiness_prepare(struct warden *warden, struct publisher *publisher,
		       struct priority *priority, bool is_minded)
{
	struct rehearsal rehearsal = { .fault_count = 0 };
	int r = memlock_on_fault();

	memlock_touch_stack();
	memlock_touch_program();
	warden_rehearse(warden, show_stage, NULL, &rehearsal);
	(void)memlock_trim();
	if (r < 0)
		rehearsal_fault(&rehearsal, "locked memory (%s)", strerrordesc_np(-r));
	try_priority(priority, &rehearsal);
	if (!is_minded)
		rehearsal_fault(&rehearsal, "a process that minds the loop");
	say(publisher, &rehearsal);
}
