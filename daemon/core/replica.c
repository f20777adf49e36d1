/* SPDX-License-Identifier: Apache-2.0 */
#include "core/replica_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Returns when the next sync is due: not before a Retry-After ends. */
static int64_t
due_ms(const struct replica *r)
{
	return max_i64(r->next_sync_ms, r->floor.until_ms);
}

void
replica_note(struct replica *r, const char *event, const char *detail)
{
	r->ops->note(r->env, event, detail);
}

int
replica_new(struct replica **out, const struct replica_config *config,
    const struct replica_ops *ops, void *env, uint64_t first_generation)
{
	struct replica *r = mem_zalloc(sizeof *r);

	if (!r)
		return -ENOMEM;
	r->config = *config;
	r->ops = ops;
	r->env = env;
	r->number = first_generation;
	r->carry_until_ms = INT64_MAX;
	r->noted = NOT_READY;
	probes_init(&r->probes);
	*out = r;
	return 0;
}

/* --- freshness ----------------------------------------------------------------------- */

int64_t
replica_withdrawn_window(const struct replica *r)
{
	return min_i64(r->config.windows.max_stale_unauthorized_ms, r->config.windows.max_stale_ms);
}

bool
replica_refusal_window_is_over(const struct replica *r, int64_t now_ms)
{
	return r->refused && now_ms - r->refused_ms >= replica_withdrawn_window(r);
}

enum freshness
replica_state_at(const struct replica *r, int64_t now_ms)
{
	enum freshness state;

	if (!r->current)
		return NOT_READY;
	if (replica_refusal_window_is_over(r, now_ms))
		return EXPIRED;
	state = freshness_at(&r->config.windows, now_ms - r->confirmed_ms);
	return r->loaded && state < OFFLINE ? OFFLINE : state;
}

int64_t
replica_expiry(const struct replica *r)
{
	int64_t at_ms = r->confirmed_ms + r->config.windows.max_stale_ms;

	if (!r->current)
		return INT64_MIN;
	return r->refused ? min_i64(at_ms, r->refused_ms + replica_withdrawn_window(r)) : at_ms;
}

int64_t
replica_held_until(const struct replica *r, const struct record *rec)
{
	return rec->held->confirmed_ms + replica_withdrawn_window(r);
}

void
replica_watch_held(struct replica *r, int64_t now_ms)
{
	r->carry_until_ms = INT64_MAX;
	if (!r->current || generation_count_state(r->current, RECORD_WITHHELD) == 0)
		return;
	for (int kind = 0; kind < N_KINDS; kind++)
		for (size_t i = 0; i < generation_count(r->current, (enum record_kind)kind); i++) {
			const struct record *rec =
			    generation_at(r->current, (enum record_kind)kind, i);

			if (rec->held && replica_held_until(r, rec) > now_ms)
				r->carry_until_ms =
				    min_i64(r->carry_until_ms, replica_held_until(r, rec));
		}
}

/* --- from run to run ----------------------------------------------------------------- */

bool
replica_remember(const struct replica *r, struct replica_memory *out)
{
	*out = (struct replica_memory){
		.generation = r->number,
		.confirmed_ms = r->confirmed_ms,
		.refused = r->refused,
		.refused_ms = r->refused_ms,
		.next_sync_ms = due_ms(r),
		.floor = r->floor,
	};
	return r->current != NULL;
}

/* --- Retry-After ----------------------------------------------------------------------- */

int64_t
replica_floor_cap(const struct replica *r, int64_t now_ms)
{
	int64_t expiry_ms = replica_expiry(r);

	return retry_after_cap(expiry_ms > now_ms ? expiry_ms - now_ms : 0, r->config.timeout_ms);
}

static void
read_identity(const struct replica *r, uint8_t out[static REPLICA_IDENTITY_SIZE])
{
	memset(out, 0, REPLICA_IDENTITY_SIZE);
	if (r->ops->identity)
		r->ops->identity(r->env, out);
}

void
replica_not_before(struct replica *r, int64_t now_ms, int64_t floor_ms)
{
	if (floor_ms <= max_i64(now_ms, r->floor.until_ms))
		return;
	r->floor.until_ms = floor_ms;
	read_identity(r, r->floor.identity);
	r->look_ms = now_ms + r->config.refresh_ms;
	r->next_sync_ms = max_i64(r->next_sync_ms, floor_ms);
	r->asked_sync_ms = max_i64(r->asked_sync_ms, floor_ms);
	r->next_probe_ms = max_i64(r->next_probe_ms, floor_ms);
}

