/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a path, a query string and a Prefer field. Decoded text is UTF-8 without NUL. A
 * query that is encoded again from its decoded form decodes to the same.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "manager/api/input/query.h"
#include "tests/fuzz/fuzz.h"

#define ROOM (1 << 20)

static void
must_be_text(struct span s)
{
	must(!s.n || s.p);
	must(!s.n || utf8_is_valid(s));
}

static void
read_path(struct span raw)
{
	struct buf scratch = BUF_INIT(ROOM);
	struct path p;
	int r = path_read(&p, raw, &scratch);

	must(r == 0 || r == -EINVAL || r == -ENOENT);
	if (r == 0) {
		must(p.n > 0 && p.n <= PATH_MAX_SEGMENTS);
		for (size_t i = 0; i < p.n; i++)
			must_be_text(p.segments[i]);
	}
	buf_fini(&scratch);
}

static void
encode(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addf(out, "%%%02x", (unsigned char)s.p[i]);
}

static void
read_again(const struct query *q)
{
	struct buf text = BUF_INIT(ROOM), scratch = BUF_INIT(ROOM);
	struct query again;
	struct fault f;

	for (size_t i = 0; i < q->n; i++) {
		if (i)
			buf_addc(&text, '&');
		encode(&text, q->pairs[i].name);
		buf_addc(&text, '=');
		encode(&text, q->pairs[i].value);
	}
	must(buf_error(&text) == 0);
	must(query_read(&again, span_of_buf(&text), &scratch, &f) == 0);
	must(again.n == q->n);
	for (size_t i = 0; i < q->n; i++) {
		must(span_equal(again.pairs[i].name, q->pairs[i].name));
		must(span_equal(again.pairs[i].value, q->pairs[i].value));
	}
	buf_fini(&text);
	buf_fini(&scratch);
}

static void
typed(const struct query *q)
{
	static const char *const names[] = { "objectKey", "createdAt" };
	struct query_sort sorts[QUERY_MAX_SORTS];
	struct span text = { 0 };
	struct fault f;
	size_t n = 0;
	bool flag;
	int64_t count = 0;

	if (query_text(q, "objectKey", &text, &f) == 0)
		must_be_text(text);
	must(query_bool(q, "resolveLinked", &flag, &f) <= 0);
	if (query_count(q, "limit", &count, &f) == 0)
		must(count >= 0);
	if (query_sorts(q, names, 2, sorts, &n, &f) == 0) {
		must(n <= QUERY_MAX_SORTS);
		for (size_t i = 0; i < n; i++)
			must(sorts[i].by < 2);
	}
}

static void
read_query(struct span raw)
{
	struct buf scratch = BUF_INIT(ROOM);
	struct query q;
	struct fault f;
	int r = query_read(&q, raw, &scratch, &f);

	must(r == 0 || r == -EINVAL);
	if (r == 0) {
		must(q.n <= QUERY_MAX_PAIRS);
		for (size_t i = 0; i < q.n; i++) {
			must_be_text(q.pairs[i].name);
			must_be_text(q.pairs[i].value);
		}
		read_again(&q);
		typed(&q);
	}
	buf_fini(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span raw = { (const char *)data + 1, n - 1 };

	if (n < 2)
		return 0;
	switch (data[0] % 3) {
	case 0:
		if (raw.p[0] == '/') /* the parser of the request line refuses all others */
			read_path(raw);
		break;
	case 1:
		read_query(raw);
		break;
	default:
		must(prefer_wait(raw) >= 0);
	}
	must(mem_live() == 0);
	return 0;
}
