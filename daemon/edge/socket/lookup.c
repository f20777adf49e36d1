/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/lookup.h"

#include <stdio.h>
#include <string.h>

#include "base/key.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/team.h"
#include "edge/process/wire.h"

#define CONFIG_PREFIX "config/"
#define SHOWN_BYTES   64 /* of a shortened key */

struct lookup {
	enum record_kind kind;
	struct span team, key; /* team: absent when there is none */
	struct span trace;     /* the caller's id of the request; may be absent */
};

/* What the caller may read of the two names a lookup is for. */
struct rights {
	enum permission own;  /* <team>___<key>; DENIED without a team */
	enum permission bare; /* <key> */
};

/* A lookup that waits for the first data. */
struct waiting_lookup {
	struct waiter waiter; /* first: the replica hands it back */
	struct pending pending;
	struct service *service;
	struct caller *caller;
	struct lookup lookup; /* its spans point behind this struct */
};

static enum lookup_result
result_of(enum verdict v)
{
	switch (v) {
	case VERDICT_VALUE:
		return LOOKUP_VALUE;
	case VERDICT_NOT_FOUND:
		return LOOKUP_NOT_FOUND;
	case VERDICT_NOT_READY:
		return LOOKUP_NOT_READY;
	case VERDICT_EXPIRED:
		return LOOKUP_EXPIRED;
	case VERDICT_WITHHELD:
		return LOOKUP_WITHHELD;
	case VERDICT_INVALID:
		return LOOKUP_INVALID;
	}
	return LOOKUP_OVERLOADED;
}

/* The key as it may be logged: text that is most likely a value is shortened, into room. */
static struct span
shown_key(const struct lookup *l, struct buf *room)
{
	if (kind_may_have_key(l->kind, l->key))
		return l->key;
	key_shorten(room, l->key);
	return span_of_buf(room);
}

static const char *
kind_name(const struct lookup *l)
{
	return secrets_kind_name(wire_kind(l->kind));
}

static void
log_lookup(const struct caller *c, const struct lookup *l, struct span key, const char *result)
{
	char text[LIMIT_KEY_BYTES + 1];

	(void)snprintf(text, sizeof text, "%.*s", (int)key.n, key.p);
	log_debug("lookup", LOG_INT("uid", c->uid), LOG_INT("pid", c->pid),
	    LOG_STR("kind", kind_name(l)), LOG_STR("key", text), LOG_STR("verdict", result));
}

/* Counts, keeps and logs how a lookup ended. a: what decided; NULL: the caller was refused. */
static void
note(struct service *s, const struct caller *c, const struct lookup *l, enum lookup_result result,
    const struct replica_result *a)
{
	bool from_data = a && a->generation && a->age_ms >= 0;
	struct buf room = BUF_INIT(SHOWN_BYTES);
	struct trace_lookup kept = {
		.now_ms = s->now_ms,
		.uid = c->uid,
		.pid = c->pid,
		.kind = l->kind,
		.result = result,
		.key = shown_key(l, &room),
		.team = l->team,
		.id = l->trace,
		.generation = from_data ? a->generation : 0,
		.request = span_of(from_data ? a->request_id : ""),
		.age_ms = from_data ? a->age_ms : -1,
	};

	tally_count(&s->tally, l->kind, result);
	trace_add(s->trace, &kept);
	if (log_enabled(LOG_DEBUG))
		log_lookup(c, l, kept.key, lookup_result_name(result));
	buf_fini(&room);
}

static void
refuse(struct service *s, const struct caller *c, const struct lookup *l,
    enum permission permission, struct buf *out)
{
	struct buf room = BUF_INIT(SHOWN_BYTES);

	service_refuse(s, c, permission, kind_name(l), shown_key(l, &room), out);
	note(s, c, l, permission == PERMISSION_DENIED ? LOOKUP_DENIED : LOOKUP_OVERLOADED, NULL);
	buf_fini(&room);
}

static void
write_answer(
    struct service *s, struct buf *out, const struct lookup *l, const struct replica_result *a)
{
	enum secrets_state state = wire_state(a->state);
	enum secrets_kind kind = wire_kind(l->kind);

