/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/sidecars.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json/write.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "manager/api/encode.h"
#include "manager/api/input/report.h"
#include "manager/fiber/runner.h"
#include "manager/store/sidecar.h"

_Static_assert(REPORT_ID_SIZE == STORE_SIDECAR_ID_SIZE, "one is the other");

/* A set-associative table: in a full set, a new sidecar replaces the one silent longest. */
#define SETS     512
#define WAYS     8
#define WRITE_MS 60000 /* between two writes of a sidecar's report */
#define BATCH    128   /* reports in one transaction */

struct entry {
	struct store_sidecar row; /* its name and report are the two below */
	char name[4 * REPORT_NAME_MAX + 1];
	char report[REPORT_TEXT_MAX + 1];
	int64_t written_ms; /* boot time; 0: never by this process */
	bool unsaved;
};

struct sidecars {
	struct api *api;
	struct store *store;
	struct event *write;
	bool failing; /* the last write failed, which was logged */
	uint8_t key[HASH_SHORT_KEY_SIZE];
	struct entry *set[SETS][WAYS];
};

/* --- what is in memory ----------------------------------------------------------------- */

static struct entry **
set_of(struct sidecars *s, const struct id *scope_id, const char *id)
{
	char text[sizeof scope_id->s + STORE_SIDECAR_ID_SIZE];
	int n = snprintf(text, sizeof text, "%s%s", scope_id->s, id);

	return s->set[hash_short(s->key, text, (size_t)n) % SETS];
}

static struct entry *
find(struct sidecars *s, const struct id *scope_id, const char *id)
{
	struct entry **set = set_of(s, scope_id, id);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i] && id_equal(&set[i]->row.scope_id, scope_id) &&
		    strcmp(set[i]->row.id, id) == 0)
			return set[i];
	return NULL;
}

/* An empty entry in the sidecar's set, or NULL. */
static struct entry *
make(struct sidecars *s, const struct id *scope_id, const char *id)
{
	struct entry **set = set_of(s, scope_id, id), **at = &set[0];

	for (size_t i = 1; i < WAYS && *at; i++)
		if (!set[i] || set[i]->row.seen_ms < (*at)->row.seen_ms)
			at = &set[i];
	if (!*at)
		*at = mem_alloc(sizeof **at);
	if (*at)
		memset(*at, 0, sizeof **at);
	return *at;
}

/* --- writing ----------------------------------------------------------------------------- */

static bool
is_due(const struct entry *e, int64_t now_ms, bool all)
{
	return e && e->unsaved && (all || !e->written_ms || now_ms - e->written_ms >= WRITE_MS);
}

/* The entry that was copied, unless another sidecar has replaced it. */
static void
mark_unsaved(struct sidecars *s, const struct entry *copy)
{
	struct entry *e = find(s, &copy->row.scope_id, copy->row.id);

	if (e)
		e->unsaved = true;
}

/* Writes copies, since entries may change while the store is waited for. */
static void
write_batch(struct sidecars *s, struct entry *copies, size_t n)
{
	struct store_sidecar rows[BATCH];
	int r;

	for (size_t i = 0; i < n; i++) {
		rows[i] = copies[i].row;
		rows[i].name = span_of(copies[i].name);
		rows[i].report = span_of(copies[i].report);
	}
	r = n ? store_sidecar_put(s->store, rows, n) : 0;
	if (r < 0 && !s->failing)
		log_warn("reports of sidecars not written", LOG_STR("reason", strerror(-r)));
	s->failing = r < 0;
	for (size_t i = 0; r < 0 && i < n; i++)
		mark_unsaved(s, &copies[i]);
}

/*
 * Copies due entries, from *at on, and counts them as written now: if the write fails, the next try
 * is a minute later. Returns how many; *left: more are due.
 */
