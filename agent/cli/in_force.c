/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/in_force.h"

#include "cli/brake.h"
#include "cli/json_value.h"
#include "cli/paragraph.h"
#include "cli/table.h"
#include "engine/entry.h"
#include "host/pause_file.h"
#include "host/recovery.h"
#include "host/runtime.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int read_record(int directory_fd, struct ledger_look *ret)
{
	char boot_id[BOOT_ID_BYTES];
	int r = brake_boot_id(boot_id);

	if (r < 0)
		return r;
	return ledger_look(directory_fd, boot_id, ret);
}

static int compare(const void *a, const void *b)
{
	const struct ledger_entry *left = a, *right = b;
	int by_path = strcmp(left->path, right->path);

	if (by_path != 0)
		return by_path;
	return (left->on.id > right->on.id) - (left->on.id < right->on.id);
}

void in_force_read(struct in_force *ret)
{
	_cleanup_(closep) int fd = open(brake_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret = (struct in_force){ .agent_error = -ESRCH, .record_error = -ENOENT };
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0) {
		ret->agent_error = ret->record_error = -errno;
		return;
	}
	ret->agent_error = runtime_find(fd, &ret->agent);
	(void)pause_file_read(fd, &ret->paused);
	ret->record_error = read_record(fd, &ret->record);
	if (ret->record_error == 0 && ret->record.count > 1)
		qsort(ret->record.entries, ret->record.count, sizeof(*ret->record.entries),
		      compare);
}

/* Each process has one of its own. */
static void format_base(const struct ledger_entry *entry, struct strbuf *out)
{
	if (entry_is_per_process(entry->on.id))
		strbuf_add(out, "each its own");
	else
		setting_value_format(entry->on.id, &entry->base, out);
}

static void format_now(const struct ledger_entry *entry, struct strbuf *out)
{
	switch (entry->state) {
	case ENTRY_SET:
		setting_value_format(
			entry->on.id,
			entry_is_per_process(entry->on.id) ? &entry->intended : &entry->found, out);
		return;
	case ENTRY_RETURNING:
		strbuf_add(out, "is given back");
		return;
	default:
		setting_value_format(entry->on.id, &entry->intended, out);
		strbuf_add(out, ", being set");
		return;
	}
}

static const char *claim_word(const struct ledger_claim *claim)
{
	return claim->owner.kind == CLAIM_POLICY ? "policy" : "rule";
}

/* "rule runaway (1 GiB), policy builds (2 GiB)" */
static void format_claims(const struct ledger_entry *entry, struct strbuf *out)
{
	for (size_t i = 0; i < entry->claim_count; i++) {
		const struct ledger_claim *claim = &entry->claims[i];

		strbuf_addf(out, "%s%s ", i == 0 ? "" : ", ", claim_word(claim));
		strbuf_add_name(out, claim->owner.name);
		strbuf_add(out, " (");
		setting_value_format(entry->on.id, &claim->value, out);
		strbuf_add(out, ")");
	}
}

static void add_row(struct table *t, const struct ledger_entry *entry)
{
	static void (*const formats[])(const struct ledger_entry *entry, struct strbuf *out) = {
		recovery_target, NULL, format_base, format_now, format_claims,
	};

	table_row(t);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		char text[2048];
		struct strbuf b = STRBUF(text);

		if (formats[i])
			formats[i](entry, &b);
		else
			strbuf_add(&b, setting_get(entry->on.id)->name);
		table_cell(t, text);
	}
}

static int print_table(const struct ledger_look *record)
{
	static const struct table_column columns[] = {
		{ .name = "TARGET" },
		{ .name = "SETTING" },
		{ .name = "BEFORE", .right = true },
		{ .name = "NOW", .right = true },
		{ .name = "ASKED FOR BY", .wrap = true },
	};
	_cleanup_(table_freep) struct table *t =
		table_new("in_force", columns, ARRAY_SIZE(columns), false);

	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < record->count; i++)
		add_row(t, &record->entries[i]);
	return table_print(t);
}

static void print_agent(const struct in_force *f)
{
	switch (f->agent_error) {
	case 0:
		printf("  an agent runs: process %d\n", (int)f->agent);
		break;
	case -ESRCH:
		puts("  no agent runs");
		break;
	case -EXDEV:
		puts("  an agent runs, in another PID namespace");
		break;
	default:
		printf("  whether an agent runs is not known: %s\n",
		       strerrordesc_np(-f->agent_error));
		break;
	}
}

static void print_paused(const struct pause_list *paused)
{
	char what[768], text[1024];
	struct strbuf w = STRBUF(what), b = STRBUF(text);

	if (pause_list_is_empty(paused))
		return;
	pause_list_describe(paused, &w);
	if (paused->fault[0])
		strbuf_addf(&b,
			    "paused: the host, as the list of what is paused cannot be read: %s",
			    paused->fault);
	else
		strbuf_addf(&b, "paused, and a dry run: %s", what);
	paragraph_print(2, text);
}

