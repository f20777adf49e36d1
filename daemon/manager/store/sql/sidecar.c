/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of sidecars. */
#include "manager/store/sql/sql.h"
#include "manager/store/sidecar.h"

#include <stdio.h>

static int
put_row(struct store *s, const struct store_sidecar *c)
{
	return db_run(db_query(store_db(s),
	    "INSERT INTO sidecar (scope_id, id, scope, organization_id, workspace_id, token_id, "
	    "name, report, first_ms, seen_ms, confirmed_ms) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10) "
	    "ON CONFLICT (scope_id, id) DO UPDATE SET token_id = ?6, name = ?7, report = ?8, "
	    "seen_ms = ?9, confirmed_ms = ?10 WHERE sidecar.seen_ms < ?9",
	    "ttttttssii", c->scope_id.s, c->id, scope_name(c->scope), c->organization.s,
	    c->workspace.s, c->token.s, c->name, c->report, c->seen_ms, c->confirmed_ms));
}

int
store_sidecar_put(struct store *s, const struct store_sidecar *rows, size_t n)
{
	int r = tx_begin(s);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_row(s, &rows[i]);
	return tx_end(s, r);
}

/* False: the row has an unknown scope, and is left out. */
static bool
read_sidecar(struct statement *st, struct store_sidecar *out)
{
	struct span id = db_text(st, 1);

	*out = (struct store_sidecar){ .name = db_text(st, 6),
		.report = db_text(st, 7),
		.first_ms = db_int64(st, 8),
		.seen_ms = db_int64(st, 9),
		.confirmed_ms = db_int64(st, 10),
		.changed_ms = db_int64(st, 11) };
	(void)snprintf(out->id, sizeof out->id, "%.*s", (int)id.n, id.p);
	db_id(st, 0, &out->scope_id);
	db_id(st, 3, &out->organization);
	db_id(st, 4, &out->workspace);
	db_id(st, 5, &out->token);
	return db_scope(st, 2, &out->scope) == 0;
}

/* connd never reads metrics exports, so their changes do not make it outdated. */
int
store_sidecar_list(struct store *s, const struct place *where, int64_t since_ms,
    int (*each)(void *arg, const struct store_sidecar *c), void *arg)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT scope_id, id, scope, organization_id, workspace_id, token_id, name, report, "
	    "first_ms, seen_ms, confirmed_ms, (SELECT coalesce(max(at_ms), 0) FROM change c "
	    "WHERE c.scope_id = x.scope_id AND c.type <> 'METRICS_EXPORT') FROM sidecar x "
	    "WHERE (?1 = '' OR organization_id = ?1) AND (?2 = '' OR workspace_id = ?2) "
	    "AND (?3 = '' OR scope_id = ?3) AND seen_ms >= ?4 ORDER BY scope_id, name, id",
	    "ttti", where->organization.s, where->workspace.s, where->deployment.s, since_ms);
	struct store_sidecar c;
	int r;

	while ((r = db_row(st)) == 1) {
		r = read_sidecar(st, &c) ? each(arg, &c) : 0;
		if (r != 0) {
			db_reset(st); /* r says why */
			break;
		}
	}
	return r;
}

int
store_sidecar_prune(struct store *s, int64_t before_ms, int64_t *n)
{
	int r = tx_begin(s);

	*n = 0;
	if (r < 0)
		return r;
	r = db_run(db_query(store_db(s),
	    "DELETE FROM sidecar WHERE seen_ms < ?1 OR (scope_id, id) IN (SELECT scope_id, id FROM "
	    "(SELECT scope_id, id, row_number() OVER (PARTITION BY scope_id ORDER BY seen_ms DESC) "
	    "AS nth FROM sidecar) AS r WHERE r.nth > ?2)",
	    "ii", before_ms, (int64_t)STORE_MAX_SIDECARS));
	if (r == 0)
		*n = db_changes(store_db(s));
	return tx_end(s, r);
}
