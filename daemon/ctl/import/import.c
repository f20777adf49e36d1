/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl import: reads what Airflow exports and what the manager has, decides for each key, does
 * it, and reports. A key that is refused does not stop the others; a manager that is gone or says
 * no to all of it does, and the report still says how far it went.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ctl/ctl.h"
#include "ctl/http.h"
#include "ctl/import/airflow_export.h"
#include "ctl/import/body.h"
#include "ctl/import/file.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/token.h"
#include "ctl/verbs.h"

#define MAX_REPORT ((size_t)LIMIT_OBJECTS * 1024)
#define MAX_PATH   1024
#define N_KINDS    2

#define PROGRESS_MS 100 /* between two looks of a person at how far it is */

enum act { ACT_CREATED, ACT_UPDATED, ACT_UNCHANGED, ACT_SKIPPED, ACT_REFUSED, ACT_LEFT, N_ACTS };

static const char *const act_name[N_ACTS] = {
	[ACT_CREATED] = "created",
	[ACT_UPDATED] = "updated",
	[ACT_UNCHANGED] = "unchanged",
	[ACT_SKIPPED] = "skipped",
	[ACT_REFUSED] = "refused",
	[ACT_LEFT] = "not tried",
};

struct step {
	const struct import_entry *entry;
	const struct json *row; /* what the manager has; NULL: nothing */
	enum act act;
	struct why why;
};

/* The manager's objects of the target; rows point into pages. */
struct known {
	struct json **page;
	size_t n_pages;
	const struct json **row; /* by key, one array a kind */
	size_t n_rows;
	bool hidden; /* the token may not see secrets */
};

struct import {
	const struct ctl_import_options *o;
	const char *format; /* of the files; NULL: by their names */
	bool json;
	struct http *http;
	struct import_list list;
	struct known known[N_KINDS];
	struct step *step; /* one an entry */
	struct buf answer;
};

static int
no_memory(void)
{
	return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
}

/* --- what comes in --------------------------------------------------------------------- */

/* What --format says, or the end of the file's name. Airflow is asked for JSON (path NULL). */
static enum import_format
format_of(const struct import *im, const char *path)
{
	enum import_format format = path ? import_format_of(path) : IMPORT_JSON;

	if (path && im->format && import_format_named(im->format, &format) < 0)
		return IMPORT_JSON; /* the command line takes the names that there are */
	return format;
}

static int
bad_file(const char *path, const struct import_fault *fault)
{
	char line[32] = "";

	if (fault->line)
		(void)snprintf(line, sizeof line, ":%zu", fault->line);
	return ctl_fail(CTL_USAGE,
	    "The end of a file's name tells its format: .json, .yaml, .yml or .env; --format "
	    "names another.",
	    "%s%s: %s", path ? path : "Airflow's export", line, fault->why.text);
}

/* One export, from a file or from Airflow itself. */
static int
read_export(struct import *im, enum import_kind kind, const char *path)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_SYNC_BYTES);
	struct import_fault fault = { 0 };
	struct why why;
	int r;

	r = path ? file_read(path, &text, &why)
		 : export_run(im->o->from_airflow, kind, &text, &why);
	if (r < 0)
		return ctl_fail(path ? CTL_USAGE : CTL_UNAVAILABLE, NULL, "%s", why.text);
	r = import_read(&im->list, kind, format_of(im, path), span_of_buf(&text), &fault);
	if (r == -EBADMSG)
		return bad_file(path, &fault);
	if (r == 0 && im->list.n > LIMIT_OBJECTS)
		return ctl_fail(CTL_USAGE, NULL, "more than %d keys", LIMIT_OBJECTS);
	return r < 0 ? no_memory() : CTL_YES;
}

static int
read_exports(struct import *im)
{
	const struct ctl_import_options *o = im->o;
	int code = CTL_YES;

	if (o->connections || o->from_airflow)
		code = read_export(im, IMPORT_CONNECTION, o->connections);
	if (code == CTL_YES && (o->variables || o->from_airflow))
		code = read_export(im, IMPORT_VARIABLE, o->variables);
	return code;
}

