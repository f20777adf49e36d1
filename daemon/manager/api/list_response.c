/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/list_response.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json/write.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/api/encode.h"
#include "manager/api/input/etag.h"
#include "manager/api/open_lists.h"
#include "manager/api/sidecars.h"
#include "manager/fiber/runner.h"
#include "manager/store/history.h"

#define PIECE      (32 * 1024)
#define SHARED_MAX (16 * 1024 * 1024)
#define ETAG_SIZE  64

#define PREFERENCE_APPLIED "Preference-Applied"

static const char json_type[] = "application/json";

struct list_stream {
	struct request *rq;
	struct list list;
	struct store_cursor *cursor;
	bool begun, any;
	struct open_list open;
};

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

/* Appends rows until out holds `enough` bytes (1) or the list ends (0). */
static int
add_rows(struct list_stream *s, struct buf *out, size_t enough)
{
	struct store_object o;
	int r;

	while (out->len < enough && !buf_error(out)) {
		r = store_list_next(s->cursor, &o);
		if (r < 0)
			log_error("a list could not be read to its end: its connection is closed",
			    LOG_STR("reason", strerror(-r)));
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
	/* the store may have been waited for */
	return r < 0 || open_list_is_allowed(&s->open) ? r : -EACCES;
}

static void
close_list(void *arg)
{
	struct list_stream *s = arg;

	store_list_close(s->cursor);
	request_unref(s->rq);
	mem_free(s);
}

/* A client may disconnect at any time, and closing a cursor may wait for the store. */
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
