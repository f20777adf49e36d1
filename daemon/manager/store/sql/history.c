/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log, and earlier versions of objects. */
#include "manager/store/sql/sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "manager/store/version.h"

/* Versions that are kept of one object. */
#define VERSIONS_KEPT 50

static const char *const action_names[AUDIT_N_ACTIONS] = {
	[AUDIT_CREATE] = "CREATE",
	[AUDIT_UPDATE] = "UPDATE",
	[AUDIT_DELETE] = "DELETE",
	[AUDIT_EXCLUDE] = "EXCLUDE",
	[AUDIT_PROMOTE] = "PROMOTE",
	[AUDIT_RESTORE] = "RESTORE",
	[AUDIT_READ] = "READ",
	[AUDIT_READ_SECRETS] = "READ_SECRETS",
	[AUDIT_CREATE_ENTITY] = "CREATE_ENTITY",
	[AUDIT_UPDATE_ENTITY] = "UPDATE_ENTITY",
	[AUDIT_DELETE_ENTITY] = "DELETE_ENTITY",
	[AUDIT_CREATE_TOKEN] = "CREATE_TOKEN",
	[AUDIT_REVOKE_TOKEN] = "REVOKE_TOKEN",
};

const char *
audit_action_name(enum audit_action a)
{
	return action_names[a];
}

bool
audit_action_from(struct span name, enum audit_action *out)
{
	for (int i = 0; i < AUDIT_N_ACTIONS; i++) {
		if (span_is(name, action_names[i])) {
			*out = (enum audit_action)i;
			return true;
		}
	}
	return false;
}

static struct span
or_empty(struct span s)
{
	return s.p ? s : SPAN_LITERAL("");
}

/* Appends the array `fields`, with the members of the request that were ignored. */
static void
write_fields(struct span fields, struct span ignored, struct buf *out)
{
	size_t body = fields.n > 2 ? fields.n - 2 : 0;

	buf_addc(out, '[');
	if (body)
		buf_add(out, fields.p + 1, body);
	if (body && ignored.n)
		buf_addc(out, ',');
	if (ignored.n)
		buf_add(out, ignored.p, ignored.n);
	buf_addc(out, ']');
}

static int
insert_audit(
    struct store *s, const struct audit_entry *e, const struct store_actor *by, struct span fields)
{
	struct statement *st = db_query(store_db(s),
	    "INSERT INTO audit (at_ms, action, actor, actor_name, organization_id, workspace_id, "
	    "scope, scope_id, subject_id, type, key, version, fields, request_id) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, '')) RETURNING n",
	    "ittsttttttsist", e->at_ms ? e->at_ms : store_now(), action_names[e->action],
	    by->token.s, actor_name(by), e->organization.s, e->workspace.s, scope_name(e->scope),
	    e->scope_id.s, e->subject.s, e->type ? e->type : "", or_empty(e->key), e->version,
	    fields, by->request_id ? by->request_id : "");

	return db_run_returning(st, &s->session->audit_row);
}

int
audit_add(struct store *s, const struct audit_entry *e, const struct store_actor *by)
{
	struct buf fields = BUF_INIT(e->fields.n + by->ignored.n + 8);
	int r;

	write_fields(e->fields, by->ignored, &fields);
	r = buf_error(&fields);
	if (r == 0)
		r = insert_audit(s, e, by, span_of_buf(&fields));
	buf_fini(&fields);
	return r;
}

struct audit_entry
audit_entry_of(enum audit_action action, const struct store_object *o)
{
	return (struct audit_entry){ .action = action,
		.organization = o->place.organization,
		.workspace = o->place.workspace,
		.scope = o->scope,
		.scope_id = o->scope_id,
		.subject = o->id,
		.type = manager_type_name(o->type),
		.key = o->key,
		.version = o->version };
}

/* ---- versions ---- */

static int
keep_version(struct store *s, const struct store_object *o)
{
	struct buf doc = BUF_INIT(VERSION_MAX), sealed = BUF_INIT(VERSION_MAX + KEYS_OVERHEAD);
	int r;

	history_encode(o, &doc);
	r = buf_error(&doc);
	if (r == 0)
		r = column_seal(
		    s->keys, "version", o->id.s, "sealed", o->version, span_of_buf(&doc), &sealed);
	if (r == 0)
		r = db_run(db_query(store_db(s), "INSERT INTO version VALUES (?, ?, ?)", "tib",
		    o->id.s, o->version, span_of_buf(&sealed)));
	else if (r == -EMSGSIZE)
		r = 0; /* the object is stored all the same; this version cannot be restored */
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "DELETE FROM version WHERE object_id = ? AND version <= ?", "ti", o->id.s,
		    o->version - VERSIONS_KEPT));
	buf_fini(&doc);
	buf_fini(&sealed);
	return r;
}