/* --- what the manager has -------------------------------------------------------------- */

/* The `message` of an error's body, or a word for the status. */
static void
read_message(struct import *im, int status, struct why *why)
{
	struct json *j = NULL;
	const char *message = NULL;

	if (json_parse(&j, (struct span){ buf_str(&im->answer), im->answer.len }, NULL) == 0)
		message = json_string(json_get(j, "message"));
	if (message)
		why_set(why, "%s", message);
	else
		why_set(why, "HTTP status %d", status);
	json_free(j);
}

/* For a status that ends everything. */
static int
fail_status(struct import *im, int status)
{
	struct why why;

	read_message(im, status, &why);
	if (status == 401 || status == 403)
		return ctl_fail(CTL_DENIED, "Is the token of --token-file valid for that target?",
		    "the manager refuses (%d): %s", status, why.text);
	return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager answers %d: %s", status, why.text);
}

static int
bad_list(void)
{
	return ctl_fail(
	    CTL_UNAVAILABLE, NULL, "the manager's list is not valid: expected a page of objects");
}

/* Keeps the rows of one page that are the target's own, and the page. */
static int
keep_rows(struct import *im, struct known *k, struct json *page, size_t *n)
{
	const struct ctl_import_options *o = im->o;
	const struct json *rows = json_get(page, "environmentObjects"), *j;
	const char *target = o->workspace ? o->workspace : o->deployment[0];
	struct json **pages = mem_resize(k->page, (k->n_pages + 1) * sizeof *pages);
	const struct json **grown;

	if (!pages) {
		json_free(page);
		return no_memory();
	}
	k->page = pages;
	k->page[k->n_pages++] = page;
	if (!rows || json_type(rows) != SCAN_ARRAY)
		return bad_list();
	*n = json_count(rows);
	grown = mem_resize(k->row, (k->n_rows + *n) * sizeof(void *));
	if (!grown)
		return no_memory();
	k->row = grown;
	for (j = json_first(rows); j; j = json_next(j)) {
		const char *id = json_string(json_get(j, "scopeEntityId"));

		if (!json_string(json_get(j, "objectKey")) || !id)
			return bad_list();
		if (strcmp(id, target) == 0)
			k->row[k->n_rows++] = j;
	}
	return CTL_YES;
}

static int
get_page(struct import *im, enum import_kind kind, size_t offset, int *status)
{
	const struct ctl_import_options *o = im->o;
	char path[MAX_PATH];
	struct why why;

	(void)snprintf(path, sizeof path,
	    "/v1/organizations/%s/environment-objects?objectType=%s&%s=%s&showSecrets=%s"
	    "&limit=%d&offset=%zu&sorts=objectKey:asc",
	    o->organization, import_type(kind), o->workspace ? "workspaceId" : "deploymentId",
	    o->workspace ? o->workspace : o->deployment[0],
	    im->known[kind].hidden ? "false" : "true", LIMIT_PAGE_ROWS, offset);
	*status = http_call(im->http, path, NULL, &im->answer, &why);
	if (*status < 0)
		return ctl_fail(CTL_UNAVAILABLE, "Is --manager right, and does it run?",
		    "the manager cannot be reached: %s", why.text);
	return CTL_YES;
}

static int
compare_rows(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(
	    json_string(json_get(*x, "objectKey")), json_string(json_get(*y, "objectKey")));
}

/*
 * All pages of one kind. Secrets are asked for, since only so can be said that a key is unchanged;
 * where they are not to be had the list is read without.
 */
