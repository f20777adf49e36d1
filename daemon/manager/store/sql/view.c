/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows a list has and in what order, as SQL.
 *
 * Parameters, the same in every statement: ?1 the scope's id, ?2 the Workspace it is in, ?3 the
 * key, ?4 limit, ?5 offset, ?6 the Deployment of a project, ?7 the row the list goes on behind,
 * ?8 what keys must contain; of the filter, ?9 linked_to, ?10 linked_workspace, ?11 updated_by,
 * ?12 the same in lower case, ?13 updated_from_ms, ?14 updated_to_ms.
 */
#include "manager/store/sql/sql.h"

/* ---- in which order ---- */

/* The columns that rows are sorted by, none of them twice; the last one is unique. */
struct order {
	struct {
		const char *name;
		bool descending;
	} by[STORE_MAX_SORTS + 4];
	size_t n;
};

static void
order_by(struct order *o, const char *name, bool descending)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->by[i].name == name)
			return;
	o->by[o->n].name = name;
	o->by[o->n++].descending = descending;
}

static bool
one_type(const struct store_query *q)
{
	unsigned types = q->types & STORE_ALL_TYPES;

	return types && !(types & (types - 1));
}

static void
order_of(const struct store_query *q, struct order *o)
{
	static const char *const columns[] = {
		[STORE_SORT_TYPE] = "type",
		[STORE_SORT_KEY] = "key",
		[STORE_SORT_CREATED] = "created_ms",
		[STORE_SORT_UPDATED] = "updated_ms",
	};

	o->n = 0;
	for (size_t i = 0; i < q->n_sorts && i < STORE_MAX_SORTS; i++)
		if (q->sorts[i].by != STORE_SORT_TYPE || !one_type(q))
			order_by(o, columns[q->sorts[i].by], q->sorts[i].descending);
	if (!one_type(q)) /* otherwise an index has the order */
		order_by(o, columns[STORE_SORT_TYPE], false);
	order_by(o, columns[STORE_SORT_KEY], false);
	/* DEPLOYMENT, PROJECT, WORKSPACE: the narrower scope first. */
	order_by(o, "scope", false);
	order_by(o, "id", false);
}

static void
add_names(struct buf *sql, const struct order *o, size_t n, const char *row)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(sql, "%s%s.%s", i ? ", " : "", row, o->by[i].name);
}

#define OF_LAST "(SELECT last.%s FROM object last WHERE last.n = ?7)"
/*
 * Appends the condition that the row o is sorted after ?7. First it compares as many columns as are
 * sorted the same way, since an index can start from that; if these are not all, it also compares
 * column by column.
 */
static void
add_behind(struct buf *sql, const struct order *o)
{
	size_t same = 1;

	while (same < o->n && o->by[same].descending == o->by[0].descending)
		same++;
	buf_adds(sql, " AND (");
	add_names(sql, o, same, "o");
	buf_addf(sql, ") %s%s (SELECT ", o->by[0].descending ? "<" : ">", same < o->n ? "=" : "");
	add_names(sql, o, same, "last");
	buf_adds(sql, " FROM object last WHERE last.n = ?7)");
	if (same == o->n)
		return;
	buf_adds(sql, " AND (");
	for (size_t i = 0; i < o->n; i++) {
		const char *name = o->by[i].name;

		if (i > 0)
			buf_addf(sql, " OR (o.%s = " OF_LAST " AND (", o->by[i - 1].name,
			    o->by[i - 1].name);
		buf_addf(sql, "o.%s %s " OF_LAST, name, o->by[i].descending ? "<" : ">", name);
	}
	for (size_t i = 1; i < o->n; i++)
		buf_adds(sql, "))");
	buf_adds(sql, ")");
}

static void
add_order(struct buf *sql, const struct order *o)
{
	buf_adds(sql, " ORDER BY ");
	for (size_t i = 0; i < o->n; i++)
		buf_addf(sql, "%s%s%s", i ? ", " : "", o->by[i].name,
		    o->by[i].descending ? " DESC" : "");
	buf_adds(sql, " LIMIT ?4 OFFSET ?5");
}

/* ---- which rows ---- */

struct reading {
	const struct order *order; /* NULL: the rows are counted, not read */
	bool behind;               /* only those behind ?7 */
	bool some_absent;          /* without those that is_absent() names */
};

