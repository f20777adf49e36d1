/* SPDX-License-Identifier: Apache-2.0 */
/* connctl render prometheus|otel: metrics exports as configuration of what sends the metrics. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "ctl/admin/object.h"
#include "ctl/admin/private_file.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define MAX_TEXT ((size_t)16 << 20)

/* One metrics export, and what is written of it. */
struct export
{
	const char *key, *endpoint, *auth;
	const struct json *row, *typed;
	bool reveal;
};

static const struct object_kind kind = { "metrics-export", "METRICS_EXPORT", "metricsExport",
	"metricsExportOverrides" };

/* --- texts ------------------------------------------------------------------------------- */

/* A JSON string is a YAML string, too. `$` begins a reference in both programs: `$$` is one. */
static void
put_text(struct buf *out, const char *text, bool doubled)
{
	CLEANUP(buf_fini) struct buf plain = BUF_INIT(MAX_TEXT);

	for (; *text; text++)
		buf_adds(&plain, doubled && *text == '$' ? "$$" : (char[]){ *text, '\0' });
	jtext_string(out, span_of_buf(&plain));
}

/* "INDENT name: "text""; nothing for an empty text. */
static void
put(struct buf *out, const char *indent, const char *name, const char *text, bool doubled)
{
	if (!*text)
		return;
	buf_addf(out, "%s%s: ", indent, name);
	put_text(out, text, doubled);
	buf_addc(out, '\n');
}

/* A secret of the export, masked unless it is to be shown; "" when it is not set. */
static const char *
secret(const struct export *e, const char *name)
{
	const char *text = json_text(e->typed, name);

	if (!e->reveal && (*text || object_is_set(e->row, name)))
		return OUTPUT_MASK;
	return text;
}

static bool
uses(const struct export *e, const char *auth)
{
	return strcmp(e->auth, auth) == 0;
}

/* An Authorization header is authentication: Prometheus takes it as such only. */
static bool
is_authorization(const char *name)
{
	return strcasecmp(name, "authorization") == 0;
}

static const struct json *
map(const struct export *e, const char *name)
{
	const struct json *m = json_get(e->typed, name);

	return m && json_type(m) == SCAN_OBJECT ? json_first(m) : NULL;
}

/* Headers often hold keys: their values are shown as secrets are. */
static void
put_headers(struct buf *out, const struct export *e, const char *indent, bool otel)
{
	bool began = false;

	for (const struct json *h = map(e, "headers"); h; h = json_next(h)) {
		if (is_authorization(json_name(h)) && !otel)
			continue;
		if (!began)
			buf_addf(out, "%sheaders:\n", indent);
		began = true;
		buf_addf(out, "%s  ", indent);
		put_text(out, json_name(h), otel);
		buf_adds(out, ": ");
		put_text(out, e->reveal ? json_string(h) : OUTPUT_MASK, otel);
		buf_addc(out, '\n');
	}
}

/* --- Prometheus -------------------------------------------------------------------------- */

/* "Bearer abc" of an Authorization header as type and credentials. */
static void
prometheus_authorization_header(struct buf *out, const struct export *e)
{
	for (const struct json *h = map(e, "headers"); h; h = json_next(h)) {
		const char *text = json_string(h), *space = text ? strchr(text, ' ') : NULL;
		CLEANUP(buf_fini) struct buf type = BUF_INIT(MAX_TEXT);

		if (!is_authorization(json_name(h)) || !text)
			continue;
		buf_add(&type, text, space ? (size_t)(space - text) : 0);
		buf_adds(out, "    authorization:\n");
		put(out, "      ", "type", buf_str(&type), false);
		put(out, "      ", "credentials",
		    !e->reveal ? OUTPUT_MASK
		    : space    ? space + 1
			       : text,
		    false);
	}
}

