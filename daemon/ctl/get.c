/* SPDX-License-Identifier: Apache-2.0 */
/* connctl get conn|var KEY: one value, its secrets masked unless --reveal. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/missing.h"
#include "ctl/output.h"

#define MAX_TEXT ((size_t)LIMIT_REPLY)

struct got {
	const struct ctl_options *o;
	bool is_connection;
	struct buf text;  /* the value as Airflow receives it */
	struct buf state; /* "fresh (confirmed 3 s ago, generation 7)" */
	struct buf state_name;
};

static int
on_reply(void *arg, struct span parameters)
{
	struct got *got = arg;
	struct span value, state, age, generation;
	int64_t age_ms;

	if (!parameters.p || scan_find(parameters, "value", &value) < 0 || !value.p ||
	    scan_type(value) != SCAN_STRING || scan_find(parameters, "state", &state) < 0 ||
	    !state.p || scan_type(state) != SCAN_STRING ||
	    scan_find(parameters, "age_ms", &age) < 0 || !age.p || scan_int(age, &age_ms) < 0 ||
	    scan_find(parameters, "generation", &generation) < 0 || !generation.p)
		return client_bad_reply(got->o);
	if (scan_string(value, &got->text) < 0 || scan_string(state, &got->state_name) < 0)
		return client_bad_reply(got->o);
	buf_add(&got->state, got->state_name.data, got->state_name.len);
	buf_adds(&got->state, " (confirmed ");
	output_duration(&got->state, age_ms);
	buf_adds(&got->state, " ago, generation ");
	buf_add(&got->state, generation.p, generation.n);
	buf_addc(&got->state, ')');
	return CTL_YES;
}

/* A row for each member of a masked connection; those of extra as extra.NAME. */
struct rows {
	struct output_row *row;
	size_t n, room;
	struct buf text; /* the cells' own bytes; its room never moves them (see rows_for()) */
};

/* Appends a row. 0, or -EILSEQ if the name or the value is not valid text. */
static int
add_row(struct rows *rows, const char *prefix, struct span raw_name, struct span value)
{
	struct output_row *row;
	size_t label_at = rows->text.len, value_at;
	int r;

	buf_adds(&rows->text, prefix);
	r = scan_name_text(raw_name, &rows->text);
	if (r < 0)
		return r;
	value_at = rows->text.len;
	if (scan_type(value) == SCAN_STRING)
		r = scan_string(value, &rows->text);
	else
		buf_add(&rows->text, value.p, value.n);
	if (r < 0)
		return r;
	row = &rows->row[rows->n++];
	row->label = (struct span){ rows->text.data + label_at, value_at - label_at };
	row->value = (struct span){ rows->text.data + value_at, rows->text.len - value_at };
	row->colour = COLOUR_NONE;
	return 0;
}

static size_t
count_members(struct span object)
{
	struct span name, value;
	size_t n = 0;

	while (scan_member(&object, &name, &value))
		n += 1 + (scan_type(value) == SCAN_OBJECT ? count_members(value) : 0);
	return n;
}

/* Room for every cell at once, so that the spans into it stay true. */
static int
rows_for(struct rows *rows, struct span masked)
{
	rows->room = count_members(masked) + 1;
	rows->row = mem_calloc(rows->room, sizeof *rows->row);
	/* "extra." is what a label may be longer than its text in masked. */
	if (!rows->row || !buf_room(&rows->text, masked.n + rows->room * sizeof "extra."))
		return -ENOMEM;
	return 0;
}

