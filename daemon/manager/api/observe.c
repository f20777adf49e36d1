/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/observe.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/api/route_names.h"

#define REFUSED_A_SECOND 10
#define PATH_SHOWN       200 /* bytes of a path in the log */

/* Every status that is sent; the last entry counts all others. */
static const int statuses[] = { 200, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413,
	414, 415, 417, 429, 431, 500, 501, 503, 505, 0 };
#define N_STATUSES N_ELEMENTS(statuses)

struct observe {
	bool log_all;
	int64_t second; /* the second in which refusals are counted */
	unsigned refused, left_out;
	uint64_t counts[ROUTES_MAX + 1][N_STATUSES]; /* 0: no route */
};

struct observe *
observe_new(void)
{
	return mem_zalloc(sizeof(struct observe));
}

struct observe *
observe_free(struct observe *o)
{
	mem_free(o);
	return NULL;
}

void
observe_log_all(struct observe *o)
{
	o->log_all = true;
}

static size_t
status_index(int status)
{
	size_t i = 0;

	while (i < N_STATUSES - 1 && statuses[i] != status)
		i++;
	return i;
}

/* --- the log -------------------------------------------------------------------------- */

/*
 * Limits log lines, so that a client which is refused in a loop does not fill the log. Lines left
 * out are counted.
 */
static bool
may_log_refusal(struct observe *o)
{
	int64_t second = clock_boot_ms() / 1000;

	if (second != o->second) {
		if (o->left_out)
			log_info("refused requests not logged", LOG_INT("requests", o->left_out));
		o->second = second;
		o->refused = o->left_out = 0;
	}
	if (o->refused < REFUSED_A_SECOND) {
		o->refused++;
		return true;
	}
	o->left_out++;
	return false;
}

/*
 * Logs the path without the query, which may name keys. Of a refused request only what was read is
 * known.
 */
static void
log_request(struct http_conn *conn, const struct http_label *label, int status, int64_t ms)
{
	const struct http_request *r = http_conn_request(conn);
	char path[PATH_SHOWN + 1], method[24];

	(void)snprintf(path, sizeof path, "%.*s",
	    (int)(r->path.n < PATH_SHOWN ? r->path.n : PATH_SHOWN), r->path.p ? r->path.p : "");
	(void)snprintf(method, sizeof method, "%.*s",
	    (int)(r->method_text.n < sizeof method ? r->method_text.n : sizeof method - 1),
	    r->method_text.p ? r->method_text.p : "");
	log_info("request", LOG_STR("request", http_conn_request_id(conn)),
	    LOG_STR("method", method), LOG_STR("path", path), LOG_INT("status", status),
	    LOG_INT("ms", ms), LOG_STR("token", label->who));
}

void
observe_response(struct observe *o, struct http_conn *conn, int status, int64_t ms)
{
	const struct http_label *label = http_conn_label(conn);

	o->counts[label->route <= ROUTES_MAX ? label->route : 0][status_index(status)]++;
	if (o->log_all || (status >= 400 && may_log_refusal(o)))
		log_request(conn, label, status, ms);
}

/* --- the counters --------------------------------------------------------------------- */

void
observe_write(const struct observe *o, struct buf *out)
{
	buf_adds(out, "# TYPE connd_manager_requests counter\n"
		      "# HELP connd_manager_requests Requests by route and status.\n");
	for (unsigned route = 0; route <= ROUTES_MAX; route++)
		for (size_t i = 0; i < N_STATUSES; i++)
			if (o->counts[route][i])
				buf_addf(out,
				    "connd_manager_requests_total{method=\"%s\",route=\"%s\","
				    "status=\"%d\"} %" PRIu64 "\n",
				    routes_method(route), routes_pattern(route), statuses[i],
				    o->counts[route][i]);
}
