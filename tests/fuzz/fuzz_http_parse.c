/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first two bytes say where the rest is split in two. Split or not, the result must be the
 * same.
 */
#include <string.h>

#include "base/mem.h"
#include "manager/http/parse.h"
#include "tests/fuzz/fuzz.h"

struct outcome {
	int result;
	int status;
	size_t used;
	size_t n_fields;
	uint64_t sum;
};

static void
add(struct outcome *o, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		o->sum = o->sum * 1099511628211ULL + (unsigned char)s.p[i];
	o->sum = o->sum * 31 + s.n + (s.p != NULL);
}

static struct outcome
parse(const char *data, size_t n, size_t cut)
{
	struct http_parser p;
	struct outcome o = { .result = HTTP_PARSE_MORE };

	http_parser_init(&p);
	while (o.used < n && (o.result == HTTP_PARSE_MORE || o.result == HTTP_PARSE_HEAD)) {
		size_t piece = o.used < cut ? cut - o.used : n - o.used, used;

		o.result = http_parser_feed(&p, data + o.used, piece, &used);
		must(o.result >= 0 && used <= piece);
		o.used += used;
	}
	if (o.result == HTTP_PARSE_BAD) {
		o.status = p.status;
		must(p.why && p.status >= 400);
	} else if (o.result == HTTP_PARSE_DONE) {
		const struct http_request *r = &p.request;

		add(&o, r->method_text);
		add(&o, r->path);
		add(&o, r->query);
		add(&o, r->body);
		for (size_t i = 0; i < r->n_fields; i++) {
			add(&o, r->fields[i].name);
			add(&o, r->fields[i].value);
		}
		o.n_fields = r->n_fields;
		must(r->path.n && r->path.p[0] == '/' && r->body.n <= LIMIT_HTTP_BODY);
	}
	http_parser_fini(&p);
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct outcome a, b;
	size_t cut;

	if (n < 2)
		return 0;
	cut = (size_t)data[0] << 8 | data[1];
	n -= 2;
	a = parse((const char *)data + 2, n, n);
	b = parse((const char *)data + 2, n, n ? cut % n + 1 : 0);
	must(a.result == b.result && a.status == b.status && a.used == b.used && a.sum == b.sum &&
	     a.n_fields == b.n_fields);
	must(mem_live() == 0);
	return 0;
}