/* Exclusions, own objects and links of a place, as SQL conditions on the row o. */
#define EXCLUDED(place)                                                                            \
	"EXISTS (SELECT 1 FROM exclusion x WHERE x.object = o.n AND x.entity_id = " place ")"
#define HAS_OWN(place)                                                                             \
	"EXISTS (SELECT 1 FROM object w WHERE w.scope_id = " place                                 \
	" AND w.type = o.type AND w.key = o.key AND NOT is_absent(w.id))"
#define LINKED(place)                                                                              \
	"EXISTS (SELECT 1 FROM link k WHERE k.object = o.n AND k.entity_id = " place ")"

static void
add_types(struct buf *sql, const struct store_query *q)
{
	const char *between = " AND o.type IN ('";

	if ((q->types & STORE_ALL_TYPES) != STORE_ALL_TYPES) {
		for (int t = 0; t < MANAGER_N_TYPES; t++) {
			if (q->types & 1U << t) {
				buf_addf(
				    sql, "%s%s", between, manager_type_name((enum manager_type)t));
				between = "', '";
			}
		}
		buf_adds(sql, q->types & STORE_ALL_TYPES ? "')" : " AND FALSE");
	}
}

static void
add_scopes(struct buf *sql, unsigned scopes)
{
	const char *between = " AND o.scope IN ('";

	for (int i = 0; i < SCOPE_N; i++) {
		if (!(scopes & 1U << i))
			continue;
		buf_addf(sql, "%s%s", between, scope_name((enum scope)i));
		between = "', '";
	}
	buf_adds(sql, scopes ? "')" : "");
}

/* Objects that their Workspace links to ?9, whether or not an own object there hides them. */
static void
add_linked_to(struct buf *sql, enum scope scope)
{
	buf_addf(sql,
	    " AND o.workspace_id = ?10 AND o.scope = 'WORKSPACE' "
	    "AND in_view(" LINKED("?9") ", o.%s <> 0, " EXCLUDED("?9") ", FALSE)",
	    scope == SCOPE_PROJECT ? "auto_link_projects" : "auto_link");
}

static void
add_filter(struct buf *sql, const struct store_filter *f)
{
	if (f->auto_link != STORE_EITHER)
		buf_addf(sql, " AND o.auto_link %s 0", f->auto_link == STORE_YES ? "<>" : "=");
	if (!id_is_none(&f->linked_to))
		add_linked_to(sql, f->linked_scope);
	add_scopes(sql, f->scopes);
	if (f->updated_by.n > 0)
		buf_adds(
		    sql, " AND (o.updated_by = ?11 OR instr(lower(o.updated_by_name), ?12) > 0)");
	if (f->updated_from_ms)
		buf_adds(sql, " AND o.updated_ms >= ?13");
	if (f->updated_to_ms)
		buf_adds(sql, " AND o.updated_ms < ?14");
}

static void
add_filters(struct buf *sql, const struct store_query *q, const struct reading *reading)
{
	add_types(sql, q);
	add_filter(sql, &q->filter);
	if (q->key.p)
		buf_adds(sql, " AND o.key = ?3");
	if (q->search.n > 0)
		buf_adds(sql, " AND instr(lower(o.key), ?8) > 0");
	if (reading->some_absent)
		buf_adds(sql, " AND NOT is_absent(o.id)");
	if (reading->behind)
		add_behind(sql, reading->order);
}

/* Clients of the hosted API fail on the scope PROJECT, which they do not know. */
static const char *
scope_condition(const struct store_query *q)
{
	if (q->scope == SCOPE_ORGANIZATION)
		return "o.organization_id = ?1 AND o.scope <> 'PROJECT'";
	if (q->scope == SCOPE_WORKSPACE && q->whole_workspace)
		return "o.workspace_id = ?1 AND o.scope <> 'PROJECT'";
	return "o.scope_id = ?1";
}

bool
view_resolves(const struct store_query *q)
{
	return q->resolve && (q->scope == SCOPE_DEPLOYMENT || q->scope == SCOPE_PROJECT);
}

bool
view_is_filtered(const struct store_query *q)
{
	const struct store_filter *f = &q->filter;

	return f->auto_link != STORE_EITHER || !id_is_none(&f->linked_to) || f->scopes ||
	       f->updated_by.n > 0 || f->updated_from_ms || f->updated_to_ms;
}

