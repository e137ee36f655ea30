/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/guest_config.h"
#include "sys/sysroot.h"
#include "test.h"

static const char whole[] =
	"{\n  \"boot-source\": {\n    \"kernel_image_path\": \"vmlinux.bin\",\n"
	"    \"boot_args\": \"console=ttyS0 \\\"machine-config\\\": {\"\n  },\n"
	"  \"drives\": [ { \"drive_id\": \"rootfs\", \"mem_size_mib\": 7 } ],\n"
	"  \"machine-config\": {\n    \"vcpu_count\": 2,\n    \"mem_size_mib\": 1024,\n"
	"    \"smt\": false,\n    \"huge_pages\": \"2M\"\n  }\n}\n";

static struct guest_config config;

static int parse(const char *text)
{
	size_t length = strlen(text);
	_cleanup_(freep) char *copy = exact_copy(text, length);

	memset(&config, 0, sizeof(config));
	return guest_config_parse(copy, length, &config);
}

TEST(a_whole_configuration)
{
	check_int(parse(whole), 0);
	check_int(config.memory_bytes, 1 << 30);
	check_int(config.vcpus, 2);
	check(config.hugetlb);
	check_int(config.page_bytes, 2 << 20);
}

TEST(without_huge_pages)
{
	check_int(parse("{\"machine-config\":{\"mem_size_mib\":128,\"huge_pages\":\"None\"}}"), 0);
	check_int(config.memory_bytes, 128 << 20);
	check(!config.hugetlb);
	check_int(config.vcpus, 0);
}

TEST(what_is_no_configuration)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{",
		"{}",
		"x",
		"{\"machine-config\":1}",
		"{\"machine-config\"",
		"{\"a\":{\"machine-config\":{\"mem_size_mib\":5}}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		check_int(parse(texts[i]), -EINVAL);
}

TEST(numbers_that_do_not_fit)
{
	check_int(parse("{\"machine-config\":{\"mem_size_mib\":18446744073709551615,"
			"\"vcpu_count\":-1}}"),
		  0);
	check_int(config.memory_bytes, 0);
	check_int(config.vcpus, 0);
}

TEST(every_cut_is_borne)
{
	for (size_t cut = 0; cut < sizeof(whole) - 1; cut++) {
		_cleanup_(freep) char *part = exact_copy(whole, cut);

		memset(&config, 0, sizeof(config));
		if (guest_config_parse(part, cut, &config) == 0)
			check(config.memory_bytes == 0 || config.memory_bytes == 1 << 30);
	}
}

static int read_config(const struct fixture *f, const char *path, bool live)
{
	_cleanup_(closep) int process = -1;
	char full[PATH_MAX];
	struct sysroot root;
	int r;

	fixture_path(f, "proc/7", full);
	process = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(process >= 0);
	check_int(sysroot_open(f->directory, &root), 0);
	root.live = live;
	r = guest_config_read(&root, process, path, &config);
	sysroot_done(&root);
	return r;
}

TEST(as_the_process_sees_it)
{
	FIXTURE(f);
	fixture_put(&f, "jail/vm.json", whole);
	fixture_put(&f, "jail/dir/here.json", whole);
	fixture_put(&f, "vm.json", "{}");
	fixture_put(&f, "secret.json", whole);
	fixture_link(&f, "proc/7/root", "../../jail");
	fixture_link(&f, "proc/7/cwd", "../../jail/dir");
	fixture_link(&f, "jail/out.json", "../secret.json");
	check_int(read_config(&f, "/vm.json", true), 0);
	check_int(config.vcpus, 2);
	check_int(read_config(&f, "here.json", true), 0);
	/* Whatever it is told, it is not led out of the process's root. */
	check_int(read_config(&f, "/../../secret.json", true), -ENOENT);
	check_int(read_config(&f, "/out.json", true), -ENOENT);
	check_int(read_config(&f, "/dir", true), -EINVAL);
	/* On a captured tree paths are the tree's. */
	check_int(read_config(&f, "/jail/vm.json", false), 0);
	check_int(read_config(&f, "/vm.json", false), -EINVAL);
}

TEST(a_file_that_would_never_answer)
{
	char path[PATH_MAX];
	FIXTURE(f);

	fixture_directory(&f, "jail");
	fixture_link(&f, "proc/7/root", "../../jail");
	fixture_path(&f, "jail/pipe", path);
	check_int(mkfifo(path, 0600), 0);
	check_int(read_config(&f, "/pipe", true), -EINVAL);
}
