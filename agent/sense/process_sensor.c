/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/process_sensor.h"

#include "sense/crowd.h"
#include "sense/service_settings.h"
#include "sense/state.h"
#include "sys/cgroup_tree.h"
#include "sys/proc_pid.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Kept of one service at most; what a move works through (act/remedy.h) is as many. */
#define KEPT_MAX 64
/* A slot for each so much memory, and one for services that have little. */
#define SLOT_BYTES  (UINT64_C(16) << 20)
#define SLOTS_MIN   1
#define SLOTS_BLIND 8
/* Processes are listed again when the service's memory changed by a part of it, when it is the
 * service's turn, and after a while on a host that moves: sooner where a node or the host has
 * little left, or a guest is being received. */
#define CHANGE_PART	 8
#define CHANGE_MIN_BYTES (UINT64_C(8) << 20)
#define LIST_USEC	 (60 * USEC_PER_SEC)
#define LIST_DANGER_USEC (10 * USEC_PER_SEC)
/* A service that forks all the time changes all the time. */
#define LIST_MIN_USEC (200 * USEC_PER_MSEC)
/* A guest that receives its memory grows by more than this part in this time. */
#define INCOMING_PART 64
#define INCOMING_USEC (10 * USEC_PER_SEC)

struct pick {
	pid_t pid;
	uint64_t start_ticks;
	uint64_t rss_bytes;
	int fd;
};

/* The largest processes of one service, while it is listed. */
struct listing {
	struct sense *sense;
	const struct service_entry *entry;
	struct pick picks[KEPT_MAX];
	size_t count;
	size_t capacity;
	uint64_t processes;
	uint64_t unreadable;
	bool was_short;	       /* there were more than fit */
	bool wants_all_scores; /* a policy sets them */
	struct score_range scores;
	struct crowd crowd;
};

static void drop_picks(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		close(l->picks[i].fd);
	l->count = 0;
}

/* Largest first, equals by pid, so that the same machine gives the same list. */
static bool goes_before(const struct pick *a, const struct pick *b)
{
	if (a->rss_bytes != b->rss_bytes)
		return a->rss_bytes > b->rss_bytes;
	return a->pid < b->pid;
}

/* Takes over the descriptor if it returns true. */
static bool add_pick(struct listing *l, const struct pick *pick)
{
	size_t at = l->count;

	for (size_t i = 0; i < l->count; i++)
		if (l->picks[i].pid == pick->pid)
			return false;
	while (at > 0 && goes_before(pick, &l->picks[at - 1]))
		at--;
	l->was_short |= l->count == l->capacity;
	if (at == l->capacity)
		return false;
	if (l->count == l->capacity)
		close(l->picks[--l->count].fd);
	memmove(&l->picks[at + 1], &l->picks[at], (l->count - at) * sizeof(l->picks[0]));
	l->picks[at] = *pick;
	l->count++;
	return true;
}

static void add_score(struct listing *l, int pid_fd)
{
	int score;

	if (proc_oom_score_adj_read(pid_fd, &score) == 0)
		score_range_add(&l->scores, score);
}

static int list_process(void *context, pid_t pid)
{
	struct listing *l = context;
	_cleanup_(closep) int fd = proc_pid_open(l->sense->root, pid);
	struct proc_stat stat;
	struct pick pick;
	int r = fd < 0 ? fd : proc_stat_read(fd, &stat);

	l->processes++;
	if (r < 0) {
		l->unreadable++;
		return 0;
	}
	if (stat.kernel_thread || stat.rss_pages == 0)
		return 0;
	if (l->wants_all_scores)
		add_score(l, fd);
	crowd_add(&l->crowd, stat.rss_pages);
	pick = (struct pick){
		.pid = pid,
		.start_ticks = stat.start_ticks,
		.fd = fd,
	};
	if (__builtin_mul_overflow(stat.rss_pages, l->sense->snapshot.host.page_size_bytes,
				   &pick.rss_bytes))
		return 0;
	if (add_pick(l, &pick))
		TAKE_FD(fd);
	return 0;
}

/* A service below it is not entered, one that was made since the last walk of the tree included. */
static int enter(void *context, const char *path)
{
	struct listing *l = context;
	char whole[2 * CGROUP_TREE_PATH_BYTES];

	(void)snprintf(whole, sizeof(whole), "%s/%s", l->entry->path, path);
	return policy_table_match(l->sense->policies, whole) < 0;
}

