/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ctl/json.h"

/* Why one entry is refused; the others go on. */
#define NO_JSON     "holds NaN, Infinity, U+0000, half a surrogate pair or a member name twice"
#define NO_OBJECT   "is no JSON object"
#define TWICE       "is in the file twice"
#define KEY_LENGTH  "the key must be 1 to 250 characters long"
#define KEY_CONTROL "the key must not hold control characters"
#define KEY_CHARACTERS                                                                             \
	"the key of a connection may hold letters, digits and _ # ! ( ) - . : / \\ only"
#define NO_TYPE   "conn_type is missing"
#define NO_STRING "conn_type, host, login, password, schema and description must be strings"
#define BAD_PORT  "port must be an integer from 1 to 65535"
#define BAD_EXTRA "extra must be a JSON object"
#define TOO_LARGE "is larger than the manager takes (1 MiB)"
#define LONG_TEXT "the description is longer than 500 characters"

/* Airflow reads a variable's text as JSON before it writes it: what was 3.10 is 3.1 in the file. */
#define WRITTEN_ANEW "Airflow's export may write such a number otherwise than it was: look at it"

/* The manager's own rules, so that a dry run tells of them too. */
static const char *
key_fault(enum import_kind kind, const char *key)
{
	if (!*key || utf8_length(span_of(key)) > LIMIT_KEY)
		return KEY_LENGTH;
	for (const char *p = key; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)p[1] < 0xa0))
			return KEY_CONTROL;
		if (kind == IMPORT_CONNECTION && c < 0x80 && !isalnum(c) &&
		    !strchr("_#!()-.:/\\", c))
			return KEY_CHARACTERS;
	}
	return NULL;
}

/* A member that is a string, absent or null; the last two give "". false: something else. */
static bool
text_member(const struct json *object, const char *name, const char **text)
{
	const struct json *j = json_get(object, name);

	*text = !j || json_type(j) == SCAN_NULL ? "" : json_string(j);
	return *text != NULL;
}

/* Airflow writes the port as a number; as a string it was typed by hand. 0: none. */
static bool
port_of(const struct json *object, int64_t *port)
{
	const struct json *j = json_get(object, "port");
	const char *text = json_string(j);

	*port = 0;
	if (!j || json_type(j) == SCAN_NULL || (text && !*text))
		return true;
	if (text) {
		for (; *text >= '0' && *text <= '9' && *port <= 65535; text++)
			*port = 10 * *port + (*text - '0');
		return !*text && *port >= 1 && *port <= 65535;
	}
	return json_int(j, port) && *port >= 0 && *port <= 65535;
}

/* Appends `"extra":{...}` unless there is none. 0, -EINVAL when it is no object, -ENOMEM. */
static int
write_extra(struct buf *out, const struct json *object)
{
	const struct json *extra = json_get(object, "extra");
	const char *text = json_string(extra);
	struct json *parsed = NULL;
	int r = 0;

	if (!extra || json_type(extra) == SCAN_NULL || (text && !text[strspn(text, " \t\r\n")]))
		return 0;
	if (text) {
		r = json_parse(&parsed, span_of(text), NULL);
		extra = parsed;
	}
	/* "null" is what Airflow stores for a form that was left empty. */
	if (r == 0 && text && json_type(extra) == SCAN_NULL)
		goto out;
	if (r == 0 && json_type(extra) == SCAN_OBJECT) {
		jtext_name(out, "extra");
		json_write(extra, out);
	} else if (r != -ENOMEM) {
		r = -EINVAL;
	}
out:
	json_free(parsed);
	return r;
}

