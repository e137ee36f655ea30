/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The file is a head, blocks of 128 bytes, and a table of processes.
 *
 * An entry takes as many blocks in a row as it needs, three for most. The first eight bytes of a
 * block are its tag: of an entry's first block a number that counts up, of any other zero. An entry
 * is there from the one store that gives its first block a tag, until the one that takes it away.
 * To change it, the new text is written to free blocks and tagged, and then the old one's tag goes:
 * killed before the first store there is the old one, between the two there are both, and the
 * higher number counts.
 *
 * What is given back has to find room even when all is full, so a run of blocks at the end is kept
 * for an entry on its way to the place that it had.
 *
 * All of the file has its memory from the start, which a store could not get later: a hole in a
 * full file system is a SIGBUS. What is used is touched, and locked by being touched.
 */

#include "engine/ledger_file.h"

#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "ledger"
#define BAD_NAME  "ledger.bad"
/* Another number whenever anything that lies in the file changes its form or meaning. */
#define MAGIC "oomwarden ledger 1"

#define BLOCK_BYTES 120
#define BLOCK_COUNT 16384
/* The longest entry: path and names in full, eight claims, all of node sets. */
#define ENTRY_BYTES_MAX	 3072
#define ENTRY_BLOCKS_MAX ((ENTRY_BYTES_MAX + BLOCK_BYTES - 1) / BLOCK_BYTES)
#define RESERVE_FROM	 (BLOCK_COUNT - ENTRY_BLOCKS_MAX)
/* So that a new entry meets a page that is there and locked already. */
#define TOUCHED_BLOCKS 256

#define PROCESS_GONE (-1) /* a search goes on behind it */

struct file_head {
	char magic[24];
	char boot_id[64];
	uint32_t block_count;
	uint32_t process_count;
};

struct block {
	uint64_t tag;
	uint8_t bytes[BLOCK_BYTES];
};

struct image {
	struct file_head head;
	uint8_t unused[4096 - sizeof(struct file_head)];
	struct block blocks[BLOCK_COUNT];
	struct ledger_file_process processes[LEDGER_PROCESSES_MAX];
};

/* In front of an entry's text, and part of what the checksum is of but for itself. */
struct text_head {
	uint64_t checksum;
	uint32_t length; /* with this head */
	uint32_t index;
};

struct run {
	uint32_t first;
	uint32_t count; /* 0: no entry */
};

struct ledger_file {
	struct image *image;
	uint64_t last_tag;
	struct run runs[LEDGER_ENTRIES_MAX];
	uint64_t used_blocks[BLOCK_COUNT / 64];
	uint64_t used_processes[LEDGER_PROCESSES_MAX / 64];
};

/* Text: fields one after the other. */

struct text {
	uint8_t bytes[ENTRY_BYTES_MAX];
	size_t length;
	size_t at; /* while it is read */
	bool is_bad;
};

_Static_assert(sizeof(struct text_head) + sizeof(struct ledger_entry) + 128 <= ENTRY_BYTES_MAX,
	       "the longest entry has room");

static void put(struct text *text, const void *data, size_t length)
{
	memcpy(text->bytes + text->length, data, length);
	text->length += length;
}

static void take(struct text *text, void *ret, size_t length)
{
	if (text->is_bad || length > text->length - text->at) {
		text->is_bad = true;
		memset(ret, 0, length);
		return;
	}
	memcpy(ret, text->bytes + text->at, length);
	text->at += length;
}

static void put_number(struct text *text, uint32_t number)
{
	put(text, &number, sizeof(number));
}

static uint32_t take_number(struct text *text, uint32_t most)
{
	uint32_t number;

	take(text, &number, sizeof(number));
	text->is_bad |= number > most;
	return text->is_bad ? 0 : number;
}

static void put_string(struct text *text, const char *string, size_t size)
{
	size_t length = strnlen(string, size - 1);

	put_number(text, (uint32_t)length);
	put(text, string, length);
}

static void take_string(struct text *text, char *ret, size_t size)
{
	size_t length = take_number(text, (uint32_t)size - 1);

	take(text, ret, length);
	ret[length] = '\0';
	text->is_bad |= strlen(ret) != length;
}

