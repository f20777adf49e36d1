/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl diff A B: which connections and variables differ between two sides, and in which fields.
 * Values are compared by keyed hashes and never shown.
 */
#include <stdio.h>
#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "base/rnd.h"
#include "ctl/admin/table.h"
#include "ctl/diff/side.h"
#include "ctl/output.h"

/* As diff(1) has them, for CI. */
enum { DIFF_SAME = 0, DIFF_DIFFERS = 1, DIFF_FAILED = 2 };

#define OUTPUT_SIZE ((size_t)256 << 20)

struct comparison {
	struct side side[2];
	struct json *differences; /* what --json prints of them */
	size_t same, differ;
	bool failed; /* memory ran out */
};

/* --- comparing --------------------------------------------------------------------------- */

static void
note_text(struct comparison *c, struct json *to, const char *name, const char *text)
{
	if (json_take(to, name, json_new_string(text)) < 0)
		c->failed = true;
}

/* The names of the fields that differ, in both lists' order. */
static void
note_fields(struct comparison *c, struct json *names, const struct side_entry *a,
    const struct side_entry *b)
{
	size_t i = 0, k = 0;

	while (i < a->n_fields || k < b->n_fields) {
		int order = i == a->n_fields   ? 1
			    : k == b->n_fields ? -1
					       : strcmp(a->field[i].name, b->field[k].name);
		const char *name = order <= 0 ? a->field[i].name : b->field[k].name;

		if (order != 0 || !hash_equal(a->field[i].hash, b->field[k].hash, HASH_SIZE))
			c->failed = json_append(names, json_new_string(name)) < 0 || c->failed;
		i += order <= 0;
		k += order >= 0;
	}
}

static struct json *
new_difference(struct comparison *c, const struct side_entry *e)
{
	struct json *j = json_new_object();

	if (json_append(c->differences, j) < 0) {
		c->failed = true;
		return NULL;
	}
	note_text(c, j, "kind", secrets_kind_name(e->kind));
	note_text(c, j, "key", e->key);
	c->differ++;
	return j;
}

/* An entry that only one side has. */
static void
compare_alone(struct comparison *c, const struct side_entry *e, const char *side)
{
	struct json *j = new_difference(c, e);

	if (!j)
		return;
	note_text(c, j, "only_in", side);
	if (e->refused)
		note_text(c, j, "reason", e->refused);
}

static void
compare_both(struct comparison *c, const struct side_entry *a, const struct side_entry *b)
{
	const char *refused = a->refused ? a->refused : b->refused;
	struct json *names = json_new_array(), *j;

	if (!names) {
		c->failed = true;
		return;
	}
	if (!refused)
		note_fields(c, names, a, b);
	if (!refused && json_count(names) == 0) {
		json_free(names);
		c->same++;
		return;
	}
	j = new_difference(c, a);
	if (!j) {
		json_free(names);
		return;
	}
	c->failed = json_take(j, "fields", names) < 0 || c->failed;
	if (refused)
		note_text(c, j, "reason", refused);
}

/* True if both sides have this kind. */
static bool
is_compared(const struct comparison *c, enum secrets_kind kind)
{
	return c->side[0].has[kind] && c->side[1].has[kind];
}

/* The next entry of a kind that is compared; NULL: none is left. */
static const struct side_entry *
next_entry(const struct comparison *c, size_t side, size_t *at)
{
	const struct side *s = &c->side[side];

	while (*at < s->n && !is_compared(c, s->entry[*at].kind))
		(*at)++;
	return *at < s->n ? &s->entry[*at] : NULL;
}

static int
compare_keys(const struct side_entry *a, const struct side_entry *b)
{
	if (!a || !b)
		return a ? -1 : 1;
	return a->kind != b->kind ? (int)a->kind - (int)b->kind : strcmp(a->key, b->key);
}

static void
compare(struct comparison *c)
{
	const struct side_entry *a, *b;
	size_t i = 0, k = 0;

	for (;;) {
		int order;

		a = next_entry(c, 0, &i);
		b = next_entry(c, 1, &k);
		if (!a && !b)
			return;
		order = compare_keys(a, b);
		if (order < 0)
			compare_alone(c, a, "a");
		else if (order > 0)
			compare_alone(c, b, "b");
		else
			compare_both(c, a, b);
		i += order <= 0;
		k += order >= 0;
	}
}

