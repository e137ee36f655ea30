/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel tells without being asked. One epoll descriptor holds all that may wake the loop:
 *
 *   pressure of the host and of the top slices, and of services where a rule asks for theirs
 *   memory.events and cgroup.events of services, by one inotify descriptor
 *   the kernel's log: its own OOM kills, allocations that failed
 *   the end of guests' largest processes, and of canaries
 *   on cgroup v1: memory.pressure_level, memory.oom_control, usage near a limit
 *
 * Cgroups that are made and removed wake the loop too, but once a second at most: a host may make
 * hundreds of them a second. They lead to a walk in the next calm round.
 *
 * An event says where to look, never what is there: what counts is read again, so a lost or a
 * doubled one does no harm. Everything is registered in calm rounds; to take events allocates
 * nothing, and costs one system call when there are none. Nothing here is needed for the rest to
 * work: where the kernel gives no events, rounds find the same a little later.
 */

#include "core/canary.h"
#include "core/kernel_event.h"
#include "sense/host_sensor.h"
#include "sense/sensor.h"
#include "sys/kmsg.h"

#include <sys/epoll.h>

#define KERNEL_EVENTS_MAX 12
#define EVENT_SLICES_MAX  16
#define EVENT_EXITS_MAX	  (256 + CANARIES_MAX)
#define EVENT_BATCH	  32

/* Of each service: memory.events and cgroup.events. */
#define EVENT_FILE_COUNT 2

enum event_source {
	EVENT_FILES,
	EVENT_KMSG,
	EVENT_HOST_PRESSURE,
	EVENT_HOST_AVERAGE,
	EVENT_SLICE_PRESSURE,
	EVENT_SERVICE_PRESSURE,
	EVENT_V1_PRESSURE,
	EVENT_V1_OOM,
	EVENT_V1_USAGE,
	EVENT_EXIT,
	EVENT_TREE,
	EVENT_LOOP,
};

#define EVENT_V1_FIRST EVENT_V1_PRESSURE
#define EVENT_V1_COUNT 3

/* A watch of a service's file. `place`: the service's index when the list was made. */
struct event_file {
	int wd;
	uint32_t place;
};

struct event_dir {
	uint64_t inode;
	int wd;
	unsigned walk; /* that saw it last */
};

struct event_trigger {
	uint64_t inode; /* of the cgroup */
	int fd;		/* -1: free */
	uint32_t place;
	bool is_seen; /* while the list is brought up to date */
};

struct event_exit {
	uint64_t inode; /* of its cgroup */
	uint64_t start_ticks;
	pid_t pid;
	int fd; /* a pidfd; -1: free */
	bool is_seen;
};

/* A threshold that was registered with a v1 cgroup; it lasts as long as the cgroup. */
struct event_threshold {
	uint64_t inode;
	uint64_t bytes; /* 0: it has no limit */
};

struct event_sensor {
	int epoll_fd; /* holds the others; -1: a captured machine, or no room for it */
	int loop_fd;  /* of who waits there; -1: nobody does */
	struct epoll_event ready[EVENT_BATCH]; /* found by the last wait */
	size_t ready_count;
	bool has_looked; /* for all that is ready, since the last round */

	/* What the other sensors go by. */
	/* Services should be looked at now; some are to be read whatever the economy says. The
	 * service sensor clears both. */
	bool is_stirred;
	bool is_service_news;
	bool tree_watched; /* no cgroup can come or go unnoticed: nothing needs to be counted */

	/* The list of services that the registrations are made for. */
	unsigned order;
	bool is_due; /* they are to be made anew whatever the list says */

	int files_fd; /* inotify, of services' files */
	int files_error;
	struct event_file *files; /* by wd */
	size_t file_count;
	bool is_exhausted;  /* no more watches */
	bool is_incomplete; /* of some service a file is not watched */
	size_t allowance;   /* of watches */

	int tree_fd;		/* inotify, of directories */
	bool is_tree_silent;	/* it fired, and is not polled before its time has come */
	struct event_dir *dirs; /* the first `sorted_dirs` of them by inode */
	size_t dir_count;
	size_t dir_capacity;
	size_t sorted_dirs;
	unsigned walk;	       /* the number of the present or last one */
	bool is_walk_complete; /* all of its directories are watched */
	usec_t tree_at;	       /* when it was looked at last */
	usec_t tree_retry_at;  /* too many directories: not before then */

