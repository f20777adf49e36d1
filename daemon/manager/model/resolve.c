/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/model/resolve.h"

#include "base/json/scan.h"
#include "base/json/write.h"
#include "manager/model/value.h"

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

int
resolve_value(enum manager_type type, struct span doc, struct span override, struct buf *out)
{
	if (!override.p || override.n == 2) { /* "{}" */
		buf_add(out, doc.p, doc.n);
		return buf_error(out);
	}
	buf_addc(out, '{');
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		struct span below = scan_get(doc, f->name), above = { 0 };

		if (f->overridable)
			above = scan_get(override, f->name);
		if (!below.p && !above.p)
			continue;
		jtext_name(out, f->name);
		if (above.p && (f->kind == VALUE_MAP || f->kind == VALUE_STRING_MAP))
			value_lay_map(below, above, BLANK_REPLACES, out);
		else if (above.p)
			buf_add(out, above.p, above.n);
		else
			buf_add(out, below.p, below.n);
	}
	buf_addc(out, '}');
	return buf_error(out);
}
