/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/psi_trigger.h"

#include "sys/cgroup_dir.h"
#include "sys/psi.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The period of the averages, which triggers of everybody go by. */
#define AVERAGES_USEC (2 * USEC_PER_SEC)

/* What is written to any other file would be lost in it, or damage it. */
static bool is_kernels_own(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

static int set_threshold(int fd, const struct psi_threshold *t)
{
	char text[64];
	int n;

	if (!is_kernels_own(fd))
		return -EINVAL;
	n = snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64, t->full ? "full" : "some",
		     t->stalled_usec, t->window_usec);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -EINVAL;
	/* With the terminator: the kernel overwrites the last byte with one. */
	return write(fd, text, (size_t)n + 1) < 0 ? -errno : 0;
}

/* Old kernels keep triggers to the privileged (EPERM, EACCES), or keep to their window (EINVAL);
 * a filter may refuse what it does not know. */
static bool is_refused(int error)
{
	return error == -EPERM || error == -EACCES || error == -EINVAL || error == -EROFS ||
	       psi_is_absent(error);
}

struct psi_threshold psi_threshold_for_everybody(const struct psi_threshold *t)
{
	struct psi_threshold longer = *t;
	usec_t periods = MAX_OF((t->window_usec + AVERAGES_USEC - 1) / AVERAGES_USEC, (usec_t)1);

	longer.window_usec = periods * AVERAGES_USEC;
	if (t->window_usec > 0)
		longer.stalled_usec = t->stalled_usec * longer.window_usec / t->window_usec;
	return longer;
}

static int open_host(const struct sysroot *root, const char *path, const struct psi_threshold *t,
		     int *ret_fd)
{
	_cleanup_(closep) int fd = sysroot_open_path(root, path, O_RDWR | O_NONBLOCK);
	int r;

	if (fd < 0)
		return fd;
	r = set_threshold(fd, t);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int psi_trigger_open_host(const struct sysroot *root, const char *resource,
			  const struct psi_threshold *threshold, int *ret_fd)
{
	const struct psi_threshold longer = psi_threshold_for_everybody(threshold);
	char path[NAME_MAX];
	int n = snprintf(path, sizeof(path), "proc/pressure/%s", resource), r;

	if (n < 0 || (size_t)n >= sizeof(path) || strchr(resource, '/'))
		return -EINVAL;
	if (!root->live)
		return PSI_TRIGGER_REFUSED;
	r = open_host(root, path, threshold, ret_fd);
	if (r == -EINVAL)
		r = open_host(root, path, &longer, ret_fd);
	return is_refused(r) ? PSI_TRIGGER_REFUSED : r;
}

struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int read_capabilities(struct capabilities *ret)
{
	*ret = (struct capabilities){ .header = { .version = _LINUX_CAPABILITY_VERSION_3 } };
	return syscall(SYS_capget, &ret->header, ret->data) < 0 ? -errno : 0;
}

static int write_capabilities(struct capabilities *c)
{
	return syscall(SYS_capset, &c->header, c->data) < 0 ? -errno : 0;
}

/* Opens with CAP_SYS_RESOURCE out of the effective set, and puts it back. The agent has one thread,
 * so that nothing else runs without it meanwhile. */
static int open_as_anybody(int dir_fd, const char *file)
{
	struct capabilities before, without;
	const unsigned word = CAP_TO_INDEX(CAP_SYS_RESOURCE);
	int fd, r;

	r = read_capabilities(&before);
	if (r < 0)
		return r;
	if (!(before.data[word].effective & CAP_TO_MASK(CAP_SYS_RESOURCE)))
		return cgroup_open_file(dir_fd, file, O_RDWR | O_NONBLOCK);
	without = before;
	without.data[word].effective &= ~CAP_TO_MASK(CAP_SYS_RESOURCE);
	r = write_capabilities(&without);
	if (r < 0)
		return r;
	fd = cgroup_open_file(dir_fd, file, O_RDWR | O_NONBLOCK);
	r = write_capabilities(&before);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

int psi_trigger_open_cgroup(int dir_fd, const char *file, const struct psi_threshold *threshold,
			    int *ret_fd)
{
	const struct psi_threshold longer = psi_threshold_for_everybody(threshold);
	_cleanup_(closep) int fd = open_as_anybody(dir_fd, file);
	int r;

	if (fd == -ENOENT || fd == -ENODEV)
		return fd;
	/* The kernel looks at who opened the file, not at who writes to it. */
	r = fd < 0 ? fd : set_threshold(fd, &longer);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	if (r == -ENODEV)
		return r;
	return is_refused(r) ? PSI_TRIGGER_REFUSED : r;
}
