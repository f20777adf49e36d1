/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/dotenv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "base/utf8.h"

#define NO_TEXT    "is not UTF-8 text"
#define NO_SIGN    "expected NAME=VALUE"
#define NO_NAME    "the name before = is empty"
#define NO_VALUE   "the value after = is empty"
#define OPEN_QUOTE "the quote is not closed on its line"

static const char *const prefix[] = {
	[IMPORT_CONNECTION] = "AIRFLOW_CONN_",
	[IMPORT_VARIABLE] = "AIRFLOW_VAR_",
};

static bool
starts_with(struct span s, const char *text)
{
	return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

static void
skip(struct span *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* The next line without its end, which is \n, \r\n or \r. False at the end of the text. */
static bool
next_line(struct span *text, struct span *line)
{
	if (!text->n)
		return false;
	*line = (struct span){ text->p, 0 };
	while (line->n < text->n && line->p[line->n] != '\n' && line->p[line->n] != '\r')
		line->n++;
	skip(text, line->n);
	if (starts_with(*text, "\r\n"))
		skip(text, 2);
	else if (text->n)
		skip(text, 1);
	return true;
}

/* A line of white space, or a comment. */
static bool
says_nothing(struct span line)
{
	while (line.n && isspace((unsigned char)line.p[0]))
		skip(&line, 1);
	return !line.n || line.p[0] == '#';
}

static struct span
without_export(struct span line)
{
	while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
		skip(&line, 1);
	if (starts_with(line, "export ")) {
		skip(&line, strlen("export "));
		while (line.n && line.p[0] == ' ')
			skip(&line, 1);
	}
	return line;
}

static bool
is_airflow_name(struct span line)
{
	return starts_with(line, prefix[IMPORT_CONNECTION]) ||
	       starts_with(line, prefix[IMPORT_VARIABLE]);
}

static bool
has_airflow_name(struct span text)
{
	struct span line;

	while (next_line(&text, &line))
		if (is_airflow_name(without_export(line)))
			return true;
	return false;
}

/* NAME=VALUE. NULL, or why the line is not that. */
static const char *
split_line(struct span line, struct span *name, struct span *value)
{
	const char *sign = memchr(line.p, '=', line.n);

	if (!sign)
		return NO_SIGN;
	*name = (struct span){ line.p, (size_t)(sign - line.p) };
	*value = (struct span){ sign + 1, line.n - name->n - 1 };
	return name->n ? NULL : NO_NAME;
}

static void
add_member(struct buf *out, struct span name, struct span value)
{
	jtext_next(out);
	jtext_string(out, name);
	buf_addc(out, ':');
	jtext_string(out, value);
}

/* One line of Airflow's form. */
static const char *
read_plain(struct span line, struct buf *out)
{
	struct span name, value;
	const char *why = split_line(line, &name, &value);

	if (!why && !value.n)
		why = NO_VALUE;
	if (!why)
		add_member(out, name, value);
	return why;
}

/* Appends a value as a shell reads it: '...' as it stands, "..." with \ before $ ` " and \. */
static const char *
unquote(struct span value, struct buf *out)
{
	char quote = value.n ? value.p[0] : 0;

	while (value.n && isspace((unsigned char)value.p[value.n - 1]))
		value.n--;
	if (quote != '"' && quote != '\'') {
		buf_add(out, value.p, value.n);
		return NULL;
	}
	if (value.n < 2 || value.p[value.n - 1] != quote)
		return OPEN_QUOTE;
	for (size_t i = 1; i < value.n - 1; i++) {
		if (quote == '"' && value.p[i] == '\\' && strchr("$`\"\\", value.p[i + 1]))
			i++;
		if (i == value.n - 1)
			return OPEN_QUOTE; /* it was the closing one */
		buf_addc(out, value.p[i]);
	}
	return NULL;
}

/* One line of an environment file. */
static const char *
read_environment(struct span line, enum import_kind kind, struct buf *out)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(line.n + 1), key = BUF_INIT(line.n + 1);
	struct span name, value;
	const char *why;

	line = without_export(line);
	if (!starts_with(line, prefix[kind]))
		return NULL;
	why = split_line(line, &name, &value);
	if (!why)
		why = unquote(value, &text);
	if (why)
		return why;
	skip(&name, strlen(prefix[kind]));
	for (size_t i = 0; i < name.n; i++)
		buf_addc(&key, (char)tolower((unsigned char)name.p[i]));
	add_member(out, span_of_buf(&key), span_of_buf(&text));
	if (buf_error(&key) || buf_error(&text))
		out->error = -ENOMEM;
	return NULL;
}

int
dotenv_to_json(struct span text, enum import_kind kind, struct buf *out, bool *is_environment,
    size_t *line, const char **why)
{
	struct span at;

	*is_environment = has_airflow_name(text);
	*why = NULL;
	buf_addc(out, '{');
	for (*line = 1; !*why && next_line(&text, &at); ++*line) {
		if (!utf8_is_valid(at))
			*why = NO_TEXT;
		else if (says_nothing(at))
			continue;
		else if (*is_environment)
			*why = read_environment(at, kind, out);
		else
			*why = read_plain(at, out);
		if (*why)
			return -EBADMSG;
	}
	buf_addc(out, '}');
	return buf_error(out);
}
