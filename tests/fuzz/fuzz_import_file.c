/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file to import. The result is a list of entries, each a complete object or refused
 * with a reason; or a sentence why the file is not such a file. The first byte is the kind and the
 * format.
 */
#include <errno.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/mem.h"
#include "ctl/import/body.h"
#include "ctl/import/file.h"
#include "ctl/json.h"
#include "tests/fuzz/fuzz.h"

static void
check_entry(const struct import_entry *e, enum import_kind kind)
{
	static const struct ctl_import_options options;
	struct buf body = BUF_INIT(4 << 20);
	struct span doc;

	must(e->kind == kind && e->key);
	must(!e->refused == !!e->typed);
	if (e->refused)
		return;
	must(e->description);
	must(scan_check(span_of(e->typed), SCAN_STRICT, &doc, NULL) == 0);
	must(scan_type(doc) == SCAN_OBJECT);
	import_body(e, NULL, &options, &body);
	must(buf_error(&body) == 0);
	must(scan_check(span_of_buf(&body), SCAN_STRICT, &doc, NULL) == 0);
	buf_fini(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct import_list list = { 0 };
	struct import_fault fault = { 0 };
	enum import_format format;
	enum import_kind kind;
	char *text;
	int r;

	json_global_init();
	if (n < 1)
		return 0;
	kind = *data & 1 ? IMPORT_VARIABLE : IMPORT_CONNECTION;
	format = (enum import_format)(*data / 2 % 3);
	text = mem_strndup((const char *)data + 1, n - 1);
	must(text);
	r = import_read(&list, kind, format, (struct span){ text, n - 1 }, &fault);
	must(r == 0 || (r == -EBADMSG && *fault.why.text));
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		check_entry(&list.entry[i], kind);
		must(i == 0 || strcmp(list.entry[i - 1].key, list.entry[i].key) <= 0);
	}
	import_list_fini(&list);
	mem_free(text);
	must(mem_live() == 0);
	return 0;
}
