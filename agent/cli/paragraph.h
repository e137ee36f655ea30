/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The width of the terminal, and running text broken between words to it.
 */

#include <stddef.h>

/* Columns of the terminal on standard output, or COLUMNS where there is none; 0: as many as one
 * likes (a file, a pipe). */
size_t paragraph_columns(void);

/* Prints text behind `indent` blanks (at most 16), further lines too: as wide as the terminal, but
 * no wider than 100 columns, which is as far as an eye follows. A longer word stays whole. */
void paragraph_print(size_t indent, const char *text);
/* The same behind a word or two, which further lines stand off by. */
void paragraph_print_behind(const char *lead, const char *text);
