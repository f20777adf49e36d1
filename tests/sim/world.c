/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/minmax.h"

static const char *const state_names[] = { "not-ready", "fresh", "stale", "offline", "expired" };

void
world_broken(struct world *w, const char *what)
{
	if (!w->broken)
		w->broken = what;
}

void
world_short_of_memory(struct world *w)
{
	w->ran_short = true;
	mem_fail_after(-1);
}

static void PRINTF(3, 4) happened(struct world *w, bool required, const char *fmt, ...)
{
	struct event *e = &w->event[w->n_events];
	va_list args;

	if (w->n_events == MAX_EVENTS) {
		w->n_events_lost++;
		return;
	}
	e->required = required;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, args);
	va_end(args);
	w->n_events++;
}

/* Replaces double quotes, so that the text can be put in double quotes. */
static const char *
unquoted(const char *text, char room[static MAX_TEXT])
{
	snprintf(room, MAX_TEXT, "%s", text);
	for (char *s = room; *s; s++)
		if (*s == '"')
			*s = '\'';
	return room;
}

/* --- struct replica_ops -------------------------------------------------------------- */

static void
on_start_sync(void *env)
{
	struct world *w = env;

	if (w->syncing)
		world_broken(w, "a second sync was started while one is in flight");
	if (w->now_ms < w->floor_ms)
		world_broken(w, "a sync was started within a Retry-After");
	w->syncing = true;
	w->n_syncs++;
	w->answers_ms = *w->manager ? w->now_ms + w->latency_ms : INT64_MAX;
	if (!*w->manager)
		happened(w, true, "sync #%u", w->n_syncs);
}

static void
on_published(void *env)
{
	struct world *w = env;
	struct replica_status s;

	replica_status(w->replica, w->now_ms, &s);
	if (s.generation <= w->published && w->published)
		world_broken(w, "a generation was published without a higher number");
	w->published = s.generation;
	if (!*w->manager)
		happened(w, true, "published %" PRIu64, s.generation);
	w->to_write = w->keeps_snapshot;
}

static void
on_note(void *env, const char *event, const char *detail)
{
	char room[MAX_TEXT];

	happened(env, false, "note \"%s\" detail=\"%s\"", event, unquoted(detail, room));
}

static int64_t
on_jitter(void *env, int64_t low, int64_t high)
{
	const struct world *w = env;

	if (w->jitter == JITTER_MIDDLE)
		return low + (high - low) / 2;
	return w->jitter == JITTER_LOW ? low : high;
}

static void
on_start_probe(void *env, enum record_kind kind, struct span key)
{
	struct world *w = env;

	if (w->probing)
		world_broken(w, "a second probe was started while one is in flight");
	if (w->syncing)
		world_broken(w, "a probe was started while a sync is in flight");
	if (w->now_ms < w->floor_ms)
		world_broken(w, "a probe was started within a Retry-After");
	w->probing = true;
	w->n_probes++;
	happened(w, true, "probe #%u %s%.*s", w->n_probes, kind_prefix(kind), (int)key.n, key.p);
}

static void
on_wake(void *env)
{
	((struct world *)env)->woken = true;
}

static void
on_identity(void *env, uint8_t out[static REPLICA_IDENTITY_SIZE])
{
	const struct world *w = env;

	memset(out, w->token, REPLICA_IDENTITY_SIZE);
}

static const struct replica_ops ops = {
	.identity = on_identity,
	.start_probe = on_start_probe,
	.wake = on_wake,
	.start_sync = on_start_sync,
	.published = on_published,
	.note = on_note,
	.jitter = on_jitter,
};

/* --- time ---------------------------------------------------------------------------- */

static void
turn(struct world *w)
{
	if (w->replica)
		w->turn_ms = replica_turn(w->replica, w->now_ms);
	if (w->replica && w->turn_ms <= w->now_ms)
		world_broken(w, "the replica wants to be called at a time that has been");
	if (w->to_write)
		world_write(w);
}

static void
manager_answers(struct world *w)
{
	struct words args;

	if (!words_cut(&args, w->manager))
		world_broken(w, "what the manager answers makes no sense");
	else
		world_sync_ends(w, &args);
}

void
world_pass(struct world *w, int64_t ms)
{
	int64_t end = w->now_ms + ms, next;

	while (w->replica && !w->broken) {
		next = w->turn_ms;
		if (w->syncing && w->answers_ms < next)
			next = w->answers_ms;
		if (next > end)
			break;
		if (next > w->now_ms)
			w->now_ms = next;
		if (w->syncing && w->answers_ms <= w->now_ms)
			manager_answers(w);
		else
			turn(w);
	}
	w->now_ms = end;
}

