/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/list.h"

#include <errno.h>
#include <stddef.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/socket/status.h"
#include "edge/socket/walk.h"
#include "proto/envelope.h"
#include "proto/secrets.h"

#define PIECE_BYTES ((size_t)32 * 1024)

struct list {
	struct stream stream;
	struct walk walk;
	struct replica_status status; /* when it began */
	bool more, began;
	bool any; /* the array being written holds a key: a comma comes first */
};

static const char *const member[] = { "connections", "variables", "environment_variables" };
_Static_assert(N_ELEMENTS(member) == N_KINDS, "a member of the reply for each kind");

static struct list *
list_of(struct stream *s)
{
	return CONTAINER_OF(s, struct list, stream);
}

static void
write_key(struct list *l, struct span key, struct buf *out)
{
	if (l->any)
		buf_addc(out, ',');
	l->any = true;
	jtext_string(out, key);
}

/* Writes keys of the current kind. True: all of them are written. */
static bool
write_keys(struct list *l, struct buf *out, size_t *budget)
{
	size_t start = out->len;
	const struct record *r;

	while (out->len - start < PIECE_BYTES && !buf_error(out))
		switch (walk_next(&l->walk, &r, budget)) {
		case WALK_RECORD:
			write_key(l, r->key, out);
			break;
		case WALK_SKIPPED:
			break;
		case WALK_OVER:
			return true;
		case WALK_PAUSE:
			return false;
		}
	return false;
}

/* Goes on to the next kind. False: that was the last. */
static bool
next_kind(struct list *l)
{
	if (l->walk.kind + 1 == N_KINDS)
		return false;
	l->walk.kind++;
	l->walk.next = 0;
	l->any = false;
	return true;
}

static void
begin_array(const struct list *l, struct buf *out)
{
	jtext_name(out, member[l->walk.kind]);
	buf_addc(out, '[');
}

/* One reply of several: a piece of one kind. Nothing is written while there is no key for it. */
static bool
write_reply(struct list *l, struct buf *out, size_t *budget)
{
	const char *name = member[l->walk.kind];
	struct buf keys = BUF_INIT(LIMIT_REPLY), params = BUF_INIT(LIMIT_REPLY);
	bool last = false;

	l->any = false;
	if (write_keys(l, &keys, budget))
		last = !next_kind(l);
	if (keys.len > 0 || last) {
		buf_addc(&params, '{');
		jtext_name(&params, name);
		buf_addc(&params, '[');
		buf_add(&params, buf_str(&keys), keys.len);
		buf_addc(&params, ']');
		status_write_state(&params, &l->status);
		buf_addc(&params, '}');
		envelope_write_reply(out, span_of_buf(&params), !last);
	}
	if (buf_error(&keys) || buf_error(&params))
		out->error = -ENOMEM;
	buf_fini(&keys);
	buf_fini(&params);
	return last;
}

/* The one reply of a plain call, a piece at a time: it is never whole in memory. */
static bool
write_text(struct list *l, struct buf *out, size_t *budget)
{
	if (!l->began) {
		buf_adds(out, "{\"parameters\":{");
		begin_array(l, out);
	}
	l->began = true;
	if (!write_keys(l, out, budget))
		return false;
	buf_addc(out, ']');
	if (next_kind(l)) {
		begin_array(l, out);
		return false;
	}
	status_write_state(out, &l->status);
	buf_adds(out, "}}");
	buf_addc(out, '\0');
	return true;
}

static bool
list_fill(struct stream *s, struct buf *out, size_t *budget)
{
	struct list *l = list_of(s);

	return l->more ? write_reply(l, out, budget) : write_text(l, out, budget);
}

static void
list_drop(struct stream *s)
{
	struct list *l = list_of(s);

	walk_end(&l->walk);
	mem_free(l);
}

/* Does one reply hold all keys? The slack is for escapes, which are rare in keys. */
static bool
fits_one_reply(const struct generation *g)
{
	size_t sum = 0;

	for (enum record_kind k = KIND_CONNECTION; k < N_KINDS; k++)
		sum += generation_key_bytes(g, k) + generation_count(g, k) * sizeof "\"\",";
	return sum < LIMIT_REPLY / 2;
}

/* Writes why there is nothing to list. False: there is a generation to list. */
static bool
write_unavailable(const struct replica *replica, const struct replica_status *st, struct buf *out)
{
	if (st->state == NOT_READY)
		secrets_write_not_ready(out, replica_why_no_data(replica));
	else if (st->state == EXPIRED)
		secrets_write_expired(out, st->age_ms, st->last_error);
	else
		return false;
	return true;
}

static struct list *
list_new(struct service *s, struct caller *caller, const struct replica_status *st, bool more)
{
	struct list *l = mem_zalloc(sizeof *l);

	if (!l)
		return NULL;
	walk_begin(&l->walk, s, caller);
	l->stream = (struct stream){
		.fill = list_fill, .drop = list_drop, .generation = l->walk.generation
	};
	l->status = *st;
	l->more = more;
	return l;
}

enum serve_outcome
list_serve(struct service *s, struct caller *caller, bool more, struct buf *out,
    struct serve_progress *progress)
{
	enum permission may = caller_may_read_any(caller, s->acl);
	struct replica_status st;
	struct list *l;

	if (may != PERMISSION_ALLOWED) {
		service_refuse(s, caller, may, "list", (struct span){ 0 }, out);
		return SERVE_DONE;
	}
	replica_status(s->replica, s->now_ms, &st);
	if (write_unavailable(s->replica, &st, out))
		return SERVE_DONE;
	if (!more && !fits_one_reply(replica_current(s->replica))) {
		envelope_write_error(out, "org.varlink.service.ExpectedMore", (struct span){ 0 });
		return SERVE_DONE;
	}
	l = list_new(s, caller, &st, more);
	if (!l) {
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
		return SERVE_DONE;
	}
	progress->stream = &l->stream;
	return SERVE_STREAMING;
}
