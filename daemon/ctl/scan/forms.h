/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which a value may stand in a file, beside the value itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

#define FORMS        12
#define FORM_LONGEST 6 /* bytes that one byte may become, at most */

enum needle_form { NEEDLE_PLAIN, NEEDLE_BASE64, NEEDLE_URL, NEEDLE_JSON };
enum needle_form form_kind(int form); /* 0 <= form < FORMS */
/*
 * Appends a form of value (UTF-8, at least three bytes). Of base64 only the characters that depend
 * on the value alone are written, not those it shares with the bytes before or after it. False,
 * with nothing appended: the form equals the value or an earlier form.
 */
bool form_write(int form, struct span value, struct buf *out);
