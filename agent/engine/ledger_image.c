/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An entry's text is its fields one after the other. */

#include "engine/ledger_image.h"

#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Another number whenever anything that lies in the file changes its form or meaning. A further
 * setting is none: settings are told by their names. */
#define MAGIC "oomwarden ledger 2"

/* Room for any, and for those to come. */
#define SETTING_NAME_BYTES 64

/* In front of an entry's text, and part of what the checksum is of but for itself. */
struct text_head {
	uint64_t checksum;
	uint32_t length; /* with this head */
	uint32_t index;
};

_Static_assert(sizeof(struct text_head) + sizeof(struct ledger_entry) + SETTING_NAME_BYTES + 128 <=
		       LEDGER_ENTRY_BYTES_MAX,
	       "the longest entry has room");

static void put(struct ledger_text *text, const void *data, size_t length)
{
	memcpy(text->bytes + text->length, data, length);
	text->length += length;
}

static void take(struct ledger_text *text, void *ret, size_t length)
{
	if (text->is_bad || length > text->length - text->at) {
		text->is_bad = true;
		memset(ret, 0, length);
		return;
	}
	memcpy(ret, text->bytes + text->at, length);
	text->at += length;
}

static void put_number(struct ledger_text *text, uint32_t number)
{
	put(text, &number, sizeof(number));
}

static uint32_t take_number(struct ledger_text *text, uint32_t most)
{
	uint32_t number;

	take(text, &number, sizeof(number));
	text->is_bad |= number > most;
	return text->is_bad ? 0 : number;
}

static void put_string(struct ledger_text *text, const char *string, size_t size)
{
	size_t length = strnlen(string, size - 1);

	put_number(text, (uint32_t)length);
	put(text, string, length);
}

static void take_string(struct ledger_text *text, char *ret, size_t size)
{
	size_t length = take_number(text, (uint32_t)size - 1);

	take(text, ret, length);
	ret[length] = '\0';
	text->is_bad |= strlen(ret) != length;
}

/* By its name: their numbers are those of one version. */
static void put_setting(struct ledger_text *text, enum setting_id id)
{
	put_string(text, setting_get(id)->name, SETTING_NAME_BYTES);
}

/* One that another version knew has values of a form that is not known. */
static enum setting_id take_setting(struct ledger_text *text)
{
	char name[SETTING_NAME_BYTES];
	int id;

	take_string(text, name, sizeof(name));
	id = setting_find(name);
	/* An alias is never written. */
	if (id < 0 || strcmp(setting_get((enum setting_id)id)->name, name) != 0) {
		text->is_bad = true;
		id = 0;
	}
	return (enum setting_id)id;
}

static bool has_nodes(enum setting_id id)
{
	return setting_get(id)->unit == UNIT_NODES;
}

static void put_value(struct ledger_text *text, enum setting_id id,
		      const struct setting_value *value)
{
	put(text, &value->number, sizeof(value->number));
	put_number(text, value->is_ratio);
	if (has_nodes(id))
		put(text, &value->nodes, sizeof(value->nodes));
}

static void take_value(struct ledger_text *text, enum setting_id id, struct setting_value *ret)
{
	memset(ret, 0, sizeof(*ret));
	take(text, &ret->number, sizeof(ret->number));
	ret->is_ratio = take_number(text, 1);
	if (has_nodes(id))
		take(text, &ret->nodes, sizeof(ret->nodes));
}

static void put_claim(struct ledger_text *text, enum setting_id id,
		      const struct ledger_claim *claim)
{
	put_number(text, claim->owner.kind);
	put_number(text, claim->owner.scope);
	put(text, &claim->owner.subject_key, sizeof(claim->owner.subject_key));
	put_string(text, claim->owner.name, sizeof(claim->owner.name));
	put_value(text, id, &claim->value);
}

static void take_claim(struct ledger_text *text, enum setting_id id, struct ledger_claim *ret)
{
	ret->owner.kind = (enum claim_kind)take_number(text, CLAIM_REMEDY);
	ret->owner.scope = (enum scope)take_number(text, SCOPE_COUNT_ - 1);
	take(text, &ret->owner.subject_key, sizeof(ret->owner.subject_key));
	take_string(text, ret->owner.name, sizeof(ret->owner.name));
	take_value(text, id, &ret->value);
}

