/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/admin.h"

#include "base/json/write.h"
#include "ctl/output.h"

#define OUTPUT_SIZE ((size_t)256 << 20)

int
admin_print_rows(const char *member, const struct json *rows)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_SIZE);

	buf_addc(&out, '{');
	jtext_name(&out, member);
	json_write(rows, &out);
	buf_adds(&out, "}\n");
	return output_flush(&out);
}

int
admin_print(const struct json *j)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_SIZE);

	json_write(j, &out);
	buf_addc(&out, '\n');
	return output_flush(&out);
}
