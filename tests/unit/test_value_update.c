/* SPDX-License-Identifier: Apache-2.0 */
/* manager/model/value: updates of a document and of overrides, and restored versions. */
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
#define AWS    "\"type\":\"aws\",\"authTypeId\":\"cauthawsaccesskey00000000\""

static void
is_json(const struct buf *b)
{
	struct span value;

	assert_int_equal(buf_error(b), 0);
	assert_int_equal(scan_check(span_of_buf(b), SCAN_STRICT, &value, NULL), 0);
}

static void
an_update_is_not_a_patch_but_keeps_secrets(void **state)
{
	static const struct {
		enum manager_type type;
		const char *stored, *sent, *want;
	} table[] = {
		/* plain fields as sent: absent ones are cleared, "" stays "" */
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
		/* extra: members absent or "" are kept; {} clears all */
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
		/* an object without a value gets what was sent */
		{ CONN, VALUE_NONE, "{\"type\":\"a\",\"password\":\"\"}",
		    "{\"type\":\"a\",\"password\":\"\"}" },
		{ VAR, VALUE_NONE, "{\"value\":\"\",\"isSecret\":true}",
		    "{\"value\":\"\",\"isSecret\":true}" },
		/* a secret stays secret: the auth type says region_name is not one */
		{ CONN, "{\"type\":\"aws\",\"extra\":{\"region_name\":\"s\",\"x\":1}}", "{" AWS "}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\",\"x\":1},"
		    "\"secretExtra\":{\"region_name\":true}}" },
		{ CONN, "{\"type\":\"aws\",\"extra\":{\"region_name\":\"s\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\"},"
		    "\"secretExtra\":{\"region_name\":true}}" },
		{ CONN,
		    "{\"type\":\"aws\",\"authTypeId\":\"of nobody\","
		    "\"extra\":{\"region_name\":\"s\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"t\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"t\"}}" },
		{ CONN,
		    "{" AWS ",\"extra\":{\"region_name\":\"s\",\"role_arn\":\"r\"},"
		    "\"secretExtra\":{\"region_name\":true,\"role_arn\":true}}",
		    "{" AWS ",\"extra\":{\"role_arn\":\"new\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\",\"role_arn\":\"new\"},"
		    "\"secretExtra\":{\"region_name\":true}}" },
		/* and after another auth type */
		{ CONN,
		    "{" AWS ",\"extra\":{\"region_name\":\"s\"},"
		    "\"secretExtra\":{\"region_name\":true}}",
		    "{\"type\":\"aws\"}", "{\"type\":\"aws\",\"extra\":{\"region_name\":\"s\"}}" },
		{ CONN, "{" AWS ",\"extra\":{\"region_name\":\"plain\"}}", "{" AWS "}",
		    "{" AWS ",\"extra\":{\"region_name\":\"plain\"}}" },
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
	static const char plain[] = "{\"extra\":{\"region_name\":\"eu\",\"k\":\"s\"}}";
	static const char var[] = "{\"value\":\"v\"}";
#define NO_AUTH "{\"type\":\"x\"}"
#define SECRET  "{\"value\":\"\",\"isSecret\":true}"
#define OPEN    "{\"value\":\"\",\"isSecret\":false}"
	static const struct {
		enum manager_type type;
		const char *object; /* the object's own document, which decides what is secret */
		const char *stored;
		enum { ABSENT, GIVEN = 1, WHOLE = 2 } how;
		const char *fields;
		const char *unset[3];
		const char *want;
	} table[] = {
		/* the table of value_override_update(), line by line */
		{ CONN, NO_AUTH, stored, ABSENT, NULL, { 0 }, stored },
		{ CONN, NO_AUTH, stored, WHOLE, NULL, { 0 }, "{}" },
		{ CONN, NO_AUTH, stored, GIVEN | WHOLE, NULL, { 0 }, "{}" },
		{ CONN, NO_AUTH, stored, GIVEN | WHOLE, "{}", { 0 }, VALUE_EMPTY_OVERRIDE },
		{ CONN, NO_AUTH, stored, GIVEN, NULL, { 0 },
		    "{\"password\":\"p\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN, "{}", { 0 },
		    "{\"password\":\"p\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN, "{\"login\":\"l\"}", { 0 },
		    "{\"login\":\"l\",\"password\":\"p\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN | WHOLE, "{\"login\":\"l\"}", { 0 },
		    "{\"login\":\"l\",\"password\":\"p\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN, "{\"password\":\"q\",\"extra\":{\"k\":\"t\"}}",
		    { 0 }, "{\"password\":\"q\",\"extra\":{\"k\":\"t\",\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN, "{\"host\":\"i\",\"extra\":{}}", { 0 },
		    "{\"host\":\"i\",\"password\":\"p\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN | WHOLE, "{\"host\":\"i\",\"extra\":{}}", { 0 },
		    "{\"host\":\"i\",\"password\":\"p\"}" },
		{ CONN, NO_AUTH, stored, GIVEN, NULL, { "password", "extra.k" },
		    "{\"host\":\"h\",\"extra\":{\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN | WHOLE, NULL, { "password", "extra.k" },
		    "{\"host\":\"h\",\"extra\":{\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN, NULL, { "extra.k", "extra.m" },
		    "{\"host\":\"h\",\"password\":\"p\"}" },
		{ CONN, NO_AUTH, stored, GIVEN, NULL, { "extra" },
		    "{\"host\":\"h\",\"password\":\"p\"}" },
		{ CONN, NO_AUTH, stored, GIVEN | WHOLE, "{\"host\":\"i\"}", { "password" },
		    "{\"host\":\"i\",\"extra\":{\"k\":\"s\",\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN, "{}", { "extra.k" },
		    "{\"password\":\"p\",\"extra\":{\"m\":1}}" },
		{ CONN, NO_AUTH, stored, GIVEN | WHOLE, "{}", { "extra.k" },
		    "{\"password\":\"p\",\"extra\":{\"m\":1}}" },
		/* members of extra that are not secret are as sent */
		{ CONN, "{" AWS "}", plain, GIVEN, "{\"login\":\"l\"}", { 0 },
		    "{\"login\":\"l\",\"extra\":{\"k\":\"s\"}}" },
		{ CONN, "{" AWS "}", plain, GIVEN, "{\"extra\":{\"role_arn\":\"new\"}}", { 0 },
		    "{\"extra\":{\"k\":\"s\",\"role_arn\":\"new\"}}" },
		{ CONN, "{" AWS "}", plain, GIVEN, "{\"extra\":{\"region_name\":\"\",\"k\":\"\"}}",
		    { 0 }, "{\"extra\":{\"region_name\":\"\",\"k\":\"s\"}}" },
		{ CONN, "{" AWS "}", plain, GIVEN, "{}", { 0 }, "{\"extra\":{\"k\":\"s\"}}" },
		{ CONN, "{" AWS "}", plain, ABSENT, NULL, { 0 }, plain },
		/* an override object that was sent exists, even if empty */
		{ CONN, NO_AUTH, "{}", GIVEN, "{}", { 0 }, VALUE_EMPTY_OVERRIDE },
		{ CONN, NO_AUTH, VALUE_EMPTY_OVERRIDE, ABSENT, NULL, { 0 }, VALUE_EMPTY_OVERRIDE },
		{ CONN, NO_AUTH, VALUE_EMPTY_OVERRIDE, GIVEN, NULL, { 0 }, "{}" },
		{ CONN, NO_AUTH, VALUE_EMPTY_OVERRIDE, WHOLE, NULL, { 0 }, "{}" },
		{ EXPORT, "{}", "{}", GIVEN, "{\"headers\":{}}", { 0 }, "{\"headers\":{}}" },
		/* an override may have only secrets; "" sets no secret */
		{ CONN, NO_AUTH, "{}", GIVEN, "{\"password\":\"\",\"extra\":{\"a\":\"\"}}", { 0 },
		    VALUE_EMPTY_OVERRIDE },
		{ CONN, NO_AUTH, "{}", GIVEN, "{\"host\":\"\"}", { 0 }, "{\"host\":\"\"}" },
		/*
		 * variables: "" keeps a secret value; without one, the override exists and has no
		 * value
		 */
		{ VAR, SECRET, var, GIVEN, "{\"value\":\"\"}", { 0 }, var },
		{ VAR, SECRET, var, GIVEN, NULL, { 0 }, var },
		{ VAR, SECRET, "{}", GIVEN, "{\"value\":\"\"}", { 0 }, VALUE_EMPTY_OVERRIDE },
		{ VAR, SECRET, VALUE_EMPTY_OVERRIDE, ABSENT, NULL, { 0 }, VALUE_EMPTY_OVERRIDE },
		{ VAR, SECRET, var, GIVEN, NULL, { "value" }, "{}" },
		{ VAR, OPEN, var, GIVEN, "{\"value\":\"\"}", { 0 }, "{\"value\":\"\"}" },
		{ VAR, OPEN, var, GIVEN, "{}", { 0 }, "{}" },
		/* metrics exports */
		{ EXPORT, "{}", "{\"endpoint\":\"e\",\"password\":\"p\",\"basicToken\":\"t\"}",
		    GIVEN, "{\"username\":\"u\"}", { 0 },
		    "{\"basicToken\":\"t\",\"username\":\"u\",\"password\":\"p\"}" },
		{ EXPORT, "{}", "{\"endpoint\":\"e\",\"password\":\"p\",\"basicToken\":\"t\"}",
		    GIVEN, "{}", { 0 }, "{\"basicToken\":\"t\",\"password\":\"p\"}" },
		{ EXPORT, "{}", "{\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"headers\":{}}", GIVEN,
		    NULL, { "labels.a" }, "{\"headers\":{},\"labels\":{\"b\":\"2\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct span object = span_of(table[i].object), unset[3];
		struct value_transition t = value_transition(table[i].type, object, object);
		struct override_change c = { .given = table[i].how & GIVEN,
			.whole = table[i].how & WHOLE,
			.fields = span_of(table[i].fields),
			.unset = unset };
		struct buf out = BUF_INIT(LIMIT_VALUE);

		while (c.n_unset < 3 && table[i].unset[c.n_unset]) {
			unset[c.n_unset] = span_of(table[i].unset[c.n_unset]);
			c.n_unset++;
		}
		assert_int_equal(value_override_update(&t, span_of(table[i].stored), &c, &out), 0);
		is_json(&out);
		if (!span_is(span_of_buf(&out), table[i].want))
			fail_msg("row %zu: %s", i, buf_str(&out));
		buf_fini(&out);
	}
}

static void
overrides_stay_secret_when_the_auth_type_changes(void **state)
{
	static const char stored[] =
	    "{\"extra\":{\"region_name\":\"s\",\"k\":\"t\",\"role_arn\":\"u\"}}";
	struct value_transition t =
	    value_transition(CONN, SPAN_LITERAL(NO_AUTH), SPAN_LITERAL("{" AWS "}"));
	struct value_transition back =
	    value_transition(CONN, SPAN_LITERAL("{" AWS "}"), SPAN_LITERAL("{" AWS "}"));
	struct override_change keep = { 0 };
	struct override_change replace = { .given = true,
		.fields = SPAN_LITERAL("{\"extra\":{\"role_arn\":\"new\"}}") };
	struct buf out = BUF_INIT(4096), again = BUF_INIT(4096);

	(void)state;
	assert_int_equal(value_override_update(&t, SPAN_LITERAL(stored), &keep, &out), 0);
	assert_string_equal(buf_str(&out),
	    "{\"extra\":{\"region_name\":\"s\",\"k\":\"t\",\"role_arn\":\"u\"},"
	    "\"secretExtra\":{\"region_name\":true,\"role_arn\":true}}");
	/* A secret that was not sent is kept. A replaced value is secret as the auth type says. */
	assert_int_equal(value_override_update(&back, span_of_buf(&out), &replace, &again), 0);
	assert_string_equal(buf_str(&again),
	    "{\"extra\":{\"region_name\":\"s\",\"k\":\"t\",\"role_arn\":\"new\"},"
	    "\"secretExtra\":{\"region_name\":true}}");
	buf_fini(&out);
	buf_fini(&again);
}

static void
a_version_that_comes_back_shows_nothing_that_is_secret(void **state)
{
	static const struct {
		const char *was, *former, *want;
	} table[] = {
		/* the same value was secret in the last version */
		{ "{\"type\":\"aws\",\"extra\":{\"region_name\":\"s\",\"role_arn\":\"t\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\",\"role_arn\":\"u\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\",\"role_arn\":\"u\"},"
		    "\"secretExtra\":{\"region_name\":true}}" },
		{ "{" AWS
		  ",\"extra\":{\"region_name\":\"s\"},\"secretExtra\":{\"region_name\":true}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\"}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\"},"
		    "\"secretExtra\":{\"region_name\":true}}" },
		/* it was secret then */
		{ "{" AWS ",\"extra\":{\"region_name\":\"new\"}}",
		    "{" AWS
		    ",\"extra\":{\"region_name\":\"s\"},\"secretExtra\":{\"region_name\":true}}",
		    "{" AWS ",\"extra\":{\"region_name\":\"s\"},"
		    "\"secretExtra\":{\"region_name\":true}}" },
		{ "{" AWS "}", "{\"type\":\"x\",\"host\":\"h\"}",
		    "{\"type\":\"x\",\"host\":\"h\"}" },
		{ VALUE_NONE, "{\"type\":\"x\",\"extra\":{}}", "{\"type\":\"x\",\"extra\":{}}" },
		{ NO_AUTH, VALUE_NONE, VALUE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct span was = span_of(table[i].was), former = span_of(table[i].former);
		struct value_transition t = value_transition(CONN, was, former);
		struct buf out = BUF_INIT(4096);

		assert_int_equal(value_restore(&t, was, former, &out), 0);
		if (!span_is(span_of_buf(&out), table[i].want))
			fail_msg("row %zu: %s", i, buf_str(&out));
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
		{ 0, LIMIT_MEMBERS, 0 },
		{ LIMIT_MEMBERS, 1, -E2BIG },
	};
	struct buf stored = BUF_INIT(LIMIT_VALUE), now = BUF_INIT(LIMIT_VALUE);
	struct buf out = BUF_INIT(LIMIT_VALUE);
	struct value_transition t =
	    value_transition(CONN, SPAN_LITERAL(NO_AUTH), SPAN_LITERAL(NO_AUTH));

	(void)state;
	wide_connection(&stored, 0, LIMIT_MEMBERS);
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
		    value_override_update(&t, span_of_buf(&stored), &c, &out), sent[i].want);
	}
	buf_fini(&stored);
	buf_fini(&now);
	buf_fini(&out);
}

static void
escapes_do_not_hide_a_name(void **state)
{
	struct value_transition t =
	    value_transition(CONN, SPAN_LITERAL(NO_AUTH), SPAN_LITERAL(NO_AUTH));
	struct span unset = SPAN_LITERAL("extra.a\nb");
	struct override_change c = { .given = true, .unset = &unset, .n_unset = 1 };
	struct buf out = BUF_INIT(LIMIT_VALUE);

	(void)state;
	assert_int_equal(value_update(CONN, SPAN_LITERAL("{\"extra\":{\"a\\nb\":1}}"),
			     SPAN_LITERAL("{\"extra\":{\"a\\u000ab\":2}}"), &out),
	    0);
	assert_string_equal(buf_str(&out), "{\"extra\":{\"a\\u000ab\":2}}");
	buf_reset(&out);
	assert_int_equal(
	    value_override_update(&t, SPAN_LITERAL("{\"extra\":{\"a\\u000Ab\":1}}"), &c, &out), 0);
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
	struct value_transition t = value_transition(CONN, doc, doc);

	(void)state;
	assert_int_equal(value_update(CONN, doc, doc, &out), -EMSGSIZE);
	buf_reset(&out);
	assert_int_equal(resolve_value(CONN, doc, c.fields, &out), -EMSGSIZE);
	buf_reset(&out);
	assert_int_equal(value_override_update(&t, SPAN_LITERAL("{}"), &c, &out), -EMSGSIZE);
	buf_fini(&out);
}

static void
memory_that_is_out_is_an_error_and_leaks_nothing(void **state)
{
	static const char stored[] = "{\"type\":\"aws\",\"extra\":{\"\\u0061\":1,\"b\":2}}";
	int r = -1;

	(void)state;
	for (int64_t n = 0; r != 0; n++) {
		struct buf out = BUF_INIT(4096);

		mem_fail_after(n);
		r = value_update(CONN, SPAN_LITERAL(stored),
		    SPAN_LITERAL("{" AWS ",\"extra\":{\"\\u0062\":3}}"), &out);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
		buf_fini(&out);
		assert_int_equal(mem_live(), 0);
		assert_true(n < 100);
	}
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
		cmocka_unit_test(an_update_is_not_a_patch_but_keeps_secrets),
		cmocka_unit_test(a_link_entry_says_what_becomes_of_its_overrides),
		cmocka_unit_test(overrides_stay_secret_when_the_auth_type_changes),
		cmocka_unit_test(a_version_that_comes_back_shows_nothing_that_is_secret),
		cmocka_unit_test(members_add_up_to_what_one_request_may_have),
		cmocka_unit_test(escapes_do_not_hide_a_name),
		cmocka_unit_test(a_document_that_does_not_fit_is_an_error),
		cmocka_unit_test(memory_that_is_out_is_an_error_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, start, nothing_is_left);
}
