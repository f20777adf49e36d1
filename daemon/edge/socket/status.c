/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/status.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/process/wire.h"
#include "edge/socket/walk.h"
#include "proto/envelope.h"
#include "proto/secrets.h"

/* The records that the caller may read are being counted. */
struct counting {
	struct stream stream;
	struct walk walk;
	size_t n[N_KINDS], withheld, invalid;
};

void
status_write_state(struct buf *params, const struct replica_status *st)
{
	jtext_member_string(params, "state", span_of(secrets_state_name(wire_state(st->state))));
	if (st->generation)
		jtext_member_int(params, "generation", (int64_t)st->generation);
	if (st->age_ms >= 0)
		jtext_member_int(params, "age_ms", st->age_ms);
}

/* ready, and lacks: the first required key that is missing, for a caller that may read it. */
static void
write_readiness(struct buf *params, const struct service *s, struct caller *c)
{
	const struct config_require *lacks;

	jtext_member_bool(params, "ready", ready_now(s->ready, &lacks));
	if (!lacks || (!caller_is_owner(c) && caller_may_read(c, s->acl, lacks->kind,
						  span_of(lacks->key)) != PERMISSION_ALLOWED))
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

static void
write_time(struct buf *params, const char *name, int64_t at_s)
{
	char text[CLOCK_RFC3339_SIZE];

	if (!at_s)
		return;
	clock_rfc3339(at_s * 1000, text);
	write_text(params, name, text);
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
	write_text(params, "socket", r->socket.path);
	if (r->socket.path)
		jtext_member_bool(params, "socket_passed", r->socket.passed);
	write_text(params, "metrics", r->metrics);
	write_time(params, "token_expires", r->token.expires_s);
	write_time(params, "token_family_ends", r->token.family_ends_s);
	write_text(params, "push", report_push_name(r->push.state));
	write_text(params, "push_error", r->push.why);
	write_text(params, "snapshot", report_snapshot_name(r->snapshot.state));
	write_text(params, "snapshot_error", r->snapshot.why);
}

/* counts: those of the records that the caller may read; NULL: of all. */
static void
write_members(
    struct buf *params, const struct service *s, struct caller *c, const struct counting *counts)
{
	struct replica_status st;
	struct report r;

	replica_status(s->replica, s->now_ms, &st);
	s->report(s->env, &r);
	if (counts) {
		memcpy(st.n, counts->n, sizeof st.n);
		st.withheld = counts->withheld;
		st.invalid = counts->invalid;
	}
	buf_addc(params, '{');
	status_write_state(params, &st);
	write_text(params, "request_id", st.request_id);
	write_counts(params, &st);
	write_readiness(params, s, c);
	write_syncs(params, &st);
	jtext_member_int(params, "bytes", (int64_t)st.bytes);
	jtext_member_int(params, "locked_bytes", (int64_t)st.locked_bytes);
	jtext_member_string(params, "version", span_of(CONND_VERSION));
	jtext_member_int(params, "pid", getpid());
	write_place(params, s, &r);
	write_report(params, &r);
	buf_addc(params, '}');
}

static void
write_status(
    struct buf *out, const struct service *s, struct caller *c, const struct counting *counts)
{
	struct buf params = BUF_INIT(LIMIT_FRAME);

	write_members(&params, s, c, counts);
	if (buf_error(&params))
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
	else
		envelope_write_reply(out, (struct span){ params.data, params.len }, false);
	buf_fini(&params);
}

/* --- counting -------------------------------------------------------------------------------- */

static struct counting *
counting_of(struct stream *s)
{
	return CONTAINER_OF(s, struct counting, stream);
}

static void
count(struct counting *n, const struct record *r)
{
	n->n[r->kind]++;
	n->withheld += r->state == RECORD_WITHHELD;
	n->invalid += r->state == RECORD_INVALID;
}

/* True: all records have been looked at. */
static bool
count_some(struct counting *n, size_t *budget)
{
	const struct record *r;

	for (;;)
		switch (walk_next(&n->walk, &r, budget)) {
		case WALK_RECORD:
			count(n, r);
			break;
		case WALK_SKIPPED:
			break;
		case WALK_OVER:
			if (n->walk.kind + 1 == N_KINDS)
				return true;
			n->walk.kind++;
			n->walk.next = 0;
			break;
		case WALK_PAUSE:
			return false;
		}
}

static bool
counting_fill(struct stream *stream, struct buf *out, size_t *budget)
{
	struct counting *n = counting_of(stream);

	if (!count_some(n, budget))
		return false;
	write_status(out, n->walk.service, n->walk.caller, n);
	return true;
}

static void
counting_drop(struct stream *stream)
{
	struct counting *n = counting_of(stream);

	walk_end(&n->walk);
	mem_free(n);
}

static enum serve_outcome
count_and_write(
    struct service *s, struct caller *c, struct buf *out, struct serve_progress *progress)
{
	struct counting *n = mem_zalloc(sizeof *n);

	if (!n) {
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
		return SERVE_DONE;
	}
	walk_begin(&n->walk, s, c);
	n->stream = (struct stream){
		.fill = counting_fill, .drop = counting_drop, .generation = n->walk.generation
	};
	progress->stream = &n->stream;
	return SERVE_STREAMING;
}

enum serve_outcome
status_serve(
    struct service *s, struct caller *caller, struct buf *out, struct serve_progress *progress)
{
	enum permission may = caller_may_see_status(caller, s->acl);

	if (may != PERMISSION_ALLOWED) {
		service_refuse(s, caller, may, "status", (struct span){ 0 }, out);
		return SERVE_DONE;
	}
	if (!acl_is_empty(s->acl) && !caller_is_owner(caller) && replica_current(s->replica))
		return count_and_write(s, caller, out, progress);
	write_status(out, s, caller, NULL);
	return SERVE_DONE;
}
