/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/clerk_machine.h"

#include "act/canary_group.h"
#include "act/canary_unit.h"
#include "act/setting_file.h"
#include "act/unit_setting.h"
#include "sys/cgroup_dir.h"
#include "sys/cgroup_effects.h"
#include "sys/cgroup_files.h"
#include "sys/clock.h"
#include "sys/meminfo.h"
#include "sys/memlock.h"
#include "sys/node_cpus.h"
#include "sys/node_effects.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "sys/unit_bus.h"
#include "sys/unit_drop_in.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A setting takes up to three calls to a manager that answers none: whose unit it is, the value,
 * and the one of before. A job is waited for in one. */
#define CALLS_OF_A_SETTING 3

/* Of what a canary's start may take, that is left for the answer. */
#define ANSWER_PART 6

/* What unit_arm() says of one that is no unit and has no user id of its own. */
#define AS_AGENT 2

#define NUMBER_BYTES 64
/* Of nodes of a few thousand CPUs by turns. */
#define CPU_LIST_BYTES 16384

/* Rules have a node count as clear from a tenth on, at most 10 GiB, above the kernel's own marks,
 * which are a twentieth on the smallest nodes. */
#define KEEP_PART      6
#define KEEP_MAX_BYTES (UINT64_C(12) << 30)

/* --- control groups --------------------------------------------------------------------------- */

static int machine_find(void *context, const char *path, uint64_t *ret)
{
	const struct clerk_machine *machine = context;
	struct cgroup_dir dir;
	int r;

	/* The root cgroup is the machine. */
	if (path[0] == '\0')
		return -EINVAL;
	r = cgroup_dir_open(&machine->layout, path, &dir);
	if (r < 0)
		return r == -ENODEV ? -ENOENT : r;
	*ret = dir.inode;
	cgroup_dir_done(&dir);
	return 0;
}

/* The directory with the memory files of the cgroup that was meant. */
static int open_memory(const struct clerk_machine *machine, const char *path, uint64_t key)
{
	uint64_t now;
	int r = machine_find((void *)machine, path, &now);

	if (r < 0 || now != key)
		return -ESTALE;
	return cgroup_memory_open(&machine->layout, path);
}

static int machine_use(void *context, const char *path, uint64_t key, int64_t *ret)
{
	const struct clerk_machine *machine = context;
	_cleanup_(closep) int fd = open_memory(machine, path, key);
	const char *file = machine->layout.controllers[CGROUP_MEMORY] == CGROUP_V2
				   ? "memory.current"
				   : "memory.usage_in_bytes";
	char text[NUMBER_BYTES];
	uint64_t bytes;
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	n = cgroup_read_file(fd, file, text, sizeof(text));
	if (n < 0)
		return (int)n;
	r = cgroup_parse_value(text, (size_t)n, &bytes);
	if (r == 0)
		*ret = (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX);
	return r;
}

static int machine_reclaim(void *context, const char *path, uint64_t key, int64_t bytes)
{
	const struct clerk_machine *machine = context;
	_cleanup_(closep) int fd = -1;
	char text[NUMBER_BYTES];
	struct stat st;

	if (machine->layout.controllers[CGROUP_MEMORY] != CGROUP_V2)
		return -EOPNOTSUPP;
	fd = open_memory(machine, path, key);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	(void)snprintf(text, sizeof(text), "%lld", (long long)bytes);
	return cgroup_effect_write(machine->root, fd, (uint64_t)st.st_ino, "memory.reclaim", text);
}

static int machine_read(void *context, const struct setting_target *on, const char *path,
			struct setting_value *ret)
{
	const struct clerk_machine *machine = context;

	return setting_file_read(machine->root, &machine->layout, on, path, ret);
}

static int machine_write(void *context, const struct setting_target *on, const char *path,
			 const struct setting_value *value)
{
	const struct clerk_machine *machine = context;

	return setting_file_write(machine->root, &machine->layout, on, path, value);
}

