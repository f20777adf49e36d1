/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a database and its statements, as the shared SQL uses them. What each database
 * does itself is in a table of functions, struct db_driver.
 *
 * SQL is written with ?1 or ? for parameters. Text compares byte by byte. A boolean column is an
 * integer; a boolean expression reads as 0 or 1.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "manager/model/policy.h"
#include "proto/page.h"

struct db_driver;
/* The first member of a driver's own struct. */
struct db {
	const struct db_driver *driver;
};
struct statement {
	const struct db_driver *driver;
	const char *sql; /* its key in struct statements; NULL: it is not kept */
};

/* A parameter without its kind: a number, or bytes. */
struct db_value {
	int64_t number;
	struct span bytes; /* absent: NULL */
};

struct db_driver {
	/*
	 * Prepares a statement, reset and without parameters. kept: it stays until the connection
	 * is closed and is found by the address of its text, so sql must be a literal. NULL: it
	 * cannot be prepared.
	 */
	struct statement *(*prepare)(struct db *db, const char *sql, bool kept);
	void (*finish)(struct statement *st); /* frees one that is not kept; NULL is fine */
	/* See db_query(). Parameters that the text does not name are ignored. 0 or -errno. */
	int (*bind)(struct statement *st, const char *kinds, va_list ap);
	/* The same of values; kinds: i, s and b. */
	int (*bind_values)(struct statement *st, const char *kinds, const struct db_value *values);
	int (*row)(struct statement *st); /* see db_row() */
	int (*run)(struct statement *st); /* see db_run() */
	void (*reset)(struct statement *st);
	struct span (*text)(struct statement *st, int column);
	struct span (*blob)(struct statement *st, int column);
	int64_t (*integer)(struct statement *st, int column);
	int64_t (*changes)(struct db *db); /* rows that the last statement changed */
	bool (*in_transaction)(const struct db *db);
};

/*
 * Prepares the statement (kept), and binds by a letter each: t C string, s span as text, b span as
 * blob (absent: NULL), i int64_t. NULL on failure; every function below passes that on as -ENOMEM.
 * sql must be a literal.
 */
struct statement *db_query(struct db *db, const char *sql, const char *kinds, ...);
/*
 * The same for a text that is not a literal: the statement is not kept, and the caller frees it
 * with db_finish().
 */
struct statement *db_query_once(struct db *db, const char *sql, const char *kinds, ...);
void db_finish(struct statement *st); /* NULL is fine */
MUST_CHECK int db_bind(struct statement *st, const char *kinds, ...);
/* 1: a row, 0: no more (reset), or -errno (reset); -EEXIST: a key is taken. */
MUST_CHECK int db_row(struct statement *st);
/* Runs it to its end: 0, STORE_CONFLICT for a taken key, or -errno. */
MUST_CHECK int db_run(struct statement *st);
/* The same for a statement that returns one number: it is in *out. */
MUST_CHECK int db_run_returning(struct statement *st, int64_t *out);
void db_reset(struct statement *st); /* NULL is fine */
/* Columns. Spans live until the statement's next row or reset. NULL reads as 0 or absent. */
struct span db_text(struct statement *st, int column);
struct span db_blob(struct statement *st, int column);
int64_t db_int64(struct statement *st, int column);
bool db_bool(struct statement *st, int column);
void db_id(struct statement *st, int column, struct id *out); /* "" where there is none */
/* -EUCLEAN: no such word */
MUST_CHECK int db_scope(struct statement *st, int column, enum scope *out);
MUST_CHECK int db_type(struct statement *st, int column, enum manager_type *out);
int64_t db_changes(struct db *db);
bool db_in_transaction(const struct db *db);