	int host_trigger;
	int host_trigger_error; /* positive: refused */
	int average_triggers[HOST_AVERAGE_COUNT];
	bool wants_average[HOST_AVERAGE_COUNT]; /* a rule goes by it */
	struct event_trigger slices[EVENT_SLICES_MAX];
	bool is_slice_refused;
	bool wants_service_pressure;
	struct event_trigger *triggers; /* of services */
	size_t trigger_count;
	bool is_service_refused;

	int v1_events[EVENT_V1_COUNT]; /* eventfds, for all services together */
	bool is_v1_refused;
	struct event_threshold *thresholds; /* by place */
	size_t threshold_count;
	usec_t v1_forced_at;

	struct event_exit *exits; /* EVENT_EXITS_MAX of them; NULL: nobody is watched so far */
	uint64_t listed;	  /* of the processes, when they were made */
	bool is_exit_refused;	  /* no pidfds */

	int kmsg_fd;
	int kmsg_error;
	struct kmsg_reader kmsg;
	bool is_kmsg_left;   /* there may be more than was read */
	usec_t kmsg_read_at; /* there was no more then; 0: never */
	usec_t lost_at;	     /* some was overwritten, and that was told; 0: never */
	uint64_t alloc_failures;
	struct kernel_event kernel_events[KERNEL_EVENTS_MAX];
	unsigned first_event;
	unsigned event_count;
	unsigned events_dropped; /* since the last one that found room */
	/* Where the log cannot be read: of host.oom-kills. */
	bool kills_counted;
	uint64_t kills_seen;
	int64_t kills_untold; /* negative: services have told of so many before the host did */
};

extern const struct sensor event_sensor;

/* Does somebody wait for events, and would they tell of every cgroup that comes or goes and of what
 * services meet? */
bool event_sensor_tells_all(const struct sense *sense);

/* Before anything else is opened. */
void event_sensor_init(struct sense *sense);

/* For the walk over the tree: when it begins, for each directory before its children are counted or
 * listed, and at its end. Visit: by its name in dir_fd, or "" for dir_fd itself; true if it is
 * watched from now on, so that what was seen of it before must be looked at again. */
void event_tree_begin(struct sense *sense);
bool event_tree_visit(struct sense *sense, int dir_fd, const char *name, uint64_t inode);
void event_tree_end(struct sense *sense, bool is_whole);

/* Among the files of the sensor: adds a descriptor to epoll_fd. 0 or -errno. */
int event_add(struct sense *sense, int fd, uint32_t interest, enum event_source source,
	      size_t index);
/* One that was added with EPOLLONESHOT is polled again. */
void event_rearm(struct sense *sense, int fd, enum event_source source);
/* Takes it out of epoll_fd and closes it; -1: there is none. Closing alone would leave it there for
 * as long as a worker that is just being forked has it too. */
void event_drop(struct sense *sense, int *fd);
/* The service with this inode, looked for from `place` on; NULL: it is gone. */
struct service_entry *event_find(struct sense *sense, uint64_t inode, size_t place);
void event_force(struct sense *sense, struct service_entry *entry, bool also_list);

void event_files_open(struct sense *sense);
void event_files_close(struct sense *sense);
int event_files_update(struct sense *sense);
void event_files_take(struct sense *sense);
void event_tree_take(struct sense *sense, usec_t now);
void event_tree_listen(struct sense *sense, usec_t now);
/* When it is polled again, if it is silent. */
usec_t event_tree_due(const struct sense *sense);

void event_pressure_open(struct sense *sense);
void event_pressure_close(struct sense *sense);
int event_pressure_update(struct sense *sense);
void event_pressure_take(struct sense *sense, enum event_source source, size_t index,
			 uint32_t what);

void event_v1_open(struct sense *sense);
void event_v1_close(struct sense *sense);
int event_v1_update(struct sense *sense);
void event_v1_take(struct sense *sense, enum event_source source, usec_t now);

void event_exits_close(struct sense *sense);
int event_exits_update(struct sense *sense);
void event_exits_take(struct sense *sense, size_t index);
/* Is the end of this process watched, or cannot any be? */
bool event_exits_has(const struct sense *sense, pid_t pid);

void event_kernel_open(struct sense *sense);
void event_kernel_close(struct sense *sense);
void event_kernel_take(struct sense *sense);
/* A record that was read into the sensor's text, or why there is none. False: that was the last. */
bool event_kernel_take_one(struct sense *sense, ssize_t length);
/* When what was ready at the beginning of a round was taken. */
void event_kernel_end_round(struct sense *sense);
/* When the host's counters were read. */
void event_kernel_count(struct sense *sense);
/* A service's counter has grown by so many; at_limit: for a limit of its own, or below it. */
void event_kernel_note(struct sense *sense, const char *path, uint64_t kills, bool at_limit);
