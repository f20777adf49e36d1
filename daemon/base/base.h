/* SPDX-License-Identifier: Apache-2.0 */
/* What every program does first: SIGPIPE ignored, libsodium ready. 0 or -errno. */
#pragma once

#include "base/attr.h"

MUST_CHECK int base_init(void);
