/* SPDX-License-Identifier: Apache-2.0 */
/* What object.c, object_links.c and object_overrides.c share. */
#pragma once

#include "manager/api/input/ignored.h"
#include "manager/api/input/object.h"

struct object_body {
	struct store_object_request request;
	bool has_value;                   /* the typed body was sent */
	struct buf text;                  /* never moves: decoded strings and documents are in it */
	struct store_link_request *links; /* to Deployments, then to projects */
	size_t links_room, n_deployment_links;
	struct store_target *excludes;
	size_t excludes_room;
	struct span *unset; /* of all links, in their order */
	size_t n_unset, unset_room;
	struct ignored ignored;
};

struct reader {
	struct object_body *body;
	const struct object_known *known; /* NULL: a create */
	struct fault *fault;
};

/* Each: 0; -EINVAL with the reader's fault; -ENOMEM. */
MUST_CHECK int read_text(struct reader *r, struct span value, const char *field, struct span *out);
MUST_CHECK int read_needed_text(
    struct reader *r, struct span object, const char *name, const char *field, struct span *out);
/* field: the entry's own, "" for the body itself. */
MUST_CHECK int read_link_target(struct reader *r, struct span entry, const char *field,
    enum scope scope, struct store_target *out);
/* The `overrides` of one link entry. */
MUST_CHECK int read_overrides(
    struct reader *r, struct span entry, const char *field, struct override_change *change);
/* Makes room for one more item behind n. 0 or -ENOMEM. */
MUST_CHECK int array_room(void **items, size_t *room, size_t n, size_t size);
extern const char *const target_members[]; /* of an entry of excludeLinks; NULL at the end */
/* links, projectLinks, excludeLinks; and that they fit each other and an object of this scope. */
MUST_CHECK int read_all_links(struct reader *r, struct span object, enum scope scope);