static int
load_kind(struct import *im, enum import_kind kind)
{
	struct known *k = &im->known[kind];
	struct json *page = NULL;
	size_t offset = 0, n = 1;
	int64_t total = 0;
	int code, status;

	for (int i = 0; n > 0 && i < LIMIT_SYNC_PAGES; i++) {
		code = get_page(im, kind, offset, &status);
		if (code == CTL_YES && !k->hidden && offset == 0 &&
		    (status == 400 || status == 403 || status == 405)) {
			k->hidden = true;
			code = get_page(im, kind, offset, &status);
		}
		if (code != CTL_YES)
			return code;
		if (status != 200)
			return fail_status(im, status);
		if (json_parse(&page, (struct span){ buf_str(&im->answer), im->answer.len }, NULL) <
			0 ||
		    !json_int(json_get(page, "totalCount"), &total)) {
			json_free(page);
			return bad_list();
		}
		code = keep_rows(im, k, page, &n);
		page = NULL;
		if (code != CTL_YES)
			return code;
		offset += n;
		if ((int64_t)offset >= total)
			break;
	}
	if (k->n_rows)
		qsort(k->row, k->n_rows, sizeof *k->row, compare_rows);
	return CTL_YES;
}

static const struct json *
known_find(const struct known *k, const char *key)
{
	size_t low = 0, high = k->n_rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(json_string(json_get(k->row[middle], "objectKey")), key);

		if (order == 0)
			return k->row[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* --- deciding -------------------------------------------------------------------------- */

static int
decide(struct import *im, struct step *s)
{
	const struct known *k = &im->known[s->entry->kind];
	enum import_relation relation;
	int r;

	if (s->entry->refused) {
		s->act = ACT_REFUSED;
		why_set(&s->why, "%s", s->entry->refused);
		return CTL_YES;
	}
	s->row = known_find(k, s->entry->key);
	if (!s->row) {
		s->act = ACT_CREATED;
		return CTL_YES;
	}
	r = import_compare(s->entry, s->row, im->o, k->hidden, &relation, &s->why);
	if (r < 0)
		return r == -EBADMSG ? bad_list() : no_memory();
	if (relation == IMPORT_SAME)
		s->act = ACT_UNCHANGED;
	else if (!im->o->update)
		s->act = ACT_SKIPPED;
	else
		s->act = relation == IMPORT_BLOCKED ? ACT_REFUSED : ACT_UPDATED;
	return CTL_YES;
}

static bool
is_to_do(const struct step *s)
{
	return s->act == ACT_CREATED || s->act == ACT_UPDATED;
}

/* What to look at when this is done, behind what it differs in. */
static void
add_note(struct step *s)
{
	if (s->entry->note && is_to_do(s))
		why_add(&s->why, "%s%s", *s->why.text ? "; " : "", s->entry->note);
}

static int
decide_all(struct import *im)
{
	int code = CTL_YES;

	im->step = mem_calloc(im->list.n, sizeof *im->step);
	if (!im->step)
		return no_memory();
	for (size_t i = 0; i < im->list.n && code == CTL_YES; i++) {
		im->step[i].entry = &im->list.entry[i];
		code = decide(im, &im->step[i]);
		add_note(&im->step[i]);
	}
	return code;
}

/* --- doing ----------------------------------------------------------------------------- */

/* An id is the manager's word, but it goes into our path. */
static bool
is_id(const char *id)
{
	size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return n > 0 && n <= 64 && !id[n];
}

/* CTL_YES also when the manager refuses this one alone; anything else ends the import. */
static int
apply(struct import *im, struct step *s)
{
	CLEANUP(buf_fini) struct buf body = BUF_INIT(LIMIT_HTTP_BODY);
	const char *id = s->row ? json_string(json_get(s->row, "id")) : NULL;
	char path[MAX_PATH];
	struct why why;
	int status;

	if (id && !is_id(id))
		return bad_list();
	(void)snprintf(path, sizeof path, "/v1/organizations/%s/environment-objects%s%s",
	    im->o->organization, id ? "/" : "", id ? id : "");
	import_body(s->entry, s->row, im->o, &body);
	if (buf_error(&body) == -ENOMEM)
		return no_memory();
	s->act = buf_error(&body) ? ACT_REFUSED : s->act;
	if (s->act == ACT_REFUSED) {
		why_set(&s->why, "is larger than the manager takes (1 MiB)");
		return CTL_YES;
	}
	status = http_call(im->http, path, &body, &im->answer, &why);
	if (status >= 200 && status < 300)
		return CTL_YES;
	s->act = ACT_REFUSED;
	if (status < 0) {
		why_set(&s->why, "no answer; look whether it is there");
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "the manager cannot be reached any more: %s", why.text);
	}
	read_message(im, status, &s->why);
	if (status == 401 || status == 403 || status == 429 || status < 400 || status >= 500)
		return fail_status(im, status);
	return CTL_YES;
}

static void
show_pause(void *arg, int seconds)
{
	(void)arg;
	output_progress("the manager asks to wait %d s", seconds);
}

static int
apply_all(struct import *im)
{
	int64_t shown_ms = 0;
	size_t n = 0, done = 0;
	int code = CTL_YES;

	for (size_t i = 0; i < im->list.n; i++)
		n += is_to_do(&im->step[i]);
	for (size_t i = 0; i < im->list.n; i++) {
		struct step *s = &im->step[i];

		if (!is_to_do(s))
			continue;
		if (code != CTL_YES) {
			s->act = ACT_LEFT;
			continue;
		}
		if (clock_boot_ms() - shown_ms >= PROGRESS_MS) {
			output_progress("%zu of %zu", done, n);
			shown_ms = clock_boot_ms();
		}
		code = apply(im, s);
		done++;
	}
	return code;
}

/* --- reporting ------------------------------------------------------------------------- */

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

/* Returns the exit code of an import that went through. */
static int
report(struct import *im)
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

/* --- all of it ------------------------------------------------------------------------- */

static int
run(struct import *im)
{
	int code = read_exports(im), reported;

	for (enum import_kind kind = 0; kind < N_KINDS && code == CTL_YES; kind++) {
		bool any = false;

		for (size_t i = 0; i < im->list.n && !any; i++)
			any = im->list.entry[i].kind == kind;
		if (any)
			code = load_kind(im, kind);
	}
	if (code == CTL_YES)
		code = decide_all(im);
	if (code != CTL_YES)
		return code;
	if (!im->o->dry_run)
		code = apply_all(im);
	reported = report(im);
	return code == CTL_YES ? reported : code;
}

static int
start_http(struct import *im, const struct ctl_options *o)
{
	CLEANUP(buf_fini) struct buf token = BUF_INIT(LIMIT_TOKEN + 256);
	struct why why;
	struct http_options h = { .url = im->o->manager,
		.ca_file = im->o->ca_file,
		.insecure_http = im->o->insecure_http,
		.timeout_ms = o->timeout_ms,
		.on_pause = show_pause };
	int code = token_read("--token-file", im->o->token_file, &token), r;

	if (code != CTL_YES)
		return code;
	h.token = buf_str(&token);
	r = http_start_libraries();
	if (r == 0)
		r = http_new(&im->http, &h, &why);
	if (r == -EINVAL)
		return ctl_fail(CTL_USAGE, NULL, "%s", why.text);
	return r < 0 ? ctl_fail(CTL_UNAVAILABLE, NULL, "libcurl does not start") : CTL_YES;
}

int
ctl_import(const struct ctl_options *o)
{
	struct import im = {
		.o = &o->import,
		.format = cli_value(o->line, OPT_FORMAT),
		.json = o->json,
		.answer = BUF_INIT(LIMIT_PAGE_BYTES),
	};
	int code;

	json_global_init();
	code = start_http(&im, o);
	if (code == CTL_YES)
		code = run(&im);
	for (size_t kind = 0; kind < N_KINDS; kind++) {
		for (size_t i = 0; i < im.known[kind].n_pages; i++)
			json_free(im.known[kind].page[i]);
		mem_free(im.known[kind].page);
		mem_free(im.known[kind].row);
	}
	mem_free(im.step);
	import_list_fini(&im.list);
	im.http = http_free(im.http);
	buf_fini(&im.answer);
	return code;
}
