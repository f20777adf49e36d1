/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of an environment object as a document: the compact JSON text of one JSON object, with
 * the member names of the API's typed body (`connection`, `airflowVariable`, ...):
 *
 *	CONNECTION            type, authTypeId, host, login, password, schema (strings), port, extra
 *	AIRFLOW_VARIABLE,
 *	ENVIRONMENT_VARIABLE  value (string), isSecret (boolean, always present)
 *	METRICS_EXPORT        endpoint, exporterType, authType, basicToken, username, password,
 *	                      sigV4AssumeArn, sigV4StsRegion (strings), headers, labels (objects of
 *strings)
 *
 * An override document has the same form, with only the overridden members, and without authTypeId
 * and isSecret. Both kinds may end with a member that never leaves the manager: secretExtra, an
 * object whose names are those members of `extra` that stay secret although the auth type says they
 * are not (see value_update()).
 *
 * VALUE_NONE is the document of an object that was created without a typed body. It has no value,
 * with or without overrides.
 *
 * This module defines the members and which of them are secret, and applies updates. Pure: text in,
 * text out; numbers keep all their digits. The caller ensures that documents have passed
 * scan_check(SCAN_STRICT), have no duplicate members, no null outside `extra`, and members of the
 * right type. All functions take linear time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/span.h"
#include "proto/page.h"

enum value_kind {
	VALUE_STRING,
	VALUE_INT,
	VALUE_BOOL,
	VALUE_MAP, /* any JSON */
	VALUE_STRING_MAP,
	VALUE_AUTH_TYPE, /* a string; the API shows the auth type instead; not in setFields */
};
enum value_secrecy {
	VALUE_PLAIN,
	VALUE_SECRET,
	VALUE_BY_FLAG,      /* the value of a variable: secret if isSecret is true */
	VALUE_BY_AUTH_TYPE, /* members of extra: as the auth type says; secret without one */
};
struct value_field {
	const char *name;
	enum value_kind kind;
	enum value_secrecy secrecy;
	bool overridable;
};
/* Returns the members of a type, in the order of the document; the last has a NULL name. */
const struct value_field *value_fields(enum manager_type type);
const struct value_field *value_field(enum manager_type type, struct span name); /* NULL: unknown */

#define VALUE_NONE "{}"
bool value_is_none(struct span doc);

bool value_is_secret(struct span doc); /* isSecret of a variable's document; else false */

/* Which values of an object and its overrides are secret; from the object's own document. */
struct auth_type;
struct value_secrets {
	bool flag;                    /* the value of a variable is secret; true without a value */
	const struct auth_type *auth; /* decides about extra; NULL: all members are secret */
};
struct value_secrets value_secrets(enum manager_type type, struct span doc);

/* ---- reading ---- */

/*
 * Appends a JSON array of the names of all fields of doc that have a value: `host`, `password`,
 * `extra.aws_secret`. "" counts as no value; isSecret and authTypeId are left out. Errors stay in
 * out.
 */
void value_set_fields(enum manager_type type, struct span doc, struct buf *out);

/*
 * Appends the members of doc, except authTypeId and secretExtra, to a JSON object that the caller
 * opens and closes.
 */
void value_write(enum manager_type type, struct span doc, struct buf *out);
/*
 * Like value_write(), without secrets. The value of a secret variable becomes ""; passwords are
 * left out; secret members of extra become "", and are left out of an override.
 */
void value_write_masked(enum manager_type type, struct span doc, const struct value_secrets *s,
    bool override, struct buf *out);

/*
 * Calls each() for every field that differs between two documents, with its name, and for a member
 * of a map with the raw name of the member, too. 0 or -ENOMEM.
 */
MUST_CHECK int value_changes(enum manager_type type, struct span was, struct span now,
    void (*each)(void *arg, const char *field, struct span raw_member), void *arg);

/* ---- updating ---- */

/*
 * Appends the document after an update. `stored` is the present document, `sent` the typed body.
 *
 * A connection is stored as sent, except: a password that is absent or "" keeps the stored one;
 * members of extra that are absent or "" are kept; `extra: {}` clears them all. For a secret
 * variable, "" keeps the stored value; isSecret never changes. A metrics export is patched. An
 * object without a value gets what was sent.
 *
 * A secret stays secret: if a member of extra was secret under the old auth type and keeps its
 * value, it stays secret under the new one. Its name is stored in secretExtra.
 *
 * 0, -E2BIG for more than LIMIT_MEMBERS in a map, -ENOMEM, or out's error.
 */
MUST_CHECK int value_update(
    enum manager_type type, struct span stored, struct span sent, struct buf *out);

/* Which values are secret before and after a change. */
struct value_transition {
	enum manager_type type;
	struct value_secrets was, now;
};
struct value_transition value_transition(
    enum manager_type type, struct span doc_was, struct span doc_now);

/* The override document of a link without overrides. */
#define VALUE_NO_OVERRIDE "{}"
/*
 * The override document of a link whose overrides are an empty object. The API must show it:
 * Terraform reports an inconsistency otherwise. The space distinguishes it from VALUE_NO_OVERRIDE.
 */
#define VALUE_EMPTY_OVERRIDE "{ }"

/* The overrides in one link entry of an update; see the table at value_override_update(). */
struct override_change {
	bool given;         /* `overrides` was present and not null */
	bool whole;         /* the client sends the whole object: what it leaves out is cleared */
	struct span fields; /* the typed override object, or absent */
	const struct span *unset; /* decoded names: `password`, `extra.aws_secret` */
	size_t n_unset;
};
/*
 * Appends the override document after an update.
 *
 *	sent                   effect
 *	no overrides           all kept; with `whole`: all cleared, secret ones too
 *	{}, or a typed {}      plain ones cleared, secret ones kept, because a client that sends
 *	                       back what it was shown sends this; with `whole`: all cleared
 *	a typed object with    plain ones exactly as sent; secret ones that are absent or "" kept;
 *	  fields               with `whole` and `extra: {}`: all of extra cleared
 *	unsetFields            those are dropped; without a typed object all others are kept
 *
 * secretExtra and errors as in value_update().
 */
MUST_CHECK int value_override_update(const struct value_transition *t, struct span stored,
    const struct override_change *change, struct buf *out);

/*
 * Appends `former`, a document of an earlier version, to be restored in place of `was`, which may
 * be absent. A member of extra that is secret in `was` stays secret if its value is the same.
 */
MUST_CHECK int value_restore(
    const struct value_transition *t, struct span was, struct span former, struct buf *out);