/* masked: JSON text that output_mask_connection() wrote. */
static int
show_connection(struct buf *out, const struct got *got, struct span masked)
{
	struct rows rows = { .text = BUF_INIT(2 * MAX_TEXT) };
	struct span at = masked, name, value;
	int r;

	r = rows_for(&rows, masked);
	if (r < 0)
		goto out;
	while (r == 0 && scan_member(&at, &name, &value)) {
		struct span inner = value, inner_name, inner_value;

		if (scan_type(value) != SCAN_OBJECT)
			r = add_row(&rows, "", name, value);
		else
			while (r == 0 && scan_member(&inner, &inner_name, &inner_value))
				r = add_row(&rows, "extra.", inner_name, inner_value);
	}
	if (r < 0)
		goto out;
	rows.row[rows.n++] = (struct output_row){ SPAN_LITERAL("state"), span_of_buf(&got->state),
		output_state_colour(span_of_buf(&got->state_name)) };
	output_rows(out, rows.row, rows.n, output_wants_colour());
	r = buf_error(&rows.text);
out:
	mem_free(rows.row);
	buf_fini(&rows.text);
	return r;
}

static int
print_connection(struct buf *out, const struct got *got)
{
	CLEANUP(buf_fini) struct buf masked = BUF_INIT(2 * MAX_TEXT);

	if (output_mask_connection(&masked, span_of_buf(&got->text)) < 0)
		return client_bad_reply(got->o);
	if (buf_error(&masked) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory for the response");
	if (got->o->json) {
		buf_add(out, masked.data, masked.len);
		buf_addc(out, '\n');
		return CTL_YES;
	}
	if (show_connection(out, got, span_of_buf(&masked)) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory for the response");
	return CTL_YES;
}

static void
print_variable(struct buf *out, const struct got *got)
{
	const struct output_row rows[] = {
		{ SPAN_LITERAL("value"), SPAN_LITERAL(OUTPUT_MASK), COLOUR_NONE },
		{ SPAN_LITERAL("state"), span_of_buf(&got->state),
		    output_state_colour(span_of_buf(&got->state_name)) },
	};

	if (got->o->json)
		buf_adds(out, "\"" OUTPUT_MASK "\"\n");
	else
		output_rows(out, rows, N_ELEMENTS(rows), output_wants_colour());
}

/* To the letter; --json makes the text of a variable, which may be anything, a JSON string. */
static void
print_revealed(struct buf *out, const struct got *got, bool is_connection)
{
	if (got->o->json && !is_connection)
		jtext_string(out, span_of_buf(&got->text));
	else
		buf_add(out, buf_str(&got->text), got->text.len);
	buf_addc(out, '\n');
}

static int
on_not_found(void *arg, struct span parameters)
{
	const struct got *got = arg;
	struct missing m = {
		.o = got->o, .is_connection = got->is_connection, .not_found = parameters
	};

	return missing_report(&m);
}

int
ctl_get(const struct ctl_options *o)
{
	struct got got = { .o = o,
		.text = BUF_INIT(MAX_TEXT),
		.state = BUF_INIT(1024),
		.state_name = BUF_INIT(256) };
	CLEANUP(buf_fini) struct buf out = BUF_INIT(8 * MAX_TEXT);
	bool is_connection = strcmp(o->word[1], "conn") == 0;
	struct client_call call = {
		.method = is_connection ? SECRETS_GET_CONNECTION : SECRETS_GET_VARIABLE,
		.key = span_of(o->word[2]),
		.team = span_of(o->team),
		.on_reply = on_reply,
		.error = "io.connd.secrets.NotFound",
		.on_error = on_not_found,
		.arg = &got,
	};
	int r;

	/* Words come from a shell and may be any bytes; the wire takes UTF-8 only. */
	if (!utf8_is_valid(span_of(o->word[2])) || !utf8_is_valid(span_of(o->team)))
		return ctl_fail(CTL_USAGE, NULL, "a key is UTF-8 text; this one is not");
	got.is_connection = is_connection;
	r = client_call(o, &call);
	if (r != CTL_YES)
		goto out;
	if (o->reveal)
		print_revealed(&out, &got, is_connection);
	else if (is_connection)
		r = print_connection(&out, &got);
	else
		print_variable(&out, &got);
	if (r == CTL_YES)
		r = output_flush(&out);
out:
	buf_fini(&got.text);
	buf_fini(&got.state);
	buf_fini(&got.state_name);
	return r;
}
