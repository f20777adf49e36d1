/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a whole store into another one, whatever databases they are on. Both stores have one key,
 * so envelopes and MACs are copied as they are. The copy is one transaction, during which the
 * source is locked against changes. Then both are read again and compared.
 */
#include "manager/store/sql/sql.h"
#include "manager/store/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/rnd.h"

#define ROWS        200 /* rows that are read at a time */
#define MAX_COLUMNS 20
/* The largest key column: a text of a token's or object's row. */
#define KEY_SIZE 256

/*
 * A table. The list is in an order in which rows that others refer to come first. kinds: a letter
 * for each column, as in db_query() (s: text); a capital letter where the column may be NULL. The
 * first n_key columns are the key.
 */
struct table {
	const char *name, *columns, *kinds;
	size_t n_key;
};
static const struct table tables[] = {
	{ "state", "one, change_number, key_check", "iib", 1 },
	{ "secret", "name, sealed", "sb", 1 },
	{ "organization", "id, name, secrets_fetching, created_ms, updated_ms, mac", "ssiiib", 1 },
	{ "workspace",
	    "id, organization_id, name, created_ms, updated_ms, description, cicd_enforced, mac",
	    "sssiiSib", 1 },
	{ "deployment",
	    "id, organization_id, workspace_id, name, created_ms, updated_ms, description, "
	    "cicd_enforced, mac",
	    "ssssiiSib", 1 },
	{ "project",
	    "id, organization_id, workspace_id, deployment_id, name, created_ms, updated_ms, "
	    "description, mac",
	    "sssSsiiSb", 1 },
	{ "object",
	    "n, id, organization_id, workspace_id, scope, scope_id, type, key, auto_link, version, "
	    "sealed, created_ms, created_by, created_by_name, updated_ms, updated_by, "
	    "updated_by_name, auto_link_projects, draw, mac",
	    "isssssssiibississiib", 1 },
	{ "link", "object, entity_id, scope, position, version, sealed", "issiiB", 2 },
	{ "exclusion", "object, entity_id, scope, position", "issi", 2 },
	{ "change", "scope_id, type, scope, workspace_id, number, draw, at_ms", "ssssiii", 2 },
	{ "token",
	    "id, organization_id, name, scope, scope_id, role, jti_hash, created_ms, expires_ms, "
	    "revoked_ms, last_used_ms, created_by, created_by_name, workspace_id, family, "
	    "family_created_ms, family_expires_ms, mac",
	    "ssssssbiiiissssiib", 1 },
	{ "version", "object_id, version, sealed", "sib", 2 },
	{ "audit",
	    "n, at_ms, action, actor, actor_name, organization_id, workspace_id, scope, scope_id, "
	    "subject_id, type, key, version, fields, count, request_id",
	    "iissssssssssisiS", 1 },
	{ "used_code", "hash, expires_ms", "bi", 1 },
	{ "sidecar",
	    "scope_id, id, scope, organization_id, workspace_id, token_id, name, report, first_ms, "
	    "seen_ms, confirmed_ms",
	    "ssssssssiii", 2 },
};
_Static_assert(N_ELEMENTS(tables) == STORE_N_TABLES, "store.h says how many");

/* ---- reading a table ---- */

/* Reading continues after the row with this key. */
struct place_in_table {
	bool begun;
	struct db_value key[2];
	char texts[2][KEY_SIZE];
};

static char
kind_of(const struct table *t, size_t column)
{
	char c = t->kinds[column];

	return c == 'S' ? 's' : c == 'B' ? 'b' : c;
}

/* The names of the key's columns. */
static int
key_columns(const struct table *t)
{
	const char *comma = strchr(t->columns, ',');

	if (t->n_key == 2)
		comma = strchr(comma + 1, ',');
	return (int)(comma - t->columns);
}

/* Reads the next ROWS rows. NULL: out of memory. */
static struct statement *
read_rows(struct db *db, const struct table *t, const struct place_in_table *at)
{
	struct buf sql = BUF_INIT(4096);
	char kinds[3] = { kind_of(t, 0), t->n_key > 1 ? kind_of(t, 1) : '\0' };
	int n = key_columns(t);
	struct statement *st = NULL;

	buf_addf(&sql, "SELECT %s FROM %s ", t->columns, t->name);
	if (at->begun)
		buf_addf(&sql, "WHERE (%.*s) > (%s) ", n, t->columns, t->n_key > 1 ? "?, ?" : "?");
	buf_addf(&sql, "ORDER BY %.*s LIMIT %d", n, t->columns, ROWS);
	if (!buf_error(&sql))
		st = db->driver->prepare(db, buf_str(&sql), false);
	buf_fini(&sql);
	if (st && at->begun && st->driver->bind_values(st, kinds, at->key) < 0) {
		db_finish(st);
		st = NULL;
	}
	return st;
}