/* --- lookups ----------------------------------------------------------------------- */

static void
write_answer(struct world *w, const char *who, const struct replica_result *a)
{
	const char *state = state_names[a->state];
	char age[64], reason[MAX_TEXT];

	snprintf(age, sizeof age, "%s age=%" PRId64 "ms generation=%" PRIu64, state, a->age_ms,
	    a->generation);
	switch (a->verdict) {
	case VERDICT_VALUE:
		if (a->state == EXPIRED || a->state == NOT_READY)
			world_broken(w, "a value was served in a state that forbids it");
		happened(w, true, "%s VALUE %.*s %s", who, (int)a->record->text.n,
		    a->record->text.p, age);
		break;
	case VERDICT_NOT_FOUND:
		happened(w, true, "%s NOT_FOUND %s", who, age);
		break;
	case VERDICT_NOT_READY:
		happened(w, true, "%s NOT_READY reason=\"%s\"", who, unquoted(a->reason, reason));
		break;
	case VERDICT_EXPIRED:
		happened(w, true, "%s EXPIRED age=%" PRId64 "ms reason=\"%s\"", who, a->age_ms,
		    unquoted(a->reason, reason));
		break;
	case VERDICT_WITHHELD:
		happened(
		    w, true, "%s WITHHELD %.*s", who, (int)a->record->text.n, a->record->text.p);
		break;
	case VERDICT_INVALID:
		happened(
		    w, true, "%s INVALID %.*s", who, (int)a->record->text.n, a->record->text.p);
		break;
	}
}

static void
on_answer(struct waiter *waiter)
{
	struct lookup *q = (struct lookup *)waiter; /* its first member */
	struct world *w = q->world;
	struct replica_result a;

	replica_lookup_now(w->replica, w->now_ms, q->kind, span_of(*q->team ? q->team : NULL),
	    span_of(q->key), w->hide_teams, &a);
	q->n_results++;
	write_answer(w, q->name, &a);
	if (a.missed)
		replica_missed(w->replica, w->now_ms, q->kind, span_of(*q->team ? q->team : NULL),
		    span_of(q->key), true);
}

void
world_ask(struct world *w, const struct words *args)
{
	struct lookup *q = &w->lookup[w->n_lookups];
	const char *key = args->n >= 2 ? kind_split(args->word[1], &q->kind) : NULL;
	const char *team = words_value(args, "team=");
	struct replica_result a;

	if (!key || w->n_lookups == MAX_LOOKUPS || !w->replica) {
		world_broken(w, "ask WHO conn:KEY|var:KEY|env:KEY [team=T], after start");
		return;
	}
	w->n_lookups++;
	snprintf(q->name, sizeof q->name, "%s", args->word[0]);
	snprintf(q->key, sizeof q->key, "%s", key);
	snprintf(q->team, sizeof q->team, "%s", team ? team : "");
	q->world = w;
	q->waiter.ready = on_answer;
	q->asked = true;
	if (replica_lookup(w->replica, w->now_ms, q->kind, span_of(*q->team ? q->team : NULL),
		span_of(q->key), w->hide_teams, &a)) {
		q->n_results++;
		write_answer(w, q->name, &a);
		if (a.missed)
			replica_missed(w->replica, w->now_ms, q->kind,
			    span_of(*q->team ? q->team : NULL), span_of(q->key), true);
	} else {
		happened(w, true, "%s waits", q->name);
		replica_wait(w->replica, w->now_ms, &q->waiter);
	}
	if (w->woken || !q->n_results)
		turn(w);
	w->woken = false;
}

void
world_forget(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_lookups; i++)
		if (strcmp(w->lookup[i].name, name) == 0 && !w->lookup[i].n_results) {
			replica_forget(&w->lookup[i].waiter);
			replica_forget(&w->lookup[i].waiter); /* twice is fine */
			w->lookup[i].forgotten = true;
		}
	turn(w);
}

/* --- syncs --------------------------------------------------------------------------- */

static int
add_one(struct world *w, struct generation_builder *b, enum record_kind kind, const char *key,
    const char *value)
{
	struct span text = span_of(value);
	enum record_state state = RECORD_VALUE;

	if (*value == '[') {
		state = RECORD_WITHHELD;
	} else if (*value == '!') {
		state = RECORD_INVALID;
		text = span_of(value + 1);
	} else if (*value != '"') {
		world_broken(w, "a row is KEY=\"value\", KEY=[\"withheld\"] or KEY=!bad-field");
	}
	return generation_builder_add(b, kind, state, span_of(key), text);
}

