/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/bearer.h"
#include "base/why.h"
#include "ctl/admin/context.h"
#include "ctl/admin/secret.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define PATH_SIZE    ((size_t)LIMIT_HTTP_URI)
#define MESSAGE_SIZE 1024
#define PAGE_ROWS    "1000"
#define MAX_PAGES    1000
#define HOSTED_URL   "https://api.astronomer.io"

int
session_no_memory(void)
{
	return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
}

const char *
json_text(const struct json *object, const char *name)
{
	const char *text = object ? json_string(json_get(object, name)) : NULL;

	return text ? text : "";
}

/* --- which manager, which token ----------------------------------------------------- */

static int
read_token_of(struct session *s, const char *context)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(4096);

	context_token_path(&path, context);
	return token_read("the context's token", buf_str(&path), &s->token);
}

static const char *
text_or_null(const struct json *object, const char *name)
{
	const char *text = json_text(object, name);

	return *text ? text : NULL;
}

static int
use_context(struct session *s, const char *name)
{
	const struct json *c = context_find(s->contexts, name);

	if (!c)
		return ctl_fail(CTL_USAGE, "\"connctl context list\" shows those that are there.",
		    "there is no context \"%s\"", name);
	if (!name)
		name = context_current(s->contexts);
	s->url = text_or_null(c, "manager");
	s->ca_file = text_or_null(c, "caFile");
	s->workspace = text_or_null(c, "workspace");
	(void)json_bool(json_get(c, "insecureHttp"), &s->insecure_http);
	(void)snprintf(s->organization, sizeof s->organization, "%s", json_text(c, "organization"));
	return cli_has(s->line, OPT_TOKEN_FILE) ? CTL_YES : read_token_of(s, name);
}

/* ASTRO_DOMAIN as the vendor's tool reads it; NULL: the hosted service. */
static int
use_environment(struct session *s, const char *token)
{
	const char *domain = getenv("ASTRO_DOMAIN");
	static char url[300];

	buf_adds(&s->token, token);
	if (!bearer_trim(&s->token))
		return ctl_fail(CTL_USAGE, NULL, "ASTRO_API_TOKEN does not hold a token");
	s->url = HOSTED_URL;
	if (!domain || !*domain)
		return CTL_YES;
	if (strcmp(domain, "localhost") == 0)
		(void)snprintf(url, sizeof url, "http://localhost:8888");
	else
		(void)snprintf(url, sizeof url, "https://api.%s", domain);
	s->url = url;
	return CTL_YES;
}

/*
 * A token and the address it is for come from one place, so that no manager is shown another's
 * token.
 */
static int
find_manager(struct session *s)
{
	const char *name = cli_value(s->line, OPT_CONTEXT), *token = getenv("ASTRO_API_TOKEN");

	if (name)
		return use_context(s, name);
	if (cli_has(s->line, OPT_MANAGER))
		return CTL_YES;
	if (!cli_has(s->line, OPT_TOKEN_FILE) && token && *token)
		return use_environment(s, token);
	if (context_find(s->contexts, NULL))
		return use_context(s, NULL);
	return ctl_fail(CTL_USAGE,
	    "Run \"connctl login\" once, or pass --manager and --token-file.",
	    "which manager? There is no current context");
}

bool
session_is_named(const struct ctl_options *o)
{
	const char *token = getenv("ASTRO_API_TOKEN");
	struct json *contexts = NULL;
	bool named =
	    cli_has(o->line, OPT_CONTEXT) || cli_has(o->line, OPT_MANAGER) || (token && *token);

	json_global_init();
	ctl_mute(true);
	if (!named && context_load(&contexts) == CTL_YES)
		named = context_find(contexts, NULL);
	ctl_mute(false);
	json_free(contexts);
	return named;
}

int
session_ask_token(struct session *s)
{
	const char *path = cli_value(s->line, OPT_TOKEN_FILE);
	int code;

	if (path && strcmp(path, "-") != 0)
		return token_read("--token-file", path, &s->token);
	code = secret_read(path, "Token", &s->token);
	if (code == CTL_YES && !bearer_trim(&s->token))
		return ctl_fail(
		    CTL_USAGE, NULL, "this is not a token: it is empty or has spaces in it");
	return code;
}

static int
apply_options(struct session *s, bool asks)
{
	const char *v;

	if ((v = cli_value(s->line, OPT_MANAGER)))
		s->url = v;
	if ((v = cli_value(s->line, OPT_CA_FILE)))
		s->ca_file = v;
	if ((v = s->o->import.organization))
		(void)snprintf(s->organization, sizeof s->organization, "%s", v);
	s->insecure_http = s->insecure_http || cli_has(s->line, OPT_INSECURE_HTTP);
	if ((v = cli_value(s->line, OPT_TOKEN_FILE)))
		buf_reset(&s->token);
	if (asks && !s->token.len)
		return session_ask_token(s);
	if (v)
		return token_read("--token-file", v, &s->token);
	if (!s->token.len)
		return ctl_fail(CTL_USAGE, "Pass --token-file, too.",
		    "--manager names the manager, and no token is given for it");
	return CTL_YES;
}

