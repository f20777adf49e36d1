/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One typed body of a request (`connection`, an override of it, ...) -> the document that value.h
 * speaks of: known members only, each of its type, nulls dropped. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/api/input/field_error.h"
#include "manager/model/value.h"

enum value_purpose {
	VALUE_FOR_CREATE,
	VALUE_FOR_UPDATE,        /* of an object that is not secret */
	VALUE_FOR_SECRET_UPDATE, /* isSecret may be repeated, never changed */
	VALUE_FOR_OVERRIDE,
};

/*
 * text: where the document goes; its room must suffice already, so that *doc stays. path: the name of
 * the typed body, for *f. Members that are not known are ignored, as newer clients may have them. 0;
 * -EINVAL with *f; -ENOMEM.
 */
MUST_CHECK int object_value_read(enum manager_type type, enum value_purpose purpose,
    struct span typed, const char *path, struct buf *text, struct span *doc, struct fault *f);

/* A member of an object, absent also when it is null. */
struct span value_doc_member(struct span object, const char *name);
/* Whether the object has a member of this (decoded) name. */
bool object_value_has_name(struct span object, struct span name);
