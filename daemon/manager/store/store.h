/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the manager stores, in the domain's words: organizations, Workspaces, Deployments,
 * environment objects with their links, tokens. There is no SQL above this header; another
 * database is another directory behind the same functions and the same tests.
 *
 * One process at a time uses a data directory: store_open() takes its lock. Any number may use a
 * PostgreSQL database.
 *
 * Owns atomicity (each function that changes something is one transaction, on disk when the
 * function returns, or soon: see store_sync_in_thread()), uniqueness, sealing of all values,
 * authentication of what decides access (row_mac.h: a row that was edited in the file counts as
 * absent), what an update means, versions of views. Does not check rights (policy.h), know HTTP or
 * validate bodies (routes).
 *
 * Results: 0 done; a positive enum store_result; or -errno (-EBADMSG: a sealed value does not
 * open, -EMSGSIZE: a value beyond LIMIT_VALUE, -EBUSY, -EIO, -ENOSPC, -ENOMEM; of PostgreSQL also
 * -EDQUOT: its disk is full, -ENOTCONN: it cannot be reached now, is a standby, or is too slow; a
 * change may have been made then, but is not known to be). Spans in results are borrowed and live
 * until the next call that gets the same cursor or row holder or, elsewhere, the same store.
 *
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "base/why.h"
#include "manager/model/policy.h"
#include "manager/model/value.h"
#include "manager/store/keys.h"
#include "proto/page.h"

enum store_result {
	STORE_OK = 0,
	STORE_NOT_FOUND, /* the thing the call is about does not exist */
	STORE_CONFLICT,  /* its key or name is taken in its scope */
	STORE_NOT_EMPTY, /* Deployments or projects are in it, so it cannot be deleted */
	/* A Workspace, Deployment or project it refers to does not exist (struct store_fault). */
	STORE_NO_ENTITY,
	STORE_STALE, /* it is not in the state that the caller expects: see struct store_version */
	STORE_NOT_DURABLE, /* it is in effect, but in memory alone: see store_keep_reserve() */
};

/*
 * Which part of a request is at fault: for STORE_NO_ENTITY, and when together with what is stored
 * it is too large (-EMSGSIZE), has too many members in one map (-E2BIG), or is the link with which
 * all overrides together are too large (-EFBIG).
 */
struct store_fault {
	enum { FAULT_SCOPE, FAULT_VALUE, FAULT_LINK, FAULT_EXCLUDE } part;
	size_t index; /* of the link or exclusion */
};

struct store;

/*
 * Gives the database library its memory from base/mem: once, before any other use of it.
 * 0 or -errno.
 */
MUST_CHECK int store_global_init(void);

/* Whether `where` is the URL of a PostgreSQL database: postgresql://... or postgres://... */
bool store_is_url(const char *where);
/*
 * Makes a new store and opens it. where: an existing directory, for SQLite's files, or the URL of
 * an existing PostgreSQL database, which has nothing else in it. -EEXIST: there is a store already,
 * and nothing was changed. keys is borrowed until store_close(). `why` receives a sentence for a
 * person, without the URL's password.
 */
MUST_CHECK int store_create(
    struct store **out, const char *where, struct keys *keys, struct why *why);
/*
 * The same in two steps, for a store that is filled at once. On PostgreSQL all that is done between
 * them is one transaction, which any failed change ends; store_close() without the second step
 * undoes it. On SQLite the second step does nothing: fill a directory that gets its name later.
 */
MUST_CHECK int store_create_begin(
    struct store **out, const char *where, struct keys *keys, struct why *why);
/* 0 or -errno with `why`; -ENOTCONN: the database has not said whether the store was made. */
MUST_CHECK int store_create_end(struct store *s, struct why *why);
/*
 * Whether there is a database in a directory: 0, or -errno with `why`. Needs no key and takes no
 * lock. Of a URL nothing is looked at: 0.
 */
