/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, updating, deleting, excluding and promoting an environment object. */
#include "manager/store/sql/object_internal.h"

#include <errno.h>

static int
seal_value(struct store *s, const struct writing *w, struct span description, struct span value,
    struct buf *sealed)
{
	struct buf plain = BUF_INIT(PLAIN_MAX);
	int r;

	if (value.n > LIMIT_VALUE)
		return -EMSGSIZE;
	object_pack(&plain, description, value);
	r = buf_error(&plain);
	if (r == 0)
		r = column_seal(
		    s->keys, "object", w->id.s, "sealed", w->version, span_of_buf(&plain), sealed);
	buf_fini(&plain);
	return r;
}

static int
insert_row(struct store *s, struct writing *w, const struct store_object_request *q,
    const struct place *at, struct span sealed, const struct store_actor *by)
{
	return db_run_returning(
	    db_query(store_db(s),
		"INSERT INTO object (id, organization_id, workspace_id, scope, scope_id, type, "
		"key, "
		"auto_link, version, sealed, created_ms, created_by, created_by_name, updated_ms, "
		"updated_by, updated_by_name, auto_link_projects, draw) VALUES (?1, ?2, ?3, ?4, "
		"?5, "
		"?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?11, ?12, ?13, ?14, ?15) RETURNING n",
		"ttttttsiibitsii", w->id.s, at->organization.s, at->workspace.s,
		scope_name(q->scope), q->scope_id.s, manager_type_name(q->type), q->key,
		(int64_t)q->auto_link, w->version, sealed, w->now, by->token.s, actor_name(by),
		(int64_t)q->auto_link_projects, (int64_t)tx_draw(s)),
	    &w->n);
}

/*
 * Checks that the key is free. A row with this key that does not verify counts as absent, and is
 * deleted. STORE_CONFLICT: an object has the key.
 */
static int
free_key(struct store *s, const struct store_object_request *q)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT " OBJECT_COLUMNS " FROM object o WHERE o.scope_id = ? AND o.type = ? AND "
	    "o.key = ?",
	    "tts", q->scope_id.s, manager_type_name(q->type), q->key);
	struct store_holder h;
	struct store_object o;
	int64_t n;
	int r = db_row(st);

	if (r < 1)
		return r;
	n = db_int64(st, OBJECT_COL_N);
	holder_init(&h);
	r = object_read_row(s, store_db(s), st, &h, &o);
	holder_fini(&h);
	db_reset(st);
	if (r != STORE_NOT_FOUND)
		return r < 0 && r != -EBADMSG ? r : STORE_CONFLICT;
	authentic_forget(s, &o.id);
	return db_run(db_query(store_db(s), "DELETE FROM object WHERE n = ?", "i", n));
}

int
object_insert(struct store *s, struct writing *w, const struct store_object_request *q,
    const struct place *at, const struct store_actor *by)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	int r = seal_value(s, w, q->description, q->value, &sealed);

	if (r == 0)
		r = free_key(s, q);
	if (r == 0)
		r = insert_row(s, w, q, at, span_of_buf(&sealed), by);
	buf_fini(&sealed);
	return r;
}

static int
create_in_transaction(struct store *s, struct writing *w, const struct store_object_request *q,
    const struct store_actor *by, struct store_fault *fault)
{
	struct place at;
	int r = store_place(s, q->scope, &q->scope_id, &at);

	fault->part = FAULT_SCOPE;
	if (r == STORE_NOT_FOUND || q->scope == SCOPE_ORGANIZATION)
		return STORE_NO_ENTITY;
	if (r == 0) {
		fault->part = FAULT_VALUE;
		w->workspace = at.workspace;
		r = object_insert(s, w, q, &at, by);
	}
	if (r == 0)
		r = object_write_links(s, w, q, fault);
	if (r == 0)
		r = object_write_exclusions(s, w, q, fault);
	if (r == 0)
		r = authentic_write_object(s, w->n);
	if (r == 0)
		r = tx_touch_object(s, w->n);
	return r == 0 ? history_record(s, AUDIT_CREATE, &w->id, NULL, by) : r;
}

int
store_object_create(struct store *s, const struct store_object_request *q,
    const struct store_actor *by, struct id *out, struct store_fault *fault)
{
	struct writing w = { .version = 1,
		.type = q->type,
		.scope = q->scope,
		.secrets = value_transition(q->type, q->value, q->value),
		.now = store_now() };
	int r;

	store_new_id(&w.id);
	r = tx_begin(s);
	if (r < 0)
		return r;
	r = tx_end(s, create_in_transaction(s, &w, q, by, fault));
	if (r == 0)
		*out = w.id;
	return r;
}

/* ---- changing an object that is there ---- */

static bool
is_expected(const struct store_object *o, const struct store_version *expect)
{
	return !expect || (expect->number == o->version && expect->draw == o->draw);
}

/*
 * Reads the object into the holder and prepares *w for the version after it. STORE_STALE: it is
 * not in the expected state.
 */
static int
read_for_writing(struct store *s, const struct id *id, const struct store_version *expect,
    struct store_holder *h, struct store_object *was, struct writing *w)
{
	struct statement *st = db_query(
	    store_db(s), "SELECT " OBJECT_COLUMNS " FROM object o WHERE o.id = ?", "t", id->s);
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	*w = (struct writing){ .n = db_int64(st, OBJECT_COL_N), .now = store_now() };
	r = object_read_row(s, store_db(s), st, h, was);
	db_reset(st);
	if (r == 0)
		r = object_read_links(s, store_db(s), w->n, h, was);
	if (r != 0)
		return r;
	if (!is_expected(was, expect))
		return STORE_STALE;
	w->id = was->id;
	w->version = was->version + 1;
	w->workspace = was->place.workspace;
	w->type = was->type;
	w->scope = was->scope;
	w->secrets = value_transition(was->type, was->value, was->value);
	return 0;
}

