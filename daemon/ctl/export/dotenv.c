/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "airflow connections export FILE.env" writes: a connection is a URI, a variable its text.
 * The URI is written so that every Airflow reads the same from it: extra is one parameter
 * __extra__, and capitals of the host are percent-encoded, since Airflow makes others lower case.
 */
#include <ctype.h>
#include <string.h>

#include "base/json/scan.h"
#include "ctl/export/format.h"

#define A_COMMENT "its key begins with #, as a comment does in a .env file"
#define A_SIGN    "its key holds =, which ends a name in a .env file"
#define NO_VALUE  "it is empty, which a .env file cannot say"
#define LINES     "it holds a line break, which a .env file cannot"
#define BAD_TYPE  "its type is not one that a URI keeps: lower-case letters, digits, + - . _"

/* The characters at which Python's str.splitlines() ends a line. */
static bool
has_line_break(struct span s)
{
	static const char *const breaks[] = { "\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e",
		"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9" };

	for (size_t i = 0; i < N_ELEMENTS(breaks); i++)
		if (memmem(s.p, s.n, breaks[i], strlen(breaks[i])))
			return true;
	return false;
}

/* Appends the text of a string member. True if it is there. */
static bool
get_text(struct span connection, const char *name, struct buf *text)
{
	struct span value = scan_get(connection, name);

	buf_reset(text);
	return value.p && scan_type(value) == SCAN_STRING && scan_string(value, text) == 0;
}

static const char *
type_fault(struct span connection)
{
	CLEANUP(buf_fini) struct buf type = BUF_INIT(connection.n + 1);

	if (!get_text(connection, "conn_type", &type) || !type.len || !islower(type.data[0]))
		return BAD_TYPE;
	for (size_t i = 0; i < type.len; i++)
		if (!islower((unsigned char)type.data[i]) &&
		    !isdigit((unsigned char)type.data[i]) && !strchr("+-._", type.data[i]))
			return BAD_TYPE;
	return NULL;
}

static const char *
fault(const struct record *record)
{
	if (record->key[0] == '#')
		return A_COMMENT;
	if (strchr(record->key, '='))
		return A_SIGN;
	if (record->kind == SECRETS_CONNECTION)
		return type_fault(export_value(record));
	if (!record->length)
		return NO_VALUE;
	return has_line_break(export_value(record)) || has_line_break(span_of(record->key)) ? LINES
											    : NULL;
}

void
dotenv_check(const struct export_set *set)
{
	for (size_t i = 0; i < set->records.n; i++)
		set->left_out[i] = fault(&set->records.record[i]);
}

static void
quote(struct buf *out, struct span s, bool keep_capitals)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain =
		    islower(c) || isdigit(c) || strchr("-._~", c) || (isupper(c) && keep_capitals);

		if (c && plain)
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

/* Appends the member, quoted, with this in front of it. False if it is not there. */
static bool
add_part(struct buf *out, const char *before, struct span connection, const char *name,
    bool keep_capitals)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(connection.n + 1);

	if (!get_text(connection, name, &text))
		return false;
	buf_adds(out, before);
	quote(out, span_of_buf(&text), keep_capitals);
	return true;
}

static void
add_scheme(struct buf *out, struct span connection)
{
	CLEANUP(buf_fini) struct buf type = BUF_INIT(connection.n + 1);

	(void)get_text(connection, "conn_type", &type);
	for (size_t i = 0; i < type.len; i++)
		buf_addc(out, (char)(type.data[i] == '_' ? '-' : type.data[i]));
	buf_adds(out, "://");
}

static void
write_uri(struct buf *out, struct span connection)
{
	struct span port = scan_get(connection, "port"), extra = scan_get(connection, "extra");
	bool login, password, schema;

	add_scheme(out, connection);
	login = add_part(out, "", connection, "login", true);
	password = add_part(out, ":", connection, "password", true);
	if (login || password)
		buf_addc(out, '@');
	(void)add_part(out, "", connection, "host", false);
	if (port.p)
		buf_addf(out, ":%.*s", (int)port.n, port.p);
	schema = add_part(out, "/", connection, "schema", true);
	if (!extra.p)
		return;
	buf_adds(out, schema ? "?__extra__=" : "/?__extra__=");
	quote(out, extra, true);
}

void
dotenv_write(const struct export_set *set, const char *name, struct buf *out)
{
	(void)name;
	for (size_t i = 0; i < set->records.n; i++) {
		const struct record *record = &set->records.record[i];

		if (set->left_out[i])
			continue;
		buf_adds(out, record->key);
		buf_addc(out, '=');
		if (record->kind == SECRETS_CONNECTION)
			write_uri(out, export_value(record));
		else
			buf_add(out, record->text, record->length);
		buf_addc(out, '\n');
	}
}
