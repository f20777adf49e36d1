/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/util.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/process/wire.h"

#define MAX_HEADERS 8192 /* of a request: probes send a few hundred bytes */
#define TIMEOUT_S   10   /* of a connection that does nothing */
#define MAX_TEXT    ((size_t)64 * 1024)

struct metrics {
	struct event_base *base;
	struct replica *replica;
	const struct ready *ready;
	struct evhttp *http;
	char *where; /* as it was configured; NULL: nowhere */
};

static void
answer(struct evhttp_request *req, int status, const char *type, const struct buf *text)
{
	struct evbuffer *body = evbuffer_new();

	(void)evhttp_add_header(
	    evhttp_request_get_output_headers(req), "Cache-Control", "no-store");
	if (!body || buf_error(text) || evbuffer_add(body, text->data, text->len) < 0 ||
	    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type) < 0)
		evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
	else
		evhttp_send_reply(req, status, NULL, body);
	if (body)
		evbuffer_free(body);
}

static void
on_healthz(struct evhttp_request *req, void *arg)
{
	struct buf text = BUF_INIT(MAX_TEXT);

	(void)arg;
	buf_adds(&text, "ok\n");
	answer(req, HTTP_OK, "text/plain", &text);
	buf_fini(&text);
}

static void
on_readyz(struct evhttp_request *req, void *arg)
{
	struct buf text = BUF_INIT(MAX_TEXT);
	const struct metrics *m = arg;
	const struct config_require *lacks;
	struct replica_status st;
	bool ready = ready_now(m->ready, &lacks);

	replica_status(m->replica, clock_boot_ms(), &st);
	if (ready)
		buf_adds(&text, "ready\n");
	else if (lacks)
		buf_addf(&text, "not ready: %s%s is not there, or too old\n",
		    kind_prefix(lacks->kind), lacks->key);
	else
		buf_addf(&text, "not ready: %s\n", *st.last_error ? st.last_error : "no data yet");
	answer(req, ready ? HTTP_OK : HTTP_SERVUNAVAIL, "text/plain", &text);
	buf_fini(&text);
}

static void
gauge(struct buf *b, const char *name, const char *help, int64_t value)
{
	buf_addf(
	    b, "# TYPE %s gauge\n# HELP %s %s\n%s %" PRId64 "\n", name, name, help, name, value);
}

static void
put_state(struct buf *b, enum freshness now)
{
	buf_adds(b, "# TYPE connd_state stateset\n# HELP connd_state What the copy is worth.\n");
	for (int s = NOT_READY; s <= EXPIRED; s++)
		buf_addf(b, "connd_state{connd_state=\"%s\"} %d\n",
		    secrets_state_name(wire_state((enum freshness)s)), s == (int)now);
}

static void
put_records(struct buf *b, const struct replica_status *st)
{
	buf_adds(b, "# TYPE connd_records gauge\n# HELP connd_records Records in the copy.\n");
	for (int k = 0; k < N_KINDS; k++)
		buf_addf(b, "connd_records{kind=\"%s\"} %zu\n",
		    secrets_kind_name(wire_kind((enum record_kind)k)), st->n[k]);
}

static void
put_syncs(struct buf *b, const struct replica_status *st)
{
	buf_addf(b,
	    "# TYPE connd_syncs counter\n# HELP connd_syncs Times the manager was asked.\n"
	    "connd_syncs_total{result=\"ok\"} %" PRIu64
	    "\nconnd_syncs_total{result=\"failed\"} %" PRIu64 "\n",
	    st->syncs_ok, st->syncs_failed);
}

