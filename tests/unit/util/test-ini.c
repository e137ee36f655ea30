/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "util/ini.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct diag_list faults;
static char printed[1 << 16];

static struct ini *read_bytes(const char *text, size_t length)
{
	struct ini *ini = NULL;
	FILE *out;

	diag_done(&faults);
	check_int(ini_read_text(text, length, "f", &faults, &ini), 0);
	printed[0] = '\0';
	out = fmemopen(printed, sizeof(printed), "w");
	diag_print(&faults, out);
	fclose(out);
	return ini;
}

static struct ini *read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* The faults of a text, and nothing else. */
static const char *faults_of(const char *text)
{
	ini_free(read_text(text));
	return printed;
}

TEST(keeps_keys_with_their_places)
{
	struct ini *ini = read_text("# comment\n"
				    "; another\n"
				    "  ; indented comment\n"
				    "\n"
				    "[Agent]  ; of the agent\n"
				    "Mode=dry-run                 ; dry-run | enforce\n"
				    "Policy = kvm-host services\r\n"
				    "Hash=a #b\n"
				    "Colon=a:b=c;d\n"
				    "Empty=\n"
				    "Gone= ; nothing\n"
				    "[Rule a b]\n"
				    "When=x > 1\n"
				    "When=y > 2");

	check_str(printed, "");
	check_int(ini->section_count, 2);
	check_str(ini->sections[0].name, "Agent");
	check_int(ini->sections[0].line, 5);
	check_int(ini->sections[0].key_count, 6);
	check_str(ini->sections[0].keys[0].name, "Mode");
	check_str(ini->sections[0].keys[0].value, "dry-run");
	check_int(ini->sections[0].keys[0].line, 6);
	check_int(ini->sections[0].keys[0].column, 6);
	check_str(ini->sections[0].keys[1].name, "Policy");
	check_str(ini->sections[0].keys[1].value, "kvm-host services");
	check_int(ini->sections[0].keys[1].column, 10);
	check_str(ini->sections[0].keys[2].value, "a #b");
	check_str(ini->sections[0].keys[3].value, "a:b=c;d");
	check_str(ini->sections[0].keys[4].value, "");
	check_str(ini->sections[0].keys[5].value, "");
	check_str(ini->sections[1].name, "Rule a b");
	check_int(ini->sections[1].key_count, 2);
	check_str(ini->sections[1].keys[1].value, "y > 2");
	check_int(ini->sections[1].keys[1].line, 14);
	ini_free(ini);
}

TEST(empty_texts)
{
	struct ini *ini = read_text("");

	check_int(ini->section_count, 0);
	ini_free(ini);
	ini = read_text("\xef\xbb\xbf[A]\nk=v");
	check_str(printed, "");
	check_str(ini->sections[0].keys[0].value, "v");
	check_int(ini->sections[0].keys[0].line, 2);
	ini_free(ini);
	ini = read_text("[A]\n[B]\n");
	check_int(ini->section_count, 2);
	check_int(ini->sections[1].key_count, 0);
	ini_free(ini);
}

/* Around inih's buffer of 200 bytes, where it would split, up to the limit of this reader. */
TEST(values_of_any_length_arrive_whole)
{
	static char text[INI_LINE_BYTES_MAX + 100], value[INI_LINE_BYTES_MAX + 1];

	for (size_t length = 180; length <= INI_LINE_BYTES_MAX - 4;
	     length += length < 220 ? 1 : 641) {
		struct ini *ini;

		for (size_t i = 0; i < length; i++)
			value[i] = (char)('a' + i % 26);
		memcpy(value + length - 8, "killer=1", 8);
		value[length] = '\0';
		snprintf(text, sizeof(text), "[A]\nDo1=%s\nx=y\n", value);
		ini = read_text(text);
		check_str(printed, "");
		check_int(ini->sections[0].key_count, 2);
		check_str(ini->sections[0].keys[0].name, "Do1");
		check(strcmp(ini->sections[0].keys[0].value, value) == 0);
		check_int(ini->sections[0].keys[0].line, 2);
		check_int(ini->sections[0].keys[1].line, 3);
		ini_free(ini);
	}
}

