/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what the Environment Manager's HTTP API returns: one page of a list of environment objects,
 * row by row. proto/MANAGER.md says which errors refuse the whole list and which only one row.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/span.h"
#include "base/why.h"

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
	ROW_WITHHELD, /* setFields names secrets that are missing: withheld_json lists them */
	ROW_INVALID,  /* cannot be represented: bad_field names the field */
};

/*
 * Spans are valid until the row callback returns. Absent members are absent spans. "" is present,
 * except in password, where it counts as absent. A withheld or invalid row has only its key and the
 * reason.
 */
struct manager_row {
	enum manager_row_verdict verdict;
	struct span key;           /* decoded objectKey: 1 to LIMIT_KEY_BYTES bytes */
	struct span bad_field;     /* ROW_INVALID */
	struct span withheld_json; /* ROW_WITHHELD: a JSON array of field names */

	/* CONNECTION */
	struct span conn_type, description, host, login, password, schema;
	int32_t port; /* 0: absent */
	/* Compact JSON text of an object, numbers as written; absent when empty. */
	struct span extra;

	/* AIRFLOW_VARIABLE, ENVIRONMENT_VARIABLE */
	struct span value;
};

struct manager_page {
	int64_t total; /* totalCount */
	size_t n_rows; /* rows in this page, of any verdict */
};

#define MANAGER_SCRATCH (2 * LIMIT_ROW)

/*
 * Reads one page of the list of `type` in `deployment` (absent: a Workspace's list; the Deployment
 * is then not checked). Calls row() for each row in order; a result other than 0 stops the reading
 * and is returned. scratch holds decoded strings, at most MANAGER_SCRATCH bytes; it is wiped
 * between rows. Returns 0 with *page set; -EBADMSG when the whole list is refused, with a sentence
 * in why (names and offsets, never values); or scratch's error, -ENOMEM or -EMSGSIZE.
 */
MUST_CHECK int manager_page_read(struct span text, enum manager_type type, struct span deployment,
    int (*row)(void *arg, const struct manager_row *row), void *arg, struct buf *scratch,
    struct manager_page *page, struct why *why);

/*
 * Appends the `message` of an error body to out, if there is one. It is untrusted text: escape it
 * and limit its length in logs.
 */
void manager_error_message(struct span text, struct buf *out);
/*
 * True if the body of an error response (status >= 400) says that the organization does not allow
 * fetching secrets ("showSecrets on organization ... is not allowed"). An echo of the query
 * (`showSecrets=`) does not count.
 */
bool manager_secrets_refused(struct span body);
