/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetConnection, GetVariable, GetConfig, GetEnvironmentVariable: one key -> its value or the reason
 * there is none. A debug line `lookup` records who asked for which key and the verdict, never a
 * value.
 */
#pragma once

#include "base/attr.h"
#include "edge/socket/service.h"
#include "proto/secrets.h"

/* SERVE_DONE, or SERVE_PENDING while there is no data yet and a sync may bring some. */
MUST_CHECK enum serve_outcome lookup_serve(struct service *s, struct caller *caller,
    const struct secrets_request *q, struct buf *out, struct serve_progress *progress);
