/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What rules about a thousand services cost while nothing happens. */

#include "test.h"

#include "world.h"

#include "engine/state.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MANY = 1000, RULES = 5, IDLE_BYTES = 48, PAGES_MAX = 1024 };

static struct world w;
static struct service services[MANY];
static char paths[MANY][40];

static const char *const rules =
	"[Rule one]\nOn=service\nWhen=service.current > 1G\nFor=300ms\nDo=notify\n"
	"[Rule two]\nOn=service\nWhen=service.current > 2G and mem.available < 1G\nDo=notify\n"
	"[Rule three]\nOn=service\nWhen=service.anon > 3G\nUntil=service.anon < 1G\nDo=notify\n"
	"[Rule four]\nOn=service\nWhen=service.processes > 200\nCooldown=1min\nDo=notify\n"
	"[Rule five]\nOn=service\nWhen=service.restarts-after-oom >= 3\nDo=notify\n";

static uintptr_t page_bytes(void)
{
	return (uintptr_t)sysconf(_SC_PAGESIZE);
}

/* Pages of an array that are in memory. */
static size_t pages_in(const void *array, size_t bytes)
{
	static unsigned char in[PAGES_MAX];
	uintptr_t page = page_bytes(), start = (uintptr_t)array & ~(page - 1);
	size_t pages = ((uintptr_t)array + bytes - start + page - 1) / page, count = 0;

	check(pages <= PAGES_MAX);
	check_int(mincore((void *)start, pages * page, in), 0); /* NOLINT */
	for (size_t i = 0; i < pages; i++)
		count += in[i] & 1;
	return count;
}

static size_t pages_of_episodes(void)
{
	return pages_in(w.engine->episodes, (size_t)MANY * RULES * sizeof(struct episode));
}

/* Does mincore() tell what was touched? Some sandboxes say that all is there. */
static bool can_tell(void)
{
	size_t bytes = 4 * page_bytes(), in;
	char *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(area != MAP_FAILED);
	area[0] = 1;
	in = pages_in(area, bytes);
	munmap(area, bytes);
	return in == 1;
}

static void add_services(size_t count)
{
	for (size_t i = w.snapshot.service_count; i < count; i++) {
		struct service *s = &services[i];

		memset(s, 0, sizeof(*s));
		snprintf(paths[i], sizeof(paths[i]), "system.slice/web%zu.service", i);
		s->path = s->name = paths[i];
		s->inode = 100 + i;
		s->policy = policy_table_match(&w.config->policies, paths[i]);
		check(s->policy >= 0);
		w_set(s->readings, METRIC_SERVICE_CURRENT, 100 * MIB);
		w_set(s->readings, METRIC_SERVICE_ANON, 100 * MIB);
	}
	w.snapshot.services = services;
	w.snapshot.service_count = count;
	check_int(engine_reserve(w.engine, W_NODES, count), 0);
}

static void tick(unsigned count)
{
	for (; count > 0; count--) {
		w.now += 100 * MS;
		w.snapshot.now_usec = w.now;
		engine_tick(w.engine, &w.snapshot, NULL, 0, w.now, &w.plan);
	}
}

/* As the agent has it: what is large is mapped by itself. */
static void start(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 * 1024);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	w_start(&w, "Mode=enforce\nEnforceActions=\n", rules);
}

TEST(an_idle_instance_is_small)
{
	check(sizeof(struct instance) <= IDLE_BYTES);
}

TEST(idle_instances_have_no_episodes_in_memory)
{
	if (!can_tell())
		test_skip("mincore() does not tell what was touched");
	start();
	/* It grows, as services are found. */
	for (size_t count = MANY / 4; count <= MANY; count += MANY / 4) {
		add_services(count);
		tick(20);
	}
	check_int(engine_instance_count(w.engine), (long long)MANY * RULES);
	check(!engine_is_alert(w.engine));
	/* The first page may have what the heap keeps of it. */
	check(pages_of_episodes() <= 1);
	check(pages_in(w.engine->instances, (size_t)MANY * RULES * sizeof(struct instance)) <=
	      (size_t)MANY * RULES * IDLE_BYTES / page_bytes() + 2);
	w_stop(&w);
}

/* When= that is true for less than For= is no firing. */
TEST(an_instance_has_an_episode_from_its_first_firing_on)
{
	size_t before;

	if (!can_tell())
		test_skip("mincore() does not tell what was touched");
	start();
	add_services(MANY);
	tick(1);
	before = pages_of_episodes();
	for (size_t i = 0; i < MANY; i++)
		w_set(services[i].readings, METRIC_SERVICE_CURRENT, 3 * GIB);
	tick(2);
	check(engine_is_alert(w.engine));
	check_int(pages_of_episodes(), before);
	for (size_t i = 0; i < MANY; i++)
		if (i != MANY / 2)
			w_set(services[i].readings, METRIC_SERVICE_CURRENT, 100 * MIB);
	tick(2);
	check_int(w_notes(&w, NOTE_FIRED), 1);
	check(pages_of_episodes() > before);
	check(pages_of_episodes() <= before + 2);
	w_stop(&w);
}

TEST(episodes_move_with_their_instances)
{
	start();
	add_services(MANY / 2);
	tick(1);
	w_set(services[7].readings, METRIC_SERVICE_CURRENT, 3 * GIB);
	tick(4);
	check_int(w_status(&w, "one", 107).state, RULE_RUNNING);
	check_int(w_notes(&w, NOTE_FIRED), 1);
	/* The step of its only line is done; the agent then finds more services. */
	check_int(w.plan.step_count, 1);
	w.snapshot.now_usec = w.now += 100 * MS;
	engine_tick(w.engine, &w.snapshot,
		    &(struct outcome){
			    .step = w.plan.steps[0].id, .state = OUTCOME_DONE, .at_usec = w.now },
		    1, w.now, &w.plan);
	check_int(w_status(&w, "one", 107).state, RULE_WAITING);
	struct episode before = w.engine->episodes[w.engine->base[0] + 7];
	check_int(before.next, 1);
	add_services(MANY);
	check(memcmp(&before, &w.engine->episodes[w.engine->base[0] + 7], sizeof(before)) == 0);
	tick(1);
	check_int(w_status(&w, "one", 107).state, RULE_WAITING);
	check_int(w_status(&w, "one", 100 + MANY / 2 + 7).state, RULE_IDLE);
	w_stop(&w);
}
