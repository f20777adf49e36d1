/* SPDX-License-Identifier: Apache-2.0 */
/* What both ends of DIR/control.sock share: control.c serves, control_ask.c asks. */
#pragma once

#include <sys/un.h>

#include "base/attr.h"

#define CONTROL_NAME    "control.sock"
#define CONTROL_REQUEST (256 * 1024)       /* a hundred names of 255 bytes, escaped */
#define CONTROL_REPLY   (64 * 1024 * 1024) /* a list of a hundred thousand tokens */
#define CONTROL_WAIT_S  30

/*
 * The address of the socket in a directory, however long its path: by way of *dir_fd, which must
 * stay open while the address is used. 0 or -errno.
 */
MUST_CHECK int control_address(const char *dir, int *dir_fd, struct sockaddr_un *out);
