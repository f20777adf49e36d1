/* SPDX-License-Identifier: Apache-2.0 */
/* What a sync's end makes of the replica: a list is taken, held back or refused; a failure is waited out. */
#include "core/replica_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_MS_MAX     30000 /* a list held back is checked by a second one no later than this */
#define GUARD_FROM      10    /* a kind with fewer objects may lose some, but not all, unchecked */
#define URGENT_RETRY_MS 10000 /* the longest back-off while there is no data to serve */
#define ASKED_RETRY_MS  1000  /* a lookup without data starts a sync this soon after the last */

/* Remembers why; one note for each new reason, not for each failure. */
static void
fail_with(struct replica *r, const char *event, const char *reason)
{
	bool known = strcmp(r->last_error, reason) == 0;

	snprintf(r->last_error, sizeof r->last_error, "%s", reason);
	if (!known)
		replica_note(r, event, r->last_error);
}

static void
sync_failed(struct replica *r, int64_t now_ms, const struct sync_result *result, const char *reason)
{
	bool refusal = result->outcome == SYNC_UNAUTHORIZED || result->outcome == SYNC_REFUSED;
	bool urgent = !refusal && (!r->current || replica_state_at(r, now_ms) == EXPIRED);
	int64_t delay_ms, wait_ms;

	r->syncs_failed++;
	if (refusal && !r->refused) {
		r->refused = true;
		r->refused_ms = now_ms;
	}
	fail_with(r, refusal ? "sync refused" : "sync failed", reason);
	delay_ms = backoff_next(
	    &r->backoff, urgent ? URGENT_RETRY_MS : BACKOFF_CAP_MS, r->ops->jitter, r->env);
	wait_ms = retry_after_wait(
	    result->retry_after_ms, replica_floor_cap(r, now_ms), r->ops->jitter, r->env);
	r->next_sync_ms = now_ms + delay_ms;
	r->asked_sync_ms = now_ms + ASKED_RETRY_MS;
	replica_not_before(r, now_ms, now_ms + wait_ms);
}

/*
 * The manager has confirmed what is served, as of when the request was sent. What changed while a long list
 * was read may not be in it, and an answer may wait in a machine that sleeps.
 */
static void
confirm(struct replica *r, int64_t now_ms, const struct sync_result *result)
{
	if (*r->last_error)
		replica_note(r, "sync recovered", "");
	r->last_error[0] = '\0';
	r->confirmed_ms = later(r->begun_ms, result->asked_ms);
	r->refused = r->loaded = false;
	r->held = generation_unref(r->held);
	r->syncs_ok++;
	probes_settle(&r->probes, r->misses_before_sync);
	backoff_reset(&r->backoff);
	r->next_sync_ms =
	    later(r->floor.until_ms, now_ms + r->ops->jitter(r->env, r->config.refresh_ms * 8 / 10,
						  r->config.refresh_ms * 12 / 10));
}

/* Does this list drop so much of one kind that it must be seen twice? */
static bool
drops_too_much(const struct replica *r, const struct sync_list *l, char *why, size_t size)
{
	static const char *const kinds[N_KINDS] = { "connections", "variables",
		"environment variables" };

	for (int k = 0; k < N_KINDS; k++) {
		enum record_kind kind = (enum record_kind)k;
		size_t n = generation_count(r->current, kind), gone;
		bool all;

		if (n == 0)
			continue;
		gone = l->difference.n_dropped[k];
		all = generation_count(l->generation, kind) == 0;
		if (!all && (n < GUARD_FROM || gone * 100 <= n * r->config.deletion_guard_percent))
			continue;
		snprintf(why, size,
		    "the list drops %zu of %zu %s; held back until a second one is the same", gone,
		    n, kinds[k]);
		return true;
	}
	return false;
}

static void
hold_back(struct replica *r, int64_t now_ms, struct generation *g, const char *why)
{
	generation_unref(r->held);
	r->held = g;
	r->held_until_ms = now_ms + earlier(r->config.refresh_ms, HOLD_MS_MAX);
	fail_with(r, "list held back", why);
}

/*
 * True: the list has to wait, and is taken over. A second one that comes too soon (somebody asked for a
 * sync) proves nothing: what made the first one wrong may still last.
 */
static bool
must_wait(struct replica *r, int64_t now_ms, const struct sync_list *l)
{
	struct generation *g = l->generation;
	char why[REPLICA_REASON_SIZE];

	if (!r->current || !drops_too_much(r, l, why, sizeof why))
		return false;
	if (!r->held || !generation_equal(r->held, g)) {
		hold_back(r, now_ms, g, why);
	} else if (now_ms < r->held_until_ms) {
		generation_unref(g);
	} else {
		replica_note(r, "held list taken", r->last_error);
		r->last_error[0] = '\0';
		return false;
	}
	backoff_reset(&r->backoff);
	r->next_sync_ms = r->asked_sync_ms = r->held_until_ms;
	return true;
}