/* The typed body of a connection. 0 (with *refused perhaps) or -ENOMEM. */
static int
write_connection(struct buf *out, const struct json *object, const char **refused)
{
	/* Airflow tells "" from nothing, but for the password. */
	static const struct {
		const char *name, *as;
		bool may_be_empty;
	} fields[] = {
		{ "conn_type", "type", false },
		{ "host", "host", true },
		{ "login", "login", true },
		{ "password", "password", false },
		{ "schema", "schema", true },
	};
	const char *text;
	int64_t port;
	int r;

	if (json_type(object) != SCAN_OBJECT) {
		*refused = NO_OBJECT;
		return 0;
	}
	buf_addc(out, '{');
	for (size_t i = 0; i < N_ELEMENTS(fields); i++) {
		if (!text_member(object, fields[i].name, &text))
			*refused = NO_STRING;
		else if (*text ||
			 (fields[i].may_be_empty && json_string(json_get(object, fields[i].name))))
			jtext_member_string(out, fields[i].as, span_of(text));
		else if (i == 0)
			*refused = NO_TYPE;
		if (*refused)
			return 0;
	}
	if (!port_of(object, &port))
		*refused = BAD_PORT;
	else if (port)
		jtext_member_int(out, "port", port);
	r = write_extra(out, object);
	if (r == -EINVAL)
		*refused = BAD_EXTRA;
	buf_addc(out, '}');
	return r == -ENOMEM ? r : 0;
}

/*
 * A variable's value: a string is its text, anything else its JSON, as Airflow reads it back. With
 * a description Airflow writes {"value": ..., "description": ...}; an object with other members is
 * a value.
 */
static int
write_variable(
    struct buf *out, const struct json *value, const char **description, const char **note)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_HTTP_BODY);
	const struct json *inner = json_get(value, "value"),
			  *about = json_get(value, "description");

	if (json_type(value) == SCAN_OBJECT && inner && about && json_count(value) == 2) {
		if (json_type(about) != SCAN_NULL)
			*description = json_string(about);
		value = inner;
	}
	if (json_string(value))
		buf_adds(&text, json_string(value));
	else
		json_write(value, &text);
	if (buf_error(&text))
		return buf_error(&text);
	if (json_type(value) == SCAN_NUMBER && strpbrk(buf_str(&text), ".eE"))
		*note = WRITTEN_ANEW;
	buf_addc(out, '{');
	jtext_member_string(out, "value", (struct span){ buf_str(&text), text.len });
	buf_addc(out, '}');
	return buf_error(out);
}

/* Fills the entry, whose key is known and good. 0 or -ENOMEM. */
static int
entry_fill(struct import_entry *e, struct span value)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(LIMIT_HTTP_BODY);
	const char *description = "";
	struct json *j = NULL;
	int r = json_parse(&j, value, NULL);

	if (r == -EBADMSG) {
		e->refused = NO_JSON;
		return 0;
	}
	if (r == 0 && e->kind == IMPORT_CONNECTION) {
		r = write_connection(&out, j, &e->refused);
		if (r == 0 && !e->refused && !text_member(j, "description", &description))
			e->refused = NO_STRING;
	} else if (r == 0) {
		r = write_variable(&out, j, &description, &e->note);
	}
	if (r == 0)
		r = buf_error(&out);
	if (r == -EMSGSIZE) {
		e->refused = TOO_LARGE;
		r = 0;
	}
	if (r == 0 && !e->refused &&
	    (!description || utf8_length(span_of(description)) > LIMIT_DESCRIPTION))
		e->refused = description ? LONG_TEXT : "description must be a string";
	if (r == 0 && !e->refused) {
		e->typed = buf_take(&out, NULL);
		e->description = mem_strdup(description);
		r = e->typed && e->description ? 0 : -ENOMEM;
	}
	json_free(j);
	return r;
}

static struct import_entry *
entry_new(struct import_list *list)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct import_entry *grown = mem_resize(list->entry, room * sizeof *grown);

		if (!grown)
			return NULL;
		list->entry = grown;
		list->room = room;
	}
	list->entry[list->n] = (struct import_entry){ 0 };
	return &list->entry[list->n++];
}

