/* SPDX-License-Identifier: Apache-2.0 */
/* A file of mode 0600 that is replaced in one step. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"

/* Makes each missing directory above path, with mode 0700. Failures show at the file itself. */
void private_file_make_directories(const char *path);
/*
 * Writes text to path and syncs it; directories that are missing are made with mode 0700. A reader
 * meanwhile sees the old file or the new one. Returns the exit code, having said what is wrong.
 */
MUST_CHECK int private_file_write(const char *path, const struct buf *text);
