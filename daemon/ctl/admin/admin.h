/* SPDX-License-Identifier: Apache-2.0 */
/* What the administrative verbs share in printing. */
#pragma once

#include "base/attr.h"
#include "ctl/json.h"

/* {"MEMBER": rows} and a newline. Returns the exit code. */
MUST_CHECK int admin_print_rows(const char *member, const struct json *rows);
/* The tree and a newline. Returns the exit code. */
MUST_CHECK int admin_print(const struct json *j);
