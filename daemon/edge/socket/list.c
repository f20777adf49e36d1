/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/list.h"

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/socket/status.h"
#include "proto/envelope.h"
#include "proto/secrets.h"

#define PIECE_BYTES ((size_t)32 * 1024)

struct list {
	struct stream stream;
	struct service *service;
	struct caller *caller;
	struct generation *generation; /* a reference: all of a list is of one moment */
	struct replica_status status;
	bool more, began;
	bool any; /* the array being written holds a key: a comma comes first */
	enum record_kind kind;
	size_t next;
};

static const char *const member[] = { "connections", "variables" };

static struct list *
list_of(struct stream *s)
{
	return (struct list *)((char *)s - offsetof(struct list, stream));
}

/*
 * Moves the cursor on. Returns the key it was at, or an absent span if the caller may not read it.
 */
static struct span
next_key(struct list *l)
{
	const struct record *r = generation_at(l->generation, l->kind, l->next++);
	enum permission may = caller_may_read(l->caller, l->service->acl, l->kind, r->key);

	return may == PERMISSION_ALLOWED ? r->key : (struct span){ 0 };
}

/* Writes keys of the current kind until the kind or the piece ends. */
static void
write_keys(struct list *l, struct buf *out)
{
	size_t count = generation_count(l->generation, l->kind), start = out->len;
	struct span key;

	while (l->next < count && out->len - start < PIECE_BYTES && !buf_error(out)) {
		key = next_key(l);
		if (!key.p)
			continue;
		if (l->any)
			buf_addc(out, ',');
		l->any = true;
		jtext_string(out, key);
	}
}

static bool
kind_is_over(const struct list *l)
{
	return l->next >= generation_count(l->generation, l->kind);
}

/* All keys of one kind are written: goes on to the next. False: that was the last. */
static bool
next_kind(struct list *l)
{
	if (l->kind == KIND_VARIABLE)
		return false;
	l->kind = KIND_VARIABLE;
	l->next = 0;
	l->any = false;
	return true;
}

/* One reply of several: a piece of one kind. */
static bool
write_reply(struct list *l, struct buf *out)
{
	struct buf params = BUF_INIT(LIMIT_REPLY);
	bool last = false;

	l->any = false;
	buf_addc(&params, '{');
	jtext_name(&params, member[l->kind]);
	buf_addc(&params, '[');
	write_keys(l, &params);
	buf_addc(&params, ']');
	status_write_state(&params, &l->status);
	buf_addc(&params, '}');
	if (kind_is_over(l))
		last = !next_kind(l);
	if (buf_error(&params))
		out->error = buf_error(&params);
	else
		envelope_write_reply(out, (struct span){ params.data, params.len }, !last);
	buf_fini(&params);
	return last;
}

/* The one reply of a plain call, a piece at a time: it is never whole in memory. */
static bool
write_text(struct list *l, struct buf *out)
{
	if (!l->began)
		buf_adds(out, "{\"parameters\":{\"connections\":[");
	l->began = true;
	write_keys(l, out);
	if (!kind_is_over(l))
		return false;
	if (next_kind(l)) {
		buf_adds(out, "],\"variables\":[");
		return false;
	}
	buf_addc(out, ']');
	status_write_state(out, &l->status);
	buf_adds(out, "}}");
	buf_addc(out, '\0');
	return true;
}

static bool
list_fill(struct stream *s, struct buf *out)
{
	struct list *l = list_of(s);

	return l->more ? write_reply(l, out) : write_text(l, out);
}

static void
list_drop(struct stream *s)
{
	struct list *l = list_of(s);

	generation_unref(l->generation);
	mem_free(l);
}

/* Does one reply hold all keys? The slack is for escapes, which are rare in keys. */
static bool
fits_one_reply(const struct generation *g)
{
	size_t sum = 0;

	for (enum record_kind k = KIND_CONNECTION; k <= KIND_VARIABLE; k++)
		for (size_t i = 0; i < generation_count(g, k); i++)
			sum += generation_at(g, k, i)->key.n + sizeof "\"\",";
	return sum < LIMIT_REPLY / 2;
}

/* Writes why there is nothing to list. False: there is a generation to list. */
static bool
write_unavailable(const struct replica_status *st, struct buf *out)
{
	if (st->state == NOT_READY)
		secrets_write_not_ready(out, *st->last_error ? st->last_error : "no data yet");
	else if (st->state == EXPIRED)
		secrets_write_expired(out, st->age_ms, st->last_error);
	else
		return false;
	return true;
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
	replica_status(s->replica, clock_boot_ms(), &st);
	if (write_unavailable(&st, out))
		return SERVE_DONE;
	if (!more && !fits_one_reply(replica_current(s->replica))) {
		envelope_write_error(out, "org.varlink.service.ExpectedMore", (struct span){ 0 });
		return SERVE_DONE;
	}
	l = mem_zalloc(sizeof *l);
	if (!l) {
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
		return SERVE_DONE;
	}
	*l = (struct list){
		.stream = { .fill = list_fill, .drop = list_drop },
		.service = s,
		.caller = caller,
		.generation = generation_ref(replica_current(s->replica)),
		.status = st,
		.more = more,
	};
	progress->stream = &l->stream;
	return SERVE_STREAMING;
}
