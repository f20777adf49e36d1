/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups in the current generation, and the ones that wait for the first. */
#include "core/replica_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/team.h"

/* --- lookups ------------------------------------------------------------------------- */

const char *
replica_why_no_data(const struct replica *r)
{
	if (r->closing)
		return "connd is stopping";
	return *r->last_error ? r->last_error : "the first sync has not finished";
}

static void
result_not_ready(const struct replica *r, struct replica_result *out)
{
	*out = (struct replica_result){ .verdict = VERDICT_NOT_READY,
		.state = NOT_READY,
		.age_ms = -1,
		.reason = replica_why_no_data(r) };
}

static void
result_expired(struct replica *r, int64_t now_ms, struct replica_result *out)
{
	const char *why = *r->last_error ? r->last_error : "no sync has finished since";

	if (replica_refusal_window_is_over(r, now_ms))
		snprintf(r->reason, sizeof r->reason,
		    "the manager has refused for %" PRId64 " s: %s",
		    (now_ms - r->refused_ms) / 1000, why);
	else
		snprintf(r->reason, sizeof r->reason, "not confirmed for %" PRId64 " s: %s",
		    out->age_ms / 1000, why);
	out->verdict = VERDICT_EXPIRED;
	out->reason = r->reason;
}

static void
note_miss(struct replica *r, int64_t now_ms, enum record_kind kind, struct span key)
{
	if (r->config.probe_ms > 0 && kind_may_have_key(kind, key) &&
	    probes_note(&r->probes, now_ms, kind, key))
		r->ops->wake(r->env);
}

void
replica_missed(struct replica *r, int64_t now_ms, enum record_kind kind, struct span team,
    struct span key, bool bare)
{
	char room[GENERATION_MAX_KEY];

	note_miss(r, now_ms, kind, team_key(team, key, room));
	if (bare)
		note_miss(r, now_ms, kind, key);
}

static const struct record *
find(const struct replica *r, enum record_kind kind, struct span team, struct span key)
{
	char room[GENERATION_MAX_KEY];
	struct span own = team_key(team, key, room);
	const struct record *rec = own.n ? generation_find(r->current, kind, own) : NULL;

	return rec ? rec : generation_find(r->current, kind, key);
}

static void
result_record(
    const struct replica *r, int64_t now_ms, const struct record *rec, struct replica_result *out)
{
	enum freshness own;

	out->record = rec;
	if (rec->state == RECORD_VALUE) {
		out->verdict = VERDICT_VALUE;
	} else if (rec->state == RECORD_INVALID) {
		out->verdict = VERDICT_INVALID;
	} else if (!rec->held || now_ms >= replica_held_until(r, rec)) {
		out->verdict = VERDICT_WITHHELD;
	} else {
		out->verdict = VERDICT_VALUE;
		out->record = rec->held;
		out->age_ms = now_ms - rec->held->confirmed_ms;
		own = freshness_at(&r->config.windows, out->age_ms);
		if (own > out->state)
			out->state = own;
	}
}

void
replica_lookup_now(struct replica *r, int64_t now_ms, enum record_kind kind, struct span team,
    struct span key, bool hide_teams, struct replica_result *out)
{
	bool hidden = hide_teams && team_separates(key);
	const struct record *rec;

	if (!r->current) {
		result_not_ready(r, out);
		return;
	}
	*out = (struct replica_result){
		.verdict = VERDICT_NOT_FOUND,
		.generation = r->number,
		.request_id = r->request_id,
		.state = replica_state_at(r, now_ms),
		.age_ms = now_ms - r->confirmed_ms,
	};
	if (out->state == EXPIRED) {
		result_expired(r, now_ms, out);
		return;
	}
	rec = hidden ? NULL : find(r, kind, team, key);
	if (rec)
		result_record(r, now_ms, rec, out);
	out->missed = !rec && !hidden;
}

/* True if a sync is running or due, so that a lookup without data should wait for it. */
static bool
sync_is_near(const struct replica *r, int64_t now_ms)
{
	return r->syncing ||
	       now_ms >= max_i64(r->floor.until_ms, min_i64(r->next_sync_ms, r->asked_sync_ms));
}

bool
replica_lookup(struct replica *r, int64_t now_ms, enum record_kind kind, struct span team,
    struct span key, bool hide_teams, struct replica_result *out)
{
	if (!r->current && !r->closing && r->config.cold_wait_ms > 0 && sync_is_near(r, now_ms))
		return false;
	replica_lookup_now(r, now_ms, kind, team, key, hide_teams, out);
	return true;
}

bool
replica_has(
    struct replica *r, int64_t now_ms, enum record_kind kind, struct span key, int64_t max_age_ms)
{
	struct replica_result a;

	replica_lookup_now(r, now_ms, kind, (struct span){ 0 }, key, false, &a);
	return a.verdict == VERDICT_VALUE && (max_age_ms < 0 || a.age_ms < max_age_ms);
}

/* --- waiting ------------------------------------------------------------------------- */

static void
waiter_link(struct waiter **list, struct waiter *w)
{
	w->next = *list;
	w->at = list;
	if (w->next)
		w->next->at = &w->next;
	*list = w;
}

void
replica_forget(struct waiter *w)
{
	if (!w->at)
		return;
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	w->next = NULL;
	w->at = NULL;
}

void
replica_wait(struct replica *r, int64_t now_ms, struct waiter *w)
{
	w->until_ms = now_ms + r->config.cold_wait_ms;
	waiter_link(&r->waiters, w);
	if (!r->syncing)
		r->next_sync_ms = min_i64(r->next_sync_ms, now_ms);
}

/* Moves the waiters to a list first: ready() may forget others, or start new waits. */
void
replica_end_waits(struct replica *r, int64_t now_ms)
{
	struct waiter *ended = NULL, *w, *next;

	for (w = r->waiters; w; w = next) {
		next = w->next;
		if (w->until_ms > now_ms)
			continue;
		replica_forget(w);
		waiter_link(&ended, w);
	}
	while ((w = ended)) {
		replica_forget(w);
		w->ready(w);
	}
}
