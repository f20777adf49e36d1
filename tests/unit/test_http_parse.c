/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "manager/http/parse.h"

#define H "Host: h\r\n"

struct row {
	const char *text;
	int status; /* 0: a good request */
	const char *path, *query, *body;
	bool keep_alive;
};

static const struct row rows[] = {
	{ "GET / HTTP/1.1\r\n" H "\r\n", 0, "/", NULL, "", true },
	{ "\r\nGET / HTTP/1.1\r\n" H "\r\n", 0, "/", NULL, "", true },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /a/b?c=d&e HTTP/1.1\r\n" H "\r\n", 0, "/a/b", "c=d&e", "", true },
	{ "GET /a? HTTP/1.1\r\n" H "\r\n", 0, "/a", "", "", true },
	{ "GET http://x:1/a?b HTTP/1.1\r\n" H "\r\n", 0, "/a", "b", "", true },
	{ "GET https://x/a HTTP/1.1\r\n" H "\r\n", 0, "/a", NULL, "", true },
	{ "GET http://x HTTP/1.1\r\n" H "\r\n", 0, "/", NULL, "", true },
	{ "GET a HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	/* RFC 9112, section 3.2: its own examples. */
	{ "GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n", 0, "/where", "q=now", "",
	    true },
	{ "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1\r\nHost: a\r\n\r\n", 0,
	    "/pub/WWW/TheProject.html", NULL, "", true },
	{ "GET /pub/WWW/TheProject.html HTTP/1.1\r\nHost: www.example.org\r\n\r\n", 0,
	    "/pub/WWW/TheProject.html", NULL, "", true },
	{ "CONNECT www.example.com:80 HTTP/1.1\r\nHost: www.example.com\r\n\r\n", 501, 0, 0, 0, 0 },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", 501, 0, 0, 0, 0 },
	{ "OPTIONS http://www.example.org:8001 HTTP/1.1\r\n" H "\r\n", 0, "/", NULL, "", true },
	/* The query of an absolute form is not part of its path. */
	{ "GET http://any?x=/v1/a HTTP/1.1\r\n" H "\r\n", 0, "/", "x=/v1/a", "", true },
	{ "GET http://x:80?/v1 HTTP/1.1\r\n" H "\r\n", 0, "/", "/v1", "", true },
	{ "GET HTTPS://[::1]:8888/a/?b HTTP/1.1\r\n" H "\r\n", 0, "/a/", "b", "", true },
	{ "GET http:///v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET http://:80/v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET http://u@h/v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET http://h:8o/v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET http://h\\v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET http://[::1/v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET http://[::x]/v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET http:/v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET ftp://h/v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET h:80 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET * HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "CONNECT /v1 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "CONNECT h HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET //h/v1 HTTP/1.1\r\n" H "\r\n", 0, "//h/v1", NULL, "", true },
	{ "GET /a%2fb?%41 HTTP/1.1\r\n" H "\r\n", 0, "/a%2fb", "%41", "", true },
	{ "GET /a%2 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /a%zz HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /a?% HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /\"<>\\^`{|} HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /-._~!$&'()*+,;=:@ HTTP/1.1\r\n" H "\r\n", 0, "/-._~!$&'()*+,;=:@", NULL, "", true },
	{ "GET / HTTP/1.x\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/x.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /\tHTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /a#b HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1 \r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET /\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET\r\n\r\n", 400, 0, 0, 0, 0 },
	{ " GET / HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "G(T / HTTP/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/2.0\r\n" H "\r\n", 505, 0, 0, 0, 0 },
	{ "GET / HTTP/1.2\r\n" H "\r\n", 505, 0, 0, 0, 0 },
	{ "GET / http/1.1\r\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.0\r\n\r\n", 0, "/", NULL, "", false },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 0, "/", NULL, "", true },
	{ "GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", 0, "/", NULL, "", false },
	{ "GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", 0, "/", NULL, "", true },
	/* Host */
	{ "GET / HTTP/1.1\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, "/", NULL, "", true },
	{ "GET / HTTP/1.1\r\nHost: [::1]:8888\r\n\r\n", 0, "/", NULL, "", true },
	{ "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\nHost: h/v1\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\nHost: h:port\r\n\r\n", 400, 0, 0, 0, 0 },
	/* line ends */
	{ "GET / HTTP/1.1\n" H "\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\nHost: h\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\nHost: h\r\n\n", 400, 0, 0, 0, 0 },
	/* fields */
	{ "GET / HTTP/1.1\r\n" H " folded\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H "\tfolded: x\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H "A : x\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H "A\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H "A: x\x01y\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H "A: x\x7f\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H "A: x\r\rB: y\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "GET / HTTP/1.1\r\n" H "A:\r\nB: \t\xc3\xa4 \t\r\n\r\n", 0, "/", NULL, "", true },
	{ "GET / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", 417, 0, 0, 0, 0 },
	/* Content-Length */
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 0, "/", NULL, "abc", true },
	{ "POST / HTTP/1.1\r\n" H "content-LENGTH:0\r\n\r\n", 0, "/", NULL, "", true },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 003\r\n\r\nabc", 0, "/", NULL, "abc", true },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", 400, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", 400, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc", 400, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabc", 400, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, 0, 0, 0,
	    0 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n", 413, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999\r\n\r\n", 413, 0, 0,
	    0, 0 },
	/* Transfer-Encoding */
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, "/",
	    NULL, "abc", true },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\nA;x=\"y\"\r\n"
	  "0123456789\r\n00\r\nT: x\r\nU:\r\n\r\n",
	    0, "/", NULL, "a0123456789", true },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, "/", NULL, "",
	    true },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400, 0,
	    0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H
	  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	    400, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501, 0, 0, 0, 0 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 501, 0, 0, 0, 0 },
	{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0, 0, 0, 0 },
