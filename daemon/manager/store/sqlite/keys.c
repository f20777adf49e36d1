/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaces all envelopes: with a rotation, by envelopes under another key; with a migration, by
 * envelopes of another kind.
 */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>

#include "base/limits.h"
#include "base/log.h"

/* The SQL function rewrap(envelope, what it is bound to). */
static void
on_rewrap(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct store *s = sqlite3_user_data(ctx);
	struct span envelope = { sqlite3_value_blob(v[0]), (size_t)sqlite3_value_bytes(v[0]) };
	struct span ad = { (const char *)sqlite3_value_text(v[1]),
		(size_t)sqlite3_value_bytes(v[1]) };
	struct buf out = BUF_INIT(VERSION_MAX + KEYS_OVERHEAD);
	int r;

	(void)n;
	r = sqlite_of(s)->rewrap(s->keys, ad, envelope, &out);
	if (r == 0) {
		sqlite3_result_blob64(ctx, buf_str(&out), out.len, SQLITE_TRANSIENT);
	} else if (r == -ENOMEM) {
		sqlite3_result_error_nomem(ctx);
	} else {
		column_log_unopened(ad);
		sqlite3_result_error_code(ctx, SQLITE_CORRUPT);
	}
	buf_fini(&out);
}

int
store_keys_init(struct store *s)
{
	return db_error(sqlite3_create_function(sqlite_of(s)->db.h, "rewrap", 2,
	    SQLITE_UTF8 | SQLITE_DIRECTONLY, s, on_rewrap, NULL, NULL));
}

/* The second argument is what column_seal() binds the column to. */
int
rewrap_all(struct store *s,
    int (*rewrap)(const struct keys *k, struct span ad, struct span envelope, struct buf *out))
{
	int r;

	sqlite_of(s)->rewrap = rewrap;
	r = db_run(db_query(store_db(s),
	    "UPDATE object SET sealed = rewrap(sealed, 'object|' || id || '|sealed|' || version)",
	    ""));

	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "UPDATE link SET sealed = rewrap(sealed, 'link|' || "
		    "(SELECT id FROM object o WHERE o.n = link.object) || '/' || entity_id || "
		    "'|override|' || version) WHERE sealed IS NOT NULL",
		    ""));
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "UPDATE version SET sealed = "
		    "rewrap(sealed, 'version|' || object_id || '|sealed|' || version)",
		    ""));
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "UPDATE secret SET sealed = rewrap(sealed, 'secret|' || name || '|sealed|0')",
		    ""));
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "UPDATE state SET key_check = rewrap(key_check, 'state|1|key_check|0')", ""));
	return r;
}

int
keys_rewrap_all(struct store *s)
{
	int r = sync_at_commit(s, true);

	if (r == 0)
		r = tx_begin(s);
	if (r == 0)
		r = tx_end(s, rewrap_all(s, keys_rewrap));
	if (sync_at_commit(s, false) < 0)
		log_warn("each change waits for the disk from now on");
	return r;
}
