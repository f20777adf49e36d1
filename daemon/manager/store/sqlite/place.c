/* SPDX-License-Identifier: Apache-2.0 */
/* Organizations, Workspaces, Deployments and projects. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <stdio.h>

#define ENTITY                                                                                     \
	"SELECT id, organization_id, workspace_id, deployment_id, name, secrets_fetching, "        \
	"created_ms, updated_ms, "                                                                 \
	"(SELECT w.name FROM workspace w WHERE w.id = entity.workspace_id), description, "         \
	"cicd_enforced FROM entity "

static void
read_entity(sqlite3_stmt *st, enum scope scope, struct store_entity *out)
{
	*out = (struct store_entity){ .scope = scope };
	db_id(st, 0, &out->id);
	db_id(st, 1, &out->organization);
	db_id(st, 2, &out->workspace);
	db_id(st, 3, &out->deployment);
	out->name = db_text(st, 4);
	out->secrets_fetching = sqlite3_column_int(st, 5);
	out->created_ms = sqlite3_column_int64(st, 6);
	out->updated_ms = sqlite3_column_int64(st, 7);
	out->workspace_name = db_text(st, 8);
	out->description = db_text(st, 9);
	out->cicd_enforced = sqlite3_column_int(st, 10);
}

int
store_entity_get(struct store *s, enum scope scope, const struct id *id, struct store_entity *out)
{
	const struct store_entity *kept = cache_entity(s, scope, id);
	sqlite3_stmt *st;
	int r;

	if (kept) {
		*out = *kept;
		return 0;
	}
	st = db_query(&s->db, ENTITY "WHERE scope = ? AND id = ?", "tt", scope_name(scope), id->s);
	r = db_row(st);
	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	read_entity(st, scope, out);
	buf_reset(&s->entity_text);
	buf_add(&s->entity_text, out->name.p, out->name.n);
	buf_add(&s->entity_text, out->workspace_name.p, out->workspace_name.n);
	buf_add(&s->entity_text, out->description.p, out->description.n);
	(void)sqlite3_reset(st); /* was fine */
	if (buf_error(&s->entity_text))
		return buf_error(&s->entity_text);
	entity_point_to(out, buf_str(&s->entity_text));
	cache_keep_entity(s, out);
	return 0;
}

