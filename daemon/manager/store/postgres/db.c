/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of PostgreSQL. A statement runs when its first row is requested; its whole result is
 * then in memory, so other statements may run while its rows are read. Data in libpq's memory is
 * sealed, or a name.
 */
#include "manager/store/postgres/postgres.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Room for the largest document of a version and its other parameters. */
#define BYTES_MAX  (16 * 1024 * 1024)
#define TYPE_BYTEA 17
#define TYPE_INT8  20
#define TYPE_TEXT  25

static const struct db_driver driver;

static struct pg_statement *
of(struct statement *st)
{
	return (struct pg_statement *)st;
}

void
pg_db_init(struct pg_db *db, struct postgres_store *p, const char *url)
{
	*db = (struct pg_db){ .db.driver = &driver, .store = p, .url = url };
}

/* ---- errors ---- */

/* What a class of SQLSTATEs, or one, means to the store's callers. */
static const struct {
	const char *state;
	int error;
} errors[] = {
	{ "23505", EEXIST },   /* unique_violation */
	{ "25006", ENOTCONN }, /* read_only_sql_transaction: a standby */
	{ "40", EBUSY },       /* serialization_failure, deadlock_detected */
	{ "55P03", EBUSY },    /* lock_not_available */
	{ "57014", ENOTCONN }, /* query_canceled, by its statement_timeout */
	{ "53100", EDQUOT },   /* disk_full: of the database */
	{ "53", EBUSY },       /* insufficient_resources */
	{ "57P", ENOTCONN },   /* the server ends or starts */
	{ "08", ENOTCONN },    /* connection_exception */
	{ "25P03", ENOTCONN }, /* idle_in_transaction_session_timeout */
};

static int
error_of(const char *state)
{
	for (size_t i = 0; i < N_ELEMENTS(errors); i++)
		if (strncmp(state, errors[i].state, strlen(errors[i].state)) == 0)
			return -errors[i].error;
	return -EIO;
}

/* Logs only the server's primary message: its details may have values of rows. */
static int
refusal(struct pg_db *db, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	int r;

	if (!db->h || PQstatus(db->h) == CONNECTION_BAD)
		return -ENOTCONN;
	r = state ? error_of(state) : -EIO;
	if (r == -EDQUOT && !db->store->is_full) {
		log_error("the database's disk is full: changes are refused until it has room",
		    LOG_STR("reason", text ? text : ""));
		db->store->is_full = true;
	}
	if (r == -EIO)
		log_error("the database refused a statement",
		    LOG_STR("sqlstate", state ? state : ""), LOG_STR("reason", text ? text : ""));
	return r;
}

/* ---- running ---- */

/*
 * Takes the result of what was sent; of several statements, that of the last. 0 or -errno; then
 * *out is NULL.
 */
static int
take_result(struct pg_db *db, bool sent, PGresult **out)
{
	PGresult *next, *last = NULL;
	int waited = sent ? pg_wait_result(db) : -ENOTCONN, r = 0;

	*out = NULL;
	while (waited == 0 && (next = PQgetResult(db->h))) {
		PQclear(last);
		last = next;
		if (PQresultStatus(last) == PGRES_TUPLES_OK ||
		    PQresultStatus(last) == PGRES_COMMAND_OK)
			db->changes = strtoll(PQcmdTuples(last), NULL, 10);
		else if (r == 0)
			r = refusal(db, last);
		waited = pg_wait_result(db);
	}
	if (!sent)
		pg_drop(db);
	if (r == 0)
		r = waited < 0 ? waited : last ? 0 : -ENOTCONN;
	if (r == 0)
		*out = last;
	else
		PQclear(last);
	return r;
}

int
pg_exec(struct pg_db *db, const char *sql, int64_t *out)
{
	PGresult *result;
	int r = take_result(db, db->h && PQsendQuery(db->h, sql), &result);

	if (r == 0 && out && PQntuples(result) == 1)
		*out = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return r;
}

