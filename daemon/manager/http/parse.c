/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/http/parse.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "manager/http/request_line.h"

/* In a request line beside the target: the longest method, the version, two spaces. */
#define LINE_SLACK 64
/*
 * Chunk lines and trailers of one request, limited so that small chunks cannot cause endless
 * overhead.
 */
#define OVERHEAD_MAX   (64 * 1024)
#define CHUNK_LINE_MAX 256
#define KEEP_HEAD      4096 /* buffer for heads that a connection keeps between two requests */

static int
refuse(struct http_parser *p, int status, const char *why)
{
	p->state = HTTP_STATE_BAD;
	p->status = status;
	p->why = why;
	return HTTP_PARSE_BAD;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
http_span_is(struct span a, const char *low)
{
	size_t i;

	for (i = 0; i < a.n; i++)
		if (!low[i] || lower(a.p[i]) != low[i])
			return false;
	return !low[i];
}

static struct span
trim(struct span s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s.p++, s.n--;
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool
http_list_has(struct span list, const char *token)
{
	while (list.p) {
		const char *comma = memchr(list.p, ',', list.n);
		struct span one = { list.p, comma ? (size_t)(comma - list.p) : list.n };

		if (http_span_is(trim(one), token))
			return true;
		if (!comma)
			break;
		list.n -= one.n + 1;
		list.p = comma + 1;
	}
	return false;
}

struct span
http_request_field(const struct http_request *r, const char *name, bool *again)
{
	struct span found = { 0 };

	if (again)
		*again = false;
	for (size_t i = 0; i < r->n_fields; i++) {
		if (!http_span_is(r->fields[i].name, name))
			continue;
		if (!found.p)
			found = r->fields[i].value;
		else if (again)
			*again = true;
	}
	return found;
}

void
http_parser_wipe_field(struct http_parser *p, const char *name)
{
	const struct http_request *r = &p->request;

	for (size_t i = 0; i < r->n_fields; i++)
		if (r->fields[i].value.n && http_span_is(r->fields[i].name, name))
			mem_wipe(p->head.data + (r->fields[i].value.p - p->head.data),
			    r->fields[i].value.n);
}

void
http_parser_init(struct http_parser *p)
{
	memset(p, 0, sizeof *p);
	buf_init(&p->head, LIMIT_HTTP_HEADERS);
	buf_init(&p->line, LIMIT_HTTP_HEADERS);
	buf_init(&p->body, LIMIT_HTTP_BODY);
}

void
http_parser_fini(struct http_parser *p)
{
	buf_fini(&p->head);
	buf_fini(&p->line);
	buf_fini(&p->body);
}

void
http_parser_reset(struct http_parser *p)
{
	if (p->head.cap > KEEP_HEAD)
		buf_fini(&p->head); /* an idle connection should not keep much */
	buf_reset(&p->head);
	buf_fini(&p->line);
	buf_fini(&p->body);
	p->request.method = HTTP_OTHER;
	p->request.method_text = p->request.path = p->request.query = (struct span){ 0 };
	p->request.http10 = p->request.keep_alive = p->request.expect_continue = false;
	p->request.n_fields = 0;
	p->state = HTTP_STATE_HEAD;
	p->left = p->overhead = p->line_end = 0;
	p->skipped_blank = false;
	p->status = 0;
	p->why = NULL;
}

size_t
http_parser_bytes(const struct http_parser *p)
{
	return p->head.cap + p->line.cap + p->body.cap;
}

bool
http_parser_idle(const struct http_parser *p)
{
	return p->state == HTTP_STATE_HEAD && !p->head.len && !p->skipped_blank;
}

/* --- the header block ----------------------------------------------------------------- */

static int
read_request_line(struct http_parser *p, struct span line)
{
	const char *why;
	int status = request_line_read(line, &p->request, &why);

	return status ? refuse(p, status, why) : 0;
}

static int
check_field(struct http_parser *p, struct span l, struct http_field *out)
{
	const char *colon = memchr(l.p, ':', l.n);

	if (*l.p == ' ' || *l.p == '\t')
		return refuse(p, 400, "A header field is folded over two lines");
	if (!colon)
		return refuse(p, 400, "A header field has no colon");
	out->name = (struct span){ l.p, (size_t)(colon - l.p) };
	if (!http_is_token(out->name))
		return refuse(p, 400, "The name of a header field is malformed");
	out->value = trim((struct span){ colon + 1, l.n - out->name.n - 1 });
	for (size_t i = 0; i < out->value.n; i++) {
		unsigned char c = (unsigned char)out->value.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return refuse(p, 400, "A header field holds a control character");
	}
	return 0;
}

static int
read_length(struct http_parser *p, struct span v)
{
	size_t n = 0;

	if (!v.n)
		return refuse(p, 400, "Content-Length is not a number");
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return refuse(p, 400, "Content-Length is not a number");
		if (n <= LIMIT_HTTP_BODY)
			n = n * 10 + (size_t)(v.p[i] - '0');
	}
	if (n > LIMIT_HTTP_BODY)
		return refuse(p, 413, "The request's body is larger than 1 MiB");
	p->left = n;
	p->state = n ? HTTP_STATE_LENGTH : HTTP_STATE_DONE;
	return 0;
}

static int
check_host(struct http_parser *p)
{
	const struct http_request *r = &p->request;
	bool again;
	struct span host = http_request_field(r, "host", &again);

	if (again || (!host.p && !r->http10))
		return refuse(p, 400, "A request needs exactly one Host field");
	if (host.p && !host_is_valid(host))
		return refuse(p, 400, "The Host field is not HOST or HOST:PORT");
	return 0;
}

/* Two fields that state where the body ends are refused: a proxy might obey the other one. */
static int
check_length(struct http_parser *p, struct span *te, struct span *cl)
{
	const struct http_request *r = &p->request;
	bool te_again, cl_again;

	*te = http_request_field(r, "transfer-encoding", &te_again);
	*cl = http_request_field(r, "content-length", &cl_again);
	if (te->p && cl->p)
		return refuse(p, 400, "Content-Length and Transfer-Encoding exclude each other");
	if (te_again || cl_again)
		return refuse(p, 400, "The length of the body is given twice");
	if (te->p && r->http10)
		return refuse(p, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (te->p && !http_span_is(*te, "chunked"))
		return refuse(p, 501, "The only Transfer-Encoding known here is chunked");
	return 0;
}

static int
check_expect(struct http_parser *p)
{
	bool again;
	struct span expect = http_request_field(&p->request, "expect", &again);

	if (expect.p && (again || !http_span_is(expect, "100-continue")))
		return refuse(p, 417, "The only expectation known here is 100-continue");
	p->request.expect_continue = expect.p && !p->request.http10;
	return 0;
}

static bool
keeps_alive(const struct http_request *r)
{
	bool close = false, keep = false;

	for (size_t i = 0; i < r->n_fields; i++) {
		if (!http_span_is(r->fields[i].name, "connection"))
			continue;
		close |= http_list_has(r->fields[i].value, "close");
		keep |= http_list_has(r->fields[i].value, "keep-alive");
	}
	return !close && (!r->http10 || keep);
}

/* Reads the fields about the message itself: where its body ends, and what follows it. */
static int
read_framing(struct http_parser *p)
{
	struct http_request *r = &p->request;
	struct span te, cl;

	if (check_host(p) || check_length(p, &te, &cl) || check_expect(p))
		return HTTP_PARSE_BAD;
	r->keep_alive = keeps_alive(r);
	p->state = te.p ? HTTP_STATE_CHUNK_LINE : HTTP_STATE_DONE;
	if (cl.p && read_length(p, cl))
		return HTTP_PARSE_BAD;
	if (p->state == HTTP_STATE_DONE)
		r->expect_continue = false;
	return 0;
}

/* Reads the complete block of fields, in which every line ends with CR LF. */
static int
read_head(struct http_parser *p)
{
	struct http_request *r = &p->request;
	const char *at = p->head.data + p->line_end, *end = p->head.data + p->head.len - 2;

	r->n_fields = 0;
	r->body = SPAN_LITERAL("");
	if (read_request_line(p, (struct span){ p->head.data, p->line_end - 2 }))
		return HTTP_PARSE_BAD;
	while (at < end) {
		const char *cr = memchr(at, '\r', (size_t)(end - at));
		struct span l = { at, (size_t)(cr - at) };

		if (r->n_fields == LIMIT_HTTP_FIELDS)
			return refuse(p, 431, "The request has too many header fields");
		if (check_field(p, l, &r->fields[r->n_fields]))
			return HTTP_PARSE_BAD;
		r->n_fields++;
		at = cr + 2;
	}
	if (read_framing(p))
		return HTTP_PARSE_BAD;
	return p->state == HTTP_STATE_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_HEAD;
}

/* Checks c after `before` (0: none): lines end with CR LF only. NULL, or what is wrong. */
static const char *
line_fault(char before, char c)
{
	if (!c)
		return "The request's header holds a NUL";
	if (c == '\n' && before != '\r')
		return "A line of the request ends in a bare LF";
	if (before == '\r' && c != '\n')
		return "A line of the request ends in a bare CR";
	return NULL;
}

/* One empty line may come first: some clients send one after their last body. */
static int
end_request_line(struct http_parser *p)
{
	if (p->head.len > 2) {
		p->line_end = p->head.len;
		return HTTP_PARSE_MORE;
	}
	if (p->skipped_blank)
		return refuse(p, 400, "The request line is empty");
	p->skipped_blank = true;
	buf_reset(&p->head);
	return HTTP_PARSE_MORE;
}

static int
feed_head_byte(struct http_parser *p, char c)
{
	struct buf *h = &p->head;
	const char *fault = line_fault(h->len ? h->data[h->len - 1] : 0, c);

	if (fault)
		return refuse(p, 400, fault);
	if (h->len == LIMIT_HTTP_HEADERS)
		return refuse(p, 431, "The request's header is larger than 32 KiB");
	if (!p->line_end && h->len == LIMIT_HTTP_URI + LINE_SLACK)
		return refuse(p, 414, "The request line is longer than 8 KiB");
	buf_addc(h, c);
	if (buf_error(h))
		return -ENOMEM;
	if (c != '\n')
		return HTTP_PARSE_MORE;
	if (!p->line_end)
		return end_request_line(p);
	return h->data[h->len - 3] == '\n' ? read_head(p) : HTTP_PARSE_MORE;
}

/* --- the body ------------------------------------------------------------------------- */

static int
body_done(struct http_parser *p)
{
	p->state = HTTP_STATE_DONE;
	if (p->body.len)
		p->request.body = (struct span){ p->body.data, p->body.len };
	return HTTP_PARSE_DONE;
}

static int
feed_data(struct http_parser *p, const char *data, size_t n, size_t *used)
{
	size_t take = n < p->left ? n : p->left;

	buf_add(&p->body, data, take);
	if (buf_error(&p->body))
		return -ENOMEM; /* its size was checked before */
	*used += take;
	p->left -= take;
	if (p->left)
		return HTTP_PARSE_MORE;
	if (p->state == HTTP_STATE_LENGTH)
		return body_done(p);
	p->state = HTTP_STATE_CHUNK_END;
	return HTTP_PARSE_MORE;
}

static int
hex_value(char c)
{
	c = lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads the leading digits into *size, which stops growing beyond the limit. Returns how many. */
static size_t
read_hex(struct span s, size_t *size)
{
	size_t i = 0;

	for (; i < s.n && hex_value(s.p[i]) >= 0; i++)
		if (*size <= LIMIT_HTTP_BODY)
			*size = *size * 16 + (size_t)hex_value(s.p[i]);
	return i;
}

/* Where the token ends that begins at `at`. */
static size_t
token_end(struct span l, size_t at)
{
	while (at < l.n && http_is_token((struct span){ l.p + at, 1 }))
		at++;
	return at;
}

/* Where the quoted string ends that begins at `at`; l.n + 1: it does not. Without escapes. */
static size_t
quoted_end(struct span l, size_t at)
{
	for (at++; at < l.n && l.p[at] != '"'; at++)
		if (l.p[at] == '\\' || (l.p[at] < ' ' && l.p[at] != '\t') || l.p[at] > '~')
			return l.n + 1;
	return at + 1;
}

/* Any number of ";name", ";name=token" and ";name=\"text\"", without spaces. */
static bool
are_extensions(struct span l, size_t at)
{
	while (at < l.n) {
		size_t name = at + 1, end = token_end(l, name);

		if (l.p[at] != ';' || end == name)
			return false;
		at = end;
		if (at == l.n || l.p[at] != '=')
			continue;
		name = at + 1;
		at = name < l.n && l.p[name] == '"' ? quoted_end(l, name) : token_end(l, name);
		if (at == name || at > l.n)
			return false;
	}
	return true;
}

/* "1a;ext=1": the extension is checked and ignored, as the RFC demands. */
static int
read_chunk_line(struct http_parser *p)
{
	struct span l = { p->line.data, p->line.len - 2 };
	size_t size = 0, digits = read_hex(l, &size);

	if (!digits || digits > 16 || (digits < l.n && l.p[digits] != ';'))
		return refuse(p, 400, "The size of a chunk is malformed");
	if (!are_extensions(l, digits))
		return refuse(
		    p, 400, "A chunk's extension is malformed: expected ;NAME or ;NAME=VALUE");
	if (size > LIMIT_HTTP_BODY - p->body.len)
		return refuse(p, 413, "The request's body is larger than 1 MiB");
	p->left = size;
	p->state = size ? HTTP_STATE_CHUNK_DATA : HTTP_STATE_TRAILER;
	return HTTP_PARSE_MORE;
}

/* The line behind a chunk's data is empty. */
static int
read_chunk_end(struct http_parser *p)
{
	if (p->line.len != 2)
		return refuse(p, 400, "A chunk is longer than its size");
	p->state = HTTP_STATE_CHUNK_LINE;
	return HTTP_PARSE_MORE;
}

/*
 * Trailer fields must be well-formed and are ignored. A field that has an effect in a head is
 * refused.
 */
static int
read_trailer(struct http_parser *p)
{
	struct http_field field;

	if (p->line.len == 2)
		return body_done(p);
	if (check_field(p, (struct span){ p->line.data, p->line.len - 2 }, &field))
		return HTTP_PARSE_BAD;
	if (http_span_is(field.name, "content-length") ||
	    http_span_is(field.name, "transfer-encoding") || http_span_is(field.name, "host"))
		return refuse(p, 400, "A field of the request's head stands in its trailer");
	return HTTP_PARSE_MORE;
}

static int
end_line(struct http_parser *p)
{
	if (p->state == HTTP_STATE_CHUNK_LINE)
		return read_chunk_line(p);
	return p->state == HTTP_STATE_CHUNK_END ? read_chunk_end(p) : read_trailer(p);
}

static int
feed_line_byte(struct http_parser *p, char c)
{
	struct buf *l = &p->line;
	const char *fault = line_fault(l->len ? l->data[l->len - 1] : 0, c);
	int r;

	if (fault)
		return refuse(p, 400, fault);
	if (++p->overhead > OVERHEAD_MAX)
		return refuse(
		    p, 400, "The chunk lines and trailers of the body are larger than 64 KiB");
	if (p->state == HTTP_STATE_CHUNK_LINE && l->len == CHUNK_LINE_MAX)
		return refuse(p, 400, "The size of a chunk is malformed");
	if (l->len == LIMIT_HTTP_HEADERS)
		return refuse(p, 431, "The request's trailer is larger than 32 KiB");
	buf_addc(l, c);
	if (buf_error(l))
		return -ENOMEM;
	if (c != '\n')
		return HTTP_PARSE_MORE;
	r = end_line(p);
	buf_reset(l);
	return r;
}

int
http_parser_feed(struct http_parser *p, const char *data, size_t n, size_t *used)
{
	int r = HTTP_PARSE_MORE;

	*used = 0;
	if (p->state == HTTP_STATE_BAD)
		return HTTP_PARSE_BAD;
	if (p->state == HTTP_STATE_DONE)
		return HTTP_PARSE_DONE;
	while (r == HTTP_PARSE_MORE && *used < n) {
		const char *at = data + *used;

		if (p->state == HTTP_STATE_LENGTH || p->state == HTTP_STATE_CHUNK_DATA)
			r = feed_data(p, at, n - *used, used);
		else if (p->state == HTTP_STATE_HEAD)
			r = feed_head_byte(p, data[(*used)++]);
		else
			r = feed_line_byte(p, data[(*used)++]);
	}
	return r;
}
