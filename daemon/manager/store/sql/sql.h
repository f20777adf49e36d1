/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the store, the same for every database: the SQL, transactions, sealing of columns,
 * MACs of rows, caches. What differs is in a database's struct engine and its driver (db.h). Only
 * the store includes it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/why.h"
#include "manager/store/column.h"
#include "manager/store/history.h"
#include "manager/store/row_mac.h"
#include "manager/store/sql/db.h"
#include "manager/store/sql/links.h"
#include "manager/store/store.h"

/*
 * A connection in use: its transaction, and the texts that its results point to. A fiber that uses
 * the store has one.
 */
struct session {
	struct db *db;
	/* The version of what this transaction changes; number 0: nothing yet. */
	struct store_version change;
	bool entities_changed, tokens_changed; /* by this transaction */
	int64_t audit_row;                     /* the row of the audit log that was added last */
	/* what the spans of the last place or token point to */
	struct buf entity_text;
	struct buf mac_text; /* of the row whose MAC is being made */
};

/* A connection that reads; its snapshot lives as long as its cursors. */
struct reader {
	struct db *db;
	uint64_t as_of; /* the store's commit count at its snapshot */
	int n_cursors;
};

/* What each database does itself. Results: 0 or -errno. */
struct engine {
	bool is_shared; /* other managers use the database */
	int64_t batch;  /* so many rows of the first list are read at first; 0: row by row */
	/* True if the caches are up to date. NULL: they always are. */
	bool (*trusts_caches)(const struct store *s);
	/*
	 * Makes a session the current one; when there is none to be had, one whose statements all
	 * fail. NULL: there is always one.
	 */
	void (*take_session)(struct store *s);
	/* Begins a transaction of the current session; no other one writes until it ends. */
	int (*begin)(struct store *s);
	/* On success s->commits was incremented. */
	int (*commit)(struct store *s);
	int (*rollback)(struct store *s); /* without a transaction it does nothing and returns 0 */
	/* Opens a snapshot of what is committed. -EBUSY: too many are open. */
	int (*take_reader)(struct store *s, struct reader **out);
	/* Makes its session the current one, if there is none. NULL: nothing is to be done. */
	void (*enter_reader)(struct store *s, struct reader *r);
	void (*leave_reader)(struct store *s, struct reader *r);
	/* A statement for one list, until leave_statement(). NULL: it cannot be prepared. */
	struct statement *(*list_statement)(struct reader *r, const char *sql);
	void (*leave_statement)(struct reader *r, struct statement *st); /* NULL is fine */
	/* Replaces every envelope by rewrap() of it, on disk when it returns. */
	int (*rewrap)(struct store *s);
	void (*tidy)(struct store *s);
	uint64_t (*bytes)(struct store *s); /* bytes that the stored data uses */
	/* As the functions of store.h that are named like them. NULL: this store never waits. */
	bool (*may_wait)(const struct store *s);
	void (*set_wait)(struct store *s, store_wait *wait, void *arg);
	size_t (*session_end)(struct store *s);
	int (*notify_fd)(const struct store *s); /* NULL: no other manager changes it */
	int (*turn_ms)(const struct store *s);
	void (*turn)(struct store *s);
	int (*rehearse_waits)(struct store *s); /* NULL: cannot */
	/*
	 * Call it after rows were inserted with numbers of their own: later numbers continue after
	 * them. NULL: they do so anyway.
	 */
	int (*renumber)(struct store *s);
	int (*set_options)(struct store *s, const struct store_options *options); /* NULL: none */
	int (*opened)(const struct store *s, struct why *why);                    /* NULL: it is */
	bool (*is_reached)(const struct store *s);                                /* NULL: always */
	/* As above, but never NULL. */
	int (*sync_in_thread)(struct store *s);
	int (*sync_fd)(const struct store *s);
	void (*sync_turn)(struct store *s);
	struct store_synced (*synced)(const struct store *s);
	void (*keep_reserve)(struct store *s);
	int (*copy_begin)(struct store_copy **out, struct store *s, const char *path);
	/* Disk space for changes that must not fail: see store_keep_reserve(). */
	bool (*use_reserve)(struct store *s);  /* false: there is no reserve */
	void (*fill_reserve)(struct store *s); /* to be called when all such changes are written */
	int (*create_end)(struct store *s, struct why *why); /* NULL: nothing is to be done */
	/* Frees what is its own, and the struct. */
	void (*close)(struct store *s);
};

/* One row of the audit log. Members that are left out are empty; at_ms 0 is now. */
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
	char request_id[STORE_REQUEST_ID_SIZE]; /* "": none */
};
/* a change that a thousand tokens wait for makes one transaction of reads */
#define MAX_PENDING_READS 1024
#define SEEN_READS        4096

