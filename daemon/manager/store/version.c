/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/mem.h"

/* ---- the document ---- */

static void
write_target(const struct store_link *l, struct buf *out)
{
	jtext_next(out);
	buf_addc(out, '{');
	jtext_member_string(out, "scope", span_of(scope_name(l->scope)));
	jtext_member_string(out, "id", span_of(l->entity.s));
	if (l->override.p) {
		jtext_name(out, "override");
		buf_add(out, l->override.p, l->override.n);
	}
	buf_addc(out, '}');
}

static void
write_name(const struct store_object *o, struct buf *out)
{
	buf_addc(out, '{');
	jtext_member_string(out, "scope", span_of(scope_name(o->scope)));
	jtext_member_string(out, "scopeId", span_of(o->scope_id.s));
	jtext_member_string(out, "type", span_of(manager_type_name(o->type)));
	jtext_member_string(out, "key", o->key);
}

void
history_name(const struct store_object *o, struct span doc, struct buf *out)
{
	write_name(o, out);
	buf_addc(out, ',');
	buf_add(out, doc.p + 1, doc.n ? doc.n - 1 : 0);
}

void
history_encode(const struct store_object *o, struct buf *out)
{
	write_name(o, out);
	jtext_member_bool(out, "autoLink", o->auto_link);
	jtext_member_bool(out, "autoLinkProjects", o->auto_link_projects);
	jtext_member_string(out, "description", o->description);
	jtext_name(out, "value");
	buf_add(out, o->value.p, o->value.n);
	jtext_name(out, "links");
	buf_addc(out, '[');
	for (size_t i = 0; i < o->n_links; i++)
		write_target(&o->links[i], out);
	buf_addc(out, ']');
	jtext_name(out, "excludes");
	buf_addc(out, '[');
	for (size_t i = 0; i < o->n_excludes; i++)
		write_target(&o->excludes[i], out);
	buf_adds(out, "]}");
}

static bool
is_true(struct span value)
{
	return value.p && scan_type(value) == SCAN_BOOL && scan_bool(value);
}

/* A string's text between its quotes: these are ours and have no escapes. */
static struct span
unquoted(struct span value)
{
	return value.n >= 2 ? (struct span){ value.p + 1, value.n - 2 } : (struct span){ 0 };
}

int
history_decode(struct span doc, struct history *out)
{
	struct span text;

	if (scan_check(doc, SCAN_STRICT, &text, NULL) != 0 || scan_type(text) != SCAN_OBJECT)
		return -EBADMSG;
	*out = (struct history){ .auto_link = is_true(scan_get(text, "autoLink")),
		.auto_link_projects = is_true(scan_get(text, "autoLinkProjects")),
		.key = scan_get(text, "key"),
		.description = scan_get(text, "description"),
		.value = scan_get(text, "value"),
		.links = scan_get(text, "links"),
		.excludes = scan_get(text, "excludes") };
	if (!scope_from(unquoted(scan_get(text, "scope")), &out->scope) ||
	    !id_from(unquoted(scan_get(text, "scopeId")), &out->scope_id) ||
	    !manager_type_from(unquoted(scan_get(text, "type")), &out->type))
		return -EBADMSG;
	return out->key.p && out->value.p && out->links.p && out->excludes.p ? 0 : -EBADMSG;
}

bool
history_next(struct span *at, struct store_link *out)
{
	struct span value;

	*out = (struct store_link){ 0 };
	if (!scan_element(at, &value) || scan_type(value) != SCAN_OBJECT)
		return false;
	out->override = scan_get(value, "override");
	return scope_from(unquoted(scan_get(value, "scope")), &out->scope) &&
	       id_from(unquoted(scan_get(value, "id")), &out->entity);
}

/* ---- differences ---- */

/* An array of names that ends, when it is full, with how many more there are. */
struct names {
	struct buf *out;
	size_t from, left_out;
	const char *prefix; /* in front of a field's name */
};

static void
add_name(struct names *n, const char *a, const char *b, struct span raw)
{
	size_t length = strlen(a) + strlen(b) + raw.n + sizeof "\"\",";

	if (n->left_out || n->out->len - n->from + length > HISTORY_MAX_NAMES) {
		n->left_out++;
		return;
	}
	jtext_next(n->out);
	buf_addf(n->out, "\"%s%s", a, b);
	buf_add(n->out, raw.p, raw.n);
	buf_addc(n->out, '"');
}

