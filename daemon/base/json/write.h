/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON text to a buffer. In strings only the quote, the backslash and control characters are
 * escaped; other UTF-8 is copied. Errors stay in the buffer (buf_error()).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/* Writes s, which must be UTF-8, in quotes. */
void jtext_string(struct buf *b, struct span s);
/* Writes s without quotes, for a string that is written in pieces. */
void jtext_escape(struct buf *b, struct span s);
void jtext_int(struct buf *b, int64_t v);
/* Writes jtext_next(), then `"name":`. */
void jtext_name(struct buf *b, const char *name);
/* Writes a comma, unless the buffer is empty or ends in '{' or '['. */
void jtext_next(struct buf *b);
/* Write one member of an object. jtext_member_string() writes nothing for an absent span. */
void jtext_member_string(struct buf *b, const char *name, struct span s);
void jtext_member_int(struct buf *b, const char *name, int64_t v);
void jtext_member_bool(struct buf *b, const char *name, bool v);