MUST_CHECK int store_find(const char *where, struct why *why);
/*
 * where: as in store_create(). keys is borrowed until store_close(). Migrates an older schema.
 * -EPROTO: the schema is of a newer program and does not serve this one. -EBUSY: another process
 * has the directory. -ENOENT: there is no database. -EKEYREJECTED: the database was sealed with
 * another key, or set back to a schema before its sealing.
 */
MUST_CHECK int store_open(
    struct store **out, const char *where, struct keys *keys, struct why *why);
/* Of PostgreSQL; SQLite has none. Before anything else is done with the store. 0 or -ENOMEM. */
struct store_options {
	unsigned connections; /* 0: 8; 64 at most */
	/* Where to listen for other managers' changes, past a pooler; NULL: the store's own URL. */
	const char *listen;
};
MUST_CHECK int store_set_options(struct store *s, const struct store_options *options);
/*
 * As store_open(), for a server: returns 0 as well when PostgreSQL cannot be used now (it is away,
 * is a standby, or another manager migrates it). Waits for it for 3 s at most. Until store_turn()
 * has opened it, every function fails with -ENOTCONN, and store_opened() says why.
 */
MUST_CHECK int store_open_waiting(struct store **out, const char *where, struct keys *keys,
    const struct store_options *options, struct why *why);
/* 0: it is open; -EAGAIN with why: not yet; another -errno with why: not before that is mended. */
int store_opened(const struct store *s, struct why *why);
/* Whether the database can be used, as far as is known without asking it. SQLite: true. */
bool store_is_reached(const struct store *s);
/*
 * Makes a database in dir from a backup and opens it, with new random bits in the versions of all
 * views. Fails like store_create() and store_open(), and then leaves nothing.
 */
MUST_CHECK int store_restore(
    struct store **out, const char *dir, const char *from, struct keys *keys, struct why *why);
/*
 * Copies the whole store, as it is now, into a new file (0600), which has its name when it is
 * whole and on disk. -EEXIST: the file is there. Values stay sealed with the store's key.
 * -EOPNOTSUPP: the store is on PostgreSQL.
 */
MUST_CHECK int store_backup(struct store *s, const char *path, struct why *why);
/* The same in a thread, while the store is used. The store must outlive it. 0 or -errno. */
struct store_copy;
MUST_CHECK int store_copy_begin(struct store_copy **out, struct store *s, const char *path);
int store_copy_fd(const struct store_copy *c); /* readable when it has ended */
/* Waits until it has ended and frees it. 0, or -errno with `why`. */
MUST_CHECK int store_copy_end(struct store_copy *c, struct why *why);
void store_copy_cancel(struct store_copy *c); /* ends it now and frees it; NULL is fine */
struct store *store_close(struct store *s);   /* NULL is fine; returns NULL */

/* The longest id of a request, with its NUL. */
#define STORE_REQUEST_ID_SIZE 65
/* Who makes a change; both "" for the command line. Stored with the change. */
struct store_actor {
	struct id token, family;
	struct span name;       /* of the token */
	const char *request_id; /* NULL: it is not a request */
	/* The client chose request_id: its reads are not merged with others. */
	bool traced;
	/*
	 * Members of the request that mean nothing, as elements of a JSON array: for the audit
	 * log.
	 */
	struct span ignored;
};

/* ---- change numbers and events ---- */

#define STORE_ALL_TYPES ((1U << MANAGER_N_TYPES) - 1) /* a mask of 1 << enum manager_type */
/*
 * One state of a view or of an object: a number that grows with each change, and random bits drawn
 * by that change. After a restore or a rollback a number may come again for another content, but
 * then with other bits. 0 and 0: never changed.
 */
struct store_version {
	int64_t number;
	uint64_t draw;
};
static inline bool
store_version_equal(const struct store_version *a, const struct store_version *b)
{
	return a->number == b->number && a->draw == b->draw;
}

