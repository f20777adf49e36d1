/* SPDX-License-Identifier: Apache-2.0 */
/* The store on SQLite: making, opening and restoring it, its schema's versions, what it seals. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "gen/schema1.sql.h"
#include "gen/schema2.sql.h"
#include "gen/schema3.sql.h"

/* Index i takes the schema from version i to i + 1. */
static const char *const migrations[] = { embed_schema1_sql, embed_schema2_sql, embed_schema3_sql };

#define KEY_CHECK       "connd-manager"
#define KEY_CHECK_PLACE "state|1|key_check|0" /* what column_ad() makes of it */

/* ---- sealing ---- */

/* What a sealed column is bound to. */
#define AD_SIZE 256

static int
column_ad(char out[static AD_SIZE], const char *table, const char *row, const char *column,
    int64_t version, struct span *ad)
{
	int n = snprintf(out, AD_SIZE, "%s|%s|%s|%lld", table, row, column, (long long)version);

	*ad = (struct span){ out, (size_t)n };
	return n > 0 && n < AD_SIZE ? 0 : -EINVAL;
}

int
store_seal(struct store *s, const char *table, const char *row, const char *column, int64_t version,
    struct span text, struct buf *out)
{
	char room[AD_SIZE];
	struct span ad;
	int r = column_ad(room, table, row, column, version, &ad);

	return r == 0 ? keys_seal(s->keys, ad, text, out) : r;
}

int
store_open_sealed(struct store *s, const char *table, const char *row, const char *column,
    int64_t version, struct span sealed, struct buf *out)
{
	char room[AD_SIZE];
	struct span ad;
	int r = column_ad(room, table, row, column, version, &ad);

	if (r == 0)
		r = keys_open(s->keys, ad, sealed, out);
	if (r == -EBADMSG)
		store_log_unopened(ad);
	return r;
}

void
store_log_unopened(struct span ad)
{
	char place[AD_SIZE];

	(void)snprintf(place, sizeof place, "%.*s", (int)ad.n, ad.p);
	log_error("a sealed value does not open: it is damaged, or of another place or time",
	    LOG_STR("place", place));
}

/* ---- small things ---- */

void
store_new_id(struct id *out)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	out->s[0] = 'c';
	for (int i = 1; i < ID_LENGTH; i++)
		out->s[i] = digits[rnd_below(36)];
	out->s[ID_LENGTH] = '\0';
}

struct span
actor_name(const struct store_actor *by)
{
	return by->name.p ? by->name : SPAN_LITERAL("");
}

int64_t
store_now(void)
{
	return clock_wall_ms();
}

const char *
store_epoch(const struct store *s)
{
	return s->epoch;
}

/* ---- opening ---- */

/* One process has a data directory; the lock goes with it, however it ends. */
static int
take_lock(const char *dir, int *out, char why[static STORE_WHY_SIZE])
{
	char path[4096];
	int fd, err;

	if (snprintf(path, sizeof path, "%s/manager.lock", dir) >= (int)sizeof path) {
		snprintf(why, STORE_WHY_SIZE, "the path of the data directory is too long");
		return -ENAMETOOLONG;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err = errno;
		snprintf(why, STORE_WHY_SIZE, "%.400s: %s", path, strerror(err));
		return -err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = errno == EWOULDBLOCK ? EBUSY : errno;
		snprintf(why, STORE_WHY_SIZE, "%.300s: %s", dir,
		    err == EBUSY ? "another connd-manager has this data directory" : strerror(err));
		(void)close(fd); /* nothing was written */
		return -err;
	}
	*out = fd;
	return 0;
}

static int
schema_version(struct store *s, int64_t *out)
{
	sqlite3_stmt *st = db_query(&s->db, "PRAGMA user_version", "");
	int r = db_row(st);

	if (r < 0)
		return r;
	*out = r == 1 ? sqlite3_column_int64(st, 0) : 0;
	(void)sqlite3_reset(st); /* was fine */
	return 0;
}