/* Adds conn:a="1", or twenty records for conn:c{1..20}="x". */
static int
add_rows(struct world *w, struct generation_builder *b, const char *word)
{
	enum record_kind kind;
	const char *key = kind_split(word, &kind), *value = key ? strchr(key, '=') : NULL, *brace;
	char name[160], stem[96];
	int from, to, r = 0;

	if (!value) {
		world_broken(w, "a list holds rows like conn:a=\"1\"");
		return 0;
	}
	snprintf(name, sizeof name, "%.*s", (int)(value - key), key);
	brace = strchr(name, '{');
	if (!brace)
		return add_one(w, b, kind, name, value + 1);
	snprintf(stem, sizeof stem, "%.*s", (int)(brace - name), name);
	if (sscanf(brace, "{%d..%d}", &from, &to) != 2) {
		world_broken(w, "a range of rows is conn:c{1..20}=\"x\"");
		return 0;
	}
	for (int i = from; i <= to && r == 0; i++) {
		snprintf(name, sizeof name, "%s%d", stem, i);
		r = add_one(w, b, kind, name, value + 1);
	}
	return r;
}

static int
build(struct world *w, const struct words *args, struct generation_builder **out)
{
	struct generation_builder *b;
	int r = generation_builder_new(&b, w->config.lock, w->config.max_bytes);

	if (r < 0)
		return r;
	for (size_t i = 1; i < args->n && r == 0; i++) {
		enum record_kind kind;
		const char *keep =
		    strncmp(args->word[i], "keep:", 5) == 0 ? args->word[i] + 5 : NULL;

		if (keep && kind_split(keep, &kind))
			r = generation_builder_keep(b, kind, replica_current(w->replica));
		else
			r = add_rows(w, b, args->word[i]);
	}
	if (r < 0)
		generation_builder_free(b);
	else
		*out = b;
	return r;
}

static bool
read_outcome(const char *word, enum sync_outcome *out)
{
	static const struct {
		const char *name;
		enum sync_outcome outcome;
	} names[] = {
		{ "list", SYNC_OK },
		{ "unmodified", SYNC_NOT_MODIFIED },
		{ "unreachable", SYNC_UNREACHABLE },
		{ "unauthorized", SYNC_UNAUTHORIZED },
		{ "refused", SYNC_REFUSED },
		{ "bad", SYNC_BAD },
		{ "failed", SYNC_FAILED },
	};

	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (strcmp(word, names[i].name) == 0) {
			*out = names[i].outcome;
			return true;
		}
	return false;
}

/* Returns the shortest wait for a Retry-After: at a cap, jitter is subtracted. */
static void
told_to_wait(struct world *w, int64_t ms)
{
	int64_t most_ms = 60000, until_ms;
	struct replica_status s;

	replica_status(w->replica, w->now_ms, &s);
	if (s.expires_in_ms > 0) {
		if (s.expires_in_ms / 10 > most_ms)
			most_ms = s.expires_in_ms / 10;
		most_ms = min_i64(most_ms, s.expires_in_ms - w->config.timeout_ms);
		most_ms = min_i64(most_ms, 3600000);
	}
	until_ms = w->now_ms + min_i64(ms, most_ms * 9 / 10);
	if (ms > 0 && until_ms > w->floor_ms)
		w->floor_ms = until_ms;
}

void
world_sync_ends(struct world *w, const struct words *args)
{
	struct sync_result result = { .reason = args->n ? args->word[0] : NULL };
	const char *after = words_value(args, "retry_after="), *why = words_value(args, "reason=");
	static const char out_of_memory[] =
	    "out of memory for the list"; /* the text of the replica */
	struct generation_builder *b;
	struct replica_status status;
	struct sync_basis basis;
	char reason[MAX_TEXT];
	bool taken;
	int r;

	if (!w->syncing || args->n == 0 || !read_outcome(args->word[0], &result.outcome)) {
		world_broken(w, "no such sync is in flight, or what became of it makes no sense");
		return;
	}
	if (after && !words_number(after, &result.retry_after_ms))
		world_broken(w, "retry_after= is not a time");
	if (why) {
		snprintf(reason, sizeof reason, "%.*s", (int)strcspn(why + 1, "\""), why + 1);
		result.reason = reason;
	}
	if (result.outcome == SYNC_OK) {
		r = build(w, args, &b);
		if (r == 0) {
			replica_basis(w->replica, w->now_ms, &basis);
			sync_list_finish(&result, b, &basis);
		} else {
			result.outcome = SYNC_FAILED;
			result.reason = r == -ENOMEM ? out_of_memory : "the list does not fit";
		}
	}
	w->syncing = false;
	taken = replica_sync_done(w->replica, w->now_ms, &result);
	told_to_wait(w, result.retry_after_ms);
	replica_status(w->replica, w->now_ms, &status);
	if (!taken && strcmp(status.last_error, out_of_memory) == 0)
		world_short_of_memory(w);
	if (!*w->manager && (result.outcome == SYNC_OK || result.outcome == SYNC_NOT_MODIFIED))
		happened(w, false, taken ? "taken" : "not taken");
	turn(w);
}

