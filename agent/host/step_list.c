/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/step_list.h"

/* A free place, or that of the oldest. */
static struct step *find_place(struct step_list *list)
{
	struct step *oldest = &list->each[0];

	for (size_t i = 0; i < list->end; i++) {
		if (list->each[i].id == 0)
			return &list->each[i];
		if (list->each[i].id < oldest->id)
			oldest = &list->each[i];
	}
	return list->end < STEP_LIST_MAX ? &list->each[list->end++] : oldest;
}

void step_list_add(struct step_list *list, const struct step *step)
{
	if (step->order == STEP_START || step->order == STEP_UNDO)
		*find_place(list) = *step;
}

static size_t index_of(const struct step_list *list, uint64_t id)
{
	size_t i = 0;

	while (i < list->end && list->each[i].id != id)
		i++;
	return i;
}

const struct step *step_list_find(const struct step_list *list, uint64_t id)
{
	size_t i = id == 0 ? list->end : index_of(list, id);

	return i < list->end ? &list->each[i] : NULL;
}

static void cut(struct step_list *list)
{
	while (list->end > 0 && list->each[list->end - 1].id == 0)
		list->end--;
}

void step_list_forget(struct step_list *list, uint64_t id)
{
	size_t i = id == 0 ? list->end : index_of(list, id);

	if (i < list->end)
		list->each[i].id = 0;
	cut(list);
}

void step_list_sift(struct step_list *list, bool (*keep)(void *context, struct step *step),
		    void *context)
{
	for (size_t i = 0; i < list->end; i++)
		if (list->each[i].id != 0 && !keep(context, &list->each[i]))
			list->each[i].id = 0;
	cut(list);
}
