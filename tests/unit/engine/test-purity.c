/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The decision is a function: the same input makes the same plan, and nothing is asked of the heap.
 * Linked against the engine and what is below it only, without what touches the kernel, and with
 * every allocation going through a counter.
 */

#include "test.h"

#include "world.h"

static size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	allocations++;
	return __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	allocations++;
	return __real_reallocarray(p, count, size);
}

char *__wrap_strdup(const char *s)
{
	allocations++;
	return __real_strdup(s);
}

void __wrap_free(void *p)
{
	allocations++;
	__real_free(p);
}

static const char *const rules =
	"[Rule node]\nOn=node\nWhen=node.headroom < min(20%, 2G) or node.time-to-empty < 5s\n"
	"Until=node.headroom > 3G\nFor=300ms\nCooldown=5s\nDo=notify\nDo=migrate\n"
	"Do=migrate bytes=64M to=1\nDo=kill grace=2s\nStepWait=500ms\n"
	"[Rule host]\nOn=host\nPriority=10\nWhen=mem.available < 2G\nUntil=mem.available > 4G\n"
	"Cooldown=3s\nDo=kill grace=1s\nDo=kill\nStepWait=1s\n"
	"[Rule service]\nOn=service\nKind=service batch vm\nWhen=service.current > 1G\n"
	"When=mem.available < 6G\nDo=notify\nCooldown=2s\n"
	"[Rule knobs]\nOn=host\nPriority=20\nWhen=mem.available < 3G\n"
	"Until=mem.available > 5G\nCooldown=4s\nDo=sysctl vm.swappiness step=-50%\n"
	"Do=sysctl vm.swappiness value=1\nDo=oom-score candidates adjust=300\n"
	"StepWait=300ms\n"
	"[Rule slow]\nOn=service\nPolicies=builds careful\nWhen=service.current > 1500M\n"
	"Until=service.current < 1G\nCooldown=2s\nDo=limit down\nDo=reclaim bytes=64M\n"
	"Do=freeze max=2s\nDo=notify\nDo=thaw\nDo=stop-unit\nStepWait=300ms\n";

static const char *const policies =
	"[Policy guests]\nMatch=machine.slice/*.scope\nKind=vm\nKill=never\nNodes=relieve\n"
	"MemoryMax=50%\nMemoryMin=64M\n"
	"[Policy homes]\nMatch=system.slice/h.service\nNodes=home\n"
	"[Policy placed]\nMatch=system.slice/p.service\nNodes=1-2\n"
	"[Policy careful]\nMatch=system.slice/new-*.service\nKill=first\nNodes=relieve\n"
	"Mode=dry-run\nMemoryHigh=2G\n"
	"[Policy builds]\nMatch=system.slice/*.service\nKind=batch\nKill=normal\nNodes=relieve\n"
	"MemoryHigh=1G\nOOMScoreAdjust=200\nOOMGroup=yes\n";

/* What a rule has set and not given back. */
struct debt {
	size_t rule;
	uint64_t subject;
	struct setting_target on;
	uint64_t step; /* the latest that set it */
	bool done;
};

/* A machine's life out of a seed: readings wander, services come, go, grow and vanish, moves and
 * kills run and end in every way. */
struct life {
	struct world w;
	uint64_t seed;
	struct step running[64];
	size_t running_count;
	size_t ticks, steps, refusals, notes, resizes, cancels, kills, dry, undone, held, followed;
	size_t causes[MOVE_CAUSE_COUNT_];
	struct idset placed, homes[4];
	struct service_settings found[W_SERVICES];
	struct cpu_places cpus[W_SERVICES];
	struct preference preferences[W_SERVICES][2];
	struct debt debts[1024];
	size_t debt_count;
};

static uint64_t dice(struct life *l, uint64_t sides)
{
	l->seed = l->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (l->seed >> 33) % sides;
}

static struct reading live_limit(struct life *l, int64_t nothing)
{
	switch (dice(l, 4)) {
	case 0:
		return READING_NONE;
	case 1:
		return reading_of((int64_t)dice(l, 4) * GIB);
	default:
		return nothing == INT64_MAX ? READING_FOREVER : reading_of(nothing);
	}
}

