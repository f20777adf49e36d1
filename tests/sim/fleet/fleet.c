/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet of sidecars on virtual time: how many requests its managers get at rest, after a change,
 * after a restart of the managers, and after a restart of everything.
 *
 *	fleet [--sidecars N] [--deployments N] [--managers N] [--objects N] [--no-push]
 *	      [--unmodified US] [--row US] [--woken US] [--hold US] [--connection US]
 *
 * The last five are a manager's CPU time for one of each (tests/bench/scale.py measures them).
 * Prints one JSON line for each scene: requests a second in the mean and in the busiest one; CPUs
 *that all managers use together in the mean, and the busiest one in its busiest second; the longest
 *wait for a manager; when the sidecars served what had changed. Exit 1 if a sidecar is not fresh or
 *has missed a change at the end of a scene.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/log.h"
#include "tests/sim/fleet/fleet.h"

#define SECOND ((int64_t)1000000)

struct options {
	size_t sidecars, deployments, managers, objects;
	struct costs costs;
	int no_push;
};

static struct options options = {
	.sidecars = 100000,
	.deployments = 1000,
	.managers = 10,
	.objects = 1000,
	.costs = { .unmodified = 40, .row = 7, .woken = 20, .hold = 40, .connection = 100 },
};
static bool failed;

static void
pass(int64_t us)
{
	time_run_until(time_now_us() + us);
}

static void
show(const char *scene, const struct counted *c, const struct sidecars_state *s)
{
	(void)printf("{\"scene\": \"%s\", \"seconds\": %" PRId64
		     ", \"mean\": %.0f, \"peak\": %" PRId64
		     ", \"cpus\": %.4f, \"peak_cpu\": %.4f, \"queue_ms\": %.1f, ",
	    scene, c->seconds, (double)c->requests / (double)c->seconds, c->peak_requests, c->busy,
	    c->peak_busy, (double)c->longest_queue_us / 1e3);
	(void)printf("\"timed_out\": %" PRId64 ", \"put_off\": %" PRId64 ", \"refused\": %" PRId64
		     ", \"fresh\": %zu, \"current\": %zu, \"held\": %zu, ",
	    c->given_up, c->put_off, c->refused, s->fresh, s->current, managers_held());
	(void)printf("\"seen_p50_ms\": %.1f, \"seen_p99_ms\": %.1f, \"seen_last_ms\": %.1f}\n",
	    (double)sidecars_delay_us(0.5) / 1e3, (double)sidecars_delay_us(0.99) / 1e3,
	    (double)sidecars_delay_us(1) / 1e3);
	(void)fflush(stdout);
}

/* Lets so much time pass and prints what happened in it. */
static void
end_scene(const char *scene, int64_t us)
{
	struct sidecars_state s;
	struct counted c;

	pass(us);
	s = sidecars_state();
	c = managers_counted();
	show(scene, &c, &s);
	if (s.fresh != options.sidecars || s.current != options.sidecars)
		failed = true;
}

static void
begin_scene(void)
{
	managers_count_anew();
	sidecars_note_change();
}

static void
run_scenes(void)
{
	sidecars_start(START_SPREAD);
	pass(180 * SECOND);
	begin_scene();
	end_scene("at rest", 120 * SECOND);
	begin_scene();
	managers_change(0);
	end_scene("one Deployment changes", 60 * SECOND);
	begin_scene();
	for (size_t i = 0; i < options.deployments; i++)
		managers_change(i);
	end_scene("an object that all Deployments show changes", 240 * SECOND);
	begin_scene();
	managers_stop_for(10 * SECOND);
	end_scene("the managers are away for 10 s", 240 * SECOND);
	begin_scene();
	managers_stop_for(10 * SECOND);
	sidecars_start(START_AT_ONCE_WITH_SNAPSHOT);
	end_scene("everything restarts, with snapshots", 240 * SECOND);
	begin_scene();
	managers_stop_for(10 * SECOND);
	sidecars_start(START_AT_ONCE_WITHOUT_SNAPSHOT);
	end_scene("everything restarts, without snapshots", 300 * SECOND);
}

static void
read_options(int argc, char **argv)
{
	struct {
		const char *name;
		size_t *size;
		int64_t *cost;
	} const numbers[] = {
		{ "sidecars", &options.sidecars, NULL },
		{ "deployments", &options.deployments, NULL },
		{ "managers", &options.managers, NULL },
		{ "objects", &options.objects, NULL },
		{ "unmodified", NULL, &options.costs.unmodified },
		{ "row", NULL, &options.costs.row },
		{ "woken", NULL, &options.costs.woken },
		{ "hold", NULL, &options.costs.hold },
		{ "connection", NULL, &options.costs.connection },
	};
	enum { N = N_ELEMENTS(numbers) };
	struct option known[N + 2] = { 0 };
	int i;

	for (i = 0; i < N; i++)
		known[i] = (struct option){ numbers[i].name, required_argument, NULL, 1 + i };
	known[N] = (struct option){ "no-push", no_argument, &options.no_push, 1 };
	while ((i = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (i == '?' || (i > 0 && atoll(optarg) < (numbers[i - 1].size ? 1 : 0)))
			exit(2);
		if (i > 0 && numbers[i - 1].size)
			*numbers[i - 1].size = (size_t)atoll(optarg);
		else if (i > 0)
			*numbers[i - 1].cost = atoll(optarg);
	}
}

int
main(int argc, char **argv)
{
	if (base_init() < 0)
		return 2;
	read_options(argc, argv);
	log_setup(LOG_FORMAT_KV, LOG_ERROR);
	managers_start(options.managers, options.deployments, options.objects, &options.costs);
	sidecars_init(options.sidecars, options.deployments, options.managers, !options.no_push);
	run_scenes();
	sidecars_free();
	if (failed)
		(void)fprintf(stderr,
		    "fleet: at the end of a scene a sidecar was not fresh, or had "
		    "missed a change\n");
	return failed;
}
