/* SPDX-License-Identifier: Apache-2.0 */
/* Reads secrets, never from the command line, which other users can read. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"

/*
 * Reads a secret from a file, from standard input (path "-"), or from the terminal (path NULL),
 * which then shows the prompt and not what is typed. Drops one newline at the end. Returns the exit
 * code; the reason for any other than CTL_YES has been printed.
 */
MUST_CHECK int secret_read(const char *path, const char *prompt, struct buf *out);
