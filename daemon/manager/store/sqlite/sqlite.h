/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the SQLite store: one connection with its prepared statements, transactions, sealing of
 * columns. Included by store_sqlite*.c alone; nobody above store.h sees it.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "manager/store/store.h"

#define DB_STATEMENTS 128 /* a power of two, well above the number of statements in the source */

/* One connection. Statements are kept by the address of their text: a literal at its one place of use. */
struct db {
	sqlite3 *h;
	struct {
		const char *sql;
		sqlite3_stmt *st;
	} kept[DB_STATEMENTS];
};

#define READER_STATEMENTS 8
/* A reading connection; its snapshot lives as long as its cursors. */
struct reader {
	struct db db;
	uint64_t as_of; /* the store's commit count its snapshot is of */
	int n_cursors;
	bool is_open;
	/* Statements of lists that ended: preparing one takes longer than a short list. */
	sqlite3_stmt *idle[READER_STATEMENTS];
	size_t next_idle;
};
#define STORE_MAX_READERS STORE_MAX_LISTS

/* One line of the audit log; what is left out is empty, at_ms 0 is now. */
struct audit_entry {
	int64_t at_ms;
	enum audit_action action;
	struct id organization, workspace;
	enum scope scope;
	struct id scope_id, subject;
	const char *type;
	struct span key, fields;
	int64_t version;
};

/* A read that waits to be written with others. */
struct pending_read {
	struct audit_entry entry;
	struct id by;
	char by_name[256], key[LIMIT_KEY_BYTES + 1];
};
#define MAX_PENDING_READS 1024 /* a change that a thousand tokens wait for is one transaction */
#define SEEN_READS        4096

/* Its name, that of its Workspace, its description. */
#define ENTITY_TEXT_MAX (4 * (LIMIT_PLACE_NAME + LIMIT_PLACE_NAME + LIMIT_DESCRIPTION))
/* A place as it is committed. */
struct kept_entity {
	struct store_entity entity; /* id "": free */
	char text[ENTITY_TEXT_MAX]; /* its texts, one behind the other */
};
/* The change numbers of one scope id. */
struct kept_numbers {
	struct id id; /* "": free */
	uint64_t numbers[MANAGER_N_TYPES];
};

/*
 * What is known of a list as long as its view's number stays: how many rows it has in all (offset -1, no
 * sorts), or which row comes before the one at an offset.
 */
struct list_key {
	struct id scope_id; /* "": free */
	uint8_t scope, types;
	bool resolve, whole_workspace;
	uint8_t n_sorts, sorts[STORE_MAX_SORTS];
	int64_t offset;
	uint64_t number;
};
struct kept_list {
	struct list_key key;
	int64_t value;
};

struct store {
	struct db db; /* the one that writes */
	struct keys *keys;
	char *path; /* of the database */
	int lock_fd;
	char epoch[17];
	uint64_t commits;
	uint64_t change;   /* number given to what this transaction touches; 0: nothing yet */
	bool dirty;        /* the log holds frames of changed secrets */
	struct sync *sync; /* NULL: each commit is on disk when it returns */
	struct reader readers[STORE_MAX_READERS];
	struct buf entity_text; /* what the last entity's or token's spans point to */
	struct {
		void (*fn)(void *arg, const struct store_event *e);
		void *arg;
	} watchers[STORE_MAX_WATCHERS];
	/* Reads: those to be written, and hashes of those that were noted lately. */
	struct pending_read reads[MAX_PENDING_READS];
	size_t n_reads;
	uint64_t seen_reads[SEEN_READS];
	uint8_t read_key[HASH_SHORT_KEY_SIZE];
	struct kept_entity kept_entities[256];
	struct kept_numbers kept_numbers[1024];
	struct kept_list kept_lists[1024];
	bool entities_changed, tokens_changed; /* by this transaction */
	uint64_t rights;                       /* see store_rights() */
};

void reader_close(struct reader *r);
int db_error(int rc); /* SQLite's code -> -errno */
MUST_CHECK int db_open(struct db *db, const char *path, int flags);
void db_close(struct db *db);
/* NULL when it can not be prepared: memory. sql must be a literal. Comes reset. */
sqlite3_stmt *db_statement(struct db *db, const char *sql);
/*
 * Prepares (kept), and binds by a letter each: t C string, s span as text, b span as blob (absent:
 * NULL), i int64_t. NULL on failure; every function below passes that on as -ENOMEM.
 */
