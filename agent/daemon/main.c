/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * oomwardend: one loop, one descriptor for all that the kernel tells by itself, and sd-event for
 * signals. A tick senses, decides and acts without waiting for anything; what may wait runs in
 * worker processes. Signals: TERM and INT stop, HUP reads the configuration again.
 *
 * sd-event could do all of the waiting. It would arm and read a timer for each tick, which is three
 * of the five system calls that a quiet tick would then take; so its descriptor is one of those
 * that the sensor waits for.
 */

#include "daemon/minder.h"
#include "daemon/publish.h"
#include "daemon/readiness.h"

#include "explain/neighbour_story.h"
#include "host/cadence.h"
#include "host/pause.h"
#include "host/recovery.h"
#include "host/warden.h"
#include "sys/clock.h"
#include "sys/manager_notify.h"
#include "sys/memlock.h"
#include "sys/priority.h"
#include "util/macro.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <systemd/sd-login.h>

enum daemon_exit {
	DAEMON_DONE = 0,
	DAEMON_FAILED = 1,
	DAEMON_USAGE = 2,
	DAEMON_CONFIGURATION = 3,
};

/* Events may make a tick at most so often. A service that is throttled for long changes its
 * memory.events every 10 ms; ticks that danger asks for come faster than this, and go by what they
 * read. */
#define EVENT_TICK_USEC (100 * USEC_PER_MSEC)
/* A wait is long from here on. */
#define LONG_WAIT_USEC (500 * USEC_PER_MSEC)
/* What is given back when the agent is gone; the unit's TimeoutStopSec= is longer. */
#define RECOVER_USEC (20 * USEC_PER_SEC)
/* A stop waits this long for running steps to end, and for what they have set to be given back,
 * before it leaves their workers to die. */
#define STOP_WAIT_USEC (5 * USEC_PER_SEC)
/* Two moves at once, or one that two have a part in where a trial shows that to be faster. More
 * would take the memory bus from the guests. */
#define MIGRATORS  2
#define INSPECTORS 1
/* One for settings alone, which others would keep waiting for up to a minute. */
#define CLERKS 2

struct daemon {
	struct warden *warden;
	struct publisher *publisher;
	struct minder *minder; /* NULL: none could be made */
	struct manager_socket manager;
	struct priority priority;
	sd_event *event;
	usec_t events_from; /* not waited for before then */
	usec_t next_at;	    /* the next tick */
	usec_t now;	    /* of the last tick */
	bool has_ticked;    /* in the round before this one */
	bool is_over;
	usec_t watchdog_usec; /* half the service manager's deadline; 0: none */
	usec_t fed_at;
	usec_t stop_at; /* 0: running */
	bool sensing_failed;
	bool is_unit; /* of a service manager that waits for it */
};

struct daemon_options {
	struct config_path config_path;
	const char *runtime_directory;
	bool dry_run;
	bool recover;
};

static void feed_watchdog(struct daemon *d, usec_t now)
{
	if (d->watchdog_usec == 0 || now - d->fed_at < d->watchdog_usec)
		return;
	if (manager_tell(&d->manager, "WATCHDOG=1") >= 0)
		d->fed_at = now;
}

static void report_sensing(struct daemon *d, int r)
{
	if (r < 0 && !d->sensing_failed)
		publish_line(d->publisher, LOG_ERR, "cannot read the machine: %s",
			     strerrordesc_np(-r));
	if (r >= 0 && d->sensing_failed)
		publish_line(d->publisher, LOG_NOTICE, "the machine can be read again");
	d->sensing_failed = r < 0;
}

static bool is_stopped(const struct daemon *d, usec_t now)
{
	return d->stop_at != 0 && (warden_is_idle(d->warden) || now - d->stop_at >= STOP_WAIT_USEC);
}

static int make_tick(struct daemon *d, usec_t now)
{
	int r;

	d->now = now;
	d->has_ticked = true;
	d->next_at = now + CADENCE_MAX_USEC;
	r = warden_tick(d->warden, now);
	if (r >= 0)
		d->next_at = warden_next(d->warden);
	if (r == WARDEN_STILL)
		return r;
	report_sensing(d, r);
	if (warden_has_slept(d->warden))
		publish_line(d->publisher, LOG_INFO,
			     "the machine was asleep; what was measured before counts no more");
	publish_kernel_events(d->publisher, d->warden);
	publish_tick(d->publisher);
	return r;
}