#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	{ CHUNKED "\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "0\r\nContent-Length: 5\r\n\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "0\r\ntransfer-encoding: chunked\r\n\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "0\r\nHost: other\r\n\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "g\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "0x3\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "-3\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED " 3\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3 \r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3\nabc\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;a\nb\r\nabc\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;a;b=c;d=\"e f;\"\r\nabc\r\n0\r\n\r\n", 0, "/", NULL, "abc", true },
	{ CHUNKED "3;\xbb=y\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;a=\xbb\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3; a\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;a=\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;a=\"b\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;a=\"b\"c\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3;a=\"\x7f\"\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3\r\nabcd\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "3\r\nabc\n0\r\n\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "00000000000000000\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "100001\r\n", 413, 0, 0, 0, 0 },
	{ CHUNKED "ffffffffffffffff\r\n", 413, 0, 0, 0, 0 },
	{ CHUNKED "1\r\na\r\n100000\r\n", 413, 0, 0, 0, 0 },
	{ CHUNKED "0\r\n folded\r\n\r\n", 400, 0, 0, 0, 0 },
	{ CHUNKED "0\r\nA\r\n\r\n", 400, 0, 0, 0, 0 },
};

/* The result of parsing a text: the status of an error, or one line describing the request. */
struct outcome {
	int result;
	int status;
	size_t used;
	char said[512];
};

static void
describe(const struct http_parser *p, struct outcome *o)
{
	const struct http_request *r = &p->request;
	int n;

	o->status = p->status;
	if (o->result == HTTP_PARSE_BAD) {
		assert_non_null(p->why);
		(void)snprintf(o->said, sizeof o->said, "%s", p->why);
		return;
	}
	n = snprintf(o->said, sizeof o->said, "%.*s %.*s ? %.*s keep=%d body=%.*s",
	    (int)r->method_text.n, r->method_text.p, (int)r->path.n, r->path.p, (int)r->query.n,
	    r->query.p ? r->query.p : "(none)", r->keep_alive, (int)r->body.n, r->body.p);
	for (size_t i = 0; i < r->n_fields && n < (int)sizeof o->said; i++)
		n += snprintf(o->said + n, sizeof o->said - (size_t)n, " %.*s=%.*s",
		    (int)r->fields[i].name.n, r->fields[i].name.p, (int)r->fields[i].value.n,
		    r->fields[i].value.p);
}

/* Feeds text in two pieces, or byte by byte (split == n + 1); each from a block of its own size. */
static struct outcome
parse(const char *text, size_t n, size_t split)
{
	struct http_parser p;
	struct outcome o = { .result = HTTP_PARSE_MORE };
	size_t at = 0;

	http_parser_init(&p);
	while (at < n && (o.result == HTTP_PARSE_MORE || o.result == HTTP_PARSE_HEAD)) {
		size_t piece = split > n ? 1 : at < split ? split - at : n - at, used;
		char *copy = malloc(piece);

		memcpy(copy, text + at, piece);
		o.result = http_parser_feed(&p, copy, piece, &used);
		free(copy);
		assert_true(used <= piece);
		if (o.result == HTTP_PARSE_MORE)
			assert_int_equal(used, piece);
		at += used;
	}
	o.used = at;
	if (o.result == HTTP_PARSE_DONE || o.result == HTTP_PARSE_BAD)
		describe(&p, &o);
	http_parser_fini(&p);
	return o;
}

