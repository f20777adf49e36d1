/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/missing.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "ctl/client.h"
#include "ctl/nearest.h"
#include "ctl/output.h"

#define ASIDE_MS 2000 /* for each of the two further calls */
#define MAX_TEXT ((size_t)64 * 1024)

/* What Status and List tell. */
struct holding {
	struct span key;
	bool is_connection;
	int64_t n;       /* keys of this kind; -1: not known */
	bool other_kind; /* the key is one of the other kind */
	struct nearest nearest;
	struct buf place; /* "Deployment \"prod\""; empty: not known */
};

/* --- List --------------------------------------------------------------------------------- */

/* The keys of one array of a List reply, which may leave it out. 0 or -EBADMSG. */
static int
read_keys(struct holding *h, struct span reply, const char *name, bool wanted_kind)
{
	CLEANUP(buf_fini) struct buf key = BUF_INIT(LIMIT_REPLY);
	struct span array, value;

	if (scan_find(reply, name, &array) < 0 ||
	    (array.p && scan_type(array) != SCAN_ARRAY && scan_type(array) != SCAN_NULL))
		return -EBADMSG;
	if (!array.p || scan_type(array) == SCAN_NULL)
		return 0;
	while (scan_element(&array, &value)) {
		buf_reset(&key);
		if (scan_type(value) != SCAN_STRING || scan_string(value, &key) < 0)
			return -EBADMSG;
		h->n += wanted_kind;
		if (wanted_kind)
			nearest_consider(&h->nearest, span_of_buf(&key));
		else
			h->other_kind = h->other_kind || span_equal(h->key, span_of_buf(&key));
	}
	return 0;
}

static int
on_list(void *arg, struct span reply)
{
	struct holding *h = arg;

	if (h->n < 0)
		h->n = 0;
	if (!reply.p)
		return CTL_YES;
	if (read_keys(h, reply, "connections", h->is_connection) < 0 ||
	    read_keys(h, reply, "variables", !h->is_connection) < 0)
		return CTL_UNAVAILABLE;
	return CTL_YES;
}

/* --- Status ------------------------------------------------------------------------------- */

/* Appends the text of a member; nothing when it is absent or not text. */
static void
add_text(struct buf *out, struct span object, const char *name)
{
	struct span value;
	size_t before = out->len;

	if (!object.p || scan_find(object, name, &value) < 0 || !value.p ||
	    scan_type(value) != SCAN_STRING)
		return;
	if (scan_string(value, out) < 0)
		buf_truncate(out, before);
}

/* A Deployment or Workspace by its name, or else by its id. False: connd does not serve one. */
static bool
add_place(struct buf *out, struct span status, const char *word, const char *id, const char *name)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(MAX_TEXT);

	add_text(&text, status, name);
	if (!text.len)
		add_text(&text, status, id);
	if (text.len)
		buf_addf(out, "%s \"%s\"", word, buf_str(&text));
	return text.len > 0;
}

static int
on_status(void *arg, struct span status)
{
	struct holding *h = arg;

	if (!add_place(&h->place, status, "Deployment", "deployment", "deployment_name"))
		(void)add_place(&h->place, status, "Workspace", "workspace", "workspace_name");
	return CTL_YES;
}

/* --- the report --------------------------------------------------------------------------- */

static void
ask(const struct ctl_options *o, enum secrets_method method,
    int (*on_reply)(void *arg, struct span parameters), struct holding *h)
{
	struct client_call call = { .method = method, .on_reply = on_reply, .arg = h };
	struct ctl_options aside = *o;

	if (aside.timeout_ms > ASIDE_MS)
		aside.timeout_ms = ASIDE_MS;
	if (client_call(&aside, &call) != CTL_YES && method == SECRETS_LIST)
		h->n = -1;
}

/* "fresh", or "offline: last confirmed 3 min ago". */
static void
add_state(struct buf *out, struct span not_found)
{
	struct span age;
	size_t before = out->len;
	int64_t age_ms;

	add_text(out, not_found, "state");
	if (out->len == before || strcmp(buf_str(out) + before, "fresh") == 0 ||
	    scan_find(not_found, "age_ms", &age) < 0 || !age.p || scan_int(age, &age_ms) < 0)
		return;
	buf_adds(out, ": last confirmed ");
	output_duration(out, age_ms);
	buf_adds(out, " ago");
}

static void
add_count(struct buf *out, const struct missing *m, const struct holding *h)
{
	const char *word = m->is_connection ? "connection" : "variable";

	buf_adds(out, "connd holds ");
	if (h->n > 0)
		buf_addf(out, "%" PRId64 " %s%s", h->n, word, h->n == 1 ? "" : "s");
	else
		buf_addf(out, "no %ss", word);
	if (h->place.len)
		buf_addf(out, " of %s", buf_str(&h->place));
	buf_adds(out, " (");
	add_state(out, m->not_found);
	buf_adds(out, ")");
}

static void
add_reasons(struct buf *out, const struct missing *m, const struct holding *h)
{
	bool deployment = strncmp(buf_str(&h->place), "Deployment", strlen("Deployment")) == 0;

	buf_addf(out, "%s \"%.*s\"", h->n > 0 ? ";" : ":", (int)h->key.n, h->key.p);
	if (h->n > 0)
		buf_adds(out, " is not one of them");
	else
		buf_adds(out, " is not there");
	if (m->o->team)
		buf_addf(out, ", nor is \"%s___%.*s\"", m->o->team, (int)h->key.n, h->key.p);
	buf_adds(out, deployment ? ": not created, not linked to this Deployment, or misspelt"
				 : ": not created, or misspelt");
}

/* The next step. */
static void
add_advice(struct buf *out, const struct missing *m, const struct holding *h)
{
	if (h->other_kind)
		buf_addf(out, "There is a %s of that name: \"connctl get %s %.*s\".",
		    m->is_connection ? "variable" : "connection", m->is_connection ? "var" : "conn",
		    (int)h->key.n, h->key.p);
	else if (h->nearest.near.len)
		buf_addf(out, "Nearest: \"%s\".", buf_str(&h->nearest.near));
	else
		buf_adds(out, "\"connctl list\" shows what there is.");
}

void
missing_describe(const struct missing *m, struct buf *text, struct buf *advice)
{
	struct holding h = { .key = span_of(m->o->word[2]),
		.is_connection = m->is_connection,
		.n = -1,
		.nearest = { .wanted = span_of(m->o->word[2]), .near = BUF_INIT(LIMIT_REPLY) },
		.place = BUF_INIT(MAX_TEXT) };

	ctl_mute(true);
	ask(m->o, SECRETS_STATUS, on_status, &h);
	ask(m->o, SECRETS_LIST, on_list, &h);
	ctl_mute(false);
	if (h.n < 0) {
		buf_addf(text, "there is no such key: %.*s", (int)h.key.n, h.key.p);
	} else {
		add_count(text, m, &h);
		add_reasons(text, m, &h);
	}
	add_advice(advice, m, &h);
	buf_fini(&h.nearest.near);
	buf_fini(&h.place);
}

int
missing_report(const struct missing *m)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(MAX_TEXT), advice = BUF_INIT(MAX_TEXT);

	missing_describe(m, &text, &advice);
	return ctl_fail(CTL_NO, buf_str(&advice), "%s", buf_str(&text));
}