/* A NULL in a column that may not be NULL is copied as an empty value. */
static void
read_row(struct statement *st, const struct table *t, struct db_value *row)
{
	for (size_t i = 0; t->kinds[i]; i++) {
		char kind = kind_of(t, i);

		row[i] = (struct db_value){ 0 };
		if (kind == 'i')
			row[i].number = db_int64(st, (int)i);
		else
			row[i].bytes = kind == 's' ? db_text(st, (int)i) : db_blob(st, (int)i);
		if (!row[i].bytes.p && kind == t->kinds[i])
			row[i].bytes.p = "";
	}
}

static int
keep_place(struct place_in_table *at, const struct table *t, const struct db_value *row)
{
	for (size_t i = 0; i < t->n_key; i++) {
		at->key[i] = row[i];
		if (kind_of(t, i) == 'i')
			continue;
		if (row[i].bytes.n > KEY_SIZE)
			return -EUCLEAN;
		memcpy(at->texts[i], row[i].bytes.p, row[i].bytes.n);
		at->key[i].bytes.p = at->texts[i];
	}
	at->begun = true;
	return 0;
}

/* Calls fn for every row. 0, or what fn returned, or -errno. */
static int
each_row(struct db *db, const struct table *t,
    int (*fn)(void *arg, const struct table *t, const struct db_value *row), void *arg)
{
	struct place_in_table at = { 0 };
	struct db_value row[MAX_COLUMNS];
	int64_t n;
	int r;

	do {
		struct statement *st = read_rows(db, t, &at);

		for (n = 0; (r = db_row(st)) == 1; n++) {
			read_row(st, t, row);
			r = fn(arg, t, row);
			if (r == 0)
				r = keep_place(&at, t, row);
			if (r != 0)
				break;
		}
		db_finish(st);
	} while (r == 0 && n == ROWS);
	return r;
}

/* ---- counting and hashing ---- */

/* The count and the hash of all rows of a table; their order does not matter. */
struct digest {
	int64_t rows;
	uint8_t sum[HASH_SIZE];
};
struct digests {
	uint8_t key[HASH_SIZE]; /* of this comparison */
	struct digest of[N_ELEMENTS(tables)];
	struct digest *current;
	struct buf text;
};

static void
add_number(struct buf *text, int64_t v)
{
	buf_add(text, &v, sizeof v);
}

static int
digest_row(void *arg, const struct table *t, const struct db_value *row)
{
	struct digests *d = arg;
	uint8_t hash[HASH_SIZE];

	buf_reset(&d->text);
	for (size_t i = 0; t->kinds[i]; i++) {
		if (kind_of(t, i) == 'i') {
			add_number(&d->text, row[i].number);
			continue;
		}
		add_number(&d->text, row[i].bytes.p ? (int64_t)row[i].bytes.n : -1);
		buf_add(&d->text, row[i].bytes.p, row[i].bytes.n);
	}
	hash_long(hash, d->key, sizeof d->key, buf_str(&d->text), d->text.len);
	for (size_t i = 0; i < sizeof hash; i++)
		d->current->sum[i] ^= hash[i];
	d->current->rows++;
	return buf_error(&d->text);
}

static int
digest_store(struct store *s, struct digests *d)
{
	int r = 0;

	buf_init(&d->text, 4 * VERSION_MAX);
	for (size_t i = 0; i < N_ELEMENTS(tables) && r == 0; i++) {
		d->of[i] = (struct digest){ 0 };
		d->current = &d->of[i];
		r = each_row(store_db(s), &tables[i], digest_row, d);
	}
	buf_fini(&d->text);
	return r;
}

/* ---- copying ---- */

struct copying {
	struct db *to;
	struct statement *st;
};

static int
copy_row(void *arg, const struct table *t, const struct db_value *row)
{
	struct copying *c = arg;
	char kinds[MAX_COLUMNS + 1];
	size_t i;
	int r;

	for (i = 0; t->kinds[i]; i++)
		kinds[i] = kind_of(t, i);
	kinds[i] = '\0';
	db_reset(c->st);
	r = c->st->driver->bind_values(c->st, kinds, row);
	if (r == 0)
		r = db_run(c->st);
	return r == STORE_CONFLICT ? -EUCLEAN : r;
}