enum store_event_kind {
	STORE_EVENT_VIEW,         /* scope, id, types: these views changed */
	STORE_EVENT_TOKEN,        /* id: a family of tokens was revoked */
	STORE_EVENT_ORGANIZATION, /* id: its settings changed (fetching secrets) */
	STORE_EVENT_ALL,          /* all of it may have changed, and changes may be gone */
};
struct store_event {
	enum store_event_kind kind;
	enum scope scope;
	struct id id;
	struct id workspace; /* of a Deployment or project */
	unsigned types;
};
/* fn is called after each commit, never inside a transaction. It must not change the store. */
#define STORE_MAX_WATCHERS 4
MUST_CHECK int store_watch(
    struct store *s, void (*fn)(void *arg, const struct store_event *e), void *arg);
void store_unwatch(struct store *s, void *arg);
/*
 * Moves with each commit that may take rights from a valid token: a revocation, a pruning, a
 * change of a place or of an organization's settings. While the number stands, what a token was
 * allowed before it is still allowed, until the token expires.
 */
uint64_t store_rights(const struct store *s);

/* ---- organizations, Workspaces, Deployments ---- */

struct store_entity {
	enum scope scope;
	struct id id;
	struct id organization;
	struct id workspace;  /* of a Deployment or project; "" elsewhere */
	struct id deployment; /* of a project: whose objects its view has too; "" for none */
	struct span name;
	struct span workspace_name; /* of a Deployment or project */
	struct span description;    /* absent: none was ever given; an organization has none */
	bool secrets_fetching;      /* of an organization */
	bool cicd_enforced; /* of a Deployment; of a Workspace the default of its new ones */
	int64_t created_ms, updated_ms;
};
/* The members of a place to set; an absent one stays as it is, or as a new place begins. */
struct store_entity_set {
	struct span name;        /* never absent for a new one */
	struct span description; /* not of an organization */
	bool has_cicd;           /* cicd_enforced is given; of Workspaces and Deployments */
	bool cicd_enforced;
	const struct id *deployment; /* of a project: whose objects its view has too; "" for none */
	bool has_secrets; /* secrets_fetching is given; of an organization that is there */
	bool secrets_fetching;
};
/*
 * id is drawn. Names are unique in their parent (STORE_CONFLICT). parent "" for an organization.
 * STORE_NO_ENTITY: no such parent, or no such Deployment in the project's Workspace.
 */
MUST_CHECK int store_entity_create(struct store *s, enum scope scope, const struct id *parent,
    const struct store_entity_set *set, const struct store_actor *by, struct id *out);
/* STORE_NOT_FOUND also when id is of another scope. */
MUST_CHECK int store_entity_get(
    struct store *s, enum scope scope, const struct id *id, struct store_entity *out);
/*
 * The children of one parent, by name. parent is an organization (for Workspaces, and for all its
 * Deployments or projects) or a Workspace; "" for all organizations. A result of each() other than
 * 0 ends the list and is returned. limit < 0: no limit. *total (may be NULL): how many there are
 * in all.
 */
MUST_CHECK int store_entity_list(struct store *s, enum scope scope, const struct id *parent,
    int64_t offset, int64_t limit, int (*each)(void *arg, const struct store_entity *e), void *arg,
    int64_t *total);
#define STORE_MAX_SORTS 4
#define STORE_MAX_LISTS 64 /* instants that may be read from at one time; -EBUSY above it */
enum store_entity_sort { STORE_ENTITY_NAME, STORE_ENTITY_CREATED, STORE_ENTITY_UPDATED };
struct store_entity_order {
	struct {
		enum store_entity_sort by;
		bool descending;
	} sorts[STORE_MAX_SORTS]; /* then, always: name, id */
	size_t n_sorts;
};
/* All children, as store_entity_list() without a limit, in the given order. */
MUST_CHECK int store_entity_list_sorted(struct store *s, enum scope scope, const struct id *parent,
    const struct store_entity_order *order, int (*each)(void *arg, const struct store_entity *e),
    void *arg);
