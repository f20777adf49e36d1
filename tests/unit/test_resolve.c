/* SPDX-License-Identifier: Apache-2.0 */
/* manager/model value and resolve: writing documents, and a Deployment's view of them. */
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
		/* member by member; nested values are replaced whole; all digits are kept */
		{ CONN,
		    "{\"type\":\"x\",\"extra\":{\"a\":{\"p\":1,\"q\":2},\"n\":9223372036854775807}"
		    "}",
		    "{\"extra\":{\"a\":{\"p\":3},\"z\":-9223372036854775808}}",
		    "{\"type\":\"x\",\"extra\":{\"a\":{\"p\":3},\"n\":9223372036854775807,"
		    "\"z\":-9223372036854775808}}" },
		{ CONN, "{\"type\":\"x\"}", "{\"extra\":{\"a\":\"\"}}",
		    "{\"type\":\"x\",\"extra\":{\"a\":\"\"}}" },
		{ CONN, "{\"type\":\"x\",\"extra\":{\"a\":\"s\"}}",
		    "{\"extra\":{\"\\u0061\":null}}",
		    "{\"type\":\"x\",\"extra\":{\"\\u0061\":null}}" },
		/* each member keeps its own secrecy */
		{ CONN,
		    "{" AWS ",\"extra\":{\"role_arn\":\"a\",\"region_name\":\"b\"},"
		    "\"secretExtra\":{\"role_arn\":true,\"region_name\":true}}",
		    "{\"extra\":{\"role_arn\":\"c\"}}",
		    "{" AWS ",\"extra\":{\"role_arn\":\"c\",\"region_name\":\"b\"},"
		    "\"secretExtra\":{\"region_name\":true}}" },
		{ CONN, "{" AWS ",\"extra\":{\"role_arn\":\"a\"}}",
		    "{\"extra\":{\"role_arn\":\"c\"},\"secretExtra\":{\"role_arn\":true}}",
		    "{" AWS
		    ",\"extra\":{\"role_arn\":\"c\"},\"secretExtra\":{\"role_arn\":true}}" },
		/* an object without a value has none in a Deployment either */
		{ CONN, VALUE_NONE, "{\"type\":\"x\",\"host\":\"h\"}", VALUE_NONE },
		{ CONN, "{\"type\":\"x\"}", VALUE_EMPTY_OVERRIDE, "{\"type\":\"x\"}" },
		/* fields that cannot be overridden come from the object */
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

