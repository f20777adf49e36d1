/* SPDX-License-Identifier: Apache-2.0 */
/* Organizations, Workspaces and Deployments. */
#include "manager/store_sqlite.h"

#include <errno.h>

/* Every statement here gives: id, organization, workspace, name, secrets_fetching, created, updated. */
static const char *const get_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = "SELECT id, id, '', name, secrets_fetching, created_ms, updated_ms "
			       "FROM organization WHERE id = ?",
	[SCOPE_WORKSPACE] = "SELECT id, organization_id, '', name, 0, created_ms, updated_ms "
			    "FROM workspace WHERE id = ?",
	[SCOPE_DEPLOYMENT] =
	    "SELECT id, organization_id, workspace_id, name, 0, created_ms, updated_ms "
	    "FROM deployment WHERE id = ?",
};
/* ?1: the parent, or '' for all; ?2, ?3: limit and offset. */
static const char *const list_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] =
	    "SELECT id, id, '', name, secrets_fetching, created_ms, updated_ms "
	    "FROM organization WHERE ?1 IN ('', id) ORDER BY name, id LIMIT ?2 OFFSET ?3",
	[SCOPE_WORKSPACE] =
	    "SELECT id, organization_id, '', name, 0, created_ms, updated_ms "
	    "FROM workspace WHERE organization_id = ?1 ORDER BY name, id LIMIT ?2 OFFSET ?3",
	[SCOPE_DEPLOYMENT] =
	    "SELECT id, organization_id, workspace_id, name, 0, created_ms, updated_ms "
	    "FROM deployment WHERE workspace_id = ?1 OR organization_id = ?1 "
	    "ORDER BY name, id LIMIT ?2 OFFSET ?3",
};
static const char *const count_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = "SELECT count(*) FROM organization WHERE ?1 IN ('', id)",
	[SCOPE_WORKSPACE] = "SELECT count(*) FROM workspace WHERE organization_id = ?1",
	[SCOPE_DEPLOYMENT] =
	    "SELECT count(*) FROM deployment WHERE workspace_id = ?1 OR organization_id = ?1",
};
/* ?1 id, ?2 parent, ?3 name, ?4 now; nothing is inserted when the parent is not there. */
static const char *const create_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] =
	    "INSERT INTO organization (id, name, secrets_fetching, created_ms, updated_ms) "
	    "SELECT ?1, ?3, 1, ?4, ?4 WHERE ?2 = ''",
	[SCOPE_WORKSPACE] =
	    "INSERT INTO workspace (id, organization_id, name, created_ms, updated_ms) "
	    "SELECT ?1, id, ?3, ?4, ?4 FROM organization WHERE id = ?2",
	[SCOPE_DEPLOYMENT] =
	    "INSERT INTO deployment (id, organization_id, workspace_id, name, created_ms, "
	    "updated_ms) "
	    "SELECT ?1, organization_id, id, ?3, ?4, ?4 FROM workspace WHERE id = ?2",
};

static void
read_entity(sqlite3_stmt *st, enum scope scope, struct store_entity *out)
{
	*out = (struct store_entity){ .scope = scope };
	db_id(st, 0, &out->id);
	db_id(st, 1, &out->organization);
	db_id(st, 2, &out->workspace);
	out->name = db_text(st, 3);
	out->secrets_fetching = sqlite3_column_int(st, 4);
	out->created_ms = sqlite3_column_int64(st, 5);
	out->updated_ms = sqlite3_column_int64(st, 6);
}

int
store_entity_get(struct store *s, enum scope scope, const struct id *id, struct store_entity *out)
{
	sqlite3_stmt *st;
	int r;

	if (!get_sql[scope])
		return STORE_NOT_FOUND;
	st = db_query(&s->db, get_sql[scope], "t", id->s);
	r = db_row(st);
	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	read_entity(st, scope, out);
	buf_reset(&s->entity_text);
	buf_add(&s->entity_text, out->name.p, out->name.n);
	out->name.p = buf_str(&s->entity_text);
	(void)sqlite3_reset(st); /* was fine */
	return buf_error(&s->entity_text);
}

int
store_entity_list(struct store *s, enum scope scope, const struct id *parent, int64_t offset,
    int64_t limit, int (*each)(void *arg, const struct store_entity *e), void *arg, int64_t *total)
{
	sqlite3_stmt *st;
	int r;

	if (total) {
		st = db_query(&s->db, count_sql[scope], "t", parent->s);
		r = db_row(st);
		if (r < 0)
			return r;
		*total = r == 1 ? sqlite3_column_int64(st, 0) : 0;
		(void)sqlite3_reset(st); /* was fine */
	}
	st = db_query(&s->db, list_sql[scope], "tii", parent->s, limit, offset);
	while ((r = db_row(st)) == 1) {
		struct store_entity e;

		read_entity(st, scope, &e);
		r = each(arg, &e);
		if (r != 0) {
			(void)sqlite3_reset(st); /* was fine */
			return r;
		}
	}
	return r;
}

int
store_entity_create(struct store *s, enum scope scope, const struct id *parent, struct span name,
    const struct store_actor *by, struct id *out)
{
	struct id id;
	int r;

	(void)by;
	store_new_id(&id);
	r = tx_begin(s);
	if (r < 0)
		return r;
	r = db_run(db_query(&s->db, create_sql[scope], "ttsi", id.s, parent->s, name, store_now()));
	if (r == 0 && sqlite3_changes(s->db.h) == 0)
		r = STORE_NO_ENTITY;
	r = tx_end(s, r);
	if (r == 0)
		*out = id;
	return r;
}

