/* SPDX-License-Identifier: Apache-2.0 */
/* What value.c, value_map.c, value_update.c and resolve.c share. Include it only there. */
#pragma once

#include "base/json/members.h"
#include "manager/model/value.h"

#define VALUE_MAX_FIELDS 10 /* of one type; value.c asserts it */

/* The members of a document: fields[i] is the value of value_fields(type)[i], or absent. */
struct value_doc {
	struct span fields[VALUE_MAX_FIELDS];
	struct span secret_extra; /* the value of secretExtra, or absent */
};
void value_doc_read(struct value_doc *d, enum manager_type type, struct span doc);

bool value_is_map(const struct value_field *f);
bool value_is_empty_string(struct span value);
bool value_is_empty_map(struct span map);
/* True if this field's value is secret. Not for extra. */
bool value_is_hidden(const struct value_field *f, const struct value_secrets *s);

/* Appends `"name":value` to an open object; nothing for an absent value. */
void value_put(struct buf *out, const char *name, struct span value);
/* True if this member of extra (decoded name) is secret. */
bool value_extra_is_secret(const struct value_secrets *s, struct span name);

/* ---- maps: extra, headers, labels ---- */

enum value_mark {
	MARK_SECRET = 1, /* named in secretExtra */
	MARK_UNSET = 2,  /* named in unsetFields */
};
/*
 * Reads a map of a document. Members named in secret_extra, which may be absent, get MARK_SECRET. 0
 * or -ENOMEM; call json_members_fini() in either case.
 */
MUST_CHECK int value_map_read(struct json_members *m, struct span map, struct span secret_extra);

/* Writes one map of a document, member by member, and then secretExtra if it has names. */
struct value_map_writer {
	struct buf *out;
	const char *field;
	const struct value_transition *t; /* borrowed; NULL: nothing in this map is secret */
	size_t n;
	struct buf names; /* the members of secretExtra */
};
void value_map_begin(struct value_map_writer *w, struct buf *out, const char *field,
    const struct value_transition *t);
/* Writes a stored member. If it was secret, it stays secret. */
void value_map_keep(struct value_map_writer *w, const struct json_member *m);
/* Writes a member with a new value. The auth type decides whether it is secret. */
void value_map_take(struct value_map_writer *w, const struct json_member *m);
/* Ends the map. even_empty: writes `{}` if it has no members. 0 or -errno. */
MUST_CHECK int value_map_end(struct value_map_writer *w, bool even_empty);
/* True if the member was secret before the change. */
bool value_map_was_secret(const struct value_map_writer *w, const struct json_member *m);

/*
 * Writes the map `base` with the members of `over` replaced or added. A nested value is replaced as
 * a whole. Members keep the order of base; new ones follow. t: NULL if nothing in the map is
 * secret; else a transition in which `was` equals `now`. 0 or -errno.
 */
MUST_CHECK int value_map_lay(const char *field, struct span base, struct span base_secret,
    struct span over, struct span over_secret, const struct value_transition *t, struct buf *out);
