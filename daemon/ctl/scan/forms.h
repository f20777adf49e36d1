/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which a value may stand in a file, beside the value itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"
#include "ctl/scan/needles.h"

#define FORMS        12
#define FORM_LONGEST 6 /* bytes that one byte may become, at most */

enum needle_form form_kind(int form); /* 0 <= form < FORMS */
/*
 * Appends a form of value (at least NEEDLE_SHORTEST bytes of UTF-8). Of base64 these are the
 * characters that stand for the value alone, whatever stands before and behind it. False, with
 * nothing appended: it does not differ from the value or from a form before it.
 */
bool form_write(int form, struct span value, struct buf *out);
