/* SPDX-License-Identifier: Apache-2.0 */
/* Replaces all envelopes by ones under another key, in one transaction. */
#include "manager/store/postgres/postgres.h"

#include <errno.h>

#define ROWS 200 /* rows that are read at a time */

/* A table with envelopes, and the statements that read and write one. */
struct sealed_table {
	/*
	 * Reads the next ROWS rows after the position (?1, ?2). Columns: the row's own position
	 * (two), what its envelope is bound to, the envelope.
	 */
	const char *read;
	const char *write; /* ?1, ?2: the position; ?3: the envelope */
};

static const struct sealed_table tables[] = {
	{ "SELECT id, 0::BIGINT, 'object|' || id || '|sealed|' || version, sealed FROM object "
	  "WHERE id > ?1 AND ?2 >= 0 ORDER BY id LIMIT ?3",
	    "UPDATE object SET sealed = ?3 WHERE id = ?1 AND ?2 >= 0" },
	{ "SELECT l.entity_id, l.object, 'link|' || o.id || '/' || l.entity_id || '|override|' || "
	  "l.version, l.sealed FROM link l JOIN object o ON o.n = l.object "
	  "WHERE (l.entity_id, l.object) > (?1, ?2) AND l.sealed IS NOT NULL "
	  "ORDER BY l.entity_id, l.object LIMIT ?3",
	    "UPDATE link SET sealed = ?3 WHERE entity_id = ?1 AND object = ?2" },
	{ "SELECT object_id, version, 'version|' || object_id || '|sealed|' || version, sealed "
	  "FROM version WHERE (object_id, version) > (?1, ?2) ORDER BY object_id, version LIMIT ?3",
	    "UPDATE version SET sealed = ?3 WHERE object_id = ?1 AND version = ?2" },
	{ "SELECT name, 0::BIGINT, 'secret|' || name || '|sealed|0', sealed FROM secret "
	  "WHERE name > ?1 AND ?2 >= 0 ORDER BY name LIMIT ?3",
	    "UPDATE secret SET sealed = ?3 WHERE name = ?1 AND ?2 >= 0" },
	{ "SELECT '1', 0::BIGINT, 'state|1|key_check|0', key_check FROM state "
	  "WHERE '1' > ?1 AND ?2 >= 0 LIMIT ?3",
	    "UPDATE state SET key_check = ?3 WHERE ?1 = '1' AND ?2 >= 0" },
};

#define NAME_MAX_SIZE 256
struct place_in_table {
	char name[NAME_MAX_SIZE];
	int64_t number;
};

static int
rewrap_row(
    struct store *s, const struct sealed_table *t, struct statement *st, struct place_in_table *at)
{
	struct buf out = BUF_INIT(VERSION_MAX + KEYS_OVERHEAD);
	struct span name = db_text(st, 0), ad = db_text(st, 2);
	int r = keys_rewrap(s->keys, ad, db_blob(st, 3), &out);

	if (r == -EBADMSG)
		column_log_unopened(ad);
	(void)snprintf(at->name, sizeof at->name, "%.*s", (int)name.n, name.p);
	at->number = db_int64(st, 1);
	if (r == 0)
		r = db_run(db_query(
		    store_db(s), t->write, "tib", at->name, at->number, span_of_buf(&out)));
	buf_fini(&out);
	return r;
}

static int
rewrap_table(struct store *s, const struct sealed_table *t)
{
	struct place_in_table at = { "", 0 };
	int64_t n;
	int r;

	do {
		struct statement *st =
		    db_query(store_db(s), t->read, "tii", at.name, at.number, (int64_t)ROWS);

		for (n = 0; (r = db_row(st)) == 1; n++) {
			r = rewrap_row(s, t, st, &at);
			if (r != 0)
				break;
		}
		db_reset(st);
	} while (r == 0 && n == ROWS);
	return r;
}

static int
rewrap_all(struct store *s)
{
	int r = 0;

	for (size_t i = 0; i < N_ELEMENTS(tables) && r == 0; i++)
		r = rewrap_table(s, &tables[i]);
	return r;
}

int
pg_rewrap(struct store *s)
{
	int r = tx_begin(s);

	return r == 0 ? tx_end(s, rewrap_all(s)) : r;
}
