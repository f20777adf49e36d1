/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sentence for a person that says why a call failed. The caller owns the struct and passes it
 * down; the function that fails fills it in. It may reach logs and terminals, so it never holds
 * anything secret and need not be wiped.
 */
#pragma once

#include <stdarg.h>

#include "base/attr.h"

#define WHY_SIZE 1024 /* bytes with the NUL; a longer sentence is cut before a whole character */

struct why {
	char text[WHY_SIZE]; /* always terminated; "" if nothing has been said */
};

/* Replaces the text. The arguments must not lie in w. */
void why_set(struct why *w, const char *fmt, ...) PRINTF(2, 3);
void why_set_args(struct why *w, const char *fmt, va_list args) PRINTF(2, 0);
/* Appends to the text, as far as there is room. The arguments must not lie in w. */
void why_add(struct why *w, const char *fmt, ...) PRINTF(2, 3);
void why_add_args(struct why *w, const char *fmt, va_list args) PRINTF(2, 0);
