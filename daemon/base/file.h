/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: read whole with a cap, or piece by piece; secret ones only when nobody else could have read or planted
 * them; written whole and synced. `why` receives a sentence for a person (never contents), or is left
 * alone on success.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/seal.h"

#define FILE_WHY_SIZE 512

/* Appends the file to out (whose max is the cap). 0 or -errno. */
MUST_CHECK int file_read(const char *path, struct buf *out, char why[static FILE_WHY_SIZE]);
/*
 * The same for a key or token file: -EACCES when it is no regular file, others may read it, or the
 * group may write it. A file of root or of our uid only (systemd credentials are either, and may be
 * group-readable).
 */
MUST_CHECK int file_read_secret(const char *path, struct buf *out, char why[static FILE_WHY_SIZE]);
/*
 * Opens such a file, of max bytes at most, to be read with file_take(). The descriptor, or -errno; *size
 * is what there is.
 */
MUST_CHECK int file_open_secret(
    const char *path, size_t max, size_t *size, char why[static FILE_WHY_SIZE]);
/* Exactly the next n bytes. 0; -ENODATA: there are not as many; -errno. */
MUST_CHECK int file_take(int fd, void *to, size_t n);
/* A 32-byte key: raw, or 64 hex digits with at most one newline behind them. Else -EINVAL. */
MUST_CHECK int file_read_key(
    const char *path, uint8_t key[static SEAL_KEY_SIZE], char why[static FILE_WHY_SIZE]);
/* Waits until the name of path is on disk in its directory. 0 or -errno. */
MUST_CHECK int file_sync_name(const char *path);
/* Creates path with mode 0600 and these bytes, synced; -EEXIST when it is there already. */
MUST_CHECK int file_create(
    const char *path, const void *p, size_t n, char why[static FILE_WHY_SIZE]);