static void live_settings(struct life *l, size_t i)
{
	struct service_settings *found = &l->found[i];

	*found = (struct service_settings){ .oom_group = reading_of((int64_t)dice(l, 2)) };
	for (int id = 0; id <= SETTING_MEMORY_SWAP_MAX; id++)
		found->memory[id] = live_limit(l, id <= SETTING_MEMORY_LOW ? 0 : INT64_MAX);
	found->nodes = dice(l, 4) ? (dice(l, 2) ? &l->placed : &l->homes[dice(l, 4)]) : NULL;
	found->cpu_nodes = dice(l, 4) ? &l->homes[dice(l, 4)] : NULL;
	found->score_known = dice(l, 3) != 0;
	found->score_least = (int16_t)(dice(l, 3) * 100);
	found->score_most = (int16_t)(200 + dice(l, 2) * 100);
	l->w.services[i].settings = dice(l, 8) ? found : NULL;
	l->w.services[i].owner = dice(l, 8) ? OWNER_SYSTEMD : (enum cgroup_owner)dice(l, 4);
	l->w.services[i].protected_unit = dice(l, 20) == 0;
}

/* What says where it belongs, most of the time nothing. */
static void live_places(struct life *l, size_t i)
{
	struct service *s = &l->w.services[i];

	l->cpus[i] = (struct cpu_places){ .runs_on = (int)dice(l, 4) - 1 };
	if (dice(l, 4) == 0)
		l->cpus[i].pinned = l->homes[dice(l, 4)];
	s->cpus = dice(l, 3) ? &l->cpus[i] : NULL;
	s->preferences = l->preferences[i];
	s->preference_count = dice(l, 4) ? 0 : dice(l, 3);
	for (size_t n = 0; n < s->preference_count; n++)
		l->preferences[i][n] =
			(struct preference){ (unsigned)n, 2, dice(l, 900) * (uint64_t)MIB,
					     dice(l, 900) * (uint64_t)MIB };
	s->confined_by = dice(l, 8) ? 0 : (uint8_t)dice(l, 16);
	s->declared_bytes = dice(l, 3) ? 0 : dice(l, 4000) * (uint64_t)MIB;
}

static void live_service(struct life *l, size_t i)
{
	struct service *s = &l->w.services[i];

	live_places(l, i);
	for (unsigned n = 0; n < W_NODES; n++)
		w_resize(&l->w, i, n, 0);
	w_resize(&l->w, i, (unsigned)dice(l, 3), (int64_t)dice(l, 3000) * MIB);
	w_resize(&l->w, i, (unsigned)dice(l, 3), (int64_t)dice(l, 3000) * MIB);
	s->allowed_known = dice(l, 4) != 0;
	s->hold = dice(l, 10) == 0 ? HOLD_PINNED : HOLD_NONE;
	live_settings(l, i);
	if (dice(l, 5) == 0)
		s->inode = 1000 + dice(l, 100000); /* restarted: another cgroup */
}

static struct debt *find_debt(struct life *l, const struct step *step)
{
	for (size_t i = 0; i < l->debt_count; i++)
		if (l->debts[i].rule == step->rule && l->debts[i].subject == step->subject.key &&
		    setting_target_equal(&l->debts[i].on, &step->setting.on))
			return &l->debts[i];
	return NULL;
}

static void note_debt(struct life *l, const struct step *step)
{
	struct debt *debt = find_debt(l, step);

	if (!actions[step->action].sets || step->rule == RULE_NONE || step->mode == MODE_DRY_RUN)
		return;
	if (step->order == STEP_UNDO) {
		/* What was never set is not given back; one that was frozen may have been. */
		check(debt || step->action == ACTION_FREEZE);
		if (debt)
			*debt = l->debts[--l->debt_count];
		l->undone++;
		return;
	}
	if (step->order != STEP_START)
		return;
	if (!debt) {
		check(l->debt_count < 1024);
		debt = &l->debts[l->debt_count++];
		*debt = (struct debt){ step->rule, step->subject.key, step->setting.on };
	}
	debt->step = step->id;
}