sqlite3_stmt *db_query(struct db *db, const char *sql, const char *kinds, ...);
int db_bind(sqlite3_stmt *st, int first, const char *kinds, va_list ap);
MUST_CHECK int db_row(sqlite3_stmt *st); /* 1: a row, 0: no more (reset), or -errno (reset) */
MUST_CHECK int db_run(
    sqlite3_stmt *st); /* to its end: 0, STORE_CONFLICT for a taken key, or -errno */
/* Columns. Spans live until the statement's next step or reset. */
struct span db_text(sqlite3_stmt *st, int column);
struct span db_blob(sqlite3_stmt *st, int column);
void db_id(sqlite3_stmt *st, int column, struct id *out);
MUST_CHECK int db_scope(sqlite3_stmt *st, int column, enum scope *out); /* -EUCLEAN: no such word */
MUST_CHECK int db_type(sqlite3_stmt *st, int column, enum manager_type *out);

/* store_sqlite_change.c */
MUST_CHECK int tx_init(struct store *s); /* once, when the store opens */
MUST_CHECK int tx_begin(struct store *s);
/* r == 0: commits and tells the watchers; anything else: rolls back. Returns r, or what failed. */
MUST_CHECK int tx_end(struct store *s, int r);
/* The views that see this object (call before and after it changes) get this transaction's number. */
MUST_CHECK int tx_touch_object(struct store *s, int64_t n);
/* The one view, all types. */
MUST_CHECK int tx_touch_scope(
    struct store *s, enum scope scope, const struct id *id, const struct id *workspace);
void store_tell(struct store *s, const struct store_event *e);

/* sync.c */
void sync_committed(struct store *s);   /* after each commit */
void sync_tidy(struct store *s);        /* the log is to be copied, and emptied when it is */
struct sync *sync_free(struct sync *y); /* after what is committed is on disk; NULL is fine */

/* Columns under keys: bound to table | row | column | version. */
MUST_CHECK int store_seal(struct store *s, const char *table, const char *row, const char *column,
    int64_t version, struct span text, struct buf *out);
MUST_CHECK int store_open_sealed(struct store *s, const char *table, const char *row,
    const char *column, int64_t version, struct span sealed, struct buf *out);
/* Names what did not open by its table, row, column and version. */
void store_log_unopened(struct span ad);

/* The largest sealed column, opened and sealed. */
#define PLAIN_MAX  (LIMIT_VALUE + 4 + 4 * LIMIT_DESCRIPTION)
#define SEALED_MAX (PLAIN_MAX + KEYS_OVERHEAD)
/* The writing connection learns to rewrap. */
MUST_CHECK int store_keys_init(struct store *s);

/* The database of the store, which must not be there yet, becomes a copy of the file `from`. */
MUST_CHECK int store_copy_in(struct store *s, const char *from, char why[static STORE_WHY_SIZE]);

/* NULL: not kept. */
struct store_entity *cache_entity(struct store *s, enum scope scope, const struct id *id);
/* Its texts lie one behind the other, as entity_point_to() left them. */
void cache_keep_entity(struct store *s, const struct store_entity *e);
/* The place's spans lead into text, where name, Workspace's name and description follow each other. */
void entity_point_to(struct store_entity *e, const char *text);
void cache_forget_entities(struct store *s);
struct kept_numbers *cache_numbers(struct store *s, const struct id *scope_id);
/* All 0, to be filled in at once. */
struct kept_numbers *cache_new_numbers(struct store *s, const struct id *scope_id);
/* False: q has a filter for which nothing is kept. */
bool cache_list_key(struct list_key *key, const struct store_query *q, uint64_t number);
bool cache_list(struct store *s, const struct list_key *key, int64_t *value);
void cache_keep_list(struct store *s, const struct list_key *key, int64_t value);

/* An actor's name for a column: the command line has none. */
struct span actor_name(const struct store_actor *by);
int64_t store_now(void);

/* ---- the statements of a list ---- */

bool view_resolves(const struct store_query *q);
/* Their parameters: see store_sqlite_view.c. */
void view_count_sql(struct buf *sql, const struct store_query *q);
/* OBJECT_COLUMNS of the rows in order. behind: only those that follow the row ?7. */
void view_list_sql(struct buf *sql, const struct store_query *q, bool behind);

