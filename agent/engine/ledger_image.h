/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the undo record lies in its file, for who keeps it (engine/ledger_file.h) and who only looks
 * at it (engine/ledger_look.h).
 *
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
 */

#include "engine/ledger.h"
#include "engine/ledger_file.h"

#define LEDGER_FILE_NAME "ledger"

#define LEDGER_BLOCK_BYTES 120
#define LEDGER_BLOCK_COUNT 16384
/* The longest entry: path and names in full, eight claims, all of node sets. */
#define LEDGER_ENTRY_BYTES_MAX 3240
#define LEDGER_ENTRY_BLOCKS_MAX \
	((LEDGER_ENTRY_BYTES_MAX + LEDGER_BLOCK_BYTES - 1) / LEDGER_BLOCK_BYTES)
#define LEDGER_RESERVE_FROM (LEDGER_BLOCK_COUNT - LEDGER_ENTRY_BLOCKS_MAX)

struct ledger_image_head {
	char magic[24];
	char boot_id[64];
	uint32_t block_count;
	uint32_t process_count;
};

struct ledger_block {
	uint64_t tag;
	uint8_t bytes[LEDGER_BLOCK_BYTES];
};

struct ledger_image {
	struct ledger_image_head head;
	uint8_t unused[4096 - sizeof(struct ledger_image_head)];
	struct ledger_block blocks[LEDGER_BLOCK_COUNT];
	struct ledger_file_process processes[LEDGER_PROCESSES_MAX];
};

/* An entry in its blocks, put together. */
struct ledger_text {
	uint8_t bytes[LEDGER_ENTRY_BYTES_MAX];
	size_t length;
	size_t at; /* while it is read */
	bool is_bad;
};

size_t ledger_text_blocks(const struct ledger_text *text);
void ledger_text_write(struct ledger_text *text, size_t index, const struct ledger_entry *entry);
/* 0, or -EBADMSG: damaged. */
int ledger_text_read(struct ledger_text *text, size_t *ret_index, struct ledger_entry *ret);
void ledger_text_scatter(struct ledger_block *blocks, const struct ledger_text *text);
/* From `count` blocks at most. 0 and how many blocks it takes; -EBADMSG. */
int ledger_text_gather(const struct ledger_block *blocks, size_t count, struct ledger_text *ret,
		       size_t *ret_count);

/* Where an entry lies. */
struct ledger_place {
	uint64_t tag; /* 0: it is not there */
	uint32_t first;
	uint32_t count;
};

/* Where each entry lies, by its index. Of one that was being moved there are two, and the higher
 * tag counts: `drop` hears of the other, and of what is damaged. */
void ledger_image_find(const struct ledger_image *image,
		       struct ledger_place ret[LEDGER_ENTRIES_MAX],
		       void (*drop)(void *context, size_t first, bool is_damaged), void *context);

/* Marks an empty one as a record of this boot. */
void ledger_image_begin(struct ledger_image *image, const char *boot_id);
/* A copy of the file. 1: there is a record of this boot, in *ret; 0: none, or one that is of no
 * use, which *ret_was_bad says; -errno. */
int ledger_image_read(int fd, const char *boot_id, struct ledger_image *ret, bool *ret_was_bad);