/* --- the manager ------------------------------------------------------------------------------ */

static int open_bus(struct clerk_machine *machine)
{
	int r;

	if (machine->bus)
		return 0;
	r = unit_bus_open(machine->bus_address, machine->timeout_usec, &machine->bus);
	if (r < 0)
		(void)snprintf(machine->words, sizeof(machine->words), "%s",
			       r == -ENOENT ? "there is no systemd here"
					    : "systemd cannot be reached");
	/* That it is not there says nothing of the unit. */
	return r == -ENOENT ? -ENOTCONN : r;
}

/* Who comes after one that hung up may find another, as after it was executed anew. */
static int note_hangup(struct clerk_machine *machine, int r)
{
	if (r != -ECONNRESET || !machine->bus)
		return r;
	(void)snprintf(machine->words, sizeof(machine->words), "%s", unit_bus_error(machine->bus));
	machine->bus = unit_bus_close(machine->bus);
	return r;
}

static const char *machine_words(void *context)
{
	const struct clerk_machine *machine = context;

	return machine->bus ? unit_bus_error(machine->bus) : machine->words;
}

/* The last component, but for the underscore that the manager puts before a name that the kernel
 * has a file of. */
static int name_unit(const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	name += name[0] == '_';
	if (strlen(name) >= size || !unit_name_is_valid(name))
		return -ENOENT;
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

static int machine_unit_of(void *context, const char *path, bool ask, char *ret, size_t size)
{
	struct clerk_machine *machine = context;
	const char *subtree = cgroup_layout_tree(&machine->layout)->subtree;
	char cgroup[PATH_MAX], unit[UNIT_NAME_BYTES];
	int r = name_unit(path, ret, size), n;

	if (r < 0 || !ask)
		return r;
	n = snprintf(cgroup, sizeof(cgroup), "%s/%s", strcmp(subtree, "/") == 0 ? "" : subtree,
		     path);
	if (n < 0 || (size_t)n >= sizeof(cgroup))
		return -ENAMETOOLONG;
	r = open_bus(machine);
	if (r < 0)
		return r;
	r = note_hangup(machine, unit_bus_of_cgroup(machine->bus, cgroup, unit, sizeof(unit)));
	if (r < 0)
		return r;
	/* It looks further up: the unit of a cgroup below one is not meant. */
	return strcmp(unit, ret) == 0 ? 0 : -ENOENT;
}

/* What the manager is to be told beside the value. */
static int describe(const struct clerk_machine *machine, const struct setting_target *on,
		    const struct setting_value *value, struct strbuf *out)
{
	struct node_cpus cpus;
	int r;

	if (on->id == SETTING_IO_WRITE_MAX)
		strbuf_addf(out, "/dev/block/%u:%u", major(on->detail), minor(on->detail));
	if (on->id != SETTING_ALLOWED_CPUS || idset_is_empty(&value->nodes))
		return 0;
	r = node_cpus_read(machine->root, &cpus);
	if (r == 0)
		r = node_cpus_format(&cpus, &value->nodes, out);
	if (r == -ENODEV || out->truncated)
		return -EINVAL;
	return r;
}

static int machine_unit_set(void *context, const char *unit, const struct setting_target *on,
			    const struct setting_value *value)
{
	struct clerk_machine *machine = context;
	char text[CPU_LIST_BYTES];
	struct strbuf out = STRBUF(text);
	int r = describe(machine, on, value, &out);

	if (r == 0)
		r = open_bus(machine);
	if (r < 0)
		return r;
	return note_hangup(machine, unit_setting_set(machine->bus, unit, on->id, value, text));
}

static int machine_unit_freeze(void *context, const char *unit, bool freeze)
{
	struct clerk_machine *machine = context;
	int r = open_bus(machine);

	return r < 0 ? r : note_hangup(machine, unit_bus_freeze(machine->bus, unit, freeze));
}

static int machine_unit_job(void *context, const char *unit, enum unit_verb verb)
{
	static const enum unit_job jobs[] = {
		[UNIT_START] = UNIT_JOB_START,
		[UNIT_STOP] = UNIT_JOB_STOP,
		[UNIT_RESTART] = UNIT_JOB_RESTART,
	};
	struct clerk_machine *machine = context;
	int r = open_bus(machine);

	return r < 0 ? r : note_hangup(machine, unit_bus_job(machine->bus, unit, jobs[verb]));
}

/* The agent is who has forked this worker, and this worker does not outlive it. */
static int find_agent(const struct clerk_machine *machine, struct canary_unit *canary)
{
	struct proc_stat stat;
	pid_t agent = getppid();
	int fd = proc_pid_open_stat(machine->root, agent, &stat);

	if (fd < 0)
		return fd;
	close(fd);
	canary->agent = agent;
	canary->agent_start_ticks = stat.start_ticks;
	return getppid() == agent ? 0 : -ESRCH;
}

static int machine_unit_arm(void *context, const struct work_unit *unit)
{
	struct clerk_machine *machine = context;
	struct canary_unit canary = {
		.unit = unit->unit,
		.slice = unit->slice,
		.bytes = unit->bytes,
		.has_node = unit->has_node,
		.node = unit->node,
		.program = machine->canary ? machine->canary : CANARY_PROGRAM,
		/* The manager is to give up before we do, and to say so. */
		.start_usec = machine->timeout_usec - machine->timeout_usec / ANSWER_PART,
	};
	int r = find_agent(machine, &canary);

	if (r < 0)
		return r;
	r = open_bus(machine);
	if (r == 0)
		return note_hangup(machine, canary_unit_start(machine->bus, &canary));
	if (r != -ENOTCONN)
		return r;
	r = canary_group_start(machine->root, &machine->layout, &canary, machine->words,
			       sizeof(machine->words));
	return r == 1 ? AS_AGENT : r;
}

static int machine_unit_disarm(void *context, const struct work_unit *unit)
{
	struct clerk_machine *machine = context;
	int r = open_bus(machine);

	if (r == 0)
		return note_hangup(machine, unit_bus_job(machine->bus, unit->unit, UNIT_JOB_STOP));
	if (r != -ENOTCONN)
		return r;
	return canary_group_end(machine->root, &machine->layout, unit->unit, unit->slice,
				machine->timeout_usec, machine->words, sizeof(machine->words));
}

static int machine_drop_in_remove(void *context, const char *unit, enum setting_id id)
{
	const struct clerk_machine *machine = context;

	return unit_setting_drop_in_remove(machine->directory, unit, id);
}

/* --- nodes and the host ----------------------------------------------------------------------- */

static int machine_node_free(void *context, unsigned node, int64_t *ret)
{
	const struct clerk_machine *machine = context;
	_cleanup_(closep) int fd = meminfo_open_node(machine->root, node);
	uint64_t free_bytes;
	int r;

	if (fd < 0)
		return fd;
	r = meminfo_read_free(fd, &free_bytes);
	if (r < 0)
		return r;
	*ret = (int64_t)MIN_OF(free_bytes, (uint64_t)INT64_MAX);
	return 0;
}

static int machine_node_room(void *context, unsigned node, int64_t *ret)
{
	const struct clerk_machine *machine = context;
	_cleanup_(closep) int fd = meminfo_open_node(machine->root, node);
	struct meminfo info;
	uint64_t clean, keep;
	int r;

	if (fd < 0)
		return fd;
	r = meminfo_read(fd, &info);
	if (r < 0)
		return r;
	clean = plus(meminfo_amount(&info, MEMINFO_ACTIVE_FILE),
		     meminfo_amount(&info, MEMINFO_INACTIVE_FILE));
	clean = less(clean, plus(meminfo_amount(&info, MEMINFO_DIRTY),
				 meminfo_amount(&info, MEMINFO_WRITEBACK)));
	keep = MIN_OF(meminfo_amount(&info, MEMINFO_TOTAL) / KEEP_PART, KEEP_MAX_BYTES);
	clean = less(plus(meminfo_amount(&info, MEMINFO_FREE), clean), keep);
	*ret = (int64_t)MIN_OF(clean, (uint64_t)INT64_MAX);
	return 0;
}

static int machine_node_reclaim(void *context, unsigned node, int64_t bytes)
{
	const struct clerk_machine *machine = context;

	return node_effect_reclaim(machine->root, node, (uint64_t)bytes);
}

static int machine_node_compact(void *context, unsigned node)
{
	const struct clerk_machine *machine = context;

	return node_effect_compact(machine->root, node);
}

static int machine_drop_slab(void *context)
{
	const struct clerk_machine *machine = context;

	return host_effect_drop_slab(machine->root);
}

static usec_t machine_now(void *context)
{
	(void)context;
	return clock_monotonic_usec();
}

static void machine_sleep(void *context, usec_t usec)
{
	(void)context;
	clock_sleep(usec);
}

int clerk_machine_open(struct clerk_machine *machine, usec_t timeout_usec, struct clerk_doors *ret)
{
	int r = 0;

	if (!machine->has_layout)
		r = cgroup_layout_open(machine->root, &machine->layout);
	if (r < 0)
		return r;
	machine->has_layout = true;
	machine->timeout_usec = timeout_usec;
	*ret = (struct clerk_doors){
		.limits_kill = machine->layout.controllers[CGROUP_MEMORY] == CGROUP_V2,
		.page_bytes = (int64_t)sysconf(_SC_PAGESIZE),
		.find = machine_find,
		.use = machine_use,
		.read = machine_read,
		.write = machine_write,
		.reclaim = machine_reclaim,
		.unit_of = machine_unit_of,
		.unit_set = machine_unit_set,
		.unit_freeze = machine_unit_freeze,
		.unit_job = machine_unit_job,
		.unit_arm = machine_unit_arm,
		.unit_disarm = machine_unit_disarm,
		.unit_words = machine_words,
		.drop_in_remove = machine_drop_in_remove,
		.node_free = machine_node_free,
		.node_room = machine_node_room,
		.node_reclaim = machine_node_reclaim,
		.node_compact = machine_node_compact,
		.drop_slab = machine_drop_slab,
		.now = machine_now,
		.sleep = machine_sleep,
		.context = machine,
	};
	return 0;
}

void clerk_machine_rest(struct clerk_machine *machine)
{
	machine->bus = unit_bus_close(machine->bus);
	machine->words[0] = '\0';
}

void clerk_machine_done(struct clerk_machine *machine)
{
	clerk_machine_rest(machine);
	if (machine->has_layout)
		cgroup_layout_done(&machine->layout);
	machine->has_layout = false;
}

/* A worker has one request at a time, and keeps what it has learnt of the machine. */
static struct clerk_machine own_machine;

void clerk_prepare(const struct sysroot *root)
{
	struct clerk_doors doors;

	own_machine.root = root;
	/* What cannot be opened now is tried again with each request. */
	(void)clerk_machine_open(&own_machine, 0, &doors);
	/* It took more than what comes will take. */
	(void)memlock_on_fault();
}

void clerk_work(const struct work_request *request, const struct work_channel *channel)
{
	struct work_reply reply = { .token = request->token, .final = true };
	usec_t timeout = request->deadline_usec;
	struct clerk_doors doors;
	int r;

	if (request->kind == WORK_SET)
		timeout /= CALLS_OF_A_SETTING;
	own_machine.root = channel->root;
	r = clerk_machine_open(&own_machine, timeout, &doors);
	if (r < 0) {
		reply.error = -r;
		(void)channel->reply(channel->context, &reply);
		return;
	}
	clerk_run(request, channel, &doors);
	clerk_machine_rest(&own_machine);
}
