/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/cli.h"
#include "cli/service_find.h"
#include "explain/unit_name.h"
#include "util/macro.h"
#include "util/strbuf.h"
#include "util/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
	(void)cli_complain("explain", "there is no node %s with memory here; there is %s", number,
			   nodes);
	return -ENOENT;
}

static int find_process(const struct explain_report *report, uint64_t pid,
			struct explain_target *ret)
{
	for (size_t i = 0; i < report->victims.tasks.count; i++)
		if ((uint64_t)report->victims.tasks.tasks[i].pid == pid) {
			ret->kind = EXPLAIN_PROCESS;
			ret->task = i;
			return 0;
		}
	(void)cli_complain("explain", "there is no process %" PRIu64 " here", pid);
	return -ENOENT;
}

/* A path names one service, a name perhaps several. */
static int find_service(const struct explain_report *report, const char *name,
			struct explain_target *ret)
{
	const struct snapshot *s = report->snapshot;
	size_t count;

	ret->kind = EXPLAIN_SERVICE;
	ret->service = service_find(s, name, &count);
	if (count <= 1)
		return 0;
	(void)cli_complain("explain", "%s may be any of these; say which by its path:", name);
	for (size_t i = 0; i < s->service_count; i++)
		if (service_find_is_like(&s->services[i], ret->service, name))
			(void)cli_complain("explain", "  %s", s->services[i].path);
	return -ENOENT;
}

/* A cgroup that is there and that no policy matches. */
static bool is_unmatched(const struct explain_report *report, const char *name)
{
	const char *path = name[0] == '/' ? name + 1 : name;
	size_t length = strlen(path);

	for (size_t i = 0; length > 0 && i < report->victims.tasks.count; i++) {
		const char *cgroup = report->victims.tasks.tasks[i].cgroup;

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
	const char *near;

	if (is_unmatched(report, name)) {
		(void)cli_complain(
			"explain",
			"%s is there, but no policy matches it, so no rule is about it; its "
			"processes can be explained by their PIDs",
			name);
		return;
	}
	near = service_find_nearest(s, name, "host");
	if (near)
		(void)cli_complain(
			"explain",
			"there is no host, node, service or process '%s'; did you mean '%s'?", name,
			near);
	else
		(void)cli_complain(
			"explain",
			"there is no host, node, service or process '%s'; 'oomwarden status "
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
		service = victim_service(&report->victims.field, target->task);
		break;
	case EXPLAIN_SERVICE:
		break;
	}
	if (!service)
		return false;
	*ret = (struct subject){ SCOPE_SERVICE, service_key(service) };
	return true;
}
