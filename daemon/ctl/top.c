/* SPDX-License-Identifier: Apache-2.0 */
/* connctl top: which keys are asked for, by which users, and how it ends, over the last lookups. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/output.h"
#include "ctl/traced.h"

#define SHOWN    10   /* of each table, to people */
#define MAX_ROWS 4096 /* of each table; further names are not counted one by one */
#define MAX_OUT  ((size_t)LIMIT_REPLY)

struct row {
	char *name;
	uint64_t n;
};

struct table {
	const char *title, *json; /* of its array, and of a row's name */
	struct row *row;
	bool numbers; /* names are numbers */
	size_t n, room;
};

enum { KEYS, USERS, RESULTS, N_TABLES };

struct counts {
	struct table table[N_TABLES];
	uint64_t lookups;
	int64_t first_ms, last_ms;
	bool failed; /* out of memory */
};

/* --- counting ----------------------------------------------------------------------------- */

static struct row *
row_new(struct table *t, const char *name)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct row *grown = mem_resize(t->row, room * sizeof *grown);

		if (!grown)
			return NULL;
		t->row = grown;
		t->room = room;
	}
	t->row[t->n] = (struct row){ .name = mem_strdup(name) };
	return t->row[t->n].name ? &t->row[t->n++] : NULL;
}

/* False: out of memory. */
static bool
count(struct table *t, const char *name)
{
	struct row *row = NULL;

	for (size_t i = 0; i < t->n && !row; i++)
		if (strcmp(t->row[i].name, name) == 0)
			row = &t->row[i];
	if (!row && t->n == MAX_ROWS)
		return true;
	if (!row)
		row = row_new(t, name);
	if (row)
		row->n++;
	return row != NULL;
}

static void
take(void *arg, const struct traced *t)
{
	struct counts *c = arg;
	char user[24];

	(void)snprintf(user, sizeof user, "%" PRId64, t->uid);
	if (!count(&c->table[KEYS], buf_str(&t->key)) || !count(&c->table[USERS], user) ||
	    !count(&c->table[RESULTS], buf_str(&t->result)))
		c->failed = true;
	if (c->lookups++ == 0)
		c->first_ms = t->time_ms;
	c->last_ms = t->time_ms;
}

/* Most first; equal ones by name. */
static int
by_count(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* --- showing ------------------------------------------------------------------------------ */

/* At least a second, so that a few lookups at once do not make a high rate. */
static double
seconds(const struct counts *c)
{
	double s = (double)(c->last_ms - c->first_ms) / 1000;

	return s < 1 ? 1 : s;
}

static void
show_table(struct buf *out, const struct table *t, const struct counts *c)
{
	buf_addf(out, "\n%9s %9s  %s\n", "lookups", "a second", t->title);
	for (size_t i = 0; i < t->n && i < SHOWN; i++) {
		buf_addf(
		    out, "%9" PRIu64 " %9.1f  ", t->row[i].n, (double)t->row[i].n / seconds(c));
		output_safe(out, span_of(t->row[i].name));
		buf_addc(out, '\n');
	}
	if (t->n > SHOWN)
		buf_addf(out, "%9s %9s  and %zu more\n", "", "", t->n - SHOWN);
}

static void
show(struct buf *out, const struct counts *c)
{
	CLEANUP(buf_fini) struct buf time = BUF_INIT(64);

	output_duration(&time, c->last_ms - c->first_ms);
	buf_addf(out, "%" PRIu64 " lookups in %s\n", c->lookups, buf_str(&time));
	for (size_t i = 0; c->lookups && i < N_TABLES; i++)
		show_table(out, &c->table[i], c);
}

static void
write_table(struct buf *out, const struct table *t)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(64);

	buf_addf(&name, "%ss", t->json);
	jtext_name(out, buf_str(&name));
	buf_addc(out, '[');
	for (size_t i = 0; i < t->n; i++) {
		buf_adds(out, i ? ",{" : "{");
		if (t->numbers)
			jtext_member_int(out, t->json, strtoll(t->row[i].name, NULL, 10));
		else
			jtext_member_string(out, t->json, span_of(t->row[i].name));
		jtext_member_int(out, "lookups", (int64_t)t->row[i].n);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void
write_json(struct buf *out, const struct counts *c)
{
	buf_addc(out, '{');
	jtext_member_int(out, "lookups", (int64_t)c->lookups);
	jtext_member_int(out, "span_ms", c->last_ms - c->first_ms);
	for (size_t i = 0; i < N_TABLES; i++)
		write_table(out, &c->table[i]);
	buf_adds(out, "}\n");
}

static void
table_fini(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		mem_free(t->row[i].name);
	mem_free(t->row);
}

int
ctl_top(const struct ctl_options *o)
{
	struct counts c = { .table = {
				[KEYS] = { .title = "key", .json = "key" },
				[USERS] = { .title = "uid", .json = "uid", .numbers = true },
				[RESULTS] = { .title = "result", .json = "result" },
			    } };
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MAX_OUT);
	struct traced_reader r = { .o = o, .take = take, .arg = &c };
	int code = traced_read_all(&r);

	for (size_t i = 0; i < N_TABLES; i++)
		if (c.table[i].n)
			qsort(c.table[i].row, c.table[i].n, sizeof(struct row), by_count);
	if (o->json)
		write_json(&out, &c);
	else
		show(&out, &c);
	if (code == CTL_YES && c.failed)
		code = ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
	if (code == CTL_YES)
		code = output_flush(&out);
	for (size_t i = 0; i < N_TABLES; i++)
		table_fini(&c.table[i]);
	return code;
}