static void follow_danger(struct daemon *d)
{
	bool is_danger = warden_is_in_danger(d->warden);

	if (is_danger)
		(void)priority_raise(&d->priority);
	else
		priority_lower(&d->priority);
	minder_beat(d->minder, is_danger);
}

static void tick(struct daemon *d, usec_t now)
{
	/* Fed by a finished tick and by nothing else: a loop that spins without deciding is dead.
	 */
	int r = make_tick(d, now);

	if (r >= 0)
		feed_watchdog(d, now);
	if (r == WARDEN_TICKED)
		follow_danger(d);
	d->is_over |= is_stopped(d, now);
}

static int on_stop(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
		   void *userdata)
{
	struct daemon *d = userdata;

	if (d->stop_at != 0)
		d->is_over = true;
	/* Whether the host goes down is asked of a manager that may take its time. */
	minder_beat(d->minder, false);
	(void)manager_tell(&d->manager, "STOPPING=1");
	publish_line(d->publisher, LOG_INFO, "stopping");
	d->stop_at = clock_monotonic_usec();
	/* The unit's ExecStopPost= knows whether it only restarts, and gives back what policies
	 * hold; without a service manager nobody else will. On its way down the host is left as it
	 * is. */
	if (!recovery_host_goes_down())
		warden_stop(d->warden, !d->is_unit, d->stop_at);
	else
		d->is_over = true;
	d->next_at = d->stop_at;
	return 0;
}

static void notify_ready(const struct daemon *d)
{
	const struct config *config = warden_config(d->warden);

	(void)manager_tell(
		&d->manager, "READY=1\nSTATUS=%s%s, %zu rules, %zu policies, %zu canaries",
		mode_name(config->mode),
		pause_list_is_empty(warden_paused(d->warden)) ? "" : ", some or all of it paused",
		config_rule_count(config), config_policy_count(config), config->canary_count);
}

static void say_start(struct daemon *d)
{
	const struct config *config = warden_config(d->warden);

	publish_line(d->publisher, LOG_INFO,
		     "oomwarden %s, Mode=%s, %zu rules, %zu policies, %zu canaries",
		     OOMWARDEN_VERSION, mode_name(config->mode), config_rule_count(config),
		     config_policy_count(config), config->canary_count);
}

static void say_paused(struct daemon *d, bool was_paused)
{
	const struct pause_list *paused = warden_paused(d->warden);

	if (!pause_list_is_empty(paused))
		publish_paused(d->publisher, paused);
	else if (was_paused)
		publish_line(d->publisher, LOG_NOTICE, "nothing is paused any more");
}

static int on_reload(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
		     void *userdata)
{
	struct daemon *d = userdata;
	struct diag_list diags = { 0 };
	usec_t now = clock_monotonic_usec();
	bool was_paused = !pause_list_is_empty(warden_paused(d->warden));
	int r;

	/* The manager waits for an end. */
	if (d->stop_at != 0)
		return 0;
	(void)manager_tell(&d->manager, "RELOADING=1\nMONOTONIC_USEC=%llu",
			   (unsigned long long)now);
	r = warden_reload(d->warden, &diags, now);
	publish_faults(d->publisher, &diags);
	if (r < 0)
		publish_line(d->publisher, LOG_ERR,
			     "the new configuration is refused, the old one stays in force");
	else
		publish_line(d->publisher, LOG_INFO, "the configuration was read again");
	diag_done(&diags);
	say_paused(d, was_paused);
	notify_ready(d);
	/* What is to be given back is not kept waiting. */
	d->next_at = now;
	return 0;
}

/* From when the agent can be found by its lock it may be asked to reload. */
static int keep_reloads(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	return sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : 0;
}

static int on_nothing(sd_event_source *source _unused_, void *userdata _unused_)
{
	return 0;
}

/* Its first event, and its first look for one, allocate what the later ones use: without, a signal
 * that comes when memory is gone would end the loop. */
static int warm_up(sd_event *event)
{
	int r = sd_event_add_defer(event, NULL, on_nothing, NULL);

	for (int i = 0; r >= 0 && i < 2; i++)
		r = sd_event_run(event, 0);
	return MIN_OF(r, 0);
}

