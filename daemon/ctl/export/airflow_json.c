/* SPDX-License-Identifier: Apache-2.0 */
/* What "airflow connections export" and "airflow variables export" write as JSON. */
#include "base/json/scan.h"
#include "base/json/write.h"
#include "ctl/export/format.h"

static void
write_field(struct buf *out, struct span connection, const char *name)
{
	struct span value = scan_get(connection, name);

	buf_addf(out, "    \"%s\": ", name);
	if (value.p)
		buf_add(out, value.p, value.n);
	else
		buf_adds(out, "null");
	buf_adds(out, ",\n");
}

/* Every field, as Airflow writes them; extra is its JSON text in a string. */
static void
write_connection(struct buf *out, struct span connection)
{
	static const char *const fields[] = { "conn_type", "description", "login", "password",
		"host", "port", "schema" };
	struct span extra = scan_get(connection, "extra");

	buf_adds(out, "{\n");
	for (size_t i = 0; i < N_ELEMENTS(fields); i++)
		write_field(out, connection, fields[i]);
	buf_adds(out, "    \"extra\": ");
	if (extra.p)
		jtext_string(out, extra);
	else
		buf_adds(out, "null");
	buf_adds(out, "\n  }");
}

/* A variable is always a string: Airflow's import keeps its text to the letter. */
void
airflow_json_write(const struct export_set *set, const char *name, struct buf *out)
{
	const char *separator = "\n";

	(void)name;
	buf_addc(out, '{');
	for (size_t i = 0; i < set->records.n; i++) {
		const struct record *record = &set->records.record[i];

		if (set->left_out[i])
			continue;
		buf_adds(out, separator);
		buf_adds(out, "  ");
		jtext_string(out, span_of(record->key));
		buf_adds(out, ": ");
		if (record->kind == SECRETS_CONNECTION)
			write_connection(out, export_value(record));
		else
			jtext_string(out, export_value(record));
		separator = ",\n";
	}
	buf_adds(out, "\n}\n");
}
