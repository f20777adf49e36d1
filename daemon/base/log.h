/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging: one line an event, to stderr; a name, then key=value fields.
 *
 * Every foreign byte passes through the escaping here, so no caller can forge a line. Secrets have
 * no field type: there is nothing to pass them with. Only edge, app and the programs' own files
 * log; base, proto and core return errors instead.
 *
 * A program that runs on calls log_start(): from then on no call here waits for stderr
 * (base/log_writer.h). Before that, and after log_stop(), a line is written at once.
 *
 *	log_warn("sync failed", LOG_STR("reason", why), LOG_INT("retry_ms", ms));
 *
 * Formats: kv is `level=warn event="sync failed" reason="..." retry_ms=1200` with a time in front;
 * journal is the same with a <N> priority prefix and no time; json is one object a line with
 * `time`, `level`, `event` and the fields (integers as numbers).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JOURNAL, LOG_FORMAT_KV, LOG_FORMAT_JSON };

struct log_field {
	const char *name; /* NULL ends the list */
	const char *text; /* NULL: the number counts */
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
/* Starts the thread that writes. 0; -ENOMEM; -EAGAIN. */
MUST_CHECK int log_start(void);
void log_stop(void);        /* waits up to 0.5 s until all lines are written; not started: fine */
uint64_t log_dropped(void); /* lines, since log_start() */
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
