/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Slices of systemd and where their cgroups are: "web-shop.slice" lies in "web.slice"
 * (systemd.slice(5)).
 */

#include <stdbool.h>
#include <stddef.h>

struct strbuf;

/* Where units are that say nothing else. */
#define SLICE_DEFAULT "system.slice"

/* The path of its cgroup, without a leading slash: "web.slice/web-shop.slice". */
void slice_add_path(const char *slice, struct strbuf *out);
/* What keeps `text`, a valid name of a unit that ends in ".slice", from being a slice's;
 * *ret_offset is where. NULL: nothing does. */
const char *slice_fault(const char *text, size_t *ret_offset);
/* Is a part of this path of a cgroup, of so many bytes, called as a unit that runs something? Units
 * do not lie in units: what is called like one below it is an affair of its own. */
bool slice_holds_unit(const char *path, size_t length);
/* Is it `outer`, or below it? */
bool slice_is_within(const char *slice, const char *outer);
