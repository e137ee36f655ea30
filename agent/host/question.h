/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a program may ask about single processes that only an inspector can find out, as it takes
 * the process's lock. It waits for the answer, a few seconds at most: not for the loop.
 */

#include "core/detail.h"

struct sysroot;
struct worker_pool;

/* As guest_detail_read(). pool NULL on a running machine: policies and command line stay unknown.
 */
int question_guest(const struct sysroot *root, struct worker_pool *pool, pid_t pid,
		   uint64_t start_ticks, struct guest_detail *ret);
/* Fills in the policies of the largest tasks, as far as time allows. */
void question_task_policies(struct worker_pool *pool, struct task_details *tasks);