void
world_probe_ends(struct world *w, const struct words *args)
{
	bool found = words_has(args, "found");
	const char *after = words_value(args, "retry_after=");
	int64_t after_ms = 0;

	if (!w->probing || (!found && !words_has(args, "missing")) ||
	    (after && !words_number(after, &after_ms))) {
		world_broken(w, "no probe is in flight, or it ends neither found nor missing");
		return;
	}
	w->probing = false;
	told_to_wait(w, after_ms);
	replica_retry_after(w->replica, w->now_ms, after_ms);
	replica_probe_done(w->replica, w->now_ms, found);
	turn(w);
}

void
world_soon(struct world *w)
{
	replica_sync_soon(w->replica, w->now_ms);
	turn(w);
}

void
world_refresh(struct world *w)
{
	w->floor_ms = 0;
	replica_sync_now(w->replica, w->now_ms);
	turn(w);
}

void
world_token(struct world *w, const char *number)
{
	w->token = (uint8_t)atoi(number);
	w->floor_ms = 0; /* the scenario decides when it is noticed */
}

/* --- beginning and end --------------------------------------------------------------- */

void
world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->now_ms = 1000000; /* some uptime */
	w->wall_ahead_ms = 1800000000000;
	w->key = w->token = 1;
	w->deployment = "dep";
	buf_init(&w->snapshot, 16 << 20);
	buf_init(&w->stamp, 4096);
	w->config = (struct replica_config){
		.windows = { .ttl_ms = 120000,
		    .stale_ms = 600000,
		    .max_stale_ms = 86400000,
		    .max_stale_unauthorized_ms = 900000 },
		.refresh_ms = 30000,
		.timeout_ms = 10000,
		.cold_wait_ms = 2000,
		.deletion_guard_percent = 50,
		.lock = ARENA_LOCK_OFF,
		.max_bytes = 16 << 20,
	};
}

void
world_fini(struct world *w)
{
	w->replica = replica_free(w->replica);
	buf_fini(&w->snapshot);
	buf_fini(&w->stamp);
	for (size_t i = 0; i < w->n_lookups; i++)
		if (w->lookup[i].n_results + w->lookup[i].forgotten != 1)
			world_broken(w, "a lookup had no result at the end");
}

static void
config_word(struct world *w, const char *word)
{
	const struct {
		const char *name;
		int64_t *to;
	} times[] = {
		{ "ttl=", &w->config.windows.ttl_ms },
		{ "stale=", &w->config.windows.stale_ms },
		{ "max_stale=", &w->config.windows.max_stale_ms },
		{ "max_stale_unauthorized=", &w->config.windows.max_stale_unauthorized_ms },
		{ "refresh=", &w->config.refresh_ms },
		{ "timeout=", &w->config.timeout_ms },
		{ "cold_wait=", &w->config.cold_wait_ms },
		{ "probe=", &w->config.probe_ms },
		{ "latency=", &w->latency_ms },
	};
	int64_t n;

	for (size_t i = 0; i < N_ELEMENTS(times); i++) {
		size_t len = strlen(times[i].name);

		if (strncmp(word, times[i].name, len) == 0 && words_number(word + len, times[i].to))
			return;
	}
	if (strncmp(word, "deletion_guard=", 15) == 0)
		w->config.deletion_guard_percent = (uint32_t)atoi(word + 15);
	else if (strncmp(word, "max_bytes=", 10) == 0 && words_number(word + 10, &n))
		w->config.max_bytes = (size_t)n;
	else if (strcmp(word, "teams=yes") == 0)
		w->hide_teams = true;
	else if (strcmp(word, "snapshot=yes") == 0)
		w->keeps_snapshot = true;
	else if (strcmp(word, "boot_id=hidden") == 0)
		w->boot_id_hidden = true;
	else if (strcmp(word, "deployment=other") == 0)
		w->deployment = "other";
	else if (strncmp(word, "key=", 4) == 0)
		w->key = (uint8_t)atoi(word + 4);
	else if (strncmp(word, "previous_key=", 13) == 0)
		w->previous_key = (uint8_t)atoi(word + 13);
	else if (strcmp(word, "jitter=low") == 0)
		w->jitter = JITTER_LOW;
	else if (strcmp(word, "jitter=high") == 0)
		w->jitter = JITTER_HIGH;
	else if (strcmp(word, "jitter=middle") == 0)
		w->jitter = JITTER_MIDDLE;
	else
		world_broken(w, "there is no such setting");
}

