/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects the replica with the parts around it: starts syncs and probes for it, reports their
 * results to it, and calls replica_turn() when that is due.
 */
#include "connd/app_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rnd.h"
#include "edge/process/harden.h"
#include "edge/upstream/token_file.h"

#define SAY_AGAIN_MS   (5 * 60 * 1000) /* interval between log lines about the same failure */
#define TOKEN_SOON_S   (14 * 24 * 60 * 60)
#define TOKEN_AGAIN_MS (24 * 60 * 60 * 1000)

/* --- the replica's turns ----------------------------------------------------------------- */

void
app_turn(struct app *a)
{
	alarm_set(a->alarm, replica_turn(a->replica, clock_boot_ms()));
	ready_check(a->ready);
}

void
app_on_turn(struct later *job)
{
	app_turn(CONTAINER_OF(job, struct app, turn));
}

/* Runs after the sync has stored its ETags, which the watch sends. */
void
app_on_follow(struct later *job)
{
	struct app *a = CONTAINER_OF(job, struct app, follow);

	watch_follow(a->watch, sync_watchable_url(a->sync));
}

void
app_on_alarm(void *arg)
{
	app_turn(arg);
}

void
app_wake(void *env)
{
	struct app *a = env;

	loop_after_turn(a->loop, &a->turn);
}

/* --- what the replica asks for -------------------------------------------------------------- */

/* Fails the sync after this turn: the replica expects no result within start_sync(). */
static void
refuse_sync(struct app *a, const char *why)
{
	why_set(&a->refusal_why, "%s", why);
	loop_after_turn(a->loop, &a->refusal);
}

void
app_on_refusal(struct later *job)
{
	struct app *a = CONTAINER_OF(job, struct app, refusal);
	struct sync_result result = { .outcome = SYNC_FAILED, .reason = a->refusal_why.text };

	(void)app_on_sync_done(a, &result);
}

static void
begin_sync(struct app *a)
{
	struct why why;
	struct sync_basis basis;
	bool found;

	if (settings_ready_to_sync(a->settings, &found, &why) < 0) {
		refuse_sync(a, why.text);
		return;
	}
	if (found)
		app_use_source(a, a->settings, a->upstream);
	replica_basis(a->replica, clock_boot_ms(), &basis);
	sync_start(a->sync, &basis);
}

/* While libcurl is not loaded, the sync starts, or fails, in app_on_library(). */
void
app_start_sync(void *env)
{
	struct app *a = env;

	if (a->library.state == LIBRARY_LOADED)
		begin_sync(a);
	else
		library_retry(&a->library);
}

void
app_on_library(void *env, const char *why)
{
	struct replica_status st;
	struct app *a = env;

	if (a->state != APP_SERVING && a->state != APP_LINGERING)
		return;
	ready_begin(a->ready);
	replica_status(a->replica, clock_boot_ms(), &st);
	if (st.syncing && why)
		refuse_sync(a, why);
	else if (st.syncing)
		begin_sync(a);
	app_turn(a);
}

static void
start_probe(void *env, enum record_kind kind, struct span key)
{
	struct app *a = env;

	probing_start(a->probing, sync_url(a->sync), kind, key);
}

void
app_on_probe_done(void *env, bool found, int64_t retry_after_ms)
{
	struct app *a = env;

	replica_retry_after(a->replica, clock_boot_ms(), retry_after_ms);
	snapshot_stamp(a->snapshot);
	replica_probe_done(a->replica, clock_boot_ms(), found);
	loop_after_turn(a->loop, &a->turn);
}

static void
on_published(void *env)
{
	struct app *a = env;
	struct replica_status st;

	snapshot_changed(a->snapshot, sync_url(a->sync));
	replica_status(a->replica, clock_boot_ms(), &st);
	log_info("new generation", LOG_INT("generation", (int64_t)st.generation),
	    LOG_STR("request", st.request_id),
	    LOG_INT("connections", (int64_t)st.n[KIND_CONNECTION]),
	    LOG_INT("variables", (int64_t)st.n[KIND_VARIABLE]),
	    LOG_INT("environment_variables", (int64_t)st.n[KIND_ENV]),
	    LOG_INT("withheld", (int64_t)st.withheld), LOG_INT("invalid", (int64_t)st.invalid),
	    LOG_INT("bytes", (int64_t)st.bytes), LOG_INT("locked_bytes", (int64_t)st.locked_bytes));
	if (st.bytes > st.locked_bytes && !a->logged.unlocked &&
	    a->settings->config->memory.lock == ARENA_LOCK_PREFER) {
		log_warn("memory is not locked: it may be written to swap; raise LimitMEMLOCK, or "
			 "set [memory] lock = off to accept it",
		    LOG_INT("limit_bytes", (int64_t)harden_max_locked()));
		a->logged.unlocked = true;
	}
}

static void
on_note(void *env, const char *event, const char *detail)
{
	static const char *const no_warning[] = { "sync recovered", "sync put off",
		"held list taken", "data is current again", "fewer secrets withheld",
		"no secrets withheld any more" };
	struct app *a = env;

	a->logged.outcome = true;
	for (size_t i = 0; i < N_ELEMENTS(no_warning); i++)
		if (strcmp(event, no_warning[i]) == 0) {
			log_info(event, LOG_STR("detail", detail),
			    LOG_INT("failed_syncs", (int64_t)a->logged.failures));
			return;
		}
	log_warn(event, LOG_STR("reason", detail));
}