/* How many rows for reads the families with one hash got in this hour. */
struct noted_reads {
	int64_t hour;
	unsigned n;
};
#define NOTED_READS   1024
#define NOTED_AN_HOUR 100

/* Further reads, which are counted in one row. */
struct counted_reads {
	struct pending_read read; /* of the last one */
	struct id family;
	int64_t hour;
	int64_t n, written;   /* n: reads; 0: the entry is free. written: the count in the row */
	int64_t writing;      /* the count that audit_flush() is writing; 0: none */
	int64_t row, new_row; /* audit.n, 0: none yet; new_row: in this transaction */
};
#define COUNTED_READS 256

/* Its name, that of its Workspace, its description. */
#define ENTITY_TEXT_MAX (4 * (LIMIT_PLACE_NAME + LIMIT_PLACE_NAME + LIMIT_DESCRIPTION))
/* A place as it is committed. */
struct kept_entity {
	struct store_entity entity; /* id "": free */
	char text[ENTITY_TEXT_MAX]; /* its texts, one behind the other */
};
/* The versions of one scope's views. */
struct kept_versions {
	struct id id; /* "": free */
	struct store_version versions[MANAGER_N_TYPES];
};

/*
 * A cached fact about a list, true while its view has this version: the number of its rows (offset
 * -1, no sorts), or the row before an offset.
 */
struct list_key {
	struct id scope_id; /* "": free */
	uint8_t scope, types;
	bool resolve, whole_workspace;
	uint8_t n_sorts, sorts[STORE_MAX_SORTS];
	int64_t offset;
	struct store_version version;
};
struct kept_list {
	struct list_key key;
	int64_t value;
};

#define N_AUDIT 32

/* What is known of the audit rows that match a query. */
struct known_audit {
	struct id organization, workspace, subject, by;
	unsigned actions;
	/* a keyed hash of the name and the request that are searched for */
	uint64_t texts;
	int64_t n, last_counted; /* the number of rows up to this one */
	/* the page at next_offset begins after the row last_listed */
	int64_t next_offset, last_listed;
};

/* Ids of rows that were found not to verify, sorted. */
struct absent {
	struct id *ids;
	size_t n, room;
	uint64_t salt; /* of the whole set; the versions of views change with it */
};
bool absent_has(const struct absent *a, const struct id *id);

/*
 * An object whose MAC was found to verify in this state. Nobody else may write while the store is
 * open.
 */
struct verified {
	int64_t n;
	uint64_t draw;
};

/* A change that must not fail: see deferred.c. */
struct deferred {
	enum store_event_kind kind; /* STORE_EVENT_TOKEN or STORE_EVENT_ORGANIZATION */
	struct id id;               /* id of the family or the organization */
	struct id token;            /* id of the token that the caller named */
	int64_t at_ms;
	struct id by;
	char by_name[256], request_id[STORE_REQUEST_ID_SIZE];
};
#define MAX_DEFERRED 256

/* The first member of an engine's own struct. */
struct store {
	const struct engine *engine;
	struct session *session; /* the current one; NULL: none yet, see store_db() */
	struct keys *keys;
	char *name; /* of the database, for messages */
	uint64_t commits;
	/*
	 * the commit count at the last change of the key: values in older snapshots may be under
	 * the old one
	 */
	uint64_t rewrapped;
	int64_t seen; /* the number of the last change that watchers were notified of */
	struct {
		void (*fn)(void *arg, const struct store_event *e);
		void *arg;
	} watchers[STORE_MAX_WATCHERS];
	/* Reads to be written, and hashes of reads that were noted lately. */
	struct pending_read reads[MAX_PENDING_READS];
	size_t n_reads;
	uint64_t seen_reads[SEEN_READS];
	struct noted_reads noted_reads[NOTED_READS];
	struct counted_reads counted_reads[COUNTED_READS];
	bool reads_writing; /* in audit_flush() */
	bool reads_failed;  /* the last attempt to write them failed, which was logged */
	int64_t reads_lost; /* reads that were dropped since then, because memory is full */
	uint8_t read_key[HASH_SHORT_KEY_SIZE];
	struct kept_entity kept_entities[256];
	struct kept_versions kept_versions[1024];
	struct kept_list kept_lists[1024];
	struct known_audit known_audit[N_AUDIT];
	uint64_t audit_pruned; /* counts the calls of cache_forget_audit() */
	uint64_t rights;       /* see store_rights() */
	struct deferred deferred[MAX_DEFERRED];
	size_t n_deferred;
	bool deferred_hidden;   /* deferred_find() finds nothing */
	size_t list_row_bytes;  /* what is sealed of a list's row takes, about; 0: not known */
	bool schema_is_newer;   /* than this program's; this program may use it all the same */
	bool may_defer;         /* see store_keep_reserve() */
	bool urgent;            /* the change that is being made may use the reserve */
	struct arena *arena;    /* locked memory; of mac_key */
	uint8_t *mac_key;       /* ROW_MAC_KEY_SIZE bytes */
	struct buf search_text; /* see sql_search() */
	struct absent absent;
	struct verified verified[16384];
};

