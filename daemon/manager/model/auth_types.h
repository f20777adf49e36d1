/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue of connection auth types: for the common connection types, which fields there are,
 * what they mean, which of them are secret, and which provider package the connection needs. A
 * connection names one by authTypeId; what it says of `extra` decides what is masked there. Built
 * in, so the ids never change.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

struct auth_type;

const struct auth_type *auth_type_find(struct span id); /* NULL: there is none */
const struct auth_type *auth_type_at(size_t index);     /* NULL: that was all */
const char *auth_type_id(const struct auth_type *t);
/* The connection type it is for; NULL: any. */
const char *auth_type_connection(const struct auth_type *t);
/*
 * Whether this member of extra (name without escapes) is secret: so is each that the catalogue
 * does not know.
 */
bool auth_type_is_secret_extra(const struct auth_type *t, struct span name);
/* Appends the API's ConnectionAuthType. */
void auth_type_encode(const struct auth_type *t, struct buf *out);
