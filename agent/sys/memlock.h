/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keeps this process small, and what it touches in memory.
 *
 * memlock_on_fault() keeps this process's pages in memory as they are touched: mlockall(MCL_CURRENT
 * | MCL_FUTURE | MCL_ONFAULT), 4.4. Without ONFAULT every mapped byte of every library would become
 * resident. Locks are not inherited by fork: each worker calls it itself. Before it locks, it lets
 * go of the pages of programs and libraries that only starting needed; what is needed again is
 * mapped again, from the page cache. It may be called again, when more of a start is over.
 */

#include <stddef.h>

/* At the start of main(): large blocks get mappings of their own, whatever was freed before, so
 * that they take memory as far as they are written, and give it back. */
void memlock_plan_heap(void);

/* 0; -EPERM or -ENOMEM: RLIMIT_MEMLOCK and no CAP_IPC_LOCK; -EINVAL: a kernel without ONFAULT. */
int memlock_on_fault(void);

/* Touches what is to be in memory later, before or after it is locked: this much more of the stack,
 * and the code and constants of the program itself, which are read from its file else. Of
 * libraries, which are as large as all programs need them, only what was used stays. */
#define MEMLOCK_STACK_BYTES (96 * 1024)
void memlock_touch_stack(void);
void memlock_touch_program(void);
/* Of the libraries that the program names all of code, constants and data, some MiB: for one
 * process of many. What that has locked stays in the page cache, and no other one has to wait for a
 * disk for what it does for the first time. */
void memlock_touch_libraries(void);
/* Memory that was allocated and maybe never written; what is in it stays. */
void memlock_touch(void *start, size_t bytes);

/* A block of the heap itself, whatever its size, and not a mapping of its own: touched. NULL: there
 * is no memory. To be freed by memlock_open(), from when on what is allocated finds its memory
 * there, and what is freed stays there, until memlock_close(). */
void *memlock_reserve(size_t bytes);
void memlock_open(void *reserve);
void memlock_close(void);
/* As malloc_trim(0), but not between these two. */
void memlock_trim_heap(void);

/* For a calm moment, after much was made and freed: lets go of free pages of the heap, which stay
 * locked otherwise. Nothing if this process has not locked its memory. Errors as above. */
int memlock_trim(void);
