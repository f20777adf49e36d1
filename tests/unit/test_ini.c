/* SPDX-License-Identifier: Apache-2.0 */
/* core/config/ini: the kind of each line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "core/config/ini.h"

/* Returns all items of a text as one line: "1[section] 2key=value 3+more 4!" (!: a bad line). */
static const char *
items_of(struct span text)
{
	static char out[1024];
	struct ini_item item;
	struct ini ini;
	size_t n = 0;

	*out = '\0';
	ini_begin(&ini, text);
	while (ini_next(&ini, &item)) {
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%d", n ? " " : "", ini.line);
		if (item.kind == INI_SECTION)
			n += (size_t)snprintf(
			    out + n, sizeof out - n, "[%.*s]", (int)item.name.n, item.name.p);
		else if (item.kind == INI_KEY)
			n += (size_t)snprintf(out + n, sizeof out - n, "%.*s=%.*s",
			    (int)item.name.n, item.name.p, (int)item.value.n, item.value.p);
		else if (item.kind == INI_MORE)
			n += (size_t)snprintf(
			    out + n, sizeof out - n, "+%.*s", (int)item.value.n, item.value.p);
		else
			n += (size_t)snprintf(out + n, sizeof out - n, "!");
	}
	return out;
}

static void
test_each_line_is_read_as_one_item(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "\n\n  \n\t\n", "" },
		{ "# c\n; c\n  # c\n\t;c", "" },
		{ "[a]", "1[a]" },
		{ "[a]\n[b]\r\n", "1[a] 2[b]" },
		{ "[ a ]  # c", "1[a]" },
		{ "[a];c", "1[a]" },
		{ "[]", "1[]" },
		{ "  [a]\n  k = v", "1[a] 2k=v" },
		{ "[a", "1!" },
		{ "[a] x", "1!" },
		{ "[a]]", "1!" },
		{ "k=v", "1k=v" },
		{ "k:v", "1k=v" },
		{ " k \t= v w \r\n", "1k=v w" },
		{ "k=", "1k=" },
		{ "k", "1!" },
		{ "=v", "1!" },
		{ ":", "1!" },
		{ "k=a=b:c", "1k=a=b:c" },
		{ "k=a;b", "1k=a;b" },
		{ "k=a ;b", "1k=a" },
		{ "k=a\t; b ; c", "1k=a" },
		{ "k=;b", "1k=" },
		{ "k= ; b", "1k=" },
		{ "k=a # b", "1k=a # b" },
		{ "k=\"a\"", "1k=\"a\"" },
		{ "k=a\n b\n\tc ; d\n", "1k=a 2+b 3+c" },
		{ "k=a\n\n # c\n  b=c\n", "1k=a 4+b=c" },
		{ "k=a\n  [b]", "1k=a 2+[b]" },
		{ "k=a\n[b]\n  c=d", "1k=a 2[b] 3c=d" },
		{ "k=a\nl=b", "1k=a 2l=b" },
		{ "\xef\xbb\xbfk=a", "1k=a" },
		{ "\xef\xbb\xbf", "" },
		{ "k=\xc3\xa9", "1k=\xc3\xa9" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		const char *got = items_of(span_of(rows[i].text));

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: \"%s\" gave \"%s\"", i, rows[i].text, got);
	}
}

static void
test_a_nul_byte_is_a_bad_line(void **state)
{
	(void)state;
	assert_string_equal(items_of(SPAN_LITERAL("a=b\nc\0=d\ne=f")), "1a=b 2! 3e=f");
}

static void
test_a_line_of_64_kib_is_read_and_a_longer_one_is_bad(void **state)
{
	char *text = malloc(INI_LINE_MAX + 2);
	struct ini_item item;
	struct ini ini;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', INI_LINE_MAX + 2);
	memcpy(text, "k=", 2);
	ini_begin(&ini, (struct span){ text, INI_LINE_MAX });
	assert_true(ini_next(&ini, &item));
	assert_int_equal(item.kind, INI_KEY);
	assert_int_equal(item.value.n, INI_LINE_MAX - 2);
	assert_false(ini_next(&ini, &item));
	text[INI_LINE_MAX] = '\n'; /* the end of the line does not count */
	ini_begin(&ini, (struct span){ text, INI_LINE_MAX + 1 });
	assert_true(ini_next(&ini, &item));
	assert_int_equal(item.kind, INI_KEY);
	text[INI_LINE_MAX] = 'x';
	ini_begin(&ini, (struct span){ text, INI_LINE_MAX + 1 });
	assert_true(ini_next(&ini, &item));
	assert_int_equal(item.kind, INI_BAD);
	assert_non_null(strstr(item.wrong, "64 KiB"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_line_is_read_as_one_item),
		cmocka_unit_test(test_a_nul_byte_is_a_bad_line),
		cmocka_unit_test(test_a_line_of_64_kib_is_read_and_a_longer_one_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
