/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that writes lines to a descriptor which may block for ever: a pipe that is not read, a
 * stopped terminal, a file on a slow disk. The caller of log_writer_put() never waits. A line that
 * finds the queue full, or cannot be written, is dropped and counted; the next lines are dropped
 * too, until all that was queued is written and the writer has said how many are missing.
 *
 * The descriptor is shared with other processes: its flags are not changed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define LOG_LINE_MAX 4096 /* bytes, with the newline: as long as that, a pipe takes a line whole */

struct log_writer;

/*
 * Writes into `to` a line that says that n lines were dropped. Returns its length. In the thread.
 */
typedef size_t log_writer_note(char to[static LOG_LINE_MAX], uint64_t n);

/* fd is borrowed. 0; -ENOMEM; -EAGAIN: no thread can be made. */
MUST_CHECK int log_writer_new(struct log_writer **out, int fd, log_writer_note *note);
/*
 * Queues a line: at most LOG_LINE_MAX bytes, of which only the last is a newline. From any thread.
 */
void log_writer_put(struct log_writer *w, const char *line, size_t n);
uint64_t log_writer_dropped(struct log_writer *w); /* lines dropped, since it was made */
/*
 * Waits until all is written: up to ms while the descriptor takes nothing, up to three times as
 * long while it does (a busy machine, a slow disk). A thread that is stuck by then is left alone,
 * with its memory: the process ends, or becomes another program. NULL is fine; returns NULL.
 */
struct log_writer *log_writer_free(struct log_writer *w, int ms);
