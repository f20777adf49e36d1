/* SPDX-License-Identifier: Apache-2.0 */
/* A PostgreSQL server for the tests of one program: from the first call until the program ends. */
#pragma once

#include <libpq-fe.h>
#include <stdint.h>

/* Makes an empty database, in place of the one of before; returns its URL. */
const char *test_postgres_fresh(void);
/* Runs statements on that database past the store; the number of rows that the last one changed. */
int64_t test_postgres_run(const char *sql);
/* The one number that a statement returns. */
int64_t test_postgres_number(const char *sql);
