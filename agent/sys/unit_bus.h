/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * systemd over its bus (org.freedesktop.systemd1(5)). Every call waits, at most until its deadline:
 * for workers and for programs that were asked something, never for the loop. A manager that is
 * busy reclaiming memory for a limit may take seconds to answer, and what it was told may have
 * happened although no answer came: -ETIMEDOUT says neither.
 *
 * That SetUnitProperties succeeds says that the manager took the value, not that the kernel did: it
 * has to be read back from the cgroup.
 */

#include "util/idset.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct unit_bus;

/* Connects to the manager of the system, over its private socket where this is root, else the
 * system bus; `address` instead of both where it is not NULL (tests). -ENOENT: no systemd here. */
int unit_bus_open(const char *address, usec_t timeout_usec, struct unit_bus **ret);
struct unit_bus *unit_bus_close(struct unit_bus *bus);
static inline void unit_bus_closep(struct unit_bus **b)
{
	*b = unit_bus_close(*b);
}
/* How long the next calls may take, each. Until then it is what was given at the start. */
void unit_bus_set_timeout(struct unit_bus *bus, usec_t timeout_usec);
/* The words of the last error, for people; "" where there was none. */
const char *unit_bus_error(const struct unit_bus *bus);

/* By the D-Bus type that the manager wants the value in. */
enum unit_property_type {
	UNIT_PROPERTY_NUMBER,	   /* t */
	UNIT_PROPERTY_NODES,	   /* ay: a bit for each, the lowest first; none: as if never set */
	UNIT_PROPERTY_CPUS,	   /* likewise, of a list of them */
	UNIT_PROPERTY_DEVICE_RATE, /* a(st) of one device */
};

#define UNIT_PROPERTY_INFINITY UINT64_MAX

struct unit_property {
	const char *name; /* "MemoryHigh" */
	enum unit_property_type type;
	uint64_t number; /* bytes, bytes per second */
	struct idset nodes;
	const char *cpus;   /* "0-3,8"; "": none */
	const char *device; /* "/dev/sda" */
};

/* Sets a property at run time (a drop-in below /run/systemd/system.control). 0; -EOPNOTSUPP: it
 * does not know the property or cannot set it on a running unit; -ENOENT: no such unit; -EINVAL:
 * value refused; -EACCES; -ETIMEDOUT; -ECONNRESET. */
int unit_bus_set(struct unit_bus *bus, const char *unit, const struct unit_property *property);
/* FreezeUnit, ThawUnit (246). */
int unit_bus_freeze(struct unit_bus *bus, const char *unit, bool freeze);

enum unit_job {
	UNIT_JOB_START,
	UNIT_JOB_STOP,
	UNIT_JOB_RESTART,
};

/* Queues the job (mode "replace") and waits for its end. 0: done; -ECANCELED, -ETIMEDOUT,
 * -EREMOTEIO (failed), -ENOEXEC (dependency): unit_bus_error() has systemd's word. */
int unit_bus_job(struct unit_bus *bus, const char *unit, enum unit_job job);

/* Of a unit that is there only as long as it runs: a line of its file, by the D-Bus type that the
 * manager wants it in. */
enum unit_line_type {
	UNIT_LINE_TEXT,	   /* s */
	UNIT_LINE_FLAG,	   /* b, in `number` */
	UNIT_LINE_NUMBER,  /* t */
	UNIT_LINE_SIGNED,  /* i, in `number` */
	UNIT_LINE_WORDS,   /* as */
	UNIT_LINE_ALLOWED, /* (bas): nothing but these words */
	UNIT_LINE_SIGNAL,  /* (aiai): no exit status, one signal, in `number` */
	UNIT_LINE_COMMAND, /* a(sasb): a program by its path, and its arguments */
};

struct unit_line {
	const char *name; /* "OOMScoreAdjust" */
	enum unit_line_type type;
	int64_t number; /* UNIT_PROPERTY_INFINITY for a NUMBER is -1 */
	const char *text;
	const char *const *words; /* NULL ends them */
};

/* Makes a service of these lines and waits for its start (mode "fail"). 0: it runs, and where it is
 * to say so has said it; -EEXIST: there is a unit of that name already; -EOPNOTSUPP, -EINVAL: a
 * line is not known, or not taken; else as unit_bus_job(). Where its program has ended
 * unit_bus_error() has what that said last (STATUS=), or how it ended. */
int unit_bus_start_transient(struct unit_bus *bus, const char *service,
			     const struct unit_line *lines, size_t count);

struct unit_facts {
	char control_group[512]; /* as systemd names it, with a leading slash; "" none */
	char active_state[32];
	char slice[256];
	uint32_t restarts;    /* NRestarts (235); 0 where it has none */
	usec_t restart_usec;  /* RestartUSec; USEC_INFINITY unknown */
	bool delegates;	      /* Delegate=yes: what is below it is not systemd's */
	char pending_job[32]; /* its JobType: "stop", "restart"; "" none */
};

int unit_bus_facts(struct unit_bus *bus, const char *unit, struct unit_facts *ret);
/* The unit that owns a cgroup ("/system.slice/a.service"): -ENOENT if none does. */
int unit_bus_of_cgroup(struct unit_bus *bus, const char *cgroup, char *ret_unit, size_t size);
/* The service that this process is the main one of: -ENOENT if there is none. */
int unit_bus_of_main_process(struct unit_bus *bus, pid_t pid, char *ret_unit, size_t size);
