/* SPDX-License-Identifier: Apache-2.0 */
/* `connd-manager migrate`: a store's content into another database. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "manager/program/arguments.h"

/* Copies and compares, without a server; appends what was copied, as JSON. 0, or -1 with `why`. */
MUST_CHECK int migrate_run(const struct options *o, struct buf *out, struct why *why);
