/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `pause` and `resume`. */

#include "cli/brake.h"
#include "cli/sampling.h"
#include "cli/service_find.h"
#include "core/plan.h"
#include "explain/unit_name.h"
#include "sense/guest_path.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static void say_item(const struct pause_item *item, const char *what)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	pause_item_format(item, &b);
	text[0] = (char)toupper((unsigned char)text[0]);
	printf("%s%s\n", text, what);
}

static void say_paused(const struct pause_list *list, const char *lead)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	pause_list_describe(list, &b);
	printf("%s%s\n", lead, text);
}

struct asked {
	enum pause_kind kind;
	const char *name;
};

/* host, rule NAME, guest NAME; service is guest. */
static int read_operands(const struct verb *verb, int count, char **operands, struct asked *ret)
{
	for (enum pause_kind i = PAUSE_HOST; count > 0 && i <= PAUSE_SERVICE; i++) {
		if (strcmp(operands[0], pause_kind_name(i)) != 0 ||
		    count != (i == PAUSE_HOST ? 1 : 2))
			continue;
		*ret = (struct asked){ i, i == PAUSE_HOST ? NULL : operands[1] };
		return EXIT_DONE;
	}
	return cli_usage(verb, "it takes host, rule NAME or guest NAME");
}

static int find_rule(const struct verb *verb, const struct cli_options *options, const char *name)
{
	_cleanup_(diag_done) struct diag_list diags = { 0 };
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(freep) const char **names = NULL;
	const char *near = NULL;

	if (config_load(&options->config_path, &diags, &config) < 0) {
		diag_print(&diags, stderr);
		return EXIT_CONFIGURATION;
	}
	names = calloc(config->rule_count + 1, sizeof(*names));
	for (size_t i = 0; i < config->rule_count; i++) {
		if (strcmp(config->rules[i].name, name) == 0)
			return EXIT_DONE;
		if (names)
			names[i] = config->rules[i].name;
	}
	if (names)
		near = diag_nearest(name, names, config->rule_count);
	if (near)
		return cli_complain(verb->name, "there is no rule '%s'; did you mean '%s'?", name,
				    near);
	return cli_complain(verb->name, "there is no rule '%s'; 'oomwarden status' lists them",
			    name);
}

/* A guest is paused by its name, which it keeps; another service by its path. */
static int take_service(const struct verb *verb, const struct service *service,
			struct pause_list *list)
{
	char name[NAME_BYTES];
	bool guest = guest_path_parse(service->path, name, sizeof(name)) != GUEST_NONE;
	int r = pause_list_add(list, guest ? PAUSE_GUEST : PAUSE_SERVICE,
			       guest ? name : service->path);

	if (r == -EINVAL)
		return cli_complain(verb->name, "the name of its cgroup is no text: %s",
				    service->path);
	return r < 0 ? brake_failed(verb, "cannot be paused", r) : EXIT_DONE;
}

static int find_service(const struct verb *verb, const struct cli_options *options,
			const char *name, struct pause_list *ret)
{
	_cleanup_(warden_freep) struct warden *warden = NULL;
	const struct snapshot *snapshot;
	const struct service *service;
	const char *near;
	size_t count;
	int status;

	status = sampling_run(verb, options, NULL, NULL, &warden);
	if (status != EXIT_DONE)
		return status;
	snapshot = warden_snapshot(warden);
	service = service_find(snapshot, name, &count);
	if (service && count == 1)
		return take_service(verb, service, ret);
	if (!service) {
		near = service_find_nearest(snapshot, name, NULL);
		return cli_complain(verb->name,
				    "there is no guest or service '%s' that a policy matches%s%s%s",
				    name, near ? "; did you mean '" : "", near ? near : "",
				    near ? "'?" : "; 'oomwarden status --all' lists them");
	}
	(void)cli_complain(verb->name, "%s may be any of these; say which by its path:", name);
	for (size_t i = 0; i < snapshot->service_count; i++)
		if (service_find_is_like(&snapshot->services[i], service, name))
			(void)cli_complain(verb->name, "  %s", snapshot->services[i].path);
	return EXIT_FAILED;
}

/* A list of what is to be paused, of one. */
static int resolve(const struct verb *verb, const struct cli_options *options,
		   const struct asked *asked, struct pause_list *ret)
{
	int status = EXIT_DONE, r;

	if (asked->kind == PAUSE_GUEST || asked->kind == PAUSE_SERVICE)
		return find_service(verb, options, asked->name, ret);
	if (asked->kind == PAUSE_RULE)
		status = find_rule(verb, options, asked->name);
	if (status != EXIT_DONE)
		return status;
	r = pause_list_add(ret, asked->kind, asked->name);
	return r < 0 ? brake_failed(verb, "cannot be paused", r) : EXIT_DONE;
}

/* In doubt the host is paused already, and that is what may be said of a list that cannot be read.
 */
static int repair(struct brake *brake, const struct pause_item *item)
{
	if (!brake->list.fault[0])
		return EXIT_DONE;
	if (item->kind != PAUSE_HOST)
		return cli_complain(
			brake->verb->name,
			"the list of what is paused cannot be read: %s/%s: %s; so the host "
			"counts as paused. 'oomwarden resume' removes the list",
			brake_directory(), PAUSE_FILE_NAME, brake->list.fault);
	fprintf(stderr, "oomwarden %s: the list that was there cannot be read (%s), and goes\n",
		brake->verb->name, brake->list.fault);
	pause_list_done(&brake->list);
	return EXIT_DONE;
}

