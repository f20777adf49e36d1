/* SPDX-License-Identifier: Apache-2.0 */
/* connctl scan: which values that connd holds stand in files. Prints where, never the value. */
#include <inttypes.h>
#include <stdbool.h>

#include "base/clock.h"
#include "ctl/output.h"
#include "ctl/scan/holdings.h"
#include "ctl/scan/search.h"
#include "ctl/scan/unpack.h"
#include "ctl/scan/walk.h"
#include "ctl/verbs.h"

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 200

struct scan {
	struct search search;
	struct unpack *unpack; /* of the file that is being read; NULL: it could not be begun */
	int64_t began_ms, shown_ms;
	uint64_t n_files, n_failed;
};

/* --- streams --------------------------------------------------------------------------- */

static void
on_stream(void *env, const char *name)
{
	search_stream(&((struct scan *)env)->search, name);
}

static void
on_stream_bytes(void *env, struct span bytes)
{
	search_bytes(&((struct scan *)env)->search, bytes);
}

static void
on_stream_end(void *env)
{
	search_stream_end(&((struct scan *)env)->search);
}

static void
on_skipped(void *env, const char *name, const char *why, bool damaged)
{
	struct scan *s = env;

	output_note("%s: not searched: %s", name, why);
	s->n_failed += damaged;
}

static const struct unpack_ops unpack_ops = {
	.begin = on_stream,
	.bytes = on_stream_bytes,
	.end = on_stream_end,
	.skipped = on_skipped,
};

/* --- files ----------------------------------------------------------------------------- */

static void
show_progress(struct scan *s)
{
	int64_t now_ms = clock_boot_ms();

	if (now_ms - s->began_ms < PROGRESS_AFTER_MS || now_ms - s->shown_ms < PROGRESS_EVERY_MS)
		return;
	s->shown_ms = now_ms;
	output_progress("%" PRIu64 " files, %" PRIu64 " MB, %" PRIu64 " found", s->n_files,
	    s->search.n_bytes / 1000000, s->search.n_found);
}

static void
on_failed(void *env, const char *path, const char *why)
{
	struct scan *s = env;

	output_note("%s: %s", path, why);
	s->n_failed++;
}

static void
on_file(void *env, const char *path)
{
	struct scan *s = env;

	s->n_files++;
	if (unpack_new(&s->unpack, &unpack_ops, s, path) < 0)
		on_failed(s, path, "out of memory");
}

static void
on_bytes(void *env, struct span bytes)
{
	struct scan *s = env;

	if (s->unpack)
		unpack_feed(s->unpack, bytes);
	show_progress(s);
}

static void
on_file_end(void *env)
{
	struct scan *s = env;

	if (s->unpack)
		unpack_end(s->unpack);
	s->unpack = NULL;
}

static const struct walk_ops walk_ops = {
	.begin = on_file,
	.bytes = on_bytes,
	.end = on_file_end,
	.failed = on_failed,
};

/* --- the verb -------------------------------------------------------------------------- */

static int
verdict(const struct scan *s)
{
	output_progress_end();
	output_note("%" PRIu64 " found: %zu values of %zu keys searched for in %" PRIu64 " files%s",
	    s->search.n_found, s->search.holdings->n - s->search.holdings->n_short,
	    s->search.holdings->n_keys, s->n_files,
	    s->n_failed ? ", some of which could not be read" : "");
	if (s->search.code != CTL_YES)
		return s->search.code;
	if (s->search.n_found)
		return CTL_NO;
	return s->n_failed ? CTL_USAGE : CTL_YES;
}

int
ctl_scan(const struct ctl_options *o)
{
	struct scan s = { .began_ms = clock_boot_ms() };
	struct holdings h;
	int code = holdings_read(&h, o);

	if (code == CTL_YES && search_begin(&s.search, &h, o->json) < 0)
		code = ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
	if (code == CTL_YES) {
		for (size_t i = 0; i < o->line->n_operands && s.search.code == CTL_YES; i++)
			walk_path(&walk_ops, &s, o->line->operand[i]);
		code = verdict(&s);
	}
	search_end(&s.search);
	holdings_free(&h);
	return code;
}
