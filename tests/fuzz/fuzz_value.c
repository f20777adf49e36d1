/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of one type, as the API accepts them. The first byte is the type; the lines are the
 * stored document, the body of an update, an override, and the body of its update. The result must
 * be a document again; an update follows its rules; masking leaves no secret; a version decodes to
 * itself.
 */
#include <string.h>

#include "base/json/scan.h"
#include "base/mem.h"
#include "ctl/json.h"
#include "manager/model/resolve.h"
#include "manager/model/value.h"
#include "manager/store/version.h"
#include "tests/fuzz/fuzz.h"

#define ROOM (1 << 20)

static bool
kind_fits(const struct value_field *f, struct span value)
{
	enum scan_type t = scan_type(value);
	int64_t port;

	switch (f->kind) {
	case VALUE_STRING:
	case VALUE_AUTH_TYPE:
		return t == SCAN_STRING;
	case VALUE_INT:
		return t == SCAN_NUMBER && scan_int(value, &port) == 0;
	case VALUE_BOOL:
		return t == SCAN_BOOL;
	case VALUE_MAP:
	case VALUE_STRING_MAP:
		return t == SCAN_OBJECT;
	}
	return false;
}

/*
 * Checks what the API checks: strict JSON, no duplicate names, only known members of the right
 * kind. made: secretExtra is allowed, too.
 */
static bool
is_document(enum manager_type type, struct span line, bool made, struct span *doc)
{
	struct span at, name, value;
	struct json *tree;

	if (scan_check(line, SCAN_STRICT, doc, NULL) != 0 || scan_type(*doc) != SCAN_OBJECT ||
	    json_parse(&tree, line, NULL) != 0)
		return false;
	json_free(tree);
	at = *doc;
	while (scan_member(&at, &name, &value)) {
		const struct value_field *f = value_field(type, name); /* no escapes in the name */

		if (made && span_is(name, "secretExtra") && scan_type(value) == SCAN_OBJECT)
			continue;
		if (!f || !kind_fits(f, value))
			return false;
	}
	return true;
}

static struct span
made(enum manager_type type, const struct buf *b)
{
	struct span doc;

	must(buf_error(b) == 0);
	must(is_document(type, span_of_buf(b), true, &doc));
	return doc;
}

static void
names(const struct buf *b)
{
	struct span array, at, value;

	must(buf_error(b) == 0);
	must(scan_check(span_of_buf(b), SCAN_STRICT, &array, NULL) == 0);
	must(scan_type(array) == SCAN_ARRAY);
	at = array;
	while (scan_element(&at, &value))
		must(scan_type(value) == SCAN_STRING);
}

static void
count_change(void *n, const char *field, struct span raw_member)
{
	must(*field && (!raw_member.n || raw_member.p));
	++*(size_t *)n;
}

static void
updates(enum manager_type type, struct span stored, struct span sent)
{
	struct buf once = BUF_INIT(ROOM), twice = BUF_INIT(ROOM), again = BUF_INIT(ROOM),
		   fields = BUF_INIT(ROOM);
	struct span doc, flag, at = sent, name, value;
	size_t n = 0;

	if (!scan_member(&at, &name, &value)) /* the API requires a field */
		return;
	must(value_update(type, stored, sent, &once) == 0);
	doc = made(type, &once);
	/*
	 * The same update again changes nothing. The first result may be spelled as it was sent:
	 * only merged maps are written without escapes and spaces.
	 */
	must(value_update(type, doc, sent, &twice) == 0);
	must(value_update(type, made(type, &twice), sent, &again) == 0);
	must(span_equal(made(type, &twice), made(type, &again)));
	must(scan_find(stored, "isSecret", &flag) == 0);
	must(!flag.p || value_is_secret(stored) == value_is_secret(doc));
	value_set_fields(type, doc, &fields);
	names(&fields);
	must(value_changes(type, doc, doc, count_change, &n) == 0 && n == 0);
	must(value_changes(type, stored, doc, count_change, &n) == 0);
	buf_fini(&once);
	buf_fini(&twice);
	buf_fini(&again);
	buf_fini(&fields);
}

