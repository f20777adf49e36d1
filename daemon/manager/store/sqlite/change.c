/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, the numbers that changes get, and who is told of them. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/rnd.h"

/* ---- watchers ---- */

int
store_watch(struct store *s, void (*fn)(void *arg, const struct store_event *e), void *arg)
{
	for (size_t i = 0; i < N_ELEMENTS(s->watchers); i++) {
		if (!s->watchers[i].fn) {
			s->watchers[i].fn = fn;
			s->watchers[i].arg = arg;
			return 0;
		}
	}
	return -ENOSPC;
}

void
store_unwatch(struct store *s, void *arg)
{
	for (size_t i = 0; i < N_ELEMENTS(s->watchers); i++) {
		if (s->watchers[i].fn && s->watchers[i].arg == arg)
			s->watchers[i].fn = NULL;
	}
}

void
store_tell(struct store *s, const struct store_event *e)
{
	for (size_t i = 0; i < N_ELEMENTS(s->watchers); i++) {
		if (s->watchers[i].fn)
			s->watchers[i].fn(s->watchers[i].arg, e);
	}
}

uint64_t
store_rights(const struct store *s)
{
	return s->rights;
}

/* ---- transactions ---- */

/* Prepared when the store opens, so that it needs no memory later. */
static sqlite3_stmt *
rollback_statement(struct store *s)
{
	return db_query(&s->db, "ROLLBACK", "");
}

int
tx_init(struct store *s)
{
	return rollback_statement(s) ? 0 : -ENOMEM;
}

int
tx_begin(struct store *s)
{
	int r = 0;

	if (!sqlite3_get_autocommit(s->db.h)) /* left by an earlier rollback that failed */
		r = db_run(rollback_statement(s));
	if (r == 0)
		r = reserve_check(s);
	if (r == 0)
		r = db_run(db_query(&s->db, "BEGIN IMMEDIATE", ""));
	if (r == 0) {
		s->change = (struct store_version){ 0 };
		s->entities_changed = s->tokens_changed = false;
	}
	return r;
}

/* Updates the kept versions. */
static void
keep_changes(struct store *s, const struct store_version *version)
{
	sqlite3_stmt *st = db_query(
	    &s->db, "SELECT scope_id, type FROM change WHERE number = ?", "i", version->number);
	int r;

	while ((r = db_row(st)) == 1) {
		struct kept_versions *k;
		enum manager_type type;
		struct id id;

		db_id(st, 0, &id);
		k = cache_versions(s, &id);
		if (k && db_type(st, 1, &type) == 0)
			k->versions[type] = *version;
	}
	if (r < 0)
		memset(s->kept_versions, 0, sizeof s->kept_versions);
}

/* Announces every view that this transaction changed; several types of one view are one event. */
static void
tell_changes(struct store *s, int64_t number)
{
	struct store_event e = { .kind = STORE_EVENT_VIEW };
	sqlite3_stmt *st = db_query(&s->db,
	    "SELECT scope, scope_id, workspace_id, type FROM change WHERE number = ? "
	    "ORDER BY scope_id",
	    "i", number);

	while (db_row(st) == 1) {
		enum manager_type type;
		struct id id;

		db_id(st, 1, &id);
		if (e.types && !id_equal(&id, &e.id)) {
			store_tell(s, &e);
			e.types = 0;
		}
		e.id = id;
		db_id(st, 2, &e.workspace);
		if (db_scope(st, 0, &e.scope) == 0 && db_type(st, 3, &type) == 0)
			e.types |= 1U << type;
	}
	if (e.types)
		store_tell(s, &e);
}

int
tx_end(struct store *s, int r)
{
	const struct store_version version = s->change;

	if (r == 0 && version.number)
		r = db_run(
		    db_query(&s->db, "UPDATE state SET change_number = ?", "i", version.number));
	if (r == 0 && version.number)
		r = db_run(db_query(&s->db, "UPDATE change SET at_ms = ?2 WHERE number = ?1", "ii",
		    version.number, store_now()));
	if (r == 0)
		r = db_run(db_query(&s->db, "COMMIT", ""));
	if (r != 0 && !sqlite3_get_autocommit(s->db.h)) {
		int rc = db_run(rollback_statement(s));

		if (rc < 0 && r > 0)
			r = rc;
	}
	s->change = (struct store_version){ 0 };
	if (r != 0)
		return r;
	s->commits++;
	s->dirty = true;
	sync_committed(s);
	if (s->entities_changed || s->tokens_changed)
		s->rights++;
	if (s->entities_changed)
		cache_forget_entities(s);
	if (version.number) {
		keep_changes(s, &version);
		tell_changes(s, version.number);
	}
	return 0;
}

