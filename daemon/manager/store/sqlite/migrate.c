/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the schema. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "manager/store/version.h"

#include "gen/schema1.sql.h"
#include "gen/schema2.sql.h"
#include "gen/schema3.sql.h"
#include "gen/schema4.sql.h"
#include "gen/schema5.sql.h"
#include "gen/schema6.sql.h"

/* Index i takes the schema from version i to i + 1. */
static const char *const migrations[] = { embed_schema1_sql, embed_schema2_sql, embed_schema3_sql,
	embed_schema4_sql, embed_schema5_sql, embed_schema6_sql };
/* From this version on, rows have MACs, and envelopes are of the present kind. */
#define AUTHENTICATED 4
/* From this version on the database names the program that made its schema. */
#define WITH_PROGRAM 5

/* ---- what the statements of a migration cannot do ---- */

/* A version of an object whose document gets the object's type, key and place. */
struct unnamed {
	struct id object;
	int64_t version;
};

/* Appends the document of a row, with the members of `o` in front. */
static int
name_document(struct store *s, struct statement *st, const struct unnamed *at,
    const struct store_object *o, struct buf *doc)
{
	struct buf was = BUF_INIT(VERSION_MAX);
	int r = column_open(
	    s->keys, "version", at->object.s, "sealed", at->version, db_blob(st, 2), &was);

	if (r == 0)
		history_name(o, span_of_buf(&was), doc);
	buf_fini(&was);
	return r == 0 ? buf_error(doc) : r;
}

/*
 * Moves *at to the next row and appends its new document. *keep: false when it could never be
 * restored, because the object is not known or the document is too long. 1, 0: no more, or -errno.
 */
static int
next_document(struct store *s, struct unnamed *at, struct buf *doc, bool *keep)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT v.object_id, v.version, v.sealed, coalesce(o.scope, a.scope), "
	    "coalesce(o.scope_id, a.scope_id), coalesce(o.type, a.type), coalesce(o.key, a.key) "
	    "FROM version v LEFT JOIN object o ON o.id = v.object_id "
	    "LEFT JOIN audit a ON o.id IS NULL AND a.n = (SELECT max(n) FROM audit e "
	    "WHERE e.subject_id = v.object_id AND e.action = 'DELETE') "
	    "WHERE (v.object_id, v.version) > (?, ?) ORDER BY v.object_id, v.version LIMIT 1",
	    "ti", at->object.s, at->version);
	struct store_object o = { 0 };
	int r = db_row(st);

	if (r < 1)
		return r;
	db_id(st, 0, &at->object);
	at->version = db_int64(st, 1);
	o.key = db_text(st, 6);
	db_id(st, 4, &o.scope_id);
	*keep = db_scope(st, 3, &o.scope) == 0 && db_type(st, 5, &o.type) == 0;
	r = *keep ? name_document(s, st, at, &o, doc) : 0;
	db_reset(st);
	if (r == -EMSGSIZE) {
		*keep = false;
		r = 0;
	}
	return r == 0 ? 1 : r;
}

static int
write_document(struct store *s, const struct unnamed *at, const struct buf *doc)
{
	struct buf sealed = BUF_INIT(VERSION_MAX + KEYS_OVERHEAD);
	int r = column_seal(
	    s->keys, "version", at->object.s, "sealed", at->version, span_of_buf(doc), &sealed);

	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "UPDATE version SET sealed = ?3 WHERE object_id = ?1 AND version = ?2", "tib",
		    at->object.s, at->version, span_of_buf(&sealed)));
	buf_fini(&sealed);
	return r;
}

static int
drop_version(struct store *s, const struct unnamed *at)
{
	return db_run(
	    db_query(store_db(s), "DELETE FROM version WHERE object_id = ? AND version = ?", "ti",
		at->object.s, at->version));
}

/*
 * Reads one row at a time, by key, because a running statement may see rows again that another
 * statement writes.
 */
static int
name_versions(struct store *s)
{
	struct unnamed at = { 0 };
	bool keep;
	int r, more;

	do {
		struct buf doc = BUF_INIT(VERSION_MAX);

		more = r = next_document(s, &at, &doc, &keep);
		if (more == 1)
			r = keep ? write_document(s, &at, &doc) : drop_version(s, &at);
		buf_fini(&doc);
	} while (more == 1 && r == 0);
	return r;
}

