/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET .../environment-objects: which rows the token may have, streamed from one instant of the
 * store.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/api/encode.h"
#include "manager/api/fairness.h"
#include "manager/api/input/etag.h"
#include "manager/api/list.h"
#include "manager/api/open_lists.h"
#include "manager/api/sidecars.h"
#include "manager/api/watch.h"
#include "manager/fiber/runner.h"

_Static_assert(QUERY_MAX_SORTS <= STORE_MAX_SORTS, "whatever is asked for fits");

#define DEFAULT_LIMIT 20
#define PIECE         (32 * 1024)

#define SHARED_MAX (16 * 1024 * 1024)

#define ETAG_SIZE     64
#define LIST_WAIT_MAX 60 /* seconds: below what proxies take for a dead connection */

#define PREFERENCE_APPLIED "Preference-Applied"

static const char json_type[] = "application/json";

struct list_stream {
	struct request *rq;
	struct list list;
	struct store_cursor *cursor;
	bool begun, any;
	struct open_list open;
};

/* --- what is asked -------------------------------------------------------------------- */

static int
read_sorts(struct request *rq, struct store_query *q, struct fault *f)
{
	static const char *const names[] = {
		[STORE_SORT_TYPE] = "objectType",
		[STORE_SORT_KEY] = "objectKey",
		[STORE_SORT_CREATED] = "createdAt",
		[STORE_SORT_UPDATED] = "updatedAt",
	};
	struct query_sort sorts[QUERY_MAX_SORTS];
	int r = query_sorts(&rq->query, names, N_ELEMENTS(names), sorts, &q->n_sorts, f);

	for (size_t i = 0; r == 0 && i < q->n_sorts; i++) {
		q->sorts[i].by = (enum store_sort)sorts[i].by;
		q->sorts[i].descending = sorts[i].descending;
	}
	return r;
}

/* All parameters but the scope. */
static int
read_filters(struct request *rq, struct list *l, struct fault *f)
{
	struct store_query *q = &l->query;
	struct span type_name = { 0 };
	enum manager_type type;
	int r = read_sorts(rq, q, f);

	q->limit = DEFAULT_LIMIT;
	q->types = STORE_ALL_TYPES;
	if (rq->is_beta) /* its clients end on a type that it does not have */
		q->types &= ~(1U << MANAGER_ENVIRONMENT_VARIABLE);
	if (r == 0)
		r = query_count(&rq->query, "offset", &q->offset, f);
	if (r == 0)
		r = query_count(&rq->query, "limit", &q->limit, f);
	if (r == 0)
		r = query_bool(&rq->query, "showSecrets", &l->view.show_secrets, f);
	if (r == 0)
		r = query_bool(&rq->query, "resolveLinked", &q->resolve, f);
	if (r == 0)
		r = query_text(&rq->query, "objectKey", &q->key, f);
	if (r == 0)
		r = query_text(&rq->query, "search", &q->search, f);
	if (r == 0)
		r = query_text(&rq->query, "objectType", &type_name, f);
	if (r < 0 || !type_name.p)
		return r;
	if (!manager_type_from(type_name, &type))
		return fault_set(f, "invalid", "objectType",
		    "must be CONNECTION, AIRFLOW_VARIABLE, ENVIRONMENT_VARIABLE or METRICS_EXPORT");
	q->types = 1U << type;
	return 0;
}

/* --- whose rows ----------------------------------------------------------------------- */

/* No id given: everything the token may see. */
static int
own_scope(struct request *rq, struct list *l)
{
	const struct subject *who = &rq->who.subject;

	l->query.scope = who->scope;
	l->query.scope_id = who->scope_id;
	l->query.whole_workspace = who->scope == SCOPE_WORKSPACE;
	if (who->scope == SCOPE_ORGANIZATION) {
		l->place = (struct place){ .organization = who->organization };
		return 0;
	}
	return store_place(rq->api->store, who->scope, &who->scope_id, &l->place);
}

/* What the query names; absent ones have no text. */
struct named {
	struct span project, deployment, workspace;
};

