/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, changing and deleting organizations, Workspaces, Deployments and projects. */
#include "manager/store/sql/sql.h"

#include <errno.h>
#include <stdio.h>

/* An audit row about a place that this transaction changes. */
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

	int r = tx_signal(s, SIGNAL_PLACE, e->scope, &e->id);

	s->session->entities_changed = true;
	return r == 0 ? audit_add(s, &a, by) : r;
}

/* The members that a change sets to something new. */
struct given {
	bool name, description, cicd_enforced, deployment, secrets_fetching;
};

/* Their names in the API, for the audit log. */
#define FIELDS_SIZE 64

static struct span
entity_fields(char out[static FIELDS_SIZE], enum scope scope, const struct given *g)
{
	const char *cicd = scope == SCOPE_WORKSPACE ? "cicdEnforcedDefault" : "isCicdEnforced";
	const char *names[] = { g->name ? "name" : NULL, g->description ? "description" : NULL,
		g->cicd_enforced ? cicd : NULL, g->deployment ? "deployment" : NULL,
		g->secrets_fetching ? "environmentSecretsFetching" : NULL };
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
 * Parameters of each statement: ?1 id, ?2 organization, ?3 Workspace, ?4 name, ?5 now, ?6
 * description, ?7 whether CI/CD is enforced, ?8 a project's Deployment, ?9 whether secrets may be
 * fetched, ?10 MAC.
 */
#define ROW_KINDS "tttsisitib"

static const char *const create_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = "INSERT INTO organization (id, name, secrets_fetching, created_ms, "
			       "updated_ms, mac) VALUES (?1, ?4, ?9, ?5, ?5, ?10)",
	[SCOPE_WORKSPACE] = "INSERT INTO workspace (id, organization_id, name, created_ms, "
			    "updated_ms, description, cicd_enforced, mac) "
			    "VALUES (?1, ?2, ?4, ?5, ?5, ?6, ?7, ?10)",
	[SCOPE_DEPLOYMENT] = "INSERT INTO deployment (id, organization_id, workspace_id, name, "
			     "created_ms, updated_ms, description, cicd_enforced, mac) "
			     "VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?10)",
	[SCOPE_PROJECT] = "INSERT INTO project (id, organization_id, workspace_id, name, "
			  "created_ms, updated_ms, description, deployment_id, mac) "
			  "VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, nullif(?8, ''), ?10)",
};
static const char *const update_sql[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = "UPDATE organization SET updated_ms = ?5, name = ?4, "
			       "secrets_fetching = ?9, mac = ?10 WHERE id = ?1",
	[SCOPE_WORKSPACE] = "UPDATE workspace SET updated_ms = ?5, name = ?4, description = ?6, "
			    "cicd_enforced = ?7, mac = ?10 WHERE id = ?1",
	[SCOPE_DEPLOYMENT] = "UPDATE deployment SET updated_ms = ?5, name = ?4, description = ?6, "
			     "cicd_enforced = ?7, mac = ?10 WHERE id = ?1",
	[SCOPE_PROJECT] = "UPDATE project SET updated_ms = ?5, name = ?4, description = ?6, "
			  "deployment_id = nullif(?8, ''), mac = ?10 WHERE id = ?1",
};
static const char *const delete_sql[SCOPE_N] = {
	[SCOPE_WORKSPACE] = "DELETE FROM workspace WHERE id = ?",
	[SCOPE_DEPLOYMENT] = "DELETE FROM deployment WHERE id = ?",
	[SCOPE_PROJECT] = "DELETE FROM project WHERE id = ?",
};

static int
write_entity(struct store *s, const char *const sql[SCOPE_N], const struct store_entity *e)
{
	uint8_t mac[ROW_MAC_SIZE];
	int r = authentic_place_mac(s, e, mac);

	if (r < 0)
		return r;
	return db_run(db_query(store_db(s), sql[e->scope], ROW_KINDS, e->id.s, e->organization.s,
	    e->workspace.s, e->name, store_now(), e->description, (int64_t)e->cicd_enforced,
	    e->deployment.s, (int64_t)e->secrets_fetching,
	    (struct span){ (char *)mac, sizeof mac }));
}

/*
 * Finds the Workspace of the Deployment that a project gets; "" for no Deployment. STORE_NO_ENTITY.
 */
static int
deployment_workspace(struct store *s, const struct id *deployment, struct id *out)
{
	struct place at = { 0 };
	int r = id_is_none(deployment) ? 0 : store_place(s, SCOPE_DEPLOYMENT, deployment, &at);

	*out = at.workspace;
	return r == STORE_NOT_FOUND ? STORE_NO_ENTITY : r;
}

