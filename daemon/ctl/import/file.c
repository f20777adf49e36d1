/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "ctl/import/connection.h"
#include "ctl/import/dotenv.h"
#include "ctl/import/variable.h"
#include "ctl/import/yaml.h"
#include "ctl/json.h"

/* How much longer the aliases of a YAML file may make it. */
#define MAX_ALIASES ((size_t)16 * 1024 * 1024)

int
import_format_named(const char *name, enum import_format *format)
{
	static const struct {
		const char *name;
		enum import_format format;
	} known[] = {
		{ "json", IMPORT_JSON },
		{ "yaml", IMPORT_YAML },
		{ "yml", IMPORT_YAML },
		{ "env", IMPORT_DOTENV },
	};

	for (size_t i = 0; i < N_ELEMENTS(known); i++) {
		if (strcasecmp(name, known[i].name) == 0) {
			*format = known[i].format;
			return 0;
		}
	}
	return -EINVAL;
}

enum import_format
import_format_of(const char *path)
{
	enum import_format format = IMPORT_JSON;
	const char *dot = strrchr(path, '.');

	if (!dot || import_format_named(dot + 1, &format) < 0)
		return IMPORT_JSON;
	return format;
}

/* One of the words that Python writes for numbers which JSON does not have; 0: none. */
static size_t
odd_number(const char *p)
{
	static const char *const words[] = { "NaN", "Infinity", "-Infinity" };

	for (size_t i = 0; i < N_ELEMENTS(words); i++)
		if (strncmp(p, words[i], strlen(words[i])) == 0)
			return strlen(words[i]);
	return 0;
}

/*
 * A variable whose text is NaN or Infinity comes without quotes, which is not JSON: it gets them.
 * Deeper in a value that would be another value; there it becomes what refuses this one alone.
 */
static void
quote_odd_numbers(struct span text, struct buf *out)
{
	bool quoted = false;
	int depth = 0;

	for (const char *p = text.p, *end = text.p + text.n; p < end; p++) {
		size_t n = quoted ? 0 : odd_number(p);

		if (n > 0) {
			buf_addc(out, '"');
			buf_add(out, depth == 1 ? p : "\\u0000", depth == 1 ? n : 6);
			buf_addc(out, '"');
			p += n - 1;
			continue;
		}
		buf_addc(out, *p);
		if (*p == '"')
			quoted = !quoted;
		else if (quoted && *p == '\\' && p + 1 < end)
			buf_addc(out, *++p);
		else if (!quoted)
			depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
	}
}

static size_t
line_of(struct span text, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset && i < text.n; i++)
		line += text.p[i] == '\n';
	return line;
}

static int
fail(struct import_fault *fault, size_t line, const char *why)
{
	fault->line = line;
	why_set(&fault->why, "%s", why);
	return -EBADMSG;
}

/* 0 with *at, which may point into *quoted; -EBADMSG with the fault; -ENOMEM. */
static int
check_json(enum import_kind kind, struct span text, struct buf *quoted, struct span *at,
    struct import_fault *fault)
{
	size_t error_at = 0;
	int r = scan_check(text, SCAN_LENIENT, at, &error_at);

	if (r < 0 && kind == IMPORT_VARIABLE && odd_number(text.p + error_at)) {
		quote_odd_numbers(text, quoted);
		if (buf_error(quoted) == -ENOMEM)
			return -ENOMEM;
		text = span_of_buf(quoted);
		r = scan_check(text, SCAN_LENIENT, at, &error_at);
	}
	if (r == -ELOOP)
		return fail(fault, line_of(text, error_at), "nests more than 32 deep");
	return r < 0 ? fail(fault, line_of(text, error_at), "is not JSON") : 0;
}

/* Brings any format to JSON text. *at is set as by check_json() and may point into *json. */
static int
to_json(enum import_kind kind, enum import_format format, struct span text, struct buf *json,
    struct span *at, const char **note, struct import_fault *fault)
{
	bool is_environment = false;
	const char *why = NULL;
	int r;

	if (format == IMPORT_JSON)
		return check_json(kind, text, json, at, fault);
	if (format == IMPORT_YAML)
		r = yaml_to_json(text, json, &fault->line, &why);
	else
		r = dotenv_to_json(text, kind, json, &is_environment, &fault->line, &why);
	if (r == -EBADMSG)
		return fail(fault, fault->line, why);
	if (r < 0)
		return -ENOMEM; /* the buffer has room for the largest text */
	if (is_environment)
		*note = DOTENV_NOTE;
	return scan_check(span_of_buf(json), SCAN_LENIENT, at, NULL) < 0
		   ? fail(fault, 0, "cannot be written as JSON")
		   : 0;
}

static int
read_entry(struct import_entry *e, enum import_format format, struct span value)
{
	struct json *j = NULL;
	int r = json_parse(&j, value, NULL);

	if (r == -EBADMSG) {
		e->refused = ENTRY_NO_JSON;
		return 0;
	}
	if (r == 0 && e->kind == IMPORT_CONNECTION)
		r = connection_read(e, j);
	else if (r == 0)
		r = variable_read(e, j, format != IMPORT_JSON);
	json_free(j);
	return r;
}

int
import_read(struct import_list *list, enum import_kind kind, enum import_format format,
    struct span text, struct import_fault *fault)
{
	/* An escape makes a byte six bytes long at most; aliases repeat what is there. */
	CLEANUP(buf_fini) struct buf json = BUF_INIT(6 * text.n + 64 + MAX_ALIASES);
	const char *note = NULL;
	struct span at, name, value;
	int r = to_json(kind, format, text, &json, &at, &note, fault);

	if (r == 0 && scan_type(at) != SCAN_OBJECT)
		r = fail(fault, 1,
		    kind == IMPORT_CONNECTION ? "is not an object of keys and connections"
					      : "is not an object of keys and values");
	while (r == 0 && scan_member(&at, &name, &value)) {
		struct import_entry *e = entry_add(list, kind, name);

		if (!e)
			return -ENOMEM;
		if (!e->refused)
			r = read_entry(e, format, value);
		if (!e->note)
			e->note = note;
	}
	if (r == 0)
		entry_sort(list);
	return r;
}
