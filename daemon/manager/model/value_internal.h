/* SPDX-License-Identifier: Apache-2.0 */
/* What value.c, value_map.c, value_update.c and resolve.c share; for nobody else. */
#pragma once

#include "base/json/members.h"
#include "manager/model/value.h"

#define VALUE_MAX_FIELDS 10 /* of one type; checked where the tables are */

/* The members of a document, read in one pass: fields[i] is value_fields(type)[i], or absent. */
struct value_doc {
	struct span fields[VALUE_MAX_FIELDS];
	struct span secret_extra; /* an object whose names are those that stay secret; or absent */
};
void value_doc_read(struct value_doc *d, enum manager_type type, struct span doc);

bool value_is_map(const struct value_field *f);
bool value_is_empty_string(struct span value);
bool value_is_empty_map(struct span map);
/* Whether a client that sees the object without secrets sees this field's value. Not for extra. */
bool value_is_hidden(const struct value_field *f, const struct value_secrets *s);

/* Appends `"name":value` to an open object; an absent value appends nothing. */
void value_put(struct buf *out, const char *name, struct span value);
/* Whether this member of extra is secret; name without escapes. */
bool value_extra_is_secret(const struct value_secrets *s, struct span name);

/* ---- maps: extra, headers, labels ---- */

enum value_mark {
	MARK_SECRET = 1, /* named in secretExtra */
	MARK_UNSET = 2,  /* named in unsetFields */
};
/*
 * A map of a document, indexed; members named in secret_extra (may be absent) carry MARK_SECRET. 0
 * or -ENOMEM; json_members_fini() in either case.
 */
MUST_CHECK int value_map_read(struct json_members *m, struct span map, struct span secret_extra);

/* Writes one map of a document, member by member, and behind it secretExtra if there is one. */
struct value_map_writer {
	struct buf *out;
	const char *field;
	const struct value_transition *t; /* borrowed; NULL: nothing in this map is secret */
	size_t n;
	struct buf names; /* those that stay secret: members of secretExtra */
};
void value_map_begin(struct value_map_writer *w, struct buf *out, const char *field,
    const struct value_transition *t);
/* A member that has been there: what was secret stays secret. */
void value_map_keep(struct value_map_writer *w, const struct json_member *m);
/* A new value: secret as the auth type says. */
void value_map_take(struct value_map_writer *w, const struct json_member *m);
/*
 * Ends what value_map_begin() began. even_empty: writes `{}` when there was no member. 0 or
 * -errno.
 */
MUST_CHECK int value_map_end(struct value_map_writer *w, bool even_empty);
/* Whether the member was secret before the change. */
bool value_map_was_secret(const struct value_map_writer *w, const struct json_member *m);

/*
 * Writes the map `over` laid over `base` member by member, a nested value whole. Members keep the
 * order of base, new ones follow. t: NULL, or a transition from what is secret to the same. 0 or
 * -errno.
 */
MUST_CHECK int value_map_lay(const char *field, struct span base, struct span base_secret,
    struct span over, struct span over_secret, const struct value_transition *t, struct buf *out);