void
world_config(struct world *w, const struct words *args)
{
	for (size_t i = 0; i < args->n; i++)
		config_word(w, args->word[i]);
	if (w->replica) {
		replica_configure(w->replica, &w->config);
		turn(w);
	}
}

static void
start(struct world *w, uint64_t first_generation)
{
	struct replica_floor floor = world_floor(w);
	struct replica_memory memory;
	struct generation *g;
	struct why why;

	if (replica_new(&w->replica, &w->config, &ops, w, first_generation) < 0) {
		w->replica = NULL;
		world_short_of_memory(w);
		return;
	}
	if (w->snapshot.len && world_read_back(w, &g, &memory, &why)) {
		replica_load(w->replica, w->now_ms, g, &memory);
		happened(w, true, "loaded %" PRIu64, memory.generation);
	} else if (w->snapshot.len) {
		happened(w, true, "snapshot refused reason=\"%s\"", why.text);
		replica_hold_off(w->replica, w->now_ms, &floor);
	} else {
		replica_hold_off(w->replica, w->now_ms, &floor);
	}
	turn(w);
}

void
world_start(struct world *w)
{
	start(w, 1);
}

static int64_t
time_value(struct world *w, const struct words *args, const char *name)
{
	const char *text = words_value(args, name);
	int64_t ms = 0;

	if (text && !words_number(text, &ms))
		world_broken(w, "a restart takes after=, wall= as times");
	return ms;
}

void
world_restart(struct world *w, const struct words *args)
{
	int64_t after_ms = time_value(w, args, "after="), wall_ms;

	if (!words_has(args, "crash"))
		world_stamp(w);
	if (!w->keeps_snapshot || w->ran_short || words_has(args, "crash") ||
	    words_has(args, "reboot"))
		/* unknown, or on another clock: the scenario states it */
		w->floor_ms = 0;
	w->replica = replica_free(w->replica);
	w->syncing = w->probing = false;
	w->now_ms += after_ms;
	wall_ms = w->now_ms + w->wall_ahead_ms + time_value(w, args, "wall=");
	if (words_has(args, "reboot")) {
		w->boot++;
		w->now_ms = 20000;
	}
	w->wall_ahead_ms = wall_ms - w->now_ms;
	start(w, w->published + 1000);
}

/* --- invariants after each step ------------------------------------------------------ */

void
world_status(struct world *w, char text[static MAX_TEXT])
{
	struct replica_status s;
	size_t n_waiting = 0;
	char error[MAX_TEXT];

	replica_status(w->replica, w->now_ms, &s);
	for (size_t i = 0; i < w->n_lookups; i++)
		n_waiting += w->lookup[i].waiter.at != NULL;
	snprintf(text, MAX_TEXT,
	    "state=%s generation=%" PRIu64 " age=%" PRId64
	    "ms conn=%zu var=%zu env=%zu withheld=%zu invalid=%zu syncs_in_flight=%d waiters=%zu "
	    "next=%" PRId64 "ms syncs=%u ok=%" PRIu64 " failed=%" PRIu64 " probes=%" PRIu64
	    " hold_off=%" PRId64 "ms expires=%" PRId64 "ms error=\"%.120s\"",
	    state_names[s.state], s.generation, s.age_ms, s.n[KIND_CONNECTION], s.n[KIND_VARIABLE],
	    s.n[KIND_ENV], s.withheld, s.invalid, s.syncing, n_waiting, s.next_sync_ms, w->n_syncs,
	    s.syncs_ok, s.syncs_failed, s.probes, s.hold_off_ms, s.expires_in_ms,
	    unquoted(s.last_error, error));
}

void
world_check(struct world *w)
{
	for (size_t i = 0; i < w->n_lookups; i++) {
		const struct lookup *q = &w->lookup[i];
		bool waits = q->waiter.at != NULL;

		if (q->n_results > 1)
			world_broken(w, "a lookup had more than one result");
		else if (q->n_results == 1 && waits)
			world_broken(w, "a lookup that has its result still waits");
		else if (q->n_results == 0 && !waits && !q->forgotten)
			world_broken(w, "the replica has lost a waiting lookup");
		else if (waits && !w->syncing)
			world_broken(w, "a lookup waits, but no sync is running");
	}
}
