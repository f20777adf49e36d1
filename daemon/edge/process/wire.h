/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Converts core's states and kinds to proto's. core and proto do not include each other, so each
 * has its own enum; the assertions below ensure that the values are the same.
 */
#pragma once

#include "core/freshness.h"
#include "core/kind.h"
#include "proto/secrets.h"

#define WIRE_SAME(a, b) _Static_assert((int)(a) == (int)(b), #a " and " #b " must be equal")
WIRE_SAME(NOT_READY, SECRETS_NOT_READY);
WIRE_SAME(FRESH, SECRETS_FRESH);
WIRE_SAME(STALE, SECRETS_STALE);
WIRE_SAME(OFFLINE, SECRETS_OFFLINE);
WIRE_SAME(EXPIRED, SECRETS_EXPIRED);
WIRE_SAME(KIND_CONNECTION, SECRETS_CONNECTION);
WIRE_SAME(KIND_VARIABLE, SECRETS_VARIABLE);
WIRE_SAME(KIND_ENV, SECRETS_ENV);
#undef WIRE_SAME

static inline enum secrets_state
wire_state(enum freshness state)
{
	return (enum secrets_state)state;
}

static inline enum secrets_kind
wire_kind(enum record_kind kind)
{
	return (enum secrets_kind)kind;
}