static bool
send_prepare(struct pg_statement *st)
{
	return PQsendPrepare(st->db->h, st->name, st->text, st->n, st->types);
}

static bool
send_statement(struct pg_statement *st)
{
	const char *values[PG_MAX_PARAMETERS];
	int binary[PG_MAX_PARAMETERS];

	for (int i = 0; i < st->n; i++) {
		values[i] = st->at[i] == -2 ? NULL
			    : st->at[i] < 0 ? (const char *)&st->numbers[i]
					    : buf_str(&st->bytes) + st->at[i];
		binary[i] = 1;
	}
	if (st->is_prepared)
		return PQsendQueryPrepared(
		    st->db->h, st->name, st->n, values, st->lengths, binary, 1);
	return PQsendQueryParams(
	    st->db->h, st->text, st->n, st->types, values, st->lengths, binary, 1);
}

/* Runs the statement in the current transaction. */
static int
run_now(struct pg_statement *st)
{
	struct pg_db *db = st->db;
	PGresult *result;
	int r = 0;

	if (!db->h)
		return -ENOTCONN;
	if (st->name[0] && !st->is_prepared && !db->is_pooled) {
		r = take_result(db, send_prepare(st), &result);
		PQclear(result);
		st->is_prepared = r == 0;
	}
	return r == 0 ? take_result(db, send_statement(st), &st->result) : r;
}

/* Passes the rows that do not verify to is_absent() in this transaction. */
static int
name_absent(struct pg_db *db)
{
	const struct absent *a = &db->store->store.absent;
	struct buf sql = BUF_INIT(BYTES_MAX);
	int r;

	if (!a->n || db->absent_salt == a->salt)
		return 0;
	buf_adds(&sql, "SET LOCAL connd.absent = '");
	for (size_t i = 0; i < a->n; i++) /* an id has only letters and digits */
		buf_addf(&sql, "%s%s", i ? "," : "", a->ids[i].s);
	buf_adds(&sql, "'");
	r = buf_error(&sql);
	if (r == 0)
		r = pg_exec(db, buf_str(&sql), NULL);
	if (r == 0)
		db->absent_salt = a->salt;
	buf_fini(&sql);
	return r;
}

static int
run_with_absent(struct pg_statement *st)
{
	struct pg_db *db = st->db;
	bool own = !db->in_transaction;
	int ended, r = own ? pg_exec(db, "BEGIN", NULL) : 0;

	if (r == 0 && own)
		db->absent_salt = 0;
	if (r == 0)
		r = name_absent(db);
	if (r == 0)
		r = run_now(st);
	ended = own && db->h ? pg_exec(db, r == 0 ? "COMMIT" : "ROLLBACK", NULL) : 0;
	return r == 0 ? ended : r;
}

static int
execute(struct pg_statement *st)
{
	st->has_run = true;
	st->row = -1;
	if (st->looks_absent && st->db->store->store.absent.n > 0)
		return run_with_absent(st);
	return run_now(st);
}

/* ---- statements ---- */

static void reset(struct statement *st);

static void
clear(struct pg_statement *st)
{
	PQclear(st->result);
	st->result = NULL;
	st->has_run = false;
}

static void
finish(struct statement *base)
{
	struct pg_statement *st = of(base);

	clear(st);
	buf_fini(&st->bytes);
	mem_free(st->text);
	mem_free(st);
}

/* Rewrites the parameters: ?1 becomes $1; a ? without a number becomes the next one. */
static char *
translate(const char *sql)
{
	struct buf out = BUF_INIT(256 * 1024);
	char *text;
	int next = 1;

	for (const char *p = sql; *p; p++) {
		buf_addc(&out, *p == '?' ? '$' : *p);
		if (*p == '?' && (p[1] < '0' || p[1] > '9'))
			buf_addf(&out, "%d", next++);
	}
	text = buf_error(&out) ? NULL : mem_alloc(out.len + 1);
	if (text)
		memcpy(text, buf_str(&out), out.len + 1);
	buf_fini(&out);
	return text;
}