/* Gives a project its Deployment. STORE_NO_ENTITY: it is not in the project's Workspace. */
static int
set_deployment(struct store *s, struct store_entity *project, const struct id *deployment,
    const struct id *workspace)
{
	if (!id_is_none(deployment) && !id_equal(&project->workspace, workspace))
		return STORE_NO_ENTITY;
	project->deployment = *deployment;
	return tx_touch_scope(s, SCOPE_PROJECT, &project->id, &project->workspace);
}

/* ---- create ---- */

/* Sets what the new place inherits. STORE_NO_ENTITY: the parent does not exist. */
static int
set_parent(struct store *s, const struct id *parent, struct store_entity *e)
{
	struct store_entity p;
	int r;

	e->organization = e->id;
	e->secrets_fetching = e->scope == SCOPE_ORGANIZATION;
	if (e->scope == SCOPE_ORGANIZATION)
		return id_is_none(parent) ? 0 : STORE_NO_ENTITY;
	r = store_entity_get(
	    s, e->scope == SCOPE_WORKSPACE ? SCOPE_ORGANIZATION : SCOPE_WORKSPACE, parent, &p);
	if (r != 0)
		return r < 0 ? r : STORE_NO_ENTITY;
	e->organization = p.organization;
	if (e->scope != SCOPE_WORKSPACE)
		e->workspace = p.id;
	e->cicd_enforced = e->scope == SCOPE_DEPLOYMENT && p.cicd_enforced;
	return 0;
}

static int
create_in_transaction(struct store *s, const struct id *parent, const struct store_entity_set *set,
    const struct store_actor *by, struct store_entity *e)
{
	const struct given given = { .name = true,
		.description = set->description.p,
		.cicd_enforced = set->has_cicd,
		.deployment = set->deployment };
	char fields[FIELDS_SIZE];
	struct id workspace = { 0 };
	int r = set->deployment ? deployment_workspace(s, set->deployment, &workspace) : 0;

	if (r == 0)
		r = set_parent(s, parent, e);
	if (r == 0 && set->has_cicd)
		e->cicd_enforced = set->cicd_enforced;
	if (r == 0 && set->deployment)
		r = set_deployment(s, e, set->deployment, &workspace);
	if (r == 0)
		r = write_entity(s, create_sql, e);
	if (r != 0)
		return r;
	return audit_entity(s, AUDIT_CREATE_ENTITY, e, entity_fields(fields, e->scope, &given), by);
}

int
store_entity_create(struct store *s, enum scope scope, const struct id *parent,
    const struct store_entity_set *set, const struct store_actor *by, struct id *out)
{
	struct store_entity e = {
		.scope = scope, .name = set->name, .description = set->description
	};
	int r = tx_begin(s);

	if (r < 0)
		return r;
	store_new_id(&e.id);
	r = tx_end(s, create_in_transaction(s, parent, set, by, &e));
	if (r == 0)
		*out = e.id;
	return r;
}

/* ---- update ---- */

/* Applies the members of `set` that differ to `e`; returns which they are. */
static struct given
lay_over(struct store_entity *e, const struct store_entity_set *set)
{
	const struct given given = { .name = set->name.p && !span_equal(set->name, e->name),
		.description = set->description.p &&
			       (!e->description.p || !span_equal(set->description, e->description)),
		.cicd_enforced = set->has_cicd && set->cicd_enforced != e->cicd_enforced,
		.deployment = set->deployment && !id_equal(set->deployment, &e->deployment),
		.secrets_fetching =
		    set->has_secrets && set->secrets_fetching != e->secrets_fetching };

	if (given.name)
		e->name = set->name;
	if (given.description)
		e->description = set->description;
	if (given.cicd_enforced)
		e->cicd_enforced = set->cicd_enforced;
	if (given.secrets_fetching)
		e->secrets_fetching = set->secrets_fetching;
	return given;
}

static int
update_in_transaction(struct store *s, enum scope scope, const struct id *id,
    const struct store_entity_set *set, const struct store_actor *by)
{
	char fields[FIELDS_SIZE];
	struct id workspace = { 0 };
	struct store_entity e;
	struct given given;
	int r = set->deployment ? deployment_workspace(s, set->deployment, &workspace) : 0;

	if (r == 0)
		r = store_entity_get(s, scope, id, &e);
	if (r != 0)
		return r;
	given = lay_over(&e, set);
	if (given.deployment)
		r = set_deployment(s, &e, set->deployment, &workspace);
	if (r == 0)
		r = write_entity(s, update_sql, &e);
	if (r != 0)
		return r;
	return audit_entity(s, AUDIT_UPDATE_ENTITY, &e, entity_fields(fields, scope, &given), by);
}

