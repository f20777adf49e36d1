/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/status.h"

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
write_status(struct buf *params, const struct service *s)
{
	struct replica_status st;

	replica_status(s->replica, clock_boot_ms(), &st);
	buf_addc(params, '{');
	status_write_state(params, &st);
	write_counts(params, &st);
	write_readiness(params, s);
	write_syncs(params, &st);
	jtext_member_int(params, "bytes", (int64_t)st.bytes);
	jtext_member_int(params, "locked_bytes", (int64_t)st.locked_bytes);
	jtext_member_string(params, "version", span_of(CONND_VERSION));
	jtext_member_string(params, "organization", span_of(s->organization));
	jtext_member_string(params, "deployment", span_of(s->deployment));
	jtext_member_string(params, "workspace", span_of(s->workspace));
	buf_addc(params, '}');
}

void
status_serve(struct service *s, struct caller *caller, struct buf *out)
{
	enum permission may = caller_may_read_any(caller, s->acl);
	struct buf params = BUF_INIT(LIMIT_FRAME);

	if (may != PERMISSION_ALLOWED) {
		service_refuse(out, may);
		return;
	}
	write_status(&params, s);
	if (buf_error(&params))
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
	else
		envelope_write_reply(out, (struct span){ params.data, params.len }, false);
	buf_fini(&params);
}
