/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connctl prints: aligned rows for people, masked connections, colour only on a terminal that
 * supports it. The output is collected in a buffer and written in one piece at the end; only the
 * progress of a long verb is shown meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ctl/ctl.h"

#define OUTPUT_MASK "***"

enum output_colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_WARNING, COLOUR_BAD };

/*
 * Appends text from elsewhere, for a terminal: control characters (C1 and DEL too) and marks that
 * turn the direction of writing are shown as \uXXXX.
 */
void output_safe(struct buf *out, struct span text);
/* Columns of a terminal, taking every character for one wide. */
size_t output_columns(struct span s);
/* "850 ms", "12 s", "3 min 20 s", "5 h 2 min", "3 d 4 h"; "never" below 0. */
void output_duration(struct buf *out, int64_t ms);
/* "2026-11-30T16:33:18.123Z" */
void output_time(struct buf *out, int64_t wall_ms);
enum output_colour output_state_colour(struct span state);

/*
 * The same connection with every secret masked: password, every value of extra, and whatever is
 * neither known nor said to be harmless. 0, or -EBADMSG when text is not a JSON object.
 */
MUST_CHECK int output_mask_connection(struct buf *out, struct span text);

/* Two columns; the first as wide as its widest cell. */
struct output_row {
	struct span label, value;
	enum output_colour colour; /* of the value */
};
void output_rows(struct buf *out, const struct output_row *row, size_t n, bool colour);

/* Does standard output want colours? */
bool output_wants_colour(void);
/*
 * Prints one line on standard error in place of the one before, if standard error is a terminal and
 * neither --json nor NO_COLOR is given; else nothing. The line goes when anything else is printed,
 * or at the end.
 */
void output_progress(const char *fmt, ...) PRINTF(1, 2);
/*
 * Called again and again during a wait, a few times a second: from its first second on, shows
 * "WHAT, 3 s" as output_progress() does. The wait counts from the first call after anything was
 * printed, so waits that follow each other count as one.
 */
void output_waiting(const char *what);
#define OUTPUT_WAIT_MS 250 /* the longest pause between two calls */
void output_progress_end(void);
/*
 * From now on SIGINT and SIGTERM end the process with exit code 0, and no progress is shown: for
 * verbs without an end.
 */
void output_until_interrupted(void);
/* Writes a member whose text may be any bytes: those that are not UTF-8 become U+FFFD. */
void output_member(struct buf *out, const char *name, struct span text);
/* Prints "connctl: " and a sentence on standard error, at once; with --json {"note": sentence}. */
void output_note(const char *fmt, ...) PRINTF(1, 2);

/*
 * Writes it all to standard output. Returns the exit code: CTL_YES, or CTL_UNAVAILABLE, having said
 * why.
 */
MUST_CHECK int output_flush(const struct buf *out);
MUST_CHECK int output_text(const char *text);
