/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of records, and the prefixes of keys in configuration, access rules and reports. */
#pragma once

#include <stdbool.h>

#include "base/span.h"

enum record_kind { KIND_CONNECTION, KIND_VARIABLE, KIND_ENV, N_KINDS };

/* Returns "conn:", "var:" or "env:". */
const char *kind_prefix(enum record_kind kind);
/*
 * Splits "conn:NAME": sets *kind and returns NAME, a pointer into word, which may be "". Returns
 * NULL for an unknown prefix.
 */
const char *kind_split(const char *word, enum record_kind *kind);
/*
 * True if key is a valid key for this kind. False for text that looks like a URI or JSON: it is
 * probably a value, which must not be sent to the manager or logged whole.
 */
bool kind_may_have_key(enum record_kind kind, struct span key);
