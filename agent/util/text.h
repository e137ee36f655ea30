/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Text to values. Every function reads the whole string (blanks at both ends are not accepted
 * unless said), returns 0 and sets *ret, or -EINVAL (not of that form) or -ERANGE (does not fit),
 * and then leaves *ret alone.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int text_to_u64(const char *text, uint64_t *ret);
int text_to_i64(const char *text, int64_t *ret);
/* yes/no, true/false, on/off, 1/0, as systemd reads them. */
int text_to_bool(const char *text, bool *ret);
/* "512", "512K", "1.5G", "8T": powers of 1,024, as systemd.resource-control(5). */
int text_to_bytes(const char *text, uint64_t *ret);
/* "500ms", "2s", "10min", "1h 30min", "infinity"; a bare number is seconds, as systemd.time(7). */
int text_to_usec(const char *text, usec_t *ret);
/* "25%" or "2.5%" -> hundredths of a percent. At most two decimals. 0 to 100 % only where the
 * caller says so: the value itself may exceed 10000. */
int text_to_permyriad(const char *text, uint32_t *ret);

/* Length of the UTF-8 character that starts at text: 1 to 4, or 0 at the end of the string and
 * where no valid character starts (overlong forms, surrogates and lone bytes are none). */
size_t text_utf8_length(const char *text);
/* Is every byte of the string part of valid UTF-8, with no control characters but tab? */
bool text_is_clean_utf8(const char *text);