static void
prometheus_auth(struct buf *out, const struct export *e)
{
	if (uses(e, "BASIC")) {
		buf_adds(out, "    basic_auth:\n");
		put(out, "      ", "username", json_text(e->typed, "username"), false);
		put(out, "      ", "password", secret(e, "password"), false);
	} else if (uses(e, "AUTH_TOKEN")) {
		buf_adds(out, "    authorization:\n");
		put(out, "      ", "credentials", secret(e, "basicToken"), false);
	} else if (uses(e, "SIGV4")) {
		buf_adds(out, "    sigv4:\n");
		put(out, "      ", "region", json_text(e->typed, "sigV4StsRegion"), false);
		put(out, "      ", "role_arn", json_text(e->typed, "sigV4AssumeArn"), false);
	} else {
		prometheus_authorization_header(out, e);
	}
}

static void
prometheus_labels(struct buf *out, const struct export *e)
{
	bool began = false;

	for (const struct json *l = map(e, "labels"); l; l = json_next(l)) {
		if (!began)
			buf_adds(out, "    write_relabel_configs:\n");
		began = true;
		put(out, "      - ", "target_label", json_name(l), false);
		put(out, "        ", "replacement", json_string(l), true);
	}
}

static void
prometheus_write(struct buf *out, const struct export *e)
{
	put(out, "  - ", "name", e->key, false);
	put(out, "    ", "url", e->endpoint, false);
	prometheus_auth(out, e);
	put_headers(out, e, "    ", false);
	prometheus_labels(out, e);
}

/* --- OpenTelemetry ----------------------------------------------------------------------- */

static const char *
otel_authenticator(const struct export *e)
{
	if (uses(e, "BASIC"))
		return "basicauth";
	if (uses(e, "AUTH_TOKEN"))
		return "bearertokenauth";
	return uses(e, "SIGV4") ? "sigv4auth" : NULL;
}

/* "TYPE/KEY": the name of a component; of the key letters, digits, '.', '-' and '_' remain. */
static void
otel_id(struct buf *out, const char *type, const char *key)
{
	buf_addf(out, "%s/", type);
	for (; *key; key++)
		buf_addc(out, isalnum((unsigned char)*key) || strchr(".-_", *key) ? *key : '_');
}

static void
otel_extension(struct buf *out, const struct export *e)
{
	const char *type = otel_authenticator(e);

	if (!type)
		return;
	buf_adds(out, "  ");
	otel_id(out, type, e->key);
	buf_adds(out, ":\n");
	if (uses(e, "BASIC")) {
		buf_adds(out, "    client_auth:\n");
		put(out, "      ", "username", json_text(e->typed, "username"), true);
		put(out, "      ", "password", secret(e, "password"), true);
	} else if (uses(e, "AUTH_TOKEN")) {
		put(out, "    ", "token", secret(e, "basicToken"), true);
	} else {
		put(out, "    ", "region", json_text(e->typed, "sigV4StsRegion"), true);
		buf_adds(out, "    service: aps\n    assume_role:\n");
		put(out, "      ", "arn", json_text(e->typed, "sigV4AssumeArn"), true);
		put(out, "      ", "sts_region", json_text(e->typed, "sigV4StsRegion"), true);
	}
}

static void
otel_exporter(struct buf *out, const struct export *e)
{
	bool began = false;

	buf_adds(out, "  ");
	otel_id(out, "prometheusremotewrite", e->key);
	buf_adds(out, ":\n");
	put(out, "    ", "endpoint", e->endpoint, true);
	if (otel_authenticator(e)) {
		buf_adds(out, "    auth:\n      authenticator: ");
		otel_id(out, otel_authenticator(e), e->key);
		buf_addc(out, '\n');
	}
	put_headers(out, e, "    ", true);
	for (const struct json *l = map(e, "labels"); l; l = json_next(l)) {
		if (!began)
			buf_adds(out, "    external_labels:\n");
		began = true;
		put(out, "      ", json_name(l), json_string(l), true);
	}
}

/* --- rows -------------------------------------------------------------------------------- */

static bool
is_wanted(const struct session *s, const char *key)
{
	for (size_t i = 1; i < s->line->n_operands; i++)
		if (strcmp(s->line->operand[i], key) == 0)
			return true;
	return s->line->n_operands == 1;
}

static struct export export_of(const struct json *row, bool reveal)
{
	const struct json *typed = json_get(row, kind.member);

