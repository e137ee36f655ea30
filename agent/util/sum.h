/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* FNV-1a, 64 bits: tells two texts apart by what they hold. No protection against somebody who
 * wants two to be taken for one. */

#include <stddef.h>
#include <stdint.h>

#define SUM_BEGIN UINT64_C(0xcbf29ce484222325)
#define SUM_PRIME UINT64_C(0x100000001b3)

static inline uint64_t sum_bytes(uint64_t sum, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ at[i]) * SUM_PRIME;
	return sum;
}

static inline uint64_t sum_number(uint64_t sum, uint64_t number)
{
	for (size_t i = 0; i < sizeof(number); i++, number >>= 8)
		sum = (sum ^ (number & 0xff)) * SUM_PRIME;
	return sum;
}

/* With an end, so that "ab", "c" is not "a", "bc". */
static inline uint64_t sum_text(uint64_t sum, const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return sum_bytes(sum, text, length + 1);
}
