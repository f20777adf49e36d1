/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodes the store's data as the API's JSON. Pure. No member is null: absent ones are left out.
 * Secrets are left out or blank unless they were requested; setFields names them in any case.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "manager/store/store.h"

/* Part of every ETag. Raise it with each change of how an object is encoded. */
#define ENCODE_VERSION 1

/* What is shown of an object, and for which place. */
struct encode_view {
	bool show_secrets;
	/* Rows are resolved for a place, so they have no id and no links. */
	bool resolved;
	enum scope scope;
	struct id scope_id;
};

/*
 * Checks a page that is made whole, in a buffer of ENCODE_PAGE_MAX: it ends early once it holds 4
 * MiB, and the client's next page begins after its rows. 0: there is room for another row; 1: the
 * page is full; or out's error.
 */
#define ENCODE_PAGE_MAX (6 * 1024 * 1024)
int encode_page_is_full(const struct buf *out);

/* Appends one EnvironmentObject. view NULL: unresolved, without secrets. Failures stick in out. */
void encode_object(const struct store_object *o, const struct encode_view *view, struct buf *out);
/* The same of an earlier version: without times and subjects. */
void encode_object_version(const struct store_object *o, struct buf *out);
/* Appends an organization, Workspace, Deployment or project, as e->scope says. */
void encode_entity(const struct store_entity *e, struct buf *out);
/* The subject of a change; nothing for the command line. */
void encode_subject(const char *name, const struct store_subject *s, struct buf *out);
void encode_time(const char *name, int64_t wall_ms, struct buf *out);
