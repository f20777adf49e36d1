/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, the numbers that changes get, and the watchers that are notified of them. */
#include "manager/store/sql/sql.h"

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

void
store_tell_own(struct store *s, const struct store_event *e)
{
	if (!s->engine->is_shared)
		store_tell(s, e);
}

uint64_t
store_rights(const struct store *s)
{
	return s->rights;
}

/* ---- transactions ---- */

int
tx_begin(struct store *s)
{
	int r = s->engine->begin(s);

	if (r == 0) {
		s->session->change = (struct store_version){ 0 };
		s->session->entities_changed = s->session->tokens_changed = false;
	}
	return r;
}

/* Types of rows that stand for no view. Their scope_id is SIGNAL_MARK and an id. */
static const char *const signal_names[] = {
	[SIGNAL_TOKEN] = "TOKEN",
	[SIGNAL_PLACE] = "PLACE",
};
#define SIGNAL_MARK "@" /* sorts before every id */

static bool
is_signal(struct span type)
{
	return span_is(type, signal_names[SIGNAL_TOKEN]) ||
	       span_is(type, signal_names[SIGNAL_PLACE]);
}

/* One view that changed. */
struct changed {
	struct store_event e;
	enum manager_type type;
	struct store_version version;
};

/* False: the row has an unknown scope or type. */
static bool
read_changed(struct statement *st, struct changed *out)
{
	*out = (struct changed){ .e.kind = STORE_EVENT_VIEW,
		.version = { db_int64(st, 4), (uint64_t)db_int64(st, 5) } };
	db_id(st, 1, &out->e.id);
	db_id(st, 2, &out->e.workspace);
	if (db_scope(st, 0, &out->e.scope) < 0 || db_type(st, 3, &out->type) < 0)
		return false;
	out->e.types = 1U << out->type;
	return true;
}

/* Handles a row of tx_signal(): counts a change of rights, then notifies the watchers. */
static void
publish_signal(struct store *s, struct statement *st, const struct span *word)
{
	struct span scope_id = db_text(st, 1), id = { scope_id.p + 1, scope_id.n - 1 };
	struct store_event e = { .kind = STORE_EVENT_TOKEN };

	s->rights++;
	cache_forget_entities(s);
	if (db_scope(st, 0, &e.scope) < 0)
		return;
	if (!id_from(id, &e.id)) {
		cache_forget_audit(s);
		return;
	}
	if (span_is(*word, signal_names[SIGNAL_PLACE])) {
		if (e.scope != SCOPE_ORGANIZATION)
			return;
		e.kind = STORE_EVENT_ORGANIZATION;
	}
	store_tell(s, &e);
}

static void
keep_version(struct store *s, const struct changed *c)
{
	struct kept_versions *k = cache_versions(s, &c->e.id);

	if (k && k->versions[c->type].number < c->version.number)
		k->versions[c->type] = c->version;
}

int
changes_publish(struct store *s)
{
	struct store_event e = { 0 };
	struct changed c;
	struct statement *st = db_query(store_db(s),
	    "SELECT scope, scope_id, workspace_id, type, number, draw FROM change "
	    "WHERE number > ? ORDER BY scope_id",
	    "i", s->seen);
	int64_t seen = s->seen;
	int r;

	while ((r = db_row(st)) == 1) {
		struct span word = db_text(st, 3);
		bool is_view = read_changed(st, &c);

		if (c.version.number > seen)
			seen = c.version.number;
		if (is_signal(word))
			publish_signal(s, st, &word);
		if (!is_view)
			continue;
		keep_version(s, &c);
		if (e.types && id_equal(&e.id, &c.e.id)) {
			e.types |= c.e.types;
			continue;
		}
		if (e.types)
			store_tell(s, &e);
		e = c.e;
	}
	if (e.types)
		store_tell(s, &e);
	if (r < 0)
		memset(s->kept_versions, 0, sizeof s->kept_versions);
	/* another fiber may have published them while the store was waited for */
	else if (seen > s->seen)
		s->seen = seen;
	return r;
}

int
changes_forget(struct store *s)
{
	int r = state_load_number(s);

	if (r < 0)
		return r;
	s->rights++;
	memset(s->kept_versions, 0, sizeof s->kept_versions);
	cache_forget_entities(s);
	cache_forget_audit(s);
	return 0;
}

/* Brings the caches up to date with the committed change, and notifies the watchers. */
static void
publish(struct store *s, const struct store_version *version)
{
	if (s->session->entities_changed || s->session->tokens_changed)
		s->rights++;
	if (s->session->entities_changed)
		cache_forget_entities(s);
	if (version->number)
		/* changes_publish() after the next change handles the rest */
		(void)changes_publish(s);
}

/* Writes the number of this change and its time. */
static int
write_version(struct store *s, const struct store_version *version)
{
	int r = db_run(
	    db_query(store_db(s), "UPDATE state SET change_number = ?", "i", version->number));

	if (r == 0)
		r = db_run(db_query(store_db(s), "UPDATE change SET at_ms = ?2 WHERE number = ?1",
		    "ii", version->number, store_now()));
	return r;
}

