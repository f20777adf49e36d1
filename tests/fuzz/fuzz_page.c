/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte is the requested type, the rest is the page. Each row must have a valid key, and
 * each valid row must render to strict JSON.
 */
#include <errno.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/mem.h"
#include "edge/upstream/page_builder.h"
#include "proto/page.h"
#include "tests/fuzz/fuzz.h"

static void
check_json(const struct buf *b, enum scan_type type)
{
	struct span value;

	must(buf_error(b) == 0);
	must(scan_check(span_of_buf(b), SCAN_STRICT, &value, NULL) == 0);
	must(scan_type(value) == type);
}

static void
check_connection(const struct manager_row *row, struct buf *out)
{
	struct buf text = BUF_INIT(1 << 22);

	must(row->conn_type.n > 0 && row->port >= 0 && row->port <= 65535);
	must(!row->password.p || row->password.n);
	build_render(KIND_CONNECTION, row, out);
	check_json(out, SCAN_STRING);
	/* The string contains the JSON text that Airflow parses. */
	must(scan_string(span_of_buf(out), &text) == 0);
	check_json(&text, SCAN_OBJECT);
	buf_fini(&text);
}

static int
on_row(void *arg, const struct manager_row *row)
{
	enum manager_type type = *(enum manager_type *)arg;
	struct buf out = BUF_INIT(1 << 22);

	must(row->key.n > 0 && row->key.n <= LIMIT_KEY_BYTES);
	must(!memchr(row->key.p, '\0', row->key.n));
	switch (row->verdict) {
	case ROW_GOOD:
		if (type == MANAGER_CONNECTION) {
			check_connection(row, &out);
		} else if (type != MANAGER_METRICS_EXPORT) {
			must(row->value.p != NULL);
			build_render(KIND_VARIABLE, row, &out);
			check_json(&out, SCAN_STRING);
		}
		break;
	case ROW_WITHHELD:
		must(!row->password.p && !row->extra.p && !row->value.p);
		buf_add(&out, row->withheld_json.p, row->withheld_json.n);
		check_json(&out, SCAN_ARRAY);
		break;
	case ROW_INVALID:
		must(row->bad_field.n > 0 && !row->password.p && !row->extra.p && !row->value.p);
		break;
	}
	buf_fini(&out);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf scratch = BUF_INIT(MANAGER_SCRATCH), message = BUF_INIT(1 << 20);
	struct why why;
	struct manager_page page;
	enum manager_type type;
	struct span text;
	int r;

	if (!n)
		return 0;
	type = (enum manager_type)(data[0] % MANAGER_N_TYPES);
	text = (struct span){ (const char *)data + 1, n - 1 };
	r = manager_page_read(text, type, SPAN_LITERAL("clx0000000000000000000dep"), on_row, &type,
	    &scratch, &page, &why);
	must(r == 0 || r == -EBADMSG);
	must(r == 0 ? !*why.text : *why.text != '\0');
	must(memchr(why.text, '\0', sizeof why) != NULL);
	manager_error_message(text, &message);
	(void)manager_secrets_refused(text);
	buf_fini(&scratch);
	buf_fini(&message);
	must(mem_live() == 0);
	return 0;
}
