/* SPDX-License-Identifier: Apache-2.0 */
/* Every way of changing an environment object. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>

#include "base/json/scan.h"
#include "manager/store/version.h"

/* A row as writing needs it. */
struct writing {
	int64_t n, version; /* version: the one being written */
	struct id id, workspace;
	enum manager_type type;
	enum scope scope;
	bool secret_flag;
	int64_t now;
};

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
		r = store_seal(
		    s, "object", w->id.s, "sealed", w->version, span_of_buf(&plain), sealed);
	buf_fini(&plain);
	return r;
}

/* A link's or exclusion's target must be a Deployment or project in the object's own Workspace. */
static int
check_target(struct store *s, const struct writing *w, enum scope scope, const struct id *entity)
{
	sqlite3_stmt *st;
	int r;

	if (w->scope != SCOPE_WORKSPACE)
		return STORE_NO_ENTITY;
	if (scope == SCOPE_DEPLOYMENT)
		st = db_query(&s->db, "SELECT 1 FROM deployment WHERE id = ? AND workspace_id = ?",
		    "tt", entity->s, w->workspace.s);
	else if (scope == SCOPE_PROJECT)
		st = db_query(&s->db, "SELECT 1 FROM project WHERE id = ? AND workspace_id = ?",
		    "tt", entity->s, w->workspace.s);
	else
		return STORE_NO_ENTITY;
	r = db_row(st);
	if (r == 1)
		(void)sqlite3_reset(st); /* was fine */
	return r == 1 ? 0 : r == 0 ? STORE_NO_ENTITY : r;
}

/* The stored override of one link ("{}" when there is no link), appended. */
static int
read_override(struct store *s, const struct writing *w, const struct id *entity, struct buf *out)
{
	sqlite3_stmt *st =
	    db_query(&s->db, "SELECT version, sealed FROM link WHERE object = ? AND entity_id = ?",
		"it", w->n, entity->s);
	int r = db_row(st);

	if (r < 0)
		return r;
	if (r == 0) {
		buf_adds(out, "{}");
		return buf_error(out);
	}
	r = object_open_override(
	    s, &w->id, entity, sqlite3_column_int64(st, 0), db_blob(st, 1), out);
	(void)sqlite3_reset(st); /* was fine */
	return r;
}

static int
put_link(struct store *s, const struct writing *w, const struct store_link_request *l,
    size_t position, struct span override)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	char row[LINK_ROW_SIZE];
	int r = 0;

	if (override.n > LIMIT_VALUE)
		return -EMSGSIZE;
	object_link_row(row, &w->id, l->entity.s);
	if (override.n > 2) /* not "{}" */
		r = store_seal(s, "link", row, "override", w->version, override, &sealed);
	if (r == 0)
		r = db_run(db_query(&s->db,
		    "INSERT INTO link (object, entity_id, scope, position, version, sealed) "
		    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (object, entity_id) DO UPDATE SET "
		    "position = excluded.position, version = excluded.version, sealed = "
		    "excluded.sealed",
		    "ittiib", w->n, l->entity.s, scope_name(l->scope), (int64_t)position,
		    w->version, sealed.len ? span_of_buf(&sealed) : (struct span){ 0 }));
	buf_fini(&sealed);
	return r;
}

static int
write_link(struct store *s, const struct writing *w, const struct store_link_request *l,
    size_t position, bool description_sent)
{
	struct buf was = BUF_INIT(LIMIT_VALUE), now = BUF_INIT(2 * LIMIT_VALUE);
	int r = read_override(s, w, &l->entity, &was);

	if (r == 0)
		r = value_override_update(w->type, w->secret_flag, span_of_buf(&was), &l->override,
		    description_sent, &now);
	if (r == 0)
		r = put_link(s, w, l, position, span_of_buf(&now));
	buf_fini(&was);
	buf_fini(&now);
	return r;
}

/* The whole new set of links: those that are not named go, with their overrides. */
static int
write_links(struct store *s, const struct writing *w, const struct store_object_request *q,
    struct store_fault *fault)
{
	int r =
	    db_run(db_query(&s->db, "UPDATE link SET position = -1 WHERE object = ?", "i", w->n));

