/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of what is in the store, for monitoring. */
#include <stdio.h>
#include <sys/stat.h>

#include "manager/store/sqlite/sqlite.h"

static uint64_t
file_size(const char *path, const char *suffix)
{
	char name[4096];
	struct stat st;

	if (snprintf(name, sizeof name, "%s%s", path, suffix) >= (int)sizeof name ||
	    stat(name, &st) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

int
store_stats(struct store *s, struct store_stats *out)
{
	sqlite3_stmt *st = db_query(&s->db,
	    "SELECT (SELECT count(*) FROM object), (SELECT count(*) FROM token "
	    "WHERE revoked_ms = 0 AND (expires_ms = 0 OR expires_ms > ?))",
	    "i", store_now());
	int r = db_row(st);

	if (r < 1)
		return r;
	*out = (struct store_stats){ .objects = (uint64_t)sqlite3_column_int64(st, 0),
		.tokens = (uint64_t)sqlite3_column_int64(st, 1),
		.bytes = file_size(s->path, "") + file_size(s->path, "-wal"),
		.commits = s->commits,
		.not_on_disk = s->commits - store_synced(s).upto,
		.in_memory = s->n_deferred };
	(void)sqlite3_reset(st); /* was fine */
	return 0;
}