/* A key that can not be written as text is refused under the escapes it came with. */
static int
entry_key(struct import_entry *e, struct span raw_name)
{
	CLEANUP(buf_fini) struct buf key = BUF_INIT(LIMIT_HTTP_BODY);
	int r = scan_name_text(raw_name, &key);

	if (r == -EILSEQ)
		e->refused = NO_JSON;
	else if (r == -EMSGSIZE)
		e->refused = KEY_LENGTH;
	else if (r < 0)
		return r;
	e->key = r == 0 ? mem_strdup(buf_str(&key)) : mem_strndup(raw_name.p, raw_name.n);
	if (!e->key)
		return -ENOMEM;
	if (!e->refused)
		e->refused = key_fault(e->kind, e->key);
	return 0;
}

/* By kind and key. */
static int
compare_entries(const void *a, const void *b)
{
	const struct import_entry *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->key, y->key);
}

static void
refuse_twin(struct import_entry *e)
{
	e->refused = TWICE;
	mem_freep(&e->typed);
}

/* Of two values for one key neither is believed. */
static void
refuse_twins(struct import_list *list)
{
	if (list->n)
		qsort(list->entry, list->n, sizeof *list->entry, compare_entries);
	for (size_t i = 1; i < list->n; i++)
		if (compare_entries(&list->entry[i - 1], &list->entry[i]) == 0) {
			refuse_twin(&list->entry[i - 1]);
			refuse_twin(&list->entry[i]);
		}
}

/* One of the words that Python writes for numbers which JSON has not got; 0: none. */
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
 * A variable whose text is NaN or Infinity comes without quotes, which is no JSON: it gets them.
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

/* 0 with *at, which may point into *quoted; -EBADMSG with why; -ENOMEM. */
static int
check_export(enum import_kind kind, struct span text, struct buf *quoted, struct span *at,
    char why[static IMPORT_WHY_SIZE])
{
	const char *command = kind == IMPORT_CONNECTION ? "connections export --file-format json"
							: "variables export";
	size_t error_at = 0;
	int r = scan_check(text, SCAN_LENIENT, at, &error_at);

	if (r < 0 && kind == IMPORT_VARIABLE && odd_number(text.p + error_at)) {
		quote_odd_numbers(text, quoted);
		if (buf_error(quoted) == -ENOMEM)
			return -ENOMEM;
		text = (struct span){ buf_str(quoted), quoted->len };
		r = scan_check(text, SCAN_LENIENT, at, &error_at);
	}
	if (r < 0)
		(void)snprintf(why, IMPORT_WHY_SIZE,
		    "is no JSON (byte %zu); Airflow writes it with: airflow %s FILE.json", error_at,
		    command);
	else if (scan_type(*at) != SCAN_OBJECT)
		(void)snprintf(why, IMPORT_WHY_SIZE, "is no JSON object of keys and %s",
		    kind == IMPORT_CONNECTION ? "connections" : "values");
	return r < 0 || scan_type(*at) != SCAN_OBJECT ? -EBADMSG : 0;
}

int
import_read(struct import_list *list, enum import_kind kind, struct span text,
    char why[static IMPORT_WHY_SIZE])
{
	CLEANUP(buf_fini) struct buf quoted = BUF_INIT(3 * text.n + 64);
	struct span at, name, value;
	int r = check_export(kind, text, &quoted, &at, why);

	if (r < 0)
		return r;
	while (r == 0 && scan_member(&at, &name, &value)) {
		struct import_entry *e;

		if (kind == IMPORT_CONNECTION && scan_type(value) == SCAN_STRING) {
			(void)snprintf(why, IMPORT_WHY_SIZE,
			    "holds connections as URIs; Airflow writes them in full with: airflow "
			    "connections export --file-format json FILE.json");
			return -EBADMSG;
		}
		e = entry_new(list);
		if (!e)
			return -ENOMEM;
		e->kind = kind;
		r = entry_key(e, name);
		if (r == 0 && !e->refused)
			r = entry_fill(e, value);
		if (r < 0 && !e->key)
			list->n--;
	}
	if (r == 0)
		refuse_twins(list);
	return r;
}

void
import_list_fini(struct import_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		mem_free(list->entry[i].key);
		mem_free(list->entry[i].typed);
		mem_free(list->entry[i].description);
	}
	mem_free(list->entry);
	*list = (struct import_list){ 0 };
}
