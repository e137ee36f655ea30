/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/kmsg.h"

#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Levels of facility 0. What user space writes gets facility 1 or more (devkmsg_write()). */
#define KERNEL_PRIORITIES 8
/* The records of one kill are printed right behind each other; a serial console slows them down. */
#define TOGETHER_USEC UINT64_C(10000000)

int kmsg_open(const struct sysroot *root)
{
	_cleanup_(closep) int fd = -1;

	if (!root->live)
		return -ENOSYS;
	fd = sysroot_open_path(root, "dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (lseek(fd, 0, SEEK_END) < 0 && errno != ESPIPE)
		return -errno;
	return TAKE_FD(fd);
}

ssize_t kmsg_read(int fd, char *buffer, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buffer, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

int kmsg_parse(const char *data, size_t length, struct kmsg_record *ret)
{
	struct span rest = span_of(data, length), head, field, text;
	uint64_t priority, sequence, usec;
	const char *end = length ? memchr(data, ';', length) : NULL;

	if (!end)
		return -EINVAL;
	head = span_of(data, (size_t)(end - data));
	rest = span_skip(rest, head.length + 1);
	if (!span_next_field(&head, ',', &field) || span_u64(field, &priority) < 0)
		return -EINVAL;
	if (priority >= KERNEL_PRIORITIES)
		return -EPERM;
	if (!span_next_field(&head, ',', &field) || span_u64(field, &sequence) < 0 ||
	    !span_next_field(&head, ',', &field) || span_u64(field, &usec) < 0 ||
	    !span_next_field(&head, ',', &field) || field.length == 0)
		return -EINVAL;
	/* Lines behind the first one are the device's properties. */
	if (!span_next_field(&rest, '\n', &text))
		text = span_of(end, 0);
	*ret = (struct kmsg_record){
		.usec = usec,
		.sequence = sequence,
		.flag = field.data[0],
		.text = text.data,
		.length = text.length,
	};
	return 0;
}

/* Takes `prefix` off. */
static bool skip_prefix(struct span *s, const char *prefix)
{
	if (!span_starts(*s, prefix))
		return false;
	*s = span_skip(*s, strlen(prefix));
	return true;
}

static const char *find_last(struct span s, const char *what)
{
	size_t length = strlen(what);

	for (size_t i = s.length; i >= length && i > 0; i--)
		if (memcmp(s.data + i - length, what, length) == 0)
			return s.data + i - length;
	return NULL;
}

static const char *find_first(struct span s, const char *what)
{
	return s.length ? memmem(s.data, s.length, what, strlen(what)) : NULL;
}

static struct span before(struct span s, const char *end)
{
	return span_of(s.data, (size_t)(end - s.data));
}

static struct span behind(struct span s, const char *start, size_t skip)
{
	return span_skip(s, (size_t)(start - s.data) + skip);
}

/* Takes ",name=NUMBER" off the end. */
static bool cut_number(struct span *s, const char *name, uint64_t *ret)
{
	const char *at = find_last(*s, name);

	if (!at || span_u64(behind(*s, at, strlen(name)), ret) < 0)
		return false;
	*s = before(*s, at);
	return true;
}

static bool to_pid(uint64_t value, pid_t *ret)
{
	if (value == 0 || value > INT32_MAX)
		return false;
	*ret = (pid_t)value;
	return true;
}

/* Takes the number at the start off. */
static bool skip_pid(struct span *s, pid_t *ret)
{
	struct span digits = *s;
	uint64_t value;
	size_t n = 0;

	while (n < s->length && s->data[n] >= '0' && s->data[n] <= '9')
		n++;
	digits.length = n;
	if (span_u64(digits, &value) < 0 || !to_pid(value, ret))
		return false;
	*s = span_skip(*s, n);
	return true;
}

/* The next byte of escaped text; -1 for a NUL, which no name holds. */
static int unescape_one(struct span *s)
{
	int high, low, c = (unsigned char)s->data[0];

	if (c == '\\' && s->length >= 4 && s->data[1] == 'x') {
		high = span_hex_digit(s->data[2]);
		low = span_hex_digit(s->data[3]);
		if (high >= 0 && low >= 0) {
			*s = span_skip(*s, 4);
			c = high * 16 + low;
			return c == 0 ? -1 : c;
		}
	}
	*s = span_skip(*s, 1);
	return c == 0 ? -1 : c;
}

/* False: it did not fit, or is none. */
static bool unescape(struct span s, char *ret, size_t size)
{
	size_t length = 0;

	while (s.length > 0) {
		int c = unescape_one(&s);

		if (c < 0 || length + 1 >= size) {
			ret[length] = '\0';
			return false;
		}
		ret[length++] = (char)c;
	}
	ret[length] = '\0';
	return true;
}

static const struct {
	const char *name;
	enum kmsg_constraint constraint;
} constraints[] = {
	{ "CONSTRAINT_NONE", KMSG_CONSTRAINT_NONE },
	{ "CONSTRAINT_CPUSET", KMSG_CONSTRAINT_CPUSET },
	{ "CONSTRAINT_MEMORY_POLICY", KMSG_CONSTRAINT_MEMORY_POLICY },
	{ "CONSTRAINT_MEMCG", KMSG_CONSTRAINT_MEMCG },
};

static enum kmsg_constraint constraint_of(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(constraints); i++)
		if (span_is(name, constraints[i].name))
			return constraints[i].constraint;
	return KMSG_CONSTRAINT_UNKNOWN;
}

static void keep_tail(struct kmsg_reader *k, struct span tail, bool is_group)
{
	k->tail_length = MIN_OF(tail.length, sizeof(k->tail));
	memcpy(k->tail, tail.data, k->tail_length);
	k->tail_is_group = is_group;
}

/* The cgroup at its limit. */
static void keep_limit(struct kmsg_reader *k, struct span path)
{
	char buffer[KMSG_CGROUP_BYTES + 1];

	k->limit_known = span_starts(path, "/") && unescape(path, buffer, sizeof(buffer));
	if (k->limit_known)
		memcpy(k->limit, buffer + 1, strlen(buffer));
}

/* "A,task_memcg=B" with B in A, or equal to it: where A ends. Of several places the first one is
 * taken, with which both are as short as can be and below what A begins with. */
static struct span task_cgroup(struct kmsg_reader *k, struct span text)
{
	static const char key[] = ",task_memcg=";
	struct span rest = text;
	const char *at;

	while ((at = find_first(rest, key))) {
		struct span limited = before(text, at), task = behind(text, at, strlen(key));

		if (task.length >= limited.length &&
		    memcmp(task.data, limited.data, limited.length) == 0 &&
		    (limited.length == 1 || task.data[limited.length] == '/' ||
		     task.data[limited.length] == ',')) {
			keep_limit(k, limited);
			return task;
		}
		rest = behind(rest, at, 1);
	}
	return span_of(NULL, 0);
}

/* Which nodes it was kept to, by what stands in front of the cgroups: a nodemask, the name of a
 * cpuset, and what that allows. */
static void take_nodes(struct kmsg_reader *k, struct span text)
{
	static const char mask[] = "nodemask=", allowed[] = ",mems_allowed=";
	const char *at = find_last(text, allowed);
	struct span list = span_of(NULL, 0);

	if (k->constraint == KMSG_CONSTRAINT_CPUSET && at)
		list = behind(text, at, strlen(allowed));
	else if (k->constraint == KMSG_CONSTRAINT_MEMORY_POLICY && skip_prefix(&text, mask) &&
		 (at = find_first(text, ",cpuset=")))
		list = before(text, at);
	k->nodes_known = list.length > 0 && span_idset(list, &k->nodes) == 0;
}

/* The rest of "oom-kill:". A cpuset's name has no slash, so the first place where a path begins
 * behind one of these words is the kernel's own. */
static bool take_summary(struct kmsg_reader *k, struct span text)
{
	static const char global[] = ",global_oom,task_memcg=/", limited[] = ",oom_memcg=/";
	struct span constraint, tail;
	const char *at, *other;
	uint64_t uid, pid;

	if (!skip_prefix(&text, "constraint=") || !span_next_field(&text, ',', &constraint) ||
	    !span_starts(text, "nodemask=") || !cut_number(&text, ",uid=", &uid) ||
	    !cut_number(&text, ",pid=", &pid) || !to_pid(pid, &k->pid))
		return false;
	k->constraint = constraint_of(constraint);
	at = find_first(text, global);
	other = find_first(text, limited);
	if (at && (!other || at < other))
		tail = behind(text, at, sizeof(global) - 2);
	else if (other)
		tail = task_cgroup(k, behind(text, other, sizeof(limited) - 2));
	else
		tail = span_of(NULL, 0);
	if (at || other)
		take_nodes(k, before(text, at && (!other || at < other) ? at : other));
	if (tail.length > 0)
		keep_tail(k, tail, false);
	else
		k->tail_length = 0;
	return true;
}

static void forget(struct kmsg_reader *k)
{
	k->constraint = KMSG_CONSTRAINT_UNKNOWN;
	k->pid = 0;
	k->tail_length = 0;
	k->tail_is_group = false;
	k->limit_known = false;
	k->nodes_known = false;
}

/* The name of a process, as far as its length tells. */
static bool is_comm(struct span s)
{
	char comm[KMSG_COMM_BYTES];

	return unescape(s, comm, sizeof(comm));
}

/* "x invoked oom-killer: gfp_mask=0xd0, order=2, oom_score_adj=0" */
static bool take_request(struct kmsg_reader *k, struct span text)
{
	static const char key[] = " invoked oom-killer: gfp_mask=0x", mask[] = ", nodemask=";
	static const char order[] = " order=";
	const char *at = find_last(text, key), *end;
	struct kmsg_request request = { .is_known = true };
	struct span rest, digits;
	uint64_t value;

	if (!at || !is_comm(before(text, at)))
		return false;
	text = behind(text, at, strlen(key));
	at = find_last(text, order);
	if (!at)
		return false;
	rest = behind(text, at, strlen(order));
	if (!span_next_field(&rest, ',', &digits))
		return false;
	request.by_hand = span_is(digits, "-1");
	if (!request.by_hand) {
		if (span_u64(digits, &value) < 0 || value > INT32_MAX)
			return false;
		request.order = (unsigned)value;
	}
	text = before(text, at);
	/* One blank or two. */
	while (text.length > 0 && strchr(", ", text.data[text.length - 1]))
		text.length--;
	end = find_last(text, mask);
	if (end)
		request.is_nodemask = request.nodes_known =
			span_idset(behind(text, end, strlen(mask)), &request.nodes) == 0;
	forget(k);
	k->request = request;
	return true;
}

/* "x cpuset=/ mems_allowed=0-1", of who asked. */
static bool take_allowed(struct kmsg_reader *k, struct span text)
{
	static const char key[] = " mems_allowed=";
	const char *at = find_last(text, key), *name = find_first(text, " cpuset=");
	struct idset nodes;

	if (!k->request.is_known || k->request.is_answered || !at || !name ||
	    !is_comm(before(text, name)) || span_idset(behind(text, at, strlen(key)), &nodes) < 0)
		return false;
	if (!k->request.is_nodemask) {
		k->request.nodes = nodes;
		k->request.nodes_known = true;
	}
	return true;
}

/* What goes before a kill. True: it was one of these lines. */
static bool take_preamble(struct kmsg_reader *k, struct span text)
{
	static const char group[] = " are going to be killed due to memory.oom.group set";
	static const char limit[] = " killed as a result of limit of /";
	struct span rest = text;
	const char *at;

	if (skip_prefix(&rest, "oom-kill:")) {
		forget(k);
		return take_summary(k, rest);
	}
	if (skip_prefix(&rest, "Tasks in ") && span_ends(rest, group)) {
		rest.length -= strlen(group);
		keep_tail(k, rest, true);
		return true;
	}
	rest = text;
	if (skip_prefix(&rest, "Task in ") && (at = find_last(rest, limit))) {
		forget(k);
		keep_tail(k, before(rest, at), true);
		keep_limit(k, behind(rest, at, strlen(limit) - 1));
		k->constraint = KMSG_CONSTRAINT_MEMCG;
		return true;
	}
	return take_request(k, text) || take_allowed(k, text);
}

/* The words in front of "Killed process", and of "Kill process" once. */
static const struct {
	const char *words;
	enum kmsg_constraint constraint;
} reasons[] = {
	{ "Memory cgroup out of memory: ", KMSG_CONSTRAINT_MEMCG },
	/* The host, a cpuset or a policy. */
	{ "Out of memory: ", KMSG_CONSTRAINT_UNKNOWN },
	{ "Out of memory (oom_kill_allocating_task): ", KMSG_CONSTRAINT_UNKNOWN },
};

static void take_cgroup(const struct kmsg_reader *k, struct span comm, struct kmsg_finding *f)
{
	static const char key[] = ",task=";
	struct span tail = span_of(k->tail, k->tail_length);
	char path[KMSG_CGROUP_BYTES + 1];
	const char *at;

	if (tail.length == 0 || (!k->tail_is_group && k->pid != f->pid))
		return;
	if (!k->tail_is_group) {
		size_t all = comm.length + strlen(key);

		/* By the name that this line gives; a thread may have renamed the process since. */
		at = tail.length >= all ? tail.data + tail.length - all : NULL;
		if (!at || memcmp(at, key, strlen(key)) != 0 ||
		    memcmp(at + strlen(key), comm.data, comm.length) != 0)
			at = find_last(tail, key);
		if (!at)
			return;
		tail = before(tail, at);
	}
	if (!span_starts(tail, "/"))
		return;
	(void)unescape(tail, path, sizeof(path));
	memcpy(f->cgroup, path + 1, strlen(path));
	f->cgroup_known = true;
}

/* Is `limit` the cgroup, or one above it? Then it is so much of its path. */
static void take_limit(const struct kmsg_reader *k, struct kmsg_finding *f)
{
	size_t length = strlen(k->limit);

	if (f->constraint != KMSG_CONSTRAINT_MEMCG || !k->limit_known || !f->cgroup_known)
		return;
	f->limit_known = strncmp(f->cgroup, k->limit, length) == 0 &&
			 (length == 0 || f->cgroup[length] == '\0' || f->cgroup[length] == '/');
	f->limit_length = f->limit_known ? length : 0;
}

/* The first lines of a report may be left out where there are many; those of one before do not
 * count for the next. */
static void take_asked(struct kmsg_reader *k, bool told, struct kmsg_finding *f)
{
	struct kmsg_request *request = &k->request;

	if (told && k->nodes_known) {
		f->nodes = k->nodes;
		f->nodes_known = true;
	}
	if (!request->is_known || (request->is_answered && !k->tail_is_group))
		return;
	f->order = request->order;
	f->order_known = !request->by_hand;
	f->by_hand = request->by_hand;
	if (f->constraint == KMSG_CONSTRAINT_UNKNOWN && request->nodes_known) {
		f->nodes = request->nodes;
		f->nodes_known = true;
	}
	request->is_answered = true;
}

/* "9 (x) total-vm:...", and with ", UID 0," in between on some. Behind the name there are no
 * parentheses. */
static bool take_killed(struct kmsg_reader *k, struct span text, enum kmsg_constraint constraint,
			struct kmsg_finding *f)
{
	const char *end;
	struct span comm;
	bool told;

	if (!skip_pid(&text, &f->pid) || !skip_prefix(&text, " (") ||
	    !find_last(text, " total-vm:"))
		return false;
	end = find_last(text, ")");
	if (!end)
		return false;
	comm = before(text, end);
	if (!unescape(comm, f->comm, sizeof(f->comm)))
		return false;
	f->kind = KMSG_OOM_KILL;
	f->constraint = constraint;
	/* Those who are killed as a group follow the one that was chosen. */
	told = k->constraint != KMSG_CONSTRAINT_UNKNOWN &&
	       (k->pid == 0 || k->pid == f->pid || k->tail_is_group);
	if (told)
		f->constraint = k->constraint;
	take_cgroup(k, comm, f);
	take_limit(k, f);
	take_asked(k, told, f);
	return true;
}

/* Nothing says where a group ends, and what begins the next report may be left out. But that has
 * one reason for all of it: a line with another one is of another kill. */
static void leave_group(struct kmsg_reader *k, enum kmsg_constraint reason)
{
	bool is_limit = reason == KMSG_CONSTRAINT_MEMCG;

	if (k->tail_is_group && k->constraint != KMSG_CONSTRAINT_UNKNOWN &&
	    is_limit != (k->constraint == KMSG_CONSTRAINT_MEMCG))
		forget(k);
}

static bool take_kill(struct kmsg_reader *k, struct span text, struct kmsg_finding *f)
{
	enum kmsg_constraint constraint = KMSG_CONSTRAINT_UNKNOWN;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (skip_prefix(&text, reasons[i].words)) {
			constraint = reasons[i].constraint;
			leave_group(k, constraint);
			break;
		}
	if (skip_prefix(&text, "Kill process ")) {
		if (constraint != KMSG_CONSTRAINT_UNKNOWN)
			k->constraint = constraint;
		return false;
	}
	return skip_prefix(&text, "Killed process ") && take_killed(k, text, constraint, f);
}

/* "x: page allocation failure: order:2, mode:...". The name is at most as long as a process's can
 * be, so that no device's name that another message begins with passes for one. */
static bool take_failure(struct span text, struct kmsg_finding *f)
{
	static const char *const keys[] = {
		": page allocation failure: order:",
		": page allocation failure. order:", /* before 3.5 */
	};
	struct span digits, comm;
	const char *at = NULL;
	uint64_t order;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys) && !at; i++)
		at = find_last(text, keys[i]);
	if (!at)
		return false;
	comm = before(text, at);
	text = behind(text, at, strlen(keys[i - 1]));
	if (!span_next_field(&text, ',', &digits) || span_u64(digits, &order) < 0 || order > 64 ||
	    !span_starts(text, " mode:0x"))
		return false;
	if (!unescape(comm, f->comm, sizeof(f->comm)))
		return false;
	f->kind = KMSG_ALLOC_FAILURE;
	f->order = (unsigned)order;
	f->order_known = true;
	return true;
}

