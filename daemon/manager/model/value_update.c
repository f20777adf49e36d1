/* SPDX-License-Identifier: Apache-2.0 */
/* Applies updates to a document and to a link's overrides, and restores earlier versions. */
#include "manager/model/value_internal.h"

#include <errno.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/json/write.h"

/* One field in the stored document and in the new one. */
struct pair {
	const struct value_field *f;
	struct span was, now;
	struct span was_secret_extra, now_secret_extra;
	const struct value_transition *t;
	const struct override_change *change; /* NULL: not an override */
};

/* Appends the new value of a field; arg is that of each_field(). 0 or -errno. */
typedef int field_fn(const struct pair *p, const void *arg, struct buf *out);

/* Appends a document by calling write() for each field of the two. 0 or -errno. */
static int
each_field(const struct value_transition *t, struct span was, struct span now, field_fn *write,
    const void *arg, struct buf *out)
{
	struct value_doc a, b;
	int r = 0;

	value_doc_read(&a, t->type, was);
	value_doc_read(&b, t->type, now);
	buf_addc(out, '{');
	for (const struct value_field *f = value_fields(t->type); r == 0 && f->name; f++) {
		size_t i = (size_t)(f - value_fields(t->type));
		struct pair p = { f, a.fields[i], b.fields[i], a.secret_extra, b.secret_extra, t,
			NULL };

		r = write(&p, arg, out);
	}
	buf_addc(out, '}');
	return r < 0 ? r : buf_error(out);
}

static bool
is_extra(const struct value_field *f)
{
	return f->secrecy == VALUE_BY_AUTH_TYPE;
}

/* ---- maps, member by member ---- */

typedef void lay_fn(struct value_map_writer *w, struct json_members *was, struct json_members *now);

/* Marks the stored members of a map that unsetFields names, as `extra.name`. */
static void
mark_unset(const struct override_change *c, const char *field, struct json_members *stored)
{
	size_t n = strlen(field);

	for (size_t i = 0; i < c->n_unset; i++) {
		struct span name = c->unset[i];
		struct json_member *m = NULL;

		if (name.n > n && !memcmp(name.p, field, n) && name.p[n] == '.')
			m = json_members_find(
			    stored, (struct span){ name.p + n + 1, name.n - n - 1 });
		if (m)
			m->marks |= MARK_UNSET;
	}
}

/* Refuses a map that many updates have made larger than one request may. */
static int
end_stored_map(struct value_map_writer *w, bool even_empty)
{
	size_t n = w->n;
	int r = value_map_end(w, even_empty);

	return r == 0 && n > LIMIT_MEMBERS ? -E2BIG : r;
}

static int
write_map(const struct pair *p, lay_fn *lay, bool even_empty, struct buf *out)
{
	struct value_map_writer w;
	struct json_members was, now = { 0 };
	int r = value_map_read(&was, p->was, p->was_secret_extra);

	if (r == 0)
		r = value_map_read(&now, p->now, p->now_secret_extra);
	if (r == 0 && p->change)
		mark_unset(p->change, p->f->name, &was);
	/* headers and labels have no secrets. */
	value_map_begin(&w, out, p->f->name, is_extra(p->f) ? p->t : NULL);
	if (r == 0)
		lay(&w, &was, &now);
	if (r == 0)
		r = end_stored_map(&w, even_empty);
	buf_fini(&w.names);
	json_members_fini(&was);
	json_members_fini(&now);
	return r;
}

/* Keeps all members except those in unsetFields. */
static void
lay_kept(struct value_map_writer *w, struct json_members *was, struct json_members *now)
{
	(void)now;
	for (size_t i = 0; i < was->n; i++) {
		if (!(was->all[i].marks & MARK_UNSET))
			value_map_keep(w, &was->all[i]);
	}
}

/* Updates the extra of an object: members that are absent or "" keep their values. */
static void
lay_update(struct value_map_writer *w, struct json_members *was, struct json_members *now)
{
	for (size_t i = 0; i < was->n; i++) {
		const struct json_member *sent = json_members_find(now, was->all[i].name);

		if (sent && !value_is_empty_string(sent->value))
			value_map_take(w, sent);
		else
			value_map_keep(w, &was->all[i]);
	}
	for (size_t i = 0; i < now->n; i++) {
		if (!json_members_find(was, now->all[i].name))
			value_map_take(w, &now->all[i]);
	}
}

/* Updates the extra of an override: plain members as sent; secret ones absent or "" are kept. */
static void
lay_override(struct value_map_writer *w, struct json_members *was, struct json_members *now)
{
	for (size_t i = 0; i < was->n; i++) {
		const struct json_member *m = &was->all[i];
		const struct json_member *sent = json_members_find(now, m->name);
		bool secret = value_map_was_secret(w, m);

		if (m->marks & MARK_UNSET)
			continue;
		if (sent && !(secret && value_is_empty_string(sent->value)))
			value_map_take(w, sent);
		else if (secret)
			value_map_keep(w, m);
	}
	for (size_t i = 0; i < now->n; i++) {
		const struct json_member *m = &now->all[i];
		bool nothing =
		    value_is_empty_string(m->value) && value_extra_is_secret(&w->t->now, m->name);

		if (!nothing && !json_members_find(was, m->name))
			value_map_take(w, m);
	}
}

/* Restores the extra of an earlier version: a value that is secret now stays secret. */
static void
lay_restored(struct value_map_writer *w, struct json_members *was, struct json_members *now)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct json_member *m = &now->all[i];
		const struct json_member *present = json_members_find(was, m->name);
		bool same = present && span_equal(present->value, m->value);

		if (same && value_map_was_secret(w, present))
			value_map_keep(w, present);
		else if (m->marks & MARK_SECRET)
			value_map_keep(w, m);
		else
			value_map_take(w, m);
	}
}

