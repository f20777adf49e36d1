/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into every unit test: $TEST_FILTER selects the tests to run by name (* and ?). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

__attribute__((constructor)) static void
filter_tests(void)
{
	const char *pattern = getenv("TEST_FILTER");

	if (pattern)
		cmocka_set_test_filter(pattern);
}
