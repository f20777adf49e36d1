/* SPDX-License-Identifier: Apache-2.0 */
/* Environment objects: reading one, and every way of changing one. */
#include "manager/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "manager/resolve.h"
#include "proto/limits.h"

/*
 * What is sealed of an object is its description and its value in one: the description's length in four
 * bytes, little-endian (all ones: there is none), its text, the value's document.
 */
#define HEAD           4
#define NO_DESCRIPTION 0xffffffffU

/* ---- reading ---- */

void
holder_init(struct store_holder *h)
{
	*h = (struct store_holder){ 0 };
	buf_init(&h->names, 64 * 1024);
	buf_init(&h->sealed, PLAIN_MAX);
	buf_init(&h->override, LIMIT_VALUE);
	buf_init(&h->resolved, 2 * LIMIT_VALUE);
	buf_init(&h->link_text, 64 * LIMIT_VALUE);
}

void
holder_fini(struct store_holder *h)
{
	buf_fini(&h->names);
	buf_fini(&h->sealed);
	buf_fini(&h->override);
	buf_fini(&h->resolved);
	buf_fini(&h->link_text);
	mem_free(h->links);
	h->links = NULL;
	h->links_room = 0;
}

struct store_holder *
store_holder_new(void)
{
	struct store_holder *h = mem_alloc(sizeof *h);

	if (h)
		holder_init(h);
	return h;
}

struct store_holder *
store_holder_free(struct store_holder *h)
{
	if (h)
		holder_fini(h);
	mem_free(h);
	return NULL;
}

static void
pack(struct buf *out, struct span description, struct span value)
{
	uint32_t n = description.p ? (uint32_t)description.n : NO_DESCRIPTION;
	uint8_t head[HEAD] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
		(uint8_t)(n >> 24) };

	buf_add(out, head, sizeof head);
	if (description.p)
		buf_add(out, description.p, description.n);
	buf_add(out, value.p, value.n);
}

static int
unpack(const struct buf *plain, struct span *description, struct span *value)
{
	const uint8_t *p = (const uint8_t *)plain->data;
	size_t n;

	if (plain->len < HEAD)
		return -EBADMSG;
	n = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
	*description = (struct span){ 0 };
	if (n == NO_DESCRIPTION)
		n = 0;
	else
		*description = (struct span){ plain->data + HEAD, n };
	if (n > plain->len - HEAD)
		return -EBADMSG;
	*value = (struct span){ plain->data + HEAD + n, plain->len - HEAD - n };
	return 0;
}

/* Names are copied: the statement's own text goes with its next step. */
static struct span
hold(struct buf *names, struct span text)
{
	size_t at = names->len;

	buf_add(names, text.p, text.n);
	buf_addc(names, '\0');
	return buf_error(names) ? (struct span){ "", 0 }
				: (struct span){ names->data + at, text.n };
}

int
object_read_row(struct store *s, sqlite3_stmt *st, struct store_holder *h, struct store_object *out)
{
	struct span key = db_text(st, OBJECT_COL_KEY);
	struct span created = db_text(st, OBJECT_COL_CREATED_BY_NAME);
	struct span updated = db_text(st, OBJECT_COL_UPDATED_BY_NAME);
	int r;

	*out = (struct store_object){ 0 };
	buf_reset(&h->names);
	buf_reset(&h->sealed);
	if (!buf_room(&h->names, key.n + created.n + updated.n + 3)) /* it must not move */
		return buf_error(&h->names);
	out->key = hold(&h->names, key);
	out->created_by.name = hold(&h->names, created);
	out->updated_by.name = hold(&h->names, updated);
	db_id(st, OBJECT_COL_CREATED_BY, &out->created_by.token);
	db_id(st, OBJECT_COL_UPDATED_BY, &out->updated_by.token);
	db_id(st, OBJECT_COL_ID, &out->id);
	db_id(st, OBJECT_COL_SCOPE_ID, &out->scope_id);
	db_id(st, OBJECT_COL_ORGANIZATION, &out->place.organization);
	db_id(st, OBJECT_COL_WORKSPACE, &out->place.workspace);
	out->auto_link = sqlite3_column_int(st, OBJECT_COL_AUTO_LINK);
	out->created_ms = sqlite3_column_int64(st, OBJECT_COL_CREATED_MS);
	out->updated_ms = sqlite3_column_int64(st, OBJECT_COL_UPDATED_MS);
	r = db_type(st, OBJECT_COL_TYPE, &out->type);
	if (r == 0)
		r = db_scope(st, OBJECT_COL_SCOPE, &out->scope);
	if (r == 0 && out->scope == SCOPE_DEPLOYMENT)
		out->place.deployment = out->scope_id;
	if (r == 0)
		r = store_open_sealed(s, "object", out->id.s, "sealed",
		    sqlite3_column_int64(st, OBJECT_COL_VERSION), db_blob(st, OBJECT_COL_SEALED),
		    &h->sealed);
	return r == 0 ? unpack(&h->sealed, &out->description, &out->value) : r;
}

