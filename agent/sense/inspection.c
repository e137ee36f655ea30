/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/inspection.h"

#include "sense/state.h"
#include "sys/span.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A policy rarely changes after start, so a look at a calm machine lasts; but a guess about it
 * while a node runs dry costs a guest. */
#define STALE_CALM_USEC	 (5 * USEC_PER_MIN)
#define STALE_SHORT_USEC (30 * USEC_PER_SEC)
/* After one that failed, or was asked for and never answered. */
#define RETRY_USEC  (60 * USEC_PER_SEC)
#define ANSWER_USEC (5 * USEC_PER_SEC)
/* Where going through all mappings takes longer than an inspection may, this many of the usual ones
 * come before it is tried again: an hour in calm times. */
#define WITHOUT_PREFERENCES 12
/* One that has more than doubled since, and by this much, is not what was looked at: launchers set
 * a policy and execute the program under the same pid, and monitors bind their guest's memory late.
 */
#define GROWN_BYTES (UINT64_C(16) << 20)
/* A virtual machine is larger than this. */
#define GUEST_MIN_BYTES (UINT64_C(16) << 20)
/* What a smaller process is bound to decides about nothing. */
#define POLICY_MIN_BYTES (UINT64_C(4) << 20)
/* Less of shared memory makes nobody a better victim; and a process so large that going through its
 * page tables is felt is not worth the answer. */
#define SHARED_MIN_BYTES (INT64_C(64) << 20)
#define SHARED_MAX_BYTES (UINT64_C(16) << 30)
/* A guest that has nothing to do takes some hundredths of a processor for its clocks. */
#define IDLE_PERCENT   5
#define IDLE_SPAN_USEC (10 * USEC_PER_SEC)

void inspection_wake(struct inspection_queue *queue)
{
	queue->is_idle = false;
}

static bool is_guest_service(const struct sense *s, const struct service *service)
{
	return service->guest != GUEST_NONE ||
	       s->policies->policies[service->policy].kind == KIND_VM;
}

/* Does its policy matter, now and later? */
static bool decides(const struct sense *s, size_t index, size_t slot)
{
	const struct process *process = &s->processes.processes[slot];
	bool is_guest = is_guest_service(s, &s->registry.services[index]);

	return s->nodes.count > 1 && (is_guest || process->rss_bytes >= POLICY_MIN_BYTES) &&
	       confinement_decides(s, index, slot);
}

static bool may_be_guest(const struct sense *s, size_t index, size_t slot)
{
	return s->processes.processes[slot].rss_bytes >= GUEST_MIN_BYTES ||
	       (is_guest_service(s, &s->registry.services[index]) &&
		confinement_decides(s, index, slot));
}

/* Is it one of whose service it matters, should that be killed, what it shares? Of all processes
 * that share something each tells the same, so one is asked. */
static bool shares_matter(const struct sense *s, size_t index, size_t slot)
{
	const struct service *service = &s->registry.services[index];
	struct reading shared = service->readings[metric_index(METRIC_SERVICE_SHMEM)];

	return slot == s->registry.entries[index].first_slot &&
	       s->policies->policies[service->policy].kill != KILL_NEVER &&
	       !is_guest_service(s, service) && shared.state == READING_KNOWN &&
	       shared.value >= SHARED_MIN_BYTES &&
	       s->processes.processes[slot].rss_bytes <= SHARED_MAX_BYTES;
}

static bool has_outgrown(const struct process *process, const struct process_slot *slot)
{
	uint64_t then = slot->inspected_rss_bytes;

	return process->rss_bytes > then && process->rss_bytes - then > then + GROWN_BYTES;
}

/* When it is to be looked at: 0 at once, USEC_INFINITY never. */
static usec_t due_at(const struct sense *s, size_t index, size_t slot, usec_t now)
{
	const struct process_slot *p = &s->processes.slots[slot];
	usec_t stale = node_sensor_is_short(s) ? STALE_SHORT_USEC : STALE_CALM_USEC;

	if (p->asked_at != 0 && now - p->asked_at < ANSWER_USEC)
		return p->asked_at + ANSWER_USEC;
	if (p->inspected_at == 0)
		return decides(s, index, slot) || may_be_guest(s, index, slot) ||
				       shares_matter(s, index, slot)
			       ? 0
			       : USEC_INFINITY;
	if (p->is_failed)
		return p->inspected_at + RETRY_USEC;
	if (shares_matter(s, index, slot) && !p->is_told_shared && p->without_preferences == 0)
		return p->inspected_at;
	if (!decides(s, index, slot) && !shares_matter(s, index, slot))
		return USEC_INFINITY;
	if (has_outgrown(&s->processes.processes[slot], p))
		return p->inspected_at;
	if (preferences_have_moved(s, index, slot))
		stale = STALE_SHORT_USEC;
	return p->inspected_at + stale;
}

