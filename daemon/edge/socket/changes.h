/* SPDX-License-Identifier: Apache-2.0 */
/* Watch: tells a client which keys each new generation added, changed and removed. No values. */
#pragma once

#include "edge/socket/service.h"
#include "proto/secrets.h"

/*
 * Begins a stream that ends only with its connection. Its first reply has no changes: it names the
 * generation that the client compares from. Without `more`, the response is ExpectedMore.
 */
enum serve_outcome changes_serve(struct service *s, struct caller *caller, bool more,
    struct buf *out, struct serve_progress *progress);
