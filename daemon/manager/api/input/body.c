/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/body.h"

#include <errno.h>
#include <inttypes.h>

#include "base/json/names.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "manager/api/input/object_value.h"

int
body_check(struct span json, struct span *object, struct fault *f)
{
	struct span name = { 0 };
	size_t at = 0;
	int r;

	if (!json.n)
		return fault_set(f, "required", "body", "is empty: expected a JSON object");
	r = scan_check(json, SCAN_LENIENT, object, &at);
	if (r == -ELOOP)
		return fault_set(f, "invalid", "body", "nests deeper than %d levels at byte %zu",
		    LIMIT_JSON_DEPTH, at);
	if (r < 0)
		return fault_set(f, "invalid", "body", "is not valid JSON at byte %zu", at);
	if (scan_type(*object) != SCAN_OBJECT)
		return fault_set(f, "invalid", "body", "must be a JSON object");
	r = json_names_once(*object, &name);
	if (r == -EEXIST)
		return fault_set(f, "invalid", "body", "has a member twice: %.*s",
		    (int)(name.n < FAULT_FIELD_SIZE ? name.n : FAULT_FIELD_SIZE), name.p);
	if (r == -EILSEQ)
		return fault_set(f, "invalid", "body",
		    "has a member whose name holds U+0000 or an unpaired surrogate");
	return r;
}

int
body_read(struct body *b, struct span json, struct fault *f)
{
	int r;

	b->fault = f;
	buf_init(&b->text, json.n + 16);
	r = body_check(json, &b->object, f);
	if (r == 0 && !buf_room(&b->text, json.n + 8))
		r = -ENOMEM;
	return r;
}

void
body_fini(struct body *b)
{
	buf_fini(&b->text);
}

/* Returns the member, or an absent span; then *r says whether that is a fault. */
static struct span
member(struct body *b, const char *name, bool needed, int *r)
{
	struct span value = value_doc_member(b->object, name);

	*r = !value.p && needed ? fault_set(b->fault, "required", name, "is required") : 0;
	return value;
}

int
body_text(struct body *b, const char *name, bool needed, struct span *out)
{
	int r;
	struct span value = member(b, name, needed, &r);
	size_t from = b->text.len;

	if (!value.p)
		return r;
	if (scan_type(value) != SCAN_STRING)
		return fault_set(b->fault, "invalid", name, "must be a string");
	if (scan_string(value, &b->text) < 0)
		return fault_set(
		    b->fault, "invalid", name, "holds U+0000 or an unpaired surrogate");
	*out = (struct span){ buf_str(&b->text) + from, b->text.len - from };
	return 0;
}

int
body_bool(struct body *b, const char *name, bool *out, bool *given)
{
	int r;
	struct span value = member(b, name, false, &r);

	*given = value.p != NULL;
	if (!value.p)
		return r;
	if (scan_type(value) != SCAN_BOOL)
		return fault_set(b->fault, "invalid", name, "must be true or false");
	*out = scan_bool(value);
	return 0;
}

int
body_int(struct body *b, const char *name, int64_t least, int64_t most, int64_t *out)
{
	int r;
	struct span value = member(b, name, false, &r);
	int64_t v = 0;

	if (!value.p)
		return r;
	if (scan_type(value) != SCAN_NUMBER || scan_int(value, &v) < 0 || v < least || v > most)
		return fault_set(b->fault, "invalid", name,
		    "must be an integer from %" PRId64 " to %" PRId64, least, most);
	*out = v;
	return 0;
}

int
body_name(struct body *b, const char *name, bool needed, size_t most, struct span *out)
{
	struct span text = { 0 };
	int r = body_text(b, name, needed, &text);

	if (r < 0 || !text.p)
		return r;
	if (!text.n || utf8_length(text) > most)
		return fault_set(
		    b->fault, "invalid", name, "must be 1 to %zu characters long", most);
	if (!utf8_is_printable(text) || text.p[0] == ' ' || text.p[text.n - 1] == ' ')
		return fault_set(b->fault, "invalid", name,
		    "must not hold control characters, nor begin or end with a blank");
	*out = text;
	return 0;
}

int
body_prose(struct body *b, const char *name, size_t most, struct span *out)
{
	struct span text = { 0 };
	int r = body_text(b, name, false, &text);

	if (r < 0 || !text.p)
		return r;
	if (utf8_length(text) > most)
		return fault_set(
		    b->fault, "invalid", name, "must be at most %zu characters long", most);
	*out = text;
	return 0;
}