static size_t
collect(struct sidecars *s, size_t *at, bool all, struct entry copies[static BATCH], bool *left)
{
	struct entry **entries = &s->set[0][0];
	int64_t now_ms = clock_boot_ms();
	size_t n = 0;

	for (; *at < (size_t)SETS * WAYS && n < BATCH; ++*at) {
		struct entry *e = entries[*at];

		if (!is_due(e, now_ms, all)) {
			*left = *left || (e && e->unsaved);
			continue;
		}
		e->written_ms = now_ms;
		e->unsaved = false;
		copies[n++] = *e;
	}
	return n;
}

/* Writes what is due. True: more is left for later. */
static bool
write_due(struct sidecars *s, bool all)
{
	struct entry *copies = mem_calloc(BATCH, sizeof *copies);
	bool left = !copies;
	size_t at = 0, n;

	while (copies && (n = collect(s, &at, all, copies, &left)) > 0)
		write_batch(s, copies, n);
	mem_free(copies);
	return left || s->failing;
}

static void
write_soon(struct sidecars *s)
{
	static const struct timeval second = { .tv_sec = 1 };

	if (!event_pending(s->write, EV_TIMEOUT, NULL))
		/* out of memory: written with the next report */
		(void)event_add(s->write, &second);
}

static void
write_turn(void *arg)
{
	struct sidecars *s = arg;

	if (write_due(s, false))
		write_soon(s);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct sidecars *s = arg;

	(void)fd;
	(void)what;
	runner_must_run(s->api->runner, write_turn, s);
}

/* --- reports ------------------------------------------------------------------------------ */

static void
fill(struct entry *e, const struct report *report, const struct buf *shown,
    const struct request *rq, const struct list *l)
{
	int64_t now_ms = clock_wall_ms();

	(void)snprintf(e->name, sizeof e->name, "%s", report->name);
	(void)snprintf(e->report, sizeof e->report, "%s", buf_str(shown));
	e->row = (struct store_sidecar){ .scope = l->query.scope,
		.scope_id = l->query.scope_id,
		.organization = l->place.organization,
		.workspace = l->place.workspace,
		.token = rq->who.id,
		.name = span_of(e->name),
		.report = span_of(e->report),
		.first_ms = now_ms,
		.seen_ms = now_ms,
		.confirmed_ms = report->age_ms < 0 ? 0 : now_ms - report->age_ms };
	memcpy(e->row.id, report->id, sizeof e->row.id);
	e->unsaved = true;
}

void
sidecars_note(struct sidecars *s, const struct request *rq, const struct list *l)
{
	struct span text = http_request_field(rq->http, "x-connd-report", NULL);
	struct buf shown = BUF_INIT(REPORT_TEXT_MAX);
	struct report report;
	struct entry *e;

	if (!text.p || (l->query.scope != SCOPE_DEPLOYMENT && l->query.scope != SCOPE_WORKSPACE))
		return;
	if (report_read(text, &report, &shown) == 0) {
		e = find(s, &l->query.scope_id, report.id);
		if (!e)
			e = make(s, &l->query.scope_id, report.id);
		if (e) {
			fill(e, &report, &shown, rq, l);
			write_soon(s);
		}
	}
	buf_fini(&shown);
}

/* --- reading ------------------------------------------------------------------------------ */

struct sidecar_listing {
	struct sidecars *all;
	int64_t now_ms;
	struct place_list page;
	struct sidecar_counts counts;
	struct buf *out; /* NULL: only counted */
	bool full;
};

static const char *
status_of(const struct store_sidecar *c, int64_t now_ms)
{
	if (now_ms - c->seen_ms > SIDECARS_SILENT_MS)
		return "SILENT";
	return c->confirmed_ms && c->confirmed_ms >= c->changed_ms ? "NEWEST" : "BEHIND";
}

static void
count(struct sidecar_counts *counts, const char *status)
{
	*(*status == 'N'     ? &counts->newest
	    : *status == 'B' ? &counts->behind
			     : &counts->silent) += 1;
}