	fault->part = FAULT_LINK;
	for (size_t i = 0; i < q->n_links && r == 0; i++) {
		fault->index = i;
		r = check_target(s, w, q->links[i].scope, &q->links[i].entity);
		if (r == 0)
			r = write_link(s, w, &q->links[i], i, q->description.p != NULL);
	}
	if (r == 0)
		r = db_run(db_query(
		    &s->db, "DELETE FROM link WHERE object = ? AND position = -1", "i", w->n));
	return r;
}

static int
put_exclusion(
    struct store *s, const struct writing *w, const struct store_target *x, size_t position)
{
	return db_run(db_query(&s->db,
	    "INSERT INTO exclusion (object, entity_id, scope, position) VALUES (?, ?, ?, ?) "
	    "ON CONFLICT DO NOTHING",
	    "itti", w->n, x->entity.s, scope_name(x->scope), (int64_t)position));
}

static int
write_exclusions(struct store *s, const struct writing *w, const struct store_object_request *q,
    struct store_fault *fault)
{
	int r = db_run(db_query(&s->db, "DELETE FROM exclusion WHERE object = ?", "i", w->n));

	fault->part = FAULT_EXCLUDE;
	for (size_t i = 0; i < q->n_excludes && r == 0; i++) {
		fault->index = i;
		r = check_target(s, w, q->excludes[i].scope, &q->excludes[i].entity);
		if (r == 0)
			r = put_exclusion(s, w, &q->excludes[i], i);
	}
	return r;
}

static int
insert_object(struct store *s, struct writing *w, const struct store_object_request *q,
    const struct place *at, const struct store_actor *by)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	int r = seal_value(s, w, q->description, q->value, &sealed);

	if (r == 0)
		r = db_run(db_query(&s->db,
		    "INSERT INTO object (id, organization_id, workspace_id, scope, scope_id, type, "
		    "key, "
		    "auto_link, version, sealed, created_ms, created_by, created_by_name, "
		    "updated_ms, updated_by, updated_by_name, auto_link_projects) "
		    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?11, ?12, "
		    "?13, ?14)",
		    "ttttttsiibitsi", w->id.s, at->organization.s, at->workspace.s,
		    scope_name(q->scope), q->scope_id.s, manager_type_name(q->type), q->key,
		    (int64_t)q->auto_link, w->version, span_of_buf(&sealed), w->now, by->token.s,
		    actor_name(by), (int64_t)q->auto_link_projects));
	if (r == 0)
		w->n = sqlite3_last_insert_rowid(s->db.h);
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
		w->workspace = at.workspace;
		r = insert_object(s, w, q, &at, by);
	}
	if (r == 0)
		r = write_links(s, w, q, fault);
	if (r == 0)
		r = write_exclusions(s, w, q, fault);
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
		.secret_flag = value_is_secret(q->value),
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

/* ---- what is there changes ---- */

/* The row as it is, into the holder; *w is ready for the version after it. */
static int
read_for_writing(struct store *s, const struct id *id, struct store_holder *h,
    struct store_object *was, struct writing *w)
{
	sqlite3_stmt *st =
	    db_query(&s->db, "SELECT " OBJECT_COLUMNS " FROM object o WHERE o.id = ?", "t", id->s);
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	*w = (struct writing){ .n = sqlite3_column_int64(st, OBJECT_COL_N), .now = store_now() };
	r = object_read_row(s, st, h, was);
	(void)sqlite3_reset(st); /* was fine */
	if (r == 0)
		r = object_read_links(s, &s->db, w->n, h, was);
	if (r < 0)
		return r;
	w->id = was->id;
	w->version = was->version + 1;
	w->workspace = was->place.workspace;
	w->type = was->type;
	w->scope = was->scope;
	w->secret_flag = value_is_secret(was->value);
	return 0;
}

/* What of an object is in its own row. */
struct row {
	struct span description, value;
	bool auto_link, auto_link_projects;
};

