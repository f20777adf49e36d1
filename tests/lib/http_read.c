/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints how the manager parses HTTP requests, to compare it with other parsers. stdin: a sequence
 * of requests, each a length of four bytes, little endian, and its bytes. stdout: one line per
 * request. `DONE used http10 keep_alive method path query body [name value]...`, with texts in hex,
 * "-" for an absent one and "." for an empty one; `BAD status`; or `MORE`.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "manager/http/parse.h"

static void
put(struct span s)
{
	putchar(' ');
	if (!s.p)
		putchar('-');
	else if (!s.n)
		putchar('.');
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", (unsigned char)s.p[i]);
}

static void
put_request(const struct http_request *r, size_t used)
{
	printf("DONE %zu %d %d", used, r->http10, r->keep_alive);
	put(r->method_text);
	put(r->path);
	put(r->query);
	put(r->body);
	for (size_t i = 0; i < r->n_fields; i++) {
		put(r->fields[i].name);
		put(r->fields[i].value);
	}
	putchar('\n');
}

static void
read_one(const char *data, size_t n)
{
	struct http_parser p;
	size_t used = 0, piece;
	int r = HTTP_PARSE_MORE;

	http_parser_init(&p);
	while (used < n && (r == HTTP_PARSE_MORE || r == HTTP_PARSE_HEAD)) {
		r = http_parser_feed(&p, data + used, n - used, &piece);
		used += piece;
	}
	if (r == HTTP_PARSE_DONE)
		put_request(&p.request, used);
	else if (r == HTTP_PARSE_BAD)
		printf("BAD %d\n", p.status);
	else
		puts("MORE");
	http_parser_fini(&p);
}

int
main(void)
{
	unsigned char head[4];

	while (fread(head, 1, sizeof head, stdin) == sizeof head) {
		size_t n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 |
			   (size_t)head[3] << 24;
		char *data = mem_alloc(n);

		if (!data || fread(data, 1, n, stdin) != n)
			return 1;
		read_one(data, n);
		mem_free(data);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