static void
note_withheld(struct replica *r, size_t before)
{
	size_t now = generation_count_state(r->current, RECORD_WITHHELD);
	char detail[128];

	snprintf(detail, sizeof detail,
	    "%zu records; the token has to be one that may read secrets", now);
	if (now > before)
		replica_note(r, "secrets withheld", detail);
	else if (now < before)
		replica_note(
		    r, now ? "fewer secrets withheld" : "no secrets withheld any more", detail);
}

static void
take(struct replica *r, int64_t now_ms, const struct sync_result *result)
{
	const struct sync_list *l = &result->list;
	struct generation *g = l->generation;
	size_t withheld = r->current ? generation_count_state(r->current, RECORD_WITHHELD) : 0;
	bool same = r->current && l->difference.equal;

	confirm(r, now_ms, result);
	if (same && withheld == 0) {
		generation_unref(g);
		return;
	}
	/* The same list again may have let go of values that were held for too long. */
	if (r->current && !same)
		r->number++;
	generation_unref(r->current);
	r->current = g;
	replica_watch_held(r, now_ms);
	if (same)
		return;
	note_withheld(r, withheld);
	r->ops->published(r->env);
}

static const char *
builder_failure(int error)
{
	switch (error) {
	case -EMSGSIZE:
		return "the list does not fit into max_bytes";
	case -EPERM:
		return "the memory for the list can not be locked";
	default:
		return "out of memory for the list";
	}
}

void
sync_list_finish(
    struct sync_result *result, struct generation_builder *b, const struct sync_basis *basis)
{
	struct sync_list *l = &result->list;
	int e = generation_builder_carry(b, basis->current, basis->confirmed_ms, basis->oldest_ms);

	if (e < 0)
		generation_builder_free(b);
	else
		e = generation_builder_finish(b, &l->generation);
	if (e < 0) {
		l->generation = NULL;
		result->outcome = SYNC_FAILED;
		result->reason = builder_failure(e);
		return;
	}
	if (basis->current)
		generation_compare(basis->current, l->generation, &l->difference);
	result->outcome = SYNC_OK;
}

void
replica_basis(const struct replica *r, int64_t now_ms, struct sync_basis *out)
{
	*out = (struct sync_basis){
		.current = r->current,
		.confirmed_ms = r->confirmed_ms,
		.oldest_ms = now_ms - replica_withdrawn_window(r) + 1,
	};
}

static bool
sync_listed(struct replica *r, int64_t now_ms, const struct sync_result *result)
{
	if (must_wait(r, now_ms, &result->list))
		return false;
	take(r, now_ms, result);
	return true;
}

static bool
sync_ended(struct replica *r, int64_t now_ms, const struct sync_result *result)
{
	switch (result->outcome) {
	case SYNC_OK:
		return sync_listed(r, now_ms, result);
	case SYNC_NOT_MODIFIED:
		if (!r->current) {
			sync_failed(
			    r, now_ms, result, "the manager says \"not modified\" of nothing");
			return false;
		}
		confirm(r, now_ms, result);
		return true;
	case SYNC_UNREACHABLE:
	case SYNC_UNAUTHORIZED:
	case SYNC_REFUSED:
	case SYNC_BAD:
	case SYNC_FAILED:
		break;
	}
	sync_failed(r, now_ms, result, result->reason ? result->reason : "no reason was given");
	return false;
}

bool
replica_sync_done(struct replica *r, int64_t now_ms, const struct sync_result *result)
{
	bool taken;

	if (!r->syncing)
		abort();
	r->syncing = false;
	r->done_ms = now_ms;
	taken = sync_ended(r, now_ms, result);
	if (r->sync_again) {
		r->sync_again = false;
		r->next_sync_ms = later(now_ms, r->floor.until_ms);
	}
	replica_end_waits(r, INT64_MAX);
	return taken;
}

void
replica_sync_soon(struct replica *r, int64_t now_ms)
{
	if (r->syncing)
		r->sync_again = true;
	else
		r->next_sync_ms = earlier(r->next_sync_ms, later(now_ms, r->floor.until_ms));
}

void
replica_sync_now(struct replica *r, int64_t now_ms)
{
	backoff_reset(&r->backoff);
	replica_drop_floor(r, now_ms);
	replica_sync_soon(r, now_ms);
}

void
replica_left_alone(struct replica *r, int64_t now_ms, int64_t retry_after_ms)
{
	int64_t wait_ms =
	    retry_after_wait(retry_after_ms, replica_floor_cap(r, now_ms), r->ops->jitter, r->env);

	if (wait_ms <= 0)
		return;
	replica_not_before(r, now_ms, now_ms + wait_ms);
	if (!r->syncing) /* else that sync's end says how the manager is */
		fail_with(r, "sync put off",
		    "the manager asked for no requests for a while (Retry-After)");
}
