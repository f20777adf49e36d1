/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock by which one server at a time uses a data directory and its control socket, wherever its
 * database is.
 */
#pragma once

#include "base/attr.h"
#include "base/why.h"

/* A descriptor: the lock is held until it is closed. -EBUSY: another server has it; -errno. */
MUST_CHECK int data_lock(const char *dir, struct why *why);
