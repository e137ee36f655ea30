// SPDX-License-Identifier: LGPL-2.1-or-later
#include "vcpus.h"

#include "common.h"

#include <errno.h>
#include <numa.h>
#include <pthread.h>
#include <stdio.h>

#define VCPUS_MAX 64u
/* Four fifths of the time would be for others on an idle machine; on an emulated one, half of it.
 */
#define ROUND_USEC 20000u
#define WORK_USEC  4000u

struct vcpu {
	const struct vcpus *all;
	unsigned number;
};

static void name_and_place(const struct vcpu *vcpu)
{
	char name[16];

	snprintf(name, sizeof(name), "CPU %u/KVM", vcpu->number % VCPUS_MAX);
	if (pthread_setname_np(pthread_self(), name) != 0)
		die(0, "a thread cannot be called %s", name);
	if (vcpu->all->node >= 0 && numa_run_on_node(vcpu->all->node) < 0)
		die(errno, "numa_run_on_node(%d)", vcpu->all->node);
}

static void *run(void *argument)
{
	const struct vcpu *vcpu = argument;
	const volatile unsigned char *memory = vcpu->all->memory;
	size_t at = 0;

	name_and_place(vcpu);
	for (uint64_t round = now_usec(); !stop_requested; round += ROUND_USEC) {
		uint64_t begun = now_usec();

		while (now_usec() - begun < WORK_USEC) {
			(void)memory[at];
			at = (at + page_bytes()) % vcpu->all->bytes;
		}
		if (round < begun)
			round = begun;
		sleep_until_usec(round + ROUND_USEC);
	}
	return NULL;
}

void vcpus_start(const struct vcpus *vcpus)
{
	static struct vcpu vcpu[VCPUS_MAX];

	if (vcpus->count > VCPUS_MAX)
		die(0, "too many virtual processors");
	if (vcpus->node >= 0 && numa_available() < 0)
		die(0, "this kernel knows no nodes");
	for (unsigned i = 0; i < vcpus->count; i++) {
		pthread_t thread;
		int r;

		vcpu[i] = (struct vcpu){ .all = vcpus, .number = i };
		r = pthread_create(&thread, NULL, run, &vcpu[i]);
		if (r != 0)
			die(r, "pthread_create");
	}
}
