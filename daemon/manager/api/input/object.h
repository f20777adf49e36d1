/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the JSON bodies that create and update environment objects into store requests. All
 * rules that need no database are applied here: types, required and immutable members, keys, sizes,
 * sets against each other. Pure. `null` equals absent for the API's own members, never inside
 * extra.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"
#include "manager/api/input/field_error.h"
#include "manager/api/input/ignored.h"
#include "manager/store/store.h"

/* Owns what the request points to. */
struct object_body;

/* What reading an update needs to know about the object. */
struct object_known {
	enum manager_type type;
	struct span key;
	enum scope scope;
	struct id scope_id;
	bool has_value; /* the object has a value; otherwise this update gives it the first */
	bool is_secret;
	bool auto_link_projects;
	bool states_whole; /* overrides that the body leaves out of a link are removed */
	/* the present links; those to projects are kept if the body has none */
	const struct store_link *links;
	size_t n_links;
};

/* 0; -EINVAL with *f; -ENOMEM. */
MUST_CHECK int object_body_create(struct object_body **out, struct span json, struct fault *f);
MUST_CHECK int object_body_update(
    struct object_body **out, struct span json, const struct object_known *known, struct fault *f);
/* Reads the body of exclude-linking, which names one Deployment. */
MUST_CHECK int object_body_target(
    struct store_target *out, struct span json, struct ignored *ignored, struct fault *f);
struct object_body *object_body_free(struct object_body *b); /* NULL is fine; returns NULL */

const struct store_object_request *object_body_request(const struct object_body *b);
/* The body's unknown members. */
const struct ignored *object_body_ignored(const struct object_body *b);

/* The path in the body of the request's link with this index: "links[2].scopeEntityId". */
#define OBJECT_LINK_FIELD_SIZE 64
void object_body_link_field(
    const struct object_body *b, size_t index, char out[static OBJECT_LINK_FIELD_SIZE]);

const char *object_scope_word(enum scope scope); /* "Workspace", for a sentence */
/* "connection", "airflowVariable", ...: the typed body's member. */
const char *object_type_member(enum manager_type type);

/* Checks a key of this type; *f says why it is refused (field "objectKey"). */
MUST_CHECK int object_key_check(enum manager_type type, struct span key, struct fault *f);
