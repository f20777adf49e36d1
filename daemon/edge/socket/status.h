/* SPDX-License-Identifier: Apache-2.0 */
/* Status: how the daemon is doing, for callers that may read any key. */
#pragma once

#include "edge/socket/service.h"

void status_serve(struct service *s, struct caller *caller, struct buf *out);
/* Appends the members state, generation and age_ms; the last two only when there is data. */
void status_write_state(struct buf *params, const struct replica_status *st);
