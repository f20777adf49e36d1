/* SPDX-License-Identifier: Apache-2.0 */
/* What every program does first. */
#pragma once

#include "base/attr.h"

/*
 * Before it holds a secret: no core dumps, no tracing by its own user, no TLS key log, files for nobody else.
 * Whatever the kernel refuses is done without.
 */
void base_protect(void);

/* SIGPIPE ignored, libsodium ready. 0 or -errno. */
MUST_CHECK int base_init(void);
