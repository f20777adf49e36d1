/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON, read in place.
 *
 * scan_check() looks at a whole text once; after that the walkers move over it without allocating,
 * copying or failing. A number stays the text it was, so 64-bit integers keep every digit. This, not
 * a tree, is what the serving path and the list reader use: cJSON accepts much that is not JSON,
 * loses digits beyond 2^53, cuts strings at U+0000 and refuses a whole page for one lone surrogate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum scan_mode {
	SCAN_STRICT, /* \u0000 and unpaired surrogate escapes are errors */
	SCAN_LENIENT, /* those two pass here and are found by scan_string(): one row's fault, not the list's */
};

enum scan_type { SCAN_NULL, SCAN_BOOL, SCAN_NUMBER, SCAN_STRING, SCAN_ARRAY, SCAN_OBJECT };

/*
 * One JSON value and nothing else but white space: RFC 8259 grammar, valid UTF-8, no bare control
 * characters. 0; -EBADMSG, or -ELOOP when it nests deeper than LIMIT_JSON_DEPTH, with *error_at
 * (may be NULL) set to the offset. On success *value is the text without surrounding white space.
 */
MUST_CHECK int scan_check(
    struct span text, enum scan_mode mode, struct span *value, size_t *error_at);

/* Everything below takes spans that passed scan_check(). */
enum scan_type scan_type(struct span value);

/*
 * The members of an object or the elements of an array, in order:
 *	struct span at = object, name, value;
 *	while (scan_member(&at, &name, &value)) ...
 * name is the raw text between the quotes, escapes and all: compare it with scan_name_is().
 */
bool scan_member(struct span *at, struct span *name, struct span *value);
bool scan_element(struct span *at, struct span *value);
bool scan_name_is(struct span raw_name, const char *literal);
/* The named member, or an absent span. -EEXIST when it is there twice. 0 otherwise. */
MUST_CHECK int scan_find(struct span object, const char *name, struct span *value);

/* The same for documents known to name nothing twice: the member, or an absent span. */
struct span scan_get(struct span object, const char *name);

/*
 * The text of a string value (or of a raw name given with its quotes stripped by scan_name_text()),
 * appended to out. 0, -EILSEQ for U+0000 or a lone surrogate (lenient texts only), or out's error.
 */
MUST_CHECK int scan_string(struct span value, struct buf *out);
MUST_CHECK int scan_name_text(struct span raw_name, struct buf *out);
/* Decodes a string into its own bytes, which are never fewer: no allocation. text is writable. 0, -EILSEQ. */
MUST_CHECK int scan_string_in_place(struct span value, char *text_base, struct span *out);
bool scan_bool(struct span value); /* of a SCAN_BOOL */
/* An integer without fraction or exponent: 0; -EINVAL when it is something else, -ERANGE beyond 64 bits. */
MUST_CHECK int scan_int(struct span value, int64_t *out);

/*
 * The value again without white space outside strings, everything else to the letter (numbers digit
 * for digit). 0, or -EILSEQ when a string in it holds U+0000 or a lone surrogate.
 */
MUST_CHECK int scan_compact(struct span value, struct buf *out);
