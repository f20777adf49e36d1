/* SPDX-License-Identifier: Apache-2.0 */
/* List: the keys a caller may read, of one generation, written piece by piece. */
#pragma once

#include "base/attr.h"
#include "edge/socket/service.h"

/* more: several replies are welcome. SERVE_DONE (an error), or SERVE_STREAMING. */
MUST_CHECK enum serve_outcome list_serve(struct service *s, struct caller *caller, bool more,
    struct buf *out, struct serve_progress *progress);
