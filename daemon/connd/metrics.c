/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/process/httpd.h"
#include "edge/process/wire.h"

#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct metrics {
	const struct service *service;
	const struct peers *peers;
	struct httpd *http;
	char *where; /* as configured; NULL: nowhere */
};

/* --- OpenMetrics text --------------------------------------------------------------------- */

/* The head of a metric family. A counter's samples are named `name`_total. */
static void
family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_addf(b, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

static void
gauge(struct buf *b, const char *name, const char *help, int64_t value)
{
	family(b, name, "gauge", help);
	buf_addf(b, "%s %" PRId64 "\n", name, value);
}

static void
counter(struct buf *b, const char *name, const char *help, uint64_t n)
{
	family(b, name, "counter", help);
	buf_addf(b, "%s_total %" PRIu64 "\n", name, n);
}

/* name="value", escaped as the format demands. */
static void
label(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "%s=\"", name);
	for (; *value; value++)
		if (*value == '\n')
			buf_adds(b, "\\n");
		else if (*value == '"' || *value == '\\')
			buf_addf(b, "\\%c", *value);
		else
			buf_addc(b, *value);
	buf_addc(b, '"');
}

/* One sample of a family with one label. */
static void
sample(struct buf *b, const char *name, const char *label_name, const char *value, uint64_t n)
{
	buf_addf(b, "%s{", name);
	label(b, label_name, value);
	buf_addf(b, "} %" PRIu64 "\n", n);
}

/* --- what is served ------------------------------------------------------------------------ */

static void
put_info(struct buf *b, const struct service *s, const struct report *r)
{
	family(b, "connd", "info", "The version, the manager's URL and what is served from it.");
	buf_adds(b, "connd_info{");
	label(b, "version", CONND_VERSION);
	buf_addc(b, ',');
	label(b, "manager", r->manager.url ? r->manager.url : "");
	buf_addc(b, ',');
	label(b, "organization", s->organization ? s->organization : "");
	buf_addc(b, ',');
	label(b, "deployment", s->deployment ? s->deployment : "");
	buf_addc(b, ',');
	label(b, "workspace", s->workspace ? s->workspace : "");
	buf_adds(b, "} 1\n");
}

static void
put_state(struct buf *b, enum freshness now)
{
	family(b, "connd_state", "stateset", "How far the copy may be believed.");
	for (int s = NOT_READY; s <= EXPIRED; s++)
		sample(b, "connd_state", "connd_state",
		    secrets_state_name(wire_state((enum freshness)s)), s == (int)now);
}

static void
put_copy(struct buf *b, const struct replica_status *st)
{
	family(b, "connd_records", "gauge", "Records in the copy.");
	for (int k = 0; k < N_KINDS; k++)
		sample(b, "connd_records", "kind",
		    secrets_kind_name(wire_kind((enum record_kind)k)), st->n[k]);
	gauge(b, "connd_withheld", "Records whose secrets the manager withholds.",
	    (int64_t)st->withheld);
	gauge(b, "connd_invalid", "Records that cannot be represented.", (int64_t)st->invalid);
	gauge(b, "connd_generation", "Number of the copy's contents; 0: no copy.",
	    (int64_t)st->generation);
	if (st->age_ms >= 0) {
		family(b, "connd_age_seconds", "gauge",
		    "Time since the manager confirmed the copy.\n"
		    "# UNIT connd_age_seconds seconds");
		buf_addf(b, "connd_age_seconds %" PRId64 ".%03d\n", st->age_ms / 1000,
		    (int)(st->age_ms % 1000));
	}
	gauge(b, "connd_copy_bytes", "Memory the copy takes.", (int64_t)st->bytes);
	gauge(b, "connd_locked_bytes", "The part of it that is locked in memory.",
	    (int64_t)st->locked_bytes);
}

static void
put_syncs(struct buf *b, const struct replica_status *st)
{
	family(b, "connd_syncs", "counter", "Syncs with the manager that ended.");
	sample(b, "connd_syncs_total", "result", "ok", st->syncs_ok);
	sample(b, "connd_syncs_total", "result", "failed", st->syncs_failed);
	counter(b, "connd_probes", "Targeted requests for a key that was missed.", st->probes);
}

/* --- lookups ------------------------------------------------------------------------------- */

static void
put_lookups(struct buf *b, const struct tally *t)
{
	family(b, "connd_lookups", "counter", "Lookups by kind and by how they ended.");
	for (int k = KIND_CONNECTION; k <= KIND_VARIABLE; k++)
		for (int r = 0; r < N_LOOKUP_RESULTS; r++) {
			buf_adds(b, "connd_lookups_total{");
			label(b, "kind", secrets_kind_name(wire_kind((enum record_kind)k)));
			buf_addc(b, ',');
			label(b, "result", lookup_result_name((enum lookup_result)r));
			buf_addf(b, "} %" PRIu64 "\n", t->lookups[k][r]);
		}
}

static void
put_seconds(struct buf *b, uint64_t us)
{
	buf_addf(b, "%" PRIu64 ".%06d", us / 1000000, (int)(us % 1000000));
}

static void
put_durations(struct buf *b, const struct tally *t)
{
	static const char name[] = "connd_lookup_duration_seconds";
	uint64_t sum = 0;

	family(b, name, "histogram",
	    "From reading a request to handing over its response.\n"
	    "# UNIT connd_lookup_duration_seconds seconds");
	for (size_t i = 0; i < TALLY_BOUNDS; i++) {
		sum += t->timed[i];
		buf_addf(b, "%s_bucket{le=\"", name);
		put_seconds(b, tally_bound_us[i]);
		buf_addf(b, "\"} %" PRIu64 "\n", sum);
	}
	sum += t->timed[TALLY_BOUNDS];
	buf_addf(b, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_count %" PRIu64 "\n%s_sum ", name, sum,
	    name, sum, name);
	put_seconds(b, t->sum_us);
	buf_addc(b, '\n');
}

