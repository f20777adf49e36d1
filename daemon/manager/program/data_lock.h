/* SPDX-License-Identifier: Apache-2.0 */
/* One server uses a data directory, whose control socket is its own, wherever its database is. */
#pragma once

#include "base/attr.h"
#include "base/why.h"

/* A descriptor: the lock is held until it is closed. -EBUSY: another server has it; -errno. */
MUST_CHECK int data_lock(const char *dir, struct why *why);
