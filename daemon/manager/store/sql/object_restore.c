/* SPDX-License-Identifier: Apache-2.0 */
/* Restores: an object gets the state of an earlier version, or a deleted object returns. */
#include "manager/store/sql/object_internal.h"

#include <errno.h>

#include "base/json/scan.h"
#include "base/mem.h"

/* An object as it was at one version. */
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

/* Appends the value of the version as it is restored over that of `was`. */
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

/* The last version of an object whose deletion is in the audit log. STORE_NOT_FOUND or -errno. */
static int
last_version(struct store *s, const struct id *id, int64_t *deleted, int64_t *kept)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT a.version, (SELECT max(version) FROM version WHERE object_id = ?1) "
	    "FROM audit a WHERE a.subject_id = ?1 AND a.action = 'DELETE' "
	    "AND NOT EXISTS (SELECT 1 FROM object o WHERE o.id = ?1) ORDER BY a.n DESC LIMIT 1",
	    "t", id->s);
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	*deleted = db_int64(st, 0);
	*kept = db_int64(st, 1);
	db_reset(st);
	return *kept > 0 ? 0 : STORE_NOT_FOUND;
}

/*
 * Reads a deleted object from its last kept version. The audit log is not authenticated, so only
 * the number of the last version is taken from it. STORE_NOT_FOUND or -errno; call former_fini() in
 * any case.
 */
static int
gone_read(struct store *s, const struct id *id, struct former *f, int64_t *version)
{
	int64_t kept;
	int r;

	*f = (struct former){ 0 };
	r = last_version(s, id, version, &kept);
	return r == 0 ? former_read(s, id, kept, f) : r;
}

int
store_object_gone(struct store *s, const struct id *id, struct place *out)
{
	struct former f;
	int64_t version;
	int r = gone_read(s, id, &f, &version);

	if (r == 0)
		r = store_place(s, f.at.scope, &f.at.scope_id, out);
	former_fini(&f);
	return r;
}

/* What was secret in the last version stays secret. */
static int
read_was(const struct writing *w, struct former *last, struct store_object *was)
{
	int r = former_read_links(last);

	*was = (struct store_object){ .type = w->type,
		.value = last->at.value,
		.links = last->links,
		.n_links = last->n_links };
	return r;
}

/* Inserts the object: its key and place from `last`, the rest from `then`. */
static int
insert_again(struct store *s, struct writing *w, const struct former *last,
    const struct former *then, const struct store_object *was, const struct store_actor *by)
{
	struct buf key = BUF_INIT(LIMIT_KEY_BYTES), value = BUF_INIT(2 * LIMIT_VALUE);
	struct store_object_request q = { .type = last->at.type,
		.scope = last->at.scope,
		.scope_id = last->at.scope_id,
		.description = then->description,
		.auto_link = then->at.auto_link,
		.auto_link_projects = then->at.auto_link_projects };
	struct place at;
	int r = store_place(s, q.scope, &q.scope_id, &at);

	if (r == 0)
		r = scan_string(last->at.key, &key);
	if (r == 0)
		r = former_value(w, was, then, &value);
	if (r == 0) {
		w->workspace = at.workspace;
		q.key = span_of_buf(&key);
		q.value = span_of_buf(&value);
		r = object_insert(s, w, &q, &at, by);
	}
	buf_fini(&key);
	buf_fini(&value);
	return r;
}

/* The deleted object returns with what it was at the version `then`. */
static int
revive(struct store *s, struct writing *w, struct former *last, const struct former *then,
    const struct store_actor *by)
{
	struct store_object was;
	int r;

	w->version++;
	w->type = last->at.type;
	w->scope = last->at.scope;
	r = read_was(w, last, &was);
	if (r == 0)
		r = insert_again(s, w, last, then, &was, by);
	if (r == 0)
		r = object_restore_links(s, w, &was, &then->at);
	if (r == 0)
		r = authentic_write_object(s, w->n);
	if (r == 0)
		r = tx_touch_object(s, w->n);
	return r == 0 ? history_record(s, AUDIT_RESTORE, &w->id, NULL, by) : r;
}

static int
revive_in_transaction(
    struct store *s, const struct id *id, int64_t version, const struct store_actor *by)
{
	struct writing w = { .id = *id, .now = store_now() };
	struct former last, then = { 0 };
	int r = gone_read(s, id, &last, &w.version);

	if (r == 0)
		r = former_read(s, id, version, &then);
	if (r == 0)
		r = revive(s, &w, &last, &then, by);
	former_fini(&last);
	former_fini(&then);
	return r;
}

