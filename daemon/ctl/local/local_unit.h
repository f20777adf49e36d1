/* SPDX-License-Identifier: Apache-2.0 */
/* The systemd user units of a person's own connd. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"

/* Are connd's user units installed for everybody, by a package or "make install"? */
bool local_unit_is_installed(void);
/*
 * The program connd: beside this one, else in PATH. Returns the exit code, having reported that
 * there is none.
 */
MUST_CHECK int local_unit_find_connd(struct buf *out);
/* Append the text of connd.service, which runs this connd, and of connd.socket. */
void local_unit_service(struct buf *out, const char *connd);
void local_unit_socket(struct buf *out);
