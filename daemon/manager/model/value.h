/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of an environment object as a document: compact JSON text of one object, with the API's
 * own member names, the shape of the typed body (`connection`, `airflowVariable`, ...):
 *
 *	CONNECTION            type, authTypeId, host, login, password, schema (strings), port, extra
 *	AIRFLOW_VARIABLE,
 *	ENVIRONMENT_VARIABLE  value (string), isSecret (boolean, always there)
 *	METRICS_EXPORT        endpoint, exporterType, authType, basicToken, username, password,
 *	                      sigV4AssumeArn, sigV4StsRegion (strings), headers, labels (objects of
 *strings)
 *
 * An override document is the same, sparse, and without authTypeId and isSecret. Either may end
 * with a member of our own, which never leaves the manager: secretExtra, an object whose names are
 * those of the members of `extra` that stay secret although the auth type calls them plain (see
 * value_update()).
 *
 * VALUE_NONE is the document of an object that was created without a typed body and has not been
 * given one. It has no value anywhere: an override lies over nothing.
 *
 * This file knows which members there are, which of them are secret, and what an update makes of
 * what was stored. Pure: text in, text out; numbers keep every digit. Documents handed in passed
 * scan_check(SCAN_STRICT), have no member twice, no null outside `extra`, and members of the right
 * type: the API sees to that. Every function costs its bytes times a small factor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "proto/page.h"

/* First-level members of extra, headers or labels, as they come in and as updates add them up. */
#define VALUE_MAX_MEMBERS 1000
/* Fields named in one unsetFields, by the hosted API. */
#define VALUE_MAX_UNSET 100

enum value_kind {
	VALUE_STRING,
	VALUE_INT,
	VALUE_BOOL,
	VALUE_MAP, /* any JSON */
	VALUE_STRING_MAP,
	VALUE_AUTH_TYPE, /* a string; encoded as what it stands for, and no field in setFields */
};
enum value_secrecy {
	VALUE_PLAIN,
	VALUE_SECRET,
	VALUE_BY_FLAG,      /* a variable's value: as isSecret says */
	VALUE_BY_AUTH_TYPE, /* each member of extra: as the auth type says; secret where there is
			       none */
};
struct value_field {
	const char *name;
	enum value_kind kind;
	enum value_secrecy secrecy;
	bool overridable;
};
/* The members a type may have, in the order they are written; ends with a NULL name. */
const struct value_field *value_fields(enum manager_type type);
const struct value_field *value_field(enum manager_type type, struct span name); /* NULL: unknown */

#define VALUE_NONE "{}"
bool value_is_none(struct span doc);

bool value_is_secret(struct span doc); /* isSecret of a variable's document; false elsewhere */

/* What is secret in an object, its overrides included; read from the object's own document. */
struct auth_type;
struct value_secrets {
	bool flag;                    /* a variable's value; true as long as there is none */
	const struct auth_type *auth; /* what it says of extra; NULL: every member is secret */
};
struct value_secrets value_secrets(enum manager_type type, struct span doc);

/* ---- reading ---- */

/*
 * Appends a JSON array of the names of all fields of doc that hold something (a string that is not
 * "", a number, a map member whatever it holds but ""): `host`, `password`, `extra.aws_secret`.
 * isSecret and authTypeId are no fields. Failures stick in out.
 */
void value_set_fields(enum manager_type type, struct span doc, struct buf *out);

/*
 * Appends the members of doc to an object that the caller opens and closes, all but authTypeId and
 * our own.
 */
void value_write(enum manager_type type, struct span doc, struct buf *out);
/*
 * The same without secrets. A secret variable's value is "", a password is left out; secret
 * members of extra are "", and left out of an override.
 */
void value_write_masked(enum manager_type type, struct span doc, const struct value_secrets *s,
    bool override, struct buf *out);

/*
 * Calls each() with the name of every field that differs between two documents: `host`, and for a
 * member of a map its field and its raw name. 0 or -ENOMEM.
 */
MUST_CHECK int value_changes(enum manager_type type, struct span was, struct span now,
    void (*each)(void *arg, const char *field, struct span raw_member), void *arg);

/* ---- updating ---- */

/*
 * The document after an update: `stored` is what there is, `sent` the typed body. A connection is
 * stored as sent, but a password absent or "" keeps the stored one, members of extra not named (or
 * "") are kept, and `extra: {}` clears them. A secret variable's "" keeps the stored value,
 * isSecret never changes. A metrics export is patched. An object without a value gets what was
 * sent.
 *
 * Once secret, secret: a member of extra that was secret under the auth type before and keeps its
 * value stays secret, whatever the auth type after says. Its name goes into secretExtra.
 *
 * Appends the new document. 0, -E2BIG (more than VALUE_MAX_MEMBERS in a map), -ENOMEM, or out's
 * error.
 */
MUST_CHECK int value_update(
    enum manager_type type, struct span stored, struct span sent, struct buf *out);

/* What is secret in an object before and after it changes. */
struct value_transition {
	enum manager_type type;
	struct value_secrets was, now;
};
struct value_transition value_transition(
    enum manager_type type, struct span doc_was, struct span doc_now);

/* The override document of a link that overrides nothing ... */
#define VALUE_NO_OVERRIDE "{}"
/*
 * ... and of one that holds nothing but was given as an object. Clients look for it: Terraform
 * finds a missing one inconsistent. Longer than VALUE_NO_OVERRIDE, by which readers know it.
 */
#define VALUE_EMPTY_OVERRIDE "{ }"

/*
 * How one link entry of an update speaks of its overrides; see the table in
 * value_override_update().
 */
struct override_change {
	bool given;         /* `overrides` was there (and not null) */
	bool whole;         /* the client states the whole object: what it leaves out is gone */
	struct span fields; /* the typed override object; absent when it was not there */
	const struct span *unset; /* decoded names: `password`, `extra.aws_secret` */
	size_t n_unset;
};
/*
 * The override document after an update.
 *
 *	sent                   effect
 *	no overrides           all kept; whole: all cleared, secret ones too
 *	{}, or a typed {}      plain ones cleared, secret ones kept: a client that echoes what it
 *	                       was shown sends this; whole: all cleared, secret ones too
 *	a typed object with    plain ones exactly as sent, secret ones not named (or "") kept;
 *	  fields               whole, and `extra: {}` among them: all of extra cleared
 *	unsetFields            those are dropped; without a typed object all others are kept
 *
 * secretExtra as in value_update(). 0 or -errno as above.
 */
MUST_CHECK int value_override_update(const struct value_transition *t, struct span stored,
    const struct override_change *change, struct buf *out);

/*
 * `former`, a document of an earlier version, on its way back in place of `was`: as it is, but a
 * member of extra that `was` keeps secret stays secret unless its value is another one. was may be
 * absent.
 */
MUST_CHECK int value_restore(
    const struct value_transition *t, struct span was, struct span former, struct buf *out);