static void
masking_leaves_no_secret(void **state)
{
	static const struct {
		enum manager_type type;
		bool override;
		const char *object; /* the document that decides what is secret; NULL: doc */
		const char *doc, *want;
	} table[] = {
		/* no auth type: every member of extra is secret */
		{ CONN, false, NULL,
		    "{\"type\":\"t\",\"host\":\"h\",\"password\":\"p\",\"extra\":{\"k\":\"s\","
		    "\"n\":{\"a\":1}}}",
		    "{\"type\":\"t\",\"host\":\"h\",\"extra\":{\"k\":\"\",\"n\":\"\"}}" },
		{ CONN, false, NULL,
		    "{\"authTypeId\":\"of nobody\",\"extra\":{\"region_name\":\"s\"}}",
		    "{\"extra\":{\"region_name\":\"\"}}" },
		/* with an auth type: members it calls secret, and unknown ones */
		{ CONN, false, NULL,
		    "{" AWS ",\"extra\":{\"k\":\"s\",\"\\u0072egion_name\":\"eu\","
		    "\"aws_session_token\":\"t\"}}",
		    "{\"type\":\"aws\",\"extra\":{\"k\":\"\",\"\\u0072egion_name\":\"eu\","
		    "\"aws_session_token\":\"\"}}" },
		{ CONN, true, "{" AWS "}", "{\"extra\":{\"k\":\"s\",\"region_name\":\"eu\"}}",
		    "{\"extra\":{\"region_name\":\"eu\"}}" },
		/* members that were secret before */
		{ CONN, false, NULL,
		    "{" AWS ",\"extra\":{\"role_arn\":\"s\",\"region_name\":\"eu\"},"
		    "\"secretExtra\":{\"r\\u006fle_arn\":true}}",
		    "{\"type\":\"aws\",\"extra\":{\"role_arn\":\"\",\"region_name\":\"eu\"}}" },
		{ CONN, true, "{" AWS "}",
		    "{\"extra\":{\"role_arn\":\"s\"},\"secretExtra\":{\"role_arn\":true}}", "{}" },
		{ CONN, true, "{}", "{\"password\":\"p\",\"extra\":{\"k\":\"s\"}}", "{}" },
		{ VAR, false, NULL, "{\"value\":\"v\",\"isSecret\":true}",
		    "{\"value\":\"\",\"isSecret\":true}" },
		{ VAR, true, "{\"isSecret\":true}", "{\"value\":\"v\"}", "{\"value\":\"\"}" },
		{ VAR, true, "{\"isSecret\":false}", "{\"value\":\"v\"}", "{\"value\":\"v\"}" },
		{ EXPORT, false, NULL,
		    "{\"endpoint\":\"e\",\"basicToken\":\"b\",\"password\":\"p\",\"labels\":{\"a\":"
		    "\"b\"}}",
		    "{\"endpoint\":\"e\",\"labels\":{\"a\":\"b\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		const char *object = table[i].object ? table[i].object : table[i].doc;
		struct value_secrets s = value_secrets(table[i].type, span_of(object));
		struct buf out = BUF_INIT(LIMIT_VALUE);

		buf_addc(&out, '{');
		value_write_masked(
		    table[i].type, span_of(table[i].doc), &s, table[i].override, &out);
		buf_addc(&out, '}');
		is_json(&out);
		assert_string_equal(buf_str(&out), table[i].want);
		buf_fini(&out);
	}
	assert_true(value_is_secret(SPAN_LITERAL("{\"value\":\"v\",\"isSecret\":true}")));
	assert_false(value_is_secret(SPAN_LITERAL("{\"value\":\"v\",\"isSecret\":false}")));
	assert_false(value_is_secret(SPAN_LITERAL("{}")));
}

static void
what_is_ours_is_never_shown(void **state)
{
	struct buf out = BUF_INIT(LIMIT_VALUE);

	(void)state;
	value_write(CONN,
	    SPAN_LITERAL("{" AWS ",\"password\":\"p\",\"extra\":{\"role_arn\":\"s\"},"
			 "\"secretExtra\":{\"role_arn\":true}}"),
	    &out);
	assert_string_equal(
	    buf_str(&out), "\"type\":\"aws\",\"password\":\"p\",\"extra\":{\"role_arn\":\"s\"}");
	buf_fini(&out);
}

static void
collect(void *arg, const char *field, struct span raw_member)
{
	struct buf *out = arg;

	buf_addf(out, "%s%s%.*s ", field, raw_member.p ? "." : "", (int)raw_member.n,
	    raw_member.p ? raw_member.p : "");
}

static void
changes_are_named(void **state)
{
	static const struct {
		enum manager_type type;
		const char *was, *now, *want;
	} table[] = {
		{ CONN, "{}", "{\"type\":\"t\",\"extra\":{\"a\":1}}", "type extra.a " },
		{ CONN, "{\"type\":\"t\",\"extra\":{\"a\":1,\"b\":2,\"c\":3}}",
		    "{\"type\":\"t\",\"port\":1,\"extra\":{\"\\u0061\":1,\"b\":3,\"d\":4}}",
		    "port extra.b extra.d extra.c " },
		{ CONN, "{\"extra\":{\"a\":1}}",
		    "{\"extra\":{\"a\":1},\"secretExtra\":{\"a\":true}}", "" },
		{ VAR, "{\"value\":\"a\",\"isSecret\":true}", "{\"value\":\"b\",\"isSecret\":true}",
		    "value " },
		{ EXPORT, "{\"labels\":{\"a\":\"1\"}}", "{}", "labels.a " },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf out = BUF_INIT(4096);

		assert_int_equal(value_changes(table[i].type, span_of(table[i].was),
				     span_of(table[i].now), collect, &out),
		    0);
		assert_string_equal(buf_str(&out), table[i].want);
		buf_fini(&out);
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
		cmocka_unit_test(who_is_in_a_view),
		cmocka_unit_test(overrides_lie_over_the_object),
		cmocka_unit_test(set_fields_name_what_holds_something),
		cmocka_unit_test(masking_leaves_no_secret),
		cmocka_unit_test(what_is_ours_is_never_shown),
		cmocka_unit_test(changes_are_named),
	};

	return cmocka_run_group_tests(tests, start, nothing_is_left);
}