TEST(long_values_lose_their_comment_as_short_ones_do)
{
	char text[600];
	struct ini *ini;

	for (int pad = 1; pad < 400; pad += 7) {
		snprintf(text, sizeof(text), "[A]\nk=x%*s;b ; comment", pad, "y");
		ini = read_text(text);
		check_str(printed, "");
		check_int(strlen(ini->sections[0].keys[0].value), 1 + pad + 2);
		ini_free(ini);
	}
}

TEST(long_comments_are_comments)
{
	static char text[3000];
	struct ini *ini;

	strcpy(text, "[A]\n;");
	memset(text + 5, ' ', 2000);
	strcpy(text + 2005, "\nk=v\n# ");
	memset(text + 2012, '-', 500);
	strcpy(text + 2512, "evil=1\n");
	ini = read_text(text);
	check_str(printed, "");
	check_int(ini->sections[0].key_count, 1);
	ini_free(ini);
}

TEST(refuses_longer_lines)
{
	static char text[2 * INI_LINE_BYTES_MAX];

	strcpy(text, "[A]\nk=");
	memset(text + 6, 'v', INI_LINE_BYTES_MAX - 1);
	strcpy(text + 6 + INI_LINE_BYTES_MAX - 1, "\nbad line\n");
	check_str(faults_of(text), "f:2: line is longer than 4096 bytes\n"
				   "f:3:1: neither a [section] nor Key=value: there is no \"=\"\n");
}

TEST(refuses_what_inih_would_let_pass)
{
	check_str(faults_of("[A]\nWhen=a > 1\n  and b > 2\n k=v\n\t[B]\n"),
		  "f:3:3: line starts with a blank: values are not continued on further lines, "
		  "write the key again where it may be repeated\n"
		  "f:4:2: line starts with a blank: values are not continued on further lines, "
		  "write the key again where it may be repeated\n"
		  "f:5:2: line starts with a blank: values are not continued on further lines, "
		  "write the key again where it may be repeated\n");
	check_str(faults_of("[A]\nk=v\n[B]\n[A]\nk=w\n"),
		  "f:4:1: section [A] is here a second time; the first is in line 1\n");
	check_str(faults_of("k=v\n[A]\n"), "f:1:1: k= stands before the first [section]\n");
	check_str(faults_of("[A]\nnovalue\n=x\nkey: value\na:b=c\n"),
		  "f:2:1: neither a [section] nor Key=value: there is no \"=\"\n"
		  "f:3:1: \"=\" without a key before it\n"
		  "f:4:1: neither a [section] nor Key=value: there is no \"=\"\n"
		  "f:5:1: \"a:b\" is no key: \":\" is not allowed in one\n");
	check_str(faults_of("[A ; b]\nk=v\n[B] trailing\n[]\n"),
		  "f:1:1: section header without \"]\"\n"
		  "f:3:4: text behind a section header\n"
		  "f:4:1: section without a name\n");
	check_contains(faults_of("[Rule 1234567890123456789012345678901234567890123456]\n"),
		       "f:1:2: section name is longer than 49 bytes");
	check_str(
		faults_of("[A]\n"
			  "k1234567890123456789012345678901234567890123456789012345678901234=v\n"),
		"f:2:1: key is longer than 64 bytes\n");
}

TEST(refuses_bytes_that_are_no_text)
{
	struct ini *ini = read_bytes("[A]\nk=a\0b\nl=w\n", 14);

	check_str(printed, "f:2:4: NUL byte\n");
	check_int(ini->sections[0].key_count, 1);
	check_str(ini->sections[0].keys[0].name, "l");
	ini_free(ini);
	check_str(faults_of("[A]\nk=\xff\nl=\x1b[2J\nm=a\rb\n[\xc0\xaf]\n"),
		  "f:2: invalid UTF-8, or a control character\n"
		  "f:3: invalid UTF-8, or a control character\n"
		  "f:4: invalid UTF-8, or a control character\n"
		  "f:5: invalid UTF-8, or a control character\n");
}

