/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/housekeeping.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/api/sidecars.h"
#include "manager/fiber/runner.h"
#include "manager/http/server.h"
#include "manager/program/pruning.h"
#include "manager/store/history.h"
#include "manager/store/sidecar.h"

#define PRUNE_ROWS 500 /* rows deleted in one turn of the loop */

struct job {
	struct event *event;
	struct housekeeping *in;
	void (*fn)(struct housekeeping *h);
	bool running;
};

struct housekeeping {
	const struct command_env *env;
	struct http_server *http;
	struct job tidy, flush, prune, prune_more, families;
	const char *dir;
	int64_t keep_days;
	bool has_begun; /* the store is open */
	struct pruning pruning;
	struct store_pruned pruned; /* rows deleted in the current round */
	int64_t before_ms;          /* the round deletes rows from before this */
};

/*
 * A periodic job. It may wait for the store, so it runs in a fiber when there is a runner; it is
 * skipped while its last run goes on.
 */
static void
run_job(void *arg)
{
	struct job *j = arg;

	j->fn(j->in);
	j->running = false;
}

static void
on_job(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;

	(void)fd;
	(void)what;
	if (j->running || !j->in->has_begun)
		return;
	j->running = true;
	runner_must_run(j->in->env->runner, run_job, j);
}

static void
tidy(struct housekeeping *h)
{
	store_tidy(h->env->store);
	http_server_tidy(h->http);
}

/* ---- what a later run has to wait ---- */

/* DIR/manager.wait has the remaining time in ms; the file exists as long as there is some. */
static bool
wait_path(const struct housekeeping *h, char out[static 4096])
{
	return snprintf(out, 4096, "%s/manager.wait", h->dir) < 4096;
}

/* A file that cannot be read, or is incomplete, counts as a day. */
static int64_t
read_wait(const struct housekeeping *h)
{
	char path[4096], text[32] = "";
	int64_t ms;
	FILE *in = wait_path(h, path) ? fopen(path, "re") : NULL;

	if (!in)
		return errno == ENOENT ? 0 : PRUNING_DAY_MS;
	ms = fgets(text, sizeof text, in) && strchr(text, '\n') ? strtoll(text, NULL, 10) : 0;
	(void)fclose(in); /* it was only read */
	return ms > 0 && ms < PRUNING_DAY_MS ? ms : PRUNING_DAY_MS;
}

static void
write_wait(const char *path, int64_t ms)
{
	FILE *out = fopen(path, "we");
	bool done = out && fprintf(out, "%lld\n", (long long)ms) > 0;

	if (out && fclose(out) != 0)
		done = false;
	if (!done)
		log_warn("cannot record that the clock jumped: a restart may delete old records",
		    LOG_STR("file", path), LOG_STR("reason", strerror(errno)));
}

static void
keep_wait(const struct housekeeping *h, int64_t boot_ms)
{
	int64_t ms = pruning_wait_ms(&h->pruning, boot_ms);
	char path[4096];

	if (!wait_path(h, path))
		return;
	if (ms)
		write_wait(path, ms);
	else
		(void)unlink(path); /* usually there is none */
}

/* ---- deleting ---- */

/* Deletes old audit rows, a few in each turn of the loop. */
static void
prune_audit(struct housekeeping *h)
{
	static const struct timeval pause = { .tv_usec = 50000 };
	struct store_pruned some;
	int r = store_audit_prune(h->env->store, h->before_ms, PRUNE_ROWS, &some);

	if (r < 0) {
		log_error("old records not deleted", LOG_STR("reason", strerror(-r)));
		return;
	}
	h->pruned.audit += some.audit;
	h->pruned.versions += some.versions;
	if (some.audit == PRUNE_ROWS && event_add(h->prune_more.event, &pause) == 0)
		return;
	if (h->pruned.audit)
		log_info("old records deleted", LOG_INT("audit_rows", h->pruned.audit),
		    LOG_INT("object_versions", h->pruned.versions));
	h->pruned = (struct store_pruned){ 0 };
}

