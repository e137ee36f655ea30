/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/runtime.h"

#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LOCK_NAME     "lock"
#define KEPT_NAME     "kept"
#define RUNTIME_MAGIC "oomwarden kept 6"

struct kept {
	char magic[sizeof(RUNTIME_MAGIC)];
	char boot_id[64];
	uint64_t kill_count;
	usec_t kills[ENGINE_KILLS_MAX];
	/* Of the start and of each reload, for whoever asked for it. */
	struct runtime_answer answer;
	struct runtime_kernel_kills kernel_kills;
	struct runtime_canaries canaries;
	uint64_t arrival_count;
	struct arrived arrivals[ENGINE_ARRIVALS_MAX];
};

struct runtime {
	int directory_fd;
	int lock_fd;
	int fault;
	struct kept *kept;
};

static int open_in(int directory_fd, const char *name)
{
	int fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

static bool is_full(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* A host that has run full, as /run is memory, needs its agent all the same. */
static int map_kept(int directory_fd, const char *boot_id, struct kept **ret, int *ret_fault)
{
	_cleanup_(closep) int fd = open_in(directory_fd, KEPT_NAME);

	if (fd < 0)
		return fd;
	/* Blocks are taken now: a hole that meets a full file system later would be a SIGBUS. */
	int r = posix_fallocate(fd, 0, sizeof(struct kept));

	if (r != 0 && !is_full(r))
		return -r;
	struct kept *kept =
		r == 0 ? mmap(NULL, sizeof(struct kept), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
		       : mmap(NULL, sizeof(struct kept), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (kept == MAP_FAILED)
		return -errno;
	*ret_fault = -r;
	if (memcmp(kept->magic, RUNTIME_MAGIC, sizeof(kept->magic)) != 0 ||
	    strncmp(kept->boot_id, boot_id, sizeof(kept->boot_id)) != 0 ||
	    kept->kill_count > ENGINE_KILLS_MAX || kept->arrival_count > ENGINE_ARRIVALS_MAX) {
		memset(kept, 0, sizeof(*kept));
		memcpy(kept->magic, RUNTIME_MAGIC, sizeof(kept->magic));
		strncpy(kept->boot_id, boot_id, sizeof(kept->boot_id) - 1);
	}
	memset(&kept->canaries, 0, sizeof(kept->canaries));
	/* Without CAP_IPC_LOCK it stays unlocked, which only costs a fault. */
	(void)mlock(kept, sizeof(*kept));
	*ret = kept;
	return 0;
}

/* Who may put a file there says what will be written to the host. */
static int check_owner(int directory_fd)
{
	struct stat st;

	if (fstat(directory_fd, &st) < 0)
		return -errno;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return 0;
}

int runtime_open(const char *directory, const char *boot_id, struct runtime **ret)
{
	_cleanup_(runtime_closep) struct runtime *runtime = NULL;
	int r;

	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return -errno;
	runtime = calloc(1, sizeof(*runtime));
	if (!runtime)
		return -ENOMEM;
	runtime->lock_fd = -1;
	runtime->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (runtime->directory_fd < 0)
		return -errno;
	r = check_owner(runtime->directory_fd);
	if (r < 0)
		return r;
	runtime->lock_fd = open_in(runtime->directory_fd, LOCK_NAME);
	if (runtime->lock_fd < 0)
		return runtime->lock_fd;
	if (flock(runtime->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	r = map_kept(runtime->directory_fd, boot_id, &runtime->kept, &runtime->fault);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(runtime);
	return 0;
}

struct runtime *runtime_close(struct runtime *runtime)
{
	if (!runtime)
		return NULL;
	if (runtime->kept)
		munmap(runtime->kept, sizeof(*runtime->kept));
	closep(&runtime->lock_fd);
	closep(&runtime->directory_fd);
	free(runtime);
	return NULL;
}

int runtime_fault(const struct runtime *runtime)
{
	return runtime->fault;
}

int runtime_directory(const struct runtime *runtime)
{
	return runtime->directory_fd;
}

int runtime_open_ledger(const struct runtime *runtime, struct ledger **ret, bool *ret_was_bad)
{
	return ledger_open(runtime->directory_fd, runtime->kept->boot_id, ret, ret_was_bad);
}

size_t runtime_get_kills(const struct runtime *runtime, usec_t ret_times[ENGINE_KILLS_MAX])
{
	memcpy(ret_times, runtime->kept->kills, runtime->kept->kill_count * sizeof(usec_t));
	return runtime->kept->kill_count;
}

void runtime_set_kills(struct runtime *runtime, const usec_t *times, size_t count)
{
	count = MIN_OF(count, (size_t)ENGINE_KILLS_MAX);
	memcpy(runtime->kept->kills, times, count * sizeof(usec_t));
	runtime->kept->kill_count = count;
}

size_t runtime_get_arrivals(const struct runtime *runtime, struct arrived ret[ENGINE_ARRIVALS_MAX])
{
	memcpy(ret, runtime->kept->arrivals, runtime->kept->arrival_count * sizeof(ret[0]));
	return runtime->kept->arrival_count;
}

void runtime_set_arrivals(struct runtime *runtime, const struct arrived *arrivals, size_t count)
{
	count = MIN_OF(count, (size_t)ENGINE_ARRIVALS_MAX);
	memcpy(runtime->kept->arrivals, arrivals, count * sizeof(arrivals[0]));
	runtime->kept->arrival_count = count;
}

/* Beside the flock(2), which whoever gives back by hand takes as well: of this kind of lock the
 * kernel says who has it, and it ends with the process. */
int runtime_announce(struct runtime *runtime)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(runtime->lock_fd, F_SETLK, &lock) < 0 ? -errno : 0;
}

void runtime_set_answer(struct runtime *runtime, bool refused, uint64_t paused_sum)
{
	struct runtime_answer *answer = &runtime->kept->answer;

	answer->refused = refused;
	answer->paused_sum = paused_sum;
	__atomic_store_n(&answer->count, answer->count + 1, __ATOMIC_SEQ_CST);
}

/* Counted when it is written, so that who reads meanwhile has the one of before. */
void runtime_note_kernel_kill(struct runtime *runtime, unsigned processes,
			      const struct runtime_kernel_kill *kill)
{
	struct runtime_kernel_kills *kills = &runtime->kept->kernel_kills;

	kills->last[kills->told % RUNTIME_KERNEL_KILLS] = *kill;
	kills->count += processes;
	__atomic_store_n(&kills->told, kills->told + 1, __ATOMIC_SEQ_CST);
}

void runtime_set_canary(struct runtime *runtime, size_t place, const struct runtime_canary *canary)
{
	if (place < CANARIES_MAX)
		runtime->kept->canaries.each[place] = *canary;
}

void runtime_end_canaries(struct runtime *runtime, size_t count,
			  const struct canary_failure *failure)
{
	struct runtime_canaries *kept = &runtime->kept->canaries;

	for (size_t i = count; i < CANARIES_MAX; i++)
		kept->each[i] = (struct runtime_canary){ 0 };
	kept->failure = failure ? *failure : (struct canary_failure){ 0 };
}

static int open_to_read(int directory_fd, const char *name)
{
	int fd = openat(directory_fd, name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int runtime_find(int directory_fd, pid_t *ret)
{
	_cleanup_(closep) int fd = open_to_read(directory_fd, LOCK_NAME);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	if (fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	if (lock.l_type == F_UNLCK)
		return -ESRCH;
	/* It has a number in its own namespace, and none here. */
	if (lock.l_pid <= 0)
		return -EXDEV;
	*ret = lock.l_pid;
	return 0;
}

static int read_kept(int directory_fd, struct kept *ret)
{
	_cleanup_(closep) int fd = open_to_read(directory_fd, KEPT_NAME);

	if (fd < 0)
		return fd;
	if (pread(fd, ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret) ||
	    memcmp(ret->magic, RUNTIME_MAGIC, sizeof(ret->magic)) != 0)
		return -EBADMSG;
	return 0;
}

int runtime_get_answer(int directory_fd, struct runtime_answer *ret)
{
	struct kept kept;
	int r = read_kept(directory_fd, &kept);

	if (r < 0)
		return r;
	*ret = kept.answer;
	return 0;
}

int runtime_get_kernel_kills(int directory_fd, const char *boot_id,
			     struct runtime_kernel_kills *ret)
{
	struct kept kept;
	int r = read_kept(directory_fd, &kept);

	if (r < 0)
		return r;
	if (strncmp(kept.boot_id, boot_id, sizeof(kept.boot_id)) != 0)
		return -EBADMSG;
	*ret = kept.kernel_kills;
	for (size_t i = 0; i < RUNTIME_KERNEL_KILLS; i++)
		ret->last[i].text[sizeof(ret->last[i].text) - 1] = '\0';
	return 0;
}

int runtime_get_canaries(int directory_fd, struct runtime_canaries *ret)
{
	struct kept kept;
	int r = read_kept(directory_fd, &kept);

	if (r < 0)
		return r;
	*ret = kept.canaries;
	ret->failure.words[sizeof(ret->failure.words) - 1] = '\0';
	return 0;
}
