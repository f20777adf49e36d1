/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as the standard has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. The one
 * place that knows; who cuts, counts or shows foreign text asks here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* The bytes of the character that starts at p, of which n (not 0) are there; 0: none does. */
size_t utf8_sequence(const char *p, size_t n);
bool utf8_is_valid(struct span s); /* and holds no NUL */

/* Of valid text only. */
size_t utf8_length(struct span s); /* in characters */
bool utf8_is_printable(
    struct span s); /* no control characters, those of Latin-1's second half included */
/*
 * The bytes (0: none) of a character at p that must not reach a terminal or a log as it is: a control
 * character, or one that turns the direction of the text. *code is its number.
 */
size_t utf8_unsafe(const char *p, size_t n, uint32_t *code);