static bool has_nodes(enum setting_id id)
{
	return setting_get(id)->unit == UNIT_NODES;
}

static void put_value(struct text *text, enum setting_id id, const struct setting_value *value)
{
	put(text, &value->number, sizeof(value->number));
	put_number(text, value->is_ratio);
	if (has_nodes(id))
		put(text, &value->nodes, sizeof(value->nodes));
}

static void take_value(struct text *text, enum setting_id id, struct setting_value *ret)
{
	memset(ret, 0, sizeof(*ret));
	take(text, &ret->number, sizeof(ret->number));
	ret->is_ratio = take_number(text, 1);
	if (has_nodes(id))
		take(text, &ret->nodes, sizeof(ret->nodes));
}

static void put_claim(struct text *text, enum setting_id id, const struct ledger_claim *claim)
{
	put_number(text, claim->owner.kind);
	put_number(text, claim->owner.scope);
	put(text, &claim->owner.subject_key, sizeof(claim->owner.subject_key));
	put_string(text, claim->owner.name, sizeof(claim->owner.name));
	put_value(text, id, &claim->value);
}

static void take_claim(struct text *text, enum setting_id id, struct ledger_claim *ret)
{
	ret->owner.kind = (enum claim_kind)take_number(text, CLAIM_REMEDY);
	ret->owner.scope = (enum scope)take_number(text, SCOPE_COUNT_ - 1);
	take(text, &ret->owner.subject_key, sizeof(ret->owner.subject_key));
	take_string(text, ret->owner.name, sizeof(ret->owner.name));
	take_value(text, id, &ret->value);
}

/* FNV-1a by words: damage is to be found, not an enemy, who could write to the host himself. */
static uint64_t checksum_of(const struct text *text)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = sizeof(uint64_t); i < text->length; i += sizeof(uint64_t)) {
		uint64_t word = 0;

		memcpy(&word, text->bytes + i, MIN_OF(text->length - i, sizeof(word)));
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum ^= sum >> 29;
	}
	return sum;
}

static void write_text(struct text *text, size_t index, const struct ledger_entry *entry)
{
	enum setting_id id = entry->on.id;
	struct text_head head = { .index = (uint32_t)index };

	text->length = 0;
	put(text, &head, sizeof(head));
	put_number(text, id);
	put(text, &entry->on.key, sizeof(entry->on.key));
	put(text, &entry->on.detail, sizeof(entry->on.detail));
	put_string(text, entry->path, sizeof(entry->path));
	put_number(text, entry->door);
	put_number(text, entry->had_drop_in);
	put_number(text, entry->state);
	put_value(text, id, &entry->base);
	put_value(text, id, &entry->intended);
	put_value(text, id, &entry->found);
	put_value(text, id, &entry->before);
	put_number(text, (uint32_t)entry->claim_count);
	for (size_t i = 0; i < entry->claim_count; i++)
		put_claim(text, id, &entry->claims[i]);
	head.length = (uint32_t)text->length;
	memcpy(text->bytes, &head, sizeof(head));
	head.checksum = checksum_of(text);
	memcpy(text->bytes, &head, sizeof(head));
}

static int read_text(struct text *text, size_t *ret_index, struct ledger_entry *ret)
{
	struct text_head head;
	enum setting_id id;

	text->at = 0;
	text->is_bad = false;
	take(text, &head, sizeof(head));
	text->is_bad |= head.checksum != checksum_of(text) || head.index >= LEDGER_ENTRIES_MAX;
	id = (enum setting_id)take_number(text, SETTING_COUNT_ - 1);
	memset(&ret->on, 0, sizeof(ret->on));
	ret->on.id = id;
	take(text, &ret->on.key, sizeof(ret->on.key));
	take(text, &ret->on.detail, sizeof(ret->on.detail));
	take_string(text, ret->path, sizeof(ret->path));
	ret->door = (enum cgroup_owner)take_number(text, OWNER_OTHER);
	ret->had_drop_in = take_number(text, 1);
	ret->state = (enum entry_state)take_number(text, ENTRY_RETURNING);
	take_value(text, id, &ret->base);
	take_value(text, id, &ret->intended);
	take_value(text, id, &ret->found);
	take_value(text, id, &ret->before);
	ret->claim_count = take_number(text, LEDGER_CLAIMS_MAX);
	for (size_t i = 0; i < ret->claim_count; i++)
		take_claim(text, id, &ret->claims[i]);
	text->is_bad |= text->at != text->length || ret->state == ENTRY_FREE;
	*ret_index = head.index;
	return text->is_bad ? -EBADMSG : 0;
}

