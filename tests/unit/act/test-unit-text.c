/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "act/unit_text.h"

#include <string.h>

static struct service service;
static struct snapshot snapshot;
static const struct service *meant; /* by a rule on a node */

static void start(const char *path, const char *name, enum guest_type guest)
{
	service = (struct service){ .path = path, .name = name, .guest = guest, .inode = 7 };
	snapshot = (struct snapshot){ .services = &service, .service_count = 1 };
}

static int fill(const char *text, enum scope scope, uint64_t key, char ret[UNIT_NAME_BYTES])
{
	return unit_text_fill(text, &snapshot, (struct subject){ scope, key }, meant, ret);
}

static void check_filled(const char *text, enum scope scope, uint64_t key, const char *expected)
{
	char unit[UNIT_NAME_BYTES];

	check_int(fill(text, scope, key, unit), 0);
	check_str(unit, expected);
}

static const char *escaped(const char *text)
{
	static char buffer[256];
	struct strbuf b = STRBUF(buffer);

	unit_text_escape(text, &b);
	return buffer;
}

/* Of each the output of systemd-escape(1). */
TEST(escapes_as_systemd_does)
{
	check_str(escaped("db"), "db");
	check_str(escaped("my-db"), "my\\x2ddb");
	check_str(escaped("a/b"), "a-b");
	check_str(escaped("/dev/sda"), "-dev-sda");
	check_str(escaped(".hidden"), "\\x2ehidden");
	check_str(escaped("a.b_c:d"), "a.b_c:d");
	check_str(escaped("a b@c"), "a\\x20b\\x40c");
	check_str(escaped("a\\b"), "a\\x5cb");
	check_str(escaped("\xc3\xa4"), "\\xc3\\xa4");
	check_str(escaped("a\nb"), "a\\x0ab");
	check_str(escaped(""), "");
}

TEST(what_is_a_name)
{
	check(unit_text_is_name("web.service"));
	check(unit_text_is_name("machine-qemu\\x2d1\\x2ddb.scope"));
	check(unit_text_is_name("getty@tty1.service"));
	check(unit_text_is_name("a@b@c.service"));
	check(!unit_text_is_name("getty@.service"));
	check(!unit_text_is_name("web"));
	check(!unit_text_is_name("web.servic"));
	check(!unit_text_is_name(".service"));
	check(!unit_text_is_name("@a.service"));
	check(!unit_text_is_name("a b.service"));
	check(!unit_text_is_name("a/b.service"));
	check(!unit_text_is_name("a%%.service"));
	check(!unit_text_is_name(""));
}

TEST(a_name_fits_or_is_none)
{
	char name[300];

	memset(name, 'a', sizeof(name));
	strcpy(name + 247, ".service"); /* 255 characters: UNIT_NAME_MAX */
	check(unit_text_is_name(name));
	memset(name, 'a', sizeof(name));
	strcpy(name + 248, ".service");
	check(!unit_text_is_name(name));
}

TEST(specifiers_are_the_subjects)
{
	start("machine.slice/machine-qemu\\x2d1\\x2ddb.scope", "my-db", GUEST_QEMU);
	check_filled("evacuate@%guest.service", SCOPE_SERVICE, 7, "evacuate@my\\x2ddb.service");
	check_filled("a@%service.service", SCOPE_SERVICE, 7,
		     "a@machine\\x2dqemu\\x5cx2d1\\x5cx2ddb.scope.service");
	check_filled("a@%node.service", SCOPE_NODE, 12, "a@12.service");
	check_filled("a@%%-%node.service", SCOPE_NODE, 1, "a@\\x25-1.service");
	check_filled("plain.service", SCOPE_HOST, 0, "plain.service");
}

TEST(of_a_node_a_guest_is_one_that_is_given)
{
	char unit[UNIT_NAME_BYTES];

	start("a.scope", "my-db", GUEST_QEMU);
	check_int(fill("e@%guest.service", SCOPE_NODE, 1, unit), -ENODATA);
	meant = &service;
	check_filled("e@%guest-%node.service", SCOPE_NODE, 1, "e@my\\x2ddb-1.service");
	check_int(fill("e@%guest.service", SCOPE_HOST, 0, unit), -ENODATA);
	meant = NULL;
	check(unit_text_has_guest("a@%%-%guest.service"));
	check(!unit_text_has_guest("a@%%guest.service"));
	check(!unit_text_has_guest("a@%node.service"));
}

TEST(names_from_outside_make_one_instance)
{
	char unit[UNIT_NAME_BYTES];

	start("a.scope", "x.service y/../z", GUEST_QEMU);
	check_filled("e@%guest.service", SCOPE_SERVICE, 7, "e@x.service\\x20y-..-z.service");
	start("a.scope", "%guest", GUEST_QEMU);
	check_filled("e@%guest.service", SCOPE_SERVICE, 7, "e@\\x25guest.service");
	start("a.scope", "", GUEST_QEMU);
	check_int(fill("e@%guest.service", SCOPE_SERVICE, 7, unit), -ENODATA);
}

TEST(what_does_not_fit_is_refused)
{
	char unit[UNIT_NAME_BYTES] = "untouched", name[100];

	memset(name, '-', sizeof(name) - 1); /* each becomes four characters */
	name[sizeof(name) - 1] = '\0';
	start("a.scope", name, GUEST_QEMU);
	check_int(fill("e@%guest.service", SCOPE_SERVICE, 7, unit), -EINVAL);
	check_str(unit, "untouched");
}

TEST(a_name_that_is_cut_is_not_another_ones)
{
	char unit[UNIT_NAME_BYTES] = "untouched", name[300];

	/* The first 255 characters of what comes of it are a valid name. */
	memset(name, 'a', sizeof(name));
	strcpy(name + 245, ".service-and-more");
	start("a.scope", name, GUEST_QEMU);
	check_int(fill("e@%guest.service", SCOPE_SERVICE, 7, unit), -EINVAL);
	check_str(unit, "untouched");
}

TEST(a_subject_without_the_name)
{
	char unit[UNIT_NAME_BYTES];

	start("system.slice/web.service", "web.service", GUEST_NONE);
	check_int(fill("e@%guest.service", SCOPE_SERVICE, 7, unit), -ENODATA);
	check_int(fill("e@%service.service", SCOPE_NODE, 0, unit), -ENODATA);
	check_int(fill("e@%node.service", SCOPE_SERVICE, 7, unit), -ENODATA);
	check_int(fill("e@%service.service", SCOPE_SERVICE, 8, unit), -ENODATA);
	check_filled("e@%service.service", SCOPE_SERVICE, 7, "e@web.service.service");
}

TEST(the_unit_of_a_cgroup)
{
	char unit[UNIT_NAME_BYTES];

	check(unit_text_of_path("system.slice/web.service", unit));
	check_str(unit, "web.service");
	check(unit_text_of_path("a.slice/_cpu.service",
				unit)); /* escaped from the kernel's files */
	check_str(unit, "cpu.service");
	check(!unit_text_of_path("system.slice/web.service/worker", unit));
	check(!unit_text_of_path("lxc/101", unit));
	check(!unit_text_of_path("", unit));
}
