/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/change.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define REPORT_SIZE ((size_t)LIMIT_ROW)

static int
add_text(struct json *object, const char *name, const char *text)
{
	return text ? json_take(object, name, json_new_string(text)) : 0;
}

void
change_field(struct change *c, const char *field, const char *from, const char *to)
{
	struct json *row = json_new_object();

	if (!c->fields)
		c->fields = json_new_array();
	if (!row || !c->fields || add_text(row, "field", field) < 0 ||
	    add_text(row, "from", from) < 0 || add_text(row, "to", to) < 0) {
		json_free(row);
		c->failed = true;
	} else if (json_append(c->fields, row) < 0) {
		c->failed = true;
	}
}

size_t
change_count(const struct change *c)
{
	return c->fields ? json_count(c->fields) : 0;
}

void
change_fini(struct change *c)
{
	c->fields = json_free(c->fields);
}

/* --- before ---------------------------------------------------------------------------- */

static void
write_field(struct buf *out, const struct json *row)
{
	const char *from = json_string(json_get(row, "from"));
	const char *to = json_string(json_get(row, "to"));

	buf_addf(out, "  %c ", !from ? '+' : !to ? '-' : '~');
	output_safe(out, span_of(json_text(row, "field")));
	if (from || to)
		buf_adds(out, ": ");
	if (from)
		output_safe(out, span_of(from));
	if (from && to)
		buf_adds(out, " -> ");
	if (to)
		output_safe(out, span_of(to));
	buf_addc(out, '\n');
}

static void
write_title(struct buf *out, const struct change *c)
{
	buf_addf(out, "%s %s ", c->action, c->kind);
	output_safe(out, span_of(c->name));
}

static int
show(const struct change *c)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(REPORT_SIZE);
	const struct json *row;

	write_title(&out, c);
	buf_addc(&out, '\n');
	for (row = c->fields ? json_first(c->fields) : NULL; row; row = json_next(row))
		write_field(&out, row);
	if (c->failed || buf_error(&out))
		return session_no_memory();
	output_progress_end();
	(void)fputs(buf_str(&out), stderr);
	return CTL_YES;
}

/* On a terminal: yes or not. */
static bool
ask(void)
{
	char line[16];

	(void)fputs("Make this change? [y/N] ", stderr);
	if (!fgets(line, sizeof line, stdin))
		return false;
	return line[0] == 'y' || line[0] == 'Y';
}

enum outcome { MADE, NOT_MADE, NOTHING_TO_DO };

static int report(struct session *s, struct change *c, const char *id, enum outcome outcome);

/* An update that changes no field. */
static bool
is_nothing(const struct change *c)
{
	return strcmp(c->action, "update") == 0 && !change_count(c) && !c->failed;
}

bool
change_agreed(struct session *s, struct change *c, int *code)
{
	if (is_nothing(c)) {
		*code = report(s, c, NULL, NOTHING_TO_DO);
		return false;
	}
	*code = show(c);
	if (*code != CTL_YES)
		return false;
	if (cli_has(s->line, OPT_DRY_RUN)) {
		*code = report(s, c, NULL, NOT_MADE);
		return false;
	}
	if (cli_has(s->line, OPT_YES))
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		*code = ctl_fail(CTL_USAGE, "Pass --yes to make it, or --dry-run to see it only.",
		    "a change is confirmed on a terminal, and there is none here");
		return false;
	}
	if (ask())
		return true;
	*code = ctl_fail(CTL_NO, NULL, "not confirmed; nothing was changed");
	return false;
}

/* --- afterwards ------------------------------------------------------------------------ */

static int
write_json(const struct change *c, const char *id, enum outcome outcome, struct buf *out)
{
	struct json *j = json_new_object();
	int r = j ? 0 : -1;

	if (r == 0)
		r = add_text(j, "action", c->action);
	if (r == 0)
		r = json_take(j, "made", json_new_bool(outcome == MADE));
	if (r == 0)
		r = add_text(j, "kind", c->kind);
	if (r == 0)
		r = add_text(j, "name", c->name);
	if (r == 0)
		r = add_text(j, "id", id);
	if (r == 0)
		r = json_take(j, "changes", c->fields ? json_copy(c->fields) : json_new_array());
	if (r == 0)
		json_write(j, out);
	json_free(j);
	buf_addc(out, '\n');
	return r;
}

static int
report(struct session *s, struct change *c, const char *id, enum outcome outcome)
{
	static const char *const says[] = {
		[MADE] = "done: ",
		[NOT_MADE] = "not made (--dry-run): ",
		[NOTHING_TO_DO] = "nothing to change: ",
	};
	CLEANUP(buf_fini) struct buf out = BUF_INIT(REPORT_SIZE);

	if (s->o->json) {
		if (write_json(c, id, outcome, &out) < 0)
			return session_no_memory();
		return output_flush(&out);
	}
	buf_adds(&out, says[outcome]);
	write_title(&out, c);
	if (id)
		buf_addf(&out, " (%s)", id);
	buf_addc(&out, '\n');
	return output_flush(&out);
}

int
change_done(struct session *s, struct change *c, const char *id)
{
	int code = report(s, c, id, MADE);

	change_fini(c);
	return code;
}
