/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/psi.h"
#include "sys/sysroot.h"
#include "test.h"

static int parse(const char *text, struct psi *ret)
{
	return psi_parse(text, strlen(text), ret);
}

TEST(both_lines)
{
	struct psi psi;

	check_int(parse("some avg10=5.00 avg60=10.02 avg300=100.00 total=18446744073709551615\n"
			"full avg10=0.07 avg60=0.00 avg300=90.00 total=3\n",
			&psi),
		  0);
	check(psi.some.present);
	check_int(psi.some.avg10, 500);
	check_int(psi.some.avg60, 1002);
	check_int(psi.some.avg300, 10000);
	check(psi.some.total_usec == UINT64_MAX);
	check_int(psi.full.avg10, 7);
	check_int(psi.full.avg300, 9000);
	check_int(psi.full.total_usec, 3);
}

TEST(lines_and_keys_in_any_order)
{
	struct psi psi;

	check_int(parse("full total=9 avg300=1.00 later=x avg60=2.00 avg10=3.00\n", &psi), 0);
	check(!psi.some.present);
	check_int(psi.full.avg10, 300);
	check_int(psi.full.avg60, 200);
	check_int(psi.full.total_usec, 9);
}

TEST(a_line_that_is_cut_or_cannot_be_is_not_there)
{
	static const char *const lines[] = {
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=1",
		"some avg10=0.00 avg60=0.00 avg300=0.00\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=\n",
		"some avg10=0.0 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=0 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=100.01 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=-1.00 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=1.00.00 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=184467440737095516.00 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=nan avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=18446744073709551616\n",
		"sometimes avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
		"",
		"\n\n",
	};
	struct psi psi = { .some.avg10 = 42 };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		check_int(parse(lines[i], &psi), -EINVAL);
	check_int(psi.some.avg10, 42);
}

TEST(no_pressure_information_is_told_from_a_fault)
{
	FIXTURE(f);
	struct sysroot root;
	int fd;

	fixture_put(&f, "proc/pressure/io", "");
	check_int(sysroot_open(f.directory, &root), 0);
	check(psi_is_absent(psi_open(&root, "memory")));
	check(psi_is_absent(-EOPNOTSUPP));
	check(!psi_is_absent(-ENODEV));
	check(!psi_is_absent(-EACCES));
	check(!psi_is_absent(-EMFILE));
	check_int(psi_open(&root, "../pressure/io"), -EINVAL);
	fd = psi_open(&root, "io");
	check(fd >= 0);
	close(fd);
	sysroot_done(&root);
}
