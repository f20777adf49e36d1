/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that create or update an object. An accepted body gives a document on which the store may
 * rely: strict JSON, a valid key, links with an id. A refusal names a field, in UTF-8.
 */
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/json/scan.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "manager/api/input/object.h"
#include "tests/fuzz/fuzz.h"

static void
check_document(struct span doc)
{
	struct span value;

	must(scan_check(doc, SCAN_STRICT, &value, NULL) == 0 && span_equal(doc, value));
	must(scan_type(doc) == SCAN_OBJECT);
}

static void
check_request(const struct store_object_request *q, bool create)
{
	struct fault f;

	check_document(q->value);
	if (create)
		must(object_key_check(q->type, q->key, &f) == 0 &&
		     id_is_valid(span_of(q->scope_id.s)));
	if (q->description.p)
		must(utf8_is_valid(q->description) && utf8_length(q->description) <= 500);
	for (size_t i = 0; i < q->n_links; i++) {
		must(id_is_valid(span_of(q->links[i].entity.s)));
		if (q->links[i].override.fields.p)
			check_document(q->links[i].override.fields);
		must(q->links[i].override.n_unset <= LIMIT_UNSET);
	}
	for (size_t i = 0; i < q->n_excludes; i++)
		must(id_is_valid(span_of(q->excludes[i].entity.s)));
}

static void
check_result(int r, struct object_body *b, const struct fault *f, bool create)
{
	must(r == 0 || r == -EINVAL);
	if (r == 0) {
		check_request(object_body_request(b), create);
		object_body_free(b);
	} else {
		must(f->code && f->field[0]);
		must(utf8_is_valid(span_of(f->field)) && utf8_is_valid(span_of(f->message)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct store_link project = { .scope = SCOPE_PROJECT,
		.entity = { "cprj0000000000000000000a1" } };
	struct object_known known = { .scope = SCOPE_WORKSPACE, .links = &project, .n_links = 1 };
	char warning[IGNORED_WARNING_SIZE];
	struct ignored ignored = { 0 };
	struct store_target target;
	struct object_body *b = NULL;
	struct fault f = { 0 };
	struct span json;
	static bool ready;
	int r;

	if (!ready)
		must(base_init() == 0);
	ready = true;
	if (!n)
		return 0;
	known.type = (enum manager_type)(data[0] % MANAGER_N_TYPES);
	known.is_secret = data[0] & 0x80;
	json = (struct span){ (const char *)data + 1, n - 1 };
	r = object_body_create(&b, json, &f);
	check_result(r, b, &f, true);
	b = NULL;
	r = object_body_update(&b, json, &known, &f);
	check_result(r, b, &f, false);
	must(object_body_target(&target, json, &ignored, &f) <= 0);
	ignored_warning(&ignored, warning);
	must(utf8_is_valid(span_of(warning)) && !strpbrk(warning, "\r\n"));
	must(mem_live() == 0);
	return 0;
}
