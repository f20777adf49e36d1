/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json/write.h"
#include "base/utf8.h"
#include "ctl/output.h"

static const char *const verdict_name[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_FAILED] = "failed",
	[DOCTOR_SKIPPED] = "skipped",
};

static const char *const verdict_colour[] = {
	[DOCTOR_OK] = "\033[32m",
	[DOCTOR_WARNING] = "\033[33m",
	[DOCTOR_FAILED] = "\033[31m",
	[DOCTOR_SKIPPED] = "",
};

/* --- adding lines ------------------------------------------------------------------------- */

static void PRINTF(5, 0) add(struct doctor *d, enum doctor_verdict verdict, const char *check,
    const char *next, const char *fmt, va_list args)
{
	struct doctor_shared *s = d->shared;
	struct doctor_line *line;

	if (s->n == DOCTOR_MAX_LINES)
		return;
	line = &s->line[s->n];
	line->verdict = verdict;
	(void)snprintf(line->check, sizeof line->check, "%s", check);
	(void)vsnprintf(line->found, sizeof line->found, fmt, args);
	(void)snprintf(line->next, sizeof line->next, "%s", next);
	s->n++; /* last: a child that is killed leaves whole lines only */
}

void
doctor_ok(struct doctor *d, const char *check, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(d, DOCTOR_OK, check, "", fmt, args);
	va_end(args);
}

void
doctor_skip(struct doctor *d, const char *check, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(d, DOCTOR_SKIPPED, check, "", fmt, args);
	va_end(args);
}

void
doctor_warn(struct doctor *d, const char *check, const char *next, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(d, DOCTOR_WARNING, check, next, fmt, args);
	va_end(args);
}

void
doctor_fail(struct doctor *d, const char *check, const char *next, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(d, DOCTOR_FAILED, check, next, fmt, args);
	va_end(args);
}

const char *
doctor_text(struct doctor *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(d->text, sizeof d->text, fmt, args);
	va_end(args);
	return d->text;
}

/* --- looking at them ---------------------------------------------------------------------- */

const struct doctor_line *
doctor_find(const struct doctor_shared *s, const char *check)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->line[i].check, check) == 0)
			return &s->line[i];
	return NULL;
}

bool
doctor_passed(const struct doctor_shared *s, const char *check)
{
	const struct doctor_line *line = doctor_find(s, check);

	return line && (line->verdict == DOCTOR_OK || line->verdict == DOCTOR_WARNING);
}

const struct doctor_line *
doctor_cause(const struct doctor_shared *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->line[i].verdict == DOCTOR_FAILED)
			return &s->line[i];
	return NULL;
}

/* --- for people --------------------------------------------------------------------------- */

static void
pad(struct buf *out, const char *text, size_t width)
{
	output_safe(out, span_of(text));
	for (size_t n = output_columns(span_of(text)); n < width; n++)
		buf_addc(out, ' ');
}

static void
write_line(const struct doctor_line *line, size_t width, bool colour, struct buf *out)
{
	const char *on = colour ? verdict_colour[line->verdict] : "";

	buf_adds(out, on);
	pad(out, verdict_name[line->verdict], strlen("skipped"));
	buf_adds(out, *on ? "\033[0m  " : "  ");
	pad(out, line->check, width);
	buf_adds(out, "  ");
	output_safe(out, span_of(line->found));
	buf_addc(out, '\n');
	if (!line->next[0])
		return;
	pad(out, "", strlen("skipped") + 2 + width + 2);
	buf_adds(out, "-> ");
	output_safe(out, span_of(line->next));
	buf_addc(out, '\n');
}

void
doctor_write_text(const struct doctor_shared *s, bool colour, struct buf *out)
{
	const struct doctor_line *cause = doctor_cause(s);
	size_t width = 0;

	for (size_t i = 0; i < s->n; i++)
		if (strlen(s->line[i].check) > width)
			width = strlen(s->line[i].check);
	for (size_t i = 0; i < s->n; i++)
		write_line(&s->line[i], width, colour, out);
	if (!cause) {
		buf_adds(out, "No check failed.\n");
		return;
	}
	buf_addf(out, "cause: %s: ", cause->check);
	output_safe(out, span_of(cause->found));
	buf_addc(out, '\n');
}

/* --- for programs ------------------------------------------------------------------------- */

/* Text from elsewhere, or cut in the middle of a character, may not be UTF-8. */
static void
add_text(struct buf *out, const char *name, const char *text)
{
	CLEANUP(buf_fini) struct buf ascii = BUF_INIT(DOCTOR_FOUND_SIZE);

	if (!utf8_is_valid(span_of(text))) {
		for (const char *p = text; *p; p++)
			buf_addc(&ascii, (unsigned char)*p < 0x80 ? *p : '?');
		text = buf_str(&ascii);
	}
	jtext_member_string(out, name, span_of(text));
}

void
doctor_write_json(const struct doctor_shared *s, struct buf *out)
{
	const struct doctor_line *cause = doctor_cause(s);

	buf_adds(out, "{\"checks\":[");
	for (size_t i = 0; i < s->n; i++) {
		buf_adds(out, i > 0 ? ",{" : "{");
		add_text(out, "check", s->line[i].check);
		add_text(out, "verdict", verdict_name[s->line[i].verdict]);
		add_text(out, "found", s->line[i].found);
		add_text(out, "do", s->line[i].next);
		buf_addc(out, '}');
	}
	buf_adds(out, "],\"cause\":");
	if (cause)
		jtext_string(out, span_of(cause->check));
	else
		buf_adds(out, "null");
	buf_addf(out, ",\"exit_code\":%d}\n", cause ? CTL_NO : CTL_YES);
}
