/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "manager/api/public.h"
#include "manager/api/refusal.h"
#include "manager/api/sidecars.h"

#define MAX_CONNECTIONS 32
#define MAX_TEXT        ((size_t)1024 * 1024)
#define CONTENT_TYPE    "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct metrics {
	struct http_server *own;
	struct api *api;
	struct http_server *http; /* the API's */
	struct store *store;
};

static void
gauge(struct buf *b, const char *name, const char *help, uint64_t value)
{
	buf_addf(b,
	    "# TYPE connd_manager_%s gauge\n# HELP connd_manager_%s %s\nconnd_manager_%s %" PRIu64
	    "\n",
	    name, name, help, name, value);
}

static void
put_http(struct buf *b, const struct http_stats *st)
{
	static const char *const names[SHARE_N_KINDS] = {
		[SHARE_CONNECTIONS] = "connections",
		[SHARE_HELD] = "held",
		[SHARE_INPUT] = "request_bytes",
		[SHARE_OUTPUT] = "response_bytes",
		[SHARE_LISTS] = "lists",
	};

	gauge(b, "connections", "Clients that are connected.", st->connections);
	gauge(b, "held_requests", "Requests that wait for a change.", st->held);
	gauge(b, "request_bytes", "Bytes of requests that are not complete.", st->input_bytes);
	gauge(b, "response_bytes", "Bytes of responses that clients have not taken.",
	    st->output_bytes);
	buf_adds(b,
	    "# TYPE connd_manager_gave_way counter\n"
	    "# HELP connd_manager_gave_way Times a caller gave way because there was no room.\n");
	for (int kind = 0; kind < SHARE_N_KINDS; kind++)
		buf_addf(b, "connd_manager_gave_way_total{what=\"%s\"} %" PRIu64 "\n", names[kind],
		    st->gave_way[kind]);
}

static void
put_store(struct buf *b, const struct store_stats *st)
{
	gauge(b, "tokens", "Tokens that are good.", st->tokens);
	gauge(b, "objects", "Environment objects.", st->objects);
	gauge(b, "store_bytes", "Size of the database and its log.", st->bytes);
	buf_addf(b,
	    "# TYPE connd_manager_commits counter\n# HELP connd_manager_commits Changes "
	    "committed.\n"
	    "connd_manager_commits_total %" PRIu64 "\n",
	    st->commits);
	gauge(b, "commits_not_on_disk", "Committed and not yet synced.", st->not_on_disk);
	gauge(b, "changes_in_memory", "In effect, and not yet committed: a restart undoes them.",
	    st->in_memory);
}

static void
put_sidecars(struct buf *b, const struct sidecar_counts *c)
{
	buf_addf(b,
	    "# TYPE connd_manager_sidecars gauge\n"
	    "# HELP connd_manager_sidecars Sidecars that reported within a day.\n"
	    "connd_manager_sidecars{status=\"newest\"} %" PRId64 "\n"
	    "connd_manager_sidecars{status=\"behind\"} %" PRId64 "\n"
	    "connd_manager_sidecars{status=\"silent\"} %" PRId64 "\n",
	    c->newest, c->behind, c->silent);
}

static void
respond_metrics(struct metrics *m, struct http_conn *conn)
{
	struct buf text = BUF_INIT(MAX_TEXT);
	struct http_stats http;
	struct sidecar_counts sidecars;
	struct store_stats store;
	int r = store_is_reached(m->store) ? store_stats(m->store, &store) : -ENOTCONN;

	if (r == 0)
		r = sidecars_count(api_sidecars(m->api), &sidecars);
	gauge(&text, "store_up", "Whether the database can be used: 1 or 0.", r == 0);
	http_server_stats(m->http, &http);
	gauge(&text, "token_families_ending", "Token families that end within 14 days.",
	    (uint64_t)token_families_ending(api_tokens(m->api)));
	observe_write(api_observe(m->api), &text);
	put_http(&text, &http);
	if (r == 0) {
		put_store(&text, &store);
		put_sidecars(&text, &sidecars);
	}
	buf_adds(&text, "# EOF\n");
	if (buf_error(&text))
		respond_internal_error(conn, buf_error(&text));
	else
		http_respond(conn, 200, NULL, CONTENT_TYPE, span_of_buf(&text));
	buf_fini(&text);
}

static void
on_request(void *arg, struct http_conn *conn)
{
	static const struct http_header allow = { "Allow", "GET, HEAD" };
	const struct http_request *r = http_conn_request(conn);
	struct metrics *m = arg;

	if (public_respond_health(conn, m->store))
		return;
	if (!span_is(r->path, "/metrics"))
		respond_error(conn, 404, "Only /metrics and /healthz are served here");
	else if (r->method != HTTP_GET && r->method != HTTP_HEAD)
		respond_error_with(conn, 405, &allow, "This path does not have this method");
	else
		respond_metrics(m, conn);
}

static int
on_run(void *arg, void (*fn)(void *of), void *of, bool must)
{
	const struct metrics *m = arg;

	return api_run(m->api, fn, of, must);
}

static void
on_refuse(void *arg, struct http_conn *conn, int status, const char *why)
{
	(void)arg;
	respond_error(conn, status, why);
}

int
metrics_new(struct metrics **out, struct event_base *base, const char *where, struct api *api,
    struct http_server *http, struct store *store, struct why *why)
{
	const struct http_options options = { .max_connections = MAX_CONNECTIONS,
		.max_input = 1024 * 1024 };
	struct metrics *m = mem_zalloc(sizeof *m);
	struct http_handler handler = { .request = on_request, .refuse = on_refuse, .arg = m };
	int r = -ENOMEM;

	if (api_handler(api).run)
		handler.run = on_run;
	why_set(why, "out of memory");
	if (m)
		r = http_server_new(&m->own, base, &options, &handler);
	if (r == 0)
		r = http_server_listen(m->own, where, why);
	if (r < 0) {
		*out = metrics_free(m);
		return r;
	}
	if (http_server_is_exposed(m->own))
		log_warn("others can read the metrics", LOG_STR("listen", where));
	m->api = api;
	m->http = http;
	m->store = store;
	*out = m;
	return 0;
}

struct metrics *
metrics_free(struct metrics *m)
{
	if (m)
		http_server_free(m->own);
	mem_free(m);
	return NULL;
}

const char *
metrics_address(const struct metrics *m)
{
	return http_server_address(m->own, 0);
}
