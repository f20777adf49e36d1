/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl import: reads what Airflow exports and what the manager has, decides for each key, does
 * it, and reports. When the manager refuses one key, the others are still imported. When it cannot
 * be reached or refuses the token, the import ends, and the report says how far it went.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/admin/place.h"
#include "ctl/import/airflow_export.h"
#include "ctl/import/body.h"
#include "ctl/import/file.h"
#include "ctl/import/import_internal.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define PROGRESS_MS 100 /* between two updates of the progress that a person sees */

/* --- what comes in --------------------------------------------------------------------- */

/* What --format says, or else the end of the file's name. path NULL: Airflow's own export. */
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
	return r < 0 ? import_no_memory() : CTL_YES;
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
	s->row = import_known_find(k, s->entry->key);
	if (!s->row) {
		s->act = ACT_CREATED;
		return CTL_YES;
	}
	r = import_compare(s->entry, s->row, im->o, k->hidden, &relation, &s->why);
	if (r < 0)
		return r == -EBADMSG ? import_bad_list() : import_no_memory();
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

/* Appends the entry's advice to the reason. */
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
		return import_no_memory();
	for (size_t i = 0; i < im->list.n && code == CTL_YES; i++) {
		im->step[i].entry = &im->list.entry[i];
		code = decide(im, &im->step[i]);
		add_note(&im->step[i]);
	}
	return code;
}

/* --- doing ----------------------------------------------------------------------------- */

/* Checks an id that the manager sent, since it becomes part of a path. */
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
	char path[IMPORT_MAX_PATH];
	struct why why;
	int status;

	if (id && !is_id(id))
		return import_bad_list();
	(void)snprintf(path, sizeof path, "/v1/organizations/%s/environment-objects%s%s",
	    im->o->organization, id ? "/" : "", id ? id : "");
	import_body(s->entry, s->row, im->o, &body);
	if (buf_error(&body) == -ENOMEM)
		return import_no_memory();
	s->act = buf_error(&body) ? ACT_REFUSED : s->act;
	if (s->act == ACT_REFUSED) {
		why_set(&s->why, "is larger than the manager takes (1 MiB)");
		return CTL_YES;
	}
	status = http_call(im->session.http, path, &body, &im->response, &why);
	if (status >= 200 && status < 300)
		return CTL_YES;
	s->act = ACT_REFUSED;
	if (status < 0) {
		why_set(&s->why, "no response: it may have been imported");
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "the connection to the manager was lost: %s", why.text);
	}
	import_read_message(im, status, &s->why);
	if (status == 401 || status == 403 || status == 429 || status < 400 || status >= 500)
		return import_fail_status(im, status);
	return CTL_YES;
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

/* --- all of it ------------------------------------------------------------------------- */

static int
run(struct import *im)
{
	int code = read_exports(im), reported;

	for (enum import_kind kind = 0; kind < IMPORT_N_KINDS && code == CTL_YES; kind++) {
		bool any = false;

		for (size_t i = 0; i < im->list.n && !any; i++)
			any = im->list.entry[i].kind == kind;
		if (any)
			code = import_load_kind(im, kind);
	}
	if (code == CTL_YES)
		code = decide_all(im);
	if (code != CTL_YES)
		return code;
	if (!im->o->dry_run)
		code = apply_all(im);
	reported = import_report(im);
	return code == CTL_YES ? reported : code;
}

/* Of the form that the hosted API's ids and connd-manager's have; then it is not looked up. */
static bool
is_place_id(const char *text)
{
	return *text == 'c' && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") == 25 &&
	       !text[25];
}

/* Replaces a place's name by its id; in that Workspace only, unless "". */
static int
find_id(struct import *im, int kind, const char *workspace, const char **place,
    char id[static TOKEN_ID_SIZE])
{
	int code;

	if (is_place_id(*place))
		return CTL_YES;
	code = place_find(&im->session, &place_kinds[kind], *place, workspace, id, NULL);
	*place = id;
	return code == CTL_YES && !is_id(id) ? import_bad_list() : code;
}

static int
find_target(struct import *im)
{
	struct ctl_import_options *t = &im->target;
	int code = CTL_YES;

	t->organization = im->session.organization;
	if (t->workspace)
		code = find_id(im, PLACE_WORKSPACE, "", &t->workspace, im->workspace);
	for (size_t i = 0; i < t->n_deployments && code == CTL_YES; i++)
		code = find_id(im, PLACE_DEPLOYMENT, t->workspace ? t->workspace : "",
		    &t->deployment[i], im->deployment[i]);
	return code;
}

int
ctl_import(const struct ctl_options *o)
{
	struct import im = {
		.target = o->import,
		.format = cli_value(o->line, OPT_FORMAT),
		.json = o->json,
		.response = BUF_INIT(LIMIT_PAGE_BYTES),
	};
	int code;

	im.o = &im.target;
	code = session_open(&im.session, o);
	if (code == CTL_YES)
		code = find_target(&im);
	if (code == CTL_YES)
		code = run(&im);
	for (size_t kind = 0; kind < IMPORT_N_KINDS; kind++) {
		for (size_t i = 0; i < im.known[kind].n_pages; i++)
			json_free(im.known[kind].page[i]);
		mem_free(im.known[kind].page);
		mem_free(im.known[kind].row);
	}
	mem_free(im.step);
	import_list_fini(&im.list);
	session_close(&im.session);
	buf_fini(&im.response);
	return code;
}