static int
each_entity(sqlite3_stmt *st, enum scope scope,
    int (*each)(void *arg, const struct store_entity *e), void *arg)
{
	int r;

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

#define ENTITY_OF "WHERE scope = ?1 AND (parent_id = ?2 OR (?2 <> '' AND organization_id = ?2)) "

int
store_entity_list(struct store *s, enum scope scope, const struct id *parent, int64_t offset,
    int64_t limit, int (*each)(void *arg, const struct store_entity *e), void *arg, int64_t *total)
{
	sqlite3_stmt *st;
	int r;

	if (total) {
		st = db_query(&s->db, "SELECT count(*) FROM entity " ENTITY_OF, "tt",
		    scope_name(scope), parent->s);
		r = db_row(st);
		if (r < 0)
			return r;
		*total = r == 1 ? sqlite3_column_int64(st, 0) : 0;
		(void)sqlite3_reset(st); /* was fine */
	}
	return each_entity(db_query(&s->db, ENTITY ENTITY_OF "ORDER BY name, id LIMIT ?3 OFFSET ?4",
			       "ttii", scope_name(scope), parent->s, limit, offset),
	    scope, each, arg);
}

static void
add_entity_order(struct buf *sql, const struct store_entity_order *order)
{
	static const char *const columns[] = {
		[STORE_ENTITY_NAME] = "name",
		[STORE_ENTITY_CREATED] = "created_ms",
		[STORE_ENTITY_UPDATED] = "updated_ms",
	};

	buf_adds(sql, ENTITY ENTITY_OF "ORDER BY ");
	for (size_t i = 0; i < order->n_sorts && i < STORE_MAX_SORTS; i++)
		buf_addf(sql, "%s%s, ", columns[order->sorts[i].by],
		    order->sorts[i].descending ? " DESC" : "");
	buf_adds(sql, "name, id");
}

int
store_entity_list_sorted(struct store *s, enum scope scope, const struct id *parent,
    const struct store_entity_order *order, int (*each)(void *arg, const struct store_entity *e),
    void *arg)
{
	struct buf sql = BUF_INIT(2048);
	sqlite3_stmt *st = NULL;
	int r;

	if (!order->n_sorts) /* whose statement is kept */
		return store_entity_list(s, scope, parent, 0, -1, each, arg, NULL);
	add_entity_order(&sql, order);
	r = buf_error(&sql);
	if (r == 0)
		r = db_error(sqlite3_prepare_v2(s->db.h, buf_str(&sql), (int)sql.len, &st, NULL));
	if (r == 0)
		r = db_error(sqlite3_bind_text(st, 1, scope_name(scope), -1, SQLITE_TRANSIENT));
	if (r == 0)
		r = db_error(sqlite3_bind_text(st, 2, parent->s, -1, SQLITE_TRANSIENT));
	if (r == 0)
		r = each_entity(st, scope, each, arg);
	(void)sqlite3_finalize(st); /* its last step told */
	buf_fini(&sql);
	return r;
}

/* A line about a place itself, which this transaction changes. */
static int
audit_entity(struct store *s, enum audit_action action, const struct store_entity *e,
    struct span fields, const struct store_actor *by)
{
	struct audit_entry a = { .action = action,
		.organization = e->organization,
		.workspace = e->scope == SCOPE_WORKSPACE ? e->id : e->workspace,
		.scope = e->scope,
		.scope_id = e->id,
		.subject = e->id,
		.key = e->name,
		.fields = fields };

	s->entities_changed = true;
	return audit_add(s, &a, by);
}

/* What a change is about. */
struct told {
	bool name, description, cicd_enforced, deployment, secrets_fetching;
};

/* The API's names for it, as the history has them. */
#define FIELDS_SIZE 64

static struct span
entity_fields(char out[static FIELDS_SIZE], enum scope scope, const struct told *told)
{
	const char *cicd = scope == SCOPE_WORKSPACE ? "cicdEnforcedDefault" : "isCicdEnforced";
	const char *names[] = { told->name ? "name" : NULL,
		told->description ? "description" : NULL, told->cicd_enforced ? cicd : NULL,
		told->deployment ? "deployment" : NULL,
		told->secrets_fetching ? "environmentSecretsFetching" : NULL };
	int n = 0;

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		if (names[i])
			n += snprintf(out + n, (size_t)(FIELDS_SIZE - n), "%s\"%s\"", n ? "," : "[",
			    names[i]);
	}
	n += snprintf(out + n, (size_t)(FIELDS_SIZE - n), n ? "]" : "[]");
	return (struct span){ out, (size_t)n };
}

/*
 * ?1 id, ?2 parent, ?3 name, ?4 now, ?5 description, ?6 whether CI/CD is enforced (-1: not told); nothing is
 * inserted when the parent is not there. Each has the parameters of its kinds.
 */
static const struct entity_sql {
	const char *sql, *kinds;
} create_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = { "INSERT INTO organization (id, name, secrets_fetching, "
				 "created_ms, updated_ms) SELECT ?1, ?3, 1, ?4, ?4 WHERE ?2 = ''",
	    "ttsi" },
	[SCOPE_WORKSPACE] = { "INSERT INTO workspace (id, organization_id, name, created_ms, "
			      "updated_ms, description, cicd_enforced) SELECT ?1, id, ?3, ?4, ?4, "
			      "?5, max(?6, 0) FROM organization WHERE id = ?2",
	    "ttsisi" },
	[SCOPE_DEPLOYMENT] = { "INSERT INTO deployment (id, organization_id, workspace_id, name, "
			       "created_ms, updated_ms, description, cicd_enforced) "
			       "SELECT ?1, organization_id, id, ?3, ?4, ?4, ?5, "
			       "iif(?6 < 0, cicd_enforced, ?6) FROM workspace WHERE id = ?2",
	    "ttsisi" },
	[SCOPE_PROJECT] = { "INSERT INTO project (id, organization_id, workspace_id, name, "
			    "created_ms, updated_ms, description) SELECT ?1, organization_id, id, "
			    "?3, ?4, ?4, ?5 FROM workspace WHERE id = ?2",
	    "ttsis" },
};
/* ?1 id, ?2 now, ?3 name, ?4 description, ?5 whether CI/CD is enforced, ?6 whether secrets may be fetched. */
static const struct entity_sql update_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = { "UPDATE organization SET updated_ms = ?2, name = ?3, "
				 "secrets_fetching = ?6 WHERE id = ?1",
	    "tissii" },
	[SCOPE_WORKSPACE] = { "UPDATE workspace SET updated_ms = ?2, name = ?3, description = ?4, "
			      "cicd_enforced = ?5 WHERE id = ?1",
	    "tissi" },
	[SCOPE_DEPLOYMENT] = { "UPDATE deployment SET updated_ms = ?2, name = ?3, description = "
			       "?4, cicd_enforced = ?5 WHERE id = ?1",
	    "tissi" },
	[SCOPE_PROJECT] = { "UPDATE project SET updated_ms = ?2, name = ?3, description = ?4 "
			    "WHERE id = ?1",
	    "tiss" },
};
static const char *const delete_sql[SCOPE_N] = {
	[SCOPE_WORKSPACE] = "DELETE FROM workspace WHERE id = ?",
	[SCOPE_DEPLOYMENT] = "DELETE FROM deployment WHERE id = ?",
	[SCOPE_PROJECT] = "DELETE FROM project WHERE id = ?",
};