/*
 * Changes all given members, or none. Returns as store_entity_create(), or STORE_NOT_FOUND; when
 * only an organization's switch is set to off, also STORE_NOT_DURABLE. The audit log names the
 * members that changed.
 */
MUST_CHECK int store_entity_update(struct store *s, enum scope scope, const struct id *id,
    const struct store_entity_set *set, const struct store_actor *by);
/*
 * Deletes a place. With a Deployment or project go its own objects and every link and exclusion
 * that names it; the Workspace's objects stay. With a Workspace go its objects; it must have no
 * Deployments and projects (STORE_NOT_EMPTY). Tokens of the place are revoked. An organization is
 * never deleted: STORE_NOT_EMPTY.
 */
MUST_CHECK int store_entity_delete(
    struct store *s, enum scope scope, const struct id *id, const struct store_actor *by);
/* Switching it off: STORE_NOT_DURABLE. */
MUST_CHECK int store_organization_set_secrets(
    struct store *s, const struct id *id, bool on, const struct store_actor *by);
/* Where an entity is; for a Workspace, Deployment or project itself included. */
struct place store_entity_place(const struct store_entity *e);
/* The same by its id. STORE_NOT_FOUND. */
MUST_CHECK int store_place(
    struct store *s, enum scope scope, const struct id *id, struct place *out);

/* ---- environment objects ---- */

struct store_subject {
	struct id token; /* "": the command line */
	struct span name;
};
struct store_link {
	enum scope scope; /* DEPLOYMENT or PROJECT */
	struct id entity;
	struct span override; /* document, "{}" when it overrides nothing; absent in exclusions */
};
struct store_object {
	struct id id;
	enum manager_type type;
	struct span key;
	enum scope scope;
	struct id scope_id;
	struct place place; /* of the scope */
	bool auto_link, auto_link_projects;
	int64_t version;         /* grows with every change */
	uint64_t draw;           /* with version: a struct store_version */
	struct span description; /* absent: none was ever given */
	struct span value;       /* document; in a resolved row with the override applied */
	const struct store_link *links;
	size_t n_links;
	const struct store_link *excludes;
	size_t n_excludes;
	bool resolved_link; /* of a resolved row: it came through a link from scope/scope_id */
	int64_t created_ms, updated_ms;
	struct store_subject created_by, updated_by;
};

/* One link of a request. */
struct store_link_request {
	enum scope scope;
	struct id entity;
	struct override_change override;
};
struct store_target {
	enum scope scope;
	struct id entity;
};
/*
 * What a create or update requests. links, excludes and auto_link are whole new sets: what they do
 * not name is removed. A link keeps its overrides as value_override_update() says.
 */
struct store_object_request {
	/* create only */
	enum manager_type type;
	struct span key;
	enum scope scope;
	struct id scope_id;
	/* both */
	struct span value;       /* document; in an update the typed body */
	struct span description; /* absent: keep (update) or none (create) */
	bool auto_link, auto_link_projects;
	const struct store_link_request *links;
	size_t n_links;
	const struct store_target *excludes;
	size_t n_excludes;
};
/*
 * `expect` (NULL: any state) is the state that the caller has read. Each function that takes it
 * returns STORE_STALE, and changes nothing, when the object has another one by now.
 */
/*
 * 0, STORE_CONFLICT, STORE_NO_ENTITY (*fault), or -errno. Links stay in the object's own
 * Workspace.
 */
MUST_CHECK int store_object_create(struct store *s, const struct store_object_request *r,
    const struct store_actor *by, struct id *out, struct store_fault *fault);
/*
 * 0, STORE_NOT_FOUND, STORE_STALE, STORE_NO_ENTITY, -EMSGSIZE, -E2BIG, -EFBIG (*fault), or -errno.
 */
