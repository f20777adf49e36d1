/* SPDX-License-Identifier: Apache-2.0 */
/* connctl audit: who changed or read what, oldest first; --follow goes on with what is new. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/admin/admin.h"
#include "ctl/admin/entries.h"
#include "ctl/admin/place.h"
#include "ctl/admin/session.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define FOLLOW_PAUSE_MS 2000
#define FOLLOW_ROWS     "500"
#define OUTPUT_SIZE     ((size_t)64 << 20)

static int
audit_page(struct session *s, const char *workspace, const char *limit, struct json **page)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);

	session_path(s, &path, "/audit-log");
	session_query(&path, "limit", limit);
	if (*workspace)
		session_query(&path, "workspaceId", workspace);
	if (cli_has(s->line, OPT_REQUEST_ID))
		session_query(&path, "requestId", cli_value(s->line, OPT_REQUEST_ID));
	return session_get(s, &path, page);
}

static bool
same_row(const struct json *a, const struct json *b)
{
	CLEANUP(buf_fini) struct buf x = BUF_INIT(LIMIT_ROW), y = BUF_INIT(LIMIT_ROW);

	json_write(a, &x);
	json_write(b, &y);
	return x.len == y.len && memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
}

/* Do rows, from one on, go on like old? Rows have no id, and two may read the same. */
static bool
goes_on_like(const struct json *row, const struct json *old)
{
	for (int i = 0; i < 20 && row && old; i++, row = json_next(row), old = json_next(old))
		if (!same_row(row, old))
			return false;
	return true;
}

/* How many rows of now stand before those of old, both newest first. */
static size_t
count_new(const struct json *now, const struct json *old)
{
	size_t n = 0;

	if (!old || !json_first(old))
		return json_count(now);
	for (const struct json *row = json_first(now); row; row = json_next(row), n++)
		if (goes_on_like(row, json_first(old)))
			break;
	return n;
}

/* The first n rows, oldest first, a line each. */
static int
print_new(struct session *s, const struct json *rows, size_t n)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_SIZE);
	const struct json **row = mem_calloc(n ? n : 1, sizeof *row);
	size_t i = 0;

	if (!row)
		return session_no_memory();
	for (const struct json *j = json_first(rows); j && i < n; j = json_next(j))
		row[i++] = j;
	while (i-- > 0) {
		if (s->o->json)
			json_write(row[i], &out);
		else
			entries_line(&out, row[i]);
		buf_addc(&out, '\n');
	}
	mem_free(row);
	return output_flush(&out);
}

/* Until a signal, or the manager is gone. */
static int
follow(struct session *s, const char *workspace)
{
	struct json *old = NULL, *page = NULL;
	const struct json *rows;
	int code;

	for (;;) {
		code = audit_page(s, workspace, old ? FOLLOW_ROWS : "20", &page);
		if (code != CTL_YES)
			break;
		rows = json_get(page, "history");
		if (rows && json_type(rows) == SCAN_ARRAY)
			code = print_new(
			    s, rows, count_new(rows, old ? json_get(old, "history") : NULL));
		json_free(old);
		old = page;
		if (code != CTL_YES)
			break;
		(void)poll(NULL, 0, FOLLOW_PAUSE_MS);
	}
	json_free(old);
	return code;
}

static int
once(struct session *s, const char *workspace)
{
	const char *limit = cli_value(s->line, OPT_LIMIT);
	struct json *page = NULL;
	int code = audit_page(s, workspace, limit ? limit : "50", &page);

	if (code == CTL_YES)
		code = entries_print(s, json_get(page, "history"));
	json_free(page);
	return code;
}

int
ctl_audit(const struct ctl_options *o)
{
	char workspace[TOKEN_ID_SIZE] = "";
	struct session s;
	int code = session_open(&s, o);

	if (code == CTL_YES && cli_has(o->line, OPT_IN_WORKSPACE))
		code = place_workspace(&s, workspace);
	if (cli_has(o->line, OPT_FOLLOW))
		output_until_interrupted();
	if (code == CTL_YES)
		code = cli_has(o->line, OPT_FOLLOW) ? follow(&s, workspace) : once(&s, workspace);
	session_close(&s);
	return code;
}
