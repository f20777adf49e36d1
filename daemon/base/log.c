/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json/write.h"
#include "base/log_journal.h"
#include "base/log_writer.h"
#include "base/utf8.h"

#define FIELD_MAX_BYTES 512 /* of one field's text; the rest is cut */
#define STOP_MS         500

static _Atomic enum log_format format = LOG_FORMAT_KV;
static _Atomic enum log_level threshold = LOG_INFO;
/* stderr is the journal, so a record may go there by its native protocol. */
static _Atomic bool native;
static _Atomic uint64_t busy_dropped; /* records that the journal did not take */
static _Atomic uint64_t busy_unsaid;  /* of these, those that no note has counted */
static struct log_writer *writer;     /* changes only while no other thread logs */

static const char *const level_name[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};
/* sd-daemon(3): err, warning, info, debug. */
static const char *const journal_prefix[] = {
	[LOG_ERROR] = "<3>",
	[LOG_WARN] = "<4>",
	[LOG_INFO] = "<6>",
	[LOG_DEBUG] = "<7>",
};

/*
 * True if fd is the stream whose device and inode $JOURNAL_STREAM names. The variable alone does
 * not show that: stderr may have been redirected.
 */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(fd, &st) < 0)
		return false;
	(void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void
log_setup(enum log_format f, enum log_level level)
{
	bool journal = is_journal(STDERR_FILENO);

	if (f == LOG_FORMAT_AUTO)
		f = journal ? LOG_FORMAT_JOURNAL : LOG_FORMAT_KV;
	native = journal && f == LOG_FORMAT_JOURNAL;
	format = f;
	threshold = level;
}

bool
log_enabled(enum log_level level)
{
	return level <= threshold;
}

/* Writes text in quotes. Control characters, quotes and bytes that are not UTF-8 are escaped. */
static void
put_quoted(struct buf *line, const char *text)
{
	size_t left = strlen(text), written = 0;

	buf_addc(line, '"');
	while (left && written < FIELD_MAX_BYTES) {
		size_t n = utf8_sequence(text, left);
		uint32_t code = (unsigned char)*text; /* shown for a byte that is not UTF-8 */

		if (n == 0 || (code >= 0x20 && utf8_unsafe(text, left, &code)))
			buf_addf(line, "\\u%04x", code);
		else
			jtext_escape(line, (struct span){ text, n });
		n = n ? n : 1;
		text += n;
		left -= n;
		written += n;
	}
	if (left)
		buf_adds(line, "...");
	buf_addc(line, '"');
}

/* True if s needs no quotes in key=value. */
static bool
is_word(const char *s)
{
	return *s && !s[strspn(s,
			 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+")];
}

static void
put_kv(struct buf *line, const char *name, const char *text, int64_t number)
{
	if (line->len && line->data[line->len - 1] != '>')
		buf_addc(line, ' ');
	buf_adds(line, name);
	buf_addc(line, '=');
	if (!text)
		jtext_int(line, number);
	else if (is_word(text) && strlen(text) <= FIELD_MAX_BYTES)
		buf_adds(line, text);
	else
		put_quoted(line, text);
}

static void
put_json(struct buf *line, const char *name, const char *text, int64_t number)
{
	jtext_name(line, name);
	if (text)
		put_quoted(line, text);
	else
		jtext_int(line, number);
}

static void
put_line(struct buf *line, enum log_level level, const char *event, const struct log_field *fields)
{
	void (*put)(struct buf *, const char *, const char *, int64_t) = put_kv;
	enum log_format f = format;
	char time[CLOCK_RFC3339_SIZE];

	clock_rfc3339(clock_wall_ms(), time);
	if (f == LOG_FORMAT_JSON) {
		put = put_json;
		buf_addc(line, '{');
	}
	if (f == LOG_FORMAT_JOURNAL)
		buf_adds(line, journal_prefix[level]);
	else
		put(line, "time", time, 0);
	put(line, "level", level_name[level], 0);
	put(line, "event", event, 0);
	for (; fields && fields->name; fields++)
		put(line, fields->name, fields->text, fields->number);
	buf_adds(line, f == LOG_FORMAT_JSON ? "}\n" : "\n");
}

/* Returns the length. A line that is too long keeps only its level and event. */
static size_t
make_line(char to[static LOG_LINE_MAX], enum log_level level, const char *event,
    const struct log_field *fields)
{
	char room[LOG_LINE_MAX + 1];
	struct buf line = { .data = room, .cap = LOG_LINE_MAX, .max = LOG_LINE_MAX };

	put_line(&line, level, event, fields);
	if (buf_error(&line)) {
		buf_reset(&line);
		put_line(&line, level, event, NULL);
	}
	if (buf_error(&line))
		return 0;
	memcpy(to, room, line.len);
	return line.len;
}

/* --- the journal's native protocol ------------------------------------------------------- */

/* Sends a line with its fields. 0, -EAGAIN when it was dropped, or why the journal lacks it. */
static int
send_native(const char *line, size_t n, enum log_level level, const char *event,
    const struct log_field *fields)
{
	size_t prefix = strlen(journal_prefix[level]);
	const struct log_journal_record record = {
		.priority = journal_prefix[level][1] - '0',
		.message = { line + prefix, n - prefix - 1 },
		.event = event,
		.field = fields,
	};

	return log_journal_send(&record);
}

static int
send_note(uint64_t lines)
{
	static const char event[] = "log lines dropped: the journal did not take them";
	const struct log_field fields[] = { LOG_INT("lines", lines), { 0 } };
	char line[LOG_LINE_MAX];

	return send_native(line, make_line(line, LOG_WARN, event, fields), LOG_WARN, event, fields);
}

/* True: the record was sent, or dropped and counted. False: stderr is the way. */
static bool
put_native(const char *line, size_t n, enum log_level level, const char *event,
    const struct log_field *fields)
{
	uint64_t unsaid = atomic_exchange(&busy_unsaid, 0);
	int r = unsaid ? send_note(unsaid) : 0;

	if (r == 0) {
		unsaid = 0;
		r = send_native(line, n, level, event, fields);
	}
	if (r == -EAGAIN) {
		busy_dropped++;
		unsaid++;
	}
	busy_unsaid += unsaid;
	return r == 0 || r == -EAGAIN;
}

void
log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	char line[LOG_LINE_MAX];
	size_t n = make_line(line, level, event, fields);

	if (n && native && put_native(line, n, level, event, fields))
		return;
	if (writer)
		log_writer_put(writer, line, n);
	else
		(void)!write(STDERR_FILENO, line, n); /* nothing can report a failure */
}

static size_t
make_note(char to[static LOG_LINE_MAX], uint64_t n)
{
	const struct log_field fields[] = { LOG_INT("lines", n), { 0 } };

	return make_line(to, LOG_WARN, "log lines dropped: stderr did not take them", fields);
}

int
log_start(void)
{
	return log_writer_new(&writer, STDERR_FILENO, make_note);
}

void
log_stop(void)
{
	writer = log_writer_free(writer, STOP_MS);
}

uint64_t
log_dropped(void)
{
	return busy_dropped + (writer ? log_writer_dropped(writer) : 0);
}
