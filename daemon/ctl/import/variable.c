/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/variable.h"

#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"

#define BAD_DESCRIPTION "description must be a string"
/* Airflow reads a variable's text as JSON before it writes it: what was 3.10 is 3.1 in the file. */
#define WRITTEN_ANEW "Airflow's export may have changed how this number is written: check it"
#define WHOLE_OBJECT                                                                               \
	"imported as the whole object; Airflow's own import would take its member value alone"

/* The value without its description; *description is NULL when it is not a string. */
static const struct json *
unwrap(struct import_entry *e, const struct json *value, bool written_by_hand,
    const char **description)
{
	const struct json *inner = json_get(value, "value"),
			  *about = json_get(value, "description");

	if (json_type(value) != SCAN_OBJECT || !inner)
		return value;
	if (!written_by_hand && (!about || json_count(value) != 2)) {
		e->note = WHOLE_OBJECT;
		return value;
	}
	if (about && json_type(about) != SCAN_NULL)
		*description = json_string(about);
	return inner;
}

int
variable_read(struct import_entry *e, const struct json *value, bool written_by_hand)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_HTTP_BODY);
	CLEANUP(buf_fini) struct buf out = BUF_INIT(LIMIT_HTTP_BODY);
	const char *description = "";

	value = unwrap(e, value, written_by_hand, &description);
	if (!description) {
		e->refused = BAD_DESCRIPTION;
		return 0;
	}
	if (json_string(value))
		buf_adds(&text, json_string(value));
	else
		json_write(value, &text);
	if (json_type(value) == SCAN_NUMBER && strpbrk(buf_str(&text), ".eE"))
		e->note = WRITTEN_ANEW;
	buf_addc(&out, '{');
	jtext_member_string(&out, "value", span_of_buf(&text));
	buf_addc(&out, '}');
	if (buf_error(&text))
		return entry_complete(e, &text, description);
	return entry_complete(e, &out, description);
}