/* The connection of the current session. */
static inline struct db *
store_db(struct store *s)
{
	if (!s->session)
		s->engine->take_session(s);
	return s->session->db;
}
/* Whether the current session is inside a transaction. */
static inline bool
store_in_transaction(const struct store *s)
{
	return s->session && db_in_transaction(s->session->db);
}

static inline bool
store_trusts_caches(const struct store *s)
{
	return !s->engine->trusts_caches || s->engine->trusts_caches(s);
}

/* ---- store.c ---- */

/* Fills in what every engine has. 0 or -ENOMEM. name is copied. */
MUST_CHECK int store_init(
    struct store *s, const struct engine *engine, struct keys *keys, const char *name);
void store_fini(struct store *s);
/* Writes everything that waits in memory, as far as possible. */
void store_flush(struct store *s);
void session_init(struct session *session, struct db *db);
void session_fini(struct session *session);
/* The operand of LIMIT: any negative limit means none. */
int64_t sql_limit(int64_t limit);
/* The operand of instr(lower(column), ?), valid until the next call. */
struct span sql_search(struct store *s, struct span search);

/* Inserts the state of a new store. 0 or -errno. */
MUST_CHECK int state_make(struct store *s);
/*
 * Checks that the store was sealed with this key. first: the database has the schema from before a
 * migration. 0 or -errno with why.
 */
MUST_CHECK int state_check(struct store *s, bool first, struct why *why);
/*
 * For a database that several managers share: makes the key to which it was last changed the one
 * that seals. is_locked: inside a transaction, which locks the row of state. Returns as
 * keys_follow().
 */
MUST_CHECK int state_follow_key(struct store *s, bool is_locked);
/* Reads the key of MACs. 0 or -errno with why. */
MUST_CHECK int state_load(struct store *s, struct why *why);

/* ---- transactions: change.c ---- */

MUST_CHECK int tx_begin(struct store *s);
/* r == 0: commits and tells the watchers; anything else: rolls back. Returns r, or what failed. */
MUST_CHECK int tx_end(struct store *s, int r);
/*
 * Brings the kept versions up to date with every change behind s->seen, and tells the watchers;
 * several types of one view are one event. 0 or -errno.
 */
int changes_publish(struct store *s);
/*
 * The database may lack changes that were made: those that a new primary did not get from the one
 * before. Forgets what is kept in memory, and goes on from the last change that is there. The
 * caller announces STORE_EVENT_ALL. 0 or -errno; then nothing was done.
 */
MUST_CHECK int changes_forget(struct store *s);
/* Watchers learn of changes after the one that is the last now. 0 or -errno. */
MUST_CHECK int state_load_number(struct store *s);
/*
 * Records a change that belongs to no view, for other managers: a family of tokens was revoked
 * (SIGNAL_TOKEN), or a place that managers keep in memory was changed (SIGNAL_PLACE; id NULL: rows
 * were pruned). Does nothing when no other manager uses the database. 0 or -errno.
 */
enum signal { SIGNAL_TOKEN, SIGNAL_PLACE };
MUST_CHECK int tx_signal(struct store *s, enum signal kind, enum scope scope, const struct id *id);
/*
 * Gives this transaction's version to the views that show the object. Call it before and after the
 * object changes.
 */
MUST_CHECK int tx_touch_object(struct store *s, int64_t n);
/* The random bits of this transaction. */
uint64_t tx_draw(struct store *s);
/* The same for one view, all types. */
MUST_CHECK int tx_touch_scope(
    struct store *s, enum scope scope, const struct id *id, const struct id *workspace);
void store_tell(struct store *s, const struct store_event *e);
/*
 * The same for a change that tx_signal() recorded. With other managers it does nothing:
 * changes_publish() notifies the watchers.
 */
void store_tell_own(struct store *s, const struct store_event *e);

/* deferred.c */
/*
 * Makes the change in the database, or in memory when that fails, and notifies the watchers. 0,
 * STORE_NOT_DURABLE, STORE_NOT_FOUND or -errno.
 */