void
replica_drop_floor(struct replica *r, int64_t now_ms)
{
	r->floor = (struct replica_floor){ 0 };
	r->next_sync_ms = r->asked_sync_ms = now_ms;
	r->next_probe_ms = min_i64(r->next_probe_ms, now_ms + r->config.probe_ms);
}

/* True if the token or URL is known to differ from the one that the floor was sent to. */
static bool
identity_changed(const struct replica *r, const struct replica_floor *floor)
{
	static const uint8_t unknown[REPLICA_IDENTITY_SIZE];
	uint8_t identity[REPLICA_IDENTITY_SIZE];

	read_identity(r, identity);
	return memcmp(identity, unknown, sizeof identity) != 0 &&
	       memcmp(floor->identity, unknown, sizeof identity) != 0 &&
	       memcmp(identity, floor->identity, sizeof identity) != 0;
}

void
replica_hold_off(struct replica *r, int64_t now_ms, const struct replica_floor *floor)
{
	if (floor->until_ms <= now_ms || identity_changed(r, floor))
		return;
	replica_not_before(
	    r, now_ms, min_i64(floor->until_ms, now_ms + replica_floor_cap(r, now_ms)));
	if (r->floor.until_ms > now_ms)
		(void)snprintf(r->last_error, sizeof r->last_error,
		    "waiting for the manager's Retry-After, received before this start");
}

/* While a Retry-After applies, checks once per refresh period for a changed token or URL. */
static void
look_for_another_identity(struct replica *r, int64_t now_ms)
{
	if (r->floor.until_ms <= now_ms || now_ms < r->look_ms)
		return;
	r->look_ms = now_ms + r->config.refresh_ms;
	if (!identity_changed(r, &r->floor))
		return;
	replica_note(r, "Retry-After dropped", "the token or the manager's URL has changed");
	replica_drop_floor(r, now_ms);
}

void
replica_load(
    struct replica *r, int64_t now_ms, struct generation *g, const struct replica_memory *memory)
{
	int64_t late = now_ms - memory->next_sync_ms;

	r->current = g;
	r->number = memory->generation;
	r->confirmed_ms = memory->confirmed_ms;
	r->refused = memory->refused;
	r->refused_ms = memory->refused_ms;
	r->loaded = true;
	r->noted = replica_state_at(r, now_ms);
	if (late <= 0)
		r->next_sync_ms = now_ms + min_i64(-late, r->config.refresh_ms * 12 / 10);
	else
		r->next_sync_ms =
		    now_ms + r->ops->jitter(r->env, 0, min_i64(late, r->config.refresh_ms));
	replica_hold_off(r, now_ms, &memory->floor);
	replica_watch_held(r, now_ms);
}

/* --- the end ------------------------------------------------------------------------- */

void
replica_close(struct replica *r)
{
	r->closing = true;
	replica_end_waits(r, INT64_MAX);
}

struct replica *
replica_free(struct replica *r)
{
	if (!r)
		return NULL;
	replica_close(r);
	generation_unref(r->current);
	generation_unref(r->held);
	mem_free(r);
	return NULL;
}

/* --- probing ------------------------------------------------------------------------- */

/* No probes while a sync runs, or after a failed one: the manager may be overloaded. */
static bool
may_probe(const struct replica *r)
{
	return r->config.probe_ms > 0 && r->syncs_ok > 0 && !r->syncing && !r->probing &&
	       !*r->last_error && probes_wait(&r->probes);
}

static void
probe(struct replica *r, int64_t now_ms)
{
	enum record_kind kind;
	struct span key;

	while (probes_take(&r->probes, now_ms, &kind, &key)) {
		if (generation_find(r->current, kind, key))
			continue; /* a sync has brought it meanwhile */
		r->probing = true;
		r->n_probes++;
		r->next_probe_ms = max_i64(r->next_probe_ms, now_ms + r->config.probe_ms);
		r->ops->start_probe(r->env, kind, key);
		return;
	}
	probes_settle(&r->probes, UINT64_MAX);
}

void
replica_probe_done(struct replica *r, int64_t now_ms, bool found)
{
	if (!r->probing)
		abort();
	r->probing = false;
	if (found)
		replica_sync_soon(r, now_ms);
}