static int walk_processes(struct listing *l)
{
	const struct cgroup_walk walk = {
		.enter = enter,
		.process = list_process,
		.context = l,
	};
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };
	int r;

	if (l->entry->dir_fd >= 0)
		return cgroup_walk(l->entry->dir_fd, &walk);
	r = service_registry_open(l->sense, l->entry, &dir);
	return r < 0 ? r : cgroup_walk(dir.fd, &walk);
}

static bool is_most_of(uint64_t part, uint64_t whole)
{
	return whole > 0 && part >= whole / 2;
}

static void note_incoming(struct process_slot *slot, uint64_t rss_bytes, usec_t now)
{
	if (!slot->is_incoming)
		return;
	if (slot->incoming_at == 0) {
		slot->incoming_at = now;
		slot->incoming_rss_bytes = rss_bytes;
		return;
	}
	if (now - slot->incoming_at < INCOMING_USEC)
		return;
	if (apart(rss_bytes, slot->incoming_rss_bytes) <= rss_bytes / INCOMING_PART)
		slot->is_incoming = false;
	slot->incoming_at = now;
	slot->incoming_rss_bytes = rss_bytes;
}

static void read_process(struct listing *l, const struct pick *pick, struct process *process,
			 struct process_slot *slot, usec_t now)
{
	struct node_sets *sets = &l->sense->processes.node_sets;
	struct proc_status status;
	int adj = 0;

	process->pid = pick->pid;
	process->start_ticks = pick->start_ticks;
	process->rss_bytes = pick->rss_bytes;
	if (proc_oom_score_adj_read(pick->fd, &adj) == 0) {
		process->oom_score_adj = adj;
		score_range_add(&l->scores, adj);
	}
	if (proc_status_read(pick->fd, &status) < 0)
		return;
	if (status.has_memory)
		process->rss_bytes = status.rss_bytes;
	process->swap_bytes = status.swap_bytes;
	process->mems_allowed =
		status.mems_known ? node_sets_put(sets, &status.mems_allowed) : NULL;
	/* VFIO accounts what it pins as locked; a guest that only locks its memory says so. */
	slot->is_held_pinned = is_most_of(status.pinned_bytes, process->rss_bytes) ||
			       (slot->guest != GUEST_NONE && !slot->memory_locked &&
				is_most_of(status.locked_bytes, process->rss_bytes));
	note_incoming(slot, process->rss_bytes, now);
}

/* What was learnt of a process that is still the same. */
static void find_old(const struct sense *s, const struct service_entry *entry, size_t old_count,
		     const struct pick *pick, struct process *process, struct process_slot *slot)
{
	*process = (struct process){ 0 };
	*slot = (struct process_slot){ 0 };
	for (size_t i = entry->first_slot; i < entry->first_slot + old_count; i++) {
		const struct process *old = &s->processes.processes[i];

		if (old->pid != pick->pid || old->start_ticks != pick->start_ticks)
			continue;
		*process = *old;
		*slot = s->processes.slots[i];
		return;
	}
}

static void take_listing(struct listing *l, size_t index, usec_t now)
{
	struct sense *s = l->sense;
	struct service_entry *entry = &s->registry.entries[index];
	struct service *service = &s->registry.services[index];
	struct process processes[KEPT_MAX];
	struct process_slot slots[KEPT_MAX];

	for (size_t i = 0; i < l->count; i++) {
		find_old(s, entry, service->process_count, &l->picks[i], &processes[i], &slots[i]);
		read_process(l, &l->picks[i], &processes[i], &slots[i], now);
	}
	service_settings_take_scores(s, index, &l->scores);
	memset(s->processes.processes + entry->first_slot, 0,
	       entry->slot_count * sizeof(processes[0]));
	memset(s->processes.slots + entry->first_slot, 0, entry->slot_count * sizeof(slots[0]));
	memcpy(s->processes.processes + entry->first_slot, processes,
	       l->count * sizeof(processes[0]));
	memcpy(s->processes.slots + entry->first_slot, slots, l->count * sizeof(slots[0]));
	service->process_count = l->count;
	service->readings[metric_index(METRIC_SERVICE_PROCESSES)] = reading_of_bytes(l->processes);
	entry->wants_slots = l->was_short;
	crowd_take(s, index, &l->crowd);
	preferences_check(s, index);
	confinement_of_service(s, index);
}

