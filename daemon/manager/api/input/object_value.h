/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one typed body of a request (`connection`, an override of it, ...) into a document as
 * value.h has it: known members only, each of its type, without nulls. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/api/input/field_error.h"
#include "manager/api/input/ignored.h"
#include "manager/model/value.h"

enum value_purpose {
	VALUE_FOR_CREATE,
	VALUE_FOR_UPDATE,        /* of an object that is not secret */
	VALUE_FOR_SECRET_UPDATE, /* isSecret may be repeated, never changed */
	VALUE_FOR_OVERRIDE,
};

/* What is read, for what, and into which buffer. All pointers are borrowed. */
struct value_reading {
	enum manager_type type;
	enum value_purpose purpose;
	const char *path; /* of the typed body, for *fault: "connection" */
	struct buf *text; /* its room must suffice already, so that the document stays */
	struct ignored *ignored;
	struct fault *fault;
};
/*
 * Appends the document to text. Unknown members, which newer clients may send, are ignored and
 * noted. 0; -EINVAL with *fault; -ENOMEM.
 */
MUST_CHECK int object_value_read(
    const struct value_reading *in, struct span typed, struct span *doc);

/* A member of an object, absent also when it is null. */
struct span value_doc_member(struct span object, const char *name);
