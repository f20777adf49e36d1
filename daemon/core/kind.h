/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of records, and the prefixes that configuration, rules and reports write before a key.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

enum record_kind { KIND_CONNECTION, KIND_VARIABLE, KIND_ENV, N_KINDS };

/* "conn:", "var:" or "env:". */
const char *kind_prefix(enum record_kind kind);
/*
 * Splits "conn:NAME" into *kind and NAME, a pointer into word; NAME may be "". NULL: no known
 * prefix.
 */
const char *kind_split(const char *word, enum record_kind *kind);
/*
 * May a record of this kind have this key? False for text that looks like a URI or JSON: it is most
 * likely a value, which is never sent to the manager or logged whole.
 */
bool kind_may_have_key(enum record_kind kind, struct span key);
