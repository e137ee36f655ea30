/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/search.h"
#include "util/macro.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

const char *search_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *join(const char *directory, const char *name)
{
	char *joined;

	return asprintf(&joined, "%s/%s", directory, name) < 0 ? NULL : joined;
}

/* Whoever may write into a directory can mask what stands in the ones before it. */
static void check_directory(const char *directory, struct diag_list *diags)
{
	struct stat st;

	if (stat(directory, &st) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			diag_add(diags, directory, 0, 0, "cannot be read: %s", strerror(errno));
	} else if (!S_ISDIR(st.st_mode)) {
		diag_add(diags, directory, 0, 0, "is not a directory");
	} else if (st.st_uid != 0 && st.st_uid != geteuid()) {
		diag_add(diags, directory, 0, 0,
			 "belongs to user %u, who could change it; it must belong to root",
			 (unsigned)st.st_uid);
	} else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		diag_add(diags, directory, 0, 0,
			 "may be written by %s (mode %04o); only its owner may write it",
			 st.st_mode & S_IWOTH ? "everybody" : "its group",
			 (unsigned)st.st_mode & 07777);
	}
}

int search_check(const struct config_path *path, const char *const *subdirectories, size_t count,
		 struct diag_list *diags)
{
	for (size_t i = 0; i < path->count; i++) {
		check_directory(path->directories[i], diags);
		for (size_t k = 0; k < count; k++) {
			_cleanup_(freep) char *directory =
				join(path->directories[i], subdirectories[k]);

			if (!directory)
				return -ENOMEM;
			check_directory(directory, diags);
		}
	}
	return 0;
}

/* Only the null device, not any device somebody made a link to. */
static bool is_mask(const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return st->st_rdev == makedev(1, 3);
	return S_ISREG(st->st_mode) && st->st_size == 0;
}

static enum search_result look(const char *path, struct diag_list *diags)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return is_mask(&st) ? SEARCH_MASKED : SEARCH_FOUND;
	if (errno != ENOENT && errno != ENOTDIR)
		diag_add(diags, path, 0, 0, "cannot be read: %s", strerror(errno));
	else if (lstat(path, &st) == 0)
		diag_add(diags, path, 0, 0, "is a link that leads nowhere");
	else
		return SEARCH_NONE;
	return SEARCH_FAULTY;
}

int search_file(const struct config_path *path, const char *name, struct diag_list *diags,
		char **ret_path)
{
	for (size_t i = path->count; i-- > 0;) {
		_cleanup_(freep) char *file = join(path->directories[i], name);
		enum search_result result;

		if (!file)
			return -ENOMEM;
		result = look(file, diags);
		if (result == SEARCH_NONE)
			continue;
		*ret_path = TAKE_PTR(file);
		return (int)result;
	}
	*ret_path = NULL;
	return SEARCH_NONE;
}

/* Takes `path` over. A later one of the same name takes the place of the one before. */
static int add(struct search_list *list, char *path)
{
	char **grown;

	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(search_base_name(list->paths[i]), search_base_name(path)) == 0) {
			free(list->paths[i]);
			list->paths[i] = path;
			return 0;
		}
	}
	grown = reallocarray(list->paths, list->count + 1, sizeof(*grown));
	if (!grown) {
		free(path);
		return -ENOMEM;
	}
	list->paths = grown;
	list->paths[list->count++] = path;
	return 0;
}

/* Editors' and packagers' leftovers end otherwise: x.ini~, x.ini.dpkg-old, .x.ini.swp. */
static bool is_configuration(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".ini") == 0;
}

static int add_directory(const char *directory, struct diag_list *diags, struct search_list *list)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;
	int r = 0;

	if (!stream) {
		if (errno == ENOMEM)
			return -ENOMEM;
		/* Not a directory and no permission are reported by search_check(). */
		return 0;
	}
	while (r == 0) {
		char *path;

		errno = 0;
		entry = readdir(stream);
		if (!entry) {
			if (errno != 0)
				diag_add(diags, directory, 0, 0, "cannot be read: %s",
					 strerror(errno));
			break;
		}
		if (!is_configuration(entry->d_name))
			continue;
		path = join(directory, entry->d_name);
		r = path ? add(list, path) : -ENOMEM;
	}
	closedir(stream);
	return r;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(search_base_name(*(char *const *)a), search_base_name(*(char *const *)b));
}

/* Masks have done their work once the directories are laid over each other. */
static void drop_masks(struct search_list *list, struct diag_list *diags)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (look(list->paths[i], diags) == SEARCH_FOUND)
			list->paths[kept++] = list->paths[i];
		else
			free(list->paths[i]);
	}
	list->count = kept;
}

int search_all(const struct config_path *path, const char *subdirectory, struct diag_list *diags,
	       struct search_list *ret)
{
	_cleanup_(search_list_done) struct search_list list = { 0 };

	for (size_t i = 0; i < path->count; i++) {
		_cleanup_(freep) char *directory = join(path->directories[i], subdirectory);

		if (!directory || add_directory(directory, diags, &list) < 0)
			return -ENOMEM;
	}
	drop_masks(&list, diags);
	if (list.count > 1)
		qsort(list.paths, list.count, sizeof(*list.paths), compare_names);
	*ret = list;
	list = (struct search_list){ 0 };
	return 0;
}

void search_list_done(struct search_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct search_list){ 0 };
}