/* ?1 id, ?2 name, ?3 now. */
static const char *const rename_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = "UPDATE organization SET name = ?2, updated_ms = ?3 WHERE id = ?1",
	[SCOPE_WORKSPACE] = "UPDATE workspace SET name = ?2, updated_ms = ?3 WHERE id = ?1",
	[SCOPE_DEPLOYMENT] = "UPDATE deployment SET name = ?2, updated_ms = ?3 WHERE id = ?1",
};

int
store_entity_rename(struct store *s, enum scope scope, const struct id *id, struct span name,
    const struct store_actor *by)
{
	int r = tx_begin(s);

	(void)by;
	if (r < 0)
		return r;
	r = db_run(db_query(&s->db, rename_sql[scope], "tsi", id->s, name, store_now()));
	if (r == 0 && sqlite3_changes(s->db.h) == 0)
		r = STORE_NOT_FOUND;
	return tx_end(s, r);
}

/* Everything that is at a place or names it, but the place itself; who looked at it sees that. */
static int
clear_place(struct store *s, const struct store_entity *e, int64_t now)
{
	static const struct id none = { "" };
	const struct id *workspace = e->scope == SCOPE_WORKSPACE ? &none : &e->workspace;
	int r = tx_touch_scope(s, e->scope, &e->id, workspace);

	if (r == 0)
		r = tx_touch_scope(s, SCOPE_ORGANIZATION, &e->organization, &none);
	if (r == 0 && e->scope != SCOPE_WORKSPACE) /* whose objects were linked to it */
		r = tx_touch_scope(s, SCOPE_WORKSPACE, &e->workspace, &none);
	if (r == 0)
		r = db_run(db_query(&s->db, "DELETE FROM link WHERE entity_id = ?", "t", e->id.s));
	if (r == 0)
		r = db_run(
		    db_query(&s->db, "DELETE FROM exclusion WHERE entity_id = ?", "t", e->id.s));
	if (r == 0)
		r = db_run(db_query(&s->db, "DELETE FROM object WHERE scope_id = ?", "t", e->id.s));
	if (r == 0)
		r = db_run(db_query(&s->db,
		    "UPDATE token SET revoked_ms = ?2 WHERE scope_id = ?1 AND revoked_ms = 0", "ti",
		    e->id.s, now));
	return r;
}

static int
has_deployments(struct store *s, const struct id *workspace)
{
	sqlite3_stmt *st = db_query(
	    &s->db, "SELECT 1 FROM deployment WHERE workspace_id = ? LIMIT 1", "t", workspace->s);
	int r = db_row(st);

	if (r == 1)
		(void)sqlite3_reset(st); /* was fine */
	return r;
}

static int
delete_in_transaction(struct store *s, enum scope scope, const struct id *id, int64_t now)
{
	static const char *const delete_sql[SCOPE_N] = {
		[SCOPE_WORKSPACE] = "DELETE FROM workspace WHERE id = ?",
		[SCOPE_DEPLOYMENT] = "DELETE FROM deployment WHERE id = ?",
	};
	struct store_entity e;
	int r = store_entity_get(s, scope, id, &e);

	if (r != 0)
		return r;
	if (scope == SCOPE_ORGANIZATION)
		return STORE_NOT_EMPTY;
	r = scope == SCOPE_WORKSPACE ? has_deployments(s, id) : 0;
	if (r != 0)
		return r < 0 ? r : STORE_NOT_EMPTY;
	r = clear_place(s, &e, now);
	return r == 0 ? db_run(db_query(&s->db, delete_sql[scope], "t", id->s)) : r;
}

/* Of the tokens that a deletion has revoked. */
static void
tell_tokens(struct store *s, const struct id *scope_id, int64_t revoked_ms)
{
	sqlite3_stmt *st =
	    db_query(&s->db, "SELECT id FROM token WHERE scope_id = ? AND revoked_ms = ?", "ti",
		scope_id->s, revoked_ms);

	while (db_row(st) == 1) {
		struct store_event e = { .kind = STORE_EVENT_TOKEN };

		db_id(st, 0, &e.id);
		store_tell(s, &e);
	}
}

int
store_entity_delete(
    struct store *s, enum scope scope, const struct id *id, const struct store_actor *by)
{
	int64_t now = store_now();
	int r = tx_begin(s);

	(void)by;
	if (r < 0)
		return r;
	r = tx_end(s, delete_in_transaction(s, scope, id, now));
	if (r == 0)
		tell_tokens(s, id, now);
	return r;
}

int
store_organization_set_secrets(
    struct store *s, const struct id *id, bool on, const struct store_actor *by)
{
	struct store_event e = {
		.kind = STORE_EVENT_ORGANIZATION, .scope = SCOPE_ORGANIZATION, .id = *id
	};
	int r = tx_begin(s);

	(void)by;
	if (r < 0)
		return r;
	r = db_run(db_query(&s->db,
	    "UPDATE organization SET secrets_fetching = ?2, updated_ms = ?3 WHERE id = ?1", "tii",
	    id->s, (int64_t)on, store_now()));
	if (r == 0 && sqlite3_changes(s->db.h) == 0)
		r = STORE_NOT_FOUND;
	r = tx_end(s, r);
	if (r == 0)
		store_tell(s, &e);
	return r;
}

int
store_place(struct store *s, enum scope scope, const struct id *id, struct place *out)
{
	struct store_entity e;
	int r = store_entity_get(s, scope, id, &e);

	if (r != 0)
		return r;
	*out = (struct place){ .organization = e.organization, .workspace = e.workspace };
	if (scope == SCOPE_WORKSPACE)
		out->workspace = e.id;
	else if (scope == SCOPE_DEPLOYMENT)
		out->deployment = e.id;
	return 0;
}
