/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as trees, for documents that are looked at more than once or changed. The trees are cJSON's;
 * the reading is ours (scan.h), so a text is strict JSON or refused, and numbers are kept as the
 * text they were. Wiped when freed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/json/scan.h"
#include "base/span.h"

struct json; /* a cJSON, seen by nobody else */

void json_global_init(void); /* cJSON's memory through base/mem; once, before threads */

/*
 * 0; -EBADMSG with *error_at (may be NULL): no strict JSON, or (at the end) a member name twice;
 * -ENOMEM.
 */
MUST_CHECK int json_parse(struct json **out, struct span text, size_t *error_at);
struct json *json_free(struct json *j); /* with its children; returns NULL */

enum scan_type json_type(const struct json *j);
const struct json *json_get(const struct json *object, const char *name); /* NULL: absent */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *child);
struct json *json_member(struct json *object, const char *name); /* to be changed; NULL: absent */
struct json *json_at(struct json *array, size_t i);              /* the same of an element */
const char *json_name(const struct json *child);                 /* of an object's member */
size_t json_count(const struct json *container);

const char *json_string(const struct json *j);     /* NULL if j is not a string */
bool json_bool(const struct json *j, bool *out);   /* false if j is not a boolean */
bool json_int(const struct json *j, int64_t *out); /* false if not a 64-bit integer */

/*
 * Building. NULL or -ENOMEM when out of memory. json_take() and json_append() own child even when
 * they fail; a NULL child is a failure, so a chain is checked once.
 */
MUST_CHECK struct json *json_new_object(void);
MUST_CHECK struct json *json_new_array(void);
MUST_CHECK struct json *json_new_string(const char *s);
MUST_CHECK struct json *json_new_int(int64_t v);
MUST_CHECK struct json *json_new_bool(bool v);
MUST_CHECK struct json *json_copy(const struct json *j); /* with its children */
MUST_CHECK int json_take(struct json *object, const char *name, struct json *child); /* replaces */
MUST_CHECK int json_append(struct json *array, struct json *child);
void json_remove(struct json *object, const char *name);
void json_remove_at(struct json *array, size_t i);

/* Compact text. Failures stick in out. */
void json_write(const struct json *j, struct buf *out);