static void
prune_tokens(struct housekeeping *h)
{
	int64_t n;
	int r = store_token_prune(h->env->store, h->before_ms, &n);

	if (r < 0)
		log_error("ended tokens not deleted", LOG_STR("reason", strerror(-r)));
	else if (n)
		log_info("ended tokens deleted", LOG_INT("tokens", n));
}

static void
prune_sidecars(struct housekeeping *h, int64_t wall_ms)
{
	int64_t n;
	int r = store_sidecar_prune(h->env->store, wall_ms - SIDECARS_KEPT_MS, &n);

	if (r < 0)
		log_error("silent sidecars not deleted", LOG_STR("reason", strerror(-r)));
	else if (n)
		log_info("silent sidecars deleted", LOG_INT("sidecars", n));
}

/* Once an hour: deletes what is older than records are kept. */
static void
prune(struct housekeeping *h)
{
	int64_t wall_ms = clock_wall_ms(), boot_ms = clock_boot_ms();

	if (!pruning_look(&h->pruning, wall_ms, boot_ms))
		log_warn(
		    "the clock has jumped by more than a day: nothing old is deleted for a day");
	keep_wait(h, boot_ms);
	prune_sidecars(h, wall_ms);
	if (h->prune_more.running || event_pending(h->prune_more.event, EV_TIMEOUT, NULL) ||
	    !pruning_is_due(&h->pruning, wall_ms, boot_ms, &h->before_ms))
		return;
	prune_tokens(h);
	prune_audit(h);
}

/* The first run comes early, so that a server that is often restarted does it, too. */
static void
begin_pruning(struct housekeeping *h)
{
	struct pruning_past past = { .wait_ms = read_wait(h) };
	int r = store_newest_record(h->env->store, &past.newest_ms);

	if (r < 0) {
		log_error("newest record not found: nothing old is deleted for a day",
		    LOG_STR("reason", strerror(-r)));
		past = (struct pruning_past){ .wait_ms = PRUNING_DAY_MS };
	}
	if (!pruning_begin(&h->pruning, h->keep_days * PRUNING_DAY_MS, &past, clock_wall_ms(),
		clock_boot_ms()))
		log_warn("the clock is more than a day from the newest record: nothing old is "
			 "deleted for a day");
	prune(h);
}

static void
flush(struct housekeeping *h)
{
	token_flush(h->env->tokens);
}

static void
watch_families(struct housekeeping *h)
{
	token_watch_families(h->env->tokens, clock_wall_ms());
}

/* Adds a job. seconds 0: it runs once, when its event is added. 0 or -1. */
static int
job_new(struct job *j, struct housekeeping *h, struct event_base *base, int seconds,
    void (*fn)(struct housekeeping *h))
{
	const struct timeval period = { .tv_sec = seconds };

	j->in = h;
	j->fn = fn;
	j->event = event_new(base, -1, seconds ? EV_PERSIST : 0, on_job, j);
	if (!j->event)
		return -1;
	return seconds ? event_add(j->event, &period) : 0;
}

int
housekeeping_new(struct housekeeping **out, struct event_base *base, const struct command_env *env,
    struct http_server *http, const char *dir, int64_t keep_days)
{
	struct housekeeping *h = mem_zalloc(sizeof *h);

	*out = h;
	if (!h)
		return -1;
	h->env = env;
	h->http = http;
	h->dir = dir;
	h->keep_days = keep_days;
	if (job_new(&h->tidy, h, base, 5, tidy) < 0 || job_new(&h->flush, h, base, 60, flush) < 0 ||
	    job_new(&h->prune, h, base, 3600, prune) < 0 ||
	    job_new(&h->families, h, base, 86400, watch_families) < 0 ||
	    job_new(&h->prune_more, h, base, 0, prune_audit) < 0)
		return -1;
	return 0;
}

void
housekeeping_begin(struct housekeeping *h)
{
	h->has_begun = true;
	begin_pruning(h);
	watch_families(h);
}

static void
job_free(struct job *j)
{
	if (j->event)
		event_free(j->event);
}

struct housekeeping *
housekeeping_free(struct housekeeping *h)
{
	if (!h)
		return NULL;
	job_free(&h->tidy);
	job_free(&h->flush);
	job_free(&h->prune);
	job_free(&h->families);
	job_free(&h->prune_more);
	mem_free(h);
	return NULL;
}
