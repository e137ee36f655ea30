/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An entry as it lies in the file: settings go by their names, whatever their numbers are. */

#include "test.h"

#include "engine/ledger_image.h"
#include "scratch-directory.h"
#include "util/macro.h"

#include <fcntl.h>
#include <sys/stat.h>

#define BOOT "11111111-2222-3333-4444-555555555555"

static struct ledger_text text;

static struct ledger_entry make(enum setting_id id)
{
	struct ledger_entry entry = {
		.on = { .id = id, .key = 7, .detail = 9 },
		.state = ENTRY_SET,
		.door = OWNER_NOBODY,
		.claim_count = 1,
	};

	strcpy(entry.path, "system.slice/a.service");
	entry.base.number = 5;
	entry.intended.number = 6;
	if (setting_get(id)->unit == UNIT_NODES)
		idset_add(&entry.intended.nodes, 3);
	strcpy(entry.claims[0].owner.name, "a");
	entry.claims[0].owner.kind = CLAIM_POLICY;
	entry.claims[0].value = entry.intended;
	return entry;
}

static int read_back(struct ledger_entry *ret)
{
	size_t index = 99;
	int r = ledger_text_read(&text, &index, ret);

	if (r == 0)
		check_int(index, 4);
	return r;
}

TEST(every_setting_comes_back)
{
	for (int id = 0; id < SETTING_COUNT_; id++) {
		const struct ledger_entry entry = make((enum setting_id)id);
		struct ledger_entry back;

		ledger_text_write(&text, 4, &entry);
		check_int(read_back(&back), 0);
		check_int(back.on.id, id);
		check_int(back.on.key, 7);
		check_int(back.on.detail, 9);
		check_str(back.path, entry.path);
		check_int(back.intended.number, 6);
		check(idset_equal(&back.intended.nodes, &entry.intended.nodes));
		check_int(back.claim_count, 1);
		check_str(back.claims[0].owner.name, "a");
		check(setting_value_equal((enum setting_id)id, &back.claims[0].value,
					  &entry.intended));
	}
}

/* As ledger_image.c has it: over what follows it, in words. */
static void seal(void)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = sizeof(sum); i < text.length; i += sizeof(sum)) {
		uint64_t word = 0;

		memcpy(&word, text.bytes + i, MIN_OF(text.length - i, sizeof(word)));
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum ^= sum >> 29;
	}
	memcpy(text.bytes, &sum, sizeof(sum));
}

/* Another name of the same length. */
static void rename_setting(const char *from, const char *to)
{
	uint8_t *at = memmem(text.bytes, text.length, from, strlen(from));

	check(at != NULL);
	check_int(strlen(from), strlen(to));
	for (size_t i = 0; i < strlen(to); i++)
		at[i] = (uint8_t)to[i];
	seal();
}

TEST(a_setting_of_another_version_is_told_by_its_name)
{
	const struct ledger_entry entry = make(SETTING_MEMORY_HIGH);
	struct ledger_entry back;

	ledger_text_write(&text, 4, &entry);
	/* The seal is what the writer makes: a name that is known is read by it alone. */
	rename_setting("MemoryHigh", "MemoryHigh");
	check_int(read_back(&back), 0);
	check_int(back.on.id, SETTING_MEMORY_HIGH);
	rename_setting("MemoryHigh", "MemorySoar");
	check_int(read_back(&back), -EBADMSG);
}

static struct scratch_directory directory;

static void note(void *context, size_t index, const struct ledger_entry *entry)
{
	unsigned *seen = context;

	(void)entry;
	*seen |= 1U << index;
}

static struct ledger_file *open_file(unsigned *ret_seen, bool *ret_was_bad)
{
	struct ledger_file *file = NULL;

	*ret_seen = 0;
	check_int(ledger_file_open(directory.fd, BOOT, note, ret_seen, &file, ret_was_bad), 0);
	return file;
}

/* A version with more settings has run before this one. */
TEST(what_it_does_not_know_is_set_aside_and_the_rest_is_kept)
{
	const struct ledger_entry known = make(SETTING_MEMORY_MAX), other = make(SETTING_FREEZE);
	static struct ledger_image image;
	struct ledger_file *file;
	unsigned seen;
	bool was_bad;
	struct stat st;
	int fd;

	scratch_directory_open(&directory);
	file = open_file(&seen, &was_bad);
	check_int(ledger_file_put(file, 1, &known), 0);
	check_int(ledger_file_put(file, 2, &other), 0);
	ledger_file_close(file);

	fd = openat(directory.fd, "ledger", O_RDWR | O_CLOEXEC);
	check(fd >= 0);
	check_int(pread(fd, &image, sizeof(image), 0), sizeof(image));
	for (size_t i = 0, count; i < 16; i += count) {
		count = 1;
		if (image.blocks[i].tag == 0)
			continue;
		check_int(ledger_text_gather(&image.blocks[i], 16, &text, &count), 0);
		if (!memmem(text.bytes, text.length, "Freeze", 6))
			continue;
		rename_setting("Freeze", "Thrill");
		ledger_text_scatter(&image.blocks[i], &text);
	}
	check_int(pwrite(fd, &image, sizeof(image), 0), sizeof(image));
	close(fd);

	file = open_file(&seen, &was_bad);
	check(was_bad);
	check_int(seen, 1U << 1);
	ledger_file_close(file);
	/* Whole, for whoever knows it. */
	check_int(fstatat(directory.fd, "ledger.bad", &st, 0), 0);
	check_int(st.st_size, sizeof(image));
	file = open_file(&seen, &was_bad);
	check(!was_bad);
	check_int(seen, 1U << 1);
	ledger_file_close(file);
	scratch_directory_close(&directory);
}
