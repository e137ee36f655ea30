/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "explain/unit_name.h"
#include "util/macro.h"
#include "util/strbuf.h"
#include "util/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

_printf_(1, 2) static void complain(const char *format, ...)
{
	char text[1024], clean[1024];
	struct strbuf b = STRBUF(clean);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	strbuf_add_name(&b, text);
	fprintf(stderr, "oomwarden explain: %s\n", clean);
}

static int find_node(const struct explain_report *report, const char *number,
		     struct explain_target *ret)
{
	uint64_t id;
	char nodes[256];
	struct strbuf b = STRBUF(nodes);

	if (text_to_u64(number, &id) == 0 && id < IDSET_BITS) {
		ret->kind = EXPLAIN_NODE;
		ret->node = snapshot_node(report->snapshot, (unsigned)id);
		if (ret->node)
			return 0;
	}
	idset_format(&report->snapshot->memory_nodes, &b);
	complain("there is no node %s with memory here; there is %s", number, nodes);
	return -ENOENT;
}

static int find_process(const struct explain_report *report, uint64_t pid,
			struct explain_target *ret)
{
	for (size_t i = 0; i < report->tasks.count; i++)
		if ((uint64_t)report->tasks.tasks[i].pid == pid) {
			ret->kind = EXPLAIN_PROCESS;
			ret->task = i;
			return 0;
		}
	complain("there is no process %" PRIu64 " here", pid);
	return -ENOENT;
}

/* How well the operand names the service; a guest's own name is as good as a unit's. */
static enum unit_match match(const struct service *s, const char *asked)
{
	enum unit_match best = unit_name_match(s->path, asked);

	return strcmp(s->name, asked) == 0 && best < UNIT_END ? UNIT_END : best;
}

/* Of cgroups in one another that hold what is asked for the innermost is meant. */
static bool is_closer(const struct service *a, const struct service *b, enum unit_match how)
{
	return how == UNIT_WITHIN && strlen(a->path) > strlen(b->path);
}

/* A path names one service, a name perhaps several. */
static int find_service(const struct explain_report *report, const char *name,
			struct explain_target *ret)
{
	const struct snapshot *s = report->snapshot;
	const struct service *found = NULL;
	enum unit_match best = UNIT_OTHER;
	size_t count = 0;

	ret->kind = EXPLAIN_SERVICE;
	for (size_t i = 0; i < s->service_count; i++) {
		const struct service *service = &s->services[i];
		enum unit_match how = match(service, name);

		if (how == UNIT_OTHER || how < best)
			continue;
		if (how > best || is_closer(service, found, how)) {
			best = how;
			found = service;
			count = 1;
		} else if (how != UNIT_WITHIN) {
			count++;
		}
	}
	ret->service = found;
	if (count <= 1)
		return 0;
	complain("%s may be any of these; say which by its path:", name);
	for (size_t i = 0; i < s->service_count; i++)
		if (match(&s->services[i], name) == best)
			complain("  %s", s->services[i].path);
	return -ENOENT;
}

/* A cgroup that is there and that no policy matches. */
static bool is_unmatched(const struct explain_report *report, const char *name)
{
	const char *path = name[0] == '/' ? name + 1 : name;
	size_t length = strlen(path);

	for (size_t i = 0; length > 0 && i < report->tasks.count; i++) {
		const char *cgroup = report->tasks.tasks[i].cgroup;

		if (!cgroup)
			continue;
		if (unit_name_match(cgroup, name) >= UNIT_UNESCAPED ||
		    (strncmp(cgroup, path, length) == 0 && cgroup[length] == '/'))
			return true;
	}
	return false;
}

static void complain_unknown(const struct explain_report *report, const char *name)
{
	const struct snapshot *s = report->snapshot;
	size_t count = 0, room = 2 * s->service_count + 1;
	_cleanup_(freep) const char **names = calloc(room, sizeof(*names));
	const char *near = NULL;

	if (is_unmatched(report, name)) {
		complain("%s is there, but no policy matches it, so no rule is about it; its "
			 "processes can be explained by their PIDs",
			 name);
		return;
	}
	if (names) {
		names[count++] = "host";
		for (size_t i = 0; i < s->service_count; i++) {
			names[count++] = s->services[i].name;
			names[count++] = last_component(s->services[i].path);
		}
		near = diag_nearest(name, names, count);
	}
	if (near)
		complain("there is no host, node, service or process '%s'; did you mean '%s'?",
			 name, near);
	else
		complain("there is no host, node, service or process '%s'; 'oomwarden status "
			 "--all' lists "
			 "the services",
			 name);
}

int explain_find(const struct explain_report *report, const char *const *operands, size_t count,
		 struct explain_target *ret)
{
	struct explain_target target = { .task = BADNESS_NOBODY };
	uint64_t pid;
	int r;

	if (count == 2)
		r = find_node(report, operands[1], &target);
	else if (strcmp(operands[0], "host") == 0)
		r = 0;
	else if (text_to_u64(operands[0], &pid) == 0)
		r = find_process(report, pid, &target);
	else
		r = find_service(report, operands[0], &target);
	if (r < 0)
		return r;
	if (target.kind == EXPLAIN_SERVICE && !target.service) {
		complain_unknown(report, operands[0]);
		return -ENOENT;
	}
	*ret = target;
	return 0;
}

bool explain_subject_of(const struct explain_report *report, struct subject *ret)
{
	const struct explain_target *target = &report->target;
	const struct service *service = target->service;

	switch (target->kind) {
	case EXPLAIN_HOST:
		*ret = (struct subject){ .scope = SCOPE_HOST };
		return true;
	case EXPLAIN_NODE:
		*ret = (struct subject){ SCOPE_NODE, target->node->id };
		return true;
	case EXPLAIN_PROCESS:
		service = victim_service(&report->field, target->task);
		break;
	case EXPLAIN_SERVICE:
		break;
	}
	if (!service)
		return false;
	*ret = (struct subject){ SCOPE_SERVICE, service_key(service) };
	return true;
}
