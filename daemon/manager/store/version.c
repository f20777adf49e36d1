/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/version.h"

#include <errno.h>
#include <stdio.h>

#include "base/json/scan.h"
#include "base/json/write.h"

/* ---- the document ---- */

static void
write_target(const struct store_link *l, struct buf *out)
{
	if (out->len && out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_addc(out, '{');
	jtext_member_string(out, "scope", span_of(scope_name(l->scope)));
	jtext_member_string(out, "id", span_of(l->entity.s));
	if (l->override.p) {
		jtext_name(out, "override");
		buf_add(out, l->override.p, l->override.n);
	}
	buf_addc(out, '}');
}

void
history_encode(const struct store_object *o, struct buf *out)
{
	buf_addc(out, '{');
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

int
history_decode(struct span doc, struct history *out)
{
	struct span text;

	if (scan_check(doc, SCAN_STRICT, &text, NULL) != 0 || scan_type(text) != SCAN_OBJECT)
		return -EBADMSG;
	*out = (struct history){ .auto_link = is_true(scan_get(text, "autoLink")),
		.auto_link_projects = is_true(scan_get(text, "autoLinkProjects")),
		.description = scan_get(text, "description"),
		.value = scan_get(text, "value"),
		.links = scan_get(text, "links"),
		.excludes = scan_get(text, "excludes") };
	return out->value.p && out->links.p && out->excludes.p ? 0 : -EBADMSG;
}

/* A string's text between its quotes: these are ours and have no escapes. */
static struct span
unquoted(struct span value)
{
	return value.n >= 2 ? (struct span){ value.p + 1, value.n - 2 } : (struct span){ 0 };
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

static void
name(struct buf *out, const char *text, const struct id *id)
{
	if (out->len && out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_addf(out, id ? "\"%s.%s\"" : "\"%s\"", text, id ? id->s : "");
}

static const struct store_link *
find(const struct store_link *l, size_t n, const struct id *entity)
{
	for (size_t i = 0; i < n; i++) {
		if (id_equal(&l[i].entity, entity))
			return &l[i];
	}
	return NULL;
}

static void
changed_links(const struct store_object *was, const struct store_object *now, struct buf *out)
{
	for (size_t i = 0; i < now->n_links; i++) {
		const struct store_link *l = &now->links[i];
		const struct store_link *old = find(was->links, was->n_links, &l->entity);
		struct span none = SPAN_LITERAL("{}");
		char prefix[16 + ID_LENGTH];

		(void)snprintf(prefix, sizeof prefix, "links.%s.", l->entity.s);
		if (!old)
			name(out, "links", &l->entity);
		value_changes(now->type, old ? old->override : none, l->override, prefix, out);
	}
	for (size_t i = 0; i < was->n_links; i++) {
		if (!find(now->links, now->n_links, &was->links[i].entity))
			name(out, "links", &was->links[i].entity);
	}
}

static void
changed_excludes(const struct store_object *a, const struct store_object *b, struct buf *out)
{
	for (size_t i = 0; i < a->n_excludes; i++) {
		if (!find(b->excludes, b->n_excludes, &a->excludes[i].entity))
			name(out, "excludeLinks", &a->excludes[i].entity);
	}
}

void
history_changes(const struct store_object *was, const struct store_object *now, struct buf *out)
{
	static const struct store_object nothing = { .value = SPAN_LITERAL("{}") };

	if (!was)
		was = &nothing;
	buf_addc(out, '[');
	value_changes(now->type, was->value, now->value, "", out);
	if (!span_equal(was->description, now->description))
		name(out, "description", NULL);
	if (was->auto_link != now->auto_link)
		name(out, "autoLinkDeployments", NULL);
	if (was->auto_link_projects != now->auto_link_projects)
		name(out, "autoLinkProjects", NULL);
	changed_links(was, now, out);
	changed_excludes(now, was, out);
	changed_excludes(was, now, out);
	buf_addc(out, ']');
}
