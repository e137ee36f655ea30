/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * All of the file has its memory from the start, which a store could not get later: a hole in a
 * full file system is a SIGBUS. What is used is touched, and locked by being touched.
 */

#include "engine/ledger_file.h"

#include "engine/ledger_image.h"
#include "util/macro.h"
#include "util/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BAD_NAME "ledger.bad"
/* So that a new entry meets a page that is there and locked already. */
#define TOUCHED_BLOCKS 256

#define PROCESS_GONE (-1) /* a search goes on behind it */

struct run {
	uint32_t first;
	uint32_t count; /* 0: no entry */
};

struct ledger_file {
	struct ledger_image *image;
	uint64_t last_tag;
	struct run runs[LEDGER_ENTRIES_MAX];
	uint64_t used_blocks[LEDGER_BLOCK_COUNT / 64];
	uint64_t used_processes[LEDGER_PROCESSES_MAX / 64];
};

/* Blocks. */

/* Nothing may be moved over it, in either direction: the compiler would not know why not. */
static void store_tag(uint64_t *tag, uint64_t value)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(tag, value, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static bool is_marked(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void mark(uint64_t *bits, size_t i, bool set)
{
	if (set)
		bits[i / 64] |= UINT64_C(1) << (i % 64);
	else
		bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static void mark_run(struct ledger_file *file, struct run run, bool set)
{
	for (size_t i = 0; i < run.count; i++)
		mark(file->used_blocks, run.first + i, set);
}

/* The first free blocks in a row, so that few pages are in use; count 0: there are none. */
static struct run find_run(const struct ledger_file *file, size_t count)
{
	size_t free_count = 0;

	for (size_t i = 0; i < LEDGER_RESERVE_FROM; i++) {
		if (i % 64 == 0 && file->used_blocks[i / 64] == UINT64_MAX) {
			free_count = 0;
			i += 63;
			continue;
		}
		free_count = is_marked(file->used_blocks, i) ? 0 : free_count + 1;
		if (free_count == count)
			return (struct run){ (uint32_t)(i + 1 - count), (uint32_t)count };
	}
	return (struct run){ 0 };
}

static void drop_run(struct ledger_file *file, struct run run)
{
	if (run.count == 0)
		return;
	store_tag(&file->image->blocks[run.first].tag, 0);
	mark_run(file, run, false);
}

static void move_to(struct ledger_file *file, size_t index, struct run run,
		    const struct ledger_text *text)
{
	struct run old = file->runs[index];

	ledger_text_scatter(&file->image->blocks[run.first], text);
	store_tag(&file->image->blocks[run.first].tag, ++file->last_tag);
	mark_run(file, run, true);
	file->runs[index] = run;
	drop_run(file, old);
}

int ledger_file_put(struct ledger_file *file, size_t index, const struct ledger_entry *entry)
{
	struct run old = file->runs[index], run;
	struct ledger_text text;

	ledger_text_write(&text, index, entry);
	run = find_run(file, ledger_text_blocks(&text));
	if (run.count > 0) {
		move_to(file, index, run, &text);
		return 0;
	}
	run = (struct run){ LEDGER_RESERVE_FROM, (uint32_t)ledger_text_blocks(&text) };
	if (run.count > old.count || is_marked(file->used_blocks, LEDGER_RESERVE_FROM))
		return -ENOSPC;
	move_to(file, index, run, &text);
	move_to(file, index, (struct run){ old.first, run.count }, &text);
	return 0;
}

void ledger_file_get(const struct ledger_file *file, size_t index, struct ledger_entry *ret)
{
	const struct run *run = &file->runs[index];
	struct ledger_text text;
	size_t count;

	/* What we wrote ourselves, or have read whole before. */
	if (ledger_text_gather(&file->image->blocks[run->first], run->count, &text, &count) < 0 ||
	    ledger_text_read(&text, &index, ret) < 0)
		memset(ret, 0, sizeof(*ret));
}

void ledger_file_remove(struct ledger_file *file, size_t index)
{
	drop_run(file, file->runs[index]);
	file->runs[index] = (struct run){ 0 };
}

/* Processes: a table by pid, with what does not fit at its place behind it. */

static size_t place_of(pid_t pid)
{
	return (size_t)pid % LEDGER_PROCESSES_MAX;
}

ssize_t ledger_file_find_process(const struct ledger_file *file, pid_t pid, uint64_t start_ticks)
{
	for (size_t i = 0; i < LEDGER_PROCESSES_MAX; i++) {
		size_t place = (place_of(pid) + i) % LEDGER_PROCESSES_MAX;
		const struct ledger_file_process *p = &file->image->processes[place];

		if (p->pid == 0)
			break;
		if (p->pid == pid && p->start_ticks == start_ticks)
			return (ssize_t)place;
	}
	return -1;
}

ssize_t ledger_file_next_process(const struct ledger_file *file, size_t from)
{
	for (size_t i = from; i < LEDGER_PROCESSES_MAX; i++) {
		if (i % 64 == 0 && file->used_processes[i / 64] == 0)
			i += 63;
		else if (is_marked(file->used_processes, i))
			return (ssize_t)i;
	}
	return -1;
}

const struct ledger_file_process *ledger_file_process(const struct ledger_file *file, size_t place)
{
	return &file->image->processes[place];
}

static void store_pid(struct ledger_file_process *process, int32_t pid)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&process->pid, pid, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int ledger_file_add_process(struct ledger_file *file, const struct ledger_file_process *process)
{
	for (size_t i = 0; i < LEDGER_PROCESSES_MAX; i++) {
		size_t place = (place_of(process->pid) + i) % LEDGER_PROCESSES_MAX;
		struct ledger_file_process *p = &file->image->processes[place];

		if (p->pid > 0)
			continue;
		p->start_ticks = process->start_ticks;
		p->entry = process->entry;
		p->base = process->base;
		p->set = process->set;
		store_pid(p, process->pid);
		mark(file->used_processes, place, true);
		return 0;
	}
	return -ENOSPC;
}

void ledger_file_set_process(struct ledger_file *file, size_t place, uint32_t entry, int16_t set)
{
	struct ledger_file_process *p = &file->image->processes[place];

	__atomic_store_n(&p->entry, entry, __ATOMIC_SEQ_CST);
	__atomic_store_n(&p->set, set, __ATOMIC_SEQ_CST);
}

/* Where nothing follows, nothing has to be searched on for. */
void ledger_file_remove_process(struct ledger_file *file, size_t place)
{
	struct ledger_file_process *table = file->image->processes;
	bool is_last = table[(place + 1) % LEDGER_PROCESSES_MAX].pid == 0;

	store_pid(&table[place], is_last ? 0 : PROCESS_GONE);
	mark(file->used_processes, place, false);
	while (is_last) {
		place = (place + LEDGER_PROCESSES_MAX - 1) % LEDGER_PROCESSES_MAX;
		if (table[place].pid != PROCESS_GONE)
			break;
		store_pid(&table[place], 0);
	}
}

/* Opening. */

struct loading {
	struct ledger_file *file;
	const struct ledger_image
		*old; /* a copy of the file: what is not used stays untouched there */
	struct ledger_place places[LEDGER_ENTRIES_MAX];
	bool has_bad;
};

static void drop_block(void *context, size_t first, bool is_damaged)
{
	struct loading *l = context;

	store_tag(&l->file->image->blocks[first].tag, 0);
	l->has_bad |= is_damaged;
}

static void load_entries(struct loading *l)
{
	struct ledger_file *file = l->file;

	ledger_image_find(l->old, l->places, drop_block, l);
	for (size_t i = 0; i < LEDGER_ENTRIES_MAX; i++) {
		const struct ledger_place *place = &l->places[i];

		if (place->tag == 0)
			continue;
		file->runs[i] = (struct run){ place->first, place->count };
		mark_run(file, file->runs[i], true);
		file->last_tag = MAX_OF(file->last_tag, place->tag);
	}
}

/* One whose entry is gone belongs to nobody: its base is back. */
static void load_process(struct loading *l, size_t place)
{
	const struct ledger_file_process *p = &l->old->processes[place];

	if (p->pid <= 0)
		return;
	mark(l->file->used_processes, place, true);
	if (p->entry >= LEDGER_ENTRIES_MAX || l->file->runs[p->entry].count == 0)
		ledger_file_remove_process(l->file, place);
}

/* Was it on its way through the reserve when the agent was killed? It goes to a place of its own,
 * which is there: the one that it had. */
static void clear_reserve(struct ledger_file *file)
{
	for (size_t i = 0; i < LEDGER_ENTRIES_MAX; i++) {
		struct ledger_entry entry;

		if (file->runs[i].count == 0 || file->runs[i].first < LEDGER_RESERVE_FROM)
			continue;
		ledger_file_get(file, i, &entry);
		(void)ledger_file_put(file, i, &entry);
	}
}

static void touch(const struct ledger_file *file)
{
	const volatile struct ledger_block *blocks = file->image->blocks;
	size_t ahead = TOUCHED_BLOCKS;

	for (size_t i = 0; i < LEDGER_BLOCK_COUNT && ahead > 0; i++) {
		if (!is_marked(file->used_blocks, i))
			ahead--;
		(void)blocks[i].tag;
	}
}

static void load(struct ledger_file *file, struct loading *l)
{
	load_entries(l);
	for (size_t i = 0; i < LEDGER_PROCESSES_MAX; i++)
		load_process(l, i);
	clear_reserve(file);
}

static int copy_aside(int directory_fd, const struct ledger_image *old)
{
	_cleanup_(closep) int fd =
		openat(directory_fd, BAD_NAME,
		       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : whole_write(fd, old, sizeof(*old));
}

static int map_image(int fd, struct ledger_image **ret)
{
	struct ledger_image *image = mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE,
					  fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (image == MAP_FAILED)
		return -errno;
	/* Without CAP_IPC_LOCK, or before 4.4, it stays unlocked, which only costs faults. */
	(void)mlock2(image, sizeof(*image), MLOCK_ONFAULT);
	*ret = image;
	return 0;
}

/* The file with all its memory, empty unless `keep`. */
static int prepare(int fd, bool keep)
{
	if (!keep && ftruncate(fd, 0) < 0)
		return -errno;
	return -posix_fallocate(fd, 0, sizeof(struct ledger_image));
}

static int open_image(struct ledger_file *file, int directory_fd, const char *boot_id,
		      bool *ret_was_bad)
{
	_cleanup_(closep) int fd = openat(directory_fd, LEDGER_FILE_NAME,
					  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	_cleanup_(freep) struct ledger_image *old = malloc(sizeof(*old));
	_cleanup_(freep) struct loading *l = calloc(1, sizeof(*l));
	int keep, r;

	if (fd < 0)
		return -errno;
	if (!old || !l)
		return -ENOMEM;
	keep = ledger_image_read(fd, boot_id, old, ret_was_bad);
	if (keep < 0)
		return keep;
	/* As well as can be: a full file system is no reason to do without a record. */
	if (*ret_was_bad)
		(void)copy_aside(directory_fd, old);
	r = prepare(fd, keep);
	if (r < 0)
		return r;
	r = map_image(fd, &file->image);
	if (r < 0)
		return r;
	if (!keep) {
		ledger_image_begin(file->image, boot_id);
		return 0;
	}
	l->file = file;
	l->old = old;
	load(file, l);
	if (l->has_bad)
		(void)copy_aside(directory_fd, old);
	*ret_was_bad = l->has_bad;
	return 0;
}

int ledger_file_open(int directory_fd, const char *boot_id,
		     void (*each)(void *context, size_t index, const struct ledger_entry *entry),
		     void *context, struct ledger_file **ret, bool *ret_was_bad)
{
	struct ledger_file *file = calloc(1, sizeof(*file));
	bool was_bad = false;
	int r;

	if (!file)
		return -ENOMEM;
	r = directory_fd < 0 ? map_image(-1, &file->image)
			     : open_image(file, directory_fd, boot_id, &was_bad);
	if (r < 0) {
		ledger_file_close(file);
		return r;
	}
	touch(file);
	for (size_t i = 0; i < LEDGER_ENTRIES_MAX; i++) {
		struct ledger_entry entry;

		if (file->runs[i].count == 0)
			continue;
		ledger_file_get(file, i, &entry);
		each(context, i, &entry);
	}
	*ret = file;
	*ret_was_bad = was_bad;
	return 0;
}

struct ledger_file *ledger_file_close(struct ledger_file *file)
{
	if (!file)
		return NULL;
	if (file->image)
		munmap(file->image, sizeof(*file->image));
	free(file);
	return NULL;
}