struct generation *
replica_current(struct replica *r)
{
	return r->current;
}

/* --- time ---------------------------------------------------------------------------- */

/* Expires held values. The number grows, so that clients that cache by generation look again. */
static void
end_held(struct replica *r, int64_t now_ms)
{
	if (now_ms < r->carry_until_ms)
		return;
	replica_watch_held(r, now_ms);
	r->number++;
	replica_note(r, "withheld secrets expired", "their lookups are refused from now on");
	r->ops->published(r->env);
}

static void
note_state(struct replica *r, int64_t now_ms)
{
	enum freshness state = replica_state_at(r, now_ms);

	if (state == r->noted)
		return;
	if (state == OFFLINE)
		replica_note(r, "data is offline", r->last_error);
	else if (state == EXPIRED)
		replica_note(r, "data has expired", r->last_error);
	else if (r->noted == OFFLINE || r->noted == EXPIRED)
		replica_note(r, "data is current again", "");
	r->noted = state;
}

/* Returns when the state changes next if no sync succeeds. */
static int64_t
next_edge(const struct replica *r, int64_t now_ms)
{
	const struct windows *w = &r->config.windows;
	const int64_t edges[] = {
		r->confirmed_ms + w->ttl_ms,
		r->confirmed_ms + w->stale_ms,
		replica_expiry(r),
	};
	int64_t next = INT64_MAX;

	for (size_t i = 0; r->current && i < N_ELEMENTS(edges); i++)
		if (edges[i] > now_ms)
			next = min_i64(next, edges[i]);
	return next;
}

int64_t
replica_turn(struct replica *r, int64_t now_ms)
{
	int64_t next;

	look_for_another_identity(r, now_ms);
	if (!r->syncing && now_ms >= due_ms(r)) {
		r->syncing = true;
		r->begun_ms = now_ms;
		r->misses_before_sync = r->probes.misses;
		r->ops->start_sync(r->env);
	}
	if (may_probe(r) && now_ms >= r->next_probe_ms)
		probe(r, now_ms);
	end_held(r, now_ms);
	note_state(r, now_ms);
	replica_end_waits(r, now_ms);

	next = min_i64(next_edge(r, now_ms), r->carry_until_ms);
	if (!r->syncing)
		next = min_i64(next, due_ms(r));
	if (may_probe(r))
		next = min_i64(next, r->next_probe_ms);
	if (r->floor.until_ms > now_ms)
		next = min_i64(next, r->look_ms);
	for (const struct waiter *w = r->waiters; w; w = w->next)
		next = min_i64(next, w->until_ms);
	return next;
}

void
replica_configure(struct replica *r, const struct replica_config *config)
{
	r->config = *config;
	if (!*r->last_error && r->syncs_ok)
		r->next_sync_ms =
		    min_i64(r->next_sync_ms, r->done_ms + config->refresh_ms * 12 / 10);
	replica_watch_held(r, r->done_ms);
}

/* --- status -------------------------------------------------------------------------- */

void
replica_status(struct replica *r, int64_t now_ms, struct replica_status *out)
{
	*out = (struct replica_status){
		.state = replica_state_at(r, now_ms),
		.generation = r->current ? r->number : 0,
		.request_id = r->request_id,
		.age_ms = r->current ? now_ms - r->confirmed_ms : -1,
		.last_error = r->last_error,
		.syncing = r->syncing,
		.next_sync_ms = r->syncing ? 0 : max_i64(0, due_ms(r) - now_ms),
		.hold_off_ms = max_i64(0, r->floor.until_ms - now_ms),
		.expires_in_ms = r->current ? max_i64(0, replica_expiry(r) - now_ms) : 0,
		.syncs_ok = r->syncs_ok,
		.syncs_failed = r->syncs_failed,
		.probes = r->n_probes,
	};
	if (!r->current)
		return;
	for (int k = 0; k < N_KINDS; k++)
		out->n[k] = generation_count(r->current, (enum record_kind)k);
	out->withheld = generation_count_state(r->current, RECORD_WITHHELD);
	out->invalid = generation_count_state(r->current, RECORD_INVALID);
	out->bytes = generation_bytes(r->current);
	out->locked_bytes = generation_locked_bytes(r->current);
}

const struct record *
replica_record(struct replica *r, enum record_kind kind, size_t i)
{
	if (!r->current || i >= generation_count(r->current, kind))
		return NULL;
	return generation_at(r->current, kind, i);
}
