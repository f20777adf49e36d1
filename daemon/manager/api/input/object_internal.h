/* SPDX-License-Identifier: Apache-2.0 */
/* What objectbody.c (an object's own members) and objectlinks.c (its links) share; for nobody else. */
#pragma once

#include "manager/api/input/object.h"

struct object_body {
	struct store_object_request request;
	struct buf text;                  /* never moves: decoded strings and documents are in it */
	struct store_link_request *links; /* to Deployments, then to projects */
	size_t n_deployment_links;
	struct store_target *excludes;
	struct span *unset; /* of all links */
	size_t n_unset, max_unset;
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
MUST_CHECK int read_target(struct reader *r, struct span entry, const char *field, enum scope scope,
    struct store_target *out);
/* links, projectLinks, excludeLinks; and that they fit each other and an object of this scope. */
MUST_CHECK int read_all_links(struct reader *r, struct span object, enum scope scope);
