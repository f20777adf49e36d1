/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "airflow connections export" and "airflow variables export" write -> entries in the words of
 * the manager's API. Pure: text in, entries out. An entry that can not become an object stays in
 * the list with the reason, so that the others go on without it; it holds no reason that quotes a
 * value.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

#define IMPORT_WHY_SIZE 256

enum import_kind { IMPORT_CONNECTION, IMPORT_VARIABLE };

struct import_entry {
	enum import_kind kind;
	char *key;
	char *typed; /* JSON: the object's `connection` or `airflowVariable`; NULL when refused */
	char *description;   /* "" for none */
	const char *refused; /* a static sentence; NULL: it can be imported */
	const char *note;    /* a static sentence: what to look at when it is; NULL */
};

/* Zeroed: empty. Sorted by kind and key. */
struct import_list {
	struct import_entry *entry;
	size_t n, room;
};

/*
 * Appends the entries of one export file, a text that ends with a NUL. 0; -EBADMSG with a sentence
 * in why when the text is no such export as a whole; -ENOMEM. The list stays fit for
 * import_list_fini() whatever happens.
 */
MUST_CHECK int import_read(struct import_list *list, enum import_kind kind, struct span text,
    char why[static IMPORT_WHY_SIZE]);
void import_list_fini(struct import_list *list);
