/* SPDX-License-Identifier: Apache-2.0 */
/* Which database a store is on: PostgreSQL by a URL, or SQLite in a directory. */
#include <string.h>

#include "manager/store/postgres/open.h"
#include "manager/store/sqlite/open.h"
#include "manager/store/store.h"

bool
store_is_url(const char *where)
{
	return strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0;
}

int
store_create_begin(struct store **out, const char *where, struct keys *keys, struct why *why)
{
	return store_is_url(where) ? postgres_create_begin(out, where, keys, why)
				   : sqlite_create(out, where, keys, why);
}

int
store_create(struct store **out, const char *where, struct keys *keys, struct why *why)
{
	int r = store_create_begin(out, where, keys, why);

	if (r == 0)
		r = store_create_end(*out, why);
	if (r < 0)
		*out = store_close(*out);
	return r;
}

int
store_find(const char *where, struct why *why)
{
	return store_is_url(where) ? 0 : sqlite_find(where, why);
}

int
store_open(struct store **out, const char *where, struct keys *keys, struct why *why)
{
	return store_is_url(where) ? postgres_open(out, where, keys, why)
				   : sqlite_open(out, where, keys, why);
}

int
store_open_waiting(struct store **out, const char *where, struct keys *keys,
    const struct store_options *options, struct why *why)
{
	return store_is_url(where) ? postgres_open_waiting(out, where, keys, options, why)
				   : sqlite_open(out, where, keys, why);
}

int
store_restore(
    struct store **out, const char *dir, const char *from, struct keys *keys, struct why *why)
{
	return sqlite_restore(out, dir, from, keys, why);
}
