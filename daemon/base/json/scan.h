/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON, read in place.
 *
 * scan_check() validates a whole text once. The functions below then walk over it without
 * allocating, copying or failing. A number stays text, so 64-bit integers keep every digit. cJSON
 * is not used here: it accepts text that is not JSON, loses digits above 2^53, cuts strings at
 * U+0000 and refuses a whole page for one lone surrogate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum scan_mode {
	SCAN_STRICT,  /* \u0000 and unpaired surrogate escapes are errors */
	SCAN_LENIENT, /* scan_check() accepts those; scan_string() then refuses the one string */
};

enum scan_type { SCAN_NULL, SCAN_BOOL, SCAN_NUMBER, SCAN_STRING, SCAN_ARRAY, SCAN_OBJECT };

/*
 * Checks that text is one JSON value by RFC 8259, in valid UTF-8, with nothing but white space
 * around it. On success returns 0 and sets *value to the text without that white space. Otherwise
 * returns -EBADMSG, or -ELOOP when it nests deeper than LIMIT_JSON_DEPTH, and sets *error_at (which
 * may be NULL) to the offset of the error.
 */
MUST_CHECK int scan_check(
    struct span text, enum scan_mode mode, struct span *value, size_t *error_at);

/*
 * Checks an object and walks over its members in one pass:
 *	struct scan_walk w;
 *	int r = scan_open(&w, text, mode);
 *	while (r >= 0 && (r = scan_next(&w, &name, &value)) > 0) ...
 * scan_open() returns 0, or -EBADMSG if the text is not an object. scan_next() returns 1 with the
 * next member, as scan_member() does; 0 at the end of a text that scan_check() would accept; or
 * -EBADMSG or -ELOOP. Until it has returned 0, only the members returned so far are known to be
 * valid.
 */
struct scan_walk {
	const char *p, *end;
	enum scan_mode mode;
	bool begun, too_deep;
};
MUST_CHECK int scan_open(struct scan_walk *w, struct span text, enum scan_mode mode);
MUST_CHECK int scan_next(struct scan_walk *w, struct span *name, struct span *value);

/* Everything below takes spans that passed scan_check(). */
enum scan_type scan_type(struct span value);
bool scan_is_empty(struct span container); /* an object or array without elements */

/*
 * The members of an object or the elements of an array, in order:
 *	struct span at = object, name, value;
 *	while (scan_member(&at, &name, &value)) ...
 * name is the raw text between the quotes, escapes and all: compare it with scan_name_is().
 */
bool scan_member(struct span *at, struct span *name, struct span *value);
bool scan_element(struct span *at, struct span *value);
/* literal: without a backslash. */
static inline bool scan_name_is(struct span raw_name, const char *literal);
/* Sets *value to the named member, or to an absent span. 0, or -EEXIST for a duplicate member. */
MUST_CHECK int scan_find(struct span object, const char *name, struct span *value);

/* Returns the named member, or an absent span when it is missing or duplicate. */
struct span scan_get(struct span object, const char *name);

/*
 * Appends the decoded text of a string value (scan_string()), or of a raw name without its quotes
 * (scan_name_text()), to out. 0; -EILSEQ for U+0000 or a lone surrogate, which only SCAN_LENIENT
 * lets pass; or out's error.
 */
MUST_CHECK int scan_string(struct span value, struct buf *out);
MUST_CHECK int scan_name_text(struct span raw_name, struct buf *out);
/*
 * Decodes a string value in its own memory. text_base is the writable text that value points into.
 * 0 with *out set, or -EILSEQ.
 */
MUST_CHECK int scan_string_in_place(struct span value, char *text_base, struct span *out);
bool scan_bool(struct span value); /* value must be a SCAN_BOOL */
/* Reads an integer. 0; -EINVAL for any other value, or one with a fraction or exponent; -ERANGE. */
MUST_CHECK int scan_int(struct span value, int64_t *out);

/*
 * Appends the value without white space between tokens and otherwise unchanged. 0; -EILSEQ when a
 * string in it contains U+0000 or a lone surrogate; or out's error.
 */
MUST_CHECK int scan_compact(struct span value, struct buf *out);

/* scan_name_is() for a name that has escapes. */
bool scan_escaped_name_is(struct span raw_name, const char *literal);

/* Every escape is longer than its character, so an equal name with escapes is the longer text. */
static inline bool
scan_name_is(struct span raw_name, const char *literal)
{
	size_t n = strlen(literal);

	if (raw_name.n <= n)
		return raw_name.n == n && memcmp(raw_name.p, literal, n) == 0;
	return memchr(raw_name.p, '\\', raw_name.n) && scan_escaped_name_is(raw_name, literal);
}
