/* SPDX-License-Identifier: Apache-2.0 */
#include "core/render.h"

#include "base/json/write.h"

static void
connection_text(struct buf *b, const struct connection_fields *c)
{
	buf_addc(b, '{');
	jtext_member_string(b, "conn_type", c->conn_type);
	jtext_member_string(b, "description", c->description);
	jtext_member_string(b, "host", c->host);
	jtext_member_string(b, "login", c->login);
	jtext_member_string(b, "password", c->password);
	jtext_member_string(b, "schema", c->schema);
	if (c->port)
		jtext_member_int(b, "port", c->port);
	if (c->extra.p) {
		jtext_name(b, "extra");
		buf_add(b, c->extra.p, c->extra.n);
	}
	buf_addc(b, '}');
}

void
render_connection(struct buf *out, const struct connection_fields *c)
{
	struct buf text = BUF_INIT(out->max);

	connection_text(&text, c);
	if (buf_error(&text)) {
		if (!out->error)
			out->error = buf_error(&text);
	} else {
		jtext_string(out, span_of_buf(&text));
	}
	buf_fini(&text);
}

void
render_variable(struct buf *out, struct span value)
{
	jtext_string(out, value);
}