/* ---- history ---- */

/* The largest document of one version of an object. */
#define VERSION_MAX (8 * LIMIT_VALUE)
MUST_CHECK int audit_add(
    struct store *s, const struct audit_entry *e, const struct store_actor *by);
void audit_flush(struct store *s);
/* The object as it is now becomes a version, and a line says what differs from `was` (NULL: it is new). */
MUST_CHECK int history_record(struct store *s, enum audit_action action, const struct id *id,
    const struct store_object *was, const struct store_actor *by);
/* The object goes. */
MUST_CHECK int history_record_end(
    struct store *s, const struct store_object *was, const struct store_actor *by);
/* Appends the document of a version. STORE_NOT_FOUND. */
MUST_CHECK int history_version(
    struct store *s, const struct id *id, int64_t version, struct buf *out);

/* ---- objects, shared between writing and listing ---- */

/* What one row's spans point to. */
struct store_holder {
	struct buf names;    /* key and the names of who wrote it */
	struct buf sealed;   /* description and value as they were sealed together */
	struct buf override; /* of the link a resolved row came through */
	struct buf resolved;
	struct buf link_text;
	struct store_link *links; /* links, then exclusions */
	size_t links_room;
};
void holder_init(struct store_holder *h);
void holder_fini(struct store_holder *h);

/* The first columns of every statement that reads objects; what follows is the statement's own. */
#define OBJECT_COLUMNS                                                                             \
	"o.n AS n, o.id AS id, o.type AS type, o.key AS key, o.scope AS scope, "                   \
	"o.scope_id AS scope_id, o.organization_id AS organization_id, o.workspace_id AS "         \
	"workspace_id, "                                                                           \
	"o.auto_link AS auto_link, o.auto_link_projects AS auto_link_projects, o.version AS "      \
	"version, o.sealed AS sealed, "                                                            \
	"o.created_ms AS created_ms, o.created_by AS created_by, o.created_by_name AS "            \
	"created_by_name, "                                                                        \
	"o.updated_ms AS updated_ms, o.updated_by AS updated_by, o.updated_by_name AS "            \
	"updated_by_name"
enum {
	OBJECT_COL_N,
	OBJECT_COL_ID,
	OBJECT_COL_TYPE,
	OBJECT_COL_KEY,
	OBJECT_COL_SCOPE,
	OBJECT_COL_SCOPE_ID,
	OBJECT_COL_ORGANIZATION,
	OBJECT_COL_WORKSPACE,
	OBJECT_COL_AUTO_LINK,
	OBJECT_COL_AUTO_LINK_PROJECTS,
	OBJECT_COL_VERSION,
	OBJECT_COL_SEALED,
	OBJECT_COL_CREATED_MS,
	OBJECT_COL_CREATED_BY,
	OBJECT_COL_CREATED_BY_NAME,
	OBJECT_COL_UPDATED_MS,
	OBJECT_COL_UPDATED_BY,
	OBJECT_COL_UPDATED_BY_NAME,
	/* of a resolved list */
	OBJECT_COL_LINK_ENTITY,
	OBJECT_COL_OVERRIDE_VERSION,
	OBJECT_COL_OVERRIDE,
	OBJECT_COL_VIA_LINK
};
/* Everything of a row but its links. */
MUST_CHECK int object_read_row(
    struct store *s, sqlite3_stmt *st, struct store_holder *h, struct store_object *out);
/* Its links and exclusions. */
MUST_CHECK int object_read_links(
    struct store *s, struct db *db, int64_t n, struct store_holder *h, struct store_object *out);
/* A resolved row: the override laid over the value. Behind object_read_row(). */
MUST_CHECK int object_resolve_row(
    struct store *s, sqlite3_stmt *st, struct store_holder *h, struct store_object *out);
/* Description and value, as they are sealed together. */
void object_pack(struct buf *out, struct span description, struct span value);
#define LINK_ROW_SIZE (2 * ID_LENGTH + 2)
/* What a link's override is bound to as its row. */
void object_link_row(char out[static LINK_ROW_SIZE], const struct id *object, const char *entity);
/* The override of a link: "{}" appended when there is none. */
MUST_CHECK int object_open_override(struct store *s, const struct id *object,
    const struct id *entity, int64_t version, struct span sealed, struct buf *out);
