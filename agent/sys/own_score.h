/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How likely the kernel's OOM killer takes this very process: oom_score_adj, proc(5). Raising it
 * takes no privilege, lowering it again CAP_SYS_RESOURCE.
 */

struct sysroot;

#define OWN_SCORE_FIRST 1000 /* before everybody else, whatever their size */
#define OWN_SCORE_NEVER (-1000)

/* 0 and the score, or -errno. */
int own_score_read(const struct sysroot *root, int *ret);

/* 0: it is so now, read back; -EACCES: it was higher, and may not be lowered; -EROFS: a captured
 * tree, or a sandbox; other -errno. */
int own_score_set(const struct sysroot *root, int score);
