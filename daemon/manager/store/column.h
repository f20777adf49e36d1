/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed columns: every value in the database is an envelope (keys.h) bound to its table, row,
 * column and version, so that no value can be moved to another place. The same for every engine.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/store/keys.h"

/* Both append to out. 0, -errno, or -EBADMSG with a log line that names the column. */
MUST_CHECK int column_seal(const struct keys *k, const char *table, const char *row,
    const char *column, int64_t version, struct span text, struct buf *out);
MUST_CHECK int column_open(const struct keys *k, const char *table, const char *row,
    const char *column, int64_t version, struct span sealed, struct buf *out);
/* Logs that the envelope bound to `ad` cannot be decrypted. */
void column_log_unopened(struct span ad);