/* The only organization that the token sees. */
static int
ask_organization(struct session *s)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(PATH_SIZE);
	const struct json *rows, *first;
	struct json *page;
	int code;

	buf_adds(&path, "/v1/organizations?limit=2");
	code = session_get(s, &path, &page);
	if (code != CTL_YES)
		return code;
	rows = json_get(page, "organizations");
	first = rows && json_type(rows) == SCAN_ARRAY ? json_first(rows) : NULL;
	if (first && !json_next(first) && strlen(json_text(first, "id")) < TOKEN_ID_SIZE)
		(void)snprintf(
		    s->organization, sizeof s->organization, "%s", json_text(first, "id"));
	json_free(page);
	if (!*s->organization)
		return ctl_fail(CTL_USAGE, "Pass --organization ID.", "which organization?");
	return CTL_YES;
}

static void
show_pause(void *arg, int seconds)
{
	(void)arg;
	output_progress("the manager is busy: again in %d s", seconds);
}

int
session_connect(struct session *s)
{
	struct why why;
	struct http_options h = { .url = s->url,
		.ca_file = s->ca_file,
		.token = buf_str(&s->token),
		.insecure_http = s->insecure_http,
		.timeout_ms = s->o->timeout_ms,
		.on_pause = show_pause };
	int r = http_start_libraries();

	if (r == 0)
		r = http_new(&s->http, &h, &why);
	if (r < 0)
		return r == -EINVAL ? ctl_fail(CTL_USAGE, NULL, "%s", why.text)
				    : ctl_fail(CTL_UNAVAILABLE, NULL, "libcurl does not start");
	if (!*s->organization)
		(void)token_organization(span_of_buf(&s->token), s->organization);
	return *s->organization ? CTL_YES : ask_organization(s);
}

static int
open_session(struct session *s, const struct ctl_options *o, bool asks)
{
	int code;

	*s = (struct session){ .o = o,
		.line = o->line,
		.token = BUF_INIT(LIMIT_TOKEN + 256),
		.answer = BUF_INIT(LIMIT_PAGE_BYTES) };
	json_global_init();
	code = context_load(&s->contexts);
	if (code == CTL_YES)
		code = find_manager(s);
	if (code == CTL_YES)
		code = apply_options(s, asks);
	return code == CTL_YES ? session_connect(s) : code;
}

int
session_open(struct session *s, const struct ctl_options *o)
{
	return open_session(s, o, false);
}

int
session_open_asking(struct session *s, const struct ctl_options *o)
{
	return open_session(s, o, true);
}

void
session_close(struct session *s)
{
	s->http = http_free(s->http);
	s->contexts = json_free(s->contexts);
	buf_fini(&s->token);
	buf_fini(&s->answer);
}

/* --- requests -------------------------------------------------------------------------- */

void
session_path(const struct session *s, struct buf *out, const char *fmt, ...)
{
	char rest[512];
	va_list ap;

	va_start(ap, fmt);
	if ((size_t)vsnprintf(rest, sizeof rest, fmt, ap) >= sizeof rest)
		out->error = -EMSGSIZE;
	va_end(ap);
	buf_addf(out, "/v1/organizations/%s%s", s->organization, rest);
}

void
session_query(struct buf *path, const char *name, const char *value)
{
	bool first = !path->len || !memchr(path->data, '?', path->len);

	buf_addf(path, "%c%s=", first ? '?' : '&', name);
	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			     (*c >= 'A' && *c <= 'Z') || strchr("-_.~", *c);

		buf_addf(path, plain ? "%c" : "%%%02X", *c);
	}
}

/* The response's object; NULL when there is no body. */
static int
read_answer(struct session *s, struct json **out)
{
	*out = NULL;
	if (!s->answer.len)
		return CTL_YES;
	if (json_parse(out, span_of_buf(&s->answer), NULL) == 0 && json_type(*out) == SCAN_OBJECT)
		return CTL_YES;
	*out = json_free(*out);
	return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager's response is not a JSON object");
}

/* Also of a token that sees its Workspace's name, but none of its objects. */
static const char *
place_hint(const struct session *s, const char *message)
{
	return s->in_workspace && strstr(message, "Workspace")
		   ? "A token of one Deployment reaches only objects in it: pass --deployment NAME."
		   : NULL;
}