static int
write_row(
    struct store *s, const struct writing *w, const struct row *row, const struct store_actor *by)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	int r = seal_value(s, w, row->description, row->value, &sealed);

	if (r == 0)
		r = db_run(db_query(&s->db,
		    "UPDATE object SET auto_link = ?2, version = ?3, sealed = ?4, updated_ms = ?5, "
		    "updated_by = ?6, updated_by_name = ?7, auto_link_projects = ?8 WHERE n = ?1",
		    "iiibitsi", w->n, (int64_t)row->auto_link, w->version, span_of_buf(&sealed),
		    w->now, by->token.s, actor_name(by), (int64_t)row->auto_link_projects));
	buf_fini(&sealed);
	return r;
}

static struct row
row_of(const struct store_object *o)
{
	return (struct row){ o->description, o->value, o->auto_link, o->auto_link_projects };
}

/* One kind of change, inside the transaction that change_object() keeps around it. */
struct change {
	enum audit_action action;
	int (*make)(struct store *s, struct writing *w, const struct store_object *was,
	    const struct change *c);
	const struct store_actor *by;
	const struct store_object_request *request;
	struct store_fault *fault;
	const struct store_target *target;
	int64_t version;
};

static int
change_in_transaction(
    struct store *s, const struct id *id, const struct change *c, struct store_holder *h)
{
	struct store_object was;
	struct writing w;
	int r = read_for_writing(s, id, h, &was, &w);

	/* Who saw it before and who sees it after: both views changed. */
	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = c->make(s, &w, &was, c);
	if (r == 0)
		r = tx_touch_object(s, w.n);
	return r == 0 ? history_record(s, c->action, id, &was, c->by) : r;
}

static int
change_object(struct store *s, const struct id *id, const struct change *c)
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

	row.value = span_of_buf(&value);
	if (r == 0)
		r = write_row(s, w, &row, c->by);
	if (r == 0)
		r = write_links(s, w, q, c->fault);
	if (r == 0)
		r = write_exclusions(s, w, q, c->fault);
	buf_fini(&value);
	return r;
}

int
store_object_update(struct store *s, const struct id *id, const struct store_object_request *q,
    const struct store_actor *by, struct store_fault *fault)
{
	struct change c = {
		.action = AUDIT_UPDATE, .make = make_update, .by = by, .request = q, .fault = fault
	};

	return change_object(s, id, &c);
}

static int
make_exclusion(
    struct store *s, struct writing *w, const struct store_object *was, const struct change *c)
{
	struct row row = row_of(was);
	int r = check_target(s, w, c->target->scope, &c->target->entity);

	if (r == 0)
		r = put_exclusion(s, w, c->target, was->n_excludes);
	return r == 0 ? write_row(s, w, &row, c->by) : r;
}

int
store_object_exclude(struct store *s, const struct id *id, const struct store_target *target,
    const struct store_actor *by)
{
	struct change c = {
		.action = AUDIT_EXCLUDE, .make = make_exclusion, .by = by, .target = target
	};

	return change_object(s, id, &c);
}

static int
make_promotion(
    struct store *s, struct writing *w, const struct store_object *was, const struct change *c)
{
	struct store_link_request origin = { .scope = SCOPE_DEPLOYMENT, .entity = was->scope_id };
	struct row row = row_of(was);
	int r;

	if (was->scope != SCOPE_DEPLOYMENT)
		return STORE_NOT_FOUND;
	r = db_run(db_query(&s->db,
	    "UPDATE object SET scope = 'WORKSPACE', scope_id = workspace_id WHERE n = ?", "i",
	    w->n));
	if (r == 0)
		r = put_link(s, w, &origin, 0, SPAN_LITERAL("{}"));
	return r == 0 ? write_row(s, w, &row, c->by) : r;
}

int
store_object_promote(struct store *s, const struct id *id, const struct store_actor *by)
{
	struct change c = { .action = AUDIT_PROMOTE, .make = make_promotion, .by = by };

	return change_object(s, id, &c);
}

