/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/nodes.h"

#include "sys/directory.h"
#include "sys/meminfo.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NODE_DIRECTORY "sys/devices/system/node"
#define KIB	       1024
/* A row for each of 1,024 nodes, up to three digits and a blank each, and a list of as many ids. */
#define ROW_BYTES 8192

static bool has_node_directory(const struct sysroot *root)
{
	_cleanup_(closep) int fd = sysroot_open_path(root, NODE_DIRECTORY, O_PATH | O_DIRECTORY);

	return fd >= 0;
}

int nodes_open_file(const struct sysroot *root, unsigned node, const char *name,
		    const char *host_path)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/%s", node, name), fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = sysroot_open_file(root, path);
	if (fd == -ENOENT && node == 0 && !has_node_directory(root))
		return sysroot_open_file(root, host_path);
	return fd;
}

static int read_list(const struct sysroot *root, const char *name, struct idset *ret)
{
	char path[PATH_MAX], text[ROW_BYTES];
	struct span rest, line;
	ssize_t length;

	snprintf(path, sizeof(path), NODE_DIRECTORY "/%s", name);
	length = sysroot_read(root, path, text, sizeof(text));
	if (length < 0)
		return (int)length;
	rest = span_of(text, (size_t)length);
	return span_next_line(&rest, &line) ? span_idset(span_trim(line), ret) : -EINVAL;
}

static void only_node_0(struct nodes *nodes)
{
	idset_add(&nodes->online, 0);
	idset_add(&nodes->has_memory, 0);
	idset_add(&nodes->has_cpu, 0);
}

int nodes_read(const struct sysroot *root, struct nodes *ret)
{
	struct nodes nodes = { 0 };
	int r;

	if (!has_node_directory(root)) {
		only_node_0(&nodes);
		*ret = nodes;
		return 0;
	}
	nodes.numa = true;
	r = read_list(root, "online", &nodes.online);
	if (r < 0)
		return r;
	r = read_list(root, "has_memory", &nodes.has_memory);
	if (r == -ENOENT)
		r = read_list(root, "has_normal_memory", &nodes.has_memory);
	if (r == -ENOENT) {
		nodes.has_memory = nodes.online;
		r = 0;
	}
	if (r < 0)
		return r;
	r = read_list(root, "has_cpu", &nodes.has_cpu);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = nodes;
	return 0;
}

int nodes_parse_distances(const char *text, size_t length, uint8_t *ret_row, size_t capacity)
{
	struct span rest = span_of(text, length), line, word;
	size_t count = 0;
	uint64_t value;

	if (!span_next_line(&rest, &line))
		return -EINVAL;
	while (span_next_word(&line, &word)) {
		if (span_u64(word, &value) < 0 || value > UINT8_MAX || count >= IDSET_BITS)
			return -EINVAL;
		if (count < capacity)
			ret_row[count] = (uint8_t)value;
		count++;
	}
	return (int)count;
}

uint8_t nodes_distance(const struct sysroot *root, const struct nodes *nodes, unsigned from,
		       unsigned to)
{
	char path[PATH_MAX], text[ROW_BYTES];
	uint8_t row[IDSET_BITS];
	ssize_t length;
	int count, position = 0;

	if (!nodes->numa || !idset_has(&nodes->online, to))
		return 0;
	snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/distance", from);
	length = sysroot_read(root, path, text, sizeof(text));
	if (length < 0)
		return 0;
	count = nodes_parse_distances(text, (size_t)length, row, ARRAY_SIZE(row));
	for (int id = idset_next(&nodes->online, 0); id >= 0 && (unsigned)id < to;
	     id = idset_next(&nodes->online, (unsigned)id + 1))
		position++;
	return position < count ? row[position] : 0;
}

/* The number in `file` of the pool directory `name`. */
static int read_pool_file(int directory_fd, const char *name, const char *file, uint64_t *ret)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX], text[64];
	struct span rest, line;
	ssize_t length;
	int n = snprintf(path, sizeof(path), "%s/%s", name, file);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = sysroot_open_beneath(directory_fd, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	length = sysroot_read_fd(fd, text, sizeof(text));
	if (length < 0)
		return (int)length;
	rest = span_of(text, (size_t)length);
	return span_next_line(&rest, &line) ? span_u64(span_trim(line), ret) : -EINVAL;
}

static uint64_t add_bytes(uint64_t sum, uint64_t pages, uint64_t page_bytes)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(pages, page_bytes, &bytes) ||
	    __builtin_add_overflow(sum, bytes, &sum))
		return UINT64_MAX;
	return sum;
}

/* "hugepages-2048kB"; another name, or a pool that cannot be read, counts nothing. */
static void add_pool(int directory_fd, const char *name, struct huge_pools *pools)
{
	struct span size = span_of(name, strlen(name));
	uint64_t kib, page_bytes, pages = 0, pages_free = 0, bytes, most;

	if (!span_starts(size, "hugepages-") || !span_ends(size, "kB"))
		return;
	size = span_skip(size, strlen("hugepages-"));
	size.length -= strlen("kB");
	if (span_u64(size, &kib) < 0 || __builtin_mul_overflow(kib, (uint64_t)KIB, &page_bytes))
		return;
	(void)read_pool_file(directory_fd, name, "nr_hugepages", &pages);
	(void)read_pool_file(directory_fd, name, "free_hugepages", &pages_free);
	pools->bytes = add_bytes(pools->bytes, pages, page_bytes);
	pools->free_bytes = add_bytes(pools->free_bytes, pages_free, page_bytes);
	bytes = add_bytes(0, pages, page_bytes);
	most = add_bytes(0, pools->pages, pools->page_bytes);
	if (pages == 0 || bytes < most || (bytes == most && page_bytes > pools->page_bytes))
		return;
	pools->page_bytes = page_bytes;
	pools->pages = pages;
	pools->pages_free = pages_free;
}

/* By node the kernel does not say what is promised. */
static void add_reserved(const struct sysroot *root, struct huge_pools *pools)
{
	_cleanup_(closep) int fd = -1;
	char name[64];

	if (pools->page_bytes == 0)
		return;
	fd = sysroot_open_path(root, "sys/kernel/mm/hugepages", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return;
	(void)snprintf(name, sizeof(name), "hugepages-%llukB",
		       (unsigned long long)(pools->page_bytes / KIB));
	(void)read_pool_file(fd, name, "resv_hugepages", &pools->pages_reserved);
}

int nodes_huge_pools(const struct sysroot *root, unsigned node, struct huge_pools *ret)
{
	_cleanup_(directory_closep) DIR *directory = NULL;
	struct huge_pools pools = { 0 };
	const struct dirent *entry;
	char path[PATH_MAX];
	int fd, r;

	snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/hugepages", node);
	fd = sysroot_open_path(root, path, O_RDONLY | O_DIRECTORY);
	if (fd == -ENOENT && node == 0 && !has_node_directory(root))
		fd = sysroot_open_path(root, "sys/kernel/mm/hugepages", O_RDONLY | O_DIRECTORY);
	r = directory_open(fd, &directory);
	if (r < 0)
		return r;
	while ((entry = readdir(directory)))
		add_pool(dirfd(directory), entry->d_name, &pools);
	add_reserved(root, &pools);
	*ret = pools;
	return 0;
}