struct choice {
	size_t slot;
	size_t index; /* of its service */
	usec_t due;
	uint64_t rss_bytes;
	usec_t next; /* when the first of those that are not due yet will be */
};

/* Never looked at before stale, then the longest due, then the largest. */
static void consider(struct choice *choice, size_t index, size_t slot, usec_t due,
		     uint64_t rss_bytes)
{
	if (choice->slot != SIZE_MAX &&
	    (due > choice->due || (due == choice->due && rss_bytes <= choice->rss_bytes)))
		return;
	choice->slot = slot;
	choice->index = index;
	choice->due = due;
	choice->rss_bytes = rss_bytes;
}

static struct choice choose(const struct sense *s, usec_t now)
{
	struct choice choice = { .slot = SIZE_MAX, .next = USEC_INFINITY };

	for (size_t i = 0; i < s->registry.count; i++) {
		size_t first = s->registry.entries[i].first_slot;

		for (size_t k = first; k < first + s->registry.services[i].process_count; k++) {
			usec_t due = due_at(s, i, k, now);

			if (due <= now)
				consider(&choice, i, k, due, s->processes.processes[k].rss_bytes);
			else
				choice.next = MIN_OF(choice.next, due);
		}
	}
	return choice;
}

int sense_next_inspection(struct sense *s, usec_t now, struct work_request *ret_request)
{
	struct inspection_queue *q = &s->inspections;
	const struct process *process;
	struct process_slot *slot;
	struct choice choice;

	if (q->is_idle && now < q->idle_until)
		return 0;
	choice = choose(s, now);
	if (choice.slot == SIZE_MAX) {
		q->is_idle = true;
		/* A node may become short meanwhile. */
		q->idle_until = MIN_OF(choice.next, now + STALE_SHORT_USEC);
		return 0;
	}
	process = &s->processes.processes[choice.slot];
	slot = &s->processes.slots[choice.slot];
	slot->asked_at = MAX_OF(now, (usec_t)1);
	*ret_request = (struct work_request){
		.kind = WORK_INSPECT,
		.pid = process->pid,
		.start_ticks = process->start_ticks,
		.wants_preferences = slot->without_preferences == 0 &&
				     preferences_are_wanted(s, choice.index, choice.slot, now),
		.wants_shared = slot->without_preferences == 0 &&
				shares_matter(s, choice.index, choice.slot),
	};
	return 1;
}

void sense_return_inspection(struct sense *s, const struct work_request *request)
{
	size_t slot = process_sensor_find(s, request->pid, request->start_ticks);

	if (slot == SIZE_MAX)
		return;
	s->processes.slots[slot].asked_at = 0;
	inspection_wake(&s->inspections);
}

static size_t count_monitors(const struct sense *s, size_t index)
{
	const struct process_slot *slots =
		s->processes.slots + s->registry.entries[index].first_slot;
	size_t count = 0;

	for (size_t i = 0; i < s->registry.services[index].process_count; i++)
		count += slots[i].guest != GUEST_NONE;
	return count;
}

/* False: there is no room for it before the next calm round. */
static bool set_name(struct sense *s, size_t index, const char *name)
{
	struct service_entry *entry = &s->registry.entries[index];
	struct inspection_queue *q = &s->inspections;

	if (strcmp(name, entry->name) == 0) {
		s->registry.services[index].name = entry->name;
		return true;
	}
	if (!entry->guest_name) {
		if (q->spare_count == 0)
			return false;
		entry->guest_name = q->spare_names[--q->spare_count];
	}
	(void)span_copy(span_of(name, strlen(name)), entry->guest_name, NAME_BYTES);
	s->registry.services[index].name = entry->guest_name;
	return true;
}

static bool take_name(struct sense *s, size_t index, const char *guest_name)
{
	char text[NAME_BYTES];
	struct strbuf name = STRBUF(text);

	/* A unit with several is called by its own name. */
	if (count_monitors(s, index) != 1)
		return set_name(s, index, s->registry.entries[index].name);
	strbuf_add_name(&name, guest_name);
	return set_name(s, index, text);
}

static void take_guest(struct sense *s, size_t index, size_t slot, const struct inspection *found)
{
	struct process_slot *p = &s->processes.slots[slot];
	bool is_news = p->guest == GUEST_NONE;

	p->guest = (uint8_t)found->guest;
	p->declared_bytes = found->guest_declared_bytes;
	p->is_pooled = found->guest_pooled;
	p->is_tied = found->vcpus_kept;
	p->is_pinned = found->hold == HOLD_PINNED;
	p->memory_locked = found->memory_locked;
	p->is_outgoing = found->hold == HOLD_OUTGOING_MIGRATION;
	/* It stays on the command line for the guest's life: only the first time it is news. */
	if (found->migration_known)
		p->is_incoming = found->hold == HOLD_INCOMING_MIGRATION;
	else if (is_news && found->hold == HOLD_INCOMING_MIGRATION)
		p->is_incoming = true;
	if (found->guest != GUEST_NONE && found->guest_name[0] &&
	    !take_name(s, index, found->guest_name))
		p->is_failed = true; /* looked at again */
}