int
history_record(struct store *s, enum audit_action action, const struct id *id,
    const struct store_object *was, const struct store_actor *by)
{
	struct buf fields = BUF_INIT(2 * HISTORY_MAX_NAMES);
	struct store_holder h;
	struct store_object now;
	struct audit_entry e;
	int r;

	holder_init(&h);
	r = store_object_get(s, id, &h, &now);
	if (r == 0)
		r = keep_version(s, &now);
	if (r == 0)
		r = history_changes(was, &now, &fields);
	if (r == 0) {
		e = audit_entry_of(action, &now);
		e.fields = span_of_buf(&fields);
		r = audit_add(s, &e, by);
	}
	buf_fini(&fields);
	holder_fini(&h);
	return r;
}

int
history_record_end(struct store *s, const struct store_object *was, const struct store_actor *by)
{
	struct audit_entry e = audit_entry_of(AUDIT_DELETE, was);

	return audit_add(s, &e, by);
}

int
history_version(struct store *s, const struct id *id, int64_t version, struct buf *out)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT sealed FROM version WHERE object_id = ? AND version = ?", "ti", id->s, version);
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	r = column_open(s->keys, "version", id->s, "sealed", version, db_blob(st, 0), out);
	db_reset(st);
	return r;
}

/* ---- looking ---- */

/*
 * SQLite uses an index only for a condition that the statement always has, so each kind of query
 * has a statement of its own. ?5: the names of actions, each between commas; '': all. Counting goes
 * on from row ?8, which was counted before.
 */
#define AUDIT_STATEMENTS(where)                                                                    \
	{                                                                                          \
		.count = "SELECT count(*), (SELECT coalesce(max(n), 0) FROM audit) "               \
			 "FROM audit a WHERE " where AUDIT_FILTERS " AND a.n > ?8",                \
		.list = "SELECT a.at_ms, a.action, a.actor, a.actor_name, a.scope, a.scope_id, "   \
			"a.subject_id, a.type, a.key, a.version, a.fields, a.version > 0 "         \
			"AND EXISTS (SELECT 1 FROM version v WHERE v.object_id = a.subject_id "    \
			"AND v.version = a.version), a.n, a.request_id FROM audit a WHERE " where  \
			    AUDIT_FILTERS " AND a.n < ?10 ORDER BY a.n DESC LIMIT ?8 OFFSET ?9"    \
	}
#define AUDIT_FILTERS                                                                              \
	" AND (?4 = '' OR a.actor = ?4) "                                                          \
	"AND (?5 = '' OR instr(?5, ',' || a.action || ',') > 0) "                                  \
	"AND (?6 = '' OR instr(lower(a.key), ?6) > 0) AND (?7 = '' OR a.request_id = ?7)"

struct audit_statements {
	const char *count, *list;
};

static const struct audit_statements *
audit_statements(const struct store_audit_query *q)
{
	static const struct audit_statements of_request = AUDIT_STATEMENTS(
						 "a.request_id = ?7 AND a.organization_id = ?1 "
						 "AND (?2 = '' OR a.workspace_id = ?2) "
						 "AND (?3 = '' OR a.subject_id = ?3)"),
					     of_subject = AUDIT_STATEMENTS(
						 "a.subject_id = ?3 AND a.organization_id = ?1 "
						 "AND (?2 = '' OR a.workspace_id = ?2)"),
					     of_workspace = AUDIT_STATEMENTS(
						 "a.workspace_id = ?2 AND a.organization_id = ?1"),
					     of_organization =
						 AUDIT_STATEMENTS("a.organization_id = ?1");

	if (q->request.n)
		return &of_request;
	if (!id_is_none(&q->subject))
		return &of_subject;
	return id_is_none(&q->workspace) ? &of_organization : &of_workspace;
}

/* Room for the names of all actions. */
#define ACTIONS_SIZE 256

static void
write_actions(unsigned actions, char out[static ACTIONS_SIZE])
{
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < AUDIT_N_ACTIONS; i++)
		if (actions & 1U << i)
			n += (size_t)snprintf(
			    out + n, ACTIONS_SIZE - n, "%s%s,", n ? "" : ",", action_names[i]);
}

/* Binds ?8 to ?10 to the numbers. */
static struct statement *
query_audit(struct store *s, const char *sql, const struct store_audit_query *q, int64_t eighth,
    int64_t offset, int64_t before)
{
	/* first: this may wait, and the buffer of sql_search() is shared */
	struct db *db = store_db(s);
	char actions[ACTIONS_SIZE];

	write_actions(q->actions, actions);
	return db_query(db, sql, before ? "tttttssiii" : "tttttssi", q->organization.s,
	    q->workspace.s, q->subject.s, q->by.s, actions, sql_search(s, q->search),
	    or_empty(q->request), eighth, offset, before);
}

