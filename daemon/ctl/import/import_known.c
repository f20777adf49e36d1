/* SPDX-License-Identifier: Apache-2.0 */
/* What the manager has already: its objects of the target, and what its refusals say. */
#include "ctl/import/import_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ctl/import/body.h"

int
import_no_memory(void)
{
	return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
}

void
import_read_message(const struct import *im, int status, struct why *why)
{
	struct json *j = NULL;
	const char *message = NULL;

	if (json_parse(&j, (struct span){ buf_str(&im->response), im->response.len }, NULL) == 0)
		message = json_string(json_get(j, "message"));
	if (message)
		why_set(why, "%s", message);
	else
		why_set(why, "HTTP status %d", status);
	json_free(j);
}

int
import_fail_status(const struct import *im, int status)
{
	struct why why;

	import_read_message(im, status, &why);
	if (status == 401 || status == 403)
		return ctl_fail(CTL_DENIED, "Is the token valid for that target?",
		    "the manager refuses (%d): %s", status, why.text);
	return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager answers %d: %s", status, why.text);
}

int
import_bad_list(void)
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
		return import_no_memory();
	}
	k->page = pages;
	k->page[k->n_pages++] = page;
	if (!rows || json_type(rows) != SCAN_ARRAY)
		return import_bad_list();
	*n = json_count(rows);
	grown = mem_resize(k->row, (k->n_rows + *n) * sizeof(void *));
	if (!grown)
		return import_no_memory();
	k->row = grown;
	for (j = json_first(rows); j; j = json_next(j)) {
		const char *id = json_string(json_get(j, "scopeEntityId"));

		if (!json_string(json_get(j, "objectKey")) || !id)
			return import_bad_list();
		if (strcmp(id, target) == 0)
			k->row[k->n_rows++] = j;
	}
	return CTL_YES;
}

static int
get_page(struct import *im, enum import_kind kind, size_t offset, int *status)
{
	const struct ctl_import_options *o = im->o;
	char path[IMPORT_MAX_PATH];
	struct why why;

	(void)snprintf(path, sizeof path,
	    "/v1/organizations/%s/environment-objects?objectType=%s&%s=%s&showSecrets=%s"
	    "&limit=%d&offset=%zu&sorts=objectKey:asc",
	    o->organization, import_type(kind), o->workspace ? "workspaceId" : "deploymentId",
	    o->workspace ? o->workspace : o->deployment[0],
	    im->known[kind].hidden ? "false" : "true", LIMIT_PAGE_ROWS, offset);
	*status = http_call(im->session.http, path, NULL, &im->response, &why);
	if (*status < 0)
		return ctl_fail(CTL_UNAVAILABLE, "Is its address right, and does it run?",
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

int
import_load_kind(struct import *im, enum import_kind kind)
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
			return import_fail_status(im, status);
		if (json_parse(&page, (struct span){ buf_str(&im->response), im->response.len },
			NULL) < 0 ||
		    !json_int(json_get(page, "totalCount"), &total)) {
			json_free(page);
			return import_bad_list();
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

const struct json *
import_known_find(const struct known *k, const char *key)
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
