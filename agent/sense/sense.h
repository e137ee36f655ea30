/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Fills snapshots. One `struct sense` for a machine: it keeps the files open that every tick reads,
 * the registry of matched services, the history that slopes are made of, and the inspections that
 * workers made. sense_fast() and sense_services() allocate nothing; sense_rescan() may (calm
 * rounds).
 */

#include "core/kernel_event.h"
#include "core/policy.h"
#include "core/snapshot.h"
#include "core/work.h"

struct sense;
struct sysroot;
struct cgroup_layout;

/* What this machine cannot show, one line each, for people. */
#define SENSE_GAPS_MAX 32
struct sense_gap {
	char text[192];
};

/* root and layout must outlive it. `single`: the tree is a fixture with one sample. */
int sense_new(const struct sysroot *root, const struct cgroup_layout *layout, bool single,
	      struct sense **ret);
struct sense *sense_free(struct sense *sense);
static inline void sense_freep(struct sense **s)
{
	*s = sense_free(*s);
}

/* Another tree, the next one of a sequence: everything is opened again and services are looked up
 * anew, history is kept. root and layout may be the same objects with other contents. 0 or -errno.
 */
int sense_set_root(struct sense *sense, const struct sysroot *root,
		   const struct cgroup_layout *layout);

/* The policies that say which cgroups are services. Keeps the pointer and matches the services that
 * are known anew; call sense_rescan() next for the others. */
void sense_set_policies(struct sense *sense, const struct policy_table *policies);

/* Which services the operator has paused, by the paths of their cgroups; NULL: none. Counts from
 * the next sense_set_policies() on. */
void sense_set_paused(struct sense *sense, bool (*is_paused)(const void *context, const char *path),
		      const void *context);

/* Walks the cgroup tree if there is a sign that it changed (else this costs one small read), opens
 * what is new, forgets what is gone, lists the processes of new services. Grows its pools. Returns
 * 0 or -errno; the services of before stay on failure. */
int sense_rescan(struct sense *sense, usec_t now);

/* Host and nodes. */
int sense_fast(struct sense *sense, usec_t now);
/* Services and the processes that matter, from files kept open. */
int sense_services(struct sense *sense, usec_t now);

/* Bytes that our own steps moved onto (+) or off (-) a node since the last call, so that slopes
 * show what others do. */
void sense_note_moved(struct sense *sense, unsigned node, int64_t bytes);

/* Has anything happened since the last mark that rules could answer? For a caller that would
 * rather not ask them; a live machine only, where events tell of the rest. */
void sense_mark(struct sense *sense);
bool sense_has_moved(const struct sense *sense);

/* After sense_fast(), when nothing has moved: from now on sense_is_still() may answer in place of
 * sense_fast() and sense_has_moved(). It does so with one system call, for as long as no file is
 * due and free memory stays as it is; false: ask those. */
void sense_settle(struct sense *sense);
bool sense_is_still(struct sense *sense, usec_t now);

/* The view of the rounds done so far; valid until the next call of a round. */
const struct snapshot *sense_snapshot(struct sense *sense);

/* The next process whose command line and policies should be looked at (never, or longest ago and
 * stale); 1 and the request, or 0 when all are fresh. The caller runs it in a worker (or in place
 * on a fixture) and gives the reply back. */
int sense_next_inspection(struct sense *sense, usec_t now, struct work_request *ret_request);
/* The request could not be handed to a worker: it will be given again. */
void sense_return_inspection(struct sense *sense, const struct work_request *request);
void sense_take_inspection(struct sense *sense, const struct work_request *request,
			   const struct work_reply *reply, usec_t now);

/* The worker's side of WORK_INSPECT; takes the target's mmap_lock, so never in the agent itself
 * unless the root is a fixture. */
void inspect_work(const struct sysroot *root, const struct work_request *request,
		  struct work_reply *ret_reply);

/* The worker's side of WORK_DESCRIBE: one reply for each part of the description, the last one
 * final. `reply` gives 0 or -errno, which ends it. The same holds for where it may run. */
void describe_work(const struct sysroot *root, const struct work_request *request,
		   int (*reply)(void *context, const struct work_reply *reply), void *context);

/* The process that runs the guest of a service, as far as it has been seen, else its largest one.
 * False: it has none. */
bool sense_find_monitor(const struct sense *sense, const struct service *service, pid_t *ret_pid,
			uint64_t *ret_start_ticks);

/* The cgroup above a service of the snapshot whose limit it meets first ("": the root of what is
 * visible here); NULL where that is the service's own, or there is none. For people. */
const char *sense_limit_cgroup(const struct sense *sense, const struct service *service);

/* The machine was asleep: slopes and rates start anew. */
void sense_forget_history(struct sense *sense);
/* We have ended somebody, whose memory is back: how fast levels fall is measured anew. */
void sense_forget_falls(struct sense *sense);

enum sense_wake {
	SENSE_WAKE_EVENT = 1, /* something happened that the next sense_fast() should look at */
	SENSE_WAKE_LOOP = 2,  /* the loop's own descriptor is readable */
};

/* For a loop that waits by sense_wait() from now on, on `fd`, which stays the caller's, as well. It
 * must wait there and not poll a set of these descriptors: to be polled uses a pressure trigger's
 * event up (psi_trigger_poll(), kernel/sched/psi.c), and who then asks the set finds nothing. */
void sense_watch(struct sense *sense, int fd);
/* Waits for what happens, at most `timeout_usec`, rounded up to milliseconds; without `for_events`
 * for the loop's descriptor alone. Returns enum sense_wake, or -errno. */
int sense_wait(struct sense *sense, usec_t timeout_usec, bool for_events);
/* Of a caller that does not wait there: takes what there is, as sense_fast() then does by itself.
 * One system call if that is nothing. */
void sense_take_events(struct sense *sense, usec_t now);
/* Has something happened that sense_services() should follow at once? */
bool sense_wants_services(const struct sense *sense);
/* What the kernel said that it did, oldest first. False: nothing more. */
bool sense_next_kernel_event(struct sense *sense, struct kernel_event *ret);
/* May a limit of writing be set, by a rule or a policy in force? The disks that services write to
 * are found out then. */
void sense_want_io(struct sense *sense, bool wanted);
/* The sections [Canary NAME] in force, kept by pointer; which canaries that makes follows from them
 * and the nodes. Allocates; without a section nothing is looked at. */
void sense_set_canaries(struct sense *sense, const struct canary *sections, size_t count);
/* By us a canary was armed, so that its end from now on is a death; or is about to be ended, so
 * that this is none. `key` of its status. */
void sense_note_canary(struct sense *sense, uint64_t key, bool is_armed);
/* A setting was written by us, or the machine's memory lies otherwise by a step of ours: what is
 * there now is read anew, of the host in the next fast round and of a service in the next one of
 * services, also where no event tells of it. `key` of service_key(), 0 for the host or a node. */
void sense_note_written(struct sense *sense, uint64_t key);
/* Does a rule in force go by the averages of pressure on CPU, or on I/O? From the next rescan on
 * the loop is woken by it, where the kernel does that, and else they are read more often. */
void sense_want_averages(struct sense *sense, bool of_cpu, bool of_io);
/* Does a rule in force go by the pressure of single services? From the next rescan on they may wake
 * the loop too. Not for what they make by hitting their own limits: that is told by memory.events.
 */
void sense_want_service_pressure(struct sense *sense, bool wanted);

size_t sense_gaps(const struct sense *sense, struct sense_gap ret_gaps[SENSE_GAPS_MAX]);
