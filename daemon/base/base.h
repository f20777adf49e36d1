/* SPDX-License-Identifier: Apache-2.0 */
/* What every program does first. */
#pragma once

#include "base/attr.h"

/*
 * Call it before the process holds a secret. Disables core dumps, tracing by processes of the same
 * user and the TLS key log ($SSLKEYLOGFILE), and sets umask 077. Failures are ignored.
 */
void base_protect(void);

/*
 * Before another program is executed in this process: umask, SIGPIPE and $SSLKEYLOGFILE as they
 * were before base_protect() and base_init(). Core dumps stay off.
 */
void base_unprotect(void);

/* Ignores SIGPIPE and initializes libsodium. 0 or -errno. */
MUST_CHECK int base_init(void);
