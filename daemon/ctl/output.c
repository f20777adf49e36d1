/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/output.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/utf8.h"

#define MESSAGE_SIZE 4096

void
output_safe(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n;) {
		uint32_t code;
		size_t bad = utf8_unsafe(text.p + i, text.n - i, &code);

		if (bad)
			buf_addf(out, "\\u%04x", code);
		else
			buf_addc(out, text.p[i]);
		i += bad ? bad : 1;
	}
}

void
output_duration(struct buf *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *big, *small;
		int64_t small_ms;
	} units[] = {
		{ 86400000, "d", "h", 3600000 },
		{ 3600000, "h", "min", 60000 },
		{ 60000, "min", "s", 1000 },
	};

	if (ms < 0) {
		buf_adds(out, "never");
		return;
	}
	for (size_t i = 0; i < N_ELEMENTS(units); i++) {
		int64_t rest;

		if (ms < units[i].ms)
			continue;
		rest = ms % units[i].ms / units[i].small_ms;
		buf_addf(out, "%" PRId64 " %s", ms / units[i].ms, units[i].big);
		if (rest)
			buf_addf(out, " %" PRId64 " %s", rest, units[i].small);
		return;
	}
	if (ms >= 1000)
		buf_addf(out, "%" PRId64 " s", ms / 1000);
	else
		buf_addf(out, "%" PRId64 " ms", ms);
}

void
output_time(struct buf *out, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_rfc3339(wall_ms, text);
	buf_addf(out, "%.*s.%03dZ", (int)(strlen(text) - 1), text, (int)(wall_ms % 1000));
}

enum output_colour
output_state_colour(struct span state)
{
	if (span_is(state, "fresh"))
		return COLOUR_GOOD;
	return span_is(state, "stale") ? COLOUR_WARNING : COLOUR_BAD;
}

/* Members that may be shown; all others may hold a secret. */
static bool
is_harmless(struct span name)
{
	static const char *const harmless[] = { "conn_type", "description", "host", "login",
		"schema", "port" };

	for (size_t i = 0; i < N_ELEMENTS(harmless); i++)
		if (scan_name_is(name, harmless[i]))
			return true;
	return false;
}

static void
add_raw_member(struct buf *out, bool first, struct span raw_name, struct span value)
{
	buf_adds(out, first ? "\"" : ",\"");
	buf_add(out, raw_name.p, raw_name.n);
	buf_adds(out, "\":");
	buf_add(out, value.p, value.n);
}

static void
mask_every_value(struct buf *out, struct span object)
{
	struct span name, value;
	bool first = true;

	buf_addc(out, '{');
	while (scan_member(&object, &name, &value)) {
		add_raw_member(out, first, name, SPAN_LITERAL("\"" OUTPUT_MASK "\""));
		first = false;
	}
	buf_addc(out, '}');
}

int
output_mask_connection(struct buf *out, struct span text)
{
	struct span at, name, value;
	bool first = true;

	if (scan_check(text, SCAN_STRICT, &at, NULL) < 0 || scan_type(at) != SCAN_OBJECT)
		return -EBADMSG;
	buf_addc(out, '{');
	while (scan_member(&at, &name, &value)) {
		if (is_harmless(name)) {
			add_raw_member(out, first, name, value);
		} else if (scan_name_is(name, "extra") && scan_type(value) == SCAN_OBJECT) {
			add_raw_member(out, first, name, SPAN_LITERAL(""));
			mask_every_value(out, value);
		} else {
			add_raw_member(out, first, name, SPAN_LITERAL("\"" OUTPUT_MASK "\""));
		}
		first = false;
	}
	buf_addc(out, '}');
	return 0;
}

size_t
output_columns(struct span s)
{
	return utf8_length(s);
}

void
output_rows(struct buf *out, const struct output_row *row, size_t n, bool colour)
{
	static const char *const on[] = { "", "\033[32m", "\033[33m", "\033[31m" };
	size_t widest = 0;

	for (size_t i = 0; i < n; i++)
		if (output_columns(row[i].label) > widest)
			widest = output_columns(row[i].label);
	for (size_t i = 0; i < n; i++) {
		bool coloured = colour && row[i].colour != COLOUR_NONE;

		output_safe(out, row[i].label);
		for (size_t k = output_columns(row[i].label); k < widest + 2; k++)
			buf_addc(out, ' ');
		if (coloured)
			buf_adds(out, on[row[i].colour]);
		output_safe(out, row[i].value);
		if (coloured)
			buf_adds(out, "\033[0m");
		buf_addc(out, '\n');
	}
}

static bool
is_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

bool
output_wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !(no_color && no_color[0]) && is_terminal(STDOUT_FILENO);
}

#define LINE_START      "\r"
#define ERASE_REST      "\033[K"
#define WAIT_UNSHOWN_MS 1000 /* a shorter wait has no line */
#define WAIT_EVERY_MS   200

