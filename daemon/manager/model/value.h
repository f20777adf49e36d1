/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of an environment object as a document: compact JSON text of one object, with the API's
 * own member names, the shape of the typed body (`connection`, `airflowVariable`, ...):
 *
 *	CONNECTION            type, authTypeId, host, login, password, schema (strings), port, extra
 *	AIRFLOW_VARIABLE,
 *	ENVIRONMENT_VARIABLE  value (string), isSecret (boolean, always there)
 *	METRICS_EXPORT        endpoint, exporterType, authType, basicToken, username, password,
 *	                      sigV4AssumeArn, sigV4StsRegion (strings), headers, labels (objects of strings)
 *
 * An override document is the same, sparse, and without authTypeId and isSecret. This file knows
 * which members there are, which of them are secret, and what an update makes of what was stored. Pure:
 * text in, text out; numbers keep every digit. Documents handed in passed scan_check(SCAN_STRICT), have
 * no member twice, no null outside `extra`, and members of the right type: the routes see to that.
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

enum value_kind { VALUE_STRING, VALUE_INT, VALUE_BOOL, VALUE_MAP /* any JSON */, VALUE_STRING_MAP };
enum value_secrecy {
	VALUE_PLAIN,
	VALUE_SECRET,
	VALUE_BY_FLAG,      /* a variable's value: as isSecret says */
	VALUE_BY_AUTH_TYPE, /* each member of extra: as the auth type says; secret where there is none */
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

/*
 * Appends a JSON array of the names of all fields of doc that hold something (a string that is not "",
 * a number, a map member whatever it holds but ""): `host`, `password`, `extra.aws_secret`. isSecret
 * and authTypeId are no fields. Failures stick in out.
 */
void value_set_fields(enum manager_type type, struct span doc, struct buf *out);

/* What a "" in the map that is laid on top means. */
enum value_blank {
	BLANK_REPLACES,   /* it is a value like any other */
	BLANK_KEEPS,      /* the member below stays; "" where there is none */
	BLANK_IS_NOTHING, /* the member below stays; none where there is none */
};
/*
 * Appends the map `base` with the members of `over` laid over it, a nested value whole. Either may be
 * absent. Members keep the order of base, new ones follow.
 */
void value_lay_map(struct span base, struct span over, enum value_blank blank, struct buf *out);

/*
 * Appends the names of the fields that differ between two documents, each as a JSON string with prefix in
 * front, with commas, for an array that the caller opens and closes.
 */
void value_changes(
    enum manager_type type, struct span was, struct span now, const char *prefix, struct buf *out);

bool value_is_secret(struct span doc); /* isSecret of a variable's document; false elsewhere */

/*
 * What doc shows without its secrets. secret_extra tells of one (decoded) member name of `extra` whether
 * it is to be blanked to "" (NULL: each is). A secret variable's value is "", a password and other secret
 * strings are left out. secret_flag: the object's isSecret; `override`: doc is an override document.
 */
struct value_mask {
	bool secret_flag;
	bool override; /* secret members are left out, a variable's value is "" */
	bool (*secret_extra)(void *arg, struct span name);
	void *arg;
};
void value_mask(
    enum manager_type type, struct span doc, const struct value_mask *m, struct buf *out);

/*
 * The document after an update: `stored` is what there is, `sent` the typed body. A connection is stored as
 * sent, but a password absent or "" keeps the stored one, members of extra not named (or "") are kept, and
 * `extra: {}` clears them. A secret variable's "" keeps the stored value, isSecret never changes. A
 * metrics export is patched. Appends the new document. 0 or out's error; -EMSGSIZE also for more than
 * VALUE_MAX_MEMBERS in a map.
 */
MUST_CHECK int value_update(
    enum manager_type type, struct span stored, struct span sent, struct buf *out);

#define VALUE_EMPTY_OVERRIDE "{ }"

/* How one link entry of an update speaks of its overrides; see the table in value_override_update(). */
struct override_change {
	bool given;               /* `overrides` was there (and not null) */
	struct span fields;       /* the typed override object; absent when it was not there */
	const struct span *unset; /* decoded names: `password`, `extra.aws_secret` */
	size_t n_unset;
};
/*
 * The override document after an update; "{}" overrides nothing, and VALUE_EMPTY_OVERRIDE, longer than that, overrides
 * nothing but is there: a typed object was given.
 *
 *	not given, description not sent     all kept
 *	not given, description sent         all cleared
 *	given, nothing or {} in it          all cleared
 *	fields with members                 plain ones exactly as sent, secret ones not named are kept
 *	unset                               those are dropped; without fields everything else is kept
 *
 * secret_flag: the object's isSecret. 0 or -errno as above.
 */
MUST_CHECK int value_override_update(enum manager_type type, bool secret_flag, struct span stored,
    const struct override_change *change, bool description_sent, struct buf *out);
