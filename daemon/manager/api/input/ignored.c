/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/ignored.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/distance.h"
#include "base/json/scan.h"
#include "base/json/write.h"

static bool
is_known(struct span raw, const char *const *known)
{
	for (; *known; known++) {
		if (scan_name_is(raw, *known))
			return true;
	}
	return false;
}

/* A known name is near when at most a third of it differs. */
static const char *
nearest(struct span raw, const char *const *known)
{
	const char *best = NULL;
	size_t least = (raw.n + 2) / 3 + 1;

	for (; *known; known++) {
		size_t d = edit_distance(raw, span_of(*known));

		if (d < least) {
			least = d;
			best = *known;
		}
	}
	return best;
}

/* True for characters that need no escape in a header's quoted string or in a log line. */
static char
printable(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?';
}

static void
copy_name(char out[static IGNORED_NAME_SIZE], const char *path, struct span raw)
{
	size_t n = (size_t)snprintf(
	    out, IGNORED_NAME_SIZE, "%.60s%s%.*s", path, *path ? "." : "", (int)raw.n, raw.p);

	if (n >= IGNORED_NAME_SIZE)
		n = IGNORED_NAME_SIZE - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = printable(out[i]);
}

static void
note(struct ignored *ig, const char *path, struct span raw, const char *near)
{
	if (ig->n < IGNORED_NAMED) {
		copy_name(ig->named[ig->n].name, path, raw);
		ig->named[ig->n].nearest = near;
	}
	ig->n++;
}

void
ignored_note(struct ignored *ig, struct span object, const char *path, const char *const *known)
{
	struct span at = object, raw, value;

	while (scan_member(&at, &raw, &value)) {
		if (!is_known(raw, known))
			note(ig, path, raw, ig->n < IGNORED_NAMED ? nearest(raw, known) : NULL);
	}
}

void
ignored_note_near(
    struct ignored *ig, struct span object, const char *path, const char *const *known)
{
	struct span at = object, raw, value;

	while (scan_member(&at, &raw, &value)) {
		const char *near = is_known(raw, known) ? NULL : nearest(raw, known);

		if (near)
			note(ig, path, raw, near);
	}
}

static size_t
n_named(const struct ignored *ig)
{
	return ig->n < IGNORED_NAMED ? ig->n : IGNORED_NAMED;
}

void
ignored_warning(const struct ignored *ig, char out[static IGNORED_WARNING_SIZE])
{
	struct buf b = BUF_INIT(IGNORED_WARNING_SIZE - 1);

	out[0] = '\0';
	if (!ig->n)
		return;
	buf_adds(&b, "299 connd-manager \"ignored members that are not known:");
	for (size_t i = 0; i < n_named(ig); i++) {
		buf_addf(&b, "%s %s", i ? "," : "", ig->named[i].name);
		if (ig->named[i].nearest)
			buf_addf(&b, " (nearest: %s)", ig->named[i].nearest);
	}
	if (ig->n > n_named(ig))
		buf_addf(&b, " and %zu more", ig->n - n_named(ig));
	buf_addc(&b, '"');
	(void)snprintf(out, IGNORED_WARNING_SIZE, "%s", buf_str(&b));
	buf_fini(&b);
}

void
ignored_names(const struct ignored *ig, struct buf *out)
{
	char text[IGNORED_NAME_SIZE + 16];

	for (size_t i = 0; i < n_named(ig); i++) {
		(void)snprintf(text, sizeof text, "ignored %s", ig->named[i].name);
		if (i)
			buf_addc(out, ',');
		jtext_string(out, span_of(text));
	}
	if (ig->n > n_named(ig))
		buf_addf(out, ",\"ignored %zu more\"", ig->n - n_named(ig));
}
