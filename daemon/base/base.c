/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>

int
base_init(void)
{
	/* Libraries write to sockets without MSG_NOSIGNAL: a peer that left must not end us. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	return sodium_init() < 0 ? -EIO : 0;
}
