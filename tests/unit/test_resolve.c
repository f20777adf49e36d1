/* SPDX-License-Identifier: Apache-2.0 */
/* value and resolve: documents, what updates make of them, and one Deployment's view. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "manager/model/resolve.h"
#include "manager/model/value.h"

#define CONN   MANAGER_CONNECTION
#define VAR    MANAGER_AIRFLOW_VARIABLE
#define EXPORT MANAGER_METRICS_EXPORT

static void
is_json(const struct buf *b)
{
	struct span value;

	assert_int_equal(buf_error(b), 0);
	assert_int_equal(scan_check(span_of_buf(b), SCAN_STRICT, &value, NULL), 0);
}

static void
who_is_in_a_view(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 32; bits++) {
		struct resolve_case c = { .own = bits & 1,
			.linked = bits & 2,
			.auto_link = bits & 4,
			.excluded = bits & 8,
			.shadowed = bits & 16 };
		enum resolve_verdict want = RESOLVE_ABSENT;

		if (bits & 1)
			want = RESOLVE_OWN;
		else if (!(bits & 16) && ((bits & 2) || (bits & 12) == 4))
			want = RESOLVE_LINKED;
		assert_int_equal(resolve_verdict(&c), want);
	}
}

static void
overrides_lie_over_the_object(void **state)
{
	static const struct {
		enum manager_type type;
		const char *doc, *override, *want;
	} table[] = {
		{ CONN, "{\"type\":\"http\",\"host\":\"a\"}", "{}",
		    "{\"type\":\"http\",\"host\":\"a\"}" },
		{ CONN, "{\"type\":\"http\",\"host\":\"a\",\"port\":1}",
		    "{\"host\":\"b\",\"login\":\"u\"}",
		    "{\"type\":\"http\",\"host\":\"b\",\"login\":\"u\",\"port\":1}" },
		{ CONN, "{\"type\":\"http\",\"host\":\"a\"}", "{\"host\":\"\"}",
		    "{\"type\":\"http\",\"host\":\"\"}" },
		/* member by member, a nested value whole, every digit kept */
		{ CONN,
		    "{\"type\":\"x\",\"extra\":{\"a\":{\"p\":1,\"q\":2},\"n\":9223372036854775807}"
		    "}",
		    "{\"extra\":{\"a\":{\"p\":3},\"z\":-9223372036854775808}}",
		    "{\"type\":\"x\",\"extra\":{\"a\":{\"p\":3},\"n\":9223372036854775807,"
		    "\"z\":-9223372036854775808}}" },
		{ CONN, "{\"type\":\"x\"}", "{\"extra\":{\"a\":\"\"}}",
		    "{\"type\":\"x\",\"extra\":{\"a\":\"\"}}" },
		{ CONN, "{\"type\":\"x\",\"extra\":{\"a\":\"s\"}}",
		    "{\"extra\":{\"\\u0061\":null}}", "{\"type\":\"x\",\"extra\":{\"a\":null}}" },
		/* what can not be overridden is the object's */
		{ CONN, "{\"type\":\"x\",\"authTypeId\":\"t\"}",
		    "{\"type\":\"y\",\"authTypeId\":\"u\"}",
		    "{\"type\":\"y\",\"authTypeId\":\"t\"}" },
		{ VAR, "{\"value\":\"1\",\"isSecret\":true}",
		    "{\"value\":\"2\",\"isSecret\":false}", "{\"value\":\"2\",\"isSecret\":true}" },
		{ EXPORT, "{\"endpoint\":\"e\",\"headers\":{\"A\":\"1\",\"B\":\"2\"}}",
		    "{\"headers\":{\"B\":\"3\"}}",
		    "{\"endpoint\":\"e\",\"headers\":{\"A\":\"1\",\"B\":\"3\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf out = BUF_INIT(LIMIT_VALUE);

		assert_int_equal(resolve_value(table[i].type, span_of(table[i].doc),
				     span_of(table[i].override), &out),
		    0);
		is_json(&out);
		assert_string_equal(buf_str(&out), table[i].want);
		buf_fini(&out);
	}
}