/* named: prepared on the server. */
static struct pg_statement *
make_statement(struct pg_db *db, const char *sql, bool named)
{
	struct pg_statement *st = mem_zalloc(sizeof *st);

	if (!st)
		return NULL;
	st->statement.driver = &driver;
	st->db = db;
	buf_init(&st->bytes, BYTES_MAX);
	st->looks_absent = strstr(sql, "is_absent(");
	st->text = translate(sql);
	if (!st->text) {
		mem_free(st);
		return NULL;
	}
	if (named)
		(void)snprintf(st->name, sizeof st->name, "connd_%u", ++db->last_name);
	return st;
}

/* A statement_make. */
static struct statement *
make(struct db *base, const char *sql, bool kept)
{
	struct pg_statement *st = make_statement((struct pg_db *)base, sql, kept);

	return st ? &st->statement : NULL;
}

static struct statement *
prepare(struct db *base, const char *sql, bool kept)
{
	if (kept)
		return statements_get(&((struct pg_db *)base)->kept, base, sql, make);
	return make(base, sql, false);
}

struct statement *
pg_list_statement(struct pg_db *db, const char *sql)
{
	struct pg_statement *st = make_statement(db, sql, true), **slot;

	if (!st)
		return NULL;
	for (size_t i = 0; i < N_ELEMENTS(db->lists); i++) {
		struct pg_statement *kept = db->lists[i];

		if (kept && !kept->has_run && strcmp(kept->text, st->text) == 0) {
			finish(&st->statement);
			return &kept->statement;
		}
	}
	slot = &db->lists[db->next_list++ % N_ELEMENTS(db->lists)];
	if (*slot && (*slot)->has_run) /* that statement's result is being read */
		return &st->statement;
	if (*slot) {
		/* Its name is used again; the server drops what had it. */
		(void)snprintf(st->name, sizeof st->name, "%s", (*slot)->name);
		if ((*slot)->is_prepared) {
			char drop[64];

			(void)snprintf(drop, sizeof drop, "DEALLOCATE %s", st->name);
			if (pg_exec(db, drop, NULL) < 0)
				st->name[0] = '\0';
		}
		finish(&(*slot)->statement);
	}
	*slot = st;
	return &st->statement;
}

void
pg_leave_statement(struct pg_db *db, struct statement *st)
{
	reset(st);
	for (size_t i = 0; i < N_ELEMENTS(db->lists); i++)
		if (db->lists[i] == of(st))
			return;
	finish(st);
}

void
pg_drop(struct pg_db *db)
{
	for (size_t i = 0; i < db->kept.room; i++)
		if (db->kept.slots[i])
			of(db->kept.slots[i])->is_prepared = false;
	for (size_t i = 0; i < N_ELEMENTS(db->lists); i++)
		if (db->lists[i])
			db->lists[i]->is_prepared = false;
	PQfinish(db->h);
	db->h = NULL;
	db->in_transaction = false;
}

void
pg_db_close(struct pg_db *db)
{
	statements_fini(&db->kept);
	for (size_t i = 0; i < N_ELEMENTS(db->lists); i++)
		if (db->lists[i])
			finish(&db->lists[i]->statement);
	PQfinish(db->h);
	db->h = NULL;
	pg_db_init(db, db->store, db->url);
}

/* ---- parameters ---- */

/*
 * Appends text. Bytes that are not UTF-8, which a request may search for, become U+FFFD, so that no
 * row is equal.
 */
static void
add_text(struct buf *out, struct span s)
{
	while (s.n > 0) {
		size_t n = *s.p ? utf8_sequence(s.p, s.n) : 0;

		if (n)
			buf_add(out, s.p, n);
		else
			buf_adds(out, "\357\277\275"); /* U+FFFD */
		s.p += n ? n : 1;
		s.n -= n ? n : 1;
	}
}

