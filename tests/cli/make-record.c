/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* make-record DIR: the record of an agent that has set two things on this machine, which it has
 * not, and has seen the kernel kill there. */

#include "engine/ledger.h"
#include "host/runtime.h"
#include "sys/clock.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <fcntl.h>
#include <stdio.h>

#define GIB (INT64_C(1) << 30)

static int claim(struct ledger *ledger, const struct setting_target *on, enum claim_kind kind,
		 const char *name, int64_t wanted, int64_t base)
{
	struct claim_owner owner = { .kind = kind, .scope = SCOPE_HOST };
	const struct setting_value value = { .number = wanted };
	const struct ledger_base was = {
		.path = on->id == SETTING_MEMORY_HIGH ? "system.slice/lab-record.service" : "",
		.door = OWNER_SYSTEMD,
		.value = { .number = base },
	};
	size_t entry;

	(void)snprintf(owner.name, sizeof(owner.name), "%s", name);
	return ledger_claim(ledger, on, &owner, &value, &was, &entry);
}

static int fill(struct ledger *ledger)
{
	const struct setting_target high = { .id = SETTING_MEMORY_HIGH, .key = 7 };
	const struct setting_target swappiness = { .id = SETTING_SWAPPINESS };
	const struct setting_value asked = { .number = 33 };
	int r;

	r = claim(ledger, &high, CLAIM_POLICY, "held", 2 * GIB, SETTING_UNLIMITED);
	if (r >= 0)
		r = claim(ledger, &high, CLAIM_REMEDY, "runaway", GIB, 0);
	if (r >= 0)
		r = claim(ledger, &swappiness, CLAIM_REMEDY, "swap-in", asked.number, 60);
	if (r >= 0)
		ledger_confirm(ledger, (size_t)ledger_find(ledger, &swappiness), &asked, &asked);
	return r;
}

static int keep_kills(const char *directory, const char *boot_id)
{
	static const struct runtime_kernel_kill kills[] = {
		{ .at = 1, .text = "a first one" },
		{ .at = 2, .service = 7, .text = "one of web1.service" },
	};
	_cleanup_(runtime_closep) struct runtime *runtime = NULL;
	int r = runtime_open(directory, boot_id, &runtime);

	if (r < 0)
		return r;
	runtime_note_kernel_kill(runtime, 3, &kills[0]);
	runtime_note_kernel_kill(runtime, 1, &kills[1]);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(ledger_freep) struct ledger *ledger = NULL;
	_cleanup_(closep) int fd =
		argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	char boot_id[BOOT_ID_BYTES] = "";
	struct sysroot root;
	bool was_bad;

	if (fd < 0 || sysroot_open(NULL, &root) < 0)
		return EXIT_FAILURE;
	(void)clock_read_boot_id(&root, boot_id);
	sysroot_done(&root);
	if (ledger_open(fd, boot_id, &ledger, &was_bad) < 0 || fill(ledger) < 0)
		return EXIT_FAILURE;
	if (keep_kills(argv[1], boot_id) < 0)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
