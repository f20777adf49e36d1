/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of what is in the store, for monitoring. */
#include "manager/store/sql/sql.h"

int
store_stats(struct store *s, struct store_stats *out)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT (SELECT count(*) FROM object), (SELECT count(*) FROM token "
	    "WHERE revoked_ms = 0 AND (expires_ms = 0 OR expires_ms > ?))",
	    "i", store_now());
	int r = db_row(st);

	if (r < 1)
		return r;
	*out = (struct store_stats){ .objects = (uint64_t)db_int64(st, 0),
		.tokens = (uint64_t)db_int64(st, 1),
		.bytes = s->engine->bytes(s),
		.commits = s->commits,
		.not_on_disk = s->commits - store_synced(s).upto,
		.in_memory = s->n_deferred };
	db_reset(st);
	return 0;
}