static void
identity(void *env, uint8_t out[static REPLICA_IDENTITY_SIZE])
{
	struct app *a = env;

	credential_digest(out, a->settings->config, a->settings->token_path);
}

static int64_t
jitter(void *env, int64_t low, int64_t high)
{
	(void)env;
	return rnd_between(low, high);
}

/*
 * The replica logs a failure that differs from the last one, and the recovery. A repeated failure
 * is logged every five minutes here, with the number of repetitions that had no line.
 */
static void
say_outcome(struct app *a, const struct sync_result *result)
{
	int64_t now_ms = clock_boot_ms();

	if (result->outcome == SYNC_OK || result->outcome == SYNC_NOT_MODIFIED) {
		a->logged.failures = a->logged.unsaid = 0;
		return;
	}
	a->logged.failures++;
	if (!a->logged.outcome && now_ms - a->logged.failure_ms < SAY_AGAIN_MS) {
		a->logged.unsaid++;
		return;
	}
	if (!a->logged.outcome)
		log_warn("sync still fails", LOG_STR("reason", result->reason),
		    LOG_INT("not_logged", (int64_t)a->logged.unsaid));
	a->logged.unsaid = 0;
	a->logged.failure_ms = now_ms;
}

/*
 * Warns once a day in the last tenth of the token's life, and at most two weeks before its end: a
 * token that is renewed in time causes no line. The times are the token's own, not verified.
 */
static void
warn_of_the_tokens_end(struct app *a)
{
	struct token_life life = sync_token_life(a->sync);
	int64_t now_s = clock_wall_ms() / 1000, left_s = life.expires_s - now_s,
		soon_s = TOKEN_SOON_S, now_ms = clock_boot_ms();
	char advice[CREDENTIAL_ADVICE_SIZE];

	if (life.issued_s && (life.expires_s - life.issued_s) / 10 < soon_s)
		soon_s = (life.expires_s - life.issued_s) / 10;
	if (life.expires_s == 0 || left_s > soon_s ||
	    (a->logged.token_ms && now_ms - a->logged.token_ms < TOKEN_AGAIN_MS))
		return;
	a->logged.token_ms = now_ms;
	credential_advice(advice, a->settings->token_path);
	log_warn(left_s > 0 ? "the token expires soon" : "the token has expired",
	    LOG_STR("file", a->settings->token_path), LOG_INT("seconds_left", left_s),
	    LOG_STR("advice", advice));
}

/* Warns two weeks before the token can no longer be renewed: a person must create a new one. */
static void
warn_of_the_familys_end(struct app *a)
{
	int64_t ends_s = sync_token_life(a->sync).family_ends_s;
	int64_t left_s = ends_s - clock_wall_ms() / 1000, now_ms = clock_boot_ms();

	if (ends_s == 0 || left_s > TOKEN_SOON_S ||
	    (a->logged.family_ms && now_ms - a->logged.family_ms < TOKEN_AGAIN_MS))
		return;
	a->logged.family_ms = now_ms;
	log_warn("the token can soon be renewed no more: have a new one issued",
	    LOG_STR("file", a->settings->token_path), LOG_INT("seconds_left", left_s));
}

static void
run_release(struct work *w)
{
	struct released *r = CONTAINER_OF(w, struct released, work);

	r->generation = generation_unref(r->generation);
}

static void
on_released(struct work *w)
{
	(void)w;
}

void
app_refresh(void *env)
{
	struct app *a = env;

	replica_sync_now(a->replica, clock_boot_ms());
	app_wake(a);
}

void
app_release(void *env, struct generation *g)
{
	struct app *a = env;

	for (size_t i = 0; i < APP_RELEASED && a->worker && !generation_is_shared(g); i++) {
		struct released *r = &a->released[i];

		if (r->work.queued)
			continue;
		r->work.run = run_release;
		r->work.done = on_released;
		r->generation = g;
		worker_do(a->worker, &r->work);
		return;
	}
	generation_unref(g);
}

bool
app_on_sync_done(void *env, const struct sync_result *result)
{
	struct app *a = env;
	bool taken;

	a->logged.outcome = false;
	taken = replica_sync_done(a->replica, clock_boot_ms(), result);
	peers_generation_changed(a->peers);
	if (taken)
		names_ask(a->names, sync_url(a->sync), clock_boot_ms());
	say_outcome(a, result);
	warn_of_the_tokens_end(a);
	warn_of_the_familys_end(a);
	snapshot_stamp(a->snapshot);
	loop_after_turn(a->loop, &a->turn);
	if (taken)
		loop_after_turn(a->loop, &a->follow);
	return taken;
}

/* The manager held a request until something changed, or refused it. */
void
app_on_changed(void *env)
{
	struct app *a = env;

	replica_sync_soon(a->replica, clock_boot_ms());
	loop_after_turn(a->loop, &a->turn);
}

const struct replica_ops app_replica_ops = {
	.start_sync = app_start_sync,
	.start_probe = start_probe,
	.wake = app_wake,
	.published = on_published,
	.note = on_note,
	.identity = identity,
	.jitter = jitter,
};