/* One that was given back meanwhile may end well all the same: that is for the executor to see.
 * What was frozen has nothing to give back once its step has ended. */
static void note_end(struct life *l, const struct step *step, enum outcome_state state)
{
	struct debt *debt = find_debt(l, step);

	if (!debt || debt->step != step->id || state == OUTCOME_RUNNING)
		return;
	if (step->action == ACTION_FREEZE)
		*debt = l->debts[--l->debt_count];
	else if (state == OUTCOME_DONE)
		debt->done = true;
}

static void live_outcomes(struct life *l)
{
	for (size_t i = l->running_count; i > 0; i--) {
		struct step *step = &l->running[i - 1];
		struct outcome *o;

		if (l->w.outcome_count == 64 || dice(l, 3) == 0)
			continue;
		o = w_outcome(&l->w, step->id, (enum outcome_state)dice(l, 4));
		o->done_bytes = (uint64_t)step->expected_gain / (1 + dice(l, 12));
		o->bytes_per_sec = dice(l, 2) * 100 * (uint64_t)MIB;
		o->signalled = (unsigned)dice(l, 2);
		o->error = o->state == OUTCOME_FAILED ? (dice(l, 2) ? ESRCH : EPERM) : 0;
		o->in_force_known = actions[step->action].sets && dice(l, 2);
		if (o->in_force_known && dice(l, 3))
			o->in_force = step->setting.wanted;
		if (actions[step->action].sets && step->rule != RULE_NONE)
			note_end(l, step, o->state);
		if (o->state != OUTCOME_RUNNING)
			*step = l->running[--l->running_count];
	}
	/* What nobody asked about. */
	if (l->w.outcome_count < 64 && dice(l, 8) == 0)
		w_outcome(&l->w, dice(l, 1000), OUTCOME_DONE);
}

static void live_readings(struct life *l)
{
	for (unsigned n = 0; n < W_NODES; n++) {
		struct reading *tte =
			&l->w.nodes[n].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)];

		w_headroom(&l->w, n, (int64_t)dice(l, 6000) * MIB);
		*tte = dice(l, 3) ? READING_FOREVER : reading_of((int64_t)dice(l, 20000000));
		if (dice(l, 20) == 0)
			l->w.nodes[n].readings[metric_index(METRIC_NODE_HEADROOM)] = READING_NONE;
	}
	w_available(&l->w, (int64_t)dice(l, 10000) * MIB);
	l->w.snapshot.host.sysctls[SETTING_SWAPPINESS - SETTING_DIRTY] =
		reading_of((int64_t)dice(l, 100));
	l->w.snapshot.host.swap_present = true;
	w_set(l->w.snapshot.host.readings, METRIC_SWAP_FREE, (int64_t)dice(l, 5000) * MIB);
	l->w.snapshot.host.panic_on_oom = dice(l, 10) == 0;
	l->w.snapshot.node_count = dice(l, 10) == 0 ? 2 : 3;
}

/* Every now and then nothing happens for half an hour. */
static bool is_calm(const struct life *l)
{
	return l->ticks % 300 >= 200;
}

static usec_t pause_of(struct life *l)
{
	return is_calm(l) ? 20 * SEC : 10 * MS + dice(l, 200) * MS;
}

static void live_calmly(struct life *l)
{
	for (unsigned n = 0; n < W_NODES; n++) {
		w_headroom(&l->w, n, 6 * GIB);
		l->w.nodes[n].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
	}
	w_available(&l->w, 9 * GIB);
	l->w.snapshot.node_count = 3;
	live_outcomes(l);
}

static void live(struct life *l)
{
	static const char *const paths[] = { "machine.slice/a.scope", "system.slice/new-b.service",
					     "system.slice/c.service", "system.slice/p.service",
					     "system.slice/h.service" };

	l->ticks++;
	if (is_calm(l)) {
		live_calmly(l);
		return;
	}
	if (dice(l, 4) == 0)
		live_readings(l);
	if (dice(l, 4) == 0 && l->w.snapshot.service_count < W_SERVICES)
		w_service(&l->w, paths[dice(l, 5)], 0, (int64_t)dice(l, 3000) * MIB);
	if (dice(l, 4) == 0 && l->w.snapshot.service_count > 20)
		l->w.services[dice(l, 20)] = l->w.services[--l->w.snapshot.service_count];
	if (l->w.snapshot.service_count > 0)
		live_service(l, dice(l, l->w.snapshot.service_count));
	live_outcomes(l);
}