static const char *why_no_record(int error)
{
	switch (error) {
	case -ENOENT:
		return "there is no record: no agent that may act has run since this machine was "
		       "started";
	case -EACCES:
	case -EPERM:
		return "what is set is on a record that only root may read";
	case -EBADMSG:
		return "the record of what is set is damaged, or of another version";
	case -EAGAIN:
		return "the record of what is set changes too fast to be read just now";
	default:
		return strerrordesc_np(-error);
	}
}

int in_force_text(const struct in_force *f)
{
	cli_heading("IN FORCE");
	print_agent(f);
	print_paused(&f->paused);
	if (f->record_error < 0) {
		paragraph_print(2, why_no_record(f->record_error));
		return 0;
	}
	if (f->record.is_damaged)
		puts("  part of the record cannot be read");
	if (f->record.count == 0) {
		puts("  nothing is set");
		return 0;
	}
	return print_table(&f->record);
}

static struct json_object *value_object(enum setting_id id, const struct setting_value *value)
{
	static const char *const units[] = {
		[UNIT_BYTES] = "bytes",	  [UNIT_BYTES_PER_SEC] = "bytes_per_sec",
		[UNIT_NUMBER] = "number", [UNIT_FLAG] = "flag",
		[UNIT_NODES] = "nodes",	  [UNIT_PAGES] = "pages",
	};
	struct json_object *o = json_object_new_object();
	char text[512];
	struct strbuf b = STRBUF(text);

	json_text(o, "unit", value->is_ratio ? "percent" : units[setting_get(id)->unit]);
	if (setting_get(id)->unit == UNIT_NODES) {
		idset_format(&value->nodes, &b);
		json_text(o, "value", text);
	} else if (value->number == SETTING_UNLIMITED) {
		json_text(o, "value", "infinity");
	} else {
		json_number(o, "value", value->number);
	}
	return o;
}

static struct json_object *claims_array(const struct ledger_entry *entry)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < entry->claim_count; i++) {
		struct json_object *o = json_object_new_object();

		json_text(o, "by", claim_word(&entry->claims[i]));
		json_name(o, "name", entry->claims[i].owner.name);
		json_add(o, "wanted", value_object(entry->on.id, &entry->claims[i].value));
		json_push(list, o);
	}
	return list;
}

static struct json_object *entry_object(const struct ledger_entry *entry)
{
	static const char *const states[] = {
		[ENTRY_FREE] = "free",
		[ENTRY_INTENDED] = "being-set",
		[ENTRY_SET] = "set",
		[ENTRY_RETURNING] = "being-given-back",
	};
	bool per_process = entry_is_per_process(entry->on.id);
	struct json_object *o = json_object_new_object();
	char text[1024];
	struct strbuf b = STRBUF(text);

	recovery_target(entry, &b);
	json_text(o, "target", text);
	json_text(o, "setting", setting_get(entry->on.id)->name);
	json_text(o, "state", states[entry->state]);
	json_add(o, "base", per_process ? NULL : value_object(entry->on.id, &entry->base));
	json_add(o, "in_force",
		 value_object(entry->on.id, entry->state == ENTRY_SET && !per_process
						    ? &entry->found
						    : &entry->intended));
	json_add(o, "claims", claims_array(entry));
	return o;
}

static struct json_object *paused_object(const struct pause_list *paused)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	if (paused->fault[0])
		json_text(o, "fault", paused->fault);
	else
		json_add(o, "fault", NULL);
	for (size_t i = 0; i < paused->count; i++) {
		struct json_object *item = json_object_new_object();

		json_text(item, "what", pause_kind_name(paused->items[i].kind));
		if (paused->items[i].name)
			json_name(item, "name", paused->items[i].name);
		json_push(list, item);
	}
	json_add(o, "list", list);
	return o;
}

static struct json_object *record_array(const struct ledger_look *record)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < record->count; i++)
		json_push(list, entry_object(&record->entries[i]));
	return list;
}

static struct json_object *agent_object(const struct in_force *f)
{
	struct json_object *o = json_object_new_object();

	json_number(o, "pid", f->agent);
	return o;
}

void in_force_json(const struct in_force *f, struct json_object *to)
{
	bool known = f && f->record_error == 0;

	json_add(to, "agent", f && f->agent_error == 0 ? agent_object(f) : NULL);
	json_add(to, "paused", f ? paused_object(&f->paused) : NULL);
	json_add(to, "in_force", known ? record_array(&f->record) : NULL);
	if (f && !known)
		json_text(to, "in_force_unknown", why_no_record(f->record_error));
}
