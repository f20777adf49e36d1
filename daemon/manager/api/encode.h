/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodes what the store has as the API's JSON. Pure. There is never a null: absent members are
 * left out. Secrets are left out or blank unless they were requested; setFields names them either
 * way.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "manager/store/store.h"

/* Part of every ETag: to be raised with each change of how an object is encoded. */
#define ENCODE_VERSION 1

/* What is shown, and for which place. */
struct encode_view {
	bool show_secrets;
	/* Rows stand for a place, not for one object: they have no id and no links. */
	bool resolved;
	enum scope scope;
	struct id scope_id;
};

/*
 * A page that is made whole, in a buffer of ENCODE_PAGE_MAX, ends early once it holds 4 MiB: the
 * client's next page begins after its rows. 0: there is room for another row; 1: the page is full;
 * or out's error.
 */
#define ENCODE_PAGE_MAX (6 * 1024 * 1024)
int encode_page_is_full(const struct buf *out);

/*
 * Appends one EnvironmentObject. view may be NULL: as its own, without secrets. Failures stick in
 * out.
 */
void encode_object(const struct store_object *o, const struct encode_view *view, struct buf *out);
/* The same of an earlier version: without times and subjects. */
void encode_object_version(const struct store_object *o, struct buf *out);
/* Appends an organization, Workspace, Deployment or project, as e->scope says. */
void encode_entity(const struct store_entity *e, struct buf *out);
/* The subject of a change; nothing for the command line. */
void encode_subject(const char *name, const struct store_subject *s, struct buf *out);
void encode_time(const char *name, int64_t wall_ms, struct buf *out);