static void take_policies(struct sense *s, size_t slot, const struct inspection *found, usec_t now)
{
	struct process *process = &s->processes.processes[slot];
	struct idset bound = found->has_bind ? found->bound : s->snapshot.memory_nodes;

	idset_intersect(&bound, &s->snapshot.memory_nodes);
	process->bound = found->bound_known ? node_sets_put(&s->processes.node_sets, &bound) : NULL;
	process->bound_by = found->bound_by;
	process->bound_at = now;
}

/* By what it has used of one processor since it was looked at before. Where that look failed it was
 * in less time, which is no idler. */
static void note_load(struct process_slot *p, const struct inspection *found, usec_t now)
{
	const usec_t elapsed = now - p->inspected_at;
	const uint32_t used = (uint32_t)found->user_ticks - p->user_ticks;
	const uint64_t usec_per_tick = USEC_PER_SEC / (uint64_t)MAX_OF(sysconf(_SC_CLK_TCK), 1L);

	if (p->inspected_at != 0 && elapsed >= IDLE_SPAN_USEC)
		p->is_idle = used * usec_per_tick < elapsed / 100 * IDLE_PERCENT;
	p->user_ticks = (uint32_t)found->user_ticks;
}

static void note_duration(struct process_slot *p, const struct work_request *request, int error)
{
	if (error == ETIMEDOUT && (request->wants_preferences || request->wants_shared))
		p->without_preferences = WITHOUT_PREFERENCES;
	else if (error == 0 && p->without_preferences > 0)
		p->without_preferences--;
}

void sense_take_inspection(struct sense *s, const struct work_request *request,
			   const struct work_reply *reply, usec_t now)
{
	const struct inspection *found = &reply->inspection;
	size_t slot = process_sensor_find(s, request->pid, request->start_ticks), index;
	struct process_slot *p;

	if (slot == SIZE_MAX)
		return;
	index = process_sensor_owner(s, slot);
	if (index == NO_SERVICE)
		return;
	p = &s->processes.slots[slot];
	p->asked_at = 0;
	if (reply->error == 0)
		note_load(p, found, now);
	p->inspected_at = MAX_OF(now, (usec_t)1);
	p->inspected_rss_bytes = s->processes.processes[slot].rss_bytes;
	p->is_failed = reply->error != 0;
	note_duration(p, request, reply->error);
	s->inspections.is_refused = reply->error == EPERM || reply->error == EACCES;
	inspection_wake(&s->inspections);
	/* What was known before is kept, with its age, when a look fails. */
	if (reply->error == 0 || found->guest != GUEST_NONE)
		take_guest(s, index, slot, found);
	if (reply->error == 0)
		take_policies(s, slot, found, now);
	if (reply->error == 0 && request->wants_shared) {
		s->processes.processes[slot].mortal_bytes = found->mortal_bytes;
		p->is_told_shared = true;
	}
	if (reply->error == 0 && request->wants_preferences &&
	    !preferences_take(s, index, slot, found, now))
		p->is_failed = true;
	confinement_of_service(s, index);
}

bool sense_find_monitor(const struct sense *s, const struct service *service, pid_t *ret_pid,
			uint64_t *ret_start_ticks)
{
	size_t first = service->first_process, at = first;

	if (service->process_count == 0)
		return false;
	for (size_t i = first; i < first + service->process_count; i++)
		if (s->processes.slots[i].guest != GUEST_NONE) {
			at = i;
			break;
		}
	*ret_pid = s->processes.processes[at].pid;
	*ret_start_ticks = s->processes.processes[at].start_ticks;
	return true;
}

static void inspection_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->inspections.is_refused)
		gap_add(list, "node.confined, guests: command lines and memory policies of others "
			      "cannot be read (CAP_SYS_PTRACE)");
}

static int inspection_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct inspection_queue *q = &s->inspections;

	(void)now;
	(void)housekeep;
	while (q->spare_count < SPARE_NAMES) {
		char *name = malloc(NAME_BYTES);

		if (!name)
			return -ENOMEM;
		q->spare_names[q->spare_count++] = name;
	}
	return 0;
}

static void inspection_done(struct sense *s)
{
	while (s->inspections.spare_count > 0)
		free(s->inspections.spare_names[--s->inspections.spare_count]);
}

const struct sensor inspection_sensor = {
	.done = inspection_done,
	.rescan = inspection_rescan,
	.gaps = inspection_gaps,
};