static int
migrate(struct store *s, char why[static STORE_WHY_SIZE])
{
	int64_t at, newest = (int64_t)N_ELEMENTS(migrations);
	char pragma[64];
	int r = schema_version(s, &at);

	if (r < 0) {
		snprintf(why, STORE_WHY_SIZE, "%.400s: %s", s->path,
		    r == -EUCLEAN ? "is no database, or damaged" : strerror(-r));
		return r;
	}
	if (at > newest) {
		snprintf(why, STORE_WHY_SIZE,
		    "%.300s: its schema is version %lld, this program knows %lld; use a newer one",
		    s->path, (long long)at, (long long)newest);
		return -EPROTO;
	}
	for (; at < newest; at++) {
		int rc = sqlite3_exec(s->db.h, "BEGIN IMMEDIATE", NULL, NULL, NULL);

		snprintf(pragma, sizeof pragma, "PRAGMA user_version = %lld", (long long)at + 1);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(s->db.h, migrations[at], NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(s->db.h, pragma, NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(s->db.h, "COMMIT", NULL, NULL, NULL);
		if (rc != SQLITE_OK) {
			snprintf(why, STORE_WHY_SIZE,
			    "%.200s: migrating its schema to version %lld: %.100s", s->path,
			    (long long)at + 1, sqlite3_errmsg(s->db.h));
			return db_error(rc);
		}
	}
	return 0;
}

static void
draw_epoch(char out[static 17])
{
	uint8_t bytes[8];

	rnd_bytes(bytes, sizeof bytes);
	hex_encode(out, bytes, sizeof bytes);
}

static int
write_state(struct store *s)
{
	struct buf sealed = BUF_INIT(1024);
	int r;

	draw_epoch(s->epoch);
	r = store_seal(s, "state", "1", "key_check", 0, SPAN_LITERAL(KEY_CHECK), &sealed);
	if (r == 0)
		r = db_run(db_query(&s->db, "INSERT INTO state VALUES (1, ?, 0, ?)", "tb", s->epoch,
		    span_of_buf(&sealed)));
	buf_fini(&sealed);
	return r;
}

/* The epoch, and whether the key is the one that this database was sealed with. */
static int
read_state(struct store *s, char why[static STORE_WHY_SIZE])
{
	struct buf plain = BUF_INIT(64);
	sqlite3_stmt *st = db_query(&s->db, "SELECT epoch, key_check FROM state", "");
	int r = db_row(st);

	if (r == 0)
		r = -EUCLEAN;
	if (r < 0) {
		snprintf(why, STORE_WHY_SIZE, "%.300s: its state can not be read: %s", s->path,
		    strerror(-r));
		return r;
	}
	snprintf(s->epoch, sizeof s->epoch, "%.16s", (const char *)sqlite3_column_text(st, 0));
	r = keys_settle(s->keys, db_blob(st, 1));
	if (r == 0)
		r = keys_open(s->keys, SPAN_LITERAL(KEY_CHECK_PLACE), db_blob(st, 1), &plain);
	(void)sqlite3_reset(st); /* was fine */
	if (r == -EBADMSG || r == -EKEYREJECTED) {
		snprintf(why, STORE_WHY_SIZE,
		    "%.300s: this key-encryption key is not the one it was sealed with", s->path);
		r = -EKEYREJECTED;
	} else if (r < 0) {
		snprintf(
		    why, STORE_WHY_SIZE, "the files of the key-encryption key: %s", strerror(-r));
	}
	buf_fini(&plain);
	return r;
}

static int
open_database(struct store *s, int flags, char why[static STORE_WHY_SIZE])
{
	mode_t was = umask(077);
	int r = db_open(&s->db, s->path, SQLITE_OPEN_READWRITE | flags);

	if (r == 0)
		r = db_error(sqlite3_exec(s->db.h, "PRAGMA journal_mode = WAL", NULL, NULL, NULL));
	(void)umask(was);
	if (r == 0)
		r = store_keys_init(s);
	if (r == 0)
		r = tx_init(s);
	if (r < 0)
		snprintf(why, STORE_WHY_SIZE, "%.400s: %s", s->path,
		    r == -EUCLEAN ? "is no database, or damaged" : strerror(-r));
	return r;
}

static int
store_new(struct store **out, const char *dir, struct keys *keys, char why[static STORE_WHY_SIZE])
{
	struct store *s = mem_zalloc(sizeof *s);
	size_t n = strlen(dir) + sizeof "/manager.db";
	int r = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->lock_fd = -1;
	s->keys = keys;
	buf_init(&s->entity_text, 4096);
	rnd_bytes(s->read_key, sizeof s->read_key);
	s->path = mem_alloc(n);
	if (s->path) {
		snprintf(s->path, n, "%s/manager.db", dir);
		r = take_lock(dir, &s->lock_fd, why);
	}
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

int
store_create(
    struct store **out, const char *dir, struct keys *keys, char why[static STORE_WHY_SIZE])
{
	struct store *s = NULL;
	int r = store_new(&s, dir, keys, why);

	if (r < 0)
		return r;
	if (access(s->path, F_OK) == 0) {
		snprintf(why, STORE_WHY_SIZE,
		    "%.400s: there is a database already; nothing was changed", s->path);
		(void)store_close(s);
		return -EEXIST;
	}
	r = open_database(s, SQLITE_OPEN_CREATE, why);
	if (r == 0)
		r = migrate(s, why);
	if (r == 0)
		r = write_state(s);
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

int
store_find(const char *dir, char why[static STORE_WHY_SIZE])
{
	char path[4096];
	int r = 0;

	if (snprintf(path, sizeof path, "%s/manager.db", dir) >= (int)sizeof path)
		r = -ENAMETOOLONG;
	else if (access(path, F_OK) < 0)
		r = -errno;
	if (r < 0)
		snprintf(why, STORE_WHY_SIZE,
		    "%.300s/manager.db: %s; make the data directory with `connd-manager init`", dir,
		    strerror(-r));
	return r;
}

int
store_open(struct store **out, const char *dir, struct keys *keys, char why[static STORE_WHY_SIZE])
{
	struct store *s = NULL;
	int r = store_find(dir, why);

	if (r == 0)
		r = store_new(&s, dir, keys, why);
	if (r < 0)
		return r;
	r = open_database(s, 0, why);
	if (r == 0)
		r = migrate(s, why);
	if (r == 0)
		r = read_state(s, why);
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

static void
remove_database(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char name[4096];

	for (size_t i = 0; i < N_ELEMENTS(suffixes); i++) {
		if (snprintf(name, sizeof name, "%s%s", path, suffixes[i]) < (int)sizeof name)
			(void)unlink(name); /* may never have been there */
	}
}

int
store_restore(struct store **out, const char *dir, const char *from, struct keys *keys,
    char why[static STORE_WHY_SIZE])
{
	struct store *s = NULL;
	char path[4096];
	int r = store_new(&s, dir, keys, why);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s", s->path);
	r = store_copy_in(s, from, why);
	if (r < 0)
		goto out;
	r = open_database(s, 0, why);
	if (r == 0)
		r = migrate(s, why);
	if (r == 0)
		r = read_state(s, why);
	if (r == 0) {
		draw_epoch(s->epoch);
		r = db_run(db_query(&s->db, "UPDATE state SET epoch = ?", "t", s->epoch));
		if (r < 0)
			snprintf(why, STORE_WHY_SIZE, "%.300s: %s", path, strerror(-r));
	}
	if (r < 0) {
		s = store_close(s);
		remove_database(path);
	}
out:
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

struct store *
store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < N_ELEMENTS(s->readers); i++)
		reader_close(&s->readers[i]);
	if (s->db.h) {
		audit_flush(s);
		s->sync = sync_free(s->sync);
		(void)sqlite3_exec(s->db.h, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
		store_tidy(s);
		db_close(&s->db);
	}
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd); /* nothing was written to it */
	buf_fini(&s->entity_text);
	mem_free(s->path);
	mem_free(s);
	return NULL;
}

void
store_tidy(struct store *s)
{
	audit_flush(s);
	if (!s->dirty)
		return;
	if (s->sync) {
		sync_tidy(s);
		return;
	}
	/* With a list being read it can not be done now, and must not be waited for. */
	(void)sqlite3_busy_timeout(s->db.h, 0);
	if (sqlite3_wal_checkpoint_v2(s->db.h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
	    SQLITE_OK)
		s->dirty = false;
	(void)sqlite3_busy_timeout(s->db.h, 5000);
}

/* ---- the manager's own secrets ---- */

int
store_secret_get(struct store *s, const char *name, struct buf *out)
{
	sqlite3_stmt *st = db_query(&s->db, "SELECT sealed FROM secret WHERE name = ?", "t", name);
	int r = db_row(st);

	if (r == 0)
		return STORE_NOT_FOUND;
	if (r < 0)
		return r;
	r = store_open_sealed(s, "secret", name, "sealed", 0, db_blob(st, 0), out);
	(void)sqlite3_reset(st); /* was fine */
	return r;
}

int
store_secret_put(struct store *s, const char *name, struct span secret)
{
	struct buf sealed = BUF_INIT(KEYS_OVERHEAD + LIMIT_VALUE);
	int r = store_seal(s, "secret", name, "sealed", 0, secret, &sealed);

	if (r == 0)
		r = tx_begin(s);
	if (r == 0)
		r = tx_end(s, db_run(db_query(&s->db, "INSERT INTO secret VALUES (?, ?)", "tb",
				  name, span_of_buf(&sealed))));
	buf_fini(&sealed);
	return r;
}