static bool errors_are_json;
static bool progress_is_shown, progress_is_off;
static int64_t wait_began_ms, wait_shown_ms; /* 0: nothing is waited for */

static bool
wants_progress(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !errors_are_json && !progress_is_off && !(no_color && no_color[0]) &&
	       is_terminal(STDERR_FILENO);
}

static void
show_progress(const char *fmt, va_list ap)
{
	if (!wants_progress())
		return;
	(void)fputs(LINE_START, stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputs(ERASE_REST, stderr);
	(void)fflush(stderr);
	progress_is_shown = true;
}

void
output_progress(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	show_progress(fmt, ap);
	va_end(ap);
	wait_began_ms = 0;
}

/* Shows a line as output_progress() does, and goes on counting the wait. */
static void PRINTF(1, 2) show_wait(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	show_progress(fmt, ap);
	va_end(ap);
}

void
output_waiting(const char *what)
{
	int64_t now_ms = clock_boot_ms();

	if (!wait_began_ms)
		wait_began_ms = now_ms;
	if (now_ms - wait_began_ms < WAIT_UNSHOWN_MS || now_ms - wait_shown_ms < WAIT_EVERY_MS)
		return;
	wait_shown_ms = now_ms;
	show_wait("%s, %d s", what, (int)((now_ms - wait_began_ms) / 1000));
}

void
output_progress_end(void)
{
	if (progress_is_shown)
		(void)fputs(LINE_START ERASE_REST, stderr);
	progress_is_shown = false;
	wait_began_ms = 0;
}

static void
on_interrupt(int sig)
{
	(void)sig;
	_exit(CTL_YES);
}

void
output_until_interrupted(void)
{
	const struct sigaction action = { .sa_handler = on_interrupt };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	progress_is_off = true;
}

void
ctl_errors_as_json(bool on)
{
	errors_are_json = on;
}

void
output_member(struct buf *out, const char *name, struct span text)
{
	CLEANUP(buf_fini) struct buf valid = BUF_INIT(3 * text.n + 1);

	for (size_t i = 0, n; i < text.n; i += n ? n : 1) {
		n = utf8_sequence(text.p + i, text.n - i);
		if (n)
			buf_add(&valid, text.p + i, n);
		else
			buf_adds(&valid, "\xef\xbf\xbd");
	}
	jtext_member_string(out, name, span_of(buf_str(&valid)));
}

static void
print_note(const char *message)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT((size_t)8 * MESSAGE_SIZE);

	output_progress_end();
	if (errors_are_json) {
		buf_addc(&out, '{');
		output_member(&out, "note", span_of(message));
		buf_adds(&out, "}\n");
	} else {
		buf_adds(&out, "connctl: ");
		output_safe(&out, span_of(message));
		buf_addc(&out, '\n');
	}
	(void)fputs(buf_str(&out), stderr);
}

void
output_note(const char *fmt, ...)
{
	char message[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	print_note(message);
}

int
output_flush(const struct buf *out)
{
	size_t done = 0;

	output_progress_end();
	if (buf_error(out) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the answer does not fit into memory");
	while (done < out->len) {
		ssize_t n = write(STDOUT_FILENO, out->data + done, out->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ctl_fail(CTL_UNAVAILABLE, NULL,
			    "cannot write to standard output: %s", strerror(errno));
		done += (size_t)n;
	}
	return CTL_YES;
}

int
output_text(const char *text)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MESSAGE_SIZE);

	buf_adds(&out, text);
	return output_flush(&out);
}

static bool muted;
static struct ctl_said *catcher;

void
ctl_mute(bool on)
{
	muted = on;
}

void
ctl_catch(struct ctl_said *said)
{
	catcher = said;
}

static void
write_error(struct buf *out, const char *message, const char *next)
{
	buf_adds(out, "connctl: ");
	output_safe(out, span_of(message));
	buf_addc(out, '\n');
	if (!next)
		return;
	output_safe(out, span_of(next));
	buf_addc(out, '\n');
}

static void
write_json_error(struct buf *out, enum ctl_exit code, const char *message, const char *next)
{
	buf_adds(out, "{\"error\":{");
	jtext_member_int(out, "code", code);
	output_member(out, "message", span_of(message));
	if (next)
		output_member(out, "next", span_of(next));
	buf_adds(out, "}}\n");
}

int
ctl_fail(enum ctl_exit code, const char *next, const char *fmt, ...)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT((size_t)8 * MESSAGE_SIZE);
	char message[MESSAGE_SIZE];
	va_list ap;

	if (muted)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	if (catcher) {
		(void)snprintf(catcher->what, sizeof catcher->what, "%.1000s", message);
		(void)snprintf(catcher->next, sizeof catcher->next, "%s", next ? next : "");
		return code;
	}
	output_progress_end();
	if (errors_are_json)
		write_json_error(&out, code, message, next);
	else
		write_error(&out, message, next);
	(void)fputs(buf_str(&out), stderr);
	return code;
}
