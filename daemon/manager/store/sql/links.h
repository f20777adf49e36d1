/* SPDX-License-Identifier: Apache-2.0 */
/* Links and exclusions as they are stored, read for many objects with one statement. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "manager/model/policy.h"
#include "manager/store/sql/db.h"

/* One link or exclusion. */
struct link_row {
	size_t object; /* its index among the objects that were asked for */
	struct id entity;
	enum scope scope;
	bool is_exclusion;
	bool has_scope; /* false: the scope is unknown, so the row was edited */
	bool has_override;
	int64_t version; /* of the override */
	size_t at, n;    /* the sealed override, in the bytes of struct links; n 0: not read */
};

struct links {
	/* By object; of each the links, then the exclusions, in their order. */
	struct link_row *rows;
	size_t n, room;
	struct buf bytes;
	size_t n_objects; /* the first n_objects of the objects have all their rows here */
};

/* The rows of one object. */
struct link_set {
	const struct link_row *rows;
	size_t n;
	const char *bytes;
};

void links_init(struct links *l);
void links_fini(struct links *l);
/*
 * Reads the links of n objects, given by their row numbers. If these are too many for memory, only
 * those of the first l->n_objects, which may be 0; for n == 1 all are read. 0 or -errno.
 */
MUST_CHECK int links_read(
    struct links *l, struct db *db, const int64_t *objects, size_t n, bool with_overrides);
/*
 * Returns the rows of the object at an index below l->n_objects. Valid until the next links_read().
 */
struct link_set links_of(const struct links *l, size_t object);
/* The sealed override of one of its rows; absent: NULL. */
struct span link_override(const struct link_set *set, const struct link_row *row);
