/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/brake.h"

#include "host/agent.h"
#include "host/pause_file.h"
#include "host/runtime.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* An agent answers with its next turn, but on a host that stands still. */
#define PATIENCE_USEC (20 * USEC_PER_SEC)

const char *brake_directory(void)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");

	return directory ? directory : RUNTIME_DIRECTORY;
}

int brake_boot_id(char ret[BOOT_ID_BYTES])
{
	_cleanup_(sysroot_done) struct sysroot root = { .fd = -1 };
	int r = sysroot_open(NULL, &root);

	if (r < 0)
		return r;
	ret[0] = '\0';
	(void)clock_read_boot_id(&root, ret);
	return 0;
}

int brake_failed(const struct verb *verb, const char *what, int error)
{
	fprintf(stderr, "oomwarden %s: %s: %s\n", verb->name, what, strerrordesc_np(-error));
	return error == -EACCES || error == -EPERM ? EXIT_MACHINE : EXIT_FAILED;
}

int brake_open(const struct verb *verb, bool create, struct brake *ret)
{
	const char *directory = brake_directory();
	struct brake brake = { .verb = verb, .lock_fd = -1 };

	if (create && mkdir(directory, 0755) < 0 && errno != EEXIST)
		return brake_failed(verb, directory, -errno);
	brake.directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (brake.directory_fd < 0 && errno != ENOENT)
		return brake_failed(verb, directory, -errno);
	if (brake.directory_fd >= 0) {
		brake.lock_fd = pause_file_lock(brake.directory_fd);
		if (brake.lock_fd < 0) {
			int error = brake.lock_fd;

			brake_done(&brake);
			return brake_failed(verb, directory, error);
		}
		(void)pause_file_read(brake.directory_fd, &brake.list);
	}
	*ret = brake;
	return EXIT_DONE;
}

void brake_done(struct brake *brake)
{
	pause_list_done(&brake->list);
	drop_fd(&brake->lock_fd);
	drop_fd(&brake->directory_fd);
}

int brake_write(const struct brake *brake)
{
	int r = pause_file_write(brake->directory_fd, &brake->list);

	return r < 0 ? brake_failed(brake->verb, "cannot write the list of what is paused", r)
		     : EXIT_DONE;
}

void brake_tell(struct brake *brake)
{
	brake->agent = 0;
	brake->result = -ESRCH;
	if (brake->directory_fd >= 0)
		brake->result = agent_reload(brake->directory_fd, pause_list_sum(&brake->list),
					     PATIENCE_USEC, &brake->agent);
}

bool brake_is_known(const struct brake *brake)
{
	struct runtime_answer answer;
	pid_t pid;

	return runtime_find(brake->directory_fd, &pid) == 0 &&
	       runtime_get_answer(brake->directory_fd, &answer) == 0 &&
	       answer.paused_sum == pause_list_sum(&brake->list);
}

int brake_explain(const struct brake *brake)
{
	const char *name = brake->verb->name;

	switch (brake->result) {
	case AGENT_RELOADED:
	case AGENT_RESTARTED:
		return EXIT_DONE;
	case AGENT_REFUSED:
		fprintf(stderr,
			"oomwarden %s: the configuration has faults, so the agent keeps the one "
			"that it had; 'oomwarden check' lists them\n",
			name);
		return EXIT_DONE;
	case -ESRCH:
		puts("No agent runs: this holds from its next start.");
		return EXIT_DONE;
	case -EXDEV:
		fprintf(stderr,
			"oomwarden %s: the agent runs where it cannot be seen from here (another "
			"PID namespace), and was not told; it holds from its next reload\n",
			name);
		return EXIT_MACHINE;
	case -ETIMEDOUT:
		fprintf(stderr,
			"oomwarden %s: the agent (process %d) was told and has not answered so "
			"far; it holds as soon as that goes on\n",
			name, (int)brake->agent);
		return EXIT_FAILED;
	default:
		return brake_failed(brake->verb, "cannot tell the agent", brake->result);
	}
}
