/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/page_builder.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "core/render.h"

_Static_assert(LIMIT_KEY_BYTES <= GENERATION_MAX_KEY, "the key of a row fits in a record");

enum manager_type
build_type_of(enum record_kind kind)
{
	static const enum manager_type type[N_KINDS] = {
		[KIND_CONNECTION] = MANAGER_CONNECTION,
		[KIND_VARIABLE] = MANAGER_AIRFLOW_VARIABLE,
		[KIND_ENV] = MANAGER_ENVIRONMENT_VARIABLE,
	};

	return type[kind];
}

/* --- in the worker ---------------------------------------------------------------------- */

void
build_render(enum record_kind kind, const struct manager_row *row, struct buf *out)
{
	struct connection_fields c = {
		.conn_type = row->conn_type,
		.description = row->description,
		.host = row->host,
		.login = row->login,
		.password = row->password,
		.schema = row->schema,
		.port = row->port,
		.extra = row->extra,
	};

	if (kind == KIND_CONNECTION)
		render_connection(out, &c);
	else
		render_variable(out, row->value);
}

static struct span
row_text(struct build *b, const struct manager_row *row)
{
	if (row->verdict == ROW_WITHHELD)
		return row->withheld_json;
	if (row->verdict == ROW_INVALID)
		return row->bad_field;
	buf_reset(&b->text);
	build_render(b->kind, row, &b->text);
	return span_of_buf(&b->text);
}

/* Adds a row to the digest of the page. */
static void
digest_row(struct page_facts *f, struct span key, struct span text, enum record_state state)
{
	char end = (char)state;

	hash_long(f->digest, f->digest, sizeof f->digest, key.p, key.n);
	hash_long(f->digest, f->digest, sizeof f->digest, text.p, text.n);
	hash_long(f->digest, f->digest, sizeof f->digest, &end, sizeof end);
}

static void
note_row(struct build *b, struct span key, struct span text, enum record_state state)
{
	struct page_facts *f = &b->facts;

	digest_row(f, key, text, state);
	hash_long(f->last_key, NULL, 0, key.p, key.n);
	if (b->n_read++ == 0)
		memcpy(f->first_key, f->last_key, sizeof f->first_key);
}

static int
on_row(void *arg, const struct manager_row *row)
{
	static const enum record_state state_of[] = {
		[ROW_GOOD] = RECORD_VALUE,
		[ROW_WITHHELD] = RECORD_WITHHELD,
		[ROW_INVALID] = RECORD_INVALID,
	};
	struct build *b = arg;
	struct span text = row_text(b, row);
	enum record_state state = state_of[row->verdict];
	bool skip = b->use == BUILD_COMPARE || (b->use == BUILD_SKIP_FIRST && b->n_read == 0);

	if (buf_error(&b->text) == -ENOMEM)
		return -ENOMEM;
	if (buf_error(&b->text)) {
		/* The value is larger than LIMIT_RECORD: only this row is invalid. */
		buf_reset(&b->text);
		state = RECORD_INVALID;
		text = b->kind == KIND_CONNECTION ? SPAN_LITERAL("extra") : SPAN_LITERAL("value");
	}
	note_row(b, row->key, text, state);
	return skip ? 0 : generation_builder_add(b->builder, b->kind, state, row->key, text);
}

static int
need_builder(struct build *b)
{
	if (b->builder)
		return 0;
	buf_init(&b->text, LIMIT_RECORD);
	buf_init(&b->scratch, MANAGER_SCRATCH);
	return generation_builder_new(&b->builder, b->lock, b->max_bytes);
}

/* Unpacks the body. 0; -E2BIG when it is too large; -EBADMSG with b->why; -ENOMEM. */
static int
unpack(struct build *b, struct buf *text)
{
	int r = payload_unpack(&b->body, text);

	if (r == -EBADMSG)
		why_set(&b->why,
		    "the body of the response is truncated, or not in its Content-Encoding");
	return r == -EMSGSIZE ? -E2BIG : r;
}

