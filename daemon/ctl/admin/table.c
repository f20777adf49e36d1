/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/table.h"

#include <string.h>

#include "ctl/output.h"

void
table_fini(struct table *t)
{
	buf_fini(&t->text);
}

void
table_cell(struct table *t, const char *text)
{
	size_t begin = t->text.len, column = t->n_cells++ % t->n_columns, n;

	output_safe(&t->text, span_of(text ? text : ""));
	if (buf_error(&t->text))
		return;
	n = output_columns((struct span){ t->text.data + begin, t->text.len - begin });
	buf_addc(&t->text, '\0');
	if (n > t->width[column])
		t->width[column] = n;
}

/* Empty cells leave no spaces behind. */
static void
end_line(struct buf *out)
{
	size_t n = out->len;

	while (n && out->data[n - 1] == ' ')
		n--;
	if (!buf_error(out))
		buf_truncate(out, n);
	buf_addc(out, '\n');
}

void
table_write(struct table *t, struct buf *out)
{
	const char *cell = t->text.data;

	for (size_t i = 0; !buf_error(&t->text) && i < t->n_cells; i++) {
		bool last = i % t->n_columns == t->n_columns - 1;
		size_t pad = t->width[i % t->n_columns] - output_columns(span_of(cell)) + 2;

		buf_adds(out, cell);
		while (!last && pad-- > 0)
			buf_addc(out, ' ');
		if (last)
			end_line(out);
		cell += strlen(cell) + 1;
	}
	if (buf_error(&t->text))
		out->error = buf_error(&t->text);
}

int
table_print(struct table *t)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT((size_t)256 << 20);

	table_write(t, &out);
	return output_flush(&out);
}