static void
add_field(void *arg, const char *field, struct span raw_member)
{
	struct names *n = arg;
	char name[64];

	(void)snprintf(name, sizeof name, "%s%s", field, raw_member.p ? "." : "");
	add_name(n, n->prefix, name, raw_member);
}

static void
add_target(struct names *n, const char *what, const struct id *id)
{
	add_name(n, what, id->s, (struct span){ 0 });
}

/* Links or exclusions in the order of their ids. */
struct sorted {
	const struct store_link **all;
	size_t n;
};

static int
compare_targets(const void *a, const void *b)
{
	return strcmp((*(const struct store_link *const *)a)->entity.s,
	    (*(const struct store_link *const *)b)->entity.s);
}

static int
sort_targets(struct sorted *s, const struct store_link *l, size_t n)
{
	s->n = n;
	s->all = mem_calloc(n, sizeof *s->all);
	if (!s->all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		s->all[i] = &l[i];
	qsort(s->all, n, sizeof *s->all, compare_targets);
	return 0;
}

static const struct store_link *
find_target(const struct sorted *s, const struct store_link *l)
{
	const struct store_link **found =
	    bsearch(&l, s->all, s->n, sizeof *s->all, compare_targets);

	return found ? *found : NULL;
}

static void
add_missing(struct names *n, const char *what, const struct sorted *of, const struct sorted *other)
{
	for (size_t i = 0; i < of->n; i++) {
		if (!find_target(other, of->all[i]))
			add_target(n, what, &of->all[i]->entity);
	}
}

/* What differs in the overrides of each link that is there now. */
static int
add_overrides(
    struct names *n, enum manager_type type, const struct sorted *was, const struct sorted *now)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < now->n; i++) {
		const struct store_link *l = now->all[i], *old = find_target(was, l);
		char prefix[16 + ID_LENGTH];

		(void)snprintf(prefix, sizeof prefix, "links.%s.", l->entity.s);
		n->prefix = prefix;
		r = value_changes(type, old ? old->override : SPAN_LITERAL(VALUE_NO_OVERRIDE),
		    l->override, add_field, n);
	}
	return r;
}

static int
add_links(struct names *n, const struct store_object *was, const struct store_object *now)
{
	struct sorted a = { 0 }, b = { 0 };
	int r = sort_targets(&a, was->links, was->n_links);

	if (r == 0)
		r = sort_targets(&b, now->links, now->n_links);
	if (r == 0) {
		add_missing(n, "links.", &b, &a);
		add_missing(n, "links.", &a, &b);
		r = add_overrides(n, now->type, &a, &b);
	}
	mem_free(a.all);
	mem_free(b.all);
	return r;
}

static int
add_excludes(struct names *n, const struct store_object *was, const struct store_object *now)
{
	struct sorted a = { 0 }, b = { 0 };
	int r = sort_targets(&a, was->excludes, was->n_excludes);

	if (r == 0)
		r = sort_targets(&b, now->excludes, now->n_excludes);
	if (r == 0) {
		add_missing(n, "excludeLinks.", &b, &a);
		add_missing(n, "excludeLinks.", &a, &b);
	}
	mem_free(a.all);
	mem_free(b.all);
	return r;
}

static void
add_own(struct names *n, const struct store_object *was, const struct store_object *now)
{
	static const struct span none;

	if (!span_equal(was->description, now->description))
		add_name(n, "description", "", none);
	if (was->auto_link != now->auto_link)
		add_name(n, "autoLinkDeployments", "", none);
	if (was->auto_link_projects != now->auto_link_projects)
		add_name(n, "autoLinkProjects", "", none);
}

int
history_changes(const struct store_object *was, const struct store_object *now, struct buf *out)
{
	static const struct store_object nothing = { .value = SPAN_LITERAL("{}") };
	struct names n = { .out = out, .from = out->len, .prefix = "" };
	int r;

	if (!was)
		was = &nothing;
	buf_addc(out, '[');
	if (buf_error(out))
		return buf_error(out);
	r = value_changes(now->type, was->value, now->value, add_field, &n);
	add_own(&n, was, now);
	if (r == 0)
		r = add_links(&n, was, now);
	if (r == 0)
		r = add_excludes(&n, was, now);
	if (n.left_out)
		buf_addf(out, ",\"and %zu more\"", n.left_out);
	buf_addc(out, ']');
	return r < 0 ? r : buf_error(out);
}
