/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that no object in a JSON text has a member twice: readers differ on which one counts, so
 * such a text is refused. Pure; one pass over the text, then n log n in its names, however deep
 * they are.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/*
 * text passed scan_check(). 0; -EEXIST: *name is one that is there twice (raw, as in the text); -EILSEQ:
 * *name holds U+0000 or a lone surrogate; -ENOMEM.
 */
MUST_CHECK int json_names_once(struct span text, struct span *name);