static int
write_update(struct store *s, enum scope scope, const struct id *id,
    const struct store_entity_set *set, const struct store_actor *by)
{
	int r = tx_begin(s);

	return r < 0 ? r : tx_end(s, update_in_transaction(s, scope, id, set, by));
}

static const struct store_entity_set switched_off = { .has_secrets = true };

int
place_write_switch_off(struct store *s, const struct id *organization, const struct store_actor *by)
{
	return write_update(s, SCOPE_ORGANIZATION, organization, &switched_off, by);
}

/* True if the only change is that fetching secrets is switched off. */
static bool
is_switch_off(enum scope scope, const struct store_entity_set *set)
{
	return scope == SCOPE_ORGANIZATION && set->has_secrets && !set->secrets_fetching &&
	       !set->name.p && !set->description.p && !set->has_cicd && !set->deployment;
}

static int
switch_off(struct store *s, const struct id *organization, const struct store_actor *by)
{
	struct deferred d = { .kind = STORE_EVENT_ORGANIZATION, .id = *organization };

	return deferred_run(s, &d, by);
}

int
store_entity_update(struct store *s, enum scope scope, const struct id *id,
    const struct store_entity_set *set, const struct store_actor *by)
{
	const struct store_event e = {
		.kind = STORE_EVENT_ORGANIZATION, .scope = scope, .id = *id
	};
	int r;

	if (is_switch_off(scope, set))
		return switch_off(s, id, by);
	r = write_update(s, scope, id, set, by);
	if (r != 0 || !set->has_secrets)
		return r;
	deferred_forget(s, STORE_EVENT_ORGANIZATION, id);
	store_tell_own(s, &e);
	return 0;
}

int
store_organization_set_secrets(
    struct store *s, const struct id *id, bool on, const struct store_actor *by)
{
	const struct store_entity_set set = { .has_secrets = true, .secrets_fetching = on };

	return store_entity_update(s, SCOPE_ORGANIZATION, id, &set, by);
}

/* ---- delete ---- */

/*
 * Deletes the links and exclusions of object n that name the place, which changes the object's
 * state.
 */
static int
unlink_object(struct store *s, int64_t n, const struct id *place)
{
	struct statement *st =
	    db_query(store_db(s), "SELECT " OBJECT_COLUMNS " FROM object o WHERE o.n = ?", "i", n);
	struct store_object o;
	int verified, r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	verified = object_read_head(st, &o);
	if (verified == 0)
		verified = authentic_object_row(s, store_db(s), n, &o, db_blob(st, OBJECT_COL_MAC));
	db_reset(st);
	if (verified < 0 && verified != -EUCLEAN)
		return verified;
	r = db_run(db_query(
	    store_db(s), "DELETE FROM link WHERE object = ? AND entity_id = ?", "it", n, place->s));
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "DELETE FROM exclusion WHERE object = ? AND entity_id = ?", "it", n, place->s));
	if (r != 0 || verified != 0) /* a row that was edited must not get a MAC */
		return r;
	r = db_run(db_query(
	    store_db(s), "UPDATE object SET draw = ?2 WHERE n = ?1", "ii", n, (int64_t)tx_draw(s)));
	return r == 0 ? authentic_write_object(s, n) : r;
}

static int
unlink_objects(struct store *s, const struct id *place)
{
	for (;;) {
		struct statement *st = db_query(store_db(s),
		    "SELECT object FROM link WHERE entity_id = ?1 UNION ALL "
		    "SELECT object FROM exclusion WHERE entity_id = ?1 LIMIT 1",
		    "t", place->s);
		int r = db_row(st);

		if (r == 1) {
			int64_t n = db_int64(st, 0);

			db_reset(st);
			r = unlink_object(s, n, place);
			if (r == 0)
				continue;
		}
		return r;
	}
}

