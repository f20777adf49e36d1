/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same as Airflow's JSON files, in YAML. Written here rather than by libyaml, whose emitter
 * copies each text into memory that is not wiped. All texts are double-quoted, so no reader takes
 * one for a number or a date.
 */
#include <stdint.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/utf8.h"
#include "ctl/export/format.h"

/* A key longer than 1024 characters, escapes counted, needs the form "? KEY". */
#define MAX_SIMPLE_KEY 1000

/* The bytes of a character that YAML does not print as it is: C0, DEL, C1, line ends, U+FEFF on. */
static uint32_t
escaped_code(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	if (u[0] < 0x20 || u[0] == 0x7f)
		return u[0];
	if (n == 2 && u[0] == 0xc2 && u[1] <= 0xa0)
		return u[1];
	if (n == 3 && u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
		return 0x2000U + u[2] - 0x80U;
	if (n == 3 && u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf)
		return 0xfeffU;
	if (n == 3 && u[0] == 0xef && u[1] == 0xbf && u[2] >= 0xbe)
		return 0xffc0U + u[2] - 0x80U;
	return 0;
}

void
yaml_text(struct buf *out, struct span s)
{
	buf_addc(out, '"');
	for (size_t i = 0, n; i < s.n; i += n) {
		uint32_t code;

		n = utf8_sequence(s.p + i, s.n - i);
		n = n ? n : 1; /* it is valid text: connd's replies are checked */
		code = escaped_code(s.p + i, n);
		if (s.p[i] == '\n')
			buf_adds(out, "\\n");
		else if (s.p[i] == '\t')
			buf_adds(out, "\\t");
		else if (code)
			buf_addf(out, "\\u%04X", (unsigned)code);
		else if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addf(out, "\\%c", s.p[i]);
		else
			buf_add(out, s.p + i, n);
	}
	buf_addc(out, '"');
}

/* Appends the key and what begins its value. */
static void
write_key(struct buf *out, const char *key)
{
	size_t before = out->len;

	yaml_text(out, span_of(key));
	if (out->len - before > MAX_SIMPLE_KEY) {
		buf_truncate(out, before);
		buf_adds(out, "? ");
		yaml_text(out, span_of(key));
		buf_addc(out, '\n');
	}
	buf_addc(out, ':');
}

static void
write_connection(struct buf *out, struct span connection)
{
	struct span at = connection, name, value;

	while (scan_member(&at, &name, &value)) {
		CLEANUP(buf_fini) struct buf text = BUF_INIT(value.n + 1);

		buf_addf(out, "\n  %.*s: ", (int)name.n, name.p);
		if (scan_type(value) == SCAN_NUMBER)
			buf_add(out, value.p, value.n);
		else if (scan_type(value) != SCAN_STRING)
			yaml_text(out, value);
		else if (scan_string(value, &text) == 0)
			yaml_text(out, span_of_buf(&text));
		else if (!buf_error(out))
			out->error = buf_error(&text);
	}
}

void
airflow_yaml_write(const struct export_set *set, const char *name, struct buf *out)
{
	size_t n = 0;

	(void)name;
	for (size_t i = 0; i < set->records.n; i++) {
		const struct record *record = &set->records.record[i];

		if (set->left_out[i])
			continue;
		write_key(out, record->key);
		if (record->kind == SECRETS_CONNECTION) {
			write_connection(out, export_value(record));
		} else {
			buf_addc(out, ' ');
			yaml_text(out, export_value(record));
		}
		buf_addc(out, '\n');
		n++;
	}
	if (n == 0)
		buf_adds(out, "{}\n");
}
