/* SPDX-License-Identifier: Apache-2.0 */
/* connctl redact: copies standard input to standard output, without values that connd holds. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ctl/output.h"
#include "ctl/scan/holdings.h"
#include "ctl/verbs.h"

#define READ_BYTES ((size_t)64 * 1024)

struct redact {
	const struct holdings *holdings;
	bool keys; /* the mask names the key */
	struct buf text;
	size_t masked; /* bytes at the beginning of text that a mask stands for already */
	struct buf out;
};

/* Where a run of matches that overlap or touch ends, and who owns the first of them. */
struct run {
	size_t begin, end;
	uint32_t owner;
};

/* The part of text in which a match may lie that begins at `at` or before. */
static struct span
near(const struct redact *r, struct span text, size_t at)
{
	size_t longest = needles_longest(r->holdings->needles);

	return (struct span){ text.p, text.n - at < longest ? text.n : at + longest };
}

static bool
find_run(const struct redact *r, struct span text, size_t from, struct run *out)
{
	struct needle_match m;

	if (!needles_find(r->holdings->needles, text, from, &m))
		return false;
	*out = (struct run){ m.at, m.at + m.length, m.needle->owner };
	while (needles_find(r->holdings->needles, near(r, text, out->end), m.at + 1, &m) &&
	       m.at <= out->end)
		if (m.at + m.length > out->end)
			out->end = m.at + m.length;
	return true;
}

static void
write_mask(struct redact *r, uint32_t owner)
{
	if (r->keys)
		buf_addf(&r->out, "[connd:%s]", r->holdings->holding[owner].key);
	else
		buf_adds(&r->out, OUTPUT_MASK);
}

/*
 * Writes what is decided: everything before `limit`, where the first value begins that goes on
 * beyond the text. A run that reaches over it is written as a mask now, and the rest of it is
 * skipped later.
 */
static void
write_until(struct redact *r, size_t limit)
{
	struct span text = span_of_buf(&r->text);
	size_t at = r->masked < limit ? r->masked : limit, reached = r->masked;
	struct run run;

	for (size_t from = 0; find_run(r, text, from, &run) && run.begin < limit; from = run.end) {
		if (run.begin > reached || (run.begin == reached && reached == 0)) {
			buf_add(&r->out, text.p + at, run.begin - at);
			write_mask(r, run.owner);
		}
		if (run.end > reached)
			reached = run.end;
		at = reached < limit ? reached : limit;
	}
	buf_add(&r->out, text.p + at, limit - at);
	r->masked = reached > limit ? reached - limit : 0;
	buf_consume(&r->text, limit);
}

static int
flush(struct redact *r)
{
	int code = output_flush(&r->out);

	buf_reset(&r->out);
	return code;
}

static int
read_all(struct redact *r)
{
	int code = CTL_YES;

	while (code == CTL_YES) {
		char *room = buf_room(&r->text, READ_BYTES);
		ssize_t n = room ? read(STDIN_FILENO, room, READ_BYTES) : -1;

		if (!room)
			return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ctl_fail(CTL_UNAVAILABLE, NULL, "cannot read standard input: %s",
			    strerror(errno));
		buf_grown(&r->text, (size_t)n);
		write_until(r, n == 0
				   ? r->text.len
				   : needles_cut(r->holdings->needles, span_of_buf(&r->text), 0));
		code = flush(r);
		if (n == 0)
			break;
	}
	return code;
}

int
ctl_redact(const struct ctl_options *o)
{
	struct holdings h;
	struct redact r = { .holdings = &h, .keys = cli_has(o->line, OPT_KEYS) };
	int code = holdings_read(&h, o);

	if (code == CTL_YES) {
		buf_init(&r.text, 2 * READ_BYTES + needles_longest(h.needles));
		buf_init(&r.out, (size_t)64 << 20);
		code = read_all(&r);
		buf_fini(&r.text);
		buf_fini(&r.out);
	}
	holdings_free(&h);
	return code;
}