/* --- reporting --------------------------------------------------------------------------- */

static void
write_json(const struct comparison *c, struct buf *out)
{
	bool first = true;

	buf_addc(out, '{');
	jtext_member_string(out, "a", span_of(c->side[0].text));
	jtext_member_string(out, "b", span_of(c->side[1].text));
	jtext_member_bool(out, "same", c->differ == 0);
	jtext_name(out, "kinds");
	buf_addc(out, '[');
	for (enum secrets_kind kind = 0; kind < SIDE_KINDS; kind++) {
		if (!is_compared(c, kind))
			continue;
		buf_adds(out, first ? "" : ",");
		jtext_string(out, span_of(secrets_kind_name(kind)));
		first = false;
	}
	buf_addc(out, ']');
	jtext_member_int(out, "same_count", (int64_t)c->same);
	jtext_member_int(out, "different_count", (int64_t)c->differ);
	jtext_name(out, "differences");
	json_write(c->differences, out);
	buf_adds(out, "}\n");
}

static void
describe(const struct comparison *c, const struct json *j, struct buf *out)
{
	const struct json *fields = json_get(j, "fields");
	const char *only = json_text(j, "only_in"), *reason = json_text(j, "reason");

	if (*only)
		buf_addf(out, "only in %s", c->side[strcmp(only, "b") == 0].text);
	else if (!*reason)
		buf_adds(out, "differs in ");
	for (const struct json *f = fields ? json_first(fields) : NULL; f; f = json_next(f))
		buf_addf(out, "%s%s", f == json_first(fields) ? "" : ", ", json_string(f));
	if (*reason)
		buf_addf(out, "%scannot be compared: %s", *only ? "; " : "", reason);
}

static void
write_text(const struct comparison *c, struct buf *out)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_ROW);
	struct table t = TABLE_INIT(3);

	for (const struct json *j = json_first(c->differences); j; j = json_next(j)) {
		buf_reset(&text);
		describe(c, j, &text);
		table_cell(&t, json_text(j, "kind"));
		table_cell(&t, json_text(j, "key"));
		table_cell(&t, buf_str(&text));
	}
	table_write(&t, out);
	table_fini(&t);
	buf_addf(out, "%zu %s, %zu %s the same\n", c->differ, c->differ == 1 ? "differs" : "differ",
	    c->same, c->same == 1 ? "is" : "are");
}

static int
report(const struct comparison *c, bool json)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_SIZE);

	if (c->failed) {
		(void)session_no_memory();
		return DIFF_FAILED;
	}
	if (json)
		write_json(c, &out);
	else
		write_text(c, &out);
	if (output_flush(&out) != CTL_YES)
		return DIFF_FAILED;
	return c->differ ? DIFF_DIFFERS : DIFF_SAME;
}

/* --- all of it --------------------------------------------------------------------------- */

static int
read_sides(struct comparison *c, const struct ctl_options *o, struct session *s, bool *is_open)
{
	for (size_t i = 0; i < N_ELEMENTS(c->side); i++) {
		int code;

		if (i == 0)
			rnd_bytes(c->side[0].hash_key, HASH_SIZE);
		else
			memcpy(c->side[1].hash_key, c->side[0].hash_key, HASH_SIZE);
		code = side_read(&c->side[i], o->word[i + 1], o, s, is_open);
		if (code != CTL_YES)
			return code;
	}
	for (enum secrets_kind kind = 0; kind < SIDE_KINDS; kind++)
		if (is_compared(c, kind))
			return CTL_YES;
	return ctl_fail(CTL_USAGE, NULL, "\"%s\" and \"%s\" have nothing in common to compare",
	    o->word[1], o->word[2]);
}

int
ctl_diff(const struct ctl_options *o)
{
	struct comparison c = { 0 };
	struct session s = { 0 };
	bool is_open = false;
	int code = DIFF_FAILED;

	json_global_init();
	c.differences = json_new_array();
	if (!c.differences) {
		(void)session_no_memory();
	} else if (read_sides(&c, o, &s, &is_open) == CTL_YES) {
		compare(&c);
		code = report(&c, o->json);
	}
	if (is_open)
		session_close(&s);
	json_free(c.differences);
	side_fini(&c.side[0]);
	side_fini(&c.side[1]);
	return code;
}