static struct store_link *
links_room(struct store_holder *h, size_t n)
{
	if (n > h->links_room) {
		size_t room = n < 16 ? 16 : 2 * n;
		struct store_link *p = mem_resize(h->links, room * sizeof *p);

		if (!p)
			return NULL;
		h->links = p;
		h->links_room = room;
	}
	return h->links;
}

/* A link's row for what its override is bound to. */
static void
link_row(char out[static 2 * ID_LENGTH + 2], const struct id *object, const char *entity)
{
	snprintf(out, 2 * ID_LENGTH + 2, "%s/%s", object->s, entity);
}

/* The override of a link: "{}" appended when there is none. */
static int
open_override(struct store *s, const struct id *object, const struct id *entity, int64_t version,
    struct span sealed, struct buf *out)
{
	char row[2 * ID_LENGTH + 2];

	if (!sealed.p) {
		buf_adds(out, "{}");
		return buf_error(out);
	}
	link_row(row, object, entity->s);
	return store_open_sealed(s, "link", row, "override", version, sealed, out);
}

int
object_read_links(
    struct store *s, struct db *db, int64_t n, struct store_holder *h, struct store_object *out)
{
	/* Exclusions have no override and come last. */
	sqlite3_stmt *st = db_query(db,
	    "SELECT 0 AS part, scope, entity_id, version, sealed, position FROM link WHERE object "
	    "= ?1 "
	    "UNION ALL SELECT 1, scope, entity_id, 0, NULL, position FROM exclusion WHERE object = "
	    "?1 "
	    "ORDER BY part, position",
	    "i", n);
	size_t n_all = 0, n_links = 0, at;
	int r;

	buf_reset(&h->link_text);
	while ((r = db_row(st)) == 1) {
		struct store_link *l = links_room(h, n_all + 1);

		r = l ? 0 : -ENOMEM;
		if (r == 0) {
			l += n_all++;
			*l = (struct store_link){ 0 };
			db_id(st, 2, &l->entity);
			r = db_scope(st, 1, &l->scope);
		}
		if (r == 0 && sqlite3_column_int(st, 0) == 0) {
			n_links++;
			at = h->link_text.len;
			r = open_override(s, &out->id, &l->entity, sqlite3_column_int64(st, 3),
			    db_blob(st, 4), &h->link_text);
			l->override.n = h->link_text.len - at;
		}
		if (r < 0) {
			(void)sqlite3_reset(st); /* r tells */
			return r;
		}
	}
	/* Only now does the text stay where it is. */
	at = 0;
	for (size_t i = 0; i < n_links; i++) {
		h->links[i].override.p = h->link_text.data + at;
		at += h->links[i].override.n;
	}
	out->links = h->links;
	out->n_links = n_links;
	out->excludes = h->links ? h->links + n_links : NULL;
	out->n_excludes = n_all - n_links;
	return r;
}

int
store_object_get(
    struct store *s, const struct id *id, struct store_holder *h, struct store_object *out)
{
	sqlite3_stmt *st =
	    db_query(&s->db, "SELECT " OBJECT_COLUMNS " FROM object o WHERE o.id = ?", "t", id->s);
	int64_t n;
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	n = sqlite3_column_int64(st, OBJECT_COL_N);
	r = object_read_row(s, st, h, out);
	(void)sqlite3_reset(st); /* was fine */
	return r == 0 ? object_read_links(s, &s->db, n, h, out) : r;
}