static void
encode_sidecar(const struct store_sidecar *c, const char *status, struct buf *out)
{
	jtext_next(out);
	buf_addc(out, '{');
	jtext_member_string(out, "id", span_of(c->id));
	jtext_member_string(out, "name", c->name);
	jtext_member_string(out, "scope", span_of(scope_name(c->scope)));
	jtext_member_string(out, "scopeEntityId", span_of(c->scope_id.s));
	jtext_member_string(out, "tokenId", span_of(c->token.s));
	jtext_member_string(out, "status", span_of(status));
	if (*status == 'B' && c->changed_ms)
		encode_time("behindSince", c->changed_ms, out);
	if (c->confirmed_ms)
		encode_time("confirmedAt", c->confirmed_ms, out);
	encode_time("seenAt", c->seen_ms, out);
	encode_time("firstSeenAt", c->first_ms, out);
	if (c->report.n > 2) {
		buf_addc(out, ',');
		buf_add(out, c->report.p + 1, c->report.n - 1); /* without its closing brace */
	} else {
		buf_addc(out, '}');
	}
}

static int64_t
n_counted(const struct sidecar_counts *c)
{
	return c->newest + c->behind + c->silent;
}

static int
list_sidecar(void *arg, const struct store_sidecar *stored)
{
	struct sidecar_listing *l = arg;
	const struct entry *e = find(l->all, &stored->scope_id, stored->id);
	struct store_sidecar c = e ? e->row : *stored;
	int64_t row = n_counted(&l->counts);
	const char *status;

	c.first_ms = stored->first_ms;
	c.changed_ms = stored->changed_ms;
	status = status_of(&c, l->now_ms);
	count(&l->counts, status);
	if (!l->out || l->full || row < l->page.offset || row - l->page.offset >= l->page.limit)
		return 0;
	encode_sidecar(&c, status, l->out);
	l->full = encode_page_is_full(l->out) > 0;
	return buf_error(l->out);
}

int
sidecars_count(struct sidecars *s, struct sidecar_counts *out)
{
	static const struct place all;
	struct sidecar_listing l = { .all = s, .now_ms = clock_wall_ms() };
	int r = store_sidecar_list(s->store, &all, l.now_ms - SIDECARS_KEPT_MS, list_sidecar, &l);

	*out = l.counts;
	return r;
}

void
sidecars_list(struct request *rq)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	struct sidecar_listing l = { .all = rq->api->sidecars,
		.now_ms = clock_wall_ms(),
		.page = { .limit = 20 },
		.out = &body };
	int r;

	if (!request_place_list(rq, ACTION_VIEW, &l.page))
		return;
	buf_adds(&body, "{\"sidecars\":[");
	r = store_sidecar_list(
	    rq->api->store, &l.page.place, l.now_ms - SIDECARS_KEPT_MS, list_sidecar, &l);
	buf_addc(&body, ']');
	jtext_member_int(&body, "newest", l.counts.newest);
	jtext_member_int(&body, "behind", l.counts.behind);
	jtext_member_int(&body, "silent", l.counts.silent);
	respond_page(rq->conn, r, l.page.limit, l.page.offset, n_counted(&l.counts), &body);
	buf_fini(&body);
}

/* --- creation and destruction ------------------------------------------------------------ */

struct sidecars *
sidecars_new(struct api *api)
{
	struct sidecars *s = mem_zalloc(sizeof *s);

	if (!s)
		return NULL;
	s->api = api;
	s->store = api->store;
	rnd_bytes(s->key, sizeof s->key);
	s->write = event_new(api->base, -1, 0, on_write, s);
	return s->write ? s : sidecars_free(s);
}

struct sidecars *
sidecars_free(struct sidecars *s)
{
	struct entry **at = s ? &s->set[0][0] : NULL;

	if (!s)
		return NULL;
	(void)write_due(s, true);
	for (size_t i = 0; i < (size_t)SETS * WAYS; i++)
		mem_free(at[i]);
	if (s->write)
		event_free(s->write);
	mem_free(s);
	return NULL;
}
