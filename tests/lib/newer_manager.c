/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With the rest of connd-manager: the program after the present one, whose schema on PostgreSQL is
 * one version ahead. $NEWER_BREAKS: its schema does not serve the present program.
 */
#include <stdlib.h>

#include "base/span.h"
#include "manager/store/postgres/schema.h"

#include "gen/postgres1.sql.h"

#define ADDS                                                                                       \
	"ALTER TABLE object ADD COLUMN added TEXT NOT NULL DEFAULT 'x';"                           \
	"CREATE TABLE added (object BIGINT PRIMARY KEY REFERENCES object (n) ON DELETE CASCADE);"  \
	"CREATE INDEX object_added ON object (added)"

static const struct pg_migration adds[] = { { embed_postgres1_sql, 1 }, { ADDS, 1 } };
static const struct pg_migration breaks[] = { { embed_postgres1_sql, 1 }, { ADDS, 2 } };

size_t
pg_migrations(const struct pg_migration **out)
{
	if (out)
		*out = getenv("NEWER_BREAKS") ? breaks : adds;
	return N_ELEMENTS(adds);
}