static int
read_named(struct request *rq, struct named *n, struct fault *f)
{
	int r = query_text(&rq->query, "deploymentId", &n->deployment, f);

	if (r == 0)
		r = query_text(&rq->query, "projectId", &n->project, f);
	return r < 0 ? r : query_text(&rq->query, "workspaceId", &n->workspace, f);
}

/* The narrowest of them, with its text; none: that is absent. */
static struct span
narrowest(const struct named *n, enum scope *scope)
{
	*scope = n->project.p      ? SCOPE_PROJECT
		 : n->deployment.p ? SCOPE_DEPLOYMENT
				   : SCOPE_WORKSPACE;
	return n->project.p ? n->project : n->deployment.p ? n->deployment : n->workspace;
}

/* The wider ones, if any, must be what the narrowest one is in, or a project's Deployment. */
static bool
fit_together(const struct named *n, const struct store_entity *e)
{
	if (n->workspace.p && e->scope != SCOPE_WORKSPACE && !span_is(n->workspace, e->workspace.s))
		return false;
	if (!n->deployment.p || e->scope != SCOPE_PROJECT)
		return true;
	return !id_is_none(&e->deployment) && span_is(n->deployment, e->deployment.s);
}

/* 0; STORE_NOT_FOUND; -EINVAL with *f; -errno. */
static int
read_scope(struct request *rq, struct list *l, struct fault *f)
{
	struct named named = { 0 };
	struct store_entity e;
	struct span text;
	int r = read_named(rq, &named, f);

	if (r < 0)
		return r;
	text = narrowest(&named, &l->query.scope);
	if (!text.p)
		return own_scope(rq, l);
	if (!id_from(text, &l->query.scope_id))
		return STORE_NOT_FOUND;
	r = store_entity_get(rq->api->store, l->query.scope, &l->query.scope_id, &e);
	if (r != 0)
		return r;
	l->place = store_entity_place(&e);
	return fit_together(&named, &e) ? 0 : STORE_NOT_FOUND;
}

bool
list_read(struct request *rq, struct list *l)
{
	struct fault f;
	const char *what;
	int r = read_filters(rq, l, &f);

	if (r == 0)
		r = read_scope(rq, l, &f);
	what = l->query.scope == SCOPE_DEPLOYMENT ? "The Deployment"
	       : l->query.scope == SCOPE_PROJECT  ? "The project"
						  : "The Workspace";
	if (r == -EINVAL)
		respond_fault(rq->conn, &f);
	else if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0 || !id_equal(&l->place.organization, &rq->organization))
		request_not_found(rq, what);
	else if (request_may(rq, ACTION_VIEW, &l->place, what) &&
		 (!l->view.show_secrets ||
		     request_may(rq, ACTION_FETCH_SECRETS, &l->place, what))) {
		l->query.resolve = l->query.resolve && (l->query.scope == SCOPE_DEPLOYMENT ||
							   l->query.scope == SCOPE_PROJECT);
		l->view.resolved = l->query.resolve;
		l->view.show_secrets = l->view.show_secrets && !rq->withhold;
		l->view.scope = l->query.scope;
		l->view.scope_id = l->query.scope_id;
		return true;
	}
	return false;
}

/* --- conditional requests ------------------------------------------------------------- */

static void
write_etag(const struct store_version *version, char out[static ETAG_SIZE])
{
	(void)snprintf(out, ETAG_SIZE, "\"%" PRId64 "-%016" PRIx64 "-%d\"", version->number,
	    version->draw, ENCODE_VERSION);
}

/* Only a first page is conditional. */
bool
list_is_known(struct request *rq, const struct list *l)
{
	struct span tags = http_request_field(rq->http, "if-none-match", NULL);
	char etag[ETAG_SIZE];
	struct store_version version;

	if (!tags.p || l->query.offset > 0 ||
	    store_view_version(rq->api->store, &l->query, &version) != 0)
		return false;
	write_etag(&version, etag);
	return etag_is_listed(tags, etag, ETAG_WEAK);
}

/* How long the client would wait for a change (RFC 7240), in seconds; 0: not at all. */
static int64_t
preferred_wait(const struct request *rq)
{
	int64_t wait_s = 0;

	for (size_t i = 0; i < rq->http->n_fields && !wait_s; i++)
		if (http_span_is(rq->http->fields[i].name, "prefer"))
			wait_s = prefer_wait(rq->http->fields[i].value);
	return wait_s < LIST_WAIT_MAX ? wait_s : LIST_WAIT_MAX;
}

