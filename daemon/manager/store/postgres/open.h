/* SPDX-License-Identifier: Apache-2.0 */
/* The store on PostgreSQL, for store.h's functions. */
#pragma once

#include "base/attr.h"
#include "base/why.h"
#include "manager/store/store.h"

/* As store_create_begin() and store_open(), of a URL. */
MUST_CHECK int postgres_create_begin(
    struct store **out, const char *url, struct keys *keys, struct why *why);
MUST_CHECK int postgres_open(
    struct store **out, const char *url, struct keys *keys, struct why *why);
/* As store_open_waiting(). */
MUST_CHECK int postgres_open_waiting(struct store **out, const char *url, struct keys *keys,
    const struct store_options *options, struct why *why);
