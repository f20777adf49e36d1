/* SPDX-License-Identifier: Apache-2.0 */
/* One variable of a file as the typed body of the manager's API. Pure. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "ctl/import/entry.h"
#include "ctl/json.h"

/*
 * Completes the entry, or refuses it with a reason. A string is the value's text; anything else is
 * its JSON text. An object may be a value with its description: {"value": ..., "description": ...}
 * is one. With written_by_hand an object with any member "value" is one too, as Airflow's own
 * import reads it; Airflow's export, however, leaves such a value as it is. 0 or -ENOMEM.
 */
MUST_CHECK int variable_read(
    struct import_entry *e, const struct json *value, bool written_by_hand);
