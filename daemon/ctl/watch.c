/* SPDX-License-Identifier: Apache-2.0 */
/* connctl watch: changes of connd's copy as they arrive, a line each. Never a value. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/rnd.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

/* Pause before connecting again; doubled after each failure, and jittered by half. */
#define FIRST_PAUSE_MS 200
#define LAST_PAUSE_MS  10000

struct watch {
	const struct ctl_options *o;
	int64_t generation; /* of the last reply; -1: none yet */
	int64_t time_ms;
	bool first;  /* the next reply is the first of its connection */
	bool failed; /* standard output cannot be written */
	int64_t pause_ms;
};

struct change {
	struct buf kind, key, what;
};

static const struct {
	const char *kind, *prefix;
} prefixes[] = {
	{ "connection", "conn:" },
	{ "variable", "var:" },
	{ "environment-variable", "env:" },
};

static const char *
prefix_of(const char *kind)
{
	for (size_t i = 0; i < N_ELEMENTS(prefixes); i++)
		if (strcmp(kind, prefixes[i].kind) == 0)
			return prefixes[i].prefix;
	return "";
}

/* A pattern without a kind's prefix is about every kind. */
static bool
matches(const char *pattern, const char *prefix, const char *key)
{
	for (size_t i = 0; i < N_ELEMENTS(prefixes); i++) {
		size_t n = strlen(prefixes[i].prefix);

		if (strncmp(pattern, prefixes[i].prefix, n) == 0)
			return strcmp(prefix, prefixes[i].prefix) == 0 &&
			       fnmatch(pattern + n, key, 0) == 0;
	}
	return fnmatch(pattern, key, 0) == 0;
}

static bool
is_wanted(const struct watch *w, const struct change *c)
{
	const struct cli_line *line = w->o->line;

	for (size_t i = 0; i < line->n_operands; i++)
		if (matches(line->operand[i], prefix_of(buf_str(&c->kind)), buf_str(&c->key)))
			return true;
	return line->n_operands == 0;
}

static void
add_line(const struct watch *w, const struct change *c, struct buf *out)
{
	if (w->o->json) {
		buf_addc(out, '{');
		jtext_member_int(out, "time_ms", w->time_ms);
		jtext_member_int(out, "generation", w->generation);
		jtext_member_string(out, "kind", span_of_buf(&c->kind));
		jtext_member_string(out, "key", span_of_buf(&c->key));
		jtext_member_string(out, "change", span_of_buf(&c->what));
		buf_adds(out, "}\n");
		return;
	}
	output_time(out, w->time_ms);
	buf_addf(out, " %-8.20s %s", buf_str(&c->what), prefix_of(buf_str(&c->kind)));
	output_safe(out, span_of_buf(&c->key));
	buf_addf(out, " generation=%" PRId64 "\n", w->generation);
}

/* --- reading a reply ----------------------------------------------------------------------- */

static int
read_text(struct span object, const char *name, struct buf *out)
{
	struct span value;

	if (scan_find(object, name, &value) < 0 || !value.p || scan_type(value) != SCAN_STRING)
		return -EBADMSG;
	return scan_string(value, out);
}

static int
read_int(struct span object, const char *name, int64_t *out)
{
	struct span value;

	if (scan_find(object, name, &value) < 0 || !value.p || scan_type(value) != SCAN_NUMBER)
		return -EBADMSG;
	return scan_int(value, out);
}

static void
change_fini(struct change *c)
{
	buf_fini(&c->kind);
	buf_fini(&c->key);
	buf_fini(&c->what);
}

static int
take_change(const struct watch *w, struct span object, struct buf *out)
{
	CLEANUP(change_fini)
	struct change c = { BUF_INIT(LIMIT_FRAME), BUF_INIT(LIMIT_FRAME), BUF_INIT(LIMIT_FRAME) };

	if (scan_type(object) != SCAN_OBJECT || read_text(object, "kind", &c.kind) < 0 ||
	    read_text(object, "key", &c.key) < 0 || read_text(object, "change", &c.what) < 0)
		return -EBADMSG;
	if (is_wanted(w, &c))
		add_line(w, &c, out);
	return 0;
}

/* The first reply after a lost connection: says what happened meanwhile. */
static void
say_reconnected(const struct watch *w, int64_t generation, struct buf *out)
{
	bool changed = generation != w->generation;

	if (w->o->json) {
		buf_addc(out, '{');
		jtext_member_int(out, "time_ms", w->time_ms);
		jtext_member_int(out, "generation", generation);
		jtext_member_string(out, "change", SPAN_LITERAL("reconnected"));
		jtext_member_bool(out, "missed", changed);
		buf_adds(out, "}\n");
	} else if (changed) {
		output_note("connected again: the copy changed meanwhile (generation %" PRId64
			    ", before %" PRId64 "); these changes are not shown",
		    generation, w->generation);
	} else {
		output_note("connected again: nothing changed meanwhile (generation %" PRId64 ")",
		    generation);
	}
}

static int
on_reply(void *arg, struct span reply)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT((size_t)4 * LIMIT_REPLY);
	struct watch *w = arg;
	struct span list, object;
	int64_t generation;
	int code;

	ctl_mute(false);
	if (!reply.p || scan_find(reply, "changes", &list) < 0 || !list.p ||
	    scan_type(list) != SCAN_ARRAY || read_int(reply, "generation", &generation) < 0 ||
	    read_int(reply, "time_ms", &w->time_ms) < 0)
		return client_bad_reply(w->o);
	if (w->first && w->generation >= 0)
		say_reconnected(w, generation, &out);
	w->first = false;
	w->generation = generation;
	w->pause_ms = FIRST_PAUSE_MS;
	while (scan_element(&list, &object))
		if (take_change(w, object, &out) < 0)
			return client_bad_reply(w->o);
	code = output_flush(&out);
	w->failed = code != CTL_YES;
	/* From here on ctl_watch() reports a lost connection and connects again. */
	if (!w->failed)
		ctl_mute(true);
	return code;
}

/* --- connecting again ---------------------------------------------------------------------- */

static int
watch_once(struct watch *w)
{
	struct client_call call = {
		.method = SECRETS_WATCH, .endless = true, .on_reply = on_reply, .arg = w
	};

	w->first = true;
	return client_call(w->o, &call);
}

/* Would it help to try again? */
static bool
is_passing(const struct watch *w, int code)
{
	return !w->failed && (code == CTL_UNAVAILABLE || code == CTL_YES);
}

static void
wait_a_little(struct watch *w)
{
	(void)poll(NULL, 0, (int)rnd_between(w->pause_ms / 2, w->pause_ms));
	w->pause_ms = w->pause_ms < LAST_PAUSE_MS / 2 ? 2 * w->pause_ms : LAST_PAUSE_MS;
}

int
ctl_watch(const struct ctl_options *o)
{
	struct watch w = { .o = o, .generation = -1, .pause_ms = FIRST_PAUSE_MS };
	int code;

	output_until_interrupted();
	code = watch_once(&w);
	while (w.generation >= 0 && is_passing(&w, code)) {
		if (!w.first)
			output_note(
			    "the connection to connd at %s ended; connecting again", o->socket);
		wait_a_little(&w);
		code = watch_once(&w);
	}
	/* What no further try would change was found out in silence: once more, aloud. */
	ctl_mute(false);
	if (w.generation >= 0 && !w.failed)
		code = watch_once(&w);
	return code;
}