static void
each_text_is_a_request_or_refused_with_its_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *w = &rows[i];
		size_t n = strlen(w->text);
		struct outcome o = parse(w->text, n, n);
		char want[128];

		if (o.status != w->status)
			fail_msg("row %zu: status %d, not %d", i, o.status, w->status);
		if (w->status)
			continue;
		assert_int_equal(o.result, HTTP_PARSE_DONE);
		assert_int_equal(o.used, n);
		(void)snprintf(want, sizeof want, " %s ? %.*s keep=%d body=%s", w->path,
		    w->query ? (int)strlen(w->query) : 0, w->query ? w->query : "", w->keep_alive,
		    w->body);
		if (!strstr(o.said, want))
			fail_msg("row %zu: %s, not %s", i, o.said, want);
	}
}

static void
where_the_bytes_are_cut_makes_no_difference(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = strlen(rows[i].text);
		struct outcome whole = parse(rows[i].text, n, n);

		for (size_t split = 1; split <= n + 1; split++) {
			struct outcome o = parse(rows[i].text, n, split);

			assert_int_equal(o.result, whole.result);
			assert_int_equal(o.status, whole.status);
			assert_int_equal(o.used, whole.used);
			assert_string_equal(o.said, whole.said);
		}
	}
}

static void
a_nul_is_refused_wherever_it_stands(void **state)
{
	static const char text[] =
	    "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1\r\n";
	size_t n = sizeof text - 1;
	char copy[sizeof text];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		memcpy(copy, text, n);
		copy[i] = '\0';
		assert_int_equal(parse(copy, n, n).status, 400);
	}
}

static void
caps_stand_on_both_sides(void **state)
{
	static char text[LIMIT_HTTP_BODY + 4096];
	size_t n;

	(void)state;
	/* The target, slash included. */
	for (size_t over = 0; over < 2; over++) {
		n = LIMIT_HTTP_URI + over;
		strcpy(text, "GET ");
		memset(text + 4, '/', n);
		strcpy(text + 4 + n, " HTTP/1.1\r\n" H "\r\n");
		assert_int_equal(parse(text, strlen(text), strlen(text)).status, over ? 414 : 0);
	}
	memset(text, 'G', sizeof text); /* no line ends at all */
	assert_int_equal(parse(text, sizeof text, sizeof text).status, 414);
	/* The header block. */
	for (size_t over = 0; over < 2; over++) {
		n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" H "A: ");
		memset(text + n, 'x', LIMIT_HTTP_HEADERS);
		strcpy(text + LIMIT_HTTP_HEADERS - 4 + over, "\r\n\r\n");
		assert_int_equal(parse(text, strlen(text), strlen(text)).status, over ? 431 : 0);
	}
	/* The number of fields. */
	for (size_t over = 0; over < 2; over++) {
		n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" H);
		for (size_t i = 1; i < LIMIT_HTTP_FIELDS + over; i++)
			n += (size_t)sprintf(text + n, "F: x\r\n");
		strcpy(text + n, "\r\n");
		assert_int_equal(parse(text, strlen(text), strlen(text)).status, over ? 431 : 0);
	}
	/* The body. */
	n = (size_t)sprintf(text, "POST / HTTP/1.1\r\n" H "Content-Length: 1048576\r\n\r\n");
	memset(text + n, 'b', LIMIT_HTTP_BODY);
	assert_int_equal(parse(text, n + LIMIT_HTTP_BODY, 100).result, HTTP_PARSE_DONE);
	n = (size_t)sprintf(text, CHUNKED "100000\r\n");
	memset(text + n, 'b', LIMIT_HTTP_BODY);
	strcpy(text + n + LIMIT_HTTP_BODY, "\r\n0\r\n\r\n");
	assert_int_equal(parse(text, strlen(text), 100).result, HTTP_PARSE_DONE);
	/* What is around chunks. */
	n = (size_t)sprintf(text, CHUNKED);
	while (n < sizeof text - 8)
		n += (size_t)sprintf(text + n, "1\r\nx\r\n");
	assert_int_equal(parse(text, n, n).status, 400);
}

