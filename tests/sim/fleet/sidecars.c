/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sidecars: each a replica with its sync and watch, tied together as connd/app_replica.c does.
 * All share one generation, since what is in it decides no time.
 */
#include "tests/sim/fleet/fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/why.h"
#include "edge/process/loop.h"
#include "edge/upstream/page_builder.h"
#include "edge/upstream/sync.h"
#include "edge/upstream/token.h"
#include "edge/upstream/watch.h"

#define START_WITHIN_US ((int64_t)30 * 1000000)

struct sidecar {
	struct sender sender; /* what connd's code takes for its struct upstream */
	struct replica *replica;
	struct sync *sync;
	struct watch *watch;
	struct timer start, turn_timer;
	struct later turn, follow;
	struct replica_memory memory; /* of the run before */
	uint64_t asked, served;       /* versions of its Deployment */
	int64_t served_us;
};

static struct {
	struct sidecar *sidecar;
	size_t n;
	struct config *config;
	struct replica_config replica_config;
	struct generation *generation;
	int64_t changed_us;
	int64_t *delay_us;
} all;

static struct token no_token;

/* --- one sidecar ---------------------------------------------------------------------------- */

static void
run_turn(struct sidecar *c)
{
	int64_t next_ms = replica_turn(c->replica, time_now_us() / 1000);

	if (next_ms == INT64_MAX)
		time_unset(&c->turn_timer);
	else
		time_set(&c->turn_timer, next_ms * 1000);
}

static void
on_turn(struct later *job)
{
	run_turn(CONTAINER_OF(job, struct sidecar, turn));
}

static void
on_turn_timer(struct timer *t)
{
	run_turn(CONTAINER_OF(t, struct sidecar, turn_timer));
}

static void
on_follow(struct later *job)
{
	struct sidecar *c = CONTAINER_OF(job, struct sidecar, follow);

	watch_follow(c->watch, sync_watchable_url(c->sync));
}

static void
start_sync(void *env)
{
	struct sidecar *c = env;
	struct sync_basis basis;

	c->asked = managers_version(c->sender.deployment);
	replica_basis(c->replica, time_now_us() / 1000, &basis);
	sync_start(c->sync, &basis);
}

static void
do_nothing(void *env)
{
	(void)env;
}

static void
note_nothing(void *env, const char *event, const char *detail)
{
	(void)env;
	(void)event;
	(void)detail;
}

static int64_t
jitter(void *env, int64_t low, int64_t high)
{
	(void)env;
	return random_between(low, high);
}

static const struct replica_ops ops = {
	.start_sync = start_sync,
	.wake = do_nothing,
	.published = do_nothing,
	.note = note_nothing,
	.jitter = jitter,
};

static bool
on_sync_done(void *env, const struct sync_result *result)
{
	struct sidecar *c = env;
	bool taken = replica_sync_done(c->replica, time_now_us() / 1000, result);

	__wrap_loop_after_turn(NULL, &c->turn);
	if (!taken)
		return false;
	if (c->served != c->asked) {
		c->served = c->asked;
		c->served_us = time_now_us();
	}
	__wrap_loop_after_turn(NULL, &c->follow);
	return true;
}

static void
on_changed(void *env)
{
	struct sidecar *c = env;

	replica_sync_soon(c->replica, time_now_us() / 1000);
	__wrap_loop_after_turn(NULL, &c->turn);
}

static void
on_start(struct timer *t)
{
	struct sidecar *c = CONTAINER_OF(t, struct sidecar, start);
	struct sync_source source = {
		.config = all.config, .token_path = "", .upstream = (struct upstream *)&c->sender
	};

	c->sender.connected[0] = c->sender.connected[1] = false;
	if (replica_new(&c->replica, &all.replica_config, &ops, c, 1) < 0 ||
	    sync_new(&c->sync, NULL, NULL, &source, on_sync_done, c) < 0 ||
	    watch_new(&c->watch, NULL, &source, on_changed, c) < 0)
		abort();
	if (c->memory.generation)
		replica_load(
		    c->replica, time_now_us() / 1000, generation_ref(all.generation), &c->memory);
	run_turn(c);
}

static void
stop(struct sidecar *c, bool keep)
{
	time_unset(&c->start);
	time_unset(&c->turn_timer);
	c->memory = (struct replica_memory){ 0 };
	if (c->replica && keep && !replica_remember(c->replica, &c->memory))
		c->memory = (struct replica_memory){ 0 };
	c->watch = watch_free(c->watch);
	c->sync = sync_free(c->sync);
	c->replica = replica_free(c->replica);
	__wrap_loop_forget(NULL, &c->turn);
	__wrap_loop_forget(NULL, &c->follow);
}

/* --- all of them ---------------------------------------------------------------------------- */

static void
make_generation(void)
{
	static const char *const keys[] = { "warehouse", "lake" };
	struct generation_builder *b;

	if (generation_builder_new(&b, ARENA_LOCK_OFF, 1 << 20) < 0)
		abort();
	for (size_t i = 0; i < N_ELEMENTS(keys); i++)
		if (generation_builder_add(
			b, KIND_CONNECTION, RECORD_VALUE, span_of(keys[i]), span_of("\"\"")) < 0)
			abort();
	if (generation_builder_finish(b, &all.generation) < 0)
		abort();
}