bool process_sensor_wants_scores(const struct sense *s, size_t index)
{
	int policy = s->registry.services[index].policy;

	return policy >= 0 && policy_setting(&s->policies->policies[policy], SETTING_OOM_SCORE_ADJ);
}

static void list_service(struct sense *s, size_t index, usec_t now)
{
	struct service_entry *entry = &s->registry.entries[index];
	struct listing l = {
		.sense = s,
		.entry = entry,
		.capacity = MIN_OF(entry->slot_count, (size_t)KEPT_MAX),
		.wants_all_scores = process_sensor_wants_scores(s, index),
		.crowd = crowd_begin(s, index),
	};

	s->registry.has_news = true;
	entry->listed_at = now;
	entry->listed_bytes = entry->totals.current_bytes;
	if (walk_processes(&l) == 0) {
		s->processes.listed += l.processes;
		s->processes.unreadable += l.unreadable;
		take_listing(&l, index, now);
		inspection_wake(&s->inspections);
	}
	drop_picks(&l);
}

static bool receives_guest(const struct service *service)
{
	return service->hold == HOLD_INCOMING_MIGRATION;
}

static bool is_list_due(const struct sense *s, size_t index, usec_t now)
{
	const struct service_entry *entry = &s->registry.entries[index];
	usec_t age = now - entry->listed_at;
	uint64_t step = MAX_OF(entry->listed_bytes / CHANGE_PART, CHANGE_MIN_BYTES);

	if (entry->listed_at == 0)
		return true;
	if (age < LIST_MIN_USEC)
		return false;
	if (apart(entry->totals.current_bytes, entry->listed_bytes) > step)
		return true;
	if (s->services.is_stirred && age >= LIST_USEC)
		return true;
	return age >= LIST_DANGER_USEC &&
	       (receives_guest(&s->registry.services[index]) ||
		(s->services.in_danger && entry->totals.current_bytes >= service_sensor_weight(s)));
}

/* One that is put off until a later round is there by name alone. */
static bool is_read(const struct sense *s, const struct service_entry *entry)
{
	return entry->read_at != 0 || !s->services.in_danger;
}

static void list_if_due(struct sense *s, size_t index, usec_t now)
{
	struct service_entry *entry = &s->registry.entries[index];

	if (!is_read(s, entry))
		return;
	if (!entry->is_forced_list && !is_list_due(s, index, now))
		return;
	entry->is_forced_list = false;
	list_service(s, index, now);
}

/* Of a service that was not looked at nothing is known that would ask for it. */
static void process_sensor_services(struct sense *s, usec_t now)
{
	const struct service_agenda *agenda = &s->services.agenda;

	if (s->services.all_touched) {
		for (size_t i = 0; i < s->registry.count; i++)
			list_if_due(s, i, now);
		return;
	}
	/* Listing one may touch others no more: it is on the list already. */
	for (size_t i = 0; i < agenda->touched_count; i++)
		list_if_due(s, agenda->touched[i], now);
}

static size_t slots_for(const struct service_entry *entry)
{
	uint64_t wanted = SLOTS_MIN + entry->totals.current_bytes / SLOT_BYTES;

	/* Where the memory is not known, the processes are what there is to go by. */
	if (!entry->totals.current_known)
		wanted = entry->wants_slots ? KEPT_MAX : SLOTS_BLIND;
	if (entry->listed_at != 0 && !entry->wants_slots)
		wanted = entry->slot_count;
	return (size_t)MIN_OF(MAX_OF(wanted, (uint64_t)entry->slot_count), (uint64_t)KEPT_MAX);
}

static bool is_layout_due(const struct sense *s)
{
	if (s->processes.walks != s->registry.walks)
		return true;
	for (size_t i = 0; i < s->registry.count; i++)
		if (slots_for(&s->registry.entries[i]) > s->registry.entries[i].slot_count)
			return true;
	return false;
}