int
object_write_row(
    struct store *s, const struct writing *w, const struct row *row, const struct store_actor *by)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	int r = seal_value(s, w, row->description, row->value, &sealed);

	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "UPDATE object SET auto_link = ?2, version = ?3, sealed = ?4, updated_ms = ?5, "
		    "updated_by = ?6, updated_by_name = ?7, auto_link_projects = ?8, draw = ?9 "
		    "WHERE n = ?1",
		    "iiibitsii", w->n, (int64_t)row->auto_link, w->version, span_of_buf(&sealed),
		    w->now, by->token.s, actor_name(by), (int64_t)row->auto_link_projects,
		    (int64_t)tx_draw(s)));
	buf_fini(&sealed);
	return r;
}

static struct row
row_of(const struct store_object *o)
{
	return (struct row){ o->description, o->value, o->auto_link, o->auto_link_projects };
}

static int
change_in_transaction(
    struct store *s, const struct id *id, const struct change *c, struct store_holder *h)
{
	struct store_object was;
	struct writing w;
	int r = read_for_writing(s, id, c->expect, h, &was, &w);

	/*
	 * Gives a new version to the views that showed the object before, and to those that show it
	 * now.
	 */
	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = c->make(s, &w, &was, c);
	if (r == 0)
		r = authentic_write_object(s, w.n);
	if (r == 0)
		r = tx_touch_object(s, w.n);
	return r == 0 ? history_record(s, c->action, id, &was, c->by) : r;
}

int
object_change(struct store *s, const struct id *id, const struct change *c)
{
	struct store_holder h;
	int r = tx_begin(s);

	if (r < 0)
		return r;
	holder_init(&h);
	r = tx_end(s, change_in_transaction(s, id, c, &h));
	holder_fini(&h);
	return r;
}

static int
make_update(
    struct store *s, struct writing *w, const struct store_object *was, const struct change *c)
{
	const struct store_object_request *q = c->request;
	struct buf value = BUF_INIT(2 * LIMIT_VALUE);
	struct row row = { .description = q->description.p ? q->description : was->description,
		.auto_link = q->auto_link,
		.auto_link_projects = q->auto_link_projects };
	int r = value_update(was->type, was->value, q->value, &value);

	c->fault->part = FAULT_VALUE;
	row.value = span_of_buf(&value);
	w->secrets = value_transition(was->type, was->value, row.value);
	if (r == 0)
		r = object_write_row(s, w, &row, c->by);
	if (r == 0)
		r = object_write_links(s, w, q, c->fault);
	if (r == 0)
		r = object_write_exclusions(s, w, q, c->fault);
	buf_fini(&value);
	return r;
}

int
store_object_update(struct store *s, const struct id *id, const struct store_object_request *q,
    const struct store_version *expect, const struct store_actor *by, struct store_fault *fault)
{
	struct change c = { .action = AUDIT_UPDATE,
		.make = make_update,
		.expect = expect,
		.by = by,
		.request = q,
		.fault = fault };

	return object_change(s, id, &c);
}

static int
make_exclusion(
    struct store *s, struct writing *w, const struct store_object *was, const struct change *c)
{
	struct row row = row_of(was);
	int r = object_check_target(s, w, c->target->scope, &c->target->entity);

	if (r == 0)
		r = object_put_exclusion(s, w, c->target, was->n_excludes);
	return r == 0 ? object_write_row(s, w, &row, c->by) : r;
}

int
store_object_exclude(struct store *s, const struct id *id, const struct store_target *target,
    const struct store_version *expect, const struct store_actor *by)
{
	struct change c = { .action = AUDIT_EXCLUDE,
		.make = make_exclusion,
		.expect = expect,
		.by = by,
		.target = target };

	return object_change(s, id, &c);
}

static int
make_promotion(
    struct store *s, struct writing *w, const struct store_object *was, const struct change *c)
{
	const struct store_target origin = { SCOPE_DEPLOYMENT, was->scope_id };
	struct row row = row_of(was);
	int r;

	if (was->scope != SCOPE_DEPLOYMENT)
		return STORE_NOT_FOUND;
	r = db_run(db_query(store_db(s),
	    "UPDATE object SET scope = 'WORKSPACE', scope_id = workspace_id WHERE n = ?", "i",
	    w->n));
	if (r == 0)
		r = object_put_link(s, w, &origin, 0, SPAN_LITERAL(VALUE_NO_OVERRIDE));
	return r == 0 ? object_write_row(s, w, &row, c->by) : r;
}

int
store_object_promote(struct store *s, const struct id *id, const struct store_version *expect,
    const struct store_actor *by)
{
	struct change c = {
		.action = AUDIT_PROMOTE, .make = make_promotion, .expect = expect, .by = by
	};

	return object_change(s, id, &c);
}

static int
delete_in_transaction(struct store *s, const struct id *id, const struct store_version *expect,
    struct store_holder *h, const struct store_actor *by)
{
	struct store_object was;
	struct writing w;
	int r = read_for_writing(s, id, expect, h, &was, &w);

	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = db_run(db_query(store_db(s), "DELETE FROM object WHERE n = ?", "i", w.n));
	return r == 0 ? history_record_end(s, &was, by) : r;
}

int
store_object_delete(struct store *s, const struct id *id, const struct store_version *expect,
    const struct store_actor *by)
{
	struct store_holder h;
	int r = tx_begin(s);

	if (r < 0)
		return r;
	holder_init(&h);
	r = tx_end(s, delete_in_transaction(s, id, expect, &h, by));
	holder_fini(&h);
	return r;
}
