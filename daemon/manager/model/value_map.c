/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/model/value_internal.h"

#include "base/json/write.h"
#include "base/limits.h"
#include "manager/model/auth_types.h"

#define SECRET_EXTRA "secretExtra"

bool
value_extra_is_secret(const struct value_secrets *s, struct span name)
{
	return !s->auth || auth_type_is_secret_extra(s->auth, name);
}

static int
mark_secret(struct json_members *m, struct span secret_extra)
{
	struct json_members names;
	int r = json_members_read(&names, secret_extra);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		struct json_member *one = json_members_find(m, names.all[i].name);

		if (one)
			one->marks |= MARK_SECRET;
	}
	json_members_fini(&names);
	return r;
}

int
value_map_read(struct json_members *m, struct span map, struct span secret_extra)
{
	int r = json_members_read(m, map);

	return r == 0 && secret_extra.p ? mark_secret(m, secret_extra) : r;
}

void
value_map_begin(struct value_map_writer *w, struct buf *out, const char *field,
    const struct value_transition *t)
{
	*w = (struct value_map_writer){
		.out = out, .field = field, .t = t, .names = BUF_INIT(2 * LIMIT_VALUE)
	};
}

static void
put_raw(struct buf *out, struct span raw_name, struct span value)
{
	jtext_next(out);
	buf_addc(out, '"');
	buf_add(out, raw_name.p, raw_name.n);
	buf_adds(out, "\":");
	buf_add(out, value.p, value.n);
}

void
value_map_take(struct value_map_writer *w, const struct json_member *m)
{
	if (w->n++ == 0) {
		jtext_name(w->out, w->field);
		buf_addc(w->out, '{');
	}
	put_raw(w->out, m->raw, m->value);
}

bool
value_map_was_secret(const struct value_map_writer *w, const struct json_member *m)
{
	return w->t && ((m->marks & MARK_SECRET) || value_extra_is_secret(&w->t->was, m->name));
}

void
value_map_keep(struct value_map_writer *w, const struct json_member *m)
{
	value_map_take(w, m);
	if (value_map_was_secret(w, m) && !value_extra_is_secret(&w->t->now, m->name))
		put_raw(&w->names, m->raw, SPAN_LITERAL("true"));
}

int
value_map_end(struct value_map_writer *w, bool even_empty)
{
	int r = buf_error(&w->names);

	if (w->n)
		buf_addc(w->out, '}');
	else if (even_empty)
		value_put(w->out, w->field, SPAN_LITERAL("{}"));
	if (w->names.len) {
		jtext_name(w->out, SECRET_EXTRA);
		buf_addc(w->out, '{');
		buf_add(w->out, w->names.data, w->names.len);
		buf_addc(w->out, '}');
	}
	buf_fini(&w->names);
	return r < 0 ? r : buf_error(w->out);
}

/* Keeps the secrecy of all members: the auth type does not change. */
static void
lay(struct value_map_writer *w, const struct json_members *base, const struct json_members *over)
{
	for (size_t i = 0; i < base->n; i++) {
		const struct json_member *m = json_members_find(over, base->all[i].name);

		value_map_keep(w, m ? m : &base->all[i]);
	}
	for (size_t i = 0; i < over->n; i++) {
		if (!json_members_find(base, over->all[i].name))
			value_map_keep(w, &over->all[i]);
	}
}

int
value_map_lay(const char *field, struct span base, struct span base_secret, struct span over,
    struct span over_secret, const struct value_transition *t, struct buf *out)
{
	struct json_members below, above = { 0 };
	struct value_map_writer w;
	int r = value_map_read(&below, base, base_secret);

	if (r == 0)
		r = value_map_read(&above, over, over_secret);
	value_map_begin(&w, out, field, t);
	if (r == 0)
		lay(&w, &below, &above);
	json_members_fini(&below);
	json_members_fini(&above);
	if (r == 0)
		r = value_map_end(&w, true);
	buf_fini(&w.names);
	return r;
}
