/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An environment object as a person changes it: found by its key, read with its tag, and turned
 * into the update that changes nothing. The manager's update replaces the object: links,
 * exclusions, overrides and plain fields that it does not repeat are lost, so every change starts
 * from that body.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "ctl/admin/change.h"
#include "ctl/admin/session.h"

struct object_kind {
	const char *noun;      /* "connection", as in the verb */
	const char *type;      /* "CONNECTION" */
	const char *member;    /* of its typed body */
	const char *overrides; /* of a link in a response */
};

/* The kind that the verb's first word names. */
const struct object_kind *object_kind(const struct session *s);

/* The kind of this noun. */
const struct object_kind *object_kind_named(const char *noun);

/* Where the object is: the Deployment of --deployment, else the Workspace. */
struct object_scope {
	bool is_deployment, is_project; /* neither: a Workspace */
	char id[TOKEN_ID_SIZE];
};

MUST_CHECK int object_scope(struct session *s, struct object_scope *out);
/* The Workspace, whatever --deployment says: for verbs that link. */
MUST_CHECK int object_workspace_scope(struct session *s, struct object_scope *out);
/* Adds the scope's filter to a list's path. */
void object_scope_query(struct buf *path, const struct object_scope *scope);

struct object {
	const struct object_kind *kind;
	const char *key;
	char id[TOKEN_ID_SIZE];
	char tag[128];     /* "" when the manager has none */
	struct json *row;  /* as it is */
	struct json *body; /* the update that changes nothing; its typed body may be missing */
};

/* The object of this key in the scope, read. CTL_NO, having said so, when there is none. */
MUST_CHECK int object_read(struct session *s, const struct object_kind *kind,
    const struct object_scope *scope, const char *key, struct object *out);
/* Only whether it is there; id: "" when it is not. */
MUST_CHECK int object_find(struct session *s, const struct object_kind *kind,
    const struct object_scope *scope, const char *key, char id[static TOKEN_ID_SIZE]);
void object_fini(struct object *o);

/* Does setFields name it? */
bool object_is_set(const struct json *holder, const char *field);
/* The text of a plain member, a port too; NULL when it is not there. May point into room. */
const char *object_shown(const struct json *typed, const char *name, char room[static 32]);
/* Is a variable's value secret? One that is not known to be plain is. */
bool object_is_secret(const struct object *o);
/* The entry of an array of places with this Deployment; NULL. */
const struct json *object_place(const struct json *places, const char *deployment);

/*
 * Before a write: with no tag to send, the object is read again and compared, which leaves a moment
 * for a race. CTL_NO when it has changed.
 */
MUST_CHECK int object_unchanged(struct session *s, const struct object *o);
/* Shows, asks and sends o->body. Returns the exit code. */
MUST_CHECK int object_update(struct session *s, struct object *o, struct change *c);