int
object_resolve_row(struct store *s, sqlite3_stmt *st, const struct id *deployment,
    struct store_holder *h, struct store_object *out)
{
	struct span sealed = db_blob(st, OBJECT_COL_OVERRIDE);
	int r;

	out->resolved_link = sqlite3_column_int(st, OBJECT_COL_VIA_LINK);
	if (!sealed.p)
		return 0;
	buf_reset(&h->override);
	buf_reset(&h->resolved);
	r = open_override(s, &out->id, deployment,
	    sqlite3_column_int64(st, OBJECT_COL_OVERRIDE_VERSION), sealed, &h->override);
	if (r == 0)
		r = resolve_value(out->type, out->value,
		    (struct span){ buf_str(&h->override), h->override.len }, &h->resolved);
	if (r == 0)
		out->value = (struct span){ buf_str(&h->resolved), h->resolved.len };
	return r;
}

/* ---- writing ---- */

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
	pack(&plain, description, value);
	r = buf_error(&plain);
	if (r == 0)
		r = store_seal(s, "object", w->id.s, "sealed", w->version,
		    (struct span){ buf_str(&plain), plain.len }, sealed);
	buf_fini(&plain);
	return r;
}

/* A link's or exclusion's target must be a Deployment in the object's own Workspace. */
static int
check_target(struct store *s, const struct writing *w, enum scope scope, const struct id *entity)
{
	sqlite3_stmt *st;
	int r;

	if (scope != SCOPE_DEPLOYMENT || w->scope != SCOPE_WORKSPACE)
		return STORE_NO_ENTITY;
	st = db_query(&s->db, "SELECT 1 FROM deployment WHERE id = ? AND workspace_id = ?", "tt",
	    entity->s, w->workspace.s);
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
	r = open_override(s, &w->id, entity, sqlite3_column_int64(st, 0), db_blob(st, 1), out);
	(void)sqlite3_reset(st); /* was fine */
	return r;
}

static int
put_link(struct store *s, const struct writing *w, const struct store_link_request *l,
    size_t position, struct span override)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	char row[2 * ID_LENGTH + 2];
	int r = 0;

	if (override.n > LIMIT_VALUE)
		return -EMSGSIZE;
	link_row(row, &w->id, l->entity.s);
	if (override.n > 2) /* not "{}" */
		r = store_seal(s, "link", row, "override", w->version, override, &sealed);
	if (r == 0)
		r = db_run(db_query(&s->db,
		    "INSERT INTO link (object, entity_id, scope, position, version, sealed) "
		    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (object, entity_id) DO UPDATE SET "
		    "position = excluded.position, version = excluded.version, sealed = "
		    "excluded.sealed",
		    "ittiib", w->n, l->entity.s, scope_name(l->scope), (int64_t)position,
		    w->version,
		    sealed.len ? (struct span){ buf_str(&sealed), sealed.len }
			       : (struct span){ 0 }));
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
		r = value_override_update(w->type, w->secret_flag,
		    (struct span){ buf_str(&was), was.len }, &l->override, description_sent, &now);
	if (r == 0)
		r = put_link(s, w, l, position, (struct span){ buf_str(&now), now.len });
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
		    "updated_ms, updated_by, updated_by_name) "
		    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?11, ?12, "
		    "?13)",
		    "ttttttsiibits", w->id.s, at->organization.s, at->workspace.s,
		    scope_name(q->scope), q->scope_id.s, manager_type_name(q->type), q->key,
		    (int64_t)q->auto_link, w->version,
		    (struct span){ buf_str(&sealed), sealed.len }, w->now, by->token.s,
		    actor_name(by)));
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
	return r == 0 ? tx_touch_object(s, w->n) : r;
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
	*w = (struct writing){ .n = sqlite3_column_int64(st, OBJECT_COL_N),
		.version = sqlite3_column_int64(st, OBJECT_COL_VERSION) + 1,
		.now = store_now() };
	r = object_read_row(s, st, h, was);
	(void)sqlite3_reset(st); /* was fine */
	w->id = was->id;
	w->workspace = was->place.workspace;
	w->type = was->type;
	w->scope = was->scope;
	if (r == 0)
		w->secret_flag = value_is_secret(was->value);
	return r;
}

