/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files of a snapshot, replaced atomically by a thread of their own. The loop never waits
 *for a disk, and this thread never sees a secret: it is handed sealed bytes.
 *
 *	PATH        the content, whole: the old file or the new one after any crash
 *	PATH.prev   the content before it, for when the newest turns out to be damaged
 *	PATH.stamp  what is known of the content since it was written
 *
 * A stamp handed over after a content is written after it, and not when that failed. What is handed
 *over while the disk is busy replaces what waits there: only the newest counts.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "edge/process/loop.h"

struct disk;

enum disk_file { DISK_CONTENT, DISK_STAMP, DISK_N_FILES };

/* In the loop's thread, after each write: error is 0 or -errno, `why` a sentence. */
typedef void disk_written(void *env, enum disk_file file, int error, const char *why);

/* Is there room for the suffixes behind path? 0, or -ENAMETOOLONG with a sentence in why. */
MUST_CHECK int disk_check_path(const char *path, char why[static FILE_WHY_SIZE]);
/* path is copied; the thread starts. 0 or -errno; -ENAMETOOLONG as disk_check_path(). */
MUST_CHECK int disk_new(
    struct disk **out, struct loop *loop, const char *path, disk_written *written, void *env);
/* Takes the bytes (a block of base/mem). */
void disk_write(struct disk *d, enum disk_file file, void *bytes, size_t n);
/*
 * Writes what still waits and ends the thread; a disk that takes longer than ms is left to itself.
 * written() is not called any more. NULL is fine; returns NULL.
 */
struct disk *disk_free(struct disk *d, int ms);

/*
 * Appends PATH's content to out; suffix: "", ".prev" or ".stamp". 0, or -errno with a sentence in
 * why: -EACCES when somebody else could have read or planted it.
 */
MUST_CHECK int disk_read(
    const char *path, const char *suffix, struct buf *out, char why[static FILE_WHY_SIZE]);
/*
 * Opens it, of max bytes at most, to be read with file_take(): the descriptor, or -errno as
 * disk_read().
 */
MUST_CHECK int disk_open(
    const char *path, const char *suffix, size_t max, size_t *size, char why[static FILE_WHY_SIZE]);
