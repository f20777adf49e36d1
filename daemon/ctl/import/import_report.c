/* SPDX-License-Identifier: Apache-2.0 */
/* What an import did with each key, as text or JSON. */
#include "ctl/import/import_internal.h"

#include "base/json/write.h"
#include "base/limits.h"
#include "ctl/output.h"

#define MAX_REPORT ((size_t)LIMIT_OBJECTS * 1024)

static const char *const act_name[N_ACTS] = {
	[ACT_CREATED] = "created",
	[ACT_UPDATED] = "updated",
	[ACT_UNCHANGED] = "unchanged",
	[ACT_SKIPPED] = "skipped",
	[ACT_REFUSED] = "refused",
	[ACT_LEFT] = "not tried",
};

static const char *
kind_name(enum import_kind kind)
{
	return kind == IMPORT_CONNECTION ? "connection" : "variable";
}

static void
report_json(const struct import *im, const size_t count[static N_ACTS], struct buf *out)
{
	buf_addc(out, '{');
	jtext_member_bool(out, "dry_run", im->o->dry_run);
	for (int a = 0; a < N_ACTS; a++)
		jtext_member_int(out, a == ACT_LEFT ? "not_tried" : act_name[a], (int64_t)count[a]);
	jtext_name(out, "objects");
	buf_addc(out, '[');
	for (size_t i = 0; i < im->list.n; i++) {
		const struct step *s = &im->step[i];

		buf_adds(out, i ? ",{" : "{");
		jtext_member_string(out, "kind", span_of(kind_name(s->entry->kind)));
		jtext_member_string(out, "key", span_of(s->entry->key));
		jtext_member_string(
		    out, "action", span_of(s->act == ACT_LEFT ? "not_tried" : act_name[s->act]));
		if (*s->why.text)
			jtext_member_string(out, "reason", span_of(s->why.text));
		buf_addc(out, '}');
	}
	buf_adds(out, "]}\n");
}

static void
report_text(const struct import *im, const size_t count[static N_ACTS], struct buf *out)
{
	size_t widest = 0, n = 0;

	for (size_t i = 0; i < im->list.n; i++)
		if (output_columns(span_of(im->list.entry[i].key)) > widest)
			widest = output_columns(span_of(im->list.entry[i].key));
	for (size_t i = 0; i < im->list.n; i++) {
		const struct step *s = &im->step[i];

		buf_addf(out, "%-10s  ", kind_name(s->entry->kind));
		output_safe(out, span_of(s->entry->key));
		buf_addf(out, "%*s  %s", (int)(widest - output_columns(span_of(s->entry->key))), "",
		    act_name[s->act]);
		if (*s->why.text) {
			buf_adds(out, ": ");
			output_safe(out, span_of(s->why.text));
		}
		buf_addc(out, '\n');
	}
	for (int a = 0; a < N_ACTS; a++)
		if (count[a])
			buf_addf(out, "%s%zu %s", n++ ? ", " : "", count[a], act_name[a]);
	buf_adds(out, n ? "" : "nothing to import");
	buf_adds(out, im->o->dry_run ? " (a dry run: nothing was done)\n" : "\n");
}

int
import_report(const struct import *im)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MAX_REPORT);
	size_t count[N_ACTS] = { 0 };
	int code;

	for (size_t i = 0; i < im->list.n; i++)
		count[im->step[i].act]++;
	if (im->json)
		report_json(im, count, &out);
	else
		report_text(im, count, &out);
	code = output_flush(&out);
	if (code != CTL_YES)
		return code;
	return count[ACT_SKIPPED] || count[ACT_REFUSED] ? CTL_NO : CTL_YES;
}