static int
write_object(struct store *s, const struct writing *w, struct span description, struct span value,
    bool auto_link, const struct store_actor *by)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	int r = seal_value(s, w, description, value, &sealed);

	if (r == 0)
		r = db_run(db_query(&s->db,
		    "UPDATE object SET auto_link = ?2, version = ?3, sealed = ?4, updated_ms = ?5, "
		    "updated_by = ?6, updated_by_name = ?7 WHERE n = ?1",
		    "iiibits", w->n, (int64_t)auto_link, w->version,
		    (struct span){ buf_str(&sealed), sealed.len }, w->now, by->token.s,
		    actor_name(by)));
	buf_fini(&sealed);
	return r;
}

static int
update_in_transaction(struct store *s, const struct id *id, struct store_holder *h,
    const struct store_object_request *q, const struct store_actor *by, struct store_fault *fault)
{
	struct buf value = BUF_INIT(2 * LIMIT_VALUE);
	struct store_object was;
	struct writing w;
	int r = read_for_writing(s, id, h, &was, &w);

	if (r == 0)
		r = value_update(was.type, was.value, q->value, &value);
	/* Who saw it before and who sees it after: both views changed. */
	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = write_object(s, &w, q->description.p ? q->description : was.description,
		    (struct span){ buf_str(&value), value.len }, q->auto_link, by);
	if (r == 0)
		r = write_links(s, &w, q, fault);
	if (r == 0)
		r = write_exclusions(s, &w, q, fault);
	if (r == 0)
		r = tx_touch_object(s, w.n);
	buf_fini(&value);
	return r;
}

int
store_object_update(struct store *s, const struct id *id, const struct store_object_request *q,
    const struct store_actor *by, struct store_fault *fault)
{
	struct store_holder h;
	int r = tx_begin(s);

	if (r < 0)
		return r;
	holder_init(&h);
	r = tx_end(s, update_in_transaction(s, id, &h, q, by, fault));
	holder_fini(&h);
	return r;
}

static int
find_row(struct store *s, const struct id *id, struct writing *w)
{
	sqlite3_stmt *st =
	    db_query(&s->db, "SELECT n, workspace_id, scope FROM object WHERE id = ?", "t", id->s);
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	*w = (struct writing){ .n = sqlite3_column_int64(st, 0), .id = *id, .now = store_now() };
	db_id(st, 1, &w->workspace);
	r = db_scope(st, 2, &w->scope);
	(void)sqlite3_reset(st); /* was fine */
	return r;
}

int
store_object_delete(struct store *s, const struct id *id, const struct store_actor *by)
{
	struct writing w;
	int r = tx_begin(s);

	(void)by;
	if (r < 0)
		return r;
	r = find_row(s, id, &w);
	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = db_run(db_query(&s->db, "DELETE FROM object WHERE n = ?", "i", w.n));
	return tx_end(s, r);
}

int
store_object_exclude(struct store *s, const struct id *id, const struct store_target *target,
    const struct store_actor *by)
{
	struct writing w;
	int r = tx_begin(s);

	if (r < 0)
		return r;
	r = find_row(s, id, &w);
	if (r == 0)
		r = check_target(s, &w, target->scope, &target->entity);
	if (r == 0)
		r = tx_touch_object(s, w.n);
	if (r == 0)
		r = db_run(db_query(&s->db,
		    "INSERT INTO exclusion (object, entity_id, scope, position) "
		    "SELECT ?1, ?2, ?3, coalesce(max(position), -1) + 1 FROM exclusion WHERE "
		    "object = ?1 "
		    "ON CONFLICT DO NOTHING",
		    "itt", w.n, target->entity.s, scope_name(target->scope)));
	if (r == 0)
		r = db_run(db_query(&s->db,
		    "UPDATE object SET updated_ms = ?2, updated_by = ?3, updated_by_name = ?4 "
		    "WHERE n = ?1",
		    "iits", w.n, w.now, by->token.s, actor_name(by)));
	return tx_end(s, r);
}
