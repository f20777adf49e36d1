/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/entries.h"

#include "base/mem.h"
#include "ctl/admin/admin.h"
#include "ctl/output.h"

#define OUTPUT_SIZE ((size_t)64 << 20)

const char *
entries_who(const struct json *by)
{
	if (*json_text(by, "apiTokenName"))
		return json_text(by, "apiTokenName");
	if (*json_text(by, "fullName"))
		return json_text(by, "fullName");
	return *json_text(by, "id") ? json_text(by, "id") : "the manager itself";
}

static void
cell(struct buf *out, const char *text, size_t width)
{
	size_t begin = out->len, n;

	output_safe(out, span_of(text));
	n = buf_error(out) ? width
			   : output_columns((struct span){ out->data + begin, out->len - begin });
	for (; n < width; n++)
		buf_addc(out, ' ');
	buf_adds(out, "  ");
}

void
entries_line(struct buf *out, const struct json *entry)
{
	const struct json *fields = json_get(entry, "fields"), *j;
	int64_t version = 0;

	cell(out, json_text(entry, "at"), 20);
	cell(out, json_text(entry, "action"), 14);
	cell(out, entries_who(json_get(entry, "by")), 16);
	cell(out,
	    *json_text(entry, "objectType") ? json_text(entry, "objectType")
					    : json_text(entry, "scope"),
	    20);
	cell(out, json_text(entry, "name"), 20);
	if (json_int(json_get(entry, "version"), &version))
		buf_addf(out, "version %lld  ", (long long)version);
	for (j = fields && json_type(fields) == SCAN_ARRAY ? json_first(fields) : NULL; j;
	     j = json_next(j)) {
		output_safe(out, span_of(json_string(j)));
		if (json_next(j))
			buf_addc(out, ' ');
	}
	if (*json_text(entry, "requestId")) {
		buf_adds(out, "  request ");
		output_safe(out, span_of(json_text(entry, "requestId")));
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = 0;
}

int
entries_print(struct session *s, const struct json *entries)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_SIZE);
	const struct json **row;
	size_t n;

	if (!entries || json_type(entries) != SCAN_ARRAY)
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "the manager's history cannot be understood");
	if (s->o->json)
		return admin_print_rows("history", entries);
	n = json_count(entries);
	row = mem_calloc(n + 1, sizeof *row);
	if (!row)
		return session_no_memory();
	n = 0;
	for (const struct json *j = json_first(entries); j; j = json_next(j))
		row[n++] = j;
	while (n-- > 0) {
		entries_line(&out, row[n]);
		buf_addc(&out, '\n');
	}
	mem_free(row);
	return output_flush(&out);
}
