/* SPDX-License-Identifier: Apache-2.0 */
/* connctl status: what connd holds and how fresh it is. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

#define MAX_MEMBERS 64
#define NAME_TAIL   "_name" /* of the member that holds the name beside an id */
#define CELL_ROOM   ((size_t)64 * 1024)

/* What scripts may count on, first and in this order; null where the daemon had nothing to say. */
static const char *const always[] = { "state", "generation", "age_ms", "connections", "variables",
	"withheld", "last_error" };

static bool
is_always(struct span name)
{
	for (size_t i = 0; i < N_ELEMENTS(always); i++)
		if (scan_name_is(name, always[i]))
			return true;
	return false;
}

static int
on_reply(void *arg, struct span parameters)
{
	struct buf *status = arg;
	struct span at = parameters, name, value;
	int r = parameters.p ? 0 : -EBADMSG;

	buf_addc(status, '{');
	for (size_t i = 0; i < N_ELEMENTS(always) && r == 0; i++) {
		jtext_name(status, always[i]);
		r = scan_find(parameters, always[i], &value);
		if (r == 0 && value.p)
			r = scan_compact(value, status);
		else
			buf_adds(status, "null");
	}
	while (r == 0 && scan_member(&at, &name, &value)) {
		if (is_always(name))
			continue;
		buf_adds(status, ",\"");
		buf_add(status, name.p, name.n);
		buf_adds(status, "\":");
		r = scan_compact(value, status);
	}
	buf_addc(status, '}');
	if (r < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "connd's response cannot be shown");
	return CTL_YES;
}

static bool
ends_with(struct span s, const char *tail)
{
	size_t n = strlen(tail);

	return s.n > n && memcmp(s.p + s.n - n, tail, n) == 0;
}

/* The name that belongs to an id, in brackets behind it: the member NAME_name of the status. */
static void
add_name(struct buf *cells, struct span status, struct span id)
{
	CLEANUP(buf_fini) struct buf member = BUF_INIT(128);
	size_t before = cells->len;
	struct span value;

	buf_add(&member, id.p, id.n);
	buf_adds(&member, NAME_TAIL);
	if (buf_error(&member) || scan_find(status, buf_str(&member), &value) < 0 || !value.p ||
	    scan_type(value) != SCAN_STRING)
		return;
	buf_adds(cells, " (");
	if (scan_string(value, cells) == 0)
		buf_addc(cells, ')');
	else
		buf_truncate(cells, before);
}

/* A value for people: times as times, text without quotes. */
static void
add_value(struct buf *cells, struct span value, bool is_time)
{
	int64_t ms;

	if (is_time && scan_type(value) == SCAN_NUMBER && scan_int(value, &ms) == 0)
		output_duration(cells, ms);
	else if (scan_type(value) == SCAN_NULL || span_is(value, "\"\""))
		buf_addc(cells, '-');
	else if (scan_type(value) != SCAN_STRING || scan_string(value, cells) < 0)
		buf_add(cells, value.p, value.n);
}

/* One member of the status for people: its name without underscores, an id with its name. */
static void
add_row(struct output_row *row, struct buf *cells, struct span status, struct span name,
    struct span value)
{
	bool is_time = ends_with(name, "_ms");
	size_t label_at = cells->len, value_at;

	for (size_t i = 0; i < name.n - (is_time ? strlen("_ms") : 0); i++)
		buf_addc(cells, name.p[i] == '_' ? ' ' : name.p[i]);
	value_at = cells->len;
	row->colour = COLOUR_NONE;
	add_value(cells, value, is_time);
	add_name(cells, status, name);
	row->label = (struct span){ cells->data + label_at, value_at - label_at };
	row->value = (struct span){ cells->data + value_at, cells->len - value_at };
	if (scan_name_is(name, "state"))
		row->colour = output_state_colour(row->value);
}

static int
show(struct buf *out, struct span status)
{
	struct output_row row[MAX_MEMBERS];
	CLEANUP(buf_fini) struct buf cells = BUF_INIT(LIMIT_REPLY);
	struct span at = status, name, value;
	size_t n = 0;

	/*
	 * All the room at once: rows point into it. A label or value is never longer than 4 x its
	 * text.
	 */
	if (!buf_room(&cells, 4 * status.n + CELL_ROOM))
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the answer does not fit into memory");
	while (n < MAX_MEMBERS && scan_member(&at, &name, &value))
		if (!ends_with(name, NAME_TAIL))
			add_row(&row[n++], &cells, status, name, value);
	output_rows(out, row, n, output_wants_colour());
	return CTL_YES;
}

int
ctl_status(const struct ctl_options *o)
{
	CLEANUP(buf_fini) struct buf status = BUF_INIT(LIMIT_REPLY);
	CLEANUP(buf_fini) struct buf out = BUF_INIT(4 * (size_t)LIMIT_REPLY);
	struct client_call call = {
		.method = SECRETS_STATUS, .on_reply = on_reply, .arg = &status
	};
	int r = client_call(o, &call);

	if (r != CTL_YES)
		return r;
	if (o->json) {
		buf_add(&out, status.data, status.len);
		buf_addc(&out, '\n');
	} else {
		r = show(&out, span_of_buf(&status));
	}
	return r == CTL_YES ? output_flush(&out) : r;
}