static int
write_macs(struct store *s)
{
	struct statement *st = db_query(store_db(s), "SELECT scope, id FROM entity", "");
	enum scope scope;
	struct id id;
	int r;

	while ((r = db_row(st)) == 1 && (r = db_scope(st, 0, &scope)) == 0) {
		db_id(st, 1, &id);
		r = place_write_mac(s, scope, &id);
		if (r < 0)
			break;
	}
	db_reset(st);
	if (r < 0)
		return r;
	st = db_query(store_db(s), "SELECT id FROM token", "");
	while ((r = db_row(st)) == 1) {
		db_id(st, 0, &id);
		r = token_write_mac(s, &id);
		if (r < 0)
			break;
	}
	db_reset(st);
	if (r < 0)
		return r;
	st = db_query(store_db(s), "SELECT n FROM object", "");
	while ((r = db_row(st)) == 1) {
		r = authentic_write_object(s, db_int64(st, 0));
		if (r < 0)
			break;
	}
	db_reset(st);
	return r;
}

/*
 * Seals everything again, with new data keys in envelopes of the present kind, and writes MACs for
 * what decides access. Edits made to the file before this cannot be detected; later ones are
 * (state_check(), rewrap_all()).
 */
static int
authenticate(struct store *s)
{
	uint64_t draw = tx_draw(s);
	int r = rewrap_all(s, keys_reseal);

	if (r == 0)
		r = name_versions(s);
	if (r == 0)
		r = authentic_make_key(s);
	if (r == 0)
		r = authentic_load_key(s);
	if (r == 0)
		r = db_run(db_query(store_db(s), "UPDATE change SET draw = ?", "i", (int64_t)draw));
	if (r == 0)
		r = db_run(db_query(store_db(s), "UPDATE object SET draw = ?", "i", (int64_t)draw));
	return r == 0 ? write_macs(s) : r;
}

/* ---- versions of the schema ---- */

static int
schema_version(struct store *s, int64_t *out)
{
	struct statement *st = db_query(store_db(s), "PRAGMA user_version", "");
	int r = db_row(st);

	if (r < 0)
		return r;
	*out = r == 1 ? db_int64(st, 0) : 0;
	db_reset(st);
	return 0;
}

static int
step_in_transaction(struct store *s, int64_t to)
{
	char pragma[64];
	int r = sqlite_exec(&sqlite_of(s)->db, migrations[to - 1]);

	if (r == 0 && to == AUTHENTICATED)
		r = authenticate(s);
	if (r == 0 && to >= WITH_PROGRAM)
		r = db_run(
		    db_query(store_db(s), "UPDATE program SET version = ?", "t", CONND_VERSION));
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %lld", (long long)to);
	return r == 0 ? sqlite_exec(&sqlite_of(s)->db, pragma) : r;
}

static int
step(struct store *s, int64_t to, struct why *why)
{
	int r = tx_begin(s);

	if (r == 0)
		r = tx_end(s, step_in_transaction(s, to));
	if (r < 0)
		why_set(why, "%.200s: migrating its schema to version %lld: %s", s->name,
		    (long long)to,
		    r == -EUCLEAN || r == -EBADMSG
			? "it is damaged, or was edited; the log says more"
			: strerror(-r));
	return r;
}

/*
 * Reports which program can read the schema: the database names it, unless a later schema has no
 * such table.
 */
static int
refuse_newer(struct store *s, int64_t at, int64_t newest, struct why *why)
{
	struct statement *st = db_query(store_db(s), "SELECT version FROM program", "");
	struct span by = db_row(st) == 1 ? db_text(st, 0) : (struct span){ 0 };

	why_set(why,
	    "%.300s: its schema is version %lld, this program knows %lld; use connd-manager %.*s%s",
	    s->name, (long long)at, (long long)newest, (int)(by.n < 40 ? by.n : 40),
	    by.n ? by.p : "", by.n ? " or a newer one" : "of a newer release");
	db_reset(st);
	return -EPROTO;
}

int
migrate(struct store *s, struct why *why)
{
	int64_t at, newest = (int64_t)N_ELEMENTS(migrations);
	int r = schema_version(s, &at);

	if (r < 0) {
		why_set(why, "%.400s: %s", s->name,
		    r == -EUCLEAN ? "not a database, or damaged" : strerror(-r));
		return r;
	}
	if (at > newest)
		return refuse_newer(s, at, newest, why);
	if (at > 0 && at < AUTHENTICATED) /* checked before anything is changed */
		r = state_check(s, true, why);
	for (; at < newest && r == 0; at++)
		r = step(s, at + 1, why);
	return r;
}
