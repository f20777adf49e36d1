/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to stderr, one line per event: its name, then key=value fields.
 *
 * All text is escaped here, so text from outside cannot forge a line. Never pass a secret. base,
 * proto and core do not log; they return errors.
 *
 * A daemon calls log_start(): a thread then writes the lines, and no call here waits for stderr
 * (see base/log_writer.h). Before log_start() and after log_stop() a line is written at once.
 *
 *	log_warn("sync failed", LOG_STR("reason", why), LOG_INT("retry_ms", ms));
 *
 * Formats: kv is `level=warn event="sync failed" reason="..." retry_ms=1200` with a time in front;
 * journal is the same with a <N> priority prefix and no time; json is one object a line with
 * `time`, `level`, `event` and the fields (integers as numbers). In journal format, when stderr is
 * the journal, a record goes there with its fields (base/log_journal.h) in place of the line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JOURNAL, LOG_FORMAT_KV, LOG_FORMAT_JSON };

struct log_field {
	const char *name; /* NULL ends the list */
	const char *text; /* NULL: use the number */
	int64_t number;
};

static inline struct log_field
log_field_text(const char *name, const char *text)
{
	return (struct log_field){ .name = name, .text = text ? text : "" };
}

#define LOG_STR(n, s) log_field_text((n), (s)) /* NULL is shown as empty */
#define LOG_INT(n, v) ((struct log_field){ .name = (n), .number = (int64_t)(v) })

/* AUTO: journal when stderr is the journal's stream ($JOURNAL_STREAM), else kv. */
void log_setup(enum log_format format, enum log_level level);
/* Starts the writing thread. 0, -ENOMEM or -EAGAIN. */
MUST_CHECK int log_start(void);
/*
 * Waits for the queued lines to be written: 0.5 s, and 1 s more if stderr then accepts data. Then
 * stops the thread. Does nothing without log_start().
 */
void log_stop(void);
uint64_t log_dropped(void); /* lines dropped since log_start() */
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_AT(level, ...) LOG_FIELDS(level, __VA_ARGS__, { 0 })
#define LOG_FIELDS(level, event, ...)                                                              \
	do {                                                                                       \
		if (log_enabled(level))                                                            \
			log_write((level), (event), (const struct log_field[]){ __VA_ARGS__ });    \
	} while (0)
/* event, then the fields: log_info("ready", LOG_INT("connections", n)). */
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
