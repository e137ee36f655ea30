/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/snapshot.h"

#include <string.h>

uint64_t service_key(const struct service *s)
{
	if (s->inode)
		return s->inode;

	/* FNV-1a, 64 bits: stable over runs, so that plans of a fixture compare. */
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char *c = s->path; *c; c++) {
		hash ^= (uint8_t)*c;
		hash *= UINT64_C(1099511628211);
	}
	return hash ? hash : 1;
}

const struct node *snapshot_node(const struct snapshot *s, unsigned id)
{
	for (size_t i = 0; i < s->node_count; i++)
		if (s->nodes[i].id == id)
			return &s->nodes[i];
	return NULL;
}

const struct service *snapshot_service(const struct snapshot *s, uint64_t key)
{
	for (size_t i = 0; i < s->service_count; i++)
		if (service_key(&s->services[i]) == key)
			return &s->services[i];
	return NULL;
}

const struct canary_status *snapshot_canary(const struct snapshot *s, uint64_t key)
{
	for (size_t i = 0; i < s->canary_count; i++)
		if (s->canaries[i].key == key)
			return &s->canaries[i];
	return NULL;
}

struct reading snapshot_reading(const struct snapshot *s, struct subject subject, enum metric_id id)
{
	enum scope scope = metric_get(id)->scope;

	if (scope == SCOPE_HOST)
		return s->host.readings[metric_index(id)];
	if (scope != subject.scope)
		return READING_NONE;
	if (scope == SCOPE_NODE) {
		const struct node *node = snapshot_node(s, (unsigned)subject.key);

		return node ? node->readings[metric_index(id)] : READING_NONE;
	}
	if (scope == SCOPE_CANARY) {
		const struct canary_status *canary = snapshot_canary(s, subject.key);

		return canary ? canary->readings[metric_index(id)] : READING_NONE;
	}
	const struct service *service = snapshot_service(s, subject.key);

	return service ? service->readings[metric_index(id)] : READING_NONE;
}
