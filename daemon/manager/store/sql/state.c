/* SPDX-License-Identifier: Apache-2.0 */
/* The one row of state: the last change, and whether the key is the one it was sealed with. */
#include "manager/store/sql/sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_CHECK    "connd-manager"
#define KEY_CHECK_AD "state|1|key_check|0" /* room for the sealed check value */

int
state_make(struct store *s)
{
	struct buf sealed = BUF_INIT(1024);
	int r =
	    column_seal(s->keys, "state", "1", "key_check", 0, SPAN_LITERAL(KEY_CHECK), &sealed);

	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "INSERT INTO state (one, change_number, key_check) VALUES (1, 0, ?)", "b",
		    span_of_buf(&sealed)));
	buf_fini(&sealed);
	return r;
}

static int
refuse_key(struct store *s, int r, struct why *why)
{
	if (r == -EBADMSG || r == -EKEYREJECTED) {
		why_set(why, "%.300s: this key-encryption key is not the one it was sealed with",
		    s->name);
		return -EKEYREJECTED;
	}
	if (r < 0)
		why_set(why, "the files of the key-encryption key: %s", strerror(-r));
	return r;
}

int
state_check(struct store *s, bool first, struct why *why)
{
	struct buf plain = BUF_INIT(64);
	struct statement *st = db_query(store_db(s), "SELECT key_check FROM state", "");
	int r = db_row(st);

	if (r < 1) {
		why_set(why, "%.300s: its state cannot be read: %s", s->name,
		    strerror(r < 0 ? -r : EUCLEAN));
		return r < 0 ? r : -EUCLEAN;
	}
	r = keys_settle(s->keys, db_blob(st, 0));
	if (r == 0 && first && !keys_is_first(db_blob(st, 0))) {
		why_set(why,
		    "%.300s: its schema was set back to a version from before its rows were "
		    "authenticated: it was edited; restore a backup",
		    s->name);
		db_reset(st);
		return -EKEYREJECTED;
	}
	if (r == 0)
		r = (first ? keys_open_first : keys_open)(
		    s->keys, SPAN_LITERAL(KEY_CHECK_AD), db_blob(st, 0), &plain);
	db_reset(st);
	buf_fini(&plain);
	return refuse_key(s, r, why);
}

int
state_follow_key(struct store *s, bool is_locked)
{
	struct statement *st = db_query(store_db(s),
	    is_locked ? "SELECT key_check FROM state FOR UPDATE" : "SELECT key_check FROM state",
	    "");
	int r = db_row(st);

	if (r == 1)
		/* without a row the store is new */
		r = keys_follow(s->keys, db_blob(st, 0), is_locked);
	db_reset(st);
	return r;
}

int
state_load_number(struct store *s)
{
	struct statement *st = db_query(store_db(s), "SELECT change_number FROM state", "");
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	s->seen = db_int64(st, 0);
	db_reset(st);
	return 0;
}

int
state_load(struct store *s, struct why *why)
{
	int r = authentic_load_key(s);

	if (r == -EBADMSG) {
		why_set(why,
		    "%.300s: the key of its rows' MACs is missing or damaged; restore a backup",
		    s->name);
		return r;
	}
	if (r == 0)
		r = state_load_number(s);
	if (r < 0)
		why_set(why, "%.300s: %s", s->name, strerror(-r));
	return r;
}