/* Counts the rows that were added since they were counted last. */
static int
count_audit(
    struct store *s, const struct store_audit_query *q, struct known_audit *known, int64_t *total)
{
	struct statement *st =
	    query_audit(s, audit_statements(q)->count, q, known->last_counted, 0, 0);
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	known->n += db_int64(st, 0);
	known->last_counted = db_int64(st, 1);
	*total = known->n;
	db_reset(st);
	return 0;
}

static int
read_audit(struct statement *st, struct store_audit *out)
{
	struct span action = db_text(st, 1);

	*out = (struct store_audit){ .at_ms = db_int64(st, 0),
		.by.name = db_text(st, 3),
		.type = db_text(st, 7),
		.key = db_text(st, 8),
		.version = db_int64(st, 9),
		.fields = db_text(st, 10),
		.restorable = db_bool(st, 11),
		.request_id = db_text(st, 13) };
	db_id(st, 2, &out->by.token);
	db_id(st, 5, &out->scope_id);
	db_id(st, 6, &out->subject);
	return audit_action_from(action, &out->action) ? db_scope(st, 4, &out->scope) : -EUCLEAN;
}

/* The page after the one read last begins behind its last row, so no row is skipped. */
static struct statement *
query_page(struct store *s, const struct store_audit_query *q, const struct known_audit *known)
{
	bool follows = q->offset && q->offset == known->next_offset;

	return query_audit(s, audit_statements(q)->list, q, sql_limit(q->limit),
	    follows ? 0 : q->offset, follows ? known->last_listed : INT64_MAX);
}

int
store_audit_list(struct store *s, const struct store_audit_query *q,
    int (*each)(void *arg, const struct store_audit *a), void *arg, int64_t *total)
{
	const uint64_t as_of = s->audit_pruned;
	struct known_audit known;
	struct statement *st;
	int64_t rows = 0;
	int r;

	audit_flush(s); /* so that the list has all reads until now */
	known = *cache_audit(s, q);
	r = count_audit(s, q, &known, total);
	if (r < 0)
		return r;
	st = query_page(s, q, &known);
	while ((r = db_row(st)) == 1) {
		struct store_audit a;

		r = read_audit(st, &a);
		if (r == 0) {
			known.next_offset = q->offset + ++rows;
			known.last_listed = db_int64(st, 12);
			r = each(arg, &a);
		}
		if (r != 0) {
			db_reset(st);
			break;
		}
	}
	if (s->audit_pruned == as_of) /* if rows were pruned meanwhile, the count is wrong */
		*cache_audit(s, q) = known;
	return r;
}

static int
prune_in_transaction(struct store *s, int64_t before_ms, int64_t limit, struct store_pruned *out)
{
	/*
	 * A version is as old as the change that ended it; the present version stays as long as its
	 * object.
	 */
	int r = db_run(db_query(store_db(s),
	    "WITH old AS (SELECT subject_id, version, action FROM audit WHERE at_ms < ?1 "
	    "ORDER BY at_ms, n LIMIT ?2) "
	    "DELETE FROM version WHERE (object_id, version) IN "
	    "(SELECT subject_id, CASE action WHEN 'DELETE' THEN version ELSE version - 1 END "
	    "FROM old WHERE version > 0) "
	    "AND NOT EXISTS (SELECT 1 FROM object o WHERE o.id = version.object_id "
	    "AND o.version = version.version)",
	    "ii", before_ms, limit));

	if (r < 0)
		return r;
	out->versions = db_changes(store_db(s));
	r = db_run(db_query(store_db(s),
	    "DELETE FROM audit WHERE n IN "
	    "(SELECT n FROM audit WHERE at_ms < ? ORDER BY at_ms, n LIMIT ?)",
	    "ii", before_ms, limit));
	out->audit = r == 0 ? db_changes(store_db(s)) : 0;
	if (out->audit)
		cache_forget_audit(s);
	return r == 0 && out->audit ? tx_signal(s, SIGNAL_PLACE, SCOPE_ORGANIZATION, NULL) : r;
}

int
store_audit_prune(struct store *s, int64_t before_ms, int64_t limit, struct store_pruned *out)
{
	int r = tx_begin(s);

	*out = (struct store_pruned){ 0 };
	return r == 0 ? tx_end(s, prune_in_transaction(s, before_ms, limit, out)) : r;
}

int
store_newest_record(struct store *s, int64_t *out)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT max(t.at_ms) FROM (SELECT max(at_ms) AS at_ms FROM audit "
	    "UNION ALL SELECT max(created_ms) FROM token "
	    "UNION ALL SELECT max(last_used_ms) FROM token) AS t",
	    "");
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	*out = db_int64(st, 0);
	db_reset(st);
	return 0;
}
