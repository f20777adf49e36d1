/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and query strings: decodes them, and reads parameters as their types. Pure. Decoded text is
 * UTF-8 without NUL, or it is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/api/input/field_error.h"

#define QUERY_MAX_PAIRS   64
#define PATH_MAX_SEGMENTS 12

struct path {
	size_t n;
	struct span segments[PATH_MAX_SEGMENTS];
};

struct query {
	size_t n;
	struct {
		struct span name, value;
	} pairs[QUERY_MAX_PAIRS];
};

/*
 * "/v1/organizations/x" -> its segments, in scratch, which must stay as it is while they are used.
 * 0; -EINVAL: malformed; -ENOENT: no such path can exist (an empty segment, too many); -ENOMEM.
 */
MUST_CHECK int path_read(struct path *p, struct span raw, struct buf *scratch);
/* raw may be absent. 0; -EINVAL with *f; -ENOMEM. */
MUST_CHECK int query_read(struct query *q, struct span raw, struct buf *scratch, struct fault *f);

/* A parameter that may be given once. Absent: *out is untouched. 0, or -EINVAL with *f. */
MUST_CHECK int query_text(
    const struct query *q, const char *name, struct span *out, struct fault *f);
MUST_CHECK int query_bool(const struct query *q, const char *name, bool *out, struct fault *f);
MUST_CHECK int query_count(const struct query *q, const char *name, int64_t *out, struct fault *f);
/* A time in ms since 1970, as clock_from_rfc3339() reads it. */
MUST_CHECK int query_time(const struct query *q, const char *name, int64_t *out, struct fault *f);

/* One of `sorts`: the name at index `by`. */
struct query_sort {
	size_t by;
	bool descending;
};
#define QUERY_MAX_SORTS 4
/* `sorts`, repeated: one of the names with :asc or :desc. 0, or -EINVAL with *f. */
MUST_CHECK int query_sorts(const struct query *q, const char *const *names, size_t n_names,
    struct query_sort out[static QUERY_MAX_SORTS], size_t *n, struct fault *f);

/* The `wait` of a Prefer field, in seconds; 0: there is none, or it is not valid. */
int64_t prefer_wait(struct span field);
