/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The versions of the schema on PostgreSQL, and which programs each of them serves.
 *
 * Managers of two releases use one database while they are upgraded one by one. The first one of
 * the newer release migrates the database, and the older ones go on. So a migration adds: a table,
 * an index, a column that may be left out by who inserts rows. It is short, and locks no table for
 * long. Nothing that an older program does not understand may then be written into a column that it
 * reads, nor be part of a MAC that it checks.
 *
 * What cannot be done so takes two releases. The first one understands the new form, and writes the
 * old one. The second one's migration names the first one's version as `oldest`: programs that know
 * only older versions respond with 503 and do not start any more.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct pg_migration {
	const char *sql;
	int64_t oldest; /* the oldest version that a program may know to use the result */
};

/*
 * The migrations, in *out (may be NULL), and how many there are: index i takes the schema from
 * version i to i + 1.
 */
size_t pg_migrations(const struct pg_migration **out);
