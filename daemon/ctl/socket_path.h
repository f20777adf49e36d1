/* SPDX-License-Identifier: Apache-2.0 */
/* Which connd is asked when nothing names one, and where a person's own one listens. */
#pragma once

#include "base/attr.h"

#define SOCKET_PATH_SIZE 1024

/*
 * The directory for a person's sockets: $XDG_RUNTIME_DIR, or /run/user/UID when that is not set but
 * there. 0, or -ENOENT: there is none.
 */
MUST_CHECK int socket_path_runtime_directory(char out[static SOCKET_PATH_SIZE]);
/*
 * Where connd listens if neither --socket nor CONND_SOCKET says so: /run/connd/connd.sock; when
 * that is not there but the directory of a person's own connd is, its socket. The text stays valid.
 */
const char *socket_path_default(void);
