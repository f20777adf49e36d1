/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a body that the API does not know. They are ignored, as by the hosted API, but not in
 * silence: the response names them in a Warning header, each with the known name nearest to it,
 * and so does the audit log. Pure.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

#define IGNORED_NAMED        8 /* so many are named; the rest is counted */
#define IGNORED_NAME_SIZE    96
#define IGNORED_WARNING_SIZE 1536

struct ignored {
	size_t n;
	struct {
		/* With its path; printable ASCII, cut when it is longer. */
		char name[IGNORED_NAME_SIZE];
		const char *nearest; /* NULL: none is near */
	} named[IGNORED_NAMED];
};

/*
 * Notes each member of an object that is none of `known` (NULL at the end; borrowed). path: where
 * the object stands in the body, "" for the body itself.
 */
void ignored_note(
    struct ignored *ig, struct span object, const char *path, const char *const *known);
/*
 * The same, but only for members whose name is near to a known one: clients of the hosted API send
 * many members of a place that mean nothing here.
 */
void ignored_note_near(
    struct ignored *ig, struct span object, const char *path, const char *const *known);

/* The value of the Warning header; "" when nothing was ignored. */
void ignored_warning(const struct ignored *ig, char out[static IGNORED_WARNING_SIZE]);
/* Appends the elements of a JSON array: "ignored connection.hots". */
void ignored_names(const struct ignored *ig, struct buf *out);
