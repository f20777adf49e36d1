/* SPDX-License-Identifier: Apache-2.0 */
/* Going back: an object takes the state of an earlier version, and a deleted one returns. */
#include "manager/store/sqlite/object_internal.h"

#include <errno.h>

#include "base/json/scan.h"
#include "base/mem.h"

/* What an object was at one version. */
struct former {
	struct buf doc, text;
	struct history at; /* points into doc */
	struct span description;
	struct store_link *links; /* of the version, when former_read_links() was called */
	size_t n_links;
};

static void
former_fini(struct former *f)
{
	buf_fini(&f->doc);
	buf_fini(&f->text);
	mem_free(f->links);
}

/* 0, STORE_NOT_FOUND or -errno; the caller calls former_fini() in every case. */
static int
former_read(struct store *s, const struct id *id, int64_t version, struct former *f)
{
	int r;

	*f = (struct former){ .doc = BUF_INIT(VERSION_MAX),
		.text = BUF_INIT((size_t)4 * LIMIT_DESCRIPTION) };
	r = history_version(s, id, version, &f->doc);
	if (r == 0)
		r = history_decode(span_of_buf(&f->doc), &f->at);
	if (r == 0 && f->at.description.p) {
		r = scan_string(f->at.description, &f->text);
		f->description = span_of_buf(&f->text);
	}
	return r;
}

static int
former_read_links(struct former *f)
{
	struct span at = f->at.links;
	struct store_link l;
	size_t n = 0;

	while (history_next(&at, &l))
		n++;
	f->links = mem_calloc(n, sizeof *f->links);
	if (!f->links)
		return -ENOMEM;
	at = f->at.links;
	while (f->n_links < n && history_next(&at, &f->links[f->n_links]))
		f->n_links++;
	return 0;
}

/* Appends the value of the version, on its way back in place of the one of `was`. */
static int
former_value(
    struct writing *w, const struct store_object *was, const struct former *f, struct buf *value)
{
	w->secrets = value_transition(w->type, was->value, f->at.value);
	return value_restore(&w->secrets, was->value, f->at.value, value);
}

static int
make_restoration(
    struct store *s, struct writing *w, const struct store_object *was, const struct change *c)
{
	struct buf value = BUF_INIT(2 * LIMIT_VALUE);
	struct former f;
	int r = former_read(s, &was->id, c->version, &f);

	if (r == 0)
		r = former_value(w, was, &f, &value);
	if (r == 0) {
		struct row row = { f.description, span_of_buf(&value), f.at.auto_link,
			f.at.auto_link_projects };

		r = object_write_row(s, w, &row, c->by);
	}
	if (r == 0)
		r = object_restore_links(s, w, was, &f.at);
	buf_fini(&value);
	former_fini(&f);
	return r;
}

int
store_object_restore(struct store *s, const struct id *id, int64_t version,
    const struct store_version *expect, const struct store_actor *by)
{
	struct change c = { .action = AUDIT_RESTORE,
		.make = make_restoration,
		.expect = expect,
		.by = by,
		.version = version };

	return object_change(s, id, &c);
}

/* ---- deleted objects ---- */

/* The audit row of its deletion, for the caller to read and reset. 0, STORE_NOT_FOUND or -errno. */
static int
find_end(struct store *s, const struct id *id, sqlite3_stmt **st)
{
	int r;

	*st = db_query(&s->db,
	    "SELECT scope, scope_id, type, key, version FROM audit WHERE subject_id = ?1 AND "
	    "action = 'DELETE' AND NOT EXISTS (SELECT 1 FROM object o WHERE o.id = ?1) "
	    "ORDER BY n DESC LIMIT 1",
	    "t", id->s);
	r = db_row(*st);
	return r == 1 ? 0 : r == 0 ? STORE_NOT_FOUND : r;
}

int
store_object_gone(struct store *s, const struct id *id, struct place *out)
{
	struct id scope_id;
	enum scope scope;
	sqlite3_stmt *st;
	int r = find_end(s, id, &st);

	if (r != 0)
		return r;
	r = db_scope(st, 0, &scope);
	db_id(st, 1, &scope_id);
	(void)sqlite3_reset(st); /* was fine */
	return r == 0 ? store_place(s, scope, &scope_id, out) : r;
}

/* Fills *q with a request that would create the deleted object; copies its key into *key. */
static int
read_end(struct store *s, struct writing *w, struct store_object_request *q, struct buf *key)
{
	sqlite3_stmt *st;
	int r = find_end(s, &w->id, &st);

	if (r != 0)
		return r;
	r = db_scope(st, 0, &q->scope);
	db_id(st, 1, &q->scope_id);
	if (r == 0)
		r = db_type(st, 2, &q->type);
	buf_add(key, db_text(st, 3).p, db_text(st, 3).n);
	q->key = span_of_buf(key);
	w->version = sqlite3_column_int64(st, 4) + 1;
	(void)sqlite3_reset(st); /* was fine */
	w->type = q->type;
	w->scope = q->scope;
	return r == 0 ? buf_error(key) : r;
}

/* What the object was at last, as far as that is kept: what was secret then stays secret. */
static int
read_last(struct store *s, const struct writing *w, struct former *last, struct store_object *was)
{
	int r = former_read(s, &w->id, w->version - 1, last);

	*was = (struct store_object){ .type = w->type, .value = SPAN_LITERAL(VALUE_NONE) };
	if (r == STORE_NOT_FOUND)
		return 0;
	if (r == 0)
		r = former_read_links(last);
	if (r == 0) {
		was->value = last->at.value;
		was->links = last->links;
		was->n_links = last->n_links;
	}
	return r;
}

/* The object of q returns with what it was at the version f; was: at last. */
static int
revive(struct store *s, struct writing *w, struct store_object_request *q, const struct former *f,
    const struct store_object *was, const struct store_actor *by)
{
	struct buf value = BUF_INIT(2 * LIMIT_VALUE);
	struct place at;
	int r = store_place(s, q->scope, &q->scope_id, &at);

	if (r == 0)
		r = former_value(w, was, f, &value);
	if (r == 0) {
		w->workspace = at.workspace;
		q->description = f->description;
		q->value = span_of_buf(&value);
		q->auto_link = f->at.auto_link;
		q->auto_link_projects = f->at.auto_link_projects;
		r = object_insert(s, w, q, &at, by);
	}
	if (r == 0)
		r = object_restore_links(s, w, was, &f->at);
	buf_fini(&value);
	return r;
}

static int
revive_in_transaction(
    struct store *s, const struct id *id, int64_t version, const struct store_actor *by)
{
	struct buf key = BUF_INIT((size_t)4 * LIMIT_KEY);
	struct writing w = { .id = *id, .now = store_now() };
	struct store_object_request q = { 0 };
	struct former f, last = { 0 };
	struct store_object was;
	int r = former_read(s, id, version, &f);

	if (r == 0)
		r = read_end(s, &w, &q, &key);
	if (r == 0)
		r = read_last(s, &w, &last, &was);
	if (r == 0)
		r = revive(s, &w, &q, &f, &was, by);
	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = history_record(s, AUDIT_RESTORE, id, NULL, by);
	former_fini(&f);
	former_fini(&last);
	buf_fini(&key);
	return r;
}

int
store_object_revive(
    struct store *s, const struct id *id, int64_t version, const struct store_actor *by)
{
	int r = tx_begin(s);

	return r == 0 ? tx_end(s, revive_in_transaction(s, id, version, by)) : r;
}
