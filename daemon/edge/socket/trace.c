/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/trace.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "proto/secrets.h"

#define KEY_BYTES     250 /* the longest objectKey */
#define TEAM_BYTES    64
#define ID_BYTES      64
#define REQUEST_BYTES 32

struct text {
	uint8_t n;
	bool cut;
};

struct entry {
	int64_t now_ms, age_ms, us; /* us: -1 until the response has left */
	uint64_t generation;
	uid_t uid;
	pid_t pid;
	uint8_t kind, result;
	struct text key_of, team_of, id_of, request_of;
	char key[KEY_BYTES], team[TEAM_BYTES], id[ID_BYTES], request[REQUEST_BYTES];
};

struct trace {
	struct entry entry[TRACE_LOOKUPS];
	int64_t n;       /* how many were ever added: the number of the last one */
	int64_t n_sent;  /* of these, the responses have left */
	int64_t current; /* the number of the lookup of the request being served; 0: none */
};

int
trace_new(struct trace **out)
{
	*out = mem_zalloc(sizeof **out);
	return *out ? 0 : -ENOMEM;
}

struct trace *
trace_free(struct trace *t)
{
	mem_free(t);
	return NULL;
}

static struct entry *
entry_of(struct trace *t, int64_t number)
{
	return &t->entry[(number - 1) % TRACE_LOOKUPS];
}

/* --- adding ------------------------------------------------------------------------------- */

/* Copies a text, cut between two characters if it is too long. */
static struct text
keep(char *to, size_t room, struct span s)
{
	size_t n = utf8_cut(s, room);

	if (n)
		memcpy(to, s.p, n);
	return (struct text){ .n = (uint8_t)n, .cut = n < s.n };
}

void
trace_begin(struct trace *t)
{
	if (t)
		t->current = 0;
}

void
trace_add(struct trace *t, const struct trace_lookup *l)
{
	struct entry *e;

	if (!t)
		return;
	t->current = ++t->n;
	e = entry_of(t, t->n);
	e->now_ms = l->now_ms;
	e->age_ms = l->age_ms;
	e->us = -1;
	e->generation = l->generation;
	e->uid = l->uid;
	e->pid = l->pid;
	e->kind = (uint8_t)l->kind;
	e->result = (uint8_t)l->result;
	e->key_of = keep(e->key, sizeof e->key, l->key);
	e->team_of = keep(e->team, sizeof e->team, l->team);
	e->id_of = keep(e->id, sizeof e->id, l->id);
	e->request_of = keep(e->request, sizeof e->request, l->request);
}

void
trace_overload(struct trace *t)
{
	if (!t || !t->current)
		return;
	entry_of(t, t->current)->result = LOOKUP_OVERLOADED;
	entry_of(t, t->current)->generation = 0;
	entry_of(t, t->current)->request_of.n = 0;
	entry_of(t, t->current)->age_ms = -1;
}

void
trace_sent(struct trace *t, int64_t us)
{
	if (!t)
		return;
	if (t->n - t->n_sent > TRACE_LOOKUPS)
		t->n_sent = t->n - TRACE_LOOKUPS;
	while (t->n_sent < t->n)
		entry_of(t, ++t->n_sent)->us = us;
}

/* --- showing ------------------------------------------------------------------------------ */

static void
write_text(struct buf *params, const char *name, const char *p, struct text t)
{
	if (!t.n)
		return;
	jtext_name(params, name);
	buf_addc(params, '"');
	jtext_escape(params, (struct span){ p, t.n });
	buf_adds(params, t.cut ? "...\"" : "\"");
}

static void
write_lookup(struct buf *params, const struct entry *e, int64_t number, int64_t wall_ahead_ms)
{
	buf_addc(params, '{');
	jtext_member_int(params, "n", number);
	jtext_member_int(params, "time_ms", e->now_ms + wall_ahead_ms);
	jtext_member_int(params, "uid", e->uid);
	jtext_member_int(params, "pid", e->pid);
	jtext_member_string(params, "kind", span_of(secrets_kind_name((enum secrets_kind)e->kind)));
	write_text(params, "key", e->key, e->key_of);
	write_text(params, "team", e->team, e->team_of);
	jtext_member_string(
	    params, "result", span_of(lookup_result_name((enum lookup_result)e->result)));
	if (e->us >= 0)
		jtext_member_int(params, "us", e->us);
	if (e->age_ms >= 0)
		jtext_member_int(params, "age_ms", e->age_ms);
	if (e->generation)
		jtext_member_int(params, "generation", (int64_t)e->generation);
	write_text(params, "request_id", e->request, e->request_of);
	write_text(params, "trace", e->id, e->id_of);
	buf_addc(params, '}');
}

/* The first number to show. */
static int64_t
first_after(const struct trace *t, int64_t after)
{
	int64_t oldest = t->n > TRACE_LOOKUPS ? t->n - TRACE_LOOKUPS + 1 : 1;

	if (after < 0 || after > t->n)
		after = 0;
	return after + 1 > oldest ? after + 1 : oldest;
}

void
trace_write(const struct trace *t, int64_t after, int64_t now_ms, struct buf *params)
{
	int64_t wall_ahead_ms = clock_wall_ms() - now_ms, number = 0, last = 0;

	jtext_name(params, "lookups");
	buf_addc(params, '[');
	if (t) {
		number = first_after(t, after);
		last = t->n < number + TRACE_REPLY ? t->n : number + TRACE_REPLY - 1;
	}
	for (int64_t i = number; i && i <= last; i++) {
		if (i > number)
			buf_addc(params, ',');
		write_lookup(params, &t->entry[(i - 1) % TRACE_LOOKUPS], i, wall_ahead_ms);
	}
	buf_addc(params, ']');
	jtext_member_int(params, "next", last);
}
