/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text, written straight into a buffer. Strings keep UTF-8 as it is and escape only what JSON
 * demands: the quote, the backslash and control characters. Failures stick in the buffer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/* "..." with its quotes. The bytes must be UTF-8. */
void jtext_string(struct buf *b, struct span s);
/* The same without the quotes: for a string that is put together from pieces. */
void jtext_escape(struct buf *b, struct span s);
void jtext_int(struct buf *b, int64_t v);
/* `"name":` preceded by a comma unless the text so far ends in '{', '[' or is empty. */
void jtext_name(struct buf *b, const char *name);
/* A comma in front of the next element of an array; none behind '[', '{' or in an empty text. */
void jtext_next(struct buf *b);
/* Members of an object, by the functions above. An absent span writes nothing. */
void jtext_member_string(struct buf *b, const char *name, struct span s);
void jtext_member_int(struct buf *b, const char *name, int64_t v);
void jtext_member_bool(struct buf *b, const char *name, bool v);
