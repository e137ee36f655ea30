/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/restart_log.h"

#include "util/macro.h"

#include <string.h>

/* FNV-1a, 64 bit. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

uint64_t restart_log_hash(const char *path)
{
	uint64_t hash = HASH_START;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * HASH_PRIME;
	return hash;
}

static const struct restart_path *find(const struct restart_log *log, uint64_t hash)
{
	for (size_t i = 0; i < RESTART_PATHS; i++)
		if (log->paths[i].used_at != 0 && log->paths[i].hash == hash)
			return &log->paths[i];
	return NULL;
}

static struct restart_path *find_to_change(struct restart_log *log, uint64_t hash)
{
	const struct restart_path *found = find(log, hash);

	return found ? &log->paths[found - log->paths] : NULL;
}

/* Sessions and timers go and never come back under their name: who came back is worth more. */
static bool is_worth_less(const struct restart_path *a, const struct restart_path *b)
{
	if ((a->count == 0) != (b->count == 0))
		return a->count == 0;
	return a->used_at < b->used_at;
}

static struct restart_path *make(struct restart_log *log, uint64_t hash)
{
	struct restart_path *least = &log->paths[0];

	for (size_t i = 1; i < RESTART_PATHS && least->used_at != 0; i++)
		if (is_worth_less(&log->paths[i], least))
			least = &log->paths[i];
	*least = (struct restart_path){ .hash = hash };
	return least;
}

void restart_log_gone(struct restart_log *log, uint64_t hash, bool by_oom, usec_t now)
{
	struct restart_path *path = find_to_change(log, hash);

	if (!path)
		path = make(log, hash);
	path->gone_at = path->used_at = MAX_OF(now, (usec_t)1);
	path->went_by_oom = by_oom;
	if (log->due_at == 0)
		log->due_at = now + RESTART_WINDOW_USEC;
}

bool restart_log_oom(struct restart_log *log, uint64_t hash)
{
	struct restart_path *path = find_to_change(log, hash);

	if (!path)
		return false;
	if (path->gone_at != 0)
		path->went_by_oom = true;
	if (path->gone_at != 0 || path->count == 0)
		return false;
	/* It is back already. */
	path->after_oom |= (uint16_t)(1u << (path->count - 1));
	return true;
}

/* The oldest of many gives way. */
static void add_time(struct restart_path *path, usec_t now)
{
	if (path->count == RESTART_TIMES) {
		memmove(path->at_sec, path->at_sec + 1,
			(RESTART_TIMES - 1) * sizeof(path->at_sec[0]));
		path->after_oom >>= 1;
		path->count--;
	}
	path->at_sec[path->count] = (uint32_t)(now / USEC_PER_SEC);
	if (path->went_by_oom)
		path->after_oom |= (uint16_t)(1u << path->count);
	path->count++;
}

bool restart_log_came(struct restart_log *log, uint64_t hash, usec_t now)
{
	struct restart_path *path = find_to_change(log, hash);

	if (!path || path->gone_at == 0)
		return false;
	add_time(path, now);
	path->gone_at = 0;
	path->went_by_oom = false;
	path->used_at = MAX_OF(now, (usec_t)1);
	if (log->due_at == 0)
		log->due_at = now + RESTART_WINDOW_USEC;
	return true;
}

struct restart_count restart_log_count(const struct restart_log *log, uint64_t hash)
{
	const struct restart_path *path = find(log, hash);

	if (!path)
		return (struct restart_count){ 0 };
	return (struct restart_count){
		.restarts = path->count,
		.after_oom = (unsigned)__builtin_popcount(path->after_oom),
	};
}

static bool is_old(uint32_t at_sec, usec_t now)
{
	return now >= at_sec * USEC_PER_SEC + RESTART_WINDOW_USEC;
}

static bool expire_path(struct restart_path *path, usec_t now)
{
	unsigned old = 0;

	while (old < path->count && is_old(path->at_sec[old], now))
		old++;
	memmove(path->at_sec, path->at_sec + old,
		(size_t)(path->count - old) * sizeof(path->at_sec[0]));
	path->after_oom = (uint16_t)(path->after_oom >> old);
	path->count = (uint8_t)(path->count - old);
	if (path->count == 0 && now >= path->used_at + RESTART_WINDOW_USEC)
		path->used_at = 0;
	return old > 0;
}

static usec_t due_at(const struct restart_path *path)
{
	usec_t first = path->count > 0 ? path->at_sec[0] * USEC_PER_SEC : path->used_at;

	return MIN_OF(first, path->used_at) + RESTART_WINDOW_USEC;
}

bool restart_log_expire(struct restart_log *log, usec_t now)
{
	bool any = false;

	if (log->due_at == 0 || now < log->due_at)
		return false;
	log->due_at = 0;
	for (size_t i = 0; i < RESTART_PATHS; i++) {
		struct restart_path *path = &log->paths[i];

		if (path->used_at == 0)
			continue;
		any |= expire_path(path, now);
		if (path->used_at != 0)
			log->due_at =
				log->due_at == 0 ? due_at(path) : MIN_OF(log->due_at, due_at(path));
	}
	return any;
}