/* What stands below a header that could not be read must not land in the section before it. */
TEST(keys_below_a_broken_header_belong_to_nobody)
{
	struct ini *ini = read_text("[A]\nk=1\n[B\nKill=first\n[C]\nl=2\n");

	check_str(printed, "f:3:1: section header without \"]\"\n");
	check_int(ini->section_count, 2);
	check_int(ini->sections[0].key_count, 1);
	check_int(ini->sections[1].key_count, 1);
	ini_free(ini);
}

static char directory[] = "/tmp/oomwarden-ini-XXXXXX";

__attribute__((constructor)) static void make_directory(void)
{
	if (!mkdtemp(directory))
		abort();
}

__attribute__((destructor)) static void remove_directory(void)
{
	rmdir(directory);
}

static int read_file(const char *path)
{
	struct ini *ini = NULL;
	FILE *out;
	int r;

	diag_done(&faults);
	r = ini_read(path, &faults, &ini);
	ini_free(ini);
	printed[0] = '\0';
	out = fmemopen(printed, sizeof(printed), "w");
	diag_print(&faults, out);
	fclose(out);
	return r;
}

TEST(reads_only_files_that_others_cannot_write)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/a.ini", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	check(fd >= 0);
	check_int(write(fd, "[A]\nk=v\n", 8), 8);
	check_int(fchmod(fd, 0644), 0);
	check_int(read_file(path), 0);
	check_str(printed, "");
	check_int(fchmod(fd, 0664), 0);
	check_int(read_file(path), -EPERM);
	check_contains(printed, "a.ini: may be written by its group (mode 0664)");
	check_int(fchmod(fd, 0646), 0);
	check_int(read_file(path), -EPERM);
	check_contains(printed, "may be written by everybody");
	check_int(fchmod(fd, 0600), 0);
	check_int(read_file(path), 0);
	check_int(ftruncate(fd, INI_FILE_BYTES_MAX), 0);
	check_int(read_file(path), 0);
	check_int(ftruncate(fd, INI_FILE_BYTES_MAX + 1), 0);
	check_int(read_file(path), -EFBIG);
	check_contains(printed, "is larger than 256 KiB");
	close(fd);
	check_int(unlink(path), 0);
}

TEST(follows_links_to_what_is_safe)
{
	char path[64], link[64];
	int fd;

	snprintf(path, sizeof(path), "%s/b.ini", directory);
	snprintf(link, sizeof(link), "%s/link.ini", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	check(fd >= 0);
	check_int(symlink(path, link), 0);
	check_int(fchmod(fd, 0644), 0);
	check_int(read_file(link), 0);
	check_int(fchmod(fd, 0666), 0);
	check_int(read_file(link), -EPERM);
	close(fd);
	check_int(unlink(path), 0);
	check_int(read_file(link), -ENOENT);
	check_str(printed, "");
	check_int(unlink(link), 0);
}

TEST(foreign_owners)
{
	char path[64];
	int fd;

	if (geteuid() != 0)
		test_skip("only root can give a file away");
	snprintf(path, sizeof(path), "%s/c.ini", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	check(fd >= 0);
	check_int(fchown(fd, 12345, 0), 0);
	check_int(read_file(path), -EPERM);
	check_contains(printed, "belongs to user 12345");
	close(fd);
	check_int(unlink(path), 0);
}

TEST(other_things_than_files)
{
	char path[64];

	check_int(read_file(directory), -EISDIR);
	check_contains(printed, "cannot be read: Is a directory");
	snprintf(path, sizeof(path), "%s/fifo", directory);
	check_int(mkfifo(path, 0600), 0);
	check_int(read_file(path), -EINVAL); /* and does not wait for a writer */
	check_contains(printed, "is not a regular file");
	check_int(unlink(path), 0);
	check_int(read_file("/dev/null"), -EINVAL);
}