static void
make_config(bool push)
{
	static const char with_push[] = "[manager]\nurl = https://manager\norganization = o\n"
					"deployment = d\n",
			  without[] = "[manager]\nurl = https://manager\norganization = o\n"
				      "deployment = d\npush = no\n";
	const char *text = push ? with_push : without;
	struct buf oddities = BUF_INIT(4096);
	char *none = NULL;
	struct why why;
	const struct config *c;

	if (config_read(&all.config, "fleet", text, strlen(text), &none, &oddities, &why) < 0)
		abort();
	buf_fini(&oddities);
	c = all.config;
	all.replica_config = (struct replica_config){
		.windows = c->freshness.windows,
		.refresh_ms = c->manager.refresh_ms,
		.timeout_ms = c->manager.timeout_ms,
		.cold_wait_ms = c->freshness.cold_wait_ms,
		.deletion_guard_percent = c->freshness.deletion_guard_percent,
		.lock = ARENA_LOCK_OFF,
		.max_bytes = 1 << 20,
	};
}

void
sidecars_init(size_t n, size_t n_deployments, size_t n_managers, bool push)
{
	make_config(push);
	make_generation();
	all.n = n;
	all.sidecar = mem_zalloc(n * sizeof *all.sidecar);
	all.delay_us = mem_zalloc(n * sizeof *all.delay_us);
	if (!all.sidecar || !all.delay_us)
		abort();
	for (size_t i = 0; i < n; i++) {
		struct sidecar *c = &all.sidecar[i];

		c->sender = (struct sender){ .deployment = i % n_deployments,
			.manager = i / n_deployments % n_managers };
		c->start.fire = on_start;
		c->turn_timer.fire = on_turn_timer;
		c->turn.run = on_turn;
		c->follow.run = on_follow;
	}
}

void
sidecars_start(enum start how)
{
	for (size_t i = 0; i < all.n; i++) {
		struct sidecar *c = &all.sidecar[i];
		int64_t after_us = how == START_SPREAD ? random_between(0, START_WITHIN_US - 1) : 0;

		stop(c, how == START_AT_ONCE_WITH_SNAPSHOT);
		if (!c->memory.generation)
			c->served = 0;
		time_set(&c->start, time_now_us() + after_us);
	}
}

struct sidecars_state
sidecars_state(void)
{
	struct sidecars_state s = { 0 };

	for (size_t i = 0; i < all.n; i++) {
		const struct sidecar *c = &all.sidecar[i];
		struct replica_status st;

		if (!c->replica)
			continue;
		replica_status(c->replica, time_now_us() / 1000, &st);
		s.fresh += st.state == FRESH;
		s.serving += st.state != NOT_READY && st.state != EXPIRED;
		s.current += c->served == managers_version(c->sender.deployment);
	}
	return s;
}

void
sidecars_note_change(void)
{
	all.changed_us = time_now_us();
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t
sidecars_delay_us(double share)
{
	size_t n = 0;

	for (size_t i = 0; i < all.n; i++)
		if (all.sidecar[i].served_us >= all.changed_us)
			all.delay_us[n++] = all.sidecar[i].served_us - all.changed_us;
	if (n == 0)
		return 0;
	qsort(all.delay_us, n, sizeof *all.delay_us, compare);
	return all.delay_us[(size_t)(share * (double)(n - 1))];
}

void
sidecars_free(void)
{
	for (size_t i = 0; i < all.n; i++)
		stop(&all.sidecar[i], false);
	mem_free(all.sidecar);
	mem_free(all.delay_us);
	all.config = config_free(all.config);
	all.generation = generation_unref(all.generation);
}

/* --- what connd's code calls ---------------------------------------------------------------- */

int __wrap_token_load(struct token *out, const char *path, enum arena_lock lock, struct why *why);
void __wrap_build_init(struct build *b, struct worker *worker, void *env);
void __wrap_build_fini(struct build *b);
void __wrap_build_reset(struct build *b, enum arena_lock lock, size_t max_bytes);
void __wrap_build_page(struct build *b, enum record_kind kind, struct span deployment,
    struct payload *body, enum build_page_use use, void (*over)(void *env));
void __wrap_build_finish(struct build *b, const bool same[static N_KINDS],
    const struct sync_basis *basis, void (*over)(void *env));
void __wrap_build_dispose(struct build *b, struct generation *one, struct generation *other);

int
__wrap_token_load(struct token *out, const char *path, enum arena_lock lock, struct why *why)
{
	(void)path;
	(void)lock;
	(void)why;
	*out = no_token;
	return 0;
}

void
__wrap_build_init(struct build *b, struct worker *worker, void *env)
{
	*b = (struct build){ .worker = worker, .env = env };
}

void
__wrap_build_fini(struct build *b)
{
	(void)b;
}

void
__wrap_build_reset(struct build *b, enum arena_lock lock, size_t max_bytes)
{
	(void)lock;
	(void)max_bytes;
	b->result = (struct sync_result){ 0 };
}

/* A list of one row, which is the same each time: pages decide no time but by their cost. */
void
__wrap_build_page(struct build *b, enum record_kind kind, struct span deployment,
    struct payload *body, enum build_page_use use, void (*over)(void *env))
{
	(void)kind;
	(void)deployment;
	(void)body;
	(void)use;
	b->error = 0;
	b->facts = (struct page_facts){ .total = 1, .n_rows = 1, .bytes = 100 };
	over(b->env);
}

void
__wrap_build_finish(struct build *b, const bool same[static N_KINDS],
    const struct sync_basis *basis, void (*over)(void *env))
{
	(void)same;
	(void)basis;
	b->result = (struct sync_result){ .outcome = SYNC_OK, .reason = "" };
	b->result.list.generation = generation_ref(all.generation);
	over(b->env);
}

void
__wrap_build_dispose(struct build *b, struct generation *one, struct generation *other)
{
	(void)b;
	generation_unref(one);
	generation_unref(other);
}