static int add_sources(struct daemon *d)
{
	sigset_t mask;
	uint64_t watchdog_usec = 0;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	r = sd_event_default(&d->event);
	if (r < 0)
		return r;
	r = sd_event_add_signal(d->event, NULL, SIGTERM, on_stop, d);
	if (r < 0)
		return r;
	r = sd_event_add_signal(d->event, NULL, SIGINT, on_stop, d);
	if (r < 0)
		return r;
	r = sd_event_add_signal(d->event, NULL, SIGHUP, on_reload, d);
	if (r < 0)
		return r;
	r = warm_up(d->event);
	if (r < 0)
		return r;
	warden_watch(d->warden, sd_event_get_fd(d->event));
	if (sd_watchdog_enabled(0, &watchdog_usec) > 0)
		d->watchdog_usec = watchdog_usec / 2;
	return 0;
}

static void say_gaps(struct daemon *d)
{
	struct sense_gap gaps[SENSE_GAPS_MAX];
	size_t n = warden_gaps(d->warden, gaps);

	for (size_t i = 0; i < n; i++)
		publish_line(d->publisher, LOG_INFO, "cannot see: %s", gaps[i].text);
}

static void say_neighbour(void *context, const char *name, const char *text)
{
	(void)name;
	publish_line(context, LOG_NOTICE, "%s", text);
}

static void say_neighbours(struct daemon *d)
{
	(void)neighbour_story_tell(&warden_snapshot(d->warden)->host, NEIGHBOURS_ALL, say_neighbour,
				   d->publisher);
}

static void say_return(void *context, bool is_fault, const char *line)
{
	publish_line(context, is_fault ? LOG_WARNING : LOG_INFO, "%s", line);
}

static int start(struct daemon *d, const struct daemon_options *options)
{
	struct diag_list diags = { 0 };
	const char *what = NULL;
	struct warden_options how = {
		.config_path = &options->config_path,
		.runtime_directory = options->runtime_directory,
		.act = !options->dry_run,
		.migrators = MIGRATORS,
		.inspectors = INSPECTORS,
		.clerks = CLERKS,
		.publish = publish_notify,
		.say = say_return,
		.publish_context = d->publisher,
	};
	int r = warden_new(&how, &diags, &what, &d->warden);

	if (diags.count + diags.dropped > 0) {
		publish_faults(d->publisher, &diags);
		diag_done(&diags);
		return DAEMON_CONFIGURATION;
	}
	if (r == -EBUSY)
		publish_line(d->publisher, LOG_ERR, "another oomwardend holds the lock in %s",
			     what);
	else if (r == -EPERM && what == options->runtime_directory)
		publish_line(
			d->publisher, LOG_ERR,
			"cannot start: others than root may write in %s, and what is kept there "
			"would be believed",
			what);
	else if (r < 0)
		publish_line(d->publisher, LOG_ERR, "cannot start: %s: %s", what,
			     strerrordesc_np(-r));
	if (r < 0)
		return DAEMON_FAILED;
	publisher_set_warden(d->publisher, d->warden);
	return DAEMON_DONE;
}

/* One round: waits for a signal, an event or the time of the next tick, whichever comes first. */
static int go_on(struct daemon *d)
{
	/* What a tick took does not matter for a long wait right behind it. */
	bool is_known = d->has_ticked && d->next_at > d->now + LONG_WAIT_USEC;
	usec_t now = is_known ? d->now : clock_monotonic_usec();
	bool masked = now < d->events_from;
	usec_t until = masked ? MIN_OF(d->next_at, d->events_from) : d->next_at;
	int woken = warden_wait(d->warden, until > now ? until - now : 0, !masked);
	bool is_over = woken == 0 && until == d->next_at;
	int r;

	d->has_ticked = false;
	if (woken < 0)
		return woken;
	if (woken & SENSE_WAKE_LOOP) {
		r = sd_event_run(d->event, 0);
		if (r < 0)
			return r;
	}
	/* Of a long wait that nothing ended the time is known well enough. */
	now = is_known && is_over ? clock_monotonic_coarse_usec() : clock_monotonic_usec();
	if (woken & SENSE_WAKE_EVENT)
		d->events_from = now + EVENT_TICK_USEC;
	if (woken & SENSE_WAKE_EVENT || is_over || now >= d->next_at)
		tick(d, now);
	return 0;
}

static int run(struct daemon *d)
{
	int r = 0;

	(void)make_tick(d, clock_monotonic_usec());
	say_gaps(d);
	say_neighbours(d);
	readiness_prepare(d->warden, d->publisher, &d->priority, d->minder != NULL);
	notify_ready(d);
	say_start(d);
	say_paused(d, false);
	while (r >= 0 && !d->is_over)
		r = go_on(d);
	if (r < 0)
		publish_line(d->publisher, LOG_ERR, "the event loop failed: %s",
			     strerrordesc_np(-r));
	return r < 0 ? DAEMON_FAILED : DAEMON_DONE;
}