static void note_plan(struct life *l)
{
	const struct plan *plan = &l->w.plan;

	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = &plan->steps[i];

		l->steps++;
		l->held += step->action == ACTION_HOLD;
		l->followed += step->action == ACTION_MIGRATE && step->rule == RULE_NONE;
		if (step->action == ACTION_MIGRATE)
			l->causes[step->migrate.cause]++;
		note_debt(l, step);
		l->resizes += step->order == STEP_RESIZE;
		l->cancels += step->order == STEP_CANCEL;
		l->dry += step->mode == MODE_DRY_RUN;
		l->kills += step->order == STEP_START && step->action == ACTION_KILL;
		if (step->order == STEP_START && step->mode == MODE_ENFORCE &&
		    l->running_count < 64)
			l->running[l->running_count++] = *step;
	}
	l->refusals += plan->refusal_count;
	l->notes += plan->note_count;
}

static void begin(struct life *l, uint64_t seed)
{
	l->seed = seed;
	l->running_count = l->ticks = 0;
	l->steps = l->refusals = l->notes = l->resizes = l->cancels = l->kills = l->dry = 0;
	l->undone = l->held = l->followed = l->debt_count = 0;
	memset(l->causes, 0, sizeof(l->causes));
	for (unsigned n = 0; n < 4; n++) {
		idset_clear(&l->homes[n]);
		if (n < W_NODES)
			idset_add(&l->homes[n], n);
	}
	idset_clear(&l->placed);
	idset_add(&l->placed, 1);
	idset_add(&l->placed, 2);
	w_start_with(&l->w, "Mode=enforce\nKillBudget=5/1min\n", policies, rules);
	for (unsigned n = 0; n < W_NODES; n++)
		l->w.nodes[n].has_cpu = true;
}

static bool same_subject(struct subject a, struct subject b)
{
	return a.scope == b.scope && a.key == b.key;
}

static bool same_reading(struct reading a, struct reading b)
{
	return a.state == b.state && a.value == b.value;
}

static bool same_evidence(const struct evidence *a, const struct evidence *b)
{
	return a->metric == b->metric && strcmp(a->comparison, b->comparison) == 0 &&
	       same_reading(a->value, b->value) && same_reading(a->threshold, b->threshold) &&
	       a->since_usec == b->since_usec;
}

static bool same_value(const struct setting_value *a, const struct setting_value *b)
{
	return a->number == b->number && a->is_ratio == b->is_ratio &&
	       idset_equal(&a->nodes, &b->nodes);
}

static bool same_setting(const struct step_setting *a, const struct step_setting *b)
{
	return setting_target_equal(&a->on, &b->on) && same_value(&a->wanted, &b->wanted) &&
	       same_value(&a->was, &b->was) && a->was_known == b->was_known &&
	       a->owner == b->owner && a->most_usec == b->most_usec &&
	       a->floor_bytes == b->floor_bytes && a->is_v1 == b->is_v1;
}

static bool same_relief(const struct step_relief *a, const struct step_relief *b)
{
	return a->node == b->node && a->of_node == b->of_node && a->order == b->order &&
	       a->bytes == b->bytes;
}

