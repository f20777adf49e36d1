/* SPDX-License-Identifier: Apache-2.0 */
/* connctl trace: the last lookups, a line each; with --follow, further ones as they come. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "ctl/output.h"
#include "ctl/traced.h"
#include "ctl/verbs.h"

#define FOLLOW_MS  250 /* between two looks */
#define FOLLOW_OLD 10  /* lines of the past that --follow begins with */
#define CELL_BYTES 64
#define MAX_OUT    ((size_t)4 * LIMIT_REPLY)

struct tracing {
	struct buf out;
	bool json, quiet; /* quiet: nothing is written */
};

/* "12 us", or "-". */
static void
add_us(struct buf *out, int64_t us)
{
	char cell[CELL_BYTES] = "-";

	if (us >= 0)
		(void)snprintf(cell, sizeof cell, "%" PRId64, us);
	buf_addf(out, " %7s us", cell);
}

static void
add_age(struct buf *out, int64_t age_ms)
{
	CLEANUP(buf_fini) struct buf cell = BUF_INIT(CELL_BYTES);

	if (age_ms < 0)
		buf_addc(&cell, '-');
	else
		output_duration(&cell, age_ms);
	buf_addf(out, " %10s old  ", buf_str(&cell));
}

static void
add_detail(struct buf *out, const char *name, struct span text)
{
	if (!text.n)
		return;
	buf_addf(out, " %s=", name);
	output_safe(out, text);
}

static void
add_line(struct buf *out, const struct traced *t)
{
	output_time(out, t->time_ms);
	buf_addf(out, " uid %-6" PRId64 " pid %-8" PRId64 " %-10.20s", t->uid, t->pid,
	    buf_str(&t->result));
	add_us(out, t->us);
	add_age(out, t->age_ms);
	output_safe(out, span_of_buf(&t->key));
	add_detail(out, "team", span_of_buf(&t->team));
	if (t->generation >= 0)
		buf_addf(out, " generation=%" PRId64, t->generation);
	add_detail(out, "trace", span_of_buf(&t->id));
	buf_addc(out, '\n');
}

static void
take(void *arg, const struct traced *t)
{
	struct tracing *tracing = arg;
	size_t before;

	if (tracing->quiet)
		return;
	if (!tracing->json) {
		add_line(&tracing->out, t);
		return;
	}
	before = tracing->out.len;
	if (scan_compact(t->json, &tracing->out) == 0)
		buf_addc(&tracing->out, '\n');
	else
		buf_truncate(&tracing->out, before); /* what is not text in UTF-8 is left out */
}

/* Never ends well: a signal ends it, or a failure that has been reported. */
static int
follow(struct traced_reader *r, struct tracing *t)
{
	int code;

	t->quiet = true; /* to the end, then back a little */
	code = traced_read_all(r);
	t->quiet = false;
	r->after = r->after > FOLLOW_OLD ? r->after - FOLLOW_OLD : 0;
	while (code == CTL_YES) {
		code = traced_read_all(r);
		if (code == CTL_YES)
			code = output_flush(&t->out);
		buf_reset(&t->out);
		if (code == CTL_YES)
			(void)poll(NULL, 0, FOLLOW_MS);
	}
	return code;
}

int
ctl_trace(const struct ctl_options *o)
{
	struct tracing t = { .out = BUF_INIT(MAX_OUT), .json = o->json };
	struct traced_reader r = { .o = o, .take = take, .arg = &t };
	int code;

	if (cli_has(o->line, OPT_FOLLOW))
		output_until_interrupted();
	code = cli_has(o->line, OPT_FOLLOW) ? follow(&r, &t) : traced_read_all(&r);

	if (code == CTL_YES)
		code = output_flush(&t.out);
	buf_fini(&t.out);
	return code;
}