	switch (a->verdict) {
	case VERDICT_VALUE:
		secrets_tail_set(&s->tail, a->generation, state, a->age_ms);
		secrets_write_value(out, a->record->text, &s->tail);
		return;
	case VERDICT_NOT_FOUND:
		secrets_write_not_found(out, kind, l->key, state, a->age_ms);
		return;
	case VERDICT_NOT_READY:
		secrets_write_not_ready(out, a->reason);
		return;
	case VERDICT_EXPIRED:
		secrets_write_expired(out, a->age_ms, a->reason);
		return;
	case VERDICT_WITHHELD:
		secrets_write_withheld(out, kind, a->record->key, a->record->text);
		return;
	case VERDICT_INVALID:
		secrets_write_invalid(out, kind, a->record->key, a->record->text);
		return;
	}
}

/* --- rights ------------------------------------------------------------------------------ */

static struct rights
rights_of(const struct service *s, struct caller *c, const struct lookup *l)
{
	struct rights r = { .own = PERMISSION_DENIED };
	char room[GENERATION_MAX_KEY];
	struct span own = { 0 };

	if (l->team.n)
		own = team_key(l->team, l->key, room);
	if (own.p)
		r.own = caller_may_read(c, s->acl, l->kind, own);
	r.bare = caller_may_read(c, s->acl, l->kind, l->key);
	return r;
}

static bool
are_unknown(const struct rights *r)
{
	return r->own == PERMISSION_UNKNOWN || r->bare == PERMISSION_UNKNOWN;
}

/*
 * The permission that decides a lookup's response: that for the record found. When there is no
 * record it is that for the bare key, so that a denial does not tell which keys exist.
 */
static enum permission
deciding_right(const struct rights *r, const struct lookup *l, const struct record *found)
{
	return found && !span_equal(found->key, l->key) ? r->own : r->bare;
}

/*
 * A team's own key that the caller may not read is treated as absent: only the bare key is looked
 * up.
 */
static struct lookup
narrowed(const struct lookup *l, const struct rights *r)
{
	struct lookup narrow = *l;

	if (r->own != PERMISSION_ALLOWED)
		narrow.team = (struct span){ 0 };
	return narrow;
}

/* --- answering --------------------------------------------------------------------------- */

static void
finish(struct service *s, struct caller *c, const struct lookup *l, const struct rights *r,
    const struct replica_result *a, struct buf *out)
{
	enum permission may = deciding_right(r, l, a->record);
	bool denied_record = a->record && may == PERMISSION_DENIED;

	/* The manager is asked only for names that this caller may read. */
	if (a->missed || denied_record)
		replica_missed(
		    s->replica, s->now_ms, l->kind, l->team, l->key, may == PERMISSION_ALLOWED);
	if (may != PERMISSION_ALLOWED) {
		refuse(s, c, l, may, out);
		return;
	}
	write_answer(s, out, l, a);
	note(s, c, l, result_of(a->verdict), a);
}

/* --- waiting for the first data ------------------------------------------------------------ */

static struct waiting_lookup *
waiting_of(struct pending *p)
{
	return CONTAINER_OF(p, struct waiting_lookup, pending);
}

static void
on_data_or_end(struct waiter *waiter)
{
	struct waiting_lookup *w = (struct waiting_lookup *)waiter;

	w->pending.ready(w->pending.arg);
}

/* The rules may have changed meanwhile, so rights are asked again. */
static void
waiting_write(struct pending *p, struct buf *out)
{
	const struct waiting_lookup *w = waiting_of(p);
	struct service *s = w->service;
	struct rights r = rights_of(s, w->caller, &w->lookup);
	struct lookup l = narrowed(&w->lookup, &r);
	struct replica_result a;

	if (are_unknown(&r)) {
		refuse(s, w->caller, &l, PERMISSION_UNKNOWN, out);
		return;
	}
	replica_lookup_now(s->replica, s->now_ms, l.kind, l.team, l.key, s->hide_teams, &a);
	finish(s, w->caller, &l, &r, &a, out);
}

static void
waiting_drop(struct pending *p)
{
	struct waiting_lookup *w = waiting_of(p);

	replica_forget(&w->waiter);
	mem_free(w);
}

