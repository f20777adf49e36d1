/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/model/resolve.h"

#include "manager/model/value_internal.h"

enum resolve_verdict
resolve_verdict(const struct resolve_case *c)
{
	if (c->own)
		return RESOLVE_OWN;
	if (c->shadowed)
		return RESOLVE_ABSENT;
	/* An explicit link wins over an exclusion of the same Deployment. */
	if (c->linked || (c->auto_link && !c->excluded))
		return RESOLVE_LINKED;
	return RESOLVE_ABSENT;
}

static int
resolve_fields(
    const struct value_transition *t, struct span doc, struct span override, struct buf *out)
{
	struct value_doc below, above;
	int r = 0;

	value_doc_read(&below, t->type, doc);
	value_doc_read(&above, t->type, override);
	for (const struct value_field *f = value_fields(t->type); r == 0 && f->name; f++) {
		size_t i = (size_t)(f - value_fields(t->type));
		struct span base = below.fields[i];
		struct span over = f->overridable ? above.fields[i] : (struct span){ 0 };

		if (value_is_map(f) && (base.p || over.p))
			r = value_map_lay(f->name, base, below.secret_extra, over,
			    above.secret_extra, f->kind == VALUE_MAP ? t : NULL, out);
		else
			value_put(out, f->name, over.p ? over : base);
	}
	return r;
}

int
resolve_value(enum manager_type type, struct span doc, struct span override, struct buf *out)
{
	/* The same members are secret in a Deployment's view as in the object. */
	struct value_transition t = value_transition(type, doc, doc);
	int r;

	if (!override.p || span_is(override, VALUE_NO_OVERRIDE) || value_is_none(doc)) {
		buf_add(out, doc.p, doc.n);
		return buf_error(out);
	}
	buf_addc(out, '{');
	r = resolve_fields(&t, doc, override, out);
	buf_addc(out, '}');
	return r < 0 ? r : buf_error(out);
}