static void print_help(void)
{
	puts("oomwardend [OPTIONS]\n\n"
	     "Keeps this host from killing for lack of memory while memory is free. Runs in the\n"
	     "foreground.\n\n"
	     "  --config DIR              read the configuration from DIR alone\n"
	     "  --dry-run                 never act, whatever the configuration says\n"
	     "  --recover                 give back what an agent that is gone has set, and end\n"
	     "  --runtime-directory DIR   lock and kept state, instead of /run/oomwardend\n"
	     "  --help, --version\n\n"
	     "Signals: TERM and INT stop, HUP reads the configuration again.\n"
	     "Exit status: 0 stopped, 1 failed, 2 usage, 3 invalid configuration.");
}

/* 0, or 1 when the program ends here with *ret_exit. */
static int parse(int argc, char **argv, struct daemon_options *ret, int *ret_exit)
{
	static const struct option long_options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "recover", no_argument, NULL, 'R' },
		{ "runtime-directory", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			ret->config_path =
				(struct config_path){ .directories = { optarg }, .count = 1 };
			break;
		case 'n':
			ret->dry_run = true;
			break;
		case 'R':
			ret->recover = true;
			break;
		case 'r':
			ret->runtime_directory = optarg;
			break;
		case 'h':
			print_help();
			*ret_exit = DAEMON_DONE;
			return 1;
		case 'v':
			puts("oomwardend " OOMWARDEN_VERSION);
			*ret_exit = DAEMON_DONE;
			return 1;
		default:
			*ret_exit = DAEMON_USAGE;
			return 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "oomwardend: it takes no operands\n");
		*ret_exit = DAEMON_USAGE;
		return 1;
	}
	return 0;
}

/* ExecStopPost=: what rules have set goes at once, and what policies hold when the unit is stopped,
 * but not when it is restarted or has failed. */
static int recover_left(const struct daemon *d, const struct daemon_options *options)
{
	_cleanup_(freep) char *unit = NULL;
	struct recovery recovery = { .patience_usec = RECOVER_USEC,
				     .say = say_return,
				     .context = d->publisher };
	const char *what = NULL;
	size_t left = 0;
	int r;

	if (recovery_host_goes_down())
		return DAEMON_DONE;
	if (sd_pid_get_unit(0, &unit) >= 0)
		recovery.of_policies_too = recovery_unit_stops(unit);
	r = recovery_by_hand(options->runtime_directory, &recovery, &left, &what);
	if (r == -ENOENT)
		return DAEMON_DONE;
	if (r == -EBUSY)
		publish_line(d->publisher, LOG_ERR, "an oomwardend runs, and has what it has set");
	else if (r < 0)
		publish_line(d->publisher, LOG_ERR, "cannot give back what was set: %s: %s", what,
			     strerrordesc_np(-r));
	return r < 0 || left > 0 ? DAEMON_FAILED : DAEMON_DONE;
}

static void daemon_done(struct daemon *d)
{
	minder_free(d->minder);
	warden_free(d->warden);
	publisher_free(d->publisher);
	manager_done(&d->manager);
	sd_event_unref(d->event);
}

int main(int argc, char **argv)
{
	_cleanup_(daemon_done) struct daemon d = { .is_unit = getenv("NOTIFY_SOCKET") != NULL,
						   .manager.fd = -1 };
	const char *directory = getenv("RUNTIME_DIRECTORY");
	struct daemon_options options = {
		.config_path = config_path_default,
		.runtime_directory = directory ? directory : RUNTIME_DIRECTORY,
	};
	int status, r;

	memlock_plan_heap();
	if (parse(argc, argv, &options, &status))
		return status;
	r = publisher_new(&d.publisher);
	if (r < 0) {
		fprintf(stderr, "oomwardend: %s\n", strerrordesc_np(-r));
		return DAEMON_FAILED;
	}
	if (options.recover)
		return recover_left(&d, &options);
	(void)manager_open(&d.manager);
	(void)minder_new(d.is_unit, MINDER_LOOK_USEC, &d.minder);
	r = keep_reloads();
	if (r >= 0) {
		status = start(&d, &options);
		if (status != DAEMON_DONE)
			return status;
		r = add_sources(&d);
	}
	if (r < 0) {
		publish_line(d.publisher, LOG_ERR, "cannot set up the event loop: %s",
			     strerrordesc_np(-r));
		return DAEMON_FAILED;
	}
	return run(&d);
}
