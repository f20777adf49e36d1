/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status: how the daemon is doing, for callers that may read any key. It counts the records that
 * the caller may read; with access rules that takes some turns, so the response is a stream.
 */
#pragma once

#include "edge/socket/service.h"

enum serve_outcome status_serve(
    struct service *s, struct caller *caller, struct buf *out, struct serve_progress *progress);
/* Appends the members state, generation and age_ms; the last two only when there is data. */
void status_write_state(struct buf *params, const struct replica_status *st);
