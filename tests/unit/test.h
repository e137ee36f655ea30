/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Unit tests as programs that print TAP. A test is a function registered by TEST(); it fails at the
 * first check that does not hold and the others still run. main() is here: one file, one program.
 */

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

static struct test_case *test_first_, **test_last_ = &test_first_;
static jmp_buf test_out_;
static char test_message_[512];
enum { TEST_FAILED_ = 1, TEST_SKIPPED_ = 2 };

#define TEST(name_)                                                      \
	static void name_(void);                                         \
	static struct test_case name_##_case_ = { #name_, name_, NULL }; \
	__attribute__((constructor)) static void name_##_register_(void) \
	{                                                                \
		*test_last_ = &name_##_case_;                            \
		test_last_ = &name_##_case_.next;                        \
	}                                                                \
	static void name_(void)

/* A long message is cut; it names the place first. */
__attribute__((noreturn, format(printf, 2, 3))) static void test_stop_(int code, const char *format,
								       ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(test_message_, sizeof(test_message_), format, ap);
	va_end(ap);
	longjmp(test_out_, code);
}

#define test_skip(reason) test_stop_(TEST_SKIPPED_, "%s", reason)

#define check(condition)                                                                       \
	do {                                                                                   \
		if (!(condition))                                                              \
			test_stop_(TEST_FAILED_, "%s:%d: %s", __FILE__, __LINE__, #condition); \
	} while (0)

#define check_int(got, want)                                                              \
	do {                                                                              \
		long long got_ = (long long)(got), want_ = (long long)(want);             \
		if (got_ != want_)                                                        \
			test_stop_(TEST_FAILED_, "%s:%d: %s is %lld, not %lld", __FILE__, \
				   __LINE__, #got, got_, want_);                          \
	} while (0)

#define check_str(got, want)                                                                 \
	do {                                                                                 \
		const char *got_ = (got), *want_ = (want);                                   \
		if (!got_ || strcmp(got_, want_) != 0)                                       \
			test_stop_(TEST_FAILED_, "%s:%d: %s is \"%.200s\", not \"%.200s\"",  \
				   __FILE__, __LINE__, #got, got_ ? got_ : "(null)", want_); \
	} while (0)

#define check_contains(got, part)                                                                 \
	do {                                                                                      \
		const char *got_ = (got), *part_ = (part);                                        \
		if (!got_ || !strstr(got_, part_))                                                \
			test_stop_(TEST_FAILED_, "%s:%d: \"%.300s\" does not contain \"%.100s\"", \
				   __FILE__, __LINE__, got_ ? got_ : "(null)", part_);            \
	} while (0)

int main(void)
{
	/* static: what longjmp() leaves of a local that has changed is not defined */
	static struct test_case *t;
	static int number, failures;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (t = test_first_; t; t = t->next) {
		int code = setjmp(test_out_);

		if (code == 0) {
			number++;
			t->run();
			printf("ok %d - %s\n", number, t->name);
		} else if (code == TEST_SKIPPED_) {
			printf("ok %d - %s # SKIP %s\n", number, t->name, test_message_);
		} else {
			failures++;
			printf("not ok %d - %s\n# %s\n", number, t->name, test_message_);
		}
	}
	printf("1..%d\n", number);
	return failures ? 1 : 0;
}
