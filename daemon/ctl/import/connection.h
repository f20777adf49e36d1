/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a file, in any form that Airflow's import takes (an object, or a string that is
 * a URI or an object's JSON text), as the typed body of the manager's API. Pure.
 */
#pragma once

#include "base/attr.h"
#include "ctl/import/entry.h"
#include "ctl/json.h"

/* Completes the entry, or refuses it with a reason. 0 or -ENOMEM. */
MUST_CHECK int connection_read(struct import_entry *e, const struct json *value);