/* FNV-1a by words: damage is to be found, not an enemy, who could write to the host himself. */
static uint64_t checksum_of(const struct ledger_text *text)
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

void ledger_text_write(struct ledger_text *text, size_t index, const struct ledger_entry *entry)
{
	enum setting_id id = entry->on.id;
	struct text_head head = { .index = (uint32_t)index };

	text->length = 0;
	put(text, &head, sizeof(head));
	put_setting(text, id);
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

int ledger_text_read(struct ledger_text *text, size_t *ret_index, struct ledger_entry *ret)
{
	struct text_head head;
	enum setting_id id;

	text->at = 0;
	text->is_bad = false;
	take(text, &head, sizeof(head));
	text->is_bad |= head.checksum != checksum_of(text) || head.index >= LEDGER_ENTRIES_MAX;
	id = take_setting(text);
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

static size_t blocks_of(size_t bytes)
{
	return (bytes + LEDGER_BLOCK_BYTES - 1) / LEDGER_BLOCK_BYTES;
}

size_t ledger_text_blocks(const struct ledger_text *text)
{
	return blocks_of(text->length);
}

void ledger_text_scatter(struct ledger_block *blocks, const struct ledger_text *text)
{
	for (size_t done = 0; done < text->length; done += LEDGER_BLOCK_BYTES)
		memcpy(blocks[done / LEDGER_BLOCK_BYTES].bytes, text->bytes + done,
		       MIN_OF(text->length - done, (size_t)LEDGER_BLOCK_BYTES));
}

int ledger_text_gather(const struct ledger_block *blocks, size_t count, struct ledger_text *ret,
		       size_t *ret_count)
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
		memcpy(ret->bytes + i * LEDGER_BLOCK_BYTES, blocks[i].bytes,
		       MIN_OF(ret->length - i * LEDGER_BLOCK_BYTES, (size_t)LEDGER_BLOCK_BYTES));
	}
	return 0;
}

struct finding {
	const struct ledger_image *image;
	struct ledger_place *places;
	void (*drop)(void *context, size_t first, bool is_damaged);
	void *context;
};

/* How many blocks that were. */
static size_t find_at(const struct finding *f, size_t first)
{
	const struct ledger_block *block = &f->image->blocks[first];
	struct ledger_place *place;
	struct ledger_entry entry;
	struct ledger_text text;
	size_t count, index;

	if (block->tag == 0)
		return 1;
	if (ledger_text_gather(block, LEDGER_BLOCK_COUNT - first, &text, &count) < 0 ||
	    ledger_text_read(&text, &index, &entry) < 0) {
		f->drop(f->context, first, true);
		return 1;
	}
	place = &f->places[index];
	if (place->tag > block->tag) {
		f->drop(f->context, first, false);
		return count;
	}
	if (place->tag != 0)
		f->drop(f->context, place->first, false);
	*place = (struct ledger_place){ block->tag, (uint32_t)first, (uint32_t)count };
	return count;
}

void ledger_image_find(const struct ledger_image *image,
		       struct ledger_place ret[LEDGER_ENTRIES_MAX],
		       void (*drop)(void *context, size_t first, bool is_damaged), void *context)
{
	const struct finding f = { image, ret, drop, context };

	memset(ret, 0, LEDGER_ENTRIES_MAX * sizeof(ret[0]));
	for (size_t i = 0; i < LEDGER_BLOCK_COUNT;)
		i += find_at(&f, i);
}

int ledger_image_read(int fd, const char *boot_id, struct ledger_image *ret, bool *ret_was_bad)
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
		       ret->head.block_count != LEDGER_BLOCK_COUNT ||
		       ret->head.process_count != LEDGER_PROCESSES_MAX || done != sizeof(*ret);
	if (*ret_was_bad)
		return 0;
	return strncmp(ret->head.boot_id, boot_id, sizeof(ret->head.boot_id)) == 0;
}

void ledger_image_begin(struct ledger_image *image, const char *boot_id)
{
	image->head.block_count = LEDGER_BLOCK_COUNT;
	image->head.process_count = LEDGER_PROCESSES_MAX;
	(void)snprintf(image->head.boot_id, sizeof(image->head.boot_id), "%s", boot_id);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(image->head.magic, MAGIC, sizeof(MAGIC));
}
