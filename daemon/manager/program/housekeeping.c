/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/housekeeping.h"

#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/http/server.h"
#include "manager/program/pruning.h"

#define PRUNE_ROWS 500 /* in one turn of the loop */

struct housekeeping {
	const struct command_env *env;
	struct http_server *http;
	struct event *tidy, *flush, *prune, *prune_more, *families;
	struct pruning pruning;
	struct store_pruned pruned; /* in the round that is under way */
};

static void
on_tidy(evutil_socket_t fd, short what, void *arg)
{
	struct housekeeping *h = arg;

	(void)fd;
	(void)what;
	store_tidy(h->env->store);
	http_server_tidy(h->http);
}

/* Old audit rows, some in a turn of the loop. */
static void
prune_audit(struct housekeeping *h, int64_t before_ms)
{
	static const struct timeval pause = { .tv_usec = 50000 };
	struct store_pruned some;
	int r = store_audit_prune(h->env->store, before_ms, PRUNE_ROWS, &some);

	if (r < 0) {
		log_error("old records not deleted", LOG_STR("reason", strerror(-r)));
		return;
	}
	h->pruned.audit += some.audit;
	h->pruned.versions += some.versions;
	if (some.audit == PRUNE_ROWS && event_add(h->prune_more, &pause) == 0)
		return;
	if (h->pruned.audit)
		log_info("old records deleted", LOG_INT("audit_rows", h->pruned.audit),
		    LOG_INT("object_versions", h->pruned.versions));
	h->pruned = (struct store_pruned){ 0 };
}

static void
prune_tokens(struct housekeeping *h, int64_t before_ms)
{
	int64_t n;
	int r = store_token_prune(h->env->store, before_ms, &n);

	if (r < 0)
		log_error("ended tokens not deleted", LOG_STR("reason", strerror(-r)));
	else if (n)
		log_info("ended tokens deleted", LOG_INT("tokens", n));
}

static void
on_prune_more(evutil_socket_t fd, short what, void *arg)
{
	struct housekeeping *h = arg;
	int64_t before_ms;

	(void)fd;
	(void)what;
	if (pruning_is_due(&h->pruning, clock_wall_ms(), clock_boot_ms(), &before_ms))
		prune_audit(h, before_ms);
}

/* Once an hour: what is older than records are kept. */
static void
on_prune(evutil_socket_t fd, short what, void *arg)
{
	struct housekeeping *h = arg;
	int64_t wall_ms = clock_wall_ms(), boot_ms = clock_boot_ms(), before_ms;

	(void)fd;
	(void)what;
	if (!pruning_look(&h->pruning, wall_ms, boot_ms))
		log_warn(
		    "the clock has jumped by more than a day: nothing old is deleted for a day");
	if (!pruning_is_due(&h->pruning, wall_ms, boot_ms, &before_ms))
		return;
	prune_tokens(h, before_ms);
	prune_audit(h, before_ms);
}

/* The first time: one that is restarted often must do it too. */
static void
begin_pruning(struct housekeeping *h, int64_t keep_days)
{
	int64_t newest_ms = 0;
	int r = store_newest_record(h->env->store, &newest_ms);

	if (r < 0)
		log_error("newest record not found", LOG_STR("reason", strerror(-r)));
	if (!pruning_begin(&h->pruning, keep_days * INT64_C(86400000), newest_ms, clock_wall_ms(),
		clock_boot_ms()))
		log_warn("the clock is more than a day from the newest record: nothing old is "
			 "deleted for a day");
	on_prune(-1, 0, h);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct housekeeping *h = arg;

	(void)fd;
	(void)what;
	token_flush(h->env->tokens);
}

static void
on_families(evutil_socket_t fd, short what, void *arg)
{
	struct housekeeping *h = arg;

	(void)fd;
	(void)what;
	token_watch_families(h->env->tokens, clock_wall_ms());
}

static struct event *
every(struct event_base *base, int seconds, event_callback_fn fn, struct housekeeping *h)
{
	const struct timeval period = { .tv_sec = seconds };
	struct event *e = event_new(base, -1, EV_PERSIST, fn, h);

	if (e && event_add(e, &period) < 0) {
		event_free(e);
		e = NULL;
	}
	return e;
}

int
housekeeping_new(struct housekeeping **out, struct event_base *base, const struct command_env *env,
    struct http_server *http, int64_t keep_days)
{
	struct housekeeping *h = mem_zalloc(sizeof *h);

	*out = h;
	if (!h)
		return -1;
	h->env = env;
	h->http = http;
	h->tidy = every(base, 5, on_tidy, h);
	h->flush = every(base, 60, on_flush, h);
	h->prune = every(base, 3600, on_prune, h);
	h->families = every(base, 86400, on_families, h);
	h->prune_more = evtimer_new(base, on_prune_more, h);
	if (!h->tidy || !h->flush || !h->prune || !h->families || !h->prune_more)
		return -1;
	begin_pruning(h, keep_days);
	on_families(-1, 0, h);
	return 0;
}

static void
free_if(struct event *e)
{
	if (e)
		event_free(e);
}

struct housekeeping *
housekeeping_free(struct housekeeping *h)
{
	if (!h)
		return NULL;
	free_if(h->tidy);
	free_if(h->flush);
	free_if(h->prune);
	free_if(h->families);
	free_if(h->prune_more);
	mem_free(h);
	return NULL;
}