/* Copies s to *at, which moves behind it. */
static struct span
copy_to(char **at, struct span s)
{
	struct span copy = { *at, s.n };

	if (!s.p)
		return s;
	memcpy(*at, s.p, s.n);
	*at += s.n;
	return copy;
}

static struct waiting_lookup *
waiting_new(struct service *s, struct caller *c, const struct lookup *l)
{
	struct waiting_lookup *w = mem_zalloc(sizeof *w + l->team.n + l->key.n + l->trace.n);
	char *text;

	if (!w)
		return NULL;
	text = (char *)(w + 1);
	w->service = s;
	w->caller = c;
	w->lookup = *l;
	w->lookup.team = copy_to(&text, l->team);
	w->lookup.key = copy_to(&text, l->key);
	w->lookup.trace = copy_to(&text, l->trace);
	w->waiter.ready = on_data_or_end;
	w->pending = (struct pending){ .write = waiting_write, .drop = waiting_drop };
	return w;
}

/*
 * There is no data yet, and a sync is due or under way. A caller that may read neither name is
 * refused now.
 */
static enum serve_outcome
wait_for_data(struct service *s, struct caller *c, const struct lookup *l, const struct rights *r,
    struct buf *out, struct serve_progress *progress)
{
	bool hopeless = r->own != PERMISSION_ALLOWED && r->bare == PERMISSION_DENIED;
	struct waiting_lookup *w = hopeless ? NULL : waiting_new(s, c, l);

	if (!w) {
		refuse(s, c, l, hopeless ? PERMISSION_DENIED : PERMISSION_UNKNOWN, out);
		return SERVE_DONE;
	}
	w->pending.ready = progress->ready;
	w->pending.arg = progress->arg;
	progress->pending = &w->pending;
	replica_wait(s->replica, s->now_ms, &w->waiter);
	s->wait_began(s->env);
	return SERVE_PENDING;
}

static enum serve_outcome
serve(struct service *s, struct caller *c, const struct lookup *asked, struct buf *out,
    struct serve_progress *progress)
{
	struct rights r = rights_of(s, c, asked);
	struct lookup l = narrowed(asked, &r);
	struct replica_result a;

	if (are_unknown(&r)) {
		refuse(s, c, &l, PERMISSION_UNKNOWN, out);
		return SERVE_DONE;
	}
	if (!replica_lookup(s->replica, s->now_ms, l.kind, l.team, l.key, s->hide_teams, &a))
		return wait_for_data(s, c, asked, &r, out, progress);
	finish(s, c, &l, &r, &a, out);
	return SERVE_DONE;
}

/* The option NAME is the Airflow variable config/NAME. */
static enum serve_outcome
serve_config(struct service *s, struct caller *c, const struct secrets_request *q, struct buf *out,
    struct serve_progress *progress)
{
	char key[sizeof CONFIG_PREFIX + LIMIT_KEY_BYTES]; /* no key is longer: see secrets_read() */
	struct lookup l = { .kind = KIND_VARIABLE, .team = q->team, .trace = q->trace };

	memcpy(key, CONFIG_PREFIX, sizeof CONFIG_PREFIX - 1);
	memcpy(key + sizeof CONFIG_PREFIX - 1, q->key.p, q->key.n);
	l.key = (struct span){ key, sizeof CONFIG_PREFIX - 1 + q->key.n };
	return serve(s, c, &l, out, progress);
}

enum serve_outcome
lookup_serve(struct service *s, struct caller *caller, const struct secrets_request *q,
    struct buf *out, struct serve_progress *progress)
{
	struct lookup l = {
		.kind = KIND_VARIABLE, .team = q->team, .key = q->key, .trace = q->trace
	};

	if (q->method == SECRETS_GET_CONFIG)
		return serve_config(s, caller, q, out, progress);
	if (q->method == SECRETS_GET_CONNECTION)
		l.kind = KIND_CONNECTION;
	if (q->method == SECRETS_GET_ENVIRONMENT_VARIABLE)
		l.kind = KIND_ENV;
	return serve(s, caller, &l, out, progress);
}
