/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/status.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "edge/process/wire.h"
#include "proto/envelope.h"
#include "proto/secrets.h"

void
status_write_state(struct buf *params, const struct replica_status *st)
{
	jtext_member_string(params, "state", span_of(secrets_state_name(wire_state(st->state))));
	if (st->generation)
		jtext_member_int(params, "generation", (int64_t)st->generation);
	if (st->age_ms >= 0)
		jtext_member_int(params, "age_ms", st->age_ms);
}

/* ready, and lacks: the first required key that is missing. */
static void
write_readiness(struct buf *params, const struct service *s)
{
	const struct config_require *lacks;

	jtext_member_bool(params, "ready", ready_now(s->ready, &lacks));
	if (!lacks)
		return;
	jtext_name(params, "lacks");
	buf_addc(params, '"');
	buf_adds(params, kind_prefix(lacks->kind));
	jtext_escape(params, span_of(lacks->key));
	buf_addc(params, '"');
}

static void
write_counts(struct buf *params, const struct replica_status *st)
{
	jtext_member_int(params, "connections", (int64_t)st->n[KIND_CONNECTION]);
	jtext_member_int(params, "variables", (int64_t)st->n[KIND_VARIABLE]);
	jtext_member_int(params, "environment_variables", (int64_t)st->n[KIND_ENV]);
	jtext_member_int(params, "withheld", (int64_t)st->withheld);
	jtext_member_int(params, "invalid", (int64_t)st->invalid);
}

static void
write_syncs(struct buf *params, const struct replica_status *st)
{
	if (*st->last_error)
		jtext_member_string(params, "last_error", span_of(st->last_error));
	jtext_member_bool(params, "syncing", st->syncing);
	if (!st->syncing)
		jtext_member_int(params, "next_sync_ms", st->next_sync_ms);
	jtext_member_int(params, "syncs_ok", (int64_t)st->syncs_ok);
	jtext_member_int(params, "syncs_failed", (int64_t)st->syncs_failed);
}

static void
write_text(struct buf *params, const char *name, const char *text)
{
	if (text && *text)
		jtext_member_string(params, name, span_of(text));
}

/* Ids, with names where they are known. */
static void
write_place(struct buf *params, const struct service *s, const struct report *r)
{
	write_text(params, "manager", r->manager.url);
	write_text(params, "organization", s->organization);
	write_text(params, "organization_name", r->manager.organization_name);
	write_text(params, "deployment", s->deployment);
	write_text(params, "deployment_name", r->manager.deployment_name);
	write_text(params, "workspace", s->workspace);
	write_text(params, "workspace_name", r->manager.workspace_name);
}

static void
write_report(struct buf *params, const struct report *r)
{
	char expires[CLOCK_RFC3339_SIZE];

	write_text(params, "socket", r->socket.path);
	if (r->socket.path)
		jtext_member_bool(params, "socket_passed", r->socket.passed);
	write_text(params, "metrics", r->metrics);
	if (r->token.expires_s) {
		clock_rfc3339(r->token.expires_s * 1000, expires);
		write_text(params, "token_expires", expires);
	}
	write_text(params, "push", report_push_name(r->push.state));
	write_text(params, "push_error", r->push.why);
	write_text(params, "snapshot", report_snapshot_name(r->snapshot.state));
	write_text(params, "snapshot_error", r->snapshot.why);
}

static void
write_status(struct buf *params, const struct service *s)
{
	struct replica_status st;
	struct report r;

	replica_status(s->replica, s->now_ms, &st);
	s->report(s->env, &r);
	buf_addc(params, '{');
	status_write_state(params, &st);
	write_counts(params, &st);
	write_readiness(params, s);
	write_syncs(params, &st);
	jtext_member_int(params, "bytes", (int64_t)st.bytes);
	jtext_member_int(params, "locked_bytes", (int64_t)st.locked_bytes);
	jtext_member_string(params, "version", span_of(CONND_VERSION));
	jtext_member_int(params, "pid", getpid());
	write_place(params, s, &r);
	write_report(params, &r);
	buf_addc(params, '}');
}

void
status_serve(struct service *s, struct caller *caller, struct buf *out)
{
	enum permission may = caller_may_see_status(caller, s->acl);
	struct buf params = BUF_INIT(LIMIT_FRAME);

	if (may != PERMISSION_ALLOWED) {
		service_refuse(s, caller, may, "status", (struct span){ 0 }, out);
		return;
	}
	write_status(&params, s);
	if (buf_error(&params))
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
	else
		envelope_write_reply(out, (struct span){ params.data, params.len }, false);
	buf_fini(&params);
}