/* What a status that is not 2xx means for the exit code and for the person. */
static int
fail_status(struct session *s, int status)
{
	char message[MESSAGE_SIZE];
	struct json *j = NULL;

	(void)snprintf(message, sizeof message, "HTTP status %d", status);
	if (json_parse(&j, span_of_buf(&s->answer), NULL) == 0 && json_type(j) == SCAN_OBJECT &&
	    *json_text(j, "message"))
		(void)snprintf(message, sizeof message, "%s", json_text(j, "message"));
	json_free(j);
	switch (status) {
	case 400:
	case 413:
		return ctl_fail(
		    CTL_USAGE, place_hint(s, message), "the manager refuses it: %s", message);
	case 401:
		return ctl_fail(CTL_DENIED,
		    s->refused_hint ? s->refused_hint : "\"connctl login\" takes a new token.",
		    "the manager refuses the token: %s", message);
	case 403:
	case 405:
		return ctl_fail(CTL_DENIED, NULL, "this token may not do that: %s", message);
	case 404:
	case 409:
		return ctl_fail(CTL_NO, place_hint(s, message), "%s", message);
	case 412:
		return ctl_fail(CTL_NO, "Run the command again: it reads what is there now.",
		    "somebody else changed it meanwhile; nothing was changed");
	default:
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "the manager answers %d: %s", status, message);
	}
}

static int
call(struct session *s, const struct http_request *q, struct json **out)
{
	struct why why;
	int status = http_send(s->http, q, &s->answer, &s->head, &why);

	output_progress_end();
	if (status < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "%s: %s", s->url, why.text);
	if (status < 200 || status > 299)
		return fail_status(s, status);
	return read_answer(s, out);
}

int
session_get(struct session *s, const struct buf *path, struct json **out)
{
	struct http_request q = { .method = "GET", .path = buf_str(path) };
	int code = buf_error(path) ? session_no_memory() : call(s, &q, out);

	if (code == CTL_YES && !*out)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager's response is empty");
	return code;
}

/* The manager ignores members it does not know, and says so. */
static void
show_warning(const struct session *s)
{
	CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);

	if (!s->head.warning[0])
		return;
	buf_adds(&line, "connctl: the manager warns: ");
	output_safe(&line, span_of(s->head.warning));
	(void)fprintf(stderr, "%s\n", buf_str(&line));
}

int
session_send(struct session *s, const char *method, const struct buf *path, const struct json *body,
    const char *if_match, struct json **out)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_ROW);
	struct json *ignored = NULL;
	struct http_request q = { .method = method,
		.path = buf_str(path),
		.body = body ? &text : NULL,
		.if_match = if_match && *if_match ? if_match : NULL };
	int code;

	if (body)
		json_write(body, &text);
	if (buf_error(&text) || buf_error(path))
		return session_no_memory();
	code = call(s, &q, out ? out : &ignored);
	json_free(ignored);
	if (code == CTL_YES)
		show_warning(s);
	return code;
}

/* Moves copies of a page's rows into all. Returns how many there were; -1: out of memory. */
static int
take_rows(const struct json *page, const char *member, struct json *all)
{
	const struct json *rows = json_get(page, member), *j;
	int n = 0;

	for (j = rows && json_type(rows) == SCAN_ARRAY ? json_first(rows) : NULL; j;
	     j = json_next(j), n++)
		if (json_append(all, json_copy(j)) < 0)
			return -1;
	return n;
}

static int
list_page(
    struct session *s, const struct buf *path, const char *member, struct json *all, bool *more)
{
	CLEANUP(buf_fini) struct buf url = BUF_INIT(PATH_SIZE);
	struct json *page = NULL;
	int64_t total = 0;
	int code, n;

	buf_adds(&url, buf_str(path));
	session_query(&url, "limit", PAGE_ROWS);
	buf_addf(&url, "&offset=%zu", json_count(all));
	code = session_get(s, &url, &page);
	if (code != CTL_YES)
		return code;
	n = take_rows(page, member, all);
	(void)json_int(json_get(page, "totalCount"), &total);
	*more = n > 0 && (int64_t)json_count(all) < total;
	json_free(page);
	return n < 0 ? session_no_memory() : CTL_YES;
}

int
session_list(struct session *s, const struct buf *path, const char *member, struct json **out)
{
	struct json *all = json_new_array();
	bool more = true;
	int code = all ? CTL_YES : session_no_memory();

	for (int i = 0; code == CTL_YES && more && i < MAX_PAGES; i++)
		code = list_page(s, path, member, all, &more);
	if (code != CTL_YES)
		all = json_free(all);
	*out = all;
	return code;
}