MUST_CHECK int deferred_run(struct store *s, struct deferred *d, const struct store_actor *by);
/* The change of that kind and id which is in effect only in memory; NULL: there is none. */
const struct deferred *deferred_find(
    const struct store *s, enum store_event_kind kind, const struct id *id);
void deferred_forget(struct store *s, enum store_event_kind kind, const struct id *id);
void deferred_write(struct store *s); /* tries to write all of them */
/* Write one kind of them. 0, STORE_NOT_FOUND or -errno. */
MUST_CHECK int token_write_revocation(
    struct store *s, const struct deferred *d, const struct store_actor *by);
MUST_CHECK int place_write_switch_off(
    struct store *s, const struct id *organization, const struct store_actor *by);

/* ---- MACs of rows ---- */

#define AUTHENTIC_EDITED                                                                           \
	"a row was changed by something other than the manager: it counts as absent"

/* Draws the key of a new store, inside a transaction. */
MUST_CHECK int authentic_make_key(struct store *s);
/* 0 or -errno; -EBADMSG: it is missing or cannot be decrypted. */
MUST_CHECK int authentic_load_key(struct store *s);
/* Each: 0, STORE_NOT_FOUND when the row does not verify (one log line a row), or -errno. */
MUST_CHECK int authentic_place(struct store *s, const struct store_entity *e, struct span mac);
MUST_CHECK int authentic_token(
    struct store *s, const struct store_token *t, struct span jti_hash, struct span mac);
MUST_CHECK int authentic_object(struct store *s, int64_t n, const struct store_object *o,
    const struct link_set *links, struct span mac);
/*
 * The same, but reads the links if the object is not known to verify. db: the connection that read
 * the row.
 */
MUST_CHECK int authentic_object_row(
    struct store *s, struct db *db, int64_t n, const struct store_object *o, struct span mac);
/* True if the object was found to verify in the state with these random bits. */
bool authentic_is_verified(struct store *s, int64_t n, uint64_t draw);
/* Makes the row count as absent from now on. STORE_NOT_FOUND. */
int authentic_refuse(struct store *s, const char *table, const struct id *id, const char *why);
/* Call it when a row of that id is inserted again. */
void authentic_forget(struct store *s, const struct id *id);
/* The MACs of rows that are written. 0 or -errno. */
MUST_CHECK int authentic_place_mac(
    struct store *s, const struct store_entity *e, uint8_t out[static ROW_MAC_SIZE]);
MUST_CHECK int authentic_token_mac(struct store *s, const struct store_token *t,
    const uint8_t jti_hash[static STORE_JTI_HASH_SIZE], uint8_t out[static ROW_MAC_SIZE]);
/* Writes the MAC of object n as its row, links and exclusions are now. */
MUST_CHECK int authentic_write_object(struct store *s, int64_t n);

/* The largest sealed column: its text, and its envelope. */
#define PLAIN_MAX  (LIMIT_VALUE + 4 + 4 * LIMIT_DESCRIPTION)
#define SEALED_MAX (PLAIN_MAX + KEYS_OVERHEAD)
/* NULL: not in the cache. */
struct store_entity *cache_entity(struct store *s, enum scope scope, const struct id *id);
/* The texts of e must follow one another, as entity_point_to() leaves them. */
void cache_keep_entity(struct store *s, const struct store_entity *e);
/*
 * Points the place's spans into text, where name, Workspace's name and description follow one
 * another.
 */
void entity_point_to(struct store_entity *e, const char *text);
void cache_forget_entities(struct store *s);
struct kept_versions *cache_versions(struct store *s, const struct id *scope_id);
/* Returns an entry of zeros, which the caller fills in at once. */
struct kept_versions *cache_new_versions(struct store *s, const struct id *scope_id);
/* False: lists with the filters of q are not cached. */
bool cache_list_key(
    struct list_key *key, const struct store_query *q, const struct store_version *version);
bool cache_list(struct store *s, const struct list_key *key, int64_t *value);
void cache_keep_list(struct store *s, const struct list_key *key, int64_t value);
/* What is known for such queries; all 0 if nothing is. Not in a transaction. */
struct known_audit *cache_audit(struct store *s, const struct store_audit_query *q);
void cache_forget_audit(struct store *s); /* to be called when rows were deleted */

/* Reads a place from the database, never from the cache. Its texts belong to the session. */
MUST_CHECK int place_read(struct store *s, struct db *db, enum scope scope, const struct id *id,
    struct store_entity *out);