struct list_wait
list_wait(int64_t seconds)
{
	struct list_wait w = { .seconds = seconds };

	if (seconds)
		(void)snprintf(w.applied, sizeof w.applied, "wait=%" PRId64, seconds);
	return w;
}

/* ETag, and what was made of the preference. */
struct list_headers {
	char etag[ETAG_SIZE];
	struct http_header list[4];
};

static void
write_headers(
    const struct store_version *version, const struct list_wait *wait, struct list_headers *h)
{
	write_etag(version, h->etag);
	h->list[0] = (struct http_header){ "ETag", h->etag };
	h->list[1] = (struct http_header){ SIDECARS_FIELD, SIDECARS_VALUE };
	h->list[2] = (struct http_header){ 0 };
	if (wait && wait->seconds)
		h->list[2] = (struct http_header){ PREFERENCE_APPLIED, wait->applied };
	h->list[3] = (struct http_header){ 0 };
}

void
list_respond_unchanged(struct request *rq, const struct list *l, const struct list_wait *wait)
{
	struct list_headers h;
	struct store_version version;
	int r = store_view_version(rq->api->store, &l->query, &version);

	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return;
	}
	write_headers(&version, wait, &h);
	respond_empty(rq->conn, 304, h.list);
}

/* --- the response --------------------------------------------------------------------- */

static int
end_list(const struct list_stream *s, struct buf *out)
{
	buf_addc(out, ']');
	jtext_member_int(out, "limit", s->list.query.limit);
	jtext_member_int(out, "offset", s->list.query.offset);
	jtext_member_int(out, "totalCount", store_list_total(s->cursor));
	buf_addc(out, '}');
	return buf_error(out);
}

/*
 * Appends a row. A row above LIMIT_ROW, which an earlier release could store, is listed without its
 * value, so that the other rows are listed too.
 */
static void
encode_row(struct store_object *o, const struct encode_view *view, struct buf *out)
{
	size_t before = out->len;

	encode_object(o, view, out);
	if (buf_error(out) != -EMSGSIZE || out->max - before < LIMIT_ROW)
		return;
	log_error("an object is too large: it is listed without its value", LOG_STR("id", o->id.s));
	out->error = 0;
	out->len = before;
	o->value = SPAN_LITERAL(VALUE_NONE);
	o->n_links = o->n_excludes = 0;
	encode_object(o, view, out);
}

/* Until out holds `enough` bytes (1), or there are no more (0). */
static int
add_rows(struct list_stream *s, struct buf *out, size_t enough)
{
	struct store_object o;
	int r;

	while (out->len < enough && !buf_error(out)) {
		r = store_list_next(s->cursor, &o);
		if (r < 0)
			log_error("list cut off", LOG_STR("reason", strerror(-r)));
		if (r <= 0)
			return r < 0 ? r : end_list(s, out);
		if (s->any)
			buf_addc(out, ',');
		s->any = true;
		encode_row(&o, &s->list.view, out);
	}
	return buf_error(out) ? buf_error(out) : 1;
}

static int
more_rows(void *arg, struct buf *out)
{
	struct list_stream *s = arg;

	int r;

	if (!open_list_is_allowed(&s->open))
		return -EACCES;
	if (!s->begun)
		buf_adds(out, "{\"environmentObjects\":[");
	s->begun = true;
	r = add_rows(s, out, PIECE);
	return r < 0 || open_list_is_allowed(&s->open) ? r : -EACCES; /* it may have waited */
}

static void
close_list(void *arg)
{
	struct list_stream *s = arg;

	store_list_close(s->cursor);
	request_unref(s->rq);
	mem_free(s);
}

/* A client may go at any time, and closing a cursor may wait for the store. */
static void
list_done(void *arg)
{
	struct list_stream *s = arg;

	open_lists_remove(&s->open);
	runner_must_run(s->rq->api->runner, close_list, s);
}