static void
on_metrics(struct evhttp_request *req, void *arg)
{
	struct buf text = BUF_INIT(MAX_TEXT);
	const struct metrics *m = arg;
	const struct config_require *lacks;
	struct replica_status st;

	replica_status(m->replica, clock_boot_ms(), &st);
	put_state(&text, st.state);
	put_records(&text, &st);
	put_syncs(&text, &st);
	gauge(
	    &text, "connd_ready", "1 when what is required is there.", ready_now(m->ready, &lacks));
	gauge(&text, "connd_generation", "Number of the copy; 0: none.", (int64_t)st.generation);
	if (st.age_ms >= 0)
		buf_addf(&text,
		    "# TYPE connd_age_seconds gauge\n# UNIT connd_age_seconds seconds\n"
		    "# HELP connd_age_seconds Since the manager confirmed the copy.\n"
		    "connd_age_seconds %" PRId64 ".%03d\n",
		    st.age_ms / 1000, (int)(st.age_ms % 1000));
	gauge(&text, "connd_withheld", "Records without their secrets.", (int64_t)st.withheld);
	gauge(&text, "connd_invalid", "Records that can not be served.", (int64_t)st.invalid);
	gauge(&text, "connd_copy_bytes", "Memory the copy takes.", (int64_t)st.bytes);
	gauge(&text, "connd_locked_bytes", "Of it, kept out of swap.", (int64_t)st.locked_bytes);
	buf_addf(&text,
	    "# TYPE connd_log_lines_dropped counter\n"
	    "# HELP connd_log_lines_dropped Log lines that stderr did not take.\n"
	    "connd_log_lines_dropped_total %" PRIu64 "\n",
	    log_dropped());
	buf_adds(&text, "# EOF\n");
	answer(req, HTTP_OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", &text);
	buf_fini(&text);
}

int
metrics_new(struct metrics **out, struct event_base *base, struct replica *replica,
    const struct ready *ready)
{
	struct metrics *m = mem_zalloc(sizeof *m);

	if (!m)
		return -ENOMEM;
	m->base = base;
	m->replica = replica;
	m->ready = ready;
	*out = m;
	return 0;
}

static struct evhttp *
new_server(struct metrics *m)
{
	struct evhttp *http = evhttp_new(m->base);

	if (!http)
		return NULL;
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(http, MAX_HEADERS);
	evhttp_set_max_body_size(http, 0);
	evhttp_set_timeout(http, TIMEOUT_S);
	if (evhttp_set_cb(http, "/healthz", on_healthz, m) < 0 ||
	    evhttp_set_cb(http, "/readyz", on_readyz, m) < 0 ||
	    evhttp_set_cb(http, "/metrics", on_metrics, m) < 0) {
		evhttp_free(http);
		return NULL;
	}
	return http;
}

/* Where the system put it, for port 0. */
static int
bound_port(struct evhttp_bound_socket *bound)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof at;

	if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &size) < 0)
		return 0;
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
					      : ((struct sockaddr_in *)&at)->sin_port);
}

/* where: ADDR:PORT, checked when the configuration was read. */
static int
bind_to(struct evhttp *http, const char *where)
{
	struct evhttp_bound_socket *bound;
	const char *colon = strrchr(where, ':');
	bool v6 = where[0] == '[';
	char host[64];

	(void)snprintf(host, sizeof host, "%.*s", (int)(colon - where) - 2 * v6, where + v6);
	bound =
	    evhttp_bind_socket_with_handle(http, host, (ev_uint16_t)strtoul(colon + 1, NULL, 10));
	if (!bound)
		return errno ? -errno : -EIO;
	log_info("metrics", LOG_STR("listen", where), LOG_INT("port", bound_port(bound)));
	return 0;
}

static void
stop_listening(struct metrics *m)
{
	if (m->http)
		evhttp_free(m->http);
	mem_free(m->where);
	m->http = NULL;
	m->where = NULL;
}

int
metrics_listen(
    struct metrics *m, const struct config_list *listen, char why[static SETTINGS_WHY_SIZE])
{
	struct evhttp *http;
	char *where;
	int r;

	if (listen->n == 0) {
		stop_listening(m);
		return 0;
	}
	if (m->where && strcmp(m->where, listen->item[0]) == 0)
		return 0;
	where = mem_strdup(listen->item[0]);
	http = new_server(m);
	r = where && http ? bind_to(http, where) : -ENOMEM;
	if (r < 0) {
		(void)snprintf(why, SETTINGS_WHY_SIZE, "[metrics] listen = %.80s: %s",
		    listen->item[0], strerror(-r));
		if (http)
			evhttp_free(http);
		mem_free(where);
		return r;
	}
	stop_listening(m);
	m->http = http;
	m->where = where;
	return 0;
}

struct metrics *
metrics_free(struct metrics *m)
{
	if (m) {
		stop_listening(m);
		mem_free(m);
	}
	return NULL;
}
