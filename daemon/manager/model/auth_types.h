/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue of connection auth types: for common connection types, the fields, their meaning,
 * which of them are secret, and which provider package the connection needs. A connection names its
 * auth type with authTypeId, which decides which members of `extra` are masked. The catalogue is
 * built in; its ids never change.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

struct auth_type;

const struct auth_type *auth_type_find(struct span id); /* NULL for an unknown id */
const struct auth_type *auth_type_at(size_t index);     /* NULL after the last one */
const char *auth_type_id(const struct auth_type *t);
/* Returns the connection type of the auth type; NULL: any. */
const char *auth_type_connection(const struct auth_type *t);
/* True if this member of extra (decoded name) is secret. Members not in the catalogue are. */
bool auth_type_is_secret_extra(const struct auth_type *t, struct span name);
/* Appends the auth type as the API's ConnectionAuthType. */
void auth_type_encode(const struct auth_type *t, struct buf *out);
