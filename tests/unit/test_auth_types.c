/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json/scan.h"
#include "manager/model/auth_types.h"
#include "manager/model/policy.h"

static void
every_id_is_cuid_shaped_and_found(void **state)
{
	const struct auth_type *t;
	size_t n = 0;

	(void)state;
	for (; (t = auth_type_at(n)) != NULL; n++) {
		if (!id_is_valid(span_of(auth_type_id(t))))
			fail_msg("%s", auth_type_id(t));
		assert_ptr_equal(auth_type_find(span_of(auth_type_id(t))), t);
	}
	assert_true(n > 12);
	assert_null(auth_type_find(SPAN_LITERAL("cauth")));
	assert_null(auth_type_find(SPAN_LITERAL("")));
}

static void
each_is_the_model_the_api_describes(void **state)
{
	static const char *const members[] = { "id", "name", "airflowType", "authMethodName",
		"description", "providerPackageName", "parameters" };
	static const char *const parameter_members[] = { "airflowParamName", "friendlyName",
		"dataType", "description", "isInExtra", "isRequired", "isSecret" };
	const struct auth_type *t;

	(void)state;
	for (size_t i = 0; (t = auth_type_at(i)) != NULL; i++) {
		struct buf out = BUF_INIT(100000);
		struct span value, one, at;

		auth_type_encode(t, &out);
		assert_int_equal(scan_check(span_of_buf(&out), SCAN_STRICT, &value, NULL), 0);
		for (size_t k = 0; k < N_ELEMENTS(members); k++) {
			assert_int_equal(scan_find(value, members[k], &one), 0);
			assert_non_null(one.p);
		}
		at = one; /* parameters */
		while (scan_element(&at, &one)) {
			for (size_t k = 0; k < N_ELEMENTS(parameter_members); k++) {
				struct span member;

				assert_int_equal(scan_find(one, parameter_members[k], &member), 0);
				assert_non_null(member.p);
			}
		}
		buf_fini(&out);
	}
}

static void
what_is_not_known_is_secret(void **state)
{
	const struct auth_type *t = auth_type_find(SPAN_LITERAL("cauthsnowflakekeypair0000"));

	(void)state;
	assert_non_null(t);
	assert_string_equal(auth_type_connection(t), "snowflake");
	assert_false(auth_type_is_secret_extra(t, SPAN_LITERAL("account")));
	assert_true(auth_type_is_secret_extra(t, SPAN_LITERAL("private_key_content")));
	assert_true(auth_type_is_secret_extra(t, SPAN_LITERAL("something_else")));
	assert_true(auth_type_is_secret_extra(t, SPAN_LITERAL("login"))); /* not one of extra */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_id_is_cuid_shaped_and_found),
		cmocka_unit_test(each_is_the_model_the_api_describes),
		cmocka_unit_test(what_is_not_known_is_secret),
	};

	return cmocka_run_group_tests_name("authtypes", tests, NULL, NULL);
}