MUST_CHECK int store_object_update(struct store *s, const struct id *id,
    const struct store_object_request *r, const struct store_version *expect,
    const struct store_actor *by, struct store_fault *fault);
MUST_CHECK int store_object_delete(struct store *s, const struct id *id,
    const struct store_version *expect, const struct store_actor *by);
/*
 * Adds one exclusion; one that is there already is not an error. STORE_NOT_FOUND, STORE_STALE,
 * STORE_NO_ENTITY.
 */
MUST_CHECK int store_object_exclude(struct store *s, const struct id *id,
    const struct store_target *target, const struct store_version *expect,
    const struct store_actor *by);

/*
 * Makes a Deployment's object its Workspace's, under the same id, linked to the Deployment it came
 * from. STORE_NOT_FOUND: there is no such object, or it is not a Deployment's. STORE_CONFLICT: the
 * Workspace has the key.
 */
MUST_CHECK int store_object_promote(struct store *s, const struct id *id,
    const struct store_version *expect, const struct store_actor *by);

/* Reading one object. The holder owns what the row's spans point to. */
struct store_holder;
MUST_CHECK struct store_holder *store_holder_new(void);
/* Wipes what was read. */
void store_holder_wipe(struct store_holder *h);
struct store_holder *store_holder_free(struct store_holder *h);
MUST_CHECK int store_object_get(
    struct store *s, const struct id *id, struct store_holder *h, struct store_object *out);

/* Lists. */
enum store_sort { STORE_SORT_TYPE, STORE_SORT_KEY, STORE_SORT_CREATED, STORE_SORT_UPDATED };
enum store_choice { STORE_EITHER, STORE_YES, STORE_NO };
/* Which rows of a view a list has: those that fit every member that is set. */
struct store_filter {
	enum store_choice auto_link; /* linked to all Deployments */
	enum scope linked_scope;     /* DEPLOYMENT or PROJECT: what linked_to is */
	struct id linked_to;         /* objects of its Workspace that are linked to it; "": all */
	struct id linked_workspace;  /* that Workspace */
	unsigned scopes;             /* mask of 1 << enum scope: where objects are kept; 0: all */
	struct span updated_by;      /* a token's id, or a part of its name in either case */
	int64_t updated_from_ms;     /* changed at that time or later; 0: all */
	int64_t updated_to_ms;       /* changed before that time; 0: all */
};
struct store_query {
	/*
	 * ORGANIZATION: every object in it but those of projects. WORKSPACE: its WORKSPACE-scope
	 * objects. DEPLOYMENT: its own objects and, with resolve, those linked into it, one row a
	 * key, with the values that the Deployment gets and without links. PROJECT likewise, and
	 * then what its Deployment gets; of equal keys the project's own row is the one, then the
	 * one linked to the project.
	 */
	enum scope scope;
	struct id scope_id;
	bool resolve;
	bool whole_workspace; /* with WORKSPACE: the objects of its Deployments as well */
	unsigned types;       /* mask; STORE_ALL_TYPES for every type */
	struct span key;      /* absent: all */
	struct span search;   /* only keys that contain it; ASCII letters of either case match */
	struct store_filter filter;
	struct {
		enum store_sort by;
		bool descending;
	} sorts[STORE_MAX_SORTS]; /* then, always: type, key, narrower scope first, id */
	size_t n_sorts;
	int64_t offset, limit; /* limit < 0: none */
};
/*
 * The version of a view: another one whenever the view's content may have changed. Of the query
 * only scope, scope_id, whole_workspace and types matter.
 */
MUST_CHECK int store_view_version(
    struct store *s, const struct store_query *q, struct store_version *out);
/*
 * A list as it is at one instant, whatever is written while it is read; *version is the view's
 * then. A cursor costs some 30 KiB, however many rows it has, and holds back the log's checkpoint:
 * close it soon. A page that follows one which was read to its end costs its rows; any other one
 * also costs the rows before it.
 */
