/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. All code that cuts,
 * counts or shows text from outside uses these functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Returns the length in bytes of the character at p, of n >= 1 bytes; 0 if it is not valid. */
size_t utf8_sequence(const char *p, size_t n);
bool utf8_is_valid(struct span s); /* valid, and without NUL */

/* These expect valid text. */
size_t utf8_length(struct span s); /* in characters */
/* True if s has no control characters: U+0000 to U+001F, U+007F to U+009F. */
bool utf8_is_printable(struct span s);
/* Returns the largest length, at most `most`, at which a cut does not split a character. */
size_t utf8_cut(struct span s, size_t most);
/*
 * Returns the length of s without an incomplete character at its end, as snprintf() may leave it.
 */
size_t utf8_whole(struct span s);
/*
 * Checks for a character at p that must not be shown as it is on a terminal or in a log: a control
 * character, or one that changes the direction of text. Returns its length in bytes and sets *code
 * to its code point; returns 0 for any other character.
 */
size_t utf8_unsafe(const char *p, size_t n, uint32_t *code);
