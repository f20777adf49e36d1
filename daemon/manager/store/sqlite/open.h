/* SPDX-License-Identifier: Apache-2.0 */
/* The store on SQLite, for store.h's functions of the same names. */
#pragma once

#include "base/attr.h"
#include "base/why.h"
#include "manager/store/store.h"

MUST_CHECK int sqlite_create(
    struct store **out, const char *dir, struct keys *keys, struct why *why);
MUST_CHECK int sqlite_find(const char *dir, struct why *why);
MUST_CHECK int sqlite_open(struct store **out, const char *dir, struct keys *keys, struct why *why);
MUST_CHECK int sqlite_restore(
    struct store **out, const char *dir, const char *from, struct keys *keys, struct why *why);