/* Whose objects the project sees besides its own. STORE_NO_ENTITY: none of its Workspace. */
static int
set_deployment(struct store *s, const struct store_entity *project, const struct id *deployment)
{
	int r = db_run(db_query(&s->db,
	    "UPDATE project SET deployment_id = nullif(?2, '') WHERE id = ?1 AND (?2 = '' OR "
	    "EXISTS "
	    "(SELECT 1 FROM deployment d WHERE d.id = ?2 AND d.workspace_id = "
	    "project.workspace_id))",
	    "tt", project->id.s, deployment->s));

	if (r == 0 && sqlite3_changes(s->db.h) == 0)
		r = STORE_NO_ENTITY;
	return r == 0 ? tx_touch_scope(s, SCOPE_PROJECT, &project->id, &project->workspace) : r;
}

static int
create_in_transaction(struct store *s, enum scope scope, const struct id *parent,
    const struct store_entity_set *set, const struct store_actor *by, const struct id *id)
{
	const struct told told = { .name = true,
		.description = set->description.p,
		.cicd_enforced = set->has_cicd,
		.deployment = set->deployment };
	const struct entity_sql *make = &create_sql[scope];
	int64_t cicd = set->has_cicd ? set->cicd_enforced : -1;
	char fields[FIELDS_SIZE];
	struct store_entity e;
	int r = db_run(db_query(&s->db, make->sql, make->kinds, id->s, parent->s, set->name,
	    store_now(), set->description, cicd));

	if (r == 0 && sqlite3_changes(s->db.h) == 0)
		r = STORE_NO_ENTITY;
	if (r == 0)
		r = store_entity_get(s, scope, id, &e);
	if (r == 0 && set->deployment)
		r = set_deployment(s, &e, set->deployment);
	if (r != 0)
		return r;
	return audit_entity(s, AUDIT_CREATE_ENTITY, &e, entity_fields(fields, scope, &told), by);
}

int
store_entity_create(struct store *s, enum scope scope, const struct id *parent,
    const struct store_entity_set *set, const struct store_actor *by, struct id *out)
{
	struct id id;
	int r = tx_begin(s);

	if (r < 0)
		return r;
	store_new_id(&id);
	r = tx_end(s, create_in_transaction(s, scope, parent, set, by, &id));
	if (r == 0)
		*out = id;
	return r;
}

/* What is told and another now, into the place as it was. */
static struct told
lay_over(struct store_entity *e, const struct store_entity_set *set)
{
	const struct told told = { .name = set->name.p && !span_equal(set->name, e->name),
		.description = set->description.p &&
			       (!e->description.p || !span_equal(set->description, e->description)),
		.cicd_enforced = set->has_cicd && set->cicd_enforced != e->cicd_enforced,
		.deployment = set->deployment && !id_equal(set->deployment, &e->deployment),
		.secrets_fetching =
		    set->has_secrets && set->secrets_fetching != e->secrets_fetching };

	if (told.name)
		e->name = set->name;
	if (told.description)
		e->description = set->description;
	if (told.cicd_enforced)
		e->cicd_enforced = set->cicd_enforced;
	if (told.secrets_fetching)
		e->secrets_fetching = set->secrets_fetching;
	return told;
}