static void
pipelined_requests_come_one_at_a_time(void **state)
{
	static const char text[] = "POST /1 HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxy"
				   "GET /2 HTTP/1.1\r\n" H "\r\n";
	struct http_parser p;
	size_t used, at;

	(void)state;
	http_parser_init(&p);
	assert_true(http_parser_idle(&p));
	assert_int_equal(http_parser_feed(&p, text, sizeof text - 1, &used), HTTP_PARSE_HEAD);
	assert_false(http_parser_idle(&p));
	at = used;
	assert_int_equal(
	    http_parser_feed(&p, text + at, sizeof text - 1 - at, &used), HTTP_PARSE_DONE);
	at += used;
	assert_true(span_is(p.request.path, "/1"));
	assert_true(span_is(p.request.body, "xy"));
	/* The result stays the same until the caller has handled it. */
	assert_int_equal(
	    http_parser_feed(&p, text + at, sizeof text - 1 - at, &used), HTTP_PARSE_DONE);
	assert_int_equal(used, 0);
	http_parser_reset(&p);
	assert_true(http_parser_idle(&p));
	assert_int_equal(
	    http_parser_feed(&p, text + at, sizeof text - 1 - at, &used), HTTP_PARSE_DONE);
	assert_int_equal(at + used, sizeof text - 1);
	assert_true(span_is(p.request.path, "/2"));
	assert_true(span_is(p.request.body, ""));
	http_parser_fini(&p);
	assert_int_equal(mem_live(), 0);
}

static void
a_refused_stream_stays_refused(void **state)
{
	struct http_parser p;
	size_t used;

	(void)state;
	http_parser_init(&p);
	assert_int_equal(http_parser_feed(&p, "\n", 1, &used), HTTP_PARSE_BAD);
	assert_int_equal(
	    http_parser_feed(&p, "GET / HTTP/1.1\r\n" H "\r\n", 27, &used), HTTP_PARSE_BAD);
	assert_int_equal(used, 0);
	http_parser_fini(&p);
}

static void
fields_are_found_without_case(void **state)
{
	static const char text[] =
	    "GET / HTTP/1.1\r\n" H "x-A: 1\r\nX-a: 2\r\nList: a,\tB , c\r\n\r\n";
	struct http_parser p;
	size_t used;
	bool again;
	struct span list;

	(void)state;
	http_parser_init(&p);
	assert_int_equal(http_parser_feed(&p, text, sizeof text - 1, &used), HTTP_PARSE_DONE);
	assert_true(span_is(http_request_field(&p.request, "x-a", &again), "1"));
	assert_true(again);
	assert_true(span_is(http_request_field(&p.request, "host", &again), "h"));
	assert_false(again);
	assert_null(http_request_field(&p.request, "x", &again).p);
	list = http_request_field(&p.request, "list", NULL);
	assert_true(
	    http_list_has(list, "a") && http_list_has(list, "b") && http_list_has(list, "c"));
	assert_false(http_list_has(list, "a,") || http_list_has(list, "d"));
	assert_false(http_list_has((struct span){ 0 }, "a"));
	http_parser_fini(&p);
}

static void
memory_that_is_out_is_told_and_nothing_leaks(void **state)
{
	static const char text[] = CHUNKED "3\r\nabc\r\n0\r\nT: x\r\n\r\n";
	int r;

	(void)state;
	for (int64_t n = 0;; n++) {
		struct http_parser p;
		size_t at = 0, used;

		mem_fail_after(n);
		http_parser_init(&p);
		do {
			r = http_parser_feed(&p, text + at, sizeof text - 1 - at, &used);
			at += used;
		} while (r == HTTP_PARSE_HEAD);
		mem_fail_after(-1);
		http_parser_fini(&p);
		assert_int_equal(mem_live(), 0);
		if (r == HTTP_PARSE_DONE)
			break;
		assert_int_equal(r, -12); /* ENOMEM */
		assert_true(n < 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text_is_a_request_or_refused_with_its_status),
		cmocka_unit_test(where_the_bytes_are_cut_makes_no_difference),
		cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
		cmocka_unit_test(caps_stand_on_both_sides),
		cmocka_unit_test(pipelined_requests_come_one_at_a_time),
		cmocka_unit_test(a_refused_stream_stays_refused),
		cmocka_unit_test(fields_are_found_without_case),
		cmocka_unit_test(memory_that_is_out_is_told_and_nothing_leaks),
	};

	return cmocka_run_group_tests_name("httpparse", tests, NULL, NULL);
}
