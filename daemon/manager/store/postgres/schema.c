/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/postgres/schema.h"

#include "base/span.h"

#include "gen/postgres1.sql.h"

static const struct pg_migration migrations[] = {
	{ embed_postgres1_sql, .oldest = 1 },
};

size_t
pg_migrations(const struct pg_migration **out)
{
	if (out)
		*out = migrations;
	return N_ELEMENTS(migrations);
}
