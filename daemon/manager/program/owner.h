/* SPDX-License-Identifier: Apache-2.0 */
/* Whose data directory it is. */
#pragma once

#include "base/attr.h"
#include "base/why.h"

/*
 * Call it before a data directory is opened. -EPERM with `why`: root runs this, and the directory
 * belongs to another user, whose service could not read the files that root would create in it. 0
 * otherwise, also when the directory does not exist.
 */
MUST_CHECK int owner_check(const char *dir, struct why *why);
