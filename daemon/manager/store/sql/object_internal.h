/* SPDX-License-Identifier: Apache-2.0 */
/* What object.c, object_links.c and object_restore.c share. */
#pragma once

#include "manager/store/sql/sql.h"
#include "manager/store/version.h"
#include "manager/store/history.h"

/* An object while a transaction writes it. */
struct writing {
	int64_t n, version; /* version: the one being written */
	struct id id, workspace;
	enum manager_type type;
	enum scope scope;
	struct value_transition secrets; /* the state that is stored, and the one that is written */
	int64_t now;
};

/* The members of an object that are in its own row. */
struct row {
	struct span description, value;
	bool auto_link, auto_link_projects;
};

/* A change of an object that exists. make() runs inside the transaction of object_change(). */
struct change {
	enum audit_action action;
	int (*make)(struct store *s, struct writing *w, const struct store_object *was,
	    const struct change *c);
	const struct store_version *expect; /* NULL: any */
	const struct store_actor *by;
	const struct store_object_request *request;
	struct store_fault *fault;
	const struct store_target *target;
	int64_t version;
};

/* Inserts the row that w and q describe and sets w->n. 0, STORE_CONFLICT or -errno. */
MUST_CHECK int object_insert(struct store *s, struct writing *w,
    const struct store_object_request *q, const struct place *at, const struct store_actor *by);
/* Writes version w->version of the row. 0 or -errno. */
MUST_CHECK int object_write_row(
    struct store *s, const struct writing *w, const struct row *row, const struct store_actor *by);
/* Runs c->make() in one transaction with its history. 0, a store_result or -errno. */
MUST_CHECK int object_change(struct store *s, const struct id *id, const struct change *c);

/*
 * Links and exclusions. A target that is not a Deployment or project of the object's Workspace is
 * STORE_NO_ENTITY; the functions that take a request then say in *fault which one it is.
 */
MUST_CHECK int object_check_target(
    struct store *s, const struct writing *w, enum scope scope, const struct id *entity);
MUST_CHECK int object_put_link(struct store *s, const struct writing *w,
    const struct store_target *target, size_t position, struct span override);
MUST_CHECK int object_put_exclusion(
    struct store *s, const struct writing *w, const struct store_target *target, size_t position);
/* Replaces all of them by the request's. */
MUST_CHECK int object_write_links(struct store *s, const struct writing *w,
    const struct store_object_request *q, struct store_fault *fault);
MUST_CHECK int object_write_exclusions(struct store *s, const struct writing *w,
    const struct store_object_request *q, struct store_fault *fault);
/*
 * The override that the object has for this target; absent when it has none. Looks around position
 * first: versions mostly have their links in one order.
 */
struct span object_present_override(
    const struct store_object *was, const struct id *entity, size_t position);
/*
 * Replaces all of them by those of an earlier version; a target that no longer exists is left out.
 * was: the object now, or before it was deleted: what is secret there stays secret.
 */
MUST_CHECK int object_restore_links(struct store *s, const struct writing *w,
    const struct store_object *was, const struct history *old);
