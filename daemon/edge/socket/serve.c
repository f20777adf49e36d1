/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/envelope.h"
#include "proto/secrets.h"

#define PIECE_BYTES   (32 * 1024) /* of a listing, at a time */
#define OVERLOADED_MS 1000
#define CONFIG_PREFIX "config/"
#define MAX_GROUPS    65536 /* NGROUPS_MAX */
#define LOG_KEY_SIZE  (LIMIT_KEY_BYTES + 1)

/* One lookup, whichever method asked for it. */
struct lookup {
	enum record_kind kind;
	struct span team, key;
};

struct pending {
	struct waiter waiter; /* first: the replica hands it back */
	struct service *service;
	struct asker *asker;
	void (*ready)(void *arg);
	void *arg;
	struct lookup lookup; /* its spans point behind this struct */
};

struct listing {
	struct generation *generation; /* a reference: the list is of one moment */
	struct service *service;
	struct asker *asker;
	struct replica_status status;
	bool more, began;
	bool any; /* a key was written in the array under way: a comma comes first */
	enum record_kind kind;
	size_t next;
};

/* --- who may ------------------------------------------------------------------------- */

void
asker_fini(struct asker *a)
{
	mem_free(a->groups);
	a->groups = NULL;
	a->groups_known = false;
}

/* The groups at connect time, once. 0 or -errno: without them a rule about groups would not hold. */
static int
asker_learn_groups(struct asker *a)
{
	socklen_t size = 64 * sizeof(gid_t);
	gid_t *groups;

	if (a->groups_known)
		return 0;
	for (;;) {
		groups = mem_alloc(size);
		if (!groups)
			return -ENOMEM;
		if (getsockopt(a->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
			break;
		mem_free(groups);
		/* The kernel has put the size it needs there. */
		if (errno != ERANGE || size > MAX_GROUPS * sizeof(gid_t))
			return -errno;
	}
	a->groups = groups;
	a->n_groups = size / sizeof(gid_t);
	a->groups_known = true;
	return 0;
}

/* Who asks, as the rules want to know it. 0 or -errno. */
static int
peer_of(struct asker *a, struct acl_peer *peer)
{
	int r = asker_learn_groups(a);

	*peer = (struct acl_peer){
		.uid = a->uid, .gid = a->gid, .groups = a->groups, .n_groups = a->n_groups
	};
	return r;
}

/* 1 allowed, 0 denied, or -errno: can not tell. */
static int
may_ask(const struct service *s, struct asker *a, enum record_kind kind, struct span key)
{
	struct acl_peer peer;
	int r;

	if (acl_is_empty(s->acl))
		return 1;
	r = peer_of(a, &peer);
	return r < 0 ? r : acl_allows(s->acl, &peer, kind, key);
}

static int
may_ask_some(const struct service *s, struct asker *a)
{
	struct acl_peer peer;
	int r;

	if (acl_is_empty(s->acl))
		return 1;
	r = peer_of(a, &peer);
	return r < 0 ? r : acl_allows_some(s->acl, &peer);
}

static void
write_no(struct buf *out, int may)
{
	if (may == 0)
		secrets_write_denied(out);
	else
		secrets_write_overloaded(out, OVERLOADED_MS);
}

/* --- lookups ------------------------------------------------------------------------- */

static const char *
verdict_name(enum verdict v)
{
	switch (v) {
	case VERDICT_VALUE:
		return "value";
	case VERDICT_NOT_FOUND:
		return "not-found";
	case VERDICT_NOT_READY:
		return "not-ready";
	case VERDICT_EXPIRED:
		return "expired";
	case VERDICT_WITHHELD:
		return "withheld";
	case VERDICT_INVALID:
		return "invalid";
	}
	return "?";
}

static void
log_lookup(const struct asker *a, const struct lookup *l, const char *verdict)
{
	char key[LOG_KEY_SIZE];
	size_t n = l->key.n < sizeof key - 1 ? l->key.n : sizeof key - 1;

	if (!log_enabled(LOG_DEBUG))
		return;
	memcpy(key, l->key.p, n);
	key[n] = '\0';
	log_debug("lookup", LOG_INT("uid", a->uid), LOG_INT("pid", a->pid),
	    LOG_STR("kind", secrets_kind_name((enum secrets_kind)l->kind)), LOG_STR("key", key),
	    LOG_STR("verdict", verdict));
}

static void
write_overloaded(struct buf *out, const struct asker *asker, const struct lookup *l)
{
	secrets_write_overloaded(out, OVERLOADED_MS);
	log_lookup(asker, l, "overloaded");
}

static void
write_answer(struct buf *out, const struct lookup *l, const struct answer *a)
{
	enum secrets_state state = (enum secrets_state)a->state;
	enum secrets_kind kind = (enum secrets_kind)l->kind;

	switch (a->verdict) {
	case VERDICT_VALUE:
		secrets_write_value(out, a->record->text, a->generation, state, a->age_ms);
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

/*
 * `<team>___<key>` is for those who may have it: for others it is as if it were not there, and the key alone
 * is asked for. 0 or -errno: can not tell.
 */
static int
narrow(const struct service *s, struct asker *asker, struct lookup *l)
{
	char room[GENERATION_MAX_KEY];
	struct span own;
	int may;

	if (l->team.n == 0 || acl_is_empty(s->acl))
		return 0;
	own = replica_team_key(l->team, l->key, room);
	may = own.n ? may_ask(s, asker, l->kind, own) : 0;
	if (may == 0)
		l->team = (struct span){ 0 };
	return may < 0 ? may : 0;
}

/*
 * The rules are asked about the record that was found: with a team that may be `<team>___<key>`. When
 * nothing was found, the key itself decides, so that a denial does not tell what exists; and nobody has
 * the manager asked for what he may not have.
 */
static void
finish_lookup(struct service *s, struct asker *asker, const struct lookup *l,
    const struct answer *a, struct buf *out)
{
	int may = may_ask(s, asker, l->kind, a->record ? a->record->key : l->key);

	/* What he may not have is as if it were not there: then his team's own name was missed. */
	if ((a->missed && may >= 0) || (a->record && may == 0))
		replica_missed(s->replica, clock_boot_ms(), l->kind, l->team, l->key, may == 1);
	if (may == 1) {
		write_answer(out, l, a);
		log_lookup(asker, l, verdict_name(a->verdict));
		return;
	}
	write_no(out, may);
	log_lookup(asker, l, may == 0 ? "denied" : "overloaded");
}

static void
on_data_or_end(struct waiter *w)
{
	struct pending *p = (struct pending *)w;

	p->ready(p->arg);
}

static struct pending *
pending_new(struct service *s, struct asker *asker, const struct lookup *l)
{
	struct pending *p = mem_zalloc(sizeof *p + l->team.n + l->key.n);
	char *text;

	if (!p)
		return NULL;
	text = (char *)(p + 1);
	p->service = s;
	p->asker = asker;
	p->lookup = *l;
	if (l->team.p) {
		memcpy(text, l->team.p, l->team.n);
		p->lookup.team.p = text;
		text += l->team.n;
	}
	memcpy(text, l->key.p, l->key.n);
	p->lookup.key.p = text;
	p->waiter.answer = on_data_or_end;
	return p;
}

void
pending_answer(struct pending *p, struct buf *out)
{
	struct service *s = p->service;
	struct lookup l = p->lookup;
	struct answer a;

	if (narrow(s, p->asker, &l) < 0) { /* the rules may have changed meanwhile */
		write_overloaded(out, p->asker, &l);
	} else {
		replica_ask_now(
		    s->replica, clock_boot_ms(), l.kind, l.team, l.key, s->hide_teams, &a);
		finish_lookup(s, p->asker, &l, &a, out);
	}
	pending_free(p);
}

struct pending *
pending_free(struct pending *p)
{
	if (!p)
		return NULL;
	replica_forget(&p->waiter);
	mem_free(p);
	return NULL;
}

/* There is no data yet, and a sync is due or runs. Whom it would not help does not wait for one either. */
static enum serve_outcome
wait_for_data(struct service *s, struct asker *asker, const struct lookup *asked,
    const struct lookup *l, struct buf *out, struct serve_progress *progress)
{
	int may = l->team.n ? 1 : may_ask(s, asker, l->kind, l->key);
	struct pending *p;

	if (may != 1) {
		write_no(out, may);
		log_lookup(asker, l, may == 0 ? "denied" : "overloaded");
		return SERVE_DONE;
	}
	p = pending_new(s, asker, asked);
	if (!p) {
		write_overloaded(out, asker, l);
		return SERVE_DONE;
	}
	p->ready = progress->ready;
	p->arg = progress->arg;
	progress->pending = p;
	replica_wait(s->replica, clock_boot_ms(), &p->waiter);
	s->wait_began(s->env);
	return SERVE_PENDING;
}

static enum serve_outcome
serve_lookup(struct service *s, struct asker *asker, const struct lookup *asked, struct buf *out,
    struct serve_progress *progress)
{
	struct lookup l = *asked;
	struct answer a;

	if (narrow(s, asker, &l) < 0) {
		write_overloaded(out, asker, &l);
		return SERVE_DONE;
	}
	if (!replica_ask(s->replica, clock_boot_ms(), l.kind, l.team, l.key, s->hide_teams, &a))
		return wait_for_data(s, asker, asked, &l, out, progress);
	finish_lookup(s, asker, &l, &a, out);
	return SERVE_DONE;
}

static enum serve_outcome
serve_config(struct service *s, struct asker *asker, const struct question *q, struct buf *out,
    struct serve_progress *progress)
{
	char key[sizeof CONFIG_PREFIX + LIMIT_KEY_BYTES];
	struct lookup l = { .kind = KIND_VARIABLE, .team = q->team };

	/* secrets_question() let nothing longer than LIMIT_KEY_BYTES pass. */
	memcpy(key, CONFIG_PREFIX, sizeof CONFIG_PREFIX - 1);
	memcpy(key + sizeof CONFIG_PREFIX - 1, q->key.p, q->key.n);
	l.key = (struct span){ key, sizeof CONFIG_PREFIX - 1 + q->key.n };
	return serve_lookup(s, asker, &l, out, progress);
}

/* --- Status and List ------------------------------------------------------------------ */

static void
add_standing(struct buf *params, const struct replica_status *st)
{
	jtext_member_string(
	    params, "state", span_of(secrets_state_name((enum secrets_state)st->state)));
	if (st->generation)
		jtext_member_int(params, "generation", (int64_t)st->generation);
	if (st->age_ms >= 0)
		jtext_member_int(params, "age_ms", st->age_ms);
}

/* Whether what is needed is there, and if not, what is missing. */
static void
add_readiness(struct buf *params, const struct service *s)
{
	static const char *const prefix[N_KINDS] = { "conn:", "var:", "env:" };
	const struct config_require *lacks;

	jtext_member_bool(params, "ready", ready_now(s->ready, &lacks));
	if (!lacks)
		return;
	jtext_name(params, "lacks");
	buf_addc(params, '"');
	buf_adds(params, prefix[lacks->kind]);
	jtext_escape(params, span_of(lacks->key));
	buf_addc(params, '"');
}

static void
serve_status(struct service *s, struct asker *asker, struct buf *out)
{
	struct buf params = BUF_INIT(LIMIT_FRAME);
	struct replica_status st;
	int may = may_ask_some(s, asker);

	if (may != 1) {
		write_no(out, may);
		return;
	}
	replica_status(s->replica, clock_boot_ms(), &st);
	buf_addc(&params, '{');
	add_standing(&params, &st);
	jtext_member_int(&params, "connections", (int64_t)st.n[KIND_CONNECTION]);
	jtext_member_int(&params, "variables", (int64_t)st.n[KIND_VARIABLE]);
	jtext_member_int(&params, "environment_variables", (int64_t)st.n[KIND_ENV]);
	jtext_member_int(&params, "withheld", (int64_t)st.withheld);
	jtext_member_int(&params, "invalid", (int64_t)st.invalid);
	if (*st.last_error)
		jtext_member_string(&params, "last_error", span_of(st.last_error));
	add_readiness(&params, s);
	jtext_member_bool(&params, "syncing", st.syncing);
	if (!st.syncing)
		jtext_member_int(&params, "next_sync_ms", st.next_sync_ms);
	jtext_member_int(&params, "syncs_ok", (int64_t)st.syncs_ok);
	jtext_member_int(&params, "syncs_failed", (int64_t)st.syncs_failed);
	jtext_member_int(&params, "bytes", (int64_t)st.bytes);
	jtext_member_int(&params, "locked_bytes", (int64_t)st.locked_bytes);
	jtext_member_string(&params, "version", span_of(CONND_VERSION));
	jtext_member_string(&params, "organization", span_of(s->organization));
	jtext_member_string(&params, "deployment", span_of(s->deployment));
	jtext_member_string(&params, "workspace", span_of(s->workspace));
	buf_addc(&params, '}');
	if (buf_error(&params))
		secrets_write_overloaded(out, OVERLOADED_MS);
	else
		envelope_write_reply(out, (struct span){ params.data, params.len }, false);
	buf_fini(&params);
}

static const char *const list_member[] = { "connections", "variables" };

/* The key under the cursor when this peer may see it, and the cursor moves on. Absent: skip it. */
static struct span
listing_next(struct listing *l)
{
	const struct record *r = generation_at(l->generation, l->kind, l->next++);

	if (may_ask(l->service, l->asker, l->kind, r->key) != 1)
		return (struct span){ 0 };
	return r->key;
}

/* Keys of the kind under way, until the kind or the piece ends. */
static void
listing_keys(struct listing *l, struct buf *out)
{
	size_t count = generation_count(l->generation, l->kind), start = out->len;
	struct span key;

	while (l->next < count && out->len - start < PIECE_BYTES && !buf_error(out)) {
		key = listing_next(l);
		if (!key.p)
			continue;
		if (l->any)
			buf_addc(out, ',');
		l->any = true;
		jtext_string(out, key);
	}
}

/* When all keys of one kind are out: on to the next. False: that was the last. */
static bool
listing_next_kind(struct listing *l)
{
	if (l->kind == KIND_VARIABLE)
		return false;
	l->kind = KIND_VARIABLE;
	l->next = 0;
	l->any = false;
	return true;
}

static bool
listing_kind_over(const struct listing *l)
{
	return l->next >= generation_count(l->generation, l->kind);
}

/* One reply of a stream: keys of one kind, up to a piece. */
static bool
listing_reply(struct listing *l, struct buf *out)
{
	struct buf params = BUF_INIT(LIMIT_REPLY);
	bool last = false;

	l->any = false;
	buf_addc(&params, '{');
	jtext_name(&params, list_member[l->kind]);
	buf_addc(&params, '[');
	listing_keys(l, &params);
	buf_addc(&params, ']');
	add_standing(&params, &l->status);
	buf_addc(&params, '}');
	if (listing_kind_over(l))
		last = !listing_next_kind(l);
	if (buf_error(&params))
		out->error = buf_error(&params);
	else
		envelope_write_reply(out, (struct span){ params.data, params.len }, !last);
	buf_fini(&params);
	return last;
}

/* The one reply of a plain call, a piece at a time: nobody's list is ever whole in memory. */
static bool
listing_text(struct listing *l, struct buf *out)
{
	if (!l->began)
		buf_adds(out, "{\"parameters\":{\"connections\":[");
	l->began = true;
	listing_keys(l, out);
	if (!listing_kind_over(l))
		return false;
	if (listing_next_kind(l)) {
		buf_adds(out, "],\"variables\":[");
		return false;
	}
	buf_addc(out, ']');
	add_standing(out, &l->status);
	buf_adds(out, "}}");
	buf_addc(out, '\0');
	return true;
}

bool
listing_fill(struct listing *l, struct buf *out)
{
	return l->more ? listing_reply(l, out) : listing_text(l, out);
}

struct listing *
listing_free(struct listing *l)
{
	if (!l)
		return NULL;
	generation_unref(l->generation);
	mem_free(l);
	return NULL;
}

/* May one reply hold all of it? Escapes are rare in keys and have the slack. */
static bool
fits_one_reply(const struct generation *g)
{
	size_t sum = 0;

	for (enum record_kind k = KIND_CONNECTION; k <= KIND_VARIABLE; k++)
		for (size_t i = 0; i < generation_count(g, k); i++)
			sum += generation_at(g, k, i)->key.n + sizeof "\"\",";
	return sum < LIMIT_REPLY / 2;
}

static enum serve_outcome
serve_list(struct service *s, struct asker *asker, const struct question *q, struct buf *out,
    struct serve_progress *progress)
{
	struct replica_status st;
	struct listing *l;
	int may = may_ask_some(s, asker);

	if (may != 1) {
		write_no(out, may);
		return SERVE_DONE;
	}
	replica_status(s->replica, clock_boot_ms(), &st);
	if (st.state == NOT_READY) {
		secrets_write_not_ready(out, *st.last_error ? st.last_error : "no data yet");
		return SERVE_DONE;
	}
	if (st.state == EXPIRED) {
		secrets_write_expired(out, st.age_ms, st.last_error);
		return SERVE_DONE;
	}
	if (!q->more && !fits_one_reply(replica_current(s->replica))) {
		envelope_write_error(out, "org.varlink.service.ExpectedMore", (struct span){ 0 });
		return SERVE_DONE;
	}
	l = mem_zalloc(sizeof *l);
	if (!l) {
		secrets_write_overloaded(out, OVERLOADED_MS);
		return SERVE_DONE;
	}
	l->generation = generation_ref(replica_current(s->replica));
	l->service = s;
	l->asker = asker;
	l->status = st;
	l->more = q->more;
	progress->listing = l;
	return SERVE_LISTING;
}

/* --- calls ---------------------------------------------------------------------------- */

static enum serve_outcome
serve_question(struct service *s, struct asker *asker, const struct question *q, struct buf *out,
    struct serve_progress *progress)
{
	struct lookup l = { .team = q->team, .key = q->key };

	switch (q->method) {
	case SECRETS_GET_CONNECTION:
		l.kind = KIND_CONNECTION;
		return serve_lookup(s, asker, &l, out, progress);
	case SECRETS_GET_VARIABLE:
		l.kind = KIND_VARIABLE;
		return serve_lookup(s, asker, &l, out, progress);
	case SECRETS_GET_CONFIG:
		return serve_config(s, asker, q, out, progress);
	case SECRETS_LIST:
		return serve_list(s, asker, q, out, progress);
	case SECRETS_STATUS:
		serve_status(s, asker, out);
		return SERVE_DONE;
	case SERVICE_GET_INFO:
		secrets_write_info(out, CONND_VERSION);
		return SERVE_DONE;
	case SERVICE_GET_INTERFACE_DESCRIPTION:
		secrets_write_description(out, q->key);
		return SERVE_DONE;
	}
	return SERVE_CLOSE;
}

enum serve_outcome
serve_call(struct service *s, struct asker *asker, char *frame, size_t len, struct buf *out,
    struct serve_progress *progress)
{
	struct span parameter = { 0 };
	enum question_verdict v;
	struct question q;
	struct call call;
	const char *why;

	if (envelope_call((struct span){ frame, len }, &call, &why) < 0) {
		log_debug("not varlink", LOG_INT("uid", asker->uid), LOG_INT("pid", asker->pid),
		    LOG_STR("reason", why));
		return SERVE_CLOSE;
	}
	/* No success and no error either: all our methods only read, so there is nothing to do. */
	if (call.oneway)
		return SERVE_DONE;
	v = secrets_question(&call, frame, &q, &parameter);
	if (v == QUESTION_OK)
		return serve_question(s, asker, &q, out, progress);
	secrets_write_refusal(out, v, &call, parameter);
	return SERVE_DONE;
}