static int
copy_table(struct store *to, struct store *from, const struct table *t)
{
	struct copying c = { .to = store_db(to) };
	struct buf sql = BUF_INIT(4096);
	int r;

	buf_addf(&sql, "INSERT INTO %s (%s) VALUES (", t->name, t->columns);
	for (size_t i = 0; t->kinds[i]; i++)
		buf_adds(&sql, i ? ", ?" : "?");
	buf_adds(&sql, ")");
	if (!buf_error(&sql))
		c.st = c.to->driver->prepare(c.to, buf_str(&sql), false);
	buf_fini(&sql);
	r = c.st ? each_row(store_db(from), t, copy_row, &c) : -ENOMEM;
	db_finish(c.st);
	return r;
}

/* Deletes the rows that store_create() made: the source has its own. */
static int
empty(struct store *to)
{
	int r = db_run(db_query(store_db(to), "DELETE FROM state", ""));

	return r == 0 ? db_run(db_query(store_db(to), "DELETE FROM secret", "")) : r;
}

static int
copy_in_transaction(struct store *to, struct store *from)
{
	int r = empty(to);

	for (size_t i = 0; i < N_ELEMENTS(tables) && r == 0; i++)
		r = copy_table(to, from, &tables[i]);
	return r == 0 && to->engine->renumber ? to->engine->renumber(to) : r;
}

/* 1: the store is as store_create() left it; 0: it has content; or -errno. */
static int
is_new(struct store *s)
{
	struct statement *st =
	    db_query(store_db(s), "SELECT (SELECT count(*) FROM organization)", "");
	int r = db_row(st);
	bool none = r == 1 && db_int64(st, 0) == 0;

	db_reset(st);
	return r < 0 ? r : none;
}

static bool
is_equal(const struct digests *a, const struct digests *b)
{
	bool equal = true;

	for (size_t i = 0; i < N_ELEMENTS(tables); i++)
		equal = equal && a->of[i].rows == b->of[i].rows &&
			hash_equal(a->of[i].sum, b->of[i].sum, HASH_SIZE);
	return equal;
}

/* Counts the rows of both, and compares them. 0, -EEXIST: they differ, or -errno. */
static int
compare(struct store *to, struct store *from, struct store_transfer *out)
{
	struct digests a = { 0 }, b = { 0 };
	int r;

	rnd_bytes(a.key, sizeof a.key);
	memcpy(b.key, a.key, sizeof b.key);
	r = digest_store(from, &a);
	if (r == 0)
		r = digest_store(to, &b);
	if (r < 0)
		return r;
	for (size_t i = 0; i < N_ELEMENTS(tables); i++)
		out->tables[i] = (struct store_table_rows){ tables[i].name, b.of[i].rows };
	return is_equal(&a, &b) ? 0 : -EEXIST;
}

static int
copy_whole(struct store *to, struct store *from)
{
	int r = tx_begin(to);

	return r == 0 ? tx_end(to, copy_in_transaction(to, from)) : r;
}

static int
transfer(struct store *to, struct store *from, struct store_transfer *out)
{
	int fresh = is_new(to);
	int r = fresh < 0 ? fresh : fresh ? copy_whole(to, from) : 0;

	out->copied = fresh == 1;
	if (r == 0)
		r = compare(to, from, out);
	return r == -EEXIST && fresh ? -EBADMSG : r;
}

int
store_transfer(struct store *to, struct store *from, struct store_transfer *out, struct why *why)
{
	int r = 0;

	if (to->schema_is_newer || from->schema_is_newer) {
		why_set(why,
		    "%.300s: a newer connd-manager has made its schema: copy it with that one",
		    to->schema_is_newer ? to->name : from->name);
		return -EPROTO;
	}
	r = tx_begin(from); /* so that nothing changes while it is copied */
	if (r == 0) {
		r = transfer(to, from, out);
		(void)from->engine->rollback(from); /* the source was only read */
	}
	if (r == -EEXIST)
		why_set(why, "%.300s: there is a store with other content; nothing was changed",
		    to->name);
	else if (r == -EBADMSG)
		why_set(
		    why, "%.300s: it is not equal to %.300s after the copy", to->name, from->name);
	else if (r < 0)
		why_set(why, "from %.300s to %.300s: %s", from->name, to->name, strerror(-r));
	return r;
}