int
tx_end(struct store *s, int r)
{
	const struct store_version version = s->session->change;
	int rolled_back;

	if (r == 0 && version.number)
		r = write_version(s, &version);
	if (r == 0)
		r = s->engine->commit(s);
	s->session->change = (struct store_version){ 0 };
	if (r == 0) {
		publish(s, &version);
		return 0;
	}
	rolled_back = s->engine->rollback(s);
	return rolled_back < 0 && r > 0 ? rolled_back : r;
}

/* ---- change numbers ---- */

/* The version of every view that this transaction changes. */
static int
take_version(struct store *s)
{
	struct statement *st;
	int r;

	if (s->session->change.number)
		return 0;
	st = db_query(store_db(s), "SELECT change_number FROM state", "");
	r = db_row(st);
	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	s->session->change.number = db_int64(st, 0) + 1;
	s->session->change.draw = tx_draw(s);
	db_reset(st);
	return 0;
}

uint64_t
tx_draw(struct store *s)
{
	if (!s->session->change.draw)
		rnd_bytes(&s->session->change.draw, sizeof s->session->change.draw);
	return s->session->change.draw;
}

int
tx_signal(struct store *s, enum signal kind, enum scope scope, const struct id *id)
{
	int r = s->engine->is_shared ? take_version(s) : 0;

	if (r < 0 || !s->engine->is_shared)
		return r;
	return db_run(db_query(store_db(s),
	    "INSERT INTO change (scope_id, type, scope, workspace_id, number, draw) "
	    "VALUES ('" SIGNAL_MARK "' || ?, ?, ?, '', ?, ?) "
	    "ON CONFLICT (scope_id, type) DO UPDATE SET number = excluded.number, draw = "
	    "excluded.draw",
	    "tttii", id ? id->s : "", signal_names[kind], scope_name(scope),
	    s->session->change.number, (int64_t)s->session->change.draw));
}

/* A project sees what its Deployment sees. */
static int
touch_projects(struct store *s)
{
	return db_run(db_query(store_db(s),
	    "INSERT INTO change (scope_id, type, scope, workspace_id, number, draw) "
	    "SELECT p.id, c.type, 'PROJECT', p.workspace_id, c.number, c.draw "
	    "FROM change c JOIN project p ON p.deployment_id = c.scope_id WHERE c.number = ?1 "
	    "ON CONFLICT (scope_id, type) DO UPDATE SET number = excluded.number, draw = "
	    "excluded.draw",
	    "i", s->session->change.number));
}

int
tx_touch_object(struct store *s, int64_t n)
{
	int r = take_version(s);

	if (r < 0)
		return r;
	r = db_run(db_query(store_db(s),
	    "INSERT INTO change (scope_id, type, scope, workspace_id, number, draw) "
	    "SELECT scope_id, type, scope, workspace_id, ?2, ?3 FROM object WHERE n = ?1 "
	    "UNION SELECT organization_id, type, 'ORGANIZATION', '', ?2, ?3 FROM object "
	    "WHERE n = ?1 "
	    "UNION SELECT l.entity_id, o.type, l.scope, o.workspace_id, ?2, ?3 "
	    "FROM link l JOIN object o ON o.n = l.object WHERE l.object = ?1 "
	    "UNION SELECT d.id, o.type, 'DEPLOYMENT', o.workspace_id, ?2, ?3 "
	    "FROM object o JOIN deployment d ON d.workspace_id = o.workspace_id "
	    "WHERE o.n = ?1 AND o.scope = 'WORKSPACE' AND o.auto_link <> 0 AND NOT EXISTS "
	    "(SELECT 1 FROM exclusion x WHERE x.object = ?1 AND x.entity_id = d.id) "
	    "UNION SELECT p.id, o.type, 'PROJECT', o.workspace_id, ?2, ?3 "
	    "FROM object o JOIN project p ON p.workspace_id = o.workspace_id "
	    "WHERE o.n = ?1 AND o.scope = 'WORKSPACE' AND o.auto_link_projects <> 0 AND NOT EXISTS "
	    "(SELECT 1 FROM exclusion x WHERE x.object = ?1 AND x.entity_id = p.id) "
	    "ON CONFLICT (scope_id, type) DO UPDATE SET number = excluded.number, draw = "
	    "excluded.draw",
	    "iii", n, s->session->change.number, (int64_t)s->session->change.draw));
	return r == 0 ? touch_projects(s) : r;
}

int
tx_touch_scope(struct store *s, enum scope scope, const struct id *id, const struct id *workspace)
{
	int r = take_version(s);

	for (int t = 0; t < MANAGER_N_TYPES && r == 0; t++)
		r = db_run(db_query(store_db(s),
		    "INSERT INTO change (scope_id, type, scope, workspace_id, number, draw) "
		    "VALUES (?, ?, ?, ?, ?, ?) "
		    "ON CONFLICT (scope_id, type) DO UPDATE SET number = excluded.number, draw = "
		    "excluded.draw",
		    "ttttii", id->s, manager_type_name((enum manager_type)t), scope_name(scope),
		    workspace->s, s->session->change.number, (int64_t)s->session->change.draw));
	return r == 0 ? touch_projects(s) : r;
}