static void
set_fields_name_what_holds_something(void **state)
{
	static const struct {
		enum manager_type type;
		const char *doc, *want;
	} table[] = {
		{ CONN, "{}", "[]" },
		{ CONN,
		    "{\"type\":\"aws\",\"authTypeId\":\"t\",\"host\":\"\",\"login\":\"l\","
		    "\"password\":\"p\",\"port\":0,\"extra\":{\"a\":\"\",\"b\":null,\"c\":0,"
		    "\"d\":{},\"e\\\"\":\"x\"}}",
		    "[\"type\",\"login\",\"password\",\"port\",\"extra.c\",\"extra.d\",\"extra."
		    "e\\\"\"]" },
		{ CONN, "{\"extra\":{\"only\":\"x\"}}", "[\"extra.only\"]" },
		{ VAR, "{\"value\":\"v\",\"isSecret\":true}", "[\"value\"]" },
		{ VAR, "{\"value\":\"\",\"isSecret\":true}", "[]" },
		{ EXPORT, "{\"endpoint\":\"e\",\"headers\":{\"X-Key\":\"k\"}}",
		    "[\"endpoint\",\"headers.X-Key\"]" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf out = BUF_INIT(LIMIT_VALUE);

		value_set_fields(table[i].type, span_of(table[i].doc), &out);
		is_json(&out);
		assert_string_equal(buf_str(&out), table[i].want);
		buf_fini(&out);
	}
}

static bool
secret_unless_region(void *arg, struct span name)
{
	(void)arg;
	return !span_is(name, "region");
}

static void
masking_leaves_no_secret(void **state)
{
	static const struct {
		enum manager_type type;
		bool secret, override, auth_type;
		const char *doc, *want;
	} table[] = {
		{ CONN, false, false, false,
		    "{\"type\":\"t\",\"host\":\"h\",\"password\":\"p\",\"extra\":{\"k\":\"s\","
		    "\"n\":{\"a\":1}}}",
		    "{\"type\":\"t\",\"host\":\"h\",\"extra\":{\"k\":\"\",\"n\":\"\"}}" },
		{ CONN, false, false, true, "{\"extra\":{\"k\":\"s\",\"region\":\"eu\"}}",
		    "{\"extra\":{\"k\":\"\",\"region\":\"eu\"}}" },
		{ CONN, false, true, true, "{\"extra\":{\"k\":\"s\",\"region\":\"eu\"}}",
		    "{\"extra\":{\"region\":\"eu\"}}" },
		{ CONN, false, true, false, "{\"password\":\"p\",\"extra\":{\"k\":\"s\"}}", "{}" },
		{ VAR, true, false, false, "{\"value\":\"v\",\"isSecret\":true}",
		    "{\"value\":\"\",\"isSecret\":true}" },
		{ VAR, true, true, false, "{\"value\":\"v\"}", "{\"value\":\"\"}" },
		{ VAR, false, true, false, "{\"value\":\"v\"}", "{\"value\":\"v\"}" },
		{ EXPORT, false, false, false,
		    "{\"endpoint\":\"e\",\"basicToken\":\"b\",\"password\":\"p\",\"labels\":{\"a\":"
		    "\"b\"}}",
		    "{\"endpoint\":\"e\",\"labels\":{\"a\":\"b\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct value_mask m = { .secret_flag = table[i].secret,
			.override = table[i].override,
			.secret_extra = table[i].auth_type ? secret_unless_region : NULL };
		struct buf out = BUF_INIT(LIMIT_VALUE);

		value_mask(table[i].type, span_of(table[i].doc), &m, &out);
		is_json(&out);
		assert_string_equal(buf_str(&out), table[i].want);
		buf_fini(&out);
	}
	assert_true(value_is_secret(SPAN_LITERAL("{\"value\":\"v\",\"isSecret\":true}")));
	assert_false(value_is_secret(SPAN_LITERAL("{\"value\":\"v\",\"isSecret\":false}")));
	assert_false(value_is_secret(SPAN_LITERAL("{}")));
}

static void
an_update_is_no_patch_but_keeps_secrets(void **state)
{
	static const struct {
		enum manager_type type;
		const char *stored, *sent, *want;
	} table[] = {
		/* plain fields as sent: absent is cleared, "" stays "" */
		{ CONN,
		    "{\"type\":\"a\",\"authTypeId\":\"t\",\"host\":\"h\",\"login\":\"l\","
		    "\"schema\":\"s\",\"port\":1}",
		    "{\"type\":\"b\",\"host\":\"\"}", "{\"type\":\"b\",\"host\":\"\"}" },
		/* a password absent or "" is kept */
		{ CONN, "{\"type\":\"a\",\"password\":\"p\"}", "{\"type\":\"a\"}",
		    "{\"type\":\"a\",\"password\":\"p\"}" },
		{ CONN, "{\"type\":\"a\",\"password\":\"p\"}", "{\"type\":\"a\",\"password\":\"\"}",
		    "{\"type\":\"a\",\"password\":\"p\"}" },
		{ CONN, "{\"type\":\"a\",\"password\":\"p\"}",
		    "{\"type\":\"a\",\"password\":\"q\"}", "{\"type\":\"a\",\"password\":\"q\"}" },
		{ CONN, "{\"type\":\"a\"}", "{\"type\":\"a\",\"password\":\"\"}",
		    "{\"type\":\"a\"}" },
		/* extra: members not named, or "", are kept; {} clears */
		{ CONN, "{\"type\":\"a\",\"extra\":{\"x\":1,\"y\":\"s\"}}", "{\"type\":\"a\"}",
		    "{\"type\":\"a\",\"extra\":{\"x\":1,\"y\":\"s\"}}" },
		{ CONN, "{\"type\":\"a\",\"extra\":{\"x\":1,\"y\":\"s\"}}",
		    "{\"type\":\"a\",\"extra\":{\"y\":\"\",\"x\":2,\"z\":\"\"}}",
		    "{\"type\":\"a\",\"extra\":{\"x\":2,\"y\":\"s\",\"z\":\"\"}}" },
		{ CONN, "{\"type\":\"a\",\"extra\":{\"x\":1}}", "{\"type\":\"a\",\"extra\":{}}",
		    "{\"type\":\"a\",\"extra\":{}}" },
		{ CONN, "{\"type\":\"a\"}",
		    "{\"type\":\"a\",\"extra\":{\"n\":18446744073709551615}}",
		    "{\"type\":\"a\",\"extra\":{\"n\":18446744073709551615}}" },
		/* variables */
		{ VAR, "{\"value\":\"v\",\"isSecret\":true}", "{\"value\":\"\"}",
		    "{\"value\":\"v\",\"isSecret\":true}" },
		{ VAR, "{\"value\":\"v\",\"isSecret\":true}",
		    "{\"value\":\"w\",\"isSecret\":false}", "{\"value\":\"w\",\"isSecret\":true}" },
		{ VAR, "{\"value\":\"v\",\"isSecret\":false}", "{\"value\":\"\"}",
		    "{\"value\":\"\",\"isSecret\":false}" },
		/* a metrics export is patched */
		{ EXPORT, "{\"endpoint\":\"e\",\"basicToken\":\"t\",\"labels\":{\"a\":\"b\"}}",
		    "{\"endpoint\":\"f\",\"basicToken\":\"\"}",
		    "{\"endpoint\":\"f\",\"basicToken\":\"t\",\"labels\":{\"a\":\"b\"}}" },
		{ EXPORT, "{\"endpoint\":\"e\",\"labels\":{\"a\":\"b\"}}",
		    "{\"username\":\"\",\"labels\":{\"c\":\"d\"}}",
		    "{\"endpoint\":\"e\",\"username\":\"\",\"labels\":{\"c\":\"d\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf out = BUF_INIT(LIMIT_VALUE);

		assert_int_equal(value_update(table[i].type, span_of(table[i].stored),
				     span_of(table[i].sent), &out),
		    0);
		is_json(&out);
		assert_string_equal(buf_str(&out), table[i].want);
		buf_fini(&out);
	}
}

static void
a_link_entry_says_what_becomes_of_its_overrides(void **state)
{
	static const char stored[] =
	    "{\"host\":\"h\",\"password\":\"p\",\"extra\":{\"k\":\"s\",\"m\":1}}";
	static const char var[] = "{\"value\":\"v\"}";
	static const struct {
		enum manager_type type;
		bool secret;
		const char *stored;
		bool given, description;
		const char *fields;
		const char *unset[3];
		const char *want;
	} table[] = {
		/* the table of value_override_update(), line by line */
		{ CONN, false, stored, false, false, NULL, { 0 }, stored },
		{ CONN, false, stored, false, true, NULL, { 0 }, "{}" },
		{ CONN, false, stored, true, false, NULL, { 0 }, "{}" },
		{ CONN, false, stored, true, true, NULL, { 0 }, "{}" },
		/* an object that was given is there, whatever is left in it */
		{ CONN, false, stored, true, false, "{}", { 0 }, VALUE_EMPTY_OVERRIDE },
		{ CONN, false, VALUE_EMPTY_OVERRIDE, false, false, NULL, { 0 },
		    VALUE_EMPTY_OVERRIDE },
		{ CONN, false, VALUE_EMPTY_OVERRIDE, true, false, NULL, { 0 }, "{}" },
		{ VAR, false, var, true, false, "{}", { 0 }, "{}" },
		{ EXPORT, false, "{}", true, false, "{\"headers\":{}}", { 0 }, "{\"headers\":{}}" },
		{ CONN, false, stored, true, false, "{\"login\":\"l\"}", { 0 },
		    "{\"login\":\"l\",\"password\":\"p\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, false, stored, true, false, "{\"password\":\"q\",\"extra\":{\"k\":\"t\"}}",
		    { 0 }, "{\"password\":\"q\",\"extra\":{\"k\":\"t\",\"m\":1}}" },
		{ CONN, false, stored, true, false, NULL, { "password", "extra.k" },
		    "{\"host\":\"h\",\"extra\":{\"m\":1}}" },
		{ CONN, false, stored, true, false, NULL, { "extra.k", "extra.m" },
		    "{\"host\":\"h\",\"password\":\"p\"}" },
		{ CONN, false, stored, true, false, NULL, { "extra" },
		    "{\"host\":\"h\",\"password\":\"p\"}" },
		{ CONN, false, stored, true, true, "{\"host\":\"i\"}", { "password" },
		    "{\"host\":\"i\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, false, stored, true, false, "{}", { "extra.k" },
		    "{\"password\":\"p\",\"extra\":{\"m\":1}}" },
		/* nothing but secrets is still an override; "" sets no secret */
		{ CONN, false, "{}", true, false, "{\"password\":\"\",\"extra\":{\"a\":\"\"}}",
		    { 0 }, VALUE_EMPTY_OVERRIDE },
		{ CONN, false, "{}", true, false, "{\"host\":\"\"}", { 0 }, "{\"host\":\"\"}" },
		{ CONN, false, stored, true, false, "{\"host\":\"i\",\"extra\":{}}", { 0 },
		    "{\"host\":\"i\",\"password\":\"p\"}" },
		{ VAR, true, var, true, false, "{\"value\":\"\"}", { 0 }, var },
		{ VAR, true, "{}", true, false, "{\"value\":\"\"}", { 0 }, "{}" },
		{ VAR, false, var, true, false, "{\"value\":\"\"}", { 0 }, "{\"value\":\"\"}" },
		{ VAR, true, var, true, false, NULL, { "value" }, "{}" },
		{ EXPORT, false, "{\"endpoint\":\"e\",\"password\":\"p\"}", true, false,
		    "{\"username\":\"u\"}", { 0 }, "{\"username\":\"u\",\"password\":\"p\"}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct span unset[3];
		struct override_change c = {
			.given = table[i].given, .fields = span_of(table[i].fields), .unset = unset
		};
		struct buf out = BUF_INIT(LIMIT_VALUE);

		while (c.n_unset < 3 && table[i].unset[c.n_unset]) {
			unset[c.n_unset] = span_of(table[i].unset[c.n_unset]);
			c.n_unset++;
		}
		assert_int_equal(value_override_update(table[i].type, table[i].secret,
				     span_of(table[i].stored), &c, table[i].description, &out),
		    0);
		is_json(&out);
		assert_string_equal(buf_str(&out), table[i].want);
		buf_fini(&out);
	}
}

/* {"type":"a","extra":{"m<first>":1,...}} with n members */
static void
wide_connection(struct buf *out, int first, int n)
{
	buf_adds(out, "{\"type\":\"a\",\"extra\":{");
	for (int i = first; i < first + n; i++)
		buf_addf(out, "%s\"m%d\":1", i > first ? "," : "", i);
	buf_adds(out, "}}");
}

static void
members_add_up_to_what_one_request_may_have(void **state)
{
	static const struct {
		int first, n, want;
	} sent[] = {
		{ 0, VALUE_MAX_MEMBERS, 0 },
		{ VALUE_MAX_MEMBERS, 1, -EMSGSIZE },
	};
	struct buf stored = BUF_INIT(LIMIT_VALUE), now = BUF_INIT(LIMIT_VALUE);
	struct buf out = BUF_INIT(LIMIT_VALUE);

	(void)state;
	wide_connection(&stored, 0, VALUE_MAX_MEMBERS);
	for (size_t i = 0; i < N_ELEMENTS(sent); i++) {
		struct override_change c = { .given = true };

		buf_reset(&now);
		wide_connection(&now, sent[i].first, sent[i].n);
		buf_reset(&out);
		assert_int_equal(value_update(CONN, span_of_buf(&stored), span_of_buf(&now), &out),
		    sent[i].want);
		c.fields = span_of_buf(&now);
		buf_reset(&out);
		assert_int_equal(
		    value_override_update(CONN, false, span_of_buf(&stored), &c, false, &out),
		    sent[i].want);
	}
	buf_fini(&stored);
	buf_fini(&now);
	buf_fini(&out);
}

static void
escapes_do_not_hide_a_name(void **state)
{
	struct buf out = BUF_INIT(LIMIT_VALUE);
	struct span unset = SPAN_LITERAL("extra.a\nb");
	struct override_change c = { .given = true, .unset = &unset, .n_unset = 1 };

	(void)state;
	value_lay_map(
	    SPAN_LITERAL("{\"a\\nb\":1}"), SPAN_LITERAL("{\"a\\u000ab\":2}"), BLANK_REPLACES, &out);
	assert_string_equal(buf_str(&out), "{\"a\\nb\":2}");
	buf_reset(&out);
	assert_int_equal(value_override_update(CONN, false,
			     SPAN_LITERAL("{\"extra\":{\"a\\u000Ab\":1}}"), &c, false, &out),
	    0);
	assert_string_equal(buf_str(&out), "{}");
	buf_fini(&out);
}

static void
a_document_that_does_not_fit_is_an_error(void **state)
{
	struct buf out = BUF_INIT(20);
	struct override_change c = { .given = true,
		.fields = SPAN_LITERAL("{\"host\":\"0123456789\"}") };
	struct span doc = SPAN_LITERAL("{\"type\":\"0123456789\"}");

	(void)state;
	assert_int_equal(value_update(CONN, doc, doc, &out), -EMSGSIZE);
	buf_reset(&out);
	assert_int_equal(resolve_value(CONN, doc, c.fields, &out), -EMSGSIZE);
	buf_reset(&out);
	assert_int_equal(
	    value_override_update(CONN, false, SPAN_LITERAL("{}"), &c, false, &out), -EMSGSIZE);
	buf_fini(&out);
}

static int
start(void **state)
{
	(void)state;
	return base_init();
}

static int
nothing_is_left(void **state)
{
	(void)state;
	return mem_live() == 0 ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_in_a_view),
		cmocka_unit_test(overrides_lie_over_the_object),
		cmocka_unit_test(set_fields_name_what_holds_something),
		cmocka_unit_test(masking_leaves_no_secret),
		cmocka_unit_test(an_update_is_no_patch_but_keeps_secrets),
		cmocka_unit_test(a_link_entry_says_what_becomes_of_its_overrides),
		cmocka_unit_test(members_add_up_to_what_one_request_may_have),
		cmocka_unit_test(escapes_do_not_hide_a_name),
		cmocka_unit_test(a_document_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, start, nothing_is_left);
}
