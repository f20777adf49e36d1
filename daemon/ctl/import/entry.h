/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of an import: one key each, with the value in the words of the manager's API. An
 * entry that cannot become an object stays in the list with the reason, so that the others go on
 * without it. A reason never quotes a value.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum import_kind { IMPORT_CONNECTION, IMPORT_VARIABLE };

struct import_entry {
	enum import_kind kind;
	char *key;
	char *typed; /* JSON: the object's `connection` or `airflowVariable`; NULL when refused */
	char *description;   /* "" for none */
	const char *refused; /* a static sentence; NULL: it can be imported */
	const char *note;    /* a static sentence: what to check after the import; NULL: nothing */
};

/* Zeroed: empty. */
struct import_list {
	struct import_entry *entry;
	size_t n, room;
};

/* Why an entry is refused, where more than one module says so. */
#define ENTRY_NO_JSON   "holds NaN, Infinity, U+0000, half a surrogate pair or a member name twice"
#define ENTRY_NO_STRING "conn_type, host, login, password, schema and description must be strings"
#define ENTRY_TOO_LARGE "is larger than the manager takes (1 MiB)"

/*
 * Appends an entry for the key, given as the raw text of a JSON name (between its quotes). A key
 * that the manager would refuse makes the entry refused. Returns NULL when out of memory; the entry
 * is valid until the next call.
 */
MUST_CHECK struct import_entry *entry_add(
    struct import_list *list, enum import_kind kind, struct span raw_name);
/*
 * Completes an entry with its typed body, which is taken out of the buffer, and its description
 * (copied). A body that is too large or a description that is too long makes the entry refused. 0
 * or -ENOMEM.
 */
MUST_CHECK int entry_complete(struct import_entry *e, struct buf *typed, const char *description);
/* Sorts by kind and key, and refuses entries that have a key in common. */
void entry_sort(struct import_list *list);
void import_list_fini(struct import_list *list);