/* A new pool; each service's part keeps what it had. */
static int lay_out(struct sense *s)
{
	_cleanup_(freep) struct process *processes = NULL;
	_cleanup_(freep) struct process_slot *slots = NULL;
	size_t total = 1, at = 0;

	for (size_t i = 0; i < s->registry.count; i++)
		total += slots_for(&s->registry.entries[i]);
	processes = calloc(total, sizeof(*processes));
	slots = calloc(total, sizeof(*slots));
	if (!processes || !slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->registry.count; i++) {
		struct service_entry *entry = &s->registry.entries[i];
		struct service *service = &s->registry.services[i];
		size_t room = slots_for(entry), kept = MIN_OF(service->process_count, room);

		if (kept > 0) {
			memcpy(processes + at, s->processes.processes + entry->first_slot,
			       kept * sizeof(*processes));
			memcpy(slots + at, s->processes.slots + entry->first_slot,
			       kept * sizeof(*slots));
		}
		/* What is kept is the head of a longer list. */
		if (room > entry->slot_count && entry->wants_slots) {
			entry->is_forced_list = true;
			service_sensor_force(s);
		}
		service->first_process = at;
		entry->first_slot = (uint32_t)at;
		entry->slot_count = (uint32_t)room;
		service->process_count = kept;
		at += room;
	}
	free(s->processes.processes);
	free(s->processes.slots);
	s->processes.processes = TAKE_PTR(processes);
	s->processes.slots = TAKE_PTR(slots);
	s->processes.count = at;
	s->processes.walks = s->registry.walks;
	s->snapshot.processes = s->processes.processes;
	s->snapshot.process_count = at;
	return 0;
}

static void sweep_node_sets(struct sense *s)
{
	struct process_sensor *p = &s->processes;

	node_sets_sweep_begin(&p->node_sets);
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct service *service = &s->registry.services[i];

		node_sets_keep(&p->node_sets, service->allowed);
		if (!service->settings)
			continue;
		node_sets_keep(&p->node_sets, service->settings->nodes);
		node_sets_keep(&p->node_sets, service->settings->cpu_nodes);
	}
	for (size_t i = 0; i < p->count; i++) {
		node_sets_keep(&p->node_sets, p->processes[i].mems_allowed);
		node_sets_keep(&p->node_sets, p->processes[i].bound);
	}
	node_sets_sweep_end(&p->node_sets);
}

static int process_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	int r;

	if (housekeep)
		sweep_node_sets(s);
	if (!s->registry.has_news)
		return 0;
	if (is_layout_due(s)) {
		r = lay_out(s);
		if (r < 0)
			return r;
	}
	/* New services are listed here, so that their processes can be looked at before the next
	 * round of services. */
	for (size_t i = 0; i < s->registry.count; i++)
		if (s->registry.entries[i].listed_at == 0 && is_read(s, &s->registry.entries[i]))
			list_service(s, i, now);
	s->registry.has_news = false;
	return 0;
}

void process_sensor_forget(struct sense *s, const struct service_entry *entry)
{
	if (entry->slot_count == 0)
		return;
	memset(s->processes.processes + entry->first_slot, 0,
	       entry->slot_count * sizeof(s->processes.processes[0]));
	memset(s->processes.slots + entry->first_slot, 0,
	       entry->slot_count * sizeof(s->processes.slots[0]));
}

static void process_sensor_close(struct sense *s)
{
	for (size_t i = 0; i < s->registry.count; i++)
		s->registry.entries[i].is_forced_list = true;
}

static void process_sensor_done(struct sense *s)
{
	free(s->processes.processes);
	free(s->processes.slots);
	s->processes = (struct process_sensor){ 0 };
}

size_t process_sensor_owner(const struct sense *s, size_t slot)
{
	for (size_t i = 0; i < s->registry.count; i++)
		if (slot >= s->registry.entries[i].first_slot &&
		    slot - s->registry.entries[i].first_slot <
			    s->registry.services[i].process_count)
			return i;
	return NO_SERVICE;
}

size_t process_sensor_find(const struct sense *s, pid_t pid, uint64_t start_ticks)
{
	for (size_t i = 0; i < s->processes.count; i++)
		if (s->processes.processes[i].pid == pid &&
		    s->processes.processes[i].start_ticks == start_ticks)
			return i;
	return SIZE_MAX;
}

static void process_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->processes.listed > 0 && s->processes.unreadable == s->processes.listed)
		gap_add(list, "processes: those of services cannot be read here (hidepid, another "
			      "pid namespace, or not captured)");
}

const struct sensor process_sensor = {
	.close = process_sensor_close,
	.done = process_sensor_done,
	.rescan = process_sensor_rescan,
	.services = process_sensor_services,
	.gaps = process_sensor_gaps,
};
