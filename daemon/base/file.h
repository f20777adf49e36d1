/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads files, whole or in pieces, and creates them. Secret files (keys, tokens) are read only if
 * their owner and mode are safe. On failure `why` receives one sentence for a person, without any
 * of the contents; on success it is not changed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/seal.h"
#include "base/why.h"

/*
 * Appends the file's contents to out; out's max is the cap. 0 or -errno (-EMSGSIZE over the cap).
 */
MUST_CHECK int file_read(const char *path, struct buf *out, struct why *why);
/*
 * Like file_read(), for a key or token file. -EACCES when it is not a regular file, is owned by a
 * user other than root and our own, gives others any access, or is writable by its group. Group
 * read access is accepted: systemd credentials may have it.
 */
MUST_CHECK int file_read_secret(const char *path, struct buf *out, struct why *why);
/*
 * Opens a key or token file of at most max bytes under the same checks, to be read with
 * file_take(). Returns the descriptor, which the caller closes, or -errno. Sets *size to the file's
 * size.
 */
MUST_CHECK int file_open_secret(const char *path, size_t max, size_t *size, struct why *why);
/* Reads exactly the next n bytes. 0, -ENODATA when the file ends before, or -errno. */
MUST_CHECK int file_take(int fd, void *to, size_t n);
/*
 * Reads a 32-byte key: 32 raw bytes, or 64 hex digits and at most one newline. 0, -EINVAL for any
 * other contents, or the errors of file_read_secret().
 */
MUST_CHECK int file_read_key(const char *path, uint8_t key[static SEAL_KEY_SIZE], struct why *why);
/* Syncs the directory of path, so that the file's name survives a crash. 0 or -errno. */
MUST_CHECK int file_sync_name(const char *path);
/*
 * Creates path with mode 0600, writes n bytes and syncs the file. 0; -EEXIST if path exists;
 * -errno.
 */
MUST_CHECK int file_create(const char *path, const void *p, size_t n, struct why *why);