/* ---- an object's own document ---- */

/* A secret that is absent or "" in the update keeps its stored value. */
static struct span
secret_after(const struct pair *p)
{
	return p->now.p && !value_is_empty_string(p->now) ? p->now : p->was;
}

static struct span
plain_after(const struct pair *p)
{
	bool patch = p->t->type == MANAGER_METRICS_EXPORT || p->f->secrecy == VALUE_BY_FLAG;

	if (p->f->kind == VALUE_BOOL) /* isSecret is immutable */
		return p->was;
	return patch && !p->now.p ? p->was : p->now;
}

/* For extra: absent keeps all members, {} clears them. */
static int
update_field(const struct pair *p, const void *arg, struct buf *out)
{
	bool clears = p->now.p && value_is_empty_map(p->now);

	(void)arg;
	if (is_extra(p->f) && p->was.p && !clears)
		return write_map(p, lay_update, true, out);
	if (value_is_hidden(p->f, &p->t->was))
		value_put(out, p->f->name, secret_after(p));
	else
		value_put(out, p->f->name, plain_after(p));
	return buf_error(out);
}

int
value_update(enum manager_type type, struct span stored, struct span sent, struct buf *out)
{
	struct value_transition t = value_transition(type, stored, sent);

	if (!value_is_none(stored))
		return each_field(&t, stored, sent, update_field, NULL, out);
	buf_add(out, sent.p, sent.n);
	return buf_error(out);
}

/* ---- overrides ---- */

/* What happens to the stored fields; see the table at value_override_update(). */
enum outcome {
	CLEAR,
	KEEP, /* except those in unsetFields */
	LAY,  /* plain fields are replaced by those sent; secret ones not sent are kept */
};

static enum outcome
outcome_of(const struct override_change *c)
{
	bool has_fields = c->fields.p && !value_is_empty_map(c->fields);

	if (!c->given)
		return c->whole ? CLEAR : KEEP;
	if (!c->fields.p && c->n_unset)
		return KEEP;
	return c->whole && !has_fields && !c->n_unset ? CLEAR : LAY;
}

static bool
is_unset(const struct override_change *c, const char *field)
{
	for (size_t i = 0; i < c->n_unset; i++) {
		if (span_is(c->unset[i], field))
			return true;
	}
	return false;
}

static int
kept_field(const struct pair *p, const void *arg, struct buf *out)
{
	struct pair own = *p;

	own.change = arg;
	own.now = (struct span){ 0 };
	if (!p->f->overridable || is_unset(own.change, p->f->name))
		return 0;
	if (value_is_map(p->f) && p->was.p)
		return write_map(&own, lay_kept, value_is_empty_map(p->was), out);
	value_put(out, p->f->name, p->was);
	return buf_error(out);
}

static int
laid_extra(const struct pair *p, struct buf *out)
{
	if (p->change->whole && p->now.p && value_is_empty_map(p->now))
		return 0;
	return write_map(p, lay_override, false, out);
}

static int
laid_field(const struct pair *p, const void *arg, struct buf *out)
{
	struct pair own = *p;

	own.change = arg;
	if (!p->f->overridable || is_unset(own.change, p->f->name))
		return 0;
	if (is_extra(p->f))
		return laid_extra(&own, out);
	value_put(out, p->f->name, value_is_hidden(p->f, &p->t->was) ? secret_after(p) : p->now);
	return buf_error(out);
}

/* True if an override without fields must be stored as VALUE_EMPTY_OVERRIDE. */
static bool
is_there_when_empty(const struct value_transition *t, enum outcome outcome, struct span stored,
    const struct override_change *c)
{
	if (outcome == KEEP)
		return !c->n_unset && span_is(stored, VALUE_EMPTY_OVERRIDE);
	if (!c->fields.p)
		return false;
	/* The override of a secret variable may be `{"value": ""}`, which has no value either. */
	return t->type == MANAGER_CONNECTION || t->type == MANAGER_METRICS_EXPORT ||
	       scan_get(c->fields, "value").p;
}

int
value_override_update(const struct value_transition *t, struct span stored,
    const struct override_change *change, struct buf *out)
{
	enum outcome outcome = outcome_of(change);
	size_t begin = out->len;
	int r = 0;

	if (outcome == KEEP && !change->n_unset && t->was.auth == t->now.auth)
		buf_add(out, stored.p, stored.n);
	else if (outcome == CLEAR)
		buf_adds(out, VALUE_NO_OVERRIDE);
	else
		r = each_field(t, stored, change->fields, outcome == KEEP ? kept_field : laid_field,
		    change, out);
	if (r < 0 || buf_error(out))
		return r < 0 ? r : buf_error(out);
	if (span_is((struct span){ out->data + begin, out->len - begin }, VALUE_NO_OVERRIDE) &&
	    is_there_when_empty(t, outcome, stored, change)) {
		out->len = begin;
		buf_adds(out, VALUE_EMPTY_OVERRIDE);
	}
	return buf_error(out);
}

/* ---- restoring a version ---- */

static int
restored_field(const struct pair *p, const void *arg, struct buf *out)
{
	(void)arg;
	if (is_extra(p->f) && p->now.p)
		return write_map(p, lay_restored, true, out);
	value_put(out, p->f->name, p->now);
	return buf_error(out);
}

int
value_restore(
    const struct value_transition *t, struct span was, struct span former, struct buf *out)
{
	if (scan_get(former, "extra").p)
		return each_field(t, was, former, restored_field, NULL, out);
	buf_add(out, former.p, former.n);
	return buf_error(out);
}