static int add(struct brake *brake, const struct pause_item *item)
{
	int status = repair(brake, item), r;

	if (status != EXIT_DONE)
		return status;
	r = pause_list_add(&brake->list, item->kind, item->name);
	if (r < 0)
		return brake_failed(brake->verb, "the list of what is paused", r);
	if (r > 0 && brake_is_known(brake)) {
		say_item(item, " is paused already.");
		return EXIT_DONE;
	}
	status = brake_write(brake);
	if (status != EXIT_DONE)
		return status;
	say_item(item, " is paused: 'oomwarden resume' ends it.");
	brake_tell(brake);
	return brake_explain(brake);
}

int verb_pause(const struct verb *verb, int argc, char **argv)
{
	_cleanup_(pause_list_done) struct pause_list wanted = { 0 };
	_cleanup_(brake_done) struct brake brake = { .directory_fd = -1, .lock_fd = -1 };
	struct asked asked = { .kind = PAUSE_HOST };
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_CONFIG | CLI_OPERANDS, argc, argv, &options, &status) < 0)
		return status;
	if (options.first < argc)
		status = read_operands(verb, argc - options.first, argv + options.first, &asked);
	else
		status = EXIT_DONE;
	/* Looking around takes a while; the list is for nobody else while it is changed. */
	if (status == EXIT_DONE)
		status = resolve(verb, &options, &asked, &wanted);
	if (status == EXIT_DONE)
		status = brake_open(verb, true, &brake);
	return status == EXIT_DONE ? add(&brake, &wanted.items[0]) : status;
}

/* By the name that it is on the list with, by its path or the end of that. */
static bool is_named(const struct pause_item *item, const struct asked *asked)
{
	char name[NAME_BYTES];

	if (item->kind == PAUSE_HOST || asked->kind == PAUSE_HOST)
		return item->kind == asked->kind;
	if ((item->kind == PAUSE_RULE) != (asked->kind == PAUSE_RULE))
		return false;
	if (strcmp(item->name, asked->name) == 0)
		return true;
	if (item->kind == PAUSE_SERVICE)
		return unit_name_match(item->name, asked->name) >= UNIT_UNESCAPED;
	return item->kind == PAUSE_GUEST &&
	       guest_path_parse(asked->name, name, sizeof(name)) != GUEST_NONE &&
	       strcmp(item->name, name) == 0;
}

static int complain_not_paused(const struct brake *brake, const struct asked *asked)
{
	_cleanup_(freep) const char **names = calloc(brake->list.count + 1, sizeof(*names));
	const char *near = NULL;
	size_t count = 0;

	for (size_t i = 0; names && i < brake->list.count; i++)
		if (brake->list.items[i].name)
			names[count++] = brake->list.items[i].name;
	if (asked->kind == PAUSE_HOST)
		return cli_complain(brake->verb->name, "the host is not paused");
	if (count > 0)
		near = diag_nearest(asked->name, names, count);
	return cli_complain(brake->verb->name, "'%s' is not paused%s%s%s", asked->name,
			    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int remove_one(struct brake *brake, const struct asked *asked)
{
	size_t i = 0;

	if (brake->list.fault[0])
		return repair(brake, &(struct pause_item){ .kind = PAUSE_RULE });
	while (i < brake->list.count && !is_named(&brake->list.items[i], asked))
		i++;
	if (i == brake->list.count)
		return complain_not_paused(brake, asked);
	say_item(&brake->list.items[i], " is not paused any more.");
	pause_list_remove(&brake->list, i);
	return EXIT_DONE;
}

static void remove_all(struct brake *brake)
{
	if (brake->list.fault[0])
		puts("The list that could not be read is gone: nothing is paused any more.");
	else
		say_paused(&brake->list, "Not paused any more: ");
	pause_list_done(&brake->list);
}

static int take_away(struct brake *brake, const struct asked *asked)
{
	int status = EXIT_DONE;

	if (asked)
		status = remove_one(brake, asked);
	else
		remove_all(brake);
	if (status == EXIT_DONE)
		status = brake_write(brake);
	if (status != EXIT_DONE)
		return status;
	if (!pause_list_is_empty(&brake->list))
		say_paused(&brake->list, "Still paused: ");
	brake_tell(brake);
	return brake_explain(brake);
}

int verb_resume(const struct verb *verb, int argc, char **argv)
{
	_cleanup_(brake_done) struct brake brake = { .directory_fd = -1, .lock_fd = -1 };
	struct asked asked = { .kind = PAUSE_HOST };
	struct cli_options options;
	bool all;
	int status;

	if (cli_parse(verb, CLI_OPERANDS, argc, argv, &options, &status) < 0)
		return status;
	all = options.first == argc;
	status = all ? EXIT_DONE
		     : read_operands(verb, argc - options.first, argv + options.first, &asked);
	if (status == EXIT_DONE)
		status = brake_open(verb, false, &brake);
	if (status != EXIT_DONE)
		return status;
	if (all && pause_list_is_empty(&brake.list)) {
		puts("Nothing is paused.");
		return EXIT_DONE;
	}
	return take_away(&brake, all ? NULL : &asked);
}
