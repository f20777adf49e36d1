/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/changes.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/process/wire.h"
#include "proto/envelope.h"

#define PIECE_BYTES  ((size_t)32 * 1024)
#define RECORD_COST  8   /* of finding a record and comparing its key */
#define COMPARE_UNIT 512 /* bytes of two values that are compared for one unit of the budget */

struct changes {
	struct stream stream; /* its generation is `from` */
	struct service *service;
	struct caller *caller;
	/* References: what the client knows, and what is compared with it; NULL: none. */
	struct generation *from, *to;
	uint64_t number;       /* of `to`, or of `from` while there is no `to` */
	enum record_kind kind; /* whose records are compared */
	size_t i, j;           /* the next record of from, of to */
	bool began;
};

static struct changes *
changes_of(struct stream *s)
{
	return CONTAINER_OF(s, struct changes, stream);
}

static const char *
kind_name(const struct changes *c)
{
	return secrets_kind_name(wire_kind(c->kind));
}

static void
release(struct changes *c, struct generation *g)
{
	if (g)
		c->service->release(c->service->env, g);
}

/* --- comparing ------------------------------------------------------------------------- */

static const struct record *
record_at(const struct generation *g, enum record_kind kind, size_t i)
{
	return g && i < generation_count(g, kind) ? generation_at(g, kind, i) : NULL;
}

/* The order of two records that may be absent; an absent one comes last. */
static int
order(const struct record *a, const struct record *b)
{
	size_t n;
	int r;

	if (!a || !b)
		return a ? -1 : 1;
	n = a->key.n < b->key.n ? a->key.n : b->key.n;
	r = memcmp(a->key.p, b->key.p, n);
	if (r == 0)
		r = (a->key.n > b->key.n) - (a->key.n < b->key.n);
	return r;
}

static void
write_change(struct changes *c, const struct record *r, const char *what, struct buf *out)
{
	if (out->len)
		buf_addc(out, ',');
	buf_addc(out, '{');
	jtext_member_string(out, "kind", span_of(kind_name(c)));
	jtext_member_string(out, "key", r->key);
	jtext_member_string(out, "change", span_of(what));
	buf_addc(out, '}');
}

/* Notes the change of one record, if the caller may read its key. */
static void
note(struct changes *c, const struct record *r, const char *what, struct buf *out, size_t *budget)
{
	size_t cost = acl_cost(c->service->acl);

	*budget -= cost < *budget ? cost : *budget;
	if (caller_may_read(c->caller, c->service->acl, c->kind, r->key) == PERMISSION_ALLOWED)
		write_change(c, r, what, out);
}

/* Compares the next key of the two generations. False: there is none left of this kind. */
static bool
compare_next(struct changes *c, struct buf *out, size_t *budget)
{
	const struct record *old = record_at(c->from, c->kind, c->i);
	const struct record *new = record_at(c->to, c->kind, c->j);
	int way = order(old, new);
	size_t cost = RECORD_COST;

	if (!old && !new)
		return false;
	if (way == 0)
		cost += new->text.n / COMPARE_UNIT;
	*budget -= cost < *budget ? cost : *budget;
	if (way < 0)
		note(c, old, "removed", out, budget);
	else if (way > 0)
		note(c, new, "added", out, budget);
	else if (old->state != new->state || !span_equal(old->text, new->text))
		note(c, new, "changed", out, budget);
	c->i += way <= 0;
	c->j += way >= 0;
	return true;
}

/* Compares until a piece is full or the budget is spent. True: everything is compared. */
static bool
compare(struct changes *c, struct buf *out, size_t *budget)
{
	while (out->len<PIECE_BYTES && * budget> 0 && !buf_error(out)) {
		if (compare_next(c, out, budget))
			continue;
		if (c->kind == N_KINDS - 1)
			return true;
		c->kind++;
		c->i = c->j = 0;
	}
	return false;
}

/* --- the stream ------------------------------------------------------------------------ */

static void
read_number(struct changes *c)
{
	struct replica_status st;

	replica_status(c->service->replica, clock_boot_ms(), &st);
	c->number = st.generation;
}

/* Begins to compare with the served generation. False: the client knows it already. */
static bool
begin(struct changes *c)
{
	struct generation *served = replica_current(c->service->replica);

	if (served == c->from)
		return false;
	c->to = generation_ref(served);
	c->kind = 0;
	c->i = c->j = 0;
	read_number(c);
	return true;
}

/* The client knows `to` now. */
static void
finish(struct changes *c)
{
	release(c, c->from);
	c->from = c->stream.generation = c->to;
	c->to = NULL;
	if (c->from == replica_current(c->service->replica))
		c->stream.replaced_ms = 0;
}

static void
write_reply(const struct changes *c, const struct buf *list, struct buf *out)
{
	CLEANUP(buf_fini) struct buf params = BUF_INIT(LIMIT_REPLY);

	buf_adds(&params, "{\"changes\":[");
	buf_add(&params, buf_str(list), list->len);
	buf_addc(&params, ']');
	jtext_member_int(&params, "generation", (int64_t)c->number);
	jtext_member_int(&params, "time_ms", clock_wall_ms());
	buf_addc(&params, '}');
	if (buf_error(list) || buf_error(&params))
		out->error = -ENOMEM;
	else
		envelope_write_reply(out, span_of_buf(&params), true);
}

static bool
changes_fill(struct stream *s, struct buf *out, size_t *budget)
{
	CLEANUP(buf_fini) struct buf list = BUF_INIT(LIMIT_REPLY);
	struct changes *c = changes_of(s);
	bool first = !c->began;

	c->began = true;
	if (!first && !c->to && !begin(c)) {
		s->idle = true;
		return false;
	}
	if (!first && compare(c, &list, budget))
		finish(c);
	if (first || list.len || buf_error(&list))
		write_reply(c, &list, out);
	return false;
}

static void
changes_drop(struct stream *s)
{
	struct changes *c = changes_of(s);

	release(c, c->from);
	release(c, c->to);
	mem_free(c);
}

enum serve_outcome
changes_serve(struct service *s, struct caller *caller, bool more, struct buf *out,
    struct serve_progress *progress)
{
	enum permission may = caller_may_read_any(caller, s->acl);
	struct generation *served = replica_current(s->replica);
	struct changes *c;

	if (may != PERMISSION_ALLOWED) {
		service_refuse(s, caller, may, "watch", (struct span){ 0 }, out);
		return SERVE_DONE;
	}
	if (!more) {
		envelope_write_error(out, "org.varlink.service.ExpectedMore", (struct span){ 0 });
		return SERVE_DONE;
	}
	c = mem_zalloc(sizeof *c);
	if (!c) {
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
		return SERVE_DONE;
	}
	*c = (struct changes){
		.stream = { .fill = changes_fill, .drop = changes_drop, .generation = served },
		.service = s,
		.caller = caller,
		.from = served ? generation_ref(served) : NULL,
	};
	read_number(c);
	progress->stream = &c->stream;
	return SERVE_STREAMING;
}
