/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/neighbours.h"

#include "sense/state.h"
#include "sys/cgroup_dir.h"
#include "sys/memory_knobs.h"
#include "sys/proc_pid.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <string.h>

#define UNITS_MAX 2

/* How one is found. To look at the name of every process instead would cost more than all else that
 * a quiet host costs, so only a captured machine is looked through by names. */
struct sign {
	const char *comm;
	const char *pid_file;		  /* NULL: it leaves none */
	const char *units[UNITS_MAX + 1]; /* the cgroups of its units; these are gone with it */
};

static const struct sign numad_sign = { .comm = "numad", .pid_file = "run/numad.pid" };

static const struct sign signs[NEIGHBOUR_PROGRAM_COUNT_] = {
	[NEIGHBOUR_SYSTEMD_OOMD] = { .comm = "systemd-oomd",
				     .units = { "system.slice/systemd-oomd.service" } },
	[NEIGHBOUR_EARLYOOM] = { .comm = "earlyoom", .units = { "system.slice/earlyoom.service" } },
	[NEIGHBOUR_OOMD] = { .comm = "oomd", .units = { "system.slice/oomd.service" } },
	[NEIGHBOUR_NOHANG] = { .comm = "nohang",
			       .units = { "system.slice/nohang.service",
					  "system.slice/nohang-desktop.service" } },
	[NEIGHBOUR_TUNED] = { .comm = "tuned",
			      .pid_file = "run/tuned/tuned.pid",
			      .units = { "system.slice/tuned.service" } },
	[NEIGHBOUR_KSMTUNED] = { .comm = "ksmtuned", .units = { "system.slice/ksmtuned.service" } },
};

/* Is the process that the file names that program still? */
static bool is_in_pid_file(const struct sysroot *root, const struct sign *sign)
{
	_cleanup_(closep) int fd = -1;
	char text[32], comm[PROC_COMM_BYTES];
	struct span rest, line;
	uint64_t pid;
	ssize_t n;

	if (!sign->pid_file)
		return false;
	n = sysroot_read(root, sign->pid_file, text, sizeof(text));
	if (n < 0)
		return false;
	/* Some write it without a newline. */
	rest = span_of(text, (size_t)n);
	if (!span_next_field(&rest, '\n', &line) || span_u64(span_trim(line), &pid) < 0 ||
	    pid > INT32_MAX)
		return false;
	fd = proc_pid_open(root, (pid_t)pid);
	return fd >= 0 && proc_comm_read(fd, comm, sizeof(comm)) == 0 &&
	       strcmp(comm, sign->comm) == 0;
}

static bool has_unit(const struct cgroup_layout *layout, const struct sign *sign)
{
	for (size_t i = 0; sign->units[i]; i++) {
		_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };

		if (cgroup_dir_open(layout, sign->units[i], &dir) == 0)
			return true;
	}
	return false;
}

struct search {
	const struct sysroot *root;
	unsigned programs;
	bool has_numad;
};

static int look_at_name(void *context, pid_t pid)
{
	struct search *search = context;
	_cleanup_(closep) int fd = proc_pid_open(search->root, pid);
	char comm[PROC_COMM_BYTES];

	if (fd < 0 || proc_comm_read(fd, comm, sizeof(comm)) < 0)
		return 0;
	search->has_numad |= strcmp(comm, numad_sign.comm) == 0;
	for (int i = 0; i < NEIGHBOUR_PROGRAM_COUNT_; i++)
		if (strcmp(comm, signs[i].comm) == 0)
			search->programs |= 1U << i;
	return 0;
}

static bool is_running(const struct sense *s, const struct sign *sign)
{
	return has_unit(s->layout, sign) || is_in_pid_file(s->root, sign);
}

static void find_programs(const struct sense *s, struct search *found)
{
	*found = (struct search){ .root = s->root, .has_numad = is_running(s, &numad_sign) };
	for (int i = 0; i < NEIGHBOUR_PROGRAM_COUNT_; i++)
		if (is_running(s, &signs[i]))
			found->programs |= 1U << i;
	if (!s->root->live)
		(void)proc_pid_each(s->root, look_at_name, found);
}

static void read_knobs(struct sense *s)
{
	static const enum huge_page_mode modes[] = {
		[MEMORY_KNOB_THP_UNKNOWN] = HUGE_PAGE_UNKNOWN,
		[MEMORY_KNOB_THP_NEVER] = HUGE_PAGE_NEVER,
		[MEMORY_KNOB_THP_MADVISE] = HUGE_PAGE_MADVISE,
		[MEMORY_KNOB_THP_ALWAYS] = HUGE_PAGE_ALWAYS,
	};
	struct host *host = &s->snapshot.host;
	struct neighbours *found = &host->neighbours;
	struct memory_knobs knobs;

	memory_knobs_read(s->root, &knobs);
	found->ksm_runs = knobs.ksm_runs;
	found->ksm_across_nodes = knobs.ksm_across_nodes;
	if (__builtin_mul_overflow(knobs.ksm_pages, host->page_size_bytes, &found->ksm_saved_bytes))
		found->ksm_saved_bytes = UINT64_MAX;
	found->zone_reclaim = knobs.zone_reclaim;
	found->demotes = knobs.demotes;
	found->huge_pages = modes[knobs.thp];
}

void neighbours_read(struct sense *s)
{
	struct host *host = &s->snapshot.host;
	bool has_nodes = s->snapshot.node_count > 1;
	struct search found;

	find_programs(s, &found);
	host->neighbours = (struct neighbours){ .programs = found.programs };
	/* It moves between nodes only, as all else is about several. */
	host->numad_running = has_nodes && found.has_numad;
	if (has_nodes)
		read_knobs(s);
}
