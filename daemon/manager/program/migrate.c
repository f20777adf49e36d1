/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/migrate.h"

#include <errno.h>
#include <string.h>

#include "base/json/write.h"
#include "manager/program/command.h"
#include "manager/program/owner.h"
#include "manager/program/staging.h"
#include "manager/store/store.h"
#include "manager/store/transfer.h"

#define DIRECTORY "sqlite:"

/* The directory of "sqlite:DIR"; NULL: it is something else. */
static const char *
directory_of(const char *place)
{
	size_t n = sizeof DIRECTORY - 1;

	return strncmp(place, DIRECTORY, n) == 0 ? place + n : NULL;
}

/* Returns the argument for store_open(). */
static const char *
where_of(const char *place)
{
	const char *dir = directory_of(place);

	return dir ? dir : place;
}

/* Reads the key from --key-file, or from the first of the two that is a data directory. */
static int
load_key(const struct options *o, struct keys **out, struct why *why)
{
	const char *dir = directory_of(o->from) ? directory_of(o->from) : directory_of(o->to);

	if (dir || o->key_file)
		return keys_load(out, dir ? dir : ".", o->key_file, why);
	why_set(why, "neither is sqlite:DIR, so there is no manager.key: give --key-file FILE");
	return -EINVAL;
}

static int
check_owner(const char *place, struct why *why)
{
	const char *dir = directory_of(place);

	return dir ? owner_check(dir, why) : 0;
}

static int
open_from(struct store **out, const char *where, struct keys *keys, struct why *why)
{
	int r = store_open(out, where, keys, why);

	if (r == -EBUSY)
		why_add(why, "; stop it first");
	return r;
}

/* Makes the tables of a store in an empty database. */
static int
open_to(struct store **out, const char *where, struct keys *keys, bool *fresh, struct why *why)
{
	int r = store_open(out, where, keys, why);

	*fresh = r == -ENOENT;
	return *fresh ? store_create_begin(out, where, keys, why) : r;
}

static void
print(const struct store_transfer *t, struct buf *out)
{
	buf_addc(out, '{');
	jtext_member_bool(out, "copied", t->copied);
	jtext_member_bool(out, "verified", true);
	jtext_name(out, "rows");
	buf_addc(out, '{');
	for (size_t i = 0; i < STORE_N_TABLES; i++)
		jtext_member_int(out, t->tables[i].name, t->tables[i].rows);
	buf_adds(out, "}}");
}

/* to: what store_open() takes. */
static int
transfer(
    const struct options *o, const char *to, struct keys *keys, struct buf *out, struct why *why)
{
	struct store *source = NULL, *copy = NULL;
	struct store_transfer t;
	bool fresh = false;
	int r = open_from(&source, where_of(o->from), keys, why);

	if (r == 0)
		r = open_to(&copy, to, keys, &fresh, why);
	if (r == 0)
		r = store_transfer(copy, source, &t, why);
	if (r == 0 && fresh)
		r = store_create_end(copy, why);
	if (r == 0)
		print(&t, out);
	(void)store_close(copy);
	(void)store_close(source);
	return r;
}

/* A new database of SQLite gets its name when it is whole. */
static int
transfer_to(const struct options *o, struct keys *keys, struct buf *out, struct why *why)
{
	const char *dir = directory_of(o->to);
	struct staging stage;
	int r;

	if (!dir)
		return transfer(o, o->to, keys, out, why);
	r = staging_open(&stage, dir, false, why);
	if (r == 0) {
		r = transfer(o, stage.path, keys, out, why);
		if (r == 0)
			r = staging_finish(&stage, why);
		staging_close(&stage);
		return r;
	}
	staging_close(&stage);
	return r == -EEXIST ? transfer(o, dir, keys, out, why) : r; /* which compares them */
}

int
migrate_run(const struct options *o, struct buf *out, struct why *why)
{
	struct keys *keys = NULL;
	int r = check_owner(o->from, why);

	if (r == 0)
		r = check_owner(o->to, why);
	if (r == 0)
		r = load_key(o, &keys, why);
	if (r == 0)
		r = transfer_to(o, keys, out, why);
	(void)keys_free(keys);
	return r < 0 ? -1 : 0;
}
