/* SPDX-License-Identifier: Apache-2.0 */
/* Organizations, Workspaces, Deployments and projects, as they are read. */
#include "manager/store/sql/sql.h"

#include <errno.h>

#define ENTITY                                                                                     \
	"SELECT id, organization_id, workspace_id, deployment_id, name, secrets_fetching, "        \
	"created_ms, updated_ms, "                                                                 \
	"(SELECT w.name FROM workspace w WHERE w.id = entity.workspace_id) AS workspace_name, "    \
	"description, "                                                                            \
	"cicd_enforced, mac FROM entity "

/* Texts belong to the statement. */
static void
read_plain(struct statement *st, enum scope scope, struct store_entity *out)
{
	*out = (struct store_entity){ .scope = scope };
	db_id(st, 0, &out->id);
	db_id(st, 1, &out->organization);
	db_id(st, 2, &out->workspace);
	db_id(st, 3, &out->deployment);
	out->name = db_text(st, 4);
	out->secrets_fetching = db_bool(st, 5);
	out->created_ms = db_int64(st, 6);
	out->updated_ms = db_int64(st, 7);
	out->workspace_name = db_text(st, 8);
	out->description = db_text(st, 9);
	out->cicd_enforced = db_bool(st, 10);
}

/* 0, STORE_NOT_FOUND (it does not verify) or -errno. */
static int
read_entity(struct store *s, struct statement *st, enum scope scope, struct store_entity *out)
{
	int r;

	read_plain(st, scope, out);
	r = authentic_place(s, out, db_blob(st, 11));
	/* The switch may be off only in memory. */
	if (r == 0 && scope == SCOPE_ORGANIZATION &&
	    deferred_find(s, STORE_EVENT_ORGANIZATION, &out->id))
		out->secrets_fetching = false;
	return r;
}

int
place_write_mac(struct store *s, enum scope scope, const struct id *id)
{
	static const char *const update[SCOPE_N] = {
		[SCOPE_ORGANIZATION] = "UPDATE organization SET mac = ?2 WHERE id = ?1",
		[SCOPE_WORKSPACE] = "UPDATE workspace SET mac = ?2 WHERE id = ?1",
		[SCOPE_DEPLOYMENT] = "UPDATE deployment SET mac = ?2 WHERE id = ?1",
		[SCOPE_PROJECT] = "UPDATE project SET mac = ?2 WHERE id = ?1",
	};
	struct statement *st = db_query(
	    store_db(s), ENTITY "WHERE scope = ? AND id = ?", "tt", scope_name(scope), id->s);
	uint8_t mac[ROW_MAC_SIZE];
	struct store_entity e;
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	read_plain(st, scope, &e);
	r = authentic_place_mac(s, &e, mac);
	db_reset(st);
	if (r < 0)
		return r;
	return db_run(db_query(
	    store_db(s), update[scope], "tb", id->s, (struct span){ (char *)mac, sizeof mac }));
}

int
place_read(
    struct store *s, struct db *db, enum scope scope, const struct id *id, struct store_entity *out)
{
	struct statement *st =
	    db_query(db, ENTITY "WHERE scope = ? AND id = ?", "tt", scope_name(scope), id->s);
	struct buf *text;
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	r = read_entity(s, st, scope, out);
	text = &s->session->entity_text;
	buf_reset(text);
	buf_add(text, out->name.p, out->name.n);
	buf_add(text, out->workspace_name.p, out->workspace_name.n);
	buf_add(text, out->description.p, out->description.n);
	db_reset(st);
	if (r == 0)
		r = buf_error(text);
	if (r == 0)
		entity_point_to(out, buf_str(text));
	return r;
}

int
store_entity_get(struct store *s, enum scope scope, const struct id *id, struct store_entity *out)
{
	const struct store_entity *kept = cache_entity(s, scope, id);
	const uint64_t as_of = s->rights;
	int r;

	if (kept) {
		*out = *kept;
		return 0;
	}
	r = place_read(s, store_db(s), scope, id, out);
	if (r == 0 && s->rights == as_of) /* otherwise it may have changed since it was read */
		cache_keep_entity(s, out);
	return r;
}

/* *total (may be NULL) goes down by one for each row that does not verify. */
static int
each_entity(struct store *s, struct statement *st, enum scope scope,
    int (*each)(void *arg, const struct store_entity *e), void *arg, int64_t *total)
{
	int r;

	while ((r = db_row(st)) == 1) {
		struct store_entity e;

		r = read_entity(s, st, scope, &e);
		if (r == STORE_NOT_FOUND) {
			if (total)
				--*total;
			continue;
		}
		if (r == 0)
			r = each(arg, &e);
		if (r != 0) {
			db_reset(st);
			return r;
		}
	}
	return r;
}

#define ENTITY_OF                                                                                  \
	"WHERE scope = ?1 AND (parent_id = ?2 OR (?2 <> '' AND organization_id = ?2)) "            \
	"AND NOT is_absent(id) "

int
store_entity_list(struct store *s, enum scope scope, const struct id *parent, int64_t offset,
    int64_t limit, int (*each)(void *arg, const struct store_entity *e), void *arg, int64_t *total)
{
	struct statement *st;
	int r;

	if (total) {
		st = db_query(store_db(s), "SELECT count(*) FROM entity " ENTITY_OF, "tt",
		    scope_name(scope), parent->s);
		r = db_row(st);
		if (r < 0)
			return r;
		*total = r == 1 ? db_int64(st, 0) : 0;
		db_reset(st);
	}
	st = db_query(store_db(s), ENTITY ENTITY_OF "ORDER BY name, id LIMIT ?3 OFFSET ?4", "ttii",
	    scope_name(scope), parent->s, sql_limit(limit), offset);
	return each_entity(s, st, scope, each, arg, total);
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
	int r;

	if (!order->n_sorts) /* whose statement is kept */
		return store_entity_list(s, scope, parent, 0, -1, each, arg, NULL);
	add_entity_order(&sql, order);
	r = buf_error(&sql);
	if (r == 0) {
		struct statement *st =
		    db_query_once(store_db(s), buf_str(&sql), "tt", scope_name(scope), parent->s);

		r = each_entity(s, st, scope, each, arg, NULL);
		db_finish(st);
	}
	buf_fini(&sql);
	return r;
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