int
store_object_revive(
    struct store *s, const struct id *id, int64_t version, const struct store_actor *by)
{
	int r = tx_begin(s);

	return r == 0 ? tx_end(s, revive_in_transaction(s, id, version, by)) : r;
}

/* ---- showing a version ---- */

/* The object as it is, or was at last. */
struct present {
	struct store_holder holder;
	struct former last; /* of a deleted one */
	struct store_object object;
};

static void
present_fini(struct present *p)
{
	former_fini(&p->last);
	holder_fini(&p->holder);
}

/* Of a deleted object. STORE_NOT_FOUND: nothing is known of it, or its place is gone. */
static int
present_read_gone(struct store *s, const struct id *id, struct present *p)
{
	const struct history *at = &p->last.at;
	struct store_object *o = &p->object;
	int64_t version;
	int r = gone_read(s, id, &p->last, &version);

	if (r == 0)
		r = former_read_links(&p->last);
	if (r == 0)
		r = scan_string(at->key, &p->holder.names);
	if (r != 0)
		return r;
	*o = (struct store_object){ .id = *id,
		.type = at->type,
		.key = span_of_buf(&p->holder.names),
		.scope = at->scope,
		.scope_id = at->scope_id,
		.value = at->value,
		.links = p->last.links,
		.n_links = p->last.n_links };
	return store_place(s, o->scope, &o->scope_id, &o->place);
}

/* The caller calls present_fini() in every case. */
static int
present_read(struct store *s, const struct id *id, struct present *p)
{
	int r;

	*p = (struct present){ 0 };
	holder_init(&p->holder);
	r = store_object_get(s, id, &p->holder, &p->object);
	return r == STORE_NOT_FOUND ? present_read_gone(s, id, p) : r;
}

/* Copies links and exclusions of the version, with what is to be secret in their overrides. */
static int
show_links(const struct value_transition *t, const struct present *p, const struct former *then,
    struct store_holder *h, struct store_object *out)
{
	struct span excludes = then->at.excludes;
	size_t n = then->n_links, n_excludes = 0, at = 0;
	struct store_link l, *links;
	int r = 0;

	while (history_next(&excludes, &l))
		n_excludes++;
	links = holder_links(h, n + n_excludes);
	if (!links && n + n_excludes)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		links[i] = then->links[i];
		r = value_restore(t, object_present_override(&p->object, &links[i].entity, i),
		    links[i].override, &h->link_text);
		links[i].override.n = h->link_text.len - at;
		at = h->link_text.len;
	}
	at = 0;
	for (size_t i = 0; i < n; i++) { /* the text moves no more */
		links[i].override.p = buf_str(&h->link_text) + at;
		at += links[i].override.n;
	}
	excludes = then->at.excludes;
	for (size_t i = 0; i < n_excludes; i++)
		(void)history_next(&excludes, &links[n + i]); /* as it was counted */
	out->links = links;
	out->n_links = n;
	out->excludes = links ? links + n : NULL;
	out->n_excludes = n_excludes;
	return r;
}

/* Copies the version into the holder. */
static int
show(const struct present *p, const struct former *then, struct store_holder *h,
    struct store_object *out)
{
	const struct store_object *was = &p->object;
	struct value_transition t = value_transition(was->type, was->value, then->at.value);
	int r;

	store_holder_wipe(h);
	if (!buf_room(&h->names, was->key.n + then->description.n + 2))
		return buf_error(&h->names);
	*out = (struct store_object){ .id = was->id,
		.type = was->type,
		.key = holder_name(&h->names, was->key),
		.scope = then->at.scope,
		.scope_id = then->at.scope_id,
		.place = was->place,
		.auto_link = then->at.auto_link,
		.auto_link_projects = then->at.auto_link_projects };
	if (then->description.p)
		out->description = holder_name(&h->names, then->description);
	r = value_restore(&t, was->value, then->at.value, &h->resolved);
	out->value = span_of_buf(&h->resolved);
	return r == 0 ? show_links(&t, p, then, h, out) : r;
}

int
store_object_version(struct store *s, const struct id *id, int64_t version, struct store_holder *h,
    struct store_object *out)
{
	struct former then = { 0 };
	struct present p;
	int r = present_read(s, id, &p);

	if (r == 0)
		r = former_read(s, id, version, &then);
	if (r == 0)
		r = former_read_links(&then);
	if (r == 0)
		r = show(&p, &then, h, out);
	out->version = version;
	former_fini(&then);
	present_fini(&p);
	return r;
}
