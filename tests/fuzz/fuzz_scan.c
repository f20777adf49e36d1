/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text: accepted JSON can be walked to its last member, compacted (compacting again changes
 * nothing), and, unless it has a duplicate name, read as a tree, whose text can be read again.
 */
#include <string.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/json.h"
#include "tests/fuzz/fuzz.h"

static void
walk(struct span value, enum scan_mode mode, int depth)
{
	struct buf out = BUF_INIT(1 << 20);
	struct span at = value, name, v;
	int64_t i;
	int r;

	must(depth <= LIMIT_JSON_DEPTH);
	switch (scan_type(value)) {
	case SCAN_OBJECT:
		while (scan_member(&at, &name, &v)) {
			must(name.p > value.p && v.p + v.n < value.p + value.n);
			r = scan_name_text(name, &out);
			must(r == 0 || mode == SCAN_LENIENT);
			if (r == 0 && !memchr(buf_str(&out), '\0', out.len))
				must(scan_name_is(name, buf_str(&out)));
			buf_reset(&out);
			walk(v, mode, depth + 1);
		}
		must(at.n > 0 && !scan_member(&at, &name, &v));
		break;
	case SCAN_ARRAY:
		while (scan_element(&at, &v))
			walk(v, mode, depth + 1);
		break;
	case SCAN_STRING:
		r = scan_string(value, &out);
		must(r == 0 || mode == SCAN_LENIENT);
		must(out.len <= value.n - 2);
		break;
	case SCAN_NUMBER:
		(void)!scan_int(value, &i);
		break;
	case SCAN_BOOL:
		must(scan_bool(value) == (value.n == 4));
		break;
	case SCAN_NULL:
		must(value.n == 4);
		break;
	}
	buf_fini(&out);
}

static void
compact_twice(struct span value)
{
	struct buf once = BUF_INIT(1 << 20), twice = BUF_INIT(1 << 20);
	struct span again;

	if (scan_compact(value, &once) == 0) {
		must(scan_check(span_of_buf(&once), SCAN_STRICT, &again, NULL) == 0);
		must(again.n == once.len && scan_compact(again, &twice) == 0);
		must(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	}
	buf_fini(&once);
	buf_fini(&twice);
}

static void
through_a_tree(struct span text)
{
	struct buf once = BUF_INIT(1 << 22), twice = BUF_INIT(1 << 22);
	struct json *j;

	if (json_parse(&j, text, NULL) < 0)
		return;
	json_write(j, &once);
	json_free(j);
	must(buf_error(&once) == 0);
	must(json_parse(&j, span_of_buf(&once), NULL) == 0);
	json_write(j, &twice);
	json_free(j);
	must(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	buf_fini(&once);
	buf_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span text = { (const char *)data, n }, value;
	size_t at = n + 1;
	int strict, lenient;

	json_global_init();
	strict = scan_check(text, SCAN_STRICT, &value, &at);
	must(strict == 0 || at <= n);
	if (strict == 0) {
		walk(value, SCAN_STRICT, 0);
		through_a_tree(text);
	}
	lenient = scan_check(text, SCAN_LENIENT, &value, &at);
	must(lenient == 0 || strict < 0);
	if (lenient == 0) {
		walk(value, SCAN_LENIENT, 0);
		compact_twice(value);
	}
	must(mem_live() == 0);
	return 0;
}