struct store_cursor;
MUST_CHECK int store_list(struct store *s, const struct store_query *q, struct store_cursor **out,
    struct store_version *version);
/* The rows without offset and limit. It may fall while rows are read that do not verify. */
int64_t store_list_total(const struct store_cursor *c);
/* 1: *out is the next row, borrowed until the next call; 0: the end; or -errno. */
MUST_CHECK int store_list_next(struct store_cursor *c, struct store_object *out);
struct store_cursor *store_list_close(struct store_cursor *c); /* NULL is fine; returns NULL */

/* ---- tokens: for token.c, which everybody else uses ---- */

/*
 * A token and its renewals, which have one revocation and one rate. The members are of the first
 * one.
 */
struct store_family {
	struct id id;
	int64_t created_ms;
	int64_t expires_ms; /* 0: never */
};
struct store_token {
	struct id id;
	struct span name;
	struct subject subject;
	struct id workspace; /* of a Workspace's or a Deployment's token */
	int64_t created_ms;
	int64_t expires_ms;   /* 0: never */
	int64_t revoked_ms;   /* 0: not */
	int64_t last_used_ms; /* 0: never */
	struct store_subject created_by;
	struct store_family family;
};
#define STORE_JTI_HASH_SIZE 32
MUST_CHECK int store_token_create(struct store *s, const struct store_token *t,
    const uint8_t jti_hash[static STORE_JTI_HASH_SIZE], const struct store_actor *by);
MUST_CHECK int store_token_get(struct store *s, const struct id *id, struct store_token *out);
MUST_CHECK int store_token_find(
    struct store *s, const uint8_t jti_hash[static STORE_JTI_HASH_SIZE], struct store_token *out);
/*
 * Revokes the token's whole family. Revoking twice is not an error. STORE_NOT_FOUND,
 * STORE_NOT_DURABLE.
 */
MUST_CHECK int store_token_revoke(
    struct store *s, const struct id *id, int64_t now_ms, const struct store_actor *by);
/*
 * The newest token of each family whose first token was created before created_before_ms and
 * expires before expires_before_ms, and that has a token which is neither revoked nor expired at
 * now_ms.
 */
MUST_CHECK int store_token_families(struct store *s, int64_t created_before_ms,
    int64_t expires_before_ms, int64_t now_ms, int (*each)(void *arg, const struct store_token *t),
    void *arg);
/* How many tokens of a family were created since then, counted up to limit. */
MUST_CHECK int store_token_family_count(
    struct store *s, const struct id *family, int64_t since_ms, int64_t limit, int64_t *out);
/*
 * Tokens of a place, families together, newest first: of an organization every one, of a Workspace
 * its own and its Deployments', of a Deployment its own. Revoked and expired ones are in the list
 * until they are pruned. each() and limit as in store_entity_list().
 */
MUST_CHECK int store_token_list(struct store *s, const struct place *where, int64_t offset,
    int64_t limit, int (*each)(void *arg, const struct store_token *t), void *arg, int64_t *total);
/*
 * Deletes tokens that were revoked before before_ms, and those that expired before it when a
 * renewal was used after their end: a clock that is wrong deletes no token that was not revoked.
 * *n: how many.
 */
MUST_CHECK int store_token_prune(struct store *s, int64_t before_ms, int64_t *n);
/* When tokens were last used; ids that are gone are ignored. */
struct store_token_use {
	struct id id;
	int64_t at_ms;
};
MUST_CHECK int store_token_used(struct store *s, const struct store_token_use *uses, size_t n);
#define STORE_CODE_HASH_SIZE 32
/*
 * Notes that a sign-in code was used, or a session signed out of; the note is kept until that has
 * expired. STORE_CONFLICT: it was noted before.
 */
MUST_CHECK int store_code_use(struct store *s, const uint8_t hash[static STORE_CODE_HASH_SIZE],
    int64_t expires_ms, int64_t now_ms);
