/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/guest_config.h"

#include "sys/guest_option.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>

/* A guest with a hundred drives has a tenth of it. */
#define CONFIG_BYTES 65536
#define VCPUS_MAX    65536
#define MIB_MAX	     (UINT64_MAX >> 20)

static bool take_machine(struct span text, struct guest_config *config)
{
	struct guest_value value = guest_value_open(text);
	struct guest_pair p;
	uint64_t n;

	if (!value.json)
		return false;
	while (guest_value_next(&value, "", &p)) {
		if (span_is(p.key, "mem_size_mib") && span_u64(p.value, &n) == 0 && n <= MIB_MAX)
			config->memory_bytes = n << 20;
		else if (span_is(p.key, "vcpu_count") && span_u64(p.value, &n) == 0 &&
			 n <= VCPUS_MAX)
			config->vcpus = (unsigned)n;
		else if (span_is(p.key, "huge_pages"))
			config->page_bytes = guest_option_size(p.value, 0);
	}
	config->hugetlb = config->page_bytes > 0;
	return true;
}

int guest_config_parse(const char *text, size_t length, struct guest_config *ret)
{
	struct guest_value value = guest_value_open(span_of(text, length));
	struct guest_config config = { 0 };
	bool found = false;
	struct guest_pair p;

	if (!value.json)
		return -EINVAL;
	while (guest_value_next(&value, "", &p))
		if (span_is(p.key, "machine-config"))
			found |= take_machine(p.value, &config);
	if (!found)
		return -EINVAL;
	*ret = config;
	return 0;
}

/* /proc/PID/root and cwd are links of the kernel's own kind: they lead to the directory itself,
 * whatever mount namespace it is in. */
static int open_seen_by(int pid_fd, const char *path)
{
	struct sysroot seen = { .live = true };
	int fd;

	seen.fd = openat(pid_fd, path[0] == '/' ? "root" : "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (seen.fd < 0)
		return -errno;
	fd = sysroot_open_file(&seen, path);
	sysroot_done(&seen);
	return fd;
}

int guest_config_read(const struct sysroot *root, int pid_fd, const char *path,
		      struct guest_config *ret)
{
	char text[CONFIG_BYTES];
	_cleanup_(closep) int fd =
		root->live ? open_seen_by(pid_fd, path) : sysroot_open_file(root, path);
	ssize_t n = fd < 0 ? fd : sysroot_read_fd(fd, text, sizeof(text));

	return n < 0 ? (int)n : guest_config_parse(text, (size_t)n, ret);
}
