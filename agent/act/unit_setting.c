/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/unit_setting.h"

#include "sys/unit_bus.h"
#include "sys/unit_drop_in.h"

#include <errno.h>

/* What it was called before 231, and what a manager of a v1 host may have it by still. */
#define OLD_MEMORY_MAX "MemoryLimit"

static uint64_t number_of(const struct setting_value *value)
{
	return value->number == SETTING_UNLIMITED ? UNIT_PROPERTY_INFINITY
						  : (uint64_t)value->number;
}

static bool is_fitting(const struct setting *setting, const struct setting_value *value)
{
	return setting->unit == UNIT_NODES ||
	       (value->number >= setting->least && value->number <= setting->most);
}

int unit_setting_set(struct unit_bus *bus, const char *unit, enum setting_id id,
		     const struct setting_value *value, const char *text)
{
	const struct setting *setting = setting_get(id);
	struct unit_property property = { .name = setting->property };
	int r;

	if (!setting->property)
		return -EOPNOTSUPP;
	if (!is_fitting(setting, value))
		return -EINVAL;
	switch (setting->unit) {
	case UNIT_NODES:
		if (id == SETTING_ALLOWED_CPUS) {
			/* None is what systemd takes an empty list for. */
			if (!text || (text[0] == '\0') != idset_is_empty(&value->nodes))
				return -EINVAL;
			property.type = UNIT_PROPERTY_CPUS;
			property.cpus = text;
			break;
		}
		property.type = UNIT_PROPERTY_NODES;
		property.nodes = value->nodes;
		break;
	case UNIT_BYTES_PER_SEC:
		if (!text)
			return -EINVAL;
		property.type = UNIT_PROPERTY_DEVICE_RATE;
		property.device = text;
		property.number = number_of(value);
		break;
	case UNIT_BYTES:
		property.type = UNIT_PROPERTY_NUMBER;
		property.number = number_of(value);
		break;
	case UNIT_NUMBER:
	case UNIT_FLAG:
	case UNIT_PAGES:
		return -EOPNOTSUPP;
	}
	r = unit_bus_set(bus, unit, &property);
	if (r != -EOPNOTSUPP || id != SETTING_MEMORY_MAX)
		return r;
	property.name = OLD_MEMORY_MAX;
	return unit_bus_set(bus, unit, &property);
}

bool unit_setting_drop_in_exists(const char *root, const char *unit, enum setting_id id)
{
	const char *property = setting_get(id)->property;

	if (!property)
		return false;
	return unit_drop_in_exists(root, unit, property) ||
	       (id == SETTING_MEMORY_MAX && unit_drop_in_exists(root, unit, OLD_MEMORY_MAX));
}

int unit_setting_drop_in_remove(const char *root, const char *unit, enum setting_id id)
{
	const char *property = setting_get(id)->property;
	int r;

	if (!property)
		return -ENOENT;
	r = unit_drop_in_remove(root, unit, property);
	if (r == -ENOENT && id == SETTING_MEMORY_MAX)
		return unit_drop_in_remove(root, unit, OLD_MEMORY_MAX);
	return r;
}
