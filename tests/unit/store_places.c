/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct id
test_place(struct store *s, enum scope scope, const struct id *parent, const char *name)
{
	static const struct store_actor nobody;
	const struct store_entity_set set = { .name = span_of(name) };
	struct id id;

	assert_int_equal(store_entity_create(s, scope, parent, &set, &nobody, &id), 0);
	assert_true(id_is_valid(span_of(id.s)));
	return id;
}