/* Whether it was noted by store_code_use(). 0 or -errno. */
MUST_CHECK int store_code_is_used(
    struct store *s, const uint8_t hash[static STORE_CODE_HASH_SIZE], bool *used);
/* The manager's own secrets (signing seed), sealed like any value. STORE_NOT_FOUND. */
MUST_CHECK int store_secret_get(struct store *s, const char *name, struct buf *out);
/* STORE_CONFLICT: there is one of that name. */
MUST_CHECK int store_secret_put(struct store *s, const char *name, struct span secret);
/*
 * Wraps everything sealed under the current key (keys_rotate()), all or nothing. On disk when it
 * returns, with a thread too: the old key goes next.
 */
MUST_CHECK int store_rewrap(struct store *s);

/* ---- waiting ---- */

/*
 * Whether a function of this store may wait: for a database on another machine. Only then do the
 * five functions below do anything.
 */
bool store_may_wait(const struct store *s);
/*
 * How the store waits: until the descriptor has one of the events (of poll(2)), or timeout_ms have
 * passed. fd -1: until store_session_end() gives a session back. 1: look again; 0: the time is up;
 * -ECANCELED: the server ends; -errno. Without one the store waits in poll(2).
 */
typedef int store_wait(void *arg, int fd, short events, int timeout_ms);
void store_set_wait(struct store *s, store_wait *wait, void *arg);
/*
 * A fiber that waits for the store takes a session with its first statement. Gives that session
 * back; to be called when the fiber ends. Returns how many sessions became free since the last
 * call: its own, and those of lists that it ended.
 */
size_t store_session_end(struct store *s);
/*
 * store_turn() reads what other managers have changed, and tells the watchers. It is due when the
 * descriptor (-1: none; another one after each turn) is readable, or so many ms after the last one
 * (-1: never).
 */
int store_notify_fd(const struct store *s);
int store_turn_ms(const struct store *s);
void store_turn(struct store *s);
/* For tests: each statement waits from now on, and there is one session. 0 or -errno. */
MUST_CHECK int store_rehearse_waits(struct store *s);

/* ---- the disk ---- */

/*
 * From now on a change is committed when the function that makes it returns, and on disk a little
 * later: a thread syncs it, so that nobody else waits for the disk. 0 or -errno.
 */
MUST_CHECK int store_sync_in_thread(struct store *s);
/*
 * For a server. Keeps disk space for changes that must not fail: revocations, and fetching secrets
 * switched off. When they cannot be written all the same, they take effect in memory, for as long
 * as the store is open, and store_tidy() writes them when it can: STORE_NOT_DURABLE. While the
 * space is used up, other changes are -ENOSPC.
 */
void store_keep_reserve(struct store *s);
/* Becomes readable when more is on disk, or could not be written; -1: no thread syncs. */
int store_sync_fd(const struct store *s);
/* How many commits were made since the store was opened. */
uint64_t store_commits(const struct store *s);
struct store_synced {
	uint64_t upto;   /* commits whose sync has ended */
	uint64_t failed; /* commits up to this one may be lost when the machine fails... */
	int error;       /* ...because of this -errno */
};
struct store_stats {
	uint64_t objects, tokens; /* tokens: that are good */
	uint64_t bytes;           /* of the database and its log */
	uint64_t commits, not_on_disk;
	uint64_t in_memory; /* changes that could not be committed: see store_keep_reserve() */
};
MUST_CHECK int store_stats(struct store *s, struct store_stats *out); /* 0 or -errno */
struct store_synced store_synced(const struct store *s);              /* what is on disk now */
/* To be called when the descriptor is readable, which it is not then any more. */
void store_sync_turn(struct store *s);
/*
 * Housekeeping, every few seconds at a quiet moment: writes recorded reads, and clears what changed
 * secrets have left in the write-ahead log. Cheap when there is nothing to do.
 */
void store_tidy(struct store *s);
/* A fresh id. */
void store_new_id(struct id *out);
