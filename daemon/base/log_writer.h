/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that writes lines to a descriptor which may block for ever: a pipe that nobody reads, a
 * stopped terminal, a file on a slow disk. log_writer_put() never waits for the descriptor. When
 * the queue is full, or a write fails, lines are dropped and counted. After the first dropped line,
 * all further lines are dropped until the queue is empty and a line with the count has been
 * written.
 *
 * Other processes share the descriptor, so its flags are not changed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define LOG_LINE_MAX 4096 /* bytes with the newline; PIPE_BUF: a pipe takes such a line whole */

struct log_writer;

/*
 * Writes to `to` a line saying that n lines were dropped. Returns its length. Runs in the thread.
 */
typedef size_t log_writer_note(char to[static LOG_LINE_MAX], uint64_t n);

/* Borrows fd. 0, -ENOMEM, or -EAGAIN when no thread can be created. */
MUST_CHECK int log_writer_new(struct log_writer **out, int fd, log_writer_note *note);
/* Queues a line of at most LOG_LINE_MAX bytes; its only newline is the last byte. Any thread. */
void log_writer_put(struct log_writer *w, const char *line, size_t n);
uint64_t log_writer_dropped(struct log_writer *w); /* lines dropped since log_writer_new() */
/*
 * Waits up to ms for the queue to be written, and 2 * ms more if the descriptor then accepts data
 * (a busy machine, a slow disk). If the thread is still blocked, it is detached and its memory
 * leaks; the process is about to exit or exec. w may be NULL. Returns NULL.
 */
struct log_writer *log_writer_free(struct log_writer *w, int ms);
