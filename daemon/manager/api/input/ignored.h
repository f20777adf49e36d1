/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unknown members of a body. They are ignored, as by the hosted API; but the response's Warning
 * field names them, each with the most similar known name, and the audit log has them as well.
 * Pure.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

#define IGNORED_NAMED        8 /* members that are named; the rest are counted */
#define IGNORED_NAME_SIZE    96
#define IGNORED_WARNING_SIZE 1536

struct ignored {
	size_t n;
	struct {
		/* the member with its path; printable ASCII, cut if longer */
		char name[IGNORED_NAME_SIZE];
		const char *nearest; /* NULL: none is near */
	} named[IGNORED_NAMED];
};

/*
 * Notes each member of an object that is not in `known` (NULL at the end; borrowed). path: the
 * object's path in the body, "" for the body itself.
 */
void ignored_note(
    struct ignored *ig, struct span object, const char *path, const char *const *known);
/*
 * The same, but only for names similar to a known one: clients of the hosted API send many members
 * of a place that have no meaning here.
 */
void ignored_note_near(
    struct ignored *ig, struct span object, const char *path, const char *const *known);

/* The value of the Warning header; "" when nothing was ignored. */
void ignored_warning(const struct ignored *ig, char out[static IGNORED_WARNING_SIZE]);
/* Appends the elements of a JSON array: "ignored connection.hots". */
void ignored_names(const struct ignored *ig, struct buf *out);
