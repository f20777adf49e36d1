/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/scan/search.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/json/write.h"
#include "base/mem.h"
#include "ctl/output.h"

#define WINDOW_BYTES ((size_t)1 << 20)
#define FLUSH_BYTES  ((size_t)64 * 1024)
#define MAX_OUT      ((size_t)64 << 20)
#define MAX_NAME     ((size_t)1 << 20)

struct seen {
	uint64_t stream, line;
};

int
search_begin(struct search *s, const struct holdings *h, bool json)
{
	*s = (struct search){
		.holdings = h,
		.json = json,
		.name = BUF_INIT(MAX_NAME),
		.longest = needles_longest(h->needles),
		.out = BUF_INIT(MAX_OUT),
	};
	buf_init(&s->window, 2 * WINDOW_BYTES + s->longest);
	s->seen = mem_calloc(h->n ? h->n : 1, sizeof *s->seen);
	return s->seen ? 0 : -ENOMEM;
}

void
search_end(struct search *s)
{
	buf_fini(&s->name);
	buf_fini(&s->window);
	buf_fini(&s->out);
	mem_free(s->seen);
}

/* --- lines ----------------------------------------------------------------------------- */

/* Eight bytes at a time: a byte of `other` is 0 where the text has a newline. */
static uint64_t
count_lines(const char *p, size_t n)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f), newline = UINT64_C(0x0a0a0a0a0a0a0a0a);
	uint64_t lines = 0, other;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		memcpy(&other, p + i, sizeof other);
		other ^= newline;
		other = ((other & low) + low) | other | low;
		lines += (uint64_t)__builtin_popcountll(~other);
	}
	for (; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

/* --- printing -------------------------------------------------------------------------- */

static void
print_json(struct search *s, const struct holding *h, const struct needle *n, uint64_t line)
{
	buf_addc(&s->out, '{');
	output_member(&s->out, "file", span_of_buf(&s->name));
	jtext_member_int(&s->out, "line", (int64_t)line);
	jtext_member_string(&s->out, "key", span_of(h->key));
	jtext_member_string(&s->out, "field", span_of(h->field));
	jtext_member_string(&s->out, "form", span_of(needle_form_name(n->form)));
	buf_adds(&s->out, "}\n");
}

static void
print_line(struct search *s, const struct holding *h, const struct needle *n, uint64_t line)
{
	output_safe(&s->out, span_of_buf(&s->name));
	buf_addf(&s->out, ":%" PRIu64 ": ", line);
	output_safe(&s->out, span_of(h->key));
	buf_addc(&s->out, ' ');
	output_safe(&s->out, span_of(h->field));
	if (n->form != NEEDLE_PLAIN)
		buf_addf(&s->out, " (%s)", needle_form_name(n->form));
	buf_addc(&s->out, '\n');
}

static void
flush(struct search *s)
{
	if (s->code == CTL_YES && s->out.len)
		s->code = output_flush(&s->out);
	buf_reset(&s->out);
}

/* Says it once for each line and value. */
static void
report(struct search *s, const struct needle_match *m, uint64_t line)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct needle *n = &m->needle[i];
		struct seen *seen = &s->seen[n->owner];

		if (seen->stream == s->stream && seen->line == line)
			continue;
		*seen = (struct seen){ s->stream, line };
		s->n_found++;
		if (s->json)
			print_json(s, &s->holdings->holding[n->owner], n, line);
		else
			print_line(s, &s->holdings->holding[n->owner], n, line);
	}
	if (s->out.len > FLUSH_BYTES)
		flush(s);
}

/* --- searching ------------------------------------------------------------------------- */

/* Searches for what begins before `limit` in the window, and drops these bytes. */
static void
search_window(struct search *s, size_t limit)
{
	struct span text = span_of_buf(&s->window);
	size_t counted = 0;
	struct needle_match m;

	for (size_t from = 0; needles_find(s->holdings->needles, text, from, &m) && m.at < limit;
	     from = m.at + 1) {
		s->line += count_lines(text.p + counted, m.at - counted);
		counted = m.at;
		report(s, &m, s->line);
	}
	s->line += count_lines(text.p + counted, limit - counted);
	memmove(s->window.data, s->window.data + limit, s->window.len - limit);
	s->window.len -= limit;
}

void
search_stream(struct search *s, const char *name)
{
	buf_reset(&s->name);
	buf_adds(&s->name, name);
	s->stream++;
	s->n_streams++;
	s->line = 1;
}

void
search_bytes(struct search *s, struct span bytes)
{
	s->n_bytes += bytes.n;
	while (bytes.n) {
		size_t n = bytes.n < WINDOW_BYTES ? bytes.n : WINDOW_BYTES;

		buf_add(&s->window, bytes.p, n);
		if (buf_error(&s->window)) {
			s->code = ctl_fail(CTL_USAGE, NULL, "out of memory");
			buf_reset(&s->window);
			return;
		}
		bytes.p += n;
		bytes.n -= n;
		/* What begins in the last bytes may go on in the next ones. */
		if (s->window.len >= WINDOW_BYTES + s->longest)
			search_window(s, s->window.len - s->longest);
	}
}

void
search_stream_end(struct search *s)
{
	if (s->window.len)
		search_window(s, s->window.len);
	buf_reset(&s->window);
	flush(s);
}
