/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "sys/vcpu_task.h"
#include "test.h"

static struct span span_text(const char *text)
{
	return span_of(text, strlen(text));
}

TEST(names)
{
	static const struct {
		const char *name;
		int number; /* -1: none */
	} cases[] = {
		{ "CPU 0/KVM", 0 },	    { "CPU 17/KVM", 17 },   { "CPU 3/TCG", 3 },
		{ "vcpu12", 12 },	    { "fc_vcpu 1", 1 },	    { "CPU 0", -1 },
		{ "CPU /KVM", -1 },	    { "CPU x/KVM", -1 },    { "CPU 1/KVMx", -1 },
		{ "CPU 1/2/KVM", -1 },	    { "cpu 1/KVM", -1 },    { "vcpu", -1 },
		{ "vcpu1a", -1 },	    { "IO iothread1", -1 }, { "", -1 },
		{ "CPU 99999999/KVM", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned number = 99;

		check_int(vcpu_task_parse(span_text(cases[i].name), &number), cases[i].number >= 0);
		if (cases[i].number >= 0)
			check_int(number, cases[i].number);
	}
}

struct seen {
	unsigned count;
	unsigned numbers;
	bool found_cpus;
};

static int see(void *context, unsigned number, struct span cpus)
{
	struct seen *seen = context;

	seen->count++;
	seen->numbers |= 1U << number;
	seen->found_cpus |= number == 1 && span_is(cpus, "4-7");
	return 0;
}

static int each(const struct fixture *f, struct seen *seen)
{
	char path[PATH_MAX];

	fixture_path(f, "proc/7", path);
	_cleanup_(closep) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	check(fd >= 0);
	*seen = (struct seen){ 0 };
	return vcpu_task_each(fd, see, seen);
}

TEST(the_threads_of_a_process)
{
	struct seen seen;
	FIXTURE(f);

	fixture_put(&f, "proc/7/task/7/comm", "qemu-kvm\n");
	fixture_put(&f, "proc/7/task/7/status", "Name:\tx\nCpus_allowed_list:\t0-7\n");
	fixture_put(&f, "proc/7/task/10/comm", "CPU 0/KVM\n");
	fixture_put(&f, "proc/7/task/10/status", "Name:\tx\nCpus_allowed_list:\t0-3\n");
	fixture_put(&f, "proc/7/task/11/comm", "CPU 1/KVM\n");
	fixture_put(&f, "proc/7/task/11/status", "Name:\tx\nCpus_allowed_list:\t4-7\n");
	/* One that ends meanwhile, and one whose list is cut. */
	fixture_put(&f, "proc/7/task/12/comm", "CPU 2/KVM\n");
	fixture_put(&f, "proc/7/task/13/comm", "CPU 3/KVM\n");
	fixture_put(&f, "proc/7/task/13/status", "Cpus_allowed_list:\t0-");
	check_int(each(&f, &seen), 0);
	check_int(seen.count, 2);
	check_int(seen.numbers, 3);
	check(seen.found_cpus);
}

TEST(a_process_without_threads_to_see)
{
	struct seen seen;
	FIXTURE(f);

	fixture_put(&f, "proc/7/comm", "x\n");
	check_int(each(&f, &seen), -ESRCH);
}