static void
masks(enum manager_type type, struct span doc)
{
	const struct value_secrets all = { .flag = true };
	struct buf out = BUF_INIT(ROOM);
	struct span shown, value, name, member;

	for (int override = 0; override < 2; override++) {
		buf_reset(&out);
		buf_addc(&out, '{');
		value_write_masked(type, doc, &all, override, &out);
		buf_addc(&out, '}');
		shown = made(type, &out);
		must(scan_find(shown, "password", &value) == 0 && !value.p);
		must(scan_find(shown, "basicToken", &value) == 0 && !value.p);
		must(scan_find(shown, "value", &value) == 0 && (!value.p || value.n == 2));
		must(scan_find(shown, "extra", &value) == 0);
		while (value.p && scan_member(&value, &name, &member))
			must(!override && span_is(member, "\"\""));
	}
	buf_fini(&out);
}

static void
overrides(enum manager_type type, struct span stored, struct span over, struct span sent)
{
	struct span unset[] = { SPAN_LITERAL("password"), SPAN_LITERAL("extra.a"),
		SPAN_LITERAL("headers") };
	const struct value_transition t = value_transition(type, stored, stored);
	struct override_change c = { .given = true, .fields = sent };
	struct buf now = BUF_INIT(ROOM), seen = BUF_INIT(ROOM);
	struct span doc, value;

	must(value_override_update(&t, over, &c, &now) == 0);
	doc = made(type, &now);
	must(resolve_value(type, stored, doc, &seen) == 0);
	(void)made(type, &seen);
	buf_reset(&now);
	buf_reset(&seen);
	c.unset = unset;
	c.n_unset = N_ELEMENTS(unset);
	must(value_override_update(&t, over, &c, &now) == 0);
	doc = made(type, &now);
	must(scan_find(doc, "password", &value) == 0 && !value.p);
	must(scan_find(doc, "headers", &value) == 0 && !value.p);
	/* Without overrides the result is the object itself, byte for byte. */
	must(resolve_value(type, stored, SPAN_LITERAL("{}"), &seen) == 0);
	must(span_equal(stored, made(type, &seen)));
	buf_fini(&now);
	buf_fini(&seen);
}

static void
versions(enum manager_type type, struct span value, struct span over)
{
	struct store_link links[2] = {
		{ SCOPE_DEPLOYMENT, { "cdep000000000000000000000" }, over },
		{ SCOPE_PROJECT, { "cdep000000000000000000001" }, { 0 } },
	};
	struct store_object o = { .type = type,
		.key = SPAN_LITERAL("k"),
		.scope = SCOPE_WORKSPACE,
		.scope_id = { "cwork00000000000000000000" },
		.value = value,
		.description = value, /* any text */
		.auto_link = true,
		.links = links,
		.n_links = 1,
		.excludes = links + 1,
		.n_excludes = 1 };
	struct buf doc = BUF_INIT(ROOM), text = BUF_INIT(ROOM);
	struct store_link l;
	struct history h;

	history_encode(&o, &doc);
	must(buf_error(&doc) == 0);
	must(history_decode(span_of_buf(&doc), &h) == 0);
	must(h.auto_link && !h.auto_link_projects && span_equal(h.value, value));
	must(scan_string(h.description, &text) == 0);
	must(span_equal(span_of_buf(&text), value));
	must(history_next(&h.links, &l) && span_equal(l.override, over));
	must(id_equal(&l.entity, &links[0].entity) && !history_next(&h.links, &l));
	must(history_next(&h.excludes, &l) && l.scope == SCOPE_PROJECT && !l.override.p);
	buf_reset(&text);
	must(history_changes(NULL, &o, &text) == 0);
	names(&text);
	buf_fini(&doc);
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span lines[4] = { 0 }, docs[4];
	const char *p = (const char *)data + 1;
	enum manager_type type;

	json_global_init();
	if (n < 2)
		return 0;
	type = (enum manager_type)(data[0] % MANAGER_N_TYPES);
	for (size_t i = 0, left = n - 1; i < 4; i++) {
		const char *end = i < 3 ? memchr(p, '\n', left) : p + left;

		if (!end)
			return 0;
		lines[i] = (struct span){ p, (size_t)(end - p) };
		left -= lines[i].n + (i < 3);
		p = end + 1;
		if (!is_document(type, lines[i], false, &docs[i]))
			return 0;
	}
	updates(type, docs[0], docs[1]);
	masks(type, docs[0]);
	masks(type, docs[2]);
	overrides(type, docs[0], docs[2], docs[3]);
	versions(type, docs[0], docs[2]);
	must(mem_live() == 0);
	return 0;
}
