/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files of a snapshot, replaced atomically by a thread. The loop never waits for the disk,
 * and the thread never sees a secret: it only gets encrypted bytes.
 *
 *	PATH        the content: after a crash either the old or the new file, complete
 *	PATH.prev   the content before it, used if the newest one is damaged
 *	PATH.stamp  when the content was last confirmed (core/snapshot/stamp.h)
 *
 * A stamp passed after a content is written after it, and dropped if writing the content failed.
 * Bytes passed while the disk is busy replace those that wait for the same file.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/why.h"
#include "edge/process/loop.h"

struct disk;

enum disk_file { DISK_CONTENT, DISK_STAMP, DISK_N_FILES };

/* Called in the loop's thread after a write: error is 0 or -errno, with a sentence in why. */
typedef void disk_written(void *env, enum disk_file file, int error, const char *why);

/* Checks the length of path with its suffixes. 0, or -ENAMETOOLONG with a sentence in why. */
MUST_CHECK int disk_check_path(const char *path, struct why *why);
/* Copies path and starts the thread. 0 or -errno; -ENAMETOOLONG as disk_check_path(). */
MUST_CHECK int disk_new(
    struct disk **out, struct loop *loop, const char *path, disk_written *written, void *env);
/* Writes the file in the thread. Takes bytes, which base/mem allocated. */
void disk_write(struct disk *d, enum disk_file file, void *bytes, size_t n);
/*
 * Writes what is waiting and ends the thread. If that takes longer than ms, returns without waiting
 * and leaks d. written() is not called any more. d may be NULL. Returns NULL.
 */
struct disk *disk_free(struct disk *d, int ms);

/*
 * Appends the contents of path + suffix to out; suffix: "", ".prev" or ".stamp". 0, or -errno with
 * a sentence in why; -EACCES as file_read_secret().
 */
MUST_CHECK int disk_read(const char *path, const char *suffix, struct buf *out, struct why *why);
/*
 * Opens path + suffix, of at most max bytes, to be read with file_take(). Sets *size. Returns the
 * descriptor, which the caller closes, or -errno as disk_read().
 */
MUST_CHECK int disk_open(
    const char *path, const char *suffix, size_t max, size_t *size, struct why *why);