static int
read_page(struct build *b)
{
	struct buf text = BUF_INIT(LIMIT_PAGE_BYTES);
	struct manager_page page = { 0 };
	int r = unpack(b, &text);

	if (r == 0)
		r = manager_page_read(span_of_buf(&text), build_type_of(b->kind), b->deployment,
		    on_row, b, &b->scratch, &page, &b->why);
	b->facts.total = page.total;
	b->facts.n_rows = page.n_rows;
	b->facts.bytes = text.len;
	buf_fini(&text);
	return r;
}

static void
run_page(struct work *w)
{
	struct build *b = CONTAINER_OF(w, struct build, work);

	b->why.text[0] = '\0';
	b->facts = (struct page_facts){ 0 };
	b->n_read = 0;
	b->error = need_builder(b);
	if (b->error == 0)
		b->error = read_page(b);
}

static void
run_finish(struct work *w)
{
	struct build *b = CONTAINER_OF(w, struct build, work);
	int r = 0;

	for (size_t i = 0; i < N_KINDS && r == 0; i++)
		if (b->same[i])
			r = generation_builder_keep(
			    b->builder, (enum record_kind)i, b->basis.current);
	b->error = r;
	if (r < 0)
		return;
	b->result = (struct sync_result){ 0 };
	sync_list_finish(&b->result, b->builder, &b->basis);
	b->builder = NULL;
}

/* Drops the last references, which wipes the generations. */
static void
run_sweep(struct work *w)
{
	struct build *b = CONTAINER_OF(w, struct build, sweep);

	for (size_t i = 0; i < N_ELEMENTS(b->garbage); i++)
		b->garbage[i] = generation_unref(b->garbage[i]);
}

/* --- in the loop ------------------------------------------------------------------------ */

static void
on_work_done(struct work *w)
{
	struct build *b = CONTAINER_OF(w, struct build, work);

	b->over(b->env);
}

static void
on_swept(struct work *w)
{
	(void)w;
}

static void
begin(struct build *b, void (*run)(struct work *w), void (*over)(void *env))
{
	b->work.run = run;
	b->work.done = on_work_done;
	b->over = over;
	worker_do(b->worker, &b->work);
}

void
build_page(struct build *b, enum record_kind kind, struct span deployment, struct payload *body,
    enum build_page_use use, void (*over)(void *env))
{
	b->kind = kind;
	b->deployment = deployment;
	b->use = use;
	payload_move(&b->body, body);
	begin(b, run_page, over);
}

void
build_finish(struct build *b, const bool same[static N_KINDS], const struct sync_basis *basis,
    void (*over)(void *env))
{
	memcpy(b->same, same, sizeof b->same);
	b->basis = *basis;
	begin(b, run_finish, over);
}

/* Drops the reference if another one exists, such as that of a List in progress; else returns g. */
static struct generation *
last_or_drop(struct generation *g)
{
	return g && generation_is_shared(g) ? generation_unref(g) : g;
}

void
build_dispose(struct build *b, struct generation *one, struct generation *other)
{
	/*
	 * If both are the same generation, the first reference is dropped and the second is the
	 * last.
	 */
	one = last_or_drop(one);
	other = last_or_drop(other);
	if (b->sweep.queued) {
		generation_unref(one);
		generation_unref(other);
		return;
	}
	b->garbage[0] = one;
	b->garbage[1] = other;
	b->sweep.run = run_sweep;
	b->sweep.done = on_swept;
	if (one || other)
		worker_do(b->worker, &b->sweep);
}

void
build_init(struct build *b, struct worker *worker, void *env)
{
	*b = (struct build){ .worker = worker, .env = env };
}

void
build_reset(struct build *b, enum arena_lock lock, size_t max_bytes)
{
	worker_forget(b->worker, &b->work);
	b->builder = generation_builder_free(b->builder);
	/* A list that was built but not handed over. */
	b->result.list.generation = generation_unref(b->result.list.generation);
	payload_fini(&b->body);
	buf_fini(&b->text);
	buf_fini(&b->scratch);
	b->lock = lock;
	b->max_bytes = max_bytes;
}

void
build_fini(struct build *b)
{
	build_reset(b, b->lock, b->max_bytes);
	worker_forget(b->worker, &b->sweep);
}