static void
put_connections(struct buf *b, const struct peers *peers)
{
	struct peers_stats st;

	peers_stats(peers, &st);
	gauge(b, "connd_connections", "Connections to the socket.", st.connections);
	gauge(b, "connd_buffered_bytes",
	    "Half requests, and responses that clients have not read yet.",
	    (int64_t)st.buffered_bytes);
	counter(b, "connd_connections_refused", "Connections closed for want of room.", st.refused);
	counter(b, "connd_connections_evicted", "Connections that gave way to others.", st.evicted);
	counter(b, "connd_responses_overloaded",
	    "Responses replaced by Overloaded for want of room.", st.overloaded);
}

/* --- other parts: those that are known -------------------------------------------------------- */

static void
put_report(struct buf *b, const struct report *r)
{
	if (r->token.expires_s)
		gauge(b, "connd_token_expires_timestamp_seconds",
		    "When the token expires, in seconds since 1970.", r->token.expires_s);
	if (r->token.family_ends_s)
		gauge(b, "connd_token_family_ends_timestamp_seconds",
		    "When the token can be renewed no more, in seconds since 1970.",
		    r->token.family_ends_s);
	if (r->push.state != REPORT_PUSH_UNKNOWN)
		gauge(b, "connd_push_held",
		    "1 while a call is held at the manager, so that changes arrive at once.",
		    r->push.state == REPORT_PUSH_HELD);
	if (r->snapshot.state == REPORT_SNAPSHOT_UNKNOWN)
		return;
	family(b, "connd_snapshot", "stateset", "Whether the disk holds what is served.");
	for (int s = REPORT_SNAPSHOT_OFF; s <= REPORT_SNAPSHOT_FAILING; s++)
		sample(b, "connd_snapshot", "connd_snapshot",
		    report_snapshot_name((enum report_snapshot)s), s == (int)r->snapshot.state);
}

static void
put_log(struct buf *b)
{
	counter(b, "connd_log_lines_dropped", "Log lines that stderr did not take.", log_dropped());
}

/* --- the three paths ----------------------------------------------------------------------- */

static void
serve_healthz(void *env, struct httpd_response *out)
{
	(void)env;
	buf_adds(out->body, "ok\n");
}

static void
serve_readyz(void *env, struct httpd_response *out)
{
	const struct metrics *m = env;
	struct why why;

	if (!ready_why_not(m->service->ready, &why)) {
		buf_adds(out->body, "ready\n");
		return;
	}
	out->status = 503;
	buf_addf(out->body, "not ready: %s\n", why.text);
}

static void
serve_metrics(void *env, struct httpd_response *out)
{
	const struct service *s = ((const struct metrics *)env)->service;
	const struct config_require *lacks;
	struct replica_status st;
	struct buf *b = out->body;
	struct report r;

	replica_status(s->replica, clock_boot_ms(), &st);
	s->report(s->env, &r);
	out->type = OPENMETRICS;
	put_info(b, s, &r);
	put_state(b, st.state);
	gauge(b, "connd_ready", "1 when what is required is there.", ready_now(s->ready, &lacks));
	put_copy(b, &st);
	put_syncs(b, &st);
	put_lookups(b, &s->tally);
	put_durations(b, &s->tally);
	put_connections(b, ((const struct metrics *)env)->peers);
	put_report(b, &r);
	put_log(b);
	buf_adds(b, "# EOF\n");
}

static const struct httpd_path paths[] = {
	{ "/healthz", serve_healthz },
	{ "/readyz", serve_readyz },
	{ "/metrics", serve_metrics },
	{ NULL, NULL },
};

/* --- where --------------------------------------------------------------------------------- */

int
metrics_new(struct metrics **out, struct loop *loop, const struct service *service,
    const struct peers *peers)
{
	struct metrics *m = mem_zalloc(sizeof *m);
	int r;

	if (!m)
		return -ENOMEM;
	m->service = service;
	m->peers = peers;
	r = httpd_new(&m->http, loop, paths, m);
	if (r < 0) {
		mem_free(m);
		return r;
	}
	*out = m;
	return 0;
}

static int
refuse_address(int error, const char *where, struct why *why)
{
	why_set(why, "[metrics] listen = %.80s: %s", where, strerror(-error));
	return error;
}

int
metrics_check(const char *listen, struct why *why)
{
	int r = httpd_check(listen);

	return r < 0 ? refuse_address(r, listen, why) : 0;
}

const char *
metrics_where(const struct metrics *m)
{
	return m->where;
}

int
metrics_listen(struct metrics *m, const struct config_list *listen, struct why *why)
{
	const char *where = listen->n ? listen->item[0] : NULL;
	char *copy = NULL;
	int r = 0;

	if (where && m->where && strcmp(m->where, where) == 0)
		return 0;
	if (where) {
		copy = mem_strdup(where);
		r = copy ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = httpd_listen(m->http, where);
	if (r < 0) {
		mem_free(copy);
		return refuse_address(r, where, why);
	}
	mem_free(m->where);
	m->where = copy;
	if (where)
		log_info("metrics", LOG_STR("listen", where), LOG_INT("port", httpd_port(m->http)));
	return 0;
}

struct metrics *
metrics_free(struct metrics *m)
{
	if (!m)
		return NULL;
	httpd_free(m->http);
	mem_free(m->where);
	mem_free(m);
	return NULL;
}