void
list_note_read(struct request *rq, const struct list *l, const struct store_version *version)
{
	store_audit_read(
	    rq->api->store, &rq->actor, &l->query, NULL, version, l->view.show_secrets);
}

void
list_respond(struct request *rq, const struct list *l, const struct list_wait *wait)
{
	struct list_stream *s = mem_zalloc(sizeof *s);
	struct http_source source = { more_rows, list_done, s };
	struct http_header headers[API_MAX_HEADERS];
	struct list_headers own;
	struct store_version version;
	int r = -ENOMEM;

	if (s) {
		s->rq = rq;
		s->list = *l;
		do
			r = store_list(rq->api->store, &l->query, &s->cursor, &version);
		while (r == -EBUSY && open_lists_make_room(rq->api->open_lists, rq));
	}
	if (r != 0) {
		mem_free(s);
		if (r > 0)
			request_not_found(rq, "What the list is about");
		else
			respond_internal_error(rq->conn, r);
		return;
	}
	list_note_read(rq, l, &version);
	write_headers(&version, wait, &own);
	response_headers(headers, own.list);
	request_ref(rq);
	open_lists_add(rq->api->open_lists, &s->open, rq, &s->list);
	http_respond_stream(rq->conn, 200, headers, json_type, &source);
}

/* --- one response for many requests ---------------------------------------------------- */

bool
list_equal(const struct list *a, const struct list *b)
{
	const struct store_query *x = &a->query, *y = &b->query;

	if (x->scope != y->scope || !id_equal(&x->scope_id, &y->scope_id) ||
	    x->resolve != y->resolve || x->whole_workspace != y->whole_workspace ||
	    x->types != y->types || !x->key.p != !y->key.p || x->offset != y->offset ||
	    x->limit != y->limit || x->n_sorts != y->n_sorts ||
	    a->view.show_secrets != b->view.show_secrets)
		return false;
	for (size_t i = 0; i < x->n_sorts; i++)
		if (x->sorts[i].by != y->sorts[i].by ||
		    x->sorts[i].descending != y->sorts[i].descending)
			return false;
	return span_equal(x->key, y->key) && span_equal(x->search, y->search);
}

struct http_shared *
list_render(struct api *api, const struct list *l, struct store_version *version)
{
	struct http_header headers[API_MAX_HEADERS];
	struct list_headers own;
	struct list_stream s = { .list = *l };
	struct buf body = BUF_INIT(SHARED_MAX);
	int r = store_list(api->store, &l->query, &s.cursor, version);

	if (r == 0) {
		buf_adds(&body, "{\"environmentObjects\":[");
		r = add_rows(&s, &body, SIZE_MAX);
	}
	store_list_close(s.cursor);
	if (r != 0) {
		buf_fini(&body);
		return NULL;
	}
	write_headers(version, NULL, &own);
	response_headers(headers, own.list);
	return http_shared_new(200, headers, json_type, &body);
}

void
list_respond_shared(struct request *rq, struct http_shared *response, const struct list_wait *wait)
{
	struct http_header more[] = { { PREFERENCE_APPLIED, wait->applied }, { 0 } };

	http_respond_shared(rq->conn, response, more);
}

/* Reads the query again: the request may have waited for its turn. */
static void
serve_list(struct request *rq)
{
	struct list_wait wait = list_wait(preferred_wait(rq));
	struct list l = { 0 };

	if (list_read(rq, &l))
		list_respond(rq, &l, &wait);
}

void
list_objects(struct request *rq)
{
	int64_t wait_s = preferred_wait(rq);
	struct list l = { 0 };
	int r;

	if (!list_read(rq, &l))
		return;
	sidecars_note(rq->api->sidecars, rq, &l);
	if (!list_is_known(rq, &l)) {
		fairness_serve(rq->api->fairness, rq, serve_list);
		return;
	}
	if (!wait_s) {
		list_respond_unchanged(rq, &l, NULL);
		return;
	}
	/*
	 * Without room to wait: never a 304 before its time, which would bring the client back at
	 * once.
	 */
	r = watch_hold(rq->api->watch, rq, &l, wait_s);
	if (r < 0)
		respond_internal_error(rq->conn, r);
}