/* Links and exclusions as they were, but for those whose place is gone. */
static int
restore_links(struct store *s, struct writing *w, const struct history *old)
{
	struct span at = old->links;
	struct store_link l;
	size_t position = 0;
	int r = db_run(db_query(&s->db, "DELETE FROM link WHERE object = ?", "i", w->n));

	while (r == 0 && history_next(&at, &l)) {
		struct store_link_request q = { .scope = l.scope, .entity = l.entity };

		r = check_target(s, w, l.scope, &l.entity);
		if (r == 0)
			r = put_link(s, w, &q, position++, l.override);
		else if (r == STORE_NO_ENTITY)
			r = 0;
	}
	if (r == 0)
		r = db_run(db_query(&s->db, "DELETE FROM exclusion WHERE object = ?", "i", w->n));
	at = old->excludes;
	while (r == 0 && history_next(&at, &l)) {
		struct store_target x = { l.scope, l.entity };

		r = check_target(s, w, l.scope, &l.entity);
		if (r == 0)
			r = put_exclusion(s, w, &x, position++);
		else if (r == STORE_NO_ENTITY)
			r = 0;
	}
	return r;
}

/* What an object was at one version. */
struct former {
	struct buf doc, text;
	struct history at; /* points into doc */
	struct span description;
};

static void
former_fini(struct former *f)
{
	buf_fini(&f->doc);
	buf_fini(&f->text);
}

/* STORE_NOT_FOUND, or an error: former_fini() all the same. */
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
make_restoration(
    struct store *s, struct writing *w, const struct store_object *was, const struct change *c)
{
	struct former f;
	int r = former_read(s, &was->id, c->version, &f);

	if (r == 0) {
		struct row row = { f.description, f.at.value, f.at.auto_link,
			f.at.auto_link_projects };

		r = write_row(s, w, &row, c->by);
	}
	if (r == 0)
		r = restore_links(s, w, &f.at);
	former_fini(&f);
	return r;
}

int
store_object_restore(
    struct store *s, const struct id *id, int64_t version, const struct store_actor *by)
{
	struct change c = {
		.action = AUDIT_RESTORE, .make = make_restoration, .by = by, .version = version
	};

	return change_object(s, id, &c);
}

static int
delete_in_transaction(
    struct store *s, const struct id *id, struct store_holder *h, const struct store_actor *by)
{
	struct store_object was;
	struct writing w;
	int r = read_for_writing(s, id, h, &was, &w);

	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = db_run(db_query(&s->db, "DELETE FROM object WHERE n = ?", "i", w.n));
	return r == 0 ? history_record_end(s, &was, by) : r;
}

int
store_object_delete(struct store *s, const struct id *id, const struct store_actor *by)
{
	struct store_holder h;
	int r = tx_begin(s);

	if (r < 0)
		return r;
	holder_init(&h);
	r = tx_end(s, delete_in_transaction(s, id, &h, by));
	holder_fini(&h);
	return r;
}

/* ---- what is gone comes back ---- */

/* Its last line in the audit log, to be read and then reset: 0, STORE_NOT_FOUND or -errno. */
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

/* The object that was deleted, as a request that would create it; its key is copied into *key. */
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

static int
revive_in_transaction(
    struct store *s, const struct id *id, int64_t version, const struct store_actor *by)
{
	struct buf key = BUF_INIT((size_t)4 * LIMIT_KEY);
	struct writing w = { .id = *id, .now = store_now() };
	struct store_object_request q = { 0 };
	struct former f;
	struct place at;
	int r = former_read(s, id, version, &f);

	if (r == 0)
		r = read_end(s, &w, &q, &key);
	if (r == 0)
		r = store_place(s, q.scope, &q.scope_id, &at);
	if (r == 0) {
		w.workspace = at.workspace;
		w.secret_flag = value_is_secret(f.at.value);
		q.description = f.description;
		q.value = f.at.value;
		q.auto_link = f.at.auto_link;
		q.auto_link_projects = f.at.auto_link_projects;
		r = insert_object(s, &w, &q, &at, by);
	}
	if (r == 0)
		r = restore_links(s, &w, &f.at);
	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = history_record(s, AUDIT_RESTORE, id, NULL, by);
	former_fini(&f);
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