static bool same_amounts(const struct step *a, const struct step *b)
{
	if (actions[a->action].sets)
		return same_setting(&a->setting, &b->setting);
	switch (a->action) {
	case ACTION_MIGRATE:
		return a->migrate.from_node == b->migrate.from_node &&
		       a->migrate.to_node == b->migrate.to_node &&
		       a->migrate.bytes == b->migrate.bytes &&
		       a->migrate.move_shared == b->migrate.move_shared &&
		       a->migrate.cause == b->migrate.cause &&
		       a->migrate.has_preferred == b->migrate.has_preferred &&
		       a->migrate.preferred == b->migrate.preferred;
	case ACTION_KILL:
		return a->kill.grace_usec == b->kill.grace_usec;
	case ACTION_COMPACT:
	case ACTION_DROP_SLAB:
	case ACTION_RECLAIM:
		return same_relief(&a->relief, &b->relief);
	case ACTION_RESTART_UNIT:
	case ACTION_START_UNIT:
	case ACTION_STOP_UNIT:
		return strcmp(a->unit.unit, b->unit.unit) == 0;
	default:
		return true; /* of these there is no amount */
	}
}

static bool same_step(const struct step *a, const struct step *b)
{
	for (size_t i = 0; i < a->evidence_count; i++)
		if (!same_evidence(&a->evidence[i], &b->evidence[i]))
			return false;
	return a->id == b->id && a->order == b->order && a->action == b->action &&
	       a->mode == b->mode && a->mode_from == b->mode_from && a->rule == b->rule &&
	       a->ladder == b->ladder && same_subject(a->subject, b->subject) &&
	       memcmp(a->target.path, b->target.path, sizeof(a->target.path)) == 0 &&
	       memcmp(a->target.name, b->target.name, sizeof(a->target.name)) == 0 &&
	       a->target.key == b->target.key && a->target.policy == b->target.policy &&
	       same_amounts(a, b) && a->gain_metric == b->gain_metric &&
	       a->expected_gain == b->expected_gain && a->evidence_count == b->evidence_count &&
	       a->planned_at == b->planned_at && a->is_again == b->is_again;
}

static bool same_refusal(const struct refusal_note *a, const struct refusal_note *b)
{
	return a->rule == b->rule && a->ladder == b->ladder &&
	       same_subject(a->subject, b->subject) && a->service == b->service && a->why == b->why;
}

static bool same_note(const struct note *a, const struct note *b)
{
	return a->kind == b->kind && a->rule == b->rule && same_subject(a->subject, b->subject) &&
	       a->step == b->step && a->expected == b->expected && a->gained == b->gained &&
	       a->setting == b->setting && a->policy == b->policy && a->why == b->why;
}

/* All but padding. */
static bool same_plan(const struct plan *a, const struct plan *b)
{
	if (a->step_count != b->step_count || a->refusal_count != b->refusal_count ||
	    a->note_count != b->note_count || a->refusals_dropped != b->refusals_dropped ||
	    a->notes_dropped != b->notes_dropped)
		return false;
	for (size_t i = 0; i < a->step_count; i++)
		if (!same_step(&a->steps[i], &b->steps[i]))
			return false;
	for (size_t i = 0; i < a->refusal_count; i++)
		if (!same_refusal(&a->refusals[i], &b->refusals[i]))
			return false;
	for (size_t i = 0; i < a->note_count; i++)
		if (!same_note(&a->notes[i], &b->notes[i]))
			return false;
	return true;
}

static struct life lives[2];

TEST(the_same_input_makes_the_same_plan)
{
	size_t steps = 0, resizes = 0, cancels = 0, kills = 0, dry = 0, refusals = 0, notes = 0;
	size_t undone = 0, held = 0, followed = 0, causes[MOVE_CAUSE_COUNT_] = { 0 };

	for (uint64_t seed = 1; seed <= 6; seed++) {
		begin(&lives[0], seed);
		begin(&lives[1], seed);
		for (int i = 0; i < 1500; i++) {
			for (int n = 0; n < 2; n++) {
				struct life *l = &lives[n];

				live(l);
				/* What lies in the plan from before must not matter. */
				memset(&l->w.plan, n ? 0xa5 : 0, sizeof(l->w.plan));
				w_tick(&l->w, pause_of(l));
				note_plan(l);
			}
			check(same_plan(&lives[0].w.plan, &lives[1].w.plan));
		}
		check_int(lives[0].seed, lives[1].seed);
		steps += lives[0].steps;
		resizes += lives[0].resizes;
		cancels += lives[0].cancels;
		kills += lives[0].kills;
		dry += lives[0].dry;
		refusals += lives[0].refusals;
		notes += lives[0].notes;
		undone += lives[0].undone;
		held += lives[0].held;
		followed += lives[0].followed;
		for (int cause = 0; cause < MOVE_CAUSE_COUNT_; cause++)
			causes[cause] += lives[0].causes[cause];
		w_stop(&lives[0].w);
		w_stop(&lives[1].w);
	}
	/* The lives were eventful: everything that a plan can hold was in one. */
	check(steps > 100 && resizes > 0 && cancels > 0 && kills > 0 && dry > 0);
	check(refusals > 50 && notes > 50);
	check(undone > 50 && held > 50 && followed > 0);
	for (int cause = 0; cause < MOVE_CAUSE_COUNT_; cause++)
		check(causes[cause] > 0);
}

