/* SPDX-License-Identifier: Apache-2.0 */
/* Reports on the parts that serve no lookups, for Status and the metrics. */
#include "connd/app_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json/write.h"
#include "base/utf8.h"
#include "edge/process/wire.h"
#include "proto/secrets.h"

#define ID_BYTES  16
#define ERROR_MAX 200 /* characters of a reason, as the manager takes it */

static void
report_manager(const struct app *a, struct report *out)
{
	const struct config *c = a->settings->config;

	out->manager.url = a->sync ? sync_url(a->sync) : c->manager.url.item[0];
	if (!a->names)
		return;
	out->manager.organization_name = names_organization(a->names);
	out->manager.deployment_name = names_deployment(a->names);
	out->manager.workspace_name = names_workspace(a->names);
}

static void
report_push(const struct app *a, struct report *out)
{
	static char why[96]; /* borrowed until the next report */
	struct watch_status st;

	if (!a->settings->config->manager.push) {
		out->push.state = REPORT_PUSH_OFF;
		return;
	}
	watch_status(a->watch, &st);
	if (st.state == WATCH_OFF)
		return; /* no successful sync yet, or lists without ETags */
	out->push.state = st.holds ? REPORT_PUSH_HELD : REPORT_PUSH_POLLING;
	if (st.state == WATCH_POLLING)
		out->push.why = "the manager does not wait for changes";
	if (st.state != WATCH_CUT)
		return;
	(void)snprintf(why, sizeof why,
	    "a held request was cut after %" PRId64 " ms; the next asks for %" PRId64 " s",
	    st.cut_after_ms, st.wait_s);
	out->push.why = why;
}

static void
report_snapshot(const struct app *a, struct report *out)
{
	struct snapshot_status st;

	snapshot_status(a->snapshot, &st);
	if (!a->snapshot)
		st.error = a->snapshot_why.text;
	if (!a->settings->config->snapshot.path)
		out->snapshot.state = REPORT_SNAPSHOT_OFF;
	else if (*st.error)
		out->snapshot.state = REPORT_SNAPSHOT_FAILING;
	else
		out->snapshot.state = st.current ? REPORT_SNAPSHOT_CURRENT : REPORT_SNAPSHOT_BEHIND;
	out->snapshot.why = st.error;
}

void
app_report(void *env, struct report *out)
{
	const struct app *a = env;

	*out = (struct report){
		.socket = {
			.path = listener_path(a->listener),
			.passed = listener_was_passed(a->listener),
		},
		.metrics = metrics_where(a->metrics),
	};
	report_manager(a, out);
	if (a->sync) {
		struct token_life life = sync_token_life(a->sync);

		out->token.expires_s = life.expires_s;
		out->token.family_ends_s = life.family_ends_s;
	}
	report_push(a, out);
	report_snapshot(a, out);
}

/* Writes an id of this connd that stays the same when it restarts on this host. */
static void
write_id(const char *host, const char *socket_path, struct buf *out)
{
	uint8_t of_host[HASH_SIZE], id[HASH_SIZE];
	char text[2 * ID_BYTES + 1];

	hash_long(of_host, NULL, 0, host, strlen(host));
	hash_long(id, of_host, sizeof of_host, socket_path, strlen(socket_path));
	hex_encode(text, id, ID_BYTES);
	jtext_member_string(out, "id", span_of(text));
}

void
app_write_report(void *env, struct buf *out)
{
	struct app *a = env;
	struct report report;
	struct replica_status st;
	struct span error;
	char host[65] = "";

	(void)gethostname(host, sizeof host - 1); /* fails only for want of room */
	app_report(a, &report);
	replica_status(a->replica, clock_boot_ms(), &st);
	error = span_of(st.last_error);
	error.n = utf8_cut(error, ERROR_MAX);
	buf_addc(out, '{');
	write_id(host, report.socket.path, out);
	jtext_member_string(out, "name", span_of(*host ? host : "unnamed"));
	jtext_member_string(out, "version", span_of(CONND_VERSION));
	jtext_member_int(out, "generation", (int64_t)st.generation);
	if (st.age_ms >= 0)
		jtext_member_int(out, "ageMs", st.age_ms);
	jtext_member_string(out, "state", span_of(secrets_state_name(wire_state(st.state))));
	jtext_member_string(out, "snapshot", span_of(report_snapshot_name(report.snapshot.state)));
	if (error.n)
		jtext_member_string(out, "lastError", error);
	buf_addc(out, '}');
}
