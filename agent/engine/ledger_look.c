/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading the file takes a while, and an entry that moves from a place that is still to be read to
 * one that has been would be missed. So the file is read until two copies in a row are the same.
 * What was the same in both was so all the time between them, as no tag is ever given out twice:
 * the copy is what the file was at that instant.
 */

#include "engine/ledger_look.h"

#include "engine/ledger_image.h"
#include "sys/clock.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* An agent that gives back all it has on a large host changes an entry each few milliseconds; two
 * copies in a row take less. */
#define TRIES	   400
#define PAUSE_USEC (2 * USEC_PER_MSEC)

static int open_record(int directory_fd)
{
	_cleanup_(closep) int fd =
		openat(directory_fd, LEDGER_FILE_NAME,
		       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EBADMSG;
}

/* Processes come and go with less ado, and are not asked for. */
static bool is_same(const struct ledger_image *a, const struct ledger_image *b)
{
	return memcmp(&a->head, &b->head, sizeof(a->head)) == 0 &&
	       memcmp(a->blocks, b->blocks, sizeof(a->blocks)) == 0;
}

static int read_once(int fd, const char *boot_id, struct ledger_image *ret)
{
	bool was_bad = false;
	int r = ledger_image_read(fd, boot_id, ret, &was_bad);

	if (r < 0)
		return r;
	return was_bad ? -EBADMSG : r > 0 ? 0 : -ENOENT;
}

/* An agent that starts makes the file anew: for a moment it is empty or half there. */
static int read_settled(int fd, const char *boot_id, struct ledger_image *copies)
{
	int before = -EAGAIN, r;

	for (int i = 0; i < TRIES; i++) {
		r = read_once(fd, boot_id, &copies[i % 2]);
		if (r < 0 && r != -EBADMSG && r != -ENOENT)
			return r;
		if (i > 0 && r == before && (r < 0 || is_same(&copies[0], &copies[1])))
			return r;
		before = r;
		if (i % 2 == 1)
			clock_sleep(PAUSE_USEC);
	}
	return -EAGAIN;
}

static void note_damage(void *context, size_t first, bool is_damaged)
{
	bool *has_damage = context;

	(void)first;
	*has_damage |= is_damaged;
}

static void decode(const struct ledger_image *image, size_t first, struct ledger_entry *ret)
{
	struct ledger_text text;
	size_t count, index;

	/* As it was read a moment ago. */
	if (ledger_text_gather(&image->blocks[first], LEDGER_BLOCK_COUNT - first, &text, &count) >=
	    0)
		(void)ledger_text_read(&text, &index, ret);
}

static int collect(const struct ledger_image *image, struct ledger_look *ret)
{
	_cleanup_(freep) struct ledger_place *places = calloc(LEDGER_ENTRIES_MAX, sizeof(*places));
	size_t count = 0;

	if (!places)
		return -ENOMEM;
	ledger_image_find(image, places, note_damage, &ret->is_damaged);
	for (size_t i = 0; i < LEDGER_ENTRIES_MAX; i++)
		count += places[i].tag != 0;
	ret->entries = calloc(MAX_OF(count, (size_t)1), sizeof(*ret->entries));
	if (!ret->entries)
		return -ENOMEM;
	for (size_t i = 0; i < LEDGER_ENTRIES_MAX; i++)
		if (places[i].tag != 0)
			decode(image, places[i].first, &ret->entries[ret->count++]);
	return 0;
}

int ledger_look(int directory_fd, const char *boot_id, struct ledger_look *ret)
{
	_cleanup_(closep) int fd = open_record(directory_fd);
	_cleanup_(freep) struct ledger_image *copies = calloc(2, sizeof(*copies));
	struct ledger_look look = { 0 };
	int r;

	if (fd < 0)
		return fd;
	if (!copies)
		return -ENOMEM;
	r = read_settled(fd, boot_id, copies);
	if (r < 0)
		return r;
	r = collect(&copies[0], &look);
	if (r < 0)
		return r;
	*ret = look;
	return 0;
}

void ledger_look_done(struct ledger_look *look)
{
	free(look->entries);
	*look = (struct ledger_look){ 0 };
}

const struct ledger_entry *ledger_look_find(const struct ledger_look *look,
					    const struct setting_target *on)
{
	for (size_t i = 0; i < look->count; i++)
		if (setting_target_equal(&look->entries[i].on, on))
			return &look->entries[i];
	return NULL;
}
