/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the store's interface (store.h) that is about the past: the audit log, and earlier
 * versions of objects.
 */
#pragma once

#include "manager/store/store.h"

enum audit_action {
	AUDIT_CREATE,
	AUDIT_UPDATE,
	AUDIT_DELETE,
	AUDIT_EXCLUDE,
	AUDIT_PROMOTE,
	AUDIT_RESTORE,
	AUDIT_READ,         /* without secrets */
	AUDIT_READ_SECRETS, /* with */
	AUDIT_CREATE_ENTITY,
	AUDIT_UPDATE_ENTITY,
	AUDIT_DELETE_ENTITY,
	AUDIT_CREATE_TOKEN,
	AUDIT_REVOKE_TOKEN,
	AUDIT_N_ACTIONS,
};
const char *audit_action_name(enum audit_action a); /* "CREATE", ... */
bool audit_action_from(struct span name, enum audit_action *out);

struct store_audit {
	int64_t at_ms;
	enum audit_action action;
	struct store_subject by;
	enum scope scope; /* where; of a read: the view */
	struct id scope_id;
	struct id subject;      /* the object, token or entity; "" for the read of a view */
	struct span type;       /* name of the object's or view's type; "" for none or all */
	struct span key;        /* of the object, name of the token or entity */
	int64_t version;        /* of the object after it; 0 elsewhere */
	bool restorable;        /* the object's content at that version is kept */
	struct span fields;     /* JSON array: names of what was changed, never values */
	struct span request_id; /* "": no request, or not known */
};
struct store_audit_query {
	struct id organization;
	struct id workspace; /* "": all */
	struct id subject;   /* "": all */
	struct id by;        /* the token; "": all */
	unsigned actions;    /* mask of 1 << enum audit_action; 0: all */
	struct span search;  /* only names that contain it; ASCII letters of either case match */
	struct span request; /* only rows of this request; "" or absent: all */
	int64_t offset, limit;
};
/*
 * Newest first. each() and limit as in store_entity_list(). The page after the one that was read
 * last costs only its own rows, and continues where that one ended even if rows were added
 * meanwhile. Any other page costs the rows before it as well.
 */
MUST_CHECK int store_audit_list(struct store *s, const struct store_audit_query *q,
    int (*each)(void *arg, const struct store_audit *a), void *arg, int64_t *total);
/*
 * Records that a client got a view (object NULL) or one object: once as long as its version stays
 * (by->traced: once a request), and written later with others (store_tidy()). A family of tokens
 * has a hundred rows an hour; what it reads beyond them is counted in one row, and what it reads
 * with secrets in one row a place.
 */
void store_audit_read(struct store *s, const struct store_actor *by, const struct store_query *view,
    const struct store_object *object, const struct store_version *version, bool secrets);
struct store_pruned {
	int64_t audit, versions;
};
/*
 * Deletes the oldest audit rows from before before_ms, limit at most, and the object versions that
 * their changes and deletions ended. With `limit` rows deleted there may be more.
 */
MUST_CHECK int store_audit_prune(
    struct store *s, int64_t before_ms, int64_t limit, struct store_pruned *out);
/* Wall time of the newest record of any kind, 0 when there is none. */
MUST_CHECK int store_newest_record(struct store *s, int64_t *out);
/*
 * Makes a new version of the object with the content of an earlier one, without links to
 * Deployments that are gone. STORE_NOT_FOUND: there is no such object, or that version is not
 * kept.
 */
MUST_CHECK int store_object_restore(struct store *s, const struct id *id, int64_t version,
    const struct store_version *expect, const struct store_actor *by);
/*
 * The object as it was at a version, to be shown; it may have been deleted since. What is secret in
 * it now, or was at last, is secret in *out, too. Without times and subjects; links to what has
 * gone stay. The holder owns what *out points to. STORE_NOT_FOUND: there never was such an object,
 * its place is gone, or that version is not kept.
 */
MUST_CHECK int store_object_version(struct store *s, const struct id *id, int64_t version,
    struct store_holder *h, struct store_object *out);
/*
 * The place of a deleted object. STORE_NOT_FOUND: the object exists, nothing is known of it, or its
 * place is gone.
 */
MUST_CHECK int store_object_gone(struct store *s, const struct id *id, struct place *out);
/*
 * Makes a deleted object again as it was at that version, under its id and key; otherwise as
 * store_object_restore(). STORE_CONFLICT: another object has its key.
 */
MUST_CHECK int store_object_revive(
    struct store *s, const struct id *id, int64_t version, const struct store_actor *by);
