/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What services' own cgroups are set to, from the files that are read of them anyway. Whoever
 * writes a setting is told of (event_files.c), and service_files.c then reads it anew.
 */

#include "sense/sensor.h"
#include "sense/service_look.h"
#include "sense/setting_sets.h"

extern const struct sensor service_settings_sensor;

/* As they were last read, or nothing known. */
struct service_settings service_settings_of(const struct service *service);
/* cpuset.mems, into `set`. */
void service_settings_read_nodes(struct service_look *look, struct service_settings *set);
/* cpuset.cpus, of those whose policy has Nodes=home. */
void service_settings_read_cpus(struct service_look *look, struct service_settings *set);
/* io.max of the disks of which its policy or a rule wants to know, into `set`; of others it is not
 * even opened. */
void service_settings_read_io(struct service_look *look, struct service_settings *set);
/* Makes them the service's. Where there is no room they are unknown until the next calm round. */
void service_settings_take(struct sense *sense, size_t index, const struct service_settings *set);

/* The scores of a service's processes, while they are listed. */
struct score_range {
	bool is_known;
	int least;
	int most;
};

void score_range_add(struct score_range *range, int score);
void service_settings_take_scores(struct sense *sense, size_t index,
				  const struct score_range *scores);
