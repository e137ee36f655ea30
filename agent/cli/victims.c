/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/victims.h"

#include "cli/paragraph.h"

#include <errno.h>

int victims_read(struct warden *warden, struct victims *ret, const char **ret_what)
{
	int r;

	*ret = (struct victims){ 0 };
	*ret_what = "cannot read the machine's memory";
	r = warden_kernel(warden, &ret->kernel);
	if (r < 0)
		return r;
	*ret_what = "cannot read the processes";
	r = warden_tasks(warden, &ret->tasks);
	if (r < 0)
		return r;
	warden_task_policies(warden, &ret->tasks);
	*ret_what = "cannot read the zones";
	r = warden_zones(warden, &ret->zones);
	if (r == -ENOMEM)
		return r;
	*ret_what = "memory";
	return victim_field_make(&ret->kernel, &ret->tasks, &ret->zones, warden_snapshot(warden),
				 &warden_config(warden)->policies, &ret->field);
}

void victims_done(struct victims *victims)
{
	victim_field_done(&victims->field);
	zone_details_done(&victims->zones);
	task_details_done(&victims->tasks);
}

const char *victims_unknown(const struct victims *victims)
{
	if (victims->tasks.count == 0)
		return "no process can be read";
	if (victims->field.era_too_old)
		return "kernels before 2.6.36 choose by other measures";
	return NULL;
}

void victims_print_hazards(const struct victims *victims, const struct victim_story *story,
			   unsigned hazards, size_t indent)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	for (unsigned hazard = 1; hazard <= VICTIM_HAZARD_LAST; hazard <<= 1) {
		if (!(hazards & hazard))
			continue;
		strbuf_reset(&b);
		strbuf_add(&b, "! ");
		victim_hazard_text(&victims->field, story, (enum victim_hazard)hazard, &b);
		paragraph_print(indent, text);
	}
}