TEST(a_tick_asks_nothing_of_the_heap)
{
	struct life *l = &lives[0];
	size_t before;

	begin(l, 77);
	before = allocations;
	check(before > 0); /* the counter counts */
	for (int i = 0; i < 2000; i++) {
		live(l);
		w_tick(&l->w, pause_of(l));
		note_plan(l);
	}
	check_int(allocations, before);
	check(l->steps > 20 && l->notes > 20 && l->refusals > 20);
	w_stop(&l->w);
}

TEST(promises_hold_in_every_life)
{
	struct life *l = &lives[0];
	usec_t kills[ENGINE_KILLS_MAX];

	for (uint64_t seed = 100; seed < 106; seed++) {
		size_t killing = 0, stopping = 0;

		begin(l, seed);
		for (int i = 0; i < 1500; i++) {
			live(l);
			w_tick(&l->w, pause_of(l));
			note_plan(l);
			killing = stopping = 0;
			for (size_t s = 0; s < l->running_count; s++) {
				bool is_kill = l->running[s].action == ACTION_KILL;

				killing += is_kill;
				stopping += !is_kill && actions[l->running[s].action].destructive;
			}
			/* A kill does not wait for a stop that takes its time. */
			check(killing <= 1 && stopping <= 1);
			check(engine_get_kills(l->w.engine, kills) <= 5);
			for (size_t s = 0; s < l->w.plan.step_count; s++) {
				const struct step *step = &l->w.plan.steps[s];
				const struct policy *policy =
					step->target.policy < 0
						? NULL
						: &l->w.config->policies
							   .policies[step->target.policy];

				if (step->order == STEP_CANCEL || step->order == STEP_UNDO ||
				    step->action == ACTION_NOTIFY)
					continue;
				if (step->action == ACTION_HOLD) {
					check(step->rule == RULE_NONE);
					check(policy->setting_count > 0);
				}
				if (!policy)
					continue;
				check(step->mode == MODE_ENFORCE || policy->mode == MODE_DRY_RUN);
				check(step->action != ACTION_KILL || policy->kill != KILL_NEVER);
				check(step->action != ACTION_MIGRATE ||
				      step->migrate.to_node != step->migrate.from_node);
			}
		}
		w_stop(&l->w);
	}
}

/* Nothing is forgotten, whatever ends well or badly, comes late or not at all. */
TEST(what_was_set_is_given_back_in_every_life)
{
	struct life *l = &lives[0];
	size_t undone = 0;

	for (uint64_t seed = 200; seed < 206; seed++) {
		begin(l, seed);
		for (int i = 0; i < 1500; i++) {
			live(l);
			w_tick(&l->w, pause_of(l));
			note_plan(l);
		}
		/* Calm for everybody, and no word of what still runs. */
		for (unsigned n = 0; n < W_NODES; n++)
			w_headroom(&l->w, n, 6 * GIB);
		w_available(&l->w, 9 * GIB);
		for (size_t i = 0; i < l->w.snapshot.service_count; i++)
			w_resize(&l->w, i, 0, 10 * MIB);
		for (int i = 0; i < 200; i++) {
			w_tick(&l->w, 1 * SEC);
			note_plan(l);
		}
		for (size_t i = 0; i < l->debt_count; i++)
			check(!l->debts[i].done);
		undone += l->undone;
		w_stop(&l->w);
	}
	check(undone > 20);
}