/* ---- change numbers ---- */

/* The version that all views get which this transaction changes. */
static int
take_version(struct store *s)
{
	sqlite3_stmt *st;
	int r;

	if (s->change.number)
		return 0;
	st = db_query(&s->db, "SELECT change_number FROM state", "");
	r = db_row(st);
	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	s->change.number = sqlite3_column_int64(st, 0) + 1;
	s->change.draw = tx_draw(s);
	(void)sqlite3_reset(st); /* was fine */
	return 0;
}

uint64_t
tx_draw(struct store *s)
{
	if (!s->change.draw)
		rnd_bytes(&s->change.draw, sizeof s->change.draw);
	return s->change.draw;
}

/* A project sees what its Deployment sees. */
static int
touch_projects(struct store *s)
{
	return db_run(db_query(&s->db,
	    "INSERT INTO change (scope_id, type, scope, workspace_id, number, draw) "
	    "SELECT p.id, c.type, 'PROJECT', p.workspace_id, c.number, c.draw "
	    "FROM change c JOIN project p ON p.deployment_id = c.scope_id WHERE c.number = ?1 "
	    "ON CONFLICT (scope_id, type) DO UPDATE SET number = excluded.number, draw = "
	    "excluded.draw",
	    "i", s->change.number));
}

int
tx_touch_object(struct store *s, int64_t n)
{
	int r = take_version(s);

	if (r < 0)
		return r;
	r = db_run(db_query(&s->db,
	    "INSERT INTO change (scope_id, type, scope, workspace_id, number, draw) "
	    "SELECT scope_id, type, scope, workspace_id, ?2, ?3 FROM object WHERE n = ?1 "
	    "UNION ALL SELECT organization_id, type, 'ORGANIZATION', '', ?2, ?3 FROM object "
	    "WHERE n = ?1 "
	    "UNION ALL SELECT l.entity_id, o.type, l.scope, o.workspace_id, ?2, ?3 "
	    "FROM link l JOIN object o ON o.n = l.object WHERE l.object = ?1 "
	    "UNION ALL SELECT d.id, o.type, 'DEPLOYMENT', o.workspace_id, ?2, ?3 "
	    "FROM object o JOIN deployment d ON d.workspace_id = o.workspace_id "
	    "WHERE o.n = ?1 AND o.scope = 'WORKSPACE' AND o.auto_link AND NOT EXISTS "
	    "(SELECT 1 FROM exclusion x WHERE x.object = ?1 AND x.entity_id = d.id) "
	    "UNION ALL SELECT p.id, o.type, 'PROJECT', o.workspace_id, ?2, ?3 "
	    "FROM object o JOIN project p ON p.workspace_id = o.workspace_id "
	    "WHERE o.n = ?1 AND o.scope = 'WORKSPACE' AND o.auto_link_projects AND NOT EXISTS "
	    "(SELECT 1 FROM exclusion x WHERE x.object = ?1 AND x.entity_id = p.id) "
	    "ON CONFLICT (scope_id, type) DO UPDATE SET number = excluded.number, draw = "
	    "excluded.draw",
	    "iii", n, s->change.number, (int64_t)s->change.draw));
	return r == 0 ? touch_projects(s) : r;
}

int
tx_touch_scope(struct store *s, enum scope scope, const struct id *id, const struct id *workspace)
{
	int r = take_version(s);

	for (int t = 0; t < MANAGER_N_TYPES && r == 0; t++)
		r = db_run(db_query(&s->db,
		    "INSERT INTO change (scope_id, type, scope, workspace_id, number, draw) "
		    "VALUES (?, ?, ?, ?, ?, ?) "
		    "ON CONFLICT (scope_id, type) DO UPDATE SET number = excluded.number, draw = "
		    "excluded.draw",
		    "ttttii", id->s, manager_type_name((enum manager_type)t), scope_name(scope),
		    workspace->s, s->change.number, (int64_t)s->change.draw));
	return r == 0 ? touch_projects(s) : r;
}
