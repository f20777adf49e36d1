/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/page.h"

#include <stdio.h>
#include <string.h>

#include "manager/api/input/etag.h"
#include "manager/api/refusal.h"

struct page_file {
	const char *name;
	const char *type;
	const char *hash;
	struct span plain, packed; /* packed: with gzip */
};
#define PAGE_BYTES(n)                                                                              \
	{ page_plain_##n, sizeof page_plain_##n },                                                 \
	{                                                                                          \
		page_packed_##n, sizeof page_packed_##n                                            \
	}

#include "gen/page_files.h"

/* What the browser allows the page: its own files, requests to this manager, and nothing else. */
#define POLICY                                                                                     \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "          \
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "        \
	"require-trusted-types-for 'script'; trusted-types 'none'"

static const struct page_file *
find_file(struct span name)
{
	for (const struct page_file *f = page_files; f->name; f++)
		if (span_is(name, f->name))
			return f;
	return NULL;
}

/* The file of a path below /ui/, or NULL. */
static const struct page_file *
find_path(struct span path)
{
	static const struct span current = SPAN_LITERAL(PAGE_VERSION "/");

	if (!path.n)
		return find_file(SPAN_LITERAL("index.html"));
	if (path.n < current.n || memcmp(path.p, current.p, current.n) != 0)
		return NULL;
	return find_file((struct span){ path.p + current.n, path.n - current.n });
}

static bool
takes_gzip(const struct http_request *http)
{
	return http_list_has(http_request_field(http, "accept-encoding", NULL), "gzip");
}

static void
respond_file(struct http_conn *conn, const struct page_file *f, bool forever)
{
	const struct http_request *http = http_conn_request(conn);
	bool packed = takes_gzip(http);
	char tag[32];
	const struct http_header headers[] = {
		{ "Cache-Control", forever ? "public, max-age=31536000, immutable" : "no-cache" },
		{ "ETag", tag },
		{ "Vary", "Accept-Encoding" },
		{ "Content-Security-Policy", POLICY },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ packed ? "Content-Encoding" : NULL, "gzip" },
		{ 0 },
	};

	(void)snprintf(tag, sizeof tag, "\"%s%s\"", f->hash, packed ? "-gzip" : "");
	if (etag_is_listed(http_request_field(http, "if-none-match", NULL), tag, ETAG_WEAK))
		http_respond(conn, 304, headers, NULL, (struct span){ 0 });
	else
		http_respond(conn, 200, headers, f->type, packed ? f->packed : f->plain);
}

static void
respond_redirect(struct http_conn *conn)
{
	const struct http_header headers[] = { { "Location", "/ui/" },
		{ "Cache-Control", "no-cache" }, { 0 } };

	http_respond(conn, 302, headers, NULL, (struct span){ 0 });
}

static bool
is_below(struct span path, const char *prefix)
{
	return path.n >= strlen(prefix) && memcmp(path.p, prefix, strlen(prefix)) == 0;
}

bool
page_respond(struct http_conn *conn)
{
	static const struct http_header allow = { "Allow", "GET, HEAD" };
	const struct http_request *http = http_conn_request(conn);
	struct span path = http->path;
	bool root = span_is(path, "/") || span_is(path, "/ui");
	const struct page_file *f;

	if ((!root && !is_below(path, "/ui/")) || span_is(path, "/ui/session"))
		return false;
	if (http->method != HTTP_GET && http->method != HTTP_HEAD) {
		respond_error_with(conn, 405, &allow, "This path does not have this method");
		return true;
	}
	if (root) {
		respond_redirect(conn);
		return true;
	}
	path.p += strlen("/ui/"), path.n -= strlen("/ui/");
	f = find_path(path);
	if (f)
		respond_file(conn, f, path.n > 0);
	else
		respond_error(conn, 404, "The page has no such file");
	return true;
}