/* Projects whose view has the Deployment's objects. */
static int
leave_projects(struct store *s, const struct id *deployment)
{
	for (;;) {
		struct statement *st = db_query(store_db(s),
		    "SELECT id FROM project WHERE deployment_id = ? LIMIT 1", "t", deployment->s);
		struct store_entity e;
		struct id id;
		int r = db_row(st);

		if (r < 1)
			return r;
		db_id(st, 0, &id);
		db_reset(st);
		r = store_entity_get(s, SCOPE_PROJECT, &id, &e);
		if (r == 0) {
			e.deployment = (struct id){ 0 };
			r = write_entity(s, update_sql, &e);
		} else if (r == STORE_NOT_FOUND) { /* a row that was edited must not get a MAC */
			r = db_run(db_query(store_db(s),
			    "UPDATE project SET deployment_id = NULL WHERE id = ?", "t", id.s));
		}
		if (r != 0)
			return r;
	}
}

/* Deletes the place's objects, and their versions: without the place they could not be restored. */
static int
delete_objects(struct store *s, const struct id *place)
{
	int r = db_run(db_query(store_db(s),
	    "DELETE FROM version WHERE object_id IN (SELECT id FROM object WHERE scope_id = ?)",
	    "t", place->s));

	return r == 0 ? db_run(db_query(
			    store_db(s), "DELETE FROM object WHERE scope_id = ?", "t", place->s))
		      : r;
}

/* Gives every view that shows something of the place a new version. */
static int
touch_views(struct store *s, const struct store_entity *e)
{
	static const struct id none = { "" };
	const struct id *workspace = e->scope == SCOPE_WORKSPACE ? &none : &e->workspace;
	int r = tx_touch_scope(s, e->scope, &e->id, workspace);

	if (r == 0)
		r = tx_touch_scope(s, SCOPE_ORGANIZATION, &e->organization, &none);
	/* links of its objects may have named the place */
	if (r == 0 && e->scope != SCOPE_WORKSPACE)
		r = tx_touch_scope(s, SCOPE_WORKSPACE, &e->workspace, &none);
	return r;
}

/* Notifies other managers that the tokens of a place were revoked. */
static int
signal_tokens(struct store *s, const struct id *place, int64_t revoked_ms)
{
	struct statement *st;
	struct id family;
	int r;

	if (!s->engine->is_shared)
		return 0;
	st = db_query(store_db(s),
	    "SELECT DISTINCT family FROM token WHERE scope_id = ? AND revoked_ms = ?", "ti",
	    place->s, revoked_ms);
	while ((r = db_row(st)) == 1) {
		db_id(st, 0, &family);
		r = tx_signal(s, SIGNAL_TOKEN, SCOPE_ORGANIZATION, &family);
		if (r < 0)
			break;
	}
	db_reset(st);
	return r;
}

/* Deletes everything that is at the place or names it, but not the place itself. */
static int
clear_place(struct store *s, const struct store_entity *e, int64_t now)
{
	int r = touch_views(s, e);

	if (r == 0)
		r = unlink_objects(s, &e->id);
	if (r == 0)
		r = leave_projects(s, &e->id);
	if (r == 0)
		r = delete_objects(s, &e->id);
	if (r == 0)
		r = db_run(
		    db_query(store_db(s), "DELETE FROM sidecar WHERE scope_id = ?", "t", e->id.s));
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "UPDATE token SET revoked_ms = ?2 WHERE scope_id = ?1 AND revoked_ms = 0", "ti",
		    e->id.s, now));
	return r == 0 ? signal_tokens(s, &e->id, now) : r;
}

/* STORE_NOT_EMPTY when the Workspace has Deployments or projects. */
static int
is_empty(struct store *s, const struct id *workspace)
{
	struct statement *st = db_query(
	    store_db(s), "SELECT 1 FROM entity WHERE workspace_id = ? LIMIT 1", "t", workspace->s);
	int r = db_row(st);

	if (r == 1)
		db_reset(st);
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
	if (r == 0) /* first: the next read overwrites the place's name */
		r = audit_entity(s, AUDIT_DELETE_ENTITY, &e, (struct span){ 0 }, by);
	if (r == 0)
		r = clear_place(s, &e, now);
	return r == 0 ? db_run(db_query(store_db(s), delete_sql[scope], "t", id->s)) : r;
}

/* Announces that the tokens of a deleted place are revoked. */
static void
tell_tokens(struct store *s, const struct id *scope_id, int64_t revoked_ms)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT DISTINCT family FROM token WHERE scope_id = ? AND revoked_ms = ?", "ti",
	    scope_id->s, revoked_ms);

	while (db_row(st) == 1) {
		struct store_event e = { .kind = STORE_EVENT_TOKEN };

		db_id(st, 0, &e.id);
		store_tell_own(s, &e);
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