static void
bind_bytes(struct pg_statement *st, char kind, struct span s)
{
	int i = st->n;
	size_t at = st->bytes.len;

	st->types[i] = kind == 'b' ? TYPE_BYTEA : TYPE_TEXT;
	st->at[i] = s.p ? (int)at : -2;
	if (kind == 'b' && s.p)
		buf_add(&st->bytes, s.p, s.n);
	else if (s.p)
		add_text(&st->bytes, s);
	st->lengths[i] = (int)(st->bytes.len - at);
	buf_addc(&st->bytes, '\0');
}

static void
bind_number(struct pg_statement *st, int64_t v)
{
	st->types[st->n] = TYPE_INT8;
	st->numbers[st->n] = htobe64((uint64_t)v);
	st->at[st->n] = -1;
	st->lengths[st->n] = sizeof st->numbers[0];
}

static void
bind_one(struct pg_statement *st, char kind, va_list *ap)
{
	if (kind == 'i') {
		bind_number(st, va_arg(*ap, int64_t));
	} else if (kind == 't') {
		bind_bytes(st, kind, span_of(va_arg(*ap, const char *)));
	} else {
		bind_bytes(st, kind, va_arg(*ap, struct span));
	}
	st->n++;
}

static int
bind(struct statement *base, const char *kinds, va_list args)
{
	struct pg_statement *st = of(base);
	va_list ap;

	st->n = 0;
	buf_reset(&st->bytes);
	va_copy(ap, args);
	for (; *kinds && st->n < PG_MAX_PARAMETERS; kinds++)
		bind_one(st, *kinds, &ap);
	va_end(ap);
	return *kinds ? -EINVAL : buf_error(&st->bytes);
}

static int
bind_values(struct statement *base, const char *kinds, const struct db_value *v)
{
	struct pg_statement *st = of(base);

	st->n = 0;
	buf_reset(&st->bytes);
	for (; *kinds && st->n < PG_MAX_PARAMETERS; kinds++, v++, st->n++) {
		if (*kinds == 'i')
			bind_number(st, v->number);
		else
			bind_bytes(st, *kinds, v->bytes);
	}
	return *kinds ? -EINVAL : buf_error(&st->bytes);
}

/* ---- rows ---- */

static int
row(struct statement *base)
{
	struct pg_statement *st = of(base);
	int r = st->has_run ? 0 : execute(st);

	if (r == 0 && st->result && ++st->row < PQntuples(st->result))
		return 1;
	clear(st);
	return r;
}

static int
run(struct statement *base)
{
	struct pg_statement *st = of(base);
	int r = st->has_run ? 0 : execute(st);

	clear(st);
	return r == -EEXIST ? STORE_CONFLICT : r;
}

static void
reset(struct statement *st)
{
	clear(of(st));
}

static struct span
bytes_of(struct statement *base, int column)
{
	struct pg_statement *st = of(base);

	if (PQgetisnull(st->result, st->row, column))
		return (struct span){ 0 };
	return (struct span){ PQgetvalue(st->result, st->row, column),
		(size_t)PQgetlength(st->result, st->row, column) };
}

/* Reads a number or a boolean, in network byte order. */
static int64_t
integer(struct statement *base, int column)
{
	struct span s = bytes_of(base, column);
	uint64_t v = s.n && (s.p[0] & 0x80) && s.n > 1 ? UINT64_MAX : 0;

	for (size_t i = 0; i < s.n && i < sizeof v; i++)
		v = v << 8 | (uint8_t)s.p[i];
	return (int64_t)v;
}

static int64_t
changes(struct db *db)
{
	return ((struct pg_db *)db)->changes;
}

static bool
in_transaction(const struct db *db)
{
	return ((const struct pg_db *)db)->in_transaction;
}

static const struct db_driver driver = {
	.prepare = prepare,
	.finish = finish,
	.bind = bind,
	.bind_values = bind_values,
	.row = row,
	.run = run,
	.reset = reset,
	.text = bytes_of,
	.blob = bytes_of,
	.integer = integer,
	.changes = changes,
	.in_transaction = in_transaction,
};
