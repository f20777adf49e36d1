/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/scan/holdings.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/records.h"
#include "ctl/verbs.h"

#define MAX_NESTING 8 /* of JSON in values, and of JSON text in its strings */
#define MAX_TEXT    ((size_t)LIMIT_REPLY)
#define MAX_NAME    ((size_t)4096)

struct reading {
	struct holdings *h;
	const struct ctl_options *o;
	char *key; /* of the record being read: "conn:warehouse" */
	struct records_missing missing;
};

static int
no_memory(void)
{
	return ctl_fail(CTL_UNAVAILABLE, NULL, "the values do not fit into memory");
}

/* --- what is left out ------------------------------------------------------------------ */

/* Does an --except match "conn:KEY" or "conn:KEY:FIELD"? */
static bool
is_excepted(const struct ctl_options *o, const char *key, const char *field)
{
	CLEANUP(buf_fini) struct buf both = BUF_INIT(MAX_TEXT);

	buf_addf(&both, "%s:%s", key, field);
	for (size_t i = 0; i < o->line->n_given; i++) {
		const struct cli_given *g = &o->line->given[i];

		if (g->option->id == OPT_EXCEPT &&
		    (fnmatch(g->value, key, 0) == 0 || fnmatch(g->value, buf_str(&both), 0) == 0))
			return true;
	}
	return false;
}

/* --- values ---------------------------------------------------------------------------- */

static int
add_holding(struct holdings *h, const char *key, const char *field)
{
	size_t room = h->room ? 2 * h->room : 64;
	struct holding *grown;

	if (h->n == h->room) {
		grown = mem_resize(h->holding, room * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		h->holding = grown;
		h->room = room;
	}
	h->holding[h->n] = (struct holding){ mem_strdup(key), mem_strdup(field) };
	h->n++;
	return h->holding[h->n - 1].key && h->holding[h->n - 1].field ? 0 : -ENOMEM;
}

/* Adds one value of the record. 0 or -errno. */
static int
add_value(struct reading *r, const char *field, struct span value)
{
	int n;

	if (is_excepted(r->o, r->key, field))
		return 0;
	n = add_holding(r->h, r->key, field);
	if (n == 0)
		n = needles_add(r->h->needles, (uint32_t)(r->h->n - 1), value);
	if (n == 1)
		r->h->n_short++;
	return n < 0 ? n : 0;
}

static int add_json(struct reading *r, const char *field, struct span value, int depth);

static int
add_children(struct reading *r, const char *field, struct span value, int depth)
{
	struct span at = value, name, child;
	int n = 0;

	while (n == 0 && scan_type(value) == SCAN_ARRAY && scan_element(&at, &child))
		n = add_json(r, field, child, depth + 1);
	while (n == 0 && scan_type(value) == SCAN_OBJECT && scan_member(&at, &name, &child)) {
		CLEANUP(buf_fini) struct buf path = BUF_INIT(MAX_TEXT);

		buf_addf(&path, "%s.", field);
		if (scan_name_text(name, &path) < 0 || path.len > MAX_NAME)
			buf_truncate(&path, 0);
		n = add_json(r, path.len ? buf_str(&path) : field, child, depth + 1);
	}
	return n;
}

/* Google's keyfile_dict and others are JSON text in a string. */
static int
add_string(struct reading *r, const char *field, struct span value, int depth)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(MAX_TEXT);
	struct span inner;
	int n;

	if (scan_string(value, &text) < 0)
		return -EBADMSG;
	n = add_value(r, field, span_of_buf(&text));
	if (n == 0 && scan_check(span_of_buf(&text), SCAN_STRICT, &inner, NULL) == 0)
		n = add_children(r, field, inner, depth + 1);
	return n;
}

/* Strings and numbers, at any depth. */
static int
add_json(struct reading *r, const char *field, struct span value, int depth)
{
	if (depth > MAX_NESTING)
		return 0;
	switch (scan_type(value)) {
	case SCAN_STRING:
		return add_string(r, field, value, depth);
	case SCAN_NUMBER:
		return add_value(r, field, value);
	case SCAN_ARRAY:
	case SCAN_OBJECT:
		return add_children(r, field, value, depth);
	case SCAN_NULL:
	case SCAN_BOOL:
		break;
	}
	return 0;
}

/* The members that "connctl get" masks, and no others: a host or login is not a secret. */
static int
add_connection(struct reading *r, struct span text)
{
	struct span object, password, extra;
	int n = 0;

	if (scan_check(text, SCAN_STRICT, &object, NULL) < 0 || scan_type(object) != SCAN_OBJECT ||
	    scan_find(object, "password", &password) < 0 || scan_find(object, "extra", &extra) < 0)
		return -EBADMSG;
	if (password.p)
		n = add_json(r, "password", password, 0);
	if (n == 0 && extra.p)
		n = add_json(r, "extra", extra, 0);
	return n;
}

/* --- records --------------------------------------------------------------------------- */

static int
add_record(struct reading *r, const struct record *record)
{
	static const char *const prefix[] = {
		[SECRETS_CONNECTION] = "conn:",
		[SECRETS_VARIABLE] = "var:",
		[SECRETS_ENV] = "env:",
	};
	CLEANUP(buf_fini) struct buf key = BUF_INIT(MAX_TEXT);
	struct span text = { record->text, record->length };

	if (!record->text)
		return 0;
	buf_addf(&key, "%s%s", prefix[record->kind], record->key);
	if (buf_error(&key))
		return buf_error(&key);
	r->key = key.data;
	r->h->n_keys++;
	if (record->kind == SECRETS_CONNECTION)
		return add_connection(r, text);
	return add_value(r, "value", text);
}

static bool
every_record(const struct ctl_options *o, enum secrets_kind kind, const char *key)
{
	(void)o;
	(void)kind;
	(void)key;
	return true;
}

static void
say_what_is_missing(const struct reading *r)
{
	if (r->h->n_short)
		output_note("%zu values shorter than %d bytes are not searched for", r->h->n_short,
		    NEEDLE_SHORTEST);
	if (r->missing.withheld)
		output_note("%zu keys are withheld by the manager: their values are not known",
		    r->missing.withheld);
	if (r->missing.invalid)
		output_note("%zu keys have no usable value", r->missing.invalid);
	if (!needles_count(r->h->needles))
		output_note("connd has no value to search for that this user may read: nothing can "
			    "be found");
}

int
holdings_read(struct holdings *h, const struct ctl_options *o)
{
	CLEANUP(records_fini) struct records records = { 0 };
	struct reading r = { .h = h, .o = o };
	int code, n = 0;

	*h = (struct holdings){ 0 };
	if (needles_new(&h->needles) < 0)
		return no_memory();
	code = records_read(o, every_record, &r.missing, &records);
	for (size_t i = 0; code == CTL_YES && n == 0 && i < records.n; i++)
		n = add_record(&r, &records.record[i]);
	if (code == CTL_YES && n == -EBADMSG)
		return client_bad_reply(o);
	if (code == CTL_YES && (n < 0 || needles_finish(h->needles) < 0))
		code = no_memory();
	if (code == CTL_YES)
		say_what_is_missing(&r);
	return code;
}

void
holdings_free(struct holdings *h)
{
	for (size_t i = 0; i < h->n; i++) {
		mem_free(h->holding[i].key);
		mem_free(h->holding[i].field);
	}
	mem_free(h->holding);
	h->needles = needles_free(h->needles);
}
