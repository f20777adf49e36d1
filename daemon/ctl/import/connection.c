/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/connection.h"

#include <errno.h>
#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "ctl/import/uri.h"

#define NO_OBJECT "is neither a JSON object nor a connection URI"
#define SEVERAL   "is a list: expected one connection"
#define UNKNOWN                                                                                    \
	"holds a member other than conn_id, conn_type, description, extra, extra_dejson, host, "   \
	"login, password, port, schema and uri"
#define OTHER_ID  "its conn_id differs from its key"
#define TWO_FORMS "holds both a uri and other fields"
#define TWO_EXTRA "holds both extra and extra_dejson"
#define HAS_TEAM  "has a team_name: name its key TEAM___KEY instead"
#define NO_TYPE   "conn_type is missing"
#define BAD_PORT  "port must be an integer from 1 to 65535"
#define BAD_EXTRA "extra must be a JSON object"

static bool
is_null(const struct json *j)
{
	return !j || json_type(j) == SCAN_NULL;
}

/* A member that is a string, absent or null; the last two give "". False: something else. */
static bool
text_member(const struct json *object, const char *name, const char **text)
{
	const struct json *j = json_get(object, name);

	*text = is_null(j) ? "" : json_string(j);
	return *text != NULL;
}

/* Airflow writes the port as a number; a person may have written a string. 0: none. */
static bool
port_of(const struct json *object, int64_t *port)
{
	const struct json *j = json_get(object, "port");
	const char *text = json_string(j);

	*port = 0;
	if (is_null(j) || (text && !*text))
		return true;
	if (text) {
		for (; *text >= '0' && *text <= '9' && *port <= 65535; text++)
			*port = 10 * *port + (*text - '0');
		return !*text && *port >= 1 && *port <= 65535;
	}
	return json_int(j, port) && *port >= 0 && *port <= 65535;
}

/* Appends `"extra":{...}` unless there is none. 0, -EINVAL when it is not an object, -ENOMEM. */
static int
write_extra(struct buf *out, const struct json *extra)
{
	const char *text = json_string(extra);
	struct json *parsed = NULL;
	int r = 0;

	if (is_null(extra) || (text && !text[strspn(text, " \t\r\n")]))
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

/* NULL or why the texts of the object cannot be taken. */
static const char *
write_texts(struct buf *out, const struct json *object)
{
	/* Airflow tells "" from nothing, except for the password. */
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

	for (size_t i = 0; i < N_ELEMENTS(fields); i++) {
		if (!text_member(object, fields[i].name, &text))
			return ENTRY_NO_STRING;
		if (*text ||
		    (fields[i].may_be_empty && json_string(json_get(object, fields[i].name))))
			jtext_member_string(out, fields[i].as, span_of(text));
		else if (i == 0)
			return NO_TYPE;
	}
	return NULL;
}

/* An object of Airflow's fields, without the other forms. 0 or -ENOMEM. */
static int
read_fields(struct import_entry *e, const struct json *object, const char *description)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(LIMIT_HTTP_BODY);
	const struct json *extra = json_get(object, "extra");
	int64_t port;
	int r;

	buf_addc(&out, '{');
	e->refused = write_texts(&out, object);
	if (!e->refused && !port_of(object, &port))
		e->refused = BAD_PORT;
	if (e->refused)
		return 0;
	if (port)
		jtext_member_int(&out, "port", port);
	r = write_extra(&out, extra ? extra : json_get(object, "extra_dejson"));
	if (r == -EINVAL)
		e->refused = BAD_EXTRA;
	buf_addc(&out, '}');
	return r == -ENOMEM ? r : entry_complete(e, &out, description);
}

static int
read_uri(struct import_entry *e, const char *uri, const char *description)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_HTTP_BODY);
	struct json *object = NULL;
	int r = uri_to_json(span_of(uri), &text, &e->refused, &e->note);

	if (r == -EMSGSIZE)
		e->refused = ENTRY_TOO_LARGE;
	if (r == 0)
		r = json_parse(&object, span_of_buf(&text), NULL);
	if (r == -EBADMSG)
		e->refused = ENTRY_NO_JSON;
	if (r == 0)
		r = read_fields(e, object, description);
	json_free(object);
	return r == -ENOMEM ? r : 0;
}

/* NULL or why Airflow's import would not take these members together. */
static const char *
members_fault(const struct json *object, const char *key)
{
	static const char *const known[] = { "conn_id", "conn_type", "description", "extra",
		"extra_dejson", "host", "login", "password", "port", "schema", "team_name", "uri" };
	const struct json *id = json_get(object, "conn_id");

	for (const struct json *j = json_first(object); j; j = json_next(j)) {
		size_t i = 0;

		while (i < N_ELEMENTS(known) && strcmp(json_name(j), known[i]) != 0)
			i++;
		if (i == N_ELEMENTS(known))
			return UNKNOWN;
	}
	if (!is_null(id) && (!json_string(id) || strcmp(json_string(id), key) != 0))
		return OTHER_ID;
	if (!is_null(json_get(object, "team_name")))
		return HAS_TEAM;
	if (json_get(object, "extra") && json_get(object, "extra_dejson"))
		return TWO_EXTRA;
	return NULL;
}

/* Beside a URI, Airflow takes only what is empty, the id and the description. */
static bool
has_other_fields(const struct json *object)
{
	static const char *const others[] = { "conn_type", "host", "login", "password", "schema",
		"port", "extra", "extra_dejson" };

	for (size_t i = 0; i < N_ELEMENTS(others); i++) {
		const struct json *j = json_get(object, others[i]);

		if (!is_null(j) && !(json_string(j) && !*json_string(j)))
			return true;
	}
	return false;
}

static int
read_object(struct import_entry *e, const struct json *object)
{
	const char *description, *uri;

	e->refused = members_fault(object, e->key);
	if (!e->refused && (!text_member(object, "description", &description) ||
			       !text_member(object, "uri", &uri)))
		e->refused = ENTRY_NO_STRING;
	if (!e->refused && *uri && has_other_fields(object))
		e->refused = TWO_FORMS;
	if (e->refused)
		return 0;
	return *uri ? read_uri(e, uri, description) : read_fields(e, object, description);
}

/* As Airflow reads the text that a secrets backend returns. */
static int
read_string(struct import_entry *e, const char *text)
{
	struct json *object = NULL;
	int r;

	text += strspn(text, " \t\r\n");
	if (*text != '{')
		return read_uri(e, text, "");
	r = json_parse(&object, span_of(text), NULL);
	if (r == -EBADMSG)
		e->refused = ENTRY_NO_JSON;
	else if (r == 0)
		r = read_object(e, object);
	json_free(object);
	return r == -ENOMEM ? r : 0;
}

int
connection_read(struct import_entry *e, const struct json *value)
{
	if (json_type(value) == SCAN_ARRAY) {
		if (json_count(value) != 1) {
			e->refused = SEVERAL;
			return 0;
		}
		value = json_first(value);
	}
	if (json_string(value))
		return read_string(e, json_string(value));
	if (json_type(value) == SCAN_OBJECT)
		return read_object(e, value);
	e->refused = NO_OBJECT;
	return 0;
}
