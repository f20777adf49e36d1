/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that no object in a JSON text has two members of one name: parsers differ on which one
 * they use, so such a text is refused. Pure. Time: linear in the text plus n log n in the number of
 * names, at any depth.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/*
 * text must have passed scan_check(). Returns 0; -EEXIST with *name set to a duplicate name;
 * -EILSEQ with *name set to a name that contains U+0000 or a lone surrogate; or -ENOMEM. *name is
 * the raw text between the quotes.
 */
MUST_CHECK int json_names_once(struct span text, struct span *name);