/* Blocks. */

static size_t blocks_of(size_t bytes)
{
	return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/* Nothing may be moved over it, in either direction: the compiler would not know why not. */
static void store_tag(uint64_t *tag, uint64_t value)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(tag, value, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void scatter(struct block *blocks, const struct text *text)
{
	for (size_t done = 0; done < text->length; done += BLOCK_BYTES)
		memcpy(blocks[done / BLOCK_BYTES].bytes, text->bytes + done,
		       MIN_OF(text->length - done, (size_t)BLOCK_BYTES));
}

/* 0 and how many blocks it takes; -EBADMSG. */
static int gather(const struct block *blocks, size_t count, struct text *ret, size_t *ret_count)
{
	struct text_head head;

	memcpy(&head, blocks[0].bytes, sizeof(head));
	if (head.length < sizeof(head) || head.length > sizeof(ret->bytes) ||
	    blocks_of(head.length) > count)
		return -EBADMSG;
	ret->length = head.length;
	*ret_count = blocks_of(head.length);
	for (size_t i = 0; i < *ret_count; i++) {
		if (i > 0 && blocks[i].tag != 0)
			return -EBADMSG;
		memcpy(ret->bytes + i * BLOCK_BYTES, blocks[i].bytes,
		       MIN_OF(ret->length - i * BLOCK_BYTES, (size_t)BLOCK_BYTES));
	}
	return 0;
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

	for (size_t i = 0; i < RESERVE_FROM; i++) {
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

static void move_to(struct ledger_file *file, size_t index, struct run run, const struct text *text)
{
	struct run old = file->runs[index];

	scatter(&file->image->blocks[run.first], text);
	store_tag(&file->image->blocks[run.first].tag, ++file->last_tag);
	mark_run(file, run, true);
	file->runs[index] = run;
	drop_run(file, old);
}

int ledger_file_put(struct ledger_file *file, size_t index, const struct ledger_entry *entry)
{
	struct run old = file->runs[index], run;
	struct text text;

	write_text(&text, index, entry);
	run = find_run(file, blocks_of(text.length));
	if (run.count > 0) {
		move_to(file, index, run, &text);
		return 0;
	}
	run = (struct run){ RESERVE_FROM, (uint32_t)blocks_of(text.length) };
	if (run.count > old.count || is_marked(file->used_blocks, RESERVE_FROM))
		return -ENOSPC;
	move_to(file, index, run, &text);
	move_to(file, index, (struct run){ old.first, run.count }, &text);
	return 0;
}

void ledger_file_get(const struct ledger_file *file, size_t index, struct ledger_entry *ret)
{
	const struct run *run = &file->runs[index];
	struct text text;
	size_t count;

	/* What we wrote ourselves, or have read whole before. */
	if (gather(&file->image->blocks[run->first], run->count, &text, &count) < 0 ||
	    read_text(&text, &index, ret) < 0)
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
	const struct image *old; /* a copy of the file: what is not used stays untouched there */
	uint64_t tags[LEDGER_ENTRIES_MAX];
	bool has_bad;
};

static void load_entry(struct loading *l, struct run run, size_t index)
{
	struct ledger_file *file = l->file;
	uint64_t tag = l->old->blocks[run.first].tag;

	if (file->runs[index].count > 0 && l->tags[index] > tag) {
		store_tag(&file->image->blocks[run.first].tag, 0);
		return;
	}
	drop_run(file, file->runs[index]);
	file->runs[index] = run;
	mark_run(file, run, true);
	l->tags[index] = tag;
	file->last_tag = MAX_OF(file->last_tag, tag);
}

/* How many blocks that were. */
static size_t load_block(struct loading *l, size_t first)
{
	struct ledger_entry entry;
	struct text text;
	size_t count, index;

	if (l->old->blocks[first].tag == 0)
		return 1;
	if (gather(&l->old->blocks[first], BLOCK_COUNT - first, &text, &count) < 0 ||
	    read_text(&text, &index, &entry) < 0) {
		store_tag(&l->file->image->blocks[first].tag, 0);
		l->has_bad = true;
		return 1;
	}
	load_entry(l, (struct run){ (uint32_t)first, (uint32_t)count }, index);
	return count;
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

		if (file->runs[i].count == 0 || file->runs[i].first < RESERVE_FROM)
			continue;
		ledger_file_get(file, i, &entry);
		(void)ledger_file_put(file, i, &entry);
	}
}

static void touch(const struct ledger_file *file)
{
	const volatile struct block *blocks = file->image->blocks;
	size_t ahead = TOUCHED_BLOCKS;

	for (size_t i = 0; i < BLOCK_COUNT && ahead > 0; i++) {
		if (!is_marked(file->used_blocks, i))
			ahead--;
		(void)blocks[i].tag;
	}
}

static void load(struct ledger_file *file, struct loading *l)
{
	for (size_t i = 0; i < BLOCK_COUNT;)
		i += load_block(l, i);
	for (size_t i = 0; i < LEDGER_PROCESSES_MAX; i++)
		load_process(l, i);
	clear_reserve(file);
}

static int copy_aside(int directory_fd, const struct image *old)
{
	_cleanup_(closep) int fd =
		openat(directory_fd, BAD_NAME,
		       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	const uint8_t *at = (const uint8_t *)old;
	size_t left = sizeof(*old);

	if (fd < 0)
		return -errno;
	while (left > 0) {
		ssize_t n = write(fd, at, left);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

/* 1: there is a record of this boot, in *ret; 0: none, or one that is of no use. */
static int read_image(int fd, const char *boot_id, struct image *ret, bool *ret_was_bad)
{
	static const char none[sizeof(ret->head.magic)];
	size_t done = 0;
	ssize_t n;

	while ((n = pread(fd, (uint8_t *)ret + done, sizeof(*ret) - done, (off_t)done)) > 0)
		done += (size_t)n;
	if (n < 0)
		return -errno;
	memset((uint8_t *)ret + done, 0, sizeof(*ret) - done);
	if (memcmp(ret->head.magic, none, sizeof(none)) == 0)
		return 0;
	*ret_was_bad = strncmp(ret->head.magic, MAGIC, sizeof(ret->head.magic)) != 0 ||
		       ret->head.block_count != BLOCK_COUNT ||
		       ret->head.process_count != LEDGER_PROCESSES_MAX || done != sizeof(*ret);
	if (*ret_was_bad)
		return 0;
	return strncmp(ret->head.boot_id, boot_id, sizeof(ret->head.boot_id)) == 0;
}

static void begin(struct image *image, const char *boot_id)
{
	image->head.block_count = BLOCK_COUNT;
	image->head.process_count = LEDGER_PROCESSES_MAX;
	(void)snprintf(image->head.boot_id, sizeof(image->head.boot_id), "%s", boot_id);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(image->head.magic, MAGIC, sizeof(MAGIC));
}

static int map_image(int fd, struct image **ret)
{
	struct image *image = mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE,
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
	return -posix_fallocate(fd, 0, sizeof(struct image));
}

static int open_image(struct ledger_file *file, int directory_fd, const char *boot_id,
		      bool *ret_was_bad)
{
	_cleanup_(closep) int fd =
		openat(directory_fd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	_cleanup_(freep) struct image *old = malloc(sizeof(*old));
	_cleanup_(freep) struct loading *l = calloc(1, sizeof(*l));
	int keep, r;

	if (fd < 0)
		return -errno;
	if (!old || !l)
		return -ENOMEM;
	keep = read_image(fd, boot_id, old, ret_was_bad);
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
		begin(file->image, boot_id);
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