/* Writes the MAC of the row, as it is. */
MUST_CHECK int place_write_mac(struct store *s, enum scope scope, const struct id *id);
MUST_CHECK int token_write_mac(struct store *s, const struct id *id);
/* Inserts a sealed secret of the manager, inside a transaction. 0, STORE_CONFLICT or -errno. */
MUST_CHECK int secret_insert(struct store *s, const char *name, struct span secret);

/* An actor's name for a column; "" for the command line. */
struct span actor_name(const struct store_actor *by);
int64_t store_now(void);

/* ---- the statements of a list ---- */

bool view_resolves(const struct store_query *q);
/* True if the query's filter leaves rows out. */
bool view_is_filtered(const struct store_query *q);
/* Their parameters: see view.c. */
/* some_absent: rows that is_absent() names are left out. */
void view_count_sql(struct buf *sql, const struct store_query *q, bool some_absent);
/* OBJECT_COLUMNS of the rows in order. behind: only those that follow the row ?7. */
void view_list_sql(struct buf *sql, const struct store_query *q, bool behind, bool some_absent);

/* ---- history ---- */

/* The largest document of one version of an object. */
#define VERSION_MAX (8 * LIMIT_VALUE)
MUST_CHECK int audit_add(
    struct store *s, const struct audit_entry *e, const struct store_actor *by);
/* Of an object's change or read; its key is borrowed. */
struct audit_entry audit_entry_of(enum audit_action action, const struct store_object *o);
void audit_flush(struct store *s); /* writes what was read */
/*
 * The object as it is now becomes a version, and a line says what differs from `was` (NULL: it is
 * new).
 */
MUST_CHECK int history_record(struct store *s, enum audit_action action, const struct id *id,
    const struct store_object *was, const struct store_actor *by);
/* Records that the object is deleted. */
MUST_CHECK int history_record_end(
    struct store *s, const struct store_object *was, const struct store_actor *by);
/* Appends the document of a version. STORE_NOT_FOUND. */
MUST_CHECK int history_version(
    struct store *s, const struct id *id, int64_t version, struct buf *out);

/* ---- objects, shared between writing and listing ---- */

/* What the spans of one row point to. */
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
/* Room for n links and exclusions, which are at the returned place; NULL: out of memory. */
struct store_link *holder_links(struct store_holder *h, size_t n);
/* Appends a copy of text, and a NUL, to names, which has room: earlier copies must not move. */
struct span holder_name(struct buf *names, struct span text);

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
	"updated_by_name, o.draw AS draw, o.mac AS mac"
/* One letter for each column: i, or s and b for texts and blobs. */
#define OBJECT_KINDS "isssssssiiibississib"
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
	OBJECT_COL_DRAW,
	OBJECT_COL_MAC,
/* of a resolved list */
#define OBJECT_KINDS_RESOLVED OBJECT_KINDS "sibi"
	OBJECT_COL_LINK_ENTITY,
	OBJECT_COL_OVERRIDE_VERSION,
	OBJECT_COL_OVERRIDE,
	OBJECT_COL_VIA_LINK
};
/* Reads what is not sealed, without links. Texts belong to the statement. 0 or -EUCLEAN. */
MUST_CHECK int object_read_head(struct statement *st, struct store_object *out);
/*
 * Checks the MAC of a row and reads it, without links. db: the statement's connection. 0,
 * STORE_NOT_FOUND (it does not verify) or -errno.
 */
MUST_CHECK int object_read_row(struct store *s, struct db *db, struct statement *st,
    struct store_holder *h, struct store_object *out);
/* The same for a row whose links were read already; NULL: the row is known to verify. */
MUST_CHECK int object_open_row(struct store *s, struct statement *st, const struct link_set *links,
    struct store_holder *h, struct store_object *out);
/* Its links and exclusions. */
MUST_CHECK int object_read_links(
    struct store *s, struct db *db, int64_t n, struct store_holder *h, struct store_object *out);
/* The same for links that were read already, with their overrides. */
MUST_CHECK int object_open_links(
    struct store *s, const struct link_set *set, struct store_holder *h, struct store_object *out);
/* Applies the override of a resolved row to its value. Call it after object_read_row(). */
MUST_CHECK int object_resolve_row(
    struct store *s, struct statement *st, struct store_holder *h, struct store_object *out);
/* Description and value, as they are sealed together. */
void object_pack(struct buf *out, struct span description, struct span value);
#define LINK_ROW_SIZE (2 * ID_LENGTH + 2)
/* The name of a link's row that its override is bound to. */
void object_link_row(char out[static LINK_ROW_SIZE], const struct id *object, const char *entity);
/* Appends the override of a link; "{}" when it has none. */
MUST_CHECK int object_open_override(struct store *s, const struct id *object,
    const struct id *entity, int64_t version, struct span sealed, struct buf *out);