	return (struct export){
		.key = json_text(row, "objectKey"),
		.endpoint = json_text(typed, "endpoint"),
		.auth = json_text(typed, "authType"),
		.row = row,
		.typed = typed,
		.reveal = reveal,
	};
}

/* Appends a part of each wanted export, below a heading. */
static void
write_part(const struct session *s, const struct json *rows, bool reveal, const char *heading,
    void (*part)(struct buf *out, const struct export *e), struct buf *out)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(MAX_TEXT);

	for (const struct json *row = json_first(rows); row; row = json_next(row)) {
		struct export e = export_of(row, reveal);

		if (e.typed && is_wanted(s, e.key))
			part(&text, &e);
	}
	if (text.len || buf_error(&text))
		buf_addf(out, "%s:\n%s", heading, buf_str(&text));
	if (buf_error(&text))
		out->error = buf_error(&text);
}

static void
otel_service(struct buf *out, const struct export *e)
{
	if (!otel_authenticator(e))
		return;
	buf_adds(out, "    - ");
	otel_id(out, otel_authenticator(e), e->key);
	buf_addc(out, '\n');
}

static void
write_all(const struct session *s, const struct json *rows, bool reveal, struct buf *out)
{
	if (strcmp(s->line->operand[0], "prometheus") == 0) {
		write_part(s, rows, reveal, "remote_write", prometheus_write, out);
		return;
	}
	write_part(s, rows, reveal, "extensions", otel_extension, out);
	write_part(s, rows, reveal, "exporters", otel_exporter, out);
	write_part(s, rows, reveal, "service:\n  extensions", otel_service, out);
}

/* Is every key of the command line there, with a value, and every secret that is to be shown? */
static int
check_rows(const struct session *s, const struct json *rows, bool reveal)
{
	static const char *const secrets[] = { "password", "basicToken" };
	size_t found = 0;

	for (const struct json *row = json_first(rows); row; row = json_next(row)) {
		struct export e = export_of(row, reveal);

		if (!e.typed || !is_wanted(s, e.key))
			continue;
		found++;
		for (size_t i = 0; reveal && i < N_ELEMENTS(secrets); i++)
			if (object_is_set(row, secrets[i]) && !*json_text(e.typed, secrets[i]))
				return ctl_fail(CTL_DENIED,
				    "The token needs the right to read secrets, and the "
				    "organization's switch must be on.",
				    "the manager withholds %s of \"%s\"", secrets[i], e.key);
	}
	if (found == 0 || found + 1 < s->line->n_operands)
		return ctl_fail(CTL_NO, "\"connctl metrics-export list\" shows what there is.",
		    found || s->line->n_operands > 1 ? "there is no metrics export of this name"
						     : "there is no metrics export");
	return CTL_YES;
}

static int
read_rows(struct session *s, bool reveal, struct json **rows)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct object_scope scope;
	int code = object_scope(s, &scope);

	if (code != CTL_YES)
		return code;
	session_path(s, &path, "/environment-objects");
	session_query(&path, "objectType", kind.type);
	session_query(&path, "sorts", "objectKey:asc");
	object_scope_query(&path, &scope);
	if (scope.is_deployment)
		session_query(&path, "resolveLinked", "true");
	if (reveal)
		session_query(&path, "showSecrets", "true");
	return session_list(s, &path, "environmentObjects", rows);
}

int
ctl_render(const struct ctl_options *o)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MAX_TEXT);
	const char *file = cli_value(o->line, OPT_OUTPUT);
	bool reveal = o->reveal || file;
	struct json *rows = NULL;
	struct session s;
	int code = session_open(&s, o);

	if (code == CTL_YES)
		code = read_rows(&s, reveal, &rows);
	if (code == CTL_YES)
		code = check_rows(&s, rows, reveal);
	if (code == CTL_YES)
		write_all(&s, rows, reveal, &out);
	if (code == CTL_YES && buf_error(&out))
		code = session_no_memory();
	if (code == CTL_YES)
		code = file ? private_file_write(file, &out) : output_flush(&out);
	json_free(rows);
	session_close(&s);
	return code;
}