static int
update_in_transaction(struct store *s, enum scope scope, const struct id *id,
    const struct store_entity_set *set, const struct store_actor *by)
{
	const struct entity_sql *update = &update_sql[scope];
	char fields[FIELDS_SIZE];
	struct store_entity e;
	struct told told;
	int r = store_entity_get(s, scope, id, &e);

	if (r != 0)
		return r;
	told = lay_over(&e, set);
	r = db_run(db_query(&s->db, update->sql, update->kinds, id->s, store_now(), e.name,
	    e.description, (int64_t)e.cicd_enforced, (int64_t)e.secrets_fetching));
	if (r == 0 && told.deployment)
		r = set_deployment(s, &e, set->deployment);
	if (r != 0)
		return r;
	return audit_entity(s, AUDIT_UPDATE_ENTITY, &e, entity_fields(fields, scope, &told), by);
}

int
store_entity_update(struct store *s, enum scope scope, const struct id *id,
    const struct store_entity_set *set, const struct store_actor *by)
{
	const struct store_event e = {
		.kind = STORE_EVENT_ORGANIZATION, .scope = scope, .id = *id
	};
	int r = tx_begin(s);

	if (r < 0)
		return r;
	r = tx_end(s, update_in_transaction(s, scope, id, set, by));
	if (r == 0 && set->has_secrets)
		store_tell(s, &e);
	return r;
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
	if (r == 0) /* they have no place to come back to */
		r = db_run(db_query(&s->db,
		    "DELETE FROM version WHERE object_id IN "
		    "(SELECT id FROM object WHERE scope_id = ?)",
		    "t", e->id.s));
	if (r == 0)
		r = db_run(db_query(&s->db, "DELETE FROM object WHERE scope_id = ?", "t", e->id.s));
	if (r == 0)
		r = db_run(db_query(&s->db,
		    "UPDATE token SET revoked_ms = ?2 WHERE scope_id = ?1 AND revoked_ms = 0", "ti",
		    e->id.s, now));
	return r;
}

/* Whether anything lives in a Workspace that must go first. */
static int
is_empty(struct store *s, const struct id *workspace)
{
	sqlite3_stmt *st = db_query(
	    &s->db, "SELECT 1 FROM entity WHERE workspace_id = ? LIMIT 1", "t", workspace->s);
	int r = db_row(st);

	if (r == 1)
		(void)sqlite3_reset(st); /* was fine */
	return r < 0 ? r : r == 0 ? 0 : STORE_NOT_EMPTY;
}

static int
delete_in_transaction(struct store *s, enum scope scope, const struct id *id, int64_t now,
    const struct store_actor *by)
{
	struct store_entity e;
	int r = store_entity_get(s, scope, id, &e);

	if (r != 0)
		return r;
	r = scope == SCOPE_ORGANIZATION ? STORE_NOT_EMPTY
	    : scope == SCOPE_WORKSPACE  ? is_empty(s, id)
					: 0;
	if (r == 0)
		r = clear_place(s, &e, now);
	if (r == 0)
		r = db_run(db_query(&s->db, delete_sql[scope], "t", id->s));
	return r == 0 ? audit_entity(s, AUDIT_DELETE_ENTITY, &e, (struct span){ 0 }, by) : r;
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

	if (r < 0)
		return r;
	r = tx_end(s, delete_in_transaction(s, scope, id, now, by));
	if (r == 0)
		tell_tokens(s, id, now);
	return r;
}

int
store_organization_set_secrets(
    struct store *s, const struct id *id, bool on, const struct store_actor *by)
{
	const struct store_entity_set set = { .has_secrets = true, .secrets_fetching = on };

	return store_entity_update(s, SCOPE_ORGANIZATION, id, &set, by);
}

struct place
store_entity_place(const struct store_entity *e)
{
	struct place p = { .organization = e->organization, .workspace = e->workspace };

	if (e->scope == SCOPE_WORKSPACE)
		p.workspace = e->id;
	else if (e->scope == SCOPE_DEPLOYMENT)
		p.deployment = e->id;
	else if (e->scope == SCOPE_PROJECT)
		p.project = e->id;
	return p;
}

int
store_place(struct store *s, enum scope scope, const struct id *id, struct place *out)
{
	struct store_entity e;
	int r = store_entity_get(s, scope, id, &e);

	if (r == 0)
		*out = store_entity_place(&e);
	return r;
}