static bool understand(struct kmsg_reader *k, struct span text, struct kmsg_finding *f)
{
	bool found = take_kill(k, text, f) || take_failure(text, f);

	k->line_done = found || take_preamble(k, text);
	return found;
}

/* A line in parts: up to 4.8 'c' is the first one and '+' the next ones; after that 'c' goes on
 * with what came before. */
static bool goes_on(const struct kmsg_reader *k, const struct kmsg_record *r)
{
	if (k->line_length == 0 || k->line_done || r->sequence != k->sequence + 1)
		return false;
	return r->flag == '+' || r->flag == 'c';
}

bool kmsg_take(struct kmsg_reader *k, const struct kmsg_record *r, struct kmsg_finding *ret)
{
	struct kmsg_finding f = { .usec = r->usec };
	/* Each CPU has a clock of its own, so the next record may be of a moment before. */
	uint64_t apart = r->usec > k->usec ? r->usec - k->usec : k->usec - r->usec;
	size_t kept, length;
	bool found;

	if (apart > TOGETHER_USEC) {
		forget(k);
		k->request.is_known = false;
	}
	kept = goes_on(k, r) ? k->line_length : 0;
	length = MIN_OF(r->length, sizeof(k->line) - kept);
	memcpy(k->line + kept, r->text, length);
	k->line_length = kept + length;
	k->line_done = false;
	k->usec = r->usec;
	k->sequence = r->sequence;
	found = understand(k, span_of(k->line, k->line_length), &f);
	/* In the first era this was the beginning of a line, and not the end of the one before. */
	if (!found && !k->line_done && kept > 0 && r->flag == 'c') {
		memmove(k->line, k->line + kept, length);
		k->line_length = length;
		found = understand(k, span_of(k->line, length), &f);
	}
	if (found)
		*ret = f;
	return found;
}
