/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a sync: serves the new list, holds it back, or schedules a retry after a failure. */
#include "core/replica_internal.h"
#include "base/why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_MS_MAX     30000 /* longest wait for the list that confirms a held one */
#define GUARD_FROM      10    /* with fewer objects of a kind, only the loss of all is guarded */
#define URGENT_RETRY_MS 10000 /* longest back-off while no data can be served */
#define ASKED_RETRY_MS  1000  /* a lookup without data may start a sync this long after the last */

/* Stores the reason of a failure. Logs it only if it is a new one. */
static void
fail_with(struct replica *r, const char *event, const char *reason)
{
	bool known = strncmp(r->last_error, reason, sizeof r->last_error - 1) == 0;

	snprintf(
	    r->last_error, sizeof r->last_error, "%.*s", (int)sizeof r->last_error - 1, reason);
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
 * The manager has confirmed the served data, as of the time the request was sent: changes made
 * while a long list was read may be missing, and the machine may have slept before the response
 * arrived.
 */
static void
confirm(struct replica *r, int64_t now_ms, const struct sync_result *result)
{
	if (*r->last_error)
		replica_note(r, "sync recovered", "");
	r->last_error[0] = '\0';
	r->confirmed_ms = max_i64(r->begun_ms, result->asked_ms);
	r->refused = r->loaded = false;
	r->held = generation_unref(r->held);
	r->syncs_ok++;
	probes_settle(&r->probes, r->misses_before_sync);
	backoff_reset(&r->backoff);
	r->next_sync_ms = max_i64(
	    r->floor.until_ms, now_ms + r->ops->jitter(r->env, r->config.refresh_ms * 8 / 10,
					    r->config.refresh_ms * 12 / 10));
}

/* True if the list drops so much of one kind that a second list must confirm it. */
static bool
drops_too_much(const struct replica *r, const struct sync_list *l, struct why *why)
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
		why_set(why,
		    "the list drops %zu of %zu %s; held back until a second list is the same", gone,
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
	r->held_until_ms = now_ms + min_i64(r->config.refresh_ms, HOLD_MS_MAX);
	fail_with(r, "list held back", why);
}

/*
 * True if the list is held back; then its generation is taken. A second list that arrives before
 * held_until_ms (after connctl refresh) does not confirm the first: the cause of a wrong list may
 * still persist.
 */
static bool
must_wait(struct replica *r, int64_t now_ms, const struct sync_list *l)
{
	struct generation *g = l->generation;
	struct why why;

	if (!r->current || !drops_too_much(r, l, &why))
		return false;
	if (!r->held || !generation_equal(r->held, g)) {
		hold_back(r, now_ms, g, why.text);
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

	snprintf(detail, sizeof detail, "%zu records; use a token that may read secrets", now);
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
	if (!same || !*r->request_id)
		snprintf(r->request_id, sizeof r->request_id, "%s",
		    result->request_id ? result->request_id : "");
	if (same && withheld == 0) {
		generation_unref(g);
		return;
	}
	/*
	 * An equal list is taken, too, if it has withheld records: their held values may have
	 * expired.
	 */
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
		return "the memory for the list cannot be locked: raise LimitMEMLOCK";
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
			    r, now_ms, result, "304 from the manager, but connd has no list yet");
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
		r->next_sync_ms = max_i64(now_ms, r->floor.until_ms);
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
		r->next_sync_ms = min_i64(r->next_sync_ms, max_i64(now_ms, r->floor.until_ms));
}

void
replica_sync_now(struct replica *r, int64_t now_ms)
{
	backoff_reset(&r->backoff);
	replica_drop_floor(r, now_ms);
	replica_sync_soon(r, now_ms);
}

void
replica_retry_after(struct replica *r, int64_t now_ms, int64_t retry_after_ms)
{
	int64_t wait_ms =
	    retry_after_wait(retry_after_ms, replica_floor_cap(r, now_ms), r->ops->jitter, r->env);

	if (wait_ms <= 0)
		return;
	replica_not_before(r, now_ms, now_ms + wait_ms);
	if (!r->syncing) /* a running sync reports the manager's state itself */
		fail_with(r, "sync put off", "waiting for the manager's Retry-After");
}
