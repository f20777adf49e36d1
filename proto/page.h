/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Environment Manager's HTTP API, as its client reads it: one page of a list of environment
 * objects -> rows. Strict about the list, careful about each row: see proto/MANAGER.md for what fails
 * the whole list and what costs only its own row.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/span.h"

enum manager_type {
	MANAGER_CONNECTION,
	MANAGER_AIRFLOW_VARIABLE,
	MANAGER_ENVIRONMENT_VARIABLE,
	MANAGER_METRICS_EXPORT,
	MANAGER_N_TYPES,
};
const char *manager_type_name(enum manager_type t); /* "CONNECTION", ... */
bool manager_type_from(struct span name, enum manager_type *out);

enum manager_row_verdict {
	ROW_GOOD,
	ROW_WITHHELD, /* setFields names a secret that is not there: withheld_json says which */
	ROW_INVALID,  /* can not be represented: bad_field says where */
};

/*
 * Spans live until the row callback returns. Absent members are absent spans; "" is not absent, but in
 * password: an empty one is none. What has no value in it (withheld, invalid) has only its key and why.
 */
struct manager_row {
	enum manager_row_verdict verdict;
	struct span key;           /* decoded objectKey: 1 to LIMIT_KEY_BYTES bytes */
	struct span bad_field;     /* ROW_INVALID */
	struct span withheld_json; /* ROW_WITHHELD: a JSON array of field names */

	/* CONNECTION */
	struct span conn_type, description, host, login, password, schema;
	int32_t port; /* 0: absent */
	/* Compact JSON text of an object, numbers digit for digit; absent when empty. */
	struct span extra;

	/* AIRFLOW_VARIABLE, ENVIRONMENT_VARIABLE */
	struct span value;
};

struct manager_page {
	int64_t total; /* totalCount */
	size_t n_rows; /* rows in this page, of whatever verdict */
};

#define MANAGER_WHY_SIZE 256
#define MANAGER_SCRATCH  (2 * LIMIT_ROW)

/*
 * Reads one page of a list that asked for `type` and `deployment` (absent: a Workspace list, no check).
 * row() is called for each row, in order; what it returns other than 0 ends the reading and is
 * returned. scratch: for decoded strings, of at most MANAGER_SCRATCH bytes; wiped between rows. 0;
 * -EBADMSG: the whole list must not be believed, `why` says for a person what was wrong (names and
 * offsets, never values); -ENOMEM, -EMSGSIZE from scratch.
 */
MUST_CHECK int manager_page_read(struct span text, enum manager_type type, struct span deployment,
    int (*row)(void *arg, const struct manager_row *row), void *arg, struct buf *scratch,
    struct manager_page *page, char why[static MANAGER_WHY_SIZE]);

/* An error body's `message`, appended to out (or nothing). Never trusted: log it escaped and cut. */
void manager_error_message(struct span text, struct buf *out);
/*
 * True when the text of a refusal (status >= 400) says that the organization does not allow
 * fetching secrets ("showSecrets on organization ... is not allowed"), whatever the status was; a
 * mention that echoes the query (`showSecrets=`) does not count.
 */
bool manager_secrets_refused(struct span body);