/* link: the columns of the link the row came through, in a resolved view. */
static void
add_select(
    struct buf *sql, const struct store_query *q, const struct reading *reading, const char *link)
{
	if (reading->order)
		buf_addf(sql, "SELECT " OBJECT_COLUMNS "%s FROM object o ",
		    view_resolves(q) ? link : "");
	else
		buf_adds(sql, "SELECT 1 FROM object o ");
}

#define OWN_COLUMNS  ", NULL AS link_entity, 0 AS link_version, NULL AS override, 0 AS via"
#define VIA_COLUMNS  ", NULL, 0, NULL, 1"
#define LINK_COLUMNS ", l.entity_id, l.version, l.sealed, 1"

/* The Workspace's objects that are linked to ?1, a Deployment or project. */
static void
add_linked(struct buf *sql, const struct store_query *q, const struct reading *reading)
{
	buf_adds(sql, " UNION ALL ");
	add_select(sql, q, reading, LINK_COLUMNS);
	buf_addf(sql,
	    "LEFT JOIN link l ON l.object = o.n AND l.entity_id = ?1 WHERE o.scope_id = ?2 "
	    "AND in_view(l.object IS NOT NULL, o.%s <> 0, " EXCLUDED("?1") ", " HAS_OWN("?1") ")",
	    q->scope == SCOPE_PROJECT ? "auto_link_projects" : "auto_link");
	add_filters(sql, q, reading);
}

/*
 * The rows that ?6, a project's Deployment, sees, without those whose keys the project ?1 has or
 * sees itself.
 */
static void
add_deployments(struct buf *sql, const struct store_query *q, const struct reading *reading)
{
	buf_adds(sql, " UNION ALL ");
	add_select(sql, q, reading, VIA_COLUMNS);
	buf_adds(sql,
	    "WHERE o.scope_id = ?6 AND NOT " HAS_OWN(
		"?1") " AND NOT EXISTS "
		      "(SELECT 1 FROM object p WHERE p.scope_id = ?2 AND p.type = o.type "
		      "AND p.key = o.key AND NOT is_absent(p.id) "
		      "AND in_view(EXISTS (SELECT 1 FROM link k WHERE k.object = p.n "
		      "AND k.entity_id = ?1), "
		      "p.auto_link_projects <> 0, EXISTS (SELECT 1 FROM exclusion x WHERE "
		      "x.object = p.n "
		      "AND x.entity_id = ?1), FALSE))");
	add_filters(sql, q, reading);
	buf_adds(sql, " UNION ALL ");
	add_select(sql, q, reading, LINK_COLUMNS);
	buf_adds(sql,
	    "LEFT JOIN link l ON l.object = o.n AND l.entity_id = ?6 WHERE o.scope_id = ?2 "
	    "AND in_view(l.object IS NOT NULL, o.auto_link <> 0, " EXCLUDED("?6") ", " HAS_OWN(
		"?6") ") "
		      "AND NOT " HAS_OWN("?1") " AND NOT in_view(" LINKED(
			  "?1") ", o.auto_link_projects <> 0, " EXCLUDED("?1") ", FALSE)");
	add_filters(sql, q, reading);
}

/* The rows of a query, in no order. */
static void
add_rows(struct buf *sql, const struct store_query *q, const struct reading *reading)
{
	add_select(sql, q, reading, OWN_COLUMNS);
	buf_addf(sql, "WHERE %s", scope_condition(q));
	add_filters(sql, q, reading);
	if (!view_resolves(q))
		return;
	add_linked(sql, q, reading);
	if (q->scope == SCOPE_PROJECT)
		add_deployments(sql, q, reading);
}

/* ---- statements ---- */

void
view_count_sql(struct buf *sql, const struct store_query *q, bool some_absent)
{
	buf_adds(sql, "SELECT count(*) FROM (");
	add_rows(sql, q, &(struct reading){ .some_absent = some_absent });
	buf_adds(sql, ") AS r");
}

void
view_list_sql(struct buf *sql, const struct store_query *q, bool behind, bool some_absent)
{
	struct order order;

	order_of(q, &order);
	add_rows(sql, q, &(struct reading){ &order, behind, some_absent });
	add_order(sql, &order);
}
