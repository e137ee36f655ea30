/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/attribution_sensor.h"

#include "sense/state.h"
#include "util/macro.h"

static int64_t value_or_unknown(struct reading r)
{
	return r.state == READING_KNOWN ? r.value : ATTRIBUTION_UNKNOWN;
}

static int64_t host_value(const struct sense *s, enum metric_id id)
{
	return value_or_unknown(host_reading(s, id));
}

static int64_t service_value(const struct service *service, enum metric_id id)
{
	return value_or_unknown(service->readings[metric_index(id)]);
}

/* Hitting a limit, even while the average does not show it yet; its own, or one of a cgroup above
 * it, which is not the host's want either. */
static bool is_at_limit(const struct service *service)
{
	return service->held_length > 0 || service_value(service, METRIC_SERVICE_PSI_SELF) > 0 ||
	       service_value(service, METRIC_SERVICE_EVENTS_HIGH_RATE) > 0 ||
	       service_value(service, METRIC_SERVICE_EVENTS_MAX_RATE) > 0;
}

static int64_t own_pressure(const struct service *service)
{
	return service_value(service, service->held_length > 0 ? METRIC_SERVICE_PSI_SOME
							       : METRIC_SERVICE_PSI_SELF);
}

static bool is_within_another(const struct sense *s, size_t index)
{
	const struct service_registry *r = &s->registry;

	for (size_t up = r->entries[index].parent; up != NO_SERVICE; up = r->entries[up].parent)
		if (is_at_limit(&r->services[up]))
			return true;
	return false;
}

static bool is_news(const struct sense *s)
{
	const struct service_agenda *agenda = &s->services.agenda;

	if (s->services.all_touched || s->attribution.some.count > 0 ||
	    agenda->order != s->registry.order)
		return true;
	for (size_t i = 0; i < agenda->touched_count; i++)
		if (is_at_limit(&s->registry.services[agenda->touched[i]]))
			return true;
	return false;
}

static void fill(struct sense *s, usec_t now, enum metric_id id, const struct attribution *own,
		 struct attribution_hold *hold, int64_t pressure, int64_t average)
{
	int64_t shared =
		attribution_held(hold, own, now, attribution_shared(own, pressure, average));

	host_set(s, id, shared < 0 ? READING_NONE : reading_of(shared));
}

static void attribution_sensor_fast(struct sense *s, usec_t now)
{
	struct attribution_sensor *a = &s->attribution;

	fill(s, now, METRIC_PSI_MEMORY_SOME_SHARED, &a->some, &a->held_some,
	     host_value(s, METRIC_PSI_MEMORY_SOME_NOW), host_value(s, METRIC_PSI_MEMORY_SOME));
	fill(s, now, METRIC_PSI_MEMORY_FULL_SHARED, &a->full, &a->held_full,
	     host_value(s, METRIC_PSI_MEMORY_FULL_NOW), host_value(s, METRIC_PSI_MEMORY_FULL));
}

static void attribution_sensor_services(struct sense *s, usec_t now)
{
	struct attribution_sensor *a = &s->attribution;

	if (!is_news(s))
		return;
	a->some = a->full = (struct attribution){ 0 };
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct service *service = &s->registry.services[i];

		if (!is_at_limit(service) || is_within_another(s, i))
			continue;
		attribution_add(&a->some, own_pressure(service));
		attribution_add(&a->full, service_value(service, METRIC_SERVICE_PSI_FULL));
	}
	/* What was filled in at the beginning of this tick did not know of them. */
	attribution_sensor_fast(s, now);
}

/* It goes by what others read. */
static usec_t attribution_sensor_due(const struct sense *s)
{
	(void)s;
	return USEC_INFINITY;
}

const struct sensor attribution_sensor = {
	.services = attribution_sensor_services,
	.fast = attribution_sensor_fast,
	.due = attribution_sensor_due,
};
